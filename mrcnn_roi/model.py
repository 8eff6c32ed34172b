"""Matterport's `mrcnn.model`: its names, from where they live here."""

from mrcnn_roi.engine.inspecting import log
from mrcnn_roi.engine.mask_rcnn import MaskRCNN
from mrcnn_roi.inputs.detection_targets import build_detection_targets, generate_random_rois
from mrcnn_roi.inputs.generator import data_generator
from mrcnn_roi.inputs.rpn_targets import build_rpn_targets
from mrcnn_roi.inputs.sample import load_image_gt
from mrcnn_roi.layers import BatchNorm, DetectionLayer, DetectionTargetLayer, ProposalLayer, PyramidROIAlign
from mrcnn_roi.layers.detection import refine_detections_graph
from mrcnn_roi.layers.detection_target import detection_targets_graph
from mrcnn_roi.network.backbone import conv_block, identity_block, resnet_graph
from mrcnn_roi.network.heads import build_fpn_mask_graph, fpn_classifier_graph
from mrcnn_roi.network.losses import (
    mrcnn_bbox_loss_graph,
    mrcnn_class_loss_graph,
    mrcnn_mask_loss_graph,
    rpn_bbox_loss_graph,
    rpn_class_loss_graph,
    smooth_l1_loss,
)
from mrcnn_roi.network.rpn import build_rpn_model, rpn_graph
from mrcnn_roi.ops.anchors import compute_backbone_shapes
from mrcnn_roi.ops.boxes import apply_box_deltas as apply_box_deltas_graph
from mrcnn_roi.ops.boxes import batch_pack as batch_pack_graph
from mrcnn_roi.ops.boxes import clip_boxes as clip_boxes_graph
from mrcnn_roi.ops.boxes import compute_overlaps as overlaps_graph
from mrcnn_roi.ops.boxes import denorm_boxes as denorm_boxes_graph
from mrcnn_roi.ops.boxes import norm_boxes as norm_boxes_graph
from mrcnn_roi.ops.boxes import trim_zeros_graph
from mrcnn_roi.ops.images import mold_image, unmold_image
from mrcnn_roi.ops.levels import log2_graph
from mrcnn_roi.ops.meta import compose_image_meta, parse_image_meta
from mrcnn_roi.ops.meta import parse_image_meta as parse_image_meta_graph

__all__ = [
    "BatchNorm",
    "DetectionLayer",
    "DetectionTargetLayer",
    "MaskRCNN",
    "ProposalLayer",
    "PyramidROIAlign",
    "apply_box_deltas_graph",
    "batch_pack_graph",
    "build_detection_targets",
    "build_fpn_mask_graph",
    "build_rpn_model",
    "build_rpn_targets",
    "clip_boxes_graph",
    "compose_image_meta",
    "compute_backbone_shapes",
    "conv_block",
    "data_generator",
    "denorm_boxes_graph",
    "detection_targets_graph",
    "fpn_classifier_graph",
    "generate_random_rois",
    "identity_block",
    "load_image_gt",
    "log",
    "log2_graph",
    "mold_image",
    "mrcnn_bbox_loss_graph",
    "mrcnn_class_loss_graph",
    "mrcnn_mask_loss_graph",
    "norm_boxes_graph",
    "overlaps_graph",
    "parse_image_meta",
    "parse_image_meta_graph",
    "refine_detections_graph",
    "resnet_graph",
    "rpn_bbox_loss_graph",
    "rpn_class_loss_graph",
    "rpn_graph",
    "smooth_l1_loss",
    "trim_zeros_graph",
    "unmold_image",
]
