"""The facades hold every public name of the original, with its parameters, and nothing but imports."""

import ast
import importlib
import inspect
from pathlib import Path

import pytest

import mrcnn_roi

UTILS = {
    "extract_bboxes": "mask",
    "compute_iou": "box boxes box_area boxes_area",
    "compute_overlaps": "boxes1 boxes2",
    "compute_overlaps_masks": "masks1 masks2",
    "non_max_suppression": "boxes scores threshold",
    "apply_box_deltas": "boxes deltas",
    "box_refinement_graph": "box gt_box",
    "box_refinement": "box gt_box",
    "resize_image": "image min_dim max_dim min_scale mode",
    "resize_mask": "mask scale padding crop",
    "minimize_mask": "bbox mask mini_shape",
    "expand_mask": "bbox mini_mask image_shape",
    "mold_mask": "mask config",
    "unmold_mask": "mask bbox image_shape",
    "generate_anchors": "scales ratios shape feature_stride anchor_stride",
    "generate_pyramid_anchors": "scales ratios feature_shapes feature_strides anchor_stride",
    "trim_zeros": "x",
    "compute_matches": "gt_boxes gt_class_ids gt_masks pred_boxes pred_class_ids pred_scores pred_masks "
    "iou_threshold score_threshold",
    "compute_ap": "gt_boxes gt_class_ids gt_masks pred_boxes pred_class_ids pred_scores pred_masks iou_threshold",
    "compute_ap_range": "gt_box gt_class_id gt_mask pred_box pred_class_id pred_score pred_mask iou_thresholds verbose",
    "compute_recall": "pred_boxes gt_boxes iou",
    "batch_slice": "inputs graph_fn batch_size names",
    "download_trained_weights": "coco_model_path verbose",
    "norm_boxes": "boxes shape",
    "denorm_boxes": "boxes shape",
    "resize": "image output_shape order mode cval clip preserve_range anti_aliasing anti_aliasing_sigma",
}
MODEL = {
    "log": "text array",
    "compute_backbone_shapes": "config image_shape",
    "identity_block": "input_tensor kernel_size filters stage block use_bias train_bn",
    "conv_block": "input_tensor kernel_size filters stage block strides use_bias train_bn",
    "resnet_graph": "input_image architecture stage5 train_bn",
    "apply_box_deltas_graph": "boxes deltas",
    "clip_boxes_graph": "boxes window",
    "log2_graph": "x",
    "overlaps_graph": "boxes1 boxes2",
    "detection_targets_graph": "proposals gt_class_ids gt_boxes gt_masks config",
    "refine_detections_graph": "rois probs deltas window config",
    "rpn_graph": "feature_map anchors_per_location anchor_stride",
    "build_rpn_model": "anchor_stride anchors_per_location depth",
    "fpn_classifier_graph": "rois feature_maps image_meta pool_size num_classes train_bn fc_layers_size",
    "build_fpn_mask_graph": "rois feature_maps image_meta pool_size num_classes train_bn",
    "smooth_l1_loss": "y_true y_pred",
    "rpn_class_loss_graph": "rpn_match rpn_class_logits",
    "rpn_bbox_loss_graph": "config target_bbox rpn_match rpn_bbox",
    "mrcnn_class_loss_graph": "target_class_ids pred_class_logits active_class_ids",
    "mrcnn_bbox_loss_graph": "target_bbox target_class_ids pred_bbox",
    "mrcnn_mask_loss_graph": "target_masks target_class_ids pred_masks",
    "load_image_gt": "dataset config image_id augment augmentation use_mini_mask",
    "build_detection_targets": "rpn_rois gt_class_ids gt_boxes gt_masks config",
    "build_rpn_targets": "image_shape anchors gt_class_ids gt_boxes config",
    "generate_random_rois": "image_shape count gt_class_ids gt_boxes",
    "data_generator": "dataset config shuffle augment augmentation random_rois batch_size detection_targets "
    "no_augmentation_sources",
    "compose_image_meta": "image_id original_image_shape image_shape window scale active_class_ids",
    "parse_image_meta": "meta",
    "parse_image_meta_graph": "meta",
    "mold_image": "images config",
    "unmold_image": "normalized_images config",
    "trim_zeros_graph": "boxes name",
    "batch_pack_graph": "x counts num_rows",
    "norm_boxes_graph": "boxes shape",
    "denorm_boxes_graph": "boxes shape",
}
VISUALIZE = {
    "display_images": "images titles cols cmap norm interpolation",
    "random_colors": "N bright",
    "apply_mask": "image mask color alpha",
    "display_instances": "image boxes masks class_ids class_names scores title figsize ax show_mask show_bbox colors "
    "captions",
    "display_differences": "image gt_box gt_class_id gt_mask pred_box pred_class_id pred_score pred_mask class_names "
    "title ax show_mask show_box iou_threshold score_threshold",
    "draw_rois": "image rois refined_rois mask class_ids class_names limit",
    "draw_box": "image box color",
    "display_top_masks": "image mask class_ids class_names limit",
    "plot_precision_recall": "AP precisions recalls",
    "plot_overlaps": "gt_class_ids pred_class_ids pred_scores overlaps class_names threshold",
    "draw_boxes": "image boxes refined_boxes masks captions visibilities title ax",
    "display_table": "table",
    "display_weight_stats": "model",
}
METHODS = {
    "build": "mode config",
    "find_last": "",
    "load_weights": "filepath by_name exclude",
    "get_imagenet_weights": "",
    "compile": "learning_rate momentum",
    "set_trainable": "layer_regex keras_model indent verbose",
    "set_log_dir": "model_path",
    "train": "train_dataset val_dataset learning_rate epochs layers augmentation custom_callbacks "
    "no_augmentation_sources",
    "mold_inputs": "images",
    "unmold_detections": "detections mrcnn_mask original_image_shape image_shape window",
    "detect": "images verbose",
    "detect_molded": "molded_images image_metas verbose",
    "get_anchors": "image_shape",
    "ancestor": "tensor name checked",
    "find_trainable_layer": "layer",
    "get_trainable_layers": "",
    "run_graph": "images outputs image_metas",
}
DATASET = {
    "add_class": "source class_id class_name",
    "add_image": "source image_id path kwargs",
    "image_reference": "image_id",
    "prepare": "class_map",
    "map_source_class_id": "source_class_id",
    "get_source_class_id": "class_id source",
    "source_image_link": "image_id",
    "load_image": "image_id",
    "load_mask": "image_id",
}


def parameters(function):
    return [name for name in inspect.signature(function).parameters if name != "self"]


def starts_with(function, expected):
    """The original's parameters come first and in order; ours may follow when they have defaults."""
    actual, expected = list(inspect.signature(function).parameters.values()), expected.split()
    actual = [each for each in actual if each.name != "self"]
    assert [each.name for each in actual[: len(expected)]] == expected
    assert all(each.default is not each.empty for each in actual[len(expected) :])


@pytest.mark.parametrize("module,names", [("utils", UTILS), ("model", MODEL), ("visualize", VISUALIZE)])
def test_every_function_of_the_original_is_there(module, names):
    facade = importlib.import_module(f"mrcnn_roi.{module}")
    for name, expected in names.items():
        function = getattr(facade, name)
        if name == "trim_zeros":  # takes boxes here; the original called them x
            assert len(parameters(function)) == 1
        else:
            starts_with(function, expected)


def test_every_class_of_the_original_is_there():
    from mrcnn_roi import model, utils

    for name in ("BatchNorm", "ProposalLayer", "PyramidROIAlign", "DetectionTargetLayer", "DetectionLayer"):
        assert inspect.isclass(getattr(model, name))
    for name, expected in METHODS.items():
        starts_with(getattr(model.MaskRCNN, name), expected)
    for name, expected in DATASET.items():
        starts_with(getattr(utils.Dataset, name), expected)
    starts_with(model.MaskRCNN, "mode config model_dir")
    assert utils.COCO_MODEL_URL.endswith("v2.0/mask_rcnn_coco.h5")


@pytest.mark.parametrize("module", ["model", "utils", "visualize"])
def test_facades_are_imports_and_aliases_only(module):
    tree = ast.parse((Path(mrcnn_roi.__file__).parent / f"{module}.py").read_text())
    docstring, *body = tree.body
    assert isinstance(docstring.value, ast.Constant)
    for statement in body:
        alias = isinstance(statement, ast.Assign) and isinstance(statement.value, (ast.Name, ast.List, ast.Attribute))
        assert isinstance(statement, (ast.Import, ast.ImportFrom)) or alias, ast.unparse(statement)


def test_importing_the_package_imports_no_tensorflow():
    import subprocess
    import sys

    code = (
        "import sys, mrcnn_roi, mrcnn_roi.config, mrcnn_roi.preflight, mrcnn_roi.datasets, mrcnn_roi.evaluation.coco,"
        "mrcnn_roi.drawing.instances, mrcnn_roi.checks.rois, mrcnn_roi.cli;"
        "mrcnn_roi.config.Config(); assert not {'tensorflow', 'keras'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_public_names_resolve():
    for name in mrcnn_roi.__all__:
        assert getattr(mrcnn_roi, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = mrcnn_roi.nothing
