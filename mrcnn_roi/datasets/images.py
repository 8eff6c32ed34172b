"""Decoding image files: what `Dataset.load_image` returns, and what the header alone says.

Pixels come as [H, W, channels], three of them unless others are asked for: `image_channels` says what becomes of a
file with other bands. Files keep their depth: 8 bits stay 8 bits; greyscale of 16 bits, TIFF of more than 8 bits and
NumPy's arrays keep their values and dtype, so that a check can compare them with MEAN_PIXEL. Only RGB PNGs of 16 bits
lose their low bytes.

The content decides who decodes, not the name: NumPy (`array_images`), tifffile for what Pillow would cut of a TIFF
(`tiff_images`), Pillow for all others (`pillow_images`).

EXIF orientation. A camera stores the pixels one way and a note how to turn them; annotation tools turn them.
The size the annotations were drawn on decides: pixels are turned where that size equals the turned one, left
where it equals the stored one. Where sizes cannot decide (square images, flips, no size known) the caller's
default holds: loaders of annotation files turn, Matterport-style classes do not (skimage.io.imread did not).
"""

from __future__ import annotations

import contextlib
import logging
import os
import re
import threading
import warnings
from collections.abc import Iterator

import numpy as np
from PIL import Image, UnidentifiedImageError

from mrcnn_roi.datasets.array_images import MAGIC, ZIP_MAGIC, array_header, array_pixels
from mrcnn_roi.datasets.files import closest_name, setup_error
from mrcnn_roi.datasets.image_channels import bands_taken
from mrcnn_roi.datasets.image_header import Header, orientation_applies, turn, turn_back
from mrcnn_roi.datasets.pillow_images import cuts_tiff, opened, pillow_header, pillow_pixels
from mrcnn_roi.datasets.tiff_images import tiff_header, tiff_image
from mrcnn_roi.findings import SetupError

_TIFF_MAGICS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_ALPHA_MODES = ("RGBA", "LA", "PA")
_INTEGERS = re.compile(r"u?int\d+x1")
_AS_NUMBERS = "save the instance ids as an 8 or 16 bit greyscale PNG"


def read_header(path: str | os.PathLike) -> Header:
    """The header of an image file. Raises SetupError naming the file, as `read_image` does."""
    with _faults(path):
        kind = _kind(path)
        if kind == "array":
            array = array_header(path)
            height, width, bands = array.shape
            return Header(height, width, array.mode, array.format, 1, bands)
        if kind == "tiff" and _needs_tifffile(path, 1):
            return tiff_header(path)
        with opened(path) as image:
            return pillow_header(image, path)


def read_image(
    path: str | os.PathLike,
    declared_size: tuple[int, int] | None = None,
    apply_exif: bool = True,
    channels: int = 3,
) -> np.ndarray:
    """Decodes an image file to [H, W, channels], 3 being RGB.

    declared_size: (height, width) the annotations were drawn on; it decides on EXIF orientation.
    apply_exif: what to do where sizes cannot decide.
    channels: IMAGE_CHANNEL_COUNT. See `image_channels` for what files with other bands become.
    Raises SetupError naming the file: "ds-file-missing" where there is no regular file, "ds-file-unreadable"
    where it cannot be decoded or is a decompression bomb (Pillow's limit), "ds-channels" where its bands do not make
    so many channels. Raises ValueError for channels that are no positive whole number.
    """
    if not isinstance(channels, (int, np.integer)) or isinstance(channels, bool) or channels < 1:
        raise ValueError(f"expected channels to be a whole number from 1 on, received {channels!r}")
    with _faults(path):
        kind = _kind(path)
        if kind == "array":
            return array_pixels(path, int(channels))
        if kind == "tiff" and _needs_tifffile(path, int(channels)):
            header, pixels = tiff_image(path, int(channels))
        else:
            with opened(path) as image:
                header, pixels = pillow_header(image, path), pillow_pixels(image, path, int(channels))
        applies = orientation_applies(header, declared_size, apply_exif)
        return turn(pixels, header.orientation) if applies else pixels


def read_label_map(path: str | os.PathLike, lossy: bool = False) -> np.ndarray:
    """The integer values of a single-channel or palette image, [H, W], as stored; of a palette the indices.

    lossy: whether a JPEG will do, where values need not be numbers of something.
    Raises SetupError naming the file, also where it holds several channels or negative numbers.
    """
    with _faults(path):
        if _kind(path) == "tiff" and _needs_tifffile(path, 1):
            header, bands = tiff_image(path, None)
            _require_numbers(path, header, lossy)
            pixels = bands[..., 0]
        else:
            with opened(path) as image:
                header = pillow_header(image, path)
                _require_numbers(path, header, lossy)
                pixels = np.asarray(image)
            pixels = turn_back(pixels, header.orientation) if header.format == "TIFF" else pixels  # Pillow turned it
        if pixels.dtype == np.uint64:  # which nothing can be counted by
            pixels = pixels.astype(np.int64)
        if pixels.dtype.kind == "i" and pixels.size and pixels.min() < 0:
            text = f"a label map has numbers from 0 on, the smallest of this one is {pixels.min()}"
            raise setup_error("ds-file-unreadable", path, text, f"{_AS_NUMBERS}, 0 for the background")
        return pixels


def is_label_map(mode: str) -> bool:
    """Whether a header's mode, Pillow's or that of a TIFF's samples, stands for one integer a pixel."""
    return mode in ("1", "L", "P", "I") or mode.startswith("I;16") or _INTEGERS.fullmatch(mode) is not None


def is_lossy(header: Header) -> bool:
    """Whether a file is in a format that changes numbers, whatever its name says."""
    return header.format in ("JPEG", "MPO")


def _require_numbers(path: str | os.PathLike, header: Header, lossy: bool) -> None:
    if not is_label_map(header.mode):
        text = f"a label map has one channel of integers, this file has mode {header.mode}"
        raise setup_error("ds-file-unreadable", path, text, _AS_NUMBERS)
    if is_lossy(header) and not lossy:
        text = f"a {header.format} by its content, whose compression changes the numbers of a label map"
        raise setup_error("ds-file-unreadable", path, text, f"{_AS_NUMBERS}, made anew from the originals")


def alpha_varies(path: str | os.PathLike, channels: int = 3) -> bool:
    """Whether the file has bands, alpha among them, that an image of so many channels leaves out and that are not
    constant. True also where they cannot be decoded to be looked at."""
    with _faults(path):
        header = read_header(path)
        taken = bands_taken(header.bands, channels)
        if header.mode in _ALPHA_MODES and header.bands <= 4:
            with opened(path) as image:
                low, high = image.getchannel("A").getextrema()
                return low != high and 0 < taken < header.bands
        if not 0 < taken < header.bands or header.mode == "P":
            return False
        try:
            pixels = array_pixels(path, None) if _kind(path) == "array" else tiff_image(path, None)[1]
        except ValueError:  # of a compression that only Pillow knows
            return True
        return bool((pixels[..., taken:] != pixels[:1, :1, taken:]).any())


def _kind(path: str | os.PathLike) -> str:
    """By the first bytes: "array" of NumPy's, "tiff", or "" for what is Pillow's to tell."""
    with open(path, "rb") as file:
        start = file.read(len(MAGIC))
    if start == MAGIC or start.startswith(ZIP_MAGIC):
        return "array"
    return "tiff" if start.startswith(_TIFF_MAGICS) else ""


def _needs_tifffile(path: str | os.PathLike, channels: int) -> bool:
    """Whether a TIFF is one that Pillow cannot open, or of which it would not give all that is asked for."""
    try:
        with opened(path) as image:
            return image.format == "TIFF" and cuts_tiff(image, channels)
    except UnidentifiedImageError:
        return True


@contextlib.contextmanager
def _faults(path: str | os.PathLike) -> Iterator[None]:
    """Refuses what is no regular file; turns whatever a decoder raises into a SetupError with the path."""
    if not os.path.isfile(path):  # before open: a FIFO would block for ever
        near = closest_name(os.path.dirname(path) or ".", os.path.basename(os.fspath(path)))
        text = f"no such image file{'; ' + near if near else ''}"
        fix = "correct the path in the annotations, or name the image folder: images= (--train-images, --images)"
        raise setup_error("ds-file-missing", path, text, fix)
    try:
        with _silent():
            yield
    except SetupError:
        raise
    except Image.DecompressionBombError as error:
        fix = "cut the image into tiles, or raise PIL.Image.MAX_IMAGE_PIXELS if you trust the file"
        raise setup_error("ds-file-unreadable", path, f"cannot be decoded: {error}", fix) from error
    except Exception as error:  # decoders raise nearly anything on damaged bytes
        text = f"cannot be decoded: {type(error).__name__}: {error}{_size(path)}"
        fix = "copy or download the file again, or take it out of the annotations"
        if isinstance(error, ImportError) or "imagecodecs" in str(error):
            fix = "pip install imagecodecs, or save the file without compression, or with deflate and no predictor"
        raise setup_error("ds-file-unreadable", path, text, fix) from error


def _size(path: str | os.PathLike) -> str:
    """The size of a file, for a message; "" where it has gone meanwhile."""
    try:
        return f" ({os.path.getsize(path)} bytes)"
    except OSError:
        return ""


@contextlib.contextmanager
def _silent() -> Iterator[None]:
    """Keeps decoders from printing what they find odd: what matters becomes an exception, and that a finding.

    Warnings are filtered for all threads at once, so only the main one does it: two of them could undo it wrongly.
    """
    loggers = [logging.getLogger(name) for name in ("tifffile", "PIL.TiffImagePlugin")]
    for each in loggers:
        each.addFilter(_nothing)
    main = threading.current_thread() is threading.main_thread()
    try:
        with warnings.catch_warnings() if main else contextlib.nullcontext():
            if main:
                warnings.simplefilter("ignore")
            yield
    finally:
        for each in loggers:
            each.removeFilter(_nothing)


def _nothing(record: logging.LogRecord) -> bool:
    return False
