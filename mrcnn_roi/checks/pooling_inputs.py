"""What `check_rois` was given, read once for all its checks. Nothing here raises, whatever was passed.

The checks share these objects. What cannot be read is left empty, so that the checks that need it are silent:
the one that says why it cannot be read is enough.

Letters: B images, N RoIs an image, M RoIs in all that are finite and not padding, L pyramid levels.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence, ValuesView
from dataclasses import dataclass
from itertools import islice

import numpy as np

from mrcnn_roi.checks.any_array import as_array, is_number
from mrcnn_roi.ops.anchors import feature_shapes
from mrcnn_roi.ops.meta import FIXED_LENGTH, parse_image_meta

DEFAULT_STRIDES = (4, 8, 16, 32)
LARGEST_INT32 = 2**31 - 1
MOST_LEVELS = 32  # no pyramid has more; a list of a million things is counted, and not read to its end


@dataclass(frozen=True)
class ImageSizes:
    """What each source says about the size (height, width) of the molded image, in pixels; None: nothing."""

    given: tuple[int, int] | None
    meta: tuple[int, int] | None
    maps: tuple[int, int] | None

    @property
    def best(self) -> tuple[int, int] | None:
        return self.given or self.meta or self.maps


@dataclass(frozen=True)
class FeatureMaps:
    """The first 32 maps as arrays; `count` says how many came. `layout` is "NHWC", "NCHW" or "" (cannot be
    told); `shapes` is int [L, (height, width)], empty where it cannot be told. `disordered`: not finest first.
    `extremes` holds (smallest, largest) of every map, None for one that is empty or not numbers.
    `image_shape` is the molded image that the maps fit, up to rounding; None where they fit no single one.
    """

    arrays: tuple[np.ndarray, ...]
    count: int
    names: tuple[str, ...]
    layout: str
    shapes: np.ndarray
    disordered: bool
    image_shape: tuple[int, int] | None
    extremes: tuple[tuple[np.generic, np.generic] | None, ...]


@dataclass(frozen=True)
class ImageMeta:
    """The meta and its fields by `parse_image_meta`'s names, none unless it is [B, 12 + K] numbers.

    In the fields NaN and infinity are 0. `num_classes` is what the caller said, None for nothing usable.
    """

    array: np.ndarray
    fields: dict[str, np.ndarray]
    num_classes: int | None

    @property
    def image_shape(self) -> tuple[int, int] | None:
        """(height, width) of the molded image, from row 0 as the layer reads it."""
        return read_size(self.fields["image_shape"][0]) if self.fields else None

    @property
    def original_shape(self) -> tuple[int, int] | None:
        return read_size(self.fields["original_image_shape"][0]) if self.fields else None


def read_size(value) -> tuple[int, int] | None:
    """(height, width) from (height, width, ...); None unless both are numbers from 1 on."""
    array = as_array(value)
    if array.ndim != 1 or len(array) < 2 or not is_number(array.dtype):
        return None
    height, width = float(array[0]), float(array[1])
    valid = all(math.isfinite(side) and 1 <= side <= LARGEST_INT32 for side in (height, width))
    return (int(height), int(width)) if valid else None


def read_strides(value) -> tuple[int, ...]:
    """Pixels of the image per cell of each map; the usual ones unless `value` holds positive numbers."""
    array = as_array(value)
    if array.ndim != 1 or not 0 < len(array) <= MOST_LEVELS or not is_number(array.dtype):
        return DEFAULT_STRIDES
    strides = [float(stride) for stride in array]
    valid = all(math.isfinite(stride) and 1 <= stride <= LARGEST_INT32 for stride in strides)
    return tuple(int(stride) for stride in strides) if valid else DEFAULT_STRIDES


def read_count(value) -> int | None:
    array = as_array(value)
    valid = array.ndim == 0 and is_number(array.dtype) and np.isfinite(array) and array >= 1
    return int(array) if valid else None


def read_meta(value, num_classes) -> ImageMeta | None:
    if value is None:
        return None
    array, num_classes = as_array(value), read_count(num_classes)
    if array.ndim != 2 or len(array) == 0 or array.shape[1] < FIXED_LENGTH or not is_number(array.dtype):
        return ImageMeta(array, {}, num_classes)
    finite = np.nan_to_num(array.astype(np.float64), nan=0.0, posinf=0.0, neginf=0.0)
    fields = parse_image_meta(np.clip(finite, -LARGEST_INT32, LARGEST_INT32))
    return ImageMeta(array, fields, num_classes)


def as_maps(value) -> tuple[int, tuple[np.ndarray, ...]]:
    """How many maps a list, a dict, or one array with the maps along axis 0 holds, and the first 32 of them;
    anything else is one map."""
    try:
        values = value.values() if isinstance(value, Mapping) else value
        if isinstance(values, (Sequence, ValuesView)) and not isinstance(values, (str, bytes, bytearray)):
            return len(values), tuple(as_array(each) for each in islice(values, MOST_LEVELS))
    except Exception:  # a foreign container that fails when it is read
        return 1, (as_array(value),)
    array = as_array(values)
    stacked = array.ndim >= 5 or (array.ndim == 1 and array.dtype == object)
    return (len(array), tuple(as_array(each) for each in array[:MOST_LEVELS])) if stacked else (1, (array,))


def level_names(count: int, strides) -> tuple[str, ...]:
    """P2 for stride 4 and so on; "map0", "map1" ... where the stride is no power of two or there is none."""
    powers = [stride.bit_length() - 1 if stride.bit_count() == 1 else None for stride in strides]
    levels = powers[:count] + [None] * (count - len(powers))
    return tuple(f"map{i}" if level is None else f"P{level}" for i, level in enumerate(levels))


def fits(shapes: np.ndarray, image_shape, strides) -> bool:
    return bool(np.array_equal(shapes, feature_shapes(image_shape, strides)))


def channels_first(shapes: np.ndarray, known_size, strides) -> bool:
    """Whether maps of these shapes [L, 4] are [B, C, H, W]: all levels are compared, so 256 × 256 cells with
    256 channels do not mislead. A single level says so only where the image size is known."""
    if known_size and len(shapes) == len(strides):
        if fits(shapes[:, 1:3], known_size, strides):
            return False
        if fits(shapes[:, 2:4], known_size, strides):
            return True
    varies = [len(np.unique(shapes[:, axis])) > 1 for axis in range(4)]
    return not varies[1] and varies[2] and varies[3]


def best_image_shape(shapes: np.ndarray, strides) -> tuple[int, int]:
    """The image size that most maps [L, (height, width)] fit, up to rounding; the finest one's on a tie."""
    candidates = [(int(h) * stride, int(w) * stride) for (h, w), stride in zip(shapes, strides)]
    votes = [int(np.sum(np.all(feature_shapes(each, strides) == shapes, axis=1))) for each in candidates]
    return candidates[int(np.argmax(votes))]


def extremes(array: np.ndarray) -> tuple[np.generic, np.generic] | None:
    if array.ndim == 0 or array.size == 0 or not is_number(array.dtype):
        return None
    return np.min(array), np.max(array)


def read_maps(value, strides, known_size) -> FeatureMaps | None:
    if value is None:
        return None
    count, arrays = as_maps(value)
    names = level_names(len(arrays), strides)
    layout, shapes, disordered, image_shape = "", np.zeros((0, 2), np.int64), False, None
    if arrays and all(each.ndim == 4 and is_number(each.dtype) for each in arrays):
        full = np.array([each.shape for each in arrays], np.int64)
        layout = "NCHW" if channels_first(full, known_size, strides) else "NHWC"
        shapes = full[:, 2:4] if layout == "NCHW" else full[:, 1:3]
        if len(arrays) == len(strides):
            ordered = shapes[np.argsort(-np.prod(shapes, axis=1), kind="stable")]
            likely = best_image_shape(ordered, strides)
            consistent = min(likely) > 0 and fits(ordered, likely, strides)
            growing = len(shapes) > 1 and bool(np.all(np.diff(np.prod(shapes, axis=1)) > 0))
            disordered = growing or (consistent and not np.array_equal(ordered, shapes))
            image_shape = likely if consistent else None
    return FeatureMaps(
        arrays, count, names, layout, shapes, disordered, image_shape, tuple(extremes(each) for each in arrays)
    )


def batch_sizes(rois: np.ndarray, maps: FeatureMaps | None, meta: ImageMeta | None, gt_boxes) -> dict[str, int]:
    """Images by argument, for the arguments whose rank says that they have a batch axis."""
    sizes = {"rois": rois.shape[0]} if rois.ndim == 3 else {}
    if meta is not None and meta.array.ndim == 2:
        sizes["image_meta"] = meta.array.shape[0]
    if maps is not None:
        of_maps = {name: each.shape[0] for name, each in zip(maps.names, maps.arrays) if each.ndim == 4}
        sizes.update({"feature_maps": next(iter(of_maps.values()))} if len(set(of_maps.values())) == 1 else of_maps)
    if gt_boxes is not None and as_array(gt_boxes).ndim == 3:
        sizes["gt_boxes"] = as_array(gt_boxes).shape[0]
    return sizes
