"""Weight files, augmentations and RoIs that are fine."""

from __future__ import annotations

import h5py
import numpy as np

from mrcnn_roi.checks.rois import check_rois
from mrcnn_roi.ops.boxes import norm_boxes

from .cases import Setup
from .faults_augmentation import with_augmentation
from .faults_rois import PIXELS, ROIS, SIDE, WIDE, check, maps, meta, one
from .faults_weights import COCO, HEADS, archived, file, loading, numbered, resumed


def keras3(folder):
    """The layout of Keras 3's own .weights.h5."""
    with h5py.File(folder / "a.weights.h5", "w") as opened:
        opened.create_group("layers/conv2d/vars")["0"] = np.zeros((3, 3))
        opened.create_group("_layer_checkpoint_dependencies")
    return folder / "a.weights.h5"


def user_block(folder):
    """A file with a block of a program's own before HDF5 begins."""
    with h5py.File(folder / "block.h5", "w", userblock_size=512) as opened:
        opened.attrs["layer_names"] = np.array([b"conv1"])
        group = opened.create_group("conv1")
        group.attrs["weight_names"] = np.array([b"conv1/kernel:0", b"conv1/bias:0"])
        group.create_dataset("conv1/kernel:0", shape=(7, 7, 3, 64), dtype="f4")
        group.create_dataset("conv1/bias:0", shape=(64,), dtype="f4")
    return folder / "block.h5"


def identity(image, masks, rng):
    return image, masks


def flip(image, masks, rng):
    if rng.random() < 0.5:
        return image[:, ::-1], masks[:, ::-1]
    return image, masks


def quarter_turn(image, masks, rng):
    turns = 2 * int(rng.integers(0, 2))
    return np.rot90(image, turns), np.rot90(masks, turns)


def contrast(image, masks, rng):
    grey = image.astype(np.float32) * rng.uniform(0.7, 1.3) + rng.uniform(-20, 20)
    return np.clip(grey, 0, 255).astype(np.uint8), masks


def grey_and_noise(image, masks, rng):
    grey = image.mean(axis=2, keepdims=True) + rng.normal(0, 8, image.shape)
    return np.clip(grey, 0, 255).astype(np.uint8), masks


def bytes_of_255(image, masks, rng):
    return image, masks.astype(np.uint8) * 255


def nudge(image, masks, rng):
    by = int(rng.integers(0, 6))
    image, masks = np.roll(image, by, 1), np.roll(masks, by, 1)
    image[:, :by], masks[:, :by] = 0, 0
    return image, masks


class Imgaug:
    """Fliplr as imgaug has it: random until to_deterministic()."""

    def __init__(self, flips=None, seed=0):
        self.flips, self.rng = flips, np.random.default_rng(seed)

    def to_deterministic(self):
        return Imgaug(bool(self.rng.random() < 0.5))

    def augment_image(self, image, hooks=None):
        if hooks is not None and not hooks.is_activated([image], self, None, True):
            return image
        return image[:, ::-1] if self.flips else image


Fliplr = type("Fliplr", (Imgaug,), {"to_deterministic": lambda self: Fliplr(bool(self.rng.random() < 0.5))})


class Transform:
    """A flip as albumentations calls it."""

    def __init__(self):
        self.set_random_seed(0)

    def set_random_seed(self, seed):
        self.rng = np.random.default_rng(seed)

    def __call__(self, *, image, masks=()):
        flips = self.rng.random() < 0.5
        turned = [each[:, ::-1] if flips else each for each in (image, *masks)]
        return {"image": turned[0], "masks": turned[1:]}


SHAPE = {"image_shape": (SIDE, SIDE, 3)}
PADDED = np.concatenate([ROIS, np.zeros((1, 5, 4), np.float32)], axis=1)
TOUCHING = ROIS + np.float32(1e-7) * (ROIS == 1)
GREY = {"IMAGE_CHANNEL_COUNT": 4, "MEAN_PIXEL": [1.0, 2, 3, 4]}

SETUPS = [
    Setup("COCO weights without heads", loading(file(**COCO), HEADS), ("*",)),
    Setup("COCO weights without heads, as a text each", loading(file(**COCO), tuple(HEADS), layers="all"), ("*",)),
    Setup("own checkpoint", loading(file()), ("*",)),
    Setup("own checkpoint, inference", loading(file(), mode="inference"), ("*",)),
    Setup("COCO weights at inference", loading(file(**COCO), mode="inference", NUM_CLASSES=81), ("*",)),
    Setup("saved model, text names", loading(file(full_model=True, text=True)), ("*",)),
    Setup("ImageNet weights", loading(file(skip=("mrcnn_", "rpn_", "fpn_")), layers="all"), ("*",)),
    Setup("ImageNet weights of ResNet50 for ResNet101", loading(file(skip=("mrcnn_", "rpn_", "fpn_")), layers="all",
        BACKBONE="resnet101"), ("w-shape-other",)),
    Setup("Keras 3 layout", loading(keras3), ("*",)),
    Setup("Keras 3 layout, all layers", numbered(), ("*",)),
    Setup("Keras 3 archive", loading(archived()), ("*",)),
    Setup("Keras 3 archive, other classes excluded", loading(archived(NUM_CLASSES=81), HEADS), ("*",)),
    Setup("user block", loading(user_block, layers="all"), ("w-file-unreadable",)),
    Setup("more ratios, RPN excluded", loading(file(), ["rpn_model"], RPN_ANCHOR_RATIOS=[0.25, 0.5, 1, 2]), ("*",)),
    Setup("RGB-D, conv1 excluded and trained", loading(file(), ["conv1"], layers="all", **GREY), ("*",)),
    Setup("exclude as one text", loading(file(), "mrcnn_mask"), ("*",)),
    Setup("exclude of a layer without weights", loading(file(), ["input_image", "mrcnn_bbox"]), ("*",)),
    Setup("training on from epoch 5", resumed(10), ("*",)),
    Setup("checkpoint of another name", resumed(1, "weights/best.h5"), ("*",)),
    Setup("no augmentation at all", with_augmentation(identity), ("*",)),
    Setup("flip", with_augmentation(flip), ("*",)),
    Setup("half turns", with_augmentation(quarter_turn), ("*",)),
    Setup("brightness and contrast", with_augmentation(contrast), ("*",)),
    Setup("grey and noise", with_augmentation(grey_and_noise), ("*",)),
    Setup("masks of 255", with_augmentation(bytes_of_255), ("*",)),
    Setup("a nudge", with_augmentation(nudge), ("*",)),
    Setup("imgaug's Fliplr", with_augmentation(Fliplr()), ("*",)),
    Setup("a transform", with_augmentation(Transform()), ("*",)),
    Setup("RoIs alone", check(), ("*",)),
    Setup("RoIs with everything", check(feature_maps=maps(), image_meta=meta(), gt_boxes=PIXELS, num_classes=3,
        **SHAPE), ("*",)),
    Setup("padding rows", check(PADDED, feature_maps=maps()), ("*",)),
    Setup("1 + 1e-7", check(TOUCHING), ("*",)),
    Setup("half precision", check(ROIS.astype(np.float16), **SHAPE), ("roi-dtype", "roi-range")),
    Setup("double precision lists", lambda _: check_rois(ROIS.tolist()), ("*",)),
    Setup("no RoIs", check(np.zeros((2, 0, 4), np.float32), feature_maps=maps(batch=2)), ("*",)),
    Setup("whole image", check(np.array([[[0, 0, 1, 1]]], np.float32), **SHAPE), ("*",)),
    Setup("very small RoIs", check(np.array([[[0.5, 0.5, 0.504, 0.504]]], np.float32), **SHAPE), ("*",)),
    Setup("side 250, rounded up", check(feature_maps=maps(250), image_shape=(250, 250)), ("fm-spatial", "fm-order")),
    Setup("as many channels as cells", check(feature_maps=maps(256, channels=64)), ("fm-layout-nchw",)),
    Setup("wide image", check(norm_boxes(PIXELS, (SIDE, 512))[None], feature_maps=maps(width=512),
        image_shape=(SIDE, 512), gt_boxes=PIXELS), ("*",)),
    Setup("swapped axes without ground truth", check(WIDE[..., [1, 0, 3, 2]], image_shape=(SIDE, 512)),
        ("roi-order-xy",)),
    Setup("other levels", check(feature_maps=maps(strides=(8, 16)), strides=(8, 16)), ("*",)),
    Setup("a map of one value", check(feature_maps=one(3, np.ones_like)), ("*",)),
    Setup("detection's metas", check(image_meta=np.stack([meta(active=(0, 0, 0))[0] * (np.arange(15) != 0)])), ("*",)),
    Setup("padded window", check(image_meta=meta(window=(32, 0, 224, 256))), ("*",)),
]  # fmt: skip
