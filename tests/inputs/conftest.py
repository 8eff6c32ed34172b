"""A dataset in memory and a small configuration, for everything between a Dataset and a batch."""

from types import SimpleNamespace

import numpy as np
import pytest

from mrcnn_roi.datasets.base import Dataset


class MemoryDataset(Dataset):
    """Images and masks from lists; three classes in two sources, as the goldens were made."""

    def __init__(self, images, masks, class_ids):
        super().__init__()
        self.images, self.masks, self.ids = images, masks, class_ids
        for k in (1, 2, 3):
            self.add_class(f"src{k % 2}", k, f"name{k},alias")
        for i in range(len(images)):
            self.add_image(f"src{i % 2}", i, f"folder/picture{i}.png")
        self.prepare()

    def load_image(self, image_id):
        return self.images[image_id]

    def load_mask(self, image_id):
        return self.masks[image_id], self.ids[image_id]


def discs(height, width, count, seed=0):
    """Masks bool [H, W, N] of discs."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width]
    masks = np.zeros((height, width, count), bool)
    for i in range(count):
        center = rng.uniform([0, 0], [height, width])
        masks[:, :, i] = (y - center[0]) ** 2 + (x - center[1]) ** 2 < rng.uniform(5, 25) ** 2
    return masks


def memory_dataset(*shapes_and_counts):
    """A MemoryDataset of random images, one for each (height, width, number of instances)."""
    rng = np.random.default_rng(0)
    images = [rng.integers(0, 256, (h, w, 3)).astype(np.uint8) for h, w, _ in shapes_and_counts]
    masks = [discs(h, w, n, seed) for seed, (h, w, n) in enumerate(shapes_and_counts)]
    class_ids = [rng.integers(1, 4, n).astype(np.int32) for _, _, n in shapes_and_counts]
    return MemoryDataset(images, masks, class_ids)


def small_config(**overrides):
    """The settings that inputs read, with the original's defaults at 128 pixels."""
    defaults = {
        "NUM_CLASSES": 4,
        "BACKBONE": "resnet50",
        "BACKBONE_STRIDES": [4, 8, 16, 32, 64],
        "COMPUTE_BACKBONE_SHAPE": None,
        "IMAGE_RESIZE_MODE": "square",
        "IMAGE_MIN_DIM": 128,
        "IMAGE_MAX_DIM": 128,
        "IMAGE_MIN_SCALE": 0,
        "IMAGE_CHANNEL_COUNT": 3,
        "MEAN_PIXEL": np.array([123.7, 116.8, 103.9]),
        "USE_MINI_MASK": True,
        "MINI_MASK_SHAPE": (28, 28),
        "MAX_GT_INSTANCES": 6,
        "RPN_ANCHOR_SCALES": (32, 64, 128, 256, 512),
        "RPN_ANCHOR_RATIOS": [0.5, 1, 2],
        "RPN_ANCHOR_STRIDE": 1,
        "RPN_TRAIN_ANCHORS_PER_IMAGE": 64,
        "RPN_BBOX_STD_DEV": np.array([0.1, 0.1, 0.2, 0.2]),
        "BBOX_STD_DEV": np.array([0.1, 0.1, 0.2, 0.2]),
        "TRAIN_ROIS_PER_IMAGE": 16,
        "ROI_POSITIVE_RATIO": 0.33,
        "MASK_SHAPE": [28, 28],
    }
    return SimpleNamespace(**{**defaults, **overrides})


@pytest.fixture(scope="session")  # hypothesis wants no fixture that changes between examples
def make_config():
    return small_config


@pytest.fixture
def make_dataset():
    return memory_dataset


@pytest.fixture
def flow(golden):
    """The arrays of the data_flow golden and the dataset they were made from."""
    arrays = golden("data_flow")
    names = range(3)
    dataset = MemoryDataset(
        [arrays[f"image{i}"] for i in names],
        [arrays[f"mask{i}"] for i in names],
        [arrays[f"class_ids{i}"] for i in names],
    )
    return arrays, dataset
