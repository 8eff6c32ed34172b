"""Faults of an annotation file, collected while it is read: one Finding a cause, with the first places."""

from __future__ import annotations

import reprlib
from collections.abc import Mapping
from dataclasses import dataclass, field

from mrcnn_roi.findings import Finding, Severity

PLACES_SHOWN = 5
RARE = 0.01  # below this share, degenerate objects are noise (COCO train2017 has two), not a broken export


@dataclass(frozen=True)
class Fault:
    """What a code means: how grave it is, what it counts, and what it would do to a training run."""

    severity: Severity
    subject: str
    summary: str


_ERROR, _WARNING = Severity.ERROR, Severity.WARNING

FAULTS: dict[str, Fault] = {
    "ds-file-missing": Fault(_ERROR, "image", "no such file, so training stops at the first of them"),
    "ds-file-unreadable": Fault(_ERROR, "image", "the file cannot be used, so training stops there"),
    "ds-map-missing": Fault(
        _WARNING, "image", "no label map or mask belongs to the image; it is left out where others have them"
    ),
    "ds-map-unmatched": Fault(_WARNING, "file", "no image belongs to the label map or mask; it is left out"),
    "ds-map-class": Fault(
        _ERROR, "instance", "the class map or table gives the instance no class, so training stops there"
    ),
    "ds-map-class-mixed": Fault(
        _WARNING,
        "instance",
        "the class map has several classes under the instance; it gets the one that most of its pixels have",
    ),
    "ds-map-smeared": Fault(
        _WARNING,
        "sampled map",
        "thin rims with the numbers between two neighbours, as of a label map resized with interpolation; each of them "
        "is taken for an object",
    ),
    "ds-map-semantic": Fault(
        _WARNING,
        "sampled map",
        "several separate pieces are one object, for they have one number: a map of classes and not of objects?",
    ),
    "ds-table-row": Fault(_WARNING, "row", "the row of the table of classes cannot be used; it is left out"),
    "ds-mask-shape": Fault(
        _ERROR, "mask", "the mask has another height or width than its image, so training stops there"
    ),
    "ds-mask-nonbinary": Fault(
        _WARNING,
        "sampled mask",
        "more than two values, as JPEG and smooth edges make them; pixels above half of the largest are the object",
    ),
    "ds-json-invalid": Fault(_ERROR, "record", "not what the format asks for, so the record cannot be used"),
    "ds-xml-invalid": Fault(_ERROR, "record", "not XML, or not what Pascal VOC writes, so the record cannot be used"),
    "ds-annotation-missing": Fault(_WARNING, "image", "no annotation file has the image's stem; the image is left out"),
    "ds-image-renamed": Fault(
        _WARNING,
        "image",
        "the annotation names another image than the one with its own stem, which is used; tools that go by the name "
        "do not find it, or take the wrong one",
    ),
    "ds-size-invalid": Fault(
        _WARNING,
        "image",
        "the recorded size is not two positive whole numbers; the image file's own is used, but other tools divide "
        "by it or drop all boxes",
    ),
    "ds-box-masks": Fault(
        _WARNING,
        "annotation",
        "a box without an outline, whose rectangle is used as mask: the network learns to draw rectangles",
    ),
    "ds-boxes-left-out": Fault(
        _WARNING, "image", "boxes alone while other images have masks; the images without masks are left out"
    ),
    "ds-size-transposed": Fault(
        _ERROR,
        "image",
        "the coordinates leave the image but fit it rotated by 90 degrees: the annotation tool applied an "
        "EXIF orientation that the recorded size ignores, and the masks would lie elsewhere than the objects",
    ),
    "ds-polygon-outside": Fault(
        _ERROR, "annotation", "polygon points lie outside the image, so the mask is cut off or empty"
    ),
    "ds-polygon-edge": Fault(
        _WARNING,
        "annotation",
        "polygon points lie up to one pixel outside the image; they are clipped here, but "
        "skimage.draw.polygon without shape= raises IndexError on them",
    ),
    "ds-polygon-normalized": Fault(
        _ERROR,
        "annotation",
        "polygon coordinates are fractions of the image, not pixels, so every mask is empty",
    ),
    "ds-polygon-degenerate": Fault(_ERROR, "annotation", "the polygon encloses nothing, so the mask is empty"),
    "ds-segmentation-missing": Fault(_ERROR, "annotation", "no segmentation: a box alone cannot train the mask head"),
    "ds-rle-size": Fault(_ERROR, "annotation", "the RLE mask has another size than its image"),
    "ds-rle-counts": Fault(_ERROR, "annotation", "the RLE run lengths do not fill the mask, so it cannot be decoded"),
    "ds-polygon-xy": Fault(
        _ERROR,
        "annotation",
        "bbox [x, y, width, height] fits the segmentation only with x and y exchanged, so the masks would lie "
        "elsewhere than the objects",
    ),
    "ds-bbox-format": Fault(
        _WARNING,
        "annotation",
        "bbox is not COCO's [x, y, width, height] of the segmentation; boxes are taken from the masks here, other "
        "tools would read it wrongly",
    ),
    "ds-bbox-nonpositive": Fault(_ERROR, "annotation", "bbox has no positive width and height"),
    "ds-ann-image-unknown": Fault(
        _ERROR, "annotation", "image_id is the id of no image, so the annotation would never be used"
    ),
    "ds-category-unknown": Fault(_ERROR, "annotation", "category_id is the id of no category"),
    "ds-category-background": Fault(
        _ERROR,
        "category",
        "a class for the background, which is added automatically as class 0; this one shifts the others",
    ),
    "ds-category-dup": Fault(_WARNING, "category", "id or name is used twice"),
    "ds-category-name": Fault(
        _WARNING, "category", "the name is missing or will be cut at its first comma in class_names"
    ),
    "ds-id-dup-image": Fault(
        _ERROR,
        "image",
        "id is used twice; the second is ignored, its annotations would be drawn on the first",
    ),
    "ds-id-dup-ann": Fault(
        _WARNING, "annotation", "id is used twice; both are trained on, but COCO's own tools keep one of them"
    ),
    "ds-via-format": Fault(
        _ERROR,
        "record",
        "not what VIA writes, so the regions cannot be read; scripts stop at it with KeyError or TypeError",
    ),
    "ds-via-attribute": Fault(
        Severity.INFO,
        "file",
        "several attributes of the regions may name the class, and they group the objects differently; one is taken",
    ),
    "ds-via-shape": Fault(
        _ERROR,
        "annotation",
        "a shape without an area, so there is no mask; scripts that expect polygons stop at it with KeyError",
    ),
    "ds-via-label-missing": Fault(
        _ERROR,
        "annotation",
        "no class while others have one, so there would be fewer class ids than masks and training stops",
    ),
    "ds-yolo-yaml": Fault(
        _WARNING,
        "entry",
        "the classes are incomplete or contradict one another, so objects may get no name or a wrong one",
    ),
    "ds-yolo-part": Fault(_ERROR, "part", "images that the set declares are not there"),
    "ds-yolo-class": Fault(
        _ERROR, "annotation", "the class number is none of the names' numbers, so the object has no class"
    ),
    "ds-yolo-line": Fault(
        _ERROR,
        "annotation",
        "the line is not a class number and the points of an outline, so there is no mask",
    ),
    "ds-yolo-pixels": Fault(
        _ERROR,
        "annotation",
        "coordinates in pixels where fractions of the image's sides are due, so the mask would lie far outside",
    ),
    "ds-labels-missing": Fault(
        _WARNING, "image", "most images have no label file, so each of these counts as one without objects"
    ),
    "ds-labels-unmatched": Fault(_WARNING, "file", "no image has the label file's name, so its objects are left out"),
    "ds-crowd-polygon": Fault(
        _WARNING,
        "annotation",
        "iscrowd is 1 on a polygon; it will be treated as a crowd region, not as an object",
    ),
}


_short = reprlib.Repr()
_short.maxlist = _short.maxdict = 8
_short.maxother = _short.maxstring = 80


def shown(value: object, limit: int = 80) -> str:
    """The value as text that any terminal can print, at most `limit` characters."""
    try:
        text = value if isinstance(value, str) else _short.repr(value)
    except ValueError:  # Python refuses to print integers of thousands of digits
        text = f"a {type(value).__name__} too long to print"
    text = text.encode("unicode_escape" if not text.isprintable() else "utf-8", "backslashreplace").decode("utf-8")
    return text if len(text) <= limit else text[: limit - 3] + "..."


def quoted(value: object) -> str:
    """`shown`, with text in quotation marks, so that "" and "3" are seen for what they are."""
    return f'"{shown(value)}"' if isinstance(value, str) else shown(value)


@dataclass
class _Group:
    code: str
    severity: Severity
    may_be_rare: bool
    fix: str
    count: int = 0
    places: list[tuple[str, str]] = field(default_factory=list)


class Problems:
    """Collects faults by code and severity. `where` is the annotation file or folder."""

    def __init__(self, where: object):
        self.where = shown(str(where), 300)
        self._groups: dict[tuple, _Group] = {}

    def add(
        self,
        code: str,
        place: str,
        detail: str,
        fix: str,
        severity: Severity | None = None,
        may_be_rare: bool = False,
    ) -> None:
        """Adds one fault: `place` names the record, `detail` the value found, `fix` the value to use instead.

        may_be_rare: the fault costs an object, not the run, so that it is a WARNING below a share of RARE.
        """
        severity = severity or FAULTS[code].severity
        group = self._groups.setdefault((code, severity, may_be_rare), _Group(code, severity, may_be_rare, fix))
        group.count += 1
        if len(group.places) < PLACES_SHOWN:
            group.places.append((place, detail))

    def full(self, code: str) -> bool:
        """True once the shown places of a code are full: a detail that costs time need not be worked out."""
        return sum(len(group.places) for group in self._groups.values() if group.code == code) >= PLACES_SHOWN

    def findings(self, totals: Mapping[str, int] | None = None) -> list[Finding]:
        """One Finding a code and severity, gravest first. `totals`: how many of each subject there are."""
        found = []
        for group in self._groups.values():
            fault = FAULTS[group.code]
            total = (totals or {}).get(fault.subject, 0)
            rare = group.may_be_rare and group.count < RARE * total
            severity = min(group.severity, Severity.WARNING) if rare else group.severity
            found.append(Finding(group.code, severity, _message(fault, group, total), group.fix, self.where))
        return sorted(found, key=lambda finding: -finding.severity)


def _message(fault: Fault, group: _Group, total: int) -> str:
    count = f"{group.count} of {total}" if total >= group.count else str(group.count)
    subject = fault.subject
    if max(total, group.count) != 1:
        subject = f"{subject[:-1]}ies" if subject.endswith("y") else f"{subject}s"
    first = f" (first {len(group.places)})" if group.count > len(group.places) else ""
    places = "; ".join(f"{place}: {detail}" if detail else place for place, detail in group.places)
    return f"{count} {subject}: {fault.summary}{first}: {places}"
