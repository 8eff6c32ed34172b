"""Checks of the losses, the optimizer and batch normalization."""

from __future__ import annotations

from mrcnn_roi.checks.config.schema import derived_values
from mrcnn_roi.checks.values import Reading, closest, compact, config_check, is_int, number, plain, show
from mrcnn_roi.findings import Severity

LOSSES = ("rpn_class_loss", "rpn_bbox_loss", "mrcnn_class_loss", "mrcnn_bbox_loss", "mrcnn_mask_loss")


def _weights(config: Reading) -> dict | None:
    """A copy of LOSS_WEIGHTS, None where it is no dictionary."""
    weights = config.LOSS_WEIGHTS
    return dict(dict.items(weights)) if isinstance(weights, dict) else None


@config_check("cfg-loss-weights-key", Severity.ERROR)
def loss_weights_key(config):
    """LOSS_WEIGHTS is no dictionary, or has a key that is none of the five losses. The weight under such a
    key is ignored, and the loss that was meant keeps 1.0. A loss that is merely missing is a warning: it
    weighs 1.0."""
    weights = _weights(config)
    if weights is None:
        example = "{" + ", ".join(f'"{name}": 1.0' for name in LOSSES) + "}"
        message = f"LOSS_WEIGHTS is {show(config.LOSS_WEIGHTS)}, expected a dictionary: the losses cannot be weighted"
        yield "LOSS_WEIGHTS", message, f"set LOSS_WEIGHTS = {example}"
        return
    missing = [name for name in LOSSES if name not in weights]
    for key in weights:
        if isinstance(key, str) and key in LOSSES:
            continue
        meant = closest(key, missing or LOSSES, 0.6) if isinstance(key, str) else None
        missing = [name for name in missing if name != meant]
        kept = f"{meant} keeps weight 1.0" if meant else "the weight is ignored"
        fix = f'rename it to "{meant}"' if meant else f"remove it; the losses are {', '.join(LOSSES)}"
        yield "LOSS_WEIGHTS", f"LOSS_WEIGHTS has {show(key)}, which is no loss: {kept}", fix
    if missing:
        message = f"LOSS_WEIGHTS has no {', '.join(missing)}: each keeps weight 1.0"
        entries = ", ".join(f'"{name}": 1.0' for name in missing)
        yield "LOSS_WEIGHTS", message, f"add {entries}", Severity.WARNING


@config_check("cfg-loss-weights-zero", Severity.WARNING)
def loss_weights_zero(config):
    """A loss weighs 0, so the part of the network it trains stays as it was initialized. Fine for training boxes
    only, but the masks it then returns mean nothing."""
    weights = _weights(config) or {}
    zero = [name for name in LOSSES if name in weights and number(weights[name]) == 0]
    if zero:
        message = f"{', '.join(zero)} weight 0: what it trains stays random"
        yield "LOSS_WEIGHTS", message, f'set LOSS_WEIGHTS["{zero[0]}"] = 1.0 unless you want that'


@config_check("cfg-loss-weights-negative", Severity.ERROR)
def loss_weights_negative(config):
    """A weight in LOSS_WEIGHTS is negative, not finite, or no number. Training goes away from the
    solution, or the loss is NaN at once."""
    weights = _weights(config) or {}
    for name in LOSSES:
        value = number(weights.get(name, 1.0))
        if value is None or value < 0:
            message = f"LOSS_WEIGHTS[{name!r}] is {show(weights[name])}, expected a number from 0 on: training diverges"
            yield "LOSS_WEIGHTS", message, f'set LOSS_WEIGHTS["{name}"] = 1.0'


@config_check("cfg-lr", Severity.ERROR)
def learning_rate(config):
    """LEARNING_RATE is not above 0 and finite, or so high that the weights explode in the first steps. The
    paper trains with 0.02 at 16 images a batch; the rate that fits scales with the batch. A warning from
    ten times that rule on, an error above 0.1. Note that train() takes the rate as an argument. Schedules
    are left alone."""
    raw, batch = config.LEARNING_RATE, derived_values(config.raw).get("BATCH_SIZE")
    if callable(raw):
        return
    rate = number(raw)
    if rate is None or rate <= 0:
        message = (
            f"LEARNING_RATE is {show(raw)}, expected a number above 0: nothing is learned, or all weights become NaN"
        )
        yield "LEARNING_RATE", message, "set LEARNING_RATE = 0.001 (the default)"
        return
    if batch is None:
        return
    rule = 0.02 * batch / 16
    message = (
        f"LEARNING_RATE={compact(rate)} at batch {batch}: linear rule from the paper (0.02 at 16) gives {compact(rule)}"
    )
    fix = f"set LEARNING_RATE = {compact(min(rule, 0.001)) if batch <= 16 else compact(rule)}"
    if rate > max(0.1, rule):
        yield "LEARNING_RATE", f"{message}; the weights will explode", fix
    elif rate > 10 * rule and rate > 0.01:
        yield "LEARNING_RATE", f"{message}; the weights may explode", fix, Severity.WARNING


@config_check("cfg-momentum", Severity.ERROR)
def momentum(config):
    """LEARNING_MOMENTUM does not lie in 0 <= m < 1. From 1 on, every step adds to all earlier ones for
    ever and training diverges."""
    value = number(config.LEARNING_MOMENTUM)
    if value is None or not 0 <= value < 1:
        message = f"LEARNING_MOMENTUM is {show(config.LEARNING_MOMENTUM)}, expected 0 <= m < 1: training diverges"
        yield "LEARNING_MOMENTUM", message, "set LEARNING_MOMENTUM = 0.9"


@config_check("cfg-clip-norm", Severity.ERROR)
def clip_norm(config):
    """GRADIENT_CLIP_NORM is not above 0 and finite. Gradients are scaled down to that norm: 0 zeroes all
    of them, a negative one turns them round, infinity times 0 is NaN. None switches clipping off."""
    raw = config.GRADIENT_CLIP_NORM
    value = number(raw)
    if raw is None or (value is not None and value > 0):
        return
    effect = "zeroes all gradients" if value == 0 else "makes all gradients useless"
    yield (
        "GRADIENT_CLIP_NORM",
        f"GRADIENT_CLIP_NORM={show(raw)} {effect}",
        "set GRADIENT_CLIP_NORM = 5.0, or None for no clipping",
    )


@config_check("cfg-weight-decay", Severity.WARNING)
def weight_decay(config):
    """WEIGHT_DECAY is so high (above 0.01) that the penalty on the weights outweighs the losses. An error
    where it is negative or no number: weights then grow without limit. 0 is fine."""
    value = number(config.WEIGHT_DECAY)
    if value is None or value < 0:
        message = f"WEIGHT_DECAY is {show(config.WEIGHT_DECAY)}, expected a number from 0 on: the weights would diverge"
        yield "WEIGHT_DECAY", message, "set WEIGHT_DECAY = 0.0001", Severity.ERROR
    elif value > 0.01:
        message = f"WEIGHT_DECAY={compact(value)}: the L2 penalty may dominate the losses"
        yield "WEIGHT_DECAY", message, "set WEIGHT_DECAY = 0.0001 (the default)"


@config_check("cfg-train-bn-batch", Severity.WARNING)
def batch_norm_batch(config):
    """TRAIN_BN is True or None with fewer than 8 images per GPU. Batch normalization then measures its
    statistics on so few images that they are noise. True uses the batch's statistics at prediction too."""
    train_bn, images = plain(config.TRAIN_BN), config.IMAGES_PER_GPU
    if (train_bn is None or train_bn is True or is_int(train_bn, 1, 1)) and is_int(images, 1, 7):
        extra = "" if train_bn is None else ", and at prediction it uses the statistics of the batch"
        message = (
            f"TRAIN_BN={show(train_bn)} with {images} image{'s' * (images > 1)}/GPU: its statistics are noise{extra}"
        )
        fix = "set TRAIN_BN = False; with random weights, which have no statistics yet, raise IMAGES_PER_GPU to 8"
        yield "TRAIN_BN, IMAGES_PER_GPU", message, fix
