"""A small MaskRCNN and a dataset in the original's style."""

import numpy as np
import pytest

from mrcnn_roi.config import Config
from mrcnn_roi.datasets import Dataset


class SmallConfig(Config):
    NAME = "small"
    NUM_CLASSES = 3
    BACKBONE = "tiny"
    IMAGES_PER_GPU = 2
    STEPS_PER_EPOCH = 2
    VALIDATION_STEPS = 1
    IMAGE_MIN_DIM = 64
    IMAGE_MAX_DIM = 64
    TOP_DOWN_PYRAMID_SIZE = 16
    FPN_CLASSIF_FC_LAYERS_SIZE = 16
    RPN_CONV_SIZE = 16
    MASK_CONV_SIZE = 16
    RPN_ANCHOR_SCALES = (8, 16, 24, 32, 64)
    RPN_TRAIN_ANCHORS_PER_IMAGE = 32
    PRE_NMS_LIMIT = 200
    POST_NMS_ROIS_TRAINING = 40
    POST_NMS_ROIS_INFERENCE = 30
    TRAIN_ROIS_PER_IMAGE = 12
    MASK_POOL_SIZE = 7
    MASK_SHAPE = [14, 14]
    MINI_MASK_SHAPE = (14, 14)
    MAX_GT_INSTANCES = 5
    DETECTION_MAX_INSTANCES = 6
    DETECTION_MIN_CONFIDENCE = 0
    SEED = 1


class Boxes(Dataset):
    """Bright rectangles on a dark ground, drawn in memory; image 0 shows none."""

    def __init__(self, count=6, size=(64, 64)):
        super().__init__()
        self.size = size
        self.add_class("boxes", 1, "wide")
        self.add_class("boxes", 2, "tall")
        for i in range(count):
            self.add_image("boxes", i, path=f"box-{i}.png", objects=0 if i == 0 else 1 + i % 2)
        self.prepare()

    def rectangles(self, image_id):
        rng = np.random.default_rng(image_id)
        for _ in range(self.image_info[image_id]["objects"]):
            wide = bool(rng.integers(2))
            height, width = (12, 24) if wide else (24, 12)
            y, x = rng.integers(0, self.size[0] - height), rng.integers(0, self.size[1] - width)
            yield slice(y, y + height), slice(x, x + width), 1 if wide else 2

    def load_image(self, image_id):
        image = np.full((*self.size, 3), 40, np.uint8)
        for rows, columns, class_id in self.rectangles(image_id):
            image[rows, columns] = 120 + 60 * class_id
        return image

    def load_mask(self, image_id):
        masks, class_ids = [], []
        for rows, columns, class_id in self.rectangles(image_id):
            mask = np.zeros(self.size, bool)
            mask[rows, columns] = True
            masks.append(mask)
            class_ids.append(class_id)
        return (np.stack(masks, -1) if masks else np.zeros((*self.size, 0), bool)), np.array(class_ids, np.int32)


@pytest.fixture
def small_config():
    return SmallConfig


@pytest.fixture
def boxes():
    return Boxes
