"""Captions of boxes: readable on any colour, inside the picture, and beside each other rather than on top."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

FONT_POINTS = (8, 14)  # from small axes to axes of 16 inches
PAD_POINTS = 2.5


def class_labels(class_ids, class_names: Sequence[str]) -> list[str]:
    """The name of each class id; a negative id is a crowd of that class. ValueError for an unknown id."""
    labels = []
    for class_id in np.asarray(class_ids).astype(int):
        if abs(class_id) >= len(class_names):
            raise ValueError(f"expected class ids below {len(class_names)}, received {class_id}")
        labels.append(f"{class_names[abs(class_id)]}{' (crowd)' if class_id < 0 else ''}")
    return labels


def text_color(color) -> str:
    """ "black" or "white", whichever reads better on `color` (RGB 0..1; ITU-R BT.601 luma)."""
    red, green, blue = color[:3]
    return "black" if 0.299 * red + 0.587 * green + 0.114 * blue > 0.55 else "white"


def place_labels(boxes, sizes, bounds) -> np.ndarray:
    """Where to put one label a box: top left corners [N, (y, x)], float.

    boxes: [N, (y1, x1, y2, x2)]; sizes: [N, (height, width)] of the labels; bounds: (y1, x1, y2, x2) to stay
    in; all in one unit. In turn each label takes the first place that is free: above its box, inside it at
    the top, below it, inside at the bottom, and the same at the right; else the place that hides least.
    """
    taken = np.zeros((0, 4))
    corners = np.zeros((len(boxes), 2))
    for i, ((y1, x1, y2, x2), (height, width)) in enumerate(zip(boxes, sizes)):
        rows = (y1 - height, y1, y2, y2 - height)
        places = np.array([(y, x) for x in (x1, x2 - width) for y in rows], np.float64)
        inside = np.maximum(np.minimum(places, np.subtract(bounds[2:], (height, width))), bounds[:2])
        moved = np.abs(inside - places).sum(axis=1)
        hidden = _intersections(inside, (height, width), taken)
        best = np.lexsort((np.arange(len(places)), moved > 1, hidden))[0]
        corners[i] = inside[best]
        taken = np.vstack([taken, [*corners[i], *(corners[i] + (height, width))]])
    return corners


def _intersections(corners, size, taken) -> np.ndarray:
    """Area [P] that a rectangle of `size` at each of corners [P, (y, x)] shares with taken [T, 4]."""
    top_left = np.maximum(corners[:, None], taken[None, :, :2])
    bottom_right = np.minimum(corners[:, None] + size, taken[None, :, 2:])
    return np.maximum(bottom_right - top_left, 0).prod(axis=2).sum(axis=1)


def draw_labels(ax, boxes, captions: Sequence[str], colors) -> None:
    """Writes captions (empty ones left out) at boxes [N, (y1, x1, y2, x2)], data units of image axes."""
    rows = [i for i, caption in enumerate(captions) if caption]
    if not rows:
        return
    points = np.clip(0.9 * ax.get_window_extent().width / ax.figure.dpi, *FONT_POINTS)
    texts = [
        ax.text(
            0,
            0,
            captions[i],
            size=points,
            va="top",
            ha="left",
            color=text_color(colors[i]),
            parse_math=False,
            clip_on=False,
            bbox={"facecolor": colors[i], "alpha": 0.85, "pad": PAD_POINTS, "edgecolor": "none"},
        )
        for i in rows
    ]
    ax.apply_aspect()
    (x_a, y_a), (x_b, y_b) = ax.transData.transform([(0, 0), (1, 1)])
    pad = PAD_POINTS * ax.figure.dpi / 72
    unit = np.array([abs(y_b - y_a), abs(x_b - x_a)])
    extents = [text.get_window_extent() for text in texts]
    sizes = [np.add((extent.height, extent.width), 2 * pad) / unit for extent in extents]
    (left, right), (bottom, top) = ax.get_xlim(), ax.get_ylim()
    bounds = (min(top, bottom), min(left, right), max(top, bottom), max(left, right))
    for text, (y, x) in zip(texts, place_labels(np.asarray(boxes, np.float64)[rows], sizes, bounds)):
        text.set_position((x + pad / unit[1], y + pad / unit[0]))
