"""The command line: parsing and printing, no logic.

Exit status: 0 nothing wrong, 1 an ERROR finding or a failed run, 2 wrong usage.
"""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from mrcnn_roi.cli_check import check
from mrcnn_roi.cli_convert import convert, split
from mrcnn_roi.cli_options import (
    ClassName,
    FormatOption,
    OptionalConfigFile,
    SplitSeed,
    TrainedWeights,
    ValFraction,
    format_options,
    load_config,
    load_part,
    program,
    trained,
)
from mrcnn_roi.cli_show import show
from mrcnn_roi.cli_train import train
from mrcnn_roi.findings import SetupError
from mrcnn_roi.terminal import (
    load_tensorflow,
    out,
    print_explanation,
    print_findings,
    print_scores,
    progress_bar,
    say,
)
from mrcnn_roi.version import __version__

app = typer.Typer(
    name="mrcnn-roi",
    help="Mask R-CNN for Keras 3: convert and check data and settings, train, evaluate, detect.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def main():
    """Entry point of `mrcnn-roi`: prints what is wrong without a traceback."""
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    try:
        app()
    except SetupError as error:
        print_findings(error.findings)
        sys.exit(1)
    except OSError as error:
        say(f"error: {error.strerror or error}{f': {error.filename}' if error.filename else ''}", "bold red")
        sys.exit(1)
    except (ImportError, ValueError) as error:
        say(f"error: {error}", "bold red")
        sys.exit(1)
    except SystemExit as end:
        if end.code == 130:  # typer's answer to Ctrl-C
            out.print("stopped; what was finished is whole: checkpoints of epochs, scanned images in the cache")
        raise
    except KeyboardInterrupt:
        out.print("stopped; what was finished is whole: checkpoints of epochs, scanned images in the cache")
        sys.exit(130)


def print_version(wanted: bool):
    if wanted:
        out.print(f"mrcnn_roi {__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=print_version, is_eager=True, help="Print the version.")
    ] = False,
):
    """Mask R-CNN for Keras 3: check a set-up, train, evaluate, detect."""


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
        say(f"picture: {path}")
    say(f"weights: {result.weights}")
    say(f"try: {program()} detect --weights {result.weights} {result.example}")


app.command()(check)


app.command()(convert)


app.command()(split)


app.command()(train)


@app.command()
def evaluate(
    weights: TrainedWeights,
    data: Annotated[Path, typer.Option(help="Annotations to score against.")],
    images: Annotated[Path | None, typer.Option(help="Folder of the images, where it is elsewhere.")] = None,
    config: OptionalConfigFile = None,
    part: Annotated[
        str, typer.Option(help="all, train, val or test: a part that the data declare, or of train's own split.")
    ] = "all",
    val_fraction: ValFraction = 0.2,
    split_seed: SplitSeed = 0,
    class_name: ClassName = None,
    option: FormatOption = None,
    limit: Annotated[int | None, typer.Option(help="Score only the first images.")] = None,
):
    """Scores trained weights on annotated images: COCO's AP for masks and boxes."""
    if part not in ("all", "train", "val", "test"):
        raise typer.BadParameter(f"expected all, train, val or test, received {part!r}", param_hint="--part")
    weights = trained(weights)
    settings = load_config(config, weights)
    from mrcnn_roi.engine.run_folder import classes_beside

    names = classes_beside(weights)
    dataset = load_part(data, images, part, val_fraction, split_seed, format_options(class_name, option), names or ())
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
        say(f"{each.image} -> {each.drawing}")
        for name, score, (y1, x1, y2, x2) in each.objects:
            say(f"  {name} {score:.3f}  y {y1}..{y2}  x {x1}..{x2}")
        if not each.objects:
            out.print(f"  nothing found with a score of at least {settings.DETECTION_MIN_CONFIDENCE}")
    if broken:
        raise SetupError(broken)


app.add_typer(show, name="show", help="Draws a dataset (show DATA), or what RoI pooling does (show WORD).")


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
    say(f"wrote {target}")


@app.command()
def explain(
    code: Annotated[str, typer.Argument(help="A code such as cfg-image-dim-not-div64; all lists them.")] = "all",
):
    """Says what a finding means and why it hurts."""
    import mrcnn_roi.preflight  # noqa: F401 - registers the checks
    from mrcnn_roi.checks.table import all_codes, documentation, first_sentence
    from mrcnn_roi.datasets.problems import FAULTS

    if code == "all":
        for each in all_codes(FAULTS):
            severity, text = documentation(each, FAULTS)
            say(f"{each:28} {severity.name:8} {first_sentence(text)}")
        return
    try:
        severity, text = documentation(code, FAULTS)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
    print_explanation(code, severity, text)


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

    load_tensorflow()  # quietly; the script would import it anyway

    import mrcnn_roi
    from mrcnn_roi import config, model, utils, visualize

    sys.modules["mrcnn"] = mrcnn_roi
    for name, module in (("config", config), ("model", model), ("utils", utils), ("visualize", visualize)):
        sys.modules[f"mrcnn.{name}"] = module
    sys.argv = [str(script), *context.args]
    sys.path.insert(0, str(script.resolve().parent))
    runpy.run_path(str(script), run_name="__main__")
