"""The report of a preflight: one HTML file, offline, with the findings and the pictures that explain them.

The file needs nothing but itself: no script, no font, no address is loaded, and its content policy forbids any. Text
of users' files is escaped by the template. What cannot be drawn is named, with the reason; the file is always whole.
"""

from __future__ import annotations

import datetime
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from mrcnn_roi.checks.splits import Split
from mrcnn_roi.drawing.report_boxes import box_pictures
from mrcnn_roi.drawing.report_chart import Picture
from mrcnn_roi.drawing.report_classes import class_balance
from mrcnn_roi.drawing.report_images import image_scales, image_sizes, mean_pixels, objects_per_image
from mrcnn_roi.drawing.report_offenders import Offender, choose_offenders
from mrcnn_roi.drawing.report_samples import Batch, draw_batch
from mrcnn_roi.drawing.report_summary import read_summary, settings_of, split_facts
from mrcnn_roi.drawing.report_text import group_findings, shown
from mrcnn_roi.drawing.report_thumbnails import Thumbnail, thumbnails
from mrcnn_roi.findings import Finding, count_severities
from mrcnn_roi.version import __version__

NO_DATA = "No dataset was read, so there is nothing to draw."


def write_report(
    path: str | os.PathLike,
    findings: Iterable[Finding],
    config,
    splits: Sequence[Split] = (),
    *,
    samples: Sequence[Mapping[str, Any]] = (),
    sample_names: Sequence[str] = (),
    samples_note: str = "",
    title: str = "Preflight report",
    command: str = "",
) -> Path:
    """Writes the report and returns its path. An existing file is replaced in one step, or not at all.

    findings: of the preflight. splits: of preflight.gather, may be empty.
    samples: the first batch, dicts as inputs.sample.build_sample returns them, without batch axis; sample_names: what
        to call each, "image 1", ... by default; samples_note: why samples are missing.
    command: what the user typed, shown as it is.
    Raises ValueError where `path` is a folder, OSError where it cannot be written.
    """
    target = Path(path)
    if target.is_dir():
        raise ValueError(f"expected a file name for the report, received the folder {shown(target)}")
    findings, splits = list(findings), list(splits)
    names = list(sample_names) or [f"image {number + 1}" for number in range(len(samples))]
    class_names = splits[0].scan.class_names if splits else []
    pictures, missing = _pictures(config, splits)
    offenders, offenders_note = _tolerant(lambda: _offenders(config, splits), [], "the images to look at")
    batch, batch_note = _tolerant(lambda: draw_batch(samples, config, names, class_names, samples_note), None, "batch")
    settings, settings_note = _tolerant(lambda: settings_of(config), [], "the settings")
    html = _template().render(
        title=shown(title),
        command=shown(command),
        counts=count_severities(findings),
        summary=read_summary(splits),
        facts=[split_facts(split) for split in splits],
        groups=group_findings(findings),
        pictures=pictures,
        offenders=offenders,
        batch=batch or Batch("", [], batch_note),
        settings=settings,
        notes=[note for note in (*missing, offenders_note, settings_note) if note],
        no_data="" if splits else NO_DATA,
        version=__version__,
        written=datetime.datetime.now().strftime("%Y-%m-%d %H:%M"),
    )
    _write(target, html)
    return target


def _pictures(config, splits: list[Split]) -> tuple[list[Picture], list[str]]:
    """The charts that can be drawn, and why others are not."""
    if not splits:
        return [], []
    boxes, note = box_pictures(config, splits)
    jobs: list[tuple[str, Callable[[], Picture | None]]] = [
        *(("a chart of boxes", each) for each in boxes),
        ("the objects an image", lambda: objects_per_image(config, splits)),
        ("the class balance", lambda: class_balance(splits)),
        ("the image sizes", lambda: image_sizes(config, splits)),
        ("the scales", lambda: image_scales(splits)),
        ("the mean pixels", lambda: mean_pixels(config, splits)),
    ]
    pictures, notes = [], [note] if note else []
    for name, job in jobs:
        picture, note = _tolerant(job, None, name)
        pictures += [] if picture is None else [picture]
        notes += [note] if note else []
    if not any(picture.title == "Mean pixels" for picture in pictures):
        notes.append("Mean pixels are not drawn: no pixels were read.")
    return pictures, notes


def _offenders(config, splits: list[Split]) -> list[Thumbnail]:
    chosen: list[Offender] = choose_offenders(config, splits)
    return thumbnails(chosen)


def _tolerant(job: Callable[[], Any], instead: Any, name: str) -> tuple[Any, str]:
    """(what the job returns, ""), or (instead, why it failed): settings and data may be wrong in any way."""
    try:
        return job(), ""
    except Exception as error:
        return instead, f"Not drawn: {name}, because of {shown(f'{type(error).__name__}: {error}', 300)}."


def _template():
    from jinja2 import Environment, PackageLoader, StrictUndefined

    loader = PackageLoader("mrcnn_roi.drawing", "")
    environment = Environment(
        loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return environment.get_template("report.html.j2")


def _write(target: Path, text: str) -> None:
    """Beside the target first, so that a reader never sees half a file."""
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f".{target.name[:200]}.{os.getpid()}.tmp")
    try:
        temporary.write_text(text, encoding="utf-8", errors="backslashreplace", newline="\n")
        os.replace(temporary, target)
    finally:
        temporary.unlink(missing_ok=True)
