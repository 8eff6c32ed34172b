"""Calling an augmentation: one way for the three kinds of objects that people bring.

- imgaug style: has `to_deterministic` and `augment_image`; masks see only the geometric augmenters;
- albumentations: a transform or Compose, called with image and masks;
- any callable (image, masks, rng) -> (image, masks).

numpy only, none of the libraries is imported. Letters: H W image, N instances.
"""

from __future__ import annotations

import copy
import random
import threading

import numpy as np

# The augmenters of imgaug that move pixels; the others (noise, contrast, blur) must not touch masks.
MASK_AUGMENTERS = frozenset(
    ["Sequential", "SomeOf", "OneOf", "Sometimes", "Fliplr", "Flipud", "CropAndPad", "Affine", "PiecewiseAffine"]
)


class MaskHooks:
    """imgaug's hooks: activates for masks only the augmenters in MASK_AUGMENTERS and classes derived from them.

    Derived, because what was a function that made a CropAndPad or an Affine when the original was written is a class
    of its own since imgaug 0.4: Crop, Pad, Rotate, TranslateX.
    """

    def is_activated(self, images, augmenter, parents, default):
        return any(each.__name__ in MASK_AUGMENTERS for each in type(augmenter).__mro__)

    def is_propagating(self, images, augmenter, parents, default):
        return default

    def preprocess(self, images, augmenter, parents):
        return images

    def postprocess(self, images, augmenter, parents):
        return images


def call_augmentation(augmentation, image, masks, rng):
    """What an augmentation makes of an image [H, W, C] and its masks bool [H, W, N], just as it returns them.

    rng: np.random.Generator that decides; None leaves imgaug objects to their own random numbers.
    Raises ValueError when the augmentation is of no known kind or returns something else than image and masks.
    """
    if hasattr(augmentation, "to_deterministic") and hasattr(augmentation, "augment_image"):
        return _imgaug(augmentation, image, masks, rng)
    if not callable(augmentation):
        raise ValueError(
            "expected an imgaug-style augmenter, an albumentations transform or a callable "
            f"(image, masks, rng) -> (image, masks), received {type(augmentation).__name__}"
        )
    rng = np.random.default_rng(np.random.randint(2**31)) if rng is None else rng
    return (_albumentations if _is_albumentations(augmentation) else _callable)(augmentation, image, masks, rng)


def augmentation_name(augmentation) -> str:
    """What to call an augmentation in a message: a function's name, or its type's."""
    return getattr(augmentation, "__name__", type(augmentation).__name__)


def instance_planes(masks) -> np.ndarray:
    """uint8 [N, H, W] of masks bool or of any numbers [H, W, N], each plane contiguous; a view if possible."""
    planes = masks.transpose(2, 0, 1)
    if not planes.flags.c_contiguous:
        # Row by row: read at once, the pixels of one plane are too far apart for the processor's cache.
        planes = np.empty(planes.shape, masks.dtype)
        for y, row in enumerate(masks):
            planes[:, y] = row.T
    if planes.dtype == bool:
        return planes.view(np.uint8)
    return planes if planes.dtype == np.uint8 else (planes != 0).view(np.uint8)


def _stacked(planes) -> np.ndarray:
    """[H, W, N] of N planes [H, W], a list or an array, of their dtype."""
    return np.stack(planes).transpose(1, 2, 0) if isinstance(planes, (list, tuple)) else planes.transpose(1, 2, 0)


def _imgaug(augmentation, image, masks, rng):
    fixed = augmentation.to_deterministic()  # the image and its masks must get the same random numbers
    if rng is not None:
        seed = int(rng.integers(2**31))
        if hasattr(fixed, "seed_"):
            fixed.seed_(seed, deterministic_too=True)
        elif hasattr(fixed, "reseed"):  # imgaug before 0.4
            fixed.reseed(seed, deterministic_too=True)
    image = fixed.augment_image(image)
    if not masks.shape[2]:
        return image, masks
    # One by one: many masks as the channels of one image are slow to warp, and more than 512 are refused.
    hooks = MaskHooks()
    moved = [fixed.augment_image(plane, hooks=hooks) for plane in instance_planes(masks)]
    return image, _stacked(moved)


def _callable(augmentation, image, masks, rng):
    result = augmentation(image, masks, rng)
    if not isinstance(result, (tuple, list)) or len(result) != 2:
        raise ValueError(
            f"expected the augmentation {augmentation_name(augmentation)} to return (image, masks), "
            f"received {type(result).__name__}"
        )
    return tuple(result)


def _is_albumentations(augmentation) -> bool:
    module = type(augmentation).__module__.partition(".")[0]
    return module == "albumentations" or hasattr(augmentation, "set_random_seed")


_per_thread = threading.local()


def _albumentations(augmentation, image, masks, rng):
    # A transform shared between threads is not reproducible: each thread works with a copy of its own.
    if getattr(_per_thread, "original", None) is not augmentation:
        _per_thread.original, _per_thread.copy = augmentation, copy.deepcopy(augmentation)
    transform = _per_thread.copy
    seed = int(rng.integers(2**31))
    if hasattr(transform, "set_random_state"):
        # Not set_random_seed: it gives every transform of a Compose the same numbers, so that of two flips either
        # both happen or none.
        transform.set_random_state(np.random.default_rng(seed), random.Random(seed))
    elif hasattr(transform, "set_random_seed"):
        transform.set_random_seed(seed)
    if masks.shape[2] == 0:
        return transform(image=image)["image"], masks
    result = transform(image=image, masks=instance_planes(masks))
    return result["image"], _stacked(result["masks"])
