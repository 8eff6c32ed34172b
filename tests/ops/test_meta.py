"""image_meta: composing and parsing, numpy and tensor."""

import numpy as np
import pytest

from mrcnn_roi.ops.meta import FIXED_LENGTH, compose_image_meta, parse_image_meta

FIELDS = ["image_id", "original_image_shape", "image_shape", "window", "scale", "active_class_ids"]


def golden_metas(arrays):
    return np.stack(
        [
            compose_image_meta(
                100 + i,
                arrays[f"i{i}_original_shape"],
                (512, 512, 3),
                arrays[f"i{i}_window"],
                arrays[f"i{i}_scale"],
                arrays[f"i{i}_active"],
            )
            for i in range(2)
        ]
    )


def test_compose_golden(golden):
    arrays = golden("image_meta")
    metas = golden_metas(arrays)
    assert metas.dtype == np.float64
    np.testing.assert_allclose(metas, arrays["meta"], rtol=1e-12)
    assert metas.shape[1] == arrays["IMAGE_META_SIZE"] == FIXED_LENGTH + arrays.config["NUM_CLASSES"]


def test_parse_golden(golden):
    arrays = golden("image_meta")
    fields = parse_image_meta(arrays["meta"])
    assert list(fields) == FIELDS
    for name, value in fields.items():
        expected = arrays[f"np_{name}"]
        assert value.dtype == expected.dtype
        np.testing.assert_allclose(value, expected, rtol=1e-6 if name == "scale" else 0)


def test_parse_tensor_golden_keeps_the_dtype(golden):
    tf = pytest.importorskip("tensorflow")
    arrays = golden("image_meta")
    fields = parse_image_meta(tf.constant(arrays["meta"], tf.float32))
    assert list(fields) == FIELDS
    for name, value in fields.items():
        assert value.dtype == tf.float32
        np.testing.assert_allclose(value.numpy(), arrays[f"graph_{name}"], rtol=1e-6)


def test_meta_is_float_even_if_every_entry_is_an_int():
    meta = compose_image_meta(3, (100, 90, 3), (128, 128, 3), (14, 19, 114, 109), 1, [1, 0, 1])
    assert meta.dtype == np.float64
    assert meta.tolist() == [3, 100, 90, 3, 128, 128, 3, 14, 19, 114, 109, 1, 1, 0, 1]
