"""What the commands of the command line do with a model."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mrcnn_roi.checks.weight_mismatch import HEADS
from mrcnn_roi.engine.download import download_trained_weights
from mrcnn_roi.engine.mask_rcnn import MaskRCNN
from mrcnn_roi.engine.run_folder import classes_beside
from mrcnn_roi.findings import Finding, SetupError, Severity

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".tif", ".tiff", ".bmp", ".webp", ".npy")


def start_model(config, model_dir, weights=None, exclude=None) -> MaskRCNN:
    """A model to train, with the weights to start from: a file, "coco", "imagenet", "last", or None for random."""
    model = MaskRCNN("training", config, model_dir)
    if weights is None:
        return model
    if weights == "coco":
        path = Path(model_dir) / "mask_rcnn_coco.h5"
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            download_trained_weights(path)
        model.load_weights(path, by_name=True, exclude=exclude or HEADS)
        return model
    path = {"imagenet": model.get_imagenet_weights, "last": model.find_last}.get(weights, lambda: weights)()
    model.load_weights(path, by_name=True, exclude=exclude)
    return model


def load_model(config, weights) -> MaskRCNN:
    """A model that detects, with trained weights."""
    model = MaskRCNN("inference", config, Path(weights).parent)
    model.load_weights(weights, by_name=True)
    return model


def image_files(paths) -> list[Path]:
    """The image files named or in the folders named, in order. SetupError when one does not exist or none is found."""
    files: list[Path] = []
    for path in map(Path, paths):
        if path.is_dir():
            files += sorted(each for each in path.iterdir() if each.suffix.lower() in IMAGE_SUFFIXES)
        elif path.is_file():
            files.append(path)
        else:
            raise _missing(path, "does not exist", "check the path")
    if not files:
        raise _missing(paths[0], f"holds no image ({', '.join(IMAGE_SUFFIXES)})", "name image files")
    return files


def _missing(path, message, fix) -> SetupError:
    return SetupError(Finding("ds-file-missing", Severity.ERROR, message, fix, str(path)))


def class_names_for(config, weights, given: str | None = None) -> list[str]:
    """Class names, background first: those given, those of the run that wrote the weights, or numbers."""
    names = ["BG", *(name.strip() for name in given.split(","))] if given else classes_beside(weights)
    if names is None:
        return ["BG", *(f"class {i}" for i in range(1, config.NUM_CLASSES))]
    if len(names) != config.NUM_CLASSES:
        raise ValueError(
            f"expected {config.NUM_CLASSES - 1} class names (NUM_CLASSES {config.NUM_CLASSES} less background), "
            f"received {len(names) - 1}: {names[1:]}"
        )
    return names


@dataclass(frozen=True)
class Detected:
    """What was found in one image file; objects are (class name, score, (y1, x1, y2, x2) pixels)."""

    image: Path
    drawing: Path
    objects: list[tuple[str, float, tuple[int, ...]]]


def detect_file(model, path: Path, class_names, folder) -> Detected:
    """Detects in one image file and writes it to folder with its objects drawn. SetupError for a broken file."""
    from PIL import Image

    from mrcnn_roi.datasets.images import read_image
    from mrcnn_roi.drawing.instances import draw_instances

    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    image = read_image(path, channels=int(model.config.IMAGE_CHANNEL_COUNT))
    (result,) = model.detect([image])
    drawn = draw_instances(image, result["rois"], result["masks"], result["class_ids"], class_names, result["scores"])
    target = folder / f"{path.stem}.png"
    count = 1
    while target.exists() and target.samefile(path):  # never over the image itself
        target, count = folder / f"{path.stem}_{count}.png", count + 1
    Image.fromarray(drawn).save(target)
    objects = [
        (class_names[class_id], float(score), tuple(int(side) for side in box))
        for class_id, score, box in zip(result["class_ids"], result["scores"], result["rois"])
    ]
    return Detected(path, target, objects)


def export_model(model, target):
    """Writes the keras model as .keras, its weights as .h5 or .weights.h5, or a SavedModel into a folder."""
    target = Path(target)
    target.parent.mkdir(parents=True, exist_ok=True)
    if target.suffix == ".keras":
        model.keras_model.save(target)
    elif target.suffix == ".h5":
        model.keras_model.save_weights(target)
    elif target.suffix:
        raise ValueError(f"expected a target ending in .keras or .h5, or a folder, received {target}")
    else:
        model.keras_model.export(target)
