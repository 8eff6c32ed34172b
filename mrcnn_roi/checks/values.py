"""What the checks of a Config share: reading its attributes safely, judging single values, showing them.

A check must not fail on any value a user can put into a Config: None, NaN, text, nested lists, arrays,
objects. `config_check` therefore hands each check a `Reading` of the config instead of the config itself.
"""

from __future__ import annotations

import difflib
import functools
import math
import numbers
import reprlib
from collections.abc import Callable, Iterable

import numpy as np

from mrcnn_roi.findings import Severity, check

LARGEST = 2**63 - 1  # what numpy and TensorFlow can hold


class Unreadable(AttributeError):  # noqa: N818 - no error of the check: it just cannot decide
    """An attribute is missing, or reading it (a property) raises."""


class Reading:
    """A config as the checks read it: numpy scalars come out as Python numbers, a missing or failing
    attribute ends the check that wanted it (cfg-type reports such an attribute, once)."""

    def __init__(self, config):
        self.raw = config

    def __getattr__(self, name: str):
        try:
            value = getattr(self.raw, name)
        except Exception as error:
            raise Unreadable(name) from error
        return plain(value)


def config_check(code: str, severity: Severity):
    """`check` for functions of a Config, and of what else their parameters name. Its group is the module or package
    directly under `checks`."""

    def register(function: Callable):
        @functools.wraps(function)
        def guarded(config, **others):
            try:
                yield from function(Reading(config), **others)
            except Unreadable:
                return

        guarded.__module__ = ".".join(function.__module__.split(".")[:3])
        return check(code, severity)(guarded)

    return register


def plain(value):
    """A numpy scalar or an array without axes as the Python value it holds; anything else as it is."""
    if isinstance(value, (np.number, np.bool_)) or (isinstance(value, np.ndarray) and value.ndim == 0):
        return value.item()
    return value


def is_int(value, low: int = -LARGEST, high: int = LARGEST) -> bool:
    """True for a whole number (Python's or numpy's, no bool) within [low, high]."""
    value = plain(value)
    return isinstance(value, int) and not isinstance(value, bool) and low <= value <= high


def nearest_whole(value, low: int, high: int = 1_000_000) -> int | None:
    """The whole number that was probably meant by another kind of value: 2 for 2.5 and "2"; else None."""
    text = isinstance(value, str) and len(value) < 20
    try:
        meant = int(float(value)) if text or isinstance(value, float) else None
    except Exception:  # no number, or a class of the user's that raises
        return None
    return meant if meant is not None and low <= meant <= high else None


def number(value) -> float | None:
    """The value as a float when it is a finite real number (no bool, no text), else None."""
    value = plain(value)
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        return None
    try:
        result = float(value)
    except Exception:  # too large, or a number class of the user's that raises
        return None
    return result if math.isfinite(result) else None


def flat_list(value) -> list | None:
    """The items of a list, tuple or 1-D array; None for anything else."""
    if isinstance(value, np.ndarray):
        return value.tolist() if value.ndim == 1 else None
    return list(value) if isinstance(value, (list, tuple)) and len(value) <= 100_000 else None


def number_list(value) -> list[float] | None:
    """The items of a flat list, tuple or 1-D array as floats when each is a finite real number,
    else None."""
    items = [number(each) for each in flat_list(value) or []]
    numbers_only = [each for each in items if each is not None]
    return numbers_only if items and len(numbers_only) == len(items) else None


def int_pair(value) -> tuple[int, int] | None:
    """(height, width) when the value is a list, tuple or 1-D array of two whole numbers >= 1, else None."""
    items = flat_list(value)
    if items is None or len(items) != 2 or not all(is_int(each, 1) for each in items):
        return None
    return int(plain(items[0])), int(plain(items[1]))


_repr = reprlib.Repr()
_repr.maxstring = _repr.maxother = 80
_repr.maxlist = _repr.maxtuple = 10


def show(value) -> str:
    """A short text for any value, on one line; the type's name where the value cannot be shown."""
    value = plain(value)
    try:
        if isinstance(value, np.ndarray):
            return _repr.repr(value.tolist()) if value.size <= 10 else f"an array of shape {value.shape}"
        return " ".join(_repr.repr(value).split())
    except Exception:  # a user's __repr__ may raise anything
        return f"a value of type {type(value).__name__}"


def compact(value: float) -> str:
    """A number as short as it can be written: 8 for 8.0, 0.33 for 0.33."""
    return f"{value:.0f}" if value == int(value) and abs(value) < 1e15 else f"{value:.6g}"


def similarity(name: str, other: str) -> float:
    """0..1, how alike two attribute names are; the order of the words between underscores does not count."""
    in_order = difflib.SequenceMatcher(None, name, other).ratio()
    words, other_words = "_".join(sorted(name.split("_"))), "_".join(sorted(other.split("_")))
    return max(in_order, difflib.SequenceMatcher(None, words, other_words).ratio())


def closest(name: str, known: Iterable[str], at_least: float = 0.8) -> str | None:
    """The known name most like `name`, or None when none is alike enough to be what was meant."""
    size = len(name)  # a text much longer or shorter cannot be alike, however long it would take to compare them
    like = [each for each in known if 2 * min(size, len(each)) >= at_least * (size + len(each))]
    best = max(like, key=lambda each: similarity(name, each), default=None)
    return best if best is not None and similarity(name, best) >= at_least else None
