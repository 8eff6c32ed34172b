"""What `mrcnn-roi show` draws about RoI pooling: the picture, and the lines that say what one sees on it."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from mrcnn_roi.checks.splits import Split, mold
from mrcnn_roi.datasets import draw_shapes, load_dataset
from mrcnn_roi.datasets.base import image_name, load_channels
from mrcnn_roi.datasets.scan import scan_dataset
from mrcnn_roi.drawing.levels import assign_levels, draw_level_histogram, draw_levels, left_out, level_words
from mrcnn_roi.drawing.overlay import displayable_molded
from mrcnn_roi.drawing.sampling import draw_pooling, molded_shape
from mrcnn_roi.engine.inference import mold_one, predict
from mrcnn_roi.findings import SetupError, Severity
from mrcnn_roi.inputs.sample import load_image_gt
from mrcnn_roi.ops.boxes import norm_boxes
from mrcnn_roi.ops.coverage import METHODS, TITLES, coverage, roi_cells

TOY_SIDE, TOY_SEED = 512, 1  # of this seed the first image has boxes for every level
TOY_OBJECTS = (14, 20)  # so many that some have to be small


@contextlib.contextmanager
def toy_shapes(count: int) -> Iterator:
    """A Dataset of `count` images of squares, circles and triangles of many sizes; its files go with the block."""
    low, high = TOY_OBJECTS
    with tempfile.TemporaryDirectory(prefix="mrcnn-roi-shapes-") as folder:
        made = draw_shapes(folder, count, TOY_SIDE, TOY_SIDE, TOY_SEED, min_objects=low, max_objects=high)
        yield load_dataset(made)


def show_rois(path, dataset, image: int, config, weights=None) -> list[str]:
    """Draws the ground-truth boxes of an image as the network sees them, or the proposals of a model, by level.

    image: its number in the dataset. weights: a file of trained weights, or None for the ground truth.
    """
    count = len(dataset.image_ids)
    if not 0 <= image < count:
        raise ValueError(f"expected an image of 0 to {count - 1}, received {image}")
    if weights is None:
        picture, _, _, boxes, _ = load_image_gt(dataset, config, image)
        rois, kind = norm_boxes(boxes, picture.shape[:2]), "ground-truth box"
    else:
        picture, rois = _proposals(load_channels(dataset, image, int(config.IMAGE_CHANNEL_COUNT)), config, weights)
        kind = "proposal"
    strides = _strides(config)
    levels = _levels(config)
    assigned = assign_levels(rois, picture.shape[:2], levels)
    found = _counted(len(assigned.rois), kind)
    height, width = picture.shape[:2]
    name = f'image {image} "{image_name(dataset.image_info[image])}", molded to {height} x {width} pixels'
    draw_levels(picture, rois, levels, strides=strides, title=f"{name}\n{found} by pyramid level", path=_target(path))
    return _lines(f"{name}: {found}", assigned, levels, strides)


def show_levels(path, dataset, config, bar) -> list[str]:
    """Draws how many of all boxes of a dataset each pyramid level pools, by the size they have in the network.

    bar: (title, total) -> context manager that yields a progress function, for data that has to be read.
    """
    scan = scan_dataset(dataset, fast=True)
    if not scan.instances_known.all():  # label maps say what they hold only when they are read
        with bar("reading images", scan.num_images) as step:
            scan = scan_dataset(dataset, progress=lambda done, of: step(completed=done, total=of))
    molding = mold(config, scan)
    if molding is None:
        raise SetupError([finding for finding in config.validate() if finding.severity is Severity.ERROR])
    split = Split("data", dataset, scan, molding)
    kept = split.objects & ~molding.vanished
    sides, shapes = molding.sides[kept], molding.shape[scan.instance_image[kept]]
    # A level depends on the size of a box alone. All start at pixel 1: one pixel at 0 would look like padding.
    boxes = np.concatenate([np.ones_like(sides), 1.0 + sides], axis=1)
    rois = np.zeros((len(boxes), 4))
    for shape in np.unique(shapes, axis=0):
        of_shape = (shapes == shape).all(axis=1)
        rois[of_shape] = norm_boxes(boxes[of_shape], shape)
    read = int(split.sound.sum())
    found = f"{_counted(len(rois), 'box')} of {_counted(read, 'image')}"
    levels, strides = _levels(config), _strides(config)
    draw_level_histogram(rois, shapes, levels, strides=strides, title=f"{found} by pyramid level", path=_target(path))
    gone = [(int((split.objects & molding.vanished).sum()), "box", "vanishes in resizing", "vanish in resizing")]
    gone += [(len(split.sound) - read, "image", "was not read", "were not read")]
    notes = "".join(f"; {_counted(n, what)} {one if n == 1 else many}" for n, what, one, many in gone if n)
    return _lines(found + notes, assign_levels(rois, shapes, levels), levels, strides)


def show_sampling(path, box, map_shape, stride, bins, ratio, aligned) -> list[str]:
    """Draws what each pooling method reads for one RoI. Arguments as in drawing.sampling.draw_sampling."""
    place = (box, map_shape, molded_shape(map_shape, stride), bins)
    each = {method: coverage(method, *place, ratio=ratio, aligned=aligned) for method in METHODS}
    draw_pooling(box, map_shape, stride, bins, ratio, aligned, path=_target(path))
    y1, x1, y2, x2 = roi_cells(*place[:3])
    lines = [f"RoI of {y2 - y1:.2f} x {x2 - x1:.2f} cells at row {y1:.2f}, column {x1:.2f} (cell k is k to k + 1)"]
    for method, (lost, gained, (down, right)) in each.items():
        name = TITLES[method] + (f" (aligned={aligned})" if method == "roi_align" else "")
        offset = f"reads {round(down, 2) + 0.0:+.2f} cells down and {round(right, 2) + 0.0:+.2f} right of its centre"
        if np.isnan(down):
            offset = "reads nothing"
        lines.append(f"{name:24} loses {lost:4.0%} of the RoI, gains {gained:4.0%} beside it, {offset}")
    return lines


def _proposals(image, config, weights):
    """(the molded image uint8 [H, W, 3], proposals [N, (y1, x1, y2, x2)] normalized, best first, padded with 0)."""
    import keras

    from mrcnn_roi.engine.commands import load_model

    model = load_model(config, weights)
    molded, meta, _ = mold_one(image, config)
    part = keras.Model(model.keras_model.inputs, model.keras_model.get_layer("ROI").output)
    rois = predict(part, molded[None].astype(np.float32), meta[None], model.get_anchors(molded.shape))
    return displayable_molded(molded, config.MEAN_PIXEL), np.asarray(rois)[0]


def _levels(config) -> tuple[int, ...]:
    """The pyramid levels that RoIs are pooled from."""
    return tuple(int(level) for level in config.ROI_POOL_LEVELS)


def _strides(config) -> list[int]:
    """Pixels a cell of each of these levels."""
    return [int(config.BACKBONE_STRIDES[level - 2]) for level in _levels(config)]


def _lines(first: str, assigned, levels, strides) -> list[str]:
    out_of = left_out(assigned)
    words = level_words(assigned, levels, strides=strides).values()
    return [f"{first}{f' ({out_of})' if out_of else ''}", *(f"  {each}" for each in words)]


def _counted(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}{'es' if what.endswith('x') else 's'}"


def _target(path) -> Path:
    target = Path(path)
    if target.is_dir():
        raise ValueError(f"expected a file name for the picture, received the folder {target}")
    target.parent.mkdir(parents=True, exist_ok=True)
    return target
