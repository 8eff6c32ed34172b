"""The files of a Pascal VOC set: which XML files, images and maps belong together, and which parts it declares.

A set is a VOC folder (Annotations/, JPEGImages/, SegmentationObject/, SegmentationClass/, ImageSets/), or any folder
of XML files with the images in it or beside it. Parts are the lists in ImageSets, or subfolders such as train/.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from mrcnn_roi.datasets.files import IMAGE_SUFFIXES
from mrcnn_roi.datasets.outline_dataset import several
from mrcnn_roi.datasets.source import Source
from mrcnn_roi.datasets.voc_file import begins_like_voc
from mrcnn_roi.datasets.voc_parts import PARTS, find_lists, part_name, regular_files

IMAGE_FOLDERS = ("JPEGImages", "images", "Images", "JPEGImage", "imgs", "img", "image")
_SAMPLE = 16  # files of a folder whose beginnings say what the others are
_DEPTH = 4  # levels of subfolders


@dataclass(frozen=True)
class VocSet:
    """One folder of annotations. name: its place below what was named, "" for that itself.

    files, object_maps and class_maps by stem; images: stem -> file names. lists: (task, part) -> file of names.
    """

    name: str
    root: Path
    part: str  # the part that the whole set is, by the name of a folder; or ""
    files: dict[str, Path]
    image_folder: Path
    images: dict[str, list[str]]
    object_maps: dict[str, Path] = field(default_factory=dict)
    class_maps: dict[str, Path] = field(default_factory=dict)
    lists: dict[tuple[str, str], Path] = field(default_factory=dict)
    same_stem: tuple[str, ...] = ()  # XML files that are left out, as another has the stem


def find_sets(source: Source) -> list[VocSet]:
    """The sets of a source: of a file, a folder, or its subfolders where it has none itself; [] where there are none.

    Raises SetupError where the subfolders are several whole VOC sets, such as VOC2007 and VOC2012.
    """
    source = source.at(Path(os.path.abspath(source.path)))  # the set may begin above what was named
    path = source.path
    if path.is_file():
        if path.suffix.lower() == ".json" or not begins_like_voc(path):
            return []
        return [_set(source, path.parent, [path], False)]
    found = _annotation_folders(path)
    roots = {_root(folder) for folder in found}
    for folder in _map_folders(path):
        if folder not in roots:
            found[folder] = []
    if path in found:
        found = {path: found[path]}
    whole = [folder for folder in found if (_root(folder) / "ImageSets").is_dir() and _root(folder) != path]
    if len(whole) > 1:
        raise several(path, sorted(str(_root(folder).relative_to(path)) for folder in whole), "Pascal VOC sets")
    sets = [_set(source, folder, found[folder], len(found) > 1) for folder in sorted(found)]
    return [each for each in sets if each.files or (each.object_maps and each.images)]


def _annotation_folders(path: Path) -> dict[Path, list[Path]]:
    """Folder -> its XML files, for those of a folder and its subfolders that look like VOC's."""
    found = {}
    for place, folders, names in os.walk(path):
        level = len(Path(place).relative_to(path).parts)
        folders[:] = sorted(name for name in folders if name[0] != ".") if level < _DEPTH else []
        if any(name.lower().endswith(".xml") for name in names):
            files = regular_files(Path(place), (".xml",))
            if _look_like_voc(files):
                found[Path(place)] = files
    return found


def _map_folders(path: Path) -> list[Path]:
    """The folders, down to two levels, that hold a SegmentationObject."""
    return sorted({each.parent for level in ("", "*/", "*/*/") for each in path.glob(f"{level}SegmentationObject")})


def _look_like_voc(files: list[Path]) -> bool:
    """Whether a quarter of a sample begin like VOC's files; the others may be broken, or something else."""
    sample = files[:: max(1, len(files) // _SAMPLE)][: 2 * _SAMPLE]
    like = []
    for file in sample:
        with contextlib.suppress(OSError):  # `load` reports the file
            like += [file] if begins_like_voc(file) else []
    return bool(like) and 4 * len(like) >= len(sample)


def _root(folder: Path) -> Path:
    """The folder of the whole set: the one above Annotations/."""
    above = folder.parent
    if folder.name.lower() in ("annotations", "annotation"):
        return above
    return above if any((above / name).is_dir() for name in ("SegmentationObject", "ImageSets")) else folder


def _set(source: Source, folder: Path, files: list[Path], one_of_many: bool) -> VocSet:
    base = source.path if source.path.is_dir() else source.path.parent
    root = _root(folder)
    inner = folder.relative_to(base).parts
    by_stem: dict[str, Path] = {}
    same = [file.name for file in files if by_stem.setdefault(file.stem, file) != file]
    maps = {file.stem: file for file in regular_files(root / "SegmentationObject", (".png",))}
    stems = list(by_stem) or list(maps)
    image_folder = _image_folder(source, folder, root, stems)
    images: dict[str, list[str]] = {}
    for image in regular_files(image_folder, IMAGE_SUFFIXES):
        images.setdefault(image.stem, []).append(image.name)
    if source.path.is_file():
        maps = {stem: path for stem, path in maps.items() if stem in by_stem}
    return VocSet(
        name="/".join(inner) if one_of_many else "",
        root=root,
        part=next((part for name in inner if (part := part_name(name)) in PARTS), "") if one_of_many else "",
        files=by_stem,
        image_folder=image_folder,
        images=images,
        object_maps=maps,
        class_maps={file.stem: file for file in regular_files(root / "SegmentationClass", (".png",))},
        lists=find_lists(root),
        same_stem=tuple(same),
    )


def _image_folder(source: Source, folder: Path, root: Path, stems: list[str]) -> Path:
    """The folder that has images with most of a sample of the stems."""
    sample = stems[:: max(1, len(stems) // 50)][:100]
    usual = [folder, *(root / name for name in IMAGE_FOLDERS)]
    if source.images is not None:
        inner = folder.relative_to(source.path).parts if source.path.is_dir() else ()
        usual = [source.images, source.images.joinpath(*inner), *(source.images / part for part in inner[:1])]
    else:
        usual += [folder.parent.parent / name / folder.name for name in IMAGE_FOLDERS]  # images/train, xml/train
    found = _best(usual, sample)
    if found is None and source.images is None:
        beside = [each for home in (folder, root, folder.parent) for each in sorted(home.iterdir())[:50]]
        found = _best([root, *(each for each in beside if not each.name.startswith("Segmentation"))], sample)
    return found or next((each for each in usual[1:] if each.is_dir()), usual[0])


def _best(folders: Iterable[Path], sample: list[str]) -> Path | None:
    """The folder with most of the images, the first of equals; None where none has any."""
    best, most = None, 0
    for folder in dict.fromkeys(folders):
        if not folder.is_dir():
            continue
        names = os.listdir(folder)
        stems = {os.path.splitext(name)[0] for name in names if name.lower().endswith(IMAGE_SUFFIXES)}
        count = sum(stem in stems for stem in sample)
        if count > most:
            best, most = folder, count
        if count == len(sample):
            break
    return best
