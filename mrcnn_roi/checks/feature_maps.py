"""Checks of the feature maps that go into PyramidROIAlign.

The layer's contract: P2..P5 [B, H, W, C], finest first; H and W are those of the molded image divided by the
level's stride and rounded up. `check_rois` in rois.py runs these checks.
"""

from __future__ import annotations

import numpy as np

from mrcnn_roi.checks.any_array import describe, is_number, places, size_text
from mrcnn_roi.checks.pooling_inputs import FeatureMaps, ImageSizes, best_image_shape, fits
from mrcnn_roi.findings import Severity, check
from mrcnn_roi.ops.anchors import feature_shapes


@check("fm-count", Severity.ERROR)
def count(feature_maps: FeatureMaps, strides: tuple):
    """More or fewer maps than levels. The layer refuses them. The original raised an IndexError for too few
    and ignored the surplus of too many, so that an extra map in front shifted every level."""
    received = feature_maps.count
    if received != len(strides):
        levels = f"{len(strides)} levels of stride {', '.join(map(str, strides))}"
        shapes = ", ".join(describe(each) for each in feature_maps.arrays[:8])
        fix = "pass a list with one map per stride, finest first: [P2, P3, P4, P5] for (4, 8, 16, 32)"
        if received == len(strides) + 1:
            fix += "; P6 is for the RPN only"
        yield "feature_maps", f"{received} feature maps for {levels}: {shapes or 'none'}", fix


@check("fm-rank", Severity.ERROR)
def rank(feature_maps: FeatureMaps, strides: tuple):
    """Maps that are not [B, H, W, C] numbers. crop_and_resize stops with "input image must be 4-D"."""
    if len(feature_maps.arrays) == 1 != len(strides):
        return  # a single thing instead of a list: fm-count says so
    wrong = {
        name: describe(each)
        for name, each in zip(feature_maps.names, feature_maps.arrays)
        if each.ndim != 4 or not is_number(each.dtype)
    }
    if wrong:
        listed = ", ".join(f"{name} is {text}" for name, text in wrong.items())
        ranks = {each.ndim for name, each in zip(feature_maps.names, feature_maps.arrays) if name in wrong}
        fix = "add the batch axis: P[None]" if ranks == {3} else "pass maps [B, H, W, C] of floating numbers"
        yield ", ".join(wrong), f"{listed}; expected [B, H, W, C]", fix


@check("fm-layout-nchw", Severity.ERROR)
def channels_first(feature_maps: FeatureMaps):
    """Maps [B, C, H, W], PyTorch's layout. crop_and_resize takes them for [B, H, W, C] without an error and
    returns [n, 7, 7, W] of garbage."""
    if feature_maps.layout == "NCHW":
        name, shape = feature_maps.names[0], list(feature_maps.arrays[0].shape)
        message = f"{name} {shape} is [B, C, H, W]; pooled as it is, it gives [n, 7, 7, {shape[3]}] garbage"
        fix = "[np.transpose(P, (0, 2, 3, 1)) for P in feature_maps]"
        yield ", ".join(feature_maps.names), f"{message}, without an error", fix


@check("fm-order", Severity.ERROR)
def order(feature_maps: FeatureMaps):
    """Levels in another order than finest first: RoIs are pooled from maps too coarse or too fine for their
    size, without an error."""
    if feature_maps.layout == "NHWC" and feature_maps.disordered:
        sizes = ", ".join(size_text(shape) for shape in feature_maps.shapes)
        largest_first = np.argsort(-np.prod(feature_maps.shapes, axis=1), kind="stable").tolist()
        fix = f"[feature_maps[i] for i in {largest_first}]"
        yield "feature_maps", f"maps of {sizes}: levels are swapped, the finest must come first", fix


def reference_shape(feature_maps: FeatureMaps, image_sizes: ImageSizes, strides) -> tuple[int, int]:
    """The image size to judge single maps by, when the maps disagree among themselves or with `given`."""
    if image_sizes.given:
        return image_sizes.given
    if image_sizes.meta:
        agree = np.all(feature_shapes(image_sizes.meta, strides) == feature_maps.shapes, axis=1)
        if agree.any():
            return image_sizes.meta
    return best_image_shape(feature_maps.shapes, strides)


@check("fm-spatial", Severity.ERROR)
def spatial(feature_maps: FeatureMaps, image_sizes: ImageSizes, strides: tuple):
    """Maps whose height or width is not that of the image divided by the stride, rounded up: RoIs pool
    features of another place than they mark, without an error.

    Where the maps agree among themselves and only the meta says otherwise, meta-image-shape reports it.
    """
    maps = feature_maps
    if maps.layout != "NHWC" or maps.disordered or len(maps.arrays) != len(strides):
        return
    if maps.image_shape and (not image_sizes.given or fits(maps.shapes, image_sizes.given, strides)):
        return
    size = reference_shape(maps, image_sizes, strides)
    expected = feature_shapes(size, strides)
    wrong = [i for i in range(len(strides)) if tuple(maps.shapes[i]) != tuple(expected[i]) or 0 in maps.shapes[i]]
    if not wrong:
        return
    listed = ", ".join(
        f"{maps.names[i]} is {size_text(maps.shapes[i])}, expected {size_text(expected[i])} "
        f"for {size_text(size)} / {strides[i]}"
        for i in wrong
    )
    fix = f"pass maps of {', '.join(size_text(shape) for shape in expected)} for a {size_text(size)} image"
    if maps.image_shape:
        fix += f", or image_shape={maps.image_shape} if the maps are right"
    yield ", ".join(maps.names[i] for i in wrong), listed, fix


@check("fm-channels", Severity.ERROR)
def channels(feature_maps: FeatureMaps):
    """Levels with different numbers of channels: the pooled RoIs cannot be joined."""
    numbers = [each.shape[3] for each in feature_maps.arrays if each.ndim == 4]
    if feature_maps.layout == "NHWC" and len(set(numbers)) > 1:
        listed = ", ".join(f"{name} {number}" for name, number in zip(feature_maps.names, numbers))
        usual = max(numbers, key=numbers.count)
        where = ", ".join(name for name, number in zip(feature_maps.names, numbers) if number != usual)
        fix = f"give every level the same number, e.g. {usual}, by a 1x1 convolution"
        yield where, f"channels differ: {listed}; the pooled RoIs cannot be joined", fix


@check("fm-channels-config", Severity.ERROR)
def channels_against_config(feature_maps: FeatureMaps, pyramid_size: int):
    """Maps whose channels are not TOP_DOWN_PYRAMID_SIZE: the heads' weights do not fit."""
    if feature_maps.layout != "NHWC":
        return
    numbers = {each.shape[3] for each in feature_maps.arrays}
    if len(numbers) == 1 and numbers != {pyramid_size}:
        number = numbers.pop()
        message = f"maps have {number} channels, TOP_DOWN_PYRAMID_SIZE is {pyramid_size}"
        fix = f"set TOP_DOWN_PYRAMID_SIZE = {number}, or build maps of {pyramid_size} channels"
        yield "feature_maps", message, fix


@check("fm-nonfinite", Severity.ERROR)
def nonfinite(feature_maps: FeatureMaps):
    """NaN or infinity in a map. It spreads to every RoI that touches it and on to all weights."""
    where, counts = [], []
    for name, each, limits in zip(feature_maps.names, feature_maps.arrays, feature_maps.extremes):
        if limits is None or all(np.isfinite(limit) for limit in limits):
            continue
        wrong = ~np.isfinite(each.astype(np.float32) if each.dtype.kind == "V" else each).ravel()
        start = int(np.argmax(wrong))
        first = np.flatnonzero(wrong[start : start + 100_000])[:6] + start
        where.append(places(name, np.stack(np.unravel_index(first, each.shape), axis=1)))
        counts.append(f"{np.count_nonzero(wrong)} of {each.size} values of {name}")
    if where:
        message = f"{', '.join(counts)} are NaN or infinite: every RoI that touches them becomes so, too"
        yield ", ".join(where), message, "find the first layer, from the input on, whose output has them"


@check("fm-all-zero", Severity.WARNING)
def all_zero(feature_maps: FeatureMaps):
    """Maps that are zero everywhere: a dead backbone, weights that were not loaded, or a placeholder."""
    zero = [name for name, limits in zip(feature_maps.names, feature_maps.extremes) if limits == (0, 0)]
    if zero:
        message = f"{len(zero)} of {len(feature_maps.arrays)} maps are zero everywhere: so is what they give"
        yield ", ".join(zero), message, "feed a real image, and load weights before looking at the maps"
