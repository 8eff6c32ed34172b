"""Image files that Pillow decodes: their headers, and their pixels in as many channels as are asked for.

8 bits stay 8 bits, 1 bit becomes 0 and 255, a palette is looked up, CMYK becomes RGB. Greyscale of 16 bits keeps its
values and dtype. RGB PNGs of 16 bits lose their low bytes: Pillow has no such mode.
"""

from __future__ import annotations

import os
from typing import BinaryIO

import numpy as np
from PIL import Image

from mrcnn_roi.datasets.image_bombs import refuse_bomb
from mrcnn_roi.datasets.image_channels import in_channels, require_channels
from mrcnn_roi.datasets.image_header import Header, turn_back, valid_orientation
from mrcnn_roi.datasets.tiff_images import DEFLATE, count_pages, rows_as_pages

EXIF_ORIENTATION = 0x0112
_TIFF_WIDTH, _TIFF_HEIGHT, _TIFF_BITS, _TIFF_NOTE, _TIFF_SAMPLES = 256, 257, 258, 270, 277
_TIFF_COMPRESSION, _TIFF_FORMAT = 259, 339
_BAND = 1 << 24  # pixels converted at once
_MOST_VISITS = 2 * 10**10  # pixels times scans of a progressive JPEG, some ten seconds of decoding
_BANDS = {"1": 1, "L": 1, "F": 1, "I": 1, "LA": 2, "La": 2, "RGBA": 4, "RGBa": 4, "PA": 4}  # of all others 3
_MODES = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}
_MORE_SAMPLES = ("L", "LA", "RGB", "RGBA", "RGBX")  # modes of which a TIFF may hold bands that Pillow passes over


def opened(file: str | os.PathLike | BinaryIO) -> Image.Image:
    """The image file, or the bytes of one, opened by Pillow. Raises what Pillow does, and ValueError for EPS, whose
    pixels would come from running it as a program."""
    image = Image.open(file)
    if image.format == "EPS":
        image.close()
        raise ValueError("EPS is a program, not an image")
    if image.format == "TIFF":
        image.filename = ""  # by which Pillow would map the file, and of one with an orientation mix up the rows
    return image


def pillow_header(image: Image.Image, path: str | os.PathLike) -> Header:
    """The header of an opened image file."""
    if image.format != "TIFF":
        bands = _bands(image)
        return Header(image.height, image.width, image.mode, image.format or "", _orientation(image), bands)
    tags = image.tag_v2
    bands = _file_bands(image)
    pages = count_pages(path) if bands == 1 else 1
    orientation = valid_orientation(tags.get(EXIF_ORIENTATION, 1))
    return Header(tags[_TIFF_HEIGHT], tags[_TIFF_WIDTH], image.mode, image.format, orientation, bands, max(pages, 1))


def cuts_tiff(image: Image.Image, channels: int) -> bool:
    """Whether an opened TIFF holds more than Pillow would give of it: deeper samples, more bands, rows as pages."""
    tags = image.tag_v2
    signed = 2 in np.atleast_1d(tags.get(_TIFF_FORMAT, 1))
    if signed and image.mode == "L" or image.mode == "I" and tags.get(_TIFF_COMPRESSION, 1) in (1, *DEFLATE):
        return True  # of whose types Pillow makes int32, or of int8 nonsense
    if max(np.atleast_1d(tags.get(_TIFF_BITS, 8))) > 8 and not is_deep_grey(image.mode) and image.mode != "CMYK":
        return True
    if _file_bands(image) == 1 and rows_as_pages(str(tags.get(_TIFF_NOTE, "")), tags[_TIFF_HEIGHT], tags[_TIFF_WIDTH]):
        return True
    given = _bands(image)
    return _file_bands(image) > given and (given < channels or given < 3)  # of grey Pillow may mix the bands


def pillow_pixels(image: Image.Image, path: str | os.PathLike, channels: int) -> np.ndarray:
    """[H, W, channels] of an opened image as stored: uint8, or the file's own dtype where one band has more bits.

    Raises SetupError "ds-channels" where the file has other bands, and ValueError for a JPEG without end.
    """
    _refuse_endless(image, path)
    if image.format != "TIFF":
        require_channels(path, _bands(image), channels, image.mode)
        return _decoded(image, channels, path)
    orientation = valid_orientation(image.tag_v2.get(EXIF_ORIENTATION, 1))
    pixels = _stack(image, path, channels)
    if pixels is None:
        require_channels(path, _file_bands(image), channels, image.mode)
        pixels = _decoded(image, channels, path)
    return turn_back(pixels, orientation)  # which Pillow has applied, of TIFF alone


def _stack(image: Image.Image, path: str | os.PathLike, channels: int) -> np.ndarray | None:
    """[H, W, channels] of a TIFF with as many pages of one band, all alike, as channels; None for any other. See the
    text of tiff_images."""
    if _file_bands(image) != 1 or channels < 2 or count_pages(path, channels + 1) != channels:
        return None
    mode, size, bands = image.mode, image.size, []
    refuse_bomb(image.height, image.width, channels * (4 if is_deep_grey(mode) else 1), os.path.getsize(path))
    for number in range(channels):
        image.seek(number)
        if (image.mode, image.size) != (mode, size):
            image.seek(0)
            return None
        bands.append(_decoded(image, 1, path))
    return np.concatenate(bands, axis=2)


def _decoded(image: Image.Image, channels: int, path: str | os.PathLike) -> np.ndarray:
    if not is_deep_grey(image.mode):
        return converted(image, channels)
    wide = 2 if image.mode.startswith("I;16") else 4
    refuse_bomb(image.height, image.width, channels * wide, os.path.getsize(path))
    return in_channels(deep_grey(image), channels)


def deep_grey(image: Image.Image) -> np.ndarray:
    """[H, W, 1] of an image of one band of more than 8 bits, uint16, int32 or float32."""
    grey = np.asarray(image)
    if grey.dtype == np.int32 and grey.size and grey.min() >= 0 and grey.max() <= 65535:
        grey = grey.astype(np.uint16)  # older Pillow opens 16-bit PNGs in its 32-bit mode
    return grey.astype(grey.dtype.newbyteorder("="), copy=False)[..., None]


def converted(image: Image.Image, channels: int) -> np.ndarray:
    """uint8 [H, W, channels], 1 to 4; of a large image in strips, or there would be four copies of it in memory."""
    image.load()  # some formats know their size only then
    steps = [{"La": "LA", "RGBa": "RGBA"}.get(image.mode, image.mode)]  # alpha multiplied in, of which no other comes
    if channels == 1 and image.mode not in ("1", "L", "LA", "La"):
        steps.append("RGB")  # a palette would be rounded otherwise than the colours in it
    steps.append(_MODES[channels])
    if channels in (1, 3):
        image.info.pop("transparency", None)  # is dropped, and Pillow would warn of it
    rows = max(1, _BAND // image.width)
    if image.height <= rows:
        return _array(image, steps)
    pixels = np.empty((image.height, image.width, channels), np.uint8)
    for top in range(0, image.height, rows):
        strip = (0, top, image.width, min(top + rows, image.height))
        pixels[top : strip[3]] = _array(image.crop(strip), steps)
    return pixels


def is_deep_grey(mode: str) -> bool:
    """Whether a Pillow mode is one band of more than 8 bits."""
    return mode in ("F", "I") or mode.startswith("I;16")


def _array(image: Image.Image, steps: list[str]) -> np.ndarray:
    for mode in steps:
        image = image if image.mode == mode else image.convert(mode)
    pixels = np.array(image)
    return pixels[..., None] if pixels.ndim == 2 else pixels


def _bands(image: Image.Image) -> int:
    """The bands of the decoded pixels, as Pillow gives them."""
    if is_deep_grey(image.mode):
        return 1
    bands = _BANDS.get(image.mode, 3)
    return bands + ("transparency" in image.info and bands in (1, 3))


def _file_bands(image: Image.Image) -> int:
    """The bands of a TIFF, which may have more than Pillow gives."""
    samples = image.tag_v2.get(_TIFF_SAMPLES, 1)
    more = image.mode in _MORE_SAMPLES or is_deep_grey(image.mode)
    return max(_bands(image), samples if more and isinstance(samples, int) else 1)


def _orientation(image: Image.Image) -> int:
    if image.format == "PNG" and "exif" not in image.info:
        return 1  # getexif() of a PNG without such a chunk would decode all pixels
    return valid_orientation(image.getexif().get(EXIF_ORIENTATION, 1))


def _refuse_endless(image: Image.Image, path: str | os.PathLike) -> None:
    """Raises ValueError for a progressive JPEG that goes over its pixels more often than anybody waits for."""
    if not image.info.get("progressive"):
        return
    with open(path, "rb") as file:
        scans = file.read(1 << 26).count(b"\xff\xda")
    if scans * image.width * image.height > _MOST_VISITS:
        raise ValueError(f"{scans} scans of {image.width} x {image.height} pixels")
