"""Masks: their boxes, and the ways between image, molded image and mini mask. numpy only.

Shapes in this module: H W image or molded image, h w mini mask or mask head output, N instances. Boxes are
pixels [N, (y1, x1, y2, x2)], y2 and x2 outside. Functions that make full-size masks fill them instance by
instance, [N, H, W] in memory, and return the [H, W, N] view of that.
"""

from __future__ import annotations

import numpy as np

from mrcnn_roi.ops.mask_views import identity_view, mask_boxes, molded_view
from mrcnn_roi.ops.resampling import resize_linear


def extract_bboxes(mask) -> np.ndarray:
    """Tight boxes int32 [N, (y1, x1, y2, x2)] of masks [H, W, N], pixels; an empty mask gives 0, 0, 0, 0."""
    mask = np.asarray(mask)
    if mask.ndim != 3:
        raise ValueError(f"expected masks of shape [H, W, N], received shape {list(mask.shape)}")
    return mask_boxes(mask)


def resize_mask(mask, scale, padding, crop=None) -> np.ndarray:
    """Masks [H, W, N] brought along with an image: scale, padding and crop are what resize_image returned.

    Nearest neighbour on the original's corner-aligned grid (scipy.ndimage.zoom, order 0), which is not quite
    the grid of the image. The dtype is kept.
    """
    mask = np.asarray(mask)
    if mask.ndim != 3:
        raise ValueError(f"expected masks of shape [H, W, N], received shape {list(mask.shape)}")
    return molded_view(mask, scale, padding, crop).full()


def minimize_mask(bbox, mask, mini_shape) -> np.ndarray:
    """Masks [H, W, N] cut to their boxes bbox [N, 4] and resized to mini_shape (h, w): bool [h, w, N].

    Saves memory at the price of detail. Bilinear, then rounded: exactly one half is background.
    Raises ValueError for a box without area.
    """
    return identity_view(np.asarray(mask)).minis(bbox, mini_shape)


def mold_mask(mask, config) -> np.ndarray:
    """Masks [H, W, N] of a molded image as training takes them: bool, mini masks when USE_MINI_MASK.

    The original declared this function and left it empty.
    """
    mask = np.asarray(mask).astype(bool)
    return minimize_mask(extract_bboxes(mask), mask, config.MINI_MASK_SHAPE) if config.USE_MINI_MASK else mask


def _paste(full, mask, box, decide) -> None:
    """Resizes a float mask [h, w] to `box` and writes decide(values) into full [H, W] where they meet."""
    y1, x1, y2, x2 = (int(value) for value in box)
    top, left, bottom, right = max(y1, 0), max(x1, 0), min(y2, full.shape[0]), min(x2, full.shape[1])
    if bottom <= top or right <= left:
        return
    window = (top - y1, left - x1, bottom - y1, right - x1)
    full[top:bottom, left:right] = decide(resize_linear(mask, y2 - y1, x2 - x1, window=window))


def _as_float(masks) -> np.ndarray:
    masks = np.asarray(masks)
    return masks if masks.dtype.kind == "f" else masks.astype(np.float64)


def expand_mask(bbox, mini_mask, image_shape) -> np.ndarray:
    """Undoes minimize_mask, but for the detail lost: bool [H, W, N] of image_shape (H, W, ...).

    What a box [N, 4] has outside the image is cut off; a box without area gives an empty mask.
    """
    mini_mask, boxes = _as_float(mini_mask), np.asarray(bbox).reshape(-1, 4)
    full = np.zeros((mini_mask.shape[2], *image_shape[:2]), bool)
    for i, box in enumerate(boxes):
        _paste(full[i], mini_mask[:, :, i], box, lambda values: values > 0.5)  # np.around: one half becomes 0
    return full.transpose(1, 2, 0)


def unmold_mask(mask, bbox, image_shape) -> np.ndarray:
    """One mask of the mask head, float [h, w], in its place: bool [H, W] of image_shape (H, W, ...).

    Bilinear to the box bbox (y1, x1, y2, x2) in whole pixels, then >= 0.5. What the box has outside the image
    is cut off; a box without area gives an empty mask.
    """
    return unmold_masks(np.asarray(mask)[None], np.asarray(bbox)[None], image_shape)[:, :, 0]


def unmold_masks(masks, boxes, image_shape) -> np.ndarray:
    """Masks [N, h, w] of the mask head in their boxes [N, 4]: bool [H, W, N]; see unmold_mask."""
    masks = _as_float(masks)
    full = np.zeros((len(masks), *image_shape[:2]), bool)
    for i, box in enumerate(np.asarray(boxes).reshape(-1, 4)):
        _paste(full[i], masks[i], box, lambda values: values >= 0.5)
    return full.transpose(1, 2, 0)


def compute_overlaps_masks(masks1, masks2) -> np.ndarray:
    """IoU float32 [A, B] of masks [H, W, A] and [H, W, B], pixels > 0.5; without masks float64 zeros (A, B).

    Two empty masks give 0/0, NaN, as in the original. Only the intersection of two masks' boxes is looked at.
    """
    masks1, masks2 = np.asarray(masks1), np.asarray(masks2)
    if masks1.shape[-1] == 0 or masks2.shape[-1] == 0:
        return np.zeros((masks1.shape[-1], masks2.shape[-1]))
    if masks1.shape[:2] != masks2.shape[:2]:
        raise ValueError(f"expected masks of one height and width, received shapes {masks1.shape} and {masks2.shape}")
    (boxes1, cuts1, area1), (boxes2, cuts2, area2) = _cut(masks1), _cut(masks2)
    low = np.maximum(boxes1[:, None, :2], boxes2[None, :, :2])
    high = np.minimum(boxes1[:, None, 2:], boxes2[None, :, 2:])
    intersections = np.zeros((len(boxes1), len(boxes2)), np.float32)
    for i, j in np.argwhere(np.all(high > low, axis=2)):
        window = (*low[i, j], *high[i, j])
        pair = _part(cuts1[i], boxes1[i], window) & _part(cuts2[j], boxes2[j], window)
        intersections[i, j] = np.count_nonzero(pair)
    union = area1[:, None] + area2[None, :] - intersections
    with np.errstate(invalid="ignore"):
        return intersections / union


def _cut(masks):
    """Boxes [N, 4], the contiguous content of each box, and areas float32 [N] of masks [H, W, N]."""
    masks = masks if masks.dtype == bool else masks > 0.5
    boxes = extract_bboxes(masks)
    cuts = [np.ascontiguousarray(masks[y1:y2, x1:x2, i]) for i, (y1, x1, y2, x2) in enumerate(boxes)]
    return boxes, cuts, np.array([np.count_nonzero(cut) for cut in cuts], np.float32)


def _part(cut, box, window):
    """The part of an image window (y1, x1, y2, x2) out of the content of a box."""
    return cut[window[0] - box[0] : window[2] - box[0], window[1] - box[1] : window[3] - box[1]]
