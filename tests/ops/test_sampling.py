"""Where the methods read a map, against the slow references, in numpy, in tensors and in a graph."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from mrcnn_roi.ops import sampling
from tests.ops import pooling_references as slow

EDGES = st.floats(-40, 60, width=32)
PAIRS = st.lists(st.tuples(EDGES, EDGES), min_size=1, max_size=6)
BINS = st.sampled_from([1, 2, 3, 7])
HALVES = [-2.5, -1.5, -0.5, 0.5, 1.5, 2.5, 3.5]
few = settings(max_examples=40, deadline=None)


def compiled(function):
    return lambda *arrays, **options: tf.function(lambda *a: function(*a, **options))(*map(tf.constant, arrays))


# How a function is called with numpy arrays: as they are, as tensors, and in a graph (whose optimizer may reorder).
WAYS = {
    "numpy": lambda function: function,
    "tensor": lambda function: lambda *arrays, **options: function(*map(tf.constant, arrays), **options),
    "graph": compiled,
}
ways = pytest.mark.parametrize("way", WAYS)


def columns(pairs):
    return np.array(pairs, np.float32).T


@ways
def test_halves_round_away_from_zero(way):
    values = {
        -1.5: -2, -0.5: -1, -0.49999997: 0, 0.49999997: 0, 0.5: 1, 1.5: 2, 2.5: 3, 2.4999998: 2, -7: -7, 0: 0,
        8388609.0: 8388609, 16777216.0: 16777216, 1e30: np.float32(1e30),
    }  # fmt: skip
    rounded = WAYS[way](sampling.round_half_away)(np.array(list(values), np.float32))
    np.testing.assert_array_equal(rounded, np.array(list(values.values()), np.float32))


def test_special_values_stay_special_when_rounded():
    rounded = sampling.round_half_away(tf.constant([np.nan, np.inf, -np.inf]))
    np.testing.assert_array_equal(rounded, [np.nan, np.inf, -np.inf])


@given(st.floats(-1e6, 1e6, width=32))
@few
def test_rounding_equals_the_reference(value):
    assert sampling.round_half_away(np.float32(value)) == slow.round_half_away(value)


@ways
@pytest.mark.parametrize("aligned", [False, True])
@pytest.mark.parametrize("ratio", [1, 2, 3, 0])
@pytest.mark.parametrize("bins", [1, 7])
def test_samples_of_roi_align(way, aligned, ratio, bins):
    rng = np.random.default_rng(bins)
    start, end = rng.uniform(-20, 40, (2, 30)).astype(np.float32)
    start[:9], end[:9] = [0, 2, 3, 3.3, -1, -2.5, 5, 0.1, 7], [4, 2, 9, 3.4, 1, -0.5, 1, 30, 7.5]
    begin, length = WAYS[way](sampling.align_extent)(start, end, aligned=aligned)
    begin, length = np.asarray(begin), np.asarray(length)
    ratios = np.full(30, ratio, np.int32)
    if ratio == 0:
        ratios = np.asarray(WAYS[way](sampling.adaptive_ratio)(length, bins=bins, size=np.int32(100)))
    expected = [slow.align_positions(*each, bins, ratio, aligned, np.float32) for each in zip(start, end)]
    np.testing.assert_array_equal([len(each[0]) for each in expected], np.maximum(ratios, 0))
    for sample in range(min(max(ratios), 4)):
        positions = WAYS[way](sampling.sample_positions)(begin, length, bins=bins, ratio=ratios, sample=sample)
        for n in np.flatnonzero(ratios > sample):
            np.testing.assert_array_equal(positions[n], [each[sample] for each in expected[n]])


@ways
def test_the_number_of_samples_is_bounded(way):
    """A box in the wrong unit would take hours: from four times the map's length on, there are no more samples."""
    length = np.array([8, 8.01, 40, 40.5, 1e6, 1e30, np.inf, 0, -3, np.nan], np.float32)
    counts = WAYS[way](sampling.adaptive_ratio)(length, bins=4, size=np.full(10, 10, np.int32))
    np.testing.assert_array_equal(counts, [2, 3, 10, 10, 10, 10, 10, 0, 0, 0])


@given(PAIRS, BINS)
@few
def test_a_ratio_for_all_is_the_same_ratio_for_each(pairs, bins):
    start, length = columns(pairs)
    for sample in range(3):
        one = sampling.sample_positions(start, length, bins, 3, sample)
        each = sampling.sample_positions(start, length, bins, np.full(len(pairs), 3), sample)
        np.testing.assert_array_equal(one, each)


@ways
def test_roi_warp_is_at_least_one_whole_cell(way):
    start, end = columns([(0.5, 0.6), (2.4, 5.5), (-0.5, 0.5), (4.0, 1.0), (3.2, 3.3)])
    begin, length = WAYS[way](sampling.warp_extent)(start, end)
    np.testing.assert_array_equal(begin, [1, 2, -1, 4, 3])
    np.testing.assert_array_equal(length, [1, 4, 2, 1, 1])


@ways
@pytest.mark.parametrize("bins", [1, 2, 7, 14])
def test_positions_of_crop_and_resize(way, bins):
    rng = np.random.default_rng(bins)
    start, end = rng.uniform(-0.2, 1.2, (2, 60)).astype(np.float32)
    start[:30], end[:30] = rng.uniform(0, 0.5, 30), 1.0  # the last bin of some of them falls outside by rounding
    size = rng.integers(1, 200, 60).astype(np.int32)
    positions = WAYS[way](sampling.crop_positions)(start, end, size, bins=bins)
    expected = [slow.crop_positions(s, e, n, bins) for s, e, n in zip(start, end, size)]
    assert np.asarray(positions).dtype == np.float32
    np.testing.assert_array_equal(positions, expected)


@ways
@pytest.mark.parametrize("bins", [1, 3, 7])
def test_windows_of_roi_pool(way, bins):
    rng = np.random.default_rng(bins)
    start, end = rng.uniform(-12, 25, (2, 60)).astype(np.float32)
    start[:7], end[:7] = HALVES, HALVES[::-1]
    start[7:14], end[7:14] = HALVES, np.array(HALVES) + 7
    size = rng.integers(1, 16, 60).astype(np.int32)
    first, stop = WAYS[way](sampling.pool_windows)(start, end, size, bins=bins)
    for n in range(60):
        edges = slow.round_half_away(start[n]), slow.round_half_away(end[n])
        cells = slow.pool_ranges(*edges, size[n], bins)
        assert [list(range(a, b)) for a, b in zip(first[n], stop[n])] == cells
    assert np.min(first) >= 0
    assert np.max(stop - size[:, None]) <= 0


@ways
@pytest.mark.parametrize("margin", [0, 1])
def test_taps_and_their_weights(way, margin):
    size = np.array([1, 2, 6], np.int32)
    position = np.array([-2, -1, -0.9999, -0.3, 0, 0.25, 0.5, 1, 1.0001, 2, 2.5, 5, 5.5, 6, 6.0001, 9], np.float32)
    low, high, low_weight, high_weight = WAYS[way](sampling.taps)(np.tile(position, (3, 1)), size, margin=margin)
    for n, m in np.ndindex(3, len(position)):
        expected = np.zeros(size[n])
        for cell, weight in slow.neighbours(position[m], size[n], margin):
            expected[cell] += weight
        actual = np.zeros(size[n])
        actual[low[n, m]] += low_weight[n, m]
        actual[high[n, m]] += high_weight[n, m]
        np.testing.assert_allclose(actual, expected, atol=1e-6, err_msg=f"{position[m]} on {size[n]} cells")


@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_any_position_names_cells_that_exist(value):
    for array in (np.array, tf.constant):
        position, size = array([[value, 1.0]], np.float32), array([4], np.int32)
        low, high, *weights = sampling.taps(position, size, margin=1)
        for cells in (low, high):
            assert set(np.ravel(cells)) <= set(range(4))
        assert np.isnan(weights[0][0, 0]) == np.isnan(value)  # NaN pools NaN; infinity is outside, worth 0
        for edges in sampling.pool_windows(array([value], np.float32), array([2.0], np.float32), size, 3):
            assert set(np.ravel(edges)) <= set(range(5))


@ways
def test_boxes_in_cells_of_a_map(way):
    """The whole image, in pixels, spans the whole map, on each axis by its own ratio; nothing is rounded."""
    boxes = np.array([[[0, 0, 1, 1], [0.25, 0.5, 0.75, 0.625], [0.1, 0.2, 0.1, 0.2]]], np.float32)
    cells = WAYS[way](sampling.cell_boxes)(boxes, np.array([128, 64], np.int32), np.array([32, 8], np.int32))
    assert np.asarray(cells).dtype == np.float32
    np.testing.assert_allclose(cells[0, 0], [0, 0, 32, 8], rtol=1e-6)
    y1, x1, y2, x2 = 0.25 * 127, 0.5 * 63, 0.75 * 127 + 1, 0.625 * 63 + 1
    np.testing.assert_allclose(cells[0, 1], [y1 / 4, x1 / 8, y2 / 4, x2 / 8], rtol=1e-6)
    np.testing.assert_allclose(cells[0, 2, 2:] - cells[0, 2, :2], [1 / 4, 1 / 8], rtol=1e-5)  # padding: a pixel long
