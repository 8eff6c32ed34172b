"""YOLO segmentation labels: a text file an image, a line an object, and a data.yaml with the classes and the parts.

A line is `class x1 y1 x2 y2 ...`, in fractions of the image's width and height as it is seen, EXIF orientation applied.
Class number k of the data.yaml is class k + 1. A line of five numbers is a box; its mask is the rectangle, and a
finding says so. Images without a label file, or with an empty one, have no objects. An object of several parts is one
polygon, its parts joined by double lines, as tools write it. Faults of single lines are in `annotation_problems`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mrcnn_roi.datasets.outline_dataset import OutlineDataset, checked_class_names
from mrcnn_roi.datasets.problems import Problems, shown
from mrcnn_roi.datasets.source import Source
from mrcnn_roi.datasets.yolo_layout import Layout, classes_file, declared_parts, find, groups
from mrcnn_roi.datasets.yolo_reader import UNIT as LINE
from mrcnn_roi.datasets.yolo_reader import Classes, YoloReader
from mrcnn_roi.datasets.yolo_yaml import ALIASES, FIX_NAMES, PARTS, class_called
from mrcnn_roi.findings import SetupError, Severity

NAME = "yolo"
TITLE = "YOLO segmentation (data.yaml, or folders images and labels)"
OPTIONS: tuple[str, ...] = ("part", "class_names")


class YoloDataset(OutlineDataset):
    """A dataset of YOLO label files. image_info entries hold "label_file" where the image has one."""

    SOURCE = NAME
    UNIT = LINE

    def image_reference(self, image_id: int) -> str:
        """The path of the image."""
        return str(self.image_info[image_id]["path"])


def recognise(source: Source) -> Layout | None:
    """The layout of a data.yaml, of the folder that holds one, of a folder of images with label files, or of a folder
    of label files (with images=, or with images beside it); None for anything else.

    Raises SetupError where a data.yaml cannot be read, or where several files could be it.
    """
    return find(source)


def parts(found: Layout) -> tuple[str, ...]:
    """Which of "train", "val" and "test" the source declares, by its data.yaml or by the names of its folders."""
    return declared_parts(found)


def load(found: Layout, part: str | None = None, class_names: Sequence[str] | None = None) -> YoloDataset:
    """A YoloDataset, not yet prepared, of what `recognise` returned.

    part: "train", "val" or "test", also by their other names ("valid"); None for everything that was pointed at.
    class_names: the classes in their order, into which those of the data.yaml are sorted by name; of a set that names
        no classes, their names by number.
    Raises SetupError where there is no such part, or no image in it; ValueError for a part of another name.
    """
    wanted = _checked_part(part)
    problems = Problems(found.place)
    listed = checked_class_names(class_names)
    home = found.data.path.parent if found.data is not None else found.place
    reader = YoloReader(home, _classes(found, listed, problems), problems)
    part_names = set()
    for group in groups(found, wanted, problems):
        part_names.add(group.part)
        reader.read(group)
    reader.finish(part_names != {"test"})
    dataset = YoloDataset()
    for number, name in enumerate(reader.names()):
        dataset.add_class(NAME, number, name)
    for info in reader.infos:
        dataset.add_image(NAME, info.pop("id"), info.pop("path"), **info)
    if not dataset.image_info and not any(each.severity == Severity.ERROR for each in problems.findings()):
        problems.add("ds-yolo-part", wanted or "all parts", "no images", "correct the folders in the data.yaml")
    found_faults = problems.findings(reader.totals())
    if not dataset.image_info:
        raise SetupError(found_faults)
    dataset.annotation_problems += found_faults
    return dataset


def _checked_part(part: Any) -> str | None:
    if part is None:
        return None
    for name in PARTS:
        if part in ALIASES[name]:
            return name
    raise ValueError(f"expected part as train, val, test or None, received {part!r}")


def _classes(found: Layout, listed: list[str] | None, problems: Problems) -> Classes:
    """The classes of the data.yaml, or of a list beside the labels; what is wrong with them goes to `problems`."""
    data = found.data
    for place, detail, fix, severity in data.faults if data is not None else ():
        if listed is None or not detail.startswith("no names"):
            problems.add("ds-yolo-yaml", place, detail, fix, severity)
    if data is not None and data.names:
        return Classes(data.names, listed, shown(data.path.name))
    file = classes_file(found)
    if file is not None:
        return Classes(dict(enumerate(file[1])), listed, shown(file[0].name))
    if data is None and listed is None:
        detail = f"no data.yaml or classes.txt: the classes are called {class_called(0)}, {class_called(1)}, ..."
        problems.add("ds-yolo-yaml", "names", detail, f"write a data.yaml; {FIX_NAMES}", Severity.WARNING)
    return Classes({}, listed, "class_names")
