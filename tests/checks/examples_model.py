"""For every code of the group "model" a configuration that has the mistake and a similar one that has not.

EXAMPLES[code] is (bad, good): the objects for `run_checks`. `findings_of(example)` runs the group on them.
"""

from types import SimpleNamespace

import numpy as np

import mrcnn_roi.checks.model  # noqa: F401 - registers the group
from mrcnn_roi.checks.splits import Molding
from mrcnn_roi.config import Config
from mrcnn_roi.findings import run_checks


class Usual(Config):
    NAME = "shapes"
    NUM_CLASSES = 1 + 3


def config(**attributes) -> Config:
    """A working configuration with `attributes` assigned afterwards, so that it may be wrong."""
    made = Usual()
    for name, value in attributes.items():
        setattr(made, name, value)
    return made.finalize()


def own_backbone(*strides, **attributes) -> Config:
    """A configuration with a backbone of one's own whose maps have these strides."""

    def shapes(image_shape):
        return [[-(-image_shape[0] // stride), -(-image_shape[1] // stride)] for stride in strides]

    return config(**{"BACKBONE": lambda image, stage5, train_bn: None, "COMPUTE_BACKBONE_SHAPE": shapes, **attributes})


def split(*sides, image=512) -> SimpleNamespace:
    """What the checks read of a Split: one image of that side after resizing with square objects of these sides."""
    count = len(sides)
    molding = Molding(np.ones(1), np.array([[image, image]]), np.array([sides, sides], float).T, np.zeros(count, bool))
    scan = SimpleNamespace(instance_image=np.zeros(count, int))
    return SimpleNamespace(molding=molding, scan=scan, objects=np.ones(count, bool))


SIX = (4, 8, 16, 32, 64, 128)
SCALES = (8, 16, 32, 64, 128, 256)
WIDE = {"IMAGE_RESIZE_MODE": "pad64", "IMAGE_MIN_DIM": 0}

EXAMPLES = {
    "mdl-strides-vs-scales": (
        {"config": config(RPN_ANCHOR_SCALES=(32, 64, 128))},
        {"config": own_backbone(*SIX, BACKBONE_STRIDES=SIX, RPN_ANCHOR_SCALES=SCALES)},
    ),
    "mdl-strides-vs-backbone": (
        {"config": config(BACKBONE="resnet50", BACKBONE_STRIDES=[8, 16, 32, 64, 128])},
        {"config": own_backbone(2, 4, 8, 16, 32, BACKBONE_STRIDES=[2, 4, 8, 16, 32])},
    ),
    "mdl-anchor-count": (
        {"config": own_backbone(*SIX)},
        {"config": own_backbone(*SIX, BACKBONE_STRIDES=SIX, RPN_ANCHOR_SCALES=SCALES)},
    ),
    "mdl-nonresnet-odd-size": (
        {"config": own_backbone(*SIX, BACKBONE_STRIDES=SIX, RPN_ANCHOR_SCALES=SCALES, **WIDE)},
        {"config": own_backbone(4, 8, 16, 32, 64, **WIDE)},
    ),
    "mdl-anchor-gt-image": (
        {"config": config(IMAGE_MIN_DIM=128, IMAGE_MAX_DIM=128)},
        {"config": config(IMAGE_MIN_DIM=512, IMAGE_MAX_DIM=512)},
    ),
    "mdl-level-unused": (
        {"config": config(), "train": split(10, 40, 70)},
        {"config": config(), "train": split(10, 40, 90)},
    ),
}


def findings_of(example: dict):
    return run_checks("model", **example)
