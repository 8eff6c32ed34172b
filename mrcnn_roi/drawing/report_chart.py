"""Charts as inline SVG that takes its colours from the page, so that it is readable on light and on dark.

Colours in a figure are the sentinels below; in the SVG they become the variables of the page's style sheet. Letters
stay letters: they can be searched, read aloud, and come in the page's font.
"""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

# Sentinel -> variable of the style sheet. The blue and the orange are told apart by all common kinds of colour vision.
INK, GRID, PAGE = "#111101", "#dddd01", "#fefe01"
TRAIN, VAL, LIMIT = "#0072b1", "#d55e01", "#99009a"
_VARIABLES = {INK: "ink", GRID: "grid", PAGE: "page", TRAIN: "train", VAL: "val", LIMIT: "limit"}
SPLIT_COLOURS = {"train": TRAIN, "val": VAL}
SIZE = (5.4, 3.1)  # inches; 72 units of the view box each


class Picture(NamedTuple):
    """A chart for the page: what it shows, what to look for in it, and the SVG (or table) itself."""

    title: str
    sentence: str
    svg: str = ""
    rows: Any = None


def chart(draw: Callable[[Any], None], name: str, figsize: tuple[float, float] = SIZE) -> str:
    """The SVG of what `draw` does with axes. `name` keeps the ids of charts on one page apart."""
    import matplotlib
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    settings = {
        "svg.fonttype": "none",
        "svg.hashsalt": name,
        "font.size": 11,
        "axes.edgecolor": INK,
        "axes.labelcolor": INK,
        "text.color": INK,
        "xtick.color": INK,
        "ytick.color": INK,
        "grid.color": GRID,
        "axes.unicode_minus": False,
        "path.simplify": True,
    }
    target = io.StringIO()
    with matplotlib.rc_context(settings), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing")  # sizes are guessed; the browser has the letters
        figure = Figure(figsize=figsize, layout="constrained")
        FigureCanvasSVG(figure)
        axes = figure.add_subplot()
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(axis="y", linewidth=0.6)
        axes.set_axisbelow(True)
        draw(axes)
        figure.savefig(target, format="svg", transparent=True, metadata={"Date": None})
    return _inline(target.getvalue())


def _inline(svg: str) -> str:
    """The <svg> element without what only a file of its own needs, and nothing that names another address."""
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    svg = re.sub(r"<defs>\s*<style.*?</style>\s*</defs>", "", svg, flags=re.DOTALL)
    viewbox = re.search(r'viewBox="([^"]*)"', svg)
    view = viewbox.group(1) if viewbox else "0 0 400 220"
    svg = f'<svg viewBox="{view}" role="img" aria-hidden="true">{svg[svg.index(">") + 1 :]}'
    svg = re.sub(r'<g id="[^"]*"', "<g", svg)
    svg = svg.replace("xlink:href", "href")
    svg = re.sub(r"font-family: [^;\"]*;? ?", "", svg)
    svg = re.sub(r"font: ([\d.]+px) [^;\"]*", r"font-size: \1", svg)  # as matplotlib before 3.9 writes it
    svg = re.sub(r"<[^>]*>", lambda tag: re.sub(r"(?<=\d)\.(\d)\d{2,}", r".\1", tag[0]), svg)  # tenths are enough
    for colour, variable in _VARIABLES.items():
        svg = svg.replace(colour, f"var(--{variable})")
    return re.sub(r"\s*\n\s*", " ", svg).strip()


def log2_axis(axis, low: float, high: float, label: Callable[[float], str]) -> None:
    """Ticks at powers of two from low to high (values), at most about nine of them, with labels in words."""
    first, last = int(np.floor(np.log2(low))), int(np.ceil(np.log2(high)))
    step = max(1, -(-(last - first) // 8))
    ticks = 2.0 ** np.arange(first, last + 1, step)
    axis.set_ticks(ticks, [label(each) for each in ticks])
    axis.set_ticks([], minor=True)


def draw_shares(axes, values: dict[str, np.ndarray], edges: np.ndarray) -> None:
    """How values spread over the bins: bars for the first split, a line for each other. In percent of each."""
    for order, (name, each) in enumerate(values.items()):
        heights = 100 * np.histogram(np.clip(each, edges[0], edges[-1]), edges)[0] / max(len(each), 1)
        colour = SPLIT_COLOURS.get(name, INK)
        if order == 0:
            axes.bar(edges[:-1], heights, np.diff(edges), align="edge", color=colour, lw=0.5, ec=PAGE, label=name)
        else:
            axes.stairs(heights, edges, color=colour, linewidth=2, label=name)
    axes.set_ylim(bottom=0)
    axes.set_ylabel("%")


def mark(axes, values, label: str) -> None:
    """Dashed vertical lines at settings, one label for all."""
    for order, value in enumerate(values):
        axes.axvline(value, color=LIMIT, linestyle=(0, (4, 3)), linewidth=1.4, label=label if order == 0 else None)


def legend(axes) -> None:
    """Above the chart, where no bar is."""
    handles, labels = axes.get_legend_handles_labels()
    rank = {name: order for order, name in enumerate(SPLIT_COLOURS)}
    order = sorted(range(len(labels)), key=lambda i: rank.get(labels[i].partition(",")[0], len(rank)))
    handles, labels = [handles[i] for i in order], [labels[i] for i in order]
    if handles:
        axes.legend(
            handles,
            labels,
            loc="lower left",
            bbox_to_anchor=(0, 1.0),
            ncols=4 if sum(map(len, labels)) < 36 else 3,
            frameon=False,
            borderpad=0,
            fontsize=10,
            handlelength=1.5,
            columnspacing=1.2,
        )
