"""The five losses (Faster R-CNN equation 1, Mask R-CNN section 3) and the weight decay, with the original's numbers.

Each loss is a function of tensors; the layers below put it into the functional graph under the original's name.
"""

from __future__ import annotations

import keras
import tensorflow as tf

LOSS_NAMES = ("rpn_class_loss", "rpn_bbox_loss", "mrcnn_class_loss", "mrcnn_bbox_loss", "mrcnn_mask_loss")
EPSILON = 1e-7


def smooth_l1_loss(y_true, y_pred):
    """Elementwise: 0.5 d^2 where |d| < 1, |d| - 0.5 elsewhere (Fast R-CNN equation 3)."""
    difference = tf.abs(y_true - y_pred)
    return tf.where(difference < 1.0, 0.5 * difference**2, difference - 0.5)


def _mean(values):
    """Mean of all values; 0 when there are none."""
    return tf.math.divide_no_nan(tf.reduce_sum(values), tf.cast(tf.size(values), values.dtype))


def rpn_class_loss_graph(rpn_match, rpn_class_logits):
    """Cross entropy of the anchors that are not neutral, over the whole batch; 0 when there are none.

    rpn_match: [B, A, 1], 1 positive, -1 negative, 0 neutral. rpn_class_logits: [B, A, 2].
    """
    match = tf.squeeze(rpn_match, -1)
    index = tf.where(match != 0)
    labels = tf.cast(tf.gather_nd(match, index) == 1, tf.int32)
    logits = tf.gather_nd(rpn_class_logits, index)
    return _mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=logits))


def rpn_bbox_loss_graph(config, target_bbox, rpn_match, rpn_bbox):
    """Smooth L1 of the positive anchors' deltas, over the whole batch; 0 when there are none.

    target_bbox: [B, T, (dy, dx, log dh, log dw)], row j belongs to the image's j-th positive anchor, zero padded.
    rpn_match: [B, A, 1]. rpn_bbox: [B, A, 4]. config is the original's argument and is not read.
    """
    del config
    positive = tf.equal(tf.squeeze(rpn_match, -1), 1)
    index = tf.where(positive)
    counts = tf.reduce_sum(tf.cast(positive, tf.int32), axis=1)
    target = tf.boolean_mask(target_bbox, tf.sequence_mask(counts, tf.shape(target_bbox)[1]))
    return _mean(smooth_l1_loss(tf.cast(target, rpn_bbox.dtype), tf.gather_nd(rpn_bbox, index)))


def mrcnn_class_loss_graph(target_class_ids, pred_class_logits, active_class_ids, per_image=False):
    """Cross entropy of all sampled RoIs whose predicted class is active; 0 when none is (the original: NaN).

    target_class_ids: [B, T] int, zero padding counts as background, as in the original. pred_class_logits:
    [B, T, K]. active_class_ids: [B, K] 0/1, the classes that the image's source annotates.
    per_image: False applies the first image's row to the whole batch, the original's numbers; True gives every
    image its own row, which is what training uses. They differ only when sources are mixed in a batch.
    """
    if not per_image:
        active_class_ids = tf.repeat(active_class_ids[:1], tf.shape(pred_class_logits)[0], axis=0)
    losses = tf.nn.sparse_softmax_cross_entropy_with_logits(
        labels=tf.cast(target_class_ids, tf.int32), logits=pred_class_logits
    )
    predicted = tf.argmax(pred_class_logits, axis=2)
    active = tf.cast(tf.gather(active_class_ids, predicted, axis=1, batch_dims=1), losses.dtype)
    return tf.math.divide_no_nan(tf.reduce_sum(losses * active), tf.reduce_sum(active))


def mrcnn_bbox_loss_graph(target_bbox, target_class_ids, pred_bbox):
    """Smooth L1 of the positive RoIs' deltas of the true class; 0 when there are none.

    target_bbox: [B, T, (dy, dx, log dh, log dw)]. target_class_ids: [B, T]. pred_bbox: [B, T, K, 4].
    """
    index = tf.where(target_class_ids > 0)
    class_ids = tf.cast(tf.gather_nd(target_class_ids, index), tf.int64)
    predicted = tf.gather_nd(pred_bbox, tf.concat([index, class_ids[:, None]], axis=1))
    return _mean(smooth_l1_loss(tf.gather_nd(target_bbox, index), predicted))


def mrcnn_mask_loss_graph(target_masks, target_class_ids, pred_masks):
    """Binary cross entropy of the positive RoIs' mask of the true class; 0 when there are none.

    target_masks: [B, T, h, w] of 0/1. target_class_ids: [B, T]. pred_masks: [B, T, h, w, K] probabilities,
    clipped to [1e-7, 1 - 1e-7].
    """
    index = tf.where(target_class_ids > 0)
    class_ids = tf.cast(tf.gather_nd(target_class_ids, index), tf.int32)
    target = tf.gather_nd(target_masks, index)
    predicted = tf.gather(tf.gather_nd(pred_masks, index), class_ids, axis=3, batch_dims=1)
    predicted = tf.clip_by_value(predicted, EPSILON, 1.0 - EPSILON)
    return _mean(-(target * tf.math.log(predicted) + (1.0 - target) * tf.math.log(1.0 - predicted)))


def weight_decay_loss(trainable_weights, weight_decay):
    """The original's L2 term: the sum over weights of weight_decay * mean(w^2).

    Biases count; gamma and beta of batch normalization do not.
    """
    terms = [
        weight_decay * tf.reduce_mean(tf.square(tf.convert_to_tensor(weight)))
        for weight in trainable_weights
        if weight.name.split("/")[-1].split(":")[0] not in ("gamma", "beta")
    ]
    return tf.add_n(terms) if terms else tf.constant(0.0)


class _Loss(keras.layers.Layer):
    """A loss as a layer: a list of tensors in, a float32 scalar out, computed in float32 under any dtype policy."""

    def __init__(self, **kwargs):
        super().__init__(autocast=False, **kwargs)

    def call(self, inputs):
        return self.compute(*(tf.cast(x, tf.float32) if x.dtype.is_floating else x for x in inputs))

    def compute_output_spec(self, inputs):
        return keras.KerasTensor((), dtype="float32")


@keras.saving.register_keras_serializable("mrcnn_roi")
class RPNClassLoss(_Loss):
    """[rpn_match, rpn_class_logits] -> scalar."""

    compute = staticmethod(rpn_class_loss_graph)


@keras.saving.register_keras_serializable("mrcnn_roi")
class RPNBboxLoss(_Loss):
    """[target_bbox, rpn_match, rpn_bbox] -> scalar."""

    @staticmethod
    def compute(target_bbox, rpn_match, rpn_bbox):
        return rpn_bbox_loss_graph(None, target_bbox, rpn_match, rpn_bbox)


@keras.saving.register_keras_serializable("mrcnn_roi")
class MRCNNClassLoss(_Loss):
    """[target_class_ids, pred_class_logits, active_class_ids] -> scalar."""

    @staticmethod
    def compute(target_class_ids, pred_class_logits, active_class_ids):
        return mrcnn_class_loss_graph(target_class_ids, pred_class_logits, active_class_ids, per_image=True)


@keras.saving.register_keras_serializable("mrcnn_roi")
class MRCNNBboxLoss(_Loss):
    """[target_bbox, target_class_ids, pred_bbox] -> scalar."""

    compute = staticmethod(mrcnn_bbox_loss_graph)


@keras.saving.register_keras_serializable("mrcnn_roi")
class MRCNNMaskLoss(_Loss):
    """[target_masks, target_class_ids, pred_masks] -> scalar."""

    compute = staticmethod(mrcnn_mask_loss_graph)
