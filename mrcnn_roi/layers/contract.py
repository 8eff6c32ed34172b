"""What the pooling layers accept: checks on static shapes, with errors that say what was expected and what came."""

from __future__ import annotations

import keras
import numpy as np
import tensorflow as tf

from mrcnn_roi.ops.compilation import in_xla


def pool_size(pool_shape) -> tuple[int, int]:
    """(height, width) in bins from a pair or a single number; ValueError for anything below 1."""
    pair = (pool_shape, pool_shape) if np.ndim(pool_shape) == 0 else tuple(pool_shape)
    if len(pair) != 2 or not all(
        isinstance(side, (int, np.integer)) and not isinstance(side, bool) and side >= 1 for side in pair
    ):
        raise ValueError(f"expected pool_shape to be (height, width) with integers >= 1, received {pool_shape!r}")
    return int(pair[0]), int(pair[1])


def one_of(name: str, value, choices):
    """value, if it is among choices; ValueError otherwise."""
    if not isinstance(value, str) or value not in choices:
        raise ValueError(f"expected {name} to be one of {choices}, received {value!r}")
    return value


def flag(name: str, value) -> bool:
    """value as a bool; ValueError for anything else."""
    if not isinstance(value, (bool, np.bool_)):
        raise ValueError(f"expected {name} to be True or False, received {value!r}")
    return bool(value)


def samples_a_bin(sampling_ratio) -> int:
    """The sampling ratio, a whole number; 0 for adaptive, as -1 is; ValueError for anything else."""
    whole = isinstance(sampling_ratio, (int, np.integer)) and not isinstance(sampling_ratio, bool)
    if not whole or sampling_ratio < -1:
        raise ValueError(
            f"expected sampling_ratio to be an integer >= 1, or 0 or -1 for adaptive, received {sampling_ratio!r}"
        )
    return int(sampling_ratio)


def consecutive(name: str, values) -> tuple[int, ...]:
    """values as a tuple of ints that count up by one; ValueError for anything else."""
    whole = [int(each) for each in np.ravel(values) if isinstance(each, (int, np.integer))]
    if np.ndim(values) != 1 or not whole or whole != list(range(whole[0], whole[0] + len(np.ravel(values)))):
        raise ValueError(f"expected {name} to be consecutive integers such as (2, 3, 4, 5), received {values!r}")
    return tuple(whole)


def positive_number(name: str, value) -> float:
    """value as a float; ValueError unless it is a finite number above 0."""
    number = isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(value, bool)
    if not number or not 0 < float(value) < float("inf"):
        raise ValueError(f"expected {name} to be a number above 0, received {value!r}")
    return float(value)


def _shape(value) -> tuple:
    return tuple(value.shape) if hasattr(value, "shape") else np.shape(value)


def _is_floating(value) -> bool:
    dtype = getattr(value, "dtype", None)
    name = getattr(dtype, "name", None) or str(dtype if dtype is not None else np.asarray(value).dtype)
    return "float" in name


def _equal(values) -> bool:
    known = [value for value in values if value is not None]
    return all(value == known[0] for value in known)


def check_boxes(boxes, layer: str, finite: bool = True):
    """Raises ValueError unless boxes look like [B, N, (y1, x1, y2, x2)] floats, finite ones where they are at hand."""
    if isinstance(boxes, (tf.RaggedTensor, tf.SparseTensor)):
        raise ValueError(
            f"{layer} expected dense boxes [B, N, (y1, x1, y2, x2)], received a {type(boxes).__name__}; "
            "ops.roi_layouts.pad_rois makes them dense"
        )
    shape = _shape(boxes)
    if len(shape) != 3:
        hint = "; add the batch axis: boxes[None]" if len(shape) == 2 else ""
        raise ValueError(f"{layer} expected boxes of rank 3, [B, N, (y1, x1, y2, x2)], received shape {shape}{hint}")
    if shape[-1] not in (4, None):
        guess = {5: " (5 columns: torchvision's batch index first?)", 6: " (6 columns: detections?)"}
        raise ValueError(
            f"{layer} expected boxes with last dimension 4, (y1, x1, y2, x2), "
            f"received shape {shape}{guess.get(shape[-1], '')}"
        )
    if not _is_floating(boxes):
        raise ValueError(
            f"{layer} expected boxes of a floating dtype, received {getattr(boxes, 'dtype', type(boxes))}: "
            "whole numbers cannot hold normalized boxes; pixels are wanted as floats too"
        )
    if finite:
        _check_finite(boxes, layer)


def _check_finite(boxes, layer: str):
    """Raises ValueError when boxes are at hand (not symbolic) and one of them is NaN or infinite."""
    tensor = tf.is_tensor(boxes) or isinstance(boxes, (tf.Variable, keras.Variable))
    if isinstance(boxes, keras.KerasTensor) or (tensor and not (tf.executing_eagerly() and hasattr(boxes, "numpy"))):
        return
    values = boxes.numpy() if hasattr(boxes, "numpy") else np.asarray(boxes)
    bad = np.argwhere(~np.isfinite(values.astype(np.float32)).all(axis=-1))
    if len(bad):
        first = tuple(int(i) for i in bad[0])
        raise ValueError(
            f"{layer} expected finite boxes, received {len(bad)} with NaN or infinity, "
            f"the first at {first}: ({', '.join(f'{float(value):.4g}' for value in values[first])})"
        )


def check_feature_maps(maps, layer: str):
    """Raises ValueError unless the maps look like [B, H, W, C] floats with one C."""
    shapes = [_shape(each) for each in maps]
    for index, (each, shape) in enumerate(zip(maps, shapes)):
        if len(shape) != 4:
            raise ValueError(
                f"{layer} expected feature maps of rank 4, [B, H, W, C], received shape {shape} for map {index}"
            )
        if not _is_floating(each):
            raise ValueError(
                f"{layer} expected feature maps of a floating dtype, received {each.dtype} for map {index}"
            )
    if looks_channels_first(shapes):
        raise ValueError(
            f"{layer} expected channels last, [B, H, W, C], received maps that look like [B, C, H, W]: "
            f"{shapes}; transpose them with (0, 2, 3, 1)"
        )
    if not _equal(shape[3] for shape in shapes):
        raise ValueError(
            f"{layer} expected the same number of channels in every map, received {[s[3] for s in shapes]}"
        )


def looks_channels_first(shapes) -> bool:
    """True when axis 1 is the same in all maps and the last two axes shrink from map to map: [B, C, H, W]."""
    if len(shapes) < 2 or any(None in shape[1:] for shape in shapes):
        return False
    same = len({shape[1] for shape in shapes}) == 1
    return same and all(fine[2] > coarse[2] and fine[3] > coarse[3] for fine, coarse in zip(shapes, shapes[1:]))


def check_map_inputs(inputs, layer: str, finite: bool = True):
    """Raises ValueError unless inputs are [boxes, feature_map]."""
    if not isinstance(inputs, (list, tuple)) or len(inputs) != 2:
        received = f"{len(inputs)} inputs" if isinstance(inputs, (list, tuple)) else type(inputs).__name__
        raise ValueError(f"{layer} expected a list of 2 inputs, [boxes, feature_map], received {received}")
    boxes, feature_map = inputs
    check_boxes(boxes, layer, finite)
    check_feature_maps([feature_map], layer)
    batches = [_shape(each)[0] for each in inputs]
    if not _equal(batches):
        raise ValueError(f"{layer} expected the same batch size in both inputs, received {batches}")


def check_pyramid_inputs(inputs, levels, layer: str, finite: bool = True):
    """Raises ValueError unless inputs are [boxes, image_meta, one map a level]."""
    expected = 2 + len(levels)
    if not isinstance(inputs, (list, tuple)) or len(inputs) != expected:
        received = f"{len(inputs)} inputs" if isinstance(inputs, (list, tuple)) else type(inputs).__name__
        raise ValueError(
            f"{layer} expected a list of {expected} inputs, [boxes, image_meta, "
            f"{', '.join(f'P{level}' for level in levels)}], received {received}"
        )
    boxes, image_meta, *maps = inputs
    check_boxes(boxes, layer, finite)
    meta = _shape(image_meta)
    if len(meta) != 2 or (meta[1] is not None and meta[1] < 13):
        raise ValueError(f"{layer} expected image_meta of shape [B, 12 + number of classes], received shape {meta}")
    check_feature_maps(maps, layer)
    sizes = [_shape(each)[1:3] for each in maps]
    if all(None not in size for size in sizes) and any(a < c and b < d for (a, b), (c, d) in zip(sizes, sizes[1:])):
        raise ValueError(f"{layer} expected the finest map first, received maps of {sizes}")
    batches = [_shape(each)[0] for each in inputs]
    if not _equal(batches):
        raise ValueError(f"{layer} expected the same batch size in every input, received {batches}")


def assert_values(boxes, layer: str, normalized: bool):
    """boxes, once the graph has asserted that they are finite and ordered, and within 0..1 where normalized.

    XLA drops assertions: what it compiles gets NaN for all boxes instead, so that the result is NaN, not zeros.
    """
    start, end = boxes[..., :2], boxes[..., 2:]
    conditions = [
        (tf.math.is_finite(boxes), "finite RoIs", "NaN or infinity"),
        (end >= start, "y1 <= y2 and x1 <= x2", "reversed corners; they would pool flipped features"),
    ]
    if normalized:
        within = (start >= -1e-6) & (end <= 1 + 1e-6)  # of ordered boxes
        words = "values outside; pixels? Use norm_boxes. Outside the map zeros are pooled"
        conditions.append((within, "normalized RoIs within 0..1", words))
    if in_xla():
        right = tf.reduce_all([tf.reduce_all(condition) for condition, *_ in conditions])
        return tf.where(right, boxes, float("nan"))
    for condition, expected, received in conditions:
        # The bare operation: tf.debugging's asserts are ten operations each, which the fast layer would feel.
        words = tf.constant(f"{layer} expected {expected}, received {received}")
        check = tf.raw_ops.Assert(condition=tf.reduce_all(condition), data=[words])
        with tf.control_dependencies([check] if check is not None else []):  # eager: it has run
            boxes = tf.identity(boxes)
    return boxes
