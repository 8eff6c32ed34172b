"""Seconds a training step and a detection take, ResNet50, random weights, at 512 and 1024 pixels.

    python benchmarks/whole_model.py [--sizes 512 1024] [--rounds 3]

TensorFlow runs as it does for any user; run nothing else beside it.
"""

from __future__ import annotations

import argparse
import functools
import statistics
import tempfile
import time

import numpy as np

from mrcnn_roi.config import Config
from mrcnn_roi.datasets import Dataset
from mrcnn_roi.engine.mask_rcnn import MaskRCNN
from mrcnn_roi.inputs.pipeline import Batches


class Scene(Dataset):
    """One image of noise with ten rectangles."""

    def __init__(self, side):
        super().__init__()
        self.side = side
        for i in range(1, 81):
            self.add_class("noise", i, f"class {i}")
        self.add_image("noise", 0, "noise")
        self.prepare()

    def load_image(self, image_id):
        return np.random.default_rng(0).integers(0, 255, (self.side, self.side, 3)).astype(np.uint8)

    def load_mask(self, image_id):
        rng = np.random.default_rng(1)
        masks = np.zeros((self.side, self.side, 10), bool)
        for i in range(10):
            y, x = rng.integers(0, self.side * 3 // 4, 2)
            height, width = rng.integers(self.side // 16, self.side // 4, 2)
            masks[y : y + height, x : x + width, i] = True
        return masks, np.ones(10, np.int32)


def config_for(side, images):
    attributes = {
        "NAME": "benchmark",
        "NUM_CLASSES": 81,
        "BACKBONE": "resnet50",
        "IMAGE_MIN_DIM": side,
        "IMAGE_MAX_DIM": side,
        "IMAGES_PER_GPU": images,
        "DETECTION_MIN_CONFIDENCE": 0,
    }
    return type("BenchmarkConfig", (Config,), attributes)()


def median_seconds(function, rounds):
    function()  # compiles
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        function()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=[512, 1024])
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        for side in arguments.sizes:
            scene = Scene(side)
            model = MaskRCNN("inference", config_for(side, 1), folder)
            image = scene.load_image(0)
            found = len(model.detect([image])[0]["scores"])
            seconds = median_seconds(functools.partial(model.detect, [image]), arguments.rounds)
            print(f"{side}: detect {seconds:.2f} s an image ({found} detections)", flush=True)
            config = config_for(side, 2)
            model = MaskRCNN("training", config, folder)
            model.set_trainable(".*", verbose=0)
            model.compile(0.001, 0.9)
            batch = next(iter(Batches(scene, config, seed=0)))
            seconds = median_seconds(functools.partial(model.keras_model.train_on_batch, batch), arguments.rounds)
            print(f"{side}: training step, batch 2, {seconds:.2f} s", flush=True)


if __name__ == "__main__":
    main()
