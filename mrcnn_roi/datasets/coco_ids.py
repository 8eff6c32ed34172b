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


def kept_id(member: Any) -> int | str | None:
    """The "source_id" of an entry of a file; None where it has none, or one that is no id."""
    return member if isinstance(member, (int, str)) and not isinstance(member, bool) else None


def source_id(original: Any, number: int, earlier: int | str | None = None) -> dict[str, Any]:
    """The member that keeps an id which the file could not; earlier: what an earlier file had kept in this way."""
    if earlier is not None:
        return {"source_id": earlier}
    if original is None or (original == number and not isinstance(original, str)):
        return {}
    plain = original.item() if isinstance(original, np.generic) else original
    return {"source_id": plain if isinstance(plain, (int, str)) else str(plain)}
