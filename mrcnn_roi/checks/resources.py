"""Checks of what a run consumes (group "environment"): GPU memory, disk space, a folder to write to."""

from __future__ import annotations

import math
import os
import shutil
from pathlib import Path

from mrcnn_roi.checks.splits import data_check, whole
from mrcnn_roi.checks.values import Reading, is_int, show
from mrcnn_roi.checks.weight_shapes import expected_weight_shapes
from mrcnn_roi.findings import Severity

# GiB a training step of all layers takes for a million pixels of one image: activations that the gradient
# needs, counted in the graph and scaled so that two images of 1024x1024 fill the 12 GB that the original's
# documentation names; and GiB for the weights with gradients and momentum.
STEP_GIB = {"resnet101": (5.2, 0.7), "resnet50": (3.7, 0.5)}
FROZEN_STEP_GIB = 2.0  # the same with layers="heads": FPN and RPN only
HEADS_GIB = 0.3  # for one image with 200 RoIs


def estimate_gpu_gib(config: Reading, splits, layers: str, images: int) -> float | None:
    """GiB that a training step takes on one GPU; None where backbone or image size are not known."""
    side = {"square": "IMAGE_MAX_DIM", "crop": "IMAGE_MIN_DIM"}.get(str(config.IMAGE_RESIZE_MODE))
    shapes = [split.molded.shapes for split in splits if split.molded is not None]
    pixels = max((int(each.prod(axis=1).max()) for each in shapes if len(each)), default=0)
    if side is not None:
        pixels = whole(config, side) ** 2
    if not pixels or not isinstance(config.BACKBONE, str) or config.BACKBONE not in STEP_GIB:
        return None
    per_megapixel, weights = STEP_GIB[config.BACKBONE]
    per_megapixel = FROZEN_STEP_GIB if layers == "heads" else per_megapixel
    heads = HEADS_GIB * whole(config, "TRAIN_ROIS_PER_IMAGE") / 200
    return weights + images * (per_megapixel * pixels / 2**20 + heads)


@data_check("env-gpu-memory", Severity.WARNING, "environment")
def gpu_memory(config, environment, mode, layers, splits):
    """A training step probably needs more GPU memory than is free. Never an error, because it is an estimate
    from the size of the images, their number a batch, the backbone, and whether all layers are trained."""
    free, images = environment.gpu_free_gib, whole(config, "IMAGES_PER_GPU")
    if not environment.gpus or free is None or mode != "training":
        return
    needed = estimate_gpu_gib(config, splits, layers, images)
    if needed is None or needed < 0.9 * free:
        return
    message = f"a step with {images} image{'s' * (images > 1)} needs about {needed:.1f} GiB of GPU memory"
    fix = "lower IMAGE_MAX_DIM (half the side needs about a quarter)"
    if images > 1:
        single = estimate_gpu_gib(config, splits, layers, 1)
        fix = f"set IMAGES_PER_GPU = 1 (about {single:.1f} GiB), or {fix}"
    yield "IMAGES_PER_GPU", f"{message}, {free:.1f} GiB are free: OOM when allocating tensor is likely", fix


def _absolute(model_dir) -> tuple[Path | None, str]:
    """The path of the folder for logs, or None and why it is none."""
    if not isinstance(model_dir, (str, os.PathLike)):
        return None, "expected the path of a folder"
    try:
        path = Path(os.path.abspath(os.fspath(model_dir)))
        path.exists()
    except (OSError, ValueError, TypeError) as error:
        return None, str(error)[-60:]
    return path, ""


def _nearest_folder(path: Path) -> Path:
    """The path, or the nearest folder above it that exists."""
    return next((each for each in (path, *path.parents) if each.exists()), path)


@data_check("env-logdir", Severity.ERROR, "environment")
def folder_not_writable(model_dir):
    """The folder for logs and checkpoints cannot be written to. The run stops with a PermissionError when it
    starts its log, or after the first epoch."""
    path, problem = _absolute(model_dir)
    if path is None:
        message = f"model_dir is {show(model_dir)}, {problem}: no log folder can be made"
        yield "model_dir", message, 'pass the path of a folder as model_dir, e.g. "logs"'
        return
    nearest = _nearest_folder(path)
    if not nearest.is_dir():
        yield str(path), f"{nearest} is a file: no log folder can be made in it", "pass a folder as model_dir"
    elif not os.access(nearest, os.W_OK | os.X_OK):
        message = f"{nearest} cannot be written to, so neither logs nor checkpoints can be saved"
        yield str(path), message, f"pass a folder of your own as model_dir, e.g. {Path.home() / 'logs'}"


def _checkpoint_mb(config) -> float | None:
    """MB of the weights as float32; None where they are not known."""
    try:
        shapes = [shape for shapes in expected_weight_shapes(config).values() for shape in shapes]
    except ValueError:
        return None
    return None if any(None in shape for shape in shapes) else sum(4e-6 * math.prod(shape) for shape in shapes)


@data_check("env-disk", Severity.WARNING, "environment")
def disk_too_small(config, model_dir, epochs):
    """A checkpoint is written after every epoch, and the disk has no room for all of them. Older checkpoints
    are not deleted. The run stops with an OSError at the first that does not fit."""
    size, (path, _) = _checkpoint_mb(config.raw), _absolute(model_dir)
    if size is None or path is None or not is_int(epochs, 1):
        return
    nearest = _nearest_folder(path)
    if not nearest.is_dir():
        return
    free = shutil.disk_usage(nearest).free / 1e6
    if free < epochs * size:
        message = f"{epochs} checkpoints need {epochs * size / 1000:.1f} GB, {free / 1000:.1f} GB are free"
        fix = f"free some space, or train {max(int(free // size), 1)} epochs at a time and delete old checkpoints"
        yield str(model_dir), message, fix
