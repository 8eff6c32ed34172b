"""What is wrong with single images and masks of a scan, image by image: the checks of dataset.py group and word it.

Nothing here opens a file. Rows are indices into the scan's images.
"""

from __future__ import annotations

import os
import re

import numpy as np

from mrcnn_roi.checks.axis_order import channels_first
from mrcnn_roi.checks.splits import Split

UNREADABLE = ("ds-file-unreadable", "ds-mask-unreadable")  # what an image or its masks have without a code
# Of loaders: masks that do not fit the declared size.
LEAVING = ("ds-polygon-outside", "ds-rle-size", "ds-size-mismatch", "ds-size-transposed")
# Of annotation files: a record that is not what it should be.
RECORD_CODES = ("ds-json-invalid", "ds-via-format", "ds-xml-invalid")
_INDEX = re.compile(r"IndexError: index (-?\d+) is out of bounds for axis ([01]) with size (\d+)")


def row_problems(split: Split) -> dict[str, dict[int, str]]:
    """Code -> row -> text: the images and masks that the scan could not use, each under one code.

    Masks of an image that itself cannot be used are left out, and so are masks drawn on the size that the
    annotations declare when that is not the size of the image (size_problems has those), and masks of images [C, H, W].
    """
    scan, sizes = split.scan, {row for rows in size_problems(split).values() for row in rows.tolist()}
    sizes |= {row for row in ignored_exif(split).tolist() if scan.mask_shape[row][1::-1] == _size(scan, row)}
    turned = set(np.flatnonzero(channels_first(scan)).tolist())
    found: dict[str, dict[int, str]] = {}
    for row, text in scan.image_errors.items():
        code = _code(scan.image_error_codes.get(row, ""), text, UNREADABLE[0])
        if code == "ds-channels" and text.startswith("load_image returned object"):  # None, from cv2.imread
            lost = scan.paths[row] and not os.path.isfile(scan.paths[row])
            code, text = "ds-file-missing" if lost else UNREADABLE[0], "load_image returned None or another object"
        found.setdefault(code, {})[row] = text
    for row, text in scan.mask_errors.items():
        code = _code(scan.mask_error_codes.get(row, ""), text, UNREADABLE[1])
        if code == UNREADABLE[1] and index_outside(scan, row, text):
            code = "ds-polygon-outside"
        usable = row not in scan.image_errors and row not in turned
        of_size = code == "ds-mask-shape" or scan.mask_error_codes.get(row) in LEAVING
        if usable and not (of_size and row in sizes):
            found.setdefault(code, {})[row] = text
    return found


def index_outside(scan, row: int, text: str) -> tuple[int, int, int] | None:
    """(index, axis, side) where load_mask wrote to a row or column that the image does not have."""
    match = _INDEX.search(text)
    if match is None or int(match[3]) != _size(scan, row)[int(match[2])]:
        return None
    return int(match[1]), int(match[2]), int(match[3])


def _code(code: str, text: str, otherwise: str) -> str:
    if not code:
        return "ds-file-missing" if text.startswith("FileNotFoundError") else otherwise
    known = code in UNREADABLE or code in ("ds-file-missing", "ds-channels") or code.startswith("ds-mask-")
    return code if known else otherwise


def size_problems(split: Split) -> dict[str, np.ndarray]:
    """Code -> rows of images whose declared size is not that of their pixels: "ds-exif",
    "ds-size-transposed" or "ds-size-mismatch". Left out: images whose masks have the size of the pixels
    anyway, or that have none, and images [C, H, W]."""
    scan = split.scan
    declared = np.stack([scan.declared_height, scan.declared_width], axis=1)
    actual = np.stack([scan.height, scan.width], axis=1)
    wrong = (declared > 0).all(axis=1) & (actual > 0).all(axis=1) & (declared != actual).any(axis=1)
    wrong &= ~channels_first(scan)
    for row in np.flatnonzero(wrong & scan.read):
        shape = scan.mask_shape[row]
        fits = len(shape) != 3 or shape[2] == 0 or tuple(shape[:2]) == tuple(actual[row])
        wrong[row] = not fits or scan.mask_error_codes.get(row) in LEAVING
    turned = wrong & (declared[:, ::-1] == actual).all(axis=1)
    exif = turned & (scan.exif_orientation >= 5)
    return {
        "ds-exif": np.flatnonzero(exif),
        "ds-size-transposed": np.flatnonzero(turned & ~exif),
        "ds-size-mismatch": np.flatnonzero(wrong & ~turned),
    }


def ignored_exif(split: Split) -> np.ndarray:
    """Rows of images with an EXIF orientation that load_image does not apply, where nothing shows that the annotations
    were made on the pixels as they are stored: neither the declared size, which orientations that only mirror the
    image or turn it upside down leave as it is, nor masks that fit another size."""
    scan = split.scan
    declared = np.stack([scan.declared_height, scan.declared_width], axis=1)
    actual = np.stack([scan.height, scan.width], axis=1)
    same = (declared == actual).all(axis=1)
    fits = np.where(same, scan.height != scan.width, (declared > 0).all(axis=1)) & (scan.exif_orientation >= 5)
    fits[[row for rows in size_problems(split).values() for row in rows]] = False
    return np.flatnonzero((scan.exif_orientation >= 2) & (scan.exif_applied == 0) & ~fits)


def _size(scan, row: int) -> tuple[int, int]:
    return int(scan.height[row]), int(scan.width[row])


def mean_pixel(split: Split, rows: np.ndarray) -> str:
    """The mean of the images, a number a channel, as a literal; of more channels than the scan knows it of, one number
    stands for all. "" where no pixels were read."""
    means = split.scan.channel_mean[rows]
    known = means[:, ~np.isnan(means).all(axis=0)] if len(rows) else means[:, :0]
    numbers = [f"{each:.3g}" if each < 1 else f"{each:.1f}" for each in np.nanmean(known, axis=0)]
    count = int(split.scan.channels[rows].max(initial=0))
    if not numbers:
        return ""  # nothing was read
    return f"np.full({count}, {numbers[0]})" if count > len(numbers) else f"[{', '.join(numbers)}]"


def nothing_read(split: Split) -> bool:
    """Whether the loader says that it could not read records of its file, or found no classes in it, and there is not
    one instance: what the dataset lacks is then no fault of its own."""
    codes = {each.code for each in split.scan.annotation_problems}
    no_classes = split.scan.num_classes < 2 and "ds-category-unknown" in codes
    return (no_classes or not codes.isdisjoint(RECORD_CODES)) and not len(split.scan.class_id)
