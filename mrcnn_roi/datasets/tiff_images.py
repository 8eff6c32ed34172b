"""TIFF files whose samples Pillow would cut to 8 bits or cannot read: 16 bits a colour, floats, many channels.

They are read with tifffile, which believes what a file says of itself. So it is looked at first: a file of a few
kilobytes must not ask for gigabytes, nor for millions of strips that it does not have.
"""

from __future__ import annotations

import lzma
import math
import os
import zlib
from typing import Any

import numpy as np
from PIL import Image

DEFLATE, LZMA, PACKBITS = (8, 32946), 34925, 32773
MOST_GROWTH = {**dict.fromkeys(DEFLATE, 1032), LZMA: 7100, PACKBITS: 64}  # bytes that one compressed byte can become
UNSUSPECTED = 1 << 26  # bytes that a strip may become without being tried
MOST_BYTES, MOST_RATIO = 1 << 30, 100  # more bytes than these must come from a file with at least a hundredth of them


def tiff_header(path: str | os.PathLike) -> tuple[int, int, str]:
    """(height, width, mode) of the first page; the mode is the type of the samples and how many there are a pixel.

    Raises whatever tifffile does on a damaged file, and ValueError for sizes that no image has.
    """
    import tifffile  # comes with scikit-image

    with tifffile.TiffFile(path) as file:
        page = _first_page(file)
        return page.imagelength, page.imagewidth, f"{page.dtype}x{page.samplesperpixel}"


def tiff_pixels(path: str | os.PathLike) -> np.ndarray:
    """The first page as [H, W, 3] in the file's own type: the first three channels, or the only one repeated.

    Raises as tiff_header does, and DecompressionBombError where the pixels would not be in proportion to the file.
    """
    import tifffile

    with tifffile.TiffFile(path) as file:
        page = _first_page(file)
        _refuse_bombs(page, os.path.getsize(path))
        pixels = page.asarray()
        samples = page.axes.find("S")
    pixels = pixels[..., None] if samples < 0 else np.moveaxis(pixels, samples, -1)
    return pixels[..., :3] if pixels.shape[2] >= 3 else np.repeat(pixels[..., :1], 3, axis=2)


def _first_page(file: Any) -> Any:
    page = file.pages[0]
    if page.imagelength < 1 or page.imagewidth < 1 or page.samplesperpixel < 1:
        raise ValueError(f"{page.imagewidth} x {page.imagelength} pixels of {page.samplesperpixel} samples")
    if page.imagedepth != 1:
        raise ValueError(f"a volume of {page.imagedepth} slices, not an image")
    if page.dtype is None:
        raise ValueError(f"samples of {page.bitspersample} bits")
    return page


def refuse_bomb(height: int, width: int, pixel_size: int, file_size: int) -> None:
    """Raises DecompressionBombError for more pixels than Pillow takes, or more bytes of them (pixel_size is one's) than
    a file of file_size bytes may reasonably hold."""
    if Image.MAX_IMAGE_PIXELS is None:
        return
    pixels, size = height * width, height * width * pixel_size
    if pixels > 2 * Image.MAX_IMAGE_PIXELS or size > max(MOST_BYTES, MOST_RATIO * file_size):
        raise Image.DecompressionBombError(f"{width} x {height} pixels, {size} bytes")


def _refuse_bombs(page: Any, file_size: int) -> None:
    refuse_bomb(page.imagelength, page.imagewidth, page.samplesperpixel * page.dtype.itemsize, file_size)
    given, needed = len(page.dataoffsets), math.prod(page.chunked)
    if given < needed and not page.is_contiguous:
        raise ValueError(f"{given} of {needed} strips or tiles are there")
    whole = math.prod(page.chunks) * page.dtype.itemsize
    if whole > max(UNSUSPECTED, 4 * page.nbytes):
        raise ValueError(f"tiles of {whole} bytes for an image of {page.nbytes}")
    if page.compression in MOST_GROWTH:
        for offset, count in zip(page.dataoffsets, page.databytecounts):
            _refuse_strip(page, offset, count, whole)


def _refuse_strip(page: Any, offset: int, count: int, whole: int) -> None:
    """Raises for a strip or tile that becomes far more than the `whole` bytes it should."""
    most = max(2 * whole, UNSUSPECTED)
    if count * MOST_GROWTH[page.compression] <= most:
        return
    message = f"a strip of {count} bytes becomes more than {most}, {whole} are needed"
    if count > whole * 5 // 4 + 4096:  # none of these ever grows what it compresses by more
        raise Image.DecompressionBombError(message)
    if page.compression == PACKBITS:
        return
    file = page.parent.filehandle
    file.seek(offset)
    data = file.read(count)
    if page.compression == LZMA:
        grown = lzma.LZMADecompressor().decompress(data, most + 1)
    else:
        grown = zlib.decompressobj().decompress(data, most + 1)
    if len(grown) > most:
        raise Image.DecompressionBombError(message)
