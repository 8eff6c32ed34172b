"""Checks of the arguments that train() takes besides Config and data (group "environment").

cfg-lr judges a learning_rate that is passed to train() just as the one of the Config: preflight sees to that.
"""

from __future__ import annotations

import re

from mrcnn_roi.checks.splits import data_check
from mrcnn_roi.checks.values import closest, compact, number, show
from mrcnn_roi.checks.weight_shapes import expected_weights, owner
from mrcnn_roi.findings import Severity

PRESETS = ("heads", "3+", "4+", "5+", "all")


def layer_names(config) -> list[str]:
    """The layers with weights, as set_trainable sees them: those inside rpn_model by themselves. [] where a setting
    that the network is built with cannot be used."""
    try:
        layers = expected_weights(config)
    except ValueError:
        return []
    inner = dict.fromkeys(owner(name) for name, _ in layers["rpn_model"])
    return [name for name in layers if name != "rpn_model"] + list(inner)


@data_check("run-layers", Severity.ERROR, "environment")
def no_layer_matches(config, layers, mode):
    """`layers` selects no layer: it is none of the presets, and as a regular expression it matches the whole name of no
    layer. Nothing would be trained. A backbone of your own may have layers of any name; then only the names of the
    heads are known, and the check is silent."""
    if mode != "training" or (isinstance(layers, str) and layers in PRESETS):
        return
    if not isinstance(layers, (str, re.Pattern)):
        message = f"layers={show(layers)} is neither a preset nor a regular expression: train() stops at it"
        yield "layers", message, f'pass layers="heads" (one of {", ".join(PRESETS)})'
        return
    meant = closest(layers.strip().lower(), PRESETS, 0.5) if isinstance(layers, str) else None
    fix = f'pass layers="{meant or "heads"}" (one of {", ".join(PRESETS)}), or a regular expression: "mrcnn_.*"'
    try:
        matches = re.compile(layers).fullmatch
    except (re.error, RecursionError, OverflowError) as error:
        yield "layers", f"layers={show(layers)} is no regular expression: {error}", fix
        return
    names = [] if callable(config.BACKBONE) else layer_names(config.raw)
    if names and not any(map(matches, names)):
        message = f"layers={show(layers)} matches none of the {len(names)} layers with weights: nothing would train"
        yield "layers", message, fix


@data_check("run-lr-arg", Severity.INFO, "environment")
def learning_rate_argument(config, learning_rate, mode):
    """train() is given another learning rate than config.LEARNING_RATE, which is then not used. Schedules are left
    alone."""
    rate, configured = number(learning_rate), number(config.LEARNING_RATE)
    if mode == "training" and rate is not None and configured is not None and rate != configured:
        message = f"train() uses learning_rate={compact(rate)}, config.LEARNING_RATE={compact(configured)} is not used"
        yield "learning_rate", message, "pass config.LEARNING_RATE to train(), or leave it if this is meant"


@data_check("run-val-none", Severity.WARNING, "environment")
def no_validation_set(datasets, scan_failures, mode):
    """Training without a validation set: nothing shows when the network starts to learn the images by heart."""
    if mode == "training" and "train" in datasets and "val" not in {*datasets, *scan_failures}:
        yield (
            "val",
            "there is no validation set, so overfitting cannot be seen",
            "train, val = split_dataset(dataset) makes one; on the command line --val or --val-fraction 0.2",
        )
