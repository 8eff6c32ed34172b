"""Values a setting may have been meant to have: read out of the given value, and out of a finding's fix.

Nothing here knows what is valid; `repair` tries the candidates on the checks.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import Any

from mrcnn_roi.checks.config.optimizer import LOSSES
from mrcnn_roi.checks.values import closest, flat_list, is_int, number, plain

WORDS = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False, "none": None, "null": None}
LONGEST = 200  # characters of a text that may spell a value


def meant_values(value, default) -> Iterator[Any]:
    """What `value` may spell: the number in a text, the whole number of a float, the share of a percentage, the
    pair of a single size. `default` is the default of the setting."""
    value = plain(value)
    if isinstance(value, str):
        for each in _spelled(value):
            yield each
            yield from _as_number(each, default)
        return
    yield from _as_number(value, default)
    items = flat_list(value)
    if items is not None and len(items) == 1:
        yield items[0]
    if items is not None and any(isinstance(each, str) for each in items):
        numbers = [next((each for each in _spelled(item) if number(each) is not None), None) if
                   isinstance(item, str) else item for item in items]  # fmt: skip
        yield numbers
    if is_int(value, 1) and isinstance(default, (list, tuple)) and len(default) == 2:
        yield [value, value]


def _spelled(text: str) -> Iterator[Any]:
    text = text.strip()[:LONGEST]
    if text.lower() in WORDS:
        yield WORDS[text.lower()]
    if text.endswith("%") and (value := _literal(text[:-1].strip())) is not None and number(value) is not None:
        yield value / 100
    for spelling in (text, text.replace(",", ".")):
        value = _literal(spelling)
        if value is not None and not isinstance(value, str):
            yield value


def _literal(text: str):
    """The Python value a text is, None where it is none. Only literals: nothing is executed."""
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return None


def _as_number(value, default) -> Iterator[Any]:
    """The whole number a float is; the share a percentage is, where the setting is one."""
    size = number(value)
    if size is None:
        return
    if size == int(size) and not is_int(value):
        yield int(size)
    if 1 < size <= 100 and isinstance(default, float) and default < 1:
        yield size / 100


_ASSIGNMENT = re.compile(r"\b([A-Z][A-Z0-9_]+) = ")
_VALUE = re.compile(
    r"""np\.array\((\[[^][]*\])\)            # an array, as its list
      | (\[[^][]*\] | \([^()]*\) | \{[^{}]*\}  # a flat list, tuple or dictionary
      | "[^"]*" | '[^']*'                     # a text
      | [-+]?[\w.]+(?:e[-+]?\d+)?)            # a number, True, None""",
    re.VERBOSE,
)


def in_the_fix(fix: str) -> Iterator[dict[str, Any]]:
    """The values that a finding's fix names, {setting: value}; "set A = 1 and B = 2, or C = 3" are two ways."""
    for way in re.split(r",? or ", fix):
        values = {}
        for match in _ASSIGNMENT.finditer(way):
            text = _VALUE.match(way, match.end())
            value = _literal(next(group for group in text.groups() if group)) if text else None
            if text and (value is not None or text.group() == "None"):
                values[match.group(1)] = value
        if values:
            yield values


def valid_loss_weights(weights) -> dict[str, float]:
    """All five losses: the given weights where they are numbers above 0, also under a misspelt name, else 1."""
    given = weights if isinstance(weights, dict) else {}
    result = {}
    for key, value in given.items():
        free = [name for name in LOSSES if name not in given and name not in result]
        name = key if key in LOSSES else closest(key, free, 0.6) if isinstance(key, str) and free else None
        size = number(value) or next((number(each) for each in meant_values(value, 1.0)), None)
        if name is not None and size is not None and size > 0:
            result[name] = size
    return {name: result.get(name, 1.0) for name in LOSSES}
