"""The commands `mrcnn-roi show ...`: pictures of a dataset, of samples, and of what RoI pooling does with them."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Annotated

import typer
from typer.core import TyperGroup

from mrcnn_roi.cli_options import (
    Augment,
    ClassName,
    FormatOption,
    format_options,
    load_annotations,
    load_augmentation,
    load_config_or_defaults,
    trained,
)
from mrcnn_roi.terminal import load_tensorflow, print_findings, progress_bar, say


class DataOrWord(TyperGroup):
    """`show WORD ...`, and `show DATA ...` for everything that is no word; ./rois is the folder of that name."""

    def parse_args(self, ctx, args):
        words = set(self.commands) - {CONTACT_SHEET}  # a folder may be called DATA
        if args and args[0] not in words.union(ctx.help_option_names):
            args = [CONTACT_SHEET, *args]
        return super().parse_args(ctx, args)


CONTACT_SHEET = "DATA"  # as what the help lists the command that has no word
SHOW_WORDS = "batch, rois, levels, sampling"
show = typer.Typer(cls=DataOrWord, no_args_is_help=True, subcommand_metavar="DATA | WORD ...")
OptionalData = Annotated[Path | None, typer.Argument(help="Annotations; default: toy shapes.")]


@show.command(CONTACT_SHEET)
def show_data(
    data: Annotated[Path, typer.Argument(help="Annotations: COCO json, or a folder with label-map masks.")],
    images: Annotated[Path | None, typer.Option(help="Folder of the images, where it is elsewhere.")] = None,
    class_name: ClassName = None,
    option: FormatOption = None,
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
    dataset = load_annotations(data, images, format_options(class_name, option))
    display_samples(dataset, count=count, seed=seed, path=path)
    say(f"picture: {path}")


@contextlib.contextmanager
def data_or_shapes(data: Path | None, images: Path | None, toy_images: int, options=None):
    """The dataset to show: the user's, or toy shapes."""
    from mrcnn_roi.engine.showing import toy_shapes

    if data is not None:
        yield load_annotations(data, images, options)
        return
    with toy_shapes(toy_images) as dataset:
        yield dataset


def print_picture(path: Path, lines: list[str]):
    """The path of a picture and what one sees on it."""
    for line in (f"picture: {path}", *lines):
        say(line)


@show.command("batch")
def show_batch(
    data: OptionalData = None,
    images: Annotated[Path | None, typer.Option(help="Folder of the images, where it is elsewhere.")] = None,
    class_name: ClassName = None,
    option: FormatOption = None,
    config: Annotated[Path | None, typer.Option("--config", "-c", help="YAML file of settings.")] = None,
    augment: Augment = None,
    count: Annotated[int, typer.Option(min=1, help="How many images.")] = 12,
    draws: Annotated[int | None, typer.Option(min=1, help="Samples of each; default: 3 if augmented, else 1.")] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Seed of the run; default: SEED of the config, or 0.")] = None,
    epoch: Annotated[int, typer.Option(min=0, help="First pass over the data that is shown.")] = 0,
    path: Annotated[Path, typer.Option("--out", "-o", help="The picture.")] = Path("runs/batch.png"),
):
    """Images as training sees them: resized, augmented, with the masks, boxes and anchors that it learns from."""
    from mrcnn_roi.engine.batch_sheet import show_batch as draw

    settings = load_config_or_defaults(config)
    augmentation = load_augmentation(augment)
    draws = draws or (1 if augmentation is None else 3)
    with data_or_shapes(data, images, count, format_options(class_name, option)) as dataset:
        with progress_bar("making samples", min(count, len(dataset.image_ids))) as step:
            made = {"count": count, "draws": draws, "seed": seed, "epoch": epoch, "step": step}
            told = draw(path, dataset, settings, augmentation, **made)
        print_picture(path, told.lines)
    if told.errors:
        print_findings(dict.fromkeys(finding for error in told.errors for finding in error.findings))


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
