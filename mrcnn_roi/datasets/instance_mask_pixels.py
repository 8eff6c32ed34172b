"""One mask file as a bool array: which pixels are the object, and which files hold no mask of one object.

What is not 0 is the object. Smooth or smeared edges (more than two grey values) are cut at half of the largest value.
In colour files black is the background and one colour the object; where the transparency of a PNG varies, it decides.
"""

from __future__ import annotations

import os
from typing import NamedTuple

import numpy as np
from PIL import Image

from mrcnn_roi.datasets.files import setup_error
from mrcnn_roi.datasets.images import alpha_varies, is_label_map, read_header, read_image, read_label_map
from mrcnn_roi.findings import SetupError

AS_MASKS = "save every object as a black and white PNG of its own, 0 for the background and 255 for the object"
LARGEST_LABEL = 100  # above it, the values of a file are grey levels rather than numbers of objects
EXTREME = 0.9  # share of pixels near black or near the brightest, from which a grey picture passes for a mask
_PNG = b"\x89PNG\r\n\x1a\n"
_GREY, _GREY_ALPHA, _RGB_ALPHA = 0, 4, 6  # colour types of PNG
_MOST = 1 << 26  # pixels of a mask that is decoded without asking Pillow's limit first


class MaskHeader(NamedTuple):
    """What the header of a mask file says: its size in pixels, and PNG's type and bits, -1 for other formats."""

    height: int
    width: int
    colour_type: int
    bits: int


def mask_header(path: str) -> MaskHeader:
    """The header of a mask file; of a PNG from its first 26 bytes, for there are tens of thousands of them.

    Raises SetupError naming the file where it is missing or no image.
    """
    try:
        start = b""
        if os.path.isfile(path):  # a FIFO would block for ever
            with open(path, "rb", buffering=0) as file:
                start = file.read(26)
    except (OSError, ValueError):
        start = b""
    if len(start) == 26 and start.startswith(_PNG) and start[12:16] == b"IHDR":
        width, height = int.from_bytes(start[16:20], "big"), int.from_bytes(start[20:24], "big")
        if 0 < height * width < _MOST:
            return MaskHeader(height, width, start[25], start[24])
    header = read_header(path)
    return MaskHeader(header.height, header.width, -1, -1)


def read_mask(path: str) -> np.ndarray:
    """bool [H, W]: True for the object.

    Raises SetupError naming the file: "ds-file-missing", "ds-file-unreadable" where it cannot be decoded or is a
    picture in colours, "ds-mask-labelmap" where it holds several numbers, each an object.
    """
    return as_mask(grey_pixels(path), path)


def as_mask(pixels: np.ndarray, path: str) -> np.ndarray:
    """bool [H, W] of a mask file's grey pixels. Raises SetupError naming the file where they number several objects."""
    if pixels.dtype == bool:
        return pixels
    nonzero = np.not_equal(pixels, 0)
    top = pixels.max()
    if top <= 0 or np.count_nonzero(nonzero) == np.count_nonzero(pixels == top):
        return nonzero
    count = len(np.unique(pixels[nonzero]))
    if top <= LARGEST_LABEL and top < 2 * (count + 1) and pixels.dtype.kind in "iu":
        text = f"the numbers of {count} objects in one mask (the largest is {top}): it is a label map"
        raise setup_error("ds-mask-labelmap", path, text, AS_MASKS)
    return np.greater(pixels, top / 2)


def looks_binary(path: str) -> bool | None:
    """Whether a file holds the mask of one object, not numbers or a picture; None where it is damaged."""
    try:
        pixels = grey_pixels(path)
        as_mask(pixels, path)
    except SetupError as error:
        return False if error.findings[0].fix == AS_MASKS else None
    if pixels.dtype == bool or not pixels.size:
        return True
    top = float(pixels.max())
    if top <= LARGEST_LABEL and len(np.unique(pixels[pixels != 0])) > 1:
        return False
    return float(np.mean((pixels <= top / 8) | (pixels >= top * 7 / 8))) > EXTREME


def grey_pixels(path: str) -> np.ndarray:
    """[H, W] of one channel: the file's grey values, its transparency, or True where its one colour is.

    Raises SetupError as read_mask does, but for label maps.
    """
    header = mask_header(path)
    if header.colour_type == _GREY and header.bits in (1, 8):
        try:
            with Image.open(path, formats=("PNG",)) as image:
                return np.asarray(image)
        except Exception:  # what is wrong with it, the way below says
            pass
    elif header.colour_type in (_GREY_ALPHA, _RGB_ALPHA) and alpha_varies(path):
        with Image.open(path, formats=("PNG",)) as image:
            return np.asarray(image.getchannel("A"))
    mode = read_header(path).mode
    if is_label_map(mode) and mode != "P":
        return read_label_map(path, lossy=True)
    pixels = read_image(path, None, apply_exif=False)
    if (pixels == pixels[..., :1]).all():
        grey = pixels[..., 0]
        return np.nan_to_num(grey) if grey.dtype.kind == "f" else grey
    colours = np.unique(pixels[pixels.any(axis=2)], axis=0)
    if len(colours) > 1:
        text = f"a picture of {len(colours)} colours is no mask of one object"
        raise setup_error("ds-file-unreadable", path, text, AS_MASKS)
    return np.asarray(pixels.any(axis=2))
