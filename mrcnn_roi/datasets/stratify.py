"""Dividing images so that every part has its share of every class: iterative stratification.

Source: Sechidis, Tsoumakas and Vlahavas, "On the Stratification of Multi-label Data" (2011), with objects counted
rather than labels, images that must stay together as units, and a part for every class that has enough images.
Letters: U units, K columns (classes, and the images themselves as the last one), P parts.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def divide(counts: np.ndarray, fractions: Sequence[float]) -> np.ndarray:
    """int [U]: the part of each unit, chosen greedily in the order of the units.

    counts: int [U, K], objects of each class in a unit; the last column is its number of images.
    fractions: float [P], the share of each part; the parts before come first where there are too few units for all.

    The class that is left in the fewest units comes first; each of its units goes where most of the class is missing.
    A class (and the images) with as many units as parts is in each of them, one with fewer in the first parts, where
    that takes nothing else from the parts before.
    """
    units, columns = counts.shape
    part = np.full(units, -1)
    missing = np.outer(fractions, counts.sum(axis=0)).astype(np.float64)  # [P, K] objects that a part still wants
    present = np.zeros((len(fractions), columns), np.int64)  # [P, K] units with the class
    holds = counts > 0
    left = holds.sum(axis=0)
    while left.any():
        column = min(np.flatnonzero(left).tolist(), key=lambda k: (k == columns - 1, left[k], k))
        for unit in np.flatnonzero(holds[:, column] & (part < 0)).tolist():
            chosen = _wanting(missing, present, column, int(left[column]))
            part[unit] = chosen
            missing[chosen] -= counts[unit]
            present[chosen] += holds[unit]
            left -= holds[unit]
    _mend(part, holds, present)
    return part


def _wanting(missing: np.ndarray, present: np.ndarray, column: int, left: int) -> int:
    """The part that gets the next unit of a class of which `left` units are not given away."""
    without = np.flatnonzero(present[:, column] == 0)
    if left <= len(without):
        return int(without[0])
    rows = zip(missing[:, column].tolist(), missing[:, -1].tolist())
    best = [(round(objects, 9), round(images, 9)) for objects, images in rows]  # not to depend on how sums are rounded
    return max(range(len(best)), key=lambda p: (*best[p], -p))


def _mend(part: np.ndarray, holds: np.ndarray, present: np.ndarray) -> None:
    """Moves single units where the classes that came before have left a part without one that it could have."""
    parts, columns = present.shape
    enough = holds.sum(axis=0)
    for p in range(parts):
        for column in sorted(range(columns), key=lambda k: (k == columns - 1, enough[k], k)):
            if present[p, column] or enough[column] <= p:
                continue
            unit = _movable(part, holds, present, p, column)
            if unit is None and column == columns - 1:
                unit = _least_missed(part, holds, present)
            if unit is not None:
                present[part[unit]] -= holds[unit]
                present[p] += holds[unit]
                part[unit] = p


def _movable(part: np.ndarray, holds: np.ndarray, present: np.ndarray, p: int, column: int) -> int | None:
    """A unit with the class that can go to part p: it is the last of no class in a part before p; best, in none."""
    found = None
    for unit in np.flatnonzero(holds[:, column]).tolist():
        owner = part[unit]
        last = bool((present[owner, holds[unit]] == 1).any())
        if not last:
            return unit
        if owner > p and found is None:
            found = unit
    return found


def _least_missed(part: np.ndarray, holds: np.ndarray, present: np.ndarray) -> int | None:
    """A unit for a part that would stay empty: of a part with several, the last of as few classes as can be, and best
    not of the first part."""
    found = None
    for unit in np.flatnonzero(present[part, -1] > 1).tolist():
        own = holds[unit]
        last = present[part[unit], own] == 1
        lost = int((last & (holds[:, own].sum(axis=0) > 1)).sum())
        cost = lost * (part[unit] == 0), lost, int(last.sum())
        if found is None or cost < found[0]:
            found = cost, unit
    return found[1] if found else None
