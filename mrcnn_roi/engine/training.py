"""Training: which layers learn, with what optimizer, on which batches, and what is written on the way."""

from __future__ import annotations

import importlib.util
import math
import re
from pathlib import Path

import keras
import tensorflow as tf

from mrcnn_roi.checks.losses import GROUP
from mrcnn_roi.findings import SetupError, Severity, run_checks
from mrcnn_roi.inputs.pipeline import Batches

# The original's presets; any other text is a regular expression on layer names.
LAYER_PRESETS = {
    "heads": r"(mrcnn\_.*)|(rpn\_.*)|(fpn\_.*)",
    "3+": r"(res3.*)|(bn3.*)|(res4.*)|(bn4.*)|(res5.*)|(bn5.*)|(mrcnn\_.*)|(rpn\_.*)|(fpn\_.*)",
    "4+": r"(res4.*)|(bn4.*)|(res5.*)|(bn5.*)|(mrcnn\_.*)|(rpn\_.*)|(fpn\_.*)",
    "5+": r"(res5.*)|(bn5.*)|(mrcnn\_.*)|(rpn\_.*)|(fpn\_.*)",
    "all": ".*",
}
UNREAD = ("ds-json-invalid", "ds-xml-invalid", "ds-via-format")  # files or records that make no sense


def set_trainable(model, layer_regex, log=None):
    """Makes exactly the layers trainable whose name matches the whole regex; nested models are gone into.

    log: called with a line per trainable layer. Returns how many layers with weights match.
    """
    matches = 0
    model.trainable = True  # a frozen model would freeze what is selected below
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            matches += set_trainable(layer, layer_regex, log)
        elif layer.weights:
            layer.trainable = bool(re.fullmatch(layer_regex, layer.name))
            matches += layer.trainable
            if layer.trainable and log:
                log(f"{layer.name:<24} ({type(layer).__name__})")
    return matches


def trainable_layers(model):
    """The layers with weights, nested models taken apart."""
    layers = []
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            layers += trainable_layers(layer)
        elif layer.weights:
            layers.append(layer)
    return layers


def compile_model(model, learning_rate, momentum, clip_norm, loss_weights, weight_decay):
    """SGD with momentum; gradients are clipped by their GLOBAL norm, as Keras 2.2 understood clipnorm."""
    with model.distribute_strategy.scope():
        model.set_losses(loss_weights, weight_decay)
        optimizer = keras.optimizers.SGD(
            learning_rate=learning_rate, momentum=float(momentum), global_clipnorm=clip_norm or None
        )
        model.compile(optimizer=optimizer)


class SaveEpochs(keras.callbacks.Callback):
    """Writes the weights after every epoch to path.format(epoch=...), under a temporary name until they are whole; not
    those of an epoch whose loss is NaN."""

    def __init__(self, path: str):
        super().__init__()
        self.path = path

    def on_epoch_end(self, epoch, logs=None):
        if not math.isfinite((logs or {}).get("loss", 0.0)):
            return
        self.model.save_weights(self.path.format(epoch=epoch + 1))


def default_callbacks(log_dir, checkpoint_path):
    """Checkpoints, the losses as CSV and, where it is installed, TensorBoard."""
    Path(log_dir).mkdir(parents=True, exist_ok=True)
    callbacks: list[keras.callbacks.Callback] = [
        SaveEpochs(checkpoint_path),
        keras.callbacks.CSVLogger(str(Path(log_dir) / "losses.csv"), append=True),
        keras.callbacks.TerminateOnNaN(),
    ]
    if importlib.util.find_spec("tensorboard"):
        callbacks.append(keras.callbacks.TensorBoard(log_dir=log_dir, histogram_freq=0, write_graph=False))
    return callbacks


def batches_of(
    config, train_dataset, val_dataset, *, first_epoch, augmentation, no_augmentation_sources
) -> tuple[Batches, Batches | None]:
    """The batches of a run that goes on at first_epoch, and those to validate with; None where nothing validates.

    Raises SetupError where annotation files could not be read.
    """
    validate = val_dataset is not None and config.VALIDATION_STEPS
    used = [train_dataset, val_dataset] if validate else [train_dataset]
    _refuse_unread(used)
    images = [len(each.image_ids) for each in used]
    shares = [count / max(sum(images), 1) for count in images]
    seed = getattr(config, "SEED", None)
    train = Batches(
        train_dataset,
        config,
        augmentation=augmentation,
        no_augmentation_sources=no_augmentation_sources,
        seed=seed,
        first_epoch=first_epoch,
        steps_per_epoch=int(config.STEPS_PER_EPOCH),
        cache_share=shares[0],
    )
    val = Batches(val_dataset, config, seed=seed, uniform=True, cache_share=shares[1]) if validate else None
    return train, val


def _refuse_unread(datasets) -> None:
    """Raises SetupError with what the loaders of the datasets could not read at all: nothing of it is left in them at
    which training could stop, and its objects would be learned as background or be missing."""
    found = [each for dataset in datasets for each in getattr(dataset, "annotation_problems", ())]
    unread = [each for each in found if each.severity is Severity.ERROR and each.code in UNREAD]
    if unread:
        raise SetupError(unread)


def fit(model, train: Batches, val: Batches | None, config, *, first_epoch, epochs, callbacks, verbose):
    """Runs keras_model.fit from first_epoch to epochs and returns its History.

    An error in making a sample ends the run as itself (SetupError that names the image), not as TensorFlow's. A loss
    that is not finite ends it with SetupError.
    """
    validation = {}
    if val is not None and config.VALIDATION_STEPS:
        validation = {"validation_data": val.as_dataset(), "validation_steps": int(config.VALIDATION_STEPS)}
    try:
        history = model.fit(
            train.as_dataset(),
            initial_epoch=first_epoch,
            epochs=epochs,
            steps_per_epoch=int(config.STEPS_PER_EPOCH),
            callbacks=callbacks,
            verbose=verbose,
            shuffle=False,  # the batches are shuffled already
            **validation,
        )
        found = run_checks(GROUP, losses=history.history.get("loss"), first_epoch=first_epoch)
        if found:
            raise SetupError(found)
        return history
    except tf.errors.OpError:
        for batches in (train, val):
            if batches is not None and batches.error is not None:
                raise batches.error from batches.error.__cause__  # the user's own, where there is one
        raise
    finally:
        for batches in (train, val):
            if batches is not None:
                batches.close()
        for each in callbacks:
            if isinstance(each, keras.callbacks.CSVLogger) and each.csv_file is not None:
                each.csv_file.close()  # Keras does it at the end of a run that has one
