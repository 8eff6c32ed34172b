"""Which cells of a feature map a pooling method reads for an RoI, with what weight. numpy only.

All sampling comes from ops.sampling. There position k is the centre of cell k; here, as in a picture, cell k is the
square [k, k + 1) and the RoI is drawn at its pixels divided by the stride, so a position p lies at p + 0.5. The two
views agree for RoIAlign with aligned=True. With aligned=False (and RoIWarp) everything is read half a cell further
down and right than it is drawn; crop_and_resize lays the centres of the image's corner pixels on the centres of the
map's corner cells.

Arguments in common: `method`, one of METHODS; `box`, (y1, x1, y2, x2) in pixels of the molded image of `image_shape`
(height, width); `map_shape`, (height, width) in cells; `bins`, a number or (rows, columns); `ratio`, samples a bin on
each axis, 0 or -1 for adaptive; `aligned`, of RoIAlign.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from mrcnn_roi.ops.boxes import norm_boxes
from mrcnn_roi.ops.sampling import (
    adaptive_ratio,
    align_extent,
    crop_positions,
    pool_windows,
    sample_positions,
    taps,
    warp_extent,
)

METHODS = ("roi_pool", "roi_warp", "roi_align", "crop_and_resize")
TITLES = dict(zip(METHODS, ("RoIPool", "RoIWarp", "RoIAlign", "crop_and_resize")))
CENTRE = 0.5  # from a position, in which cell k is at k, to the square [k, k + 1) that is drawn for it
READ = 1e-5  # a cell counts as read from this share of a bin on: less is rounding of a sample on a cell's centre
MAX_SAMPLES = 4096  # on an axis; more can neither be drawn nor told apart
MAX_CELLS = 4096  # of a side of a map; whole maps of float64 are held


class Coverage(NamedTuple):
    """What a method makes of an RoI. Shares are of the RoI's area on the map; shift is (down, right) in cells."""

    lost: float  # share of the RoI that lies in cells nothing is read from
    gained: float  # area outside the RoI of cells that are read, as a share
    shift: tuple[float, float]  # from the RoI's centre to the centre of what is read; NaN when nothing is


class Axis(NamedTuple):
    """One axis of an RoI: its edges and the image's side in pixels, the map's in cells, the bins."""

    start: float
    end: float
    pixels: float
    cells: int
    bins: int


def roi_axes(box, map_shape, image_shape, bins) -> tuple[Axis, Axis]:
    """The rows' and the columns' Axis. Raises ValueError for arguments that name no RoI on the map."""
    edges = np.asarray(box, np.float64)
    counts = np.broadcast_to(np.asarray(bins), (2,)) if np.ndim(bins) < 2 and np.size(bins) in (1, 2) else [0]
    if any(int(count) != count or count < 1 for count in counts) or max(counts) > MAX_SAMPLES:
        raise ValueError(f"expected bins of 1 to {MAX_SAMPLES}, a number or (rows, columns), received {bins}")
    if len(map_shape) != 2 or min(map_shape) < 1 or max(map_shape) > MAX_CELLS:
        received = f"received {' x '.join(map(str, map_shape))}"
        raise ValueError(f"expected a map of 1 to {MAX_CELLS} cells a side, height x width, {received}")
    if not min(image_shape[:2]) >= 2:  # normalized coordinates divide by the side less one
        sides = " x ".join(f"{side:g}" for side in image_shape[:2])
        raise ValueError(f"expected an image of at least 2 x 2 pixels (map times stride), received {sides}")
    if edges.shape != (4,) or not np.isfinite(edges).all() or not (edges[2:] > edges[:2]).all():
        raise ValueError(f"expected a box y1,x1,y2,x2 in pixels with y2 > y1 and x2 > x1, received {_text(box)}")
    height, width = image_shape[:2]
    if edges[0] >= height or edges[1] >= width or min(edges[2:]) <= 0:
        received = f"received {_text(box)}"
        raise ValueError(f"expected a box that overlaps the image of {height:g} x {width:g} pixels, {received}")
    return tuple(  # type: ignore[return-value]
        Axis(edges[i], edges[i + 2], float(image_shape[i]), int(map_shape[i]), int(counts[i])) for i in range(2)
    )


def _text(box) -> str:
    return ",".join(f"{value:g}" for value in np.asarray(box, np.float64).ravel())


def roi_cells(box, map_shape, image_shape):
    """(y1, x1, y2, x2) of the RoI in squares: pixels divided by the stride. float64."""
    scale = np.asarray(map_shape, np.float64) / np.asarray(image_shape[:2], np.float64)
    return np.asarray(box, np.float64) * np.tile(scale, 2)


def roi_centre(box, map_shape, image_shape) -> tuple[float, float]:
    """(y, x) in squares of the centre of that part of the RoI that lies on the map."""
    y1, x1, y2, x2 = roi_cells(box, map_shape, image_shape)
    return (max(y1, 0.0) + min(y2, map_shape[0])) / 2, (max(x1, 0.0) + min(x2, map_shape[1])) / 2


def _edges(axis: Axis):
    """float32 [1] each: the RoI's start and end on an axis in cells, as the single-level layers scale them."""
    scale = np.float32(axis.cells / axis.pixels)
    return np.array([axis.start], np.float32) * scale, np.array([axis.end], np.float32) * scale


def axis_extent(method, axis: Axis, aligned=False):
    """float32 [1] each: (start, length) as a position, of what RoIAlign or RoIWarp divide into bins."""
    start, end = _edges(axis)
    return warp_extent(start, end) if method == "roi_warp" else align_extent(start, end, aligned)


def axis_samples(method, axis: Axis, ratio=2, aligned=False):
    """float32 [bins, samples]: the positions that are interpolated; of RoIPool there are none, [bins, 0]."""
    _check_method(method)
    if method == "roi_pool":
        return np.zeros((axis.bins, 0), np.float32)
    if method == "crop_and_resize":
        box = norm_boxes([[axis.start, axis.start, axis.end, axis.end]], (axis.pixels, axis.pixels))
        return crop_positions(box[:, 0], box[:, 2], axis.cells, axis.bins)[0][:, None]
    start, length = axis_extent(method, axis, aligned)
    count = int(ratio) if ratio > 0 else int(adaptive_ratio(length, axis.bins, [axis.cells])[0])
    if count * axis.bins > MAX_SAMPLES:
        raise ValueError(f"expected at most {MAX_SAMPLES} samples a side, received {axis.bins} bins of {count}")
    samples = [sample_positions(start, length, axis.bins, count, sample)[0] for sample in range(count)]
    return np.stack(samples, axis=1)


def axis_bins(method, axis: Axis, aligned=False):
    """float64 [bins, (from, to)] in squares: where the bins lie. RoIPool's may overlap; crop_and_resize has none."""
    _check_method(method)
    if method == "crop_and_resize":
        return np.zeros((0, 2))
    if method == "roi_pool":
        start, end = _edges(axis)
        return np.stack(pool_windows(start, end, [axis.cells], axis.bins), axis=-1)[0].astype(np.float64)
    start, length = axis_extent(method, axis, aligned)
    edges = start[0] + CENTRE + length[0] * np.arange(axis.bins + 1) / axis.bins
    return np.stack([edges[:-1], edges[1:]], axis=-1)


def axis_weights(method, axis: Axis, ratio=2, aligned=False):
    """float64 [bins, cells]: the share of every cell in every bin of an axis, the mean over the bin's samples.

    A row sums to 1, to less where samples lie outside the map. RoIPool takes a maximum: any cell of its window may
    be it, so all of them get the same share.
    """
    _check_method(method)
    weights = np.zeros((axis.bins, axis.cells))
    if method == "roi_pool":
        for row, (first, stop) in zip(weights, axis_bins(method, axis).astype(int)):
            row[first:stop] = 1.0 / max(stop - first, 1)
        return weights
    positions = axis_samples(method, axis, ratio, aligned)
    low, high, low_weight, high_weight = taps(positions, [axis.cells] * axis.bins, method != "crop_and_resize")
    rows = np.broadcast_to(np.arange(axis.bins)[:, None], positions.shape)
    np.add.at(weights, (rows, low), low_weight / positions.shape[1])
    np.add.at(weights, (rows, high), high_weight / positions.shape[1])
    return weights


def cell_weights(method, box, map_shape, image_shape, bins, ratio=2, aligned=False):
    """float64 [H, W]: the share of every cell of the map in the mean of all pooled values. Sums to at most 1."""
    axes = roi_axes(box, map_shape, image_shape, bins)
    rows, columns = (axis_weights(method, axis, ratio, aligned).mean(axis=0) for axis in axes)
    return np.outer(rows, columns)


def cells_read(method, box, map_shape, image_shape, bins, ratio=2, aligned=False):
    """bool [H, W]: the cells that are read."""
    axes = roi_axes(box, map_shape, image_shape, bins)
    rows, columns = ((axis_weights(method, axis, ratio, aligned) > READ).any(axis=0) for axis in axes)
    return np.outer(rows, columns)


def cell_overlaps(box, map_shape, image_shape):
    """float64 [H, W]: how much of every cell's square the RoI covers, 0..1."""
    y1, x1, y2, x2 = roi_cells(box, map_shape, image_shape)
    rows, columns = (
        np.clip(np.minimum(end, np.arange(size) + 1.0) - np.maximum(start, np.arange(size)), 0.0, 1.0)
        for start, end, size in ((y1, y2, map_shape[0]), (x1, x2, map_shape[1]))
    )
    return np.outer(rows, columns)


def coverage(method, box, map_shape, image_shape, bins, ratio=2, aligned=False) -> Coverage:
    """What a method loses of an RoI, what it reads beside it, and how far off its centre it reads."""
    weights = cell_weights(method, box, map_shape, image_shape, bins, ratio, aligned)
    read = cells_read(method, box, map_shape, image_shape, bins, ratio, aligned)
    overlaps = cell_overlaps(box, map_shape, image_shape)
    area = overlaps.sum()
    shift = [float("nan")] * 2
    for i in range(2 if weights.any() else 0):
        share = weights.sum(axis=1 - i)
        seen = (share * (np.arange(map_shape[i]) + CENTRE)).sum() / share.sum()
        shift[i] = float(seen - roi_centre(box, map_shape, image_shape)[i]) + 0.0
    lost, gained = overlaps[~read].sum() / area, (1.0 - overlaps)[read].sum() / area
    return Coverage(float(lost), float(gained), (shift[0], shift[1]))


def _check_method(method) -> None:
    if method not in METHODS:
        raise ValueError(f"expected method to be one of {METHODS}, received {method!r}")
