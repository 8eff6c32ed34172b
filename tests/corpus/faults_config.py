"""Faults of a Config alone, each by up to three routes: subclass body, assignment, YAML file."""

from __future__ import annotations

from functools import partial

import numpy as np

from mrcnn_roi.config import Config
from mrcnn_roi.preflight import preflight

from .builders import CPU, Plain, assigned, in_yaml, subclass
from .cases import ERROR, INFO, WARNING, Fault

WEIGHTS = dict.fromkeys(Config.LOSS_WEIGHTS, 1.0)
NAN, INF = float("nan"), float("inf")

# (code, severity, settings, what the message must show)
ROWS = [
    ("cfg-name-missing", ERROR, {"NAME": ""}, "''"),
    ("cfg-name-missing", ERROR, {"NAME": 2024}, "2024"),
    ("cfg-name-missing", ERROR, {"NAME": None}, "None"),
    ("cfg-name-chars", WARNING, {"NAME": "my data.v2"}, "my data.v2"),
    ("cfg-name-chars", WARNING, {"NAME": "run/3"}, "run/3"),
    ("cfg-name-chars", WARNING, {"NAME": "parts "}, "parts "),
    ("cfg-unknown-attribute", WARNING, {"IMAGE_MINDIM": 512}, "IMAGE_MIN_DIM"),
    ("cfg-unknown-attribute", WARNING, {"RESIZE_IMAGE_MODE": "pad64"}, "IMAGE_RESIZE_MODE"),
    ("cfg-unknown-attribute", WARNING, {"LEARNIN_RATE": 0.01}, "LEARNING_RATE"),
    ("cfg-unknown-attribute", WARNING, {"IMAGE_PER_GPU": 1}, "IMAGES_PER_GPU"),
    ("cfg-unknown-attribute", WARNING, {"STEPS_PER_EPOCHS": 10}, "STEPS_PER_EPOCH"),
    ("cfg-gpu-count", ERROR, {"GPU_COUNT": 0}, "0"),
    ("cfg-gpu-count", ERROR, {"GPU_COUNT": -1}, "-1"),
    ("cfg-gpu-count", ERROR, {"GPU_COUNT": 1.5}, "1.5"),
    ("cfg-gpu-count", ERROR, {"GPU_COUNT": "1"}, "'1'"),
    ("cfg-gpu-count", ERROR, {"GPU_COUNT": None}, "None"),
    ("cfg-images-per-gpu", ERROR, {"IMAGES_PER_GPU": 0}, "0"),
    ("cfg-images-per-gpu", ERROR, {"IMAGES_PER_GPU": "two"}, "two"),
    ("cfg-images-per-gpu", ERROR, {"IMAGES_PER_GPU": np.float64(2.5)}, "2.5"),
    ("cfg-num-classes-min", ERROR, {"NUM_CLASSES": 1}, "1"),
    ("cfg-num-classes-min", ERROR, {"NUM_CLASSES": 0}, "0"),
    ("cfg-num-classes-min", ERROR, {"NUM_CLASSES": "81"}, "81"),
    ("cfg-num-classes-min", ERROR, {"NUM_CLASSES": ["person", "dog"]}, "person"),
    ("cfg-image-dim-type", ERROR, {"IMAGE_MAX_DIM": "1024"}, "'1024'"),
    ("cfg-image-dim-type", ERROR, {"IMAGE_MAX_DIM": 1024.0}, "1024.0"),
    ("cfg-image-dim-type", ERROR, {"IMAGE_MAX_DIM": None}, "None"),
    ("cfg-image-dim-type", ERROR, {"IMAGE_MAX_DIM": 0}, "0"),
    ("cfg-image-dim-type", ERROR, {"IMAGE_MIN_DIM": 800.5}, "800.5"),
    ("cfg-image-dim-type", ERROR, {"IMAGE_MAX_DIM": [1024, 1024]}, "1024"),
    ("cfg-image-dim-type", ERROR, {"IMAGE_MIN_DIM": (512, 512)}, "512"),
    ("cfg-resize-mode-unknown", ERROR, {"IMAGE_RESIZE_MODE": "none "}, "'none '"),
    ("cfg-resize-mode-unknown", ERROR, {"IMAGE_RESIZE_MODE": "Square"}, "Square"),
    ("cfg-resize-mode-unknown", ERROR, {"IMAGE_RESIZE_MODE": "pad32"}, "pad32"),
    ("cfg-resize-mode-unknown", ERROR, {"IMAGE_RESIZE_MODE": None}, "None"),
    ("cfg-image-dim-not-div64", ERROR, {"IMAGE_MIN_DIM": 600, "IMAGE_MAX_DIM": 600}, "600"),
    ("cfg-image-dim-not-div64", ERROR, {"IMAGE_MAX_DIM": np.int64(1000)}, "1000"),
    ("cfg-image-dim-not-div64", ERROR, {"IMAGE_RESIZE_MODE": "crop", "IMAGE_MIN_DIM": 900}, "900"),
    ("cfg-min-gt-max", ERROR, {"IMAGE_MIN_DIM": 1024, "IMAGE_MAX_DIM": 512}, "1024"),
    ("cfg-min-gt-max", ERROR, {"IMAGE_MIN_DIM": 1088}, "1088"),
    ("cfg-pad64-min-dim", ERROR, {"IMAGE_RESIZE_MODE": "pad64", "IMAGE_MIN_DIM": 100}, "100"),
    ("cfg-pad64-min-dim", ERROR, {"IMAGE_RESIZE_MODE": "pad64", "IMAGE_MIN_DIM": None}, "None"),
    ("cfg-pad64-min-dim", ERROR, {"IMAGE_RESIZE_MODE": "pad64"}, "800"),
    ("cfg-crop-min-dim", ERROR, {"IMAGE_RESIZE_MODE": "crop", "IMAGE_MIN_DIM": 0}, "0"),
    ("cfg-crop-min-dim", ERROR, {"IMAGE_RESIZE_MODE": "crop", "IMAGE_MIN_DIM": None}, "None"),
    ("cfg-crop-min-dim", ERROR, {"IMAGE_RESIZE_MODE": "crop", "IMAGE_MIN_DIM": -64}, "-64"),
    ("cfg-min-scale-overruled", INFO, {"IMAGE_MIN_SCALE": 2.0}, "2"),
    ("cfg-channel-mean", ERROR, {"IMAGE_CHANNEL_COUNT": 4}, "4"),
    ("cfg-channel-mean", ERROR, {"IMAGE_CHANNEL_COUNT": 10}, "10"),
    ("cfg-channel-mean", ERROR, {"IMAGE_CHANNEL_COUNT": 1}, "IMAGE_CHANNEL_COUNT=1"),
    ("cfg-channel-mean", ERROR, {"MEAN_PIXEL": [123.7, 116.8]}, "2 values"),
    ("cfg-channel-mean", ERROR, {"MEAN_PIXEL": np.array([1.0, 2, 3, 4])}, "4 values"),
    ("cfg-channel-mean", ERROR, {"MEAN_PIXEL": "123.7"}, "123.7"),
    ("cfg-channel-mean", ERROR, {"MEAN_PIXEL": [NAN, 1.0, 2.0]}, "nan"),
    ("cfg-mean-range", WARNING, {"MEAN_PIXEL": [0.485, 0.456, 0.406]}, "0.485"),
    ("cfg-mean-range", WARNING, {"MEAN_PIXEL": np.array([-123.7, 116.8, 103.9])}, "-123.7"),
    ("cfg-mean-range", WARNING, {"MEAN_PIXEL": (70000.0, 65000.0, 60000.0)}, "70000"),
    ("cfg-silenced-unknown", WARNING, {"SILENCED_CHECKS": ["cfg-mean-ragne", "cfg-lr"]}, "cfg-mean-ragne"),
    ("cfg-silenced-unknown", WARNING, {"SILENCED_CHECKS": "cd_upscale"}, "cd_upscale"),
    ("cfg-backbone-name", ERROR, {"BACKBONE": "resnet-50"}, "resnet-50"),
    ("cfg-backbone-name", ERROR, {"BACKBONE": "vgg16"}, "vgg16"),
    ("cfg-backbone-name", ERROR, {"BACKBONE": "ResNet101"}, "ResNet101"),
    ("cfg-backbone-name", ERROR, {"BACKBONE": 50}, "50"),
    ("cfg-strides-order", ERROR, {"BACKBONE_STRIDES": [4, 8, 16, 64, 32]}, "64, 32"),
    ("cfg-strides-order", ERROR, {"BACKBONE_STRIDES": [0, 8, 16, 32, 64]}, "0, 8"),
    ("cfg-strides-order", ERROR, {"BACKBONE_STRIDES": [4, 8, 16, 32, 32]}, "32, 32"),
    ("cfg-strides-order", ERROR, {"BACKBONE_STRIDES": 16}, "16"),
    ("cfg-scales-positive", ERROR, {"RPN_ANCHOR_SCALES": [[8, 16], 32, 64, 128, 256]}, "[8, 16]"),
    ("cfg-scales-positive", ERROR, {"RPN_ANCHOR_SCALES": (0, 16, 32, 64, 128)}, "0"),
    ("cfg-scales-positive", ERROR, {"RPN_ANCHOR_SCALES": [-8, 16, 32, 64, 128]}, "-8"),
    ("cfg-scales-positive", ERROR, {"RPN_ANCHOR_SCALES": []}, "empty"),
    ("cfg-scales-positive", ERROR, {"RPN_ANCHOR_SCALES": "8,16,32,64,128"}, "8,16,32"),
    ("cfg-scales-order", WARNING, {"RPN_ANCHOR_SCALES": (512, 256, 128, 64, 32)}, "512"),
    ("cfg-scales-order", WARNING, {"RPN_ANCHOR_SCALES": np.array([32, 16, 64, 128, 256])}, "16"),
    ("cfg-ratios-positive", ERROR, {"RPN_ANCHOR_RATIOS": [0.5, 0, 2]}, "0"),
    ("cfg-ratios-positive", ERROR, {"RPN_ANCHOR_RATIOS": []}, "empty"),
    ("cfg-ratios-positive", ERROR, {"RPN_ANCHOR_RATIOS": 1.0}, "1.0"),
    ("cfg-ratios-positive", ERROR, {"RPN_ANCHOR_RATIOS": ["1:2", 1, 2]}, "1:2"),
    ("cfg-anchor-stride", ERROR, {"RPN_ANCHOR_STRIDE": 0}, "0"),
    ("cfg-anchor-stride", ERROR, {"RPN_ANCHOR_STRIDE": 1.5}, "1.5"),
    ("cfg-anchor-stride", ERROR, {"RPN_ANCHOR_STRIDE": [4, 8, 16, 32, 64]}, "4"),
    ("cfg-anchor-stride", WARNING, {"RPN_ANCHOR_STRIDE": 4}, "4"),
    ("cfg-threshold-range", ERROR, {"DETECTION_MIN_CONFIDENCE": 70}, "0.70"),
    ("cfg-threshold-range", ERROR, {"DETECTION_MIN_CONFIDENCE": -0.1}, "-0.1"),
    ("cfg-threshold-range", ERROR, {"DETECTION_NMS_THRESHOLD": 0}, "0"),
    ("cfg-threshold-range", ERROR, {"RPN_NMS_THRESHOLD": 1.7}, "1.7"),
    ("cfg-threshold-range", ERROR, {"RPN_NMS_THRESHOLD": "0.7"}, "'0.7'"),
    ("cfg-threshold-range", ERROR, {"DETECTION_NMS_THRESHOLD": NAN}, "nan"),
    ("cfg-roi-positive-zero", ERROR, {"TRAIN_ROIS_PER_IMAGE": 2}, "2 x 0.33"),
    ("cfg-roi-positive-zero", ERROR, {"TRAIN_ROIS_PER_IMAGE": 0}, "0"),
    ("cfg-roi-positive-zero", ERROR, {"ROI_POSITIVE_RATIO": 0.004}, "0.004"),
    ("cfg-roi-positive-ratio", ERROR, {"ROI_POSITIVE_RATIO": 0}, "0"),
    ("cfg-roi-positive-ratio", ERROR, {"ROI_POSITIVE_RATIO": 33}, "33"),
    ("cfg-roi-positive-ratio", ERROR, {"ROI_POSITIVE_RATIO": np.float32(1.5)}, "1.5"),
    ("cfg-roi-positive-ratio", INFO, {"ROI_POSITIVE_RATIO": 1.0}, "1"),
    ("cfg-roi-counts", WARNING, {"POST_NMS_ROIS_TRAINING": 100}, "100"),
    ("cfg-roi-counts", WARNING, {"PRE_NMS_LIMIT": 1500}, "1500"),
    ("cfg-roi-counts", WARNING, {"TRAIN_ROIS_PER_IMAGE": 3000}, "3000"),
    ("cfg-rpn-train-anchors", ERROR, {"RPN_TRAIN_ANCHORS_PER_IMAGE": 1}, "1"),
    ("cfg-rpn-train-anchors", ERROR, {"RPN_TRAIN_ANCHORS_PER_IMAGE": 0}, "0"),
    ("cfg-rpn-train-anchors", ERROR, {"RPN_TRAIN_ANCHORS_PER_IMAGE": 256.0}, "256.0"),
    ("cfg-rpn-train-anchors", INFO, {"RPN_TRAIN_ANCHORS_PER_IMAGE": 255}, "255"),
    ("cfg-pool-size", ERROR, {"POOL_SIZE": 0}, "0"),
    ("cfg-pool-size", ERROR, {"POOL_SIZE": (7, 7)}, "(7, 7)"),
    ("cfg-pool-size", ERROR, {"MASK_POOL_SIZE": 14.0}, "14.0"),
    ("cfg-mask-shape-vs-pool", ERROR, {"MASK_SHAPE": [56, 56]}, "56"),
    ("cfg-mask-shape-vs-pool", ERROR, {"MASK_POOL_SIZE": 7}, "7"),
    ("cfg-mask-shape-vs-pool", ERROR, {"MASK_SHAPE": 28}, "28"),
    ("cfg-mask-shape-vs-pool", ERROR, {"MASK_SHAPE": (28, 56)}, "56"),
    ("cfg-mini-mask-shape", ERROR, {"MINI_MASK_SHAPE": 56}, "56"),
    ("cfg-mini-mask-shape", ERROR, {"MINI_MASK_SHAPE": (56, 0)}, "0"),
    ("cfg-mini-mask-shape", ERROR, {"MINI_MASK_SHAPE": (56, 56, 1)}, "1"),
    ("cfg-mini-mask-shape", ERROR, {"MINI_MASK_SHAPE": [56.0, 56.0]}, "56.0"),
    ("cfg-mini-mask-small", WARNING, {"MINI_MASK_SHAPE": (14, 14)}, "14x14"),
    ("cfg-mini-mask-small", WARNING, {"MASK_SHAPE": [112, 112], "MASK_POOL_SIZE": 56}, "112x112"),
    (
        "cfg-full-mask-nonsquare",
        ERROR,
        {"USE_MINI_MASK": False, "IMAGE_RESIZE_MODE": "pad64", "IMAGE_MIN_DIM": 512},
        "pad64",
    ),
    ("cfg-full-mask-nonsquare", ERROR, {"USE_MINI_MASK": False, "IMAGE_RESIZE_MODE": "none"}, "none"),
    ("cfg-full-mask-memory", WARNING, {"USE_MINI_MASK": False, "IMAGES_PER_GPU": 16}, "1.7 GB"),
    ("cfg-full-mask-memory", WARNING, {"USE_MINI_MASK": False, "IMAGE_MAX_DIM": 2304, "MAX_GT_INSTANCES": 256}, "2304"),
    ("cfg-bbox-std", ERROR, {"BBOX_STD_DEV": [0.1, 0.1, 0.2]}, "0.1, 0.1, 0.2"),
    ("cfg-bbox-std", ERROR, {"RPN_BBOX_STD_DEV": np.array([0.1, 0.1, 0.2, 0])}, "0.0"),
    ("cfg-bbox-std", ERROR, {"BBOX_STD_DEV": 0.1}, "0.1"),
    ("cfg-bbox-std", ERROR, {"RPN_BBOX_STD_DEV": [0.1, -0.1, 0.2, 0.2]}, "-0.1"),
    ("cfg-loss-weights-key", ERROR, {"LOSS_WEIGHTS": {**WEIGHTS, "mrcnn_mask_los": 2.0}}, "mrcnn_mask_los"),
    ("cfg-loss-weights-key", ERROR, {"LOSS_WEIGHTS": {**WEIGHTS, "dice_loss": 1.0}}, "dice_loss"),
    ("cfg-loss-weights-key", ERROR, {"LOSS_WEIGHTS": [1, 1, 1, 1, 1]}, "[1, 1"),
    ("cfg-loss-weights-key", WARNING, {"LOSS_WEIGHTS": dict(list(WEIGHTS.items())[:4])}, "mrcnn_mask_loss"),
    ("cfg-loss-weights-zero", WARNING, {"LOSS_WEIGHTS": {**WEIGHTS, "mrcnn_mask_loss": 0}}, "mrcnn_mask_loss"),
    ("cfg-loss-weights-negative", ERROR, {"LOSS_WEIGHTS": {**WEIGHTS, "rpn_bbox_loss": -1.0}}, "-1.0"),
    ("cfg-loss-weights-negative", ERROR, {"LOSS_WEIGHTS": {**WEIGHTS, "rpn_class_loss": INF}}, "inf"),
    ("cfg-loss-weights-negative", ERROR, {"LOSS_WEIGHTS": {**WEIGHTS, "rpn_class_loss": "1.0"}}, "'1.0'"),
    ("cfg-steps-zero", ERROR, {"STEPS_PER_EPOCH": 0}, "0"),
    ("cfg-steps-zero", ERROR, {"STEPS_PER_EPOCH": 131 / 2}, "65.5"),
    ("cfg-steps-zero", ERROR, {"VALIDATION_STEPS": -1}, "-1"),
    ("cfg-steps-zero", ERROR, {"STEPS_PER_EPOCH": None}, "None"),
    ("cfg-lr", ERROR, {"LEARNING_RATE": 0}, "0"),
    ("cfg-lr", ERROR, {"LEARNING_RATE": -0.001}, "-0.001"),
    ("cfg-lr", ERROR, {"LEARNING_RATE": NAN}, "nan"),
    ("cfg-lr", ERROR, {"LEARNING_RATE": "1e-3"}, "1e-3"),
    ("cfg-lr", ERROR, {"LEARNING_RATE": 0.5}, "0.5"),
    ("cfg-lr", WARNING, {"LEARNING_RATE": 0.05}, "0.05"),
    ("cfg-lr", WARNING, {"LEARNING_RATE": 0.02, "IMAGES_PER_GPU": 1}, "0.02"),
    ("cfg-momentum", ERROR, {"LEARNING_MOMENTUM": 1.0}, "1.0"),
    ("cfg-momentum", ERROR, {"LEARNING_MOMENTUM": -0.9}, "-0.9"),
    ("cfg-momentum", ERROR, {"LEARNING_MOMENTUM": 90}, "90"),
    ("cfg-clip-norm", ERROR, {"GRADIENT_CLIP_NORM": 0}, "0"),
    ("cfg-clip-norm", ERROR, {"GRADIENT_CLIP_NORM": -5.0}, "-5.0"),
    ("cfg-clip-norm", ERROR, {"GRADIENT_CLIP_NORM": NAN}, "nan"),
    ("cfg-weight-decay", ERROR, {"WEIGHT_DECAY": -0.0001}, "-0.0001"),
    ("cfg-weight-decay", WARNING, {"WEIGHT_DECAY": 0.1}, "0.1"),
    ("cfg-train-bn-batch", WARNING, {"TRAIN_BN": True}, "2 images"),
    ("cfg-train-bn-batch", WARNING, {"TRAIN_BN": None, "IMAGES_PER_GPU": 1}, "None"),
    ("cfg-max-gt", ERROR, {"MAX_GT_INSTANCES": 0}, "0"),
    ("cfg-max-gt", ERROR, {"MAX_GT_INSTANCES": "100"}, "'100'"),
    ("cfg-type", ERROR, {"TOP_DOWN_PYRAMID_SIZE": "256"}, "'256'"),
    ("cfg-type", ERROR, {"USE_MINI_MASK": "yes"}, "yes"),
    ("cfg-type", ERROR, {"DETECTION_MAX_INSTANCES": 100.5}, "100.5"),
    ("cfg-range", ERROR, {"DETECTION_MAX_INSTANCES": 0}, "0"),
    ("cfg-range", ERROR, {"POST_NMS_ROIS_INFERENCE": -1000}, "-1000"),
    ("cfg-range", ERROR, {"IMAGE_CHANNEL_COUNT": 0}, "0"),
    ("cfg-pool-method", ERROR, {"ROI_POOL_METHOD": "RoIAlign"}, "RoIAlign"),
    ("cfg-pool-sampling", ERROR, {"ROI_POOL_METHOD": "roi_align", "ROI_POOL_SAMPLING_RATIO": 0.5}, "0.5"),
    ("cfg-pool-aggregate", ERROR, {"ROI_POOL_METHOD": "roi_align", "ROI_POOL_AGGREGATE": "sum"}, "sum"),
    ("cfg-pool-levels", ERROR, {"ROI_POOL_LEVELS": (2, 3, 4, 5, 6)}, "6"),
    ("cfg-pool-unused", WARNING, {"ROI_POOL_SAMPLING_RATIO": 4}, "4"),
    ("cfg-sampling", ERROR, {"SAMPLING": "class_balanced"}, "class_balanced"),
    ("cfg-sampling", ERROR, {"SAMPLING": None}, "None"),
    ("cfg-sampling-threshold", ERROR, {"SAMPLING_THRESHOLD": 0}, "0"),
    ("cfg-sampling-threshold", ERROR, {"SAMPLING_THRESHOLD": "rare"}, "rare"),
    ("cfg-sample-cache", ERROR, {"SAMPLE_CACHE": True}, "True"),
    ("cfg-range", ERROR, {"WORKERS": -1}, "-1"),
    ("cfg-type", ERROR, {"WORKERS": "all"}, "all"),
    ("mdl-strides-vs-scales", ERROR, {"RPN_ANCHOR_SCALES": (32, 64, 128)}, "3 anchor scales"),
    ("mdl-strides-vs-scales", ERROR, {"RPN_ANCHOR_SCALES": [8, 16, 32, 64, 128, 256]}, "6 anchor scales"),
    (
        "mdl-strides-vs-scales",
        ERROR,
        {"RPN_ANCHOR_SCALES": (16, 32, 64, 128), "BACKBONE_STRIDES": [4, 8, 16, 32]},
        "4 anchor scales",
    ),
    ("mdl-strides-vs-backbone", ERROR, {"BACKBONE_STRIDES": [8, 16, 32, 64, 128]}, "[8, 16, 32, 64, 128]"),
    ("mdl-strides-vs-backbone", ERROR, {"BACKBONE": "resnet50", "BACKBONE_STRIDES": [2, 4, 8, 16, 32]}, "2, 4, 8"),
    (
        "mdl-anchor-gt-image",
        WARNING,
        {"IMAGE_MIN_DIM": 128, "IMAGE_MAX_DIM": 128},
        "256, 512 cannot fit in 128x128",
    ),
    ("mdl-anchor-gt-image", WARNING, {"RPN_ANCHOR_SCALES": (64, 128, 256, 512, 2048)}, "2048"),
]


def _typed(value) -> bool:
    """Whether a person could type the value into a YAML file so that it stays what it is."""
    if isinstance(value, dict):
        return all(_typed(each) for each in value.values())
    if isinstance(value, list):
        return all(_typed(each) for each in value)
    return value is None or type(value) in (bool, int, float, str)


def _routes(code, severity, settings, value):
    stay_unset = code in ("cfg-name-missing", "cfg-num-classes-min")
    label = ",".join(f"{name}={each}" for name, each in settings.items())[:70]
    yield Fault(code, severity, value, lambda _: subclass(**settings), f"class {label}")
    yield Fault(code, severity, value, lambda _: assigned(**settings), f"assigned {label}")
    if all(map(_typed, settings.values())) and not stay_unset and code != "cfg-unknown-attribute":
        yield Fault(code, severity, value, lambda folder: in_yaml(folder, **settings), f"yaml {label}")


# ---- what takes more than settings ---------------------------------------------------------------------


def changed_later(**values):
    """Assigned without finalize(), as scripts do."""

    def find(_):
        config = Plain()
        for name, value in values.items():
            setattr(config, name, value)
        return preflight(config, environment=CPU)

    return find


def backbone(input_image, stage5=True, train_bn=None):
    return [input_image] * 5


def maps_of(*strides):
    return staticmethod(lambda shape: [[-(-shape[0] // s), -(-shape[1] // s)] for s in strides])


class Overriding(Plain):
    """Sets a source of a computed value after the parent has computed it."""

    def __init__(self):
        super().__init__()
        self.IMAGES_PER_GPU = 1


def text_file(text):
    def find(folder):
        from .builders import refused_or

        (folder / "broken.yaml").write_text(text)
        return refused_or(lambda: preflight(Plain.from_yaml(folder / "broken.yaml"), environment=CPU))

    return find


BOTH_GPUS = {"env-gpu-count": "the machine of these cases has no GPU"}
OWN = {"BACKBONE": staticmethod(backbone)}
SIX = (4, 8, 16, 32, 64, 128)

OTHERS = [
    Fault("cfg-stale-computed", ERROR, "BATCH_SIZE", changed_later(IMAGES_PER_GPU=1), "images per gpu"),
    Fault("cfg-stale-computed", ERROR, "BATCH_SIZE", changed_later(GPU_COUNT=np.int64(2)), "gpus", BOTH_GPUS),
    Fault("cfg-stale-computed", ERROR, "IMAGE_META_SIZE", changed_later(NUM_CLASSES=7), "classes"),
    Fault(
        "cfg-stale-computed", ERROR, "IMAGE_SHAPE", changed_later(IMAGE_MIN_DIM=512, IMAGE_MAX_DIM=512), "image size"
    ),
    Fault("cfg-stale-computed", ERROR, "8", changed_later(BATCH_SIZE=8), "batch size alone"),
    Fault("cfg-stale-computed", ERROR, "BATCH_SIZE", lambda _: preflight(Overriding(), environment=CPU), "__init__"),
    # A value that is wrong itself is one finding, however it was assigned.
    Fault("cfg-images-per-gpu", ERROR, "0", changed_later(IMAGES_PER_GPU=0), "without finalize"),
    Fault("cfg-num-classes-min", ERROR, "1", changed_later(NUM_CLASSES=1), "without finalize"),
    Fault(
        "cfg-image-dim-not-div64",
        ERROR,
        "600",
        changed_later(IMAGE_MIN_DIM=600, IMAGE_MAX_DIM=600),
        "without finalize",
    ),
    Fault("cfg-name-missing", ERROR, "None", lambda _: preflight(type("C", (Config,), {"NUM_CLASSES": 2})()), "unset"),
    Fault("cfg-num-classes-min", ERROR, "1", lambda _: preflight(type("C", (Config,), {"NAME": "a"})()), "unset"),
    Fault("cfg-backbone-shape-fn", ERROR, "None", lambda _: subclass(**OWN), "in the class"),
    Fault("cfg-backbone-shape-fn", ERROR, "None", partial(lambda _: assigned(BACKBONE=backbone)), "assigned"),
    Fault(
        "mdl-strides-vs-scales",
        ERROR,
        "5 anchor scales",
        lambda _: subclass(**OWN, COMPUTE_BACKBONE_SHAPE=maps_of(*SIX), BACKBONE_STRIDES=list(SIX)),
        "own backbone of six levels",
    ),
    Fault(
        "mdl-strides-vs-backbone",
        ERROR,
        "map [128, 128], stride 4",
        lambda _: subclass(**OWN, COMPUTE_BACKBONE_SHAPE=maps_of(8, 16, 32, 64, 128)),
        "own backbone",
    ),
    Fault(
        "mdl-anchor-count",
        ERROR,
        "anchors",
        lambda _: subclass(**OWN, COMPUTE_BACKBONE_SHAPE=maps_of(*SIX)),
        "six maps for five strides",
    ),
    Fault(
        "mdl-anchor-count",
        ERROR,
        "anchors",
        lambda _: subclass(**OWN, COMPUTE_BACKBONE_SHAPE=maps_of(4, 8, 16, 32)),
        "four maps for five strides",
    ),
    Fault(
        "mdl-nonresnet-odd-size",
        WARNING,
        "pads images to multiples of 64",
        lambda _: subclass(
            **OWN,
            COMPUTE_BACKBONE_SHAPE=maps_of(*SIX),
            BACKBONE_STRIDES=list(SIX),
            RPN_ANCHOR_SCALES=(8, 16, 32, 64, 128, 256),
            IMAGE_RESIZE_MODE="pad64",
            IMAGE_MIN_DIM=0,
        ),
    ),
    Fault("cfg-yaml", ERROR, "line 3", text_file("NAME: a\nNUM_CLASSES: [1, 2\nIMAGE_MIN_DIM: 64\n"), "bracket"),
    Fault("cfg-yaml", ERROR, "twice", text_file("NUM_CLASSES: 3\nGPU_COUNT: 1\nGPU_COUNT: 2\n"), "twice"),
    Fault("cfg-yaml", ERROR, "os.system", text_file("NAME: !!python/object/apply:os.system [true]\n"), "tag"),
    Fault("cfg-yaml", ERROR, "nowhere.yaml", text_file("BASE: nowhere.yaml\n"), "missing base"),
]

FAULTS = [fault for row in ROWS for fault in _routes(*row)] + OTHERS
