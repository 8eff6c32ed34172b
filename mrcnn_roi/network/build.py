"""From a Config to the symbolic graph: the only place where the network reads the configuration.

Both builders return (inputs, outputs), lists of Keras tensors in the original's order.
"""

from __future__ import annotations

import keras
from keras import layers as L

from mrcnn_roi.layers.detection import DetectionLayer
from mrcnn_roi.layers.detection_target import DetectionTargetLayer
from mrcnn_roi.layers.glue import ActiveClasses, Anchors, DetectedBoxes, FirstRows, Identity, NormalizeBoxes
from mrcnn_roi.layers.proposal import ProposalLayer
from mrcnn_roi.network import losses
from mrcnn_roi.network.backbone import build_backbone
from mrcnn_roi.network.fpn import fpn_graph
from mrcnn_roi.network.heads import build_fpn_mask_graph, fpn_classifier_graph
from mrcnn_roi.network.rpn import build_rpn_model


def build_inference(config):
    """Inputs [input_image, input_image_meta, input_anchors]; outputs [detections, mrcnn_class, mrcnn_bbox,
    mrcnn_mask, rpn_rois, rpn_class, rpn_bbox]. Masks are of the detected boxes."""
    image, meta = _image_inputs(config)
    anchors = keras.Input((None, 4), name="input_anchors")
    maps = _feature_maps(config, image)
    _, rpn_class, rpn_bbox = _rpn(config, maps, with_logits=False)
    rpn_rois = _proposals(config, config.POST_NMS_ROIS_INFERENCE, rpn_class, rpn_bbox, anchors)
    _, mrcnn_class, mrcnn_bbox = _classifier(config, rpn_rois, maps, meta)
    detections = DetectionLayer(config, name="mrcnn_detection")([rpn_rois, mrcnn_class, mrcnn_bbox, meta])
    mrcnn_mask = _masks(config, DetectedBoxes()(detections), maps, meta)
    outputs = [detections, mrcnn_class, mrcnn_bbox, mrcnn_mask, rpn_rois, rpn_class, rpn_bbox]
    return [image, meta, anchors], outputs


def build_training(config):
    """Inputs [input_image, input_image_meta, input_rpn_match, input_rpn_bbox, input_gt_class_ids, input_gt_boxes,
    input_gt_masks] and input_roi when USE_RPN_ROIS is False; outputs [rpn_class_logits, rpn_class, rpn_bbox,
    mrcnn_class_logits, mrcnn_class, mrcnn_bbox, mrcnn_mask, rpn_rois, output_rois] and the five losses."""
    image, meta = _image_inputs(config)
    rpn_match = keras.Input((None, 1), dtype="int32", name="input_rpn_match")
    rpn_target = keras.Input((None, 4), name="input_rpn_bbox")
    gt_class_ids = keras.Input((None,), dtype="int32", name="input_gt_class_ids")
    gt_boxes = keras.Input((None, 4), name="input_gt_boxes")
    mask_size = config.MINI_MASK_SHAPE if config.USE_MINI_MASK else config.IMAGE_SHAPE[:2]
    gt_masks = keras.Input((*(int(side) for side in mask_size), None), dtype="bool", name="input_gt_masks")
    inputs = [image, meta, rpn_match, rpn_target, gt_class_ids, gt_boxes, gt_masks]

    maps = _feature_maps(config, image)
    rpn_class_logits, rpn_class, rpn_bbox = _rpn(config, maps, with_logits=True)
    anchors = Anchors(
        config.RPN_ANCHOR_SCALES,
        config.RPN_ANCHOR_RATIOS,
        config.BACKBONE_STRIDES,
        config.RPN_ANCHOR_STRIDE,
        name="anchors",
    )([image, *maps])
    rpn_rois = _proposals(config, config.POST_NMS_ROIS_TRAINING, rpn_class, rpn_bbox, anchors)
    candidates = rpn_rois
    if not config.USE_RPN_ROIS:
        given = keras.Input((int(config.POST_NMS_ROIS_TRAINING), 4), dtype="int32", name="input_roi")
        inputs.append(given)
        candidates = NormalizeBoxes()([given, image])

    rois, target_class_ids, target_bbox, target_masks = DetectionTargetLayer(config, name="proposal_targets")(
        [candidates, gt_class_ids, NormalizeBoxes()([gt_boxes, image]), gt_masks]
    )
    logits, mrcnn_class, mrcnn_bbox = _classifier(config, rois, maps, meta)
    if config.TRAIN_BN is False:
        # Only positives have a mask target. They come first and are bounded in number, so the others are left out;
        # with batch statistics they have to stay in, because they count there.
        positives = int(config.TRAIN_ROIS_PER_IMAGE * config.ROI_POSITIVE_RATIO)
        mrcnn_mask = _masks(config, FirstRows(positives)(rois), maps, meta, rows=int(config.TRAIN_ROIS_PER_IMAGE))
    else:
        mrcnn_mask = _masks(config, rois, maps, meta)
    outputs = [rpn_class_logits, rpn_class, rpn_bbox, logits, mrcnn_class, mrcnn_bbox, mrcnn_mask]
    outputs += [Identity(name="rpn_rois")(rpn_rois), Identity(name="output_rois")(rois)]
    outputs += [
        losses.RPNClassLoss(name="rpn_class_loss")([rpn_match, rpn_class_logits]),
        losses.RPNBboxLoss(name="rpn_bbox_loss")([rpn_target, rpn_match, rpn_bbox]),
        losses.MRCNNClassLoss(name="mrcnn_class_loss")([target_class_ids, logits, ActiveClasses()(meta)]),
        losses.MRCNNBboxLoss(name="mrcnn_bbox_loss")([target_bbox, target_class_ids, mrcnn_bbox]),
        losses.MRCNNMaskLoss(name="mrcnn_mask_loss")([target_masks, target_class_ids, mrcnn_mask]),
    ]
    return inputs, outputs


def _image_inputs(config):
    image = keras.Input((None, None, int(config.IMAGE_CHANNEL_COUNT)), name="input_image")
    return image, keras.Input((12 + int(config.NUM_CLASSES),), name="input_image_meta")


def _feature_maps(config, image):
    """[P2, P3, P4, P5, P6]."""
    _, c2, c3, c4, c5 = build_backbone(config.BACKBONE, image, config.TRAIN_BN)
    return fpn_graph(c2, c3, c4, c5, int(config.TOP_DOWN_PYRAMID_SIZE))


def _rpn(config, maps, with_logits):
    """Logits (None without with_logits), probabilities and deltas of all levels, [B, A, ...]."""
    rpn = build_rpn_model(
        int(config.RPN_ANCHOR_STRIDE),
        len(config.RPN_ANCHOR_RATIOS),
        int(config.TOP_DOWN_PYRAMID_SIZE),
        int(config.RPN_CONV_SIZE),
    )
    logits, probs, deltas = zip(*(rpn(each) for each in maps))
    return (
        L.Concatenate(axis=1, name="rpn_class_logits")(list(logits)) if with_logits else None,
        L.Concatenate(axis=1, name="rpn_class")(list(probs)),
        L.Concatenate(axis=1, name="rpn_bbox")(list(deltas)),
    )


def _proposals(config, count, rpn_class, rpn_bbox, anchors):
    layer = ProposalLayer(int(count), float(config.RPN_NMS_THRESHOLD), config, name="ROI")
    return layer([rpn_class, rpn_bbox, anchors])


def _pooling(config, maps):
    """What both heads pool from and how: (the maps of ROI_POOL_LEVELS, arguments of PyramidROIAlign by name)."""
    levels = tuple(int(level) for level in config.ROI_POOL_LEVELS)
    return [maps[level - 2] for level in levels], {
        "method": config.ROI_POOL_METHOD,
        "sampling_ratio": int(config.ROI_POOL_SAMPLING_RATIO),
        "aggregate": config.ROI_POOL_AGGREGATE,
        "levels": levels,
        "aligned": bool(config.ROI_POOL_ALIGNED),
    }


def _classifier(config, rois, maps, meta):
    pooled, pooling = _pooling(config, maps)
    return fpn_classifier_graph(
        rois,
        pooled,
        meta,
        int(config.POOL_SIZE),
        int(config.NUM_CLASSES),
        train_bn=config.TRAIN_BN,
        fc_layers_size=int(config.FPN_CLASSIF_FC_LAYERS_SIZE),
        pooling=pooling,
    )


def _masks(config, rois, maps, meta, rows=None):
    pooled, pooling = _pooling(config, maps)
    return build_fpn_mask_graph(
        rois,
        pooled,
        meta,
        int(config.MASK_POOL_SIZE),
        int(config.NUM_CLASSES),
        train_bn=config.TRAIN_BN,
        conv_size=int(config.MASK_CONV_SIZE),
        rows=rows,
        pooling=pooling,
    )
