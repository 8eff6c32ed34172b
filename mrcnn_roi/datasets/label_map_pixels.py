"""The pixels of label maps: which numbers are instances, their boxes and masks, and what a class map has under them."""

from __future__ import annotations

import os

import numpy as np

from mrcnn_roi.datasets.files import setup_error
from mrcnn_roi.datasets.images import read_label_map

VOID = 255
MAX_INSTANCES = 2000  # in one image; more are the grey values of a photograph or a depth image
_SMALL = 1 << 20  # numbers below it are counted in a table instead of being sorted
_CELLS = 1 << 22  # the same of pairs of numbers


def read_instances(path: str | os.PathLike, void: bool, divisor: int | None) -> tuple[np.ndarray, np.ndarray]:
    """(the map [H, W], the numbers of its instances [N], ascending).

    void: whether 255 is a border, which it is in palettes, and only where there are other numbers.
    divisor: numbers below it are regions without instances; None where every number but 0 is one.
    Raises SetupError naming the map where it cannot be decoded, or has as many numbers as a picture.
    """
    label_map = read_label_map(path)
    if label_map.dtype == bool:
        label_map = label_map.astype(np.uint8)
    numbers = distinct(label_map)
    numbers = numbers[numbers != 0] if divisor is None else numbers[numbers >= divisor]
    if len(numbers) > MAX_INSTANCES:
        raise setup_error(
            "ds-file-unreadable",
            path,
            f"{len(numbers)} different numbers, so this is no map of instances but a picture",
            "save the instance ids as an 8 or 16 bit greyscale PNG, 0 for the background",
        )
    if void and len(numbers) > 1:
        numbers = numbers[numbers != VOID]
    return label_map, numbers


def distinct(pixels: np.ndarray) -> np.ndarray:
    """The different values of integer pixels, ascending: np.unique without its sorting, where they are small."""
    if pixels.size and pixels.min() >= 0 and pixels.max() < _SMALL:
        return np.flatnonzero(np.bincount(pixels.ravel())).astype(pixels.dtype)
    return np.unique(pixels)


def windows_of(label_map: np.ndarray, numbers: np.ndarray) -> list[tuple[slice, slice]]:
    """The rows and columns that each number spans, found in one pass over the map."""
    if not len(numbers):
        return []
    if numbers[0] < 0 or numbers[-1] > max(65535, 2 * len(numbers)):
        label_map, numbers = _renumbered(label_map, numbers), np.arange(1, len(numbers) + 1)
    from scipy import ndimage  # a third of a second, which a config alone need not wait for

    found = ndimage.find_objects(label_map, int(numbers[-1]))
    return [found[number - 1] for number in numbers.tolist()]


def boxes_of(label_map: np.ndarray, numbers: np.ndarray) -> np.ndarray:
    """int32 [N, (y1, x1, y2, x2)]: the boxes of the numbers."""
    boxes = [(y.start, x.start, y.stop, x.stop) for y, x in windows_of(label_map, numbers)]
    return np.array(boxes, np.int32).reshape(-1, 4)


def masks_of(label_map: np.ndarray, numbers: np.ndarray) -> np.ndarray:
    """bool [H, W, N]: where the map has each number; a view of [N, H, W]. Only their windows are compared."""
    masks = np.zeros((len(numbers), *label_map.shape), bool)
    for mask, number, window in zip(masks, numbers, windows_of(label_map, numbers)):
        np.equal(label_map[window], number, out=mask[window])
    return np.moveaxis(masks, 0, -1)


def pixels_by_class(label_map: np.ndarray, numbers: np.ndarray, class_map: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(counts int64 [N, V], values [V]): how many pixels of each number have which value of a class map of the same
    size."""
    values = distinct(class_map)
    place = np.searchsorted(values, class_map) if values[-1] >= _SMALL or values[0] < 0 else _table(values)[class_map]
    instance = _renumbered(label_map, numbers)
    shape = (len(numbers) + 1, len(values))
    pairs = instance.astype(np.int64) * shape[1] + place
    if shape[0] * shape[1] <= _CELLS:
        counts = np.bincount(pairs.ravel(), minlength=shape[0] * shape[1])
    else:
        counts = np.zeros(shape[0] * shape[1], np.int64)
        found, times = np.unique(pairs, return_counts=True)
        counts[found] = times
    return counts.reshape(shape)[1:], values


def _renumbered(label_map: np.ndarray, numbers: np.ndarray) -> np.ndarray:
    """int32 [H, W]: the place of each pixel's number among the numbers, from 1; 0 for others."""
    if not len(numbers):
        return np.zeros(label_map.shape, np.int32)
    if label_map.min() >= 0 and label_map.max() < _SMALL:
        table = np.zeros(int(label_map.max()) + 1, np.int32)
        table[numbers] = np.arange(1, len(numbers) + 1)
        return table[label_map]
    place = np.searchsorted(numbers, label_map).clip(max=len(numbers) - 1)
    return np.where(numbers[place] == label_map, place + 1, 0).astype(np.int32)


def _table(values: np.ndarray) -> np.ndarray:
    """int64: value -> its place among the values."""
    table = np.zeros(int(values[-1]) + 1, np.int64)
    table[values] = np.arange(len(values))
    return table
