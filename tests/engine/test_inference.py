import numpy as np
import pytest

from mrcnn_roi.engine import inference
from mrcnn_roi.engine.mask_rcnn import MaskRCNN


def test_golden_unmold(golden):
    g = golden("unmold_detections")
    arguments = tuple(g["original_shape"]), tuple(g["image_shape"]), g["window"]
    boxes, class_ids, scores, masks = inference.unmold_detections(g["detections"], g["mrcnn_mask"], *arguments)
    np.testing.assert_array_equal(boxes, g["out_boxes"])
    np.testing.assert_array_equal(class_ids, g["out_class_ids"])
    np.testing.assert_allclose(scores, g["out_scores"], rtol=1e-5)
    assert masks.shape == g["out_masks"].shape
    assert np.mean(masks != g["out_masks"]) <= 0.001
    assert boxes.dtype == class_ids.dtype == np.int32

    *_, none = inference.unmold_detections(g["detections"] * 0, g["mrcnn_mask"], *arguments)
    assert none.shape == tuple(g["empty_masks_shape"])
    assert none.dtype == np.float64


def test_golden_molding(golden, small_config):
    g = golden("data_flow")
    config = type("C", (small_config,), {"NUM_CLASSES": 4, "IMAGE_MIN_DIM": 128, "IMAGE_MAX_DIM": 128})()
    molded, metas, windows = inference.mold_inputs([g[f"image{i}"] for i in range(3)], config)
    np.testing.assert_allclose([each.sum() for each in molded], g["mold_sum"], rtol=1e-3)
    assert molded.dtype == np.float64
    np.testing.assert_allclose(metas, g["mold_metas"], rtol=1e-9)
    np.testing.assert_array_equal(windows, g["mold_windows"])


def test_groups_keep_shapes_together_and_batches_small():
    assert inference.group_by_shape([(1,), (2,), (1,), (1,)], 2) == [[0, 2], [3], [1]]


@pytest.fixture(scope="module")
def golden_model(golden, seeded, config_of, tmp_path_factory):
    g = golden("e2e_square128")
    model = MaskRCNN("inference", config_of(g), tmp_path_factory.mktemp("logs"))
    seeded(model.keras_model, g.config["seed"])
    layer = model.keras_model.get_layer("mrcnn_class_logits")
    kernel, _ = layer.get_weights()
    layer.set_weights([kernel * g["override_class_kernel_scale"], g["override_class_bias"]])
    return model


def test_golden_detect(golden, golden_model):
    g, expected = golden("e2e_square128"), golden("e2e_square128_detect")
    (result,) = golden_model.detect([g["image0"]])
    assert list(result) == ["rois", "class_ids", "scores", "masks"]
    assert np.abs(result["rois"] - expected["r0_rois"]).max() <= 1
    np.testing.assert_array_equal(result["class_ids"], expected["r0_class_ids"])
    np.testing.assert_allclose(result["scores"], expected["r0_scores"], atol=1e-4)
    assert result["masks"].shape == tuple(expected["r0_masks_shape"])
    masks = np.unpackbits(expected["r0_masks_bits"])[: result["masks"].size].reshape(result["masks"].shape)
    assert np.mean(result["masks"] != masks) <= 0.005

    (molded,) = golden_model.detect_molded(g["molded_images"], g["image_metas"])
    assert np.abs(molded["rois"] - expected["m0_rois"]).max() <= 1
    np.testing.assert_array_equal(molded["class_ids"], expected["m0_ids"])


def test_golden_anchors(golden, golden_model):
    np.testing.assert_allclose(golden_model.get_anchors((128, 128, 3)), golden("e2e_square128")["anchors"], atol=1e-6)


@pytest.fixture(scope="module")
def small_model(tmp_path_factory):
    from tests.engine.conftest import SmallConfig

    return MaskRCNN("inference", SmallConfig(), tmp_path_factory.mktemp("logs"))


def same(a, b):
    """Whether two results are those of one image. With random weights scores lie so close together that rounding, which
    depends on the size of the batch, may exchange places or classes, and with them single boxes."""
    assert len(a["rois"]) == len(b["rois"])
    np.testing.assert_allclose(a["scores"], b["scores"], atol=1e-4)
    assert a["masks"].shape == b["masks"].shape
    if len(a["rois"]):
        apart = np.abs(a["rois"][:, None] - b["rois"][None]).max(axis=2).min(axis=1)  # from the nearest of the other
        assert np.mean(apart <= 1) >= 0.5


@pytest.mark.parametrize("mode", ["square", "pad64", "none"])
def test_any_number_of_images_of_any_size(small_config, tmp_path, mode):
    model = MaskRCNN("inference", type("C", (small_config,), {"IMAGE_RESIZE_MODE": mode})(), tmp_path)
    rng = np.random.default_rng(0)
    sizes = [(64, 64), (128, 64), (64, 64)] if mode == "none" else [(50, 90), (64, 64), (33, 70), (50, 90), (20, 20)]
    images = [rng.integers(0, 255, (*size, 3)).astype(np.uint8) for size in sizes]
    assert model.detect([]) == []
    results = model.detect(images)
    for image, result in zip(images, results):
        assert result["masks"].shape[:2] == image.shape[:2]
        (alone,) = model.detect([image])
        same(result, alone)


@pytest.mark.parametrize("shape", [(10, 10), (10, 10, 1), (10, 10, 4), (0, 10, 3)])
def test_images_of_the_wrong_shape_are_refused(small_model, shape):
    with pytest.raises(ValueError, match="expected .*received"):
        small_model.detect([np.zeros(shape, np.uint8)])


def test_the_wrong_mode_is_refused(small_config, tmp_path):
    model = MaskRCNN("training", small_config(), tmp_path)
    with pytest.raises(ValueError, match='expected a model built with mode "inference", received mode "training"'):
        model.detect([np.zeros((10, 10, 3), np.uint8)])
    with pytest.raises(ValueError, match="expected mode to be"):
        MaskRCNN("predict", small_config(), tmp_path)


def test_run_graph_and_ancestor(small_model, capsys):
    image = np.zeros((64, 64, 3), np.uint8)
    keras_model = small_model.keras_model
    rois = keras_model.get_layer("ROI").output
    proposals = small_model.ancestor(keras_model.get_layer("mrcnn_detection").output, "rpn_.*")
    result = small_model.run_graph([image], [("rois", rois), ("ancestor", proposals)])
    assert list(result) == ["rois", "ancestor"]
    assert result["rois"].shape == (1, 30, 4)
    assert "shape: (1, 30, 4)" in capsys.readouterr().out
    with pytest.raises(ValueError, match="expected symbolic tensors"):
        small_model.run_graph([image], [("x", 3)])
    assert small_model.ancestor(rois, "no such layer") is None


def test_sizes_that_do_not_fit_the_pyramid_are_refused(small_config, tmp_path):
    model = MaskRCNN("inference", type("C", (small_config,), {"IMAGE_RESIZE_MODE": "none"})(), tmp_path)
    with pytest.raises(ValueError, match="expected images whose molded sides are multiples of 32, received .*pad64"):
        model.detect([np.zeros((70, 64, 3), np.uint8)])
