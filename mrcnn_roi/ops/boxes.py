"""Box formulas. Boxes are [..., (y1, x1, y2, x2)].

Two frames: pixel boxes, whose y2/x2 lie outside the box, and normalized boxes, in which 0 is the centre of
the first pixel row and 1 the centre of the last one. Converting between them happens here and nowhere else.
Every function takes numpy arrays or tensors and answers in kind, unless it says numpy only.
"""

from __future__ import annotations

import numpy as np

from mrcnn_roi.ops.backend import is_tensor, namespace


def _frame(shape):
    """Scale and shift between pixel and normalized boxes of an image of `shape` (height, width)."""
    xp = namespace(shape)
    shape = xp.cast(shape, "float32" if is_tensor(shape) else "float64")
    height, width = shape[0], shape[1]
    scale = xp.stack([height, width, height, width], axis=-1) - 1
    return scale, np.array([0.0, 0.0, 1.0, 1.0], "float32" if is_tensor(shape) else "float64")


def norm_boxes(boxes, shape):
    """Pixel boxes [..., (y1, x1, y2, x2)] of an image of `shape` (height, width), normalized. float32.

    (box - [0, 0, 1, 1]) / [h - 1, w - 1, h - 1, w - 1]: the box of the whole image becomes [0, 0, 1, 1].
    """
    tensor = is_tensor(boxes) or is_tensor(shape)
    xp = namespace(boxes, shape)
    scale, shift = _frame(xp.asarray(shape) if tensor else shape)
    if tensor:
        return xp.divide(xp.cast(boxes, "float32") - shift, scale)
    return ((np.asarray(boxes) - shift) / scale).astype(np.float32)


def denorm_boxes(boxes, shape):
    """Normalized boxes [..., (y1, x1, y2, x2)] in whole pixels of an image of `shape`. int32.

    The inverse of `norm_boxes`; halves round to the even neighbour.
    """
    return namespace(boxes, shape).cast(namespace(boxes, shape).round(scale_boxes(boxes, shape)), "int32")


def scale_boxes(boxes, shape):
    """Normalized boxes in pixels of an image of `shape` (height, width), without rounding."""
    tensor = is_tensor(boxes) or is_tensor(shape)
    xp = namespace(boxes, shape)
    scale, shift = _frame(xp.asarray(shape) if tensor else shape)
    return xp.cast(boxes, "float32") * scale + shift if tensor else np.multiply(boxes, scale) + shift


def apply_box_deltas(boxes, deltas):
    """Boxes moved and resized by deltas [..., (dy, dx, log dh, log dw)]. float32, any frame.

    The centre moves by dy, dx in units of the box's own height and width (R-CNN, appendix C).
    """
    xp = namespace(boxes, deltas)
    y1, x1, y2, x2 = xp.columns(xp.cast(boxes, "float32"))
    dy, dx, log_dh, log_dw = xp.columns(xp.asarray(deltas))
    height, width = y2 - y1, x2 - x1
    center_y, center_x = y1 + 0.5 * height + dy * height, x1 + 0.5 * width + dx * width
    height, width = height * xp.exp(log_dh), width * xp.exp(log_dw)
    y1, x1 = center_y - 0.5 * height, center_x - 0.5 * width
    return xp.stack([y1, x1, y1 + height, x1 + width], axis=-1)


def box_refinement(box, gt_box, dtype="float32"):
    """Deltas [..., (dy, dx, log dh, log dw)] that move `box` onto `gt_box`; undoes apply_box_deltas."""
    xp = namespace(box, gt_box)
    y1, x1, y2, x2 = xp.columns(xp.cast(box, dtype))
    gt_y1, gt_x1, gt_y2, gt_x2 = xp.columns(xp.cast(gt_box, dtype))
    height, width, gt_height, gt_width = y2 - y1, x2 - x1, gt_y2 - gt_y1, gt_x2 - gt_x1
    dy = (gt_y1 + 0.5 * gt_height - (y1 + 0.5 * height)) / height
    dx = (gt_x1 + 0.5 * gt_width - (x1 + 0.5 * width)) / width
    return xp.stack([dy, dx, xp.log(gt_height / height), xp.log(gt_width / width)], axis=-1)


def clip_boxes(boxes, window):
    """Boxes [..., (y1, x1, y2, x2)] clipped to window (y1, x1, y2, x2), in the same frame."""
    xp = namespace(boxes, window)
    y1, x1, y2, x2 = xp.columns(xp.asarray(boxes))
    top, left, bottom, right = xp.columns(xp.asarray(window))
    return xp.stack(
        [
            xp.maximum(xp.minimum(y1, bottom), top),
            xp.maximum(xp.minimum(x1, right), left),
            xp.maximum(xp.minimum(y2, bottom), top),
            xp.maximum(xp.minimum(x2, right), left),
        ],
        axis=-1,
    )


def compute_iou(box, boxes, box_area, boxes_area):
    """IoU of one box (y1, x1, y2, x2) with boxes [N, (y1, x1, y2, x2)]: [N].

    `box_area` and `boxes_area` [N] are passed in because callers reuse them. No +1 and no epsilon: two boxes
    without area give 0/0, NaN, as in the original.
    """
    xp = namespace(box, boxes)
    height = xp.maximum(xp.minimum(box[2], boxes[:, 2]) - xp.maximum(box[0], boxes[:, 0]), 0)
    width = xp.maximum(xp.minimum(box[3], boxes[:, 3]) - xp.maximum(box[1], boxes[:, 1]), 0)
    intersection = height * width
    union = box_area + boxes_area - intersection
    if xp is namespace(np.empty(0)):
        with np.errstate(invalid="ignore", divide="ignore"):
            return intersection / union
    return intersection / union


def box_areas(boxes):
    """Areas [N] of boxes [N, (y1, x1, y2, x2)], in the boxes' own unit squared."""
    return (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])


def compute_overlaps(boxes1, boxes2):
    """IoU matrix [N1, N2] of two sets of boxes [N, (y1, x1, y2, x2)]; numpy gives float64."""
    xp = namespace(boxes1, boxes2)
    if not (is_tensor(boxes1) or is_tensor(boxes2)):
        boxes1, boxes2 = np.asarray(boxes1, np.float64), np.asarray(boxes2, np.float64)
    a, b = xp.expand_dims(boxes1, 1), xp.expand_dims(boxes2, 0)
    height = xp.maximum(xp.minimum(a[..., 2], b[..., 2]) - xp.maximum(a[..., 0], b[..., 0]), 0)
    width = xp.maximum(xp.minimum(a[..., 3], b[..., 3]) - xp.maximum(a[..., 1], b[..., 1]), 0)
    intersection = height * width
    area1, area2 = box_areas(boxes1), box_areas(boxes2)
    union = xp.expand_dims(area1, 1) + xp.expand_dims(area2, 0) - intersection
    with np.errstate(invalid="ignore", divide="ignore"):
        return intersection / union


def non_max_suppression(boxes, scores, threshold):
    """Indices (int32, by descending score) of the boxes that survive greedy suppression. numpy only.

    A box goes when its IoU with a better one is greater than `threshold`; equal stays.
    Raises ValueError when there are no boxes.
    """
    boxes, scores = np.asarray(boxes), np.asarray(scores)
    if boxes.shape[0] == 0:
        raise ValueError(f"expected at least one box, received boxes of shape {boxes.shape}")
    boxes = boxes.astype(np.float32) if boxes.dtype.kind != "f" else boxes
    areas = box_areas(boxes)
    order = scores.argsort()[::-1]
    picked = []
    while len(order):
        best, rest = order[0], order[1:]
        picked.append(best)
        overlaps = compute_iou(boxes[best], boxes[rest], areas[best], areas[rest])
        order = rest[~(overlaps > threshold)]
    return np.array(picked, dtype=np.int32)


def nonzero_rows(boxes):
    """bool [N]: which rows of boxes [N, 4] are not padding (all zero)."""
    xp = namespace(boxes)
    return xp.sum(xp.abs(boxes), axis=1) != 0 if is_tensor(boxes) else np.any(np.asarray(boxes) != 0, axis=1)


def trim_zeros(boxes):
    """The rows of boxes [N, 4] that are not padding (all zero)."""
    xp = namespace(boxes)
    return xp.keep(xp.asarray(boxes), nonzero_rows(boxes))


def trim_zeros_graph(boxes, name=None):
    """The original's pair: the rows that are not padding, and the mask [N] that kept them."""
    del name
    return trim_zeros(boxes), nonzero_rows(boxes)


def batch_pack(x, counts, num_rows):
    """Takes the first counts[i] rows of each image of x [B, N, ...] and joins them: [sum(counts), ...]."""
    xp = namespace(x, counts)
    return xp.concat([x[i, : counts[i]] for i in range(num_rows)], axis=0)
