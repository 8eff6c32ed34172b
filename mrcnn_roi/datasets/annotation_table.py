"""The annotations of a COCO file in flat arrays: some 300 bytes each, where Python's own objects take kilobytes.

`AnnotationTable` takes the annotations one by one as they are parsed. Those of the usual form (polygons of numbers, or
RLE; ids that are integers or text; a bbox of four numbers or none) go into arrays, any other is kept as it came.
`Records` are the annotations of one image, made into `Record`s when they are asked for.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from mrcnn_roi.datasets.coco_ids import kept_id
from mrcnn_roi.datasets.records import Identity, Record, identity
from mrcnn_roi.datasets.segmentation import run_lengths

NUMBERS = {int, float}
POLYGON, PACKED_RLE, LISTED_RLE, ODD = range(4)
EXTRAS = ("attributes", "keypoints")
NO_BOX = (float("nan"),) * 4


class AnnotationTable:
    """Annotations by row, in the order of the file. Letters: M annotations, P polygon parts.

    After `freeze()`: kind, crowd uint8 [M]; bbox float64 [M, (x, y, width, height)], NaN where there is none;
    numbers float64, the coordinates of all parts one after the other; part_ends [P] into numbers; last_part [M] into
    the parts; extent float64 [M, (x1, y1, x2, y2)], set by the reader.
    """

    def __init__(self) -> None:
        self.ids: list[Identity | None] = []
        self.image_ids: list[Any] = []
        self.category_ids: list[Any] = []
        self.odd: dict[int, object] = {}  # row -> the annotation as it came
        self.source_ids: dict[int, int | str] = {}  # row -> the id in what the file was converted from
        self.special: dict[int, Record] = {}  # row -> a record with a fault, or other parts than the file's
        self.panoptic = False
        self.extras: set[str] = set()  # what annotations have beside masks and classes, of EXTRAS
        self._kind, self._crowd, self._bbox = bytearray(), bytearray(), array("d")
        self._numbers, self._part_ends, self._last_part = array("d"), array("q"), array("q")
        self._packed, self._packed_ends = bytearray(), array("q")

    def __len__(self) -> int:
        return len(self._kind)

    def append(self, annotation: object) -> None:
        """Takes one element of the list."""
        row, start, parts = len(self._kind), len(self._numbers), len(self._part_ends)
        kind = self._take(annotation) if type(annotation) is dict else ODD
        if kind == ODD:
            del self._numbers[start:], self._part_ends[parts:]
            self.odd[row] = annotation
            self._identify(annotation if isinstance(annotation, dict) else {})
            self._bbox.extend(NO_BOX)
        self._kind.append(kind)
        self._last_part.append(len(self._part_ends))
        self._packed_ends.append(len(self._packed))

    def freeze(self) -> None:
        """Turns the growing arrays into numpy arrays over the same memory."""
        self.kind, self.crowd = _view(self._kind, np.uint8), _view(self._crowd, np.uint8)
        self.bbox = _view(self._bbox, np.float64).reshape(-1, 4)
        self.numbers = _view(self._numbers, np.float64)
        self.part_ends, self.last_part = _view(self._part_ends, np.int64), _view(self._last_part, np.int64)
        self.extent = np.zeros((len(self), 4))

    def annotation(self, row: int) -> dict[str, Any]:
        """The annotation as `read_record` takes it; of a usual one the members that say what is to be learned."""
        if row in self.odd:
            return self.odd[row]  # type: ignore[return-value]
        bbox = _as_written(self.bbox[row])
        segmentation: object = [_as_written(part) for part in self.parts(row)]
        if self.kind[row] != POLYGON:
            height, width, counts = self.rle(row)
            segmentation = {"size": [height, width], "counts": counts}
        return {
            "id": self.ids[row],
            "image_id": self.image_ids[row],
            "category_id": self.category_ids[row],
            "iscrowd": int(self.crowd[row]),
            "segmentation": segmentation,
            "bbox": None if bbox[0] != bbox[0] else bbox,
        }

    def record(self, row: int) -> Record:
        """The `Record` of a row."""
        if row in self.special:
            made = self.special[row]
            made.source_id = self.source_ids.get(row)
            return made
        made = Record(self.ids[row], self.category_ids[row], bool(self.crowd[row]))
        x1, y1, x2, y2 = self.extent[row].tolist()
        made.extent, made.source_id = (x1, y1, x2, y2), self.source_ids.get(row)
        if self.kind[row] == POLYGON:
            made.parts = [part.tolist() for part in self.parts(row)]
        else:
            made.runs = run_lengths(self.rle(row)[2])
        return made

    def content(self, rows: np.ndarray) -> bytes:
        """Bytes that change when the geometry, crowd flag or category of these rows does."""
        listed = rows.tolist()
        special = [self.special[row].content() for row in listed if row in self.special]
        plain = [(self.category_ids[row], self._kind[row], self._crowd[row]) for row in listed]
        pieces = [repr(plain).encode("utf-8", "backslashreplace"), *special]
        for row in listed:
            pieces += [part.tobytes() for part in self.parts(row)]
            pieces.append(bytes(self._packed[self._packed_ends[row - 1] if row else 0 : self._packed_ends[row]]))
        return b"|".join(pieces)

    def _take(self, annotation: dict[str, Any]) -> int:
        """Puts an annotation of the usual form into the arrays; ODD where it is of another form."""
        if "segments_info" in annotation:
            self.panoptic = True
        image_id, bbox = annotation.get("image_id"), annotation.get("bbox")
        if not (_is_id(image_id) and _is_id(annotation.get("category_id")) and _is_id(annotation.get("id", 0))):
            return ODD
        if bbox is not None and not _is_box(bbox):
            return ODD
        kind = self._take_segmentation(annotation.get("segmentation"))
        if kind != ODD:
            try:
                self._bbox.extend(NO_BOX if bbox is None else bbox)
            except OverflowError:  # integers of hundreds of digits
                del self._bbox[4 * len(self.ids) :]
                return ODD
            self._identify(annotation)
        return kind

    def _take_segmentation(self, segmentation: object) -> int:
        if type(segmentation) is list and segmentation:
            for part in segmentation:
                if type(part) is not list or not part or not set(map(type, part)) <= NUMBERS:
                    return ODD
                try:
                    self._numbers.extend(part)
                except OverflowError:
                    return ODD
                self._part_ends.append(len(self._numbers))
            return POLYGON
        if type(segmentation) is dict:
            size, counts = segmentation.get("size"), segmentation.get("counts")
            if type(size) is list and len(size) == 2 and all(type(n) is int and 0 < n < 2**31 for n in size):
                return self._take_rle(size, counts)
        return ODD

    def _take_rle(self, size: list[int], counts: object) -> int:
        sides = np.array(size, np.int32).tobytes()
        if type(counts) is str and counts.isascii():
            self._packed += sides + counts.encode("ascii")
            return PACKED_RLE
        if type(counts) is list and set(map(type, counts)) == {int} and min(counts) >= 0 and max(counts) < 2**31:
            self._packed += sides + np.array(counts, np.int32).tobytes()
            return LISTED_RLE
        return ODD

    def _identify(self, annotation: dict[str, Any]) -> None:
        for name in EXTRAS:
            if annotation.get(name):
                self.extras.add(name)
        if "source_id" in annotation and kept_id(annotation["source_id"]) is not None:
            self.source_ids[len(self.ids)] = annotation["source_id"]
        self.ids.append(identity(annotation.get("id")))
        self.image_ids.append(identity(annotation.get("image_id")))
        self.category_ids.append(identity(annotation.get("category_id")))
        self._crowd.append(annotation.get("iscrowd") in (1, "1"))

    def parts(self, row: int) -> list[np.ndarray]:
        """The polygon parts of a row, flat arrays [x1, y1, x2, y2, ...]; [] for an RLE."""
        first = int(self.last_part[row - 1]) if row else 0
        ends = self.part_ends[first : int(self.last_part[row])].tolist()
        starts = [int(self.part_ends[first - 1]) if first else 0, *ends[:-1]]
        return [self.numbers[start:end] for start, end in zip(starts, ends)]

    def rle(self, row: int) -> tuple[int, int, str | list[int]]:
        """(height, width, counts) of an RLE, as in the file."""
        packed = self._packed[self._packed_ends[row - 1] if row else 0 : self._packed_ends[row]]
        height, width = np.frombuffer(packed[:8], np.int32).tolist()
        if self.kind[row] == PACKED_RLE:
            return height, width, packed[8:].decode("ascii")
        return height, width, np.frombuffer(packed[8:], np.int32).tolist()


class Records(Sequence):
    """The `Record`s of one image: a range of a table's rows in the order of images."""

    __slots__ = ("table", "rows")

    def __init__(self, table: AnnotationTable, rows: np.ndarray):
        self.table, self.rows = table, rows

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index):
        if isinstance(index, slice):
            return [self.table.record(row) for row in self.rows[index].tolist()]
        return self.table.record(int(self.rows[index]))

    def __iter__(self) -> Iterator[Record]:
        return map(self.table.record, self.rows.tolist())

    def content(self) -> bytes:
        """Bytes that change when the records do."""
        return self.table.content(self.rows)


def _view(buffer, dtype) -> np.ndarray:
    return np.frombuffer(buffer, dtype) if len(buffer) else np.zeros(0, dtype)


def _as_written(numbers: np.ndarray) -> list[int | float]:
    return [int(number) if number.is_integer() else number for number in numbers.tolist()]


def _is_id(value: object) -> bool:
    return type(value) is int or type(value) is str or (type(value) is float and value.is_integer())


def _is_box(bbox: object) -> bool:
    if type(bbox) is not list or len(bbox) != 4 or not set(map(type, bbox)) <= NUMBERS:
        return False
    return all(side == side and abs(side) != float("inf") for side in bbox)
