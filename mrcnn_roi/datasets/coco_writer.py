"""write_coco: any Dataset as a COCO json, image by image, so that a million annotations never lie in memory as text.

What was annotated stays as it is: polygons with all parts and coordinates, run lengths as run lengths, crowds as
crowds. Width and height are those the annotations were drawn on, which is how people see the image. Ids that are
numbers and unique are kept (of annotations from 1 on: pycocotools takes annotation 0 for none), any other gets a new
one, and the old one is kept as "source_id", as is a "source_id" that a COCO json came with. Formats that count their
objects within each image get new ids.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, TextIO

from mrcnn_roi.datasets.base import Dataset
from mrcnn_roi.datasets.coco_ids import FileIds, source_id
from mrcnn_roi.datasets.coco_source import Instance, instances_of, lost_annotations, record_ids
from mrcnn_roi.datasets.image_names import copy_image, images_root, name_in
from mrcnn_roi.findings import Finding, SetupError

MARK = '{"info":{"description":"COCO json written by mrcnn_roi"}'  # how a file begins that may be replaced
COPIES = "images"  # the folder beside the json that copied images go to
FINDINGS_KEPT = 20

Progress = Callable[[int, int], object]


class Written(NamedTuple):
    """One json that was written: names in it are relative to `images_root`. left_out: what skip_broken passed over."""

    path: Path
    images_root: Path
    images: int
    annotations: int
    images_left_out: int = 0
    annotations_left_out: int = 0


def write_coco(
    dataset: Dataset,
    path: str | os.PathLike,
    *,
    root: str | os.PathLike | None = None,
    copy_images: bool = False,
    skip_broken: bool = False,
    progress: Progress | None = None,
) -> Written:
    """Writes a prepared Dataset as COCO json.

    root: the folder that file names are relative to; see `image_names.images_root` for the default.
    copy_images: copies the image files into images/ beside the json, under the same names; never over another file.
    skip_broken: leaves out images and annotations that have no usable mask, instead of refusing; and images all of
        whose annotations are such.
    progress: called with (images done, images in all).

    The json appears under its name when it is whole. Raises SetupError with the loader's findings where something
    cannot be converted, ValueError for a file that is there already and was not written by this function, or that the
    dataset was read from.
    """
    (written,) = write_parts(
        [(dataset, path)], root=root, copy_images=copy_images, skip_broken=skip_broken, progress=progress
    )
    return written


def write_parts(
    parts: Sequence[tuple[Dataset, str | os.PathLike]],
    *,
    root: str | os.PathLike | None = None,
    copy_images: bool = False,
    skip_broken: bool = False,
    progress: Progress | None = None,
) -> list[Written]:
    """Writes several datasets, parts of one, with names relative to one folder: all of the files or none."""
    files = [(dataset, Path(path)) for dataset, path in parts]
    for dataset, path in files:
        _refuse_to_replace(path, dataset)
        if not skip_broken:
            _refuse_losses(dataset)
    base = images_root([info for dataset, _ in files for info in dataset.image_info], root)
    total, done = sum(len(dataset.image_info) for dataset, _ in files), itertools.count(1)

    def step() -> None:
        if progress is not None:
            progress(next(done), total)

    with contextlib.ExitStack() as stack:
        written, temporaries = [], []
        for dataset, path in files:
            path.parent.mkdir(parents=True, exist_ok=True)
            temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
            stack.callback(temporary.unlink, missing_ok=True)
            job = _Job(dataset, path, base, copy_images, skip_broken)
            with temporary.open("w", encoding="ascii", newline="\n") as file:
                written.append(job.write(file, step))
            temporaries.append(temporary)
        for temporary, (_, path) in zip(temporaries, files):
            temporary.replace(path)
    return written


def _refuse_to_replace(path: Path, dataset: Dataset) -> None:
    """Raises ValueError for a file that is somebody's, or the one that the dataset was read from."""
    if not os.path.lexists(path):
        return
    source = getattr(dataset, "annotation_file", None)
    if source is not None and os.path.exists(source) and os.path.exists(path) and os.path.samefile(source, path):
        raise ValueError(f"expected a new file, received {path}, which the annotations were read from")
    if not path.is_file():
        raise ValueError(f"expected a file to write to, received {path}, which is no regular file")
    with path.open("rb") as file:
        if file.read(len(MARK)) != MARK.encode():
            raise ValueError(f"expected a new file, received {path}, which exists and is not of this program's making")


def _refuse_losses(dataset: Dataset) -> None:
    """Raises SetupError with what the loader found where something of the annotations would be missing."""
    findings = lost_annotations(dataset)
    if findings:
        raise SetupError(findings)


@dataclass
class _Job:
    """The writing of one file."""

    dataset: Dataset
    path: Path
    root: Path
    copy_images: bool
    skip_broken: bool
    errors: list[Finding] = field(default_factory=list)
    annotations: int = 0
    images_left_out: int = 0
    annotations_left_out: int = 0
    _any_image: bool = False  # whether there are image files, so that one that is missing is a fault

    def write(self, file: TextIO, step: Callable[[], None]) -> Written:
        """Writes the whole text. Raises SetupError with all that cannot be converted, unless it may be left out."""
        categories = _categories(self.dataset)
        file.write(f'{MARK},\n"categories":[\n{_lines(map(_json, categories.values()))}],\n"annotations":[\n')
        image_numbers = FileIds([info["id"] for info in self.dataset.image_info], lowest=0)
        numbers = FileIds(record_ids(self.dataset), lowest=1)
        images = []
        self._any_image = any(os.path.isfile(info.get("path") or "") for info in self.dataset.image_info)
        for image_id in map(int, self.dataset.image_ids):
            number = image_numbers.give(self.dataset.image_info[image_id]["id"])
            entry = self._image(file, image_id, number, categories, numbers)
            images += [entry] if entry else []
            step()
        if self.errors and not self.skip_broken:
            raise SetupError(self.errors[:FINDINGS_KEPT])
        file.write(f'],\n"images":[\n{_lines(images)}]}}\n')
        left_out = self.images_left_out, self.annotations_left_out
        return Written(self.path, self._names_root(), len(images), self.annotations, *left_out)

    def _names_root(self) -> Path:
        return self.path.parent.absolute() / COPIES if self.copy_images else self.root

    def _image(self, file: TextIO, image_id: int, number: int, categories: dict, numbers: FileIds) -> str:
        """Writes the annotations of one image and returns its entry, "" where it is left out."""
        info = self.dataset.image_info[image_id]
        if self.skip_broken and self._any_image and not os.path.isfile(info.get("path") or ""):
            self.images_left_out += 1
            return ""
        try:
            (height, width), instances, broken = instances_of(self.dataset, image_id, self.skip_broken)
            if broken and not instances:  # without its objects it would teach that they are background
                self.images_left_out += 1
                return ""
            name = name_in(self.root, info, image_id)
            if self.copy_images:
                copy_image(self.dataset, image_id, self._names_root() / name)
            elif not info.get("path"):
                text = f"expected images in files, received image {info['id']}, which has none"
                raise ValueError(f"{text}: copy the images, copy_images= (--copy-images)")
        except SetupError as error:
            self.errors += error.findings
            self.images_left_out += 1
            return ""
        self.annotations_left_out += broken
        lines = [_annotation(each, numbers.give(each.id), number, categories) for each in instances]
        if lines:
            file.write(",\n" * bool(self.annotations) + ",\n".join(lines))
        self.annotations += len(lines)
        entry = {"id": number, "file_name": name, "width": width, "height": height}
        if isinstance(info.get("coco_url"), str):
            entry["coco_url"] = info["coco_url"]
        return _json(entry | source_id(info["id"], number, info.get("source_id")))


def _categories(dataset: Dataset) -> dict[int, dict[str, Any]]:
    """Class number -> its entry in the list of categories."""
    infos = dataset.class_info[1:]
    numbers = FileIds([info["id"] for info in infos], lowest=0)
    entries = {}
    for class_id, info in enumerate(infos, start=1):
        number = numbers.give(info["id"])
        entries[class_id] = {"id": number, "name": str(info["name"])}
        if info["id"] != info["name"]:
            entries[class_id] |= source_id(info["id"], number, info.get("source_id"))
    return entries


def _annotation(instance: Instance, annotation_id: int, image_id: int, categories: dict[int, dict[str, Any]]) -> str:
    shape = instance.shape
    source = source_id(instance.id, annotation_id, instance.source_id)
    extra = f",{_json(source)[1:-1]}" if source else ""
    return (
        f'{{"id":{annotation_id},"image_id":{image_id},"category_id":{categories[instance.class_id]["id"]},'
        f'"iscrowd":{int(instance.crowd)},"bbox":{shape.bbox},"area":{shape.area},'
        f'"segmentation":{shape.segmentation}{extra}}}'
    )


def _lines(texts: Iterable[str]) -> str:
    return ",\n".join(texts)


_json = json.JSONEncoder(separators=(",", ":")).encode
