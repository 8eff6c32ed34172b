"""What a file of the VGG Image Annotator holds: image records with their regions, whatever version wrote it.

Version 1 keeps regions in an object with the keys "0", "1", ..., version 2 in a list; a project file has the records
under "_via_img_metadata" and the definitions of its attributes under "_via_attributes"; the CSV export has one region
a line. Format: robots.ox.ac.uk/~vgg/software/via.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from mrcnn_roi.datasets.files import setup_error
from mrcnn_roi.datasets.problems import shown
from mrcnn_roi.datasets.source import Source

CODE = "ds-via-format"
PROJECT = "_via_img_metadata"
EXPORT = "in VIA choose Annotation > Export Annotations (as json), or Project > Save"
MARKS = (b'"_via_', b'"regions"', b'"shape_attributes"', b'"file_attributes"')
_RECORD = {"filename", "size", "regions", "file_attributes", "fileref", "base64_img_data"}
_THIRD = {"project", "config", "attribute", "file", "metadata", "view"}
_SAMPLE = 100
_CSV_SHAPE, _CSV_CLASS = "region_shape_attributes", "region_attributes"


class Named(NamedTuple):
    """The record of an image, as it came. fault: what of it is missing from the file, "" where nothing is known to."""

    place: str  # for messages
    content: object
    fault: str = ""


def is_via(content: object) -> bool:
    """Whether parsed JSON is VIA's: a project, or records of images with regions. Version 3 counts too."""
    if isinstance(content, dict) and (any(str(key).startswith("_via_") for key in content) or content.keys() >= _THIRD):
        return True
    values = content.values() if isinstance(content, dict) else content if isinstance(content, list) else ()
    sample = [each for each in islice(values, _SAMPLE) if isinstance(each, dict)]
    like = [each for each in sample if len(_RECORD & each.keys()) >= 2]
    return any("regions" in each or "file_attributes" in each for each in like) and 2 * len(like) >= len(sample)


def is_via_csv(path: Path) -> bool:
    """Whether the first line of a file names the columns of VIA's CSV."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        start = file.read(4096).replace(b"\0", b"")
    return _CSV_SHAPE.encode() in start.partition(b"\n")[0]


def records(source: Source) -> list[Named]:
    """The record of every image, in the order of the file.

    Raises SetupError "ds-via-format" for a version 3 file, or a project without records.
    """
    if is_via_csv(source.path):
        return list(_csv_records(source.path))
    content: Any = source.content
    if isinstance(content, dict) and content.keys() >= _THIRD and PROJECT not in content:
        text = "a project of VIA 3, whose records have another form; versions 1 and 2 can be read"
        raise setup_error(CODE, source.path, text, "export it as COCO json, or annotate with VIA 2")
    if isinstance(content, dict) and any(str(key).startswith("_via_") for key in content):
        found = content.get(PROJECT)
        if not isinstance(found, (dict, list)):
            text = f"{PROJECT} is a {type(found).__name__} instead of an object with one record an image"
            text = text if PROJECT in content else f"no {PROJECT}, the object with one record an image"
            raise setup_error(CODE, source.path, text, EXPORT)
        content = found
    if isinstance(content, dict):
        return [Named(f"record {shown(key)}", record) for key, record in content.items()]
    return [Named(f"record {position}", record) for position, record in enumerate(content)]


def declared_attributes(source: Source) -> dict[str, dict[str, Any]]:
    """Definitions of region attributes by name, as a project file keeps them; {} for an export."""
    if is_via_csv(source.path):
        return {}
    content: Any = source.content
    for key in ("_via_attributes", "region"):
        content = content.get(key) if isinstance(content, dict) else None
    attributes = content.items() if isinstance(content, dict) else ()
    return {name: each for name, each in attributes if isinstance(each, dict)}


def default_folder(source: Source) -> str:
    """The image folder a project was told to use by default, "" where it has none."""
    if is_via_csv(source.path):
        return ""
    content: Any = source.content
    for key in ("_via_settings", "core", "default_filepath"):
        content = content.get(key) if isinstance(content, dict) else None
    return content if isinstance(content, str) else ""


def _csv_records(path: Path) -> Iterator[Named]:
    """The rows of a CSV, joined to one record an image. A cell that is not JSON stays text, which is no object."""
    images: dict[str, dict[str, Any]] = {}
    counts: dict[str, int] = {}
    faults: dict[str, str] = {}
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise setup_error(CODE, path, f"not UTF-8 at byte {error.start}", "save the file as UTF-8") from error
    rows = csv.DictReader(text.splitlines(keepends=True))
    try:
        rows.fieldnames = [name.lstrip("#").strip() for name in rows.fieldnames or ()]
        for row in rows:
            name = str(row.get("filename"))
            image = images.setdefault(name, {"filename": row.get("filename"), "regions": []})
            missing = sum(cell is None for cell in row.values())
            if missing:
                there = f"{len(row) - missing} of {len(row)} columns"
                faults.setdefault(name, f"line {rows.line_num} is cut off, it has {there}")
                continue
            counts[name] = max(counts.get(name, 0), _count(row.get("region_count")))
            shape, attributes = _cell(row.get(_CSV_SHAPE)), _cell(row.get(_CSV_CLASS))
            if shape:  # an image without regions has one line, with empty objects
                image["regions"].append({"shape_attributes": shape, "region_attributes": attributes})
    except csv.Error as error:
        raise setup_error(CODE, path, f"not CSV: {error} in line {rows.line_num}", EXPORT) from error
    for name, image in images.items():
        rows_there = len(image["regions"])
        if counts.get(name, 0) > rows_there:
            faults.setdefault(name, f"region_count is {counts[name]}, and the file has {rows_there} of its regions")
    return (Named(f"image {shown(name)}", image, faults.get(name, "")) for name, image in images.items())


def _count(text: object) -> int:
    """The number of regions that a row claims; 0 for what is no number, as of tables that were made by hand."""
    return int(text) if isinstance(text, str) and text.isdecimal() and len(text) < 10 else 0


def _cell(text: object) -> object:
    try:
        return json.loads(text) if isinstance(text, str) and text else {}
    except (ValueError, RecursionError):
        return text
