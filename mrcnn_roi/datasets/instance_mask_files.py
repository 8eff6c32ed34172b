"""The files of one-PNG-an-instance folders: three layouts, and which masks belong to which image.

- folders: root/<id>/images/<id>.png with root/<id>/masks/*.png (the nucleus set of the 2018 Data Science Bowl)
- stems: images/<stem>.jpg with masks/<stem>/*.png
- flat: images/<stem>.jpg with masks/<stem>_<anything>.png

In each, masks may lie in one folder more, named after their class.
"""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from mrcnn_roi.datasets.files import IMAGE_SUFFIXES
from mrcnn_roi.datasets.instance_mask_pixels import looks_binary
from mrcnn_roi.datasets.label_map_files import MAP_FOLDER, files_of, stem_of
from mrcnn_roi.datasets.problems import Problems, shown
from mrcnn_roi.datasets.source import Source

FOLDERS, STEMS, FLAT = "folders", "stems", "flat"
_IMAGES, _MASKS = {"images", "image", "imgs", "img"}, {"masks", "mask"}
_SPLITS = {"train", "training", "val", "valid", "validation", "test", "testing"}
_SAMPLE = 40  # folders that tell what the others are
_SEPARATOR = re.compile(r"[_\-. ]")


class Mask(NamedTuple):
    """One mask file, the class its folder is named after ("" for none), and its stem without the image's."""

    path: str
    folder: str
    rest: str

    @property
    def name(self) -> str:
        return os.path.basename(self.path)


class Sample(NamedTuple):
    """One image with its masks by file name; None where the set has no folder, or in "flat" no mask, for it."""

    id: str
    image: Path
    masks: list[Mask] | None


class Layout(NamedTuple):
    """Where a set lies. images and masks are folders; of "folders" both are the root."""

    kind: str
    images: Path
    masks: Path


def layouts(source: Source) -> Iterator[Layout]:
    """Every layout that the folders could be read in."""
    if source.images is not None:
        yield from _pair(source.images, source.path)
        return
    folders = subfolders(source.path)
    if _sample_folders(folders):
        yield Layout(FOLDERS, source.path, source.path)
        return
    with_images = [each for each in folders if files_of(each, IMAGE_SUFFIXES)] if len(folders) <= _SAMPLE else []
    for images in with_images:
        for masks in folders:
            if masks != images:
                yield from _pair(images, masks)


def read_samples(found: Layout, problems: Problems) -> list[Sample]:
    """The images of a layout, by name; files that do not belong together go to `problems`."""
    if found.kind == FOLDERS:
        return [sample for folder in subfolders(found.images) if (sample := _in_folder(folder, problems))]
    images = _images(found.images, problems)
    read = _by_stem if found.kind == STEMS else _flat
    return read(found.masks, images, problems)


def subfolders(folder: Path) -> list[Path]:
    """The subfolders by name, without hidden ones and what macOS leaves in archives."""
    with os.scandir(folder) as entries:
        names = [each.name for each in entries if each.name[0] != "." and each.name != "__MACOSX" and each.is_dir()]
    return [folder / name for name in sorted(names)]


def owner_of(stem: str, images: Collection[str]) -> tuple[str, str] | None:
    """(image stem, the rest) of a mask's stem: a_1 belongs to a, and to the longest where several fit."""
    if stem in images:
        return stem, ""
    ends = [match.start() for match in _SEPARATOR.finditer(stem)]
    return next(((stem[:end], stem[end + 1 :]) for end in reversed(ends) if stem[:end] in images), None)


def _sample_folders(folders: list[Path]) -> bool:
    """Whether at least half of the folders hold one image and its masks, or, of a test set, an image named as they."""
    sample = [each for each in folders[:: max(1, len(folders) // _SAMPLE)] if each.name.lower() not in _SPLITS]
    both, alone = 0, 0
    for folder in sample:
        images, masks = _parts(folder)
        found = files_of(images, IMAGE_SUFFIXES) if images else []
        both += len(found) == 1 and masks is not None
        alone += len(found) == 1 and found[0].stem == folder.name
    return bool(sample) and (2 * both >= len(sample) or 2 * alone >= len(sample))


def _parts(folder: Path) -> tuple[Path | None, Path | None]:
    """The folders of the image and of the masks in the folder of one image."""
    inner = subfolders(folder)
    images = next((each for each in inner if each.name.lower() in _IMAGES), None)
    return images, next((each for each in inner if each.name.lower() in _MASKS), None)


def _pair(images: Path, masks: Path) -> Iterator[Layout]:
    stems = {each.stem: each for each in files_of(images, IMAGE_SUFFIXES)}
    if not stems:
        return
    inner = subfolders(masks)
    named = [each for each in inner if each.name in stems]
    if named and 2 * len(named) >= len(inner):
        if any(_masks_in(each) for each in named):
            yield Layout(STEMS, images, masks)
        return
    files = files_of(masks, IMAGE_SUFFIXES)
    if files:
        own = [each for each in files if _part_of_several(each, stems)]
        fits = 2 * len(own) > len(files) and _number_objects(own, stems)
    else:
        files = [Path(mask.path) for mask in _masks_in(masks)] if MAP_FOLDER.search(masks.name) else []
        own = [each for each in files if owner_of(each.stem, stems)]
        fits = 2 * len(own) >= len(files) > 0
    if fits and _mostly_binary(own):
        yield Layout(FLAT, images, masks)


def _part_of_several(mask: Path, stems: dict[str, Path]) -> bool:
    """Whether the file can be one mask of several of an image, and not its label map (a_mask.png)."""
    owner = owner_of(mask.stem, stems)
    return owner is not None and owner[1] != "" and stem_of(mask.stem, stems) is None


def _number_objects(masks: list[Path], stems: dict[str, Path]) -> bool:
    """Whether some image has several of the masks, or their names end in numbers: a_class.png alone is a class map."""
    owners = {owner[0] for each in masks if (owner := owner_of(each.stem, stems))}
    return len(owners) < len(masks) or all(each.stem.rstrip(")")[-1:].isdigit() for each in masks)


def _mostly_binary(files: list[Path]) -> bool:
    sample = files[:: max(1, len(files) // 5)][:5]
    votes = [vote for each in sample if (vote := looks_binary(str(each))) is not None]
    return 2 * sum(votes) >= len(votes)


def _images(folder: Path, problems: Problems) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for image in files_of(folder, IMAGE_SUFFIXES):
        if image.stem in found:
            detail = f"{shown(found[image.stem].name)} and {shown(image.name)}"
            problems.add("ds-id-dup-image", f"image {shown(image.stem)}", detail, "rename or remove one of the two")
        else:
            found[image.stem] = image
    return found


def _in_folder(folder: Path, problems: Problems) -> Sample | None:
    """The sample of the folder of one image; None where there is no image in it."""
    images, masks = _parts(folder)
    found = files_of(images, IMAGE_SUFFIXES) if images else []
    if not found:
        if masks is not None:
            fix = "add the image to its folder images/, or remove the folder"
            problems.add("ds-map-unmatched", f"folder {shown(folder.name)}", "masks without an image", fix)
        return None
    for other in found[1:]:
        detail = f"{shown(found[0].name)} and {shown(other.name)} in one folder"
        problems.add("ds-id-dup-image", f"image {shown(folder.name)}", detail, "keep one image a folder")
    return Sample(folder.name, found[0], None if masks is None else _masks_in(masks))


def _by_stem(masks: Path, images: dict[str, Path], problems: Problems) -> list[Sample]:
    inner = {each.name: each for each in subfolders(masks)}
    strays = [(f"folder {shown(name)}", "") for name in inner if name not in images]
    strays += [(f"mask {shown(each.name)}", "in no image's folder") for each in files_of(masks, IMAGE_SUFFIXES)]
    for place, detail in strays:
        problems.add("ds-map-unmatched", place, detail, "name the folder of masks as its image, or remove it")
    return [Sample(stem, image, _masks_in(inner[stem]) if stem in inner else None) for stem, image in images.items()]


def _flat(masks: Path, images: dict[str, Path], problems: Problems) -> list[Sample]:
    owned: dict[str, list[Mask]] = {}
    for mask in _masks_in(masks):
        owner = owner_of(os.path.splitext(mask.name)[0], images)
        if owner is None:
            fix = "begin the names of masks with the stem of their image, a_1.png for a.jpg, or remove the mask"
            problems.add("ds-map-unmatched", f"mask {shown(mask.name)}", "", fix)
        else:
            owned.setdefault(owner[0], []).append(mask._replace(rest=owner[1]))
    return [Sample(stem, image, owned.get(stem)) for stem, image in images.items()]


def _masks_in(folder: Path) -> list[Mask]:
    """The masks in a folder, and those in its subfolders, which name their class; by file name."""
    found, inner = _entries(str(folder), "")
    for each in inner:
        found += _entries(os.path.join(folder, each), each)[0]
    return sorted(found, key=lambda mask: (mask.name, mask.path))


def _entries(folder: str, class_name: str) -> tuple[list[Mask], list[str]]:
    """(the masks right in a folder, the names of its subfolders); text, for there may be tens of thousands."""
    masks, folders = [], []
    with os.scandir(folder) as entries:
        for each in entries:
            if each.name[0] == ".":
                continue
            if each.name.lower().endswith(IMAGE_SUFFIXES) and each.is_file():
                masks.append(Mask(each.path, class_name, os.path.splitext(each.name)[0]))
            elif each.name != "__MACOSX" and each.is_dir():
                folders.append(each.name)
    return masks, folders


def all_masks(samples: Iterable[Sample]) -> list[Mask]:
    """The masks of all samples."""
    return [mask for sample in samples for mask in sample.masks or ()]
