"""The command `mrcnn-roi train`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mrcnn_roi.cli_check import check_with_bar
from mrcnn_roi.cli_options import (
    Augment,
    ClassName,
    ConfigFile,
    Exclude,
    FormatOption,
    ModelDir,
    SplitSeed,
    TrainData,
    TrainImages,
    ValData,
    ValFraction,
    ValImages,
    format_options,
    load_augmentation,
    load_config,
    load_data,
    names_in,
    program,
    weight_arguments,
)
from mrcnn_roi.findings import Severity
from mrcnn_roi.terminal import load_tensorflow, out, print_findings, say


def train(
    config: ConfigFile,
    train: TrainData,
    train_images: TrainImages = None,
    val: ValData = None,
    val_images: ValImages = None,
    val_fraction: ValFraction = 0.2,
    split_seed: SplitSeed = 0,
    class_name: ClassName = None,
    option: FormatOption = None,
    weights: Annotated[
        str | None, typer.Option(help="Start from: a file, coco, imagenet, last; default: random weights.")
    ] = None,
    exclude: Exclude = None,
    layers: Annotated[str, typer.Option(help="heads, 3+, 4+, 5+, all, or a regular expression.")] = "all",
    learning_rate: Annotated[float | None, typer.Option("--lr", help="Default: LEARNING_RATE of the config.")] = None,
    epochs: Annotated[int, typer.Option(min=1, help="Number of the last epoch; a resumed run counts on.")] = 1,
    steps: Annotated[int | None, typer.Option(help="Overrides STEPS_PER_EPOCH.")] = None,
    augment: Augment = None,
    model_dir: ModelDir = Path("runs"),
    preflight: Annotated[str, typer.Option(help="error, warn or off.")] = "error",
):
    """Trains a model and writes a checkpoint after every epoch."""
    if preflight not in ("error", "warn", "off"):
        raise typer.BadParameter(f"expected error, warn or off, received {preflight!r}", param_hint="--preflight")

    augmentation = load_augmentation(augment)

    data_options = format_options(class_name, option)

    def load():
        return load_data(train, train_images, val, val_images, val_fraction, split_seed, data_options)

    findings = None
    if preflight == "off":
        settings = load_config(config, STEPS_PER_EPOCH=steps)
        train_set, val_set = load()
    else:
        checked = check_with_bar(
            config,
            load,
            overrides={} if steps is None else {"STEPS_PER_EPOCH": steps},
            layers=layers,
            learning_rate=learning_rate,
            epochs=epochs,
            augmentation=augmentation,
            **weight_arguments(weights, exclude, model_dir),
            model_dir=model_dir,
        )
        findings, settings = checked.findings, checked.config
        print_findings(findings)
        train_set, val_set = (checked.data.datasets.get(name) for name in ("train", "val"))
        wrong = any(finding.severity is Severity.ERROR for finding in findings)
        if train_set is None or (wrong and preflight == "error"):
            raise typer.Exit(1)
    rate = settings.LEARNING_RATE if learning_rate is None else learning_rate
    held_out = 0 if val_set is None else len(val_set.image_ids)
    out.print(f"{len(train_set.image_ids)} images to train on, {held_out} to validate")
    say(f"classes: {', '.join(train_set.class_names)}")
    if augmentation is not None:
        from mrcnn_roi.engine.user_augmentation import recorded

        say(f"augmentation: {recorded(augment, augmentation)}")
    load_tensorflow()
    from mrcnn_roi.engine.commands import start_model
    from mrcnn_roi.engine.user_augmentation import recorder

    model = start_model(settings, model_dir, weights, names_in(exclude))
    model.train(
        train_set,
        val_set,
        rate,
        epochs,
        layers,
        augmentation=augmentation,
        custom_callbacks=[recorder(model, augment, augmentation)],
        preflight=preflight,
        findings=findings,
    )
    if model.epoch > epochs or not Path(model.log_dir, "losses.csv").exists():
        return  # train() has said that nothing was left to do
    from mrcnn_roi.drawing.curves import plot_losses

    curves = Path(model.log_dir) / "losses.png"
    plot_losses(Path(model.log_dir) / "losses.csv", path=curves)
    checkpoint = model.checkpoint_path.format(epoch=model.epoch)
    say(f"weights: {checkpoint}")
    say(f"losses: {curves}")
    say(f"try: {program()} detect --weights {checkpoint} IMAGE")
