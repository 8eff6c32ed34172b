"""Which cells the pooling methods read, against loops that follow the definitions one sample at a time."""

import math

import numpy as np
import pytest
import tensorflow as tf

from mrcnn_roi.ops.boxes import norm_boxes
from mrcnn_roi.ops.coverage import (
    METHODS,
    Axis,
    axis_bins,
    axis_samples,
    axis_weights,
    cell_overlaps,
    cell_weights,
    cells_read,
    coverage,
    roi_axes,
)

ARTICLE = ((192, 296, 337, 496), (16, 16), (512, 512), 3)  # box, map, image, bins

CASES = [
    # box in pixels, map, image, bins, ratio, aligned
    (*ARTICLE, 2, False),
    (*ARTICLE, 2, True),
    ((3, 5, 60, 77), (9, 11), (72, 88), (2, 4), 1, False),
    ((3, 5, 60, 77), (9, 11), (72, 88), (2, 4), 3, True),
    ((3, 5, 60, 77), (9, 11), (72, 88), 2, 0, False),
    ((-13.5, -30, 20, 200), (9, 11), (72, 88), 4, 2, False),
    ((-13.5, -30, 20, 200), (9, 11), (72, 88), 4, 0, True),
    ((41, 41, 42, 43), (9, 11), (72, 88), 2, 2, False),
    ((41, 41, 42, 43), (9, 11), (72, 88), 2, 2, True),
    ((-50, -50, 150, 150), (9, 11), (72, 88), 1, 2, False),
    ((10, 10, 30, 30), (9, 11), (36, 88), (1, 7), 2, False),
]


def round_away(x):
    return math.copysign(math.floor(abs(x) + 0.5), x)


def spread(weights, y, x, amount, margin):
    """Adds `amount` to the four cells around the point (y, x), in which cell k has its centre at k."""
    height, width = weights.shape
    if y < -margin or x < -margin or y > height - 1 + margin or x > width - 1 + margin:
        return
    y, x = min(max(y, 0), height - 1), min(max(x, 0), width - 1)
    top, left = math.floor(y), math.floor(x)
    for row, share_y in ((top, 1 - (y - top)), (top + 1, y - top)):
        for column, share_x in ((left, 1 - (x - left)), (left + 1, x - left)):
            if share_y * share_x > 0:
                weights[row, column] += amount * share_y * share_x


def slow_weights(method, box, map_shape, image_shape, bins, ratio, aligned):
    weights = np.zeros(map_shape)
    ph, pw = (bins, bins) if isinstance(bins, int) else bins
    y1, x1, y2, x2 = (side * map_shape[i % 2] / image_shape[i % 2] for i, side in enumerate(box))
    if method == "crop_and_resize":
        height, width = map_shape
        n1, m1 = box[0] / (image_shape[0] - 1), box[1] / (image_shape[1] - 1)
        n2, m2 = (box[2] - 1) / (image_shape[0] - 1), (box[3] - 1) / (image_shape[1] - 1)
        for i in range(ph):
            for j in range(pw):
                y = n1 + i * (n2 - n1) / (ph - 1) if ph > 1 else (n1 + n2) / 2
                x = m1 + j * (m2 - m1) / (pw - 1) if pw > 1 else (m1 + m2) / 2
                spread(weights, y * (height - 1), x * (width - 1), 1 / (ph * pw), 0)
        return weights
    if method == "roi_pool":
        top, left, bottom, right = (round_away(side) for side in (y1, x1, y2, x2))
        height, width = max(bottom - top + 1, 1), max(right - left + 1, 1)
        for i in range(ph):
            for j in range(pw):
                rows = range(int(top + math.floor(i * height / ph)), int(top + math.ceil((i + 1) * height / ph)))
                columns = range(int(left + math.floor(j * width / pw)), int(left + math.ceil((j + 1) * width / pw)))
                cells = [(r, c) for r in rows for c in columns if 0 <= r < map_shape[0] and 0 <= c < map_shape[1]]
                for cell in cells:
                    weights[cell] += 1 / len(cells) / (ph * pw)
        return weights
    if method == "roi_warp":
        y1, x1, y2, x2 = (round_away(side) for side in (y1, x1, y2, x2))
    if method == "roi_align" and aligned:
        y1, x1, y2, x2 = (side - 0.5 for side in (y1, x1, y2, x2))
        height, width = y2 - y1, x2 - x1
    else:
        height, width = max(y2 - y1, 1), max(x2 - x1, 1)
    ny, nx = (ratio, ratio) if ratio > 0 else (math.ceil(height / ph), math.ceil(width / pw))
    for i in range(ph * ny):
        for j in range(pw * nx):
            y = y1 + (i + 0.5) * height / (ph * ny)
            x = x1 + (j + 0.5) * width / (pw * nx)
            spread(weights, y, x, 1 / (ph * ny * pw * nx), 1)
    return weights


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("case", CASES, ids=range(len(CASES)))
def test_weights_equal_the_loop(method, case):
    received = cell_weights(method, *case)
    np.testing.assert_allclose(received, slow_weights(method, *case), rtol=0, atol=2e-6)
    assert received.sum() <= 1 + 1e-6


def test_weights_say_what_the_kernel_pools():
    features = np.random.default_rng(0).normal(size=(9, 11)).astype(np.float32)
    boxes = [(3, 5, 60, 77), (20, 0, 72, 88), (-5, 10, 30, 95)]
    for box in boxes:
        pooled = tf.image.crop_and_resize(
            features[None, ..., None], norm_boxes([box], (72, 88)), [0], (3, 4), extrapolation_value=0
        )
        weights = cell_weights("crop_and_resize", box, (9, 11), (72, 88), (3, 4))
        assert (weights * features).sum() == pytest.approx(float(tf.reduce_mean(pooled)), abs=1e-6)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("case", CASES, ids=range(len(CASES)))
def test_lost_and_gained_equal_painted_areas(method, case):
    box, map_shape, image_shape = case[:3]
    weights = slow_weights(method, *case)
    bins = np.prod(np.broadcast_to(case[3], 2))
    fine = 64  # points a cell and axis: the edges of the cases fall between them, so the counts are exact
    y, x = np.meshgrid(*((np.arange(size * fine) + 0.5) / fine for size in map_shape), indexing="ij")
    stride = np.divide(image_shape, map_shape)
    inside = (y >= box[0] / stride[0]) & (y < box[2] / stride[0]) & (x >= box[1] / stride[1]) & (x < box[3] / stride[1])
    read = (weights * bins > 1e-4)[y.astype(int), x.astype(int)]
    lost, gained, _ = coverage(method, *case)
    assert lost == pytest.approx((inside & ~read).sum() / inside.sum(), abs=1e-6)
    assert gained == pytest.approx((read & ~inside).sum() / inside.sum(), abs=1e-6)


@pytest.mark.parametrize(
    "method, aligned, rows, columns, lost, gained, shift",
    [
        # The RoI covers rows 6 to 10.53 and columns 9.25 to 15.5: 28.32 cells.
        ("roi_pool", False, (6, 12), (9, 16), 0, 42 / 28.3203125 - 1, (0.734, 0.458)),
        ("roi_warp", False, (6, 12), (9, 16), 0, 42 / 28.3203125 - 1, (0.734, 0.556)),
        ("roi_align", False, (6, 12), (9, 16), 0, 42 / 28.3203125 - 1, (0.5, 0.5)),
        ("roi_align", True, (5, 11), (9, 16), 0, 42 / 28.3203125 - 1, (0, 0)),
    ],
)
def test_the_example_of_the_article(method, aligned, rows, columns, lost, gained, shift):
    read = np.zeros((16, 16), bool)
    read[slice(*rows), slice(*columns)] = True
    np.testing.assert_array_equal(cells_read(method, *ARTICLE, aligned=aligned), read)
    received = coverage(method, *ARTICLE, aligned=aligned)
    assert received[:2] == pytest.approx((lost, gained))
    assert received.shift == pytest.approx(shift, abs=1e-3)


def test_crop_and_resize_reads_between_gaps_in_the_example():
    read = cells_read("crop_and_resize", *ARTICLE)
    assert np.flatnonzero(read.any(axis=0)).tolist() == [8, 9, 11, 12, 14, 15]  # columns 10 and 13 are never read
    assert np.flatnonzero(read.any(axis=1)).tolist() == [5, 6, 7, 8, 9, 10]
    assert coverage("crop_and_resize", *ARTICLE).lost == pytest.approx(2 / 6.25)


def test_overlaps_are_areas():
    overlaps = cell_overlaps((192, 296, 337, 496), (16, 16), (512, 512))
    assert overlaps.sum() == pytest.approx(145 * 200 / 32**2)
    assert overlaps[6, 9] == pytest.approx(0.75)
    assert overlaps[10, 15] == pytest.approx(0.53125 * 0.5)
    assert cell_overlaps((-100, -100, 1000, 1000), (4, 5), (40, 50)).tolist() == np.ones((4, 5)).tolist()


def test_bins_and_samples_of_an_axis():
    axis = Axis(296.0, 496.0, 512.0, 16, 3)
    np.testing.assert_array_equal(axis_bins("roi_pool", axis), [[9, 12], [11, 15], [14, 16]])
    np.testing.assert_array_equal(axis_bins("roi_warp", axis)[[0, -1]].ravel()[[0, -1]], [9.5, 16.5])
    np.testing.assert_allclose(axis_bins("roi_align", axis, aligned=True)[0], [9.25, 9.25 + 6.25 / 3], rtol=1e-6)
    assert axis_bins("crop_and_resize", axis).shape == (0, 2)
    assert axis_samples("roi_pool", axis).shape == (3, 0)
    assert axis_samples("roi_align", axis, ratio=0).shape == (3, 3)
    # The article's points lie at 1/3 and 2/3 of a bin; the paper's at 1/4 and 3/4.
    np.testing.assert_allclose(axis_samples("roi_align", axis, 2, True)[0] + 0.5, 9.25 + 6.25 / 12 * np.array([1, 3]))
    np.testing.assert_allclose(axis_weights("roi_align", axis).sum(axis=1), 1, rtol=1e-6)


def test_an_roi_whose_samples_all_miss_the_map_reads_nothing():
    received = coverage("crop_and_resize", (-100, -100, 600, 600), (16, 16), (512, 512), 2)
    assert received.lost == 1
    assert received.gained == 0
    assert np.isnan(received.shift).all()


@pytest.mark.parametrize(
    "box, map_shape, bins, message",
    [
        ((0, 0, 10), (4, 4), 2, "expected a box y1,x1,y2,x2 .* received 0,0,10"),
        ((0, 0, np.nan, 10), (4, 4), 2, "expected a box y1,x1,y2,x2 .* received 0,0,nan,10"),
        ((5, 5, 5, 10), (4, 4), 2, "with y2 > y1 and x2 > x1, received 5,5,5,10"),
        ((5, 8, 10, 2), (4, 4), 2, "with y2 > y1 and x2 > x1, received 5,8,10,2"),
        ((40, 0, 50, 10), (4, 4), 2, "expected a box that overlaps the image of 40 x 40 pixels, received 40,0,50,10"),
        ((-9, -9, 0, 9), (4, 4), 2, "expected a box that overlaps"),
        ((0, 0, 9, 9), (4, 0), 2, "expected a map of 1 to 4096 cells a side, height x width, received 4 x 0"),
        ((0, 0, 9, 9), (4, 4), 0, "expected bins of 1 to 4096, .* received 0"),
        ((0, 0, 9, 9), (4, 4), (1, 2, 3), "expected bins of 1 to 4096"),
        ((0, 0, 9, 9), (4, 4), 2.5, "expected bins of 1 to 4096"),
    ],
)
def test_what_is_no_roi_is_refused(box, map_shape, bins, message):
    with pytest.raises(ValueError, match=message):
        roi_axes(box, map_shape, (40, 40), bins)


def test_an_image_that_cannot_be_normalized_is_refused():
    with pytest.raises(ValueError, match="expected an image of at least 2 x 2 pixels .* received 1 x 40"):
        roi_axes((0, 0, 1, 1), (1, 4), (1, 40), 2)


def test_unknown_methods_and_countless_samples_are_refused():
    with pytest.raises(ValueError, match="expected method to be one of .* received 'mean'"):
        cell_weights("mean", *ARTICLE)
    with pytest.raises(ValueError, match="expected at most 4096 samples a side, received 3 bins of 5000"):
        cell_weights("roi_align", *ARTICLE, ratio=5000)
