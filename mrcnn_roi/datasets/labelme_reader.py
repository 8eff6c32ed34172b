"""LabelMe files, read one by one into image_info entries; what needs all of them comes at the end."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from mrcnn_roi.datasets.bounds import check_bounds
from mrcnn_roi.datasets.class_names import in_order, report_names
from mrcnn_roi.datasets.files import read_json
from mrcnn_roi.datasets.labelme_file import CODE, KEYS, find_image, find_size, image_of_same_stem
from mrcnn_roi.datasets.labelme_shapes import AREAS, LINES, Size, joined, kind_of, outline
from mrcnn_roi.datasets.outline_dataset import Unusable, refused
from mrcnn_roi.datasets.problems import Problems, quoted, shown
from mrcnn_roi.datasets.records import Record, identity, read_record
from mrcnn_roi.datasets.source import Source
from mrcnn_roi.datasets.via_classes import text_of
from mrcnn_roi.findings import SetupError, Severity

NOT_OBJECTS = {"__ignore__", "_background_"}  # labels that labelme's own tools give a meaning of their own
LABELS_FILE = "labels.txt"


class LabelMeReader:
    """`read(file)` for every file, then `infos()` and `names()`; then `problems` are complete."""

    def __init__(self, source: Source, class_names: list[str] | None):
        self.problems = Problems(source.path)
        self._source = source
        self._class_names = class_names
        self._infos: list[dict[str, Any]] = []
        self._labels: set[str] = set()
        self._lines: list[tuple[dict[str, Any], int, str, str]] = []  # image, number of the shape, label, kind
        self._files: dict[str, str] = {}  # path of an image -> the file that names it
        self._shapes = self._read = 0

    def read(self, file: Path) -> None:
        """Reads one file. A broken one is reported; what is no LabelMe file is passed over."""
        self._read += 1
        name = self._name(file)
        try:
            content: Any = self._source.content if file == self._source.path else read_json(file)
        except SetupError as error:
            finding = error.findings[0]
            self.problems.add(CODE, f"file {shown(name)}", finding.message, finding.fix)
            return
        if not isinstance(content, dict) or not KEYS & content.keys() or not isinstance(content.get("shapes"), list):
            self._not_labelme(file, name, content)
            return
        path = find_image(content, file, self._source.images, f"file {shown(name)}", self.problems)
        if path and path in self._files:
            detail = f"{shown(self._files[path])} and {shown(name)} both name {shown(os.path.basename(path))}"
            self.problems.add("ds-id-dup-image", f"file {shown(name)}", detail, "correct imagePath in one of the two")
            return
        self._files[path] = name
        size = find_size(content, path, f"file {shown(name)}", self.problems)
        info: dict[str, Any] = {"id": os.path.splitext(name)[0], "path": path, "file_name": name}
        info["label_file"] = str(file)
        if size is not None:
            info["height"], info["width"] = size
        info["records"] = self._records(content["shapes"], info, size)
        check_bounds(info, self.problems, "shape")
        self._infos.append(info)

    def infos(self) -> list[dict[str, Any]]:
        """Every image as an image_info entry: id, path, file_name, label_file, height, width, records.

        Lines and points are decided on here: those of a label that has areas elsewhere are objects without a mask.
        """
        for info, number, label, kind in self._lines:
            place = f"shape {number} of {shown(info['file_name'])}"
            fix = f"outline {shown(label)} with a polygon, or delete the shape"
            fault = Unusable("ds-via-shape", f"shape {shown(kind)} of {shown(label)}", fix)
            if label in self._labels or not self._labels or kind not in LINES:
                info["records"].append(refused(number, fault, place, self.problems))
            else:
                self.problems.add(fault.code, place, f"{fault.detail}, left out", fix, Severity.WARNING)
        return self._infos

    def names(self) -> list[str]:
        """The classes in their order."""
        names = in_order(self._labels, self._class_names or self._listed_labels())
        report_names(names, self.problems)
        return names or ["object"]

    def totals(self) -> dict[str, int]:
        """How many of each subject there are, for the findings."""
        return {"image": self._read, "record": self._read, "annotation": self._shapes}

    def _name(self, file: Path) -> str:
        return file.relative_to(self._source.path).as_posix() if file != self._source.path else file.name

    def _not_labelme(self, file: Path, name: str, content: object) -> None:
        """Other JSON may lie beside LabelMe's files, unless its name or its keys say that it is one of them."""
        if isinstance(content, dict) and KEYS & content.keys():
            found = f"shapes is {quoted(content['shapes'])}" if "shapes" in content else "no shapes"
        elif image_of_same_stem(file):
            found = f"a {type(content).__name__} without shapes"
        else:
            self._read -= 1
            return
        fix = 'give a list of "shapes", [] for an image without objects'
        self.problems.add(CODE, f"file {shown(name)}", found, fix)

    def _records(self, shapes: list[Any], info: dict[str, Any], size: Size) -> list[Record]:
        self._shapes += len(shapes)
        objects: dict[Any, list[int]] = {}
        groups, lines, records = set(), [], []
        for number, shape in enumerate(shapes):
            fault = _fault(shape)
            label = text_of(shape.get("label")) if isinstance(shape, dict) else ""
            if fault is None and label in NOT_OBJECTS:
                continue
            if fault is None and self._class_names is not None and label not in self._class_names:
                listed = ", ".join(shown(name, 30) for name in self._class_names[:10])
                detail = f"label {quoted(label)}, which is none of the classes {listed}"
                fault = Unusable("ds-via-label-missing", detail, "correct the label, or add it to class_names")
            if fault is not None:
                place = f"shape {number} of {shown(info['file_name'])}"
                records.append(refused(number, fault, place, self.problems))
                continue
            group, kind = identity(shape.get("group_id")), kind_of(shape)
            if kind in AREAS:
                objects.setdefault(number if group is None else (label, group), []).append(number)
                groups.add(group)
                self._labels.add(label)
            else:
                lines.append((number, label, kind, group))
        for number, label, kind, group in lines:
            if kind not in LINES or group is None or group not in groups:  # else: the keypoints of an object
                self._lines.append((info, number, label, kind))
        records += [self._object(numbers, shapes, info, size) for numbers in objects.values()]
        return sorted(records, key=lambda record: record.id)  # type: ignore[arg-type,return-value]

    def _object(self, numbers: list[int], shapes: list[Any], info: dict[str, Any], size: Size) -> Record:
        parts: list[Any] = []
        for number in numbers:
            part = outline(shapes[number], size)
            place = f"shape {number} of {shown(info['file_name'])}"
            if isinstance(part, Unusable):
                return refused(numbers[0], part, place, self.problems)
            parts.append(part)
        place = f"shape {numbers[0]} of {shown(info['file_name'])}"
        label = text_of(shapes[numbers[0]]["label"])
        if size is None and any(kind_of(shapes[number]) == "mask" for number in numbers):
            return Record(numbers[0], label, False, empty=True)  # the missing image is the cause
        annotation = {"id": numbers[0], "segmentation": joined(parts, size)}
        return read_record(annotation, label, size, place, self.problems) or Record(numbers[0], label, False)

    def _listed_labels(self) -> list[str]:
        """The labels in labels.txt, in or above the folder, which labelme is started with; [] where it fits badly."""
        folder = self._source.path if self._source.path.is_dir() else self._source.path.parent
        for path in (folder / LABELS_FILE, folder.parent / LABELS_FILE):
            try:
                text = path.read_text(encoding="utf-8-sig", errors="replace") if path.is_file() else ""
            except OSError:
                continue
            names = [line.strip() for line in text.splitlines() if line.strip() not in {"", *NOT_OBJECTS}]
            if names and 2 * len(self._labels & set(names)) >= len(self._labels):
                return names
        return []


def _fault(shape: object) -> Unusable | None:
    """Why a shape cannot be read at all, or None."""
    if not isinstance(shape, dict):
        return Unusable(CODE, f"{quoted(shape)} is not an object", "delete the entry")
    if not text_of(shape.get("label")):
        found = f"label is {quoted(shape['label'])}" if "label" in shape else "no label"
        return Unusable("ds-via-label-missing", found, "give the shape a label in labelme, or delete it")
    return None
