"""Label maps: one PNG an image, each pixel the number of its instance, 0 the background.

Two folders, images and maps, matched by file stem, or by subfolders and stem where both have subfolders (Cityscapes).
The map's name may end in _mask, _label, _instances, _gt and the like (Penn-Fudan: PNGImages/FudanPed00001.png and
PedMasks/FudanPed00001_mask.png). The maps have one channel, or a palette whose indices count; in a palette 255 is the
void colour (Pascal VOC) and no instance.

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
from mrcnn_roi.datasets.images import is_label_map, is_lossy
from mrcnn_roi.datasets.label_map_classes import Classes, MapFile
from mrcnn_roi.datasets.label_map_files import CLASS_FOLDER, MAP_FOLDER, fits, map_files, stems_of
from mrcnn_roi.datasets.label_map_matching import map_header, match, report_unmatched
from mrcnn_roi.datasets.label_map_options import ClassOptions, classes_of
from mrcnn_roi.datasets.label_map_pixels import MAX_INSTANCES as MAX_INSTANCES
from mrcnn_roi.datasets.label_map_pixels import VOID as VOID
from mrcnn_roi.datasets.label_map_pixels import boxes_of, masks_of, read_instances
from mrcnn_roi.datasets.label_map_sample import report_sample
from mrcnn_roi.datasets.problems import Problems
from mrcnn_roi.datasets.source import Source
from mrcnn_roi.findings import SetupError

NAME = "label_map"
TITLE = "label-map masks (one PNG an image, pixel value = instance)"
MOST_FOLDERS = 20  # of which all is listed to find images and maps in subfolders
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
        files = stems_of(source.images, IMAGE_SUFFIXES), map_files(source.path)
        return (source.images, source.path) if fits(*files, by_content=False) else None
    folders = sorted(each for each in source.path.iterdir() if each.is_dir() and each.name[0] != ".")
    pairs = _pairs(folders, folders, deep=False)
    if not pairs and len(folders) <= MOST_FOLDERS:  # the names have to tell which is which, for much lies in subfolders
        for_maps = [each for each in folders if MAP_FOLDER.search(each.name)]
        pairs = _pairs([each for each in folders if each not in for_maps], for_maps, deep=True)
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


def _pairs(with_images: list[Path], with_maps: list[Path], deep: bool) -> list[tuple[Path, Path]]:
    """(image folder, map folder) for all whose files belong together; deep: those in subfolders, too."""
    maps = {each: files for each in with_maps if (files := map_files(each, deep))}
    images = {each: stems_of(each, IMAGE_SUFFIXES, deep) for each in with_images} if maps else {}
    return [(i, m) for i in images for m in maps if i != m and images[i] and fits(images[i], maps[m])]


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
    matched, unmatched = match(images, maps, problems)
    headers = [map_header(label_map, problems) for _, _, label_map in matched]
    read = [
        MapFile(stem, label_map, header is not None and header.mode == "P")
        for (stem, _, label_map), header in zip(matched, headers)
    ]
    options = ClassOptions(class_name, class_names, instance_classes, class_maps, table, divisor)
    classes, names, default, rows = classes_of(found, read, options, problems)
    for class_id, name in enumerate(names, start=1):
        dataset.add_class(NAME, class_id, name)
    report_names(names, problems)
    for (stem, image, _), header, each in zip(matched, headers, read):
        own = classes.get(stem, Classes())
        dataset.add_image(
            NAME,
            stem,
            str(image),
            mask_path=str(each.path),
            mask_size=(header.height, header.width) if header else None,
            void=each.void,
            masks_reported=header is None or not is_label_map(header.mode) or is_lossy(header) or own.reported,
            instance_classes=own.names,
            default_class=default,
            divisor=divisor,
            class_fault=own.fault,
        )
    report_unmatched(maps, unmatched, problems)
    sampled = report_sample(read, [header for header in headers if header], divisor, problems)
    totals = {"image": len(matched) + len(unmatched), "row": rows, "sampled map": sampled}
    dataset.annotation_problems += problems.findings(totals)
    return dataset
