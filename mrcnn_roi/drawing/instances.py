"""Pictures of instances: boxes, masks, class names and scores on their image."""

from __future__ import annotations

import numpy as np

from mrcnn_roi.drawing.figure import Path, image_axes
from mrcnn_roi.drawing.labels import class_labels, place_labels, text_color
from mrcnn_roi.drawing.labels import draw_labels as draw_axes_labels
from mrcnn_roi.drawing.overlay import (
    apply_mask,
    displayable,
    distinct_colors,
    mask_contours,
    mask_edge,
    random_colors,
)


def check_counts(count: int, **counts: int | None) -> None:
    """ValueError where one of `counts` (None: not given) is not the number of boxes."""
    for name, received in counts.items():
        if received is not None and received != count:
            raise ValueError(f"expected {count} {name}, one a box, received {received}")


def count_of(values, axis=0) -> int | None:
    """The length of an axis, or None when there are no values."""
    return None if values is None else np.shape(values)[axis]


def instance_captions(class_ids, class_names, scores=None) -> list[str]:
    """ "name 0.987" of each instance, or "name" when there are no scores."""
    labels = class_labels(class_ids, class_names)
    return labels if scores is None else [f"{name} {score:.3f}" for name, score in zip(labels, scores)]


def add_box(ax, box, color, style="solid", alpha=1.0) -> None:
    """Outlines box (y1, x1, y2, x2), pixels with y2/x2 outside, on image axes: around its pixels."""
    from matplotlib.patches import Rectangle

    y1, x1, y2, x2 = box
    look = {"linewidth": 2, "linestyle": style, "alpha": alpha, "edgecolor": color, "facecolor": "none"}
    ax.add_patch(Rectangle((x1 - 0.5, y1 - 0.5), x2 - x1, y2 - y1, **look))


def add_outline(ax, mask, color) -> None:
    """Outlines mask [H, W] on image axes."""
    from matplotlib.patches import Polygon

    for contour in mask_contours(mask):
        ax.add_patch(Polygon(contour, facecolor="none", edgecolor=color, linewidth=1.5))


def display_instances(
    image,
    boxes,
    masks,
    class_ids,
    class_names,
    scores=None,
    title="",
    figsize=(16, 16),
    ax=None,
    show_mask=True,
    show_bbox=True,
    colors=None,
    captions=None,
    path: Path = None,
):
    """Shows an image with its instances.

    image: [H, W, 3]; boxes: [N, (y1, x1, y2, x2)] pixels, rows of zeros are left out; class_ids: [N]
    masks: [H, W, N], or None for boxes only; show_mask=False leaves the outlines, as in the original
    class_names: of every class, background first; scores: [N]; colors: N RGB 0..1, random by default
    captions: N texts in place of name and score
    ax: axes to draw on, and then nothing is shown; path: a PNG to write instead of showing
    Raises ValueError where the number of masks, class ids, scores, colours or captions is not that of boxes.
    """
    boxes = np.asarray(boxes).reshape(-1, 4)
    count = len(boxes)
    if not count:
        print("\n*** No instances to display *** \n")
    else:
        check_counts(count, masks=count_of(masks, -1), class_ids=count_of(class_ids), scores=count_of(scores))
        check_counts(count, colors=count_of(colors), captions=count_of(captions))
    picture = displayable(image)
    colors = random_colors(count) if colors is None else colors
    if captions is None:
        captions = instance_captions(class_ids, class_names, scores)
    # Rows that are padding have no box; their masks, if any, mean nothing.
    rows = [i for i in range(count) if np.any(boxes[i])]
    with image_axes(picture.shape, figsize, ax, path, title, margin=10) as axes:
        for i in rows:
            if show_bbox:
                add_box(axes, boxes[i], colors[i], "dashed", alpha=0.8)
            if masks is not None:
                mask = np.asarray(masks)[..., i]
                if show_mask:
                    apply_mask(picture, mask, colors[i])
                add_outline(axes, mask, colors[i])
        axes.imshow(picture)
        draw_axes_labels(axes, boxes[rows], [captions[i] for i in rows], [colors[i] for i in rows])


def draw_instances(
    image, boxes, masks, class_ids, class_names, scores=None, *, colors=None, captions=None, alpha=0.45
) -> np.ndarray:
    """The image with its instances painted in, uint8 [H, W, 3]; needs neither matplotlib nor a screen.

    Arguments as in display_instances; masks may be None. Colours are the same on every call. Lines and
    letters grow with the image.
    """
    picture = displayable(image)
    boxes = np.asarray(boxes).reshape(-1, 4)
    count = len(boxes)
    if count:
        check_counts(count, masks=count_of(masks, -1), class_ids=count_of(class_ids), scores=count_of(scores))
        check_counts(count, colors=count_of(colors), captions=count_of(captions))
    colors = distinct_colors(count) if colors is None else colors
    if captions is None:
        captions = instance_captions(class_ids, class_names, scores)
    rows = [i for i in range(count) if np.any(boxes[i])]
    line = max(1, round(max(picture.shape[:2]) / 600))
    if masks is not None:
        for i in rows:
            _paint_mask(picture, np.asarray(masks)[..., i], colors[i], alpha, line)
    return _paint_boxes(picture, boxes[rows], [captions[i] for i in rows], [colors[i] for i in rows], line)


def _paint_mask(picture, mask, color, alpha, line):
    apply_mask(picture, mask, color, alpha)
    edge = mask_edge(mask, line)
    if edge is not None:
        window, rim = edge
        picture[window][rim] = np.multiply(color[:3], 255).astype(np.uint8)


def _paint_boxes(picture, boxes, captions, colors, line) -> np.ndarray:
    from PIL import Image, ImageDraw, ImageFont

    canvas = Image.fromarray(picture)
    draw = ImageDraw.Draw(canvas)
    height, width = picture.shape[:2]
    font = ImageFont.load_default(size=float(np.clip(round(max(height, width) / 55), 11, 32)))
    fills = [tuple(int(255 * part) for part in color[:3]) for color in colors]
    for (y1, x1, y2, x2), fill in zip(boxes.tolist(), fills):
        draw.rectangle((x1, y1, max(x2 - 1, x1), max(y2 - 1, y1)), outline=fill, width=line)
    ascent, descent = font.getmetrics()
    pad = max(2, line)
    sizes = [(ascent + descent + pad, draw.textlength(text, font=font) + 2 * pad) for text in captions]
    labelled = [i for i, text in enumerate(captions) if text]
    corners = place_labels(boxes[labelled], [sizes[i] for i in labelled], (0, 0, height, width))
    for i, (y, x) in zip(labelled, np.round(corners).astype(int).tolist()):
        label_height, label_width = sizes[i]
        draw.rectangle((x, y, x + round(label_width) - 1, y + label_height - 1), fill=fills[i])
        draw.text((x + pad, y + pad // 2), captions[i], font=font, fill=text_color(colors[i]))
    return np.array(canvas)
