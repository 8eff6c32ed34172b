"""The files of label maps: which belong to which image, and whether they are maps of numbers at all."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Collection, Container
from pathlib import Path

import numpy as np

from mrcnn_roi.datasets.files import IMAGE_SUFFIXES, setup_error
from mrcnn_roi.datasets.images import is_label_map, read_header, read_label_map
from mrcnn_roi.datasets.problems import shown
from mrcnn_roi.datasets.source import Source
from mrcnn_roi.findings import SetupError

MAP_SUFFIXES = (".png", ".tif", ".tiff", ".bmp", ".gif")  # lossless: JPEG smears the numbers
LOSSY = (".jpg", ".jpeg")
AS_NUMBERS = "save the maps as 8 or 16 bit greyscale PNGs of instance numbers, 0 for the background"
FROM_COLOURS = (
    "where each object has a colour of its own, the numbers are "
    "np.unique(pixels.reshape(-1, 3), axis=0, return_inverse=True)[1].reshape(pixels.shape[:2])"
)
_ENDING = re.compile(r"[_\-. ](masks?|labels?|labelids|instances?|instanceids|instance_ids|gt|seg|segmentation)$", re.I)
_CLASS_ENDING = re.compile(
    r"[_\-. ](class(es)?|class_?maps?|class_?ids?|semantics?|semseg|labelids|labels?|masks?|gt|seg|segmentation)$", re.I
)
CLASS_FOLDER = re.compile(r"class|semantic|categor", re.I)
_CITYSCAPES = re.compile(r"_(leftImg8bit|gt(Fine|Coarse)_instanceIds)$")
_CITYSCAPES_CLASSES = re.compile(r"_gt(Fine|Coarse)_labelIds$")
DEPTH = 3  # subfolders below the folder of images or maps
Files = list[tuple[str, Path]]  # stem, with the subfolders before it, and file
MAP_FOLDER = re.compile(r"mask|label|instance|annot|seg|gt|ground", re.I)


def fits(images: Files, maps: Files, by_content: bool = True) -> bool:
    """Whether at least half of the maps have an image, and at least half of a sample are piecewise constant."""
    stems = {stem for stem, _ in images}
    matched = [path for stem, path in maps if stem_of(stem, stems) is not None]
    if not matched or 2 * len(matched) < len(maps):
        return False
    return not by_content or _mostly_numbered(matched)


def _mostly_numbered(files: list[Path]) -> bool:
    """Whether at least half of a sample are maps of numbers, damaged ones aside."""
    votes = [vote for each in files[:: max(1, len(files) // 5)][:5] if (vote := _looks_numbered(each)) is not None]
    return 2 * sum(votes) >= len(votes)


def _looks_numbered(path: Path) -> bool | None:
    """Whether neighbouring pixels are mostly equal, as in a map of numbers and unlike in a photograph; None where the
    file is damaged: `load` reports it, the other maps of the sample decide."""
    try:
        if not is_label_map(read_header(path).mode):
            return False
        pixels = read_label_map(path)
    except SetupError:
        return None
    return pixels.shape[1] < 2 or float(np.mean(pixels[:, 1:] == pixels[:, :-1])) > 0.7


def explain(source: Source) -> tuple[str, str] | None:
    """(why, what to do) for folders that would be images and label maps, were the maps not colour pictures or JPEGs."""
    if not source.path.is_dir():
        return None
    folders = [each for each in sorted(source.path.iterdir()) if each.is_dir() and each.name[0] != "."]
    pairs = [(i, m) for i in folders for m in folders if i != m and MAP_FOLDER.search(m.name)]
    named = source.images is not None
    for images, maps in pairs if source.images is None else [(source.images, source.path)]:
        stems = {stem for stem, _ in stems_of(images, IMAGE_SUFFIXES, named)}
        files = [path for stem, path in stems_of(maps, MAP_SUFFIXES + LOSSY, named) if stem_of(stem, stems) is not None]
        for path in files[:5]:
            name = f"{path.parent.name}/{path.name}"
            if path.suffix.lower() in LOSSY:
                return f"{shown(name)} is a JPEG, whose compression changes numbers; label maps are PNGs", AS_NUMBERS
            with contextlib.suppress(SetupError):  # damaged, another one tells
                mode = read_header(path).mode
                if not is_label_map(mode):
                    why = f"{shown(name)} has mode {mode}: label maps have one channel of numbers"
                    return why, f"{AS_NUMBERS}; {FROM_COLOURS}"
    return None


def lossy_maps(maps: Path, images: Collection[str]) -> dict[str, Path]:
    """Image stem -> the JPEG that stands for its map."""
    found = {stem_of(stem, images): path for stem, path in stems_of(maps, LOSSY)} if images else {}
    return {stem: path for stem, path in found.items() if stem is not None}


def stem_of(own: str, images: Container[str]) -> str | None:
    """The stem of the image that a map of this stem belongs to: the same, or without an ending such as _mask.

    Cityscapes: a_gtFine_instanceIds belongs to a_leftImg8bit.
    """
    stems = (own, _ENDING.sub("", own), _CITYSCAPES.sub("_leftImg8bit", own))
    return next((stem for stem in stems if stem in images), None)


def map_files(folder: Path, deep: bool = True) -> Files:
    """(stem, file) of what can be maps of instances; of Cityscapes those alone, and not their other drawings. deep: as
    of `stems_of`."""
    files = stems_of(folder, MAP_SUFFIXES, deep)
    cityscapes = [each for each in files if _CITYSCAPES.search(each[0])]
    return cityscapes or files


def class_folder(images: Path, maps: Path) -> Path | None:
    """The folder of class maps beside the maps of instances, by its name (class, semantic) and its files' stems.

    Raises SetupError where several could be it.
    """
    if CLASS_FOLDER.search(maps.name):
        return None
    stems = {stem for stem, _ in stems_of(images, IMAGE_SUFFIXES)}
    beside = [each for each in sorted(maps.parent.iterdir()) if CLASS_FOLDER.search(each.name) and each.is_dir()]
    files = {each: list(class_map_files(each, stems).values()) for each in beside if each not in (images, maps)}
    found = [each for each in files if files[each] and _mostly_numbered(files[each])]
    if len(found) > 1:
        listed = ", ".join(f"{each.name}/" for each in found)
        raise setup_error(
            "ds-format-unknown",
            maps,
            f"{len(found)} folders could hold the class maps: {listed}",
            f'name one of them, class_maps="{found[0]}", or the class of all objects: class_name=',
        )
    return found[0] if found else None


def class_map_files(folder: Path, stems: Collection[str]) -> dict[str, Path]:
    """Image stem -> class map."""
    found: dict[str, Path] = {}
    for own, path in stems_of(folder, MAP_SUFFIXES):
        endless = (own, _CLASS_ENDING.sub("", own), _CITYSCAPES_CLASSES.sub("_leftImg8bit", own))
        stem = next((stem for stem in endless if stem in stems), None)
        if stem is not None:
            found.setdefault(stem, path)
    return found


def stems_of(folder: Path, suffixes: tuple[str, ...], deep: bool = True) -> Files:
    """(stem, file) of the files of a folder with one of the endings.

    deep: where the folder itself has none, those of its subfolders, up to three levels down, whose stems begin with the
    way to them: "aachen/aachen_000000". No folder is read twice, whatever links there are.
    """
    files = files_of(folder, suffixes)
    if files or not deep:
        return [(each.stem, each) for each in files]
    found, seen, level = Files(), {os.path.realpath(folder)}, [("", folder)]
    for _ in range(DEPTH):
        level = [(f"{way}{each.name}/", each) for way, above in level for each in _unseen(above, seen)]
        found += [(f"{way}{each.stem}", each) for way, below in level for each in files_of(below, suffixes)]
    return found


def _unseen(folder: Path, seen: set[str]) -> list[Path]:
    """The subfolders by name, without hidden ones and those that were there before; what is new is added to `seen`."""
    with os.scandir(folder) as entries:
        names = sorted(each.name for each in entries if each.name[0] != "." and each.is_dir())
    fresh = []
    for name in names:
        real = os.path.realpath(folder / name)
        if real not in seen:
            seen.add(real)
            fresh.append(folder / name)
    return fresh


def files_of(folder: Path, suffixes: tuple[str, ...]) -> list[Path]:
    """The regular files of a folder with one of the endings, by name. An array beside a picture of the same stem is
    something else (depth, features), and left out."""
    with os.scandir(folder) as entries:
        names = [each.name for each in entries if each.name.lower().endswith(suffixes) and each.is_file()]
    pictures = {os.path.splitext(name)[0] for name in names if not name.lower().endswith(".npy")}
    names = [name for name in names if not name.lower().endswith(".npy") or name[:-4] not in pictures]
    return [folder / name for name in sorted(names) if not name.startswith(".")]
