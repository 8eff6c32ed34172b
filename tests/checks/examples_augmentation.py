"""For every code of the group "augmentation" an augmentation with the mistake and a similar one without it.

EXAMPLES[code] is (bad, good): augmentations; `findings_of(augmentation)` runs the preflight with it.
"""

import numpy as np

from .toy import find


def flip(image, masks, rng):
    if rng.random() < 0.5:
        image, masks = image[:, ::-1], masks[:, ::-1]
    return image, masks


def flip_image(image, masks, rng):
    return (image[:, ::-1], masks) if rng.random() < 0.5 else (image, masks)


def flip_masks(image, masks, rng):
    return (image, masks[:, ::-1]) if rng.random() < 0.5 else (image, masks)


def flip_twice(image, masks, rng):
    """Two draws where there should be one."""
    return (image[::-1] if rng.random() < 0.5 else image), (masks[::-1] if rng.random() < 0.5 else masks)


def photometric(image, masks, rng):
    """Brightness, noise, blur and a dropped square, all on the image alone."""
    image = image * rng.uniform(0.6, 1.3) + rng.normal(0, 25, image.shape)
    image = (image + np.roll(image, 1, 0) + np.roll(image, 1, 1)) / 3
    y, x = (int(rng.integers(0, side // 2)) for side in image.shape[:2])
    image[y : y + image.shape[0] // 3, x : x + image.shape[1] // 3] = rng.integers(0, 256)
    return np.clip(image, 0, 255).astype(np.uint8), masks


def inverted(image, masks, rng):
    return 255 - image, masks


def crop(image, masks, rng):
    return image[8:], masks[8:]


def shift(pixels):
    """Image and masks shifted to the right, zeros come in from the left."""

    def shifted(image, masks, rng):
        x = int(rng.integers(pixels // 2, pixels))
        image, masks = np.roll(image, x, 1), np.roll(masks, x, 1)
        image[:, :x], masks[:, :x] = 0, False
        return image, masks

    return shifted


def half_pixel(image, masks, rng):
    """A shift by half a pixel with interpolation of image and masks."""
    masks = masks.astype(np.float32)
    return (image // 2 + np.roll(image, 1, 0) // 2), (masks + np.roll(masks, 1, 0)) / 2


def rounded(image, masks, rng):
    image, masks = half_pixel(image, masks, rng)
    return image, masks > 0.5


def brighter(image, masks, rng):
    return np.minimum(image.astype(int) + 20, 255).astype(np.uint8), masks.astype(np.uint8) + 20


def bytes_masks(image, masks, rng):
    return image, masks.astype(np.uint8) * 255


def fractions(image, masks, rng):
    return image / 255.0, masks


def floats(image, masks, rng):
    return image.astype(np.float32), masks


def restless(image, masks, rng):
    """Draws from numpy's own random numbers."""
    return (image[:, ::-1], masks[:, ::-1]) if np.random.rand() < 0.5 else (image, masks)


def fails(image, masks, rng):
    raise RuntimeError("no such transform")


EXAMPLES = {
    "aug-fails": (fails, flip),
    "aug-shape-change": (crop, shift(8)),
    "aug-image-only": (flip_image, photometric),
    "aug-mask-only": (flip_masks, inverted),
    "aug-mask-interp": (half_pixel, rounded),
    "aug-mask-color": (brighter, bytes_masks),
    "aug-object-loss": (shift(110), shift(20)),
    "aug-dtype": (fractions, floats),
    "aug-nondeterministic-seed": (restless, flip),
}


def findings_of(augmentation):
    return find(augmentation=augmentation)
