"""One Pascal VOC annotation: an XML file <annotation> with the <object>s of one image, read with care.

Document types are refused before anything is parsed, and entities with them, for they need one: no annotation tool
writes them, and they are the way to files, networks and endless texts. Format: the development kit of VOC2012
(host.robots.ox.ac.uk/pascal/VOC); polygons as Roboflow (<x1>, <y1>, <x2>, ...) and the web tool LabelMe
(<pt><x/><y/></pt>) write them.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from xml.etree.ElementTree import Element, ParseError, XMLParser
from xml.parsers import expat

from mrcnn_roi.datasets.files import setup_error
from mrcnn_roi.datasets.problems import shown

CODE = "ds-xml-invalid"
LARGEST = 1 << 24  # bytes; the annotation of one image has thousands
_USUAL = 1 << 16  # bytes that are asked for first: the memory for LARGEST is not to be had for nothing
LONGEST = 4096  # characters of a name or number
_AGAIN = "export the annotations again, or repair the file at that place"
_NUMBERED = re.compile(r"([xy])(\d{1,6})")
_DOCUMENT_TYPE = re.compile(rb"<!DOCTYPE\s*([^\s>\[]*)")


@dataclass(slots=True)
class VocObject:
    """An <object>, texts as they stand there. box: xmin, ymin, xmax, ymax, None for each that is missing."""

    name: str
    box: tuple[str | None, ...] | None
    polygons: list[list[str]]  # x1, y1, x2, y2, ... of each part
    difficult: bool
    deleted: bool


@dataclass(slots=True)
class VocFile:
    """An <annotation>. size: width and height as they stand there, None where there are none."""

    filename: str
    size: tuple[str, str] | None
    database: str
    objects: list[VocObject]


def read_voc(path: str | os.PathLike) -> VocFile | None:
    """The content of a file; None where its root is no <annotation>.

    Raises SetupError "ds-xml-invalid" with line and column where it is not XML or has a document type,
    "ds-file-unreadable" where it cannot be read.
    """
    root = _parsed(_checked(path), path)
    if root.tag != "annotation":
        return None
    size = root.find("size")
    sides = None if size is None else (_text(size, "width"), _text(size, "height"))
    if size is None and (size := root.find("imagesize")) is not None:
        sides = _text(size, "ncols"), _text(size, "nrows")
    source = root.find("source")
    database = "" if source is None else _text(source, "database")
    return VocFile(_text(root, "filename"), sides, database, [_object(each) for each in root.findall("object")])


def begins_like_voc(path: str | os.PathLike) -> bool:
    """Whether the beginning of a regular file holds the root element, and an element that only VOC's files have."""
    with open(path, "rb") as file:
        start = file.read(1 << 14).replace(b"\0", b"")  # UTF-16 has a zero with every letter
    root = re.search(rb"<annotation[\s>]", start)
    return root is not None and re.search(rb"<(object|size|filename|imagesize|segmented)[\s>]", start) is not None


def _object(node: Element) -> VocObject:
    bndbox = node.find("bndbox")
    box = None
    if bndbox is not None:
        box = tuple(map(bndbox.findtext, ("xmin", "ymin", "xmax", "ymax")))
    polygons = [_polygon(each) for each in node.findall("polygon")]
    return VocObject(_text(node, "name"), box, polygons, _text(node, "difficult") == "1", _text(node, "deleted") == "1")


def _polygon(node: Element) -> list[str]:
    """x1, y1, x2, y2, ...; "" stands for a coordinate that is missing."""
    points = node.findall("pt")
    if points:
        return [_text(point, axis) for point in points for axis in "xy"]
    found = {}
    for each in node:
        match = _NUMBERED.fullmatch(each.tag)
        if match:
            found[int(match[2]), match[1]] = (each.text or "").strip()
    numbers = sorted({number for number, _ in found})
    return [found.get((number, axis), "") for number in numbers for axis in "xy"]


def _text(node: Element, tag: str) -> str:
    return (node.findtext(tag) or "")[:LONGEST].strip()


def _checked(path: str | os.PathLike) -> bytes:
    """The bytes of a file that is not too large, not empty, and has no document type."""
    try:
        with open(path, "rb") as file:
            data = file.read(_USUAL)
            if len(data) == _USUAL:
                data += file.read(LARGEST + 1 - _USUAL)
    except OSError as error:
        raise setup_error("ds-file-unreadable", path, f"cannot be read: {error}", "check its permissions") from error
    if len(data) > LARGEST:
        raise setup_error(CODE, path, f"larger than {LARGEST >> 20} MB, no annotation of one image", _AGAIN)
    if not data.strip():
        raise setup_error(CODE, path, f"the file is empty ({len(data)} bytes)", "export the annotations again")
    # In every encoding that expat reads, these letters are ASCII's, in UTF-16 with a zero beside each.
    match = _DOCUMENT_TYPE.search(data.replace(b"\0", b""))
    if match:
        name = match[1].decode("ascii", "replace")
        fix = "delete the document type (<!DOCTYPE ...>) from the file; no annotation needs one"
        if name.lower() == "html":
            fix = "this is a web page: download the file itself (the raw file, where a site shows it in a page)"
        raise setup_error(CODE, path, f"it declares a document type {shown(name, 40)}, which is refused", fix)
    return data


def _parsed(data: bytes, path: str | os.PathLike) -> Element:
    parser = XMLParser()
    try:
        parser.feed(data)
        return parser.close()
    except ParseError as error:
        line, column = error.position
        fix = _AGAIN if data.isascii() else "save the file as UTF-8"
        text = f"not XML: {expat.ErrorString(error.code)} at line {line} column {column + 1}"
        raise setup_error(CODE, path, text, fix) from error
    except (ValueError, LookupError) as error:  # encodings that Python or expat does not know
        raise setup_error(CODE, path, f"not readable as XML: {error}", "save the file as UTF-8") from error
