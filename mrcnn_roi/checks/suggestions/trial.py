"""What the suggestions share: a value with its reason, and trying settings out on the checks.

A suggestion is worth making when the checks say so. So settings are tried: a configuration with them is made, the
scanned images are molded by it, and the checks that depend on the settings run on that.
"""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from mrcnn_roi.checks import fit, fit_anchors, fit_counts, fit_sizes, model  # noqa: F401 - registers their checks
from mrcnn_roi.checks.config import silence
from mrcnn_roi.checks.splits import Split, mold
from mrcnn_roi.findings import CHECKS, Finding, Severity, run_checks

SAMPLE = 20_000  # objects looked at, a sample that is always the same


class Suggestion(NamedTuple):
    """A value for a setting, why it is the right one, in a sentence, and the misspelt name it was given under."""

    value: Any
    reason: str
    replaces: str = ""


Suggestions = dict[str, Suggestion]


def applied(config, suggestions: Suggestions):
    """The configuration with the suggested values."""
    values = {name: each.value for name, each in suggestions.items()}
    return config.replaced(values, without=[each.replaces for each in suggestions.values() if each.replaces])


def remolded(config, splits: Iterable[Split]) -> list[Split]:
    """The splits as `config` molds their images."""
    return [dataclasses.replace(split, molded=mold(config, split.scan)) for split in splits]


def thinned(splits: Iterable[Split]) -> list[Split]:
    """The splits that have images, with at most SAMPLE instances each, enough for what their sizes say; to be
    molded again."""
    return [_thinned(split) for split in splits if len(split.scan.image_ids)]


def _thinned(split: Split) -> Split:
    scan = split.scan
    if len(scan.class_id) <= SAMPLE:
        return split
    kept = np.sort(np.random.default_rng(0).choice(len(scan.class_id), SAMPLE, replace=False))
    columns = ("instance_image", "instance_index", "class_id", "box", "mask_area")
    arrays: dict[str, Any] = {name: getattr(scan, name)[kept] for name in columns}
    arrays["instance_names"] = [scan.instance_names[i] for i in kept.tolist()]
    arrays["duplicate_of"] = arrays["crosses_itself"] = np.full(SAMPLE, -1)
    return dataclasses.replace(split, scan=dataclasses.replace(scan, **arrays), molded=None)


def training(splits: Sequence[Split]) -> Split | None:
    """The part that is trained on; where there is none, the first."""
    return next((split for split in splits if split.name == "train"), splits[0] if splits else None)


def problems(config, splits: Sequence[Split], codes: Iterable[str]) -> list[Finding]:
    """The errors and warnings of these checks. The splits must be molded by `config`."""
    objects, found = _objects(config, splits), []
    for check in (CHECKS[code] for code in codes):
        if set(check.needs) <= set(objects):
            with contextlib.suppress(Exception):  # a check that fails says nothing; the preflight reports it
                found += [each for each in check.run(objects) if each.severity > Severity.INFO]
    return silence(found, config)


def all_problems(config, splits: Sequence[Split]) -> list[Finding]:
    """The errors and warnings of all checks of settings, gravest first. The splits must be molded by `config`."""
    found = run_checks(("config", "model", "fit"), **_objects(config, splits))
    return silence((each for each in found if each.severity > Severity.INFO and each.code != "check-failed"), config)


def _objects(config, splits: Sequence[Split]) -> dict[str, Any]:
    parts = {split.name: split for split in splits}
    train = training(splits)
    return {
        "config": config,
        "mode": "training",
        "splits": list(splits),
        **({"train": train} if train else {}),
        **parts,
    }


def listed(values: Iterable[float]) -> str:
    """ "8, 16, 32"."""
    return ", ".join(f"{value:g}" for value in values)
