"""The first batch of training, looked at before the first step: made by the real pipeline, run through the real model.

Nothing is left behind. The batch is made a second time for training, the random numbers of Python and numpy are put
back, and the pass through the model keeps its changes (batch statistics, seeds of layers) to itself.
"""

from __future__ import annotations

import contextlib
import copy
import random
from collections.abc import Collection, Iterator

import keras
import numpy as np
import tensorflow as tf

from mrcnn_roi.checks.first_batch import FirstBatch, check_first_batch
from mrcnn_roi.checks.forward_pass import ForwardPass
from mrcnn_roi.findings import Finding, SetupError, Severity
from mrcnn_roi.inputs.pipeline import Batches
from mrcnn_roi.inputs.rpn_targets import molded_anchors
from mrcnn_roi.network.losses import LOSS_NAMES

TARGETS = ("rois", "target_class_ids", "target_deltas", "target_masks")  # what the layer proposal_targets makes
# Layers whose output is looked at, in the order of the network; a model of one's own may lack some.
TO_THE_RPN = ("fpn_p2", "fpn_p3", "fpn_p4", "fpn_p5", "rpn_class_logits", "rpn_bbox")
LAYERS = (*TO_THE_RPN, "ROI", "proposal_targets", "mrcnn_class_logits", "mrcnn_bbox", "mrcnn_mask", *LOSS_NAMES)
NAMES = {"fpn_p2": "P2", "fpn_p3": "P3", "fpn_p4": "P4", "fpn_p5": "P5", "ROI": "proposals"}


def inspect_first_batch(
    model, batches: Batches, config, *, trained: bool = False, reported: Collection[str] = ()
) -> list[Finding]:
    """What is wrong with the batch that training begins with, gravest first.

    model: the keras.Model of training. trained: the RPN's weights were loaded, or trained before. reported: codes of
    findings that were shown already, which are not repeated.
    Raises what making the batch raises, a SetupError that names the image, just as training would.
    """
    batch, inputs = make_first_batch(batches, config)
    findings = check_first_batch(config, batch, reported=reported)
    if any(finding.severity is Severity.ERROR for finding in findings):
        return findings  # the network would only repeat it
    forward, failure = run_forward(model, inputs, config, trained)
    return check_first_batch(config, batch, forward, failure, reported)


def print_or_raise(findings: list[Finding], level: str) -> None:
    """Prints findings; at the level "error" the errors among them become one SetupError."""
    errors = [finding for finding in findings if finding.severity is Severity.ERROR and level == "error"]
    for finding in findings:
        if finding not in errors:
            print(finding)
    if errors:
        raise SetupError(errors)


def make_first_batch(batches: Batches, config) -> tuple[FirstBatch, dict[str, np.ndarray]]:
    """The batch that the stream begins with, as the checks see it and under the names of the model's inputs."""
    probe = copy.copy(batches)
    with contextlib.suppress(Exception):  # what cannot be copied is used as it is
        probe.augmentation = copy.deepcopy(batches.augmentation)  # it may hold random numbers of its own
    with _random_numbers_kept():
        image_ids, inputs = probe.first()
    class_ids, boxes = inputs["input_gt_class_ids"], inputs["input_gt_boxes"]
    batch = FirstBatch(
        inputs["input_image"],
        inputs["input_image_meta"],
        class_ids,
        boxes,
        inputs["input_rpn_match"][..., 0],
        inputs["input_rpn_bbox"],
        _anchor_overlaps(config, inputs["input_image"].shape[1:], boxes[class_ids > 0]),
        tuple(_name(batches.dataset, image_id) for image_id in image_ids),
    )
    return batch, inputs


@contextlib.contextmanager
def _random_numbers_kept() -> Iterator[None]:
    """The random numbers of `random` and `np.random` go on afterwards as if nothing had been drawn."""
    before = random.getstate(), np.random.get_state()
    try:
        yield
    finally:
        random.setstate(before[0])
        np.random.set_state(before[1])


def _anchor_overlaps(config, image_shape, boxes: np.ndarray) -> np.ndarray:
    """[M]: IoU of each box [M, (y1, x1, y2, x2)] with its best anchor."""
    number, _, iou = molded_anchors(config, image_shape).near(boxes, 0.0)
    best = np.zeros(len(boxes))
    np.maximum.at(best, number, iou)
    return best


def _name(dataset, image_id) -> str:
    path = dataset.image_info[image_id].get("path")
    return f'image {image_id} "{path}"' if path else f"image {image_id}"


def run_forward(model, inputs: dict[str, np.ndarray], config, trained: bool) -> tuple[ForwardPass, str]:
    """One pass of the batch through the model as in training, and why it failed, "" where it did not.

    With several replicas the share of one of them, because one device runs it.
    """
    replicas = max(1, getattr(model.distribute_strategy, "num_replicas_in_sync", 1))
    share = {name: array[: max(1, len(array) // replicas)] for name, array in inputs.items()}
    failure = ""
    try:
        outputs = _run(model, share, LAYERS)
    except Exception as error:  # whatever a layer raises, a user's own among them
        failure = f"{type(error).__name__}: {str(error).strip()[:2000]}"
        outputs = {}
        with contextlib.suppress(Exception):
            outputs = _run(model, share, TO_THE_RPN)
    levels = tuple(int(level) for level in config.ROI_POOL_LEVELS)
    strides = tuple(int(config.BACKBONE_STRIDES[level - 2]) for level in levels)
    forward = ForwardPass(outputs, levels, strides, trained, whole=not failure)
    if forward.nonfinite:
        forward = ForwardPass(outputs, levels, strides, trained, _spoilt_layers(model), whole=not failure)
    return forward, failure


def _run(model, inputs: dict[str, np.ndarray], layers) -> dict[str, np.ndarray]:
    """Arrays of the layers' outputs, by name. A graph, because running eagerly would keep all activations."""
    tensors = _tensors(model, layers)
    part = keras.Model(model.inputs, tensors, name="first_batch")

    def run(batch):
        values, _ = part.stateless_call(part.trainable_variables, part.non_trainable_variables, batch, training=True)
        return values

    batch = {name: tf.convert_to_tensor(array) for name, array in inputs.items()}
    # Traced by hand: calls of a new tf.function for every stage of training would be taken for a mistake, and logged.
    values = tf.function(run).get_concrete_function(batch)(batch)
    arrays = {name: np.asarray(keras.ops.convert_to_numpy(values[name])) for name in tensors}
    return {name: array.astype(np.float32) if array.dtype.kind in "Vf" else array for name, array in arrays.items()}


def _tensors(model, layers) -> dict[str, keras.KerasTensor]:
    known = {layer.name: layer for layer in model.layers}
    tensors = {}
    for name in layers:
        if name == "proposal_targets" and name in known:
            tensors.update(dict(zip(TARGETS, known[name].output)))
        elif name in known:
            tensors[NAMES.get(name, name)] = known[name].output
    return tensors


def _spoilt_layers(model) -> tuple[str, ...]:
    """Layers with weights that are NaN or infinite, those of nested models by the model's name."""
    return tuple(
        layer.name for layer in model.layers if not all(np.isfinite(each).all() for each in layer.get_weights())
    )
