"""COCO instance annotations: one JSON file with "images", "annotations" and "categories".

Polygons of several parts, compressed and uncompressed RLE, crowds (class id negative, as in Matterport's COCO
sample), holes through RLE. Categories become classes in the order of their ids. Width, height and file names
come from the file; faults of single records are kept in `annotation_problems` (see `records`).
Format: cocodataset.org, "Data format".
"""

from __future__ import annotations

from pathlib import Path

from mrcnn_roi.datasets.annotation_table import AnnotationTable
from mrcnn_roi.datasets.coco_reader import CocoReader
from mrcnn_roi.datasets.files import setup_error
from mrcnn_roi.datasets.record_dataset import RecordDataset
from mrcnn_roi.datasets.source import Source

NAME = "coco"
TITLE = "COCO json"
OPTIONS: tuple[str, ...] = ()


def recognise(source: Source) -> Source | None:
    """The source narrowed to its COCO json: the file itself, or the only one in a folder or its annotations/.

    Raises SetupError listing the candidates where a folder holds several.
    """
    if source.is_json:
        return source if is_coco(source.content) else None
    found = [each for each in _json_files(source) if is_coco(each.content)]
    if len(found) > 1:
        names = ", ".join(str(each.path.relative_to(source.path)) for each in found)
        raise setup_error(
            "ds-format-unknown",
            source.path,
            f"the folder holds {len(found)} COCO files: {names}",
            f"name one of them, for example {found[0].path}",
        )
    return found[0] if found else None


def load(source: Source) -> CocoDataset:
    """A CocoDataset, not yet prepared, of a source that `recognise` returned."""
    dataset = CocoDataset()
    reader = CocoReader(source)
    for category_id, name in reader.categories():
        dataset.add_class(NAME, category_id, name)
        if category_id in reader.category_source_ids:
            dataset.class_info[-1]["source_id"] = reader.category_source_ids[category_id]
    for info in reader.images():
        dataset.add_image(NAME, info.pop("id"), info.pop("path"), **info)
    dataset.annotation_problems += reader.findings()
    dataset.objects_lost = reader.objects_lost
    dataset.extras = reader.extras()
    return dataset


def is_coco(content: object) -> bool:
    """Whether parsed JSON has COCO's lists for instances (not its panoptic segments)."""
    if not isinstance(content, dict) or not isinstance(content.get("images"), list):
        return False
    annotations = content.get("annotations")
    if isinstance(annotations, AnnotationTable):
        return not annotations.panoptic
    return isinstance(content.get("categories"), list)


def _json_files(source: Source) -> list[Source]:
    """The JSON files of a folder, and of its annotations/, that name a key of COCO near their beginning."""
    folders = [source.path, source.path / "annotations"]
    paths = [path for folder in folders for path in sorted(folder.glob("*.json")) if path.is_file()]
    return [source.at(path) for path in paths if _mentions_coco(path)]


def _mentions_coco(path: Path) -> bool:
    with path.open("rb") as file:  # a folder of LabelMe files holds thousands, with images inside
        start = file.read(1 << 16)
    return any(key in start for key in (b'"images"', b'"annotations"', b'"categories"'))


class CocoDataset(RecordDataset):
    """A dataset read from a COCO json."""

    SOURCE = NAME
    extras: tuple[str, ...] = ()  # what the file has and the dataset does not
    objects_lost = False  # whether annotations are missing for a reason that annotation_problems names

    def image_reference(self, image_id: int) -> str:
        """The image's page on cocodataset.org for COCO's own images, else the path."""
        info = self.image_info[image_id]
        return str(info.get("coco_url") or info["path"])
