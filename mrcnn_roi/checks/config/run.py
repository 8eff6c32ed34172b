"""Checks of the run's frame: name, devices, batch, classes, steps."""

from __future__ import annotations

import re

from mrcnn_roi.checks.values import config_check, flat_list, is_int, nearest_whole, show
from mrcnn_roi.findings import Severity


@config_check("cfg-name-missing", Severity.ERROR)
def name_missing(config):
    """NAME is not a text with at least one character. It names the log folder and the checkpoints, so the run
    stops with `'NoneType' object has no attribute 'lower'` when it first saves or looks for them.

    None, the unset default, is no error of Config() itself: base classes and inspection scripts build such
    configs.
    """
    if not isinstance(config.NAME, str) or not config.NAME:
        message = f"NAME is {show(config.NAME)}. It names the log folder and the checkpoint files"
        yield "NAME", message, 'set NAME = "mydata"'


@config_check("cfg-name-chars", Severity.WARNING)
def name_chars(config):
    """NAME has characters other than letters, digits, "_" and "-". The epoch of a checkpoint is read from
    its path by the pattern `[\\w-]+`; with another character, resuming silently starts at epoch 0 again."""
    name = config.NAME
    if isinstance(name, str) and name and not re.fullmatch(r"[\w-]+", name):
        odd = "".join(sorted(set(re.sub(r"[\w-]", "", name))))
        better = re.sub(r"[^\w-]+", "_", name).strip("_") or "mydata"
        message = (
            f"NAME={show(name)} contains {show(odd)}: resume cannot parse the checkpoint path and starts at epoch 0"
        )
        yield "NAME", message, f"set NAME = {better!r}"


@config_check("cfg-gpu-count", Severity.ERROR)
def gpu_count(config):
    """GPU_COUNT is not a whole number from 1 on. It multiplies the batch size: with 0 every batch is
    empty."""
    if not is_int(config.GPU_COUNT, 1):
        message = f"GPU_COUNT is {show(config.GPU_COUNT)}, expected a whole number from 1 on: no batch can be made"
        meant = nearest_whole(config.GPU_COUNT, 1) or 1
        yield "GPU_COUNT", message, f"set GPU_COUNT = {meant}{' (use 1 for CPU)' if meant == 1 else ''}"


@config_check("cfg-images-per-gpu", Severity.ERROR)
def images_per_gpu(config):
    """IMAGES_PER_GPU is not a whole number from 1 on. With 0 every batch is an array of size zero."""
    value = config.IMAGES_PER_GPU
    if not is_int(value, 1):
        message = f"IMAGES_PER_GPU is {show(value)}, expected a whole number from 1 on: no batch can be made"
        advice = f"set IMAGES_PER_GPU = {nearest_whole(value, 1) or 1}"
        yield "IMAGES_PER_GPU", message, f"{advice} (2, the default, takes 12 GB with images of 1024 x 1024)"


@config_check("cfg-num-classes-min", Severity.ERROR)
def too_few_classes(config):
    """NUM_CLASSES is below 2 or no whole number. It counts the background too, so 1 is a network that knows
    the background alone, and image_meta has the wrong length for every dataset.

    1, the unset default, is no error of Config() itself.
    """
    classes = config.NUM_CLASSES
    if not is_int(classes, 2):
        default = " (the default)" if is_int(classes, 1, 1) else ""
        kind = "" if is_int(classes) else ", expected a whole number from 2 on"
        message = f"NUM_CLASSES={show(classes)}{default}{kind}: it counts the background plus at least one class"
        meant, names = nearest_whole(classes, 2), flat_list(classes)
        fix = "set NUM_CLASSES = 1 + the number of your classes, e.g. 1 + 1 = 2 for one class"
        if meant or names:
            fix = f"set NUM_CLASSES = {meant or f'1 + {len(names or ())}'}"
        yield "NUM_CLASSES", message, fix


@config_check("cfg-steps-zero", Severity.ERROR)
def no_steps(config):
    """STEPS_PER_EPOCH is not a whole number from 1 on, or VALIDATION_STEPS not one from 0 on. Nothing is
    trained, or the loop over the steps stops with a TypeError. VALIDATION_STEPS 0 is fine when there is no
    validation set."""
    for name, low, default in (("STEPS_PER_EPOCH", 1, 1000), ("VALIDATION_STEPS", 0, 50)):
        value = getattr(config, name)
        if not is_int(value, low):
            better = nearest_whole(value, max(low, 1)) or default
            message = f"{name} is {show(value)}, expected a whole number from {low} on: the epoch cannot be run"
            yield name, message, f"set {name} = {better}"


@config_check("cfg-max-gt", Severity.ERROR)
def no_ground_truth_slots(config):
    """MAX_GT_INSTANCES is not a whole number from 1 on. It is the number of ground-truth slots of an
    image: with 0 the network never sees an object."""
    if not is_int(config.MAX_GT_INSTANCES, 1):
        message = (
            f"MAX_GT_INSTANCES is {show(config.MAX_GT_INSTANCES)}, expected a whole number from 1 on: "
            "there is no slot for a ground-truth object"
        )
        meant = nearest_whole(config.MAX_GT_INSTANCES, 1)
        yield "MAX_GT_INSTANCES", message, f"set MAX_GT_INSTANCES = {meant or '100 (the default)'}"
