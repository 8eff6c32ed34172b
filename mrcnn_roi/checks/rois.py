"""`check_rois`: what is wrong with what goes into PyramidROIAlign. In this file: shape and dtype of RoIs.

The layer's contract: RoIs [B, N, (y1, x1, y2, x2)], floating, normalized; all-zero rows are padding. The
coordinates are checked by roi_coordinates.py, the rest by feature_maps.py and image_meta.py.

Two ids of the catalogue are special:
- roi-count-limit does not exist here. It belongs to a layer that restores the order of the RoIs by the sort
  key batch * 100000 + index; ours pools without such a key and takes any number of RoIs.
- fm-channels-config needs TOP_DOWN_PYRAMID_SIZE, which `check_rois` does not take; a caller that knows it
  runs run_checks(GROUPS, pyramid_size=256, **read_inputs(...)).
"""

from __future__ import annotations

import warnings

import numpy as np

from mrcnn_roi.checks import feature_maps as _feature_maps  # noqa: F401 - registers its checks
from mrcnn_roi.checks import image_meta as _image_meta  # noqa: F401 - registers its checks
from mrcnn_roi.checks import pooling_inputs as read
from mrcnn_roi.checks import roi_coordinates as _roi_coordinates  # noqa: F401 - registers its checks
from mrcnn_roi.checks.any_array import describe, is_floating, is_list, is_number
from mrcnn_roi.checks.roi_reading import LARGEST_NORMALIZED, Rois, read_rois
from mrcnn_roi.findings import Finding, Severity, check, run_checks

GROUPS = ("rois", "roi_coordinates", "feature_maps", "image_meta")


def check_rois(
    rois,
    *,
    feature_maps=None,
    image_meta=None,
    image_shape=None,
    gt_boxes=None,
    num_classes=None,
    strides=(4, 8, 16, 32),
) -> list[Finding]:
    """Everything that is wrong with what is about to be pooled, gravest first; an empty list when nothing is.

    Takes numpy arrays, lists or eager tensors, and never raises: whatever cannot be read is a finding.

    Args:
        rois: [B, N, (y1, x1, y2, x2)] normalized; all-zero rows are padding.
        feature_maps: P2..P5, each [B, H, W, C], finest first, one per stride.
        image_meta: [B, 12 + K] as `compose_image_meta` makes it.
        image_shape: (height, width, ...) of the molded image in pixels. Without it the size comes from
            image_meta, else from the feature maps.
        gt_boxes: [G, (y1, x1, y2, x2)] (the same in every image) or [B, G, 4], pixels of the molded image.
            Only with them can swapped x and y be seen.
        num_classes: K, background included.
        strides: pixels of the image per cell of each map.
    """
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of foreign conversions to numpy; what is wrong becomes a finding
        objects = read_inputs(rois, feature_maps, image_meta, image_shape, gt_boxes, num_classes, strides)
        return run_checks(GROUPS, **objects)


def read_inputs(
    rois, feature_maps=None, image_meta=None, image_shape=None, gt_boxes=None, num_classes=None,
    strides=read.DEFAULT_STRIDES,
) -> dict[str, object]:  # fmt: skip
    """The objects that the checks of GROUPS need, by name; the arguments are those of `check_rois`."""
    strides, given = read.read_strides(strides), read.read_size(image_shape)
    meta = read.read_meta(image_meta, num_classes)
    from_meta = meta.image_shape if meta else None
    maps = read.read_maps(feature_maps, strides, given or from_meta)
    sizes = read.ImageSizes(given, from_meta, maps.image_shape if maps else None)
    read_as = read_rois(rois, sizes, meta, strides, gt_boxes)
    counts = read.batch_sizes(read_as.received, maps, meta, gt_boxes)
    if _first_column_is_index(read_as.received, _pictures(counts)):
        counts.pop("rois", None)  # these rows are not grouped by image yet: roi-last-dim says so
    return {
        "rois": read_as,
        "feature_maps": maps,
        "image_meta": meta,
        "image_sizes": sizes,
        "strides": strides,
        "batch_sizes": counts,
        "training": gt_boxes is not None,
    }


def _pictures(batch_sizes: dict) -> int | None:
    """Images in the batch, as everything but the RoIs says; None where nothing does, or not with one voice."""
    counts = {count for name, count in batch_sizes.items() if name != "rois"}
    return counts.pop() if len(counts) == 1 else None


@check("roi-rank", Severity.ERROR)
def rank(rois: Rois, batch_sizes: dict):
    """RoIs that are not [B, N, 4]: no batch axis, one too many, or nothing that can be read as an array.

    The layer refuses them, and crop_and_resize itself says no more than "boxes must be 2-D".
    """
    array, pictures = rois.received, _pictures(batch_sizes)
    shape = array.shape
    if len(shape) == 3:
        return
    fix = "pass an array [B, N, (y1, x1, y2, x2)]; for one image without RoIs np.zeros((1, 0, 4), np.float32)"
    if array.dtype == object and is_list(array[()]):
        fix = "pad every image to the same number of RoIs with zero rows, [B, N, 4]: ops.roi_layouts.pad_rois"
    elif array.dtype == object and shape == () and array[()] is not None:
        fix = "pass a numpy array or an eager tensor; a symbolic tensor has no values to check"
    elif len(shape) == 2 and shape[1] == 5:
        fix = f"5 columns look like torchvision's (batch index, box): {_grouping(rois, pictures)}"
    elif len(shape) == 2 and shape[1] == 4 and (pictures or 1) > 1:
        fix = f"say which of the {pictures} images each belongs to: ops.roi_layouts.pad_rois"
    elif len(shape) == 2:
        fix = "add the batch axis: rois[None]"
    elif shape == (4,):
        fix = "add the axes of the batch and of the RoIs: rois[None, None]"
    elif len(shape) > 3 and shape[-1] == 4:
        fix = f"np.reshape(rois, ({shape[0]}, -1, 4))"
    yield "rois", f"rois are {describe(array)}, of rank {len(shape)}; the layer takes [B, N, 4]", fix


@check("roi-last-dim", Severity.ERROR)
def last_dimension(rois: Rois, batch_sizes: dict):
    """RoIs with more or fewer than 4 columns. crop_and_resize stops with "boxes must have 4 columns"."""
    array, pictures = rois.array, _pictures(batch_sizes)
    shape = array.shape
    if len(shape) != 3 or shape[2] == 4:
        return
    message = f"rois are {describe(array)}: {shape[2]} columns instead of (y1, x1, y2, x2)"
    fix = "pass [B, N, (y1, x1, y2, x2)]"
    if _first_column_is_index(array, pictures):
        message += "; column 0 looks like the batch index (torchvision's layout)"
        fix = f"use rois[..., 1:], grouped by image: {_grouping(rois, pictures)}"
    elif shape[2] == 6:
        fix = "they look like detections (box, class, score): rois[..., :4]"
    elif shape[2] == 5:
        fix = "keep the box alone: rois[..., :4] if the score comes last, rois[..., 1:] if it comes first"
        if shape[1] == 4 and _mostly_in_order(np.swapaxes(array, 1, 2)):
            fix = f"the columns may be on axis 1: np.swapaxes(rois, 1, 2). If not, {fix}"
    elif shape[1] == 4:
        fix = "the columns are on axis 1: np.swapaxes(rois, 1, 2)"
    yield "rois", message, fix


def _first_column_is_index(array: np.ndarray, pictures: int | None) -> bool:
    """Whether [B, N, 5] holds the number of the image and a box. Different numbers that fit the images of the batch
    show it; where they are all one, or nobody knows the images, the rest must be corners in order, too."""
    if array.ndim != 3 or array.shape[2] != 5 or not is_number(array.dtype) or array.size == 0:
        return False
    column, boxes = array[..., 0].astype(np.float64), array[..., 1:].astype(np.float64)
    most = pictures or max(array.shape[:2])
    if not np.all((column >= 0) & (column < most) & (column == np.floor(column))):
        return False
    return bool(pictures and np.ptp(column) > 0) or _mostly_in_order(boxes)


def _mostly_in_order(boxes: np.ndarray) -> bool:
    """Whether most boxes [..., 4] end after they begin, on both axes."""
    if not is_number(boxes.dtype) or boxes.size == 0:
        return False
    return bool(np.mean((boxes[..., 2:] >= boxes[..., :2]).all(axis=-1)) > 0.5)


def _grouping(rois: Rois, pictures: int | None) -> str:
    """The call that makes [B, N, (y1, x1, y2, x2)] of RoIs [R, (image, x1, y1, x2, y2)]."""
    array = rois.received
    batch = f"batch_size={pictures}" if pictures else "batch_size"
    arguments = ["rois" if array.ndim == 2 else "np.reshape(rois, (-1, 5))", batch]
    largest = np.nanmax(np.abs(array[..., 1:].astype(np.float64)), initial=0.0) if is_number(array.dtype) else np.inf
    if largest <= LARGEST_NORMALIZED:
        arguments.append('frame="normalized"')
    else:
        arguments.append(f"image_shape={rois.image_shape or '(height, width)'}")
    call = f"ops.roi_layouts.group_rois({', '.join(arguments)})"
    return call + ', which also swaps the columns, x first in torchvision; add order="yxyx" if yours have y first'


@check("roi-dtype", Severity.ERROR)
def dtype(rois: Rois):
    """RoIs that are not floating: normalized boxes cut down to 0 and 1, or no numbers at all.

    Integers beyond 2 are pixels and left to roi-pixel-coords.
    """
    array = rois.array
    if rois.frame or array.ndim != 3 or array.shape[2] != 4 or is_floating(array.dtype):
        return
    if is_number(array.dtype):
        message = f"rois are {array.dtype.name}: normalized boxes lose everything but 0 and 1"
        fix = "keep them float32 from the start: norm_boxes(...) returns float32; do not cast the result"
    else:
        message = f"rois are of dtype {array.dtype}, not floating numbers"
        fix = "rois.astype(np.float32)"
    yield "rois", message, fix


@check("roi-nonfinite", Severity.ERROR)
def nonfinite(rois: Rois):
    """NaN or infinity in RoIs. On the CPU crop_and_resize stops; elsewhere what it pools is undefined."""
    if not rois.frame:
        return
    wrong = np.argwhere(~np.isfinite(rois.array.astype(np.float64)).all(axis=-1))
    if len(wrong):
        example = ", ".join(f"{value:.4g}" for value in rois.array[tuple(wrong[0])].astype(np.float64))
        message = f"{len(wrong)} of {rois.array[..., 0].size} RoIs hold NaN or infinity, the first ({example})"
        fix = "find the step that made them: usually exp of large deltas, log of a negative size, or 0 / 0"
        yield rois.where(wrong), message, fix


@check("roi-all-padding", Severity.WARNING)
def all_padding(rois: Rois):
    """RoIs that are all zero rows, in every image. The heads see nothing but padding."""
    finite = np.isfinite(rois.array.astype(np.float64)).all() if rois.frame else False
    if finite and rois.array.size and not len(rois.values):  # padding that was normalized is padding, too
        batch, count = rois.array.shape[:2]
        message = f"all {count} RoIs of all {batch} images are padding, the heads see no object"
        yield "rois", message, "look at the step before: no proposal survived it"


@check("roi-batch-mismatch", Severity.ERROR)
def batch_mismatch(rois: Rois, batch_sizes: dict):
    """RoIs, meta and maps of different numbers of images. crop_and_resize stops with "box_index has values
    outside [0, batch_size)", or leaves images out.

    With ground truth [B, G, 4] for up to three images also RoIs in another order of the images: they are pooled
    from the maps of another image, without an error.
    """
    if len(set(batch_sizes.values())) > 1:
        counts = ", ".join(f"{name} {count}" for name, count in batch_sizes.items())
        first = next(iter(batch_sizes))
        where = ", ".join(name for name, count in batch_sizes.items() if count != batch_sizes[first])
        fix = f"pass the same images everywhere: {batch_sizes[first]} in {where}, as in {first}"
        yield where, f"images in the batch differ: {counts}", fix
    elif rois.order:
        moved = [i for i, j in enumerate(rois.order) if i != j]
        pairs = ", ".join(f"rois[{rois.order[i]}] that of image {i}" for i in moved)
        message = f"RoIs miss the ground truth of their image and find another's: {pairs}"
        fix = f"rois[{list(rois.order)}] if maps, meta and gt_boxes agree; else bring those into the order of the RoIs"
        yield ", ".join(f"rois[{i}]" for i in moved), f"{message}; features of another image are pooled", fix
