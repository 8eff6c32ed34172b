"""The lists of a COCO file: categories, images, and the annotations of each image."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import numpy as np

from mrcnn_roi.checks.names import BACKGROUND_NAMES
from mrcnn_roi.datasets.annotation_geometry import leaves_image, measure, turned_side
from mrcnn_roi.datasets.annotation_table import AnnotationTable, Records
from mrcnn_roi.datasets.base import declared_size
from mrcnn_roi.datasets.bounds import check_bounds
from mrcnn_roi.datasets.coco_ids import kept_id
from mrcnn_roi.datasets.files import ImageFolder, guess_image_folder, setup_error
from mrcnn_roi.datasets.images import Header, read_header
from mrcnn_roi.datasets.problems import Problems, quoted, shown
from mrcnn_roi.datasets.records import Identity, Record, identity, one_side_known, read_record
from mrcnn_roi.datasets.source import Source
from mrcnn_roi.findings import Finding, SetupError


class CocoReader:
    """Reads a COCO json once: `categories()`, then `images()`, then `findings()`."""

    def __init__(self, source: Source):
        content: Any = source.content
        self.problems = Problems(source.path)
        self._lists = {key: self._records(content, key) for key in ("categories", "images")}
        self._table = self._annotations(content)
        names = [image["file_name"] for _, image in self._lists["images"] if isinstance(image.get("file_name"), str)]
        self._folder = ImageFolder(source.images or guess_image_folder(source.path, names), names)
        self._category_ids: set[Identity] = set()
        self.category_source_ids: dict[Identity, Identity] = {}  # of a file that was converted
        self._turned = ""
        self._extras = {"licenses"} if content.get("licenses") else set()
        members = ("supercategory", "keypoints", "skeleton")
        self._extras |= {name for name in members for _, each in self._lists["categories"] if each.get(name)}
        self._totals = {"category": len(self._lists["categories"]), "image": len(self._lists["images"])}
        self._totals["annotation"] = len(self._table) - sum(type(each) is not dict for each in self._table.odd.values())

    def categories(self) -> list[tuple[Identity, str]]:
        """(id, name) of every category, in the order of ids."""
        categories: dict[Identity, str] = {}
        for position, category in self._lists["categories"]:
            category_id = identity(category.get("id"))
            name = category.get("name")
            place = f"category {shown(category.get('id'))}"
            if category_id is None:
                self._invalid(f"categories[{position}]", f"id is {shown(category.get('id'))}", "number the categories")
            elif category_id in categories:
                detail = f"{shown(categories[category_id])} and {shown(name)}"
                self.problems.add("ds-category-dup", place, detail, f"give {shown(name)} an id of its own")
            else:
                categories[category_id] = self._category_name(place, name, categories)
                if kept_id(category.get("source_id")) is not None:
                    self.category_source_ids[category_id] = category["source_id"]
        self._category_ids = set(categories)
        return sorted(categories.items(), key=lambda item: (isinstance(item[0], str), item[0]))

    def images(self) -> list[dict[str, Any]]:
        """Every image as an image_info entry: id, path, width, height, records."""
        infos: dict[Identity, dict[str, Any]] = {}
        for position, image in self._lists["images"]:
            image_id = identity(image.get("id"))
            if image_id is None:
                self._invalid(f"images[{position}]", f"id is {shown(image.get('id'))}", "number the images")
            elif image_id in infos:
                detail = f"{shown(infos[image_id]['file_name'])} and {shown(image.get('file_name'))}"
                place = f"image {shown(image_id)}"
                self.problems.add("ds-id-dup-image", place, detail, "give every image an id of its own")
            else:
                infos[image_id] = self._image_info(image_id, image)
        self._lists["images"].clear()
        self._add_annotations(infos)
        return list(infos.values())

    def extras(self) -> tuple[str, ...]:
        """What the file has that a Dataset does not keep: licenses, members of categories and of annotations."""
        return tuple(sorted(self._extras | self._table.extras))

    def findings(self) -> list[Finding]:
        """What was wrong, one Finding a cause."""
        return self.problems.findings(self._totals)

    def _records(self, content: dict[str, Any], key: str) -> list[tuple[int, dict[str, Any]]]:
        value = content.get(key, [])
        if not isinstance(value, list):
            self._invalid(key, f"a {type(value).__name__} instead of a list", f"make {key} a list of objects")
            return []
        for position, record in enumerate(value):
            if not isinstance(record, dict):
                self._invalid(f"{key}[{position}]", f"{shown(record)} is not an object", "delete the entry")
        return [(position, record) for position, record in enumerate(value) if isinstance(record, dict)]

    def _annotations(self, content: dict[str, Any]) -> AnnotationTable:
        value = content.get("annotations")
        table = value if isinstance(value, AnnotationTable) else AnnotationTable()
        self.objects_lost = value is not table and value != []
        self._refusal: Finding | None = None
        if self.objects_lost:
            detail, fix = f"a {type(value).__name__} instead of a list", "make it a list of objects"
            if "annotations" not in content:
                detail = "the file has no such list, so no image has an object"
                fix = "name the file with the annotations (COCO's own: instances_*.json); this one lists images only"
            self._invalid("annotations", detail, fix)
            text = f"annotations: {detail}"
            self._refusal = setup_error("ds-json-invalid", self.problems.where, text, fix).findings[0]
        for position, element in table.odd.items():
            if not isinstance(element, dict):
                self._invalid(f"annotations[{position}]", f"{shown(element)} is not an object", "delete the entry")
        table.freeze()
        return table

    def _invalid(self, place: str, detail: str, fix: str) -> None:
        self.problems.add("ds-json-invalid", place, detail, fix)

    def _category_name(self, place: str, name: object, others: dict[Identity, str]) -> str:
        if not isinstance(name, str) or not name.strip():
            self.problems.add("ds-category-name", place, f"name is {shown(name)}", "give every category a name")
            return place
        if name.strip().lower() in BACKGROUND_NAMES:
            fix = f"remove the category {shown(name)}, and annotations of it"
            self.problems.add("ds-category-background", place, shown(name), fix)
        if name in others.values():
            self.problems.add("ds-category-dup", place, shown(name), f"merge the categories named {shown(name)}")
        if "," in name:
            fix = f"rename it, for example to {shown(' '.join(name.replace(',', ' ').split()))}"
            self.problems.add("ds-category-name", place, shown(name), fix)
        return name

    def _image_info(self, image_id: Identity, image: dict[str, Any]) -> dict[str, Any]:
        info: dict[str, Any] = {
            "id": image_id,
            "file_name": image.get("file_name"),
            "records": [],
        }
        name, place = info["file_name"], f"image {shown(image_id)}"
        path = self._folder.find(name) if isinstance(name, str) else None
        if path is None:
            self._missing(place, name)
        info["path"] = path or self._folder.expected(name if isinstance(name, str) else place)
        if kept_id(image.get("source_id")) is not None:
            info["source_id"] = image["source_id"]
        if isinstance(image.get("coco_url"), str):
            info["coco_url"] = image["coco_url"]
        size = declared_size({side: identity(image.get(side)) for side in ("height", "width")})
        if size is None:
            header = self._header(path) if path is not None else None
            size = header.oriented_size(turned=True) if header else None
            self._report_size(place, [image.get("width"), image.get("height")], size is not None)
        if size is not None:
            info["height"], info["width"] = size
        if self._refusal is not None:
            info["refusal"] = self._refusal
        return info

    def _report_size(self, place: str, sides: list[Any], read: bool) -> None:
        """Reports width and height that are no size. read: whether the image file's own is used."""
        if sides == [None, None]:
            return
        fix = "give the size in whole pixels, or leave it out"
        if any(isinstance(side, str) and side.isdecimal() for side in sides):
            fix = f"width and height must be numbers: write {', '.join(map(shown, sides))} without quotes"
        code = "ds-size-invalid" if read and one_side_known(sides) else "ds-json-invalid"
        self.problems.add(code, place, "width {}, height {}".format(*map(quoted, sides)), fix)

    def _missing(self, place: str, name: object) -> None:
        if not isinstance(name, str):
            self.problems.add("ds-file-missing", place, f"file_name is {shown(name)}", "give its file_name")
        elif self.problems.full("ds-file-missing"):
            self.problems.add("ds-file-missing", place, "", "")
        else:
            self.problems.add("ds-file-missing", place, *self._folder.explain_missing(name))

    @staticmethod
    def _header(path: str) -> Header | None:
        try:
            return read_header(path)
        except SetupError:  # the scan reports it: it decodes every image, this only reads a size that is missing
            return None

    def _add_annotations(self, infos: dict[Identity, dict[str, Any]]) -> None:
        table, listed = self._table, list(infos.values())
        number = {image_id: i for i, image_id in enumerate(infos)}
        image = np.array([number.get(each, -1) for each in table.image_ids], np.int64)
        image[[row for row, each in table.odd.items() if not isinstance(each, dict)]] = -2
        sizes = np.array([declared_size(info) or (-1, -1) for info in listed] + [(-1, -1)], np.int64)
        height, width = sizes[np.maximum(image, -1)].T
        slow = measure(table, height, width)
        self._turned = turned_side(table, height, width)
        slow |= np.array([each not in self._category_ids for each in table.category_ids], bool)
        self._report_strays(np.flatnonzero(image == -1), infos)
        self._report_repeats(image, listed)
        for row in np.flatnonzero(slow & (image >= 0)).tolist():
            if not self._look_closely(row, listed[image[row]]):
                image[row] = -2  # has keypoints only
        order = np.argsort(image, kind="stable")
        ends = np.searchsorted(image[order], np.arange(len(listed) + 1))
        for i, info in enumerate(listed):
            info["records"] = Records(table, order[ends[i] : ends[i + 1]])
        for i in np.unique(image[leaves_image(table, height, width) & (image >= 0)]).tolist():
            self._check_bounds(listed[i])

    def _report_strays(self, rows: np.ndarray, infos: dict[Identity, dict[str, Any]]) -> None:
        self.objects_lost |= len(rows) > 0
        for row in rows.tolist():
            image_id = self._table.annotation(row).get("image_id")
            fix = _as_other_type("image_id", image_id, infos, "images")
            fix = fix or f"use the ids of the list of images; it starts with {quoted(next(iter(infos), None))}"
            self.problems.add("ds-ann-image-unknown", self._name(row), f"image_id {quoted(image_id)}", fix)

    def _report_repeats(self, image: np.ndarray, listed: list[dict[str, Any]]) -> None:
        ids = self._table.ids
        if len(set(ids)) == len(ids):
            return
        seen: set[Identity] = set()
        for row in np.flatnonzero(image >= 0).tolist():
            own = ids[row]
            if own is not None and own in seen:
                place = self._place(row, listed[image[row]])
                self.problems.add("ds-id-dup-ann", place, "", "number the annotations without repeats")
            elif own is not None:
                seen.add(own)

    def _look_closely(self, row: int, info: dict[str, Any]) -> bool:
        """Reads one annotation by itself; False where there is nothing in it to learn."""
        table = self._table
        record = self._record(table.annotation(row), self._place(row, info), info)
        if record is None:
            return False
        if record.fault or record.empty or row in table.odd or len(record.parts or ()) != len(table.parts(row)):
            table.special[row] = record
        table.odd.pop(row, None)
        table.extent[row] = record.extent
        return True

    def _check_bounds(self, info: dict[str, Any]) -> None:
        """check_bounds, with what it refuses kept in the table."""
        rows = info["records"].rows.tolist()
        records = list(info["records"])
        check_bounds(info | {"records": records}, self.problems)
        self._table.special.update({row: each for row, each in zip(rows, records) if each.fault})

    def _name(self, row: int) -> str:
        annotation_id = self._table.annotation(row).get("id")
        return f"annotations[{row}]" if annotation_id is None else f"annotation {shown(annotation_id)}"

    def _place(self, row: int, info: dict[str, Any]) -> str:
        return f"{self._name(row)} of {shown(info['file_name'])}"

    def _record(self, annotation: dict[str, Any], place: str, info: dict[str, Any]) -> Record | None:
        category = identity(annotation.get("category_id"))
        if category is None or category not in self._category_ids:
            detail = f"category_id {quoted(annotation.get('category_id'))}"
            known = ", ".join(map(quoted, sorted(self._category_ids, key=str)[:10])) or "none"
            fix = _as_other_type("category_id", category, self._category_ids, "categories")
            fix = fix or f"use an id of the list of categories ({known}), or add the category"
            self.problems.add("ds-category-unknown", place, detail, fix)
            record = Record(identity(annotation.get("id")), "", False)
            record.refuse("ds-category-unknown", f"{detail} is the id of no category")
            return record
        return read_record(annotation, category, declared_size(info), place, self.problems, self._turned)


def _as_other_type(key: str, value: object, known: Collection[Identity], listed: str) -> str:
    """What to do about an id that is text where those of the list are numbers, or the other way round; "" otherwise."""
    if isinstance(value, str) and value.isdecimal() and len(value) < 20 and int(value) in known:
        return f"{key} is text here, the ids of the {listed} are numbers: write {int(value)} without quotes"
    if isinstance(value, int) and shown(value) in known:
        return f'{key} is a number here, the ids of the {listed} are text: write "{shown(value)}" in quotes'
    return ""
