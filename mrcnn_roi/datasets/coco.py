"""COCO instance annotations: one JSON file with "images", "annotations" and "categories".

Polygons of several parts, compressed and uncompressed RLE, crowds (class id negative, as in Matterport's COCO
sample), holes through RLE. Categories become classes in the order of their ids. Width, height and file names
come from the file; faults of single records are kept in `annotation_problems` (see `coco_records`).
Format: cocodataset.org, "Data format".
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from mrcnn_roi.datasets.base import Dataset, image_name
from mrcnn_roi.datasets.coco_reader import CocoReader
from mrcnn_roi.datasets.coco_records import Record
from mrcnn_roi.datasets.files import setup_error
from mrcnn_roi.datasets.problems import shown
from mrcnn_roi.datasets.segmentation import MAX_PIXELS, fill_polygons, fill_runs, runs_extent
from mrcnn_roi.datasets.source import Source
from mrcnn_roi.findings import SetupError

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
    for info in reader.images():
        dataset.add_image(NAME, info.pop("id"), info.pop("path"), **info)
    dataset.annotation_problems += reader.findings()
    return dataset


def is_coco(content: object) -> bool:
    """Whether parsed JSON has COCO's lists for instances (not its panoptic segments)."""
    if not isinstance(content, dict) or not isinstance(content.get("images"), list):
        return False
    lists = [content[key] for key in ("annotations", "categories") if isinstance(content.get(key), list)]
    panoptic = any(isinstance(each, dict) and "segments_info" in each for each in content.get("annotations") or ())
    return bool(lists) and not panoptic


def _json_files(source: Source) -> list[Source]:
    """The JSON files of a folder, and of its annotations/, that name a key of COCO near their beginning."""
    folders = [source.path, source.path / "annotations"]
    paths = [path for folder in folders for path in sorted(folder.glob("*.json")) if path.is_file()]
    return [source.at(path) for path in paths if _mentions_coco(path)]


def _mentions_coco(path: Path) -> bool:
    with path.open("rb") as file:  # a folder of LabelMe files holds thousands, with images inside
        start = file.read(1 << 16)
    return any(key in start for key in (b'"images"', b'"annotations"', b'"categories"'))


class CocoDataset(Dataset):
    """A dataset read from a COCO json. image_info entries hold "records": one `Record` an annotation."""

    applies_exif = True
    parallel_safe = True

    def load_mask(self, image_id: int) -> tuple[np.ndarray, np.ndarray]:
        """(masks bool [H, W, N], class ids int32 [N]); crowds have negative class ids.

        Raises SetupError naming the file and the annotation where one has no usable mask.
        """
        records, height, width = self._usable(image_id)
        masks = np.zeros((len(records), height, width), bool)
        for mask, record in zip(masks, records):
            mask[:] = _mask(record, height, width)
        return np.moveaxis(masks, 0, -1), self._class_ids(records)

    def load_boxes(self, image_id: int) -> tuple[np.ndarray, np.ndarray]:
        """(boxes int32 [N, (y1, x1, y2, x2)] pixels, class ids int32 [N]) from the coordinates alone.

        Up to rounding the masks' boxes; larger where the tip of a polygon is too thin to cover a pixel. Raises
        SetupError as load_mask does.
        """
        records, height, width = self._usable(image_id)
        boxes = [_box(record, height, width) for record in records]
        return np.array(boxes, np.int32).reshape(-1, 4), self._class_ids(records)

    def instance_names(self, image_id: int) -> list[str]:
        """ "annotation 7339" for each instance of load_mask."""
        return [f"annotation {shown(record.id)}" for record in self.image_info[image_id]["records"]]

    def image_reference(self, image_id: int) -> str:
        """The image's page on cocodataset.org for COCO's own images, else the path."""
        info = self.image_info[image_id]
        return str(info.get("coco_url") or info["path"])

    def _usable(self, image_id: int) -> tuple[list[Record], int, int]:
        info = self.image_info[image_id]
        broken = [record for record in info["records"] if record.fault]
        if broken:
            raise SetupError(
                setup_error(
                    record.fault_code,
                    f"{image_name(info)}: annotation {shown(record.id)}",
                    f"{record.fault}; image {info['path']}",
                    "correct or delete the annotation",
                ).findings[0]
                for record in broken
            )
        if "height" not in info or info["height"] * info["width"] > MAX_PIXELS:
            size = f"{info['width']} x {info['height']}" if "height" in info else "unknown"
            raise setup_error(
                "ds-json-invalid",
                info["path"],
                f"the size of the image is {size}, so its masks cannot be drawn",
                "give the image's width and height in the annotation file",
            )
        return info["records"], info["height"], info["width"]

    def _class_ids(self, records: list[Record]) -> np.ndarray:
        ids = [self.map_source_class_id(f"{NAME}.{record.category}") for record in records]
        return np.array([-i if record.crowd else i for i, record in zip(ids, records)], np.int32)


def _mask(record: Record, height: int, width: int) -> np.ndarray:
    if record.runs is not None:
        return fill_runs(record.runs, height, width)
    if record.empty:
        return np.zeros((height, width), bool)
    return fill_polygons(record.parts or [], height, width)


def _box(record: Record, height: int, width: int) -> tuple[int, int, int, int]:
    if record.empty:
        x1, y1, x2, y2 = 0, 0, 0, 0
    elif record.runs is not None:
        x1, y1, x2, y2 = runs_extent(record.runs, height)
    else:
        left, top, right, bottom = record.extent
        x1, y1 = max(0, round(left)), max(0, round(top))
        x2, y2 = min(width, max(round(right), x1)), min(height, max(round(bottom), y1))
    return y1, x1, y2, x2
