import itertools

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from mrcnn_roi.ops.boxes import norm_boxes
from mrcnn_roi.ops.roi_layout_contract import FRAMES, ORDERS
from mrcnn_roi.ops.roi_layouts import convert_boxes, group_rois, pad_rois, ungroup_rois, unpad_rois

SIZE = (200, 301)
BOXES = np.array([[10, 20, 90, 70], [40, 5, 100, 60], [0, 0, 200, 301], [100.5, 7.25, 130.75, 9.5]], np.float32)
SAME_BOX = {"yxyx": [10, 20, 90, 70], "xyxy": [20, 10, 70, 90], "xywh": [20, 10, 50, 80], "cxcywh": [45, 50, 50, 80]}
INDEXED = np.hstack([[[2], [0], [2], [0]], BOXES[:, [1, 0, 3, 2]]]).astype(np.float32)


@pytest.fixture(params=[np.asarray, tf.constant], ids=["numpy", "tensor"])
def array(request):
    return request.param


def same_kind(result, array):
    assert isinstance(result, np.ndarray if array is np.asarray else tf.Tensor)
    return np.asarray(result)


# --- one box, all the layouts -------------------------------------------------------------------------------


@pytest.mark.parametrize("order, to_order", itertools.product(ORDERS, ORDERS))
def test_orders(order, to_order, array):
    box = array(np.float32(SAME_BOX[order]))
    result = same_kind(convert_boxes(box, order, "pixels", to_order=to_order, to_frame="pixels"), array)
    np.testing.assert_array_equal(result, SAME_BOX[to_order])
    assert result.dtype == np.float32


def test_frames_are_those_of_boxes(array):
    result = same_kind(convert_boxes(array(BOXES), "yxyx", "pixels", image_shape=(*SIZE, 3)), array)
    np.testing.assert_array_equal(result, norm_boxes(BOXES, SIZE))
    np.testing.assert_array_equal(result[2], [0, 0, 1, 1])
    back = convert_boxes(array(result), "yxyx", "normalized", to_frame="pixels", image_shape=SIZE)
    np.testing.assert_allclose(same_kind(back, array), BOXES, atol=1e-4)


def test_integers_lists_and_half_precision_are_read():
    for boxes in (BOXES[:3].astype(np.int64), BOXES[:3].tolist(), tf.constant(BOXES[:3], tf.int32)):
        result = convert_boxes(boxes, "yxyx", "pixels", image_shape=SIZE)
        np.testing.assert_allclose(result, norm_boxes(BOXES[:3], SIZE), rtol=1e-6)
    half = convert_boxes(tf.constant(BOXES, tf.bfloat16), "yxyx", "pixels", to_frame="pixels")
    assert half.dtype == tf.float32


def test_padding_stays_padding(array):
    for order, to_order, frame, to_frame in itertools.product(ORDERS, ORDERS, FRAMES, FRAMES):
        boxes = array(np.float32([[[0, 0, 0, 0], [1, 2, 30, 40]]]))
        arguments = {"to_order": to_order, "to_frame": to_frame, "image_shape": SIZE}
        result = np.asarray(convert_boxes(boxes, order, frame, **arguments))
        assert not result[0, 0].any()
        assert result[0, 1].any()


def test_nan_boxes_are_not_padding(array):
    result = np.asarray(convert_boxes(array(np.float32([[np.nan, 0, 0, 0]])), "yxyx", "pixels", image_shape=SIZE))
    assert np.isnan(result[0, 0])


# --- five columns -------------------------------------------------------------------------------------------


def test_grouping_by_image(array):
    rois, places = group_rois(array(INDEXED), 3, image_shape=SIZE)
    expected = np.zeros((3, 2, 4), np.float32)
    expected[2], expected[0] = norm_boxes(BOXES[[0, 2]], SIZE), norm_boxes(BOXES[[1, 3]], SIZE)
    np.testing.assert_array_equal(same_kind(rois, array), expected)
    np.testing.assert_array_equal(same_kind(places, array), [[2, 0], [0, 0], [2, 1], [0, 1]])
    np.testing.assert_array_equal(same_kind(ungroup_rois(rois, places), array), norm_boxes(BOXES, SIZE))


def test_grouping_into_pixels_with_slots(array):
    rois, places = group_rois(array(INDEXED), 4, to_frame="pixels", slots=5)
    assert rois.shape == (4, 5, 4)
    np.testing.assert_array_equal(np.asarray(ungroup_rois(rois, places)), BOXES)
    with pytest.raises(ValueError, match=r"expected at most slots=1 RoIs an image, received 2"):
        group_rois(array(INDEXED), 3, to_frame="pixels", slots=1)


def test_no_rois_at_all(array):
    rois, places = group_rois(array(np.zeros((0, 5), np.float32)), 2, image_shape=SIZE)
    assert rois.shape == (2, 0, 4)
    assert ungroup_rois(rois, places).shape == (0, 4)
    assert group_rois(array(np.zeros((0, 5), np.float32)), 2, image_shape=SIZE, slots=3)[0].shape == (2, 3, 4)


def test_pooled_features_come_back_in_order(array):
    _, places = group_rois(array(INDEXED), 3, image_shape=SIZE)
    pooled = np.arange(3 * 2 * 2 * 2 * 5, dtype=np.float32).reshape(3, 2, 2, 2, 5)
    rows = same_kind(ungroup_rois(array(pooled), places), array)
    np.testing.assert_array_equal(rows, pooled[[2, 0, 2, 0], [0, 0, 1, 1]])
    assert isinstance(ungroup_rois(tf.constant(pooled), np.asarray(places)), tf.Tensor)


def test_grouping_in_a_graph():
    @tf.function(input_signature=[tf.TensorSpec([None, 5]), tf.TensorSpec([], tf.int32), tf.TensorSpec([2], tf.int32)])
    def there_and_back(indexed, batch_size, size):
        rois, places = group_rois(indexed, batch_size, image_shape=size)
        assert rois.shape.as_list() == [None, None, 4]
        return rois, ungroup_rois(rois, places)

    rois, rows = there_and_back(INDEXED, 3, SIZE)
    np.testing.assert_array_equal(rois, group_rois(INDEXED, 3, image_shape=SIZE)[0])
    np.testing.assert_allclose(rows, norm_boxes(BOXES, SIZE), rtol=1e-6)
    for wrong in (3.0, -1.0, 0.5, np.nan):
        bad = INDEXED.copy()
        bad[1, 0] = wrong
        with pytest.raises(tf.errors.InvalidArgumentError, match="expected the batch index in column 0"):
            there_and_back(bad, 3, SIZE)


def test_slots_give_a_static_shape_in_a_graph_and_are_asserted():
    @tf.function(input_signature=[tf.TensorSpec([None, 5])])
    def grouped(indexed):
        rois, _ = group_rois(indexed, 3, image_shape=SIZE, slots=3)
        assert rois.shape.as_list() == [3, 3, 4]
        return rois

    assert grouped(INDEXED).shape == (3, 3, 4)
    with pytest.raises(tf.errors.InvalidArgumentError, match="as many RoIs an image as slots"):
        grouped(np.repeat(INDEXED, 2, axis=0))


def test_gradients_reach_the_boxes():
    boxes = tf.Variable(INDEXED)
    with tf.GradientTape() as tape:
        rois, places = group_rois(boxes, 3, image_shape=SIZE)
        total = tf.reduce_sum(ungroup_rois(rois, places))
    gradient = tape.gradient(total, boxes).numpy()
    np.testing.assert_allclose(gradient[:, 1:], [[1 / 300, 1 / 199] * 2] * 4, rtol=1e-5)


# --- a list, or a ragged tensor -----------------------------------------------------------------------------


def test_padding_a_list(array):
    per_image = [array(BOXES[:1]), array(BOXES[:0]), array(BOXES[1:])]
    rois, counts = pad_rois(per_image, "yxyx", "pixels", image_shape=SIZE)
    assert rois.shape == (3, 3, 4)
    np.testing.assert_array_equal(same_kind(counts, array), [1, 0, 3])
    np.testing.assert_array_equal(same_kind(rois, array)[2], norm_boxes(BOXES[1:], SIZE))
    assert not np.asarray(rois)[1].any()
    back = unpad_rois(rois, counts)
    for each, boxes in zip(back, per_image):
        np.testing.assert_array_equal(same_kind(each, array), norm_boxes(boxes, SIZE))


def test_images_without_rois(array):
    rois, counts = pad_rois([array(BOXES[:0])] * 2, "xyxy", "normalized")
    assert rois.shape == (2, 0, 4)
    assert [each.shape for each in unpad_rois(rois, counts)] == [(0, 4)] * 2
    assert pad_rois([[], BOXES.tolist()], "yxyx", "pixels", to_frame="pixels", slots=6)[0].shape == (2, 6, 4)


def test_ragged_tensors_eager_and_in_a_graph():
    ragged = tf.RaggedTensor.from_row_lengths(BOXES, [1, 0, 3])
    eager, counts = pad_rois(ragged, "yxyx", "pixels", image_shape=SIZE)
    np.testing.assert_array_equal(counts, [1, 0, 3])
    np.testing.assert_array_equal(eager, pad_rois([BOXES[:1], [], BOXES[1:]], "yxyx", "pixels", image_shape=SIZE)[0])

    @tf.function(input_signature=[tf.RaggedTensorSpec([None, None, 4], tf.float32, ragged_rank=1)])
    def there_and_back(boxes):
        rois, counts = pad_rois(boxes, "yxyx", "pixels", image_shape=SIZE)
        return rois, unpad_rois(tf.tile(rois[..., None], [1, 1, 1, 2]), counts)

    rois, back = there_and_back(ragged)
    np.testing.assert_allclose(rois, eager, rtol=1e-6)
    assert back[2].shape == (3, 4, 2)
    np.testing.assert_allclose(back[2][..., 1], norm_boxes(BOXES[1:], SIZE), rtol=1e-6)


# --- round trips --------------------------------------------------------------------------------------------

sides = st.integers(2, 3000)
# At least a pixel large and away from the origin: (0, 0, 1, 1) in pixels is (0, 0, 0, 0), padding, normalized.
rows = st.lists(st.tuples(*[st.floats(0.01, 0.4)] * 2, *[st.floats(0.1, 0.5)] * 2), max_size=12)
layouts = st.tuples(st.sampled_from(ORDERS), st.sampled_from(FRAMES))


def pixel_boxes(shares, height, width):
    shares = np.array(shares, np.float64).reshape(-1, 4)
    corners = shares[:, :2] * [height, width]
    return np.hstack([corners, corners + 1 + shares[:, 2:] * [height, width]]).astype(np.float32)


@settings(max_examples=150, deadline=None)
@given(rows, sides, sides, layouts, layouts, st.booleans())
def test_every_pair_of_layouts_there_and_back(shares, height, width, first, second, tensor):
    size = (height, width)
    boxes = convert_boxes(
        pixel_boxes(shares, *size), "yxyx", "pixels", to_order=first[0], to_frame=first[1], image_shape=size
    )
    boxes = tf.constant(boxes) if tensor else boxes
    there = convert_boxes(boxes, *first, to_order=second[0], to_frame=second[1], image_shape=size)
    back = convert_boxes(there, *second, to_order=first[0], to_frame=first[1], image_shape=size)
    unit = max(size) if first[1] == "pixels" else max(1, max(size) / (min(size) - 1))
    np.testing.assert_allclose(back, boxes, atol=1e-6 * unit)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(0, 4), max_size=20), layouts, st.sampled_from(FRAMES), st.integers(0, 3), st.booleans())
def test_five_columns_there_and_back(images, layout, to_frame, spare, tensor):
    boxes = pixel_boxes(np.random.default_rng(len(images)).uniform(0.1, 0.4, (len(images), 4)), *SIZE)
    columns = convert_boxes(boxes, "yxyx", "pixels", to_order=layout[0], to_frame=layout[1], image_shape=SIZE)
    indexed = np.hstack([np.array(images, np.float32).reshape(-1, 1), columns])
    slots = max([images.count(image) for image in images], default=0) + spare
    rois, places = group_rois(
        tf.constant(indexed) if tensor else indexed, 5, *layout, to_frame=to_frame, image_shape=SIZE, slots=slots
    )
    assert rois.shape == (5, slots, 4)
    assert np.count_nonzero(np.any(np.asarray(rois) != 0, axis=-1)) == len(images)
    back = np.asarray(ungroup_rois(rois, places))
    back = convert_boxes(back, "yxyx", to_frame, to_frame="pixels", image_shape=SIZE)
    np.testing.assert_allclose(back, boxes, atol=1e-3)
    # The same RoIs as a list per image, and as its ragged tensor.
    per_image = [columns[np.array(images, int) == image] for image in range(5)]
    padded, counts = pad_rois(per_image, *layout, to_frame=to_frame, image_shape=SIZE, slots=slots)
    np.testing.assert_allclose(padded, rois, atol=1e-6 if to_frame == "normalized" else 1e-4)
    for each, expected in zip(unpad_rois(padded, counts), per_image):
        assert len(each) == len(expected)


# --- errors -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "wrong, text",
    [
        (np.nan, r"from 0 to 2 \(batch_size is 3\), received nan in row 1 \(1 of 4 are wrong\)"),
        (np.inf, "received inf in row 1"),
        (3, "received 3 in row 1"),
        (-1, "received -1 in row 1"),
        (0.5, r"received 0\.5 in row 1"),
    ],
)
def test_a_wrong_batch_index_names_the_row(wrong, text, array):
    indexed = INDEXED.copy()
    indexed[1, 0] = wrong
    with pytest.raises(ValueError, match=text):
        group_rois(array(indexed), 3, image_shape=SIZE)


@pytest.mark.parametrize(
    "boxes, text",
    [
        (np.zeros((2, 5)), r"expected boxes \[\.\.\., \(y1, x1, y2, x2\) in some order\], received shape \(2, 5\)"),
        (np.float32(3), r"received shape \(\)"),
        (np.zeros((2, 4), complex), "numbers, received complex128"),
        (np.zeros((2, 4), bool), "numbers, received bool"),
        (["a"], "numbers, received <U1"),
        (None, "numbers, received object"),
        ([BOXES[:1], BOXES], "numpy cannot read.*pad_rois takes a list"),
        (tf.constant([["a"] * 4]), "numbers, received string"),
        (tf.ragged.constant([[[1.0] * 4]], ragged_rank=1), "received a RaggedTensor; pad_rois takes one"),
        (tf.sparse.from_dense(BOXES), "received a SparseTensor; tf.sparse.to_dense"),
    ],
)
def test_wrong_boxes(boxes, text):
    with pytest.raises(ValueError, match=text):
        convert_boxes(boxes, "yxyx", "pixels", to_frame="pixels")


def test_wrong_five_columns(array):
    for shape in ((4,), (3, 4), (1, 3, 5)):
        with pytest.raises(ValueError, match=r"expected boxes \[R, \(image, .* received shape"):
            group_rois(array(np.zeros(shape, np.float32)), 2, image_shape=SIZE)


def test_symbolic_keras_tensors_are_refused():
    import keras

    with pytest.raises(ValueError, match="received a KerasTensor; call this inside a layer"):
        convert_boxes(keras.Input((None, 4)), "yxyx", "pixels", image_shape=SIZE)


@pytest.mark.parametrize("image_shape", [None, 5, (1, 200), (np.nan, 5), "ab", (200,), tf.constant(5)])
def test_pixels_need_the_size_of_the_image(image_shape):
    with pytest.raises(ValueError, match=r"expected image_shape=\(height, width\) .* received"):
        convert_boxes(BOXES, "yxyx", "pixels", image_shape=image_shape)


@pytest.mark.parametrize(
    "arguments, text",
    [
        ({"order": "yx"}, "expected order to be one of .* received 'yx'"),
        ({"frame": "cells"}, "expected frame to be one of .* received 'cells'"),
        ({"to_order": None}, "expected to_order to be one of .* received None"),
        ({"to_frame": "pixel"}, "expected to_frame to be one of .* received 'pixel'"),
    ],
)
def test_unknown_layouts(arguments, text):
    with pytest.raises(ValueError, match=text):
        convert_boxes(BOXES, **{"order": "yxyx", "frame": "pixels", "image_shape": SIZE, **arguments})


@pytest.mark.parametrize("batch_size", [None, 2.0, True, -1, "2", tf.constant(2.0), tf.constant([2])])
def test_batch_size_is_a_whole_number(batch_size):
    with pytest.raises(ValueError, match="expected batch_size to be an integer"):
        group_rois(INDEXED, batch_size, image_shape=SIZE)


@pytest.mark.parametrize(
    "boxes, text",
    [
        ([BOXES, np.zeros((2, 5))], r"expected boxes \[n, .*\] for image 1, received shape \(2, 5\)"),
        ([BOXES, BOXES[None]], r"for image 1, received shape \(1, 4, 4\)"),
        ([], "expected a list with the boxes .* received an empty list"),
        (BOXES, "expected a list with the boxes .* received ndarray"),
        (tf.ragged.constant([[[1.0] * 4], []]), "ragged_rank 1, received ragged_rank 2"),
        (tf.RaggedTensor.from_row_lengths(np.zeros((2, 5)), [1, 1]), r"received shape \(2, 5\)"),
    ],
)
def test_wrong_lists(boxes, text):
    with pytest.raises(ValueError, match=text):
        pad_rois(boxes, "yxyx", "pixels", image_shape=SIZE)


def test_wrong_ways_back():
    with pytest.raises(ValueError, match=r"expected places \[R, \(image, row\)\] .* received shape \(3,\)"):
        ungroup_rois(BOXES[None], np.zeros(3, int))
    with pytest.raises(ValueError, match=r"expected counts \[B\] .* received 2 axes"):
        unpad_rois(BOXES[None], np.zeros((1, 2), int))
