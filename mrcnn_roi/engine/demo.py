"""The demo: the whole pipeline on a toy dataset, from drawing the images to pictures of what was found."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np

from mrcnn_roi.config import Config
from mrcnn_roi.datasets import draw_shapes, load_dataset
from mrcnn_roi.drawing.curves import plot_losses
from mrcnn_roi.drawing.dataset import display_images, display_samples
from mrcnn_roi.drawing.instances import draw_instances
from mrcnn_roi.engine.evaluating import evaluate
from mrcnn_roi.engine.mask_rcnn import MaskRCNN
from mrcnn_roi.findings import SetupError, Severity
from mrcnn_roi.ops.masks import extract_bboxes
from mrcnn_roi.preflight import preflight

SIDE = 128
SCALE = 3  # enlargement of the small images in pictures, so that captions can be read
TRAIN_IMAGES, VAL_IMAGES = 600, 100
EPOCHS = 13
TIMED_STEPS = (5, 40)  # from which step to which one the speed is measured: the first ones compile


class ShapesConfig(Config):
    """A model small enough to learn squares, circles and triangles in minutes on two cores."""

    NAME = "shapes"
    NUM_CLASSES = 1 + 3
    BACKBONE = "tiny"
    TOP_DOWN_PYRAMID_SIZE = 64
    RPN_CONV_SIZE = 64
    MASK_CONV_SIZE = 64
    FPN_CLASSIF_FC_LAYERS_SIZE = 128
    IMAGE_MIN_DIM = SIDE
    IMAGE_MAX_DIM = SIDE
    IMAGES_PER_GPU = 8
    STEPS_PER_EPOCH = 110
    VALIDATION_STEPS = 5
    TRAIN_BN = None  # nothing is pre-trained, so the statistics have to be learned, too
    RPN_ANCHOR_SCALES = (16, 32, 48, 64, 96)
    RPN_TRAIN_ANCHORS_PER_IMAGE = 64
    PRE_NMS_LIMIT = 1000
    POST_NMS_ROIS_TRAINING = 200
    POST_NMS_ROIS_INFERENCE = 100
    TRAIN_ROIS_PER_IMAGE = 20
    ROI_POSITIVE_RATIO = 0.5
    MASK_POOL_SIZE = 7
    MASK_SHAPE = [14, 14]
    MINI_MASK_SHAPE = (28, 28)
    MAX_GT_INSTANCES = 10
    DETECTION_MAX_INSTANCES = 20
    DETECTION_MIN_CONFIDENCE = 0.5
    LEARNING_RATE = 0.03
    SEED = 0


class Cosine(keras.callbacks.Callback):
    """Lets the learning rate fall to zero along a cosine over `steps` batches, then ends training.

    Where the machine is too slow to do them in `seconds`, there are fewer steps.
    """

    def __init__(self, rate: float, steps: int, seconds: float):
        super().__init__()
        self.rate, self.steps, self.seconds = rate, steps, seconds
        self.done, self.start = 0, 0.0

    def on_train_batch_end(self, batch, logs=None):
        self.done += 1
        if self.done == TIMED_STEPS[0]:
            self.start = time.monotonic()
        if self.done == TIMED_STEPS[1]:
            each = (time.monotonic() - self.start) / (TIMED_STEPS[1] - TIMED_STEPS[0])
            self.steps = max(TIMED_STEPS[1] + 1, min(self.steps, int(self.seconds / each)))
        share = min(self.done / self.steps, 1.0)
        self.model.optimizer.learning_rate.assign(self.rate * 0.5 * (1 + math.cos(math.pi * share)))
        if share == 1.0:
            self.model.stop_training = True


@dataclass(frozen=True)
class DemoResult:
    """What the demo made and measured."""

    scores: dict
    images: int
    steps: int
    train_seconds: float
    seconds: float
    weights: Path
    example: Path
    pictures: list[Path]


def run_demo(folder, *, minutes, seed, say, bar, show) -> DemoResult:
    """Draws, checks, trains, evaluates and saves pictures under folder.

    minutes: longest training time. say: prints a line. bar: (title, total) -> context manager that yields a
    progress function. show: prints findings. Raises SetupError when the preflight finds an ERROR.
    """
    began, folder = time.monotonic(), Path(folder)
    keras.utils.set_random_seed(seed)
    say(f"1/5 drawing {TRAIN_IMAGES} + {VAL_IMAGES} images of shapes into {folder / 'data'}")
    train = load_dataset(draw_shapes(folder / "data" / "train", TRAIN_IMAGES, SIDE, SIDE, seed, max_objects=3))
    val = load_dataset(draw_shapes(folder / "data" / "val", VAL_IMAGES, SIDE, SIDE, seed + 1, max_objects=3))
    pictures = [folder / "dataset.png", folder / "losses.png", folder / "detections.png"]
    display_samples(train, count=12, path=pictures[0])

    say("2/5 preflight: what is wrong with this set-up?")
    config = ShapesConfig()
    config.SEED = seed
    with bar("checking images", None) as step:
        findings = preflight(config, train, val, layers="all", progress=lambda n, of: step(completed=n, total=of))
    show(findings)
    errors = [finding for finding in findings if finding.severity is Severity.ERROR]
    if errors:
        raise SetupError(errors)

    steps = f"{EPOCHS} epochs of {config.STEPS_PER_EPOCH} steps of {config.BATCH_SIZE} images"
    say(f"3/5 training {steps}, at most {minutes:g} minutes")
    model = MaskRCNN("training", config, folder / "logs")
    cosine = Cosine(config.LEARNING_RATE, EPOCHS * config.STEPS_PER_EPOCH, minutes * 60)
    start = time.monotonic()
    model.train(train, None, config.LEARNING_RATE, EPOCHS, "all", custom_callbacks=[cosine], preflight="off")
    train_seconds = time.monotonic() - start
    plot_losses(Path(model.log_dir) / "losses.csv", path=pictures[1])

    say("4/5 evaluating on the held-out images")
    detector = MaskRCNN("inference", config, folder / "logs")
    weights = Path(detector.find_last())
    detector.load_weights(weights, by_name=True)
    with bar("detecting", len(val.image_ids)) as step:
        scores = evaluate(detector, val, progress=step)

    say("5/5 drawing what was found")
    draw_detections(detector, val, range(8), pictures[2])
    example = Path(val.image_info[0]["path"])
    seconds = time.monotonic() - began
    return DemoResult(scores, len(val.image_ids), cosine.done, train_seconds, seconds, weights, example, pictures)


def draw_detections(model, dataset, image_ids, path):
    """A sheet of images: the annotation, and beside it what the model found."""
    images = [dataset.load_image(i) for i in image_ids]
    pictures, titles = [], []
    for i, image, result in zip(image_ids, images, model.detect(images)):
        masks, class_ids = dataset.load_mask(i)
        truth = {"rois": extract_bboxes(masks), "masks": masks, "class_ids": class_ids, "scores": None}
        pictures += [_enlarged(image, each, dataset.class_names) for each in (truth, result)]
        titles += [f"image {i}: annotated", f"image {i}: found"]
    display_images(pictures, titles=titles, cols=4, path=path)


def _enlarged(image, result, class_names):
    """The image, SCALE times as large so that captions can be read, with the objects of a result drawn."""
    return draw_instances(
        np.kron(image, np.ones((SCALE, SCALE, 1), np.uint8)),
        result["rois"] * SCALE,
        np.kron(result["masks"].astype(bool), np.ones((SCALE, SCALE, 1), bool)),
        result["class_ids"],
        class_names,
        result["scores"],
    )
