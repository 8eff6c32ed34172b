"""Checks of the images of a dataset (group "dataset") that can be used, but look wrong; of masks in dataset_masks.py.

Over the arrays of a scan, as in dataset.py; what the scan did not read (-1, NaN) is no evidence.
"""

from __future__ import annotations

import os

import numpy as np

from mrcnn_roi.checks.config.images import mean_values
from mrcnn_roi.checks.scan_faults import mean_pixel
from mrcnn_roi.checks.splits import Split, data_check, first, listed_images
from mrcnn_roi.checks.value_scale import deep_rows, fraction_rows, near_mean
from mrcnn_roi.checks.values import show
from mrcnn_roi.findings import Severity

SUFFIXES = {
    "JPEG": (".jpg", ".jpeg", ".jpe", ".jfif"),
    "PNG": (".png",),
    "BMP": (".bmp", ".dib"),
    "GIF": (".gif",),
    "TIFF": (".tif", ".tiff"),
    "WEBP": (".webp",),
    "NPY": (".npy",),
}


@data_check("ds-scan-partial", Severity.INFO, "dataset")
def scan_partial(splits):
    """Not every image was read: the scan was asked to be fast, or the dataset is large and a sample of it
    was read. What only pixels and masks show may be wrong in the others."""
    for split in splits:
        count, read = len(split.scan.read), int(split.scan.read.sum())
        if split.scan.fast:
            message = "fast: only headers and annotations were read, the checks of pixels and masks skipped"
            yield ", ".join(each.name for each in splits), message, "run it once without fast (--fast)"
            return
        if read < count:
            message = f"{read} of {count} images were read, always the same sample"
            yield split.name, message, "nothing to do; a fault in the others shows when training reaches it"


@data_check("ds-bit-depth", Severity.ERROR, "dataset")
def bit_depth(config, splits):
    """Pixels are on another scale than MEAN_PIXEL: 16-bit values up to 65535, or floats 0-1, minus a mean of
    about 120. The network sees numbers it cannot learn from. With a mean on the same scale they are fine. A warning
    where MEAN_PIXEL lies above the 255 of 8-bit images, which then are all far below it."""
    means = mean_values(config)
    if means is None or not np.isfinite(means).all():
        return
    mean = float(np.max(means))
    for split in splits:
        scan = split.scan
        high, parts = deep_rows(scan), fraction_rows(scan)
        known = np.flatnonzero(~np.isnan(scan.value_max))
        if len(high) and mean < 256 and not near_mean(scan, high, means):
            own = mean_pixel(split, high)
            largest = f"{scan.value_max[high].max():g}"
            message = f"values up to {largest}, MEAN_PIXEL is for 0-255: {_dtypes(split, high)}"
            yield split.name, message, f"scale the images to 0-255 in load_image, or set MEAN_PIXEL = {own}"
        elif len(parts) and mean > 1:
            message = f"values 0 to 1, MEAN_PIXEL is for 0-255: {_dtypes(split, parts)}"
            fix = f"return (255 * image).astype(np.uint8), or set MEAN_PIXEL = {mean_pixel(split, parts)}"
            yield split.name, message, fix
        elif mean > 255 and len(known) and (scan.dtype_max[known] == 255).all():
            message = f"MEAN_PIXEL {show(means.tolist())} is above all values of 8-bit images"
            fix = f"set MEAN_PIXEL = {mean_pixel(split, known)}, the mean of these images"
            yield "MEAN_PIXEL", message, fix, Severity.WARNING
            return


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
    another measurement rather than transparency, the network never sees it. So it is with the bands after the
    third of a TIFF or an array."""
    for split in splits:
        scan = split.scan
        rows = np.flatnonzero(scan.alpha_varies & (scan.channels > 0))
        if len(rows):
            bands = max(_bands_of(scan.mode[row]) for row in rows)
            what = "the alpha channel is" if bands <= 4 else f"bands of files of up to {bands} are"
            loading = "" if scan.reads_files else f"return {bands} channels from load_image, "
            fix = f"{'if alpha holds a measurement, ' if bands <= 4 else ''}{loading}set IMAGE_CHANNEL_COUNT = {bands} "
            yield split.name, f"{what} dropped: {listed_images(split, rows)}", f"{fix}and MEAN_PIXEL to {bands} values"


def _bands_of(mode: str) -> int:
    """The bands of a file that has some too many: 4 of "RGBA", 5 of "uint16x5"."""
    count = mode.rpartition("x")[2]
    return int(count) if count.isdecimal() else 4


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
