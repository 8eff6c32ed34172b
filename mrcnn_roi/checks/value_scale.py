"""On which scale the pixels of a scan are: 0-1, 0-255, or more. MEAN_PIXEL must be on the same.

Pixels that were not read (NaN) say nothing.
"""

from __future__ import annotations

import numpy as np


def deep_rows(scan) -> np.ndarray:
    """Rows of images with values above the 255 of 8 bits."""
    return np.flatnonzero(scan.value_max > 255)


def near_mean(scan, rows: np.ndarray, means: np.ndarray) -> bool:
    """Whether the means are about those of the images: such a mean is right, whatever the scale is."""
    own = float(np.nanmean(scan.channel_mean[rows]))
    return abs(float(np.mean(means)) - own) <= 0.25 * abs(own) + 1


def fraction_rows(scan) -> np.ndarray:
    """Rows of images of floats from 0 to 1; none where other images of floats reach further.

    One dark picture among floats of the full range is no proof, nor is a picture of one value.
    """
    floats = np.array([each.startswith("float") for each in scan.dtype], bool)
    rows = np.flatnonzero(floats & (scan.value_max <= 1))
    alone = len(rows) == int((floats & ~np.isnan(scan.value_max)).sum())
    return rows if alone and bool((scan.value_max[rows] > scan.value_min[rows]).any()) else rows[:0]


def holds_means(scan, means: np.ndarray) -> bool:
    """Whether the pixels show that means which no 8-bit image has, below 0, above 65535 or all below 1, are theirs."""
    if np.min(means) >= 0 and np.max(means) < 1:
        return len(fraction_rows(scan)) > 0
    if np.isnan(scan.value_max).all():
        return False
    return bool(np.nanmin(scan.value_min) <= np.min(means) and np.max(means) <= np.nanmax(scan.value_max))
