"""Images saved by NumPy: .npy, and .npz with one array in it.

[H, W] or [H, W, C] of numbers. The header is read first and held against the file, so that a file of a few bytes
cannot ask for gigabytes. Pickles are never loaded: an array of objects can run any program.
"""

from __future__ import annotations

import contextlib
import os
import zipfile
from collections.abc import Iterator
from typing import IO, NamedTuple

import numpy as np

from mrcnn_roi.datasets.files import setup_error
from mrcnn_roi.datasets.image_bombs import refuse_bomb
from mrcnn_roi.datasets.image_channels import in_channels, require_channels

MAGIC, ZIP_MAGIC = b"\x93NUMPY", b"PK\x03\x04"
_LONGEST_HEADER = 10_000  # bytes, NumPy's own limit
_SIDE = 32  # pixels: an image is rarely narrower, and rarely has more bands


class ArrayHeader(NamedTuple):
    """What the header of an array says; shape is [H, W, C]."""

    shape: tuple[int, int, int]
    dtype: np.dtype
    format: str  # "NPY" or "NPZ"

    @property
    def mode(self) -> str:
        """Type and bands, "uint8x5"."""
        return f"{self.dtype.name}x{self.shape[2]}"


def array_header(path: str | os.PathLike) -> ArrayHeader:
    """The header of an .npy or .npz file. Raises SetupError or ValueError for what is no image."""
    with _opened(path) as (stream, kind):
        return _header(stream, path, kind)


def array_pixels(path: str | os.PathLike, channels: int | None) -> np.ndarray:
    """The array as [H, W, channels], native byte order, its own dtype; bool becomes 0 and 255, as 1-bit images do.

    channels: None for all the file has. Raises as array_header does, SetupError "ds-channels" where the file has not
    as many, and DecompressionBombError for more pixels than Pillow takes or the file can hold.
    """
    with _opened(path) as (stream, kind):
        header = _header(stream, path, kind)
        height, width, bands = header.shape
        if channels is not None:
            _refuse_channels_first(header, channels, path)
            require_channels(path, bands, channels, header.mode)
        held = _bytes_on_disk(path)
        refuse_bomb(height, width, bands * header.dtype.itemsize, held)
        if kind == "NPY" and height * width * bands * header.dtype.itemsize > os.path.getsize(path):
            raise ValueError(f"the header promises {header.mode} {height} x {width}, the file ends before")
        stream.seek(0)
        pixels = np.lib.format.read_array(stream, allow_pickle=False).reshape(header.shape)
    if pixels.dtype == bool:
        pixels = pixels.astype(np.uint8) * np.uint8(255)
    pixels = np.ascontiguousarray(pixels.astype(pixels.dtype.newbyteorder("="), copy=False))
    return pixels if channels is None else in_channels(pixels, channels)


@contextlib.contextmanager
def _opened(path: str | os.PathLike) -> Iterator[tuple[IO[bytes], str]]:
    """(the bytes of the array, "NPY" or "NPZ")."""
    with open(path, "rb") as file:
        zipped = file.read(len(ZIP_MAGIC)) == ZIP_MAGIC
        file.seek(0)
        if not zipped:
            yield file, "NPY"
            return
        with zipfile.ZipFile(file) as archive:
            names = archive.namelist()
            if len(names) != 1:
                fix = "save the image alone: np.save(path, image)"
                text = f"holds {len(names)} arrays ({', '.join(names[:5])}), and which of them is the image is not said"
                raise setup_error("ds-file-unreadable", path, text, fix)
            with archive.open(names[0]) as stream:
                yield stream, "NPZ"


def _header(stream: IO[bytes], path: str | os.PathLike, kind: str) -> ArrayHeader:
    read = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
    start = stream.read(12)
    length = int.from_bytes(start[8:10] if start[6:7] == b"\1" else start[8:12], "little")
    if not start.startswith(MAGIC) or length > _LONGEST_HEADER:
        raise ValueError(f"not an array of NumPy's, or its header of {length} bytes is none")
    stream.seek(0)
    version = np.lib.format.read_magic(stream)
    if version not in read:  # version 3 is for names of fields
        raise ValueError(f"an array of fields or of format {version}, not of numbers")
    shape, _, dtype = read[version](stream)
    if dtype.hasobject:
        fix = "save numbers instead: np.save(path, np.asarray(image, np.float32))"
        raise setup_error("ds-file-unreadable", path, "an array of Python objects, which may run programs", fix)
    if dtype.kind not in "biuf" or len(shape) not in (2, 3) or not all(1 <= side < 2**31 for side in shape):
        text = f"an array {dtype} {list(shape)} is no image"
        raise setup_error("ds-file-unreadable", path, text, "save numbers [height, width] or [height, width, channels]")
    height, width, bands = (*shape, 1)[:3]
    return ArrayHeader((height, width, bands), dtype, kind)


def _refuse_channels_first(header: ArrayHeader, channels: int, path: str | os.PathLike) -> None:
    """Raises SetupError for [C, H, W], as PyTorch and rasterio have it: told by a first axis that is as long as the
    channels asked for, or too short for a side, while the last is too long for bands."""
    first, second, last = header.shape
    if last == channels or last <= first or second <= first:
        return
    if first == channels or first <= _SIDE < last:
        text = f"the shape {list(header.shape)} is [channels, height, width], the channels come last here"
        raise setup_error("ds-channels", path, text, "np.save(path, np.moveaxis(image, 0, -1))")


def _bytes_on_disk(path: str | os.PathLike) -> int:
    """The size of the file without its holes: a sparse file may claim any size."""
    status = os.stat(path)
    return min(status.st_size, getattr(status, "st_blocks", status.st_size) * 512)
