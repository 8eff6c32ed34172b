"""The label files of a YOLO set, read one by one into image_info entries; their classes and their faults."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from mrcnn_roi.datasets.class_names import report_names
from mrcnn_roi.datasets.image_size import upright_size
from mrcnn_roi.datasets.outline_dataset import Unusable
from mrcnn_roi.datasets.problems import Problems, shown
from mrcnn_roi.datasets.records import Record
from mrcnn_roi.datasets.segmentation import encloses_nothing, overshoot, too_far
from mrcnn_roi.datasets.yolo_contours import TracedRecord, is_contour
from mrcnn_roi.datasets.yolo_folders import Group, begins_like_labels
from mrcnn_roi.datasets.yolo_lines import Line, in_pixels, lines_of, read_label_file
from mrcnn_roi.datasets.yolo_yaml import MOST_CLASSES, class_called
from mrcnn_roi.findings import Severity

TOLERANCE = 1  # pixels
ROUNDING = 1e-5  # of a side: what printing with few digits adds to a coordinate of 1
UNIT = "line"


class Classes:
    """Class numbers of label files -> numbers of the dataset's classes, which count from 0 here.

    names: the set's own, by number; {} where it has none. listed: the dataset's classes in their order, or None: the
    set's own are. where: the file of the names, for messages.
    """

    def __init__(self, names: dict[int, str], listed: list[str] | None, where: str):
        self._given = names or dict(enumerate(listed or ()))
        self._listed = listed
        self._where = where
        self._used = -1
        self._places = {name: number for number, name in reversed(list(enumerate(listed or ())))}

    def number(self, number: int) -> int | Unusable:
        """The dataset's number of a class number, or why it has none."""
        fix = "correct the number, which counts from 0 in the order of names, or complete the names"
        if not self._given and number < MOST_CLASSES:
            self._used = max(self._used, number)
            return number
        name = self._given.get(number)
        if name is None:
            numbers = f"{min(self._given)} to {max(self._given)}" if self._given else ""
            have = f"{self._where} has {len(self._given)} ({numbers})" if numbers else "there are no names"
            return Unusable("ds-yolo-class", f"class number {shown(number)}, {have}", fix)
        if self._listed is None:
            return number
        if name not in self._places:
            detail = f"class number {number}, {shown(name)}, which is none of class_names"
            return Unusable("ds-yolo-class", detail, "add it to class_names, or delete the objects")
        return self._places[name]

    def names(self) -> list[str]:
        """The dataset's classes; those that nobody has named are called class_0, class_1, ..."""
        if self._listed is not None:
            return self._listed
        last = max(self._given, default=self._used)
        return [self._given.get(number, class_called(number)) for number in range(last + 1)] or ["object"]


class YoloReader:
    """`read(group)` for every folder of images, then `finish()`; then `infos` and `problems` are complete."""

    def __init__(self, home: Path, classes: Classes, problems: Problems):
        self.infos: list[dict[str, Any]] = []
        self.problems = problems
        self._home = os.path.abspath(home)
        self._classes = classes
        self._boxes: list[str] = []  # places
        self._box_count = self._lines = self._labelled = 0
        self._unlabelled: list[tuple[str, str]] = []  # images that should have a label file, and where
        self._unmatched: list[str] = []

    def read(self, group: Group) -> None:
        """Reads the label files of one folder of images."""
        used: dict[str, str] = {}
        for name in group.images:
            stem = os.path.splitext(name)[0]
            if stem in used:
                detail = f"{shown(used[stem])} and {shown(name)} have the same label file"
                self.problems.add("ds-id-dup-image", f"image {shown(name)}", detail, "rename or remove one of the two")
                continue
            label = group.label_files.get(stem)
            if label is not None:
                used[stem] = name
            self._image(group, name, label)
        if group.complete:
            left = [label for stem, label in group.label_files.items() if stem not in used]
            beside = group.labels == group.folder  # where any text may lie
            paths = [os.path.join(group.labels, label) for label in left]
            self._unmatched += [path for path in paths if not beside or begins_like_labels(path)]

    def finish(self, any_parts: bool) -> None:
        """Reports what only the whole tells. any_parts: whether images for training are among them."""
        total = len(self.infos)
        self._report_boxes()
        if total and 2 * len(self._unlabelled) > total:
            unlabelled = len(self._unlabelled) == total and any_parts
            severity = Severity.ERROR if unlabelled else Severity.WARNING
            near = f"; {shown(self._shown(self._unmatched[0]))} fits no image" if self._unmatched and unlabelled else ""
            for image, label in self._unlabelled:
                fix = f"put the label file of {shown(image)} at {shown(label, 200)}, empty for no objects"
                self.problems.add("ds-labels-missing", f"image {shown(image)}", near.removeprefix("; "), fix, severity)
                near = ""
            if unlabelled:
                return
        for path in self._unmatched:
            fix = "add the image, give both the same name, or delete the label file"
            self.problems.add("ds-labels-unmatched", shown(self._shown(path)), "", fix)

    def totals(self) -> dict[str, int]:
        """How many of each subject there are, for the findings."""
        labels = self._labelled + len(self._unmatched)
        return {"image": len(self.infos), "annotation": self._lines, "file": labels}

    def names(self) -> list[str]:
        """The classes in their order."""
        names = self._classes.names()
        report_names(dict.fromkeys(names), self.problems)
        for number, name in enumerate(names):
            first = names.index(name)
            if first < number:
                detail = f"classes {first} and {number} have this name"
                self.problems.add("ds-category-dup", f"class {shown(name)}", detail, "give each class its own name")
        return names

    def _image(self, group: Group, name: str, label: str | None) -> None:
        path = os.path.join(group.folder, name)
        info: dict[str, Any] = {"id": self._shown(path), "path": path, "file_name": self._shown(path), "records": []}
        size = upright_size(path)
        if size is not None:
            info["height"], info["width"] = size
        self.infos.append(info)
        if label is None:
            expected = os.path.join(group.labels, os.path.splitext(name)[0] + ".txt")
            if group.part != "test" and size is not None:  # else the image is what is wrong
                self._unlabelled.append((info["id"], self._shown(expected)))
            return
        self._labelled += 1
        info["label_file"] = os.path.join(group.labels, label)
        self._read_labels(info, size, self._shown(info["label_file"]))

    def _read_labels(self, info: dict[str, Any], size: tuple[int, int] | None, name: str) -> None:
        content = read_label_file(info["label_file"])
        for line in [(1, content)] if isinstance(content, Unusable) else lines_of(content):
            self._lines += 1
            if isinstance(line, Line):
                info["records"].append(self._record(line, size, name))
            else:
                info["masks_reported"] = line[1].code == "ds-file-unreadable"
                info["records"].append(self._refused(*line, name))

    def _record(self, line: Line, size: tuple[int, int] | None, name: str) -> Record:
        number = self._classes.number(line.class_number)
        if isinstance(number, Unusable):
            return self._refused(line.number, number, name)
        record = Record(line.number, number, False)
        if line.is_box:
            self._box_count += 1
            if len(self._boxes) < 8:
                self._boxes.append(f"{shown(name)} line {line.number}")
        part = in_pixels(line, *(size or (1, 1)))
        xs, ys = part[0::2], part[1::2]
        record.extent = (min(xs), min(ys), max(xs), max(ys))
        record.empty = _is_flat(part)
        if record.empty:
            self._report_flat(line, name)
        if size is None:  # what is wrong with the image is reported with it
            record.empty = True
            return record
        over = overshoot(record.extent, *size)
        if not record.empty and over == 0 and is_contour(part, *size):
            x1, y1, x2, y2 = (round(side) for side in record.extent)
            extent = x1, y1, x2 + 1, y2 + 1
            return TracedRecord(line.number, number, False, extent=extent, contour=part, size=size)
        record.parts = [part]  # type: ignore[list-item]  # an array takes a quarter of a list's memory
        if not record.empty and over > 0:
            self._check_bounds(record, line, size, name)
        return record

    def _refused(self, number: int, fault: Unusable, name: str) -> Record:
        record = Record(number, "", False)
        record.refuse(fault.code, f"{fault.detail}; label file {shown(name, 200)} line {number}")
        self.problems.add(fault.code, f"{shown(name)} line {number}", fault.detail, fault.fix)
        return record

    def _report_flat(self, line: Line, name: str) -> None:
        place = f"{shown(name)} line {line.number}"
        if line.is_box:
            _, _, width, height = line.numbers
            fix = "give the box a width and height above 0, or delete the line"
            self.problems.add("ds-bbox-nonpositive", place, f"w {width:.6g}, h {height:.6g}", fix, may_be_rare=True)
        else:
            fix = "outline the object with at least 3 points, or delete the line"
            self.problems.add("ds-polygon-degenerate", place, "all points lie on one line", fix, may_be_rare=True)

    def _check_bounds(self, record: Record, line: Line, size: tuple[int, int], name: str) -> None:
        """Coordinates below 0 or above 1: by less than a pixel, cut off, or nothing of the object in the image."""
        over = overshoot(record.extent, *size)
        height, width = size
        x1, y1, x2, y2 = record.extent
        if over <= ROUNDING * max(size) or (line.is_box and over <= TOLERANCE):
            return
        code = "ds-polygon-edge" if over <= TOLERANCE else "ds-polygon-outside"
        detail = f"x {x1 / width:.6g} to {x2 / width:.6g}, y {y1 / height:.6g} to {y2 / height:.6g}"
        fix = "clip the coordinates to 0..1"
        if code == "ds-polygon-outside":
            fix = f"{fix}, or draw the outline again: the image may have been cropped after it was annotated"
        self.problems.add(code, f"{shown(name)} line {line.number}", detail, fix)
        if over > TOLERANCE and too_far(record.extent, *size):
            where = f"label file {shown(name, 200)} line {line.number}"
            record.refuse(code, f"its outline lies outside the image, {detail}; {where}")

    def _report_boxes(self) -> None:
        fix = "annotate outlines: boxes alone teach no masks"
        if self._box_count < self._lines:
            fix = "outline these objects as well, or delete the lines: the set mixes boxes and outlines"
        for number in range(self._box_count):
            place = self._boxes[number] if number < len(self._boxes) else ""
            self.problems.add("ds-box-masks", place, "class cx cy w h" if number == 0 else "", fix)

    def _shown(self, path: str) -> str:
        """The path for messages and ids: relative to the set where it lies in it."""
        start = self._home + os.sep
        return path[len(start) :].replace(os.sep, "/") if path.startswith(start) else path


def _is_flat(part: Any) -> bool:
    """Whether all points lie on one line. Three points that span an area, as most do, say so at once."""
    count = len(part) // 2
    a, b, c = 0, 2 * (count // 3), 2 * (2 * count // 3)
    across = (part[b] - part[a]) * (part[c + 1] - part[a + 1]) - (part[b + 1] - part[a + 1]) * (part[c] - part[a])
    return abs(across) < 1e-3 and encloses_nothing(part)
