"""Checks of the images and masks of a dataset (group "dataset"), over the arrays of a scan. None opens a
file.

What is wrong with annotation files themselves (polygons, RLE, ids, categories) the loaders find while
reading; it comes as `dataset.annotation_problems`. Here: images and masks that training could not use at
all. What is suspicious about usable ones is in dataset_content.py. ds-load-slow is left to the progress bar
of the scan.
"""

from __future__ import annotations

import numpy as np

from mrcnn_roi.checks.splits import Split, data_check, listed_images, whole
from mrcnn_roi.findings import Severity

UNREADABLE = ("ds-file-unreadable", "ds-mask-unreadable")  # what an image or its masks have without a code


def row_problems(split: Split) -> dict[str, dict[int, str]]:
    """Code -> row -> text: the images and masks that the scan could not use, each under one code.

    Masks of an image that itself cannot be used are left out, and so are masks drawn on the size that the
    annotations declare when that is not the size of the image: size_problems has those.
    """
    scan, sizes = split.scan, {row for rows in size_problems(split).values() for row in rows.tolist()}
    sizes |= {row for row in ignored_exif(split).tolist() if scan.mask_shape[row][1::-1] == _size(scan, row)}
    found: dict[str, dict[int, str]] = {}
    for row, text in scan.image_errors.items():
        found.setdefault(_code(scan.image_error_codes.get(row, ""), text, UNREADABLE[0]), {})[row] = text
    for row, text in scan.mask_errors.items():
        code = _code(scan.mask_error_codes.get(row, ""), text, UNREADABLE[1])
        if row not in scan.image_errors and not (code == "ds-mask-shape" and row in sizes):
            found.setdefault(code, {})[row] = text
    return found


def _code(code: str, text: str, otherwise: str) -> str:
    if not code:
        return "ds-file-missing" if text.startswith("FileNotFoundError") else otherwise
    known = code in UNREADABLE or code in ("ds-file-missing", "ds-channels") or code.startswith("ds-mask-")
    return code if known else otherwise


def size_problems(split: Split) -> dict[str, np.ndarray]:
    """Code -> rows of images whose declared size is not that of their pixels: "ds-exif",
    "ds-size-transposed" or "ds-size-mismatch". Left out: images whose masks have the size of the pixels
    anyway, or that have none."""
    scan = split.scan
    declared = np.stack([scan.declared_height, scan.declared_width], axis=1)
    actual = np.stack([scan.height, scan.width], axis=1)
    wrong = (declared > 0).all(axis=1) & (actual > 0).all(axis=1) & (declared != actual).any(axis=1)
    for row in np.flatnonzero(wrong & scan.read):
        shape = scan.mask_shape[row]
        wrong[row] = len(shape) == 3 and shape[2] > 0 and tuple(shape[:2]) != tuple(actual[row])
    turned = wrong & (declared[:, ::-1] == actual).all(axis=1)
    exif = turned & (scan.exif_orientation >= 5)
    return {
        "ds-exif": np.flatnonzero(exif),
        "ds-size-transposed": np.flatnonzero(turned & ~exif),
        "ds-size-mismatch": np.flatnonzero(wrong & ~turned),
    }


def ignored_exif(split: Split) -> np.ndarray:
    """Rows of images with an EXIF orientation that load_image does not apply, where nothing shows that the annotations
    were made on the pixels as they are stored: neither the declared size, nor masks that fit another size."""
    scan = split.scan
    declared = np.stack([scan.declared_height, scan.declared_width], axis=1)
    actual = np.stack([scan.height, scan.width], axis=1)
    same = (declared == actual).all(axis=1)
    fits = np.where(same, scan.height != scan.width, (declared > 0).all(axis=1))
    fits[[row for rows in size_problems(split).values() for row in rows]] = False
    return np.flatnonzero((scan.exif_orientation >= 2) & (scan.exif_applied == 0) & ~fits)


def _size(scan, row: int) -> tuple[int, int]:
    return int(scan.height[row]), int(scan.width[row])


def _reported(split: Split, code: str) -> bool:
    """Whether the loader has reported the code already: it saw all images."""
    return any(finding.code == code for finding in split.scan.annotation_problems)


def _report(splits, code: str, effect: str, fix: str):
    for split in splits:
        texts = row_problems(split).get(code, {})
        if texts:
            listed = listed_images(split, np.array(sorted(texts)), "{}", texts)
            yield split.name, f"{effect}: {listed}", fix


@data_check("ds-scan-failed", Severity.ERROR, "dataset")
def scan_failed(scan_failures):
    """The dataset object itself raises when its images are listed, before any of them is loaded: a class that lacks
    an attribute, or overrides one with something else. Training needs the same attributes."""
    for name, error in scan_failures.items():
        fix = "look at the class of the dataset: image_info, class_info and image_ids must be as Dataset makes them"
        yield name, f"listing its images failed with {error}", fix


@data_check("ds-file-missing", Severity.ERROR, "dataset")
def file_missing(splits):
    """Image or mask files that do not exist. Training stops at the first of them, at a random step of the
    first epoch (the original went on until the sixth failure)."""
    effect = "files are missing, and training stops at the first of them"
    fix = "correct the paths given to add_image(), or copy the files there"
    yield from _report(splits, "ds-file-missing", effect, fix)


@data_check("ds-file-unreadable", Severity.ERROR, "dataset")
def file_unreadable(splits):
    """Images that cannot be decoded (truncated, empty, no image), or for which load_image raises. Training
    stops at the first of them."""
    effect = "load_image fails, and training stops there"
    fix = "copy the files again, or take them out of the dataset"
    yield from _report(splits, "ds-file-unreadable", effect, fix)


@data_check("ds-mask-unreadable", Severity.ERROR, "dataset")
def masks_unreadable(splits):
    """load_mask raises. Training stops at the first such image."""
    effect = "load_mask fails, and training stops there"
    fix = "correct load_mask() or the annotations of these images"
    yield from _report(splits, "ds-mask-unreadable", effect, fix)


@data_check("ds-mask-rank", Severity.ERROR, "dataset")
def mask_rank(splits):
    """load_mask does not return masks of shape [H, W, N] but, for example, one mask [H, W] or a label map."""
    fix = "add the axis of instances for one object, masks[..., np.newaxis], or split a label map into masks"
    yield from _report(splits, "ds-mask-rank", "masks must be [H, W, N], or training stops", fix)


@data_check("ds-mask-axis-order", Severity.ERROR, "dataset")
def mask_axis_order(splits):
    """load_mask returns masks [N, H, W] where [H, W, N] is expected."""
    fix = "return np.moveaxis(masks, 0, -1) from load_mask"
    yield from _report(splits, "ds-mask-axis-order", "masks are [N, H, W], and training stops", fix)


@data_check("ds-mask-shape", Severity.ERROR, "dataset")
def mask_shape(splits):
    """Masks have another height or width than the image that load_image returns. Training stops there."""
    fix = "draw the masks on the size of the image, or resize both alike in load_image and load_mask"
    yield from _report(splits, "ds-mask-shape", "masks and image differ in size, and training stops", fix)


@data_check("ds-mask-count", Severity.ERROR, "dataset")
def mask_count(splits):
    """load_mask returns another number of masks than of class ids: "boolean index did not match". Often a
    region without a label was left out of one of the two lists."""
    fix = "append to the masks and to the class ids in the same place of load_mask, for the same regions"
    yield from _report(splits, "ds-mask-count", "masks and class ids do not pair up, and training stops", fix)


@data_check("ds-channels", Severity.ERROR, "dataset")
def channels_differ(config, splits):
    """load_image returns another number of channels than IMAGE_CHANNEL_COUNT, or no channel axis. The image
    does not fit the network's input. Files may have any number of channels, as long as load_image converts
    them."""
    expected = whole(config, "IMAGE_CHANNEL_COUNT")
    for split in splits:
        scan, texts = split.scan, row_problems(split).get("ds-channels", {})
        wrong = np.flatnonzero((scan.channels >= 0) & (scan.channels != expected))
        for row in wrong.tolist():
            shape = [int(scan.height[row]), int(scan.width[row]), int(scan.channels[row])]
            texts[row] = str(shape if shape[2] else shape[:2])
        if texts:
            rows = np.array(sorted(texts))
            listed = listed_images(split, rows, "{}", texts)
            message = f"load_image must return [H, W, {expected}] (IMAGE_CHANNEL_COUNT={expected}): {listed}"
            yield split.name, message, _channel_fix(expected, np.unique(scan.channels[wrong]))


def _channel_fix(expected: int, found: np.ndarray) -> str:
    if expected == 3 and found.tolist() == [0]:
        return "return skimage.color.gray2rgb(image) from load_image"
    if len(found) != 1 or found[0] < 1:
        return f"make load_image return {expected} channels for every image"
    mean = ", ".join(["..."] * int(found[0]))
    other = f"image[..., :{expected}]" if found[0] > expected else f"np.repeat(image, {expected}, axis=2)"
    return f"return {other} from load_image, or set IMAGE_CHANNEL_COUNT = {found[0]}, MEAN_PIXEL = [{mean}]"


def _size_problem(splits, code: str, effect: str, fix: str):
    for split in splits:
        rows = size_problems(split)[code]
        if len(rows) and not _reported(split, code):
            scan = split.scan
            sizes = (scan.declared_width, scan.declared_height, scan.width, scan.height)
            listed = listed_images(split, rows, "annotated as {}x{}, is {}x{}", *sizes)
            yield split.name, f"{effect} (width x height): {listed}", fix


@data_check("ds-size-mismatch", Severity.ERROR, "dataset")
def size_mismatch(splits):
    """The size that the annotations name is not the size of the image: masks are drawn at other places than
    the objects, or do not fit. Usually the images were resized after they were annotated."""
    effect = "the annotations were made on another size than the image has"
    fix = "use the images that were annotated, or scale the annotations by the ratio of the sizes"
    yield from _size_problem(splits, "ds-size-mismatch", effect, fix)


@data_check("ds-size-transposed", Severity.ERROR, "dataset")
def size_transposed(splits):
    """Height and width of the annotations are swapped against the image's: masks lie elsewhere, or do not
    fit. Square images cannot show it."""
    effect = "height and width are swapped between annotations and image"
    fix = "swap height and width in add_image(), or turn the images by 90 degrees as they were annotated"
    yield from _size_problem(splits, "ds-size-transposed", effect, fix)


@data_check("ds-exif", Severity.ERROR, "dataset")
def exif_ignored(splits):
    """Photographs with an EXIF orientation that load_image does not apply. Annotation tools do apply it, so
    the masks are turned against the pixels. A warning for orientations 2 to 4, which mirror the image or
    turn it upside down. Silent where the declared size shows that the annotations were made on the pixels as
    they are stored."""
    for split in splits:
        scan = split.scan
        ignored, turns = ignored_exif(split), scan.exif_orientation[ignored_exif(split)] >= 5
        for rows, severity in ((ignored[turns], Severity.ERROR), (ignored[~turns], Severity.WARNING)):
            if len(rows) and not _reported(split, "ds-exif"):
                listed = listed_images(split, rows, "orientation {}", scan.exif_orientation)
                message = f"EXIF orientation is ignored by load_image, annotation tools apply it: {listed}"
                yield (
                    split.name,
                    message,
                    "in load_image use PIL.ImageOps.exif_transpose(PIL.Image.open(path))",
                    severity,
                )
