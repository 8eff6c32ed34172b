"""Checks of image_meta [B, 12 + K], from which PyramidROIAlign takes the size of the molded image.

`check_rois` in rois.py runs these checks.
"""

from __future__ import annotations

import numpy as np

from mrcnn_roi.checks.any_array import describe, places, size_text
from mrcnn_roi.checks.pooling_inputs import ImageMeta, ImageSizes, fits
from mrcnn_roi.findings import Severity, check
from mrcnn_roi.ops.anchors import feature_shapes
from mrcnn_roi.ops.meta import FIXED_LENGTH


@check("meta-length", Severity.ERROR)
def length(image_meta: ImageMeta):
    """A meta that is not [B, 12 + NUM_CLASSES] numbers, usually composed for another number of classes.
    The model refuses it: "expected input_image_meta to have shape ..."."""
    array, num_classes = image_meta.array, image_meta.num_classes
    received = f"image_meta is {describe(array)}"
    if array.ndim != 2 or (len(array) and array.shape[1] >= FIXED_LENGTH and not image_meta.fields):
        single = array.ndim == 1 and len(array) > FIXED_LENGTH
        fix = "image_meta[None]" if single else "np.stack([compose_image_meta(...) for each image])"
        yield "image_meta", f"{received}; expected numbers [B, {FIXED_LENGTH} + NUM_CLASSES]", fix
    elif num_classes is not None and array.shape[1] != FIXED_LENGTH + num_classes:
        message = f"{received}: {array.shape[1]} entries, expected {FIXED_LENGTH} + {num_classes} classes"
        actual = array.shape[1] - FIXED_LENGTH
        fix = f"compose it with {num_classes} active class flags"
        yield "image_meta", message, fix + (f", or use NUM_CLASSES = {actual}" if actual > 0 else "")
    elif array.shape[1] <= FIXED_LENGTH:
        message = f"{received}: {array.shape[1]} entries, expected {FIXED_LENGTH} and one flag per class"
        yield "image_meta", message, "compose_image_meta(..., active_class_ids=np.ones(NUM_CLASSES))"


@check("meta-image-shape", Severity.ERROR)
def image_shape(image_meta: ImageMeta, image_sizes: ImageSizes, strides: tuple):
    """A meta whose molded image size is impossible, differs within the batch, or is not that of the maps. The
    layer chooses the level of every RoI of the batch by row 0: a wrong size means wrong levels for all."""
    if not image_meta.fields:
        return
    shapes = image_meta.fields["image_shape"][:, :2]
    impossible = np.flatnonzero((shapes < 1).any(axis=1))
    different = np.flatnonzero((shapes != shapes[0]).any(axis=1))
    if len(impossible):
        first = size_text(shapes[impossible[0]])
        message = f"{len(impossible)} of {len(shapes)} metas hold no molded image size, the first {first}"
        yield places("image_meta", impossible[:, None]), f"{message} (NaN reads as 0)", _fix(image_sizes)
    elif len(different):
        message = f"image 0 is {size_text(shapes[0])}, image {different[0]} {size_text(shapes[different[0]])}"
        message += ": a batch has one size, and the levels of all RoIs are chosen by that of image 0"
        fix = 'mold the images of a batch to one size: IMAGE_RESIZE_MODE = "square", or one image a batch'
        yield places("image_meta", different[:, None]), message, fix
    elif other := _contradiction(image_sizes, strides):
        source = "image_shape says" if image_sizes.given else "the maps mean"
        message = f"meta says {size_text(shapes[0])}, {source} {size_text(other)}"
        yield "image_meta", f"{message}: RoIs are pooled from the wrong levels", _fix(image_sizes)


def _contradiction(sizes: ImageSizes, strides) -> tuple[int, int] | None:
    """The size that contradicts the meta's: the given one, else that of the maps; None where there is none.

    Where meta and maps agree, the given size is the odd one, and fm-spatial says so.
    """
    if sizes.meta is None or sizes.meta == sizes.given:
        return None
    if sizes.maps and fits(feature_shapes(sizes.meta, strides), sizes.maps, strides):
        return None
    return sizes.given or sizes.maps


def _fix(sizes: ImageSizes) -> str:
    size = sizes.given or sizes.maps
    shape = f"({size[0]}, {size[1]}, 3)" if size else "the shape of the molded image"
    return f"compose_image_meta(..., image_shape={shape}, ...)"


@check("meta-window", Severity.WARNING)
def window(image_meta: ImageMeta, image_sizes: ImageSizes, strides: tuple):
    """A window (y1, x1, y2, x2) that is empty or leaves the molded image. Detections are clipped to it and
    mapped back through it: they come out cut off or shifted."""
    if not image_meta.fields:
        return
    shapes, windows = image_meta.fields["image_shape"][:, :2], image_meta.fields["window"]
    empty = np.any(windows[:, 2:] <= windows[:, :2], axis=1)
    # A wrong size is reported alone, one that differs within the batch, too.
    limits = np.maximum(shapes.max(axis=0), _contradiction(image_sizes, strides) or 0)
    outside = np.any((windows[:, :2] < 0) | (windows[:, 2:] > limits), axis=1)
    wrong = np.flatnonzero((empty | outside) & (shapes >= 1).all(axis=1))
    if len(wrong):
        first = wrong[0]
        fault = "is empty" if empty[first] else f"leaves the {size_text(shapes[first])} image"
        box, whole = tuple(windows[first].tolist()), (0, 0, *shapes[first].tolist())
        message = f"{len(wrong)} of {len(windows)} windows are wrong: the first, {box}, {fault}"
        fix = f"pass resize_image's window, in pixels; without padding it is {whole}"
        yield places("image_meta", wrong[:, None]), message, fix


@check("meta-active-classes", Severity.WARNING)
def active_classes(image_meta: ImageMeta, training: bool):
    """Images none of whose classes are active, or not the background: their class loss is zeroed. `detect`
    itself composes such metas, with image id 0, and may: that is reported as INFO."""
    if not image_meta.fields or image_meta.array.shape[1] <= FIXED_LENGTH:
        return
    active = image_meta.fields["active_class_ids"] != 0
    valid = (image_meta.fields["image_shape"][:, :2] >= 1).all(axis=1)
    none = ~active.any(axis=1)
    wrong = np.flatnonzero(~active[:, 0] & valid)
    if image_meta.num_classes not in (None, active.shape[1]) or not len(wrong):
        return
    detecting = none.all() and not training and not np.any(image_meta.fields["image_id"])
    what = "no active class" if none[wrong].any() else "an inactive background"
    message = f"{len(wrong)} of {len(active)} metas have {what}: in training their class loss is zero"
    message += "; for detection that is right" if detecting else ""
    fix = "compose_image_meta(..., active_class_ids) with 1 for background and each class of the image's source"
    severity = Severity.INFO if detecting else Severity.WARNING
    yield places("image_meta", wrong[:, None]), message, fix, severity
