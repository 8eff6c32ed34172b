"""RoIs in the layouts that people hold, brought to [B, N, (y1, x1, y2, x2)], and pooled features brought back.

Nothing is inferred from values: `order` says what the four columns are and `frame` what they are measured in.

orders: "yxyx" (y1, x1, y2, x2), Matterport's; "xyxy" (x1, y1, x2, y2), torchvision's and detectron2's;
    "xywh" (x1, y1, width, height), COCO's; "cxcywh" (centre x, centre y, width, height), YOLO's, whose files hold
    shares of the image: multiply them by (width, height, width, height) first, they are pixels then.
frames: "pixels" of the molded image, y2 and x2 outside the box; "normalized" as in boxes.py.

Torchvision's boxes are points on a continuous plane in which the image spans (0, 0, width, height): the same
numbers as "pixels" here, fractions included. Nothing is rounded. The box of the whole image becomes [0, 0, 1, 1],
and a layer that denormalizes it gets torchvision's numbers again. A box less than one pixel high or wide has no
two pixel centres to lie between: normalized, its second corner comes before the first.

All-zero boxes are padding, and stay zero through every conversion. Letters: B images, N RoIs an image (padded),
R RoIs in all. numpy in, numpy out; tensors in, tensors out, eager and in a tf.function. There, what can only be
seen in values (a batch index out of range) raises tf.errors.InvalidArgumentError when the graph runs.
"""

from __future__ import annotations

import numpy as np

from mrcnn_roi.ops.backend import is_tensor, namespace
from mrcnn_roi.ops.boxes import norm_boxes, scale_boxes
from mrcnn_roi.ops.roi_layout_contract import (
    as_boxes,
    check_fits,
    check_index,
    check_layout,
    is_ragged,
    whole_number,
)

HALF = np.float32(0.5)  # numpy 1 makes float64 of a float32 scalar and a Python number


def convert_boxes(boxes, order, frame, *, to_order="yxyx", to_frame="normalized", image_shape=None):
    """Boxes [..., 4] in another order of columns and another frame; float32, leading axes as they are.

    image_shape: (height, width, ...) of the molded image, needed where pixels become normalized or the reverse.

        convert_boxes(coco_boxes, "xywh", "pixels", image_shape=(1024, 1024))     # for PyramidROIAlign
        convert_boxes(rois, "yxyx", "normalized", to_order="xyxy", to_frame="pixels", image_shape=(1024, 1024))
    """
    size = check_layout(order, frame, to_order, to_frame, image_shape)
    boxes = as_boxes(boxes, 4)
    xp = namespace(boxes, size)
    corners = _corners(xp, boxes, order)
    if frame != to_frame:
        corners = xp.cast((norm_boxes if to_frame == "normalized" else scale_boxes)(corners, size), "float32")
    padding = xp.sum(xp.cast(boxes != 0, "float32"), axis=-1) == 0
    return xp.where(xp.expand_dims(padding, -1), xp.cast(corners, "float32") * 0, _columns(xp, corners, to_order))


def _corners(xp, boxes, order):
    """[..., (y1, x1, y2, x2)] from boxes in any order."""
    a, b, c, d = xp.columns(boxes)
    if order == "yxyx":
        return boxes
    if order == "cxcywh":
        a, b = a - c * HALF, b - d * HALF
    if order != "xyxy":
        c, d = a + c, b + d
    return xp.stack([b, a, d, c], axis=-1)


def _columns(xp, corners, order):
    """The reverse of `_corners`, float32."""
    y1, x1, y2, x2 = xp.columns(xp.cast(corners, "float32"))
    height, width = y2 - y1, x2 - x1
    columns = {
        "yxyx": (y1, x1, y2, x2),
        "xyxy": (x1, y1, x2, y2),
        "xywh": (x1, y1, width, height),
        "cxcywh": (x1 + width * HALF, y1 + height * HALF, width, height),
    }
    return xp.stack(columns[order], axis=-1)


def group_rois(
    indexed, batch_size, order="xyxy", frame="pixels", *, to_frame="normalized", image_shape=None, slots=None
):
    """RoIs with their image in column 0, as torchvision takes them: [R, (image, x1, y1, x2, y2)], in any order of
    the images.

    batch_size: B, an integer or a scalar tensor; it cannot be told from the RoIs, because the last images may have
    none. slots: N; without it as many as the fullest image has. to_frame="pixels" for the single-level layers.
    Returns rois [B, N, (y1, x1, y2, x2)] float32, padded with zero rows, and places [R, (image, row)], int32: where
    each RoI went. `ungroup_rois(pooled, places)` is the way back.

        rois, places = group_rois(torchvision_rois, batch_size=2, image_shape=(1024, 1024))
        pooled = PyramidROIAlign((7, 7))([rois, image_meta, P2, P3, P4, P5])
        features = ungroup_rois(pooled, places)      # [R, 7, 7, C], in the order of torchvision_rois
    """
    indexed = as_boxes(indexed, 5, rank=2)
    batch_size = whole_number(batch_size, "batch_size")
    image = check_index(indexed[:, 0], batch_size)
    boxes = convert_boxes(indexed[:, 1:], order, frame, to_frame=to_frame, image_shape=image_shape)
    row, fullest = _rows_within_images(image)
    slots = fullest if slots is None else whole_number(slots, "slots")
    places = namespace(image).stack([image, check_fits(fullest, slots, row)], axis=-1)
    return _scatter(boxes, places, batch_size, slots), places


def _rows_within_images(image):
    """For each RoI how many RoIs of its image come before it, int32 [R]; and the number in the fullest image.

    image: int32 [R]. Sorted by image, a RoI's rank less the rank of its image's first RoI is that number.
    """
    if is_tensor(image):
        import tensorflow as tf

        order = tf.argsort(image, stable=True)
        row = tf.argsort(order, stable=True) - tf.searchsorted(tf.gather(image, order), image)
        return row, tf.reduce_max(tf.concat([row, [-1]], axis=0)) + 1
    order = np.argsort(image, kind="stable")
    row = np.argsort(order, kind="stable") - np.searchsorted(image[order], image)
    return row.astype(np.int32), int(row.max(initial=-1)) + 1


def _scatter(boxes, places, batch_size, slots):
    """[batch_size, slots, 4] with boxes [R, 4] at places [R, (image, row)], zero elsewhere."""
    if any(is_tensor(each) for each in (boxes, places, batch_size, slots)):
        import tensorflow as tf

        return tf.scatter_nd(places, boxes, tf.stack([batch_size, slots, 4]))
    rois = np.zeros((batch_size, slots, 4), np.float32)
    rois[places[:, 0], places[:, 1]] = boxes
    return rois


def ungroup_rois(pooled, places):
    """What was pooled for the RoIs of `group_rois`, [B, N, ...], as one row per RoI in their order: [R, ...].

    places: [R, (image, row)], as group_rois returned them. Takes the RoIs themselves, masks or scores just as well.
    """
    shape = np.shape(places) if not is_tensor(places) else places.shape
    if len(shape) != 2 or shape[1] != 2:
        raise ValueError(f"expected places [R, (image, row)] as group_rois returns them, received shape {shape}")
    if not is_tensor(pooled) and not is_tensor(places):
        places = np.asarray(places)
        return np.asarray(pooled)[places[:, 0], places[:, 1]]
    import tensorflow as tf

    return tf.gather_nd(pooled, places)


def pad_rois(boxes, order, frame, *, to_frame="normalized", image_shape=None, slots=None):
    """RoIs of each image in an array of their own: a list of B arrays [n_i, 4], or a tf.RaggedTensor [B, (n_i), 4].

    slots: N; without it as many as the fullest image has. to_frame="pixels" for the single-level layers.
    Returns rois [B, N, (y1, x1, y2, x2)] float32, padded with zero rows, and counts [B], int32: the n_i.
    `unpad_rois(pooled, counts)` is the way back.

        rois, counts = pad_rois([boxes0, boxes1], "xyxy", "pixels", image_shape=(1024, 1024))
        pooled = PyramidROIAlign((7, 7))([rois, image_meta, P2, P3, P4, P5])
        features = unpad_rois(pooled, counts)        # of image i: features[i], [n_i, 7, 7, C]
    """
    parts, counts = _joined(boxes)
    rois = convert_boxes(parts, order, frame, to_frame=to_frame, image_shape=image_shape)
    if is_tensor(counts):
        import tensorflow as tf

        batch, fullest = tf.size(counts), tf.reduce_max(tf.concat([counts, [0]], axis=0))
        image = tf.repeat(tf.range(batch), counts)
    else:
        batch, fullest = len(counts), int(counts.max(initial=0))
        image = np.repeat(np.arange(batch, dtype=np.int32), counts)
    slots = fullest if slots is None else whole_number(slots, "slots")
    places = namespace(counts).stack([image, check_fits(fullest, slots, _rows_within_images(image)[0])], axis=-1)
    return _scatter(rois, places, batch, slots), counts


def _joined(boxes):
    """All boxes [R, 4] of a list of arrays or a RaggedTensor, and the number of each image, int32 [B]."""
    if is_ragged(boxes):
        import tensorflow as tf

        if boxes.ragged_rank != 1:
            raise ValueError(
                f"expected a RaggedTensor [B, (n), 4] of ragged_rank 1, received ragged_rank {boxes.ragged_rank}; "
                "tf.ragged.constant(..., ragged_rank=1) makes one"
            )
        return as_boxes(boxes.flat_values, 4, rank=2), tf.cast(boxes.row_lengths(), tf.int32)
    if not isinstance(boxes, (list, tuple)) or not len(boxes):
        received = f"an empty {type(boxes).__name__}" if isinstance(boxes, (list, tuple)) else type(boxes).__name__
        raise ValueError(f"expected a list with the boxes [n, 4] of each image, or a RaggedTensor, received {received}")
    parts = [as_boxes(each, 4, rank=2, image=image) for image, each in enumerate(boxes)]
    xp = namespace(*parts)
    if xp is namespace(np.empty(0)):
        return np.concatenate(parts), np.array([len(each) for each in parts], np.int32)
    import tensorflow as tf

    parts = [tf.cast(each, tf.float32) for each in parts]
    return tf.concat(parts, axis=0), tf.stack([tf.shape(each)[0] for each in parts])


def unpad_rois(pooled, counts):
    """What was pooled for the RoIs of `pad_rois`, [B, N, ...], without the padding.

    counts: [B], as pad_rois returned them. Arrays give a list of B arrays [n_i, ...], tensors a tf.RaggedTensor
    [B, (n_i), ...], whose row i is `result[i]`. Takes the RoIs themselves, masks or scores just as well.
    """
    rank = len(np.shape(counts) if not is_tensor(counts) else counts.shape)
    if rank != 1:
        raise ValueError(f"expected counts [B] as pad_rois returns them, received {rank} axes")
    if not is_tensor(pooled) and not is_tensor(counts):
        return [np.asarray(each)[:count] for each, count in zip(pooled, counts)]
    import tensorflow as tf

    return tf.RaggedTensor.from_tensor(pooled, lengths=counts)
