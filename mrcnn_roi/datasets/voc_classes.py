"""The names that stand for the numbers and colours of VOC's segmentation maps.

VOC numbers its 20 classes by the alphabet; CVAT and Datumaro write a labelmap.txt with names and colours, labelme's
converter a class_names.txt. Colours are those of VOC's palette where a map is a colour picture.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from mrcnn_roi.checks.names import BACKGROUND_NAMES

VOC_CLASSES = (
    "aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow", "diningtable", "dog",
    "horse", "motorbike", "person", "pottedplant", "sheep", "sofa", "train", "tvmonitor",
)  # fmt: skip
NO_CLASSES = (*BACKGROUND_NAMES, "__ignore__")
LARGEST = 1_000_000  # bytes of a list of names


def _voc_colour(number: int) -> int:
    """The colour of a palette index as 0xRRGGBB: its bits, from the lowest on, are dealt to red, green and blue, from
    the highest on."""
    colour = 0
    for bit in range(8):
        colour |= (number >> bit & 1) << (16 - 8 * (bit % 3) + 7 - bit // 3)
    return colour


VOC_COLOURS = {_voc_colour(number): number for number in range(256)}  # 0xRRGGBB -> palette index


@dataclass(frozen=True)
class ClassKey:
    """What the pixels of a class map mean. by_colour: 0xRRGGBB -> name. listed: whether the set has a list."""

    by_number: dict[int, str]
    by_colour: dict[int, str]
    listed: bool = False

    def names(self) -> list[str]:
        """The classes in their order, without the background."""
        return list(dict.fromkeys(name for _, name in sorted(self.by_number.items()) if name not in NO_CLASSES))


def read_class_key(folder: Path) -> ClassKey:
    """The key of a set: its labelmap.txt or class_names.txt, else VOC's own classes."""
    rows = _rows(folder / "labelmap.txt")
    if rows:
        names = {number: row.split(":")[0].strip() for number, row in enumerate(rows)}
        colours = {_colour(row, number): names[number] for number, row in enumerate(rows)}
        return ClassKey(names, colours, listed=True)
    rows = [row for row in _rows(folder / "class_names.txt") if row != "__ignore__"]
    if rows and rows[0].lower() in BACKGROUND_NAMES:
        return _by_voc_colours(rows[1:], listed=True)
    return _by_voc_colours(VOC_CLASSES, listed=False)


def _by_voc_colours(names: Iterable[str], listed: bool) -> ClassKey:
    numbers = dict(enumerate(names, 1))
    colours = {colour: numbers[number] for colour, number in VOC_COLOURS.items() if number in numbers}
    return ClassKey(numbers, colours, listed)


def _rows(path: Path) -> list[str]:
    """The lines of a small text file that are neither empty nor comments; [] where there is none."""
    try:
        if not path.is_file() or path.stat().st_size > LARGEST:
            return []
        text = path.read_text(encoding="utf-8-sig", errors="replace")
    except OSError:
        return []
    return [row for line in text.splitlines() if (row := line.strip()) and not row.startswith("#")]


def _colour(row: str, number: int) -> int:
    """The colour in "cat:64,0,0::" as 0xRRGGBB; that of VOC's palette for the number where there is none."""
    parts = row.split(":")
    channels = [part.strip() for part in parts[1].split(",")] if len(parts) > 1 else []
    if len(channels) != 3 or not all(part.isascii() and part.isdigit() and len(part) <= 3 for part in channels):
        return _voc_colour(number)
    red, green, blue = (min(int(part), 255) for part in channels)
    return red << 16 | green << 8 | blue
