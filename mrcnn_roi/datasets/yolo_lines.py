"""Lines of a YOLO label file: `class x1 y1 x2 y2 x3 y3 ...`, fractions of the image's width and height.

A line of five numbers is a box, `class cx cy w h`: labels of a detection set.
"""

from __future__ import annotations

import math
import os
from array import array
from collections.abc import Iterator
from dataclasses import dataclass

from mrcnn_roi.datasets.outline_dataset import Unusable
from mrcnn_roi.datasets.problems import quoted, shown

CODE = "ds-yolo-line"
LARGEST = 1 << 25  # bytes of a label file
FORM = "write each object as `class x1 y1 x2 y2 x3 y3 ...`, numbers separated by spaces"
_PIXELS = 2  # a coordinate beyond is no fraction with an error


@dataclass(frozen=True, slots=True)
class Line:
    """An object: its number in the file from 1, its class number, and its outline [x1, y1, x2, y2, ...] in fractions,
    or [cx, cy, w, h] of a box."""

    number: int
    class_number: int
    numbers: list[float]

    @property
    def is_box(self) -> bool:
        """Whether it has no outline."""
        return len(self.numbers) == 4


def read_label_file(path: str) -> bytes | Unusable:
    """The content of a label file, or why there is none."""
    try:
        if not os.path.isfile(path):  # a FIFO would block for ever
            return Unusable("ds-file-unreadable", "it is not a regular file", "put the label file there, or remove it")
        with open(path, "rb") as file:
            size = os.fstat(file.fileno()).st_size
            if size <= LARGEST:
                return file.read()
    except OSError as error:
        return Unusable("ds-file-unreadable", f"cannot be read: {error.strerror}", "check its permissions")
    return Unusable("ds-file-unreadable", f"{size} bytes, so this is no label file", "export the labels again")


def lines_of(content: bytes) -> Iterator[Line | tuple[int, Unusable]]:
    """The objects of a label file in their order; (line number, why) for a line that is none. Empty lines are skipped.

    A file that is not UTF-8 is one fault, of line 1.
    """
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        detail = f"not text in UTF-8 at byte {error.start}"
        yield 1, Unusable("ds-file-unreadable", detail, "save the label file as plain text in UTF-8")
        return
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    for number, line in enumerate(text.split("\n"), start=1):
        words = line.split()
        if words:
            made = _read(number, words)
            yield made if isinstance(made, Line) else (number, made)


def _read(number: int, words: list[str]) -> Line | Unusable:
    try:
        values = list(map(float, words))
        total = sum(values)
    except ValueError:
        return _not_numbers(words)
    if total - total != 0 and not all(map(math.isfinite, values)):
        wrong = next(word for word, value in zip(words, values) if not math.isfinite(value))
        return Unusable(CODE, f"{quoted(wrong)} is not finite", "delete the line, or write its outline again")
    class_number, count = values[0], len(values) - 1
    if class_number != int(class_number) or class_number < 0:
        detail = f"class number {quoted(words[0])}"
        return Unusable("ds-yolo-class", detail, "class numbers are whole and count from 0, in the order of names")
    fault = _wrong_count(words, values) if count % 2 or count < 4 else None
    fault = fault or _beyond(words, values)
    return fault if fault is not None else Line(number, int(class_number), values[1:])


def _not_numbers(words: list[str]) -> Unusable:
    def is_number(word: str) -> bool:
        try:
            float(word)
        except ValueError:
            return False
        return True

    wrong = next(word for word in words if not is_number(word))
    commas = "," in wrong and all(is_number(each) for each in wrong.split(",") if each)
    if commas:
        return Unusable(CODE, f"{quoted(shown(wrong, 40))}: numbers with commas between them", FORM)
    if wrong == words[0]:
        fix = "write the number of the class, counted from 0 in the order of names"
        return Unusable("ds-yolo-class", f"class number {quoted(shown(wrong, 40))}", fix)
    return Unusable(CODE, f"{quoted(shown(wrong, 40))} is not a number", FORM)


def _wrong_count(words: list[str], values: list[float]) -> Unusable:
    count, last = len(values) - 1, words[-1]
    if count == 0:
        return Unusable(CODE, "a class number and no coordinates", FORM)
    if count == 2:
        return Unusable("ds-polygon-degenerate", "1 point, at least 3 are needed", FORM)
    if count < 5:
        return Unusable(CODE, f"{count} coordinates, an odd count", FORM)
    what = "a box and a number more" if count == 5 else f"{count} coordinates, an odd count"
    kind = "a confidence" if 0 <= values[-1] <= 1 else "a track id"
    fix = "leave out the last column: predictions saved with confidences or track ids are not labels yet"
    return Unusable(CODE, f"{what}; the last one, {shown(last, 20)}, may be {kind}", fix)


def _beyond(words: list[str], values: list[float]) -> Unusable | None:
    """The fault of coordinates that are no fractions; None where they are."""
    if max(values[1:]) <= _PIXELS:
        return None
    last = values[-1]
    if len(values) >= 7 and last == int(last) and max(values[1:-1]) <= 1:
        fix = "leave out the last columns: predictions saved with confidences and track ids are not labels yet"
        return Unusable(CODE, f"the last number, {shown(words[-1], 20)}, looks like a track id", fix)
    fix = "divide x by the width and y by the height of the image"
    return Unusable("ds-yolo-pixels", f"coordinates up to {max(values[1:]):.6g}", fix)


def in_pixels(line: Line, height: int, width: int) -> array:
    """The outline [x1, y1, x2, y2, ...] of an object in pixels, float64; of a box its corners."""
    numbers = line.numbers
    if line.is_box:
        cx, cy, w, h = numbers
        x1, x2, y1, y2 = ((cx - w / 2), (cx + w / 2), (cy - h / 2), (cy + h / 2))
        numbers = [x1, y1, x2, y1, x2, y2, x1, y2]
    made = array("d", numbers)
    made[0::2] = array("d", [x * width for x in numbers[0::2]])
    made[1::2] = array("d", [y * height for y in numbers[1::2]])
    return made
