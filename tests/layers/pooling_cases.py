"""What the tests of the pooling layers share: the layers, torchvision's goldens in our layout, a call in three ways."""

import json
from pathlib import Path
from typing import NamedTuple

import numpy as np
import tensorflow as tf
from hypothesis import strategies as st

from mrcnn_roi.layers import CropAndResize, ROIAlign, ROIPool, ROIWarp
from tests.ops.pooling_references import map_gradient

DATA = Path(__file__).parents[1] / "ops" / "data"
WAYS = ("eager", "graph", "jit")
METHODS = ("crop_and_resize", "roi_align", "roi_pool", "roi_warp")
SCALE, IMAGE = 0.25, (32, 48)  # of a map of 8 x 12 cells
SINGLE = {
    "roi_align": (ROIAlign, {}),
    "roi_align aligned max": (ROIAlign, {"aligned": True, "aggregate": "max", "sampling_ratio": 3}),
    "roi_align adaptive": (ROIAlign, {"sampling_ratio": 0}),
    "roi_align box gradient": (ROIAlign, {"stop_box_gradient": False}),
    "roi_pool": (ROIPool, {}),
    "roi_warp": (ROIWarp, {}),
    "crop_and_resize": (CropAndResize, {}),
}
# Where graphs are traced, which takes time: one of each way to pool.
KINDS = ("roi_align aligned max", "roi_align adaptive", "roi_pool", "roi_warp", "crop_and_resize")

# Edges of any box in cells: on, beyond and between the cells of a map of 6 x 9. Halves are where rounding decides.
# Not smaller than a millionth: TensorFlow takes subnormal numbers for 0, numpy does not, and the sign decides.
EDGE = st.one_of(
    st.floats(-4, 12, width=32).map(lambda edge: edge if abs(edge) > 1e-6 else 0.0),
    st.integers(-8, 24).map(lambda half: half / 2),
)
BOXES = st.lists(st.tuples(EDGE, EDGE, EDGE, EDGE), min_size=4, max_size=4)


class Case(NamedTuple):
    """One golden: maps and boxes in, pooled RoIs and the gradient of sum(pooled * upstream) to the map out."""

    settings: dict
    feature_map: np.ndarray  # [B, H, W, C]
    boxes: np.ndarray  # [B, N, (y1, x1, y2, x2)] in pixels
    pooled: np.ndarray  # [B, N, ph, pw, C]
    upstream: np.ndarray  # [B, N, ph, pw, C]
    gradient: np.ndarray  # [B, H, W, C]


def torchvision_cases(name) -> dict:
    """The cases of tests/ops/data/NAME.npz, turned from torchvision's layout into ours."""
    with np.load(DATA / f"{name}.npz") as file:
        stored = dict(file)
    return {
        key.removesuffix("/settings"): _case(stored, key.removesuffix("/settings"), json.loads(str(value)))
        for key, value in stored.items()
        if key.endswith("/settings")
    }


def _case(stored, case, settings) -> Case:
    feature_map = stored[f"map_{settings['map']}"]
    rois = stored[f"{case}/rois"]
    order = np.argsort(rois[:, 0], kind="stable")  # the images' rows are mixed, as many of each

    def by_image(rows):
        return rows[order].reshape(len(feature_map), -1, *rows.shape[1:])

    def channels_last(array):
        return np.moveaxis(array, 1, -1)

    return Case(
        settings,
        channels_last(feature_map),
        by_image(rois[:, [2, 1, 4, 3]]),
        by_image(channels_last(stored[f"{case}/output"])),
        by_image(channels_last(stored[f"{case}/upstream"])),
        channels_last(stored[f"{case}/gradient"]),
    )


def forward_and_gradient(layer, boxes, feature_map, upstream, way="eager"):
    """(pooled, gradient of sum(pooled * upstream) to the map, to the boxes): eagerly, in a graph or compiled."""

    def both(boxes, feature_map):
        with tf.GradientTape() as tape:
            tape.watch([boxes, feature_map])
            pooled = layer([boxes, feature_map])
            loss = tf.reduce_sum(tf.cast(pooled, tf.float32) * upstream)
        return pooled, *tape.gradient(loss, [feature_map, boxes])

    if way != "eager":
        both = tf.function(both, jit_compile=way == "jit")
    return both(tf.constant(boxes), tf.constant(feature_map))


def by_image(reference, feature_map, boxes, *arguments, **options):
    """A reference of one image, applied to every image of a batch."""
    return np.stack([reference(m, b, *arguments, **options) for m, b in zip(feature_map, boxes)])


def reference_gradient(bins_of, feature_map, boxes, upstream, aggregate):
    """[B, H, W, C] by references: `bins_of(boxes, map_shape)` names what the boxes of one image read."""
    return np.stack(
        [map_gradient(m, bins_of(b, m.shape), u, aggregate) for m, b, u in zip(feature_map, boxes, upstream)]
    )


def example(seed=0, batch=2, count=5, size=(8, 11), channels=3, bins=(2, 3), scale=1.0):
    """(boxes [B, N, 4] in pixels, some of them beyond the map, feature_map, upstream), float32."""
    rng = np.random.default_rng(seed)
    cells = np.array(size * 2)
    corners = np.sort(rng.uniform(-0.15, 1.15, (2, batch, count, 2)), axis=0)
    boxes = np.concatenate([corners[0], corners[1]], axis=-1) * cells / scale
    feature_map = rng.normal(size=(batch, *size, channels))
    upstream = rng.normal(size=(batch, count, *bins, channels))
    return boxes.astype(np.float32), feature_map.astype(np.float32), upstream.astype(np.float32)


def assert_close(actual, expected, tolerance=1e-5):
    np.testing.assert_allclose(actual, expected, rtol=tolerance, atol=tolerance)


def single(case, bins=(2, 3), **options):
    """A layer of one map, by its name in SINGLE."""
    kind, arguments = SINGLE[case]
    return kind(bins, SCALE, **arguments, **options)


def maps_example(seed=0, **shape):
    """`example` for the layers of SINGLE."""
    return example(seed, **{"size": (8, 12), "scale": SCALE, **shape})


def pyramid_example(levels=(2, 3), batch=2, count=6, channels=3, image=IMAGE):
    """[boxes, image_meta, maps...] of a rectangular image; box sizes for every level, and padding."""
    rng = np.random.default_rng(len(levels))
    corners = np.sort(rng.uniform(-0.05, 1.05, (2, batch, count, 2)), axis=0)
    boxes = np.concatenate([corners[0], corners[1]], -1)
    boxes[:, ::2, 2:] = boxes[:, ::2, :2] + 0.2 * (boxes[:, ::2, 2:] - boxes[:, ::2, :2])
    boxes[:, -1:] = 0
    meta = np.zeros((batch, 14))
    meta[:, 4:7] = *image, 3
    maps = [rng.normal(size=(batch, image[0] // 2**i, image[1] // 2**i, channels)) for i in levels]
    return [each.astype(np.float32) for each in (boxes, meta, *maps)]
