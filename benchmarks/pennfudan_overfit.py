"""Overfits eight photographs of Penn-Fudan and scores the model on those eight.

A model that cannot learn eight images by heart has a fault between its targets, losses, heads and unmolding. The
claim is a mask AP50 of at least 0.9 on them; the script prints what it measured and fails below the claim.

    python benchmarks/pennfudan_overfit.py ../shared/data/PennFudanPed
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

import keras
import numpy as np
from PIL import Image

from mrcnn_roi.config import Config
from mrcnn_roi.datasets import Dataset, load_dataset
from mrcnn_roi.drawing.instances import draw_instances
from mrcnn_roi.engine.demo import Cosine
from mrcnn_roi.engine.evaluating import evaluate
from mrcnn_roi.engine.mask_rcnn import MaskRCNN

CLAIM = 0.9


class OverfitConfig(Config):
    NAME = "overfit"
    NUM_CLASSES = 2
    BACKBONE = "tiny"
    TOP_DOWN_PYRAMID_SIZE = 64
    RPN_CONV_SIZE = 64
    MASK_CONV_SIZE = 64
    FPN_CLASSIF_FC_LAYERS_SIZE = 256
    IMAGE_MIN_DIM = 256
    IMAGE_MAX_DIM = 320
    IMAGES_PER_GPU = 4
    STEPS_PER_EPOCH = 100
    TRAIN_BN = None
    RPN_ANCHOR_SCALES = (24, 48, 96, 144, 192)
    RPN_ANCHOR_RATIOS = [0.35, 0.5, 1]
    PRE_NMS_LIMIT = 1000
    POST_NMS_ROIS_TRAINING = 200
    POST_NMS_ROIS_INFERENCE = 100
    TRAIN_ROIS_PER_IMAGE = 32
    ROI_POSITIVE_RATIO = 0.5
    MAX_GT_INSTANCES = 20
    DETECTION_MAX_INSTANCES = 20
    DETECTION_MIN_CONFIDENCE = 0.5
    SEED = 0


def first_images(dataset: Dataset, count: int) -> list[int]:
    """The first images by file name, so that everyone trains on the same ones."""
    return sorted(dataset.image_ids, key=lambda i: dataset.image_info[i]["path"])[:count]


class Subset(Dataset):
    """Some images of a dataset, kept in memory."""

    def __init__(self, dataset: Dataset, image_ids):
        super().__init__()
        for info in dataset.class_info[1:]:
            self.add_class(info["source"], info["id"], info["name"])
        for i in image_ids:
            info = dataset.image_info[i]
            self.add_image(info["source"], info["id"], info["path"])
        self.samples = [(dataset.load_image(i), *dataset.load_mask(i)) for i in image_ids]
        self.prepare()

    def load_image(self, image_id):
        return self.samples[image_id][0]

    def load_mask(self, image_id):
        return self.samples[image_id][1:]


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("data", type=Path, help="the PennFudanPed folder")
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--rate", type=float, default=0.02)
    parser.add_argument("--out", type=Path, default=Path("runs/overfit"))
    arguments = parser.parse_args()

    keras.utils.set_random_seed(0)
    config = OverfitConfig()
    everything = load_dataset(arguments.data)
    dataset = Subset(everything, first_images(everything, 8))
    model = MaskRCNN("training", config, arguments.out)
    steps = arguments.epochs * config.STEPS_PER_EPOCH
    start = time.monotonic()
    cosine = Cosine(arguments.rate, steps, seconds=3600)
    model.train(dataset, None, arguments.rate, arguments.epochs, "all", custom_callbacks=[cosine])
    seconds = time.monotonic() - start

    detector = MaskRCNN("inference", config, arguments.out)
    detector.load_weights(detector.find_last(), by_name=True)
    scores = evaluate(detector, dataset)
    for i, result in enumerate(detector.detect([dataset.load_image(i) for i in dataset.image_ids])):
        drawn = draw_instances(
            dataset.load_image(i),
            result["rois"],
            result["masks"],
            result["class_ids"],
            dataset.class_names,
            result["scores"],
        )
        Image.fromarray(drawn).save(arguments.out / f"overfit_{i}.png")
    objects = int(np.sum([len(dataset.load_mask(i)[1]) for i in dataset.image_ids]))
    ap50 = scores["segm"]["AP50"]
    print(f"{len(dataset.image_ids)} photographs, {objects} people, {steps} steps in {seconds:.0f} s")
    print(f"mask AP50 {ap50:.3f}, AP {scores['segm']['AP']:.3f}; box AP50 {scores['bbox']['AP50']:.3f}")
    print(f"ratio to the claim of {CLAIM}: {ap50 / CLAIM:.2f}")
    sys.exit(0 if ap50 >= CLAIM else 1)


if __name__ == "__main__":
    main()
