"""TIFF files whose samples Pillow would cut to 8 bits or cannot read: 16 bits a colour, floats, many bands.

They are read with tifffile, which believes what a file says of itself. So it is looked at first: a file of a few
kilobytes must not ask for gigabytes, nor for millions of strips that it does not have.

Bands lie in one page, or in a page each: a file of as many pages of one band, all alike, as channels are asked for is
such a stack (tifffile and ImageJ write them); of any other file with several pages the first is the image. tifffile and
skimage.io.imsave write an array [H, W, 5] as H pages of W x 5, and note its shape, by which it is put together again.
"""

from __future__ import annotations

import json
import lzma
import math
import os
import zlib
from typing import Any, BinaryIO

import numpy as np
from PIL import Image

from mrcnn_roi.datasets.image_bombs import refuse_bomb
from mrcnn_roi.datasets.image_channels import in_channels, require_channels
from mrcnn_roi.datasets.image_header import Header, valid_orientation

DEFLATE, LZMA, PACKBITS = (8, 32946), 34925, 32773
MOST_GROWTH = {**dict.fromkeys(DEFLATE, 1032), LZMA: 7100, PACKBITS: 64}  # bytes that one compressed byte can become
UNSUSPECTED = 1 << 26  # bytes that a strip may become without being tried
OTHER_COLOURS = (3, 5, 6, 8, 9, 10, 32844, 32845)  # palettes, CMYK, YCbCr, Lab, LogLuv: numbers that are no RGB
ORIENTATION = 274
MOST_BANDS = 32  # of an array that was saved with a page a row
LONGEST_NOTE = 65_536  # letters
MOST_PAGES = 65_536  # that are counted


def tiff_header(path: str | os.PathLike) -> Header:
    """The header; its mode is the type of the samples and how many there are a pixel.

    Raises whatever tifffile does on a damaged file, and ValueError for sizes that no image has.
    """
    import tifffile  # comes with scikit-image

    with tifffile.TiffFile(path) as file:
        return _header(_first_page(file), path)


def tiff_image(path: str | os.PathLike, channels: int | None) -> tuple[Header, np.ndarray]:
    """The header, and the image as stored, [H, W, channels] in the file's own type; channels: None for all bands of
    the first page.

    Raises as tiff_header does, DecompressionBombError where the pixels would not be in proportion to the file, and
    SetupError "ds-channels" where it has other bands.
    """
    import tifffile

    with tifffile.TiffFile(path) as file:
        page, size = _first_page(file), os.path.getsize(path)
        header = _header(page, path)
        rows = _rows_as_pages(page)
        stack = [page] if channels is None or rows is not None else _stack(file, path, channels)
        bands = len(stack) if len(stack) > 1 else header.bands
        if channels is not None:
            require_channels(path, bands, channels, header.mode)
        if rows is not None:
            pixels = _row_pages(file, rows, size)
        else:
            refuse_bomb(page.imagelength, page.imagewidth, bands * page.dtype.itemsize, size)
            for each in stack:
                _refuse_bombs(each, size)
            parts = [_bands_last(each) for each in stack]
            pixels = np.concatenate(parts, axis=2) if len(parts) > 1 else parts[0]
    return header, pixels if channels is None else in_channels(pixels, channels)


def _header(page: Any, path: str | os.PathLike) -> Header:
    rows = _rows_as_pages(page)
    if rows is not None:
        return Header(rows[0], rows[1], f"{page.dtype}x{rows[2]}", "TIFF", 1, rows[2])
    height, width, bands = page.imagelength, page.imagewidth, page.samplesperpixel
    orientation = valid_orientation(page.tags.valueof(ORIENTATION))
    pages = max(count_pages(path), 1) if bands == 1 else 1
    return Header(height, width, f"{page.dtype}x{bands}", "TIFF", orientation, bands, pages)


def rows_as_pages(description: str, height: int, width: int) -> tuple[int, int, int] | None:
    """(height, width, bands) of the array that a file with such a first page holds a row a page; None where it does
    not. description: of the first page, which has one band; tifffile notes the shape in it."""
    if not description.startswith('{"shape": [') or len(description) > LONGEST_NOTE:
        return None
    try:
        shape = json.loads(description)["shape"]
    except (ValueError, RecursionError):
        return None
    if not isinstance(shape, list) or not all(isinstance(side, int) and 0 < side < 2**31 for side in shape):
        return None
    if len(shape) != 3 or shape[1:] != [height, width]:
        return None
    return (shape[0], shape[1], shape[2]) if 1 < shape[2] <= min(MOST_BANDS, shape[0] - 1) else None


def _rows_as_pages(page: Any) -> tuple[int, int, int] | None:
    return rows_as_pages(page.description, page.imagelength, page.imagewidth) if page.samplesperpixel == 1 else None


def count_pages(path: str | os.PathLike, most: int = MOST_PAGES) -> int:
    """The pages of a TIFF, at most `most`; what their tags say is not looked at."""
    with open(path, "rb") as file:
        start = file.read(16)
        order = "little" if start[:1] == b"I" else "big"
        big = 43 in start[2:4]
        sizes = (8, 20, 8) if big else (2, 12, 4)  # bytes of a page's number of tags, of a tag, of the next offset
        offset = int.from_bytes(start[8:16] if big else start[4:8], order)  # type: ignore[arg-type]
        seen: set[int] = set()
        while offset and offset not in seen and len(seen) < most:
            following = _next_page(file, offset, sizes, order)
            if following is None:
                break
            seen.add(offset)
            offset = following
    return len(seen)


def _next_page(file: BinaryIO, offset: int, sizes: tuple[int, int, int], order: Any) -> int | None:
    """The offset of the page after the one at `offset`, 0 for none; None where the file ends before."""
    file.seek(offset)
    counted = file.read(sizes[0])
    tags = int.from_bytes(counted, order)
    if len(counted) < sizes[0] or tags > 65_535:
        return None
    file.seek(offset + sizes[0] + tags * sizes[1])
    following = file.read(sizes[2])
    return int.from_bytes(following, order) if len(following) == sizes[2] else None


def _stack(file: Any, path: str | os.PathLike, channels: int) -> list[Any]:
    """The pages that are the bands of the image: as many of one band as channels, all alike, or the first alone."""
    page = file.pages[0]
    if page.samplesperpixel != 1 or channels < 2 or count_pages(path, channels + 1) != channels:
        return [page]
    pages = [file.pages[number] for number in range(channels)]
    alike = all((each.shape, each.dtype, each.samplesperpixel) == (page.shape, page.dtype, 1) for each in pages)
    return pages if alike else [page]


def _bands_last(page: Any) -> np.ndarray:
    pixels, samples = page.asarray(), page.axes.find("S")
    return pixels[..., None] if samples < 0 else np.moveaxis(pixels, samples, -1)


def _row_pages(file: Any, shape: tuple[int, int, int], size: int) -> np.ndarray:
    """The array of this shape [H, W, B] of a file with a row a page."""
    refuse_bomb(shape[0], shape[1], shape[2] * file.pages[0].dtype.itemsize, size)
    series = file.series[0]
    if series.shape == shape and series.dataoffset is not None:  # one run of bytes
        return series.asarray()
    rows = np.empty(shape, file.pages[0].dtype)
    for number in range(shape[0]):
        page = file.pages[number]
        _refuse_bombs(page, size)
        if page.shape != shape[1:] or page.dtype != rows.dtype:
            raise ValueError(f"page {number} is {page.dtype} {page.shape}, not a row of {shape}")
        rows[number] = page.asarray()
    return rows


def _first_page(file: Any) -> Any:
    page = file.pages[0]
    if page.imagelength < 1 or page.imagewidth < 1 or page.samplesperpixel < 1:
        raise ValueError(f"{page.imagewidth} x {page.imagelength} pixels of {page.samplesperpixel} samples")
    if page.imagedepth != 1:
        raise ValueError(f"a volume of {page.imagedepth} slices, not an image")
    if page.dtype is None or page.dtype.kind not in "biuf":
        raise ValueError(f"samples of {page.bitspersample} bits, {page.dtype}")
    if page.photometric in OTHER_COLOURS:
        raise ValueError(f"colours of the kind {page.photometric!r} in {page.dtype}: save the image as RGB")
    return page


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
