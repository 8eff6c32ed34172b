"""The panels of drawing.sampling: one method each, on a part of the feature map whose cell k is [k, k + 1)."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from mrcnn_roi.ops.coverage import (
    CENTRE,
    READ,
    TITLES,
    axis_bins,
    axis_samples,
    cell_weights,
    cells_read,
    coverage,
    roi_axes,
    roi_cells,
    roi_centre,
)

ROI, BIN, SAMPLE = "#d62728", "#e08a00", "#111111"
LOST, GAINED, KEPT, OUTSIDE = "#2f6fd0", "#5fb85f", "#f4e7bd", "0.86"
PANEL = 4.2  # inches


class Scene(NamedTuple):
    """What is drawn: the RoI and its map, the options of sampling, the methods, and the part of the map in view."""

    place: tuple  # box in pixels, map_shape, image_shape, bins
    options: dict  # ratio, aligned
    methods: tuple[str, ...]
    view: tuple[float, float, float, float]  # (y1, x1, y2, x2) in squares

    @property
    def leaves_map(self) -> bool:
        """Whether something beside the map is in view."""
        y1, x1, y2, x2 = self.view
        return y1 < 0 or x1 < 0 or y2 > self.place[1][0] or x2 > self.place[1][1]

    @property
    def hides_roi(self) -> bool:
        """Whether a part of the RoI is not in view."""
        edges = roi_cells(*self.place[:3])
        return bool((edges[:2] < self.view[:2]).any() or (edges[2:] > self.view[2:]).any())


def _prepare(scene: Scene, axes, title: str) -> float:
    """Limits, grid and map of a panel; returns the size of a cell in points."""
    from matplotlib.patches import Rectangle
    from matplotlib.ticker import MaxNLocator

    y1, x1, y2, x2 = scene.view
    height, width = scene.place[1]
    axes.set(aspect="equal", facecolor=OUTSIDE)
    axes.set_title(title, fontsize=10.5)
    axes.add_patch(Rectangle((0, 0), width, height, facecolor="white", edgecolor="0.2", linewidth=1.5, zorder=0.5))
    points = PANEL * 72 * 0.9 / max(x2 - x1, y2 - y1)
    if points >= 4:  # a denser grid would be a grey area
        lines = {"color": "0.75", "linewidth": 0.6, "zorder": 2}
        axes.vlines(np.arange(max(x1, 0), min(x2, width) + 1e-9).round(), max(y1, 0), min(y2, height), **lines)
        axes.hlines(np.arange(max(y1, 0), min(y2, height) + 1e-9).round(), max(x1, 0), min(x2, width), **lines)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(MaxNLocator(nbins=9, integer=True))
    axes.tick_params(labelsize=8, length=2)
    return points


def _set_view(scene: Scene, axes) -> None:
    """Last, because everything that is drawn moves the limits."""
    y1, x1, y2, x2 = scene.view
    axes.set(xlim=(x1, x2), ylim=(y2, y1))


def _add_roi(scene: Scene, axes):
    from matplotlib.patches import Rectangle

    y1, x1, y2, x2 = roi_cells(*scene.place[:3])
    return axes.add_patch(Rectangle((x1, y1), x2 - x1, y2 - y1, fill=False, edgecolor=ROI, linewidth=2.2, zorder=5))


def _image(axes, values, scene: Scene, **look):
    height, width = scene.place[1]
    return axes.imshow(values, extent=(0, width, height, 0), interpolation="nearest", origin="upper", **look)


def sampling_row(scene: Scene, figure, row) -> list:
    from matplotlib.lines import Line2D

    weights = [100 * cell_weights(method, *scene.place, **scene.options) for method in scene.methods]
    most = max(float(each.max()) for each in weights) or 1.0
    shown: Any = None
    for method, each, axes in zip(scene.methods, weights, row):
        points = _prepare(scene, axes, _name(scene, method))
        look = {"cmap": "Blues", "vmin": 0.0, "vmax": most * 1.15, "zorder": 1}
        shown = _image(axes, np.ma.masked_less(each, 100 * READ / len(each.ravel())), scene, **look)
        _add_bins(scene, axes, method, points)
        _add_samples(scene, axes, method, points)
        _add_roi(scene, axes)
        _set_view(scene, axes)
    bar = figure.colorbar(shown, ax=list(row), shrink=0.8, pad=0.01)
    bar.set_label("weight of a cell in the pooled values, %", fontsize=9)
    return [
        Line2D([], [], color=ROI, linewidth=2.2, label="RoI"),
        Line2D([], [], color=BIN, linewidth=1.2, label="bins"),
        Line2D([], [], color=SAMPLE, marker="o", markersize=4, linestyle="", label="sampling points"),
    ]


def _name(scene: Scene, method: str) -> str:
    aligned = f", aligned={scene.options['aligned']}" if method == "roi_align" else ""
    read = {"roi_pool": "the maximum of each bin's cells", "crop_and_resize": "one sample a bin"}
    ratio = scene.options["ratio"]
    samples = f"{ratio} x {ratio} samples a bin" if ratio > 0 else "adaptive number of samples"
    return f"{TITLES[method]}{aligned}\n{read.get(method, samples)}"


def _add_bins(scene: Scene, axes, method: str, points: float) -> None:
    from matplotlib.collections import PolyCollection

    rows, columns = (axis_bins(method, axis, scene.options["aligned"]) for axis in roi_axes(*scene.place))
    polygons = []
    for i, (top, bottom) in enumerate(rows):
        for j, (left, right) in enumerate(columns):
            if bottom <= top or right <= left:
                continue
            # RoIPool's bins share cells: insets keep their outlines apart.
            inset = (1.5 + 2.5 * ((i + j) % 2)) / points if method == "roi_pool" else 0.0
            inset = min(inset, 0.2 * (bottom - top), 0.2 * (right - left))
            y1, x1, y2, x2 = top + inset, left + inset, bottom - inset, right - inset
            polygons.append([(x1, y1), (x2, y1), (x2, y2), (x1, y2)])
    least = min([float((each[:, 1] - each[:, 0]).mean()) for each in (rows, columns) if len(each)], default=1.0)
    width = float(np.clip(0.12 * points * least, 0.3, 1.2))  # the lines of small bins must not fill them
    axes.add_collection(PolyCollection(polygons, facecolor="none", edgecolor=BIN, linewidth=width, zorder=3))


def _add_samples(scene: Scene, axes, method: str, points: float) -> None:
    options = scene.options
    if method == "roi_pool":  # every cell that is read, at its centre
        read = cells_read(method, *scene.place, **options)
        ys, xs = (np.flatnonzero(read.any(axis=1 - i)) + CENTRE for i in range(2))
    else:
        ys, xs = (axis_samples(method, axis, **options).ravel() + CENTRE for axis in roi_axes(*scene.place))
    gaps = [float(np.diff(np.unique(each)).min()) for each in (ys, xs) if len(np.unique(each)) > 1]
    size = float(np.clip(points * min(0.45 * min(gaps, default=1.0), 0.8), 0.5, 4.0))
    if points * min(gaps, default=1.0) < 0.8:
        return  # they would be a black area that hides the weights
    grid_y, grid_x = (each.ravel() for each in np.meshgrid(ys, xs, indexing="ij"))
    axes.plot(grid_x, grid_y, "o", color=SAMPLE, markersize=size, markeredgewidth=0, zorder=4)


def coverage_row(scene: Scene, figure, row) -> list:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    del figure
    marks: dict[str, Any] = {"ms": 9, "linestyle": "", "markeredgewidth": 2, "zorder": 6}
    drawn, seen = {**marks, "marker": "+", "color": ROI}, {**marks, "marker": "x", "color": SAMPLE}
    for method, axes in zip(scene.methods, row):
        lost, gained, (down, right) = coverage(method, *scene.place, **scene.options)
        down, right = (round(each, 2) + 0.0 for each in (down, right))  # no -0.00
        title = f"{TITLES[method]}: {lost:.0%} lost, {gained:.0%} gained"
        _prepare(scene, axes, f"{title}\ncentre of what is read: {down:+.2f} down, {right:+.2f} right")
        read = cells_read(method, *scene.place, **scene.options)
        _image(axes, _colours(read, GAINED, None), scene, zorder=1)
        _image(axes, _colours(read, KEPT, LOST), scene, zorder=1.5).set_clip_path(_add_roi(scene, axes))
        y, x = roi_centre(*scene.place[:3])
        axes.plot([x], [y], **drawn)
        axes.plot([x + right], [y + down], **seen)
        _set_view(scene, axes)
    return [
        Patch(facecolor=KEPT, edgecolor="0.6", label="read, inside the RoI"),
        Patch(facecolor=LOST, label="lost: RoI that is never read"),
        Patch(facecolor=GAINED, label="gained: read beside the RoI"),
        Line2D([], [], label="centre of the RoI", **drawn),
        Line2D([], [], label="centre of what is read", **seen),
    ]


def _colours(read, yes: str, no: str | None):
    """uint8 [H, W, 4]: a colour where cells are read, another (None: transparent) where not."""
    from matplotlib.colors import to_rgba

    return np.where(read[..., None], to_rgba(yes), to_rgba(no) if no else (0.0, 0.0, 0.0, 0.0))
