"""Decoding image files: what `Dataset.load_image` returns, and what the header alone says.

Pixels come as [H, W, 3] RGB. Greyscale is repeated, alpha is dropped, a palette is looked up. 8 bits stay
8 bits; greyscale of 16 bits and TIFF of more than 8 bits keep their values and dtype, so that a check can
compare them with MEAN_PIXEL. Only RGB PNGs of 16 bits lose their low bytes: Pillow has no such mode.

EXIF orientation. A camera stores the pixels one way and a note how to turn them; annotation tools turn them.
The size the annotations were drawn on decides: pixels are turned where that size equals the turned one, left
where it equals the stored one. Where sizes cannot decide (square images, flips, no size known) the caller's
default holds: loaders of annotation files turn, Matterport-style classes do not (skimage.io.imread did not).
"""

from __future__ import annotations

import contextlib
import logging
import os
import threading
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np
from PIL import Image, UnidentifiedImageError

from mrcnn_roi.datasets.files import closest_name, setup_error
from mrcnn_roi.datasets.tiff_images import refuse_bomb, tiff_header, tiff_pixels
from mrcnn_roi.findings import SetupError

EXIF_ORIENTATION = 0x0112
_TIFF_BITS = 258
_BAND = 1 << 24  # pixels converted at once
_MOST_VISITS = 2 * 10**10  # pixels times scans of a progressive JPEG, some ten seconds of decoding
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


@dataclass(frozen=True)
class Header:
    """What a file says of itself before its pixels are decoded. Sizes are the stored ones, in pixels."""

    height: int
    width: int
    mode: str  # Pillow's: "L", "RGB", "RGBA", "P", "I;16", ...
    format: str  # "PNG", "JPEG", ...
    orientation: int  # EXIF tag 0x0112: 1 upright, 2-4 flipped, 5-8 turned by 90 degrees

    def oriented_size(self, turned: bool) -> tuple[int, int]:
        """(height, width) after the orientation was applied, or as stored."""
        return (self.width, self.height) if turned and self.orientation >= 5 else (self.height, self.width)


def opened(file: str | os.PathLike | BinaryIO) -> Image.Image:
    """The image file, or the bytes of one, opened by Pillow. Raises what Pillow does, and ValueError for EPS, whose
    pixels would come from running it as a program."""
    image = Image.open(file)
    if image.format == "EPS":
        image.close()
        raise ValueError("EPS is a program, not an image")
    return image


def read_header(path: str | os.PathLike) -> Header:
    """The header of an image file. Raises SetupError naming the file, as `read_image` does."""
    with _faults(path):
        if _needs_tifffile(path):
            height, width, mode = tiff_header(path)
            return Header(height, width, mode, "TIFF", 1)
        with opened(path) as image:
            return _header(image)


def read_image(
    path: str | os.PathLike, declared_size: tuple[int, int] | None = None, apply_exif: bool = True
) -> np.ndarray:
    """Decodes an image file to [H, W, 3] RGB.

    declared_size: (height, width) the annotations were drawn on; it decides on EXIF orientation.
    apply_exif: what to do where sizes cannot decide.
    Raises SetupError naming the file: "ds-file-missing" where there is no regular file, "ds-file-unreadable"
    where it cannot be decoded or is a decompression bomb (Pillow's limit).
    """
    with _faults(path):
        if _needs_tifffile(path):
            return tiff_pixels(path)
        with opened(path) as image:
            header = _header(image)
            _refuse_endless(image, path)
            if orientation_applies(header, declared_size, apply_exif):
                return _pixels(image.transpose(_TURNS[header.orientation]), path)
            return _pixels(image, path)


def read_label_map(path: str | os.PathLike) -> np.ndarray:
    """The integer values of a single-channel or palette image, [H, W]; of a palette the indices.

    Raises SetupError naming the file, also where it holds several channels.
    """
    with _faults(path), opened(path) as image:
        if not is_label_map(image.mode):
            raise setup_error(
                "ds-file-unreadable",
                path,
                f"a label map has one channel of integers, this file has mode {image.mode}",
                "save the instance ids as an 8 or 16 bit greyscale PNG",
            )
        return np.asarray(image)


def is_label_map(mode: str) -> bool:
    """Whether a Pillow mode holds one integer a pixel."""
    return mode in ("1", "L", "P", "I") or mode.startswith("I;16")


def alpha_varies(path: str | os.PathLike) -> bool:
    """Whether the file has an alpha channel that is not constant."""
    with _faults(path), opened(path) as image:
        if "A" not in image.getbands():
            return False
        low, high = image.getchannel("A").getextrema()
        return low != high


def orientation_applies(header: Header, declared_size: tuple[int, int] | None, default: bool) -> bool:
    """Whether the pixels are turned by the EXIF orientation (see the module's text)."""
    if header.orientation not in _TURNS:
        return False
    stored, turned = header.oriented_size(False), header.oriented_size(True)
    if declared_size is not None and stored != turned and tuple(declared_size) in (stored, turned):
        return tuple(declared_size) == turned
    return default


@contextlib.contextmanager
def _faults(path: str | os.PathLike) -> Iterator[None]:
    """Refuses what is no regular file; turns whatever a decoder raises into a SetupError with the path."""
    if not os.path.isfile(path):  # before open: a FIFO would block for ever
        near = closest_name(os.path.dirname(path) or ".", os.path.basename(os.fspath(path)))
        text = f"no such image file{'; ' + near if near else ''}"
        fix = "correct the path in the annotations, or name the image folder: images= (--train-images)"
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


def _header(image: Image.Image) -> Header:
    orientation = 1
    if image.format == "PNG":  # getexif() of a PNG without such a chunk would decode all pixels
        orientation = image.getexif().get(EXIF_ORIENTATION, 1) if "exif" in image.info else 1
    elif image.format != "TIFF":  # whose orientation Pillow applies itself
        orientation = image.getexif().get(EXIF_ORIENTATION, 1)
    valid = isinstance(orientation, int) and 1 <= orientation <= 8
    return Header(image.height, image.width, image.mode, image.format or "", orientation if valid else 1)


def _refuse_endless(image: Image.Image, path: str | os.PathLike) -> None:
    """Raises ValueError for a progressive JPEG that goes over its pixels more often than anybody waits for."""
    if not image.info.get("progressive"):
        return
    with open(path, "rb") as file:
        scans = file.read(1 << 26).count(b"\xff\xda")
    if scans * image.width * image.height > _MOST_VISITS:
        raise ValueError(f"{scans} scans of {image.width} x {image.height} pixels")


def _pixels(image: Image.Image, path: str | os.PathLike) -> np.ndarray:
    """[H, W, 3] of an opened image: uint8, or the file's own dtype where one channel carries more bits."""
    if not _is_deep_grey(image.mode):
        return _rgb(image)
    wide = 2 if image.mode.startswith("I;16") else 4
    refuse_bomb(image.height, image.width, 3 * wide, os.path.getsize(path))
    grey = np.asarray(image)
    if grey.dtype == np.int32 and grey.size and grey.min() >= 0 and grey.max() <= 65535:
        grey = grey.astype(np.uint16)  # older Pillow opens 16-bit PNGs in its 32-bit mode
    return np.repeat(grey.astype(grey.dtype.newbyteorder("="), copy=False)[..., None], 3, axis=2)


def _rgb(image: Image.Image) -> np.ndarray:
    """uint8 [H, W, 3]; of a large image band by band, or there would be four copies of it in memory."""
    image.load()  # some formats know their size only then
    image.info.pop("transparency", None)  # is dropped, and Pillow would warn of it
    rows = max(1, _BAND // image.width)
    if image.height <= rows:
        return np.array(image.convert("RGB"))
    pixels = np.empty((image.height, image.width, 3), np.uint8)
    for top in range(0, image.height, rows):
        band = (0, top, image.width, min(top + rows, image.height))
        pixels[top : band[3]] = np.asarray(image.crop(band).convert("RGB"))
    return pixels


def _is_deep_grey(mode: str) -> bool:
    return mode in ("F", "I") or mode.startswith("I;16")


def _needs_tifffile(path: str | os.PathLike) -> bool:
    """Whether the file is a TIFF that Pillow cannot open, or whose samples it would cut to 8 bits."""
    with open(path, "rb") as file:
        if file.read(4) not in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"):
            return False
    try:
        with opened(path) as image:
            bits = getattr(image, "tag_v2", {}).get(_TIFF_BITS, 8)
            return max(np.atleast_1d(bits)) > 8 and not _is_deep_grey(image.mode)
    except UnidentifiedImageError:
        return True
