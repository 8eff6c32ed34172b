"""Checks of the images and masks of a dataset (group "dataset") that can be used, but look wrong.

Over the arrays of a scan, as in dataset.py; what the scan did not read (-1, NaN) is no evidence.
"""

from __future__ import annotations

import os

import numpy as np

from mrcnn_roi.checks.config.images import mean_values
from mrcnn_roi.checks.splits import Split, data_check, first, listed_images, listed_instances
from mrcnn_roi.findings import Severity

FULL = 0.99  # share of the image from which a mask is suspected to be inverted
LARGEST_LABEL = 100  # above it, the values of a mask are grey levels rather than numbers of instances
SUFFIXES = {
    "JPEG": (".jpg", ".jpeg", ".jpe", ".jfif"),
    "PNG": (".png",),
    "BMP": (".bmp", ".dib"),
    "GIF": (".gif",),
    "TIFF": (".tif", ".tiff"),
    "WEBP": (".webp",),
}


@data_check("ds-scan-partial", Severity.INFO, "dataset")
def scan_partial(splits):
    """Not every image was read: the scan was asked to be fast, or the dataset is large and a sample of it
    was read. What only pixels and masks show may be wrong in the others."""
    for split in splits:
        count, read = len(split.scan.read), int(split.scan.read.sum())
        if split.scan.fast:
            message = "fast: only headers and annotations were read, the checks of pixels and masks skipped"
            yield ", ".join(each.name for each in splits), message, "run the preflight without fast once"
            return
        if read < count:
            message = f"{read} of {count} images were read, always the same sample"
            yield split.name, message, "nothing to do; a fault in the others shows when training reaches it"


@data_check("ds-bit-depth", Severity.ERROR, "dataset")
def bit_depth(config, splits):
    """Pixels are on another scale than MEAN_PIXEL: 16-bit values up to 65535, or floats 0-1, minus a mean of
    about 120. The network sees numbers it cannot learn from. With a mean on the same scale they are fine."""
    means = mean_values(config)
    if means is None or not np.isfinite(means).all():
        return
    mean = float(np.max(means))
    for split in splits:
        scan = split.scan
        high = np.flatnonzero(scan.value_max > 255)
        known = np.flatnonzero(~np.isnan(scan.value_max))
        fractions = len(known) > 0 and all(
            scan.dtype[row].startswith("float") and scan.value_max[row] <= 1 for row in known.tolist()
        )
        if len(high) and mean < 256:
            own = _mean_pixel(split, high)
            largest = f"{scan.value_max[high].max():g}"
            message = f"values up to {largest}, MEAN_PIXEL is for 0-255: {_dtypes(split, high)}"
            yield split.name, message, f"scale the images to 0-255 in load_image, or set MEAN_PIXEL = {own}"
        elif fractions and mean > 1:
            message = f"values 0 to 1, MEAN_PIXEL is for 0-255: {_dtypes(split, known)}"
            fix = f"return (255 * image).astype(np.uint8), or set MEAN_PIXEL = {_mean_pixel(split, known)}"
            yield split.name, message, fix


@data_check("ds-image-nonfinite", Severity.ERROR, "dataset")
def image_nonfinite(splits):
    """Pixels that are NaN or infinite. One of them makes the loss NaN, and with it all weights."""
    for split in splits:
        scan = split.scan
        floats = np.array([each.startswith("float") for each in scan.dtype], bool)
        rows = np.flatnonzero(floats & ~(np.isfinite(scan.value_min) & np.isfinite(scan.value_max)))
        if len(rows):
            message = f"pixels are NaN or infinite, and the loss will be NaN: {listed_images(split, rows)}"
            yield split.name, message, "return np.nan_to_num(image) from load_image, or mend the files"


def _dtypes(split: Split, rows: np.ndarray) -> str:
    scan = split.scan
    return listed_images(split, rows, "{}, max {:g}", scan.dtype, scan.value_max)


def _mean_pixel(split: Split, rows: np.ndarray) -> str:
    """The mean of the images as a literal."""
    means = split.scan.channel_mean[rows]
    known = means[:, ~np.isnan(means).all(axis=0)].mean(axis=0)
    return f"[{', '.join(f'{each:.3g}' if each < 1 else f'{each:.1f}' for each in known)}]"


@data_check("ds-image-constant", Severity.WARNING, "dataset")
def image_constant(splits):
    """Images of one single value: broken files, or masks taken for images."""
    for split in splits:
        rows = np.flatnonzero(split.scan.value_min == split.scan.value_max)
        if len(rows):
            listed = listed_images(split, rows, "all {:g}", split.scan.value_max)
            fix = "look at the files, and leave them out if they are broken"
            yield split.name, f"nothing to see in {listed}", fix


@data_check("ds-format-extension", Severity.INFO, "dataset")
def format_extension(splits):
    """Files whose content is of another format than their name says. They can be read; other programs may
    refuse."""
    for split in splits:
        scan = split.scan
        suffixes = [os.path.splitext(path)[1].lower() for path in scan.paths]
        rows = [
            row
            for row, (kind, suffix) in enumerate(zip(scan.file_format, suffixes))
            if suffix and kind in SUFFIXES and suffix not in SUFFIXES[kind]
        ]
        if rows:
            listed = listed_images(split, np.array(rows), "is {}", scan.file_format)
            yield split.name, f"content and file name differ: {listed}", "rename them when convenient"


@data_check("ds-channels-mixed", Severity.INFO, "dataset")
def channels_mixed(splits):
    """Files of different kinds (greyscale, RGB, RGBA, palette) in one dataset. Fine as long as load_image
    brings all to the same channels."""
    for split in splits:
        modes = sorted({mode for mode in split.scan.mode if mode})
        if len(modes) > 1:
            counts = ", ".join(f"{split.scan.mode.count(mode)} {mode}" for mode in modes[:8])
            yield split.name, f"files of several kinds: {counts}", "nothing to do if that is expected"


@data_check("ds-alpha-dropped", Severity.WARNING, "dataset")
def alpha_dropped(splits):
    """A fourth channel that differs from pixel to pixel is cut off by load_image. If it holds depth or
    another measurement rather than transparency, the network never sees it."""
    for split in splits:
        rows = np.flatnonzero(split.scan.alpha_varies & (split.scan.channels == 3))
        if len(rows):
            fix = "for RGB-D set IMAGE_CHANNEL_COUNT = 4 and return 4 channels from load_image"
            yield split.name, f"the alpha channel is dropped: {listed_images(split, rows)}", fix


def _empty(split: Split) -> np.ndarray:
    """bool [M]: instances of whose mask no pixel is set."""
    box = split.scan.box
    return (split.scan.mask_area == 0) | (box[:, 2] <= box[:, 0]) | (box[:, 3] <= box[:, 1])


@data_check("ds-mask-empty", Severity.WARNING, "dataset")
def mask_empty(splits):
    """Masks without a single pixel. Such objects are dropped and their place is learned as background. An
    error where all masks are empty. Images without masks are fine."""
    for split in splits:
        empty, total = np.flatnonzero(_empty(split)), len(split.scan.class_id)
        if len(empty):
            severity = Severity.ERROR if len(empty) == total else Severity.WARNING
            fix = "look at how load_mask draws them (points outside the image? x and y swapped?), or drop them"
            yield split.name, f"masks without a pixel: {listed_instances(split, empty, total)}", fix, severity


@data_check("ds-mask-full", Severity.WARNING, "dataset")
def mask_full(splits):
    """Masks that cover the whole image: perhaps inverted, 0 for the object and 1 for the background. Right
    for close-ups and for classes such as water in aerial images."""
    for split in splits:
        scan = split.scan
        pixels = np.where(scan.height > 0, scan.height * scan.width, np.inf)[scan.instance_image]
        full = np.flatnonzero(scan.mask_area > FULL * pixels)
        if len(full):
            listed = listed_instances(split, full, len(scan.class_id))
            fix = "return mask == 0 if they are inverted"
            yield split.name, f"masks that cover the image, inverted? {listed}", fix


@data_check("ds-mask-labelmap", Severity.ERROR, "dataset")
def mask_labelmap(splits):
    """A single mask that holds several numbers: a label map, in which each number is an object. Every value
    above 0 counts as object, so all objects of the image become one."""
    for split in splits:
        rows = np.flatnonzero(_looks_like_labels(split))
        if len(rows):
            scan = split.scan
            listed = listed_images(split, rows, "{} values", scan.mask_distinct)
            fix = "make one mask of each number: label_map[..., None] == np.unique(label_map)[1:]"
            yield split.name, f"one mask with several numbers looks like a label map: {listed}", fix


def _looks_like_labels(split: Split) -> np.ndarray:
    """bool [I]: one mask with more than two small whole numbers, nearly all numbers up to the largest."""
    scan = split.scan
    single = np.array([len(shape) == 3 and shape[2] == 1 for shape in scan.mask_shape], bool)
    whole = np.array([each.startswith(("int", "uint")) for each in scan.mask_dtype], bool)
    few = (scan.mask_max > 1) & (scan.mask_max <= LARGEST_LABEL) & (scan.mask_max < 2 * scan.mask_distinct)
    return single & whole & few & (scan.mask_distinct > 2)


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
    """Every instance is a crowd (a negative class id): none of them is an object, so nothing can be learned.
    Some crowds among objects are fine. A warning for val."""
    for split in splits:
        if len(split.scan.class_id) and (split.scan.class_id < 0).all():
            severity = Severity.ERROR if split.name == "train" else Severity.WARNING
            message = f"all {len(split.scan.class_id)} instances are crowds (iscrowd=1): none is an object"
            yield split.name, message, "set iscrowd to 0 for single objects in the annotation file", severity


def _by_content(split: Split) -> dict[str, list[int]]:
    """sha1 of a file -> rows."""
    rows: dict[str, list[int]] = {}
    for row, sha1 in enumerate(split.scan.sha1):
        if sha1:
            rows.setdefault(sha1, []).append(row)
    return rows


@data_check("ds-file-dup", Severity.WARNING, "dataset")
def file_duplicate(splits):
    """The same file twice in one dataset, under the same or another name. Its annotations may contradict
    each other: an object of the first is background in the second."""
    for split in splits:
        groups = [rows for rows in _by_content(split).values() if len(rows) > 1]
        if groups:
            texts = (" = ".join(split.image(row) for row in rows[:3]) for rows in groups)
            plural = "s" * (len(groups) > 1)
            message = f"{len(groups)} image{plural} more than once{first(texts, len(groups))}"
            yield split.name, message, "keep one of each, with the annotations of all"


@data_check("ds-leak-train-val", Severity.WARNING, "dataset")
def leak(train, val):
    """The same files in train and val: the validation loss is better than the truth. Never an error, because
    overfitting a few images on purpose is a good test."""
    ours, theirs = _by_content(train), _by_content(val)
    common = [(ours[sha1][0], row) for sha1, rows in theirs.items() if sha1 in ours for row in rows]
    if common:
        texts = (f"{val.image(row)} = {train.image(other)} of train" for other, row in common)
        share = f"{len(common)} of {len(val.scan.image_ids)}"
        message = f"{share} val images are also in train{first(texts, len(common))}"
        yield "val", message, "take them out of val, or divide the images with split_dataset()"
