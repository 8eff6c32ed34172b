"""What load_dataset was pointed at, as a YOLO set: its data.yaml or folder, its classes, its parts, its images."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from mrcnn_roi.datasets.files import IMAGE_SUFFIXES, closest_name, inside, setup_error
from mrcnn_roi.datasets.outline_dataset import several
from mrcnn_roi.datasets.problems import Problems, shown
from mrcnn_roi.datasets.source import Source
from mrcnn_roi.datasets.yolo_folders import (
    IMAGES,
    LABELS,
    LEVELS,
    Group,
    bases,
    begins_like_labels,
    exchanged,
    grouped,
    image_folders,
    locate,
    look_like_labels,
    part_folder,
    part_of,
    parts_in,
)
from mrcnn_roi.datasets.yolo_lists import listed_images
from mrcnn_roi.datasets.yolo_yaml import DataFile, listed_names, read_data_file
from mrcnn_roi.findings import SetupError, Severity

PREFERRED = ("data.yaml", "data.yml", "dataset.yaml", "dataset.yml")
_YAML = (".yaml", ".yml")
_LEVELS_ELSEWHERE = 3  # of subfolders, where a data.yaml leads out of its own folder
_FOLDERS = 32  # of images that are looked into for label files
_SAMPLE = 32  # label files of a folder without images that are looked into


@dataclass(frozen=True)
class Layout:
    """A YOLO set. whole: whether the parts that `data` declares are to be read, rather than `folder`, which holds
    images whose label files lie in `labels`, where that is known. given: the folder of images= ."""

    place: Path
    data: DataFile | None
    whole: bool
    folder: Path | None = None
    labels: Path | None = None
    given: Path | None = None


def find(source: Source) -> Layout | None:
    """The layout of what was pointed at, or None where it is no YOLO set.

    Raises SetupError where the data.yaml cannot be read, or a folder holds several.
    """
    path = source.path
    if path.is_file():
        data = read_data_file(path) if path.suffix.lower() in _YAML else None
        return None if data is None else Layout(path, data, True, given=source.images)
    data = _data_file_in(path)
    if data is not None:
        return Layout(path, data, True, given=source.images)
    layout = _without_data_file(path, source.images)
    if layout is None:
        return None
    return Layout(path, _data_file_above(path), False, layout[0], layout[1], source.images)


def declared_parts(layout: Layout) -> tuple[str, ...]:
    """Which of train, val and test the set declares: in its data.yaml, or by the names of its folders."""
    if layout.whole and layout.data is not None and layout.data.parts:
        return tuple(layout.data.parts)
    home = layout.data.path.parent if layout.whole and layout.data is not None else layout.place
    return parts_in(home)


def classes_file(layout: Layout) -> tuple[Path, list[str]] | None:
    """The list of names of a set without a data.yaml: in, beside or above the folders of the images and labels."""
    start = layout.place if layout.place.is_dir() else layout.place.parent
    folders = [start, layout.labels, layout.folder, start / LABELS, start.parent, start.parent.parent]
    found = (listed_names(each) for each in dict.fromkeys(folders) if each is not None and each.is_dir())
    return next((each for each in found if each is not None), None)


def groups(layout: Layout, part: str | None, problems: Problems) -> Iterator[Group]:
    """The images of a part, or of everything (None), folder by folder; no image twice.

    What a data.yaml names and is not there goes to `problems`. Raises SetupError where there is no such part.
    """
    seen: set[str] = set()
    found = _declared(layout, part, problems) if layout.whole else _in_folder(layout, part)
    for group in found:
        paths = {os.path.join(group.folder, name): name for name in group.images}
        group.images = [name for path, name in paths.items() if path not in seen]
        seen.update(paths)
        if group.images:
            yield group


def _data_file_in(folder: Path) -> DataFile | None:
    """The data.yaml in a folder, by its content; by its usual name where several could be it."""
    paths = [each for each in sorted(folder.glob("*.y*ml")) if each.suffix.lower() in _YAML]
    found: dict[str, DataFile] = {}
    for path in paths:
        try:
            data = read_data_file(path)
        except SetupError:
            if path.name.lower() in PREFERRED:
                raise
            continue  # some other file, with a key of the same name
        if data is not None:
            found[path.name.lower()] = data
    for name in PREFERRED:
        if name in found:
            return found[name]
    if len(found) > 1:
        raise several(folder, [each.path.name for each in found.values()], "files with the names of YOLO classes")
    return next(iter(found.values()), None)


def _data_file_above(folder: Path) -> DataFile | None:
    """The data.yaml one or two levels above a folder of images."""
    above = Path(os.path.abspath(folder)).parents
    return next((data for each in above[:2] if (data := _data_file_in(each)) is not None), None)


def _without_data_file(folder: Path, given: Path | None) -> tuple[Path | None, Path | None] | None:
    """(folder of the images, folder of the label files) where there are label files; None where there are none."""
    if given is not None:
        labels = folder / LABELS if (folder / LABELS).is_dir() else folder
        return (given, labels) if _have_labels(given, labels) or _labels_alone(labels) else None
    if _have_labels(folder, None):
        return folder, None
    images = Path(exchanged(os.path.abspath(folder), LABELS, IMAGES))
    if images.is_dir() and images != Path(os.path.abspath(folder)):
        return (images, folder) if _have_labels(images, folder) or _labels_alone(folder) else None
    return (None, folder) if _labels_alone(folder) else None


def _have_labels(images: Path, labels: Path | None) -> bool:
    """Whether some of the first folders of images have label files."""
    folders = islice(image_folders(images), _FOLDERS)
    return any(look_like_labels(grouped(*each, root=images, labels=labels)) for each in folders)


def _labels_alone(folder: Path) -> bool:
    """Whether a folder, or one of its parts, is full of label files, but holds no images."""
    for each in (folder, *(found for part in parts_in(folder) if (found := part_folder(folder, part)))):
        with os.scandir(each) as entries:
            names = [entry.path for entry in entries if entry.name.lower().endswith(".txt")]
        looks = [begins_like_labels(name) for name in sorted(names)[:_SAMPLE]]
        filled = [look for look in looks if look is not None]
        if sum(filled) > 0 and 4 * sum(filled) >= len(filled):
            return True
    return False


def _in_folder(layout: Layout, part: str | None) -> Iterator[Group]:
    folder = layout.folder
    if folder is None:
        text = "label files of YOLO, but no images: there is no folder called images beside this one"
        raise setup_error("ds-file-missing", layout.place, text, "name the folder of the images: images=")
    if part is not None:
        within = part_folder(folder, part) or part_folder(layout.place, part)
        if within is None and part_of(Path(os.path.abspath(folder))) != part:
            raise _no_part(layout, part)
        labels = layout.labels
        if within is not None and labels is not None:
            labels = part_folder(labels, part) or labels
        folder, layout = within or folder, Layout(layout.place, layout.data, False, within or folder, labels)
    for each in image_folders(folder):
        yield grouped(*each, part=part or part_of(Path(each[0])), root=folder, labels=layout.labels)


def _declared(layout: Layout, part: str | None, problems: Problems) -> Iterator[Group]:
    data = layout.data
    if data is None:
        return
    if not data.parts:  # nothing but names: the folders say the rest
        home = layout.given or data.path.parent
        yield from _in_folder(Layout(layout.place, data, False, home, _labels_beside(layout)), part)
        return
    if part is not None and part not in data.parts:
        raise _no_part(layout, part)
    for name in (part,) if part is not None else tuple(data.parts):
        for value in data.parts[name]:
            yield from _part(layout, data, name, value, problems)
    for name in data.parts if part is not None else ():
        if name != part and all(locate(data, value, layout.given) is None for value in data.parts[name]):
            _report(layout, data, name, data.parts[name][0] if data.parts[name] else "", problems, Severity.WARNING)


def _part(layout: Layout, data: DataFile, part: str, value: str, problems: Problems) -> Iterator[Group]:
    target = locate(data, value, layout.given)
    if target is None:
        target = part_folder(data.path.parent, part)
        severity = Severity.ERROR if target is None and part != "test" else Severity.WARNING
        _report(layout, data, part, value, problems, severity, target)
    if target is None:
        return
    if target.is_file():
        for folder, images in listed_images(target, [target.parent, *bases(data, layout.given)], problems):
            group = grouped(folder, images, part)
            group.complete = False
            yield group
        return
    empty, near = True, target.is_relative_to(os.path.abspath(data.path.parent))
    for each in image_folders(target, LEVELS if near else _LEVELS_ELSEWHERE):
        empty = False
        yield grouped(*each, part=part, root=layout.given, labels=_labels_beside(layout))
    if empty:
        fix = f"put the images there ({', '.join(IMAGE_SUFFIXES[:4])}, ...), or correct {part}"
        severity = Severity.WARNING if part == "test" else Severity.ERROR
        place = f"{part}: {shown(value)}"
        problems.add("ds-yolo-part", place, f"no images in {shown(str(target), 200)}", fix, severity)


def _labels_beside(layout: Layout) -> Path | None:
    """The label files of images that were given by images=: in labels/ at the data.yaml."""
    if layout.given is None or layout.data is None:
        return None
    labels = layout.data.path.parent / LABELS
    return labels if labels.is_dir() else None


def _report(layout, data: DataFile, part: str, value: str, problems: Problems, severity, used=None) -> None:
    start = bases(data, layout.given)[0]
    tried = inside(start, value.replace("\\", "/"))
    near = closest_name(os.path.dirname(tried), os.path.basename(tried)) if tried else "it leads out of the folder"
    detail = f"not found from {shown(str(start), 200)}{'; ' + near if near else ''}"
    fix = f"correct {part} in {shown(data.path.name)}: the path of its images, relative to `path` or to the file"
    if used is not None:
        detail += f"; {shown(os.path.relpath(used, data.path.parent))} is taken instead"
    problems.add("ds-yolo-part", f"{part}: {shown(value)}", detail, fix, severity)


def _no_part(layout: Layout, part: str) -> SetupError:
    have = ", ".join(declared_parts(layout)) or "none"
    text = f"there is no part {part}; parts that are there: {have}"
    fix = f"ask for one of them, or add {part} to the data.yaml"
    return setup_error("ds-yolo-part", layout.place, text, fix)
