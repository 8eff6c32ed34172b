"""What `coco_writer` asks of a Dataset: instances with their shapes, their ids, and what of them would be lost."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from mrcnn_roi.datasets.annotation_table import Records
from mrcnn_roi.datasets.base import Dataset, declared_size, image_name
from mrcnn_roi.datasets.coco_shapes import Shape, shape_of_mask, shapes_of_records
from mrcnn_roi.datasets.facts import path_of
from mrcnn_roi.datasets.files import setup_error
from mrcnn_roi.datasets.images import orientation_applies, read_header
from mrcnn_roi.datasets.label_map import LabelMapDataset
from mrcnn_roi.datasets.label_map_pixels import read_instances
from mrcnn_roi.datasets.outline_dataset import OutlineDataset
from mrcnn_roi.datasets.record_dataset import RecordDataset
from mrcnn_roi.datasets.records import Record
from mrcnn_roi.findings import Finding, SetupError, Severity

# Findings of the loaders, ERRORs for training, whose objects are in the dataset all the same.
HARMLESS = {
    "ds-file-missing",
    "ds-bbox-nonpositive",
    "ds-polygon-outside",
    "ds-polygon-degenerate",
    "ds-category-background",
    "ds-size-transposed",
    "ds-map-smeared",
}
_NUMBERED = re.compile(r"[a-z]+ (\d{1,15})")  # "object 3" of a map of Pascal VOC
FIRST = 5  # broken images whose own findings are shown where the loader had none


class Instance(NamedTuple):
    """One object: its id in the source (None: it has none), its class number from 1, and its geometry; the "source_id"
    that a COCO json has for it."""

    id: Any
    class_id: int
    crowd: bool
    shape: Shape
    source_id: int | str | None = None


def draws_records(dataset: Dataset, info: dict[str, Any]) -> bool:
    """Whether load_mask draws the records of an image_info entry, so that they may be written instead of the masks.

    A user's subclass may draw anything; of Pascal VOC, maps of objects come before the records.
    """
    own = type(dataset).load_mask.__module__.startswith(__package__ or "")
    return isinstance(dataset, RecordDataset) and own and "records" in info and "object_map" not in info


def instances_of(
    dataset: Dataset, image_id: int, skip_broken: bool = False
) -> tuple[tuple[int, int], list[Instance], int]:
    """((height, width) the annotations were drawn on, the instances in load_mask's order, how many were left out).

    Raises SetupError where the image has no size or its masks cannot be loaded, and for a broken instance where it may
    not be left out.
    """
    if isinstance(dataset, RecordDataset) and draws_records(dataset, dataset.image_info[image_id]):
        return _from_records(dataset, image_id, skip_broken)
    return _from_masks(dataset, image_id)


def record_ids(dataset: Dataset) -> Iterator[Any]:
    """The ids of all records that are unique in the file by their nature; none where ids count within each image."""
    for info in dataset.image_info:
        if not isinstance(dataset, OutlineDataset) and draws_records(dataset, info):
            yield from (own for own, _ in _ids(info["records"]))


def lost_annotations(dataset: Dataset) -> list[Finding]:
    """The ERROR findings about what a conversion would leave out; [] where that is nothing."""
    errors = [each for each in dataset.annotation_problems if each.severity is Severity.ERROR]
    broken = [image_id for image_id, info in enumerate(dataset.image_info) if _is_broken(dataset, info)]
    if not broken:
        return errors if any(each.code not in HARMLESS for each in errors) else []
    return errors or [finding for image_id in broken[:FIRST] for finding in _reasons(dataset, image_id)]


def _is_broken(dataset: Dataset, info: dict[str, Any]) -> bool:
    if not draws_records(dataset, info):
        return False  # only drawing tells
    return declared_size(info) is None or "refusal" in info or any(fault for _, fault in _ids(info["records"]))


def _reasons(dataset: Dataset, image_id: int) -> list[Finding]:
    try:
        instances_of(dataset, image_id)
    except SetupError as error:
        return error.findings
    return []


def _ids(records: Any) -> Iterator[tuple[Any, bool]]:
    """(id, whether it has a fault) of each record, without the geometry of those in a table."""
    if isinstance(records, Records):
        table = records.table
        for row in records.rows.tolist():
            yield table.ids[row], row in table.special and bool(table.special[row].fault)
    else:
        for record in records:
            yield record.id, bool(record.fault)


def _from_records(dataset: RecordDataset, image_id: int, skip_broken: bool):
    info = dataset.image_info[image_id]
    size = declared_size(info)
    if size is None or "refusal" in info or (not skip_broken and any(fault for _, fault in _ids(info["records"]))):
        dataset.load_boxes(image_id)  # raises for records that cannot be drawn
        if size is None:
            read_header(path_of(info))
            raise setup_error("ds-json-invalid", image_name(info), "the size of the image is unknown", "give its size")
    records = [record for record in info["records"] if not record.fault]
    shapes = _shapes(records, *size)
    broken = len(info["records"]) - len(records) + shapes.count(None)
    if None in shapes and not skip_broken:
        name = f"{dataset.UNIT} {records[shapes.index(None)].id}"
        text = f"{name}: the outline is too long to be drawn, or too far away"
        raise setup_error("ds-polygon-outside", image_name(info), text, "correct or delete the annotation")
    numbers = dataset.class_from_source_map
    return (
        size,
        [
            Instance(record.id, numbers[f"{dataset.SOURCE}.{record.category}"], record.crowd, shape, record.source_id)
            for record, shape in zip(records, shapes)
            if shape is not None
        ],
        broken,
    )


def _shapes(records: list[Record], height: int, width: int) -> list[Shape | None]:
    """The shapes, None for an outline that nothing can draw."""
    try:
        return list(shapes_of_records(records, height, width))
    except ValueError:
        if len(records) == 1:
            return [None]
        return [shape for record in records for shape in _shapes([record], height, width)]


def _from_masks(dataset: Dataset, image_id: int):
    loaded = dataset.load_mask(image_id)
    masks, class_ids = np.asarray(loaded[0]), np.asarray(loaded[1])
    if len(class_ids) and (masks.ndim != 3 or masks.shape[2:] != class_ids.shape):
        shapes = f"{list(masks.shape)} and {list(class_ids.shape)}"
        raise ValueError(f"image {image_id}: expected masks [H, W, N] and class ids [N], received {shapes}")
    known = len(dataset.class_info)
    wrong = [int(each) for each in class_ids if not 0 < abs(int(each)) < known]
    if wrong:
        raise ValueError(f"image {image_id}: expected class ids of 1..{known - 1}, received {wrong[:5]}")
    size = _size_of(dataset, image_id, masks.shape if len(class_ids) else None)
    names = _own_ids(dataset, image_id, len(class_ids))
    return (
        size,
        [
            Instance(names[i], abs(int(each)), bool(each < 0), shape_of_mask(masks[..., i] != 0))
            for i, each in enumerate(class_ids)
        ],
        0,
    )


def _own_ids(dataset: Dataset, image_id: int, count: int) -> list[Any]:
    """What the source numbers or calls its instances, for formats without annotation ids."""
    if isinstance(dataset, LabelMapDataset):
        info = dataset.image_info[image_id]
        names = read_instances(info["mask_path"], info["void"], info["divisor"])[1].tolist()
    else:
        names = [_number_in(name) for name in dataset.instance_names(image_id)]
    return names if len(names) == count else [None] * count


def _number_in(name: str) -> int | str:
    match = _NUMBERED.fullmatch(name)
    return int(match[1]) if match else name


def _size_of(dataset: Dataset, image_id: int, shape: tuple[int, ...] | None) -> tuple[int, int]:
    """(height, width) of masks of that shape, or of the image where there are none.

    Raises SetupError where the masks do not fit the image's file as a reader of COCO shows it.
    """
    info = dataset.image_info[image_id]
    path, size = path_of(info), (shape[0], shape[1]) if shape else dataset.annotated_size(image_id)
    if not path:
        height, width = size or np.shape(dataset.load_image(image_id))[:2]
        return int(height), int(width)
    header = read_header(path)
    turned = orientation_applies(header, size, dataset.applies_exif)
    if turned != orientation_applies(header, size, True):
        fix = "turn the pixels and save the image without an EXIF orientation"
        raise setup_error("ds-exif", path, "the masks lie on the pixels as stored, other tools turn them", fix)
    shown = header.oriented_size(turned)
    if size is not None and size != shown:
        text = f"masks of {size[1]} x {size[0]} pixels, the image is {shown[1]} x {shown[0]}"
        raise setup_error("ds-mask-shape", path, text, "give masks of the image's size")
    return shown
