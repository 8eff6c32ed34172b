"""Ids of a COCO file: the source's own where the format takes them, new ones and the old beside them where not."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from typing import Any

import numpy as np

LARGEST_ID = 2**53  # up to which every reader of JSON has whole numbers


class FileIds:
    """Ids for one file: the given ones where they are whole numbers from `lowest` on that come for the first time, new
    ones for all others.

    every: all ids that may be kept, in any order; new ids count on from the largest of them.
    """

    def __init__(self, every: Iterable[Any], lowest: int):
        self.lowest = lowest
        self.largest = max((int(each) for each in every if self._fits(each)), default=None)
        self.fresh = itertools.count(max(self.largest or 0, 0) + 1)
        self.given: set[int] = set()

    def give(self, original: Any) -> int:
        """The id in the file of what has the id `original` in its source."""
        if self.largest is None or not self._fits(original) or original > self.largest or original in self.given:
            return next(self.fresh)
        self.given.add(int(original))
        return int(original)

    def _fits(self, each: Any) -> bool:
        whole = isinstance(each, (int, np.integer)) and not isinstance(each, bool)
        return whole and self.lowest <= each <= LARGEST_ID


def source_id(original: Any, number: int) -> dict[str, Any]:
    """The member that keeps an id which the file could not."""
    if original is None or (original == number and not isinstance(original, str)):
        return {}
    plain = original.item() if isinstance(original, np.generic) else original
    return {"source_id": plain if isinstance(plain, (int, str)) else str(plain)}
