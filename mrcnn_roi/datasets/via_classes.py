"""Which class a VIA region has: one of its attributes names it, and nothing in the file says which."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from mrcnn_roi.datasets.problems import shown

USUAL = ["name", "class", "classname", "label", "labels", "category", "categoryname", "object", "objectname"]
USUAL += ["objecttype", "type", "species", "kind", "tag"]
OTHER = {"id", "index", "number", "order", "score", "confidence", "probability", "track", "trackid", "objectid", "area"}
OTHER |= {"comment", "comments", "description", "note", "notes", "text", "transcription", "quality", "imagequality"}
OTHER |= {"occluded", "truncated", "difficult", "iscrowd", "crowd", "flag", "flags", "color", "colour", "caption"}
_YES_OR_NO = {"0", "1", "yes", "no", "true", "false", "y", "n"}
VIA_DEFAULTS = {"human", "bird", "other", "unknown"}  # options of the attribute "type" in a new project
FEW = 10  # different values that any number of regions may have; more must repeat


def text_of(value: object) -> str:
    """A chosen value: text, a number, or the one option ticked in {option: true}. "" where none or several are, and for
    NaN, which tables write for a cell without a value."""
    ticked = ticked_options(value)
    if len(ticked) == 1:
        return ticked[0]
    if isinstance(value, float) and not math.isfinite(value):
        return ""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return shown(value, 40)
    return value.strip() if isinstance(value, str) else ""


def ticked_options(value: object) -> list[str]:
    """The options of a checkbox that are ticked; a list of texts counts as ticked ones."""
    if isinstance(value, dict):
        return [key.strip() for key, on in value.items() if key.strip() and on in (True, "true", "True", "on")]
    if isinstance(value, list):
        return [each.strip() for each in value if isinstance(each, str) and each.strip()]
    return []


@dataclass(frozen=True)
class Candidate:
    """An attribute that may name the class, and its value at each region that has one."""

    name: str
    named: bool  # it has a usual name, or a project defines options for it
    values: dict[int, str]

    @property
    def texts(self) -> list[str]:
        return list(self.values.values())

    @property
    def grouping(self) -> dict[int, int]:
        """The group of each region, numbered in the order in which groups begin."""
        groups: dict[str, int] = {}
        return {row: groups.setdefault(text, len(groups)) for row, text in self.values.items()}

    def described(self) -> str:
        """Its name and its values, for messages."""
        different = list(dict.fromkeys(self.texts))
        listed = ", ".join(shown(text, 20) for text in different[:4]) + (", ..." if len(different) > 4 else "")
        return f"{shown(self.name, 40)} with {len(different)} value{'s' if len(different) != 1 else ''} ({listed})"


def class_candidates(regions: Sequence[dict[str, Any]], defined: Collection[str] = ()) -> list[Candidate]:
    """The attributes that may name the class, the likeliest first; [] where the regions have none.

    regions: the attributes of each region. defined: attributes that a project has options for. The usual names come
    first, then the defined ones; any other must have a value at most regions, and values that repeat. Attributes that
    say something else by their name (id, comment, quality, ...) are left out. Values that differ at all regions number
    the objects, most likely: such an attribute stands behind one whose values make groups.
    """
    values: dict[str, dict[int, str]] = {} if regions else {name: {} for name in defined}
    for row, attributes in enumerate(regions):
        for name, value in attributes.items():
            text = text_of(value)
            if text:
                values.setdefault(name, {})[row] = text
    listed = [Candidate(name, _plain(name) in USUAL or name in defined, each) for name, each in values.items()]
    most = max((len(each.values) for each in listed), default=0)
    listed = [each for each in listed if each.named or _likely(each, len(regions))]
    few = {each.name: 2 * len(each.values) < most for each in listed}
    grouped = any(each.named and not few[each.name] and _groups(each.texts) for each in listed)

    def rank(each: Candidate) -> tuple[bool, bool, bool, bool, int, int]:
        plain, texts = _plain(each.name), each.texts
        usual = USUAL.index(plain) if plain in USUAL else len(USUAL) + (each.name not in defined)
        behind = _numbering(texts), few[each.name], grouped and _all_differ(texts), not _repeats(texts)
        return (*behind, usual, -len(texts))

    return sorted(listed, key=rank)


def _plain(name: str) -> str:
    return "".join(filter(str.isalnum, name.lower()))


def _likely(each: Candidate, regions: int) -> bool:
    """Whether an attribute of an unusual name looks like a class by its values."""
    texts = each.texts
    usual = 2 * len(texts) >= regions and not set(map(str.lower, texts)) <= _YES_OR_NO
    return usual and _repeats(texts) and _plain(each.name) not in OTHER


def _repeats(texts: list[str]) -> bool:
    return len(set(texts)) <= max(FEW, len(texts) // 3)


def _groups(texts: list[str]) -> bool:
    return 2 <= len(set(texts)) < len(texts)


def _all_differ(texts: list[str]) -> bool:
    return len(texts) >= 3 and len(set(texts)) == len(texts)


def _numbering(texts: list[str]) -> bool:
    """Whether the values differ in their digits alone: obj0, obj1, ..., or 1, 2, ..."""
    return _all_differ(texts) and len({"".join(each for each in text if not each.isdigit()) for text in texts}) == 1


def declared_options(definition: dict[str, Any] | None, used: set[str]) -> list[str]:
    """The classes a project defines for its attribute: the options of a radio, dropdown or checkbox.

    None of them where most values used are none of them, or where they are VIA's untouched defaults: then the
    definition is not what was annotated with.
    """
    options = definition.get("options") if definition and definition.get("type") != "text" else None
    names = [name.strip() for name in options if name.strip()] if isinstance(options, dict) else []
    if set(names) == VIA_DEFAULTS or (used and 2 * len(used & set(names)) < len(used)):
        return []
    return list(dict.fromkeys(names))


@dataclass(frozen=True)
class Labels:
    """The attribute that was chosen, None for one class; the number of each class from 1, in their order."""

    attribute: str | None
    numbers: dict[str, int]

    def read(self, attributes: dict[str, Any]) -> tuple[int, str]:
        """(class number, "") of a region, or (0, why it has none)."""
        if self.attribute is None:
            return 1, ""
        value = attributes.get(self.attribute)
        text = text_of(value)
        if text in self.numbers:
            return self.numbers[text], ""
        if text:
            listed = ", ".join(shown(name, 30) for name in list(self.numbers)[:10])
            return 0, f"{shown(self.attribute)} is {shown(text)}, which is none of the classes {listed}"
        if len(ticked_options(value)) > 1:
            return 0, f"{shown(self.attribute)} has several values: {shown(', '.join(ticked_options(value)))}"
        others = {name: each for name, each in attributes.items() if text_of(each)}
        return 0, f"no {shown(self.attribute)}" + (f", only {shown(others)}" if others else "")


def numbered(names: list[str]) -> dict[str, int]:
    """Class names to their numbers, from 1."""
    return {name: number for number, name in enumerate(names, start=1)}
