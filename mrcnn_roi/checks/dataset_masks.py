"""Checks of masks (group "dataset") that can be used, but look wrong: empty, inverted, label maps, drawn twice.

Over the arrays of a scan, as in dataset.py; what the scan did not read (-1, NaN) is no evidence.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mrcnn_roi.checks.scan_faults import row_problems
from mrcnn_roi.checks.splits import Split, data_check, listed_images, listed_instances
from mrcnn_roi.findings import Severity

FULL = 0.99  # share of the image from which a mask is suspected to be inverted
MOST = 0.6  # the same of a mask that touches all four borders
LARGEST_LABEL = 100  # above it, the values of a mask are grey levels rather than numbers of instances


def _empty(split: Split) -> np.ndarray:
    """bool [M]: instances of whose mask no pixel is set."""
    box = split.scan.box
    return (split.scan.mask_area == 0) | (box[:, 2] <= box[:, 0]) | (box[:, 3] <= box[:, 1])


def _encloses_nothing(split: Split, index: int) -> bool:
    """Whether the loader has reported the outline of an instance as one without an area."""
    image = split.dataset.image_info[int(split.scan.image_ids[split.scan.instance_image[index]])]
    records, position = image.get("records"), int(split.scan.instance_index[index])
    if not isinstance(records, Sequence) or position >= len(records):
        return False
    return getattr(records[position], "empty", False) is True


@data_check("ds-mask-empty", Severity.WARNING, "dataset")
def mask_empty(splits):
    """Masks without a single pixel. Such objects are dropped and their place is learned as background. An
    error where all masks are empty. Images without masks are fine, and polygons that enclose nothing are
    ds-polygon-degenerate."""
    for split in splits:
        empty, total = np.flatnonzero(_empty(split)), len(split.scan.class_id)
        empty = np.array([index for index in empty.tolist() if not _encloses_nothing(split, index)], np.int64)
        if len(empty):
            severity = Severity.ERROR if len(empty) == total else Severity.WARNING
            fix = "look at how load_mask draws them (points outside the image? x and y swapped?), or drop them"
            yield split.name, f"masks without a pixel: {listed_instances(split, empty, total)}", fix, severity


@data_check("ds-mask-full", Severity.WARNING, "dataset")
def mask_full(splits):
    """Masks that cover the whole image, or most of it and all four of its borders: perhaps inverted, 0 for the
    object and 1 for the background. Right for close-ups and for classes such as water in aerial images."""
    for split in splits:
        scan = split.scan
        height, width = (side[scan.instance_image] for side in (scan.height, scan.width))
        pixels = np.where(height > 0, height * width, np.inf)
        borders = (scan.box == np.stack([np.zeros_like(height), np.zeros_like(width), height, width], axis=1)).all(
            axis=1
        )
        share = scan.mask_area / pixels
        full = np.flatnonzero((share > FULL) | (borders & (share > MOST)))
        if len(full):
            listed = listed_instances(split, full, len(scan.class_id), "{:.0%} of the image", share)
            fix = "return mask == 0 from load_mask if they are inverted"
            yield split.name, f"masks that reach all borders of the image, inverted? {listed}", fix


@data_check("ds-mask-labelmap", Severity.ERROR, "dataset")
def mask_labelmap(splits):
    """A single mask that holds several numbers: a label map, in which each number is an object. Every value
    above 0 counts as object, so all objects of the image become one."""
    for split in splits:
        texts = {
            row: f"{split.scan.mask_distinct[row]} values" for row in np.flatnonzero(_looks_like_labels(split)).tolist()
        }
        texts |= row_problems(split).get("ds-mask-labelmap", {})
        if texts:
            listed = listed_images(split, np.array(sorted(texts)), "{}", texts)
            fix = "make one mask of each number: label_map[..., None] == np.unique(label_map)[1:]"
            yield split.name, f"one mask with several numbers looks like a label map: {listed}", fix


def _looks_like_labels(split: Split) -> np.ndarray:
    """bool [I]: one mask with more than two small whole numbers, nearly all numbers up to the largest."""
    scan = split.scan
    single = np.array([len(shape) == 3 and shape[2] == 1 for shape in scan.mask_shape], bool)
    whole = scan.mask_max == np.floor(scan.mask_max)  # of floats only the largest is known; of bools it is NaN
    few = (scan.mask_max > 1) & (scan.mask_max <= LARGEST_LABEL) & (scan.mask_max < 2 * scan.mask_distinct)
    return single & whole & few & (scan.mask_distinct > 2) & (scan.mask_distinct <= scan.mask_max + 1)


@data_check("ds-map-smeared", Severity.WARNING, "dataset")
def map_smeared(splits):
    """Images of at least 20 instances, more than half of which are specks of up to 3 pixels or scattered in pieces:
    fewer pixels than two thirds of the longer side of their box. So looks a label map that was resized with
    interpolation or saved as JPEG: between two numbers all numbers in between appear, each taken as an object. Many
    small objects, and thin ones in any direction, are fine. An error where most images with objects are such: the
    network would learn the debris. Counts and sizes of such images are not judged further. The loader of label maps
    reports what it sees in the maps itself, and then nothing more is said here."""
    for split in splits:
        rows = np.flatnonzero(split.smeared)
        reported = any(each.code == "ds-map-smeared" for each in split.scan.annotation_problems)
        if len(rows) and not reported:
            count = np.bincount(split.scan.instance_image, minlength=len(split.smeared))
            listed = listed_images(split, rows, "{} instances", count)
            fix = "resize label maps with nearest neighbour (Image.Resampling.NEAREST, cv2.INTER_NEAREST), save as PNG"
            effect = "most instances are specks or scattered pixels, as of a label map resized with interpolation"
            most = 2 * len(rows) > len(np.unique(split.scan.instance_image))
            severity = Severity.ERROR if most else Severity.WARNING
            yield split.name, f"{effect}: {listed}", f"{fix}; make them anew from the originals", severity


@data_check("ds-map-object-missing", Severity.WARNING, "dataset")
def map_object_missing(splits):
    """Objects that the XML file lists and the map of objects has nothing for but background. The network learns that
    they are background. Difficult objects may be missing, and so may those the map has void for."""
    for split in splits:
        texts = {row: text for row, text in enumerate(split.scan.unmasked) if text}
        if texts:
            listed = listed_images(split, np.array(sorted(texts)), "{}", texts)
            fix = "draw them in SegmentationObject, mark them 255 (void) there, or take them out of the XML files"
            yield split.name, f"objects of the XML file that are background in the map of objects: {listed}", fix


@data_check("ds-mask-nonbinary", Severity.WARNING, "dataset")
def mask_nonbinary(splits):
    """Masks with more than two values, as JPEG and smooth edges make them. Every value above 0 counts as
    object, so outlines grow by the blurred edge. 0 and 255 are fine."""
    for split in splits:
        rows = np.flatnonzero((split.scan.mask_distinct > 2) & ~_looks_like_labels(split))
        if len(rows):
            scan = split.scan
            listed = listed_images(split, rows, "{} values", scan.mask_distinct)
            half = float(scan.mask_max[rows].max()) / 2
            fix = f"return masks > {half:g} from load_mask"
            yield split.name, f"masks with values between 0 and {2 * half:g}: {listed}", fix


@data_check("ds-mask-dup", Severity.WARNING, "dataset")
def mask_duplicate(splits):
    """Two instances of one image with the same class and the same pixels: the object is annotated twice. The
    same mask under two classes is left alone."""
    for split in splits:
        double = np.flatnonzero(split.scan.duplicate_of >= 0)
        if len(double):
            listed = listed_instances(split, double, len(split.scan.class_id))
            yield split.name, f"annotated twice: {listed}", "delete the second annotation of each"


@data_check("ds-crowd-all", Severity.ERROR, "dataset")
def all_crowds(splits):
    """Every instance is a crowd (a negative class id): none of them is an object, so nothing can be learned from
    train, and the box and mask losses over val are 0. Some crowds among objects are fine."""
    for split in splits:
        if len(split.scan.class_id) and (split.scan.class_id < 0).all():
            effect = "nothing can be learned" if split.name == "train" else "the validation compares wrong numbers"
            message = f"all {len(split.scan.class_id)} instances are crowds (iscrowd=1): none is an object, {effect}"
            yield split.name, message, "set iscrowd to 0 for single objects, and return positive class ids for them"
