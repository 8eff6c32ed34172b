"""Checks of the arguments that train() takes besides Config and data (group "environment").

cfg-lr judges a learning_rate that is passed to train() just as the one of the Config: preflight sees to that.
"""

from __future__ import annotations

from mrcnn_roi.checks.splits import data_check
from mrcnn_roi.checks.values import compact, number
from mrcnn_roi.findings import Severity

PRESETS = ("heads", "3+", "4+", "5+", "all")


@data_check("run-lr-arg", Severity.INFO, "environment")
def learning_rate_argument(config, learning_rate, mode):
    """train() is given another learning rate than config.LEARNING_RATE, which is then not used. Schedules are left
    alone."""
    rate, configured = number(learning_rate), number(config.LEARNING_RATE)
    if mode == "training" and rate is not None and configured is not None and rate != configured:
        message = f"train() uses learning_rate={compact(rate)}, config.LEARNING_RATE={compact(configured)} is not used"
        yield "learning_rate", message, "pass config.LEARNING_RATE to train(), or leave it if this is meant"


@data_check("run-val-none", Severity.WARNING, "environment")
def no_validation_set(datasets, mode):
    """Training without a validation set: nothing shows when the network starts to learn the images by heart."""
    if mode == "training" and "train" in datasets and "val" not in datasets:
        yield "val", "there is no validation set, so overfitting cannot be seen", "train, val = split_dataset(dataset)"
