"""One-PNG-an-instance folders: a mask file for each object, 0 the background and anything else the object.

The layout of the 2018 Data Science Bowl, root/<id>/images/<id>.png with root/<id>/masks/*.png, which Matterport's
nucleus sample reads; images/<stem>.jpg with masks/<stem>/*.png; and images/<stem>.jpg with masks/<stem>_<k>.png. All
objects are of one class, or of the class that a folder around their masks, or the beginning of the file name, names.
Instances are in the order of their file names.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Sequence

import numpy as np

from mrcnn_roi.datasets.base import Dataset
from mrcnn_roi.datasets.class_names import in_order, report_names
from mrcnn_roi.datasets.files import setup_error
from mrcnn_roi.datasets.instance_mask_files import FLAT, FOLDERS, Layout, Mask, Sample, all_masks, layouts, read_samples
from mrcnn_roi.datasets.instance_mask_pixels import read_mask
from mrcnn_roi.datasets.instance_mask_report import header_of, report_grey, report_sizes, sizes_of
from mrcnn_roi.datasets.outline_dataset import checked_class_names
from mrcnn_roi.datasets.problems import Problems, shown
from mrcnn_roi.datasets.source import Source
from mrcnn_roi.findings import SetupError, Severity
from mrcnn_roi.ops.masks import extract_bboxes

NAME = "instance_masks"
TITLE = "one-PNG-an-instance folders (a mask file for each object)"
OPTIONS = ("class_name", "class_names", "class_from")

DEFAULT_CLASS = "object"
_COUNTER = re.compile(r"[_\-. ]*\(?\d*\)?$")


class InstanceMaskDataset(Dataset):
    """A dataset of mask files. image_info entries hold "mask_paths" and "mask_classes", a tuple of each in the order of
    instances, "mask_size" (height, width) or None, and "image_sizes", those of the image as stored and as turned."""

    SOURCE = NAME
    applies_exif = True
    parallel_safe = True

    def annotated_size(self, image_id: int) -> tuple[int, int] | None:
        """(height, width) of most masks of the image; None where there is none that can be read."""
        return self.image_info[image_id]["mask_size"]

    def load_mask(self, image_id: int) -> tuple[np.ndarray, np.ndarray]:
        """(masks bool [H, W, N], class ids int32 [N]), one instance for each file, by file name.

        Raises SetupError naming the file where it is missing, cannot be decoded, has another size than the image, or
        holds several objects.
        """
        info = self.image_info[image_id]
        sizes = info["image_sizes"]
        size = info["mask_size"] or (sizes[-1] if sizes else (0, 0))
        paths = info["mask_paths"]
        masks = np.zeros((len(paths), *size), bool)
        for mask, path in zip(masks, paths):
            pixels = read_mask(path)
            if pixels.shape != size or (sizes and size not in sizes):
                image = " or ".join(f"{width} x {height}" for height, width in dict.fromkeys(sizes or [size]))
                text = f"the mask has {pixels.shape[1]} x {pixels.shape[0]} pixels, the image {info['path']} {image}"
                raise setup_error("ds-mask-shape", path, text, "save the mask in the size of its image")
            mask[:] = pixels
        ids = {each["name"]: class_id for class_id, each in enumerate(self.class_info)}
        return np.moveaxis(masks, 0, -1), np.array([ids[name] for name in info["mask_classes"]], np.int32)

    def load_boxes(self, image_id: int) -> tuple[np.ndarray, np.ndarray]:
        """(boxes int32 [N, (y1, x1, y2, x2)] pixels, class ids int32 [N]), from the masks. Raises as load_mask."""
        masks, class_ids = self.load_mask(image_id)
        return extract_bboxes(masks), class_ids

    def instance_names(self, image_id: int) -> list[str]:
        """The file name of each mask."""
        return [shown(os.path.basename(path)) for path in self.image_info[image_id]["mask_paths"]]

    def image_reference(self, image_id: int) -> str:
        """The path of the image."""
        return str(self.image_info[image_id]["path"])

    def scan_key(self, image_id: int) -> bytes | None:
        """The path, the classes, and every mask file with its size and time of modification; None where one is gone."""
        info = self.image_info[image_id]
        facts = []
        try:
            for path in info["mask_paths"]:
                status = os.stat(path)
                facts.append((path, status.st_size, status.st_mtime_ns))
        except (OSError, ValueError):
            return None
        own = (info["path"], info["mask_size"], info["image_sizes"], info["mask_classes"], facts)
        return repr(own).encode("utf-8", "backslashreplace")


def recognise(source: Source) -> Layout | None:
    """The layout, or None. Raises SetupError listing the candidates where several pairs of folders fit.

    With images=, the annotations are the folder of masks; without, the folder that holds everything.
    """
    if not source.path.is_dir():
        return None
    found = list(layouts(source))
    named = [each for each in found if each.images.name.lower() in ("images", "image", "imgs", "img")]
    found = named if len(found) > 1 and named else found
    if len(found) > 1:
        listed = "; ".join(f"images {each.images.name}/ with masks {each.masks.name}/" for each in found)
        raise setup_error(
            "ds-format-unknown",
            source.path,
            f"{len(found)} pairs of folders could be images and masks: {listed}",
            f'name both: annotations="{found[0].masks}", images="{found[0].images}"',
        )
    return found[0] if found else None


def load(
    found: Layout,
    class_name: str = DEFAULT_CLASS,
    class_names: Sequence[str] | None = None,
    class_from: str | None = None,
) -> InstanceMaskDataset:
    """An InstanceMaskDataset, not yet prepared, of the layout that `recognise` returned.

    class_name: the class of the masks that neither a folder nor their name gives one.
    class_names: the classes in their order, for sets that do not use all of them.
    class_from: "prefix" takes the class from the beginning of the file name, cell of cell_001.png; by default the
        folder between masks/ and the file names it, where there is one.
    Raises ValueError for another class_from, or class_names that are no list of different names.
    """
    if class_from not in (None, "prefix"):
        raise ValueError(f'expected class_from="prefix" or None, received {class_from!r}')
    declared = checked_class_names(class_names) or []
    problems = Problems(found.masks)
    dataset = InstanceMaskDataset()
    samples = read_samples(found, problems)
    total = len(samples)
    samples = _annotated(found, samples, problems)
    classes = [tuple(_class_of(mask, class_name, class_from) for mask in sample.masks or ()) for sample in samples]
    used = {name for names in classes for name in names} or {class_name}
    for class_id, name in enumerate(in_order(used, declared), start=1):
        dataset.add_class(NAME, class_id, name)
    report_names(used, problems)
    for sample, names in zip(samples, classes):
        _add(dataset, sample, names, problems)
    masks = all_masks(samples)
    sampled = report_grey(masks, dataset.image_info, problems)
    dataset.annotation_problems += problems.findings({"image": total, "mask": len(masks), "sampled mask": sampled})
    return dataset


def _class_of(mask: Mask, class_name: str, class_from: str | None) -> str:
    """The class of a mask: the beginning of its name (after the image's stem) where asked, or its folder's name."""
    prefix = _COUNTER.sub("", mask.rest) if class_from else ""
    return prefix or mask.folder or class_name


def _annotated(found: Layout, samples: list[Sample], problems: Problems) -> list[Sample]:
    """The samples with a folder of masks, or all where none has one, as in a test set; the others are reported."""
    lacking = [sample for sample in samples if sample.masks is None]
    fix = "add its masks; for an image without objects an empty folder of masks"
    if found.kind == FLAT:
        fix = f"add its masks, {shown(samples[0].id) if samples else 'a'}_1.png and so on"
    nothing = bool(lacking) and len(lacking) == len(samples)
    for sample in lacking:
        folder = f"no folder {'masks' if found.kind == FOLDERS else shown(sample.id)}/"
        detail = "no masks" if found.kind == FLAT else folder
        if nothing:
            detail, fix = f"{detail}, as in all images: a test set?", "name the folder of the training images"
        severity = Severity.ERROR if nothing else None
        problems.add("ds-map-missing", f"image {shown(sample.image.name)}", detail, fix, severity)
    return samples if nothing else [sample for sample in samples if sample.masks is not None]


def _add(dataset: InstanceMaskDataset, sample: Sample, classes: tuple[str, ...], problems: Problems) -> None:
    """Adds one image; masks with a broken header or another size go to `problems`."""
    sizes, damaged = [], False
    for mask in sample.masks or ():
        try:
            sizes.append((mask, header_of(mask)))
        except SetupError as error:
            finding = error.findings[0]
            place = f"image {shown(sample.image.name)}, mask {shown(mask.name)}"
            problems.add("ds-file-unreadable", place, finding.message, finding.fix)
            damaged = True
    image_sizes = sizes_of(sample.image)
    fitting = [size for _, size in sizes if size in image_sizes]
    mask_size = Counter(fitting or (size for _, size in sizes)).most_common(1)[0][0] if sizes else None
    report_sizes(sample, sizes, mask_size, image_sizes, problems)
    dataset.add_image(
        NAME,
        sample.id,
        str(sample.image),
        mask_paths=tuple(mask.path for mask in sample.masks or ()),
        mask_classes=classes,
        mask_size=mask_size,
        image_sizes=image_sizes,
        masks_reported=damaged,
    )
