"""Checks of an augmentation (group "augmentation"), by what it made of drawn samples: see
augmentation_trials.

No two workers can repeat each other here, as the original's did: each sample has random numbers of its own. What is
left of aug-nondeterministic-seed is an augmentation that does not use them.
"""

from __future__ import annotations

import numpy as np

from mrcnn_roi.checks.augmentation_trials import DRAWS, OBJECTS, Trials
from mrcnn_roi.findings import Severity, check

ALIGNED = 0.8  # share of the image's objects that must lie under masks
FAR_OFF = 0.5  # below it a single draw is proof
WHERE = "augmentation"


def _misaligned(trials: Trials) -> np.ndarray:
    """bool [D]: draws in which the image's objects do not lie under the masks. Empty evidence is no
    evidence."""
    agreement = trials.each("agreement")
    if trials.repeatable:
        off = agreement < ALIGNED
        proven = off.sum() >= 2 or (agreement < FAR_OFF).any()
    else:  # judged by the brightest part of one picture, which photometric changes can move
        off = agreement < FAR_OFF
        proven = off.sum() >= 3
    return off & proven


def _mask_stands_still(trials: Trials) -> bool:
    return not trials.each("mask_moved").any()


def _image_stands_still(trials: Trials) -> bool:
    return trials.repeatable and not trials.each("image_moved").any()


@check("aug-fails", Severity.ERROR)
def augmentation_fails(trials):
    """The augmentation raises, returns something else than image and masks, or is nothing that can be
    called. The run stops at the first image it is applied to. Also when only images without objects make it
    fail, and the data have such images."""
    if trials.errors:
        message = f"{trials.name} failed in {len(trials.errors)} of {DRAWS} draws: {trials.errors[0]}"
        fix = f"call it on an image {list(trials.shape)} uint8 with masks [H, W, N] bool; it must return both"
        if any(word in trials.errors[0] for word in ("bbox", "label_fields", "keypoint")):
            fix = "leave out bbox_params and keypoint_params: boxes are made anew from the masks"
        yield WHERE, message, fix
    elif trials.empty_error:
        message = f"{trials.name} fails on an image without objects, and the data have some: {trials.empty_error}"
        yield WHERE, message, "return masks [H, W, 0] unchanged when there are none"


@check("aug-shape-change", Severity.ERROR)
def shape_changes(trials):
    """The augmentation changes the size of image or masks, or their number. Anchors and batches are made for
    the molded size, so the run stops ("Augmentation shouldn't change image size")."""
    if trials.misshapen:
        message = f"{trials.name} changed {trials.misshapen[0]} ({len(trials.misshapen)} of {DRAWS} draws)"
        fix = f"keep {list(trials.shape[:2])}: crop with padding, rotate with keep_size, and return every mask"
        yield WHERE, message, fix


@check("aug-image-only", Severity.ERROR)
def image_moves_alone(trials):
    """The augmentation moves the image and not the masks, or both differently: the network learns outlines
    that lie beside the objects. Often two calls draw two sets of random numbers. Colour, noise, blur and
    dropout are no movement."""
    off = _misaligned(trials)
    if not off.any() or (_image_stands_still(trials) and not _mask_stands_still(trials)):
        return
    how = "moved the image but not the masks" if _mask_stands_still(trials) else "moved image and masks differently"
    fix = "apply one call to both: transform(image=..., masks=...) in albumentations, the same crop and flip in your "
    fix += "own function; imgaug's Fliplr, Flipud, CropAndPad, Affine and PiecewiseAffine move masks, its others do not"
    yield WHERE, f"{trials.name} {how} {_extent(trials, off)}", fix


@check("aug-mask-only", Severity.ERROR)
def masks_move_alone(trials):
    """The augmentation moves the masks and leaves the image: the network learns outlines that lie beside the
    objects."""
    off = _misaligned(trials)
    if off.any() and _image_stands_still(trials) and not _mask_stands_still(trials):
        fix = "apply the same movement to the image, in one call: transform(image=..., masks=...)"
        yield WHERE, f"{trials.name} moved the masks but not the image {_extent(trials, off)}", fix


def _extent(trials: Trials, off: np.ndarray) -> str:
    mean = trials.each("agreement")[off].mean()
    return f"in {off.sum()} of {len(off)} draws: {mean:.0%} of the objects are left under their masks"


@check("aug-mask-interp", Severity.ERROR)
def masks_interpolated(trials):
    """Masks come back with values between 0 and 1 at their edges: they were resampled like a picture. Every
    value above 0 counts as object, so outlines grow, more with every rotation and scale."""
    values = trials.each("values").tolist()
    grey = values.count("grey")
    if grey and "coloured" not in values:
        message = f"{trials.name} returned masks with in-between values in {grey} of {len(trials.draws)} draws"
        yield WHERE, message, "use nearest-neighbour interpolation (order=0) for masks, or return masks > 0.5"


@check("aug-mask-color", Severity.ERROR)
def masks_coloured(trials):
    """Masks come back without zeros, or with other values than 0 and 1 (or 255): brightness, noise or contrast was
    applied to them, too. Every value but 0 counts as object, so an object may vanish or the whole image become one."""
    coloured = trials.each("values").tolist().count("coloured")
    if coloured:
        message = f"{trials.name} changed the values of the masks in {coloured} of {len(trials.draws)} draws"
        yield WHERE, message, "apply colour operations to the image alone, and return masks of 0 and 1"


@check("aug-object-loss", Severity.WARNING)
def objects_lost(trials):
    """More than a fifth of the objects are cropped or shifted out of the image, or their masks vanish: many samples
    teach little, and objects without a mask are taught as background. Silent where masks do not follow the image."""
    if not trials.draws or _misaligned(trials).any():
        return
    lost = 1 - trials.each("kept").mean() / len(OBJECTS)
    if lost > 0.2:
        message = f"{trials.name} loses {lost:.0%} of the objects over {len(trials.draws)} draws"
        yield WHERE, message, "crop, shift and zoom less: at most about a tenth of the side"


@check("aug-dtype", Severity.WARNING)
def range_changes(trials):
    """The image comes back on another scale: floats 0-1, or with a mean subtracted. Images are 0-255 here
    and the mean pixel is subtracted afterwards, so such an image is nearly black to the network. Another
    dtype on the same scale is fine. An error where it holds NaN or infinite values."""
    if not trials.draws:
        return
    low, high = float(trials.each("low").min()), float(trials.each("high").max())
    if not (np.isfinite(low) and np.isfinite(high)):
        message = f"{trials.name} returns images with NaN or infinite values: the loss will be NaN"
        yield WHERE, message, "look for a division by 0 or a logarithm of 0 in it", Severity.ERROR
        return
    if high <= 2 or low < -1 or high > 256:
        values = f"{trials.draws[0].dtype} images with values {low:.3g} to {high:.3g}"
        message = f"{trials.name} returns {values} instead of 0 to 255"
        fix = "return uint8 0-255: leave out ToFloat and Normalize"
        yield WHERE, message, f"{fix}, or multiply by 255" if low >= 0 and high <= 2 else fix


@check("aug-nondeterministic-seed", Severity.INFO)
def ignores_its_random_numbers(trials):
    """The augmentation does not draw from the rng that it is called with, but from `random`, `np.random` or numbers of
    its own. config.SEED does not reproduce a run then, because samples are made by several threads at once."""
    if not trials.reproducible:
        message = f"{trials.name} gives different results for the same rng: SEED does not reproduce what it does"
        fix = "draw from the rng it is called with, rng.random() or rng.integers(2), in place of random and np.random"
        yield WHERE, message, fix
