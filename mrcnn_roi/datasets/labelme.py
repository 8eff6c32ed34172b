"""LabelMe: a folder with one JSON file an image, as the annotation tool labelme writes it (or one such file).

Polygons, rectangles, circles and masks; shapes of one label and group_id are one object of several parts. Lines and
points have no area. The images lie beside the files or where imagePath says; the copy inside a file, imageData, is
used only where the image is not there. Labels become classes in the order of labels.txt, else of the alphabet.
Faults of single files and shapes are kept in `annotation_problems`.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from mrcnn_roi.datasets.labelme_file import embedded_image, is_labelme
from mrcnn_roi.datasets.labelme_reader import LabelMeReader
from mrcnn_roi.datasets.outline_dataset import OutlineDataset, checked_class_names, finished, several
from mrcnn_roi.datasets.source import Source

NAME = "labelme"
TITLE = "LabelMe (a folder of json files, one an image)"
OPTIONS: tuple[str, ...] = ("class_names",)

_MARKS = (b'"shapes"', b'"imagePath"', b'"imageData"', b'"lineColor"')
_SAMPLE = 16  # files of a folder whose beginnings say what the others are
_DEPTH = 4  # levels of subfolders
_SPLITS = {"train", "training", "val", "valid", "validation", "test", "testing"}


class LabelMeDataset(OutlineDataset):
    """A dataset of LabelMe files. image_info entries hold "label_file"; "path" is "" for an image inside it."""

    SOURCE = NAME
    UNIT = "shape"

    def image_reference(self, image_id: int) -> str:
        """The path of the image, or of the file that holds it."""
        info = self.image_info[image_id]
        return str(info["path"] or info["label_file"])

    def load_image(self, image_id: int, channels: int = 3) -> np.ndarray:
        """As Dataset.load_image, [H, W, channels]; an image that is in its annotation file is decoded from there.

        Raises SetupError naming the file where that is not possible.
        """
        info = self.image_info[image_id]
        if info["path"]:
            return super().load_image(image_id, channels)
        return embedded_image(info["label_file"], channels)


def recognise(source: Source) -> tuple[Source, list[Path]] | None:
    """The source and its files: the one it is, or those of a folder, or of its subfolders where it has none itself.

    Raises SetupError where the subfolders are parts of a split, for they must not be trained on together.
    """
    if source.path.is_file():
        return (source, [source.path]) if source.is_json and is_labelme(source.content) else None
    found = {folder: files for folder, files in _json_files(source.path) if _look_like_labelme(files)}
    if source.path in found:
        return source, found[source.path]
    parts = sorted({folder.relative_to(source.path).parts[0] for folder in found})
    splits = [part for part in parts if part.lower() in _SPLITS]
    if len(splits) > 1:
        raise several(source.path, splits, "folders of LabelMe files")
    return (source, sorted(file for files in found.values() for file in files)) if found else None


def load(found: tuple[Source, list[Path]], class_names: Sequence[str] | None = None) -> LabelMeDataset:
    """A LabelMeDataset, not yet prepared, of the files that `recognise` returned.

    class_names: the classes in their order, for files that do not use all of them.
    """
    source, files = found
    dataset = LabelMeDataset()
    reader = LabelMeReader(source, checked_class_names(class_names))
    for file in files:
        reader.read(file)
    infos = reader.infos()
    for name in reader.names():
        dataset.add_class(NAME, name, name)
    for info in infos:
        dataset.add_image(NAME, info.pop("id"), info.pop("path"), **info)
    finished(dataset, reader.problems, reader.totals(), len(files))
    return dataset


def _json_files(folder: Path) -> list[tuple[Path, list[Path]]]:
    """(folder, its JSON files by name) of a folder and its subfolders; links to folders are not followed."""
    found = []
    for place, folders, names in os.walk(folder):
        level = len(Path(place).relative_to(folder).parts)
        folders[:] = sorted(name for name in folders if not name.startswith(".")) if level < _DEPTH else []
        paths = [Path(place, name) for name in sorted(names) if name.lower().endswith(".json") and name[0] != "."]
        found.append((Path(place), [path for path in paths if path.is_file()]))  # a FIFO would block for ever
    return found


def _look_like_labelme(files: list[Path]) -> bool:
    """Whether a quarter of a sample begin like LabelMe's files; the others may be broken, or something else."""
    sample = files[:: max(1, len(files) // _SAMPLE)][: 2 * _SAMPLE]
    like = [file for file in sample if _begins_like_labelme(file)]
    return bool(like) and 4 * len(like) >= len(sample)


def _begins_like_labelme(file: Path) -> bool:
    with file.open("rb") as opened:
        start = opened.read(1 << 14).replace(b"\0", b"")  # UTF-16 has a zero with every letter
    return any(mark in start for mark in _MARKS)
