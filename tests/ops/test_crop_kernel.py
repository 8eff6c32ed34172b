import numpy as np
import pytest
import tensorflow as tf

from mrcnn_roi.ops import crop_kernel, roi_pooling
from mrcnn_roi.ops.roi_pooling import pool_map, pool_pyramid

METHODS = roi_pooling.METHODS


def random_boxes(rng, batch, count):
    corners = np.sort(rng.uniform(0, 1, (2, batch, count, 2)), axis=0)
    return np.concatenate([corners[0], corners[1]], -1).astype("float32")


def gradients(function, maps, *arguments):
    with tf.GradientTape() as tape:
        tape.watch(maps)
        pooled = function(maps, *arguments)
        loss = tf.reduce_sum(pooled * tf.reshape(tf.range(tf.size(pooled), dtype=tf.float32) % 7.0, tf.shape(pooled)))
    return pooled, tape.gradient(loss, maps)


def test_the_gradient_of_boxes_on_top_of_each_other_is_exact_and_the_same_every_time():
    boxes = tf.constant(np.tile(np.float32([[0.1, 0.1, 0.9, 0.9]]), (2000, 1)))
    upstream = tf.ones([2000, 7, 7, 64])
    image = tf.zeros([2000], tf.int32)
    once = crop_kernel.crop_gradient(upstream[:1], boxes[:1], image[:1], [1, 32, 32, 64])
    call = tf.function(lambda: crop_kernel.crop_gradient(upstream, boxes, image, [1, 32, 32, 64]), autograph=False)
    first = call()
    np.testing.assert_allclose(first, 2000 * once, rtol=1e-4)
    for _ in range(5):
        np.testing.assert_array_equal(call(), first)
    np.testing.assert_array_equal(
        crop_kernel.crop_gradient(upstream, boxes, image, tf.constant([1, 32, 32, 64])), first
    )


@pytest.mark.parametrize(
    ("method", "static"), [(method, False) for method in METHODS] + [("crop_and_resize", True)], ids=str
)
def test_pyramids_that_end_in_maps_of_one_cell_row_or_column(method, static):
    rng = np.random.default_rng(0)
    boxes = tf.constant(random_boxes(rng, 2, 12))
    maps = [tf.constant(rng.normal(size=(2, *size, 3)).astype("float32")) for size in ((8, 8), (4, 1), (1, 2), (1, 1))]

    def pool(maps, boxes):
        return pool_pyramid(boxes, (700.0, 700.0), maps, (3, 2), method)

    signature = [
        [tf.TensorSpec([None, None, None, 3])] * 4 if not static else [tf.TensorSpec(m.shape) for m in maps],
        tf.TensorSpec([None, None, 4] if not static else boxes.shape),
    ]
    graph = tf.function(lambda maps, boxes: gradients(pool, maps, boxes), input_signature=signature, autograph=False)
    pooled, found = graph(maps, boxes)
    levels = set()
    for b in range(2):  # one RoI at a time, from its own level's map only
        for n in range(12):
            level = int(roi_pooling.roi_levels(boxes[b, n].numpy(), (700.0, 700.0))) - 2
            levels.add(level)
            alone = pool_pyramid(
                boxes[b : b + 1, n : n + 1],
                (700.0, 700.0),
                [maps[level][b : b + 1]],
                (3, 2),
                method,
                levels=(level + 2,),
            )
            np.testing.assert_allclose(pooled[b, n], alone[0, 0], rtol=1e-5, atol=1e-5)
    assert len(levels) == 4
    compiled = tf.function(lambda maps, boxes: gradients(pool, maps, boxes), jit_compile=True, autograph=False)
    for gradient, expected in zip(found, compiled(maps, boxes)[1]):
        np.testing.assert_allclose(gradient, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("shape", [(1, 6), (6, 1), (1, 1)])
def test_points_far_outside_a_single_row_or_column_are_zero(shape):
    feature_map = tf.ones([1, *shape, 2])
    y, x = tf.constant([[-1.5, -0.9, 0.0, 0.9, 1.5 + shape[0]]]), tf.constant([[-1.5, 0.0, shape[1] + 0.5]])
    for unknown in (False, True):
        call = tf.function(
            lambda m: crop_kernel.read_points(m, tf.constant([0]), y, x, 1),
            input_signature=[tf.TensorSpec([None, None, None, 2] if unknown else feature_map.shape)],
            autograph=False,
        )
        points = call(feature_map)[0, :, :, 0]
        np.testing.assert_allclose(points, np.outer([0, 1, 1, 1 if shape[0] >= 1 else 0, 0], [0, 1, 0]), atol=1e-6)


def test_the_fused_pass_reads_what_the_kernel_reads_to_the_last_bin(monkeypatch):
    rng = np.random.default_rng(1)
    boxes = random_boxes(rng, 2, 700)
    boxes[:, ::3, 2:] = 1.0  # the last bin of some of these falls outside by rounding, and is 0
    boxes[:, 1::7] = 0.0
    boxes[:, 2::7, 0] -= 0.3
    maps = [tf.constant(rng.normal(size=(2, 61 >> i, 97 >> i, 32)).astype("float32") + 5) for i in range(4)]

    def pool(maps, boxes):
        return pool_pyramid(boxes, (512.0, 512.0), maps, (7, 7))

    compiled = []
    fused_crop = roi_pooling._fused_crop
    monkeypatch.setattr(roi_pooling, "_fused_crop", lambda: compiled.append(1) or fused_crop())
    fused = tf.function(pool, autograph=False)(maps, tf.constant(boxes))
    assert compiled
    monkeypatch.setattr(roi_pooling, "can_fuse", lambda: False)
    kernel = tf.function(pool, autograph=False)(maps, tf.constant(boxes))
    assert np.any(kernel[:, ::3, -1] == 0), "no border case among the boxes"
    np.testing.assert_array_equal(fused.numpy() == 0, kernel.numpy() == 0)
    np.testing.assert_allclose(fused, kernel, rtol=1e-5, atol=1e-5)


def test_where_nothing_can_be_compiled_the_kernel_is_used(monkeypatch):
    class Broken:
        def __init__(self, *arguments, **options):
            pass

        def __call__(self, *arguments):
            raise tf.errors.InvalidArgumentError(None, None, "no XLA here")

    from mrcnn_roi.ops import compilation

    monkeypatch.setattr(tf, "function", Broken)
    compilation.can_fuse.cache_clear()
    try:
        assert not compilation.can_fuse()
    finally:
        compilation.can_fuse.cache_clear()


def test_a_huge_box_does_not_keep_the_adaptive_method_busy():
    feature_map = tf.ones([1, 4, 4, 1])
    boxes = tf.constant([[[-1e9, -1e9, 1e9, 1e9], [0.0, 0.0, 4.0, 4.0]]])
    for aggregate in ("mean", "max"):
        pooled = pool_map(boxes, feature_map, (2, 2), "roi_align", sampling_ratio=0, aggregate=aggregate)
        np.testing.assert_allclose(pooled[0, 1], np.ones((2, 2, 1)))
        assert np.isfinite(pooled[0, 0]).all()


@pytest.mark.parametrize(
    ("method", "ratio", "aggregate"),
    [("crop_and_resize", 1, "mean"), ("roi_pool", 1, "max"), ("roi_warp", 2, "mean")]
    + [("roi_align", ratio, aggregate) for ratio in (2, 0) for aggregate in ("mean", "max")],
)
def test_a_box_that_is_not_finite_never_pools_zeros(method, ratio, aggregate):
    bad = [np.nan, np.inf, -np.inf]
    boxes = np.array([[[0.0, 0.0, each, 3.0] for each in (*bad, 3.0)]], "float32")

    def pool(boxes):
        return pool_map(boxes, tf.ones([1, 4, 4, 1]), (2, 2), method, sampling_ratio=ratio, aggregate=aggregate)

    for i in range(3):
        try:
            seen = pool(tf.constant(boxes[:, i : i + 1])).numpy()
        except tf.errors.InvalidArgumentError:  # the kernel's
            seen = np.float32(np.nan)
        assert np.isnan(seen).any()
    pooled = tf.function(pool, jit_compile=True, autograph=False)(tf.constant(boxes))[0].numpy()
    assert np.isnan(pooled[:3]).any(axis=(1, 2, 3)).all()
    assert np.isfinite(pooled[3]).all()
