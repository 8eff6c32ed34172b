"""The heads: every RoI's class, box refinement and mask (Mask R-CNN figure 4, right)."""

from __future__ import annotations

from keras import layers as L

from mrcnn_roi.layers.batch_norm import BatchNorm
from mrcnn_roi.layers.per_roi import PerRoiConv2D, PerRoiConv2DTranspose
from mrcnn_roi.layers.pyramid_roi_align import PyramidROIAlign


def fpn_classifier_graph(
    rois, feature_maps, image_meta, pool_size, num_classes, train_bn=True, fc_layers_size=1024, pooling=None
):
    """(logits [B, N, K], probabilities [B, N, K], deltas [B, N, K, (dy, dx, log dh, log dw)]).

    rois: [B, N, (y1, x1, y2, x2)] normalized. feature_maps: [P2, P3, P4, P5]. pool_size: side of the pooled map.
    pooling: further arguments of PyramidROIAlign by name; with "levels" feature_maps are the maps of these levels.
    """
    x = _pool(rois, feature_maps, image_meta, pool_size, pooling, "roi_align_classifier")
    x = PerRoiConv2D(fc_layers_size, (pool_size, pool_size), padding="valid", name="mrcnn_class_conv1")(x)
    x = L.Activation("relu")(BatchNorm(name="mrcnn_class_bn1", train_bn=train_bn)(x))
    x = PerRoiConv2D(fc_layers_size, (1, 1), name="mrcnn_class_conv2")(x)
    x = L.Activation("relu")(BatchNorm(name="mrcnn_class_bn2", train_bn=train_bn)(x))
    count = -1 if rois.shape[1] is None else rois.shape[1]
    shared = L.Reshape((count, fc_layers_size), name="pool_squeeze")(x)
    logits = L.Dense(num_classes, name="mrcnn_class_logits")(shared)
    probs = L.Activation("softmax", name="mrcnn_class")(logits)
    deltas = L.Dense(4 * num_classes, name="mrcnn_bbox_fc")(shared)
    return logits, probs, L.Reshape((count, num_classes, 4), name="mrcnn_bbox")(deltas)


def build_fpn_mask_graph(
    rois, feature_maps, image_meta, pool_size, num_classes, train_bn=True, conv_size=256, rows=None, pooling=None
):
    """Masks [B, N, 2 * pool_size, 2 * pool_size, K], probabilities, of rois [B, N, (y1, x1, y2, x2)] normalized.

    conv_size: channels of the convolutions.
    rows: pads the result with zero masks to that many RoIs. Training uses it: only positives have a mask target,
        they come first among the sampled RoIs, and their number is bounded, so the others need not be computed.
    pooling: as for fpn_classifier_graph.
    """
    x = _pool(rois, feature_maps, image_meta, pool_size, pooling, "roi_align_mask")
    for i in (1, 2, 3, 4):
        x = PerRoiConv2D(conv_size, (3, 3), padding="same", name=f"mrcnn_mask_conv{i}")(x)
        x = L.Activation("relu")(BatchNorm(name=f"mrcnn_mask_bn{i}", train_bn=train_bn)(x))
    x = PerRoiConv2DTranspose(conv_size, (2, 2), strides=2, activation="relu", name="mrcnn_mask_deconv")(x)
    return PerRoiConv2D(num_classes, (1, 1), activation="sigmoid", rows=rows, name="mrcnn_mask")(x)


def _pool(rois, feature_maps, image_meta, pool_size, pooling, name):
    """[B, N, pool_size, pool_size, C]."""
    layer = PyramidROIAlign([pool_size, pool_size], name=name, **(pooling or {}))
    return layer([rois, image_meta, *feature_maps])
