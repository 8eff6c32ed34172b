"""Which class a VIA region has: one of its attributes names it, and nothing in the file says which."""

from __future__ import annotations

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
    """A chosen value: text, a number, or the one option ticked in {option: true}. "" where none or several are."""
    ticked = ticked_options(value)
    if len(ticked) == 1:
        return ticked[0]
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


def class_attribute(regions: Sequence[dict[str, Any]], defined: Collection[str] = ()) -> str | None:
    """The attribute that names the class; None where the regions have none that could.

    regions: the attributes of each region. defined: attributes that a project has options for. The usual names come
    first, then the defined ones; any other must have a value at most regions, and values that repeat. Attributes that
    say something else by their name (id, comment, quality, ...) are left out.
    """
    values: dict[str, list[str]] = {} if regions else {name: [] for name in defined}
    for attributes in regions:
        for name, value in attributes.items():
            text = text_of(value)
            if text:
                values.setdefault(name, []).append(text)
    most = max(map(len, values.values()), default=0)
    ranked = []
    for order, (name, texts) in enumerate(values.items()):
        plain = "".join(filter(str.isalnum, name.lower()))
        usual, repeats = plain in USUAL, len(set(texts)) <= max(FEW, len(texts) // 3)
        likely = repeats and 2 * len(texts) >= len(regions) and not set(map(str.lower, texts)) <= _YES_OR_NO
        if not usual and name not in defined and (plain in OTHER or not likely):
            continue
        rank = USUAL.index(plain) if usual else len(USUAL) + (name not in defined)
        ranked.append((2 * len(texts) < most, not repeats, rank, -len(texts), order, name))
    return min(ranked)[-1] if ranked else None


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
