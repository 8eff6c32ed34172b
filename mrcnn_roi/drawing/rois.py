"""Pictures of boxes on their way through the network: anchors, proposals and their refinements."""

from __future__ import annotations

import numpy as np

from mrcnn_roi.drawing.figure import Path, image_axes
from mrcnn_roi.drawing.instances import add_box, add_outline, check_counts, count_of
from mrcnn_roi.drawing.labels import class_labels, draw_labels
from mrcnn_roi.drawing.overlay import apply_mask, displayable, random_colors
from mrcnn_roi.ops.masks import unmold_mask

GRAY = (0.5, 0.5, 0.5)
_LOOKS = {0: ("dotted", 0.5), 1: ("dotted", 1.0), 2: ("solid", 1.0)}


def _connect(ax, box, refined, color) -> None:
    """A line from the top left corner of a box to that of its refinement."""
    ax.plot([box[1] - 0.5, refined[1] - 0.5], [box[0] - 0.5, refined[0] - 0.5], color=color, linewidth=1.5)


def draw_boxes(
    image,
    boxes=None,
    refined_boxes=None,
    masks=None,
    captions=None,
    visibilities=None,
    title="",
    ax=None,
    path: Path = None,
):
    """Shows boxes, their refinements, or both, joined by a line.

    boxes, refined_boxes: [N, (y1, x1, y2, x2)] pixels; rows of zeros in boxes are left out
    masks: [H, W, N]; captions: N texts, written at the refined box where there is one
    visibilities: [N], 0 gray and without its refinement, 1 dotted, 2 solid; all 1 by default
    ax, path: as in display_instances
    Raises ValueError without any boxes, and where counts or visibilities are wrong.
    """
    if boxes is None and refined_boxes is None:
        raise ValueError("expected boxes or refined_boxes, received neither")
    boxes = None if boxes is None else np.asarray(boxes).reshape(-1, 4)
    refined = None if refined_boxes is None else np.asarray(refined_boxes).reshape(-1, 4).astype(np.int32)
    count = next(len(values) for values in (boxes, refined) if values is not None)
    visible = np.ones(count, int) if visibilities is None else np.asarray(visibilities)
    check_counts(count, refined_boxes=count_of(refined), visibilities=count_of(visible))
    check_counts(count, captions=count_of(captions), masks=count_of(masks, -1))
    if not set(visible.tolist()) <= set(_LOOKS):
        raise ValueError(f"expected visibilities 0, 1 or 2, received {sorted(set(visible.tolist()))}")
    picture, colors = displayable(image), random_colors(count)
    colors = [color if seen else GRAY for color, seen in zip(colors, visible)]
    rows = [i for i in range(count) if boxes is None or np.any(boxes[i])]
    with image_axes(picture.shape, (12, 12), ax, path, title, margin=picture.shape[0] // 10) as axes:
        for i in rows:
            style, alpha = _LOOKS[int(visible[i])]
            if boxes is not None:
                add_box(axes, boxes[i], colors[i], style, alpha)
            if refined is not None and visible[i]:
                add_box(axes, refined[i], colors[i])
                if boxes is not None:
                    _connect(axes, boxes[i], refined[i], colors[i])
            if masks is not None:
                mask = np.asarray(masks)[..., i]
                apply_mask(picture, mask, colors[i])
                add_outline(axes, mask, colors[i])
        axes.imshow(picture)
        if captions is not None:
            places = boxes if refined is None else refined
            draw_labels(axes, places[rows], [captions[i] for i in rows], [colors[i] for i in rows])


def draw_rois(image, rois, refined_rois, mask, class_ids, class_names, limit=10, path: Path = None):
    """Shows RoIs (dashed), the refined boxes of the positive ones (solid) with class names and masks.

    rois, refined_rois: [N, (y1, x1, y2, x2, ...)] pixels; class_ids: [N], 0 is background (gray)
    mask: [N, h, w] float 0..1, each in the frame of its RoI
    limit: at most so many RoIs, drawn by lot with np.random
    Also prints how many RoIs are positive and negative.
    """
    rois, refined_rois, class_ids = np.asarray(rois), np.asarray(refined_rois), np.asarray(class_ids)
    count = len(rois)
    check_counts(count, refined_rois=len(refined_rois), mask=len(mask), class_ids=len(class_ids))
    chosen = np.random.choice(count, limit, replace=False) if count > limit else np.arange(count)
    title = f"Showing {limit} random ROIs out of {count}" if count > limit else f"{count} ROIs"
    positive = [i for i in chosen if class_ids[i]]
    picture, colors = displayable(image), dict(zip(positive, random_colors(len(positive))))
    with image_axes(picture.shape, (12, 12), None, path, title, margin=20) as axes:
        for i in chosen:
            add_box(axes, rois[i, :4], colors.get(i, GRAY), "dashed")
        for i in positive:
            add_box(axes, refined_rois[i, :4], colors[i])
            _connect(axes, rois[i], refined_rois[i], colors[i])
            apply_mask(picture, unmold_mask(mask[i], rois[i, :4].astype(np.int32), picture.shape), colors[i])
        axes.imshow(picture)
        labels = class_labels(class_ids[positive], class_names)
        draw_labels(axes, refined_rois[positive, :4], labels, [colors[i] for i in positive])
    positives = int(np.sum(class_ids > 0))
    print("Positive ROIs: ", positives)
    print("Negative ROIs: ", int(np.sum(class_ids == 0)))
    print(f"Positive Ratio: {positives / max(count, 1):.2f}")
