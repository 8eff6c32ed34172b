"""The size of an image as it is seen, from the first bytes of the file where these leave no doubt, else by Pillow.

Opening a file with Pillow takes several times as long as reading a label file. PNG and JPEG begin with their size; only
where a file might carry an EXIF orientation, or looks unusual, Pillow is asked.
Formats: the PNG specification, section 5; ITU-T T.81 (JPEG), annex B.
"""

from __future__ import annotations

import os
import struct

from mrcnn_roi.datasets.images import read_header
from mrcnn_roi.findings import SetupError

_START = 8192  # bytes
_PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"
_JPEG = b"\xff\xd8\xff"
_FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}  # markers of segments that hold the size
_PLAIN = {0xC4, 0xDB, 0xDD, 0xE0, 0xE2, 0xED, 0xEE, 0xFE}  # of segments that say nothing about orientation
_LARGEST = 1 << 16  # pixels a side; of larger ones Pillow says whether they are a bomb


def upright_size(path: str) -> tuple[int, int] | None:
    """(height, width) of an image file, EXIF orientation applied; None where the header cannot be read."""
    try:
        if os.path.isfile(path):  # a FIFO would block for ever
            with open(path, "rb", buffering=0) as file:
                start = file.read(_START)
            size = _png_size(start) or _jpeg_size(start)
            if size is not None and 0 < size[0] < _LARGEST and 0 < size[1] < _LARGEST:
                return size
        return read_header(path).oriented_size(turned=True)
    except (SetupError, OSError):
        return None


def _png_size(start: bytes) -> tuple[int, int] | None:
    """The size of a PNG whose pixels begin in `start`, without EXIF before them."""
    pixels = start.find(b"IDAT")
    if not start.startswith(_PNG) or pixels < 0 or b"eXIf" in start[:pixels] or b"acTL" in start[:pixels]:
        return None
    width, height = struct.unpack_from(">II", start, len(_PNG))
    return height, width


def _jpeg_size(start: bytes) -> tuple[int, int] | None:
    """The size of a JPEG whose first frame begins in `start`, without application data that may turn it before."""
    if not start.startswith(_JPEG):
        return None
    place = 2
    while place + 9 <= len(start) and start[place] == 0xFF:
        marker = start[place + 1]
        if marker in _FRAMES:
            height, width = struct.unpack_from(">HH", start, place + 5)
            return height, width
        if marker not in _PLAIN:
            return None
        place += 2 + int.from_bytes(start[place + 2 : place + 4], "big")
    return None
