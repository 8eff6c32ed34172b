"""Checks of the weight file against the network that a Config describes (group "weights").

They read the header of the file alone. Of a file in Keras 3's own layout, loaded by position, only the shapes are
judged. A Config whose numbers cannot be used is reported by the group "config", and here nothing is.
"""

from __future__ import annotations

import datetime
import os
import re
from collections.abc import Collection, Iterable

from mrcnn_roi.checks.arguments import PRESETS
from mrcnn_roi.checks.h5_header import WeightHeader, read_header
from mrcnn_roi.checks.values import Reading, Unreadable, is_int, show
from mrcnn_roi.checks.weight_keras3 import excluded_from_keras3, keras3_problems
from mrcnn_roi.checks.weight_mismatch import Problem, named_backbone, num_classes, shape_problems, some, unknown_name
from mrcnn_roi.checks.weight_shapes import (
    NAMED_LAYERS,
    RPN_LAYERS,
    STAGE_BLOCKS,
    Weights,
    expected_weight_shapes,
    expected_weights,
)
from mrcnn_roi.findings import SetupError, Severity, check

__all__ = ["checkpoint_epoch", "expected_weight_shapes"]

HEAD_PREFIXES = ("mrcnn_", "rpn_", "fpn_")
BACKBONE = re.compile(r"conv1|bn_conv1|(res|bn)\d[a-z]_branch(1|2[abc])")
# Names that Keras gives, and the ends of ResNet's blocks: layers without weights.
WEIGHTLESS = re.compile(r"(activation|add|lambda|max_pooling2d|zero_padding2d|reshape)(_\d+)?|res\d[a-z]_out")
# .../shapes20171029T2315/mask_rcnn_shapes_0012.h5, with either kind of slash
CHECKPOINT = re.compile(
    r".*[/\\][\w-]+(?P<date>\d{8}T\d{4})[/\\]mask_rcnn_[\w-]+?(?P<epoch>\d{4,})(?:\.weights)?\.(?:h5|keras)", re.DOTALL
)


@check("w-file-unreadable", Severity.ERROR)
def file_unreadable(weights_file):
    """The weight file is missing, empty, cut off, or something else under that name: a web page, a git-lfs pointer, an
    archive. Loading stops with "Unable to open file (truncated file: eof = ...)" or, where the reading code is older
    than the file, with "'str' object has no attribute 'decode'".

    Keras 3's own ".weights.h5" and ".keras" can be read. `read_header` raises this finding. weights_file: the path, or
    the SetupError where the file was read already.
    """
    try:
        error = weights_file if isinstance(weights_file, SetupError) else read_header(weights_file)
    except SetupError as raised:
        error = raised
    for finding in error.findings if isinstance(error, SetupError) else ():
        yield finding.where, finding.message, finding.fix


@check("w-num-classes", Severity.ERROR)
def other_number_of_classes(config, weights, exclude, mode):
    """The file's class heads were trained for another NUM_CLASSES and are not excluded. Loading stops at
    "Layer ... (named "mrcnn_bbox_fc") ... shape (1024, 8) ... saved (1024, 324)". For other classes the four layers
    mrcnn_class_logits, mrcnn_bbox_fc, mrcnn_bbox and mrcnn_mask are left out and trained anew."""
    yield from _shape_problem("w-num-classes", config, weights, exclude, mode)


@check("w-rpn-ratios", Severity.ERROR)
def other_number_of_ratios(config, weights, exclude, mode):
    """The RPN in the file has another number of anchor ratios than RPN_ANCHOR_RATIOS and rpn_model is not excluded:
    the shapes of rpn_class_raw and rpn_bbox_pred differ, and loading stops there."""
    yield from _shape_problem("w-rpn-ratios", config, weights, exclude, mode)


@check("w-conv1-channels", Severity.ERROR)
def other_number_of_channels(config, weights, exclude, mode):
    """The first convolution in the file takes another number of image channels than IMAGE_CHANNEL_COUNT and conv1 is
    not excluded: loading stops there. Excluded, it starts from random weights and has to be trained."""
    yield from _shape_problem("w-conv1-channels", config, weights, exclude, mode)


@check("w-shape-other", Severity.ERROR)
def other_shapes(config, weights, exclude, mode):
    """Layers whose shapes differ for another reason than classes, ratios or channels: TOP_DOWN_PYRAMID_SIZE,
    FPN_CLASSIF_FC_LAYERS_SIZE, another backbone, a modified network. Loading stops at the first of them."""
    yield from _shape_problem("w-shape-other", config, weights, exclude, mode)


@check("w-nothing-loaded", Severity.ERROR)
def nothing_loaded(config, weights, exclude):
    """No layer that is to be loaded has the name of a layer of the model. Loading by name would say nothing, and the
    network would start from random weights unnoticed."""
    expected = _expected(config, weights)
    if not expected or _has_own_backbone(config) or _loaded(expected, weights, exclude):
        return
    held = [layer for layer, shapes in weights.layers.items() if shapes]
    if _loaded(expected, weights, ()):
        yield "exclude", "exclude leaves no layer of the file to load", "exclude only what does not fit"
        return
    message = f"no layer of the file is a layer of the model: its layers with weights are {some(held) or 'none'}"
    fix = "load weights of a Mask R-CNN (mask_rcnn_coco.h5) or ImageNet weights of ResNet50, or leave weights out"
    yield str(weights.path), message, fix


@check("w-exclude-at-inference", Severity.ERROR)
def random_at_inference(config, weights, exclude, mode):
    """A model for inference that keeps random weights, because layers are excluded or the file has no heads (ImageNet
    weights are a start for training). It detects nothing, or garbage."""
    expected = _expected(config, weights)
    if mode != "inference" or not _loaded(expected, weights, exclude):
        return
    excluded = [layer for layer in expected if layer in _named(exclude)]
    excluded += [layer for layer in RPN_LAYERS if layer in _named(exclude) and "rpn_model" not in _named(exclude)]
    absent = [layer for layer in expected if layer.startswith(HEAD_PREFIXES) and not weights.layers.get(layer)]
    random = list(dict.fromkeys([*excluded, *absent]))
    if not random:
        return
    there, here = num_classes(weights.layers), num_classes(expected)
    classes = f"set NUM_CLASSES = {there} to match the file, and " if there not in (0, here) else ""
    use = "load weights of a trained Mask R-CNN: this file holds no such layers"
    fix = f"{classes}drop exclude: it is for training" if excluded and not set(absent) - set(excluded) else use
    yield "exclude" if excluded else str(weights.path), f"{some(random)} would keep random weights at inference", fix


@check("w-exclude-unknown", Severity.ERROR)
def unknown_in_exclude(config, weights, exclude):
    """`exclude` has a name that no layer has, mostly a typing error. The layer that was meant is loaded all the same,
    or still stops the loading. Names inside rpn_model are known; with a backbone of your own only names that begin
    like those of the heads can be judged.

    Keras 3's own ".weights.h5" is loaded by position: it can be used with no exclude at all."""
    if weights.layout == "keras3" and exclude:
        yield excluded_from_keras3(exclude, weights.layers)
    expected = _expected(config, weights)
    known = {*expected, *weights.layers, *RPN_LAYERS, *NAMED_LAYERS}
    own = _has_own_backbone(config)
    for name in exclude if expected else ():
        if not isinstance(name, str):
            yield unknown_name(show(name), known)
        elif (not own or name.startswith(HEAD_PREFIXES)) and name not in known and not WEIGHTLESS.fullmatch(name):
            yield unknown_name(name, known)


@check("w-conv1-frozen", Severity.WARNING)
def first_layer_frozen(config, weights, exclude, layers, mode):
    """conv1 is not loaded and not trained either: every other layer has to work with random first features. It happens
    when conv1 is excluded for other image channels and only the heads are trained. A later training of all layers
    repairs it."""
    expected = _expected(config, weights)
    if not isinstance(layers, str):
        return  # run-layers reports it
    new = "conv1" in _named(exclude) or ("conv1" in expected and not weights.layers.get("conv1"))
    if mode != "training" or layers == "all" or not new or not _loaded(expected, weights, exclude):
        return
    if layers not in PRESETS:
        try:
            if re.fullmatch(layers, "conv1"):
                return
        except (re.error, TypeError):  # run-layers reports it
            return
    message = f'conv1 is not loaded from the file, and layers="{layers}" does not train it: it stays random'
    yield "layers", message, 'use layers="all" at least once'


@check("w-backbone-depth", Severity.WARNING)
def other_backbone_depth(config, weights, exclude, mode):
    """The file is of a ResNet of another depth. Layers of equal name load, the others keep random weights (a ResNet50
    file for BACKBONE "resnet101") or are ignored (the reverse): nothing is said, and the accuracy is worse.

    ResNet50's ImageNet weights for a ResNet101 are what the original uses, so they are mentioned as INFO only. A
    ".weights.h5" of another depth cannot be loaded at all, which is an ERROR.
    """
    for problem in _shape_problem("w-backbone-depth", config, weights, exclude, mode):
        yield (*problem, Severity.ERROR)
    expected = _expected(config, weights)
    wanted = [layer for layer in expected if BACKBONE.fullmatch(layer)]
    held = [layer for layer, shapes in weights.layers.items() if shapes and BACKBONE.fullmatch(layer)]
    here, there = named_backbone(wanted), named_backbone(held)
    if here not in STAGE_BLOCKS or there not in STAGE_BLOCKS:
        return
    missing = [layer for layer in wanted if layer not in held and layer not in _named(exclude)]
    surplus = [layer for layer in held if layer not in expected and layer not in _named(exclude)]
    where, use = "BACKBONE", f'set BACKBONE = "{there}"' if there != here else "load weights that are complete"
    if missing:
        message = f"{len(missing)} of {len(wanted)} backbone layers are not in the file: {some(missing)} start random"
        heads = any(layer.startswith(HEAD_PREFIXES) for layer, shapes in weights.layers.items() if shapes)
        if mode == "training" and not heads:
            yield where, message, f'train with layers="all", or {use}', Severity.INFO
        else:
            yield where, message, use
    elif surplus:
        message = f"the file has {len(surplus)} backbone layers that {here} lacks: {some(surplus)} are ignored"
        yield where, message, use


@check("w-epochs-done", Severity.ERROR)
def epochs_done(epochs, mode, checkpoint=None, weights_path=None):
    """The checkpoint has done as many epochs as train() is told, or more. `epochs` is the number of the last epoch, not
    how many more, so training would stop at once without a word.

    load_weights continues the epochs of a path like a run's checkpoint, whatever run and NAME it is of, so
    weights_path, the path it is given, counts where no checkpoint does."""
    done = checkpoint_epoch(checkpoint)
    done = checkpoint_epoch(weights_path) if done is None else done
    if mode == "training" and done is not None and is_int(epochs, 1) and done >= epochs:
        message = f"checkpoint is epoch {done} and epochs={epochs} is the number of the last one: nothing to train"
        yield "epochs", message, f"use epochs={done + epochs} for {epochs} more"


def checkpoint_epoch(path: object) -> int | None:
    """The epoch in the path of a checkpoint, .../nameYYYYmmddTHHMM/mask_rcnn_name_0012.h5; None for other paths, and
    for digits that are no date."""
    match = CHECKPOINT.fullmatch(os.fsdecode(path)) if isinstance(path, (str, bytes, os.PathLike)) else None
    try:
        return int(match["epoch"]) if match and datetime.datetime.strptime(match["date"], "%Y%m%dT%H%M") else None
    except ValueError:
        return None


def _expected(config, weights: WeightHeader) -> Weights:
    """The model's layers; {} where the file knows no layer names or the config cannot say them."""
    try:
        by_name = weights.layout == "keras2" or (weights.layout == "archive" and weights.layers)
        return expected_weights(config) if by_name else {}
    except ValueError:
        return {}


def _has_own_backbone(config) -> bool:
    try:
        return callable(Reading(config).BACKBONE)
    except Unreadable:
        return False


def _named(exclude: Iterable[object]) -> list[str]:
    """The names in `exclude`; w-exclude-unknown reports what is none."""
    return [str(each) for each in exclude if isinstance(each, str)]


def _loaded(expected: Weights, weights: WeightHeader, exclude: Collection[str]) -> list[str]:
    return [layer for layer in expected if weights.layers.get(layer) and layer not in _named(exclude)]


def _shape_problem(code: str, config, weights: WeightHeader, exclude: Iterable[str], mode: str):
    if weights.layout == "keras3":
        problem = None if exclude else _keras3_problems(config, weights, mode).get(code)
    elif code == "w-backbone-depth":
        problem = None  # told by names
    else:
        problem = shape_problems(weights.layers, _expected(config, weights), exclude, mode == "training").get(code)
    if problem:
        where, message, fix = problem
        yield where or str(weights.path), message, fix


def _keras3_problems(config, weights: WeightHeader, mode: str) -> dict[str, Problem]:
    try:
        return keras3_problems(weights.layers, expected_weights(config), mode == "training")
    except ValueError:
        return {}
