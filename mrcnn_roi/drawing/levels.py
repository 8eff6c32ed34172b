"""Pictures of RoIs and the pyramid levels that pool them: on their image, and by size."""

from __future__ import annotations

import contextlib
from typing import Any, NamedTuple

import numpy as np

from mrcnn_roi.drawing.figure import Path, fit, open_figure, prepare_image_axes
from mrcnn_roi.drawing.instances import check_counts
from mrcnn_roi.drawing.overlay import displayable
from mrcnn_roi.ops.boxes import box_areas, nonzero_rows, scale_boxes
from mrcnn_roi.ops.levels import CANONICAL_SIZE, roi_levels

CANONICAL_LEVEL = 4  # that of an RoI of CANONICAL_SIZE, FPN equation 1
DRAWN = 200  # RoIs; more than these hide the image and each other
LEVEL_COLORS = {2: "#1f9bff", 3: "#2fbf4a", 4: "#ff9f1c", 5: "#f0325a", 6: "#a04bff"}
OTHER_LEVEL = "#8a6d3b"


class Assigned(NamedTuple):
    """RoIs with their pyramid levels. n: those that are drawn, neither padding (all zero) nor NaN or infinite."""

    rois: np.ndarray  # float64 [n, (y1, x1, y2, x2)] normalized
    levels: np.ndarray  # int [n]
    sides: np.ndarray  # float64 [n], pixels: the square root of the area, 0 where there is none
    padding: int  # rows left out because they are all zero
    broken: int  # rows left out because they are not finite


def assign_levels(rois, image_shape, levels=(2, 3, 4, 5)) -> Assigned:
    """Which of the levels pools each of rois [N, (y1, x1, y2, x2)], normalized: ops.levels.roi_levels decides.

    image_shape: (height, width) of the molded image in pixels, or [N, 2], one an RoI.
    """
    if not levels or list(levels) != list(range(levels[0], levels[0] + len(levels))):
        raise ValueError(f"expected levels to be consecutive integers such as (2, 3, 4, 5), received {levels}")
    rois = np.asarray(rois, np.float64)
    if rois.size and (rois.ndim != 2 or rois.shape[1] != 4):
        raise ValueError(f"expected rois [N, (y1, x1, y2, x2)], received shape {list(rois.shape)}")
    rois = rois.reshape(-1, 4)
    shapes = np.broadcast_to(np.asarray(image_shape, np.float64)[..., :2], (len(rois), 2))
    finite, real = np.isfinite(rois).all(axis=1), nonzero_rows(rois)
    rois, shapes = rois[finite & real], shapes[finite & real]
    level = np.zeros(len(rois), int)
    for shape in np.unique(shapes, axis=0):
        of_shape = (shapes == shape).all(axis=1)
        level[of_shape] = roi_levels(rois[of_shape], shape, levels)
    sides = np.sqrt(np.maximum(box_areas(rois), 0.0) * shapes.prod(axis=1))
    return Assigned(rois, level, sides, int((~real).sum()), int((~finite).sum()))


def level_sides(levels=(2, 3, 4, 5)) -> dict[int, tuple[float, float]]:
    """(from, to) in pixels of the side of the RoIs that belong to each level: 0 and inf at the ends."""
    bounds = [CANONICAL_SIZE * 2.0 ** (level - CANONICAL_LEVEL + 0.5) for level in levels[:-1]]
    return dict(zip(levels, zip([0.0, *bounds], [*bounds, float("inf")])))


def level_words(assigned: Assigned, levels=(2, 3, 4, 5), strides=None) -> dict[int, str]:
    """ "P3, stride 8, side 79 to 158 px: 12 RoIs (40%)" of each level. strides: of each level; 2**level by default."""
    strides = [2**level for level in levels] if strides is None else list(strides)
    check_counts(len(levels), strides=len(strides))
    words = {}
    for (level, (low, high)), stride in zip(level_sides(levels).items(), strides):
        sizes = "any side" if not low and high == np.inf else f"side {low:.0f} to {high:.0f} px"
        sizes = f"side up to {high:.0f} px" if not low and high < np.inf else sizes
        sizes = f"side from {low:.0f} px" if low and high == np.inf else sizes
        count = int((assigned.levels == level).sum())
        share = f" ({count / len(assigned.levels):.0%})" if count else ""
        words[level] = f"P{level}, stride {stride}, {sizes}: {count} RoI{'' if count == 1 else 's'}{share}"
    return words


def left_out(assigned: Assigned) -> str:
    """ "left out: 20 rows of padding" and the like, empty when every row was used."""
    parts = [(assigned.padding, "of padding"), (assigned.broken, "with NaN or infinity")]
    listed = ", ".join(f"{count} row{'' if count == 1 else 's'} {what}" for count, what in parts if count)
    return f"left out: {listed}" if listed else ""


@contextlib.contextmanager
def _own_axes(figsize, ax, path):
    """A given `ax` (its figure saved when there is a path), or that of a new figure, which leaves room for legends."""
    if ax is None:
        with open_figure(figsize, path, layout="constrained") as figure:
            yield figure.add_subplot()
        return
    yield ax
    if path is not None:
        ax.figure.savefig(path, bbox_inches="tight", pad_inches=0.1)


def _legend(ax, handles, title: str, below: float) -> None:
    ax.legend(handles=handles, loc="upper center", bbox_to_anchor=(0.5, below), frameon=False, title=title or None)


def draw_levels(
    image,
    rois,
    levels=(2, 3, 4, 5),
    strides=None,
    title="RoIs by pyramid level",
    limit=DRAWN,
    ax=None,
    path: Path = None,
):
    """Shows RoIs on their image, each in the colour of the pyramid level that pools it; the legend counts them.

    image: [H, W, 3], the molded image (its pixels, before the mean is taken off)
    rois: [N, (y1, x1, y2, x2)] normalized; rows of zeros (padding) and rows that are not finite are left out
    levels: of the maps, as PyramidROIAlign takes them; strides: pixels a cell of each, 2**level by default
    limit: at most so many are drawn, the first ones (proposals come best first); all are counted. None draws all
    ax, path: as in display_instances
    """
    from matplotlib.collections import PolyCollection
    from matplotlib.patches import Patch

    picture = displayable(image)
    assigned = assign_levels(rois, picture.shape, levels)
    words = level_words(assigned, levels, strides)
    # An axes shows pixel k from k - 0.5 to k + 0.5.
    boxes = scale_boxes(assigned.rois[:limit], picture.shape[:2]) - 0.5
    # Many boxes are drawn thin and see-through, or they would hide the image and each other.
    crowd = float(np.clip((len(boxes) / 40) ** -0.5 if len(boxes) else 1.0, 0.25, 1.0))
    width, height = fit(picture.shape[1::-1], (11, 10))
    with _own_axes((max(width, 5.0), height + 0.7 + 0.22 * (len(levels) + 1)), ax, path) as axes:
        prepare_image_axes(axes, picture.shape, title)
        axes.imshow(picture)
        for level in reversed(levels):  # small RoIs on top of large ones
            y1, x1, y2, x2 = boxes[assigned.levels[:limit] == level].T
            corners = np.stack([[x1, y1], [x2, y1], [x2, y2], [x1, y2]]).transpose(2, 0, 1)
            look: dict[str, Any] = {
                "facecolor": "none",
                "edgecolor": LEVEL_COLORS.get(level, OTHER_LEVEL),
                "linewidth": 0.5 + 2 * crowd,
            }
            axes.add_collection(PolyCollection(list(corners), alpha=0.3 + 0.7 * crowd, **look), autolim=False)
        handles = [Patch(color=LEVEL_COLORS.get(level, OTHER_LEVEL), label=text) for level, text in words.items()]
        hidden = len(assigned.rois) - len(boxes)
        notes = [f"the first {len(boxes)} of {len(assigned.rois)} are drawn" if hidden else "", left_out(assigned)]
        _legend(axes, handles, "; ".join(note for note in notes if note), 0.0)


def draw_level_histogram(
    rois,
    image_shape,
    levels=(2, 3, 4, 5),
    strides=None,
    title="Sides of the RoIs and the pyramid levels that pool them",
    ax=None,
    path: Path = None,
):
    """Shows how many RoIs have which side, in the colours of their levels, and where one level ends.

    rois: [N, (y1, x1, y2, x2)] normalized. image_shape: (height, width) of the molded image, or [N, 2].
    Other arguments as in draw_levels. An RoI without area has no side; it goes to the first level and is only counted.
    """
    from matplotlib.patches import Patch
    from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator

    assigned = assign_levels(rois, image_shape, levels)
    words = level_words(assigned, levels, strides)
    bounds = [low for low, _ in level_sides(levels).values()][1:]
    sides = assigned.sides[assigned.sides > 0]
    ends = [*sides.min(initial=np.inf, keepdims=True), *sides.max(initial=0, keepdims=True), *bounds]
    octaves = np.log2([each for each in ends if 0 < each < np.inf] or [CANONICAL_SIZE]) - np.log2(CANONICAL_SIZE)
    # Four bars an octave from the canonical side on, so that the ends of levels are edges of bars.
    steps = np.arange(np.floor(octaves.min() - 1), np.ceil(octaves.max() + 1) + 0.125, 0.25)
    edges = CANONICAL_SIZE * 2.0**steps
    with _own_axes((10, 5.2), ax, path) as axes:
        floor = np.zeros(len(edges) - 1)
        for level in levels:
            counts, _ = np.histogram(assigned.sides[assigned.levels == level], edges)
            color = LEVEL_COLORS.get(level, OTHER_LEVEL)
            axes.bar(edges[:-1], counts, np.diff(edges), floor, align="edge", color=color, edgecolor="white", lw=0.6)
            floor = floor + counts
        for low in bounds:
            axes.axvline(low, color="0.35", linestyle="dashed", linewidth=1)
        for level, (low, high) in level_sides(levels).items():
            middle = np.sqrt(max(low, edges[0]) * min(high, edges[-1]))
            axes.text(middle, 1.01, f"P{level}", transform=axes.get_xaxis_transform(), ha="center", va="bottom")
        axes.set_xscale("log", base=2)
        axes.xaxis.set_major_locator(LogLocator(base=2, numticks=14))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axes.yaxis.set_major_locator(MaxNLocator(integer=True))
        axes.set(xlim=(edges[0], edges[-1]), ylim=(0, max(1.0, 1.08 * floor.max())), ylabel="RoIs")
        axes.set_xlabel("side in pixels of the molded image (square root of the area)")
        axes.set_title(title, pad=22, parse_math=False)
        axes.spines[["top", "right"]].set_visible(False)
        handles = [Patch(color=LEVEL_COLORS.get(level, OTHER_LEVEL), label=text) for level, text in words.items()]
        flat = int((assigned.sides <= 0).sum())
        if flat:
            handles.append(Patch(color="none", label=f"of P{levels[0]}, {flat} without area (no bar)"))
        _legend(axes, handles, left_out(assigned), -0.14)
