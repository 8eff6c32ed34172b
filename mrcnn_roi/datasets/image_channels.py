"""From the bands of a file to the channels that the config asks for.

Bands are what the file holds: 1 grey, 2 grey and alpha, 3 red green blue, 4 and more whatever was measured. Channels
are what the network takes, IMAGE_CHANNEL_COUNT:

    1        grey as it is; alpha dropped; three or four bands by luma (ITU-R 601) of the first three
    3        grey repeated, the first three bands of more
    4        grey and alpha as (grey, grey, grey, alpha), the first four bands of more
    others   as many bands, or from 4 on the first ones of more

Anything else would be invented, and is refused: three bands for four channels, five for one.
"""

from __future__ import annotations

import os

import numpy as np

from mrcnn_roi.datasets.files import setup_error
from mrcnn_roi.findings import SetupError

_GREY_ALPHA, _COLOUR = 2, (3, 4)
_WEIGHTS = (0.299, 0.587, 0.114)
_PARTS = (19595, 38470, 7471)  # the same of 65536, as Pillow has them


def bands_taken(bands: int, channels: int) -> int:
    """How many of `bands` an image of `channels` is made of; 0 where it cannot be made of them."""
    if channels == 1:
        return 3 if bands in _COLOUR else int(bands <= _GREY_ALPHA)
    if channels == 3:
        return 3 if bands >= 3 else 1
    if channels == 4 and bands == _GREY_ALPHA:
        return bands
    return channels if bands == channels or bands > channels >= 4 else 0


def in_channels(pixels: np.ndarray, channels: int) -> np.ndarray:
    """Pixels [H, W, B] as [H, W, channels] of the same dtype. B must be such that bands_taken is not 0."""
    bands = pixels.shape[2]
    if bands == channels:
        return pixels
    if channels == 1:
        return pixels[..., :1].copy() if bands == _GREY_ALPHA else luma(pixels)
    if channels == 3 and bands <= _GREY_ALPHA:
        return np.repeat(pixels[..., :1], 3, axis=2)
    if channels == 4 and bands == _GREY_ALPHA:
        return pixels[..., [0, 0, 0, 1]]
    return pixels[..., :channels].copy()


def luma(pixels: np.ndarray) -> np.ndarray:
    """The grey [H, W, 1] of pixels [H, W, (red, green, blue, ...)], of the same dtype; of 8 bits Pillow's own."""
    if pixels.dtype in (np.uint8, np.uint16):
        total = np.full(pixels.shape[:2], 1 << 15, np.uint32)
        for band, part in enumerate(_PARTS):
            total += pixels[..., band].astype(np.uint32) * np.uint32(part)
        return (total >> 16).astype(pixels.dtype)[..., None]
    exact = np.result_type(pixels.dtype, np.float32)
    grey = np.zeros(pixels.shape[:2], exact)
    for band, weight in enumerate(_WEIGHTS):
        grey += pixels[..., band].astype(exact) * exact.type(weight)
    if pixels.dtype.kind in "iu":
        grey = np.rint(grey)
    return grey.astype(pixels.dtype)[..., None]


def require_channels(path: str | os.PathLike, bands: int, channels: int, kind: str) -> None:
    """Raises SetupError "ds-channels" naming the file where its bands do not make so many channels.

    kind: what the file is, for the message: "RGB", "uint16x5".
    """
    if not bands_taken(bands, channels):
        raise channels_fault(path, bands, channels, kind)


def channels_fault(path: str | os.PathLike, bands: int, channels: int, kind: str) -> SetupError:
    """The finding about a file whose bands do not make the channels."""
    held = f"the file has {bands} band{'s' * (bands > 1)} ({kind})"
    asked = f"{channels} channel{'s are' if channels > 1 else ' is'} asked for (IMAGE_CHANNEL_COUNT)"
    unknown = "which of them to take" if bands > channels else "what the others would be"
    fix = (
        f"set IMAGE_CHANNEL_COUNT = {bands} and MEAN_PIXEL to as many values; or save the image with {channels} "
        f"band{'s' * (channels > 1)} (PNG, TIFF or .npy); or override load_image() and make them there"
    )
    return setup_error("ds-channels", path, f"{held}, {asked}, and nobody can know {unknown}", fix)
