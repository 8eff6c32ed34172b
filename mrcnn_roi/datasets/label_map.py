"""Label maps: one PNG an image, each pixel the number of its instance, 0 the background.

Two folders, images and maps, matched by file stem; the map's name may end in _mask, _label, _instances, _gt
and the like (Penn-Fudan: PNGImages/FudanPed00001.png and PedMasks/FudanPed00001_mask.png). The maps have one
channel, or a palette whose indices count; in a palette 255 is the void colour (Pascal VOC) and no instance.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from mrcnn_roi.datasets.base import Dataset
from mrcnn_roi.datasets.files import IMAGE_SUFFIXES, setup_error
from mrcnn_roi.datasets.images import Header, is_label_map, read_header, read_label_map
from mrcnn_roi.datasets.label_map_files import (
    AS_NUMBERS,
    FROM_COLOURS,
    MAP_FOLDER,
    MAP_SUFFIXES,
    files_of,
    fits,
    lossy_maps,
    stem_of,
)
from mrcnn_roi.datasets.problems import Problems, shown
from mrcnn_roi.datasets.source import Source
from mrcnn_roi.findings import SetupError
from mrcnn_roi.ops.masks import extract_bboxes

NAME = "label_map"
TITLE = "label-map masks (one PNG an image, pixel value = instance)"
OPTIONS = ("class_name", "instance_classes")

VOID = 255
MAX_INSTANCES = 2000  # in one image; more are the grey values of a photograph or a depth image


class LabelMapDataset(Dataset):
    """A dataset of label maps. image_info entries hold "mask_path" and "mask_size" (height, width)."""

    applies_exif = True
    parallel_safe = True

    def annotated_size(self, image_id: int) -> tuple[int, int] | None:
        """(height, width) of the map; None where it cannot be read."""
        return self.image_info[image_id]["mask_size"]

    def load_mask(self, image_id: int) -> tuple[np.ndarray, np.ndarray]:
        """(masks bool [H, W, N], class ids int32 [N]), one instance for each number in the map, ascending.

        Raises SetupError naming the map where it is missing, cannot be decoded, or has several channels.
        """
        label_map, numbers = self._numbers(image_id)
        masks = label_map == numbers[:, None, None]
        return np.moveaxis(masks, 0, -1), self._class_ids(image_id, numbers)

    def load_boxes(self, image_id: int) -> tuple[np.ndarray, np.ndarray]:
        """(boxes int32 [N, (y1, x1, y2, x2)] pixels, class ids int32 [N]), from the map."""
        masks, class_ids = self.load_mask(image_id)
        return extract_bboxes(masks), class_ids

    def image_reference(self, image_id: int) -> str:
        """The path of the image."""
        return str(self.image_info[image_id]["path"])

    def scan_key(self, image_id: int) -> bytes | None:
        """The path, and the map's with its size and time of modification; None where there is no map."""
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
        return repr((own, info["instance_classes"])).encode("utf-8", "backslashreplace")

    def _numbers(self, image_id: int) -> tuple[np.ndarray, np.ndarray]:
        info = self.image_info[image_id]
        label_map = read_label_map(info["mask_path"])
        numbers = np.unique(label_map)
        numbers = numbers[numbers != 0]
        if len(numbers) > MAX_INSTANCES:
            raise setup_error(
                "ds-file-unreadable",
                info["mask_path"],
                f"{len(numbers)} different numbers, so this is no map of instances but a picture",
                "save the instance ids as an 8 or 16 bit greyscale PNG, 0 for the background",
            )
        if info["void"] and len(numbers) > 1:
            numbers = numbers[numbers != VOID]
        return label_map, numbers

    def _class_ids(self, image_id: int, numbers: np.ndarray) -> np.ndarray:
        classes = self.image_info[image_id]["instance_classes"]
        default = self.class_info[1]["name"]
        ids = {info["name"]: class_id for class_id, info in enumerate(self.class_info)}
        return np.array([ids[classes.get(int(number), default)] for number in numbers], np.int32)


def recognise(source: Source) -> tuple[Path, Path] | None:
    """(image folder, map folder), or None. Raises SetupError listing the candidates where several pairs fit.

    With images=, the annotations are the folder of maps; without, both are subfolders of it.
    """
    if not source.path.is_dir():
        return None
    if source.images is not None:
        files = files_of(source.images, IMAGE_SUFFIXES), files_of(source.path, MAP_SUFFIXES)
        return (source.images, source.path) if fits(*files, by_content=False) else None
    folders = sorted(each for each in source.path.iterdir() if each.is_dir() and each.name[0] != ".")
    images = {each: files_of(each, IMAGE_SUFFIXES) for each in folders}
    maps = {each: files_of(each, MAP_SUFFIXES) for each in folders}
    pairs = [(i, m) for i in folders for m in folders if i != m and fits(images[i], maps[m])]
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
    class_name: str = "object",
    instance_classes: Mapping[str, Mapping[int, str]] | None = None,
) -> LabelMapDataset:
    """A LabelMapDataset, not yet prepared, of the pair of folders that `recognise` returned.

    class_name: the class of every instance that instance_classes does not name.
    instance_classes: image stem -> {number in the map: class name}, for several classes.
    """
    images, maps = found
    problems = Problems(maps)
    dataset = LabelMapDataset()
    table = {stem: dict(row) for stem, row in (instance_classes or {}).items()}
    names = sorted({name for row in table.values() for name in row.values()} - {class_name})
    for class_id, name in enumerate([class_name, *names], start=1):
        dataset.add_class(NAME, class_id, name)
    matched, unmatched = _match(images, maps, problems)
    for image, label_map in matched:
        header = _map_header(label_map, problems)
        dataset.add_image(
            NAME,
            image.stem,
            str(image),
            mask_path=str(label_map),
            mask_size=(header.height, header.width) if header else None,
            void=header is not None and header.mode == "P",
            masks_reported=header is None or not is_label_map(header.mode),
            instance_classes=table.get(image.stem, {}),
        )
    lossy = lossy_maps(maps, unmatched)
    for image in unmatched:
        if image in lossy:
            detail = "a JPEG, whose compression changes the numbers; the image is left out"
            problems.add("ds-file-unreadable", f"map {shown(lossy[image].name)}", detail, AS_NUMBERS)
            continue
        fix = f"add its map to {shown(str(maps), 200)}; for an image without objects a map of zeros"
        problems.add("ds-map-missing", f"image {shown(image.name)}", "", fix)
    dataset.annotation_problems += problems.findings({"image": len(matched) + len(unmatched)})
    return dataset


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
    for label_map in files_of(maps, MAP_SUFFIXES):
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
