"""Pascal VOC: an XML file an image, with the boxes of its objects, and SegmentationObject with their masks.

Read are the VOC folders as they were published (VOCdevkit/VOC2012 with ImageSets), and what tools write in this
format: labelImg's files beside the images, Roboflow's train/valid/test folders, polygons in the objects, the maps of
CVAT, Datumaro and labelme's converter. An image with a map in SegmentationObject has its masks from there; polygons
are outlines, boxes alone become rectangles, which a finding says. Objects marked difficult or truncated are objects
like others unless `difficult` says otherwise; the <part>s of persons are not read.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from mrcnn_roi.datasets.files import setup_error
from mrcnn_roi.datasets.images import orientation_applies
from mrcnn_roi.datasets.outline_dataset import OutlineDataset, checked_class_names, finished, header_of
from mrcnn_roi.datasets.problems import quoted
from mrcnn_roi.datasets.source import Source
from mrcnn_roi.datasets.voc_layout import VocSet, find_sets
from mrcnn_roi.datasets.voc_maps import matched, missing, read_names, read_numbers
from mrcnn_roi.datasets.voc_options import DIFFICULT, Options
from mrcnn_roi.datasets.voc_parts import PARTS, checked_part, declared
from mrcnn_roi.datasets.voc_reader import VocReader
from mrcnn_roi.ops.masks import extract_bboxes

NAME = "voc"
TITLE = "Pascal VOC (a folder of XML files, one an image)"
OPTIONS: tuple[str, ...] = ("class_names", "part", "boxes", "difficult")

Found = tuple[Source, list[VocSet]]


class _Instances(NamedTuple):
    """What a map holds, N instances."""

    masks: np.ndarray  # bool [N, H, W]
    class_ids: np.ndarray  # int32 [N], negative for crowds
    boxes: np.ndarray  # int32 [N, (y1, x1, y2, x2)] pixels
    numbers: np.ndarray  # [N], the pixels' values


def _boxes(masks: np.ndarray) -> np.ndarray:
    """int32 [N, (y1, x1, y2, x2)] of masks [N, H, W]."""
    return extract_bboxes(np.moveaxis(masks, 0, -1))


def _matched(numbers: np.ndarray, boxes: np.ndarray, info: dict) -> list[int | None]:
    """For each number of a map the index of the object of the XML file that it is, or None."""
    return matched(numbers.tolist(), boxes[:, [1, 0, 3, 2]].tolist(), info["objects"])


class VocDataset(OutlineDataset):
    """A dataset of VOC files. image_info entries with masks from maps hold "object_map" and "class_map"; these are
    read when the masks are asked for."""

    SOURCE = NAME
    UNIT = "object"
    only_class = ""  # the class of maps alone, without XML files and class maps, where there is one class

    def image_reference(self, image_id: int) -> str:
        """The path of the image."""
        return str(self.image_info[image_id]["path"])

    def load_mask(self, image_id: int) -> tuple[np.ndarray, np.ndarray]:
        """As OutlineDataset.load_mask. Of a map each number is an instance, in ascending order.

        Raises SetupError naming the map and the object also where a map has another size than its image, no
        object in it, or a number that neither the XML file nor the class map says the class of.
        """
        if "object_map" not in self.image_info[image_id]:
            return super().load_mask(image_id)
        found = self._from_map(image_id)
        return np.moveaxis(found.masks, 0, -1), found.class_ids

    def load_boxes(self, image_id: int) -> tuple[np.ndarray, np.ndarray]:
        """As OutlineDataset.load_boxes; boxes of a map are those of its masks."""
        if "object_map" not in self.image_info[image_id]:
            return super().load_boxes(image_id)
        found = self._from_map(image_id)
        return found.boxes, found.class_ids

    def instance_names(self, image_id: int) -> list[str]:
        """ "object 3" for each instance of load_mask: its number in the map, or its place in the XML file."""
        if "object_map" not in self.image_info[image_id]:
            return super().instance_names(image_id)
        return [f"object {number}" for number in self._from_map(image_id).numbers]

    def crossing_outlines(self, image_id: int) -> np.ndarray | None:  # type: ignore[override]
        """As RecordDataset.crossing_outlines; None for a map, which has no outlines."""
        return None if "object_map" in self.image_info[image_id] else super().crossing_outlines(image_id)

    def unmasked_objects(self, image_id: int) -> str:
        """Objects of the XML file that are background in the map; difficult ones may be left out of it."""
        info = self.image_info[image_id]
        if "object_map" not in info:
            return ""
        pixels, numbers = read_numbers(info["object_map"])
        lost = missing(pixels, _matched(numbers, _boxes(pixels == numbers[:, None, None]), info), info["objects"])
        return ", ".join(f"object {index + 1} {quoted(info['objects'][index].name)}" for index in lost)

    def scan_key(self, image_id: int) -> bytes | None:  # type: ignore[override]
        """As RecordDataset.scan_key; of maps with their size and time of modification, None where one is missing."""
        info = self.image_info[image_id]
        if "object_map" not in info:
            return super().scan_key(image_id)
        try:
            files = [(path, os.stat(path)) for path in (info["object_map"], info["class_map"]) if path]
        except OSError:
            return None
        own = [(path, status.st_size, status.st_mtime_ns) for path, status in files]
        more = (info["path"], info["objects"], info["difficult"], info["class_key"])
        return repr((own, more)).encode("utf-8", "backslashreplace")

    def _from_map(self, image_id: int) -> _Instances:
        info = self.image_info[image_id]
        pixels, numbers = read_numbers(info["object_map"])
        self._check_map(image_id, pixels, numbers)
        masks = pixels == numbers[:, None, None]
        boxes = _boxes(masks)
        found = _matched(numbers, boxes, info)
        objects = [None if index is None else info["objects"][index] for index in found]
        names = ["" if each is None else each.name for each in objects]
        unknown = [row for row, name in enumerate(names) if not name]
        if unknown and info["class_map"]:
            for row, (seen, name) in zip(unknown, read_names(info["class_map"], masks[unknown], info["class_key"])):
                names[row] = name or seen
        elif not info["in_xml"]:
            names = [self.only_class] * len(names)
        ids = [self._class_id(info, number, name) for number, name in zip(numbers.tolist(), names)]
        hard = np.array([each is not None and each.difficult for each in objects], bool)
        class_ids = np.where(hard & (info["difficult"] == "crowd"), -np.array(ids, np.int32), ids).astype(np.int32)
        kept = ~hard if info["difficult"] == "drop" else np.ones(len(ids), bool)
        if kept.all():
            return _Instances(masks, class_ids, boxes, numbers)
        return _Instances(masks[kept], class_ids[kept], boxes[kept], numbers[kept])

    def _check_map(self, image_id: int, pixels: np.ndarray, numbers: np.ndarray) -> None:
        info = self.image_info[image_id]
        height, width = pixels.shape
        header = header_of(info["path"])
        if header is not None:
            size = header.oriented_size(orientation_applies(header, pixels.shape, self.applies_exif))
            if size != pixels.shape:
                text = f"the map has {width} x {height} pixels, its image {size[1]} x {size[0]}"
                fix = "use the images that were annotated, or scale the maps without smoothing (nearest neighbour)"
                raise setup_error("ds-size-mismatch", info["object_map"], text, fix)
        if not len(numbers) and (info["objects"] or pixels.any()):
            seen = "void (255)" if pixels.any() else "background (0)"
            count = f", while the XML file has {len(info['objects'])}" if info["in_xml"] else ""
            fix = "number the objects 1, 2, 3 in the order of the XML file; 255 is void and no object"
            text = f"the map has no object, only {seen}{count}"
            raise setup_error("ds-mask-unreadable", info["object_map"], text, fix)

    def _class_id(self, info: dict, number: int, name: str) -> int:
        try:
            return self.map_source_class_id(f"{NAME}.{name}")
        except ValueError:
            listed = f"the XML file has {len(info['objects'])} objects" if info["in_xml"] else "there is no XML file"
            text = f"object {number} has no class: {listed}, and there is no class map"
            if info["class_map"]:
                text = f"object {number} has no class: the class map has {name} there, which is none of the classes"
            elif name:
                text = f'object {number} has the class "{name}", which is none of the classes'
            fix = "add the object to the XML file, or its class to SegmentationClass and labelmap.txt"
            raise setup_error("ds-map-class", info["object_map"], text, fix) from None


def recognise(source: Source) -> Found | None:
    """The source and its sets; None where there are none.

    Raises SetupError where a folder holds several whole sets, such as VOC2007 and VOC2012.
    """
    sets = find_sets(source)
    return (source, sets) if sets else None


def parts(found: Found) -> tuple[str, ...]:
    """The parts that the source declares, of train, val and test: by lists in ImageSets, or by folders."""
    there = {part for each in found[1] for part in (each.part, *declared(each.lists, bool(each.object_maps)))}
    return tuple(part for part in PARTS if part in there)


def load(
    found: Found,
    class_names: Sequence[str] | None = None,
    part: str | None = None,
    boxes: bool = False,
    difficult: str = "keep",
) -> VocDataset:
    """A VocDataset, not yet prepared, of what `recognise` returned.

    class_names: the classes in their order, for a set that does not use all of them.
    part: "train", "val", "trainval" or "test", as ImageSets or the folders name them; None for all images.
    boxes: in a set with maps for some of its images, also use the others, with their boxes as rectangles.
    difficult: what becomes of objects marked so: "keep", "drop", or "crowd" for negative class ids.
    Raises ValueError for other values, SetupError where nothing can be read or there is no such part.
    """
    if difficult not in DIFFICULT:
        raise ValueError(f"expected difficult as one of {', '.join(DIFFICULT)}, received {difficult!r}")
    if not isinstance(boxes, bool):
        raise ValueError(f"expected boxes as True or False, received {boxes!r}")
    source, sets = found
    reader = VocReader(
        sets, source.path, Options(checked_class_names(class_names), checked_part(part), boxes, difficult)
    )
    infos = list(reader.infos())
    dataset = VocDataset()
    names = reader.names()
    dataset.only_class = names[0] if len(names) == 1 else ""
    for name in names:
        dataset.add_class(NAME, name, name)
    for info in infos:
        dataset.add_image(NAME, info.pop("id"), info.pop("path"), **info)
    finished(dataset, reader.problems, reader.totals(), reader.named)
    return dataset
