"""The report of a preflight with the first batch in it: makes the samples that training would make, and writes it."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mrcnn_roi.checks.splits import Split
from mrcnn_roi.checks.values import is_int
from mrcnn_roi.drawing.report import write_report
from mrcnn_roi.drawing.report_samples import SHOWN
from mrcnn_roi.findings import Finding, SetupError, Severity
from mrcnn_roi.inputs.sample import build_sample

TRIED = 3  # times the images of a batch that are tried, where some cannot be used
LARGEST = 16_000_000  # pixels of a molded image that is made for the report


def report(
    path: str | os.PathLike,
    findings: Iterable[Finding],
    config,
    splits: Sequence[Split] = (),
    augmentation=None,
    **more: Any,
) -> Path:
    """Writes the HTML report of a preflight; returns its path.

    findings: of the preflight. splits: of preflight.gather. augmentation: as train() takes it.
    more: title and command, as write_report takes them.
    The first batch is made of train (of val where there is no train), without shuffling. What is wrong with it is
    said in the report; nothing is raised for faults of config, data or augmentation.
    Raises ValueError where `path` is a folder, OSError where it cannot be written.
    """
    findings, splits = list(findings), list(splits)
    samples, names, note = first_samples(config, splits, findings, augmentation)
    return write_report(path, findings, config, splits, samples=samples, sample_names=names, samples_note=note, **more)


def first_samples(
    config, splits: Sequence[Split], findings: Iterable[Finding] = (), augmentation=None
) -> tuple[list[dict[str, np.ndarray]], list[str], str]:
    """(samples of the first batch, the names of their images, why others are missing); at most as many as are shown."""
    split = next(iter(splits), None)
    if split is None:
        return [], [], ""
    wrong = sorted({each.code for each in findings if each.severity is Severity.ERROR and each.code.startswith("cfg-")})
    if wrong:  # sizes and counts may be anything; what they lead to is not worth waiting for
        return [], [], f"No batch can be made of these settings: {', '.join(wrong)}."
    if split.molded is None or not len(split.molded.shapes):
        return [], [], "No batch can be made: no image has a size that is known."
    if int(split.molded.shapes.prod(axis=1).max()) > LARGEST:
        return [], [], "The batch is not drawn: its images are too large."
    samples: list[dict[str, np.ndarray]] = []
    names: list[str] = []
    problems: list[str] = []
    wanted = min(_batch(config), SHOWN)
    for row in range(min(TRIED * wanted, len(split.scan.image_ids))):
        if len(samples) == wanted:
            break
        image_id = int(split.scan.image_ids[row])
        try:
            rng = np.random.default_rng([0, row])
            samples.append(build_sample(split.dataset, config, image_id, rng, augmentation=augmentation))
            names.append(f"{split.name}: {split.image(row)}")
        except Exception as error:  # findings say what is wrong; here it only costs a picture
            problems.append(f"{split.image(row)} cannot be used: {_in_a_line(error)}")
    return samples, names, "; ".join(problems)


def _in_a_line(error: Exception) -> str:
    if isinstance(error, SetupError) and error.findings:
        return error.findings[0].message
    return str(error).splitlines()[0] if str(error) else repr(error)


def _batch(config) -> int:
    """Images of a batch, 1 where the config does not say."""
    sizes = [getattr(config, name, 1) for name in ("IMAGES_PER_GPU", "GPU_COUNT")]
    return int(np.prod([int(each) if is_int(each, 1, 4096) else 1 for each in sizes]))
