import keras
import numpy as np
import pytest

from mrcnn_roi.config import Config
from mrcnn_roi.engine.keras_model import MaskRCNNModel
from mrcnn_roi.layers import PyramidROIAlign
from mrcnn_roi.network.build import build_inference, build_training


@pytest.fixture(scope="module")
def inference_model(golden, seeded, config_of):
    g = golden("e2e_square128")
    model = keras.Model(*build_inference(config_of(g)))
    seeded(model, g.config["seed"])
    layer = model.get_layer("mrcnn_class_logits")
    kernel, _ = layer.get_weights()
    layer.set_weights([kernel * g["override_class_kernel_scale"], g["override_class_bias"]])
    return model


def run(model, g, names=None):
    if names:
        model = keras.Model(model.inputs, [model.get_layer(name).output for name in names])
    return model.predict([g["molded_images"], g["image_metas"], g["anchors"][None]], verbose=0)


def close(actual, expected, rtol, atol):
    np.testing.assert_allclose(actual, expected, rtol=rtol, atol=atol)


def test_golden_inference(golden, inference_model):
    g, masks = golden("e2e_square128"), golden("e2e_square128_masks")
    detections, classes, deltas, mask, rois, rpn_class, rpn_bbox = run(inference_model, g)
    close(detections[..., :4], g["detections"][..., :4], 0, 1e-4)
    np.testing.assert_array_equal(detections[..., 4], g["detections"][..., 4])
    close(detections[..., 5], g["detections"][..., 5], 0, 1e-4)
    close(rois, g["rpn_rois"], 0, 1e-4)
    close(classes, g["mrcnn_class"], 0, 1e-4)
    close(deltas, g["mrcnn_bbox"], 1e-3, 1e-3)
    close(rpn_class, g["rpn_class"], 0, 1e-4)
    close(rpn_bbox, g["rpn_bbox"], 1e-3, 1e-3)
    close(mask, masks["mrcnn_mask"], 0, 1e-3)
    close(mask.sum(axis=(2, 3)), masks["mrcnn_mask_sum"], 1e-3, 1e-3)


def test_golden_features(golden, inference_model):
    g, features = golden("e2e_square128"), golden("e2e_square128_features")
    names = [name for name in features if not name.endswith("_l2")]
    assert len(names) == 10
    for name, value in zip(names, run(inference_model, g, names)):
        expected = features[name]
        step = value.shape[-1] // expected.shape[-1]
        close(value[:, : expected.shape[1], ..., ::step], expected, 1e-3, 1e-3)
        if f"{name}_l2" in features:
            close(np.linalg.norm(value), features[f"{name}_l2"], 1e-4, 0)


def test_inputs_by_name_are_the_same(golden, inference_model):
    g = golden("e2e_square128")
    named = {
        "input_image": g["molded_images"],
        "input_image_meta": g["image_metas"],
        "input_anchors": g["anchors"][None],
    }
    for a, b in zip(run(inference_model, g), inference_model.predict(named, verbose=0)):
        np.testing.assert_array_equal(a, b)


LOSSES = ["loss", "rpn_class_loss", "rpn_bbox_loss", "mrcnn_class_loss", "mrcnn_bbox_loss", "mrcnn_mask_loss"]


def training_inputs(g):
    return {
        "input_image": g["images"],
        "input_image_meta": g["image_meta"],
        "input_rpn_match": g["rpn_match"].astype(np.int32),
        "input_rpn_bbox": g["rpn_bbox"],
        "input_gt_class_ids": g["gt_class_ids"],
        "input_gt_boxes": g["gt_boxes"],
        "input_gt_masks": g["gt_masks"],
        "input_roi": g["rois"],
    }


def weight_named(model, key):
    (weight,) = [w for w in model.trainable_weights if f"/{w.path}".endswith(f"/{key}")]
    return weight


@pytest.mark.parametrize("clip,tag", [(5.0, "clip0"), pytest.param(1e6, "clip1", marks=pytest.mark.slow)])
def test_golden_training_steps(golden, seeded, config_of, clip, tag):
    g = golden("train_a")
    config = config_of(g)
    model = MaskRCNNModel(*build_training(config))
    model.set_losses(config.LOSS_WEIGHTS, config.WEIGHT_DECAY)
    seeded(model, g.config["seed"])
    model.compile(optimizer=keras.optimizers.SGD(0.01, momentum=0.9, global_clipnorm=clip))
    before = {w.path: w.numpy() for w in model.trainable_weights}
    for step in (1, 2):
        logs = model.train_on_batch(training_inputs(g), return_dict=True)
        close([logs[name] for name in LOSSES], g[f"{tag}_step{step}_loss"], 2e-3, 0)
        tolerance = 5e-2 if (tag, step) == ("clip1", 2) else 1e-2
        keys = [name.split(":")[1] for name in g if name.startswith(f"{tag}_step{step}:")]
        assert len(keys) == 23
        for key in keys:
            weight = weight_named(model, key)
            change = (weight.numpy() - before[weight.path]).ravel()
            expected = g[f"{tag}_step{step}:{key}"]
            close(
                change[:: max(1, change.size // 2000)], expected, tolerance, tolerance * np.abs(expected).max() + 6e-8
            )


def test_golden_gradients(golden, seeded, config_of):
    import tensorflow as tf

    g = golden("train_a")
    config = config_of(g)
    model = MaskRCNNModel(*build_training(config))
    model.set_losses(config.LOSS_WEIGHTS, config.WEIGHT_DECAY)
    seeded(model, g.config["seed"])

    @tf.function
    def gradients():
        inputs = {name: tf.constant(value) for name, value in training_inputs(g).items()}
        with tf.GradientTape() as tape:
            outputs = model(inputs, training=True)
            total = model.compute_loss(x=inputs, y_pred=outputs)
        return total, outputs[-5:], tape.gradient(total, model.trainable_weights)

    total, parts, grads = gradients()
    close(total, g["total_loss"], 1e-3, 0)
    for name, part in zip(LOSSES[1:], parts):
        close(part, g[name], 1e-3, 0)
    close(total - sum(parts), g["reg_loss"], 1e-2, 1e-6)
    close(tf.linalg.global_norm(grads), g["grad_global_norm"], 2e-3, 0)
    by_path = dict(zip((w.path for w in model.trainable_weights), grads))
    keys = [name.split(":")[1] for name in g if name.startswith("grad:")]
    assert len(keys) > 20
    for key in keys:
        gradient = by_path[weight_named(model, key).path].numpy()
        expected = g[f"grad:{key}"]
        sample = gradient.ravel()[:: max(1, gradient.size // 2000)]
        # A unit whose input is within rounding of 0 passes its gradient on or not, as the last bit falls; a few
        # elements then differ by more than rounding itself.
        off = np.abs(sample - expected) - 5e-3 * np.abs(expected)
        assert np.mean(off > 1e-4 * np.abs(expected).max()) < 0.01
        assert np.all(off < 1e-3 * np.abs(expected).max())
        close(np.linalg.norm(gradient), g[f"gradnorm:{key}"], 2e-3, 0)


# ---- the pooling of a Config -----------------------------------------------------------------------------------


class Small(Config):
    NAME = "small"
    NUM_CLASSES = 3
    BACKBONE = "tiny"
    IMAGE_MIN_DIM = IMAGE_MAX_DIM = 128
    TOP_DOWN_PYRAMID_SIZE = FPN_CLASSIF_FC_LAYERS_SIZE = RPN_CONV_SIZE = MASK_CONV_SIZE = 8
    POST_NMS_ROIS_INFERENCE = 20


POOLINGS = {
    "default": {},
    "all of one level": {"ROI_POOL_LEVELS": (5,)},
    "roi_align": {"ROI_POOL_METHOD": "roi_align", "ROI_POOL_SAMPLING_RATIO": np.int64(3), "ROI_POOL_AGGREGATE": "max"},
    "adaptive": {"ROI_POOL_METHOD": "roi_align", "ROI_POOL_SAMPLING_RATIO": -1, "ROI_POOL_ALIGNED": True},
    "roi_pool": {"ROI_POOL_METHOD": "roi_pool", "ROI_POOL_LEVELS": [3.0, 4.0]},
    "roi_warp": {"ROI_POOL_METHOD": "roi_warp", "ROI_POOL_LEVELS": np.array([4, 5])},
}


def weights_of(model):
    return sorted((layer.name, each.name, tuple(each.shape)) for layer in model.layers for each in layer.weights)


@pytest.fixture(scope="module", params=[build_training, build_inference])
def builder(request):
    return request.param


@pytest.fixture(scope="module")
def weights_of_the_default(builder):
    return weights_of(keras.Model(*builder(Small())))


@pytest.mark.parametrize("name", POOLINGS)
def test_both_heads_pool_as_the_config_says(name, builder, weights_of_the_default):
    config = type("Own", (Small,), POOLINGS[name])()
    model = keras.Model(*builder(config))
    assert sum(isinstance(layer, PyramidROIAlign) for layer in model.layers) == 2
    for head in ("roi_align_classifier", "roi_align_mask"):
        layer = model.get_layer(head)
        assert layer.method == config.ROI_POOL_METHOD
        assert layer.sampling_ratio == config.ROI_POOL_SAMPLING_RATIO
        assert layer.aggregate == config.ROI_POOL_AGGREGATE
        assert layer.aligned is bool(config.ROI_POOL_ALIGNED)
        assert layer.levels == tuple(config.ROI_POOL_LEVELS)
        maps = [model.get_layer(f"fpn_p{level:.0f}").output for level in config.ROI_POOL_LEVELS]
        assert [id(each) for each in layer.input[2:]] == [id(each) for each in maps]
    assert weights_of(model) == weights_of_the_default


@pytest.mark.parametrize("name", POOLINGS)
def test_a_model_of_every_pooling_detects(name, tmp_path):
    from mrcnn_roi.engine.mask_rcnn import MaskRCNN

    config = type("Own", (Small,), {"DETECTION_MIN_CONFIDENCE": 0, "IMAGES_PER_GPU": 1, **POOLINGS[name]})()
    model = MaskRCNN("inference", config, tmp_path)
    image = np.random.default_rng(0).integers(0, 256, (128, 128, 3)).astype(np.uint8)
    (result,) = model.detect([image])
    assert np.isfinite(result["scores"]).all()
    assert result["masks"].shape == (128, 128, len(result["scores"]))
