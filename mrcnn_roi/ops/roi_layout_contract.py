"""What the functions of roi_layouts.py accept, with errors that say what was expected and what came."""

from __future__ import annotations

import numpy as np

from mrcnn_roi.ops.backend import is_tensor

ORDERS, FRAMES = ("yxyx", "xyxy", "xywh", "cxcywh"), ("pixels", "normalized")


def is_ragged(value) -> bool:
    """True for a tf.RaggedTensor, without importing TensorFlow."""
    return is_tensor(value) and hasattr(value, "row_lengths")


def has_values(value) -> bool:
    """True for arrays and eager tensors, False for tensors of a graph."""
    if not is_tensor(value):
        return True
    import tensorflow as tf

    return tf.executing_eagerly() and not hasattr(value, "_keras_history")


def check_layout(order, frame, to_order, to_frame, image_shape):
    """image_shape; ValueError for an unknown order or frame, or where the frames differ and it is no image size."""
    for name, value, choices in (("order", order, ORDERS), ("frame", frame, FRAMES)):
        for prefix, each in (("", value), ("to_", to_order if name == "order" else to_frame)):
            if not isinstance(each, str) or each not in choices:
                raise ValueError(f"expected {prefix}{name} to be one of {choices}, received {each!r}")
    if frame == to_frame:
        return None
    need = f"expected image_shape=(height, width) of the molded image in pixels, to turn {frame} into {to_frame} boxes"
    if image_shape is None:
        raise ValueError(f"{need}, received None")
    if is_tensor(image_shape):
        if image_shape.shape.rank != 1 or (image_shape.shape[0] or 2) < 2:
            raise ValueError(f"{need}, received a tensor of shape {image_shape.shape}")
        if not has_values(image_shape):
            return image_shape
    try:
        size = np.asarray(image_shape, np.float64)
    except (TypeError, ValueError):
        raise ValueError(f"{need}, received {image_shape!r}") from None
    if size.ndim != 1 or len(size) < 2 or not np.all(np.isfinite(size[:2]) & (size[:2] > 1)):
        raise ValueError(f"{need}, more than one pixel each, received {image_shape!r}")
    return size[:2]


def as_boxes(boxes, columns: int, *, rank=None, image=None):
    """boxes as a float array or tensor [..., columns]; ValueError for another shape or something without numbers.

    rank: how many axes there must be. image: which image they belong to, for the text.
    """
    legend = "(y1, x1, y2, x2) in some order" if columns == 4 else "(image, four columns of the box)"
    axes = {None: "[..., ", 2: "[R, " if image is None else "[n, "}[rank]
    need = f"expected boxes {axes}{legend}]" + ("" if image is None else f" for image {image}")
    if is_tensor(boxes):
        boxes = _as_tensor(boxes, need)
        shape = boxes.shape.as_list() if boxes.shape.rank is not None else None
    else:
        boxes = _as_array(boxes, need)
        if boxes.shape == (0,) and rank == 2:
            boxes = boxes.reshape(0, columns)  # [], an image without RoIs
        shape = list(boxes.shape)
    if shape is None or not shape or shape[-1] != columns or (rank is not None and len(shape) != rank):
        raise ValueError(f"{need}, received shape {'of unknown rank' if shape is None else tuple(shape)}")
    return boxes


def _as_array(boxes, need):
    try:
        array = np.asarray(boxes)
    except Exception as error:  # lists of different lengths; a tensor of another framework that needs detach()
        hint = "; pad_rois takes a list with one array per image" if isinstance(boxes, (list, tuple)) else ""
        raise ValueError(f"{need}, received a {type(boxes).__name__} numpy cannot read: {error}{hint}") from error
    if array.dtype.kind not in "iuf" and array.dtype.name != "bfloat16":
        raise ValueError(f"{need}, numbers, received {array.dtype} of shape {array.shape}")
    return array.astype(np.float64)


def _as_tensor(boxes, need):
    import tensorflow as tf

    if is_ragged(boxes):
        raise ValueError(f"{need}, received a RaggedTensor; pad_rois takes one")
    if isinstance(boxes, tf.SparseTensor) or not tf.is_tensor(boxes):
        hint = "tf.sparse.to_dense" if tf.is_tensor(boxes) else "call this inside a layer's call or a tf.function"
        raise ValueError(f"{need}, an array or a dense tensor, received a {type(boxes).__name__}; {hint}")
    boxes = tf.convert_to_tensor(boxes)
    if not (boxes.dtype.is_floating or boxes.dtype.is_integer):
        raise ValueError(f"{need}, numbers, received {boxes.dtype.name} of shape {boxes.shape}")
    return tf.cast(boxes, tf.float64 if boxes.dtype in (tf.int64, tf.float64) else tf.float32)


def whole_number(value, name: str, smallest: int = 0):
    """value as an int or a scalar int32 tensor; ValueError for anything else."""
    if is_tensor(value):
        if not value.dtype.is_integer or value.shape.rank != 0:
            raise ValueError(f"expected {name} to be an integer or a scalar, received {value.dtype} {value.shape}")
        if not has_values(value):
            import tensorflow as tf

            return tf.cast(value, tf.int32)
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < smallest:
        raise ValueError(f"expected {name} to be an integer >= {smallest}, received {value!r}")
    return int(value)


def check_index(column, batch_size):
    """The batch index, column 0 of [R, 5], as int32 [R]; the first row that is none of 0..batch_size - 1 is named.

    ValueError; in a graph tf.errors.InvalidArgumentError when it runs.
    """
    if is_tensor(column) or is_tensor(batch_size):
        import tensorflow as tf

        column = tf.convert_to_tensor(column)
        if not (has_values(column) and has_values(batch_size)):
            right = (column >= 0) & (column < tf.cast(batch_size, column.dtype)) & (column == tf.floor(column))
            text = "expected the batch index in column 0 to be an integer below batch_size, received column 0"
            check = tf.debugging.Assert(tf.reduce_all(right), [text, column], summarize=8)
            with tf.control_dependencies([check] if check is not None else []):
                return tf.cast(column, tf.int32)
        check_index(column.numpy(), batch_size)
        return tf.cast(column, tf.int32)
    wrong = np.flatnonzero(~((column >= 0) & (column < batch_size) & (column == np.floor(column))))
    if len(wrong):
        raise ValueError(
            f"expected the batch index in column 0 to be an integer from 0 to {batch_size - 1} (batch_size is "
            f"{batch_size}), received {column[wrong[0]]:g} in row {wrong[0]} ({len(wrong)} of {len(column)} are wrong)"
        )
    return column.astype(np.int32)


def check_fits(fullest, slots, row):
    """row, int32 [R], the place of each RoI within its image; ValueError where an image holds more RoIs than slots, in
    a graph tf.errors.InvalidArgumentError when it runs.

    In a graph the result waits for the assertion, so that nothing that scatters by it can fail first, less clearly.
    """
    if has_values(fullest) and has_values(slots):
        if int(fullest) > int(slots):
            raise ValueError(f"expected at most slots={int(slots)} RoIs an image, received {int(fullest)}")
        return row
    import tensorflow as tf

    check = tf.debugging.assert_less_equal(
        fullest, slots, "expected at most as many RoIs an image as slots, received more"
    )
    with tf.control_dependencies([check] if check is not None else []):
        return tf.identity(row)
