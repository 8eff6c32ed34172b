"""Painting into image arrays: colours, masks, boxes. numpy only."""

from __future__ import annotations

import colorsys
import random

import numpy as np


def random_colors(N: int, bright: bool = True) -> list[tuple[float, float, float]]:
    """N colours (RGB 0..1) from all round the HSV wheel, shuffled with `random`; darker unless `bright`."""
    colors = [colorsys.hsv_to_rgb(i / N, 1, 1.0 if bright else 0.7) for i in range(N)]
    random.shuffle(colors)
    return colors


def distinct_colors(count: int) -> list[tuple[float, float, float]]:
    """Colours (RGB 0..1), always the same ones; neighbours in the list are far apart on the wheel."""
    golden = 0.618033988749895
    return [colorsys.hsv_to_rgb((0.58 + i * golden) % 1, 0.75, (1.0, 0.85)[i % 2]) for i in range(count)]


def displayable(image) -> np.ndarray:
    """A copy of any image as uint8 [H, W, 3]: grey is repeated, channels after the third are dropped.

    Floats in 0..1 are taken as such, floats from below 0 up to at most 1 (decibels, indices) are stretched, values
    above 255 (16 bit) are scaled down; the rest is clipped to 0..255.
    Raises ValueError for an array that is no image.
    """
    image = np.asarray(image)
    image = image[..., None] if image.ndim == 2 else image
    if image.ndim != 3 or 0 in image.shape:
        raise ValueError(f"expected an image [H, W, 3] or [H, W], received shape {image.shape}")
    image = image[..., :3] if image.shape[2] >= 3 else np.repeat(image[..., :1], 3, axis=2)
    if image.dtype == np.uint8:
        return image.copy()
    values = np.nan_to_num(image.astype(np.float64))
    lowest, highest = values.min(), values.max()
    if image.dtype == bool or (image.dtype.kind == "f" and highest <= 1 and lowest >= 0):
        values *= 255
    elif image.dtype.kind == "f" and lowest < highest <= 1:
        values = (values - lowest) * (255 / (highest - lowest))
    elif highest > 255:
        values *= 255 / highest
    return np.clip(values, 0, 255).astype(np.uint8)


def displayable_molded(image, mean_pixel) -> np.ndarray:
    """uint8 [H, W, 3] of a molded image [H, W, C], which has the mean pixel [C] subtracted."""
    whole = np.asarray(image, np.float64) + np.asarray(mean_pixel, np.float64)
    return displayable(np.round(whole, 3))  # float32 cannot give back 123 exactly


def mask_window(mask) -> tuple[slice, slice] | None:
    """Rows and columns that hold all of mask [H, W], or None when it is empty."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not len(rows):
        return None
    return slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)


def apply_mask(image, mask, color, alpha: float = 0.5):
    """Blends `color` (RGB 0..1) into image [H, W, 3] (values 0..255) where mask [H, W] is 1. In place.

    Each channel becomes image * (1 - alpha) + alpha * color * 255, in the image's dtype. Returns the image.
    """
    mask = np.asarray(mask) == 1
    window = mask_window(mask)
    if window is not None:
        mask, part = mask[window], image[window]
        for channel in range(3):
            values = part[..., channel]
            values[mask] = values[mask] * (1 - alpha) + alpha * float(color[channel]) * 255
    return image


def mask_contours(mask) -> list[np.ndarray]:
    """Outlines of mask [H, W], each [points, (x, y)] in pixels, closed also at the image's border."""
    from skimage.measure import find_contours

    window = mask_window(mask)
    if window is None:
        return []
    part = np.pad(np.asarray(mask)[window], 1).astype(np.float64)
    top, left = window[0].start - 1, window[1].start - 1
    return [contour[:, ::-1] + (left, top) for contour in find_contours(part, 0.5)]


def mask_edge(mask, thickness: int = 1) -> tuple[tuple[slice, slice], np.ndarray] | None:
    """The rim of mask [H, W], `thickness` pixels wide, inside the mask: its window and a bool array of it."""
    window = mask_window(mask)
    if window is None:
        return None
    part = np.asarray(mask)[window].astype(bool)
    inner = np.pad(part, 1)
    for _ in range(thickness):
        core = inner[1:-1, 1:-1]
        core = core & inner[:-2, 1:-1] & inner[2:, 1:-1] & inner[1:-1, :-2] & inner[1:-1, 2:]
        inner = np.pad(core, 1)
    return window, part & ~inner[1:-1, 1:-1]


def draw_box(image, box, color):
    """Draws box (y1, x1, y2, x2) in pixels into image [H, W, C], 2-pixel lines. In place; returns the image.

    As in the original the lower and right lines start at y2 and x2. What lies outside the image is not drawn.
    """
    y1, x1, y2, x2 = (int(value) for value in box)

    def fill(top, left, bottom, right):
        image[max(top, 0) : max(bottom, 0), max(left, 0) : max(right, 0)] = color

    fill(y1, x1, y1 + 2, x2)
    fill(y2, x1, y2 + 2, x2)
    fill(y1, x1, y2, x1 + 2)
    fill(y1, x2, y2, x2 + 2)
    return image
