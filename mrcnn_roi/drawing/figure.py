"""Figures that are shown, or written to a file without a screen. matplotlib is imported with the first one.

A figure for a file never touches pyplot, so nothing stays open and no display is needed. A figure for the
screen comes from pyplot, which notebooks and windows listen to.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from typing import Any, Literal

Path = str | os.PathLike | None
Layout = Literal["constrained"] | None
TITLE_INCHES = 0.45


@contextlib.contextmanager
def open_figure(figsize: tuple[float, float], path: Path = None, layout: Layout = None) -> Iterator[Any]:
    """A new figure of `figsize` (width, height) inches for the block; then saved to `path`, or shown."""
    if path is not None:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure

        figure = Figure(figsize=figsize, layout=layout)
        FigureCanvasAgg(figure)
        yield figure
        figure.savefig(path, bbox_inches="tight", pad_inches=0.1)
        return
    import matplotlib.pyplot as plt

    figure = plt.figure(figsize=figsize, layout=layout)
    try:
        yield figure
        plt.show()
    finally:
        # In interactive mode the window lives on; otherwise show() has waited for the viewer, or there is
        # none.
        if not plt.isinteractive():
            plt.close(figure)


@contextlib.contextmanager
def image_axes(shape, figsize=(16, 16), ax=None, path: Path = None, title="", margin=0) -> Iterator[Any]:
    """Axes for an image of `shape` (height, width, ...), without ticks, `margin` pixels around it.

    A given `ax` is only drawn on (and its figure saved when there is a `path`), never shown. A new figure
    takes the shape of the image, as large as fits into `figsize`.
    """
    if ax is not None:
        prepare_image_axes(ax, shape, title, margin)
        yield ax
        if path is not None:
            ax.figure.savefig(path, bbox_inches="tight", pad_inches=0.1)
        return
    width, height = fit((shape[1] + 2 * margin, shape[0] + 2 * margin), figsize)
    total = height + (TITLE_INCHES * (1 + title.count("\n")) if title else 0)
    with open_figure((width, total), path) as figure:
        ax = figure.add_axes((0, 0, 1, height / total))
        prepare_image_axes(ax, shape, title, margin)
        yield ax


def prepare_image_axes(ax, shape, title="", margin=0) -> None:
    """Limits in pixels of an image of `shape` (row 0 on top), no ticks, and the title as plain text."""
    ax.set_ylim(shape[0] - 0.5 + margin, -0.5 - margin)
    ax.set_xlim(-0.5 - margin, shape[1] - 0.5 + margin)
    ax.set_aspect("equal")
    ax.axis("off")
    ax.set_title(title, parse_math=False)


def fit(size, frame) -> tuple[float, float]:
    """`size` (width, height) scaled to fit into `frame`; no side gets shorter than an inch."""
    scale = min(frame[0] / size[0], frame[1] / size[1])
    return max(size[0] * scale, 1.0), max(size[1] * scale, 1.0)
