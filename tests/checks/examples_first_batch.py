"""For every code of the group "first_batch" a first batch with the mistake and a similar one without it.

EXAMPLES[code] is (bad, good): arguments of check_first_batch besides the config; `findings_of(example)` runs it.
"""

from dataclasses import replace

import numpy as np

from mrcnn_roi.checks.first_batch import FirstBatch, check_first_batch
from mrcnn_roi.checks.forward_pass import ForwardPass
from mrcnn_roi.ops.meta import compose_image_meta

from .toy import config

SIDE, ANCHORS, ROIS = 128, 4092, 6
MEAN = np.array([123.7, 116.8, 103.9])
LOSSES = ("rpn_class_loss", "rpn_bbox_loss", "mrcnn_class_loss", "mrcnn_bbox_loss", "mrcnn_mask_loss")


def batch(raw=None, **changes) -> FirstBatch:
    """Two images with one object each, of which `changes` replaces fields. raw: their pixels before the mean."""
    raw = np.random.default_rng(0).integers(0, 256, (2, SIDE, SIDE, 3)) if raw is None else raw
    match = np.zeros((2, ANCHORS), np.int32)
    match[:, :4], match[:, 4:10] = 1, -1
    shape = (SIDE, SIDE, 3)
    meta = compose_image_meta(0, shape, shape, (0, 0, SIDE, SIDE), 1, (1, 1, 1))
    usual = FirstBatch(
        images=(raw - MEAN).astype(np.float32),
        metas=np.stack([meta, meta]).astype(np.float32),
        class_ids=np.array([[1, 0], [2, -1]]),
        boxes=np.array([[[10, 10, 50, 40], [0, 0, 0, 0]], [[60, 30, 110, 90], [5, 5, 128, 128]]], np.float32),
        rpn_match=match,
        rpn_bbox=np.zeros((2, 16, 4), np.float32),
        anchor_iou=np.array([0.6, 0.7]),
        names=('image 0 "a.png"', 'image 1 "b.png"'),
    )
    return replace(usual, **changes)


def outputs(**changes) -> dict:
    """What a network makes of it: one positive RoI an image, all of it finite. None in `changes` leaves one out."""
    rng = np.random.default_rng(1)
    ids = np.zeros((2, ROIS), np.int32)
    ids[:, 0] = 1, 2
    masks = np.zeros((2, ROIS, 14, 14), np.float32)
    masks[ids > 0] = 1
    low = rng.uniform(0, 0.6, (2, 20, 2))
    made = {
        **{f"P{level}": rng.normal(size=(2, SIDE >> level, SIDE >> level, 8)) for level in (2, 3, 4, 5)},
        "rpn_class_logits": rng.normal(size=(2, ANCHORS, 2)),
        "proposals": np.concatenate([low, low + rng.uniform(0.05, 0.4, (2, 20, 2))], axis=2).astype(np.float32),
        "target_class_ids": ids,
        "target_masks": masks,
        "mrcnn_mask": rng.uniform(size=(2, ROIS, 14, 14, 3)),
        **dict.fromkeys(LOSSES, np.float32(1)),
        **changes,
    }
    return {name: array for name, array in made.items() if array is not None}


def forward(trained=False, spoilt=(), **changes) -> ForwardPass:
    return ForwardPass(outputs(**changes), trained=trained, spoilt=spoilt)


def broken(array, value=np.nan):
    """A copy with one value of the last image replaced."""
    array = np.array(array, np.float32)
    array[-1, ..., -1] = value
    return array


NOTHING = np.zeros((2, ROIS), np.int32)
BOX = batch().boxes
IDS = np.array([[1, 1, 2, 0, 0, 0]] * 2)

EXAMPLES = {
    "fb-image-nonfinite": ({"batch": batch(images=broken(batch().images))}, {"batch": batch()}),
    "fb-image-scale": (
        {"batch": batch(np.random.default_rng(0).uniform(0, 1, (2, SIDE, SIDE, 3)))},
        {"batch": batch(np.random.default_rng(0).integers(0, 12, (2, SIDE, SIDE, 3)))},  # dark, and as it is
    ),
    "fb-class-ids": (
        {"batch": batch(class_ids=np.array([[1, 0], [3, 0]]))},
        {"batch": batch(class_ids=np.array([[-2, 0], [2, 0]]))},
    ),
    "fb-gt-boxes": ({"batch": batch(boxes=BOX + np.float32([0, 0, 30, 0]))}, {"batch": batch()}),
    "fb-rpn-no-positive": (
        {"batch": batch(rpn_match=-np.ones((2, ANCHORS), np.int32))},
        {"batch": batch(rpn_match=-np.ones((2, ANCHORS), np.int32), class_ids=np.zeros((2, 2), int))},
    ),
    "fb-rpn-forced": (
        {"batch": batch(anchor_iou=np.array([0.1, 0.2, 0.9]))},
        {"batch": batch(anchor_iou=np.array([0.1, 0.5, 0.9]))},
    ),
    "fb-anchor-count": (
        {"batch": batch(), "forward": forward(rpn_class_logits=np.zeros((2, 5115, 2)))},
        {"batch": batch(), "forward": forward(rpn_class_logits=None)},
    ),
    "fb-forward-fails": (
        {"batch": batch(), "failure": "InvalidArgumentError: shapes do not fit"},
        {"batch": batch(), "forward": forward()},
    ),
    "fb-nonfinite": (
        {"batch": batch(), "forward": forward(mrcnn_mask_loss=np.float32(np.nan))},
        {"batch": batch(), "forward": forward(mrcnn_mask_loss=np.float32(1e30))},
    ),
    "fb-no-positive-rois": (
        {"batch": batch(), "forward": forward(trained=True, target_class_ids=NOTHING)},
        {
            "batch": batch(class_ids=np.zeros((2, 2), int)),
            "forward": forward(trained=True, target_class_ids=NOTHING),
        },
    ),
    "fb-mask-targets-empty": (
        {"batch": batch(), "forward": forward(target_class_ids=IDS, target_masks=np.zeros((2, ROIS, 14, 14)))},
        {"batch": batch(), "forward": forward(target_masks=np.zeros((2, ROIS, 14, 14)))},  # two are no proof
    ),
}


def findings_of(example: dict):
    return check_first_batch(config(), **example)
