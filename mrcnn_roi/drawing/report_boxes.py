"""Charts of the report about boxes, in pixels of the molded image: sizes and aspects against anchors, pyramid levels.

Letters: N boxes. Of more than SAMPLE boxes a sample that is always the same is looked at.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from mrcnn_roi.checks.fit_anchors import COVERED, best_iou
from mrcnn_roi.checks.splits import Split, positive_list
from mrcnn_roi.checks.values import Reading, Unreadable, flat_list, is_int
from mrcnn_roi.drawing.levels import assign_levels, level_sides
from mrcnn_roi.drawing.report_chart import (
    INK,
    PAGE,
    SPLIT_COLOURS,
    TRAIN,
    Picture,
    chart,
    draw_shares,
    legend,
    log2_axis,
    mark,
)
from mrcnn_roi.drawing.report_text import number, share
from mrcnn_roi.ops.anchors import anchor_sizes
from mrcnn_roi.ops.boxes import norm_boxes

SAMPLE = 50_000
LONGEST_ASPECT = 15.0  # longer boxes are drawn as this long


class Boxes(NamedTuple):
    """Boxes of a split that are left after resizing: sides float [N, (height, width)], molded shapes int [N, 2]."""

    sides: np.ndarray
    shapes: np.ndarray
    total: int  # of all, of which N are a sample

    @property
    def side(self) -> np.ndarray:
        """float [N]: the square root of the area."""
        return np.sqrt(np.prod(self.sides, axis=1))


def molded_boxes(split: Split) -> Boxes | None:
    """The boxes of a split, or None where there are none."""
    if split.molded is None:
        return None
    rows = np.flatnonzero(split.objects & ~split.molded.vanished & (split.molded.sides > 0).all(axis=1))
    count = len(rows)
    if count > SAMPLE:
        rows = np.sort(np.random.default_rng(0).choice(rows, SAMPLE, replace=False))
    shapes = split.molded.shape[split.scan.instance_image[rows]]
    return Boxes(split.molded.sides[rows], shapes, count) if count else None


def setting(config, name: str) -> list[float]:
    """A list of positive numbers of the config, [] where it is none."""
    try:
        return positive_list(Reading(config), name)
    except Unreadable:
        return []


def _octaves(values: np.ndarray, parts: int) -> np.ndarray:
    """Edges of bins over the values, `parts` an octave."""
    low, high = np.floor(np.log2(values.min() / 1.05)), np.ceil(np.log2(values.max() * 1.05))
    return 2.0 ** np.arange(low, max(high, low + 1) + 1e-9, 1 / parts)


def box_sizes(config, boxes: dict[str, Boxes]) -> Picture:
    """Sides of boxes against the anchor scales. boxes: by the name of the split, the first is judged."""
    scales, ratios = setting(config, "RPN_ANCHOR_SCALES"), setting(config, "RPN_ANCHOR_RATIOS")
    first = next(iter(boxes))
    sides = {name: each.side for name, each in boxes.items()}
    covered = np.ones(len(sides[first]), bool)
    if scales and ratios:
        covered = best_iou(boxes[first].sides, *anchor_sizes(scales, ratios)) >= COVERED
    edges = _octaves(np.concatenate([*sides.values(), scales]), 3)

    def draw(axes):
        draw_shares(axes, sides, edges)
        if not covered.all():  # hollow where there is no anchor
            hollow = 100 * np.histogram(sides[first][~covered], edges)[0] / len(covered)
            look = {"color": PAGE, "ec": SPLIT_COLOURS.get(first, TRAIN), "lw": 1.2, "label": f"{first}, no anchor"}
            axes.bar(edges[:-1], hollow, np.diff(edges), align="edge", **look)
        mark(axes, scales, "RPN_ANCHOR_SCALES")
        axes.set_xscale("log", base=2)
        axes.set_xlim(edges[0], edges[-1])
        log2_axis(axes.xaxis, edges[0], edges[-1], lambda value: f"{value:g}")
        axes.set_xlabel("side of the box in the network, px (square root of its area)")
        axes.set_ylabel("% of the boxes")
        legend(axes)

    return Picture("Box sizes and anchors", _size_words(sides[first], covered, scales), chart(draw, "sizes"))


def _size_words(sides: np.ndarray, covered: np.ndarray, scales: list[float]) -> str:
    if not scales:
        return f"Half of the boxes are smaller than {number(round(float(np.median(sides))))} px."
    low, high = min(scales), max(scales)
    below, above = float((sides < low).mean()), float((sides > high).mean())
    parts = [f"{share(below)} of the boxes lie below the smallest anchor ({number(low)} px)"] if below else []
    parts += [f"{share(above)} above the largest ({number(high)} px)"] if above else []
    if not parts:
        parts = [f"All boxes lie between the smallest ({number(low)} px) and the largest anchor ({number(high)} px)"]
    elif not below:
        parts = [f"{share(above)} of the boxes lie above the largest anchor ({number(high)} px)"]
    kept = f"{share(float(covered.mean()))} have an anchor of about their size and shape (IoU from {COVERED})"
    return f"{', '.join(parts)}; {kept}."


def box_aspects(config, boxes: dict[str, Boxes]) -> Picture:
    """Height / width of boxes against the anchor ratios, which are width / height."""
    ratios = setting(config, "RPN_ANCHOR_RATIOS")
    heights = [1 / each for each in ratios if 1 / LONGEST_ASPECT <= each <= LONGEST_ASPECT]
    aspects = {
        name: np.clip(each.sides[:, 0] / each.sides[:, 1], 1 / LONGEST_ASPECT, LONGEST_ASPECT)
        for name, each in boxes.items()
    }
    edges = _octaves(np.concatenate([*aspects.values(), heights, [0.5, 2.0]]), 4)
    first = next(iter(aspects))

    def draw(axes):
        draw_shares(axes, aspects, edges)
        mark(axes, heights, "RPN_ANCHOR_RATIOS (width / height)")
        axes.set_xscale("log", base=2)
        axes.set_xlim(edges[0], edges[-1])
        log2_axis(axes.xaxis, edges[0], edges[-1], _aspect_label)
        axes.set_xlabel("lying   <   height / width of the box   <   standing")
        axes.set_ylabel("% of the boxes")
        legend(axes)

    return Picture("Box shapes and anchors", _aspect_words(aspects[first], ratios), chart(draw, "aspects"))


def _aspect_label(value: float) -> str:
    return f"{value:g}" if value >= 1 else f"1/{1 / value:g}"


def _aspect_words(aspects: np.ndarray, ratios: list[float]) -> str:
    low, high = np.quantile(aspects, [0.25, 0.75])
    around = f"about {low:.2g}" if high < 1.05 * low else f"{low:.2g} to {high:.2g}"
    text = f"Half of the boxes are {around} times as high as wide"
    if not ratios:
        return f"{text}."
    tall, flat = 1 / min(ratios), 1 / max(ratios)
    beyond = float(((aspects > 2 * tall) | (aspects < flat / 2)).mean())
    text += f"; anchors are {flat:.2g} to {tall:.2g} times as high as wide"
    if not beyond:
        return f"{text}, and no box is more than twice as long as the longest of them."
    return f"{text}, and {share(beyond)} of the boxes are more than twice as long as the longest of them."


def pool_levels(config) -> tuple[int, ...]:
    """ROI_POOL_LEVELS, or the usual ones where it cannot be read."""
    try:
        values = flat_list(Reading(config).ROI_POOL_LEVELS) or []
    except Unreadable:
        values = []
    usable = [int(each) for each in values if is_int(each, 2, 9)]
    return tuple(usable) if usable and usable == list(range(usable[0], usable[0] + len(values))) else (2, 3, 4, 5)


def box_levels(config, boxes: dict[str, Boxes]) -> Picture:
    """How many boxes each pyramid level pools."""
    levels = pool_levels(config)
    counts = {name: _level_counts(each, levels) for name, each in boxes.items()}
    first = next(iter(counts))
    width = 0.8 / len(counts)

    def draw(axes):
        for order, (name, each) in enumerate(counts.items()):
            x = np.arange(len(levels)) + (order - (len(counts) - 1) / 2) * width
            heights = 100 * each / max(each.sum(), 1)
            bars = axes.bar(x, heights, 0.92 * width, color=SPLIT_COLOURS.get(name, INK), label=name)
            texts = [share(int(n), int(each.sum())).replace("less than ", "<").replace("more than ", ">") for n in each]
            axes.bar_label(bars, texts, fontsize=10, color=INK, padding=2)
        words = [_range_label(level, *level_sides(levels)[level]) for level in levels]
        axes.set_xticks(np.arange(len(levels)), words)
        axes.tick_params(axis="x", length=0)
        axes.set_ylim(0, 1.15 * max(100 * each.max() / max(each.sum(), 1) for each in counts.values()))
        axes.set_ylabel("% of the boxes")
        if len(counts) > 1:
            legend(axes)

    return Picture("Pyramid levels", _level_words(counts[first], levels), chart(draw, "levels"))


def _range_label(level: int, low: float, high: float) -> str:
    if not low:
        return f"P{level}\nup to {high:.0f} px" if high < np.inf else f"P{level}"
    return f"P{level}\n{low:.0f} to {high:.0f} px" if high < np.inf else f"P{level}\nfrom {low:.0f} px"


def _level_counts(boxes: Boxes, levels: tuple[int, ...]) -> np.ndarray:
    """int [levels]: how many of the sample each level pools."""
    # A level depends on the size of a box alone. All start at pixel 1: one pixel at 0 would look like padding.
    pixels = np.concatenate([np.ones_like(boxes.sides), 1.0 + boxes.sides], axis=1)
    shapes, inverse = np.unique(boxes.shapes, axis=0, return_inverse=True)
    total = np.zeros(len(levels), np.int64)
    for index, shape in enumerate(shapes):
        assigned = assign_levels(norm_boxes(pixels[inverse.ravel() == index], shape), shape, levels)
        total += np.bincount(assigned.levels - levels[0], minlength=len(levels))
    return total


def _level_words(counts: np.ndarray, levels: tuple[int, ...]) -> str:
    most = int(counts.argmax())
    empty = [f"P{level}" for level, count in zip(levels, counts) if not count]
    text = f"{share(int(counts[most]), int(counts.sum()))} of the boxes are pooled from P{levels[most]}"
    if not empty:
        return f"{text}; every level gets some."
    return f"{text}; {' and '.join(empty)} {'gets' if len(empty) == 1 else 'get'} none."


def box_pictures(config, splits: list[Split]) -> tuple[list, str]:
    """(functions without arguments that make the charts of boxes, what to say about them or why there is none)."""
    boxes = {split.name: each for split in splits if (each := molded_boxes(split)) is not None}
    if not boxes:
        return [], "Boxes are not drawn: no object is left whose size in the network is known."
    sampled = [f"{number(len(each.sides))} of {number(each.total)} of {name}" for name, each in boxes.items()]
    sampled = [text for text, each in zip(sampled, boxes.values()) if len(each.sides) < each.total]
    note = f"The charts of boxes show a sample: {' and '.join(sampled)}." if sampled else ""
    return [lambda make=make: make(config, boxes) for make in (box_sizes, box_aspects, box_levels)], note
