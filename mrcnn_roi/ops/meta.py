"""image_meta: the vector that travels with an image through the network and tells how it was molded.

One row is [image_id, original H W C, molded H W C, window y1 x1 y2 x2, scale, active class flags...]; the
window is in pixels of the molded image.
"""

from __future__ import annotations

import numpy as np

from mrcnn_roi.ops.backend import is_tensor

FIXED_LENGTH = 12  # entries before the active class flags
_FIELDS = {
    "image_id": 0,
    "original_image_shape": slice(1, 4),
    "image_shape": slice(4, 7),
    "window": slice(7, 11),
    "scale": 11,
    "active_class_ids": slice(FIXED_LENGTH, None),
}


def compose_image_meta(image_id, original_image_shape, image_shape, window, scale, active_class_ids) -> np.ndarray:
    """The meta of one image, float64 [12 + K].

    original_image_shape and image_shape: (H, W, C) before and after molding. window: (y1, x1, y2, x2) pixels
    of the molded image that hold the real one. active_class_ids: K flags, 1 for the classes that the image's
    source annotates; training ignores the others for this image.
    """
    return np.array([image_id, *original_image_shape, *image_shape, *window, scale, *active_class_ids], np.float64)


def parse_image_meta(meta):
    """The fields of metas [B, 12 + K] by name.

    image_id [B], original_image_shape [B, 3], image_shape [B, 3], window [B, (y1, x1, y2, x2)] pixels,
    scale [B], active_class_ids [B, K]. Numpy input gives int32, and float32 for the scale; a tensor keeps its
    dtype.
    """
    if is_tensor(meta):
        return {name: meta[:, where] for name, where in _FIELDS.items()}
    meta = np.asarray(meta)
    return {name: meta[:, where].astype(np.float32 if name == "scale" else np.int32) for name, where in _FIELDS.items()}
