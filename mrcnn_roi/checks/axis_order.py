"""Images that load_image returns as [C, H, W], as PyTorch and rasterio have them, told by their shapes alone."""

from __future__ import annotations

import numpy as np

USUAL_CHANNELS = (1, 3, 4)
SIDE = 32  # pixels; of an image with one to four rows it would be an odd number of channels


def channels_first(scan) -> np.ndarray:
    """bool [I]: the last two axes are the size of the masks or of the annotations, or the first is a usual number of
    channels and the last a side rather than channels."""
    first, second, third = scan.height, scan.width, scan.channels
    found = np.isin(first, USUAL_CHANNELS) & (second >= SIDE) & (third >= SIDE)
    found |= (scan.declared_height == second) & (scan.declared_width == third) & (third > first)
    for row in np.flatnonzero(third > first):
        shape = scan.mask_shape[row]
        found[row] |= len(shape) == 3 and shape[2] > 0 and shape[:2] == (second[row], third[row])
    return found & (first > 0) & (first != second)
