"""load_dataset: from a file or folder of annotations to a prepared Dataset, the format told by the content.

A format is a module with NAME, TITLE, OPTIONS, `recognise(source)` and `load(found, **options)`: recognise
returns what load needs, or None where the source is something else. One whose sources say which images are for
training has `parts(found)`, the names of the parts, and the option `part`. A new format is a new entry in FORMATS.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from mrcnn_roi.datasets import coco, instance_masks, label_map, label_map_files, labelme, via, voc, yolo
from mrcnn_roi.datasets.base import Dataset
from mrcnn_roi.datasets.class_alignment import align_classes
from mrcnn_roi.datasets.files import closest_name, setup_error
from mrcnn_roi.datasets.labelme_file import is_labelme
from mrcnn_roi.datasets.problems import quoted, shown
from mrcnn_roi.datasets.source import Source
from mrcnn_roi.datasets.via_file import is_via
from mrcnn_roi.findings import SetupError

FORMATS: tuple[Any, ...] = (coco, via, labelme, yolo, voc, instance_masks, label_map)
FILES_SHOWN = 5
LARGEST_DESCRIBED = 100_000_000  # bytes of a file that is read only to say what it is


def load_dataset(
    annotations: str | os.PathLike,
    images: str | os.PathLike | None = None,
    *,
    format: str | None = None,
    **options,
) -> Dataset:
    """Reads annotations into a prepared Dataset.

    annotations: a COCO json or a folder with one; a VIA json, project or csv or a folder with one; a folder of
        LabelMe files or one of them; YOLO's data.yaml or the folder with it; a Pascal VOC folder or its XML files; a
        folder of label maps (with images=), or the folder that holds both the images' and the maps' folder; likewise
        of mask files, one an object, or the nucleus set's folder.
    images: the folder of the images. By default it is looked for beside the annotations.
    format: a NAME of FORMATS: "coco", "via", "labelme", "yolo", "voc", "instance_masks" (one PNG an object) or
        "label_map" (one PNG an image); by default the content decides.
    options: of the format, see its `load`. attribute, class_name, class_names for VIA; class_names for LabelMe; part,
        class_names for YOLO; part, class_names, boxes, difficult for VOC; class_name, class_names, class_from for
        mask files; class_name, class_names, instance_classes, class_maps, table, divisor for label maps.

    Raises SetupError where nothing can be read: no such file, not JSON, a format that is unknown or not the
    one asked for. Faults of single images and annotations are kept in `dataset.annotation_problems`; loading
    such an image or its masks later raises SetupError. Raises ValueError for an unknown `format` or option.
    """
    return recognise(annotations, images, format=format).load(**options)


class Recognised(NamedTuple):
    """Annotations whose format is known, and that are not yet loaded."""

    format: Any
    found: Any  # what format.load takes
    path: Path

    @property
    def parts(self) -> tuple[str, ...]:
        """Which of train, val and test the source declares; () for formats that declare none."""
        declared = getattr(self.format, "parts", None)
        with _readable(self.path):
            return tuple(declared(self.found)) if declared else ()

    def load(self, **options) -> Dataset:
        """A prepared Dataset; options and exceptions as of load_dataset."""
        _check_options(self.format, options)
        with _readable(self.path):
            dataset = self.format.load(self.found, **options)
        dataset.annotation_file = getattr(self.found, "path", None)
        dataset.prepare()
        return dataset


def recognise(
    annotations: str | os.PathLike, images: str | os.PathLike | None = None, *, format: str | None = None
) -> Recognised:
    """The format of annotations, told by their content. Raises as load_dataset does."""
    formats = _chosen(format)
    source = _source(annotations, images)
    with _readable(source.path):
        for each in formats:
            found = each.recognise(source)
            if found is not None:
                return Recognised(each, found, source.path)
        raise _unknown(source, formats)


@contextlib.contextmanager
def _readable(path: Path) -> Iterator[None]:
    """Turns what the file system says against reading into a SetupError."""
    try:
        yield
    except OSError as error:
        text = f"cannot be read: {error}"
        raise setup_error("ds-file-unreadable", path, text, "check the permissions") from error


def load_train_and_val(
    train: str | os.PathLike,
    val: str | os.PathLike,
    train_images: str | os.PathLike | None = None,
    val_images: str | os.PathLike | None = None,
    *,
    format: str | None = None,
    **options,
) -> tuple[Dataset, Dataset]:
    """(train, val) by load_dataset, with the same class ids in both: by name, whatever ids and order the files have.

    Both parts get the classes of both, those of train first. Of annotations that declare parts, train's give their part
    "train" and val's their part "val", so that both may name one data.yaml. Raises as load_dataset does.
    """
    datasets = []
    for part, path, images in (("train", train, train_images), ("val", val, val_images)):
        source = recognise(path, images, format=format)
        datasets.append(source.load(**{**({"part": part} if part in source.parts else {}), **options}))
    align_classes(datasets)
    return datasets[0], datasets[1]


def _chosen(name: str | None) -> tuple[Any, ...]:
    chosen = tuple(each for each in FORMATS if name in (None, each.NAME))
    if not chosen:
        known = ", ".join(each.NAME for each in FORMATS)
        raise ValueError(f"expected a format of {known}, received {name!r}")
    return chosen


def _check_options(chosen: Any, options: dict[str, object]) -> None:
    unknown = ", ".join(name for name in options if name not in chosen.OPTIONS)
    if unknown:
        known = ", ".join(chosen.OPTIONS) or "none"
        raise ValueError(f"expected options of the format {chosen.NAME} ({known}), received {unknown}")


def _source(annotations: str | os.PathLike, images: str | os.PathLike | None) -> Source:
    for given, what in ((annotations, "annotations"), (images, "images")):
        if isinstance(given, str) and not given.strip():  # Path("") would be the current folder
            text = f"the path of the {what} is empty"
            raise setup_error("ds-file-missing", quoted(given), text, f"name the {what}; . is the current folder")
    path = Path(annotations)
    if not os.path.exists(path):
        near = closest_name(path.parent, path.name)
        text = f"no such file or folder{'; ' + near if near else ''}"
        raise setup_error("ds-file-missing", path, text, "correct the path of the annotations")
    if not path.is_file() and not path.is_dir():
        raise setup_error("ds-file-unreadable", path, "neither a regular file nor a folder", "name a file or a folder")
    if images is not None and not os.path.isdir(images):
        text = f"the image folder {shown(str(images), 200)} is no folder"
        fix = "name the folder that holds the images: images= (--train-images, --images)"
        raise setup_error("ds-file-missing", path, text, fix)
    return Source(path, None if images is None else Path(images))


def _unknown(source: Source, formats: tuple[Any, ...]):
    seen = describe_json(source.content) if source.is_json else _describe_path(source)
    readable = "; ".join(each.TITLE for each in formats)
    asked = formats[0].NAME if len(formats) == 1 else ""
    known = _known_format(source) if asked else ""
    fix = "export the annotations as COCO json (instances, with segmentation)"
    below = [each for each in _subfolders(source.path) if not asked and _known_format(source.at(each))]
    if known:
        fix = f'pass format="{known}", or leave it out'
    elif below:
        fix = f'name a folder that holds annotations, for example "{below[0]}"'
    coloured = label_map_files.explain(source) if label_map in formats and not below and not known else None
    if coloured:
        seen, fix = f"{seen}; {coloured[0]}", coloured[1]
    code = "ds-via-format" if asked == via.NAME else "ds-format-unknown"
    return setup_error(code, source.path, f"{seen}. Formats that can be read here: {readable}", fix)


def _subfolders(path: Path) -> list[Path]:
    """The first subfolders by name, where somebody meant the folder above train/ and val/."""
    return sorted(each for each in path.iterdir() if each.is_dir())[:8] if path.is_dir() else []


def _known_format(source: Source) -> str:
    """The name of the format the source is of, whatever was asked for; "" where it is of none."""
    for each in FORMATS:
        try:
            if each.recognise(source) is not None:
                return each.NAME
        except SetupError:  # of that format, but ambiguous or damaged
            return each.NAME
        except OSError:  # not for us to read
            continue
    return ""


def describe_json(content: object) -> str:
    """What parsed JSON looks like, by the keys that tell annotation formats apart."""
    values = content.values() if isinstance(content, dict) else content
    first = next(iter(values), None) if isinstance(content, (dict, list)) else None  # type: ignore[call-overload]
    if is_via(content):
        return "this looks like a VIA annotation file"
    if is_labelme(content):
        return "this looks like a LabelMe file, one for each image"
    if isinstance(content, dict):
        if coco.is_coco(content):
            return "this looks like a COCO file"
        if "images" in content and "annotations" in content:
            return "this looks like a COCO panoptic file, or a COCO file whose images are not a list"
        return f"this is JSON with the keys {_keys(content)}"
    if isinstance(content, list) and isinstance(first, dict):
        if "image_id" in first and "category_id" in first:
            return "this looks like COCO results (detections), not annotations"
        return f"this is a JSON list of objects with the keys {_keys(first)}"
    return f"this is JSON, but a {type(content).__name__} without objects"


def _keys(record: dict) -> str:
    return ", ".join(shown(key, 30) for key in list(record)[:8]) or "(none)"


def _describe_path(source: Source) -> str:
    path = source.path
    if path.is_file():
        return f"this is a {path.suffix or 'file without suffix'} file of {path.stat().st_size} bytes, not JSON"
    names = sorted(os.listdir(path))
    listed = ", ".join(shown(name, 40) for name in names[:8]) or "nothing"
    more = f" and {len(names) - 8} more" if len(names) > 8 else ""
    return "; ".join([f"the folder holds {listed}{more}", *_described_files(source)])


def _described_files(source: Source) -> list[str]:
    """What the first JSON files of a folder, and of its annotations/, look like."""
    path = source.path
    found = [*sorted(path.glob("*.json")), *sorted((path / "annotations").glob("*.json"))]
    described = []
    for each in [file for file in found if file.is_file() and file.stat().st_size <= LARGEST_DESCRIBED][:FILES_SHOWN]:
        try:
            seen = describe_json(source.at(each).content)
        except SetupError:
            seen = "this is not JSON"
        described.append(f"{shown(str(each.relative_to(path)))}: {seen}")
    return described
