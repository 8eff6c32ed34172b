"""For every code of check_rois one input that it must find and a similar one that it must let pass.

EXAMPLES[code] is (bad, good): keyword arguments of `read_inputs`, with "pyramid_size" beside them where a
check needs it. `findings_of(example)` runs the group on them.
"""

import numpy as np

from mrcnn_roi.checks.rois import GROUPS, read_inputs
from mrcnn_roi.findings import run_checks
from mrcnn_roi.ops.boxes import norm_boxes
from mrcnn_roi.ops.meta import compose_image_meta

SIDE = 128
PIXEL_BOXES = np.array([[[10, 20, 90, 70], [40, 5, 100, 60], [64, 64, 128, 120], [0, 90, 30, 128]]], np.float32)
ROIS = norm_boxes(PIXEL_BOXES, (SIDE, SIDE))
GT = np.array([[10, 22, 88, 70], [66, 64, 126, 120], [0, 0, 0, 0]])


def with_row(values, rois=ROIS):
    """ROIS with `values` as one more row of image 0."""
    return np.concatenate([rois, np.array([[values]], np.float32)], axis=1)


def maps(side=SIDE, batch=1, channels=8, strides=(4, 8, 16, 32), seed=0):
    rng = np.random.default_rng(seed)
    return [rng.normal(size=(batch, -(-side // s), -(-side // s), channels)).astype(np.float32) for s in strides]


def meta(side=SIDE, active=(1, 1, 1), window=None, image_id=7):
    shape = (side, side, 3)
    return compose_image_meta(image_id, shape, shape, window or (0, 0, side, side), 1, active)


def metas(*each):
    return np.stack(each or (meta(),))


def changed(level, change):
    """The usual maps with map `level` replaced by change(map)."""
    return [change(each) if i == level else each for i, each in enumerate(maps())]


def set_nan(array):
    array[0, 3, 2, 1] = np.nan
    return array


EXTENTS = np.concatenate([ROIS[..., :2], ROIS[..., 2:] - ROIS[..., :2]], axis=-1)
WIDE_ROIS = norm_boxes(PIXEL_BOXES, (SIDE, 2 * SIDE))

EXAMPLES = {
    "roi-rank": ({"rois": ROIS[0]}, {"rois": ROIS[0][None]}),
    "roi-last-dim": ({"rois": np.insert(ROIS, 0, 0, axis=-1)}, {"rois": np.insert(ROIS, 0, 0, axis=1)}),
    "roi-dtype": ({"rois": ROIS.astype(np.int32)}, {"rois": ROIS.astype(np.float16)}),
    "roi-nonfinite": ({"rois": with_row([0, 0, np.nan, 1])}, {"rois": with_row([0, 0, 0.5, 1])}),
    "roi-pixel-coords": (
        {"rois": PIXEL_BOXES, "image_shape": (SIDE, SIDE, 3)},
        {"rois": ROIS, "image_shape": (SIDE, SIDE, 3)},
    ),
    "roi-feature-coords": (
        {"rois": PIXEL_BOXES / 16, "image_shape": (SIDE, SIDE), "gt_boxes": GT},
        {"rois": ROIS, "image_shape": (SIDE, SIDE), "gt_boxes": GT},
    ),
    "roi-range": ({"rois": with_row([-0.2, 0, 0.5, 0.6])}, {"rois": with_row([0, 0, 1, 1 + 1e-7])}),
    "roi-order-reversed": ({"rois": ROIS[..., [2, 1, 0, 3]]}, {"rois": with_row([0, 0, 0, 0])}),
    "roi-format-xywh": ({"rois": EXTENTS}, {"rois": ROIS}),
    "roi-order-xy": (
        {"rois": WIDE_ROIS[..., [1, 0, 3, 2]], "image_shape": (SIDE, 2 * SIDE), "gt_boxes": GT},
        {"rois": WIDE_ROIS[..., [1, 0, 3, 2]], "image_shape": (SIDE, 2 * SIDE)},
    ),
    "roi-zero-area": ({"rois": with_row([0.3, 0.4, 0.3, 0.7])}, {"rois": with_row([0, 0, 0, 0])}),
    "roi-all-padding": ({"rois": np.zeros((2, 5, 4), np.float32)}, {"rois": np.zeros((2, 0, 4), np.float32)}),
    "roi-dup": ({"rois": with_row(ROIS[0, 1])}, {"rois": np.concatenate([ROIS, ROIS])}),
    "roi-batch-mismatch": (
        {"rois": np.concatenate([ROIS, ROIS]), "feature_maps": maps(batch=1)},
        {"rois": np.concatenate([ROIS, ROIS]), "feature_maps": maps(batch=2)},
    ),
    "fm-count": (
        {"rois": ROIS, "feature_maps": maps(strides=(4, 8, 16, 32, 64))},
        {"rois": ROIS, "feature_maps": maps(strides=(4, 8, 16, 32, 64)), "strides": (4, 8, 16, 32, 64)},
    ),
    "fm-rank": (
        {"rois": ROIS, "feature_maps": changed(1, lambda each: each[0])},
        {"rois": ROIS, "feature_maps": maps()},
    ),
    "fm-layout-nchw": (
        {"rois": ROIS, "feature_maps": [np.transpose(each, (0, 3, 1, 2)) for each in maps(channels=32)]},
        {"rois": ROIS, "feature_maps": maps(channels=32)},
    ),
    "fm-spatial": (
        {"rois": ROIS, "feature_maps": changed(1, lambda each: np.resize(each, (1, 20, 20, 8)))},
        {"rois": ROIS, "feature_maps": maps(side=126), "image_shape": (126, 126)},
    ),
    "fm-order": ({"rois": ROIS, "feature_maps": maps()[::-1]}, {"rois": ROIS, "feature_maps": maps()}),
    "fm-channels": (
        {"rois": ROIS, "feature_maps": changed(2, lambda each: each[..., :4])},
        {"rois": ROIS, "feature_maps": maps(channels=4)},
    ),
    "fm-channels-config": (
        {"rois": ROIS, "feature_maps": maps(), "pyramid_size": 256},
        {"rois": ROIS, "feature_maps": maps(), "pyramid_size": 8},
    ),
    "fm-nonfinite": (
        {"rois": ROIS, "feature_maps": changed(2, set_nan)},
        {"rois": ROIS, "feature_maps": maps()},
    ),
    "fm-all-zero": (
        {"rois": ROIS, "feature_maps": changed(3, np.zeros_like)},
        {"rois": ROIS, "feature_maps": changed(3, np.ones_like)},
    ),
    "meta-length": (
        {"rois": ROIS, "image_meta": metas(), "num_classes": 5},
        {"rois": ROIS, "image_meta": metas(), "num_classes": 3},
    ),
    "meta-image-shape": (
        {"rois": ROIS, "image_meta": metas(meta(1024)), "feature_maps": maps()},
        {"rois": ROIS, "image_meta": metas(meta(126)), "feature_maps": maps()},
    ),
    "meta-window": (
        {"rois": ROIS, "image_meta": metas(meta(window=(16, 0, 144, 128)))},
        {"rois": ROIS, "image_meta": metas(meta(window=(16, 0, 112, 128)))},
    ),
    "meta-active-classes": (
        {"rois": ROIS, "image_meta": metas(meta(active=(0, 0, 0)))},
        {"rois": ROIS, "image_meta": metas(meta(active=(1, 0, 0)))},
    ),
}


def findings_of(example):
    """The findings of one example."""
    arguments = dict(example)
    extra = {"pyramid_size": arguments.pop("pyramid_size")} if "pyramid_size" in arguments else {}
    return run_checks(GROUPS, **read_inputs(**arguments), **extra)
