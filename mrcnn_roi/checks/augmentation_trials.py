"""Trying an augmentation on a drawn sample, to see whether image and masks move together.

Two pictures with the same six objects are augmented with the same random numbers: in the first the first
three objects are bright, in the second the others. Whatever the augmentation does to colours it does to both,
so the results differ exactly where the image's objects are now, and there the masks must be, too.
"""

from __future__ import annotations

import contextlib
import copy
import random
from dataclasses import dataclass

import numpy as np

from mrcnn_roi.checks.splits import Split
from mrcnn_roi.checks.values import Reading, Unreadable, is_int
from mrcnn_roi.ops.augment import augmentation_name, call_augmentation

DRAWS = 20
REPEATS = 8  # times that the same random numbers are given twice; a coin toss agrees with itself in all by 1 in 256
DARK, BRIGHT = 70, 190  # grey levels of the pictures, apart from each other and from 0 and 255
DECIDABLE = 8  # grey levels that must be left of their difference
# (y1, x1, y2, x2) in fractions of the sides; turned or mirrored, they cover at most 0.38 of themselves.
OBJECTS = (
    (0.29, 0.44, 0.48, 0.63), (0.51, 0.18, 0.71, 0.39), (0.22, 0.12, 0.40, 0.38),
    (0.67, 0.51, 0.89, 0.69), (0.06, 0.69, 0.24, 0.92), (0.42, 0.71, 0.62, 0.93),
)  # fmt: skip


@dataclass(frozen=True)
class Draw:
    """What became of one sample.

    agreement: the share of the image's objects that lies under a mask, or where masks vanished the share of those left
    that lies on objects; NaN where they cannot be seen.
    image_moved, mask_moved: against the sample. kept: masks with a pixel left, of len(OBJECTS).
    values: of the masks: "plain" (0 and 1, or 0 and 255), "grey" (in-between values at the edges) or "coloured".
    low, high: least and greatest value of the image, NaN where it holds one. dtype: the image's.
    """

    agreement: float
    image_moved: bool
    mask_moved: bool
    kept: int
    values: str
    low: float
    high: float
    dtype: str


@dataclass(frozen=True)
class Trials:
    """What became of DRAWS samples of a shape [H, W, C].

    draws: D of them; those that failed or changed a shape are in `errors` and `misshapen` only. repeatable: the
    same random numbers gave the same result, those of `random` and `np.random` and its own among them. reproducible:
    the same rng alone did. empty_error: what a sample without objects raised, "" for nothing.
    """

    name: str
    shape: tuple[int, int, int]
    draws: list[Draw]
    errors: list[str]
    misshapen: list[str]
    repeatable: bool
    empty_error: str
    reproducible: bool = True

    def each(self, field: str) -> np.ndarray:
        """[D]: one field of all draws."""
        return np.array([getattr(draw, field) for draw in self.draws])


def sample_shape(config, splits: list[Split]) -> tuple[int, int, int]:
    """[H, W, C] of the images that the augmentation will see: the molded ones, without the mean
    subtracted."""
    reading = Reading(config)
    height = width = 512
    try:
        channels = reading.IMAGE_CHANNEL_COUNT if is_int(reading.IMAGE_CHANNEL_COUNT, 1, 64) else 3
        fixed = {"square": "IMAGE_MAX_DIM", "crop": "IMAGE_MIN_DIM"}.get(str(reading.IMAGE_RESIZE_MODE))
        molded = [split.molded.shapes for split in splits if split.molded is not None]
        if fixed is not None and is_int(getattr(reading, fixed), 16, 4096):
            height = width = getattr(reading, fixed)
        elif molded and len(molded[0]):
            height, width = molded[0][len(molded[0]) // 2].tolist()
    except Unreadable:  # the checks of the config say so
        return 512, 512, 3
    return height, width, channels


def draw_sample(shape: tuple[int, int, int]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(first picture, second picture, masks): uint8 [H, W, C] twice and bool [H, W, 6]."""
    height, width, channels = shape
    masks = np.zeros((height, width, len(OBJECTS)), bool)
    for i, (y1, x1, y2, x2) in enumerate(OBJECTS):
        masks[round(y1 * height) : round(y2 * height), round(x1 * width) : round(x2 * width), i] = True
    half = len(OBJECTS) // 2
    pictures = []
    for bright in (masks[..., :half], masks[..., half:]):
        grey = np.where(bright.any(axis=2), BRIGHT, DARK).astype(np.uint8)
        pictures.append(np.repeat(grey[..., None], channels, axis=2))
    return pictures[0], pictures[1], masks


def run_trials(augmentation, shape: tuple[int, int, int], with_empty: bool) -> Trials:
    """Applies the augmentation DRAWS times, each time with other random numbers, and describes the results.

    with_empty: also to a sample without objects, because the data have such images.
    The random numbers of `random` and `np.random` are left as they were. Never raises.
    """
    before = random.getstate(), np.random.get_state()
    try:
        draws, errors, misshapen, repeatable = _draw_all(augmentation, *draw_sample(shape))
        empty_error = _try_empty(augmentation, shape) if with_empty and not errors else ""
        reproducible = bool(errors) or _is_reproducible(augmentation, shape)
    finally:
        random.setstate(before[0])
        np.random.set_state(before[1])
    name = augmentation_name(augmentation)
    return Trials(name, shape, draws, errors, misshapen, repeatable, empty_error, reproducible)


def _draw_all(augmentation, first, second, masks) -> tuple[list[Draw], list[str], list[str], bool]:
    """(draws, errors, misshapen, repeatable)."""
    draws: list[Draw] = []
    errors: list[str] = []
    misshapen: list[str] = []
    repeatable = True
    for seed in range(DRAWS):
        try:
            result = _apply(augmentation, first, masks, seed)
            if wrong := _misshapen(result, first.shape, masks.shape):
                misshapen.append(wrong)
                continue
            if seed < 3:
                again = _apply(augmentation, first, masks, seed)
                repeatable = repeatable and all(map(np.array_equal, result, again))
            other = _apply(augmentation, second, masks, seed)[0] if repeatable else None
            draws.append(_describe(result, other, masks))
        except Exception as error:  # an augmentation may raise anything; it is a finding
            errors.append(f"{type(error).__name__}: {error}")
    return draws, errors, misshapen, repeatable


def _apply(augmentation, image, masks, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """The augmentation as training calls it, on copies, with all random numbers a function of `seed`."""
    random.seed(seed)
    np.random.seed(seed)
    # A copy, so that one with random numbers of its own starts from the same.
    image, masks = call_augmentation(_copy(augmentation), image.copy(), masks.copy(), np.random.default_rng(seed))
    return np.asarray(image), np.asarray(masks)


def _copy(augmentation):
    with contextlib.suppress(Exception):  # what cannot be copied is used as it is
        return copy.deepcopy(augmentation)
    return augmentation


def _is_reproducible(augmentation, shape) -> bool:
    """Whether the result is a function of the rng, whatever was drawn elsewhere before. True where it fails."""
    image, _, masks = draw_sample(shape)
    augmentation = _copy(augmentation)
    random.seed(0)
    np.random.seed(0)
    try:
        for seed in range(REPEATS):
            rngs = np.random.default_rng(seed), np.random.default_rng(seed)
            first, second = (call_augmentation(augmentation, image.copy(), masks.copy(), rng) for rng in rngs)
            if not all(np.array_equal(a, b, equal_nan=True) for a, b in zip(first, second)):
                return False
    except Exception:  # aug-fails reports it
        return True
    return True


def _try_empty(augmentation, shape) -> str:
    try:
        _apply(augmentation, np.full(shape, DARK, np.uint8), np.zeros((*shape[:2], 0), bool), 0)
    except Exception as error:  # as above
        return f"{type(error).__name__}: {error}"
    return ""


def _misshapen(result, image_shape, masks_shape) -> str:
    image, masks = result
    if image.shape != image_shape:
        return f"the image from {list(image_shape)} to {list(image.shape)}"
    if masks.shape != masks_shape:
        return f"the masks from {list(masks_shape)} to {list(masks.shape)}"
    return ""


def _describe(result, other, masks) -> Draw:
    image, moved = result
    union, before = (moved != 0).any(axis=2), masks.any(axis=2)
    agreement, still = np.nan, np.nan
    kept = int((moved != 0).any(axis=(0, 1)).sum())
    region = _visible_objects(image, other)
    if region is not None:
        agreement, still = (float((region & each).sum() / region.sum()) for each in (union, before))
        if kept < len(OBJECTS):
            agreement = max(agreement, float((region & union).sum() / union.sum())) if kept else np.nan
    overlap = (union & before).sum() / max((union | before).sum(), 1)
    return Draw(
        agreement,
        bool(still < 0.9),
        bool(overlap < 0.97),
        kept,
        _kind_of_values(moved),
        float(image.min()),
        float(image.max()),
        str(image.dtype),
    )


def _visible_objects(image, other) -> np.ndarray | None:
    """bool [H, W]: where the objects are in the augmented image; None where that cannot be told.

    Without the second picture (an augmentation that cannot be repeated) the brightest or darkest part counts.
    """
    image = image.astype(np.float64)
    grey = image.mean(axis=2)
    difference = np.abs(grey - np.median(grey)) if other is None else np.abs(image - other).max(axis=2)
    contrast = np.percentile(difference, 98)
    span = 255.0 if image.max() > 2 else max(float(image.max() - image.min()), 1e-9)  # 0-1 images have their own
    if not contrast > DECIDABLE / 255 * span:
        return None
    region = difference > contrast / 2
    return region if region.mean() > 0.02 else None


def _kind_of_values(masks: np.ndarray) -> str:
    if masks.dtype == bool:
        return "plain"
    values = np.unique(masks)
    if len(values) <= 2 and values[0] == 0:
        usual = min(abs(float(values[-1]) - each) for each in (0, 1, 255)) < 0.01
        return "plain" if usual else "coloured"
    return "grey" if (masks == 0).mean() > 0.5 else "coloured"
