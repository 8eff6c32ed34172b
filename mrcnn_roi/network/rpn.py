"""Region proposal network (Faster R-CNN section 3.1), shared by all pyramid levels."""

from __future__ import annotations

import keras
from keras import layers as L


def rpn_graph(feature_map, anchors_per_location, anchor_stride, conv_size=512):
    """[class logits [B, A, 2], class probabilities [B, A, 2], deltas [B, A, 4]] of one level.

    feature_map: [B, H, W, C]. Index 0 of the classes is background, 1 foreground; the anchors of a cell are
    neighbours in A, cells go row by row. conv_size: channels of the shared convolution.
    """
    shared = L.Conv2D(
        conv_size, (3, 3), padding="same", activation="relu", strides=anchor_stride, name="rpn_conv_shared"
    )(feature_map)
    raw = L.Conv2D(2 * anchors_per_location, (1, 1), name="rpn_class_raw")(shared)
    logits = L.Reshape((-1, 2))(raw)
    probs = L.Activation("softmax", name="rpn_class_xxx")(logits)
    deltas = L.Conv2D(4 * anchors_per_location, (1, 1), name="rpn_bbox_pred")(shared)
    return [logits, probs, L.Reshape((-1, 4))(deltas)]


def build_rpn_model(anchor_stride, anchors_per_location, depth, conv_size=512):
    """The RPN as a model of its own, named rpn_model, so that all levels share its weights.

    depth: channels of the feature maps.
    """
    feature_map = keras.Input((None, None, depth), name="input_rpn_feature_map")
    outputs = rpn_graph(feature_map, anchors_per_location, anchor_stride, conv_size)
    return keras.Model(feature_map, outputs, name="rpn_model")
