"""Augmentation of a training sample: it may move and recolour pixels, but not change any shape."""

from __future__ import annotations

import numpy as np

from mrcnn_roi.ops.augment import augmentation_name, call_augmentation


def augment(augmentation, image, masks, rng=None):
    """Applies an augmentation to an image [H, W, C] and its masks bool [H, W, N]: (image, bool masks).

    augmentation: see ops.augment. `rng`, a np.random.Generator, makes the result a function of its state. Without it
    imgaug objects use their own random numbers, as in the original, and the others a Generator seeded from np.random.
    Raises ValueError when the augmentation is of no known kind or changes a shape.
    """
    shapes = image.shape, masks.shape
    image, masks = (np.asarray(each) for each in call_augmentation(augmentation, image, masks, rng))
    for what, before, after in zip(("image", "masks"), shapes, (image.shape, masks.shape)):
        if before != after:
            raise ValueError(
                f"expected the augmentation {augmentation_name(augmentation)} to keep the {what} at shape "
                f"{before}, received {after}: crop and rotate within the image's size"
            )
    return image, masks if masks.dtype == bool else masks != 0
