"""The lists of a COCO file, read record by record: categories, images, annotations of each image."""

from __future__ import annotations

from typing import Any

from mrcnn_roi.datasets.base import declared_size
from mrcnn_roi.datasets.bounds import check_bounds
from mrcnn_roi.datasets.files import ImageFolder, guess_image_folder
from mrcnn_roi.datasets.images import Header, read_header
from mrcnn_roi.datasets.problems import Problems, shown
from mrcnn_roi.datasets.records import Identity, Record, identity, read_record
from mrcnn_roi.datasets.source import Source
from mrcnn_roi.findings import Finding, SetupError

BACKGROUND_NAMES = ("background", "bg", "_background_", "__background__")


class CocoReader:
    """Reads a COCO json once: `categories()`, then `images()`, then `findings()`."""

    def __init__(self, source: Source):
        content: Any = source.content
        self.problems = Problems(source.path)
        self._lists = {key: self._records(content, key) for key in ("categories", "images", "annotations")}
        names = [image["file_name"] for _, image in self._lists["images"] if isinstance(image.get("file_name"), str)]
        self._folder = ImageFolder(source.images or guess_image_folder(source.path, names), names)
        self._category_ids: set[Identity] = set()

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
        self._category_ids = set(categories)
        return sorted(categories.items(), key=lambda item: (isinstance(item[0], str), item[0]))

    def images(self) -> list[dict[str, Any]]:
        """Every image as an image_info entry: id, path, width, height, annotations, records."""
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
        self._add_annotations(infos)
        for info in infos.values():
            check_bounds(info, self.problems)
        return list(infos.values())

    def findings(self) -> list[Finding]:
        """What was wrong, one Finding a cause."""
        subjects = {"category": "categories", "image": "images", "annotation": "annotations"}
        return self.problems.findings({subject: len(self._lists[key]) for subject, key in subjects.items()})

    def _records(self, content: dict[str, Any], key: str) -> list[tuple[int, dict[str, Any]]]:
        value = content.get(key, [])
        if not isinstance(value, list):
            self._invalid(key, f"a {type(value).__name__} instead of a list", f"make {key} a list of objects")
            return []
        for position, record in enumerate(value):
            if not isinstance(record, dict):
                self._invalid(f"{key}[{position}]", f"{shown(record)} is not an object", "delete the entry")
        return [(position, record) for position, record in enumerate(value) if isinstance(record, dict)]

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
            fix = f"rename it, for example to {shown(name.replace(',', ' '))}"
            self.problems.add("ds-category-name", place, shown(name), fix)
        return name

    def _image_info(self, image_id: Identity, image: dict[str, Any]) -> dict[str, Any]:
        info: dict[str, Any] = {
            "id": image_id,
            "file_name": image.get("file_name"),
            "annotations": [],
            "records": [],
        }
        name, place = info["file_name"], f"image {shown(image_id)}"
        path = self._folder.find(name) if isinstance(name, str) else None
        if path is None:
            self._missing(place, name)
        info["path"] = path or self._folder.expected(name if isinstance(name, str) else place)
        if isinstance(image.get("coco_url"), str):
            info["coco_url"] = image["coco_url"]
        size = declared_size({side: identity(image.get(side)) for side in ("height", "width")})
        if size is None and (image.get("height") is not None or image.get("width") is not None):
            sides = f"width {shown(image.get('width'))}, height {shown(image.get('height'))}"
            self._invalid(place, sides, "give the size in whole pixels, or leave it out")
        if size is None and path is not None:
            header = self._header(path)
            size = header.oriented_size(turned=True) if header else None
        if size is not None:
            info["height"], info["width"] = size
        return info

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
        seen: set[Identity] = set()
        for position, annotation in self._lists["annotations"]:
            image_id, annotation_id = identity(annotation.get("image_id")), identity(annotation.get("id"))
            known = annotation.get("id") is not None
            name = f"annotation {shown(annotation['id'])}" if known else f"annotations[{position}]"
            if image_id not in infos:
                fix = f"use the ids of the list of images; it starts with {shown(next(iter(infos), None))}"
                detail = f"image_id {shown(annotation.get('image_id'))}"
                self.problems.add("ds-ann-image-unknown", name, detail, fix)
                continue
            info = infos[image_id]
            place = f"{name} of {shown(info['file_name'])}"
            if annotation_id is not None and annotation_id in seen:
                self.problems.add("ds-id-dup-ann", place, "", "number the annotations without repeats")
            if annotation_id is not None:
                seen.add(annotation_id)
            record = self._record(annotation, place, info)
            if record is not None:
                info["annotations"].append(annotation)
                info["records"].append(record)

    def _record(self, annotation: dict[str, Any], place: str, info: dict[str, Any]) -> Record | None:
        category = identity(annotation.get("category_id"))
        if category is None or category not in self._category_ids:
            detail = f"category_id {shown(annotation.get('category_id'))}"
            known = ", ".join(map(shown, sorted(self._category_ids, key=str)[:10])) or "none"
            fix = f"use an id of the list of categories ({known}), or add the category"
            self.problems.add("ds-category-unknown", place, detail, fix)
            record = Record(identity(annotation.get("id")), "", False)
            record.refuse("ds-category-unknown", f"{detail} is the id of no category")
            return record
        return read_record(annotation, category, declared_size(info), place, self.problems)
