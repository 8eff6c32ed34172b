"""The command `mrcnn-roi check`: what is read, what is printed, and what is written."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from mrcnn_roi.cli_options import (
    Augment,
    ClassName,
    Exclude,
    FormatOption,
    SplitSeed,
    TrainImages,
    ValData,
    ValFraction,
    ValImages,
    format_options,
    load_augmentation,
    load_data,
    weight_arguments,
)
from mrcnn_roi.findings import Severity
from mrcnn_roi.terminal import out, print_findings, progress_bar, say


def check(
    config: Annotated[
        Path | None, typer.Option("--config", "-c", help="YAML file of settings; without it the defaults are checked.")
    ] = None,
    train: Annotated[Path | None, typer.Option(help="Training annotations.")] = None,
    train_images: TrainImages = None,
    val: ValData = None,
    val_images: ValImages = None,
    val_fraction: ValFraction = 0.2,
    split_seed: SplitSeed = 0,
    class_name: ClassName = None,
    option: FormatOption = None,
    weights: Annotated[
        str | None, typer.Option(help="Weights that will be loaded: a file, coco, imagenet, last.")
    ] = None,
    exclude: Exclude = None,
    layers: Annotated[str, typer.Option(help="heads, 3+, 4+, 5+, all, or a regular expression.")] = "all",
    learning_rate: Annotated[float | None, typer.Option("--lr", help="Learning rate of the run.")] = None,
    epochs: Annotated[int | None, typer.Option(min=1, help="Number of the last epoch.")] = None,
    augment: Augment = None,
    mode: Annotated[str, typer.Option(help="training or inference.")] = "training",
    fast: Annotated[bool, typer.Option("--fast", help="Read annotations and image headers only.")] = False,
    full: Annotated[bool, typer.Option("--full", help="Decode every image, also of more than 2000.")] = False,
    no_cache: Annotated[bool, typer.Option("--no-cache", help="Do not use or keep what a scan found.")] = False,
    strict: Annotated[bool, typer.Option("--strict", help="Exit status 1 for a WARNING, too.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the findings as JSON.")] = False,
    html: Annotated[Path | None, typer.Option(help="Write a report with pictures, one HTML file.")] = None,
    suggest: Annotated[
        Path | None, typer.Option(help="Write a config file with settings that fit this data, and pass.")
    ] = None,
):
    """Finds what is wrong with a set-up before it trains; exit status 1 when there is an ERROR."""
    if config is None and train is None and val is None:
        raise typer.BadParameter("give --config, --train or both: there is nothing to check")
    if mode not in ("training", "inference"):
        raise typer.BadParameter(f"expected training or inference, received {mode!r}", param_hint="--mode")
    if suggest is not None and (suggest == config or not may_be_replaced(suggest)):
        raise typer.BadParameter(f"{suggest} exists: name a new file for the suggestions", param_hint="--suggest")
    from mrcnn_roi.engine.checking import write_html
    from mrcnn_roi.findings import findings_json

    said = Console(stderr=True, highlight=False, markup=False, soft_wrap=True) if as_json else out

    def tell(text: str):
        say(text, console=said)

    options = format_options(class_name, option)
    checked = check_with_bar(
        config,
        lambda: load_data(train, train_images, val, val_images, val_fraction, split_seed, options, tell),
        fast=fast,
        full=full,
        cache=not no_cache,
        **weight_arguments(weights, exclude),
        layers=layers,
        learning_rate=learning_rate,
        epochs=epochs,
        augmentation=load_augmentation(augment),
        mode=mode,
    )
    if as_json:
        sys.stdout.write(findings_json(checked.findings) + "\n")
    else:
        print_findings(checked.findings)
    if html is not None:
        say(f"report: {write_html(checked, html, command_line())}", console=said)
    if suggest is not None:
        print_suggestions(checked, suggest, said)
    wanted = Severity.WARNING if strict else Severity.ERROR
    if any(finding.severity >= wanted for finding in checked.findings):
        raise typer.Exit(1)


def check_with_bar(config: Path | None, load, **arguments):
    """engine.checking.check_files with a progress bar."""
    from mrcnn_roi.engine.checking import check_files

    with progress_bar("checking images") as step:
        return check_files(config, load, progress=lambda done, of: step(completed=done, total=of), **arguments)


def print_suggestions(checked, path: Path, console):
    """Writes the suggested config, and says what is other in it and what it does not cure."""
    from mrcnn_roi.engine.checking import suggest
    from mrcnn_roi.findings import count_severities

    if checked.config is None:
        say("no config can be suggested: the given one cannot be read", "bold red", console)
        return
    fixed = suggest(checked, path)
    for name, each in fixed.suggestions.items():
        say(f"  {name}: {each.reason}", console=console)
    for note in fixed.notes:
        say(f"  {note}", console=console)
    left = {name.lower(): count for name, count in count_severities(fixed.findings).items() if count}
    rest = ", ".join(f"{count} {name}{'' if count == 1 else 's'}" for name, count in left.items()) or "nothing"
    say(
        f"suggested config: {path} ({len(fixed.suggestions)} settings changed; with it remain: {rest})", console=console
    )


def may_be_replaced(path: Path) -> bool:
    """Whether a file is not there, or holds suggestions that were made before."""
    return not path.exists() or (path.is_file() and path.read_bytes().startswith(b"# Settings that differ"))


def command_line() -> str:
    """What the user typed, for a report."""
    return shlex.join(["mrcnn-roi", *sys.argv[1:]])
