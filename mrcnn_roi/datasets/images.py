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
import os
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from PIL import Image, UnidentifiedImageError

from mrcnn_roi.datasets.files import closest_name, setup_error
from mrcnn_roi.findings import SetupError

EXIF_ORIENTATION = 0x0112
_TIFF_BITS = 258
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


def read_header(path: str | os.PathLike) -> Header:
    """The header of an image file. Raises SetupError naming the file, as `read_image` does."""
    with _faults(path):
        if _needs_tifffile(path):
            return _tifffile_header(path)
        with Image.open(path) as image:
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
            return _tifffile_pixels(path)
        with Image.open(path) as image:
            header = _header(image)
            if orientation_applies(header, declared_size, apply_exif):
                return _pixels(image.transpose(_TURNS[header.orientation]))
            return _pixels(image)


def read_label_map(path: str | os.PathLike) -> np.ndarray:
    """The integer values of a single-channel or palette image, [H, W]; of a palette the indices.

    Raises SetupError naming the file, also where it holds several channels.
    """
    with _faults(path), Image.open(path) as image:
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
    with _faults(path), Image.open(path) as image:
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
        raise setup_error("ds-file-missing", path, text, "correct the path in the annotations, or pass images=")
    try:
        yield
    except SetupError:
        raise
    except Image.DecompressionBombError as error:
        fix = "cut the image into tiles, or raise PIL.Image.MAX_IMAGE_PIXELS if you trust the file"
        raise setup_error("ds-file-unreadable", path, f"cannot be decoded: {error}", fix) from error
    except Exception as error:  # decoders raise nearly anything on damaged bytes
        text = f"cannot be decoded: {type(error).__name__}: {error} ({os.path.getsize(path)} bytes)"
        fix = "copy or download the file again, or take it out of the annotations"
        raise setup_error("ds-file-unreadable", path, text, fix) from error


def _header(image: Image.Image) -> Header:
    orientation = 1
    if image.format == "PNG":  # getexif() of a PNG without such a chunk would decode all pixels
        orientation = image.getexif().get(EXIF_ORIENTATION, 1) if "exif" in image.info else 1
    elif image.format != "TIFF":  # whose orientation Pillow applies itself
        orientation = image.getexif().get(EXIF_ORIENTATION, 1)
    valid = isinstance(orientation, int) and 1 <= orientation <= 8
    return Header(image.height, image.width, image.mode, image.format or "", orientation if valid else 1)


def _pixels(image: Image.Image) -> np.ndarray:
    """[H, W, 3] of an opened image: uint8, or the file's own dtype where one channel carries more bits."""
    if not _is_deep_grey(image.mode):
        return np.array(image.convert("RGB"))
    grey = np.asarray(image)
    if grey.dtype == np.int32 and grey.size and grey.min() >= 0 and grey.max() <= 65535:
        grey = grey.astype(np.uint16)  # older Pillow opens 16-bit PNGs in its 32-bit mode
    return np.repeat(grey.astype(grey.dtype.newbyteorder("="))[..., None], 3, axis=2)


def _is_deep_grey(mode: str) -> bool:
    return mode in ("F", "I") or mode.startswith("I;16")


def _needs_tifffile(path: str | os.PathLike) -> bool:
    """Whether the file is a TIFF that Pillow cannot open, or whose samples it would cut to 8 bits."""
    with open(path, "rb") as file:
        if file.read(4) not in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"):
            return False
    try:
        with Image.open(path) as image:
            bits = getattr(image, "tag_v2", {}).get(_TIFF_BITS, 8)
            return max(np.atleast_1d(bits)) > 8 and not _is_deep_grey(image.mode)
    except UnidentifiedImageError:
        return True


def _tifffile_header(path: str | os.PathLike) -> Header:
    import tifffile  # comes with scikit-image

    with tifffile.TiffFile(path) as file:
        page = file.pages[0]
        return Header(page.imagelength, page.imagewidth, f"{page.dtype}x{page.samplesperpixel}", "TIFF", 1)


def _tifffile_pixels(path: str | os.PathLike) -> np.ndarray:
    import tifffile

    with tifffile.TiffFile(path) as file:
        page = file.pages[0]
        if page.imagelength * page.imagewidth > 2 * (Image.MAX_IMAGE_PIXELS or np.inf):
            raise Image.DecompressionBombError(f"{page.imagewidth} x {page.imagelength} pixels")
        pixels = page.asarray()
        samples = page.axes.find("S")
    pixels = pixels[..., None] if samples < 0 else np.moveaxis(pixels, samples, -1)
    return pixels[..., :3] if pixels.shape[2] >= 3 else np.repeat(pixels[..., :1], 3, axis=2)
