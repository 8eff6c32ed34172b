"""Configurations that are fine: the original's samples, and everything unusual that its users do."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from mrcnn_roi.checks.environment import Environment
from mrcnn_roi.config import Config
from mrcnn_roi.preflight import preflight

from .builders import CPU, Plain
from .cases import Setup

ROOT = Path(__file__).resolve().parents[2]
GPUS = Environment("tensorflow", "3.5.0", "2.18.0", 16, 80.0)
FIRST = "cfg-unknown-attribute"


def of(kind, **changes):
    """find(folder) for a class, or an instance with attributes assigned and finalized."""

    def find(_):
        config = kind()
        for name, value in changes.items():
            setattr(config, name, value)
        return preflight(config.finalize() if changes else config, environment=CPU)

    return find


def body(base=Plain, **settings):
    return lambda _: preflight(type("Mine", (base,), settings)(), environment=CPU)


def yaml(text):
    def find(folder):
        (folder / "mine.yaml").write_text(text, encoding="utf-8")
        return preflight(Config.from_yaml(folder / "mine.yaml"), environment=CPU)

    return find


class Balloon(Config):
    NAME = "balloon"
    IMAGES_PER_GPU = 2
    NUM_CLASSES = 1 + 1
    STEPS_PER_EPOCH = 100
    DETECTION_MIN_CONFIDENCE = 0.9


class Coco(Config):
    NAME = "coco"
    IMAGES_PER_GPU = 2
    NUM_CLASSES = 1 + 80


class CocoInference(Coco):
    GPU_COUNT = 1
    IMAGES_PER_GPU = 1
    DETECTION_MIN_CONFIDENCE = 0


class Shapes(Config):
    NAME = "shapes"
    GPU_COUNT = 1
    IMAGES_PER_GPU = 8
    NUM_CLASSES = 1 + 3
    IMAGE_MIN_DIM = 128
    IMAGE_MAX_DIM = 128
    RPN_ANCHOR_SCALES = (8, 16, 32, 64, 128)
    TRAIN_ROIS_PER_IMAGE = 32
    STEPS_PER_EPOCH = 100
    VALIDATION_STEPS = 5


class Nucleus(Config):
    NAME = "nucleus"
    IMAGES_PER_GPU = 6
    NUM_CLASSES = 1 + 1
    STEPS_PER_EPOCH = (657 - 25) // IMAGES_PER_GPU
    VALIDATION_STEPS = max(1, 25 // IMAGES_PER_GPU)
    DETECTION_MIN_CONFIDENCE = 0
    BACKBONE = "resnet50"
    IMAGE_RESIZE_MODE = "crop"
    IMAGE_MIN_DIM = 512
    IMAGE_MAX_DIM = 512
    IMAGE_MIN_SCALE = 2.0
    RPN_ANCHOR_SCALES = (8, 16, 32, 64, 128)
    POST_NMS_ROIS_TRAINING = 1000
    POST_NMS_ROIS_INFERENCE = 2000
    RPN_NMS_THRESHOLD = 0.9
    RPN_TRAIN_ANCHORS_PER_IMAGE = 64
    MEAN_PIXEL = np.array([43.53, 39.56, 48.22])
    USE_MINI_MASK = True
    MINI_MASK_SHAPE = (56, 56)
    TRAIN_ROIS_PER_IMAGE = 128
    MAX_GT_INSTANCES = 200
    DETECTION_MAX_INSTANCES = 400


class NucleusInference(Nucleus):
    GPU_COUNT = 1
    IMAGES_PER_GPU = 1
    IMAGE_RESIZE_MODE = "pad64"
    RPN_NMS_THRESHOLD = 0.7


class OwnInit(Plain):
    """Sets everything in __init__, and computes again what depends on it."""

    def __init__(self, size=512):
        self.IMAGES_PER_GPU = 1
        self.IMAGE_MIN_DIM = self.IMAGE_MAX_DIM = size
        super().__init__()
        self.class_names = ["BG", "a", "b", "c"]


class Properties(Plain):
    """Settings as properties, with constants and methods of its own."""

    DATASET_SIZE = 657
    CLASS_NAMES = ("a", "b", "c")
    LABELS_FILE = "labels.csv"
    image_mindim = 512

    @property
    def BATCH_SIZE(self):
        return self.IMAGES_PER_GPU * self.GPU_COUNT

    @property
    def STEPS_PER_EPOCH(self):
        return self.DATASET_SIZE // 2

    def NUM_CLASS_NAMES(self):
        return len(self.CLASS_NAMES)


class Mutable(Plain):
    """Lists where the original has tuples and arrays."""

    RPN_ANCHOR_SCALES = [16.0, 32.0, 64.0, 128.0, 256.0]
    RPN_ANCHOR_RATIOS = (1,)
    BACKBONE_STRIDES = (4, 8, 16, 32, 64)
    MINI_MASK_SHAPE = [56, 56]
    MASK_SHAPE = (28, 28)
    BBOX_STD_DEV = [0.1, 0.1, 0.2, 0.2]
    MEAN_PIXEL = [123.7, 116.8, 103.9]


NUMPY = {
    "GPU_COUNT": np.int64(1), "IMAGES_PER_GPU": np.int32(2), "NUM_CLASSES": np.int16(4), "POOL_SIZE": np.uint8(7),
    "IMAGE_MIN_DIM": np.int64(800), "IMAGE_MAX_DIM": np.int64(1024), "LEARNING_RATE": np.float32(0.001),
    "RPN_ANCHOR_SCALES": np.array([32, 64, 128, 256, 512]), "RPN_ANCHOR_RATIOS": np.array([0.5, 1, 2]),
    "STEPS_PER_EPOCH": np.int64(100), "MASK_SHAPE": np.array([28, 28]), "MINI_MASK_SHAPE": np.array([56, 56]),
    "DETECTION_MIN_CONFIDENCE": np.float64(0.5), "USE_MINI_MASK": np.bool_(True), "MAX_GT_INSTANCES": np.array(50),
    "ROI_POSITIVE_RATIO": np.float16(0.33), "BACKBONE_STRIDES": np.array([4, 8, 16, 32, 64]),
    "TRAIN_BN": np.bool_(False),
}  # fmt: skip


def mobile(input_image, stage5=True, train_bn=None):
    return [input_image] * 5


def mobile_shapes(image_shape):
    return np.array([[-(-image_shape[0] // s), -(-image_shape[1] // s)] for s in (4, 8, 16, 32, 64)])


def of_32(image_shape):
    return [[image_shape[0] // s, image_shape[1] // s] for s in (2, 4, 8, 16, 32)]


class Mobile(Plain):
    BACKBONE = mobile
    COMPUTE_BACKBONE_SHAPE = mobile_shapes


class Stride32(Plain):
    BACKBONE = staticmethod(mobile)
    COMPUTE_BACKBONE_SHAPE = staticmethod(of_32)
    BACKBONE_STRIDES = [2, 4, 8, 16, 32]
    IMAGE_MIN_DIM = IMAGE_MAX_DIM = 480
    RPN_ANCHOR_SCALES = (8, 16, 32, 64, 128)


class FourLevels(Plain):
    BACKBONE = staticmethod(mobile)
    COMPUTE_BACKBONE_SHAPE = staticmethod(lambda shape: mobile_shapes(shape)[:4])
    BACKBONE_STRIDES = [4, 8, 16, 32]
    RPN_ANCHOR_SCALES = (32, 64, 128, 256)


def repository_file(name):
    return lambda _: preflight(Config.from_yaml(ROOT / "configs" / name), environment=CPU)


def environment(**facts):
    return lambda _: preflight(Plain(), environment=replace(CPU, **facts))


def schedule(step):
    return 0.001 * 0.95**step


NO_MINI = {"USE_MINI_MASK": False}
SETUPS = [
    Setup("defaults", of(Plain), ("*",)),
    Setup("balloon sample", of(Balloon), ("*",)),
    Setup("COCO sample", of(Coco), ("*",)),
    Setup("COCO sample, inference", of(CocoInference), ("*",)),
    Setup("shapes sample", of(Shapes), ("*",)),
    Setup("nucleus sample", of(Nucleus), ("*",)),
    Setup("nucleus sample, inference", of(NucleusInference), ("*",)),
    Setup("__init__ of its own", of(OwnInit), ("*",)),
    Setup("properties, constants and methods", of(Properties), ("*",)),
    Setup("lists for tuples and arrays", of(Mutable), ("*",)),
    Setup("lists assigned", of(Plain, MINI_MASK_SHAPE=[64, 64], MASK_SHAPE=[28, 28]), ("*",)),
    Setup("numpy numbers", of(Plain, **NUMPY), ("*",)),
    Setup("numpy numbers in the class", body(**NUMPY), ("*",)),
    Setup("changed and finalized", of(Plain, IMAGES_PER_GPU=1, NUM_CLASSES=81, IMAGE_MIN_DIM=512, IMAGE_MAX_DIM=512),
        ("*",)),
    Setup("no enlarging, None", body(IMAGE_MIN_DIM=None), ("*",)),
    Setup("no enlarging, 0", body(IMAGE_MIN_DIM=0), ("*",)),
    Setup("images as they are", body(IMAGE_RESIZE_MODE="none", IMAGE_MIN_DIM=None, IMAGES_PER_GPU=1), ("*",)),
    Setup("images as they are, any MAX", body(IMAGE_RESIZE_MODE="none", IMAGE_MAX_DIM=1000), ("*",)),
    Setup("pad64 without enlarging", body(IMAGE_RESIZE_MODE="pad64", IMAGE_MIN_DIM=0), ("*",)),
    Setup("pad64, MIN above MAX", body(IMAGE_RESIZE_MODE="pad64", IMAGE_MIN_DIM=1024, IMAGE_MAX_DIM=1000), ("*",)),
    Setup("pad64, IMAGE_SHAPE of its own", of(Plain, IMAGE_RESIZE_MODE="pad64", IMAGE_MIN_DIM=0), ("*",)),
    Setup("crop, MIN above MAX", body(IMAGE_RESIZE_MODE="crop", IMAGE_MIN_DIM=1024, IMAGE_MAX_DIM=512), ("*",)),
    Setup("crop, MAX None", body(IMAGE_RESIZE_MODE="crop", IMAGE_MIN_DIM=512, IMAGE_MAX_DIM=None), ("*",)),
    Setup("MIN any number in square mode", body(IMAGE_MIN_DIM=601), ("*",)),
    Setup("MIN equal to MAX", body(IMAGE_MIN_DIM=1024), ("*",)),
    Setup("small square, MIN left at its default", body(IMAGE_MAX_DIM=640)),
    Setup("IMAGE_MIN_SCALE None", body(IMAGE_MIN_SCALE=None), ("*",)),
    Setup("one mean for all channels", body(MEAN_PIXEL=128), ("*",)),
    Setup("one mean as an array", body(MEAN_PIXEL=np.array([127.5])), ("*",)),
    Setup("no mean", body(MEAN_PIXEL=np.zeros(3)), ("*",)),
    Setup("16-bit mean", body(MEAN_PIXEL=np.array([1830.0, 1700.0, 1500.0])), ("*",)),
    Setup("grey images", body(IMAGE_CHANNEL_COUNT=1, MEAN_PIXEL=np.array([97.3])), ("*",)),
    Setup("RGB-D", body(IMAGE_CHANNEL_COUNT=4, MEAN_PIXEL=np.array([123.7, 116.8, 103.9, 1000.0])), ("*",)),
    Setup("ten bands", body(IMAGE_CHANNEL_COUNT=10, MEAN_PIXEL=100.0), ("*",)),
    Setup("own backbone as a plain function", of(Mobile), ("*",)),
    Setup("own backbone assigned", of(Plain, BACKBONE=mobile, COMPUTE_BACKBONE_SHAPE=mobile_shapes), ("*",)),
    Setup("own backbone of stride 32, side 480", of(Stride32), ("*",)),
    Setup("own backbone of four levels", of(FourLevels), ("*",)),
    Setup("anchors on every second cell", body(RPN_ANCHOR_STRIDE=2), ("*",)),
    Setup("equal neighbours among the scales", body(RPN_ANCHOR_SCALES=(32, 32, 64, 128, 256)), ("*",)),
    Setup("largest scale equal to the side", body(
        IMAGE_MIN_DIM=128, IMAGE_MAX_DIM=128, RPN_ANCHOR_SCALES=(8, 16, 32, 64, 128)), ("*",)),
    Setup("seven ratios", body(RPN_ANCHOR_RATIOS=[0.1, 0.25, 0.5, 1, 2, 4, 10]), ("*",)),
    Setup("keeps all detections", body(DETECTION_MIN_CONFIDENCE=0), ("*",)),
    Setup("no confidence threshold", body(DETECTION_MIN_CONFIDENCE=None), ("*",)),
    Setup("no suppression", body(RPN_NMS_THRESHOLD=1, DETECTION_NMS_THRESHOLD=1.0), ("*",)),
    Setup("all RoIs positive", body(ROI_POSITIVE_RATIO=1.0), ("*",)),
    Setup("four RoIs an image", body(TRAIN_ROIS_PER_IMAGE=4), ("*",)),
    Setup("as many proposals as RoIs", body(POST_NMS_ROIS_TRAINING=512, TRAIN_ROIS_PER_IMAGE=512), ("*",)),
    Setup("odd number of anchors", body(RPN_TRAIN_ANCHORS_PER_IMAGE=255), ("*",)),
    Setup("no validation steps", body(VALIDATION_STEPS=0), ("*",)),
    Setup("plain gradient descent", body(LEARNING_MOMENTUM=0, GRADIENT_CLIP_NORM=None, WEIGHT_DECAY=0), ("*",)),
    Setup("boxes only", body(LOSS_WEIGHTS={**Config.LOSS_WEIGHTS, "mrcnn_mask_loss": 0.0})),
    Setup("other loss weights", body(LOSS_WEIGHTS={**Config.LOSS_WEIGHTS, "mrcnn_mask_loss": 10}), ("*",)),
    Setup("a loss left out", body(LOSS_WEIGHTS={"rpn_class_loss": 2.0})),
    Setup("rate 0.01 at two images", body(LEARNING_RATE=0.01), ("*",)),
    Setup("rate 0.02 at two images", body(LEARNING_RATE=0.02), ("*",)),
    Setup("rate 0.001 as text of YAML 1.1", yaml("NAME: a\nNUM_CLASSES: 2\nLEARNING_RATE: 1e-3\n"), ("*",)),
    Setup("a schedule", body(LEARNING_RATE=staticmethod(schedule)), ("*",)),
    Setup("0.1 on sixteen GPUs", lambda _: preflight(type("M", (Plain,), {
        "GPU_COUNT": 16, "IMAGES_PER_GPU": 8, "LEARNING_RATE": 0.1, "TRAIN_BN": None})(), environment=GPUS), ("*",)),
    Setup("batch statistics of a large batch", body(TRAIN_BN=True, IMAGES_PER_GPU=16), ("*",)),
    Setup("full masks", body(**NO_MINI, IMAGES_PER_GPU=1), ("*",)),
    Setup("full masks, mini shape of any size", body(**NO_MINI, MINI_MASK_SHAPE=(14, 14)), ("*",)),
    Setup("full masks of crops", body(**NO_MINI, IMAGE_RESIZE_MODE="crop", IMAGE_MIN_DIM=512), ("*",)),
    Setup("large masks", body(MASK_POOL_SIZE=28, MASK_SHAPE=[56, 56]), ("*",)),
    Setup("a mask head of its own", body(CUSTOM_MASK_HEAD=True, MASK_SHAPE=[112, 112], MINI_MASK_SHAPE=(112, 112)),
        ("*",)),
    Setup("mini masks that are not square", body(MINI_MASK_SHAPE=(28, 56)), ("*",)),
    Setup("a name in Russian", body(NAME="детали_2-х"), ("*",)),
    Setup("a name of digits", body(NAME="2024"), ("*",)),
    Setup("silenced checks as a list", body(SILENCED_CHECKS=["cfg-name-chars"], NAME="my data"), ("*",)),
    Setup("silenced check as text", body(SILENCED_CHECKS="cfg-name-chars", NAME="my data"), ("*",)),
    Setup("given boxes", body(USE_RPN_ROIS=False), ("*",)),
    Setup("other widths", body(TOP_DOWN_PYRAMID_SIZE=128, FPN_CLASSIF_FC_LAYERS_SIZE=512, RPN_CONV_SIZE=256), ("*",)),
    Setup("RoIAlign of the paper", body(ROI_POOL_METHOD="roi_align", ROI_POOL_ALIGNED=True), ("*",)),
    Setup("a seed", body(SEED=0), ("*",)),
    Setup("shapes.yaml", repository_file("shapes.yaml"), ("*",)),
    Setup("pennfudan.yaml", repository_file("pennfudan.yaml"), ("*",)),
    Setup("YAML with lists, null and a comment", yaml(
        "# x\nNAME: a\nNUM_CLASSES: 2\nIMAGE_MIN_DIM: null\nTRAIN_BN: false\nRPN_ANCHOR_SCALES: [8, 16, 32, 64, 99]\n"),
        ("*",)),
    Setup("GPUs not known", environment(gpus=None), ("*",)),
    Setup("versions not known", environment(keras=None, tensorflow=None, backend=None, h5py=None), ("*",)),
    Setup("release candidates", environment(keras="3.12.0rc1", tensorflow="2.20.0-dev20250901"), ("*",)),
    Setup("more GPUs than used", environment(gpus=8, gpu_free_gib=80.0), ("*",)),
    Setup("memory not known", environment(gpus=1, gpu_free_gib=None), ("*",)),
]  # fmt: skip
