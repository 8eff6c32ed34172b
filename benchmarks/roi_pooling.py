"""RoI pooling against the original's procedure and against torchvision: time, memory, exactness of the gradient.

    python benchmarks/roi_pooling.py [--rounds 30] [--torchvision SITE_PACKAGES]

Feature maps P2..P5 of a 1024 x 1024 image, 256 channels, float32, RoI sides log-uniform from 16 to 600 pixels.
Work A: 1 image, 1000 RoIs, 7 x 7 bins. B: 2 images of 200 RoIs, 7 x 7. C: the same, 14 x 14. All candidates run in one
process, in turns, each call after an equal one that is not timed; medians are compared. The rival "original" is
Matterport's procedure: for each level find its RoIs, crop, concatenate, restore the order by sorting. torchvision's is
MultiScaleRoIAlign with sampling_ratio 2 on its own layout, from an environment whose site-packages folder is given. Run
nothing beside it.
"""

from __future__ import annotations

import argparse
import ctypes
import os
import pathlib
import statistics
import subprocess
import sys
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import tensorflow as tf

from mrcnn_roi.layers import PyramidROIAlign
from mrcnn_roi.ops.levels import roi_levels
from mrcnn_roi.ops.meta import compose_image_meta

SIDE, CHANNELS, LEVELS = 1024, 256, (2, 3, 4, 5)
WORKS = {"A": (1, 1000, (7, 7)), "B": (2, 200, (7, 7)), "C": (2, 200, (14, 14))}


def random_rois(rng, batch, count):
    """[B, N, (y1, x1, y2, x2)] normalized."""
    sides = np.exp(rng.uniform(np.log(16), np.log(600), (2, batch, count)))
    corners = rng.uniform(0, 1, (2, batch, count)) * (SIDE - sides)
    boxes = np.stack([corners[0], corners[1], corners[0] + sides[0], corners[1] + sides[1]], axis=-1)
    return ((boxes - [0, 0, 1, 1]) / (SIDE - 1)).astype("float32")


def original_procedure(boxes, maps, pool_shape):
    """What the original's layer does: where and gather a level, crop, concatenate, sort back into order."""
    level = roi_levels(boxes, (SIDE, SIDE))
    pooled, places = [], []
    for feature_map, number in zip(maps, LEVELS):
        place = tf.where(tf.equal(level, number))
        own = tf.stop_gradient(tf.gather_nd(boxes, place))
        image = tf.stop_gradient(tf.cast(place[:, 0], tf.int32))
        pooled.append(tf.image.crop_and_resize(feature_map, own, image, pool_shape))
        places.append(place)
    pooled = tf.concat(pooled, axis=0)
    place = tf.cast(tf.concat(places, axis=0), tf.int32)
    order = tf.nn.top_k(place[:, 0] * 100000 + place[:, 1], k=tf.shape(place)[0]).indices[::-1]
    pooled = tf.gather(pooled, order)
    return tf.reshape(pooled, tf.concat([tf.shape(boxes)[:2], tf.shape(pooled)[1:]], axis=0))


def compiled_pair(function, boxes, maps, upstream):
    """(forward, forward and backward) as calls without arguments."""
    forward = tf.function(lambda boxes, maps: function(boxes, maps), autograph=False)

    @tf.function(autograph=False)
    def both(boxes, maps, upstream):
        with tf.GradientTape() as tape:
            tape.watch(maps)
            pooled = function(boxes, maps)
        with tf.control_dependencies([pooled]):  # a loss comes after the forward pass
            upstream = tf.identity(upstream)
        return pooled, tape.gradient(pooled, maps, upstream)

    return lambda: forward(boxes, maps), lambda: both(boxes, maps, upstream)


def candidates(batch, pool_shape, boxes, maps, upstream):
    """{name: (forward, forward and backward)}; the first is the rival."""
    shape = (SIDE, SIDE, 3)
    meta = tf.constant([compose_image_meta(0, shape, shape, (0, 0, SIDE, SIDE), 1.0, [1, 1])] * batch, tf.float32)

    def layer(**options):
        pool = PyramidROIAlign(pool_shape, **options)
        return lambda boxes, maps: pool([boxes, meta, *maps])

    functions = {
        "original": lambda boxes, maps: original_procedure(boxes, maps, pool_shape),
        "crop_and_resize": layer(),
        'crop_and_resize, check="values"': layer(check="values"),
        "roi_align, ratio 2": layer(method="roi_align"),
    }
    return {name: compiled_pair(function, boxes, maps, upstream) for name, function in functions.items()}


def torchvision_candidate(site_packages, pool_shape, boxes, maps, upstream):
    """torchvision's MultiScaleRoIAlign on the same RoIs and maps, [B, C, H, W]."""
    sys.path.append(site_packages)
    import torch

    for name in ("libc10_cuda.so", "libtorch_cuda.so"):  # a CPU build of torch may come with stubs of these
        library = pathlib.Path(torch.__file__).parent / "lib" / name
        if library.exists():
            ctypes.CDLL(str(library), mode=ctypes.RTLD_GLOBAL)
    from torchvision.ops import MultiScaleRoIAlign

    pooler = MultiScaleRoIAlign([str(i) for i in LEVELS], list(pool_shape), sampling_ratio=2)
    pixels = np.asarray(boxes) * (SIDE - 1) + [0, 0, 1, 1]
    rois = [torch.from_numpy(each[:, [1, 0, 3, 2]].astype("float32")) for each in pixels]
    tensors = {str(i): torch.from_numpy(np.moveaxis(each.numpy(), 3, 1).copy()) for i, each in zip(LEVELS, maps)}
    gradient = torch.from_numpy(np.moveaxis(upstream.numpy().reshape(-1, *pool_shape, CHANNELS), 3, 1).copy())
    sizes = [(SIDE, SIDE)] * len(rois)

    def forward():
        with torch.no_grad():
            return pooler(tensors, rois, sizes)

    def both():
        leaves = {name: each.detach().requires_grad_() for name, each in tensors.items()}
        pooler(leaves, rois, sizes).backward(gradient)
        return [each.grad for each in leaves.values()]

    return forward, both


def time_in_turns(pairs, rounds):
    """Median milliseconds {name: (forward, forward and backward)}."""
    times = {name: ([], []) for name in pairs}
    for number in range(rounds + 2):  # the first two compile and warm up
        for name, pair in pairs.items():
            if name.startswith("torchvision") and number >= 2 + max(rounds // 4, 3):
                continue
            for i, call in enumerate(pair):
                if not name.startswith("torchvision"):
                    call()  # as in training, where the step before was the same: memory lies ready
                start = time.perf_counter()
                result = call()
                elapsed = time.perf_counter() - start
                del result
                if number >= 2:
                    times[name][i].append(1000 * elapsed)
    return {name: tuple(statistics.median(each) for each in pair) for name, pair in times.items()}


def added_percent(plain, checked, rounds):
    """What `checked` takes longer than `plain`: the median difference of calls that follow each other."""
    times = np.zeros((2, rounds))
    for number in range(rounds):
        for i, call in enumerate((plain, checked)):
            call()
            start = time.perf_counter()
            result = call()
            times[i, number] = time.perf_counter() - start
            del result
    return 100 * np.median(times[1] - times[0]) / np.median(times[0])


def resident(key):
    line = next(line for line in pathlib.Path("/proc/self/status").read_text().splitlines() if line.startswith(key))
    return int(line.split()[1]) / 1024


def peak_megabytes(work, name, backward):
    """How far the memory of a fresh process rises while the candidate runs for the first time on the whole work; None
    where the system does not tell. Only then, because allocators keep what was freed."""
    command = [sys.executable, __file__, "--works", work, "--peak-of", name] + ["--backward"] * backward
    done = subprocess.run(command, capture_output=True, text=True)
    return float(done.stdout) if done.returncode == 0 else None


def print_peak(work, name, backward):
    boxes, maps, upstream = inputs(work, 0)
    pool_shape = WORKS[work][2]
    forward, _ = candidates(boxes.shape[0], pool_shape, boxes[:, :90], maps, upstream[:, :90])[name]
    forward()  # a few RoIs: loads what every call needs, the compiler with it
    pathlib.Path("/proc/self/clear_refs").write_text("5")  # forgets the highest mark
    before = resident("VmRSS")
    candidates(boxes.shape[0], pool_shape, boxes, maps, upstream)[name][backward]()
    print(resident("VmHWM") - before)


def gradient_error(gradients, exact):
    """Largest deviation from the exact gradient, relative to the largest exact value."""
    return max(np.max(np.abs(a.numpy() - b)) / np.max(np.abs(b)) for a, b in zip(gradients, exact))


def inputs(work, seed):
    """(boxes, maps, upstream gradient) of a work."""
    batch, count, pool_shape = WORKS[work]
    rng = np.random.default_rng(seed)
    boxes = tf.constant(random_rois(rng, batch, count))
    maps = [tf.constant(rng.normal(size=(batch, SIDE >> i, SIDE >> i, CHANNELS)).astype("float32")) for i in LEVELS]
    return boxes, maps, tf.constant(rng.normal(size=(batch, count, *pool_shape, CHANNELS)).astype("float32"))


def report(work, rounds, site_packages, seed):
    batch, count, pool_shape = WORKS[work]
    boxes, maps, upstream = inputs(work, seed)
    pairs = candidates(batch, pool_shape, boxes, maps, upstream)
    if site_packages:
        pairs["torchvision, ratio 2"] = torchvision_candidate(site_packages, pool_shape, boxes, maps, upstream)
    medians = time_in_turns(pairs, rounds)
    megabytes = batch * count * pool_shape[0] * pool_shape[1] * CHANNELS * 4 / 2**20
    print(f"\nWork {work}: {batch} x {count} RoIs, {pool_shape[0]} x {pool_shape[1]} bins; result {megabytes:.0f} MB")
    print(f"{'':34}{'forward':>18}{'with backward':>18}{'peak MB forward':>17}{'with backward':>15}")
    for name, (forward, backward) in medians.items():
        rival = "torchvision, ratio 2" if name.startswith("roi_align") and site_packages else "original"
        ratios = [medians[rival][i] / medians[name][i] for i in range(2)]
        peaks = [None if name.startswith("torchvision") else peak_megabytes(work, name, both) for both in (False, True)]
        shown = ["" if peak is None else f"{peak:.0f}" for peak in peaks]
        columns = f"{forward:8.1f} ms {ratios[0]:5.2f}x{backward:8.1f} ms {ratios[1]:5.2f}x{shown[0]:>17}{shown[1]:>15}"
        print(f"{name:34}{columns}   (x: times as fast as {rival})")
    plain, checked = (pairs[name][0] for name in ("crop_and_resize", 'crop_and_resize, check="values"'))
    print(f'check="values" adds {added_percent(plain, checked, 5 * rounds):+.1f} % to the forward pass')
    exact = exact_gradient(boxes, maps, upstream, pool_shape)
    for name in ("original", "crop_and_resize"):
        print(f"gradient of {name}: off by {gradient_error(pairs[name][1]()[1], exact):.1e} of the largest value")


def exact_gradient(boxes, maps, upstream, pool_shape):
    """The gradient with TensorFlow's kernel on one thread at a time: RoI by RoI, summed in float64."""
    level = roi_levels(boxes, (SIDE, SIDE)).numpy().reshape(-1) - LEVELS[0]
    flat = boxes.numpy().reshape(-1, 4)
    image = np.repeat(np.arange(boxes.shape[0]), boxes.shape[1])
    rows = upstream.numpy().reshape(-1, *pool_shape, CHANNELS)
    totals = [np.zeros(each.shape) for each in maps]
    for box, i, number, row in zip(flat, image, level, rows):
        size = maps[number].shape[1]
        (top, bottom, up), (left, right, across) = (
            corners(box[k], box[k + 2], size, n) for k, n in zip((0, 1), pool_shape)
        )
        for y, wy in ((top, 1 - up), (bottom, up)):
            for x, wx in ((left, 1 - across), (right, across)):
                np.add.at(totals[number][i], np.ix_(y, x), row * (wy[:, None] * wx)[..., None])
    return totals


def corners(start, end, size, bins):
    """Lower cell, upper cell and weight of the upper one, of each bin; positions in float32 as the kernel's."""
    last = np.float32(size - 1)
    position = start * last + np.arange(bins, dtype="float32") * ((end - start) * last / np.float32(bins - 1))
    inside = (position >= 0) & (position <= last)
    if not inside.all():
        raise ValueError("expected RoIs inside the image")
    lower = np.floor(position).astype(int)
    return lower, np.ceil(position).astype(int), position.astype("float64") - lower


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--works", nargs="+", default=list(WORKS), choices=list(WORKS))
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--torchvision", help="site-packages of an environment with torch and torchvision")
    parser.add_argument("--peak-of", help=argparse.SUPPRESS)
    parser.add_argument("--backward", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.peak_of:
        return print_peak(arguments.works[0], arguments.peak_of, arguments.backward)
    for work in arguments.works:
        report(work, arguments.rounds, arguments.torchvision, arguments.seed)


if __name__ == "__main__":
    main()
