"""The pooling methods once more, as slow and plain as possible: the truth that the fast ones are tested against.

One image, one level, one loop a word of the definition. numpy and the standard library only.

    feature_map: [H, W, C]. boxes: [N, (y1, x1, y2, x2)] in pixels. spatial_scale: cells a pixel.
    Results: [N, ph, pw, C], float64. Gradients: [H, W, C] (or [N, 4]), float64.

Values, weights and sums are float64. Positions are float32 in the reference kernels' order of operations
(torchvision's CPU kernels, TensorFlow's CropAndResize), because there a comparison decides: floor, ceil and round of
RoIPool and RoIWarp, "more than one cell outside" of RoIAlign, "outside" of crop_and_resize, the number of samples of
the adaptive RoIAlign. One rounding more or less, and a sample counts or does not. `real` is that type; the gradient to
boxes by differences sets it to float64.

A sample is a list of up to four (row, column, weight); an empty list is a sample outside of the map, worth 0.
"""

from __future__ import annotations

import itertools
import math

import numpy as np


# Every method first says what its bins read, as nested lists: bins[n][i][j] = samples.
def align_bins(
    boxes, map_shape, pool_shape, spatial_scale=1.0, sampling_ratio=2, aligned=False, *, real=np.float32
) -> list:
    """RoIAlign (Mask R-CNN, section 3): the samples of every bin.

    aligned=False: an RoI is at least one cell long, so a reversed one is one cell from its first corner.
    aligned=True: half a cell is taken off, and nothing is enlarged: a reversed RoI is sampled backwards.
    Adaptive (0 or less), ceil(length / bins) samples: none for a reversed or empty one of aligned=True.
    """
    bins = []
    for box in np.asarray(boxes):
        y1, x1, y2, x2 = (real(edge) * real(spatial_scale) for edge in box)
        rows = align_positions(y1, y2, pool_shape[0], sampling_ratio, aligned, real)
        columns = align_positions(x1, x2, pool_shape[1], sampling_ratio, aligned, real)
        bins.append([[cross(ys, xs, map_shape, margin=1) for xs in columns] for ys in rows])
    return bins


def align_positions(start, end, count, sampling_ratio, aligned, real) -> list:
    """Where the samples of each of `count` bins lie on one axis: a list of lists of cells."""
    if aligned:
        start, end = start - real(0.5), end - real(0.5)
    length = end - start
    if not aligned:
        length = max(length, real(1.0))
    size = length / real(count)
    samples = sampling_ratio if sampling_ratio > 0 else math.ceil(size)
    return [
        [start + real(i) * size + real(s + 0.5) * size / real(samples) for s in range(max(samples, 0))]
        for i in range(count)
    ]


def warp_bins(boxes, map_shape, pool_shape, spatial_scale=1.0, sampling_ratio=2) -> list:
    """RoIWarp: RoIAlign (aligned=False) on the RoI whose corners were rounded to whole cells."""
    cells = [[round_half_away(np.float32(edge) * np.float32(spatial_scale)) for edge in box] for box in boxes]
    return align_bins(cells, map_shape, pool_shape, 1.0, sampling_ratio, aligned=False)


def crop_bins(boxes, map_shape, pool_shape) -> list:
    """crop_and_resize: one sample a bin, corner to corner. boxes are normalized, 1 is the centre of the last cell."""
    bins = []
    for box in np.asarray(boxes):
        y1, x1, y2, x2 = (np.float32(edge) for edge in box)
        rows = crop_positions(y1, y2, map_shape[0], pool_shape[0])
        columns = crop_positions(x1, x2, map_shape[1], pool_shape[1])
        bins.append([[cross([y], [x], map_shape, margin=0) for x in columns] for y in rows])
    return bins


def crop_positions(start, end, size, count) -> list:
    last = np.float32(size - 1)
    if count == 1:
        return [np.float32(0.5) * (start + end) * last]
    step = (end - start) * last / np.float32(count - 1)
    return [start * last + np.float32(i) * step for i in range(count)]


def pool_bins(boxes, map_shape, pool_shape, spatial_scale=1.0) -> list:
    """RoIPool (Fast R-CNN, section 2.1): the whole cells of every bin, each a sample of weight 1.

    The RoI is rounded to whole cells, its last cell included; a bin is rounded outwards, so neighbours overlap. A
    reversed RoI is one cell. A bin without cells (outside of the map) has no samples.
    """
    bins = []
    for box in np.asarray(boxes):
        y1, x1, y2, x2 = (round_half_away(np.float32(edge) * np.float32(spatial_scale)) for edge in box)
        rows = pool_ranges(y1, y2, map_shape[0], pool_shape[0])
        columns = pool_ranges(x1, x2, map_shape[1], pool_shape[1])
        bins.append([[[[(y, x, 1.0)] for y in ys for x in xs] for xs in columns] for ys in rows])
    return bins


def pool_ranges(start, end, size, count) -> list:
    step = np.float32(max(end - start + 1, 1)) / np.float32(count)
    ranges = []
    for i in range(count):
        first, stop = math.floor(np.float32(i) * step), math.ceil(np.float32(i + 1) * step)
        ranges.append([cell for cell in range(start + first, start + stop) if 0 <= cell < size])
    return ranges


def round_half_away(x) -> int:
    """C's round(). x + 0.5 is exact in float64 for any float32 x that has a fraction."""
    return int(math.copysign(math.floor(abs(float(x)) + 0.5), x))


def cross(ys, xs, map_shape, margin) -> list:
    """The samples at every pair of positions, rows first."""
    return [
        [
            (row, column, row_weight * column_weight)
            for row, row_weight in neighbours(y, map_shape[0], margin)
            for column, column_weight in neighbours(x, map_shape[1], margin)
        ]
        for y in ys
        for x in xs
    ]


def neighbours(position, size, margin) -> list:
    """The cells around a position and their weights: none when it lies more than `margin` cells outside."""
    if position < -margin or position > size - 1 + margin:
        return []
    position = min(max(float(position), 0.0), size - 1.0)
    low = math.floor(position)
    fraction = position - low
    return [(low, 1.0 - fraction)] if fraction == 0 else [(low, 1.0 - fraction), (low + 1, fraction)]


# What a bin reads, pooled; and the same, backwards.
def pool(feature_map, bins, aggregate="mean"):
    """[N, ph, pw, C]: mean or max of every bin's samples, per channel; a bin without samples is 0."""
    feature_map = np.asarray(feature_map, np.float64)
    pooled = np.zeros((len(bins), len(bins[0]), len(bins[0][0]), feature_map.shape[-1]))
    for place in np.ndindex(*pooled.shape):
        values = sample_values(feature_map, samples_at(bins, place), place[-1])
        if values:
            pooled[place] = sum(values) / len(values) if aggregate == "mean" else max(values)
    return pooled


def map_gradient(feature_map, bins, upstream, aggregate="mean"):
    """d sum(pooled * upstream) / d feature_map: [H, W, C]. Of equal largest samples the first one gets it."""
    feature_map = np.asarray(feature_map, np.float64)
    gradient = np.zeros_like(feature_map)
    for place in np.ndindex(*upstream.shape):
        samples, channel = samples_at(bins, place), place[-1]
        if samples and aggregate == "max":
            values = sample_values(feature_map, samples, channel)
            samples = [samples[values.index(max(values))]]
        for sample in samples:
            for row, column, weight in sample:
                gradient[row, column, channel] += weight * float(upstream[place]) / len(samples)
    return gradient


def samples_at(bins, place) -> list:
    n, i, j, _ = place
    return bins[n][i][j]


def sample_values(feature_map, samples, channel) -> list:
    return [sum(feature_map[row, column, channel] * weight for row, column, weight in sample) for sample in samples]


# The methods by the names and arguments of the layers.
def roi_align(feature_map, boxes, pool_shape, spatial_scale=1.0, sampling_ratio=2, aligned=False, aggregate="mean"):
    bins = align_bins(boxes, feature_map.shape, pool_shape, spatial_scale, sampling_ratio, aligned)
    return pool(feature_map, bins, aggregate)


def roi_align_box_gradient(feature_map, boxes, upstream, *arguments, aggregate="mean", step=1e-5):
    """d sum(pooled * upstream) / d boxes: [N, 4], by central differences in float64.

    arguments: spatial_scale, sampling_ratio, aligned. Bilinear interpolation has a kink at every cell, and the RoI's
    length at one cell: keep samples (`closest_to_a_kink`) and lengths away from them.
    """
    boxes = np.asarray(boxes, np.float64)
    gradient = np.zeros(boxes.shape)
    for n, edge in itertools.product(range(len(boxes)), range(4)):
        sums = []
        for move in (step, -step):
            box = boxes[n : n + 1].copy()
            box[0, edge] += move
            bins = align_bins(box, feature_map.shape, upstream.shape[1:3], *arguments, real=np.float64)
            sums.append(np.sum(pool(feature_map, bins, aggregate) * upstream[n : n + 1]))
        gradient[n, edge] = (sums[0] - sums[1]) / (2 * step)
    return gradient


def closest_to_a_kink(boxes, pool_shape, spatial_scale=1.0, sampling_ratio=2, aligned=False):
    """[N]: how far the sample closest to a whole cell is from it, in cells."""
    distances = []
    for box in np.asarray(boxes, np.float64) * spatial_scale:
        axes = [
            align_positions(box[a], box[a + 2], pool_shape[a], sampling_ratio, aligned, np.float64) for a in range(2)
        ]
        positions = np.array([position for axis in axes for samples in axis for position in samples])
        distances.append(np.min(np.abs(positions - np.round(positions)), initial=0.5))
    return np.array(distances)


def roi_warp(feature_map, boxes, pool_shape, spatial_scale=1.0, aggregate="max", sampling_ratio=2):
    return pool(feature_map, warp_bins(boxes, feature_map.shape, pool_shape, spatial_scale, sampling_ratio), aggregate)


def roi_pool(feature_map, boxes, pool_shape, spatial_scale=1.0):
    return pool(feature_map, pool_bins(boxes, feature_map.shape, pool_shape, spatial_scale), "max")


def crop_and_resize(feature_map, boxes, pool_shape):
    """boxes are normalized, as tf.image.crop_and_resize takes them."""
    return pool(feature_map, crop_bins(boxes, feature_map.shape, pool_shape))
