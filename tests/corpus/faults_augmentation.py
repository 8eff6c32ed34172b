"""Faults of augmentations, as functions, albumentations-like transforms and imgaug-like augmenters."""

from __future__ import annotations

import numpy as np

from .builders import Parts, judged
from .cases import ERROR, WARNING, Fault


def with_augmentation(augmentation):
    return lambda folder: judged(Parts(folder), Parts(folder, 7), augmentation=augmentation)


def chance(rng):
    return rng.random() < 0.5


def turn_image(image, masks, rng):
    return np.rot90(image, 2).copy(), masks


def roll_image(image, masks, rng):
    return np.roll(image, int(rng.integers(20, 60)), axis=1), masks


def two_draws(image, masks, rng):
    """Image and masks each flipped by a coin of its own."""
    return (np.fliplr(image) if chance(rng) else image), (np.fliplr(masks) if chance(rng) else masks)


class OwnGenerator:
    """A transform that is called for the image and for the masks, with new random numbers each time."""

    def __init__(self):
        self.rng = np.random.default_rng(1)

    def set_random_seed(self, seed):
        self.rng = np.random.default_rng(seed)

    def __call__(self, image=None, masks=None, **_):
        flip = bool(self.rng.random() < 0.5)
        result = {}
        if image is not None:
            result["image"] = image[:, ::-1] if flip else image
        if masks is not None:
            other = bool(self.rng.random() < 0.5)
            result["masks"] = [mask[:, ::-1] if other else mask for mask in masks]
        return result


def flip_masks(image, masks, rng):
    return image, masks[::-1]


def crop(image, masks, rng):
    return image[:-16, :-16], masks[:-16, :-16]


def rotate_and_grow(image, masks, rng):
    return np.pad(image, ((4, 4), (4, 4), (0, 0))), np.pad(masks, ((4, 4), (4, 4), (0, 0)))


def lose_a_mask(image, masks, rng):
    return image, masks[..., 1:]


def blur_both(image, masks, rng):
    image, masks = image.astype(np.float32), masks.astype(np.float32)
    for axis in (0, 1):
        image = (image + np.roll(image, 1, axis) + np.roll(image, -1, axis)) / 3
        masks = (masks + np.roll(masks, 1, axis) + np.roll(masks, -1, axis)) / 3
    return image.astype(np.uint8), masks


def darker(image, masks, rng):
    return (image * 0.8).astype(np.uint8), (masks * 0.8 + 0.1).astype(np.float32)


def push_out(image, masks, rng):
    by = int(rng.integers(60, 110))
    image, masks = np.roll(image, by, 0), np.roll(masks, by, 0)
    image[:by], masks[:by] = 0, 0
    return image, masks


def to_float(image, masks, rng):
    return (image / 255.0).astype(np.float32), masks


def normalize(image, masks, rng):
    return (image - np.array([123.7, 116.8, 103.9])) / 58.0, masks


def nothing(image, masks, rng):
    return None


def only_image(image, masks, rng):
    return image


def no_such(image, masks, rng):
    return image.rotate(3), masks


FAULTS = [
    Fault("aug-image-only", ERROR, "turn_image", with_augmentation(turn_image), "turned"),
    Fault("aug-image-only", ERROR, "roll_image", with_augmentation(roll_image), "shifted"),
    Fault("aug-image-only", ERROR, "two_draws", with_augmentation(two_draws), "two coins"),
    Fault("aug-image-only", ERROR, "OwnGenerator", with_augmentation(OwnGenerator()), "transform"),
    Fault("aug-mask-only", ERROR, "flip_masks", with_augmentation(flip_masks)),
    Fault("aug-shape-change", ERROR, "crop", with_augmentation(crop), "smaller"),
    Fault("aug-shape-change", ERROR, "rotate_and_grow", with_augmentation(rotate_and_grow), "larger"),
    Fault("aug-shape-change", ERROR, "lose_a_mask", with_augmentation(lose_a_mask), "fewer masks"),
    Fault("aug-mask-interp", ERROR, "in-between", with_augmentation(blur_both), "blur"),
    Fault("aug-mask-color", ERROR, "values of the masks", with_augmentation(darker), "brightness"),
    Fault("aug-object-loss", WARNING, "push_out", with_augmentation(push_out)),
    Fault("aug-dtype", WARNING, "to_float", with_augmentation(to_float), "0-1"),
    Fault("aug-dtype", WARNING, "normalize", with_augmentation(normalize), "mean subtracted"),
    Fault("aug-fails", ERROR, "nothing", with_augmentation(nothing), "returns None"),
    Fault("aug-fails", ERROR, "only_image", with_augmentation(only_image), "returns the image alone"),
    Fault("aug-fails", ERROR, "AttributeError", with_augmentation(no_such), "raises"),
    Fault("aug-fails", ERROR, "imgaug", with_augmentation("imgaug.Fliplr(0.5)"), "a text"),
]
