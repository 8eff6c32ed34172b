"""Set-ups as people write them: Config subclasses, YAML files, Dataset subclasses over image files, COCO files."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from mrcnn_roi.checks.environment import Environment
from mrcnn_roi.config import Config
from mrcnn_roi.datasets import Dataset, load_dataset
from mrcnn_roi.findings import Finding, SetupError
from mrcnn_roi.preflight import preflight

CPU = Environment("tensorflow", "3.5.0", "2.18.0", 0, None)
SIZE = (128, 128)
BOXES = [(12, 8, 52, 44), (60, 70, 118, 108), (20, 70, 50, 120)]  # y1, x1, y2, x2
IDS = (1, 2, 1)


class Plain(Config):
    """The original's defaults, with what everybody has to set."""

    NAME = "parts"
    NUM_CLASSES = 1 + 3


class Fitting(Config):
    """A configuration for the pictures of this file."""

    NAME = "parts"
    BACKBONE = "resnet50"
    NUM_CLASSES = 1 + 2
    STEPS_PER_EPOCH = 2
    VALIDATION_STEPS = 2
    IMAGE_MIN_DIM = 128
    IMAGE_MAX_DIM = 128
    RPN_ANCHOR_SCALES = (8, 16, 32, 64, 128)


def refused_or(find: Callable[[], list[Finding]]) -> list[Finding]:
    """The findings, whether they are returned or come as a SetupError."""
    try:
        return find()
    except SetupError as error:
        return error.findings


# ---- configurations, by three routes -------------------------------------------------------------------


def subclass(base: type[Config] = Plain, **body) -> list[Finding]:
    """The settings in the body of a subclass: refused by Config(), or found by the preflight."""
    return refused_or(lambda: preflight(type("Mine", (base,), body)(), environment=CPU))


def assigned(base: type[Config] = Plain, **values) -> list[Finding]:
    """The settings assigned to a finished instance, then the preflight."""
    config = base()
    for name, value in values.items():
        setattr(config, name, value)
    return preflight(config.finalize(), environment=CPU)


def yaml_text(value) -> str:
    """The value as a person would type it into a YAML file."""
    return json.dumps(value).replace("NaN", ".nan").replace("Infinity", ".inf")


def in_yaml(folder: Path, base: type[Config] = Plain, **values) -> list[Finding]:
    """The settings in a YAML file on top of `base`."""
    path = folder / "mine.yaml"
    path.write_text("# settings\n" + "".join(f"{name}: {yaml_text(value)}\n" for name, value in values.items()))
    return refused_or(lambda: preflight(base.from_yaml(path), environment=CPU))


def configured(base: type[Config] = Fitting, **body) -> Config:
    return type("Mine", (base,), body)()


# ---- data in the original's style ----------------------------------------------------------------------


def noise(size=SIZE, channels=3, seed=0) -> np.ndarray:
    """uint8 [H, W, channels], [H, W] for 0 channels."""
    shape = (*size, channels) if channels else size
    return np.random.default_rng(seed).integers(0, 256, shape).astype(np.uint8)


def rectangles(boxes, size=SIZE) -> np.ndarray:
    """bool [H, W, N]"""
    masks = np.zeros((*size, len(boxes)), bool)
    for index, (y1, x1, y2, x2) in enumerate(boxes):
        masks[y1:y2, x1:x2, index] = True
    return masks


class Parts(Dataset):
    """A script's class: image files in a folder, outlines kept in image_info."""

    source = "parts"
    classes: tuple[str, ...] = ("bolt", "nut")
    suffix = ".png"

    def __init__(self, folder: Path, seed=0, count=4, size=SIZE, boxes=BOXES, ids=IDS, prepared=True, **info):
        super().__init__()
        for class_id, name in enumerate(self.classes, 1):
            self.add_class(self.source, class_id, name)
        for number in range(count):
            path = folder / f"{seed}_{number}{self.suffix}"
            self.write(path, size, 100 * seed + number)
            own = {"boxes": boxes, "ids": ids, "size": size, **info}
            self.add_image(self.source, f"{seed}_{number}", path=str(path), **own)
        if prepared:
            self.prepare()

    def write(self, path: Path, size, seed: int) -> None:
        Image.fromarray(noise(size, 3, seed)).save(path, compress_level=1)

    def load_mask(self, image_id):
        info = self.image_info[image_id]
        return rectangles(info["boxes"], info["size"]), np.array(info["ids"], np.int32)


def loading(image=None, masks=None, rows=None, base: type[Parts] = Parts) -> type[Parts]:
    """A class whose load_image or load_mask does something else with what it should return, in `rows` or everywhere.

    image: image -> image. masks: (masks, ids) -> (masks, ids).
    """

    class Changed(base):  # type: ignore[misc,valid-type]
        def load_image(self, image_id):
            loaded = super().load_image(image_id)
            return image(loaded) if image and (rows is None or image_id in rows) else loaded

        def load_mask(self, image_id):
            loaded = super().load_mask(image_id)
            return masks(*loaded) if masks and (rows is None or image_id in rows) else loaded

    return Changed


def judged(train, val, config: Config | None = None, **more) -> list[Finding]:
    return preflight(config or Fitting(), train, val, **{"environment": CPU, **more})


def with_data(kind: type[Parts] = Parts, val_kind: type[Parts] | None = None, config=None, both=False, **data):
    """find(folder) for training data of `kind`, with ordinary validation data, or of the same kind (both)."""

    def find(folder: Path) -> list[Finding]:
        def run():
            other = data if both else {}
            train, val = kind(folder, 0, **data), (val_kind or (kind if both else Parts))(folder, 7, **other)
            return judged(train, val, configured(**config) if isinstance(config, dict) else config)

        return refused_or(run)

    return find


def edited(change: Callable[[Parts], Any], config=None, both=False):
    """find(folder) for an ordinary dataset that `change` spoils before prepare()."""

    def find(folder: Path) -> list[Finding]:
        def run():
            train, val = Parts(folder, 0, prepared=False), Parts(folder, 7, prepared=False)
            change(train)
            if both:
                change(val)
            train.prepare()
            val.prepare()
            return judged(train, val, configured(**config) if config else None)

        return refused_or(run)

    return find


# ---- COCO files ----------------------------------------------------------------------------------------


def outline(y1, x1, y2, x2) -> list[float]:
    """A polygon [x, y, ...] with a cut corner inside a box."""
    return [x1, y1, x2 - 6, y1, x2, y1 + 6, x2, y2, x1, y2]


def coco_content(folder: Path, seed=0, count=3, size=SIZE) -> dict[str, Any]:
    """A sound COCO file's content; its images are written to `folder`."""
    images, annotations = [], []
    for number in range(count):
        name = f"photo_{seed}_{number}.png"
        Image.fromarray(noise(size, 3, 1000 + 100 * seed + number)).save(folder / name, compress_level=1)
        image_id = 10 * seed + number + 1
        images.append({"id": image_id, "file_name": name, "width": size[1], "height": size[0]})
        for box, category in zip(BOXES, (3, 8, 3)):
            y1, x1, y2, x2 = box
            annotations.append({
                "id": len(annotations) + 1, "image_id": image_id, "category_id": category, "iscrowd": 0,
                "segmentation": [outline(*box)], "bbox": [x1, y1, x2 - x1, y2 - y1], "area": (y2 - y1) * (x2 - x1),
            })  # fmt: skip
    categories = [{"id": 3, "name": "bolt"}, {"id": 8, "name": "nut", "supercategory": "part"}]
    return {"info": {}, "images": images, "annotations": annotations, "categories": categories}


def coco(folder: Path, change: Callable[[dict], Any] | None = None, seed=0, **content) -> Dataset:
    """A COCO file on disk, spoilt by `change`, as load_dataset reads it."""
    own = folder / f"coco{seed}"
    own.mkdir(exist_ok=True)
    made = copy.deepcopy(coco_content(own, seed, **content))
    if change:
        change(made)
    path = own / "instances.json"
    path.write_text(json.dumps(made))
    return load_dataset(path)


def with_coco(change: Callable[[dict], Any], config=None, both=False, **content):
    """find(folder) for a COCO file that `change` spoils, with a sound one (or the like) to validate on."""

    def find(folder: Path) -> list[Finding]:
        def run():
            train = coco(folder, change, 0, **content)
            val = coco(folder, change if both else None, 5, **(content if both else {}))
            return judged(train, val, configured(**config) if config else None)

        return refused_or(run)

    return find
