"""The classes of a label map's instances: from a second map, from a table, or from the numbers themselves.

All maps are read once, when the dataset is loaded: it has to know its classes, and what is wrong is reported in full.
load_mask then has a dictionary to look into.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from mrcnn_roi.datasets.class_table import ClassTable, report_unused
from mrcnn_roi.datasets.class_values import name_of, stands_for_void
from mrcnn_roi.datasets.images import read_label_map
from mrcnn_roi.datasets.label_map_files import class_map_files
from mrcnn_roi.datasets.label_map_pixels import pixels_by_class, read_instances
from mrcnn_roi.datasets.problems import Problems, shown
from mrcnn_roi.findings import Finding, SetupError, Severity

CLEAR = 0.9  # share of an instance's pixels from which its class is beyond doubt
_WORKERS = 8


@dataclass
class MapFile:
    """One label map to be read: its image's stem, with subfolders, the file, and what `read_instances` is told."""

    stem: str
    path: Path
    void: bool


@dataclass
class Classes:
    """What is known of the instances of one map: number -> class name; the fault that forbids its masks, or none."""

    names: dict[int, str] = field(default_factory=dict)
    fault: Finding | None = None
    reported: bool = False  # a damaged file of classes, of which `Problems` tell


def of_numbers(maps: list[MapFile], divisor: int, names: Mapping[int, str]) -> tuple[dict[str, Classes], list[str]]:
    """(stem -> Classes, class names in order) where a number is class * divisor + k."""
    numbers = _each(partial(_read, divisor=divisor), maps)
    values = {stem: {each: each // divisor for each in found} for stem, found in numbers}
    named = _names_in_order((value for each in values.values() for value in each.values()), names)
    return {
        stem: Classes({number: name_of(value, names) for number, value in each.items()})
        for stem, each in values.items()
    }, named


def of_table(maps: list[MapFile], table: ClassTable, default: str | None, problems: Problems) -> dict[str, Classes]:
    """Stem -> Classes from a table; what has no row is of the class `default`, or at fault where that is None."""
    found = {}
    for (stem, numbers), each in zip(_each(_read, maps), maps):
        classes = table.classes(stem)
        report_unused(table, stem, numbers, problems)
        found[stem] = Classes({number: classes.get(number, default or "") for number in numbers})
        lacking = [number for number in numbers if number not in classes] if default is None else []
        if lacking:
            fix = f"add its row to {shown(table.path.name)}, or name the class of such instances: class_name="
            found[stem].fault = _at_fault(each, [(number, "no row in the table") for number in lacking], fix, problems)
    return found


def of_class_maps(
    maps: list[MapFile], folder: Path, names: Mapping[int, str], problems: Problems
) -> tuple[dict[str, Classes], list[str]]:
    """(stem -> Classes, class names in order) from a folder of class maps: the value under most of an instance."""
    files = class_map_files(folder, [each.stem for each in maps])
    found = dict[str, Classes]()
    values: set[int] = set()
    for (stem, voted), each in zip(_each(partial(_vote, files=files, names=names), maps), maps):
        found[stem] = classes = Classes()
        if isinstance(voted, SetupError):
            finding = voted.findings[0]
            place = f"class map {shown(files[stem].name)}"
            problems.add("ds-file-unreadable", place, finding.message, finding.fix)
            classes.fault, classes.reported = finding, True
        elif isinstance(voted, str):
            fix = "add the class map, in the size of the map of instances"
            problems.add("ds-map-class", f"image {shown(stem)}", voted, fix)
            classes.fault = _finding(each.path, voted, fix)
        else:
            classes.names = {number: name_of(value, names) for number, (value, _) in voted.items()}
            classes.fault = _judge(each, voted, names, problems)
            values.update(value for value, _ in voted.values() if not stands_for_void(value, names))
    return found, _names_in_order(values, names)


def _names_in_order(values: Iterable[int], names: Mapping[int, str]) -> list[str]:
    """The names that are declared, then "class 7" of the values that are not, ascending."""
    rest = sorted(set(values) - set(names))
    return list(dict.fromkeys([*names.values(), *(name_of(value, names) for value in rest)]))


def _each(read, maps: list[MapFile]) -> Iterator[tuple[str, Any]]:
    """(stem, read(map)) of all maps in order; several at a time, for decoding leaves the interpreter free."""
    with ThreadPoolExecutor(min(_WORKERS, os.cpu_count() or 1)) as pool:
        yield from zip((each.stem for each in maps), pool.map(read, maps))


def _read(each: MapFile, divisor: int | None = None) -> list[int]:
    """The numbers of a map's instances; none where it is damaged: the scan says so."""
    try:
        return read_instances(each.path, each.void, divisor)[1].tolist()
    except SetupError:
        return []


def _vote(
    each: MapFile, files: Mapping[str, Path], names: Mapping[int, str]
) -> dict[int, tuple[int, float]] | str | SetupError:
    """Number -> (class value of most pixels, their share of those that are not void; 0.0 at a tie); a text where the
    class map does not fit, the error where it is damaged."""
    if each.stem not in files:
        return "no class map has its stem"
    try:
        label_map, numbers = read_instances(each.path, each.void, None)
    except SetupError:
        return {}
    try:
        class_map = read_label_map(files[each.stem])
    except SetupError as error:
        return error
    if class_map.shape != label_map.shape:
        sizes = [f"{width} x {height}" for height, width in (class_map.shape, label_map.shape)]
        return f"the class map has {sizes[0]} pixels, the map of instances {sizes[1]}"
    if class_map.dtype == bool:
        class_map = class_map.astype(np.uint8)
    counts, values = pixels_by_class(label_map, numbers, class_map)
    voted = {}
    border = np.array([value != 0 and stands_for_void(int(value), names) for value in values])
    for number, row in zip(numbers.tolist(), counts):
        clear = np.where(border, 0, row)
        row = clear if clear.any() else row
        best = int(np.argmax(row))
        tied = np.count_nonzero(row == row[best]) > 1
        voted[number] = int(values[best]), 0.0 if tied else float(row[best] / row.sum())
    return voted


def _judge(
    each: MapFile, voted: dict[int, tuple[int, float]], names: Mapping[int, str], problems: Problems
) -> Finding | None:
    """Adds what is doubtful about the votes; the fault of the image where an instance has no class."""
    lacking = [
        (number, f"{value} in the class map, {'background' if value == 0 else 'void'}")
        for number, (value, _) in voted.items()
        if stands_for_void(value, names)
    ]
    for number, (value, share) in voted.items():
        if share < CLEAR and not stands_for_void(value, names):
            detail = f"{share:.0%} are {name_of(value, names)}" if share else f"a tie, taken as {name_of(value, names)}"
            place = f"image {shown(each.stem)}, instance {number}"
            problems.add("ds-map-class-mixed", place, detail, "draw both maps alike, or split the instance")
    fix = "give the instance a class in the class map, or remove it from the map of instances"
    return _at_fault(each, lacking, fix, problems) if lacking else None


def _at_fault(each: MapFile, lacking: list[tuple[int, str]], fix: str, problems: Problems) -> Finding:
    for number, why in lacking:
        problems.add("ds-map-class", f"image {shown(each.stem)}, instance {number}", why, fix)
    number, why = lacking[0]
    more = f", and {len(lacking) - 1} more" if len(lacking) > 1 else ""
    return _finding(each.path, f"instance {number} has no class: {why}{more}", fix)


def _finding(path: Path, message: str, fix: str) -> Finding:
    return Finding("ds-map-class", Severity.ERROR, message, fix, shown(str(path), 300))
