"""The parts of a VOC set, train, val and test: lists of names in ImageSets, a folder of lists for each task.

The lists of Segmentation hold where there are maps, else those of Main. VOC's two tasks are split apart from each
other: where the boxes of Main join the masks, what Segmentation has in another part stays out.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from mrcnn_roi.datasets.files import IMAGE_SUFFIXES

PARTS = ("train", "val", "test")
TASKS = ("Segmentation", "Main")
_ALIASES = {"training": "train", "valid": "val", "validation": "val", "testing": "test"}

Lists = Mapping[tuple[str, str], Path]  # (task, part) -> file


def part_name(name: str) -> str:
    """train, val or test for what people call them; any other name as it is, in lower case."""
    return _ALIASES.get(name.lower(), name.lower())


def regular_files(folder: Path, suffixes: tuple[str, ...]) -> list[Path]:
    """The regular files of a folder with one of the endings, by name; [] where there is no folder."""
    if not folder.is_dir():
        return []
    with os.scandir(folder) as entries:
        found = [each for each in entries if each.name.lower().endswith(suffixes) and each.name[0] != "."]
    # a link may lead in a circle, which raises
    names = [each.name for each in found if (os.path.isfile(each) if each.is_symlink() else each.is_file())]
    return [folder / name for name in sorted(names)]


def checked_part(part: str | None) -> str | None:
    """The option `part`. Raises ValueError for anything but train, val (valid), trainval, test and None."""
    named = part_name(part) if isinstance(part, str) else part
    if named not in (None, "trainval", *PARTS):
        raise ValueError(f'expected part "train", "val", "trainval", "test" or None, received {part!r}')
    return named


def find_lists(root: Path) -> dict[tuple[str, str], Path]:
    """The lists of parts below root/ImageSets; Main has others beside them, of single classes."""
    found: dict[tuple[str, str], Path] = {}
    for task in TASKS:
        folder = root / "ImageSets" / task
        for path in regular_files(folder, (".txt",)):
            part = part_name(path.stem)
            if part in (*PARTS, "trainval"):
                found.setdefault((task, part), path)
    return found


def declared(lists: Lists, maps: bool) -> set[str]:
    """The parts that the lists name, of the task that counts. maps: whether the set has maps."""
    task = _task(lists, maps)
    return {part for each, part in lists if each == task}


def listed(lists: Lists, part: str, maps: bool, boxes: bool, known: Iterable[str]) -> dict[str, str] | None:
    """Name -> the list that it is in, of one part; None where there is no such list.

    maps: whether the set has maps. boxes: whether images with boxes alone are wanted beside those with maps.
    known: the names in the set, which may hold blanks.
    """
    known = set(known)
    task = _task(lists, maps)
    found = _names(lists, task, part, known)
    if not (maps and boxes and task == "Segmentation"):
        return found
    mine = ("train", "val", "trainval") if part == "trainval" else (part, "trainval")
    others = {name for other in PARTS if other not in mine for name in _names(lists, task, other, known) or ()}
    added = {name: where for name, where in (_names(lists, "Main", part, known) or {}).items() if name not in others}
    return {**added, **found} if found is not None else added or None


def _task(lists: Lists, maps: bool) -> str:
    tasks = {task for task, _ in lists}
    first, second = TASKS if maps else reversed(TASKS)
    return first if first in tasks else second


def _names(lists: Lists, task: str, part: str, known: set[str]) -> dict[str, str] | None:
    wanted = ("train", "val") if part == "trainval" and (task, part) not in lists else (part,)
    paths = [lists[task, each] for each in wanted if (task, each) in lists]
    return {name: path.name for path in paths for name in _read(path, known)} if paths else None


def _read(path: Path, known: set[str]) -> list[str]:
    """The names in a list, of which those for one class carry a number: "2008_000003 -1"."""
    names = []
    for line in path.read_text(encoding="utf-8-sig", errors="replace").splitlines():
        name = line.strip().strip('"')
        if name not in known:
            words = name.split()
            name = words[0] if len(words) == 2 and words[1].lstrip("-").isdigit() else name
            stem, suffix = os.path.splitext(name)
            name = stem if suffix.lower() in IMAGE_SUFFIXES else name
        if name:
            names.append(name)
    return names
