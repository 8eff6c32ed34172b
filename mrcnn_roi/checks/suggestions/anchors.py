"""Suggestions for the anchors: RPN_ANCHOR_SCALES and RPN_ANCHOR_RATIOS from the boxes of the molded images.

Shapes alone are compared, box and anchor on one centre, with the IoU of cd-anchor-coverage. One scale a pyramid
level; three ratios as long as they will do, because another number does not fit trained weights of the RPN.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np

from mrcnn_roi.checks.config.network import usable_strides
from mrcnn_roi.checks.fit_anchors import COVERED, LONG, best_iou, object_sides, reachable
from mrcnn_roi.checks.splits import Split, positive_list
from mrcnn_roi.checks.suggestions.trial import (
    SAMPLE,
    Suggestion,
    Suggestions,
    applied,
    listed,
    problems,
    training,
)
from mrcnn_roi.checks.values import Reading
from mrcnn_roi.ops.anchors import anchor_sizes

MORE_COVERED, CLOSER = 0.05, 0.15  # share of objects, mean IoU: less than this is no reason to change the anchors
POOR = 0.5  # mean IoU from which anchors are near enough to the boxes
SMALLEST = 4  # pixels: the finest map has a cell for 4x4
MOST_RATIOS = 6


def suggest_anchors(config, splits: Sequence[Split], environment=None) -> Suggestions:
    """Scales and ratios that cover the objects of the training images clearly better than those of `config`."""
    train = training(splits)
    if train is None:
        return {}
    sides = object_sides(train)
    if len(sides) == 0:
        return {}
    kind = "sampled boxes" if len(train.scan.class_id) == SAMPLE else "boxes" if len(sides) > 1 else "box"
    found = _suggest_ratios(config, splits, sides, kind)
    return found | _suggest_scales(applied(config, found), splits, sides, kind)


# ---- scales --------------------------------------------------------------------------------------------


def _suggest_scales(config, splits: Sequence[Split], sides: np.ndarray, kind: str) -> Suggestions:
    reading, train = Reading(config), training(splits)
    scales, ratios = positive_list(reading, "RPN_ANCHOR_SCALES"), positive_list(reading, "RPN_ANCHOR_RATIOS")
    strides = usable_strides(reading)
    if strides is None or train is None:
        return {}
    largest = int(train.molding.shape.max())
    reached = sides[reachable(sides, ratios) >= LONG]  # the others are a matter of the ratios
    reached = reached if len(reached) else sides
    best, (share, closeness) = _best_scales(reached, ratios, strides, largest)
    before, before_closeness = _coverage(reached, scales, ratios)
    invalid = problems(config, splits, ["mdl-anchor-gt-image", "mdl-strides-vs-scales", "cfg-scales-order"])
    far = before_closeness < POOR and closeness - before_closeness >= CLOSER
    gain = share - before >= MORE_COVERED or far
    if best == [float(each) for each in scales] or not (gain or invalid):
        return {}
    text = (
        f"covers {share:.0%} of {len(reached)} {kind} with IoU >= {COVERED}, was {before:.0%} with ({listed(scales)})"
    )
    if share - before < MORE_COVERED:
        text += f"; the mean IoU is {closeness:.2f}, was {before_closeness:.2f}"
    if max(scales) > largest:
        text += f"; none is larger than the image of {largest} px"
    return {"RPN_ANCHOR_SCALES": Suggestion(tuple(int(each) for each in best), text)}


def _coverage(sides: np.ndarray, scales: Sequence[float], ratios: Sequence[float]) -> tuple[float, float]:
    """(share of the boxes that an anchor covers, mean of their best IoU)."""
    best = best_iou(sides, *anchor_sizes(scales, ratios))
    return float((best >= COVERED).mean()), float(best.mean())


def _best_scales(sides, ratios, strides: Sequence[int], largest: int) -> tuple[list[float], tuple[float, float]]:
    """(scales, their coverage): doubling scales where they will do, else the centres of the boxes' sizes."""
    levels = len(strides)
    doubling = [[float(start * 2**level) for level in range(levels)] for start in (4, 6, 8, 12, 16, 24, 32)]
    doubling = [each for each in doubling if each[-1] <= largest]
    centres = _kept_apart(_centres(np.log(np.sqrt(np.prod(sides, axis=1))), levels), strides, largest)
    candidates = [*doubling, centres]
    results = [_coverage(sides, each, ratios) for each in candidates]
    ranks = [(round(share, 2), round(closeness, 1), index) for index, (share, closeness) in enumerate(results)]
    simple = max(ranks[: len(doubling)], default=ranks[-1])  # of equal ones the coarsest: it fits the strides best
    chosen = ranks[-1][2] if ranks[-1][0] - simple[0] >= MORE_COVERED else simple[2]
    return candidates[chosen], results[chosen]


def _centres(logs: np.ndarray, count: int) -> np.ndarray:
    """The centres of `count` clusters of numbers (k-means from quantiles), ascending; not logarithmic any more."""
    centres = np.quantile(logs, (np.arange(count) + 0.5) / count)
    for _ in range(30):
        nearest = np.abs(logs[:, None] - centres).argmin(axis=1)
        size = np.bincount(nearest, minlength=count)
        moved = np.where(size > 0, np.bincount(nearest, logs, minlength=count) / np.maximum(size, 1), centres)
        if np.allclose(moved, centres):
            break
        centres = moved
    return np.exp(np.sort(centres))


def _kept_apart(centres: np.ndarray, strides: Sequence[int], largest: int) -> list[float]:
    """Scales in multiples of 4, ascending and not below the stride of their level: on a coarser map anchors lie too
    far apart for them. None is above the side of the image."""
    scales, floor = [], float(SMALLEST)
    for centre, stride in zip(centres, strides):
        floor = max(4.0 * round(centre / 4), float(-(-stride // 4) * 4), floor)
        scales.append(min(floor, float(max(largest, SMALLEST))))
    return scales


# ---- ratios --------------------------------------------------------------------------------------------


def _suggest_ratios(config, splits: Sequence[Split], sides: np.ndarray, kind: str) -> Suggestions:
    """Ratios for objects that are too long for those of `config`: three, or more where three cannot do."""
    ratios = positive_list(Reading(config), "RPN_ANCHOR_RATIOS")
    if not problems(config, splits, ["cd-anchor-aspect"]):
        return {}
    for count in range(len(ratios), max(MOST_RATIOS, len(ratios)) + 1):
        better = _best_ratios(sides, ratios, count, config.fields()["RPN_ANCHOR_RATIOS"].default)
        if not problems(config.replaced({"RPN_ANCHOR_RATIOS": better}), splits, ["cd-anchor-aspect"]):
            break
    before, after = ((reachable(sides, each) >= LONG).mean() for each in (ratios, better))
    if after <= before:
        return {}
    median = float(np.median(sides[:, 1] / sides[:, 0]))
    reason = f"fits the shape of {after:.0%} of {len(sides)} {kind}, was {before:.0%} with [{listed(ratios)}]"
    reason += f"; their median width/height is {median:.2g}"
    if len(better) != 3:
        reason += f'. {len(better)} ratios do not fit trained RPN weights: leave out "rpn_model" when loading them'
    return {"RPN_ANCHOR_RATIOS": Suggestion(better, reason)}


def _best_ratios(sides: np.ndarray, given: Sequence[float], count: int, usual: Sequence[float]) -> list[float]:
    """`count` ratios that fit the most boxes, out of the given and the usual ones and the centres of the boxes'
    own. Of equally good choices the one with the most usual ones: other pictures hold other shapes."""
    logs = np.log(sides[:, 1] / sides[:, 0])
    long = reachable(sides, given) < LONG
    own = [_short(each) for each in _centres(logs[long], min(3, count))] if long.any() else []
    own += [_short(each) for each in _centres(logs, count)]
    pool = list(dict.fromkeys([*map(float, given), *map(float, usual), *own]))[:12]
    fitting = {ratio: reachable(sides, [ratio]) for ratio in pool}

    def quality(chosen) -> tuple[float, int, float]:
        best = np.max([fitting[ratio] for ratio in chosen], axis=0)
        return round(float((best >= LONG).mean()), 2), sum(each in usual for each in chosen), float(best.mean())

    chosen = max(itertools.combinations(pool, min(count, len(pool))), key=quality)
    return [int(each) if each == int(each) else each for each in sorted(chosen)]


def _short(value: float) -> float:
    return float(f"{value:.2g}")
