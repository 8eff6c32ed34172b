"""The commands `mrcnn-roi convert` and `mrcnn-roi split`: annotations of any format as COCO json, whole or in parts."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from mrcnn_roi.cli_options import FORMATS_READ, ClassName, FormatOption, format_options, load_annotations, program
from mrcnn_roi.findings import printable
from mrcnn_roi.terminal import out, print_findings, progress_bar, say

LOG_WIDTH = 200  # characters of a table where there is no terminal to be wide or narrow
Data = Annotated[Path, typer.Argument(help=f"Annotations, a file or folder: {FORMATS_READ}.")]
Images = Annotated[Path | None, typer.Option(help="Folder of the images, where it is elsewhere.")]
ImagesRoot = Annotated[
    Path | None, typer.Option(help="Folder that file names are relative to; default: the one that holds all images.")
]
SkipBroken = Annotated[
    bool, typer.Option("--skip-broken", help="Leave out what has no usable mask, instead of refusing.")
]


def convert(
    data: Data,
    target: Annotated[Path, typer.Argument(help="The COCO json to write.", metavar="OUT.json")],
    images: Images = None,
    images_root: ImagesRoot = None,
    copy_images: Annotated[
        bool, typer.Option("--copy-images", help="Copy the image files into images/ beside the json.")
    ] = False,
    skip_broken: SkipBroken = False,
    class_name: ClassName = None,
    option: FormatOption = None,
):
    """Writes annotations of any format as COCO json: ids, parts, holes and crowds as they are."""
    from mrcnn_roi.datasets.coco_writer import write_coco

    if target.is_dir():
        raise typer.BadParameter(f"{target} is a folder: name the file to write, such as {target / 'annotations.json'}")
    dataset = load(data, images, format_options(class_name, option), skip_broken)
    with progress_bar("converting") as step:
        written = write_coco(
            dataset,
            target,
            root=images_root or images,
            copy_images=copy_images,
            skip_broken=skip_broken,
            progress=lambda done, of: step(completed=done, total=of),
        )
    print_written(written)
    print_extras(dataset)
    say(f"images: {written.images_root}")


def split(
    data: Data,
    folder: Annotated[Path, typer.Option("--out", "-o", help="Folder for train.json, val.json and test.json.")],
    val: Annotated[float, typer.Option(help="Share of every class, and about of the images, to validate on.")] = 0.2,
    test: Annotated[float, typer.Option(help="Share to keep for the end, in the same way.")] = 0.0,
    seed: Annotated[int, typer.Option(help="Another seed gives another split; the same one the same.")] = 0,
    images: Images = None,
    images_root: ImagesRoot = None,
    skip_broken: SkipBroken = False,
    class_name: ClassName = None,
    option: FormatOption = None,
):
    """Divides annotated images for training and validation, with a share of every class in each part."""
    from mrcnn_roi.datasets.balanced import balanced_rows, class_counts
    from mrcnn_roi.datasets.coco_writer import write_parts
    from mrcnn_roi.datasets.split import part_of

    shares = shares_of(val, test)
    dataset = load(data, images, format_options(class_name, option), skip_broken)
    with progress_bar("counting objects") as step:
        counts = class_counts(dataset, progress=lambda done, of: step(completed=done, total=of))
    rows = balanced_rows(dataset, list(shares.values()), seed, counts)
    parts = [(part_of(dataset, own), folder / f"{name}.json") for name, own in zip(shares, rows)]
    with progress_bar("writing") as step:
        written = write_parts(
            parts,
            root=images_root or images,
            skip_broken=skip_broken,
            progress=lambda done, of: step(completed=done, total=of),
        )
    print_shares(dataset.class_names, counts, dict(zip(shares, rows)))
    for each in written:
        print_written(each)
    print_extras(dataset)
    root = shlex.quote(str(written[0].images_root))
    train_json, val_json = (shlex.quote(str(each.path)) for each in written[:2])
    data_options = f"--train {train_json} --train-images {root} --val {val_json} --val-images {root}"
    say(f"try: {program()} train -c config.yaml {data_options}")


def shares_of(val: float, test: float) -> dict[str, float]:
    """The share of each part by name."""
    for value, option in ((val, "--val"), (test, "--test")):
        if not (0 < value < 1 or (value == 0 and option == "--test")):
            raise typer.BadParameter(f"expected a share between 0 and 1, received {value:g}", param_hint=option)
    if not val + test < 1:
        raise typer.BadParameter(f"expected something to be left to train on, received {val:g} and {test:g}")
    shares = {"train": 1 - val - test, "val": val, "test": test}
    return {name: share for name, share in shares.items() if share}


def load(data, images, options, skip_broken):
    """The dataset. What its loader found is printed, unless that is why nothing will be written."""
    from mrcnn_roi.datasets.coco_source import lost_annotations

    dataset = load_annotations(data, images, options)
    if dataset.annotation_problems and (skip_broken or not lost_annotations(dataset)):
        print_findings(dataset.annotation_problems)
    return dataset


def print_written(written):
    """One line about a file, and one about what is not in it."""
    say(f"wrote {written.path}: {written.images} images, {written.annotations} annotations")
    if written.images_left_out or written.annotations_left_out:
        left_out = f"{written.images_left_out} images and {written.annotations_left_out} annotations of other images"
        say(f"left out because they have no usable mask: {left_out}", "yellow")


def print_extras(dataset):
    """One line about what the annotations have that is not carried over; nothing where there is nothing."""
    extras = getattr(dataset, "extras", ())
    if extras:
        say(f"not carried over: {', '.join(extras)}", "yellow")


def print_shares(class_names, counts, parts):
    """A table: of each class the objects, the images with one, and the share of the objects in each part.

    counts: int [I, K]. parts: name -> image numbers.
    """
    console = out if out.is_terminal else Console(width=LOG_WIDTH, markup=False, emoji=False, highlight=False)
    table = Table(title="objects / images with one (share of all)", title_justify="left")
    table.add_column("class")
    for name in ("all", *parts):
        table.add_column(name, justify="right")
    for class_id, class_name in enumerate(class_names[1:], start=1):
        own = counts[:, class_id]
        cells = [f"{_objects(own[rows])} ({_percent(own[rows], own)})" for rows in parts.values()]
        table.add_row(_printed(class_name, console.encoding), _objects(own), *cells)
    empty = counts.sum(axis=1) == 0
    for title, chosen in (("images without objects", empty), ("all images", empty >= 0)):
        cells = [f"{chosen[rows].sum()} ({_percent(chosen[rows], chosen)})" for rows in parts.values()]
        table.add_row(title, str(chosen.sum()), *cells)
    console.print(table)


def _printed(name: str, encoding: str) -> str:
    """A name as a stream can print it."""
    return printable(name).encode(encoding, "backslashreplace").decode(encoding)


def _objects(own) -> str:
    return f"{own.sum()} / {(own > 0).sum()}"


def _percent(own, every) -> str:
    return f"{100 * own.sum() / every.sum():.1f} %" if every.sum() else "-"
