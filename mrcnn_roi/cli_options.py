"""What several commands share: their options, and what reads the files that options name."""

from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from mrcnn_roi.terminal import say

ConfigFile = Annotated[Path, typer.Option("--config", "-c", help="YAML file of settings.")]
OptionalConfigFile = Annotated[
    Path | None, typer.Option("--config", "-c", help="YAML file of settings; default: the one beside the weights.")
]
FORMATS_READ = "COCO json, VIA, LabelMe, YOLO data.yaml, Pascal VOC, label maps or one mask an object"
TrainData = Annotated[Path, typer.Option("--train", help=f"Annotations, a file or folder: {FORMATS_READ}.")]
TrainImages = Annotated[Path | None, typer.Option(help="Folder of the training images, where it is elsewhere.")]
ValData = Annotated[Path | None, typer.Option("--val", help="Annotations of the validation images.")]
ValImages = Annotated[Path | None, typer.Option(help="Folder of the validation images, where it is elsewhere.")]
ValFraction = Annotated[float, typer.Option(help="Share of --train to validate on when --val is not given.")]
SplitSeed = Annotated[int, typer.Option(help="Seed of that split; the same seed gives the same images.")]
ClassName = Annotated[str | None, typer.Option(help="Name of the objects of label-map masks, which do not hold one.")]
FormatOption = Annotated[
    list[str] | None,
    typer.Option(
        "--option",
        help="Of the format: attribute, class_names (with commas), part, table, class_maps, ...; may be repeated.",
        metavar="NAME=VALUE",
    ),
]
TrainedWeights = Annotated[
    Path, typer.Option("--weights", "-w", help="Trained weights: a file, or last: the newest checkpoint in runs/.")
]
ModelDir = Annotated[Path, typer.Option(help="Folder for logs and checkpoints.")]
Augment = Annotated[
    str | None,
    typer.Option(
        "--augment",
        metavar="NAMES|MODULE:NAME",
        help="Augmentation of training images: names such as flip,scale=0.8..1.25,color, or of your own code, which is "
        "run, module.py:name.",
    ),
]
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


def load_augmentation(text: str | None):
    """The augmentation that --augment means; wrong usage where there is none of that name."""
    from mrcnn_roi.engine.user_augmentation import augmentation_of

    try:
        return augmentation_of(text)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--augment") from None


def format_options(class_name: str | None, given: list[str] | None) -> dict[str, Any]:
    """What --class-name and --option mean to load_dataset. Numbers, true and false are what they look like, and
    class_names is a list."""
    options: dict[str, Any] = {"class_name": class_name} if class_name else {}
    for text in given or ():
        name, equals, value = (part.strip() for part in text.partition("="))
        if not (equals and name.isidentifier() and value):
            raise typer.BadParameter(f"expected NAME=VALUE, received {text!r}", param_hint="--option")
        if name == "class_names":
            options[name] = [each.strip() for each in value.split(",") if each.strip()]
        elif value.lower() in ("true", "false"):
            options[name] = value.lower() == "true"
        else:
            options[name] = int(value) if value.isascii() and value.isdigit() else value
    return options


def load_annotations(path: Path, images: Path | None, options: dict[str, Any] | None):
    """A prepared Dataset; options: of load_dataset."""
    from mrcnn_roi.datasets import load_dataset

    return load_dataset(path, images, **(options or {}))


def load_data(train, train_images, val, val_images, val_fraction: float, split_seed: int, options, tell=say, names=()):
    """(training dataset, validation dataset), None for what is not given.

    Without --val the parts count that the annotations declare themselves, which `tell` is told of, and else a random
    split. options: of load_dataset, or None. names: classes of a model, background first, that the data get the numbers
    of.
    """
    from mrcnn_roi.datasets.class_alignment import align_classes, align_to
    from mrcnn_roi.datasets.loading import load_train_and_val, recognise
    from mrcnn_roi.datasets.split import held_out

    options = options or {}
    if train is None:
        return None, load_annotations(val, val_images, options) if val is not None else None
    if val is not None:
        return load_train_and_val(train, val, train_images, val_images, **options)
    source = recognise(train, train_images)
    parts = () if "part" in options else source.parts
    declared = [part for part in ("train", "val") if "train" in parts and part in parts]
    loaded = [source.load(**{"part": part, **options}) for part in declared[: 2 if val_fraction > 0 else 1]]
    datasets = loaded or [source.load(**options)]
    align_classes(datasets)
    if names:
        for dataset in datasets:
            align_to(dataset, names)
    if declared:
        validated = "val validated on" if len(declared) > 1 else f"{val_fraction:g} of it validated on"
        tell(f"{train} declares its parts: train is trained on, {validated}")
    if len(datasets) > 1:
        return datasets[0], datasets[1]
    if val_fraction <= 0:
        return datasets[0], None
    divided = held_out(datasets[0], val_fraction, split_seed)
    if divided[1] is None:
        tell(f"{train} has {len(datasets[0].image_info)} image(s): none is held out to validate on; give --val")
    return divided


def load_part(data, images, part: str, val_fraction: float, split_seed: int, options, names=()):
    """The dataset that --part means: all, a part that the annotations declare, or one of the split that train made.

    names: classes of a model, background first, that the data get the numbers of.
    """
    from mrcnn_roi.datasets.class_alignment import UNNAMED, align_to
    from mrcnn_roi.datasets.loading import recognise

    options = options or {}
    if part in ("train", "val"):
        parts = load_data(data, images, None, None, val_fraction, split_seed, options, names=names)
        dataset = parts[part == "val"]
        if dataset is None:
            why = "with --val-fraction 0" if val_fraction <= 0 else f"of the single image of {data}"
            raise typer.BadParameter(f"there is no val part {why}", param_hint="--part")
    else:
        source = recognise(data, images)
        if part == "test" and "test" not in source.parts:
            raise typer.BadParameter(f"{data} declares no test part", param_hint="--part")
        dataset = source.load(**{**({"part": "test"} if part == "test" else {}), **options})
        if names:
            align_to(dataset, names)
    if len(names) == 2 and dataset.class_names == ["BG", UNNAMED]:
        dataset.class_names = list(names)  # of a set that has no names
    return dataset


def load_config_or_defaults(path: Path | None, weights: Path | None = None):
    """load_config, or the default settings where there is neither a file nor weights."""
    from mrcnn_roi.config import Config

    return Config() if path is None and weights is None else load_config(path, weights)
