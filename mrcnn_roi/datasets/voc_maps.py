"""VOC's segmentation maps: SegmentationObject numbers the objects of an image, SegmentationClass says what they are.

One channel or a palette, whose indices count, or a colour picture in the colours of VOC's palette, as CVAT and
Datumaro write them. 0 is the background, 255 void: the seam between objects, and what nobody may be judged on.
Number k is the k-th object of the image's XML file. Where the boxes say otherwise, they decide.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from mrcnn_roi.datasets.files import setup_error
from mrcnn_roi.datasets.images import is_label_map, read_header, read_image, read_label_map
from mrcnn_roi.datasets.label_map import MAX_INSTANCES, VOID
from mrcnn_roi.datasets.records import box_iou
from mrcnn_roi.datasets.voc_classes import VOC_COLOURS, ClassKey

AS_NUMBERS = "save the numbers of the objects as an 8 bit palette PNG, 0 for the background"
OWN = 0.1  # by how much another object's box must fit better than that of the object with the same number
LEAST = 0.3  # IoU below which a box with another number is another object's; VOC's seams make small masks smaller
SEEN = 0.05  # part of an object's box from which the map may have the object, under another one's number

Box = tuple[float, float, float, float]  # x1, y1, x2, y2 in pixels, x2/y2 outside


class MapObject(NamedTuple):
    """An object of the XML file as its map needs it: box None where there is none, name "" where that is unknown."""

    name: str
    box: Box | None
    difficult: bool


def is_map(mode: str) -> bool:
    """Whether a Pillow mode can hold a map: numbers, or colours."""
    return is_label_map(mode) or mode in ("RGB", "RGBA")


def read_numbers(path: str) -> tuple[np.ndarray, np.ndarray]:
    """(map of integers [H, W], the numbers of its objects in ascending order, [N]).

    Raises SetupError naming the map where it cannot be decoded, or holds more numbers than an image has objects.
    """
    pixels, coloured = _pixels(path)
    numbers = np.flatnonzero(np.bincount(pixels.ravel())) if pixels.dtype == np.uint8 else np.unique(pixels)
    if coloured:
        meant = np.array([VOC_COLOURS.get(int(colour), int(colour) + 1000) for colour in numbers])
        pixels, numbers = meant[np.searchsorted(numbers, pixels)], np.sort(meant)
    if len(numbers) > MAX_INSTANCES:
        text = f"{len(numbers)} different numbers, so this is no map of objects but a picture"
        raise setup_error("ds-file-unreadable", path, text, AS_NUMBERS)
    return pixels, numbers[(numbers != 0) & (numbers != VOID)]


def read_names(path: str, masks: np.ndarray, key: ClassKey) -> list[tuple[str, str]]:
    """For each mask of bool [N, H, W] what most of its pixels are in the class map, as text for a message, and the name
    of that class, "" where it has none.

    Raises SetupError naming the map where it cannot be decoded, or has another size.
    """
    pixels, coloured = _pixels(path)
    if pixels.shape != masks.shape[1:]:
        height, width = masks.shape[1:]
        text = f"{pixels.shape[1]} x {pixels.shape[0]} pixels, the map of the objects has {width} x {height}"
        raise setup_error("ds-mask-shape", path, text, "save both maps at the size of the image")
    void = {colour for colour, number in VOC_COLOURS.items() if number in (0, VOID)} if coloured else {0, VOID}
    found = []
    for mask in masks:
        values, counts = np.unique(pixels[mask], return_counts=True)
        ranked = [int(values[i]) for i in np.argsort(-counts, kind="stable") if int(values[i]) not in void]
        most = ranked[0] if ranked else -1
        seen = "background or void" if not ranked else f"#{most:06x}" if coloured else str(most)
        found.append((seen, (key.by_colour if coloured else key.by_number).get(most, "")))
    return found


def matched(numbers: Sequence[int], boxes: Sequence[Box], objects: Sequence[MapObject]) -> list[int | None]:
    """For each number of a map the index of the object it is, or None: one object for one number.

    boxes: of the masks. The best pairs come first; then who is left takes the object of its own number, if the boxes
    touch or there is no box to be compared.
    """
    pairs = []
    for row, (number, box) in enumerate(zip(numbers, boxes)):
        for index, each in enumerate(objects):
            iou = box_iou(box, each.box) if each.box else 0.0
            own = index == number - 1
            if iou >= LEAST:
                pairs.append((iou + OWN * own, row, index))
            elif own and (iou > 0 or each.box is None):
                pairs.append((iou / 10, row, index))
    found: list[int | None] = [None] * len(numbers)
    taken = set()
    for _, row, index in sorted(pairs, key=lambda pair: (-pair[0], pair[1])):
        if found[row] is None and index not in taken:
            found[row] = index
            taken.add(index)
    return found


def missing(pixels: np.ndarray, found: Sequence[int | None], objects: Sequence[MapObject]) -> list[int]:
    """The objects that `matched` gave no number and in whose box nearly all of the map is background. Difficult ones
    are not among them, nor those the map has void for: nobody learns that they are background."""
    lost = []
    for index in sorted(set(range(len(objects))) - set(found)):
        each = objects[index]
        if each.difficult or each.box is None:
            continue
        x1, y1, x2, y2 = (max(round(side), 0) for side in each.box)
        inside = pixels[y1:y2, x1:x2]
        if inside.size and np.count_nonzero(inside) < SEEN * inside.size:
            lost.append(index)
    return lost


def _pixels(path: str) -> tuple[np.ndarray, bool]:
    """(integers [H, W], whether they are colours 0xRRGGBB)."""
    mode = read_header(path).mode
    if not is_map(mode):
        raise setup_error("ds-file-unreadable", path, f"mode {mode} instead of one channel of numbers", AS_NUMBERS)
    if is_label_map(mode):
        pixels = read_label_map(path)
        return pixels.astype(np.uint8) if pixels.dtype == bool else pixels, False
    red, green, blue = np.moveaxis(read_image(path, apply_exif=False).astype(np.int64), -1, 0)
    return red << 16 | green << 8 | blue, True
