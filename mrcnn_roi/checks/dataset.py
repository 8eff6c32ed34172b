"""Checks of the images and masks of a dataset (group "dataset"), over the arrays of a scan. None opens a
file.

What is wrong with annotation files themselves (polygons, RLE, ids, categories) the loaders find while
reading; it comes as `dataset.annotation_problems`. Here: images and masks that training could not use at
all. What is suspicious about usable ones is in dataset_content.py and dataset_masks.py.
"""

from __future__ import annotations

import numpy as np

from mrcnn_roi.checks.axis_order import SIDE, channels_first
from mrcnn_roi.checks.scan_faults import (
    ignored_exif,
    index_outside,
    mean_pixel,
    row_problems,
    size_problems,
)
from mrcnn_roi.checks.splits import data_check, listed_images, whole
from mrcnn_roi.findings import Severity

FIRST = "is [channels, height, width]"  # what datasets.array_images says of such an array
_DECODERS = ("decode", "truncated", "UnidentifiedImageError", "OSError", "load_image returned")  # the file is at fault
# What load_mask raised, and what to do about it.
_REMEDIES = (
    ("all_points_", "only polygons have all_points_x and all_points_y: leave out or convert other shapes (rect, "
     "circle), or read the file with load_dataset(), which draws them"),
    ("KeyError", "an annotation lacks that key, or has it under another name: print image_info of that image"),
    ("NoneType", "end load_mask with `return masks, class_ids`, and check that the files it reads exist"),
    ("not enough values to unpack", "end load_mask with `return masks, class_ids`"),
)  # fmt: skip


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
    for split in splits:
        texts = row_problems(split).get("ds-file-unreadable", {}).values()
        of_files = any(sign in text for text in texts for sign in _DECODERS)
        fix = "copy the files again, or take them out of the dataset"
        yield from _report(
            [split], "ds-file-unreadable", effect, fix if of_files else f"correct load_image(), or {fix}"
        )


@data_check("ds-mask-unreadable", Severity.ERROR, "dataset")
def masks_unreadable(splits):
    """load_mask raises an error, so training stops at the first such image."""
    effect = "load_mask fails, and training stops there"
    for split in splits:
        texts = " ".join(row_problems(split).get("ds-mask-unreadable", {}).values())
        known = (remedy for symptom, remedy in _REMEDIES if symptom in texts)
        fix = next(known, "call load_mask() with that image's number, and correct it or the image's annotations")
        yield from _report([split], "ds-mask-unreadable", effect, fix)


@data_check("ds-polygon-outside", Severity.ERROR, "dataset")
def drawn_outside(splits):
    """Points of an annotation lie outside the image. skimage.draw.polygon without shape= then names rows or columns
    that the mask does not have, and training stops with "IndexError: index 1280 is out of bounds". Points at the
    width or height itself are enough. Annotation files that load_dataset reads are checked point by point."""
    for split in splits:
        texts = row_problems(split).get("ds-polygon-outside", {})
        if not texts:
            continue
        places = {row: index_outside(split.scan, row, text) or (0, 0, 0) for row, text in texts.items()}
        shown = {
            row: f"index {i} of {'xy'[axis == 0]} where 0..{side - 1} exist" for row, (i, axis, side) in places.items()
        }
        listed = listed_images(split, np.array(sorted(texts)), "{}", shown)
        far = any(not -side < index < 2 * side for index, _, side in places.values())
        fix = "pass shape=mask.shape[:2] to skimage.draw.polygon, which cuts off what is outside"
        fix += ", after subtracting the offset of the tile from points of a larger picture" if far else ""
        yield split.name, f"points outside the image are drawn, and training stops there: {listed}", fix


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
    them. PyTorch and rasterio have the channels first, [C, H, W]; here they come last."""
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
            turned = channels_first(scan)[wrong] | (scan.height[wrong] == expected) & (scan.width[wrong] >= SIDE)
            turned &= scan.channels[wrong] >= SIDE
            if scan.reads_files and (turned.any() or any(FIRST in text for text in texts.values())):
                fix = "save the arrays with the channels last: np.save(path, np.moveaxis(image, 0, -1))"
            elif turned.any() and len(turned) == len(texts):
                fix = _axis_fix(expected, np.unique(scan.height[wrong[turned]]), bool(turned.all()))
            else:
                everywhere = len(wrong) == int((scan.channels >= 0).sum())
                found, mean = np.unique(scan.channels[wrong]), mean_pixel(split, wrong)
                fix = (_file_fix if scan.reads_files else _channel_fix)(expected, found, mean, everywhere)
            yield split.name, message, fix


def _axis_fix(expected: int, found: np.ndarray, everywhere: bool) -> str:
    """For images [C, H, W]. found: their numbers of channels. everywhere: whether all wrong images are of that kind."""
    fix = "return np.moveaxis(image, 0, -1) from load_image"
    if found.tolist() != [expected] or not everywhere:
        fix += f", and make it {expected} channel{'s' * (expected > 1)} for every image"
    return fix


def _channel_fix(expected: int, found: np.ndarray, mean: str, everywhere: bool) -> str:
    """found: the numbers of channels that are not `expected`, 0 for images [H, W]. mean: of these images. everywhere:
    whether all images are wrong, so that the setting may be."""
    if len(found) != 1:
        return f"make load_image return {expected} channel{'s' * (expected > 1)} for every image"
    count = int(found[0])
    if count == 0 and expected == 3:
        change = "skimage.color.gray2rgb(image)"
    elif count == 0:
        change = "image[..., np.newaxis]" if expected == 1 else f"np.stack([image] * {expected}, axis=2)"
    elif count == 1:
        change = f"np.repeat(image, {expected}, axis=2)"
    elif expected == 1:
        change = "image.mean(axis=2, keepdims=True)"
    else:
        change = f"image[..., :{expected}]" if count > expected else f"all {expected} channels"
    if not everywhere or (expected == 3 and count == 0):  # [H, W] is no set-up of its own
        return f"return {change} from load_image"
    return f"return {change} from load_image, or set IMAGE_CHANNEL_COUNT = {count or 1} and {_means(count, mean)}"


def _file_fix(expected: int, found: np.ndarray, mean: str, everywhere: bool) -> str:
    """As _channel_fix, for images that the package loads: their files have not the bands for `expected` channels."""
    fix = f"save these images with {expected} band{'s' * (expected > 1)}"
    if len(found) != 1 or not everywhere:
        return f"{fix}, or leave them out"
    return f"set IMAGE_CHANNEL_COUNT = {found[0]} and {_means(int(found[0]), mean)}, or {fix}"


def _means(count: int, mean: str) -> str:
    return f"MEAN_PIXEL = {mean if mean.startswith('[') else f'the mean of each of the {count or 1} channels'}"


def _size_problem(splits, code: str, effect: str, fix: str):
    for split in splits:
        rows = size_problems(split)[code]
        if len(rows):
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
    fix = "swap height and width in add_image() or in the json's images; or, if the annotation tool turned the image "
    fix += "by its EXIF orientation, in load_image use PIL.ImageOps.exif_transpose(PIL.Image.open(path))"
    yield from _size_problem(splits, "ds-size-transposed", effect, fix)


@data_check("ds-exif", Severity.ERROR, "dataset")
def exif_ignored(splits):
    """Photographs with an EXIF orientation that load_image does not apply. Annotation tools do apply it, so
    the masks are turned against the pixels. A warning for orientations 2 to 4, which mirror the image or
    turn it upside down. Silent where the declared size shows that the annotations were made on the pixels as
    they are stored; of orientations 2 to 4, which do not change the size, it cannot."""
    for split in splits:
        scan = split.scan
        ignored, turns = ignored_exif(split), scan.exif_orientation[ignored_exif(split)] >= 5
        for rows, severity in ((ignored[turns], Severity.ERROR), (ignored[~turns], Severity.WARNING)):
            if len(rows):
                listed = listed_images(split, rows, "orientation {}", scan.exif_orientation)
                effect = "so masks lie beside the objects"
                if severity == Severity.WARNING:
                    effect = "so masks are mirrored or upside down against the image, if the tool did"
                message = f"EXIF orientation is ignored by load_image, annotation tools apply it, {effect}: {listed}"
                yield (
                    split.name,
                    message,
                    "in load_image use PIL.ImageOps.exif_transpose(PIL.Image.open(path))",
                    severity,
                )
