"""Label maps: one PNG an image, each pixel the number of its instance, 0 the background.

Two folders, images and maps, matched by file stem; the map's name may end in _mask, _label, _instances, _gt
and the like (Penn-Fudan: PNGImages/FudanPed00001.png and PedMasks/FudanPed00001_mask.png). The maps have one
channel, or a palette whose indices count; in a palette 255 is the void colour (Pascal VOC) and no instance.

All instances are of one class, or their classes come from a folder of class maps, from a table, or from the numbers
themselves (Cityscapes: class * 1000 + k).
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from mrcnn_roi.datasets.base import Dataset
from mrcnn_roi.datasets.class_names import report_names
from mrcnn_roi.datasets.files import IMAGE_SUFFIXES, setup_error
from mrcnn_roi.datasets.images import Header, is_label_map, read_header
from mrcnn_roi.datasets.label_map_classes import Classes, MapFile
from mrcnn_roi.datasets.label_map_files import (
    AS_NUMBERS,
    CLASS_FOLDER,
    FROM_COLOURS,
    MAP_FOLDER,
    files_of,
    fits,
    lossy_maps,
    map_files,
    stem_of,
)
from mrcnn_roi.datasets.label_map_options import ClassOptions, classes_of
from mrcnn_roi.datasets.label_map_pixels import MAX_INSTANCES as MAX_INSTANCES
from mrcnn_roi.datasets.label_map_pixels import VOID as VOID
from mrcnn_roi.datasets.label_map_pixels import boxes_of, masks_of, read_instances
from mrcnn_roi.datasets.problems import Problems, shown
from mrcnn_roi.datasets.source import Source
from mrcnn_roi.findings import SetupError

NAME = "label_map"
TITLE = "label-map masks (one PNG an image, pixel value = instance)"
OPTIONS = ("class_name", "class_names", "instance_classes", "class_maps", "table", "divisor")


class LabelMapDataset(Dataset):
    """A dataset of label maps. image_info entries hold "mask_path" and "mask_size" (height, width), "instance_classes"
    (number -> class name), "default_class" of the numbers that are not among them, "divisor", and "class_fault", the
    Finding that forbids the masks."""

    SOURCE = NAME
    applies_exif = True
    parallel_safe = True

    def annotated_size(self, image_id: int) -> tuple[int, int] | None:
        """(height, width) of the map; None where it cannot be read."""
        return self.image_info[image_id]["mask_size"]

    def load_mask(self, image_id: int) -> tuple[np.ndarray, np.ndarray]:
        """(masks bool [H, W, N], class ids int32 [N]), one instance for each number in the map, ascending.

        Raises SetupError naming the map where it is missing, cannot be decoded, has several channels, or has an
        instance that no class is known of.
        """
        label_map, numbers = self._numbers(image_id)
        return masks_of(label_map, numbers), self._class_ids(image_id, numbers)

    def load_boxes(self, image_id: int) -> tuple[np.ndarray, np.ndarray]:
        """(boxes int32 [N, (y1, x1, y2, x2)] pixels, class ids int32 [N]), from the map. Raises as load_mask does."""
        label_map, numbers = self._numbers(image_id)
        return boxes_of(label_map, numbers), self._class_ids(image_id, numbers)

    def instance_names(self, image_id: int) -> list[str]:
        """ "number 3" for each instance of load_mask, where the classes of all of them are known; else []."""
        info = self.image_info[image_id]
        return [f"number {number}" for number in sorted(info["instance_classes"])] if not info["default_class"] else []

    def image_reference(self, image_id: int) -> str:
        """The path of the image."""
        return str(self.image_info[image_id]["path"])

    def scan_key(self, image_id: int) -> bytes | None:
        """The path, the map's with its size and time of modification, and the classes; None where there is no map."""
        info = self.image_info[image_id]
        try:
            status = os.stat(info["mask_path"])
        except (OSError, TypeError, ValueError):
            return None
        own = (
            info["path"],
            str(info["mask_path"]),
            status.st_size,
            status.st_mtime_ns,
            info["mask_size"],
            info["void"],
        )
        classes = (info["instance_classes"], info["default_class"], info["divisor"], str(info["class_fault"]))
        return repr((own, classes)).encode("utf-8", "backslashreplace")

    def _numbers(self, image_id: int) -> tuple[np.ndarray, np.ndarray]:
        info = self.image_info[image_id]
        if info["class_fault"] is not None:
            raise SetupError(info["class_fault"])
        return read_instances(info["mask_path"], info["void"], info["divisor"])

    def _class_ids(self, image_id: int, numbers: np.ndarray) -> np.ndarray:
        info = self.image_info[image_id]
        classes, default = info["instance_classes"], info["default_class"]
        ids = {each["name"]: class_id for class_id, each in enumerate(self.class_info)}
        names = [classes.get(number, default) for number in numbers.tolist()]
        if None in names:
            number = numbers[names.index(None)]
            text = f"instance {number} has no class: the map has changed since its classes were read"
            raise setup_error("ds-map-class", info["mask_path"], text, "load the dataset again")
        return np.array([ids[name] for name in names], np.int32)


def recognise(source: Source) -> tuple[Path, Path] | None:
    """(image folder, map folder), or None. Raises SetupError listing the candidates where several pairs fit.

    With images=, the annotations are the folder of maps; without, both are subfolders of it.
    """
    if not source.path.is_dir():
        return None
    if source.images is not None:
        files = files_of(source.images, IMAGE_SUFFIXES), map_files(source.path)
        return (source.images, source.path) if fits(*files, by_content=False) else None
    folders = sorted(each for each in source.path.iterdir() if each.is_dir() and each.name[0] != ".")
    images = {each: files_of(each, IMAGE_SUFFIXES) for each in folders}
    maps = {each: map_files(each) for each in folders}
    with_images, with_maps = ([each for each in folders if files[each]] for files in (images, maps))
    pairs = [(i, m) for i in with_images for m in with_maps if i != m and fits(images[i], maps[m])]
    if len(pairs) > 1:  # class maps are found again by `load`
        plain = [(i, m) for i, m in pairs if not CLASS_FOLDER.search(i.name) and not CLASS_FOLDER.search(m.name)]
        pairs = plain or pairs
    if len(pairs) > 1:  # greyscale drawings can pass for maps: folder names decide
        named = [(i, m) for i, m in pairs if MAP_FOLDER.search(m.name) and not MAP_FOLDER.search(i.name)]
        pairs = named or pairs
    if len(pairs) > 1:
        listed = "; ".join(f"images {i.name}/ with maps {m.name}/" for i, m in pairs)
        raise setup_error(
            "ds-format-unknown",
            source.path,
            f"{len(pairs)} pairs of folders could be images and label maps: {listed}",
            f'name both: annotations="{pairs[0][1]}", images="{pairs[0][0]}"',
        )
    return pairs[0] if pairs else None


def load(
    found: tuple[Path, Path],
    class_name: str | None = None,
    class_names: Sequence[str] | Mapping[int, str] | None = None,
    instance_classes: Mapping[str, Mapping[int, str]] | None = None,
    class_maps: str | os.PathLike | None = None,
    table: str | os.PathLike | None = None,
    divisor: int | None = None,
) -> LabelMapDataset:
    """A LabelMapDataset, not yet prepared, of the pair of folders that `recognise` returned.

    class_name: the class of every instance that nothing below names; with it alone, no class maps or table are looked
        for beside the maps, and all instances are of this class ("object" where there is nothing to be found).
    class_names: the classes in their order. A list names the values 1, 2, ... of class maps, a dict any value; by
        default a file classes.txt, labels.txt or class_names.txt (or .csv, .json) beside the maps does, else they are
        called "class 7".
    instance_classes: image stem -> {number in the map: class name}.
    class_maps: a folder with a second map an image: each instance is of the class that most of its pixels have there.
        By default a folder beside the maps whose name says class or semantic.
    table: a CSV with the columns image, instance and class, or JSON. By default one in the folder of maps or beside it.
    divisor: numbers are class * divisor + k, as Cityscapes' with 1000; smaller ones are no instances.

    Raises ValueError for options that exclude one another, SetupError where one names a file that cannot be used.
    """
    images, maps = found
    problems = Problems(maps)
    dataset = LabelMapDataset()
    matched, unmatched = _match(images, maps, problems)
    headers = [_map_header(label_map, problems) for _, label_map in matched]
    read = [
        MapFile(image.stem, label_map, header is not None and header.mode == "P")
        for (image, label_map), header in zip(matched, headers)
    ]
    options = ClassOptions(class_name, class_names, instance_classes, class_maps, table, divisor)
    classes, names, default, rows = classes_of(found, read, options, problems)
    for class_id, name in enumerate(names, start=1):
        dataset.add_class(NAME, class_id, name)
    report_names(names, problems)
    for (image, _), header, each in zip(matched, headers, read):
        own = classes.get(image.stem, Classes())
        dataset.add_image(
            NAME,
            image.stem,
            str(image),
            mask_path=str(each.path),
            mask_size=(header.height, header.width) if header else None,
            void=each.void,
            masks_reported=header is None or not is_label_map(header.mode) or own.reported,
            instance_classes=own.names,
            default_class=default,
            divisor=divisor,
            class_fault=own.fault,
        )
    _report_unmatched(maps, unmatched, problems)
    totals = {"image": len(matched) + len(unmatched), "row": rows}
    dataset.annotation_problems += problems.findings(totals)
    return dataset


def _report_unmatched(maps: Path, images: list[Path], problems: Problems) -> None:
    lossy = lossy_maps(maps, images)
    for image in images:
        if image in lossy:
            detail = "a JPEG, whose compression changes the numbers; the image is left out"
            problems.add("ds-file-unreadable", f"map {shown(lossy[image].name)}", detail, AS_NUMBERS)
            continue
        fix = f"add its map to {shown(str(maps), 200)}; for an image without objects a map of zeros"
        problems.add("ds-map-missing", f"image {shown(image.name)}", "", fix)


def _match(images: Path, maps: Path, problems: Problems) -> tuple[list[tuple[Path, Path]], list[Path]]:
    """([(image, map)], images without a map), in the order of image names; what is left over is reported."""
    by_stem: dict[str, Path] = {}
    for image in files_of(images, IMAGE_SUFFIXES):
        if image.stem in by_stem:
            detail = f"{shown(by_stem[image.stem].name)} and {shown(image.name)}"
            problems.add("ds-id-dup-image", f"image {shown(image.stem)}", detail, "rename or remove one of the two")
        else:
            by_stem[image.stem] = image
    matched: dict[str, Path] = {}
    for label_map in map_files(maps):
        stem = stem_of(label_map, by_stem)
        if stem is None:
            fix = f"add the image to {shown(str(images), 200)}, or remove the map"
            problems.add("ds-map-unmatched", f"map {shown(label_map.name)}", "", fix)
        elif stem in matched:
            detail = f"maps {shown(matched[stem].name)} and {shown(label_map.name)}"
            problems.add("ds-id-dup-image", f"image {shown(stem)}", detail, "keep one map an image")
        else:
            matched[stem] = label_map
    pairs = [(image, matched[stem]) for stem, image in by_stem.items() if stem in matched]
    return pairs, [image for stem, image in by_stem.items() if stem not in matched]


def _map_header(path: Path, problems: Problems) -> Header | None:
    try:
        header = read_header(path)
    except SetupError as error:
        finding = error.findings[0]
        problems.add("ds-file-unreadable", f"map {shown(path.name)}", finding.message, finding.fix)
        return None
    if not is_label_map(header.mode):
        fix = f"{AS_NUMBERS}; {FROM_COLOURS}"
        detail = f"mode {header.mode} instead of one channel of numbers"
        problems.add("ds-file-unreadable", f"map {shown(path.name)}", detail, fix)
    return header
