"""Checks of the Config against the network it describes (group "model"): pyramid levels, strides, anchors.

The named backbones make five levels, P2 to P6, with strides 4 to 64. A backbone of your own declares its
levels by BACKBONE_STRIDES and their sizes by COMPUTE_BACKBONE_SHAPE. Known sizes only: checks that need the
images are in fit, but for mdl-level-unused, which is about the network alone.
"""

from __future__ import annotations

import math

import numpy as np

from mrcnn_roi.checks.config.images import min_dim, resize_mode
from mrcnn_roi.checks.config.network import BACKBONES, usable_strides
from mrcnn_roi.checks.config.schema import derived_values
from mrcnn_roi.checks.splits import data_check
from mrcnn_roi.checks.values import Reading, compact, config_check, flat_list, is_int, number_list, show
from mrcnn_roi.findings import Severity
from mrcnn_roi.ops.anchors import compute_backbone_shapes, feature_shapes
from mrcnn_roi.ops.levels import roi_levels

PYRAMID_STRIDES = [4, 8, 16, 32, 64]  # P2..P6 of the named backbones


def positive(values) -> list[float] | None:
    """The list of numbers when all are above 0, else None (a check of group "config" reports it)."""
    values = number_list(values)
    return values if values and min(values) > 0 else None


def is_named(config: Reading) -> bool:
    return isinstance(config.BACKBONE, str) and config.BACKBONE in BACKBONES


def image_shape(config: Reading) -> np.ndarray | None:
    """IMAGE_SHAPE [H, W, C] when it is three whole numbers from 1 on."""
    values = positive(config.IMAGE_SHAPE)
    return np.array(values, dtype=np.int64) if values and len(values) == 3 and max(values) < 2**31 else None


def fixed_side(config: Reading) -> int | None:
    """The side of the molded image in the modes where it is fixed ("square", "crop"), else None."""
    mode = resize_mode(config)
    side = {"square": config.IMAGE_MAX_DIM, "crop": min_dim(config)}.get(mode or "")
    return side if is_int(side, 1) else None


def map_shapes(config: Reading, shape: np.ndarray) -> np.ndarray | str:
    """int [L, (height, width)] of the maps of the user's backbone, or what is wrong with its answer."""
    try:
        shapes = np.asarray(compute_backbone_shapes(config.raw, shape))
    except Exception as error:
        return f"COMPUTE_BACKBONE_SHAPE({shape.tolist()}) raises {type(error).__name__}: {error}"
    if shapes.ndim != 2 or shapes.shape[1] != 2 or shapes.dtype.kind not in "iuf" or not np.isfinite(shapes).all():
        return f"COMPUTE_BACKBONE_SHAPE({shape.tolist()}) returns {show(shapes)}, expected [[height, width], ...]"
    return shapes.astype(np.int64)


def anchor_counts(config: Reading, shapes: np.ndarray) -> list[int]:
    """Anchors of each level for maps [L, (height, width)]."""
    step = config.RPN_ANCHOR_STRIDE if is_int(config.RPN_ANCHOR_STRIDE, 1) else 1
    ratios = len(positive(config.RPN_ANCHOR_RATIOS) or [1])
    return [math.ceil(height / step) * math.ceil(width / step) * ratios for height, width in shapes.tolist()]


@config_check("mdl-strides-vs-scales", Severity.ERROR)
def scales_against_levels(config):
    """Not one anchor scale per pyramid level. Too few, and the network trains on anchors that are not those
    it predicts for, then detection stops with `indices[...] is not in [0, ...)`; too many is an IndexError.

    The named backbones have five levels; a backbone of your own has as many as BACKBONE_STRIDES.
    """
    scales, strides = positive(config.RPN_ANCHOR_SCALES), usable_strides(config)
    if scales is None or strides is None or not (is_named(config) or callable(config.BACKBONE)):
        return
    levels = len(PYRAMID_STRIDES) if is_named(config) else len(strides)
    if len(scales) == levels:
        if len(strides) != levels:
            message = f"{len(strides)} BACKBONE_STRIDES for {levels} anchor scales and as many pyramid levels"
            fix = f"set BACKBONE_STRIDES = {PYRAMID_STRIDES}"
            yield (
                "RPN_ANCHOR_SCALES, BACKBONE_STRIDES",
                f"{message}: the anchors of a level are missing or too many",
                fix,
            )
        return
    better = list(scales[:levels])
    while len(better) < levels:
        better.append(better[-1] * 2)
    plural = "s" * (len(scales) > 1)
    message = (
        f"{len(scales)} anchor scale{plural} for {levels} pyramid levels: anchors and RPN outputs do not correspond"
    )
    fix = f"set RPN_ANCHOR_SCALES = ({', '.join(map(compact, better))}), one scale a level"
    if is_named(config) and len(strides) != levels:
        fix += f", and BACKBONE_STRIDES = {PYRAMID_STRIDES}"
    yield "RPN_ANCHOR_SCALES, BACKBONE_STRIDES", message, fix


@config_check("mdl-strides-vs-backbone", Severity.ERROR)
def strides_against_backbone(config):
    """BACKBONE_STRIDES are not the strides of the maps the backbone makes: the anchors describe other places
    than the RPN predicts for, and boxes are learned from wrong targets.

    For a backbone of your own the sizes COMPUTE_BACKBONE_SHAPE returns are compared with IMAGE_SHAPE /
    stride; rounding down where the stride does not divide the side is fine.
    """
    strides, shape, scales = usable_strides(config), image_shape(config), positive(config.RPN_ANCHOR_SCALES)
    if strides is None or shape is None:
        return
    if is_named(config):
        said_with_scales = scales and len(strides) != len(PYRAMID_STRIDES)
        if strides != PYRAMID_STRIDES and not said_with_scales:
            described = sum(anchor_counts(config, feature_shapes(shape, strides)))
            produced = sum(anchor_counts(config, feature_shapes(shape, PYRAMID_STRIDES)))
            message = f"BACKBONE_STRIDES={show(config.BACKBONE_STRIDES)} describes {described:,} anchors"
            message += f", {config.BACKBONE} FPN produces {produced:,}: targets and predictions do not correspond"
            yield "BACKBONE_STRIDES", message, f"set BACKBONE_STRIDES = {PYRAMID_STRIDES}"
    elif callable(config.BACKBONE) and callable(config.COMPUTE_BACKBONE_SHAPE):
        maps = map_shapes(config, shape)
        if isinstance(maps, str):
            yield (
                "COMPUTE_BACKBONE_SHAPE",
                f"{maps}: no anchors can be made",
                "return one [height, width] for each stride",
            )
        elif len(maps) == len(strides):
            yield from _levels_off(strides, shape, maps)


def _levels_off(strides, shape, maps):
    low, high = shape[:2] // np.array(strides)[:, None], feature_shapes(shape, strides)
    wrong = [
        level for level in range(len(strides)) if not ((low[level] <= maps[level]) & (maps[level] <= high[level])).all()
    ]
    if wrong:
        listed = "; ".join(
            f"level {level}: map {maps[level].tolist()}, stride {compact(strides[level])} wants {high[level].tolist()}"
            for level in wrong
        )
        real = [round(shape[0] / max(1, height)) for height in maps[:, 0].tolist()]
        message = f"BACKBONE_STRIDES do not fit COMPUTE_BACKBONE_SHAPE for {shape.tolist()}: {listed}"
        yield "BACKBONE_STRIDES, COMPUTE_BACKBONE_SHAPE", message, f"set BACKBONE_STRIDES = {real}"


@config_check("mdl-anchor-count", Severity.ERROR)
def anchor_count(config):
    """A backbone of your own declares another number of maps (COMPUTE_BACKBONE_SHAPE) than levels
    (BACKBONE_STRIDES). Fewer anchors than RPN outputs are silently misaligned, more stop the run."""
    strides, shape = usable_strides(config), image_shape(config)
    if strides is None or shape is None or not (callable(config.BACKBONE) and callable(config.COMPUTE_BACKBONE_SHAPE)):
        return
    maps = map_shapes(config, shape)
    if isinstance(maps, str) or len(maps) == len(strides):
        return
    described, produced = anchor_counts(config, feature_shapes(shape, strides)), anchor_counts(config, maps)
    message = (
        f"BACKBONE_STRIDES describes {sum(described):,} anchors ({described}), COMPUTE_BACKBONE_SHAPE {sum(produced):,}"
    )
    real = sorted({round(shape[0] / max(1, height)) for height in maps[:, 0].tolist()})
    fix = f"set BACKBONE_STRIDES = {real}, one stride for each of the {len(maps)} maps"
    yield "BACKBONE_STRIDES, COMPUTE_BACKBONE_SHAPE", f"{message} ({produced}): they do not correspond", fix


@config_check("mdl-nonresnet-odd-size", Severity.ERROR)
def size_against_own_backbone(config):
    """Images whose sides the largest stride of a backbone of your own does not divide: maps that are halved
    on the way down and doubled on the way up do not fit together.

    An error where IMAGE_SHAPE says so in "none" mode; a warning for "pad64", which pads to multiples of 64
    only. In "square" and "crop" mode cfg-image-dim-not-div64 finds it.
    """
    strides, shape, mode = usable_strides(config), image_shape(config), resize_mode(config)
    if strides is None or shape is None or not callable(config.BACKBONE):
        return
    largest = strides[-1]
    if mode == "pad64" and 64 % largest:
        message = f'"pad64" pads images to multiples of 64, the largest of BACKBONE_STRIDES is {largest}'
        fix = f'set IMAGE_RESIZE_MODE = "square" and IMAGE_MAX_DIM = {math.ceil(shape[0] / largest) * largest}'
        yield (
            "IMAGE_RESIZE_MODE, BACKBONE_STRIDES",
            f"{message}: some images will not fit",
            fix,
            Severity.WARNING,
        )
    expected = derived_values(config.raw).get("IMAGE_SHAPE")
    declared = expected is not None and shape.tolist() != expected.tolist()
    if mode == "none" and declared and any(side % largest for side in shape[:2].tolist()):
        sides = [math.ceil(side / largest) * largest for side in shape[:2].tolist()]
        message = f"IMAGE_SHAPE {shape.tolist()} is not divisible by {largest}, the largest of BACKBONE_STRIDES"
        yield (
            "IMAGE_SHAPE, BACKBONE_STRIDES",
            f"{message}: the maps do not fit together",
            f"pad images to {sides}",
        )


@config_check("mdl-anchor-gt-image", Severity.WARNING)
def anchor_larger_than_image(config):
    """An anchor scale larger than the molded image. No object can be that large, so a whole pyramid level
    is wasted while small objects may lack anchors. A scale equal to the side of the image is fine."""
    scales, side = positive(config.RPN_ANCHOR_SCALES), fixed_side(config)
    if scales is None or side is None or max(scales) <= side:
        return
    factor = 2.0 ** min(1000, math.ceil(math.log2(max(scales) / side)))
    fix = f"set RPN_ANCHOR_SCALES = ({', '.join(compact(each / factor) for each in scales)})"
    large = ", ".join(compact(each) for each in scales if each > side)
    message = f"scale {large} cannot fit in {side}x{side} images: the level's anchors never match an object"
    yield "RPN_ANCHOR_SCALES", message, fix


@data_check("mdl-level-unused", Severity.INFO, "model")
def levels_unused(config, train):
    """All objects are of about one size, so that RoIs like them are pooled from one pyramid level (224 pixels belong to
    P4, half of that to P3): to the heads the other maps are of no use. Common with small objects, and harmless."""
    levels = flat_list(config.ROI_POOL_LEVELS) or []
    sides, image = train.molding.sides, train.scan.instance_image
    kept = np.flatnonzero(train.objects & ~train.molding.vanished)
    if len(levels) < 2 or not all(is_int(level, 2, 5) for level in levels) or not len(kept):
        return
    used: set[int] = set()
    for shape in train.molding.shapes:
        mine = sides[kept[(train.molding.shape[image[kept]] == shape).all(axis=1)]]
        boxes = np.concatenate([np.zeros_like(mine), mine / np.maximum(shape - 1, 1)], axis=1)
        used |= set(roi_levels(boxes, shape, levels).tolist())
    if len(used) != 1:
        return
    level, others = used.pop(), [f"P{each}" for each in levels]
    others.remove(f"P{level}")
    median = float(np.median(np.sqrt(np.prod(sides[kept], axis=1))))
    message = f"all {len(kept)} objects (median side {median:.0f} px after resizing) are pooled from P{level}"
    fix = f"nothing to do; ROI_POOL_LEVELS = ({level},) would pool from that map alone"
    yield "ROI_POOL_LEVELS", f"{message}: the heads never see {', '.join(others)}", fix
