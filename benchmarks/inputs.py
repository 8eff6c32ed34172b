"""From a Dataset to a batch: this package against the original's procedure, on one core.

    python benchmarks/inputs.py [--rounds 9] [--quick] [--sources 640x480 1024x1024] [--counts 10 100]
                                [--parts formulas memory workers]

Network input 1024x1024 ("square"), 261888 anchors, mini masks of 56x56. Images and masks [H, W, N] lie in memory, so
that reading files is no part of it; the masks are blobs whose sides are log-uniform from 16 to 400 pixels of the
network input. The rival is original_inputs.py, in the same process, in turns. Ratios are of medians of CPU time (of the
process, all its threads), because wall time means little on a shared machine; both are shown. Every result is first
compared with the rival's, under the same seed of np.random.

    load_image_gt      with full masks, and with mini masks
    build_rpn_targets  Matterport's call, anchors in an array; `prepared`: what training calls, anchors kept prepared
    minimize_mask      boxes are known; masks lie in memory row by row, as datasets make them, or instance by instance
    data_generator     one element: load_image_gt, RPN targets, molding, padding
    build_sample       the same with its own random numbers: what `train` uses

Memory: the peak of a fresh process that makes samples of 100 instances of 1024x1024, as a worker does.
Workers: samples a second of inputs.pipeline.Batches with two worker processes against one, 640x480, 10 instances.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import original_inputs as original

from mrcnn_roi.config import Config
from mrcnn_roi.datasets.base import Dataset
from mrcnn_roi.inputs.generator import data_generator
from mrcnn_roi.inputs.rpn_targets import build_rpn_targets, build_targets, molded_anchors
from mrcnn_roi.inputs.sample import build_sample, load_image_gt
from mrcnn_roi.ops.masks import minimize_mask

SIDE = 1024
TARGETS = {  # name: least ratio with 10 and with 100 instances
    "load_image_gt": (8, 13),
    "load_image_gt, mini": (8, 13),
    "build_rpn_targets": (8, 20),
    "build_rpn_targets, prepared": (8, 20),
    "minimize_mask": (15, 15),
    "minimize_mask, by instance": (0, 0),  # no target: the original's own boolean indexing turns masks this way
    "data_generator": (10, 25),
    "build_sample": (10, 25),
}
MEMORY_TARGET = 600
WORKERS_TARGET = 1.8


class BenchmarkConfig(Config):
    NAME = "benchmark"
    NUM_CLASSES = 4
    IMAGES_PER_GPU = 1


class Memory(Dataset):
    """One image with its masks, both in memory."""

    def __init__(self, image, masks, class_ids):
        super().__init__()
        self.image, self.masks, self.ids = image, masks, class_ids
        for k in (1, 2, 3):
            self.add_class("made", k, f"class {k}")
        self.add_image("made", 0, "made.png")
        self.prepare()

    def load_image(self, image_id):
        return self.image

    def load_mask(self, image_id):
        return self.masks, self.ids


def made(width, height, count, seed=0) -> Memory:
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (height // 8, width // 8, 3), dtype=np.uint8)
    image = np.kron(coarse, np.ones((8, 8, 1), np.uint8)) // 2 + rng.integers(0, 128, (height, width, 3), np.uint8)
    masks = np.zeros((height, width, count), bool)
    y, x = np.mgrid[:height, :width]
    for i in range(count):
        radius = np.exp(rng.uniform(np.log(16), np.log(400), 2)) / 2 * max(height, width) / SIDE
        center = rng.uniform(radius, np.maximum([height, width] - radius, radius + 1))
        dy, dx = y - center[0], x - center[1]
        wobble = 1 + 0.15 * np.sin(rng.integers(2, 7) * np.arctan2(dy, dx) + rng.uniform(0, 6))
        masks[:, :, i] = (dy / radius[0]) ** 2 + (dx / radius[1]) ** 2 < wobble**2
    return Memory(image, masks, rng.integers(1, 4, count).astype(np.int32))


def pairs(dataset, config):
    """{name: (the original's call, ours)}."""
    grid = molded_anchors(config, (SIDE, SIDE, 3))
    anchors = np.array(grid.anchors)
    _, _, class_ids, boxes, masks = original.load_image_gt(dataset, config, 0)  # the masks lie instance by instance
    rows_first = np.ascontiguousarray(masks)
    theirs, ours = original.data_generator(dataset, config, anchors), data_generator(dataset, config)
    shape, rng = (SIDE, SIDE, 3), np.random.default_rng(0)

    def original_targets():
        return original.build_rpn_targets(anchors, class_ids, boxes, config)

    return {
        "load_image_gt": (
            lambda: original.load_image_gt(dataset, config, 0),
            lambda: load_image_gt(dataset, config, 0),
        ),
        "load_image_gt, mini": (
            lambda: original.load_image_gt(dataset, config, 0, use_mini_mask=True),
            lambda: load_image_gt(dataset, config, 0, use_mini_mask=True),
        ),
        "build_rpn_targets": (
            original_targets,
            lambda: build_rpn_targets(shape, anchors, class_ids, boxes, config),
        ),
        "build_rpn_targets, prepared": (
            original_targets,
            lambda: build_targets(grid, class_ids, boxes, config, np.random),
        ),
        "minimize_mask": (
            lambda: (original.minimize_mask(boxes, rows_first, config.MINI_MASK_SHAPE),),
            lambda: (minimize_mask(boxes, rows_first, config.MINI_MASK_SHAPE),),
        ),
        "minimize_mask, by instance": (
            lambda: (original.minimize_mask(boxes, masks, config.MINI_MASK_SHAPE),),
            lambda: (minimize_mask(boxes, masks, config.MINI_MASK_SHAPE),),
        ),
        "data_generator": (lambda: next(theirs)[0], lambda: next(ours)[0]),
        "build_sample": (None, lambda: build_sample(dataset, config, 0, rng)),
    }


def differences(theirs, ours) -> str:
    """How the results of a pair differ, under one seed."""
    np.random.seed(0)
    expected = theirs()
    np.random.seed(0)
    received = ours()
    shares = [float(np.mean(np.asarray(a) != np.asarray(b))) for a, b in zip(expected, received)]
    wrong = [share for share in shares if share]
    return "equal" if not wrong else f"differ in {max(wrong):.1e} of the values"


def timed(call) -> tuple[float, float]:
    """Milliseconds of CPU and of wall."""
    wall, cpu = time.perf_counter(), time.process_time()
    result = call()
    elapsed = 1000 * (time.process_time() - cpu), 1000 * (time.perf_counter() - wall)
    del result
    return elapsed


def compare(dataset, config, rounds) -> list[tuple[str, float, float, float, float, str]]:
    """(name, CPU of the original and ours, wall of the original and ours, differences), medians in ms."""
    calls, same = pairs(dataset, config), {}
    for name, (theirs, ours) in calls.items():
        same[name] = differences(theirs, ours) if theirs else ""
        ours()
    times: dict[str, tuple[list, list]] = {name: ([], []) for name in calls}
    for _ in range(rounds):
        for name, pair in calls.items():
            for kept, call, turns in zip(times[name], pair, (1, 3)):
                kept.extend(timed(call) for _ in range(turns if call else 0))
    times["build_sample"] = (times["data_generator"][0], times["build_sample"][1])
    rows = []
    for name, kept in times.items():
        (cpu, wall), (our_cpu, our_wall) = ([statistics.median(each) for each in zip(*part)] for part in kept)
        rows.append((name, cpu, our_cpu, wall, our_wall, same[name]))
    return rows


def report(source, count, rounds) -> list[str]:
    width, height = (int(side) for side in source.split("x"))
    print(f"\n{source}, {count} instances{'':10}{'CPU ms: original':>17}{'ours':>8}{'ratio':>8}{'target':>8}", end="")
    print(f"{'wall ms: original':>20}{'ours':>8}{'ratio':>8}")
    missed = []
    for name, cpu, our_cpu, wall, our_wall, same in compare(made(width, height, count), BenchmarkConfig(), rounds):
        target = TARGETS[name][count > 10]
        ratio, mark = cpu / our_cpu, ""
        if ratio < target:
            missed.append(f"{source}, {count} instances, {name}: {ratio:.1f} times, target {target}")
            mark = "missed"
        shown = f"{cpu:17.1f}{our_cpu:8.1f}{ratio:7.1f}x" + (f"{target:7}x" if target else " " * 8)
        print(f"{name:34}{shown}{wall:20.1f}{our_wall:8.1f}{wall / our_wall:7.1f}x  {mark:6} {same}", flush=True)
    return missed


def peak_megabytes() -> tuple[float, float]:
    """(before the first sample, peak) of this process, which makes samples of 100 instances of 1024x1024."""
    dataset, config, rng = made(SIDE, SIDE, 100), BenchmarkConfig(), np.random.default_rng(0)
    Path("/proc/self/clear_refs").write_text("5")
    before = resident("VmRSS")
    for _ in range(3):
        build_sample(dataset, config, 0, rng)
    return before, resident("VmHWM")


def resident(key) -> float:
    status = Path("/proc/self/status").read_text()
    return int(status.partition(key + ":")[2].split()[0]) / 1024


def report_memory() -> list[str]:
    command = [sys.executable, __file__, "--peak"]
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    before, peak = (float(value) for value in output.split())
    print(f"\npeak memory: {peak:.0f} MB, of which {before:.0f} MB before the first sample (target {MEMORY_TARGET} MB)")
    return [f"peak memory {peak:.0f} MB, target {MEMORY_TARGET} MB"] if peak >= MEMORY_TARGET else []


def samples_a_second(workers, count) -> float:
    """What Batches yields once it runs; for a process of its own, because TensorFlow is imported here."""
    from mrcnn_roi.inputs.pipeline import Batches

    batches = iter(Batches(made(640, 480, 10), BenchmarkConfig(), seed=0, workers=workers))
    for _ in range(4 * workers + 4):  # more than are made ahead
        next(batches)
    started = time.perf_counter()
    for _ in range(count):
        next(batches)
    elapsed = time.perf_counter() - started
    batches.close()
    return count / elapsed


def report_workers(rounds, count) -> list[str]:
    rates: dict[int, list[float]] = {1: [], 2: []}
    for _ in range(rounds):
        for workers, kept in rates.items():
            command = [sys.executable, __file__, "--rate", str(workers), str(count)]
            output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
            kept.append(float(output.split()[-1]))
    one, two = (statistics.median(kept) for kept in rates.values())
    print(f"\nworker processes: {one:.1f} samples/s with one, {two:.1f} with two: {two / one:.2f}x", end="")
    print(f" (target {WORKERS_TARGET}x; {len(os.sched_getaffinity(0))} processors)")
    return [f"two workers {two / one:.2f} times one, target {WORKERS_TARGET}"] if two < WORKERS_TARGET * one else []


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--sources", nargs="+", default=["640x480", "1024x1024"])
    parser.add_argument("--counts", nargs="+", type=int, default=[10, 100])
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--quick", action="store_true", help="one round")
    parser.add_argument("--parts", nargs="+", default=["formulas", "memory", "workers"])
    parser.add_argument("--peak", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--rate", nargs=2, type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.peak:
        print(*peak_megabytes())
        return
    if arguments.rate:
        print(samples_a_second(*arguments.rate))
        return
    missed, rounds = [], 1 if arguments.quick else arguments.rounds
    if "formulas" in arguments.parts:
        for source in arguments.sources:
            for count in arguments.counts:
                missed += report(source, count, rounds)
    if "memory" in arguments.parts:
        missed += report_memory()
    if "workers" in arguments.parts:
        missed += report_workers(min(rounds, 3), 20 if arguments.quick else 100)
    print("\nall targets met" if not missed else "\nmissed:\n  " + "\n  ".join(missed))


if __name__ == "__main__":
    main()
