"""preflight: everything that is wrong with a set-up, found before the first training step.

It gathers what the checks need (a scan of the data, the header of the weight file, the environment, trials of
the augmentation), runs all of them, and adds what the loaders of the annotation files noticed. No TensorFlow.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any, NamedTuple

import mrcnn_roi.checks
from mrcnn_roi.checks.augmentation_trials import Trials, run_trials, sample_shape
from mrcnn_roi.checks.config import silence
from mrcnn_roi.checks.environment import Environment, read_environment
from mrcnn_roi.checks.h5_header import WeightHeader, read_header
from mrcnn_roi.checks.splits import Split, mold
from mrcnn_roi.checks.table import all_codes
from mrcnn_roi.checks.values import is_int, number
from mrcnn_roi.datasets.problems import FAULTS
from mrcnn_roi.datasets.scan import FULL_LIMIT, scan_dataset
from mrcnn_roi.findings import CHECKS, Finding, SetupError, run_checks

for _module in pkgutil.walk_packages(mrcnn_roi.checks.__path__, "mrcnn_roi.checks."):
    if not _module.name.startswith("mrcnn_roi.checks.suggestions"):  # which has none
        importlib.import_module(_module.name)  # registers the checks in it

GROUPS = ("config", "model", "weights", "dataset", "fit", "augmentation", "environment")


def preflight(
    config,
    train=None,
    val=None,
    *,
    mode: str = "training",
    weights=None,
    exclude: Iterable[str] | None = (),
    layers: str = "heads",
    learning_rate=None,
    epochs: int | None = None,
    checkpoint=None,
    augmentation=None,
    environment: Environment | None = None,
    fast: bool = False,
    progress: Callable[[int, int], object] | None = None,
    model_dir=None,
) -> list[Finding]:
    """All findings about a set-up, gravest first. An ERROR means the run would crash, hang, go NaN or learn from
    wrong data; the rest is advice.

    Args:
        config: a Config instance.
        train, val: prepared Datasets, or subclasses in Matterport's style. None is left out.
        mode: "training" or "inference".
        weights: path of a weight file to start from. exclude: the layers that load_weights leaves out.
        layers, learning_rate, epochs, augmentation: the arguments of train(). checkpoint: the path of the weights
            that training resumes from; its name says which epoch.
        environment: None reads the real one.
        fast: read headers and annotations only; the findings say what was skipped.
        progress: called with (images done, images in all) while a dataset is scanned.
        model_dir: folder for logs and checkpoints.

    config.SILENCED_CHECKS hides warnings and infos, never errors. Whatever is wrong with the data, the weight file
    or the augmentation is a finding. Raises ValueError for a wrong call: an unknown mode, a config that is no
    instance, a train or val that is no Dataset.
    """
    _check_call(config, mode, {"train": train, "val": val}, exclude)
    return judge(
        config,
        gather(config, train, val, fast=fast, progress=progress),
        mode=mode,
        weights=weights,
        exclude=exclude,
        layers=layers,
        learning_rate=learning_rate,
        epochs=epochs,
        checkpoint=checkpoint,
        augmentation=augmentation,
        environment=environment,
        model_dir=model_dir,
    )


class Gathered(NamedTuple):
    """The data as the checks see it: datasets by name, their scanned parts, and for datasets whose scan raised, which
    only broken classes do, the error by name."""

    datasets: dict[str, Any]
    splits: list[Split]
    failures: dict[str, str]


def gather(config, train=None, val=None, *, fast=False, progress=None, limit=FULL_LIMIT, cache=True) -> Gathered:
    """Scans the datasets, each once, also where they are one. Arguments as in preflight and scan_dataset."""
    datasets = {name: each for name, each in (("train", train), ("val", val)) if each is not None}
    channels = config.IMAGE_CHANNEL_COUNT if is_int(getattr(config, "IMAGE_CHANNEL_COUNT", None), 1) else 3
    scans: dict[int, Any] = {}
    splits, failures = [], {}
    for name, each in datasets.items():
        try:
            if len(each.image_info) and len(each.image_ids) and id(each) not in scans:
                scans[id(each)] = scan_dataset(
                    each, fast=fast, progress=progress, limit=limit, cache=cache, channels=int(channels)
                )
            if id(each) in scans:
                scan = scans[id(each)]
                splits.append(Split(name, each, scan, mold(config, scan)))
        except Exception as error:  # a user's class may raise anything, and would in training, too
            failures[name] = f"{type(error).__name__}: {error}"
    return Gathered(datasets, splits, failures)


def judge(
    config,
    data: Gathered,
    *,
    mode="training",
    weights=None,
    exclude=(),
    layers="heads",
    learning_rate=None,
    epochs=None,
    checkpoint=None,
    augmentation=None,
    environment=None,
    model_dir=None,
) -> list[Finding]:
    """The findings about data that was gathered; the second half of preflight, with its arguments."""
    training = mode == "training"
    findings = run_checks(
        GROUPS,
        config=config,
        known_codes=all_codes(FAULTS),
        mode=mode,
        datasets={name: each for name, each in data.datasets.items() if name not in data.failures},
        scan_failures=data.failures,
        splits=data.splits,
        **{split.name: split for split in data.splits},
        **_read_weights(weights),
        exclude=(exclude,) if isinstance(exclude, str) else tuple(exclude or ()),
        layers=layers,
        learning_rate=learning_rate,
        epochs=epochs,
        checkpoint=checkpoint,
        trials=_try_augmentation(augmentation, config, data.splits) if training else None,
        environment=environment or read_environment(),
        model_dir=model_dir,
    )
    rate = _judge_rate(config, learning_rate) if training else []
    # Each finding once: the parts of one dataset share what its loader noticed.
    findings = [*_noticed_while_loading(data.datasets), *findings, *rate]
    findings = silence(_said_once(list(dict.fromkeys(findings))), config)
    locate = getattr(config, "locate", list)
    return locate(sorted(findings, key=lambda finding: -finding.severity))


def _check_call(config, mode: str, datasets: dict[str, Any], exclude) -> None:
    if isinstance(config, type):
        raise ValueError(f"expected a Config instance, received the class {config.__name__}: call {config.__name__}()")
    if mode not in ("training", "inference"):
        raise ValueError(f'expected mode to be "training" or "inference", received {mode!r}')
    if not (exclude is None or isinstance(exclude, (str, list, tuple, set, frozenset))):
        raise ValueError(f"expected exclude to be a list of layer names, received {type(exclude).__name__}")
    for name, each in datasets.items():
        if each is not None and not (hasattr(each, "load_mask") and hasattr(each, "image_info")):
            raise ValueError(
                f"expected {name} to be a Dataset (load_dataset makes one), received {type(each).__name__}"
            )


def _said_once(findings: list[Finding]) -> list[Finding]:
    """The findings with one for a fault that train and val have both: it has one cause, and mostly one cure."""
    of_val: dict[tuple[str, int], list[Finding]] = {}
    for each in findings:
        if each.where == "val":
            of_val.setdefault((each.code, each.severity), []).append(each)
    joined: list[Finding] = []
    for each in findings:
        others = of_val.get((each.code, each.severity), [])
        if each.where == "train" and others:
            other = others.pop(0)
            message = each.message if each.message == other.message else f"{each.message}; and in val: {other.message}"
            each = replace(each, where="train, val", message=message)
        joined.append(each)
    left = {id(each) for others in of_val.values() for each in others}
    return [each for each in joined if each.where != "val" or id(each) in left]


def _read_weights(weights) -> dict[str, Any]:
    """The header of the weight file, or for the check that says why it has none the error of reading it."""
    if weights is None or isinstance(weights, WeightHeader):
        return {"weights": weights}
    try:
        return {"weights": read_header(weights), "weights_path": weights}
    except SetupError as error:
        return {"weights_file": error}


def _try_augmentation(augmentation, config, splits: list[Split]) -> Trials | None:
    if augmentation is None:
        return None
    with_empty = any((split.per_image == 0).any() for split in splits if split.name == "train")
    return run_trials(augmentation, sample_shape(config, splits), with_empty)


class _WithRate:
    """A config with another LEARNING_RATE."""

    def __init__(self, config, rate):
        self._config, self.LEARNING_RATE = config, rate

    def __getattr__(self, name: str):
        return getattr(self._config, name)


def _judge_rate(config, learning_rate) -> list[Finding]:
    """What cfg-lr says about the learning_rate of train(), unless it is the config's own."""
    if learning_rate is None or number(learning_rate) == number(getattr(config, "LEARNING_RATE", None)) is not None:
        return []
    return [
        replace(
            each,
            where="learning_rate",
            message=each.message.replace("LEARNING_RATE", "learning_rate"),
            fix=each.fix.replace("set LEARNING_RATE =", "pass learning_rate ="),
        )
        for each in CHECKS["cfg-lr"].run({"config": _WithRate(config, learning_rate)})
    ]


def _noticed_while_loading(datasets) -> list[Finding]:
    return [finding for each in datasets.values() for finding in getattr(each, "annotation_problems", ())]
