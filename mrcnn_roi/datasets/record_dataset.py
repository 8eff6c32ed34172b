"""Datasets whose instances are outlines or run lengths read from an annotation file, one `Record` each."""

from __future__ import annotations

import numpy as np

from mrcnn_roi.datasets.base import Dataset, declared_size, image_name
from mrcnn_roi.datasets.files import setup_error
from mrcnn_roi.datasets.outlines import crosses_itself
from mrcnn_roi.datasets.problems import shown
from mrcnn_roi.datasets.records import Record
from mrcnn_roi.datasets.segmentation import MAX_PIXELS, draw_polygons, draw_runs, runs_extent
from mrcnn_roi.findings import SetupError

LONGEST = 2000  # numbers of an outline that is compared edge by edge with itself


class RecordDataset(Dataset):
    """A dataset of `Record`s: image_info entries hold "records", a sequence of them. SOURCE names its classes.

    An entry whose records the file does not tell, or not all of them, has the Finding that says so as "refusal".
    """

    SOURCE = ""
    UNIT = "annotation"  # what the annotation tool calls an instance
    applies_exif = True
    parallel_safe = True

    def load_mask(self, image_id: int) -> tuple[np.ndarray, np.ndarray]:
        """(masks bool [H, W, N], class ids int32 [N]); crowds have negative class ids.

        Raises SetupError naming the file and the annotation where one has no usable mask, or the file and the image
        where it is not known which annotations there are.
        """
        records, height, width = self._usable(image_id)
        masks = np.zeros((len(records), height, width), bool)
        for mask, record in zip(masks, records):
            _draw(mask, record)
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
        return [f"{self.UNIT} {shown(record.id)}" for record in self.image_info[image_id]["records"]]

    def crossing_outlines(self, image_id: int) -> np.ndarray:
        """int64 [N]: 1 for an instance with a polygon that crosses itself."""
        records = self.image_info[image_id]["records"]
        crossing = [any(len(p) <= LONGEST and crosses_itself(p) for p in record.parts or ()) for record in records]
        return np.array(crossing, np.int64)

    def scan_key(self, image_id: int) -> bytes:
        """The path, the size and the records of the image."""
        info = self.image_info[image_id]
        records = info["records"]
        content = records.content() if hasattr(records, "content") else b"|".join(each.content() for each in records)
        own = info["path"], declared_size(info), info.get("refusal")
        return repr(own).encode("utf-8", "backslashreplace") + content

    def _usable(self, image_id: int) -> tuple[list[Record], int, int]:
        info = self.image_info[image_id]
        if "refusal" in info:
            raise SetupError(info["refusal"])
        records = list(info["records"])
        broken = [record for record in records if record.fault]
        if broken:
            raise SetupError(
                setup_error(
                    record.fault_code,
                    f"{image_name(info)}: {self.UNIT} {shown(record.id)}",
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
        return records, info["height"], info["width"]

    def _class_ids(self, records: list[Record]) -> np.ndarray:
        ids = [self.map_source_class_id(f"{self.SOURCE}.{record.category}") for record in records]
        return np.array([-i if record.crowd else i for i, record in zip(ids, records)], np.int32)


def _draw(mask: np.ndarray, record: Record) -> None:
    if record.runs is not None:
        draw_runs(mask, record.runs)
    elif not record.empty:
        draw_polygons(mask, record.parts or [])


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
