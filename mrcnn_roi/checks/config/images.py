"""Checks of the image size, the resize mode and the mean pixel."""

from __future__ import annotations

import numpy as np

from mrcnn_roi.checks.config.network import usable_strides
from mrcnn_roi.checks.value_scale import holds_means
from mrcnn_roi.checks.values import Reading, closest, compact, config_check, is_int, number, show
from mrcnn_roi.findings import Severity

RESIZE_MODES = ("none", "square", "pad64", "crop")


def resize_mode(config: Reading) -> str | None:
    """IMAGE_RESIZE_MODE when it is one of the four, else None (cfg-resize-mode-unknown reports it)."""
    mode = config.IMAGE_RESIZE_MODE
    return mode if isinstance(mode, str) and mode in RESIZE_MODES else None


def min_dim(config: Reading) -> int | None:
    """IMAGE_MIN_DIM, 0 for "do not enlarge" (0, None, False), None when it is no whole number."""
    value = config.IMAGE_MIN_DIM
    if value is None or value is False:
        return 0
    return value if is_int(value) else None


def multiples(value: int, of: int) -> tuple[int, ...]:
    """The nearest multiples of `of` around `value`, without 0."""
    below = value // of * of
    return tuple(each for each in (below, below + of) if each > 0)


def next_multiple(value: int, of: int) -> int:
    return -(-value // of) * of


def set_by_user(config: Reading, name: str) -> bool:
    """True when a subclass or an assignment gives the attribute, False for the inherited default."""
    own = [vars(each) for each in type(config.raw).__mro__ if "fields" not in vars(each)]  # all but Config itself
    return any(name in attributes for attributes in (getattr(config.raw, "__dict__", {}), *own))


@config_check("cfg-image-dim-type", Severity.ERROR)
def dimension_type(config):
    """IMAGE_MAX_DIM is not a whole number from 1 on, or IMAGE_MIN_DIM neither a whole number nor None.
    Arrays of such a size cannot be made: a TypeError deep inside numpy. IMAGE_MIN_DIM 0 or None means "do
    not enlarge"."""
    largest, mode = config.IMAGE_MAX_DIM, resize_mode(config)
    unused = mode == "crop" and (largest is None or largest is False or is_int(largest))
    if not is_int(largest, 1) and not unused:
        value = number(float(largest)) if isinstance(largest, str) and largest.strip().isdigit() else number(largest)
        better = next_multiple(int(value), 64) if value is not None and value >= 1 else 1024
        message = f"IMAGE_MAX_DIM is {show(largest)}, expected a whole number of pixels from 1 on"
        yield (
            "IMAGE_MAX_DIM",
            f"{message}: no image of that size can be made",
            f"set IMAGE_MAX_DIM = {better}",
        )
    smallest = min_dim(config)
    if smallest is None:
        value = number(config.IMAGE_MIN_DIM)
        better = round(value) if value is not None and value >= 1 else 800
        message = f"IMAGE_MIN_DIM is {show(config.IMAGE_MIN_DIM)}, expected a whole number of pixels, 0 or None"
        fix = f"set IMAGE_MIN_DIM = {better}, or 0 for no enlarging"
        yield "IMAGE_MIN_DIM", f"{message}: images cannot be resized to it", fix
    elif smallest < 0 and mode in ("square", "none"):
        message = f"IMAGE_MIN_DIM is {smallest}: a negative size enlarges nothing, as 0 does"
        yield "IMAGE_MIN_DIM", message, "set IMAGE_MIN_DIM = 0", Severity.WARNING


@config_check("cfg-resize-mode-unknown", Severity.ERROR)
def resize_mode_unknown(config):
    """IMAGE_RESIZE_MODE is none of "none", "square", "pad64", "crop". The first image that is loaded stops
    the run; often it is a trailing space or a capital letter."""
    mode = config.IMAGE_RESIZE_MODE
    if resize_mode(config) is not None:
        return
    meant, note = "square", ""
    if mode is None:
        meant = "none"
    elif isinstance(mode, str):
        cleaned = mode.strip().lower()
        meant = closest(cleaned, RESIZE_MODES, 0.5) or "square"
        note = " (extra space)" if mode != mode.strip() else ""
    message = f"IMAGE_RESIZE_MODE={show(mode)}{note} is not supported: images cannot be resized"
    yield (
        "IMAGE_RESIZE_MODE",
        message,
        f'set IMAGE_RESIZE_MODE = "{meant}" (one of {", ".join(RESIZE_MODES)})',
    )


@config_check("cfg-image-dim-not-div64", Severity.ERROR)
def dimension_not_divisible(config):
    """The side of the molded image (IMAGE_MAX_DIM in "square" mode, IMAGE_MIN_DIM in "crop" mode) is not a
    multiple of 64. The pyramid halves the image six times and doubles it back: the maps to be added have
    different sizes.

    With a backbone of your own the side must be a multiple of the largest of BACKBONE_STRIDES. IMAGE_MIN_DIM
    in "square" mode and IMAGE_MAX_DIM in the other modes may have any value.
    """
    mode = resize_mode(config)
    if mode not in ("square", "crop"):
        return
    name = "IMAGE_MAX_DIM" if mode == "square" else "IMAGE_MIN_DIM"
    side, modulus, reason = getattr(config, name), 64, "FPN up/down-samples 6x"
    if callable(config.BACKBONE):
        strides = usable_strides(config)
        if strides is None:
            return
        modulus, reason = strides[-1], "the largest of BACKBONE_STRIDES"
    if is_int(side, 1) and side % modulus:
        nearest = " or ".join(map(str, multiples(side, modulus)))
        message = f"{name}={side} is not a multiple of {modulus} ({reason}): the network cannot be built"
        yield name, f"{message}. Nearest: {nearest}", f"set {name} = {next_multiple(side, modulus)}"


@config_check("cfg-min-gt-max", Severity.ERROR)
def min_above_max(config):
    """IMAGE_MIN_DIM is larger than IMAGE_MAX_DIM in "square" mode, where the image must fit into
    IMAGE_MAX_DIM: the minimum you asked for is never reached. A warning where IMAGE_MIN_DIM is the
    inherited default, because then nobody asked for it. The other modes do not look at IMAGE_MAX_DIM."""
    smallest, largest = min_dim(config), config.IMAGE_MAX_DIM
    if resize_mode(config) != "square" or smallest is None or not is_int(largest, 1) or smallest <= largest:
        return
    asked = set_by_user(config, "IMAGE_MIN_DIM")
    origin = "" if asked else " (the default)"
    message = (
        f'IMAGE_MIN_DIM={smallest}{origin} > IMAGE_MAX_DIM={largest}: in "square" mode MAX wins, so MIN has no effect'
    )
    fix = f"set IMAGE_MIN_DIM = {largest}, or raise IMAGE_MAX_DIM to {next_multiple(smallest, 64)}"
    yield "IMAGE_MIN_DIM, IMAGE_MAX_DIM", message, fix, Severity.ERROR if asked else Severity.WARNING


@config_check("cfg-pad64-min-dim", Severity.ERROR)
def pad64_min_dim(config):
    """ "pad64" mode with an IMAGE_MIN_DIM that is None or no multiple of 64. The first image that is loaded
    stops the run. 0 is allowed: no enlarging."""
    smallest = min_dim(config)
    if resize_mode(config) != "pad64" or smallest is None or (config.IMAGE_MIN_DIM is not None and smallest % 64 == 0):
        return
    better = next_multiple(smallest, 64) if smallest > 0 else 0
    message = (
        f'IMAGE_MIN_DIM={show(config.IMAGE_MIN_DIM)} in "pad64" mode: it must be a multiple of 64 (0 = no enlarging)'
    )
    yield "IMAGE_MIN_DIM", f"{message}, or no image can be loaded", f"set IMAGE_MIN_DIM = {better}"


@config_check("cfg-crop-min-dim", Severity.ERROR)
def crop_min_dim(config):
    """ "crop" mode without an IMAGE_MIN_DIM above 0. IMAGE_MIN_DIM is the side of the crop there: crops of
    size 0."""
    smallest = min_dim(config)
    if resize_mode(config) == "crop" and smallest is not None and smallest <= 0:
        message = (
            f'IMAGE_MIN_DIM={show(config.IMAGE_MIN_DIM)} in "crop" mode: it is the side of the crop, '
            "nothing would be left"
        )
        yield "IMAGE_MIN_DIM", message, "set IMAGE_MIN_DIM = 512 (a multiple of 64)"


@config_check("cfg-min-scale-overruled", Severity.INFO)
def min_scale_overruled(config):
    """IMAGE_MIN_SCALE asks for more than IMAGE_MAX_DIM lets through in "square" mode: even an image whose
    short side is IMAGE_MIN_DIM already would not fit when enlarged by it, and is enlarged less, silently."""
    smallest, largest, scale = min_dim(config), config.IMAGE_MAX_DIM, number(config.IMAGE_MIN_SCALE)
    if resize_mode(config) != "square" or not is_int(largest, 1) or smallest is None or scale is None or scale <= 1:
        return
    if smallest <= largest and max(smallest, 1) * scale > largest + 0.5:
        limit = int(largest / scale)
        message = f'IMAGE_MIN_SCALE={compact(scale)} is capped by IMAGE_MAX_DIM={largest} in "square" mode'
        fix = 'set IMAGE_MIN_SCALE = 0, or use "pad64" or "crop", which do not look at IMAGE_MAX_DIM'
        yield "IMAGE_MIN_SCALE", f"{message} for every image whose long side is above {limit} pixels", fix


def mean_values(config: Reading) -> np.ndarray | None:
    """MEAN_PIXEL as an array of floats with its shape, None when it is no number and no array of numbers."""
    value = config.MEAN_PIXEL
    if not isinstance(value, (list, tuple, np.ndarray, float)) and number(value) is None:
        return None
    try:
        array = np.asarray(value)
    except Exception:  # ragged lists, numbers too large, or objects of the user's that raise
        return None
    return array.astype(float) if array.dtype.kind in "iuf" and array.size else None


def _usual_mean(channels) -> str:
    """A mean of as many channels as a literal: ImageNet's for RGB, its grey value for all others."""
    count = channels if is_int(channels, 1) else 3
    if count > 4:
        return f"np.full({count}, 114.8)"
    return f"np.array({[114.8] if count == 1 else [123.7, 116.8, 103.9, 114.8][:count]})"


@config_check("cfg-channel-mean", Severity.ERROR)
def mean_not_per_channel(config):
    """MEAN_PIXEL has neither one value nor one per channel, or is no number. It is subtracted from every
    image: `operands could not be broadcast together`, or NaN everywhere. One value for all channels is
    fine."""
    mean, channels = mean_values(config), config.IMAGE_CHANNEL_COUNT
    advice = f"set MEAN_PIXEL = {_usual_mean(channels)}, better: the mean of your own images"
    if mean is None or not np.isfinite(mean).all():
        message = (
            f"MEAN_PIXEL is {show(config.MEAN_PIXEL)}, expected one number per channel: every image would be unusable"
        )
        yield "MEAN_PIXEL", message, advice
        return
    if is_int(channels, 1):
        try:
            fits = np.broadcast_shapes((5, 7, channels), np.shape(mean)) == (5, 7, channels)
        except ValueError:
            fits = False
        if not fits:
            message = (
                f"MEAN_PIXEL has {np.size(mean)} values (shape {np.shape(mean)}) but IMAGE_CHANNEL_COUNT={channels}"
            )
            yield (
                "MEAN_PIXEL, IMAGE_CHANNEL_COUNT",
                f"{message}: it cannot be subtracted from an image",
                advice,
            )


@config_check("cfg-mean-range", Severity.WARNING)
def mean_range(config, splits=()):
    """MEAN_PIXEL cannot be the mean of such images: a negative value, one above 65535, or all below 1 as
    for images scaled to 0..1. Images are 0..255 here and are then not centred. 0 for "subtract nothing"
    and the means of 16-bit images are fine, as is any mean that is on the scale of the images of train and val."""
    mean = mean_values(config)
    if mean is None or not np.isfinite(mean).all():
        return
    if splits and all(holds_means(split.scan, mean) for split in splits):
        return
    if np.min(mean) < 0 or np.max(mean) > 65535:
        message = f"MEAN_PIXEL {show(config.MEAN_PIXEL)} lies outside the values an image can have"
        example = _usual_mean(config.IMAGE_CHANNEL_COUNT)
        yield "MEAN_PIXEL", message, f"set MEAN_PIXEL to the mean of your images, e.g. {example}"
    elif 0 < np.max(mean) < 1:
        scaled = [round(float(each) * 255, 1) for each in np.ravel(mean)[:5]]
        message = (
            f"MEAN_PIXEL {show(config.MEAN_PIXEL)} looks like a 0-1 mean; images are 0-255, "
            "so almost nothing is subtracted"
        )
        value = f"np.array({scaled})" if len(scaled) < 5 else "255 * the present one"
        yield "MEAN_PIXEL", message, f"set MEAN_PIXEL = {value}"
