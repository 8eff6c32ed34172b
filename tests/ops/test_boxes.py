import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from mrcnn_roi.ops import boxes as ops


@pytest.fixture(params=[np.asarray, tf.constant], ids=["numpy", "tensor"])
def array(request):
    return request.param


def close(actual, expected, rtol=1e-5, atol=1e-6):
    np.testing.assert_allclose(np.asarray(actual), expected, rtol=rtol, atol=atol)


def test_golden_frames(golden, array):
    g = golden("boxes")
    normalized = ops.norm_boxes(array(g["pix"]), g["shape"])
    close(normalized, g["norm_boxes"])
    assert np.asarray(normalized).dtype == np.float32
    close(ops.norm_boxes(array(g["pix"]), g["shape"]), g["norm_boxes_graph"])
    np.testing.assert_array_equal(ops.denorm_boxes(array(g["norm"]), g["shape"]), g["denorm_boxes"])
    np.testing.assert_array_equal(ops.denorm_boxes(ops.norm_boxes(array(g["pix"]), g["shape"]), g["shape"]), g["pix"])
    assert np.asarray(ops.denorm_boxes(array(g["norm"]), g["shape"])).dtype == np.int32


def test_frames_with_a_tensor_shape(golden):
    g = golden("boxes")
    shape = tf.constant(g["shape"], tf.int32)
    close(ops.norm_boxes(tf.constant(g["pix"]), shape), g["norm_boxes"])
    np.testing.assert_array_equal(ops.denorm_boxes(tf.constant(g["norm"]), shape), g["denorm_boxes"])


def test_golden_deltas(golden, array):
    g = golden("boxes")
    close(ops.apply_box_deltas(array(g["pix"]), array(g["deltas"])), g["apply_box_deltas"], rtol=1e-5, atol=1e-4)
    moved = ops.apply_box_deltas(array(g["norm"]), array(g["deltas"]))
    close(moved, g["apply_box_deltas_graph"])
    close(ops.clip_boxes(moved, array(g["window"])), g["clip_boxes_graph"])
    close(ops.box_refinement(array(g["pix"]), array(g["gt_pix"])), g["box_refinement"])


def test_golden_overlaps(golden):
    g = golden("boxes")
    close(ops.compute_overlaps(g["pix"], g["gt_pix"][:10]), g["compute_overlaps"], rtol=1e-9, atol=0)
    close(ops.compute_overlaps(tf.constant(g["norm"]), tf.constant(g["norm"][::-1][:10])), g["overlaps_graph"])
    areas = ops.box_areas(g["pix"])
    iou = ops.compute_iou(g["gt_pix"][0], g["pix"], ops.box_areas(g["gt_pix"][:1])[0], areas)
    close(iou, g["compute_iou"], rtol=1e-9, atol=0)


@pytest.mark.parametrize("name,threshold", [("nms_1", 0.1), ("nms_3", 0.3), ("nms_6", 0.6)])
def test_golden_suppression(golden, name, threshold):
    g = golden("boxes")
    picked = ops.non_max_suppression(g["pix"], g["scores"], threshold)
    np.testing.assert_array_equal(picked, g[name])
    assert picked.dtype == np.int32


def test_suppression_needs_boxes():
    with pytest.raises(ValueError, match=r"expected at least one box, received .*\(0, 4\)"):
        ops.non_max_suppression(np.zeros((0, 4)), np.zeros(0), 0.5)


def test_golden_trim_and_pack(golden, array):
    g = golden("boxes")
    np.testing.assert_array_equal(ops.trim_zeros(array(g["padded"])), g["trim_zeros"])
    kept, mask = ops.trim_zeros_graph(array(g["padded"]))
    np.testing.assert_array_equal(kept, g["trim_zeros_graph_boxes"])
    np.testing.assert_array_equal(mask, g["trim_zeros_graph_mask"])
    packed = golden("losses")
    np.testing.assert_array_equal(
        ops.batch_pack(array(packed["pack_x"]), array(packed["pack_counts"]), 2), packed["batch_pack"]
    )


def test_boxes_without_area_overlap_nothing_but_each_other_is_undefined():
    point, box = np.array([[3, 3, 3, 3]]), np.array([[0, 0, 9, 9]])
    assert ops.compute_overlaps(point, box)[0, 0] == 0
    assert np.isnan(ops.compute_overlaps(point, point)[0, 0])


corner = st.integers(0, 500)
side = st.integers(1, 500)
pixel_box = st.tuples(corner, corner, side, side).map(lambda b: [b[0], b[1], b[0] + b[2], b[1] + b[3]])
some_boxes = st.lists(pixel_box, min_size=1, max_size=8).map(np.array)


@given(some_boxes, st.integers(2, 2000), st.integers(2, 2000))
def test_pixels_survive_the_round_trip(boxes, height, width):
    np.testing.assert_array_equal(ops.denorm_boxes(ops.norm_boxes(boxes, (height, width)), (height, width)), boxes)


@given(some_boxes, pixel_box)
def test_refinement_undoes_deltas(boxes, target):
    target = np.broadcast_to(target, boxes.shape)
    moved = ops.apply_box_deltas(boxes, ops.box_refinement(boxes, target))
    np.testing.assert_allclose(moved, target, atol=0.05, rtol=1e-4)


@given(some_boxes, some_boxes)
def test_overlaps_agree_with_counting_pixels(boxes1, boxes2):
    boxes1, boxes2 = boxes1 % 40, boxes2 % 40
    boxes1[:, 2:] = np.maximum(boxes1[:, :2] + 1, boxes1[:, 2:])
    boxes2[:, 2:] = np.maximum(boxes2[:, :2] + 1, boxes2[:, 2:])

    def pixels(box):
        canvas = np.zeros((90, 90), bool)
        canvas[box[0] : box[2], box[1] : box[3]] = True
        return canvas

    for i, a in enumerate(boxes1):
        for j, b in enumerate(boxes2):
            expected = (pixels(a) & pixels(b)).sum() / (pixels(a) | pixels(b)).sum()
            assert ops.compute_overlaps(boxes1, boxes2)[i, j] == pytest.approx(expected)
