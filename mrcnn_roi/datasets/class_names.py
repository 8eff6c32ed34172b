"""Names of classes that an annotation file spells out at every object, instead of numbering them in a list."""

from __future__ import annotations

from collections.abc import Iterable

from mrcnn_roi.checks.names import BACKGROUND_NAMES
from mrcnn_roi.datasets.problems import Problems, shown


def in_order(used: Iterable[str], declared: Iterable[str] = ()) -> list[str]:
    """The declared names, then the used ones that are not among them: by number where all are numbers, else by
    letters."""
    first = list(dict.fromkeys(declared))
    rest = sorted(set(used) - set(first))
    if all(name.isascii() and name.isdigit() and len(name) < 10 for name in rest):
        rest.sort(key=int)
    return first + rest


def report_names(names: Iterable[str], problems: Problems) -> None:
    """Adds names that make bad classes: the background, a comma (cut off in class_names), two spellings of one."""
    spellings: dict[str, str] = {}
    for name in names:
        place = f"class {shown(name)}"
        if name.lower() in BACKGROUND_NAMES:
            fix = f"delete the objects of {shown(name)}: what no object covers is background"
            problems.add("ds-category-background", place, "", fix)
        if "," in name:
            fix = f"rename it, for example to {shown(' '.join(name.replace(',', ' ').split()))}"
            problems.add("ds-category-name", place, "", fix)
        other = spellings.setdefault(" ".join(name.casefold().replace("_", " ").replace("-", " ").split()), name)
        if other != name and len(name) > 2:
            detail = f"differs from {shown(other)} in spelling only, and is a class of its own"
            problems.add("ds-category-dup", place, detail, f"write {shown(other)} everywhere, if it means the same")
