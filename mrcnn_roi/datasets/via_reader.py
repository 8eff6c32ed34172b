"""The records of a VIA file, read in two steps: first all regions, for their attributes decide on the classes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mrcnn_roi.datasets.bounds import check_bounds
from mrcnn_roi.datasets.class_names import in_order, report_names
from mrcnn_roi.datasets.files import ImageFolder, guess_image_folder, inside, setup_error
from mrcnn_roi.datasets.images import Header
from mrcnn_roi.datasets.outline_dataset import Unusable, header_of, locate, refused
from mrcnn_roi.datasets.problems import Problems, quoted, shown
from mrcnn_roi.datasets.records import Record, read_record
from mrcnn_roi.datasets.source import Source
from mrcnn_roi.datasets.via_classes import Candidate, Labels, class_candidates, declared_options, numbered, text_of
from mrcnn_roi.datasets.via_file import CODE, EXPORT, Named, declared_attributes, default_folder, records
from mrcnn_roi.datasets.via_shapes import POINTS, finite, outline


@dataclass
class Region:
    """A region as it came: its number in the image, its shape, and its attributes ({} where there are none)."""

    number: int | str
    shape: object
    attributes: dict[str, Any]
    fault: Unusable | None = None


@dataclass
class Image:
    """An image with its regions. fault: why these are not all, "" where they are."""

    name: str
    regions: list[Region] = field(default_factory=list)
    fault: str = ""


class ViaReader:
    """Reads a VIA file once: `labels()`, then `images()`; then `problems` are complete."""

    def __init__(self, source: Source):
        self.problems = Problems(source.path)
        self._source = source
        named = records(source)
        self.named = len(named)
        self._images = self._merged(map(self._image, named))

    def labels(self, attribute: str | None, class_name: str, class_names: list[str] | None) -> Labels:
        """The classes. Raises SetupError where `attribute` was asked for and no region has it."""
        attributes = [region.attributes for image in self._images for region in image.regions]
        definitions = declared_attributes(self._source)
        defined = {name for name, each in definitions.items() if declared_options(each, set())}
        chosen = attribute
        if attribute is None:
            candidates = class_candidates(attributes, sorted(defined))
            chosen = candidates[0].name if candidates else None
            self._report_choice(candidates)
        if chosen is None and len(class_names or ()) <= 1:
            return Labels(None, numbered(class_names or [class_name]))
        chosen = chosen or "name"  # of several classes, each region must say its own
        used = {text_of(each.get(chosen)) for each in attributes} - {""}
        if attribute is not None and attributes and not used:
            have = ", ".join(sorted({shown(name, 40) for each in attributes for name in each})) or "none"
            text = f"no region has a value of the attribute {shown(attribute)}; attributes of the regions: {have}"
            raise setup_error("ds-via-label-missing", self._source.path, text, "pass one of them as attribute=")
        declared = class_names or declared_options(definitions.get(chosen), used)
        names = declared if declared else in_order(used)
        report_names(names, self.problems)
        return Labels(chosen, numbered(names))

    def images(self, labels: Labels) -> Iterator[dict[str, Any]]:
        """Every image as an image_info entry: id, file_name, path, height, width, records."""
        names = [image.name for image in self._images]
        folder = ImageFolder(self._source.images or self._folder(names), names)
        files = [locate(folder, name, f"image {shown(name)}", self.problems) for name in names]
        headers = [header_of(path) if exists else None for path, exists in files]
        turned = _drawn_turned(self._images, headers)
        for image, (path, _), header in zip(self._images, files, headers):
            info: dict[str, Any] = {"id": image.name, "file_name": image.name, "path": path}
            size = header.oriented_size(turned) if header else None
            if size is not None:
                info["height"], info["width"] = size
            info["records"] = [self._record(region, image, size, labels) for region in image.regions]
            if image.fault:
                where = f"{self._source.path}: image {shown(image.name)}"
                text = f"its regions are not all known: {image.fault}"
                info["refusal"] = setup_error(CODE, where, text, EXPORT).findings[0]
            check_bounds(info, self.problems, "region")
            yield info

    def totals(self) -> dict[str, int]:
        """How many of each subject there are, for the findings."""
        regions = sum(len(image.regions) for image in self._images)
        return {"image": self.named, "record": self.named, "annotation": regions}

    def _report_choice(self, candidates: list[Candidate]) -> None:
        """Says which attribute was taken where another of a usual name would have made other classes."""
        groupings = [each.grouping for each in candidates if each.named]
        if all(each == groupings[0] for each in groupings):
            return
        taken, *others = candidates
        rivals = [each for each in others if each.named]
        detail = f"taken is {taken.described()}, not {', nor '.join(each.described() for each in rivals[:3])}"
        fix = f"nothing, if that is the class; else name the attribute: attribute={quoted(rivals[0].name)}"
        self.problems.add("ds-via-attribute", "the class of regions", detail, fix)

    def _folder(self, names: list[str]) -> Path:
        """The folder of the images: beside the file, or where the project keeps them, if that is beside it too."""
        home = self._source.path.parent
        wanted = inside(home, default_folder(self._source).replace("\\", "/"))
        if wanted is not None and any(ImageFolder(Path(wanted), names).find(name) for name in names[:50]):
            return Path(wanted)
        return guess_image_folder(self._source.path, names)

    def _image(self, named: Named) -> Image | None:
        place, record, fault = named
        if not isinstance(record, dict):
            self.problems.add(CODE, place, f"{quoted(record)} is not an object", EXPORT)
            return None
        name = record.get("filename")
        if not isinstance(name, str) or not name.strip():
            found = f"filename is {quoted(name)}" if "filename" in record else f"no filename, only {_keys(record)}"
            self.problems.add(CODE, place, found, "name the image file in filename")
            return None
        fix, regions = EXPORT, record.get("regions")
        if isinstance(regions, dict):
            regions = list(regions.items())
        elif isinstance(regions, list):
            regions = list(enumerate(regions))
        else:
            fault = f"regions is {quoted(regions)}" if "regions" in record else f"no regions, only {_keys(record)}"
            fix, regions = "give a list of regions, [] for none", []
        if fault:
            self.problems.add(CODE, f"image {shown(name)}", fault, fix)
        return Image(name, [_region(_number(key), each) for key, each in regions], fault)

    def _merged(self, images: Iterator[Image | None]) -> list[Image]:
        """One image a file name. A second record of the same file is dropped, and reported where it differs."""
        kept: dict[str, Image] = {}
        for image in images:
            if image is None:
                continue
            other = kept.setdefault(image.name, image)
            if other.regions and image.regions and not _equal(other.regions, image.regions):
                detail = f"two records, with {len(other.regions)} and {len(image.regions)} regions"
                self.problems.add("ds-id-dup-image", f"image {shown(image.name)}", detail, "delete one of the records")
            elif not other.regions:
                kept[image.name] = image
            kept[image.name].fault = other.fault or image.fault
        return list(kept.values())

    def _record(self, region: Region, image: Image, size: tuple[int, int] | None, labels: Labels) -> Record:
        place = f"region {shown(region.number)} of {shown(image.name)}"
        part = region.fault or outline(region.shape, size)
        if isinstance(part, Unusable):
            return refused(region.number, part, place, self.problems)
        number, missing = labels.read(region.attributes)
        if missing:
            fix = f"give the region a value of {shown(labels.attribute)} in VIA, or delete it"
            return refused(region.number, Unusable("ds-via-label-missing", missing, fix), place, self.problems)
        annotation = {"id": region.number, "segmentation": [part]}
        record = read_record(annotation, number, size, place, self.problems)
        return record if record is not None else Record(region.number, number, False, empty=True)


def _region(number: int | str, region: object) -> Region:
    if not isinstance(region, dict):
        return Region(number, None, {}, Unusable(CODE, f"{quoted(region)} is not an object", EXPORT))
    shape, attributes = region.get("shape_attributes"), region.get("region_attributes")
    if attributes is None:
        attributes = {}
    if "shape_attributes" not in region:
        return Region(number, None, {}, Unusable(CODE, f"no shape_attributes, only {_keys(region)}", EXPORT))
    if not isinstance(attributes, dict):
        return Region(number, shape, {}, Unusable(CODE, f"region_attributes is {quoted(attributes)}", EXPORT))
    return Region(number, shape, attributes)


def _number(key: int | str) -> int | str:
    """The keys of version 1, "0", "1", ..., as numbers."""
    return int(key) if isinstance(key, str) and key.isdecimal() and len(key) < 10 else key


def _equal(some: list[Region], others: list[Region]) -> bool:
    try:
        return some == others
    except RecursionError:  # values nested as deep as a parser goes
        return False


def _drawn_turned(images: list[Image], headers: list[Header | None]) -> bool:
    """Whether VIA showed the images turned by their EXIF orientation. Browsers do so since 2020 only.

    Points decide that fit into images of one way alone; one file is the work of one browser. True where none do.
    """
    fitting = {True: 0, False: 0}
    for image, header in zip(images, headers):
        if header is None or header.orientation < 5 or header.height == header.width:
            continue
        reach = [_reach(region.shape) for region in image.regions]
        fits = [all(y <= h + 1 and x <= w + 1 for x, y in reach) for h, w in map(header.oriented_size, (True, False))]
        if fits[0] != fits[1]:
            fitting[fits[0]] += 1
    return fitting[True] > 0 or fitting[False] == 0


def _reach(shape: object) -> tuple[float, float]:
    """The largest x and y of a region; circles, which may leave the image, count as nothing."""
    if isinstance(shape, dict) and shape.get("name") in (*POINTS, "rect"):
        part = outline(shape, None)
        numbers = [finite(number) or 0.0 for number in part] if isinstance(part, list) else []
        if numbers:
            return max(numbers[0::2]), max(numbers[1::2])
    return 0.0, 0.0


def _keys(record: dict[str, Any]) -> str:
    return ", ".join(shown(key, 30) for key in list(record)[:8]) or "an empty object"
