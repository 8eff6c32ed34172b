"""The first batch of the report: molded images as the network gets them, with the truth and the anchors it learns from.

Letters: G ground-truth slots, A anchors. Boxes are pixels of the molded image.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from mrcnn_roi.drawing.instances import draw_instances
from mrcnn_roi.drawing.overlay import displayable_molded
from mrcnn_roi.drawing.report_text import counted, number, share, shown, size
from mrcnn_roi.drawing.report_thumbnails import Thumbnail, captions, clipped, colours, encode
from mrcnn_roi.ops.anchors import compute_backbone_shapes, generate_pyramid_anchors
from mrcnn_roi.ops.masks import expand_mask
from mrcnn_roi.ops.meta import parse_image_meta

SHOWN = 6  # images of the batch
SIDE = 400  # pixels of the longest side
ANCHORS_DRAWN = 40
ANCHOR = (255, 255, 255)


class Batch(NamedTuple):
    """The pictures of the first batch and a sentence; note says why there are none."""

    sentence: str
    pictures: list[Thumbnail]
    note: str


class _Truth(NamedTuple):
    class_ids: np.ndarray  # [G'] without padding
    boxes: np.ndarray  # [G', 4]
    anchors: np.ndarray  # [P, 4] the positive ones
    window: np.ndarray  # (y1, x1, y2, x2) that holds the image


def draw_batch(samples: Sequence[Mapping[str, Any]], config, names: Sequence[str], class_names, note="") -> Batch:
    """samples: dicts of inputs.sample.build_sample; names: of their images; note: what could not be made."""
    pictures, problems, truths = [], [note] if note else [], []
    for sample, name in zip(list(samples)[:SHOWN], names):
        try:
            truth = _truth(sample, config)
            picture = _picture(sample, truth, config, class_names)
        except Exception as error:  # samples of a broken set-up may hold anything
            problems.append(f"{name} could not be drawn: {type(error).__name__}: {error}")
            continue
        truths.append(truth)
        uri, width, height = encode(picture)
        reasons = [counted(len(truth.class_ids), "object"), counted(len(truth.anchors), "positive anchor")]
        pictures.append(Thumbnail(shown(name, 160), reasons, uri, width, height, _molded(sample, truth)))
    return Batch(_words(truths), pictures, shown("; ".join(problems), 1000))


def _truth(sample: Mapping[str, Any], config) -> _Truth:
    present = np.flatnonzero(np.asarray(sample["input_gt_class_ids"]) != 0)
    shape = sample["input_image"].shape
    maps = compute_backbone_shapes(config, shape)
    grid = (config.RPN_ANCHOR_SCALES, config.RPN_ANCHOR_RATIOS, maps, config.BACKBONE_STRIDES)
    anchors = np.asarray(generate_pyramid_anchors(*grid, config.RPN_ANCHOR_STRIDE))
    positive = np.asarray(sample["input_rpn_match"]).ravel() == 1
    boxes = np.asarray(sample["input_gt_boxes"])[present]
    window = parse_image_meta(np.asarray(sample["input_image_meta"])[None])["window"][0]
    return _Truth(np.asarray(sample["input_gt_class_ids"])[present], boxes, anchors[positive], window)


def _picture(sample: Mapping[str, Any], truth: _Truth, config, class_names) -> np.ndarray:
    """uint8 [h, w, 3]: the image plus the mean pixel, padding striped, masks, boxes, and anchors in white."""
    from PIL import Image

    image = displayable_molded(sample["input_image"], config.MEAN_PIXEL)
    _stripe(image, truth.window)
    present = np.flatnonzero(np.asarray(sample["input_gt_class_ids"]) != 0)
    masks = np.asarray(sample["input_gt_masks"])[..., present]
    if masks.shape[:2] != image.shape[:2]:
        masks = expand_mask(truth.boxes, masks, image.shape)
    old = np.array(image.shape[:2])
    new = np.maximum(np.round(old * SIDE / old.max()), 1).astype(int)
    rows, columns = (((np.arange(n) + 0.5) * (o / n)).astype(int) for n, o in zip(new, old))
    way = Image.Resampling.BOX if old.max() > SIDE else Image.Resampling.BICUBIC
    small = np.array(Image.fromarray(image).resize((int(new[1]), int(new[0])), way))
    factor = np.tile(new / old, 2)
    small = _draw_anchors(small, clipped(truth.anchors[:ANCHORS_DRAWN] * factor, new))
    boxes = clipped(truth.boxes * factor, new)
    look: dict[str, Any] = {"colors": colours(len(present)), "captions": captions(truth.class_ids, class_names)}
    ids = np.ones(len(present), int)
    return draw_instances(small, boxes, masks[rows][:, columns], ids, ["", ""], alpha=0.35, **look)


def _stripe(image: np.ndarray, window) -> None:
    """Grey stripes over what resizing has added, in place."""
    height, width = image.shape[:2]
    y1, x1, y2, x2 = (int(each) for each in window)
    period = max(8, max(height, width) // 40)
    stripes = (np.add.outer(np.arange(height), np.arange(width)) // (period // 2)) % 2
    outside = np.ones((height, width), bool)
    outside[y1:y2, x1:x2] = False
    image[outside] = np.where(stripes, 96, 64)[outside][:, None]


def _draw_anchors(picture: np.ndarray, anchors: np.ndarray) -> np.ndarray:
    """Anchors [P, (y1, x1, y2, x2)] as thin white boxes with a dark rim, so that they show on any colour."""
    from PIL import Image, ImageDraw

    canvas = Image.fromarray(picture)
    draw = ImageDraw.Draw(canvas)
    for y1, x1, y2, x2 in anchors.tolist():
        draw.rectangle((x1 - 1, y1 - 1, max(x2 + 1, x1), max(y2 + 1, y1)), outline=(0, 0, 0))
        draw.rectangle((x1, y1, max(x2, x1), max(y2, y1)), outline=ANCHOR)
    return np.array(canvas)


def _padding(shape, window) -> float:
    y1, x1, y2, x2 = (int(each) for each in window)
    return 1 - (y2 - y1) * (x2 - x1) / max(shape[0] * shape[1], 1)


def _molded(sample: Mapping[str, Any], truth: _Truth) -> str:
    shape = sample["input_image"].shape
    padding = _padding(shape, truth.window)
    meta = parse_image_meta(np.asarray(sample["input_image_meta"])[None])
    raw = meta["original_image_shape"][0]
    scale = float(meta["scale"][0])
    padded = f", {share(padding)} padding" if padding else ""
    scaled = "not scaled" if scale == 1 else f"scaled by {number(float(f'{scale:.3g}'))}"
    return f"{size(raw)} px, {scaled}, {size(shape)} in the network{padded}"


def _words(truths: Sequence[_Truth]) -> str:
    if not truths:
        return ""
    objects = sum(len(each.class_ids) for each in truths)
    anchors = sum(len(each.anchors) for each in truths)
    without = sum(not len(each.class_ids) for each in truths)
    text = f"Outlines must lie on their objects: {counted(objects, 'object')} in {counted(len(truths), 'image')}"
    text += f", {without} of them without any" if without else ""
    return f"{text}; the RPN learns from {counted(anchors, 'positive anchor')} (white boxes)."
