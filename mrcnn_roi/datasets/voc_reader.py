"""The images of VOC sets as image_info entries: read file by file; what needs all of them comes at the end."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mrcnn_roi.datasets.bounds import check_bounds
from mrcnn_roi.datasets.class_names import in_order, report_names
from mrcnn_roi.datasets.files import setup_error
from mrcnn_roi.datasets.outline_dataset import header_of, refused
from mrcnn_roi.datasets.problems import Problems, shown
from mrcnn_roi.datasets.records import Record
from mrcnn_roi.datasets.voc_classes import VOC_CLASSES, ClassKey, read_class_key
from mrcnn_roi.datasets.voc_file import CODE, VocFile, read_voc
from mrcnn_roi.datasets.voc_images import find_image
from mrcnn_roi.datasets.voc_layout import VocSet
from mrcnn_roi.datasets.voc_map_info import map_info
from mrcnn_roi.datasets.voc_objects import Size, fractions_of, read_object, size_of
from mrcnn_roi.datasets.voc_options import Options
from mrcnn_roi.datasets.voc_parts import declared, listed
from mrcnn_roi.findings import SetupError, Severity


class VocReader:
    """`infos()`, then `names()`; then `problems` are complete. `named`: the images that were to be read."""

    def __init__(self, sets: list[VocSet], where: Path, options: Options):
        self.problems = Problems(where)
        self.named = 0
        self._sets, self._where, self._options = sets, where, options
        self._maps = any(each.object_maps for each in sets)
        self._labels: set[str] = set()
        self._unnamed: list[ClassKey] = []  # of sets with maps whose classes no XML file names
        self._paths: dict[str, str] = {}  # path of an image -> the file that has it
        self._left_out: list[str] = []  # stems of images with boxes alone
        self._objects = self._files = self._of_voc = 0

    def infos(self) -> Iterator[dict[str, Any]]:
        """Every image as an image_info entry, with "records" or with "object_map".

        Raises SetupError where the sets do not declare the part that was asked for.
        """
        chosen = [(each, self._chosen(each)) for each in self._sets]
        if self._options.part and all(names is None for _, names in chosen):
            raise self._no_such_part()
        for each, names in chosen:
            yield from self._set(each, each.files.keys() | each.object_maps.keys(), names or {})
        if self._left_out:
            self._report_left_out()

    def names(self) -> list[str]:
        """The classes in their order."""
        used = self._labels.union(*(key.names() for key in self._unnamed))
        names = in_order(used, self._options.class_names or self._listed(used))
        report_names(names, self.problems)
        return names or ["object"]

    def totals(self) -> dict[str, int]:
        """How many of each subject there are, for the findings."""
        return {"image": self.named, "annotation": self._objects}

    # ---- which images

    def _chosen(self, voc: VocSet) -> dict[str, str] | None:
        """Stem -> the list that names it; None where the set has nothing of the part."""
        part, known = self._options.part, voc.files.keys() | voc.object_maps.keys()
        if part is None or voc.part == part or (part == "trainval" and voc.part in ("train", "val")):
            return dict.fromkeys(known, "")
        if voc.part:
            return None
        return listed(voc.lists, part, bool(voc.object_maps), self._options.boxes, known)

    def _no_such_part(self) -> SetupError:
        there = sorted({part for each in self._sets for part in declared(each.lists, bool(each.object_maps))})
        there += sorted({each.part for each in self._sets if each.part})
        text = f'the set has no part "{self._options.part}"; it declares {", ".join(there) or "none"}'
        fix = f"name one of them, or leave part out; lists are ImageSets/Main/{self._options.part}.txt"
        return setup_error("ds-file-missing", self._where, text, fix)

    def _set(self, voc: VocSet, known: set[str], chosen: dict[str, str]) -> Iterator[dict[str, Any]]:
        key = read_class_key(voc.root)
        for name in voc.same_stem:
            fix = "rename or remove one of the two"
            self.problems.add("ds-id-dup-image", f"file {shown(name)}", "another file has the same stem", fix)
        for stem in sorted(known):
            wanted = stem in chosen
            self.named += wanted
            content = self._content(voc, stem, wanted)
            if wanted and content is not None:
                info = self._info(voc, stem, content, key)
                if info is not None:
                    yield info
        for stem, where in chosen.items():
            if stem not in known:
                self._report_listed(voc, stem, where)
        if self._options.part is None and not self._where.is_file():
            self._report_unannotated(voc, known)

    def _content(self, voc: VocSet, stem: str, wanted: bool) -> VocFile | None:
        """The file of an image, an empty one where there is only a map; None for a broken one, which is reported."""
        if stem not in voc.files:
            return VocFile("", None, "", [])
        path = voc.files[stem]
        place = f"file {shown(path.name)}"
        try:
            content = read_voc(path)
        except SetupError as error:
            if wanted:
                finding = error.findings[0]
                self.problems.add(finding.code, place, finding.message, finding.fix)
            return None
        if content is None:
            if wanted and (stem in voc.images or self._where.is_file()):
                fix = "export the annotations of this image again as Pascal VOC"
                self.problems.add(CODE, place, "the root element is not <annotation>", fix)
            self.named -= wanted
            return None
        self._files += 1
        self._of_voc += content.database.startswith("The VOC")
        self._labels.update(each.name for each in content.objects if each.name and self._options.may_be(each.name))
        return content

    # ---- one image

    def _info(self, voc: VocSet, stem: str, content: VocFile, key: ClassKey) -> dict[str, Any] | None:
        has_map = stem in voc.object_maps
        if self._maps and not has_map and not self._options.boxes and _boxes_alone(content):
            self._left_out.append(stem)
            return None
        file = voc.files.get(stem, voc.object_maps.get(stem))
        name = file.name if file is not None else stem
        if stem not in voc.files and stem not in voc.images:
            fix = f"add the image to {shown(str(voc.image_folder), 200)}, or remove the map"
            self.problems.add("ds-map-unmatched", f"map {shown(name)}", "", fix)
            self.named -= 1
            return None
        path, found = find_image(voc, stem, content.filename, f"file {shown(name)}", self.problems)
        if path in self._paths:
            detail = f"{shown(self._paths[path])} and {shown(name)} both have the image {shown(os.path.basename(path))}"
            fix = "correct <filename>, or remove one of the two"
            self.problems.add("ds-id-dup-image", f"file {shown(name)}", detail, fix)
            return None
        self._paths[path] = name
        info: dict[str, Any] = {"id": f"{voc.name}/{stem}".lstrip("/"), "path": path, "file_name": name}
        self._objects += len(content.objects)
        if has_map:
            info |= map_info(voc, stem, content, self._options, self.problems) | {"class_key": key}
            if not content.objects and info["class_map"] and key not in self._unnamed:
                self._unnamed.append(key)
        else:
            size = self._size(content, path if found else "", f"file {shown(name)}")
            if size is not None:
                info["height"], info["width"] = size
            info["records"] = self._records(content, size, name)
            check_bounds(info, self.problems, "object")
        return info

    def _size(self, content: VocFile, path: str, place: str) -> Size:
        size = size_of(content.size)
        if size is None and content.size is not None:
            detail = "width {}, height {}".format(*(shown(side, 20) or '""' for side in content.size))
            self.problems.add("ds-size-invalid", place, detail, "write the size of the image into <size>")
        header = header_of(path) if size is None and path else None
        return header.oriented_size(turned=True) if header else size

    def _records(self, content: VocFile, size: Size, name: str) -> list[Record]:
        records = []
        fractions = fractions_of(content.objects, size)
        for position, each in enumerate(content.objects, 1):
            if self._options.dropped(each):
                continue
            place = f"object {position} of {shown(name)}"
            fault = self._options.name_fault(each)
            if fault is not None:
                records.append(refused(position, fault, place, self.problems))
                continue
            record = read_object(each, position, size, place, self.problems, fractions)
            record.crowd = each.difficult and self._options.difficult == "crowd"
            records.append(record)
        return records

    # ---- what needs all of them

    def _listed(self, used: set[str]) -> list[str]:
        """The classes that the set lists: all of VOC's where it is VOC itself, else those of its labelmap.txt."""
        for voc in self._sets:
            key = read_class_key(voc.root)
            if key.listed and 2 * len(used & set(key.names())) >= len(used):
                return key.names()
            of_voc = used <= set(VOC_CLASSES) and 2 * self._of_voc > self._files
            if of_voc and voc.image_folder == voc.root / "JPEGImages":
                return list(VOC_CLASSES)
            if not key.listed and key in self._unnamed:
                return key.names()
        return []

    def _report_left_out(self) -> None:
        lists = any(task == "Segmentation" for voc in self._sets for task, _ in voc.lists)
        fix = "pass boxes=True to train on their boxes as rectangles, or add their maps to SegmentationObject"
        severity = Severity.INFO if lists and self._paths else None
        for place in self._left_out:
            self.problems.add("ds-boxes-left-out", f"image {shown(place)}", "", fix, severity)

    def _report_listed(self, voc: VocSet, stem: str, where: str) -> None:
        place = f"{shown(where)}: {shown(stem)}"
        if stem in voc.images:
            fix = "annotate the image, or take its name out of the list"
            self.problems.add("ds-annotation-missing", place, "", fix)
        else:
            fix = "add the image and its annotation, or take the name out of the list"
            self.problems.add("ds-file-missing", place, "neither an image nor an annotation", fix)

    def _report_unannotated(self, voc: VocSet, known: set[str]) -> None:
        used = set(self._paths)
        for stem, names in voc.images.items():
            if stem in known or any(str(voc.image_folder / name) in used for name in names):
                continue
            fix = "annotate the image; for one without objects, a file with an <annotation> and no <object>"
            self.problems.add("ds-annotation-missing", f"image {shown(names[0])}", "", fix)


def _boxes_alone(content: VocFile) -> bool:
    """Whether there are objects, and none has an outline."""
    return bool(content.objects) and not any(each.polygons for each in content.objects)
