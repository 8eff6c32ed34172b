"""Checks of the Config against the data (group "fit"): whether anchors have the sizes and shapes of the
objects.

Shapes alone are compared, box and anchor on one centre: where anchors lie is not a matter of the Config.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mrcnn_roi.checks.splits import Split, data_check, positive_list
from mrcnn_roi.checks.values import compact
from mrcnn_roi.findings import Severity
from mrcnn_roi.ops.anchors import anchor_sizes

COVERED = 0.3  # IoU from which an anchor is not background for the RPN
LONG = 0.31  # best IoU at any scale that an aspect of 9 reaches with ratios 0.5, 1, 2


def best_iou(sides: np.ndarray, heights, widths) -> np.ndarray:
    """float [M]: the best IoU of each box, sides [M, (height, width)], with anchors of these sizes, same
    centre."""
    best = np.zeros(len(sides))
    areas = np.prod(sides, axis=1)
    for height, width in zip(np.ravel(heights).tolist(), np.ravel(widths).tolist()):
        common = np.minimum(sides[:, 0], height) * np.minimum(sides[:, 1], width)
        np.maximum(best, common / (areas + height * width - common), out=best)
    return best


def object_sides(split: Split) -> np.ndarray:
    """float [N, (height, width)] of the objects that are left after resizing, pixels of the molded image."""
    return split.molding.sides[split.objects & ~split.molding.vanished]


def reachable(sides: np.ndarray, ratios: Sequence[float]) -> np.ndarray:
    """float [N]: the best IoU that anchors of these ratios reach at the best of all scales.

    That is the scale of equal areas; there it is c / (2 - c), c the root of how many times the aspects differ.
    """
    aspect = sides[:, 1] / sides[:, 0]  # width / height, as RPN_ANCHOR_RATIOS
    c = np.max([np.sqrt(np.minimum(aspect / ratio, ratio / aspect)) for ratio in ratios], axis=0)
    return c / (2 - c)


@data_check("cd-anchor-coverage", Severity.WARNING, "fit")
def anchors_miss_objects(config, train):
    """Most objects have no anchor of about their size (IoU of the shapes below 0.3). The RPN then learns
    from one forced match an object, and the heads see hardly any positive. An error where no object has one.

    A minority without an anchor is fine. Objects too long for any scale belong to cd-anchor-aspect.
    """
    scales, ratios = positive_list(config, "RPN_ANCHOR_SCALES"), positive_list(config, "RPN_ANCHOR_RATIOS")
    if train.vanishing or len(sides := object_sides(train)) == 0:
        return
    sides = sides[reachable(sides, ratios) >= LONG]
    covered = best_iou(sides, *anchor_sizes(scales, ratios)) >= COVERED
    if len(sides) == 0 or covered.mean() >= 0.5:
        return
    median = float(np.median(np.sqrt(np.prod(sides, axis=1))))
    message = f"{1 - covered.mean():.0%} of {len(sides)} objects have no anchor with IoU >= {COVERED}; "
    message += f"median side {median:.0f} px against RPN_ANCHOR_SCALES=({', '.join(map(compact, scales))})"
    better, share = _suggested(sides, ratios, len(scales), int(train.molding.shape.max()))
    fix = f"set RPN_ANCHOR_SCALES = ({', '.join(map(compact, better))}), which covers {share:.0%}"
    yield "RPN_ANCHOR_SCALES", message, fix, Severity.WARNING if covered.any() else Severity.ERROR


def _suggested(sides: np.ndarray, ratios: list[float], levels: int, largest: int) -> tuple[list[float], float]:
    """`levels` scales, each twice the one before and none above `largest` if possible, that cover the most objects,
    and the share they cover."""
    candidates = [[2.0 ** (start + level) for level in range(levels)] for start in range(2, 11)]
    candidates = [each for each in candidates if each[-1] <= largest] or candidates[:1]
    results = [best_iou(sides, *anchor_sizes(each, ratios)) for each in candidates]
    ranks = [(round((each >= COVERED).mean(), 3), round(each.mean(), 3), i) for i, each in enumerate(results)]
    best = max(ranks)[2]  # of equal ones the coarsest, which fits the strides best
    return candidates[best], float((results[best] >= COVERED).mean())


@data_check("cd-anchor-aspect", Severity.WARNING, "fit")
def anchors_too_square(config, train):
    """More than a tenth of a class's objects are so long that no scale of the anchor ratios fits them (best
    IoU below 0.31, an aspect of 9 for the ratios 0.5, 1, 2). Their boxes will be poor. Up to 4:1 there is no
    need."""
    ratios = positive_list(config, "RPN_ANCHOR_RATIOS")
    if len(sides := object_sides(train)) == 0:
        return
    class_id = train.scan.class_id[train.objects & ~train.molding.vanished]
    long = reachable(sides, ratios) < LONG
    described, wanted = [], []
    for each in np.unique(class_id[long]):
        own = class_id == each
        if long[own].mean() > 0.1:
            aspect = sides[own & long, 0] / sides[own & long, 1]
            name = train.scan.class_names[each] if each < train.scan.num_classes else f"class {each}"
            described.append(f"{name}: {long[own].mean():.0%} of {own.sum()}, median h/w {_short(np.median(aspect))}")
            wanted.append(1 / float(np.median(aspect)))
    if described:
        added = sorted({float(f"{each:.1g}") for each in wanted} | set(ratios))
        message = f"objects too long for RPN_ANCHOR_RATIOS={_listed(ratios)}: {'; '.join(described[:5])}"
        fix = f'set RPN_ANCHOR_RATIOS = {_listed(added)} (and exclude "rpn_model" when loading weights)'
        yield "RPN_ANCHOR_RATIOS", message, fix


def _short(value: float) -> str:
    return compact(float(f"{value:.2g}"))


def _listed(values) -> str:
    return f"[{', '.join(map(compact, values))}]"
