"""Where the classes of label maps come from: what the options say, or what lies beside the maps."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from mrcnn_roi.datasets.class_names import in_order
from mrcnn_roi.datasets.class_table import read_table, tables_in
from mrcnn_roi.datasets.class_values import names_of_files, names_of_option
from mrcnn_roi.datasets.files import IMAGE_SUFFIXES, setup_error
from mrcnn_roi.datasets.label_map_classes import Classes, MapFile, of_class_maps, of_numbers, of_table
from mrcnn_roi.datasets.label_map_files import class_folder, stems_of
from mrcnn_roi.datasets.outline_dataset import checked_class_names
from mrcnn_roi.datasets.problems import Problems

DEFAULT_CLASS = "object"
Found = tuple[dict[str, Classes], list[str], str | None, int]  # by stem, names in order, default class, rows of a table


@dataclass(frozen=True)
class ClassOptions:
    """The options of `label_map.load` that say which class an instance is of."""

    class_name: str | None = None
    class_names: Sequence[str] | Mapping[int, str] | None = None
    instance_classes: Mapping[str, Mapping[int, str]] | None = None
    class_maps: str | os.PathLike | None = None
    table: str | os.PathLike | None = None
    divisor: int | None = None


def classes_of(folders: tuple[Path, Path], maps: list[MapFile], options: ClassOptions, problems: Problems) -> Found:
    """The classes of all instances, from the one source that is named, or the one that lies beside the maps.

    folders: of images and of maps. Raises ValueError for options that exclude one another or have no such value,
    SetupError for files that cannot be used, or where several could be meant.
    """
    _check(options)
    images, maps_folder = folders
    class_maps = _existing(options.class_maps, "class_maps", os.path.isdir)
    table = _existing(options.table, "table", os.path.isfile)
    named = (options.instance_classes, class_maps, table, options.divisor)
    if options.class_name is None and all(each is None for each in named):
        class_maps = class_folder(images, maps_folder)
        table = None if class_maps else _table_beside(maps_folder)
    if class_maps or options.divisor is not None:
        names = _value_names(options, maps_folder, class_maps)
        if class_maps:
            return *of_class_maps(maps, class_maps, names, problems), None, 0
        return *of_numbers(maps, options.divisor or 1, names), None, 0
    declared = checked_class_names(options.class_names) or []
    if table:
        known = _names_of_images(images, maps)
        rows = read_table(table, known, problems)
        found = of_table(maps, rows, options.class_name, problems)
        used = {name for stem in rows.rows for name in rows.classes(stem).values()}
        default = [options.class_name] if options.class_name and options.class_name not in declared else []
        return found, in_order(used, [*default, *declared]), options.class_name, rows.count
    return _given(options, declared)


def _given(options: ClassOptions, declared: list[str]) -> Found:
    """One class, and those of instance_classes."""
    default = options.class_name or DEFAULT_CLASS
    rows = {stem: dict(row) for stem, row in (options.instance_classes or {}).items()}
    used = sorted({name for row in rows.values() for name in row.values()})
    first = [] if default in declared else [default]
    names = list(dict.fromkeys([*first, *declared, *used]))
    return {stem: Classes(row) for stem, row in rows.items()}, names, default, 0


def _check(options: ClassOptions) -> None:
    exclusive = ("instance_classes", "class_maps", "table", "divisor")
    given = [name for name in exclusive if getattr(options, name) is not None]
    if len(given) > 1:
        raise ValueError(f"expected one of {', '.join(exclusive)}, received {' and '.join(given)}")
    divisor = options.divisor
    if divisor is not None and (not isinstance(divisor, int) or isinstance(divisor, bool) or divisor < 2):
        raise ValueError(f"expected divisor as an integer of at least 2, such as 1000, received {divisor!r}")


def _existing(path: str | os.PathLike | None, option: str, exists) -> Path | None:
    if path is None or exists(path):
        return None if path is None else Path(path)
    kind = "folder" if exists is os.path.isdir else "file"
    raise setup_error("ds-file-missing", path, f"no such {kind}, named by {option}=", f"correct the path: {option}=")


def _table_beside(maps: Path) -> Path | None:
    found = tables_in([maps, maps.parent])
    if len(found) > 1:
        listed = ", ".join(each.name for each in found)
        fix = f'name one of them, table="{found[0]}", or the class of all objects: class_name='
        raise setup_error("ds-format-unknown", maps, f"{len(found)} tables could hold the classes: {listed}", fix)
    return found[0] if found else None


def _value_names(options: ClassOptions, maps: Path, class_maps: Path | None) -> dict[int, str]:
    if options.class_names is not None:
        return names_of_option(options.class_names)
    return names_of_files([each for each in (class_maps, maps, maps.parent) if each])


def _names_of_images(images: Path, maps: list[MapFile]) -> dict[str, str]:
    """What a table may call an image -> its stem: the stem, the file's name, the map's."""
    stems = {each.stem for each in maps}
    files = [(each.stem, each.path) for each in maps] + stems_of(images, IMAGE_SUFFIXES)
    known, unclear = dict[str, str](), set[str]()
    for stem, path in files:
        way = stem.rpartition("/")[0]
        for name in (path.stem, path.name, f"{way}/{path.name}") if stem in stems else ():
            if known.setdefault(name, stem) != stem:  # the same name in two subfolders
                unclear.add(name)
    return {name: stem for name, stem in known.items() if name not in unclear} | {stem: stem for stem in stems}
