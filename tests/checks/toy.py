"""A dataset in memory, a configuration that fits it, and the preflight of both: small enough to break on purpose."""

import numpy as np

from mrcnn_roi.checks.environment import Environment
from mrcnn_roi.config import Config
from mrcnn_roi.datasets import Dataset
from mrcnn_roi.preflight import preflight

SIZE = (128, 128)
BOXES = [(10, 10, 50, 40), (60, 30, 110, 90), (20, 70, 60, 120)]
CPU = Environment("tensorflow", "3.5.0", "2.18.0", 0, None)


class ToyConfig(Config):
    NAME = "toy"
    NUM_CLASSES = 1 + 2
    BACKBONE = "resnet50"
    IMAGES_PER_GPU = 2
    STEPS_PER_EPOCH = 3
    VALIDATION_STEPS = 2
    IMAGE_MIN_DIM = IMAGE_MAX_DIM = 128
    RPN_ANCHOR_SCALES = (8, 16, 32, 64, 128)


def config(**attributes) -> Config:
    """ToyConfig with `attributes` assigned afterwards, so that it may be wrong."""
    made = ToyConfig()
    for name, value in attributes.items():
        setattr(made, name, value)
    return made.finalize()


def noise(size=SIZE, channels=3, seed=0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (*size, channels)).astype(np.uint8)


def rectangles(boxes, size=SIZE) -> np.ndarray:
    """bool [H, W, N] masks that fill their boxes (y1, x1, y2, x2)."""
    masks = np.zeros((*size, len(boxes)), bool)
    for i, (y1, x1, y2, x2) in enumerate(boxes):
        masks[y1:y2, x1:x2, i] = True
    return masks


def sample(boxes=BOXES, ids=None, size=SIZE, image=None, masks=None, **info) -> dict:
    """One image with its instances; image and masks may be exceptions, which are raised when they are loaded."""
    ids = [1 + i % 2 for i in range(len(boxes))] if ids is None else ids
    return {
        "image": noise(size) if image is None else image,
        "masks": rectangles(boxes, size) if masks is None else masks,
        "ids": np.array(ids, np.int32),
        "info": info,
    }


class Toy(Dataset):
    """Samples in memory, or with path= in their info images read from files."""

    def __init__(self, samples=None, classes=("square", "circle"), source="toy", prepared=True, image_source=None):
        super().__init__()
        self.samples = [sample() for _ in range(4)] if samples is None else samples
        for class_id, name in enumerate(classes, 1):
            self.add_class(source, class_id, name)
        for number, each in enumerate(self.samples):
            self.add_image(image_source or source, number, **{"path": None, **each["info"]})
        if prepared:
            self.prepare()

    def load_image(self, image_id):
        image = self.samples[image_id]["image"]
        if isinstance(image, Exception):
            raise image
        return super().load_image(image_id) if isinstance(image, str) else image

    def load_mask(self, image_id):
        masks = self.samples[image_id]["masks"]
        if isinstance(masks, Exception):
            raise masks
        return masks, self.samples[image_id]["ids"]


def toys(*samples, **keywords) -> Toy:
    """A dataset of these samples and three ordinary ones."""
    return Toy([*samples, *(sample() for _ in range(3))], **keywords)


def find(train=None, val=None, *, made=None, environment=CPU, default_data=True, **arguments):
    """The findings of the preflight; without train and val of ordinary datasets, without `made` of ToyConfig."""
    if default_data and train is None:
        train = Toy()
    if default_data and val is None:
        val = Toy()
    return preflight(made or ToyConfig(), train, val, environment=environment, **arguments)


def grave(findings):
    """The codes of errors and warnings, sorted."""
    return sorted(finding.code for finding in findings if finding.severity > 1)
