"""What `mrcnn-roi show batch` draws: images as they are and, beside them, as training sees them. No TensorFlow.

Letters: H W molded image, N instances of an image.
"""

from __future__ import annotations

import itertools
from bisect import bisect_left
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from mrcnn_roi.datasets.base import image_name, load_channels
from mrcnn_roi.drawing.batch import Row, Tile, draw_batch_sheet
from mrcnn_roi.findings import SetupError
from mrcnn_roi.inputs.augment import augment
from mrcnn_roi.inputs.order import Order, Place
from mrcnn_roi.inputs.sample import build_sample
from mrcnn_roi.inputs.sampling import config_repeats
from mrcnn_roi.ops.augment import augmentation_name
from mrcnn_roi.ops.masks import expand_mask, extract_bboxes

PATIENCE = 4  # passes over the data in which an image may come less often than there are columns


class Told(NamedTuple):
    """The lines that say what one sees, and the errors of images that could not be drawn."""

    lines: list[str]
    errors: list[SetupError]


def show_batch(
    path,
    dataset,
    config,
    augmentation=None,
    *,
    count: int = 12,
    draws: int = 3,
    seed: int | None = None,
    epoch: int = 0,
    step: Callable[[], object] = lambda: None,
) -> Told:
    """Draws the first `count` images of a pass over the data, each with `draws` of the samples made of it.

    seed: of the run, None for the config's SEED, or 0. epoch: number of the pass, from 0 on; the other samples of an
    image are those of the next passes. step: called after each image. An image that cannot be used is a tile that
    says so. Raises SetupError where none can, ValueError for a wrong path or without images.
    """
    target = Path(path)
    if target.is_dir():
        raise ValueError(f"expected a file name for the picture, received the folder {target}")
    if not len(dataset.image_ids):
        raise ValueError("expected a dataset with images, received one without")
    seed = int(getattr(config, "SEED", None) or 0) if seed is None else seed
    order = Order(dataset.image_ids, seed=seed, repeats=config_repeats(dataset, config))
    drawn: list[_Drawn] = []
    for places in places_of_images(order, count, draws, epoch):
        drawn.append(_draw_image(dataset, config, augmentation, order, places))
        step()
    errors = [error for each in drawn for error in each.errors]
    if all(tile.error is not None for each in drawn for tile in each.row.tiles[1:]):
        raise SetupError(dict.fromkeys(finding for error in errors for finding in error.findings))
    lines = _lines(drawn, dataset, augmentation, seed, epoch)
    target.parent.mkdir(parents=True, exist_ok=True)
    draw_batch_sheet([each.row for each in drawn], dataset.class_names, *_titles(lines)).save(target)
    return Told(lines, errors)


def places_of_images(order: Order, count: int, draws: int, epoch: int) -> list[list[Place]]:
    """For the first `count` images of the pass `epoch` the next `draws` places of each in the stream."""
    start = _first_position(order, epoch)
    found: dict[int, list[Place]] = {}
    for position in itertools.count(start):
        place = order[position]
        if place.epoch >= epoch + draws + PATIENCE:
            break
        if place.image_id in found or (len(found) < count and place.epoch == epoch):
            places = found.setdefault(place.image_id, [])
            if len(places) < draws:
                places.append(place)
        if place.epoch > epoch and all(len(places) == draws for places in found.values()):
            break
    return list(found.values())


def _first_position(order: Order, epoch: int) -> int:
    high = 1
    while order[high].epoch < epoch:
        high *= 2
    return bisect_left(range(high + 1), epoch, key=lambda position: order[position].epoch)


class _Drawn(NamedTuple):
    """The row of an image. counts: of each sample (objects of the image, left by the augmentation, trained)."""

    row: Row
    counts: list[tuple[int, int, int]]
    anchors: list[int]
    shapes: list[tuple[int, int]]
    errors: list[SetupError]


class _Watched:
    """An augmentation, or none, that remembers the boxes of what it left: [N, 4] by the image's own order, 0 for
    instances that vanished."""

    def __init__(self, augmentation):
        self.augmentation, self.boxes = augmentation, np.zeros((0, 4), int)
        self.__name__ = "none" if augmentation is None else augmentation_name(augmentation)

    def __call__(self, image, masks, rng):
        if self.augmentation is not None:
            image, masks = augment(self.augmentation, image, masks, rng)
        self.boxes = extract_bboxes(masks)
        return image, masks


def _draw_image(dataset, config, augmentation, order: Order, places: list[Place]) -> _Drawn:
    image_id = places[0].image_id
    name = f"image {image_id}, {image_name(dataset.image_info[image_id])}"
    drawn = _Drawn(Row(name, [_original(dataset, config, image_id)]), [], [], [], [])
    for place in places:
        watched = _Watched(augmentation)
        try:
            with order.seeded(place):  # as Batches makes this sample
                sample = build_sample(dataset, config, image_id, order.rng(place), augmentation=watched)
        except SetupError as error:
            drawn.errors.append(error)
            drawn.row.tiles.append(_failed(error))
            continue
        tile, counts, anchors = _sample_tile(sample, config, watched.boxes, f"pass {place.epoch}")
        drawn.row.tiles.append(tile)
        drawn.counts.append(counts)
        drawn.anchors.append(anchors)
        drawn.shapes.append(tile.image.shape[:2])
    return drawn


def _failed(error: Exception) -> Tile:
    empty = np.zeros((0, 4), int)
    return Tile(empty, empty, empty, empty, empty, "cannot be used", error=error)


def _original(dataset, config, image_id: int) -> Tile:
    try:
        image = np.asarray(load_channels(dataset, image_id, int(getattr(config, "IMAGE_CHANNEL_COUNT", 3))))
        masks, class_ids = dataset.load_mask(image_id)
        masks = np.asarray(masks).astype(bool)
        if masks.size == 0:
            masks = np.zeros((*image.shape[:2], 0), bool)
        if masks.shape != (*image.shape[:2], len(class_ids)):
            raise ValueError(f"the image has the shape {list(image.shape)}, its masks {list(masks.shape)}")
    except Exception as error:  # a dataset's own code may raise anything; its samples say the same with more words
        return _failed(error)
    numbers = np.arange(len(class_ids))
    texts = f"as it is, {image.shape[1]} x {image.shape[0]}", _counted(len(numbers), "object")
    return Tile(image, extract_bboxes(masks), masks, np.abs(class_ids), numbers, *texts)


def _sample_tile(sample: dict[str, Any], config, boxes_left, title: str):
    """(tile, (objects, left, trained), positive anchors) of a sample."""
    image = sample["input_image"] + np.asarray(config.MEAN_PIXEL, np.float32)
    image = np.round(image).clip(0) if image.max() > 1 else image
    present = np.flatnonzero(sample["input_gt_class_ids"] != 0)
    boxes, masks = sample["input_gt_boxes"][present].astype(int), sample["input_gt_masks"][..., present]
    if masks.shape[:2] != image.shape[:2]:
        masks = expand_mask(boxes, masks, image.shape)
    counts = len(boxes_left), int((boxes_left[:, 2] > 0).sum()), len(present)
    anchors = int((sample["input_rpn_match"] == 1).sum())
    ids, numbers = sample["input_gt_class_ids"][present], _same(boxes, boxes_left)
    title = f"{title}: {_counted(anchors, 'positive anchor')}"
    gone = [f"{counts[0] - counts[1]} vanished"] if counts[0] > counts[1] else []
    gone += [f"{counts[1] - counts[2]} over MAX_GT_INSTANCES"] if counts[1] > counts[2] else []
    words = f"{counts[2]} of {counts[0]} objects: {', '.join(gone)}" if gone else _counted(counts[0], "object")
    return Tile(image, boxes, masks, ids, numbers, title, words, bool(gone)), counts, anchors


def _same(boxes, boxes_left) -> np.ndarray:
    """Which of the image's objects each box is; of two with one box the first that is free."""
    free: dict[tuple, list[int]] = {}
    for number, box in reversed(list(enumerate(map(tuple, boxes_left.tolist())))):
        free.setdefault(box, []).append(number)
    return np.array([free[box].pop() if free.get(box) else 0 for box in map(tuple, boxes.tolist())], int)


def _lines(drawn: list[_Drawn], dataset, augmentation, seed: int, epoch: int) -> list[str]:
    counts = np.array([count for each in drawn for count in each.counts]).reshape(-1, 3)
    anchors = sum(number for each in drawn for number in each.anchors)
    objects, left, _ = (int(each) for each in counts.sum(axis=0))
    shapes = sorted({shape for each in drawn for shape in each.shapes})
    sizes = " and ".join(f"{width} x {height}" for height, width in shapes[:2]) + (" and others" if shapes[2:] else "")
    of = f"{_counted(len(drawn), 'image')} of {len(dataset.image_ids)}"
    lines = [f"{of} as training sees them, {sizes} pixels (seed {seed}, from pass {epoch} on)"]
    lines.append(f"augmentation: {'none' if augmentation is None else augmentation_name(augmentation)}")
    gone = f", {objects - left} vanished ({(objects - left) / objects:.0%})" if objects > left else ""
    lines.append(f"{_counted(len(counts), 'sample')}: {_counted(objects, 'object')}{gone}, {anchors} positive anchors")
    failed = sum(bool(each.errors) for each in drawn)
    return [*lines, *([f"{_counted(failed, 'image')} cannot be used"] if failed else [])]


def _titles(lines: list[str]) -> tuple[str, list[str]]:
    return lines[0], [*lines[1:], "left: the image and its annotation; right of it what the network is given"]


def _counted(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"
