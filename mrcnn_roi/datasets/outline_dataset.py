"""What the loaders of annotation tools share: image files found by name, their sizes, and the dataset class."""

from __future__ import annotations

import os
from typing import Any, NamedTuple

import numpy as np

from mrcnn_roi.datasets.files import ImageFolder, setup_error
from mrcnn_roi.datasets.images import Header, read_header
from mrcnn_roi.datasets.problems import Problems, shown
from mrcnn_roi.datasets.record_dataset import RecordDataset
from mrcnn_roi.datasets.records import Identity, Record
from mrcnn_roi.findings import SetupError


class Unusable(NamedTuple):
    """Why a shape has no outline: the code, what was found, and what to do."""

    code: str
    detail: str
    fix: str


class OutlineDataset(RecordDataset):
    """A RecordDataset whose formats record no size, or not always: it is the image file's then.

    Record ids count the instances within their image.
    """

    def load_mask(self, image_id: int) -> tuple[np.ndarray, np.ndarray]:
        """As RecordDataset.load_mask; also raises SetupError where the image file is needed and cannot be read."""
        self._need_size(image_id)
        return super().load_mask(image_id)

    def load_boxes(self, image_id: int) -> tuple[np.ndarray, np.ndarray]:
        """As RecordDataset.load_boxes, likewise."""
        self._need_size(image_id)
        return super().load_boxes(image_id)

    def _need_size(self, image_id: int) -> None:
        info = self.image_info[image_id]
        if "height" not in info:
            read_header(info["path"])  # says what is wrong with the file


def locate(folder: ImageFolder, name: str, place: str, problems: Problems) -> tuple[str, bool]:
    """(path, whether there is such a file) of an image name; a missing file goes to `problems`."""
    path = folder.find(name)
    if path is None:
        detail, fix = ("", "") if problems.full("ds-file-missing") else folder.explain_missing(name)
        problems.add("ds-file-missing", place, detail.removeprefix(shown(name)).lstrip(", "), fix)
    return path or absent(folder.expected(name)), path is not None


def absent(path: str) -> str:
    """The path, or where another image has it one that no file can have: a name that leads out of the folder must not
    come to mean a file in it."""
    return os.path.join(path, os.path.basename(path)) if os.path.isfile(path) else path


def header_of(path: str) -> Header | None:
    """The header of an image file; None where the scan will report the file."""
    try:
        return read_header(path)
    except SetupError:
        return None


def refused(number: Identity, fault: Unusable, place: str, problems: Problems) -> Record:
    """The record of an instance that has no mask; why goes to `problems`."""
    record = Record(number, "", False)
    record.refuse(fault.code, fault.detail)
    problems.add(fault.code, place, fault.detail, fault.fix)
    return record


def finished(dataset: OutlineDataset, problems: Problems, totals: dict[str, int], named: int) -> None:
    """Hands the findings over. Raises SetupError with them where no image could be read out of the `named` ones."""
    found = problems.findings(totals)
    if named and not dataset.image_info:
        raise SetupError(found)
    dataset.annotation_problems += found


def checked_class_names(names: Any) -> list[str] | None:
    """The option class_names as a list. Raises ValueError where it is no list of different names."""
    if names is None:
        return None
    if isinstance(names, str) or not all(isinstance(name, str) and name.strip() for name in names):
        raise ValueError(f"expected class_names as a list of names, received {names!r}")
    listed = [name.strip() for name in names]
    if len(set(listed)) != len(listed):
        raise ValueError(f"expected class_names that differ from one another, received {listed}")
    return listed


def several(path: Any, found: list[str], kind: str):
    """The SetupError for a folder with more than one candidate."""
    text = f"the folder holds {len(found)} {kind}: {', '.join(found[:8])}{', ...' if len(found) > 8 else ''}"
    return setup_error("ds-format-unknown", path, text, f"name one of them, for example {path / found[0]}")
