"""Outlines that a program traced along the pixels of a mask, as OpenCV's findContours does.

They run through the outermost pixels themselves, from pixel to pixel in the eight directions, where people and COCO
draw around them. Filled like a drawn outline, a mask would lose its last row and column; filled with its border, as the
tools that write such label files do when they read them, it is the mask again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from PIL import Image, ImageDraw

from mrcnn_roi.datasets.records import Record
from mrcnn_roi.datasets.segmentation import MAX_PIXELS

FEWEST = 8  # corners that make it unlikely that somebody drew them by hand
TRACED = 0.95  # of the steps; the others join the parts of an object, or its holes
ROUNDING = 1e-5  # of the longer side: labels have five digits or more
_COARSEST = 0.05  # pixels


@dataclass
class TracedRecord(Record):
    """A Record whose run lengths are made from its contour [x1, y1, x2, y2, ...] when they are first asked for, for
    drawing takes longer than reading. size: (height, width) of its image."""

    contour: Sequence[float] = ()
    size: tuple[int, int] = (0, 0)
    _runs: np.ndarray | None = field(default=None, init=False, repr=False, compare=False)

    @property  # type: ignore[misc]
    def runs(self) -> np.ndarray | None:
        """The run lengths of the pixels on and within the contour."""
        if self._runs is None:
            self._runs = contour_runs(self.contour, *self.size)
        return self._runs

    @runs.setter
    def runs(self, value: np.ndarray | None) -> None:
        self._runs = value

    def content(self) -> bytes:
        """Bytes that change when the mask or the class does."""
        return repr((self.category, self.size, *self.contour)).encode()


def is_contour(part: Sequence[float], height: int, width: int) -> bool:
    """Whether an outline [x1, y1, x2, y2, ...] in pixels goes over whole pixels in steps of 45 degrees, some of them
    oblique: what follows the edges of pixels has right angles only. A few steps may lead over to other parts."""
    tolerance = min(ROUNDING * max(height, width), _COARSEST)
    if len(part) < 2 * FEWEST or height * width > MAX_PIXELS:
        return False
    if any(abs(number - round(number)) > tolerance for number in part):
        return False
    points = np.rint(np.asarray(part, np.float64)).astype(np.int64).reshape(-1, 2)
    if points.min() < 0 or (points.max(axis=0) >= (width, height)).any():
        return False
    steps = np.abs(np.roll(points, -1, axis=0) - points)
    oblique = (steps[:, 0] == steps[:, 1]) & (steps[:, 0] > 0)
    return bool(oblique.any() and (oblique | (steps.min(axis=1) == 0)).mean() >= TRACED)


def contour_runs(part: Sequence[float], height: int, width: int) -> np.ndarray:
    """The run lengths (see `segmentation`), int64, of the pixels on and within a contour in an image [H, W]."""
    points = np.rint(np.asarray(part, np.float64)).astype(np.int64).reshape(-1, 2)
    left, top = points.min(axis=0).tolist()
    right, bottom = (points.max(axis=0) + 1).tolist()
    window = Image.new("L", (right - left, bottom - top))
    ImageDraw.Draw(window).polygon([(x - left, y - top) for x, y in points.tolist()], fill=1, outline=1)
    columns = np.zeros((right - left, bottom - top + 2), np.int8)
    columns[:, 1:-1] = np.asarray(window).T
    column, row = np.nonzero(np.diff(columns, axis=1))
    changes = (column + left) * height + row + top
    changes, counts = np.unique(changes, return_counts=True)  # a run may go on from one column to the next
    return np.diff(changes[counts == 1], prepend=0, append=height * width).astype(np.int64)
