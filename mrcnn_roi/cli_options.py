"""What several commands share: their options, and what reads the files that options name."""

from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path
from typing import Annotated

import typer

ConfigFile = Annotated[Path, typer.Option("--config", "-c", help="YAML file of settings.")]
OptionalConfigFile = Annotated[
    Path | None, typer.Option("--config", "-c", help="YAML file of settings; default: the one beside the weights.")
]
TrainData = Annotated[Path, typer.Option("--train", help="Annotations: COCO json, or a folder with label-map masks.")]
TrainImages = Annotated[Path | None, typer.Option(help="Folder of the training images, where it is elsewhere.")]
ValData = Annotated[Path | None, typer.Option("--val", help="Annotations of the validation images.")]
ValImages = Annotated[Path | None, typer.Option(help="Folder of the validation images, where it is elsewhere.")]
ValFraction = Annotated[float, typer.Option(help="Share of --train to validate on when --val is not given.")]
SplitSeed = Annotated[int, typer.Option(help="Seed of that split; the same seed gives the same images.")]
ClassName = Annotated[str | None, typer.Option(help="Name of the objects of label-map masks, which do not hold one.")]
TrainedWeights = Annotated[
    Path, typer.Option("--weights", "-w", help="Trained weights: a file, or last: the newest checkpoint in runs/.")
]
ModelDir = Annotated[Path, typer.Option(help="Folder for logs and checkpoints.")]
Exclude = Annotated[list[str] | None, typer.Option(help="Layer to leave out when loading weights; may be repeated.")]


def load_config(path: Path | None, weights: Path | None = None, **overrides):
    """The config of a file, or of the run that wrote the weights."""
    from mrcnn_roi.checks.h5_header import read_header
    from mrcnn_roi.config import Config
    from mrcnn_roi.engine.run_folder import config_beside

    if weights is not None:
        read_header(weights)  # SetupError when it is no weight file, before TensorFlow is loaded for it
    overrides = {name: value for name, value in overrides.items() if value is not None}
    if path is not None:
        return Config.from_yaml(path, **overrides)
    config = config_beside(weights) if weights else None
    if config is None:
        raise typer.BadParameter("no config.yaml beside the weights; give --config")
    for name, value in overrides.items():
        setattr(config, name, value)
    return config.finalize()


def program() -> str:
    """How the user calls this program."""
    return "mrcnn-roi" if shutil.which("mrcnn-roi") else sys.argv[0]


def trained(weights: Path, model_dir: Path = Path("runs")) -> Path:
    """The weight file that --weights means."""
    if str(weights) != "last":
        return weights
    from mrcnn_roi.engine.log_dir import latest_checkpoint

    return Path(latest_checkpoint(model_dir))


def names_in(given: list[str] | None) -> tuple[str, ...]:
    """The layer names of --exclude: repeated, or several in one with commas, also written as a Python list."""
    return tuple(name for each in given or () for name in re.findall(r"[^\s,\[\]\"'()]+", each))


def weight_arguments(weights: str | None, exclude: list[str] | None, model_dir: Path = Path("runs")) -> dict:
    """What --weights and --exclude mean to the preflight: weights, exclude.

    A word stands for a file that may not be there yet; then there is nothing to look at.
    """
    excluded = names_in(exclude)
    if weights in (None, "imagenet"):
        return {"weights": None, "exclude": excluded}
    if weights == "coco":
        from mrcnn_roi.checks.weight_mismatch import HEADS

        path = model_dir / "mask_rcnn_coco.h5"
        return {"weights": path if path.exists() else None, "exclude": excluded or HEADS}
    file = trained(Path(weights), model_dir)
    return {"weights": file, "exclude": excluded}


def load_annotations(path: Path, images: Path | None, class_name: str | None):
    """A prepared Dataset; class_name is for label maps."""
    from mrcnn_roi.datasets import load_dataset

    return load_dataset(path, images, **({"class_name": class_name} if class_name else {}))


def load_data(train, train_images, val, val_images, val_fraction: float, split_seed: int, class_name):
    """(training dataset, validation dataset), None for what is not given; without --val the first is split."""
    from mrcnn_roi.datasets import split_dataset
    from mrcnn_roi.datasets.loading import load_train_and_val

    if train is not None and val is not None:
        options = {"class_name": class_name} if class_name else {}
        return load_train_and_val(train, val, train_images, val_images, **options)
    dataset = load_annotations(train, train_images, class_name) if train is not None else None
    if val is not None:
        return dataset, load_annotations(val, val_images, class_name)
    if dataset is not None and val_fraction > 0:
        return split_dataset(dataset, val_fraction, split_seed)
    return dataset, None


def load_config_or_defaults(path: Path | None, weights: Path | None = None):
    """load_config, or the default settings where there is neither a file nor weights."""
    from mrcnn_roi.config import Config

    return Config() if path is None and weights is None else load_config(path, weights)
