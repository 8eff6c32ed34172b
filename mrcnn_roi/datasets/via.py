"""VIA, the VGG Image Annotator: annotations of versions 1 and 2, exported as JSON or CSV, or a project file.

Polygons, polylines (closed), rectangles, circles and ellipses become masks. The class comes from a region attribute,
found by `via_classes` or named with attribute=; a file whose regions have none is of one class. The size of an image
is its file's. Faults of single records and regions are kept in `annotation_problems`.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from mrcnn_roi.datasets.outline_dataset import OutlineDataset, checked_class_names, finished, several
from mrcnn_roi.datasets.source import Source
from mrcnn_roi.datasets.via_file import MARKS, is_via, is_via_csv
from mrcnn_roi.datasets.via_reader import ViaReader

NAME = "via"
TITLE = "VIA 1 or 2 (json export, project file or csv)"
OPTIONS: tuple[str, ...] = ("attribute", "class_name", "class_names")


class ViaDataset(OutlineDataset):
    """A dataset read from a VIA file. `attribute`: the region attribute its classes come from, None for one class."""

    SOURCE = NAME
    UNIT = "region"
    attribute: str | None = None

    def image_reference(self, image_id: int) -> str:
        """The path of the image."""
        return str(self.image_info[image_id]["path"])


def recognise(source: Source) -> Source | None:
    """The source narrowed to its VIA file: the file itself, or the only one in a folder or its annotations/.

    Raises SetupError listing the candidates where a folder holds several.
    """
    if source.path.is_file():
        if source.is_json:
            return source if is_via(source.content) else None
        return source if is_via_csv(source.path) else None
    paths = [path for folder in (source.path, source.path / "annotations") for path in sorted(folder.glob("*.*"))]
    found = [each for each in map(source.at, paths) if _holds_via(each)]
    listed = [each for each in found if each.path.suffix.lower() == ".json"] or found  # a CSV is a JSON's other form
    if len(listed) > 1:
        raise several(source.path, [str(each.path.relative_to(source.path)) for each in listed], "VIA files")
    return listed[0] if listed else None


def load(
    source: Source, attribute: str | None = None, class_name: str = "object", class_names: Sequence[str] | None = None
) -> ViaDataset:
    """A ViaDataset, not yet prepared, of a source that `recognise` returned.

    attribute: the region attribute that names the class; by default the one that looks most like it.
    class_name: the class of regions without attributes.
    class_names: the classes in their order, for a file that does not use all of them.
    """
    dataset = ViaDataset()
    reader = ViaReader(source)
    labels = reader.labels(attribute, class_name, checked_class_names(class_names))
    dataset.attribute = labels.attribute
    for name, number in labels.numbers.items():
        dataset.add_class(NAME, number, name)
    for info in reader.images(labels):
        dataset.add_image(NAME, info.pop("id"), info.pop("path"), **info)
    finished(dataset, reader.problems, reader.totals(), reader.named)
    return dataset


def _holds_via(source: Source) -> bool:
    """Whether a file of a folder is VIA's; parsed only where its beginning looks like it."""
    suffix = source.path.suffix.lower()
    if suffix == ".csv":
        return is_via_csv(source.path)
    return suffix == ".json" and _begins_like_via(source.path) and is_via(source.content)


def _begins_like_via(path: Path) -> bool:
    if not path.is_file():
        return False
    with path.open("rb") as file:
        start = file.read(1 << 14).replace(b"\0", b"")  # UTF-16 has a zero with every letter
    return any(mark in start for mark in MARKS)
