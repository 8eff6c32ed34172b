"""Checks of how RoIs are pooled from the pyramid: the method, its samples, and the levels."""

from __future__ import annotations

import numpy as np

from mrcnn_roi.checks.values import Reading, closest, config_check, flat_list, is_int, number, show
from mrcnn_roi.findings import Severity
from mrcnn_roi.ops.roi_pooling import METHODS

AGGREGATES = ("mean", "max")
LEVELS = (2, 3, 4, 5)  # P6 is a subsampled P5 and serves the RPN alone
MANY_SAMPLES = 8
_SAMPLED = ("roi_align", "roi_warp")  # the methods that read several samples a bin
_WORDS = {"mean": ("mean", "ave", "avg", "average"), "max": ("max", "maximum")}


def pool_method(config: Reading) -> str | None:
    """ROI_POOL_METHOD when it is one of the four, else None (cfg-pool-method reports it)."""
    method = config.ROI_POOL_METHOD
    return method if isinstance(method, str) and method in METHODS else None


def pool_levels(config: Reading) -> tuple[int, ...] | None:
    """ROI_POOL_LEVELS when they are consecutive whole numbers from 2 to 5 (2.0 will do), finest first, else None."""
    levels = tuple(number(each) for each in flat_list(config.ROI_POOL_LEVELS) or [])
    whole = tuple(int(each) for each in levels if each in LEVELS)
    runs = whole and whole == tuple(range(whole[0], whole[0] + len(whole)))
    return whole if runs and len(whole) == len(levels) else None


@config_check("cfg-pool-method", Severity.ERROR)
def pool_method_unknown(config):
    """ROI_POOL_METHOD is none of "crop_and_resize", "roi_align", "roi_pool", "roi_warp". The heads cannot be
    built."""
    if pool_method(config) is not None:
        return
    method = config.ROI_POOL_METHOD
    words = method.strip().lower().replace("-", "_").replace(" ", "_") if isinstance(method, str) else ""
    meant = closest(words, METHODS, 0.5) or "crop_and_resize"
    message = f"ROI_POOL_METHOD is {show(method)}, supported are {', '.join(METHODS)}: the heads cannot be built"
    yield "ROI_POOL_METHOD", message, f'set ROI_POOL_METHOD = "{meant}"'


@config_check("cfg-pool-sampling", Severity.ERROR)
def pool_sampling(config):
    """ROI_POOL_SAMPLING_RATIO is not a whole number of samples: from 1 on, or 0 or -1 for as many as a bin is
    cells long. The heads cannot be built. Many samples are a warning where the method reads them: time and memory
    grow with their square, and beyond one a cell they add nothing."""
    ratio, method = config.ROI_POOL_SAMPLING_RATIO, pool_method(config)
    if not is_int(ratio, -1):
        message = (
            f"ROI_POOL_SAMPLING_RATIO is {show(ratio)}, expected a whole number of samples a bin and axis from 1 on, "
            "or 0 or -1 for adaptive: the heads cannot be built"
        )
        yield "ROI_POOL_SAMPLING_RATIO", message, "set ROI_POOL_SAMPLING_RATIO = 2"
    elif ratio > MANY_SAMPLES and method in _SAMPLED:
        message = f"ROI_POOL_SAMPLING_RATIO={ratio} reads {ratio * ratio} samples a bin with {method}: slow and large"
        fix = "set ROI_POOL_SAMPLING_RATIO = 2, or 0 for as many as the RoI needs"
        yield "ROI_POOL_SAMPLING_RATIO", message, fix, Severity.WARNING


@config_check("cfg-pool-aggregate", Severity.ERROR)
def pool_aggregate(config):
    """ROI_POOL_AGGREGATE is neither "mean" nor "max". The samples of a bin cannot be brought together, the heads
    cannot be built."""
    aggregate = config.ROI_POOL_AGGREGATE
    if isinstance(aggregate, str) and aggregate in AGGREGATES:
        return
    word = aggregate.strip().lower() if isinstance(aggregate, str) else ""
    meant = next((name for name, words in _WORDS.items() if word in words), "mean")
    message = f"ROI_POOL_AGGREGATE is {show(aggregate)}, supported are mean and max: the heads cannot be built"
    yield "ROI_POOL_AGGREGATE", message, f'set ROI_POOL_AGGREGATE = "{meant}"'


@config_check("cfg-pool-levels", Severity.ERROR)
def pool_levels_unknown(config):
    """ROI_POOL_LEVELS is not a list of consecutive pyramid levels from 2 to 5, finest first. The heads get one map
    for each level and choose among them by counting up from the first: with a gap or another order a RoI would be
    pooled from the map of another level, and other levels than P2 to P5 have no map for the heads."""
    if pool_levels(config) is not None:
        return
    value = config.ROI_POOL_LEVELS
    items = flat_list(value)
    numbers = [number(each) for each in (items if items is not None else [value])]
    known = sorted({int(each) for each in numbers if each in LEVELS})
    unknown = [each for each in items or [] if number(each) not in LEVELS]
    better = tuple(range(known[0], known[-1] + 1)) if known else LEVELS
    if items is None:
        problem = "expected a list of levels"
    elif not items:
        problem = "expected at least one level"
    elif unknown:
        problem = f"there is no level {show(unknown[0])} to pool from, only 2, 3, 4 and 5"
    elif len(known) < len(items):
        problem = "expected each level once"
    else:
        problem = "expected consecutive levels, finest first"
    message = f"ROI_POOL_LEVELS is {show(value)}, {problem}: the heads cannot be built"
    yield "ROI_POOL_LEVELS", message, f"set ROI_POOL_LEVELS = {better}"


@config_check("cfg-pool-unused", Severity.WARNING)
def pool_setting_unused(config):
    """ROI_POOL_SAMPLING_RATIO, ROI_POOL_AGGREGATE or ROI_POOL_ALIGNED was changed, but ROI_POOL_METHOD does not read
    it: "crop_and_resize" takes one sample a bin, "roi_pool" the largest cell, and only "roi_align" can be aligned.
    Likely "roi_align" was meant, and the model is trained without it."""
    method, fields = pool_method(config), config.fields()
    if method is None or method == "roi_align":
        return
    ratio, aggregate, aligned = config.ROI_POOL_SAMPLING_RATIO, config.ROI_POOL_AGGREGATE, config.ROI_POOL_ALIGNED
    changed = ["ROI_POOL_ALIGNED=True"] if isinstance(aligned, (bool, np.bool_)) and aligned else []
    samples = method in _SAMPLED
    if not samples and is_int(ratio, -1) and ratio != fields["ROI_POOL_SAMPLING_RATIO"].default:
        changed.append(f"ROI_POOL_SAMPLING_RATIO={ratio}")
    other = isinstance(aggregate, str) and aggregate in AGGREGATES and aggregate != "mean"
    if other and not samples and method != "roi_pool":  # which takes the largest in any case
        changed.append(f'ROI_POOL_AGGREGATE="{aggregate}"')
    if changed:
        names = ", ".join(each.partition("=")[0] for each in changed)
        message = f'{" and ".join(changed)} without effect: ROI_POOL_METHOD is "{method}"'
        yield names, message, f'set ROI_POOL_METHOD = "roi_align", or leave {names} at the default'
