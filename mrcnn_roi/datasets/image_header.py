"""What an image file says of itself before its pixels are decoded, and how its EXIF orientation turns them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mrcnn_roi.datasets.image_channels import bands_taken

# Values of EXIF (and TIFF) tag 0x0112. To show the pixels upright: swap the axes, then flip rows, then columns.
_SWAPPED, _ROWS, _COLUMNS = (5, 6, 7, 8), (3, 4, 7, 8), (2, 3, 6, 7)


@dataclass(frozen=True)
class Header:
    """What a file says of itself before its pixels are decoded. Sizes are the stored ones, in pixels."""

    height: int
    width: int
    mode: str  # Pillow's: "L", "RGB", "RGBA", "P", "I;16", ...; of arrays and deep TIFF type and bands: "uint16x5"
    format: str  # "PNG", "JPEG", "TIFF", "NPY", ...
    orientation: int  # EXIF tag 0x0112: 1 upright, 2-4 flipped, 5-8 turned by 90 degrees
    bands: int  # of the decoded pixels: 3 of a palette or CMYK, 4 of a palette with transparency
    pages: int = 1  # of a TIFF whose pages have one band each

    def oriented_size(self, turned: bool) -> tuple[int, int]:
        """(height, width) after the orientation was applied, or as stored."""
        return (self.width, self.height) if turned and self.orientation >= 5 else (self.height, self.width)

    def channels(self, asked: int) -> int:
        """The channels that read_image returns when `asked` for so many; the file's own bands where it cannot."""
        stacked = self.bands == 1 < self.pages == asked
        return asked if stacked or bands_taken(self.bands, asked) else self.bands


def valid_orientation(value: object) -> int:
    """A value of the tag as one of 1 to 8; anything else means upright."""
    return int(value) if isinstance(value, (int, np.integer)) and 1 <= value <= 8 else 1


def orientation_applies(header: Header, declared_size: tuple[int, int] | None, default: bool) -> bool:
    """Whether the pixels are turned by the EXIF orientation (see the text of datasets.images)."""
    if header.orientation == 1:
        return False
    stored, turned = header.oriented_size(False), header.oriented_size(True)
    if declared_size is not None and stored != turned and tuple(declared_size) in (stored, turned):
        return tuple(declared_size) == turned
    return default


def turn(pixels: np.ndarray, orientation: int) -> np.ndarray:
    """Pixels [H, W] or [H, W, C] as stored, turned to be upright."""
    if orientation == 1:
        return pixels
    if orientation in _SWAPPED:
        pixels = pixels.swapaxes(0, 1)
    if orientation in _ROWS:
        pixels = pixels[::-1]
    if orientation in _COLUMNS:
        pixels = pixels[:, ::-1]
    turned = np.empty(pixels.shape, pixels.dtype)
    for index in np.ndindex(pixels.shape[2:]):  # a channel at a time takes a third of the time
        band = (Ellipsis, *index)
        turned[band] = pixels[band]
    return turned


def turn_back(pixels: np.ndarray, orientation: int) -> np.ndarray:
    """Undoes `turn`."""
    return turn(pixels, {6: 8, 8: 6}.get(orientation, orientation))
