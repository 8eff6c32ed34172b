"""For every code of the group "config" a configuration that has the mistake and a similar one that has not.

EXAMPLES[code] is (bad, good): the objects for `run_checks`. `findings_of(example)` runs the group on them.
"""

from pathlib import Path

import numpy as np

from mrcnn_roi.config import Config, ConfigFile
from mrcnn_roi.findings import run_checks


class Usual(Config):
    NAME = "shapes"
    NUM_CLASSES = 1 + 3


def config(finalize=True, **attributes) -> Config:
    """A working configuration with `attributes` assigned afterwards, so that it may be wrong."""
    made = Usual()
    for name, value in attributes.items():
        setattr(made, name, value)
    return made.finalize() if finalize else made


def pair(bad: dict, good: dict):
    return {"config": config(**bad)}, {"config": config(**good)}


def backbone(input_image, stage5=True, train_bn=None):
    return [input_image] * 5


def backbone_shapes(image_shape):
    return [[-(-image_shape[0] // stride), -(-image_shape[1] // stride)] for stride in (4, 8, 16, 32, 64)]


WEIGHTS = dict(Config.LOSS_WEIGHTS)
FULL_MASKS = {"USE_MINI_MASK": False}
OWN = {"BACKBONE": backbone, "COMPUTE_BACKBONE_SHAPE": backbone_shapes}

EXAMPLES = {
    "cfg-yaml": (
        {"config_file": ConfigFile(Path("a.yaml"), problems=[("a.yaml, line 1, column 1", "no YAML", "write YAML")])},
        {"config_file": ConfigFile(Path("a.yaml"), values={"NAME": "shapes"})},
    ),
    "cfg-type": pair({"TOP_DOWN_PYRAMID_SIZE": "256"}, {"TOP_DOWN_PYRAMID_SIZE": np.int64(128)}),
    "cfg-range": pair({"DETECTION_MAX_INSTANCES": 0}, {"DETECTION_MAX_INSTANCES": 1}),
    "cfg-name-missing": pair({"NAME": ""}, {"NAME": "größe-2"}),
    "cfg-name-chars": pair({"NAME": "my data.v2"}, {"NAME": "größe_v-2"}),
    "cfg-unknown-attribute": pair({"IMAGE_MINDIM": 512}, {"DATA_FOLDER": "x", "image_mindim": 512}),
    "cfg-stale-computed": (
        {"config": config(finalize=False, IMAGES_PER_GPU=1)},
        {"config": config(finalize=False, IMAGES_PER_GPU=1, BATCH_SIZE=1)},
    ),
    "cfg-gpu-count": pair({"GPU_COUNT": 0}, {"GPU_COUNT": np.int32(2)}),
    "cfg-images-per-gpu": pair({"IMAGES_PER_GPU": 0.5}, {"IMAGES_PER_GPU": np.int64(1)}),
    "cfg-num-classes-min": pair({"NUM_CLASSES": 1}, {"NUM_CLASSES": 2}),
    "cfg-image-dim-type": pair({"IMAGE_MAX_DIM": 512.0}, {"IMAGE_MIN_DIM": None}),
    "cfg-resize-mode-unknown": pair({"IMAGE_RESIZE_MODE": "none "}, {"IMAGE_RESIZE_MODE": "none", "IMAGE_MIN_DIM": 0}),
    "cfg-image-dim-not-div64": pair({"IMAGE_MIN_DIM": 600, "IMAGE_MAX_DIM": 600}, {"IMAGE_MIN_DIM": 600}),
    "cfg-min-gt-max": pair({"IMAGE_MIN_DIM": 1024, "IMAGE_MAX_DIM": 512}, {"IMAGE_MIN_DIM": 512, "IMAGE_MAX_DIM": 512}),
    "cfg-pad64-min-dim": pair(
        {"IMAGE_RESIZE_MODE": "pad64", "IMAGE_MIN_DIM": 100},
        {"IMAGE_RESIZE_MODE": "pad64", "IMAGE_MIN_DIM": 0},
    ),
    "cfg-crop-min-dim": pair(
        {"IMAGE_RESIZE_MODE": "crop", "IMAGE_MIN_DIM": None},
        {"IMAGE_RESIZE_MODE": "crop", "IMAGE_MIN_DIM": 64},
    ),
    "cfg-min-scale-overruled": pair(
        {"IMAGE_MIN_SCALE": 2, "IMAGE_MIN_DIM": 800}, {"IMAGE_MIN_SCALE": 2, "IMAGE_MIN_DIM": 512}
    ),
    "cfg-channel-mean": pair({"IMAGE_CHANNEL_COUNT": 1}, {"IMAGE_CHANNEL_COUNT": 1, "MEAN_PIXEL": np.array([97.3])}),
    "cfg-mean-range": pair({"MEAN_PIXEL": [0.485, 0.456, 0.406]}, {"MEAN_PIXEL": [1830.0, 1700, 1500]}),
    "cfg-silenced-unknown": (
        {"config": config(SILENCED_CHECKS=["cfg-lrr"]), "known_codes": ["cfg-lr"]},
        {"config": config(SILENCED_CHECKS=["cfg-lr"]), "known_codes": ["cfg-lr"]},
    ),
    "cfg-backbone-name": pair({"BACKBONE": "resnet-50"}, {"BACKBONE": "tiny"}),
    "cfg-backbone-shape-fn": pair({"BACKBONE": backbone}, OWN),
    "cfg-strides-order": pair({"BACKBONE_STRIDES": [4, 8, 16, 64, 32]}, {"BACKBONE_STRIDES": (4, 8, 16, 32)}),
    "cfg-scales-positive": pair(
        {"RPN_ANCHOR_SCALES": [(8, 16), 32, 64, 128, 256]}, {"RPN_ANCHOR_SCALES": [8.5, 16, 32, 64, 128]}
    ),
    "cfg-scales-order": pair(
        {"RPN_ANCHOR_SCALES": (512, 256, 128, 64, 32)}, {"RPN_ANCHOR_SCALES": (32, 32, 64, 128, 256)}
    ),
    "cfg-ratios-positive": pair({"RPN_ANCHOR_RATIOS": [0, 1, 2]}, {"RPN_ANCHOR_RATIOS": [1]}),
    "cfg-anchor-stride": pair({"RPN_ANCHOR_STRIDE": 0}, {"RPN_ANCHOR_STRIDE": 2}),
    "cfg-threshold-range": pair({"DETECTION_MIN_CONFIDENCE": 70}, {"DETECTION_MIN_CONFIDENCE": 0}),
    "cfg-roi-positive-zero": pair({"TRAIN_ROIS_PER_IMAGE": 2}, {"TRAIN_ROIS_PER_IMAGE": 4}),
    "cfg-roi-positive-ratio": pair({"ROI_POSITIVE_RATIO": 1.5}, {"ROI_POSITIVE_RATIO": 0.5}),
    "cfg-roi-counts": pair({"POST_NMS_ROIS_TRAINING": 100}, {"POST_NMS_ROIS_TRAINING": 200}),
    "cfg-rpn-train-anchors": pair({"RPN_TRAIN_ANCHORS_PER_IMAGE": 1}, {"RPN_TRAIN_ANCHORS_PER_IMAGE": 2}),
    "cfg-pool-size": pair({"POOL_SIZE": (7, 7)}, {"POOL_SIZE": 5}),
    "cfg-pool-method": pair({"ROI_POOL_METHOD": "RoIAlign"}, {"ROI_POOL_METHOD": "roi_align"}),
    "cfg-pool-sampling": pair(
        {"ROI_POOL_SAMPLING_RATIO": 2.5}, {"ROI_POOL_METHOD": "roi_warp", "ROI_POOL_SAMPLING_RATIO": np.int64(-1)}
    ),
    "cfg-pool-aggregate": pair(
        {"ROI_POOL_AGGREGATE": "ave"}, {"ROI_POOL_METHOD": "roi_align", "ROI_POOL_AGGREGATE": "max"}
    ),
    "cfg-pool-levels": pair({"ROI_POOL_LEVELS": (2, 3, 5)}, {"ROI_POOL_LEVELS": [3, 4, 5]}),
    "cfg-pool-unused": pair(
        {"ROI_POOL_METHOD": "crop_and_resize", "ROI_POOL_AGGREGATE": "max"},
        {"ROI_POOL_METHOD": "roi_pool", "ROI_POOL_AGGREGATE": "max"},
    ),
    "cfg-sampling": pair({"SAMPLING": "balance"}, {"SAMPLING": "balanced"}),
    "cfg-sampling-threshold": pair({"SAMPLING_THRESHOLD": 25}, {"SAMPLING_THRESHOLD": 0.25}),
    "cfg-sample-cache": pair({"SAMPLE_CACHE": "ram"}, {"SAMPLE_CACHE": "memory"}),
    "cfg-mask-shape-vs-pool": pair({"MASK_SHAPE": [56, 56]}, {"MASK_SHAPE": (56, 56), "MASK_POOL_SIZE": 28}),
    "cfg-mini-mask-shape": pair({"MINI_MASK_SHAPE": 56}, {"MINI_MASK_SHAPE": [56, 56]}),
    "cfg-mini-mask-small": pair({"MINI_MASK_SHAPE": (14, 14)}, {"MINI_MASK_SHAPE": (14, 14), **FULL_MASKS}),
    "cfg-full-mask-nonsquare": pair({**FULL_MASKS, "IMAGE_RESIZE_MODE": "pad64", "IMAGE_MIN_DIM": 0}, FULL_MASKS),
    "cfg-full-mask-memory": pair({**FULL_MASKS, "IMAGES_PER_GPU": 16}, {**FULL_MASKS, "IMAGES_PER_GPU": 1}),
    "cfg-bbox-std": pair({"BBOX_STD_DEV": [0.1, 0.1, 0.2, 0]}, {"BBOX_STD_DEV": [0.1, 0.1, 0.2, 0.2]}),
    "cfg-loss-weights-key": pair(
        {"LOSS_WEIGHTS": {**WEIGHTS, "mrcnn_mask_los": 2.0}},
        {"LOSS_WEIGHTS": {**WEIGHTS, "mrcnn_mask_loss": 2.0}},
    ),
    "cfg-loss-weights-zero": pair(
        {"LOSS_WEIGHTS": {**WEIGHTS, "mrcnn_mask_loss": 0}},
        {"LOSS_WEIGHTS": {**WEIGHTS, "mrcnn_mask_loss": 0.1}},
    ),
    "cfg-loss-weights-negative": pair(
        {"LOSS_WEIGHTS": {**WEIGHTS, "rpn_bbox_loss": float("nan")}},
        {"LOSS_WEIGHTS": {**WEIGHTS, "rpn_bbox_loss": 5}},
    ),
    "cfg-steps-zero": pair({"STEPS_PER_EPOCH": 0}, {"VALIDATION_STEPS": 0}),
    "cfg-lr": pair({"LEARNING_RATE": 0.5}, {"LEARNING_RATE": 0.01}),
    "cfg-momentum": pair({"LEARNING_MOMENTUM": 1}, {"LEARNING_MOMENTUM": 0}),
    "cfg-clip-norm": pair({"GRADIENT_CLIP_NORM": 0}, {"GRADIENT_CLIP_NORM": None}),
    "cfg-weight-decay": pair({"WEIGHT_DECAY": 0.1}, {"WEIGHT_DECAY": 0}),
    "cfg-train-bn-batch": pair({"TRAIN_BN": None}, {"TRAIN_BN": True, "IMAGES_PER_GPU": 8}),
    "cfg-max-gt": pair({"MAX_GT_INSTANCES": 0}, {"MAX_GT_INSTANCES": 1}),
}


def findings_of(example: dict):
    return run_checks("config", **example)
