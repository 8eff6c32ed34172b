"""Checks of the coordinates in RoIs: their frame, their range, the order of the columns, degenerate rows.

RoIs go into PyramidROIAlign normalized, (y1, x1, y2, x2); all-zero rows are padding. Almost nothing that
breaks this raises: RoIs outside 0..1 pool zeros, reversed ones pool flipped features. roi_reading.py decides
how the numbers are to be read, so that one mistake gives one finding. `check_rois` in rois.py runs them.
"""

from __future__ import annotations

import numpy as np

from mrcnn_roi.checks.any_array import size_text
from mrcnn_roi.checks.pooling_inputs import level_names
from mrcnn_roi.checks.roi_reading import (
    CELLS,
    LARGEST_NORMALIZED,
    NORMALIZED,
    ORIGINAL_PIXELS,
    PIXELS,
    TOLERANCE,
    UNKNOWN,
    XYXY,
    YXHW,
    YXYX,
    Rois,
)
from mrcnn_roi.findings import Severity, check

POOLS_ZEROS = "outside 0..1 the layer pools zeros, without an error"


def _shape_text(rois: Rois) -> str:
    return str(rois.image_shape or "(height, width)")


def _row(rois: Rois, index) -> str:
    return "(" + ", ".join(f"{value:.4g}" for value in rois.values[index]) + ")"


def _too_large(rois: Rois) -> tuple[str, str]:
    """Places and a description of the RoIs whose coordinates exceed what normalized ones can be."""
    largest = np.abs(rois.values).max(axis=1)
    wrong = np.flatnonzero(largest > LARGEST_NORMALIZED)
    reach = f"{len(wrong)} of {len(largest)} RoIs reach up to {largest.max():.6g}"
    return rois.where(rois.places[wrong]), reach


def _finest(strides) -> str:
    """The map that a RoI without a size is pooled from."""
    return "the map" if len(strides) == 1 else level_names(1, (min(strides),))[0].replace("map0", "the finest map")


@check("roi-pixel-coords", Severity.ERROR)
def pixel_coordinates(rois: Rois):
    """RoIs in pixels where normalized ones belong. Nothing raises: nearly every crop is all zeros.

    Dividing by the stride does not help, as it would in torchvision: coordinates must lie within 0..1.
    """
    if rois.frame not in (PIXELS, ORIGINAL_PIXELS):
        return
    (where, message), size, meta = _too_large(rois), rois.image_shape, rois.image_meta
    fix = f"norm_boxes(rois, {_shape_text(rois)})"
    if size is None:
        message += ": pixel or feature-map coordinates"
        fix += " with the size of the molded image, if they are pixels of it"
    elif rois.frame == ORIGINAL_PIXELS and meta and meta.original_shape:
        message += f": pixels of the original {size_text(meta.original_shape)} image"
        message += f" (the molded one is {size_text(size)})"
        scale, corner = meta.fields["scale"][0], meta.fields["window"][0, :2].tolist()
        fix = f"norm_boxes(rois * {scale:.6g} + {corner * 2}, {size}), the scale and window of image 0"
    else:
        message += f": pixel coordinates of the {size_text(size)} image"
        if not np.any(rois.array, axis=-1).all():
            fix += ' of the boxes, not of the padding; ops.roi_layouts.convert_boxes(rois, "yxyx", "pixels", '
            fix += f"image_shape={size}) keeps zero rows zero"
    yield where, f"{message}; {POOLS_ZEROS}", fix


@check("roi-feature-coords", Severity.ERROR)
def feature_coordinates(rois: Rois):
    """RoIs in cells of a feature map (pixels divided by a stride), as torchvision's RoIAlign takes them with
    spatial_scale 1. Here they pool zeros, without an error.

    Few boxes in a corner of the image could be pixels just as well; without ground truth both are named.
    """
    if rois.frame != CELLS:
        return
    where, message = _too_large(rois)
    size, stride = _shape_text(rois), rois.stride
    fix = f"norm_boxes(rois * {stride}, {size})"
    if rois.matched:
        message += f": cells of the map of stride {stride}, as the ground truth shows"
    else:
        message += f": pixel or feature-map coordinates (as cells they fit the map of stride {stride} or finer)"
        fix += f" if they were divided by {stride}, or by what they were; norm_boxes(rois, {size}) if pixels"
    yield where, f"{message}; {POOLS_ZEROS}", fix


@check("roi-range", Severity.WARNING)
def out_of_range(rois: Rois):
    """Normalized RoIs that leave 0..1. The part outside pools zeros: of (-0.2, -0.2, 1.2, 1.2) it is 49 %.
    An error where more than half of the area of all RoIs is outside.

    Also an error: RoIs that find the ground truth only as boxes normalized with another size of the image.
    """
    size = rois.image_shape
    if rois.normalized_by and size:
        message = f"RoIs miss the ground truth, and find it as boxes normalized with {size_text(rois.normalized_by)}"
        message += f"; the molded image is {size_text(size)}. Wrong places are pooled, without an error"
        fix = f"norm_boxes(boxes, {size}); or norm_boxes(scale_boxes(rois, {rois.normalized_by}), {size})"
        yield "rois", message, fix, Severity.ERROR
    if rois.frame not in (NORMALIZED, UNKNOWN) or rois.columns == XYXY or rois.normalized_by:
        return
    low = np.minimum(rois.values[:, :2], rois.values[:, 2:])
    high = np.maximum(rois.values[:, :2], rois.values[:, 2:])
    solid = (low < high).all(axis=1) | (rois.frame == UNKNOWN)  # roi-zero-area reports the others
    wrong = np.flatnonzero(((low < -TOLERANCE) | (high > 1 + TOLERANCE)).any(axis=1) & solid)
    if not len(wrong):
        return
    gone = int(np.count_nonzero(((low[wrong] >= 1) | (high[wrong] <= 0)).any(axis=1)))
    low, high = low[solid], high[solid]
    inside = np.prod(np.clip(high, 0, 1) - np.clip(low, 0, 1), axis=1).sum()
    outside = 1 - inside / (np.prod(np.minimum(high - low, 1e150), axis=1).sum() or 1)
    message = f"{len(wrong)} of {len(rois.values)} RoIs leave 0..1"
    message += f" (values {rois.values.min():.6g} to {rois.values.max():.6g})"
    message += f", {gone} of them entirely" if gone else ""
    message += f"; {outside:.0%} of the RoI area lies outside the image and pools zeros"
    fix = _range_fix(rois, gone)
    if size and rois.frame == UNKNOWN:
        message += f". As pixels they would leave the {size_text(size)} image, too"
        fix = f"scale the boxes to the {size_text(size)} molded image, then norm_boxes(boxes, {size})"
    grave = outside > 0.5 or rois.frame == UNKNOWN
    yield rois.where(rois.places[wrong]), message, fix, Severity.ERROR if grave else Severity.WARNING


def _range_fix(rois: Rois, gone: int) -> str:
    """What to do about boxes that leave 0..1, of which `gone` lie outside entirely."""
    if not gone:
        return "np.clip(rois, 0, 1)"
    padding = "np.clip(rois, 0, 1), and make those without area padding: rois[b, n] = 0"
    if rois.matched:  # as given they find the ground truth: the odd ones are poor proposals
        return padding
    size = rois.image_shape
    fix = "np.clip(rois, 0, 1) would leave boxes without area. Likelier they were normalized with the size of another"
    fix += " image" if size and size[0] == size[1] else " image, or x came before y"
    fix += f": norm_boxes(boxes, {_shape_text(rois)}) of boxes (y1, x1, y2, x2)"
    return fix if 2 * gone > len(rois.values) else f"{fix}. If they are odd proposals: {padding}"


@check("roi-order-reversed", Severity.ERROR)
def reversed_corners(rois: Rois, strides: tuple):
    """RoIs whose second corner comes before the first. On one axis: the level is the log of a negative number and
    becomes the finest, and the crop is flipped. On both: the features are turned by 180°. Nothing raises.

    A warning where zero rows became so, because they were normalized like boxes: nothing takes them for padding any
    more, and they are pooled at the corner of the image, as background.
    """
    if len(rois.padding):
        first = rois.array[tuple(rois.padding[0])].astype(np.float64)
        message = f"{len(rois.padding)} padding rows were normalized, and are reversed boxes now, the first"
        message += f" (0, 0, {first[2]:.4g}, {first[3]:.4g}), that nothing takes for padding any more"
        fix = "pad after norm_boxes; ops.roi_layouts.pad_rois and convert_boxes normalize and keep zero rows zero"
        yield rois.where(rois.padding), message, fix, Severity.WARNING
    if rois.frame != NORMALIZED or rois.columns != YXYX:
        return
    in_y, in_x = (rois.values[:, 2:] < rois.values[:, :2]).T
    wrong = np.flatnonzero(in_y | in_x)
    if not len(wrong):
        return
    counts = {"y2 < y1": in_y & ~in_x, "x2 < x1": in_x & ~in_y, "both": in_y & in_x}
    kinds = ", ".join(f"{np.count_nonzero(mask)} {kind}" for kind, mask in counts.items() if mask.any())
    message = f"{len(wrong)} of {len(rois.values)} RoIs are reversed ({kinds})"
    message += f", the first {_row(rois, wrong[0])}: on one axis they pool flipped features"
    message += f" from {_finest(strides)} whatever their size" if len(strides) > 1 else ""
    message += ", on both turned ones"
    fix = "pass (y1, x1, y2, x2); if they are (y, x, h, w): np.concatenate([rois[..., :2], rois[..., :2] + "
    fix += "rois[..., 2:]], axis=-1); if y1 and y2 are swapped: rois[..., [2, 1, 0, 3]]"
    yield rois.where(rois.places[wrong]), message, fix


@check("roi-format-xywh", Severity.ERROR)
def extents_instead_of_corners(rois: Rois):
    """RoIs given as (y, x, h, w): as corners most are reversed, as extents all lie inside the image.

    They pool the wrong place, flipped or too small, without an error.
    """
    if rois.columns != YXHW:
        return
    wrong = np.flatnonzero((rois.values[:, 2:] < rois.values[:, :2]).any(axis=1))
    message = f"columns look like (y, x, h, w): as corners {len(wrong)} of {len(rois.values)} RoIs are reversed"
    if len(wrong):
        message += f", the first {_row(rois, wrong[0])}"
    message += "; as extents they match the ground truth" if rois.matched else "; as extents all lie inside"
    fix = "np.concatenate([rois[..., :2], rois[..., :2] + rois[..., 2:]], axis=-1)"
    yield (
        rois.where(rois.places[wrong]) or "rois",
        f"{message}. Wrong places are pooled, without an error",
        fix,
    )


@check("roi-order-xy", Severity.ERROR)
def swapped_axes(rois: Rois):
    """RoIs with x before y, as COCO, torchvision and detectron2 write them. They pool the transposed place,
    without an error. Only ground truth can tell: without gt_boxes nothing is claimed."""
    if rois.columns == XYXY:
        message = "columns look like (x1, y1, x2, y2): as given they miss the ground truth, swapped they find it"
        fix = f"swap the pixel boxes, then normalize: norm_boxes(boxes[..., [1, 0, 3, 2]], {_shape_text(rois)})"
        yield "rois", f"{message}; the transposed place is pooled, without an error", fix


@check("roi-zero-area", Severity.WARNING)
def zero_area(rois: Rois, strides: tuple):
    """RoIs without height or width that are not padding. One row, column or point of the finest map is pooled for
    them; the heads learn nothing from it."""
    if rois.frame != NORMALIZED or rois.columns == YXHW:
        return
    wrong = np.flatnonzero((rois.values[:, 2:] == rois.values[:, :2]).any(axis=1))
    if len(wrong):
        message = f"{len(wrong)} of {len(rois.values)} RoIs have no area, the first {_row(rois, wrong[0])}"
        message += f": one row, column or point of {_finest(strides)} is pooled"
        yield rois.where(rois.places[wrong]), message, "drop them, or make them padding: rois[b, n] = 0"


@check("roi-dup", Severity.INFO)
def duplicates(rois: Rois):
    """RoIs that occur more than once in an image: pooled and scored again, for nothing."""
    if rois.frame != NORMALIZED or len(rois.values) < 2 or rois.received.ndim == 2:  # of which image?
        return
    keys = np.column_stack([rois.places[:, 0], rois.values + 0.0])  # + 0.0 turns -0 into 0
    order = np.lexsort(keys.T)  # stable: of equal rows the first stays first
    wrong = np.sort(order[1:][np.all(keys[order[1:]] == keys[order[:-1]], axis=1)])
    if len(wrong):
        message = f"{len(wrong)} of {len(rois.values)} RoIs repeat another of their image"
        message += f", the first {_row(rois, wrong[0])}"
        yield rois.where(rois.places[wrong]), message, "harmless; np.unique(rois[b], axis=0) removes them"
