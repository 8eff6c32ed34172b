import numpy as np
import pytest
import tensorflow as tf

from mrcnn_roi.network import losses


def value_and_gradient(function, tensor):
    with tf.GradientTape() as tape:
        tape.watch(tensor)
        value = function(tensor)
    return value.numpy(), tape.gradient(value, tensor)


def compare(g, name, function, tensor):
    value, gradient = value_and_gradient(function, tf.constant(tensor))
    np.testing.assert_allclose(value, g[f"{name}_loss"], rtol=2e-5, atol=1e-6)
    if f"{name}_grad" in g:
        np.testing.assert_allclose(tf.convert_to_tensor(gradient), g[f"{name}_grad"], rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize("case", ["mixed", "nopos", "neutral"])
def test_golden_rpn_losses(golden, case):
    g = golden("losses")
    match = g[f"rpn_{case}_match"]
    compare(g, f"rpn_{case}_class", lambda x: losses.rpn_class_loss_graph(match, x), g[f"rpn_{case}_logits"])
    target = g[f"rpn_{case}_target_bbox"]
    compare(g, f"rpn_{case}_bbox", lambda x: losses.rpn_bbox_loss_graph(None, target, match, x), g[f"rpn_{case}_bbox"])


@pytest.mark.parametrize("case", ["mixed", "nopos", "inactive"])
def test_golden_class_loss(golden, case):
    g = golden("losses")
    active, ids = g[f"cls_{case}_active"], g[f"cls_{case}_ids"]
    compare(g, f"cls_{case}", lambda x: losses.mrcnn_class_loss_graph(ids, x, active), g[f"cls_{case}_logits"])


def test_no_active_class_is_no_loss(golden):
    g = golden("losses")
    loss = losses.mrcnn_class_loss_graph(
        g["cls_noneactive_ids"], g["cls_noneactive_logits"], g["cls_noneactive_active"] * 0
    )
    assert np.isnan(g["cls_noneactive_loss"])
    assert loss.numpy() == 0


def test_in_training_every_image_has_its_own_active_classes():
    ids, logits = np.array([[1], [1]]), np.array([[[0.0, 5, 1]], [[0.0, 1, 5]]], "float32")
    active = np.array([[1, 1, 0], [1, 0, 1]], "float32")
    both = losses.MRCNNClassLoss()([tf.constant(ids), tf.constant(logits), tf.constant(active)])
    first = losses.mrcnn_class_loss_graph(ids, logits, active)
    each = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=ids, logits=logits)
    assert both.numpy() == pytest.approx(float(tf.reduce_mean(each)))
    assert first.numpy() == pytest.approx(float(each[0, 0]))


@pytest.mark.parametrize("case", ["mixed", "nopos"])
def test_golden_box_and_mask_losses(golden, case):
    g = golden("losses")
    ids, target = g[f"box_{case}_ids"], g[f"box_{case}_target"]
    compare(g, f"box_{case}", lambda x: losses.mrcnn_bbox_loss_graph(target, ids, x), g[f"box_{case}_pred"])
    masks = g[f"mask_{case}_target"]
    value, gradient = value_and_gradient(
        lambda x: losses.mrcnn_mask_loss_graph(masks, ids, x), tf.constant(g[f"mask_{case}_pred"])
    )
    np.testing.assert_allclose(value, g[f"mask_{case}_loss"], rtol=2e-4)
    total = tf.reduce_sum(tf.abs(tf.convert_to_tensor(gradient)))
    np.testing.assert_allclose(total, g[f"mask_{case}_grad_sum"], rtol=1e-3)


def test_golden_smooth_l1(golden):
    g = golden("losses")
    np.testing.assert_allclose(
        losses.smooth_l1_loss(g["sl1_true"], g["sl1_pred"]), g["smooth_l1"], rtol=1e-5, atol=1e-6
    )


def test_weight_decay_is_a_mean_and_spares_gamma_and_beta():
    weights = [
        tf.Variable([1.0, 2.0, 3.0], name="kernel"),
        tf.Variable([4.0], name="bias"),
        tf.Variable([9.0], name="gamma"),
        tf.Variable([9.0], name="beta"),
    ]
    assert losses.weight_decay_loss(weights, 0.1).numpy() == pytest.approx(0.1 * (14 / 3 + 16))
    assert losses.weight_decay_loss(weights[2:], 0.1).numpy() == 0
