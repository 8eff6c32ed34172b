"""Faults of what goes into PyramidROIAlign: RoIs, feature maps, image_meta."""

from __future__ import annotations

import numpy as np

from mrcnn_roi.checks.rois import check_rois
from mrcnn_roi.ops.boxes import norm_boxes
from mrcnn_roi.ops.meta import compose_image_meta

from .cases import ERROR, INFO, WARNING, Fault

SIDE = 256
PIXELS = np.array([
    [20, 30, 90, 200], [100, 10, 180, 60], [5, 120, 66, 250], [130, 90, 250, 140], [60, 60, 120, 240], [0, 0, 256, 100],
], np.float32)  # fmt: skip
ROIS = norm_boxes(PIXELS, (SIDE, SIDE))[None]
WIDE = norm_boxes(PIXELS, (SIDE, 2 * SIDE))[None]


def maps(side=SIDE, batch=1, channels=24, strides=(4, 8, 16, 32), width=None):
    rng = np.random.default_rng(3)
    shapes = [(batch, -(-side // s), -(-(width or side) // s), channels) for s in strides]
    return [rng.normal(size=shape).astype(np.float32) for shape in shapes]


def meta(side=SIDE, active=(1, 1, 1), window=None, batch=1):
    shape = (side, side, 3)
    one = compose_image_meta(3, shape, shape, window or (0, 0, side, side), 1.0, active)
    return np.stack([one] * batch)


def check(rois=ROIS, **more):
    return lambda _: check_rois(rois, **more)


def changed(index, value):
    rois = ROIS.copy()
    rois[(0, *np.atleast_1d(index))] = value
    return rois


def one(level, change):
    made = maps()
    made[level] = change(made[level])
    return made


def poisoned(array):
    array = array.copy()
    array[0, 2, 3, 4] = np.inf
    return array


def wh(rois):
    return np.concatenate([rois[..., :2], rois[..., 2:] - rois[..., :2]], axis=-1)


PADDED = np.concatenate([ROIS, np.zeros((1, 3, 4), np.float32)], axis=1)
SHAPE = {"image_shape": (SIDE, SIDE, 3)}
INDEXED = np.concatenate([np.zeros((1, 6, 1), np.float32), ROIS], axis=2)
DETECTIONS = np.concatenate([ROIS, np.ones((1, 6, 2), np.float32)], axis=2)

FAULTS = [
    Fault("roi-rank", ERROR, "[6, 4]", check(ROIS[0]), "no batch axis"),
    Fault("roi-rank", ERROR, "[1, 1, 6, 4]", check(ROIS[None]), "an axis too many"),
    Fault("roi-rank", ERROR, "rank", check(ROIS[0].tolist()), "nested lists"),
    Fault("roi-last-dim", ERROR, "5 columns", check(INDEXED), "torchvision"),
    Fault("roi-last-dim", ERROR, "6 columns", check(DETECTIONS), "detections"),
    Fault("roi-dtype", ERROR, "int32", check(ROIS.astype(np.int32))),
    Fault("roi-nonfinite", ERROR, "nan", check(changed(2, np.nan)), "NaN"),
    Fault("roi-nonfinite", ERROR, "inf", check(changed((4, 3), np.inf)), "infinite"),
    Fault("roi-pixel-coords", ERROR, "256", check(PIXELS[None], **SHAPE), "floats"),
    Fault("roi-pixel-coords", ERROR, "256", check(PIXELS[None], feature_maps=maps()), "size by the maps"),
    Fault("roi-feature-coords", ERROR, "", check(PIXELS[None] / 8, **SHAPE, gt_boxes=PIXELS), "cells of P3"),
    Fault("roi-range", WARNING, "1.1", check(changed((2, 2), 1.1)), "slightly"),
    Fault("roi-range", ERROR, "", check(ROIS + 0.7), "mostly"),
    Fault("roi-order-reversed", ERROR, "6", check(ROIS[..., [2, 3, 0, 1]]), "both"),
    Fault("roi-order-reversed", ERROR, "1", check(changed(1, [0.8, 0.1, 0.2, 0.4])), "one row"),
    Fault("roi-format-xywh", ERROR, "", check(wh(ROIS))),
    Fault("roi-order-xy", ERROR, "", check(WIDE[..., [1, 0, 3, 2]], image_shape=(SIDE, 2 * SIDE, 3), gt_boxes=PIXELS)),
    Fault("roi-zero-area", WARNING, "", check(changed(3, [0.5, 0.2, 0.5, 0.9]))),
    Fault("roi-all-padding", WARNING, "", check(np.zeros((2, 8, 4), np.float32))),
    Fault("roi-dup", INFO, "", check(changed(3, ROIS[0, 2]))),
    Fault("roi-batch-mismatch", ERROR, "2", check(np.repeat(ROIS, 2, 0), feature_maps=maps()), "maps"),
    Fault("roi-batch-mismatch", ERROR, "3", check(ROIS, image_meta=meta(batch=3)), "meta"),
    Fault("fm-count", ERROR, "5", check(feature_maps=maps(strides=(4, 8, 16, 32, 64))), "P6 too"),
    Fault("fm-count", ERROR, "1", check(feature_maps=maps()[0]), "one map"),
    Fault("fm-rank", ERROR, "[64, 64, 24]", check(feature_maps=one(0, lambda each: each[0]))),
    Fault("fm-layout-nchw", ERROR, "[B, C, H, W]", check(feature_maps=[each.transpose(0, 3, 1, 2) for each in maps()])),
    Fault("fm-spatial", ERROR, "40", check(feature_maps=one(1, lambda each: np.zeros((1, 40, 40, 24)) + 1), **SHAPE)),
    Fault("fm-order", ERROR, "", check(feature_maps=maps()[::-1])),
    Fault("fm-channels", ERROR, "12", check(feature_maps=one(2, lambda each: each[..., :12]))),
    Fault("fm-nonfinite", ERROR, "", check(feature_maps=one(3, poisoned))),
    Fault("fm-all-zero", WARNING, "", check(feature_maps=one(0, np.zeros_like))),
    Fault("meta-length", ERROR, "15", check(image_meta=meta(), num_classes=81)),
    Fault("meta-image-shape", ERROR, "1024", check(image_meta=meta(1024), feature_maps=maps()), "raw size"),
    Fault("meta-window", WARNING, "", check(image_meta=meta(window=(0, 0, 300, 256)))),
    Fault("meta-active-classes", WARNING, "", check(image_meta=meta(active=(0, 0, 0)))),
]
