"""The command line: parsing and printing, no logic.

Exit status: 0 nothing wrong, 1 an ERROR finding or a failed run, 2 wrong usage.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text
from typer.core import TyperGroup

from mrcnn_roi.findings import CHECKS, Finding, SetupError, Severity
from mrcnn_roi.terminal import COLOURS, load_tensorflow, out, print_findings, print_scores, progress_bar

app = typer.Typer(
    name="mrcnn-roi",
    help="Mask R-CNN for Keras 3: check a set-up, train, evaluate, detect.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


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


def main():
    """Entry point of `mrcnn-roi`: prints what is wrong without a traceback."""
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    try:
        app()
    except SetupError as error:
        print_findings(error.findings)
        sys.exit(1)
    except (OSError, ValueError) as error:
        out.print(Text(f"error: {error}", style="bold red"))
        sys.exit(1)
    except KeyboardInterrupt:
        out.print("stopped; the checkpoints of finished epochs are whole")
        sys.exit(130)


def load_config(path: Path | None, weights: Path | None = None, **overrides):
    """The config of a file, or of the run that wrote the weights."""
    from mrcnn_roi.checks.h5_header import read_header
    from mrcnn_roi.config import Config
    from mrcnn_roi.engine.run_folder import config_beside

    if weights is not None and weights.suffix != ".keras":
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


def trained(weights: Path) -> Path:
    """The weight file that --weights means."""
    if str(weights) != "last":
        return weights
    from mrcnn_roi.engine.log_dir import latest_checkpoint

    return Path(latest_checkpoint("runs"))


def load_annotations(path: Path, images: Path | None, class_name: str | None):
    """A prepared Dataset; class_name is for label maps."""
    from mrcnn_roi.datasets import load_dataset

    return load_dataset(path, images, **({"class_name": class_name} if class_name else {}))


def load_data(train, train_images, val, val_images, val_fraction: float, split_seed: int, class_name):
    """(training dataset, validation dataset), None for what is not given; without --val the first is split."""
    from mrcnn_roi.datasets import split_dataset

    dataset = load_annotations(train, train_images, class_name) if train is not None else None
    if val is not None:
        return dataset, load_annotations(val, val_images, class_name)
    if dataset is not None and val_fraction > 0:
        return split_dataset(dataset, val_fraction, split_seed)
    return dataset, None


def run_preflight(config, train, val, **more) -> list[Finding]:
    """The preflight with a progress bar."""
    from mrcnn_roi.preflight import preflight

    with progress_bar("checking images") as step:
        return preflight(config, train, val, progress=lambda done, of: step(completed=done, total=of), **more)


@app.command()
def demo(
    folder: Annotated[Path, typer.Option(help="Where everything is written.")] = Path("runs/demo"),
    minutes: Annotated[float, typer.Option(help="How long to train.")] = 3.0,
    seed: Annotated[int, typer.Option(help="Seed of data, weights and training.")] = 0,
):
    """Draws a toy dataset, checks it, trains from nothing, evaluates and saves pictures: the whole pipeline."""
    load_tensorflow()
    from mrcnn_roi.engine.demo import run_demo

    result = run_demo(folder, minutes=minutes, seed=seed, say=out.print, bar=progress_bar, show=print_findings)
    print_scores(result.scores, f"{result.images} held-out images")
    out.print(f"trained {result.steps} steps in {result.train_seconds:.0f} s, all in {result.seconds:.0f} s")
    for path in result.pictures:
        out.print(f"picture: {path}")
    out.print(f"weights: {result.weights}\ntry: {program()} detect --weights {result.weights} {result.example}")


@app.command()
def check(
    config: ConfigFile,
    train: Annotated[Path | None, typer.Option(help="Training annotations.")] = None,
    train_images: TrainImages = None,
    val: ValData = None,
    val_images: ValImages = None,
    val_fraction: ValFraction = 0.2,
    split_seed: SplitSeed = 0,
    class_name: ClassName = None,
    weights: Annotated[Path | None, typer.Option(help="Weight file that will be loaded.")] = None,
    exclude: Exclude = None,
    layers: Annotated[str, typer.Option(help="heads, 3+, 4+, 5+, all, or a regular expression.")] = "all",
    learning_rate: Annotated[float | None, typer.Option("--lr", help="Learning rate of the run.")] = None,
    epochs: Annotated[int | None, typer.Option(help="Number of the last epoch.")] = None,
    mode: Annotated[str, typer.Option(help="training or inference.")] = "training",
    fast: Annotated[bool, typer.Option("--fast", help="Read annotations and image headers only.")] = False,
):
    """Finds what is wrong with a set-up before it trains; exit status 1 when there is an ERROR."""
    settings = load_config(config)
    train_set, val_set = load_data(train, train_images, val, val_images, val_fraction, split_seed, class_name)
    findings = run_preflight(
        settings,
        train_set,
        val_set,
        weights=weights,
        exclude=tuple(exclude or ()),
        layers=layers,
        learning_rate=learning_rate,
        epochs=epochs,
        mode=mode,
        fast=fast,
    )
    print_findings(findings)
    if any(finding.severity is Severity.ERROR for finding in findings):
        raise typer.Exit(1)


@app.command()
def train(
    config: ConfigFile,
    train: TrainData,
    train_images: TrainImages = None,
    val: ValData = None,
    val_images: ValImages = None,
    val_fraction: ValFraction = 0.2,
    split_seed: SplitSeed = 0,
    class_name: ClassName = None,
    weights: Annotated[
        str | None, typer.Option(help="Start from: a file, coco, imagenet, last; default: random weights.")
    ] = None,
    exclude: Exclude = None,
    layers: Annotated[str, typer.Option(help="heads, 3+, 4+, 5+, all, or a regular expression.")] = "all",
    learning_rate: Annotated[float | None, typer.Option("--lr", help="Default: LEARNING_RATE of the config.")] = None,
    epochs: Annotated[int, typer.Option(help="Number of the last epoch; a resumed run counts on.")] = 1,
    steps: Annotated[int | None, typer.Option(help="Overrides STEPS_PER_EPOCH.")] = None,
    model_dir: ModelDir = Path("runs"),
    preflight: Annotated[str, typer.Option(help="error, warn or off.")] = "error",
):
    """Trains a model and writes a checkpoint after every epoch."""
    settings = load_config(config, STEPS_PER_EPOCH=steps)
    train_set, val_set = load_data(train, train_images, val, val_images, val_fraction, split_seed, class_name)
    held_out = 0 if val_set is None else len(val_set.image_ids)
    out.print(f"{len(train_set.image_ids)} images to train on, {held_out} to validate")
    out.print(f"classes: {', '.join(train_set.class_names)}")
    rate = settings.LEARNING_RATE if learning_rate is None else learning_rate
    if preflight != "off":
        findings = run_preflight(settings, train_set, val_set, layers=layers, learning_rate=rate, epochs=epochs)
        print_findings(findings)
        if preflight == "error" and any(finding.severity is Severity.ERROR for finding in findings):
            raise typer.Exit(1)
    load_tensorflow()
    from mrcnn_roi.engine.commands import start_model

    model = start_model(settings, model_dir, weights, exclude)
    model.train(train_set, val_set, rate, epochs, layers, preflight="off")
    from mrcnn_roi.drawing.curves import plot_losses

    curves = Path(model.log_dir) / "losses.png"
    plot_losses(Path(model.log_dir) / "losses.csv", path=curves)
    checkpoint = model.checkpoint_path.format(epoch=model.epoch)
    out.print(f"weights: {checkpoint}\nlosses: {curves}")
    out.print(f"try: {program()} detect --weights {checkpoint} IMAGE")


@app.command()
def evaluate(
    weights: TrainedWeights,
    data: Annotated[Path, typer.Option(help="Annotations to score against.")],
    images: Annotated[Path | None, typer.Option(help="Folder of the images, where it is elsewhere.")] = None,
    config: OptionalConfigFile = None,
    part: Annotated[str, typer.Option(help="all, or the train or val part of the split that train made.")] = "all",
    val_fraction: ValFraction = 0.2,
    split_seed: SplitSeed = 0,
    class_name: ClassName = None,
    limit: Annotated[int | None, typer.Option(help="Score only the first images.")] = None,
):
    """Scores trained weights on annotated images: COCO's AP for masks and boxes."""
    if part not in ("all", "train", "val"):
        raise typer.BadParameter(f"expected all, train or val, received {part!r}", param_hint="--part")
    weights = trained(weights)
    settings = load_config(config, weights)
    from mrcnn_roi.datasets import split_dataset
    from mrcnn_roi.engine.run_folder import classes_beside

    dataset = load_annotations(data, images, class_name)
    if part != "all":
        dataset = split_dataset(dataset, val_fraction, split_seed)[part == "val"]
    names = classes_beside(weights)
    if names is not None and dataset.class_names == ["BG", "object"] and len(names) == 2:
        dataset.class_names = names  # label maps have no name of their own
    load_tensorflow()
    from mrcnn_roi.engine.commands import load_model
    from mrcnn_roi.engine.evaluating import evaluate as score

    model = load_model(settings, weights)
    image_ids = list(dataset.image_ids)[:limit]
    with progress_bar("detecting", len(image_ids)) as step:
        scores = score(model, dataset, image_ids, progress=step)
    print_scores(scores, f"{len(image_ids)} images")


@app.command()
def detect(
    images: Annotated[list[Path], typer.Argument(help="Images, or folders of them.")],
    weights: TrainedWeights,
    config: OptionalConfigFile = None,
    classes: Annotated[
        str | None, typer.Option(help="Class names without background, a comma between; default: from the run.")
    ] = None,
    confidence: Annotated[float | None, typer.Option(help="Overrides DETECTION_MIN_CONFIDENCE.")] = None,
    folder: Annotated[Path, typer.Option("--out", "-o", help="Where the drawn images go.")] = Path("runs/detect"),
):
    """Finds objects in images, lists them and draws them."""
    weights = trained(weights)
    settings = load_config(config, weights, DETECTION_MIN_CONFIDENCE=confidence)
    load_tensorflow()
    from mrcnn_roi.engine.commands import class_names_for, detect_file, image_files, load_model

    files = image_files(images)
    names = class_names_for(settings, weights, classes)
    model = load_model(settings, weights)
    found, broken = [], []
    with progress_bar("detecting", len(files)) as step:
        for path in files:
            try:
                found.append(detect_file(model, path, names, folder))
            except SetupError as error:
                broken += error.findings
            step()
    for each in found:
        out.print(f"{each.image} -> {each.drawing}")
        for name, score, (y1, x1, y2, x2) in each.objects:
            out.print(f"  {name} {score:.3f}  y {y1}..{y2}  x {x1}..{x2}")
        if not each.objects:
            out.print(f"  nothing found with a score of at least {settings.DETECTION_MIN_CONFIDENCE}")
    if broken:
        raise SetupError(broken)


class DataOrWord(TyperGroup):
    """`show WORD ...`, and `show DATA ...` for everything that is no word; ./rois is the folder of that name."""

    def parse_args(self, ctx, args):
        words = set(self.commands) - {CONTACT_SHEET}  # a folder may be called DATA
        if args and args[0] not in words.union(ctx.help_option_names):
            args = [CONTACT_SHEET, *args]
        return super().parse_args(ctx, args)


CONTACT_SHEET = "DATA"  # as what the help lists the command that has no word
SHOW_WORDS = "rois, levels, sampling"
show = typer.Typer(cls=DataOrWord, no_args_is_help=True, subcommand_metavar="DATA | WORD ...")
app.add_typer(show, name="show", help="Draws a dataset (show DATA), or what RoI pooling does (show WORD).")
OptionalData = Annotated[Path | None, typer.Argument(help="Annotations; default: toy shapes.")]


@show.command(CONTACT_SHEET)
def show_data(
    data: Annotated[Path, typer.Argument(help="Annotations: COCO json, or a folder with label-map masks.")],
    images: Annotated[Path | None, typer.Option(help="Folder of the images, where it is elsewhere.")] = None,
    class_name: ClassName = None,
    count: Annotated[int, typer.Option(help="How many images.")] = 12,
    seed: Annotated[int, typer.Option(help="Which ones.")] = 0,
    path: Annotated[Path, typer.Option("--out", "-o", help="The picture.")] = Path("runs/dataset.png"),
):
    """A contact sheet of a dataset with its annotations: mrcnn-roi show my/annotations."""
    from mrcnn_roi.drawing.dataset import display_samples

    if not data.exists() and data.name == str(data) and not data.suffix:  # meant as a word rather than a path
        expected = f"annotations (a file or a folder), or as the first argument one of the words {SHOW_WORDS}"
        raise typer.BadParameter(f"expected {expected}; received {str(data)!r}, which does not exist")
    path.parent.mkdir(parents=True, exist_ok=True)
    display_samples(load_annotations(data, images, class_name), count=count, seed=seed, path=path)
    out.print(f"picture: {path}")


@contextlib.contextmanager
def data_or_shapes(data: Path | None, images: Path | None, toy_images: int):
    """The dataset to show: the user's, or toy shapes."""
    from mrcnn_roi.engine.showing import toy_shapes

    if data is not None:
        yield load_annotations(data, images, None)
        return
    with toy_shapes(toy_images) as dataset:
        yield dataset


def print_picture(path: Path, lines: list[str]):
    """The path of a picture and what one sees on it."""
    for line in (f"picture: {path}", *lines):
        out.print(Text(line))


@show.command("rois")
def show_rois(
    data: OptionalData = None,
    images: Annotated[Path | None, typer.Option(help="Folder of the images, where it is elsewhere.")] = None,
    image: Annotated[int, typer.Option(help="Number of the image in the dataset, from 0.")] = 0,
    config: Annotated[Path | None, typer.Option("--config", "-c", help="YAML file of settings.")] = None,
    weights: Annotated[
        Path | None, typer.Option("--weights", "-w", help="Show this model's proposals: a file, or last.")
    ] = None,
    path: Annotated[Path, typer.Option("--out", "-o", help="The picture.")] = Path("runs/rois.png"),
):
    """The boxes of an image, or a model's proposals, in the colours of the pyramid levels that pool them."""
    from mrcnn_roi.engine.showing import show_rois as draw

    weights = weights and trained(weights)
    settings = load_config_or_defaults(config, weights)
    if weights is not None:
        load_tensorflow()
    with data_or_shapes(data, images, 1) as dataset:
        print_picture(path, draw(path, dataset, image, settings, weights))


@show.command("levels")
def show_levels(
    data: OptionalData = None,
    images: Annotated[Path | None, typer.Option(help="Folder of the images, where it is elsewhere.")] = None,
    config: Annotated[Path | None, typer.Option("--config", "-c", help="YAML file of settings.")] = None,
    path: Annotated[Path, typer.Option("--out", "-o", help="The picture.")] = Path("runs/levels.png"),
):
    """How many boxes of a dataset each pyramid level pools, by the size they have in the network."""
    from mrcnn_roi.engine.showing import show_levels as draw

    settings = load_config_or_defaults(config)
    with data_or_shapes(data, images, 24) as dataset:
        print_picture(path, draw(path, dataset, settings, progress_bar))


@show.command("sampling")
def show_sampling(
    map_: Annotated[str, typer.Option("--map", help="Cells of the feature map, height x width.")] = "16x16",
    stride: Annotated[float, typer.Option(help="Pixels a cell.")] = 32,
    box: Annotated[str, typer.Option(help="The RoI, y1,x1,y2,x2 in pixels of the molded image.")] = "192,296,337,496",
    bins: Annotated[str, typer.Option(help="Bins a side, or rows x columns.")] = "3",
    ratio: Annotated[
        int, typer.Option(min=-1, help="Samples a bin on each axis; 0: as many as the bin has cells.")
    ] = 2,
    aligned: Annotated[bool, typer.Option("--aligned", help="RoIAlign without the shift of half a cell.")] = False,
    path: Annotated[Path, typer.Option("--out", "-o", help="The picture.")] = Path("runs/sampling.png"),
):
    """What RoIPool, RoIWarp, RoIAlign and crop_and_resize read of a feature map for one RoI, and what they lose."""
    from mrcnn_roi.engine.showing import show_sampling as draw

    height, width = numbers_of(map_, "x", (2,), "--map", "height x width in cells, such as 16x16", int)
    roi = numbers_of(box, ",", (4,), "--box", "four numbers y1,x1,y2,x2 in pixels", float)
    counts = numbers_of(bins, "x", (1, 2), "--bins", "bins a side such as 7, or rows x columns such as 7x14", int)
    try:
        lines = draw(path, roi, (height, width), stride, (counts[0], counts[-1]), ratio, aligned)
    except ValueError as error:  # whatever is wrong with the numbers, they came from this command
        raise typer.BadParameter(str(error)) from None
    print_picture(path, lines)


def numbers_of(text: str, separator: str, counts: tuple[int, ...], option: str, expected: str, kind) -> tuple:
    """The numbers of an option's text."""
    parts = text.lower().split(separator)
    with contextlib.suppress(ValueError):
        numbers = tuple(kind(part) for part in parts)
        if len(numbers) in counts:
            return numbers
    raise typer.BadParameter(f"expected {expected}, received {text!r}", param_hint=option)


def load_config_or_defaults(path: Path | None, weights: Path | None = None):
    """load_config, or the default settings where there is neither a file nor weights."""
    from mrcnn_roi.config import Config

    return Config() if path is None and weights is None else load_config(path, weights)


@app.command()
def export(
    weights: TrainedWeights,
    target: Annotated[Path, typer.Argument(help="model.keras, weights.h5, or a folder for a SavedModel.")],
    config: OptionalConfigFile = None,
):
    """Writes the inference model for use elsewhere."""
    weights = trained(weights)
    load_tensorflow()
    from mrcnn_roi.engine.commands import export_model, load_model

    export_model(load_model(load_config(config, weights), weights), target)
    out.print(f"wrote {target}")


@app.command()
def explain(code: Annotated[str, typer.Argument(help="A code such as cfg-image-dim-not-div64; all lists them.")]):
    """Says what a finding means and why it hurts."""
    import difflib

    import mrcnn_roi.preflight  # noqa: F401 - registers the checks
    from mrcnn_roi.datasets.problems import FAULTS

    texts = {code: (fault.severity, f"In an {fault.subject}: {fault.summary}.") for code, fault in FAULTS.items()}
    texts |= {each.code: (each.severity, each.documentation) for each in CHECKS.values()}
    if code == "all":
        for name, (severity, text) in sorted(texts.items()):
            out.print(f"{name:28} {severity.name:8} {' '.join(text.split()).partition('. ')[0]}")
        return
    if code not in texts:
        close = difflib.get_close_matches(code, texts, 1)
        raise typer.BadParameter(f"no check {code!r}" + (f"; did you mean {close[0]}?" if close else ""))
    severity, text = texts[code]
    out.print(Text(f"{code} ({severity.name})", style=COLOURS[severity]))
    out.print(Text(text))


@app.command("config")
def show_config(config: Annotated[Path | None, typer.Option("--config", "-c", help="YAML file of settings.")] = None):
    """Prints the settings of a file, or the defaults."""
    from mrcnn_roi.config import Config

    (Config.from_yaml(config) if config else Config()).display()


@app.command()
def env():
    """Prints versions and devices, for bug reports."""
    import platform
    from importlib.metadata import PackageNotFoundError, version

    out.print(f"python {platform.python_version()} on {platform.platform()}")
    for package in ("mrcnn_roi", "tensorflow", "tensorflow-cpu", "keras", "numpy", "scikit-image", "pycocotools"):
        with contextlib.suppress(PackageNotFoundError):
            out.print(f"{package} {version(package)}")
    load_tensorflow()
    import tensorflow as tf

    for device in tf.config.list_physical_devices():
        out.print(f"device {device.device_type} {device.name}")


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def run(
    context: typer.Context,
    script: Annotated[Path, typer.Argument(help="A script for Matterport's mrcnn.", exists=True, dir_okay=False)],
):
    """Runs a Matterport-era script unchanged: its `import mrcnn...` finds this package."""
    import runpy

    import mrcnn_roi
    from mrcnn_roi import config, model, utils, visualize

    sys.modules["mrcnn"] = mrcnn_roi
    for name, module in (("config", config), ("model", model), ("utils", utils), ("visualize", visualize)):
        sys.modules[f"mrcnn.{name}"] = module
    sys.argv = [str(script), *context.args]
    sys.path.insert(0, str(script.resolve().parent))
    runpy.run_path(str(script), run_name="__main__")
