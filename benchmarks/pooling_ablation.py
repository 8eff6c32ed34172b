"""What rounding costs: a model trained with every way of pooling RoIs, as in tables 2c and 2d of the Mask R-CNN paper.

    python benchmarks/pooling_ablation.py [--seeds 0 1 2] [--methods roi_pool roi_align] [--steps 700]
                                          [--data ../shared/data/PennFudanPed] [--results runs/pooling.json]

All RoIs are pooled from features of stride 32 (ROI_POOL_LEVELS = (5,)), where half a cell is 16 pixels of the image:
the paper's table 2d. For each seed every method starts from the same weights and is fed the same batches; the script
compares their hashes and stops where they differ. Scores are COCO's, in percent, on images that were held out.

The setting was fixed before any two methods were compared. It is the model of `mrcnn-roi demo` on images of twice
the size: 256 pixels, shapes of up to 128 pixels, anchors doubled. The shapes are of one class, because the question is
where they are. Batch, rate and number of steps were chosen with crop_and_resize alone, so that it learns (mask AP50
above 50) in some two minutes on two busy cores. The networks are small and far from done: the paper's gains are
those of a ResNet-50 on COCO, and one seed alone says little.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import io
import json
import statistics
import sys
import tempfile
import time
from pathlib import Path

import keras

from mrcnn_roi.config import Config
from mrcnn_roi.datasets import draw_shapes, load_dataset, split_dataset
from mrcnn_roi.engine.demo import Cosine, ShapesConfig
from mrcnn_roi.engine.evaluating import evaluate
from mrcnn_roi.engine.mask_rcnn import MaskRCNN
from mrcnn_roi.inputs.pipeline import Batches

SIDE = 256
TRAIN_IMAGES, VAL_IMAGES = 600, 150
NEVER = 1e9  # seconds: Cosine would shorten the training of a slow method

# name: (method, aggregate, nothing rounded?, bilinear?)
METHODS = {
    "roi_pool": ("roi_pool", "max", False, False),
    "roi_warp_max": ("roi_warp", "max", False, True),
    "roi_warp": ("roi_warp", "mean", False, True),
    "roi_align_max": ("roi_align", "max", True, True),
    "roi_align": ("roi_align", "mean", True, True),
    "roi_align_aligned": ("roi_align", "mean", True, True),
    "crop_and_resize": ("crop_and_resize", "", True, True),
}
TITLES = {"roi_pool": "RoIPool", "roi_warp": "RoIWarp", "roi_align": "RoIAlign", "crop_and_resize": "crop_and_resize"}
TITLES["roi_align_aligned"] = "RoIAlign aligned"
SCORES = [(kind, name) for kind in ("segm", "bbox") for name in ("AP", "AP50", "AP75")]
HEADER = f"{'':16} {'align?':6} {'bilinear?':9} {'agg.':5}" + "".join(
    f"{name + suffix:>12}" for suffix in ("", "bb") for name in ("AP", "AP50", "AP75")
)


class ShapesAblation(ShapesConfig):
    NAME = "ablation"
    IMAGE_MIN_DIM = SIDE
    IMAGE_MAX_DIM = SIDE
    IMAGES_PER_GPU = 4
    LEARNING_RATE = 0.02
    RPN_ANCHOR_SCALES = (32, 64, 96, 128, 192)
    ROI_POOL_LEVELS = (5,)


PENNFUDAN = Path(__file__).resolve().parents[1] / "configs" / "pennfudan.yaml"


class PhotosAblation(Config.class_from_yaml(PENNFUDAN)):
    """For --data: the light model of configs/pennfudan.yaml."""

    NAME = "ablation"
    ROI_POOL_LEVELS = (5,)


def datasets(data: Path | None, folder: Path):
    """(train, val), the same in every run."""
    if data is not None:
        return split_dataset(load_dataset(data), 0.25, seed=0)
    return toy_shapes(folder / "train", TRAIN_IMAGES, 0), toy_shapes(folder / "val", VAL_IMAGES, 1)


def toy_shapes(folder: Path, count: int, seed: int):
    """One to three shapes an image, all of one class: the question is where things are, not what they are."""
    path = draw_shapes(folder, count, SIDE, SIDE, seed, max_objects=3)
    content = json.loads(path.read_text())
    content["categories"] = [{"id": 1, "name": "shape"}]
    for annotation in content["annotations"]:
        annotation["category_id"] = 1
    path.write_text(json.dumps(content))
    return load_dataset(path)


def config_for(name: str, seed: int, steps: int, data: Path | None, classes: int) -> Config:
    method, aggregate, *_ = METHODS[name]
    settings = {"ROI_POOL_METHOD": method, "SEED": seed, "STEPS_PER_EPOCH": steps, "NUM_CLASSES": classes}
    if method in ("roi_align", "roi_warp"):  # the others have no samples to bring together
        settings["ROI_POOL_AGGREGATE"] = aggregate
    settings["ROI_POOL_ALIGNED"] = name == "roi_align_aligned"
    return type("Ablation", (PhotosAblation if data else ShapesAblation,), settings)()


def digest(arrays) -> str:
    """Eight digits that tell whether arrays are the same."""
    sha = hashlib.sha1(usedforsecurity=False)
    for each in arrays:
        sha.update(f"{each.shape}{each.dtype}".encode())
        sha.update(each.tobytes())
    return sha.hexdigest()[:8]


def batch_digest(train, config, number: int) -> str:
    """Of the batch that `number` batches precede."""
    batches = iter(Batches(train, config, seed=config.SEED, first_epoch=number, steps_per_epoch=1))
    batch = next(batches)
    batches.close()
    return digest(batch[name] for name in sorted(batch))


def run(name: str, seed: int, steps: int, data: Path | None, train, val) -> dict:
    """Trains and evaluates one method: scores in percent, seconds of the training, hashes of what it started with."""
    keras.backend.clear_session()
    keras.utils.set_random_seed(seed)
    config = config_for(name, seed, steps, data, train.num_classes)
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()):
        model = MaskRCNN("training", config, folder)
        start = {
            "initial weights": digest(model.keras_model.get_weights()),
            "first batch": batch_digest(train, config, 0),
            "last batch": batch_digest(train, config, steps - 1),
        }
        cosine = Cosine(config.LEARNING_RATE, steps, NEVER)
        began = time.monotonic()
        model.train(train, None, config.LEARNING_RATE, 1, "all", custom_callbacks=[cosine], preflight="off")
        seconds = time.monotonic() - began
        detector = MaskRCNN("inference", config, folder)
        detector.load_weights(detector.find_last(), by_name=True)
        scores = evaluate(detector, val)
    return {"scores": [100 * scores[kind][score] for kind, score in SCORES], "seconds": seconds, "start": start}


def spread(values: list[float]) -> str:
    """The mean, and with several seeds the standard deviation."""
    deviation = f"±{statistics.stdev(values):.1f}" if len(values) > 1 else ""
    return f"{statistics.mean(values):.1f}{deviation}"


def signed_spread(values: list[float]) -> str:
    return ("" if statistics.mean(values) < 0 else "+") + spread(values)


def print_table(results: dict, names: list[str], seeds: list[int]) -> None:
    print(f"\nmean{' ± standard deviation' if len(seeds) > 1 else ''} over seeds {seeds}; bb: boxes, else masks")
    print(f"{HEADER}{'seconds':>10}")
    for name in names:
        method, aggregate, align, bilinear = METHODS[name]
        runs = [results[name, seed] for seed in seeds]
        columns = "".join(f"{spread(list(values)):>12}" for values in zip(*(each["scores"] for each in runs)))
        marks = f"{'yes' if align else '':6} {'yes' if bilinear else '':9} {aggregate:5}"
        seconds = statistics.mean(each["seconds"] for each in runs)
        print(f"{TITLES.get(name, TITLES[method]):16} {marks}{columns}{seconds:10.0f}")
    if {"roi_pool", "roi_align"} <= set(names):
        print_gain(results, seeds)


def print_gain(results: dict, seeds: list[int]) -> None:
    """RoIAlign (mean) less RoIPool, seed by seed: what both share of a seed's luck drops out."""
    pairs = [(results["roi_align", seed]["scores"], results["roi_pool", seed]["scores"]) for seed in seeds]
    gains = [[align - pool for align, pool in zip(*pair)] for pair in pairs]
    columns = "".join(f"{signed_spread(list(values)):>12}" for values in zip(*gains))
    print(f"{'RoIAlign (mean) - RoIPool':38} {columns}")
    means = [statistics.mean(values) for values in zip(*gains)]
    for offset, what in ((0, "masks"), (3, "boxes")):
        best = max(range(3), key=lambda i: means[offset + i])
        answer = "yes" if best == 2 else f"no, at {SCORES[best][1]}"
        each = ", ".join(f"{gain[offset + 2]:+.1f}" for gain in gains)
        print(f"{what}: RoIAlign gains most at AP75? {answer}. Gain at AP75 by seed: {each}")


def saved(path: Path | None, setting: dict) -> dict:
    """The runs an earlier call with the same setting saved, {(name, seed): run}."""
    if path is None or not path.exists():
        return {}
    content = json.loads(path.read_text())
    if content["setting"] != setting:
        sys.exit(f"{path} holds runs of another setting, {content['setting']}: give another file")
    return {(each["name"], each["seed"]): each for each in content["runs"]}


def save(path: Path | None, setting: dict, results: dict) -> None:
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({"setting": setting, "runs": list(results.values())}, indent=1))


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=list(METHODS), metavar="METHOD")
    parser.add_argument("--steps", type=int, default=700)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--data", type=Path, help="annotated images; by default the toy shapes are drawn")
    parser.add_argument("--results", type=Path, help="a JSON file of finished runs, to go on with more seeds")
    arguments = parser.parse_args()
    setting = {"data": str(arguments.data or "shapes"), "steps": arguments.steps}
    results = saved(arguments.results, setting)
    with tempfile.TemporaryDirectory() as folder:
        train, val = datasets(arguments.data, Path(folder))
        counts = f"{len(train.image_ids)} images to train on, {len(val.image_ids)} held out"
        print(f"{arguments.data or 'toy shapes'}: {counts}, {arguments.steps} steps a method, RoIs pooled at stride 32")
        for seed in arguments.seeds:
            for name in arguments.methods:
                if (name, seed) not in results:
                    found = run(name, seed, arguments.steps, arguments.data, train, val)
                    results[name, seed] = {"name": name, "seed": seed, **found}
                    save(arguments.results, setting, results)
                    shown = "  ".join(f"{value:5.1f}" for value in results[name, seed]["scores"])
                    print(f"seed {seed}  {name:16} {shown}  {results[name, seed]['seconds']:.0f} s", flush=True)
            starts = [results[name, seed]["start"] for name in arguments.methods]
            if any(each != starts[0] for each in starts):
                sys.exit(f"seed {seed}: the methods did not start alike: {dict(zip(arguments.methods, starts))}")
            listed = ", ".join(f"{what} {value}" for what, value in starts[0].items())
            print(f"seed {seed}: the same for all methods: {listed}", flush=True)
    print_table(results, arguments.methods, arguments.seeds)


if __name__ == "__main__":
    main()
