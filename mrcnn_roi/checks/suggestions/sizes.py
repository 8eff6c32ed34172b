"""Suggestions for the size of the images: IMAGE_RESIZE_MODE, IMAGE_MIN_DIM, IMAGE_MAX_DIM, IMAGE_MIN_SCALE.

Three forces: objects must keep enough pixels, nothing should be enlarged without need, and the memory is limited.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from mrcnn_roi.checks.config.images import resize_mode
from mrcnn_roi.checks.fit_sizes import SMALL, TINY
from mrcnn_roi.checks.splits import Split, batch_size
from mrcnn_roi.checks.suggestions.memory import batch_for, largest_sides
from mrcnn_roi.checks.suggestions.trial import (
    Suggestion,
    Suggestions,
    applied,
    problems,
    remolded,
    training,
)
from mrcnn_roi.checks.values import Reading, is_int, number
from mrcnn_roi.findings import Severity

COMFORTABLE = 1024  # pixels: images are enlarged for small objects up to this side, and not shrunk below it
SCALES = (1.0, 1.5, 2.0, 3.0, 4.0)  # of enlarging; more adds work and nothing to see
WASTE = 2  # times the pixels that are needed
CHECKS = (
    "cfg-min-gt-max", "cfg-image-dim-type", "cfg-image-dim-not-div64", "cfg-pad64-min-dim", "cfg-crop-min-dim",
    "cd-molded-div64", "cd-upscale", "cd-downscale", "cd-object-vanishes", "cd-object-tiny", "cd-crop-empty",
)  # fmt: skip


def suggest_sizes(config, splits: Sequence[Split], environment=None) -> Suggestions:
    """Sizes for the images and the objects in them, where those of `config` lose objects, cannot work, or
    are more than twice the work."""
    known = [split for split in splits if (split.sound & (split.scan.width > 0)).any()]
    if not known:
        return {}
    before = problems(config, splits, CHECKS)
    if not before:
        return _smaller_square(config, known)
    candidates = [_padded(config, splits), _same_mode(config, known, environment), _square(config, known, environment)]
    results = [(_left(config, splits, each), each) for each in candidates if each]
    left, best = min(results, key=lambda result: result[0], default=(0, {}))  # of equal ones the first
    return best if left < _badness(before) else {}


def _left(config, splits: Sequence[Split], tried: Suggestions) -> int:
    after = applied(config, tried)
    return _badness(problems(after, remolded(after, splits), CHECKS))


def _badness(findings) -> int:
    return sum(1000 if each.severity is Severity.ERROR else 1 for each in findings)


def _padded(config, splits: Sequence[Split]) -> Suggestions:
    """Mode "pad64" for images that mode "none" cannot take, where that needs no smaller batch."""
    reading = Reading(config)
    if resize_mode(reading) != "none" or batch_size(reading) > 1 and len(_sizes(splits)) > 1:
        return {}
    reason = 'the sides of the images are no multiples of 64: "pad64" pads them and changes nothing else'
    values, reasons = {"IMAGE_MIN_DIM": 0}, {"IMAGE_MIN_DIM": 'nothing is enlarged, as in mode "none"'}
    found = {"IMAGE_RESIZE_MODE": Suggestion("pad64", reason)} | _differing(reading, values, reasons)
    if reading.IMAGE_MIN_DIM is None:
        found["IMAGE_MIN_DIM"] = Suggestion(0, '"pad64" needs a number; 0 enlarges nothing')
    return found


def _same_mode(config, splits: Sequence[Split], environment) -> Suggestions:
    """Other sizes in the modes "pad64" and "crop", whose users have reasons for them."""
    reading, train = Reading(config), training(splits)
    mode, sizes = resize_mode(reading), _sizes(splits)
    longest = float(np.quantile(_long_sides(splits), 0.9))
    sides = _short_sides(train) if train is not None else np.zeros(0)
    if mode == "pad64":
        scale, _, why = _wanted(longest, sides, largest_sides(config, environment)[0])
        values = {"IMAGE_MIN_DIM": 0, "IMAGE_MIN_SCALE": scale if scale > 1 else 0}
        return _differing(reading, values, dict.fromkeys(values, why))
    if mode == "crop":
        shortest = int(sizes.min())
        side = max(shortest // 64 * 64, 64)
        why = f"the shortest side of an image is {shortest} px: crops of {side} px need no enlarging"
        return _differing(reading, {"IMAGE_MIN_DIM": side}, {"IMAGE_MIN_DIM": why})
    return {}


def _sizes(splits: Sequence[Split]) -> np.ndarray:
    """int [S, (height, width)]: the sizes of the images whose size is known."""
    sizes = np.concatenate([np.stack([each.scan.height, each.scan.width], axis=1) for each in splits])
    return np.unique(sizes[sizes.min(axis=1) > 0], axis=0)


def _long_sides(splits: Sequence[Split]) -> np.ndarray:
    """Longer sides in pixels of the images whose size is known."""
    sides = np.concatenate([np.maximum(each.scan.height, each.scan.width) for each in splits])
    return sides[sides > 0]


def _short_sides(split: Split) -> np.ndarray:
    """float [N]: the shorter sides of the objects in pixels of the raw image."""
    box = split.scan.box[split.objects]
    return (box[:, 2:] - box[:, :2]).min(axis=1).astype(float)


def _next64(side: float) -> int:
    return max(int(-(-side // 64) * 64), 64)


class Wanted(NamedTuple):
    """How much images are to be enlarged, or may be shrunk, for their objects; below `least` objects are lost."""

    scale: float
    least: float
    why: str


def _wanted(longest: float, sides: np.ndarray, limit: int) -> Wanted:
    """For images with a longer side of `longest` pixels and objects with these shorter sides."""
    usual = min(1.0, COMFORTABLE / longest)
    if len(sides) == 0:
        return Wanted(usual, usual, f"images are up to {longest:.0f} px")
    few, median, nearly_all = np.quantile(sides, [0.09, 0.5, 0.005])
    objects = f"the shorter side of the objects is {median:.0f} px (median)"
    least = max(TINY / few, 1.05 / max(nearly_all, 1.0))
    enlarged = max(least, min(SMALL / median, 2.0))
    room = (limit if least > 1 else COMFORTABLE) / longest
    if enlarged > 1 and room > 1:
        scale = next((each for each in SCALES if each >= enlarged), SCALES[-1])
        scale = scale if scale <= room else max(each for each in SCALES if each <= room)
        if scale > 1:
            return Wanted(scale, 1.0, f"{objects}, enlarged x{scale:g} it is {median * scale:.0f} px")
    shrunk = max(least, min(SMALL / median, 1.0), usual)
    if shrunk >= 1:
        return Wanted(1.0, min(least, 1.0), f"images of up to {longest:.0f} px keep their size, {objects}")
    return Wanted(shrunk, least, f"images of up to {longest:.0f} px are shrunk, {objects}")


def _square(config, splits: Sequence[Split], environment) -> Suggestions:
    """Mode "square" with a side that keeps the objects and no more."""
    reading, train = Reading(config), training(splits)
    longest = float(np.quantile(_long_sides(splits), 0.9))
    sides = _short_sides(train) if train is not None else np.zeros(0)
    usual, most = largest_sides(config, environment)
    scale, least, why = _wanted(longest, sides, usual)
    wanted = _next64(longest * scale)
    side = min(wanted, max(usual, min(_next64(longest * least), most)))
    if side < wanted and len(sides):
        median = float(np.median(sides))
        why = f"images of up to {longest:.0f} px are shrunk, the shorter side of the objects from {median:.0f} px "
        why += f"(median) to {median * side / longest:.0f}. More takes too much memory: better cut them into tiles"
    values = {
        "IMAGE_RESIZE_MODE": "square",
        "IMAGE_MIN_DIM": 0,
        "IMAGE_MAX_DIM": side,
        "IMAGE_MIN_SCALE": scale if scale > 1 else 0,
    }
    reasons = {
        "IMAGE_RESIZE_MODE": why,
        "IMAGE_MIN_DIM": "images are enlarged by IMAGE_MIN_SCALE alone" if scale > 1 else "images are not enlarged",
        "IMAGE_MAX_DIM": why,
        "IMAGE_MIN_SCALE": why if scale > 1 else "images are not enlarged",
    }
    found = _differing(reading, values, reasons)
    return found | batch_for(config, side, environment) if "IMAGE_MAX_DIM" in found else found


def _smaller_square(config, splits: Sequence[Split]) -> Suggestions:
    """A smaller square into which all images fit as they are, where the present one is mostly padding."""
    reading = Reading(config)
    side = reading.IMAGE_MAX_DIM
    if resize_mode(reading) != "square" or not is_int(side, 1) or any(split.molded is None for split in splits):
        return {}
    scaled = [np.maximum(each.scan.height, each.scan.width) * each.molding.scale for each in splits]
    longest = float(np.nanmax(np.concatenate(scaled)))
    smaller = _next64(round(longest))
    if smaller**2 * WASTE > side**2:
        return {}
    times = (side / smaller) ** 2
    reason = f"all images fit into {smaller}x{smaller} as they are, {times:.1f} times cheaper than {side}x{side}"
    return {"IMAGE_MAX_DIM": Suggestion(smaller, reason)}


def _differing(config: Reading, values: dict, reasons: dict) -> Suggestions:
    """Suggestions of the values that `config` does not have already."""
    found = Suggestions()
    for name, value in values.items():
        given = getattr(config, name)
        same = given == value if isinstance(value, str) else number(given or 0) == value
        if not same:
            found[name] = Suggestion(value, reasons[name])
    return found
