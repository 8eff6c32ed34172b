"""Checks of the arguments that train() takes besides Config and data (group "environment").

cfg-lr judges a learning_rate that is passed to train() just as the one of the Config: preflight sees to that.
"""

from __future__ import annotations

import re

from mrcnn_roi.checks.splits import data_check
from mrcnn_roi.checks.values import closest, compact, number, show
from mrcnn_roi.findings import Severity

PRESETS = ("heads", "3+", "4+", "5+", "all")
BLOCKS = {"resnet50": (3, 4, 6, 3), "resnet101": (3, 4, 23, 3), "tiny": (1, 1, 1, 1)}  # of the stages 2 to 5
HEAD_LAYERS = (
    *(f"fpn_{name}" for name in ("c5p5", "c4p4", "c3p3", "c2p2", "p2", "p3", "p4", "p5")),
    *(f"rpn_{name}" for name in ("conv_shared", "class_raw", "bbox_pred")),
    *(f"mrcnn_class_{name}" for name in ("conv1", "bn1", "conv2", "bn2", "logits")),
    *(f"mrcnn_mask_{kind}{i}" for i in range(1, 5) for kind in ("conv", "bn")),
    "mrcnn_bbox_fc", "mrcnn_mask_deconv", "mrcnn_mask",
)  # fmt: skip


def layer_names(backbone: str) -> list[str]:
    """The layers with weights of the network with a backbone of this name, as set_trainable sees them."""
    names = ["conv1", "bn_conv1", *HEAD_LAYERS]
    for stage, blocks in enumerate(BLOCKS[backbone], 2):
        for block in map(chr, range(ord("a"), ord("a") + blocks)):
            branches = ["2a", "2b"] + ["2c"] * (backbone != "tiny") + ["1"] * (block == "a")
            names += [f"{kind}{stage}{block}_branch{branch}" for branch in branches for kind in ("res", "bn")]
    return names


@data_check("run-layers", Severity.ERROR, "environment")
def no_layer_matches(config, layers, mode):
    """`layers` selects no layer: it is none of the presets, and as a regular expression it matches the whole name of no
    layer. Nothing would be trained. A backbone of your own may have layers of any name; then only the names of the
    heads are known, and the check is silent."""
    if mode != "training" or (isinstance(layers, str) and layers in PRESETS):
        return
    meant = closest(layers.strip().lower(), PRESETS, 0.5) if isinstance(layers, str) else None
    fix = f'pass layers="{meant or "heads"}" (one of {", ".join(PRESETS)}), or a regular expression: "mrcnn_.*"'
    try:
        matches = re.compile(layers).fullmatch
    except (re.error, TypeError) as error:
        yield "layers", f"layers={show(layers)} is no regular expression: {error}", fix
        return
    if isinstance(config.BACKBONE, str) and config.BACKBONE in BLOCKS:
        names = layer_names(config.BACKBONE)
        if not any(matches(name) for name in names):
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
        yield "val", "there is no validation set, so overfitting cannot be seen", "train, val = split_dataset(dataset)"
