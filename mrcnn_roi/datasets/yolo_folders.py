"""The folders of a YOLO set: which images there are, and in which folder their label files lie.

The label file of .../images/train/a.jpg is .../labels/train/a.txt: the last folder called images counts. Where there is
no such folder, the label files lie beside the images.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from mrcnn_roi.datasets.files import IMAGE_SUFFIXES, inside
from mrcnn_roi.datasets.yolo_yaml import ALIASES, NAMES_FILES, PARTS, DataFile

IMAGES, LABELS = "images", "labels"
NOT_LABELS = {*NAMES_FILES, "classes.txt", "labels.txt", "notes.txt", "predefined_classes.txt", "requirements.txt"}
LEVELS = 8  # of subfolders
_SAMPLE = 16  # label files whose beginnings say what the others are


@dataclass
class Group:
    """The images of one folder. labels: the folder of their label files; label_files: stem -> name there, of those that
    may be label files. complete: whether all images of the folder belong to it, not just those of a list."""

    folder: str
    images: list[str]
    labels: str
    label_files: dict[str, str] = field(default_factory=dict)
    complete: bool = True
    part: str = ""


def image_folders(top: str | Path, levels: int = LEVELS) -> Iterator[tuple[str, list[str]]]:
    """(folder, its images by name) of a folder and those below it that hold images; beside a folder called images only
    the parts of a split are looked into. Links are followed, but not upwards, and no folder is read twice."""
    yield from _image_folders(os.path.abspath(top), set(), levels)


def _image_folders(folder: str, seen: set[tuple[int, int]], levels: int) -> Iterator[tuple[str, list[str]]]:
    try:
        status = os.stat(folder)
        with os.scandir(folder) as entries:
            listed = [(each.name, _is_dir(each)) for each in entries if not each.name.startswith(".")]
    except OSError:
        if not seen:
            raise
        return
    if (status.st_dev, status.st_ino) in seen:
        return
    seen.add((status.st_dev, status.st_ino))
    images = sorted(name for name, is_dir in listed if not is_dir and name.lower().endswith(IMAGE_SUFFIXES))
    below = sorted(name for name, is_dir in listed if is_dir)
    if IMAGES in below:
        aliases = {alias for names in ALIASES.values() for alias in names}
        below = [name for name in below if name == IMAGES or name.lower() in aliases]
        images = []
    if images:
        yield folder, images
    for path in (os.path.join(folder, name) for name in below if name != LABELS and levels > 0):
        if not (os.path.islink(path) and Path(os.path.realpath(folder)).is_relative_to(os.path.realpath(path))):
            yield from _image_folders(path, seen, levels - 1)


def _is_dir(entry: os.DirEntry) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to itself
        return False


def grouped(
    folder: str, images: list[str], part: str = "", root: Path | None = None, labels: Path | None = None
) -> Group:
    """The Group of a folder's images. labels: where the label files of the images below `root` were said to be."""
    candidates = []
    if labels is not None and root is not None:
        relative = os.path.relpath(folder, os.path.abspath(root))
        candidates += [os.path.normpath(os.path.join(os.path.abspath(labels), relative))]
    candidates += [exchanged(folder, IMAGES, LABELS), folder]
    stems = {os.path.splitext(name)[0] for name in images}
    for each in candidates:
        files = {stem: name for stem, name in _text_files(each).items() if stem in stems or not _is_other(name)}
        if files:
            return Group(folder, images, each, files, part=part)
    return Group(folder, images, candidates[0], part=part)


def exchanged(folder: str | Path, old: str, new: str) -> str:
    """The path with its last folder called `old` called `new`; as it is where there is none."""
    parts = Path(folder).parts
    for place in range(len(parts) - 1, -1, -1):
        if parts[place] == old:
            return os.path.join(*parts[:place], new, *parts[place + 1 :])
    return os.fspath(folder)


def _text_files(folder: str) -> dict[str, str]:
    try:
        with os.scandir(folder) as entries:
            names = [each.name for each in entries if each.name.endswith((".txt", ".TXT"))]
    except OSError:
        return {}
    return {name[:-4]: name for name in sorted(names)}


def _is_other(name: str) -> bool:
    lower = name.lower()
    return lower in NOT_LABELS or lower.startswith(("readme", ".")) or lower[:-4] in PARTS


def look_like_labels(group: Group) -> bool:
    """Whether a quarter of a sample of the group's label files hold lines of numbers; not all are empty."""
    names = list(islice(group.label_files.values(), 0, None, max(1, len(group.label_files) // _SAMPLE)))[: 2 * _SAMPLE]
    looks = [begins_like_labels(os.path.join(group.labels, name)) for name in names]
    filled = [look for look in looks if look is not None]
    return sum(filled) > 0 and 4 * sum(filled) >= len(filled)


def begins_like_labels(path: str) -> bool | None:
    """Whether the first line of a file is a class number and coordinates; None where there is no line."""
    if not os.path.isfile(path):
        return False
    with open(path, "rb") as file:
        start = file.read(4096).strip()
    if not start:
        return None
    words = start.split(b"\n")[0].split()
    words = words[:-1] if len(start) >= 4000 and len(words) > 1 else words  # the last may be cut off
    try:
        return len([float(word) for word in words]) >= 4
    except ValueError:
        return False


def part_folder(folder: Path, part: str) -> Path | None:
    """The images of a part in the layouts that tools write: images/train, train/images, train; None where none."""
    for alias in ALIASES[part]:
        for path in (folder / IMAGES / alias, folder / alias / IMAGES, folder / alias):
            if path.is_dir():
                return path
    return None


def parts_in(folder: Path) -> tuple[str, ...]:
    """The parts of a split that a folder without a data.yaml has."""
    return tuple(part for part in PARTS if part_folder(folder, part) is not None)


def part_of(folder: Path) -> str:
    """The part that a folder is by its name, or its parent's as in train/images; "" where it is none."""
    names = [folder.name.lower(), folder.parent.name.lower() if folder.name.lower() in (IMAGES, LABELS) else ""]
    return next((part for part in PARTS for name in names if name in ALIASES[part]), "")


def bases(data: DataFile, images: Path | None) -> list[Path]:
    """Where the paths in a data.yaml may start: the folder of the images, its `path`, its own folder."""
    home = Path(os.path.abspath(data.path.parent))
    found = [Path(os.path.abspath(images))] if images is not None else []
    root = data.root.replace("\\", "/")
    found += [each for each in (Path(os.path.normpath(home / root)),) if root and each.is_dir()]
    return [*dict.fromkeys([*found, home])]


def locate(data: DataFile, value: str, images: Path | None = None) -> Path | None:
    """The folder, or the text file with a list, that a part in a data.yaml stands for; None where there is none.

    Read relative to `path`, then to the file. Leading ".." are first left out (Roboflow writes one too many), and paths
    of another machine are looked for by their ends. What lies outside must be called images or hold images.
    """
    text = value.replace("\\", "/")
    starts = bases(data, images)
    for base in starts:
        for tail in _tails(text):
            path = os.fspath(base) if tail == "" else inside(base, tail)
            if path is not None and _is_target(path):
                found = Path(path)
                if base == starts[-1] or _is_meant(found, starts[-1]):
                    return found
    for base in starts:
        path = os.path.normpath(base / text)
        if _is_target(path) and _is_meant(Path(path), starts[-1]):
            return Path(path)
    return None


def _tails(text: str) -> list[str]:
    """The path without what leads out, then shorter and shorter ends of it; "" is the folder itself."""
    parts = [part for part in text.split("/") if part not in ("", ".")]
    while parts and parts[0] == "..":
        parts.pop(0)
    if not parts:
        return [""] if not text.startswith("/") and ".." not in text else []
    tails = ["/".join(parts[start:]) for start in range(len(parts))]
    return tails[:1] + [tail for tail in tails[1:] if tail != IMAGES]


def _is_target(path: str) -> bool:
    return os.path.isdir(path) or (path.lower().endswith(".txt") and os.path.isfile(path))


def _is_meant(path: Path, home: Path) -> bool:
    """Whether a place may be read: below the data.yaml, or a folder of images or a list by its looks. The file must not
    send anybody through a whole disk."""
    if path.is_relative_to(home) or path.is_file() or (path / IMAGES).is_dir():
        return True
    if home.is_relative_to(path):
        return False
    if IMAGES in path.relative_to(os.path.commonpath([path, home])).parts:
        return True
    with os.scandir(path) as entries:
        return any(each.name.lower().endswith(IMAGE_SUFFIXES) for each in islice(entries, 10_000))
