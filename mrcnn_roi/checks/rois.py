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

import numpy as np

from mrcnn_roi.checks import feature_maps as _feature_maps  # noqa: F401 - registers its checks
from mrcnn_roi.checks import image_meta as _image_meta  # noqa: F401 - registers its checks
from mrcnn_roi.checks import pooling_inputs as read
from mrcnn_roi.checks import roi_coordinates as _roi_coordinates  # noqa: F401 - registers its checks
from mrcnn_roi.checks.pooling_inputs import describe, places
from mrcnn_roi.checks.roi_reading import Rois, read_rois
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
    with np.errstate(all="ignore"):
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
    received = read_rois(rois, sizes, meta, strides, gt_boxes)
    return {
        "rois": received,
        "feature_maps": maps,
        "image_meta": meta,
        "image_sizes": sizes,
        "strides": strides,
        "batch_sizes": read.batch_sizes(received.array, maps, meta, gt_boxes),
        "training": gt_boxes is not None,
    }


@check("roi-rank", Severity.ERROR)
def rank(rois: Rois):
    """RoIs that are not [B, N, 4]: no batch axis, one too many, or nothing that can be read as an array.

    The layer refuses them, and crop_and_resize itself says no more than "boxes must be 2-D".
    """
    shape = rois.array.shape
    if len(shape) == 3:
        return
    fix = "pass an array [B, N, (y1, x1, y2, x2)]; for one image without RoIs np.zeros((1, 0, 4), np.float32)"
    if rois.array.dtype == object and isinstance(rois.array[()], (list, tuple)):
        fix = "pad every image to the same number of RoIs with zero rows: [B, N, 4]"
    elif rois.array.dtype == object and shape == () and rois.array[()] is not None:
        fix = "pass a numpy array or an eager tensor; a symbolic tensor has no values to check"
    elif len(shape) == 2 and shape[1] == 5:
        fix = "5 columns look like torchvision's (batch index, box): group rois[:, 1:] by image, [B, N, 4]"
    elif len(shape) == 2:
        fix = "add the batch axis: rois[None]"
    elif shape == (4,):
        fix = "add the axes of the batch and of the RoIs: rois[None, None]"
    elif len(shape) > 3 and shape[-1] == 4:
        fix = f"np.reshape(rois, ({shape[0]}, -1, 4))"
    yield "rois", f"rois are {describe(rois.array)}, of rank {len(shape)}; the layer takes [B, N, 4]", fix


@check("roi-last-dim", Severity.ERROR)
def last_dimension(rois: Rois):
    """RoIs with more or fewer than 4 columns. crop_and_resize stops with "boxes must have 4 columns"."""
    shape = rois.array.shape
    if len(shape) != 3 or shape[2] == 4:
        return
    message = f"rois are {describe(rois.array)}: {shape[2]} columns instead of (y1, x1, y2, x2)"
    fix = "pass [B, N, (y1, x1, y2, x2)]"
    if shape[2] == 5 and _first_column_is_index(rois.array):
        message += "; column 0 looks like the batch index (torchvision's layout)"
        fix = "use rois[..., 1:], grouped by image"
    elif shape[2] == 6:
        fix = "they look like detections (box, class, score): rois[..., :4]"
    elif shape[1] == 4:
        fix = "the columns are on axis 1: np.swapaxes(rois, 1, 2)"
    elif shape[2] == 5:
        fix = "keep the box alone: rois[..., :4] if the score comes last"
    yield "rois", message, fix


def _first_column_is_index(array: np.ndarray) -> bool:
    if not read.is_number(array.dtype) or array.size == 0:
        return False
    column = array[..., 0].astype(np.float64)
    return bool(np.all((column >= 0) & (column < array.shape[0]) & (column == np.floor(column))))


@check("roi-dtype", Severity.ERROR)
def dtype(rois: Rois):
    """RoIs that are not floating: normalized boxes cut down to 0 and 1, or no numbers at all.

    Integers beyond 2 are pixels and left to roi-pixel-coords.
    """
    array = rois.array
    if rois.frame or array.ndim != 3 or array.shape[2] != 4 or read.is_floating(array.dtype):
        return
    if read.is_number(array.dtype):
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
        example = rois.array[tuple(wrong[0])].astype(np.float64).tolist()
        message = f"{len(wrong)} of {rois.array[..., 0].size} RoIs hold NaN or infinity, the first {example}"
        fix = "find the step that made them: usually exp of large deltas, log of a negative size, or 0 / 0"
        yield places("rois", wrong), message, fix


@check("roi-all-padding", Severity.WARNING)
def all_padding(rois: Rois):
    """RoIs that are all zero rows, in every image. The heads see nothing but padding."""
    if rois.frame and rois.array.size and not np.any(rois.array.astype(np.float64)):
        batch, count = rois.array.shape[:2]
        message = f"all {count} RoIs of all {batch} images are zero: padding alone, the heads see no object"
        yield "rois", message, "look at the step before: no proposal survived it"


@check("roi-batch-mismatch", Severity.ERROR)
def batch_mismatch(batch_sizes: dict):
    """RoIs, meta and maps of different numbers of images. crop_and_resize stops with "box_index has values
    outside [0, batch_size)", or leaves images out."""
    if len(set(batch_sizes.values())) > 1:
        counts = ", ".join(f"{name} {count}" for name, count in batch_sizes.items())
        first = next(iter(batch_sizes))
        where = ", ".join(name for name, count in batch_sizes.items() if count != batch_sizes[first])
        fix = f"pass the same images everywhere: {batch_sizes[first]} in {where}, as in {first}"
        yield where, f"images in the batch differ: {counts}", fix
