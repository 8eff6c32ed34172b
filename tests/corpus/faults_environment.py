"""Faults of what is installed, of the machine, and of the arguments of a run."""

from __future__ import annotations

import os
from dataclasses import replace

import pytest

from mrcnn_roi.checks.environment import Environment
from mrcnn_roi.preflight import preflight

from .builders import CPU, Fitting, Parts, Plain, configured, judged
from .cases import ERROR, INFO, WARNING, Fault

LARGE = {"BACKBONE": "resnet101", "IMAGES_PER_GPU": 2}


def installed(**facts):
    return lambda _: preflight(configured(Plain), environment=replace(CPU, **facts))


def variables(**values):
    """The real environment with these variables."""

    def find(_):
        with pytest.MonkeyPatch.context() as patch:
            for name, value in values.items():
                patch.setenv(name, value)
            return [each for each in preflight(configured(Plain)) if each.code.startswith("env-")]

    return find


def on_gpu(free, gpus=1, layers="all", **settings):
    machine = Environment("tensorflow", "3.5.0", "2.18.0", gpus, free)
    return lambda _: preflight(configured(Plain, **settings), environment=machine, layers=layers)


def running(**arguments):
    return lambda folder: judged(Parts(folder), Parts(folder, 7), Fitting(), **arguments)


def in_file(folder):
    (folder / "logs").write_text("")
    return preflight(configured(Plain), environment=CPU, model_dir=folder / "logs" / "runs")


def full_disk(folder):
    return preflight(configured(Plain), environment=CPU, model_dir=folder, epochs=10_000_000)


FAULTS = [
    Fault("env-backend", ERROR, "torch", installed(backend="torch")),
    Fault("env-backend", ERROR, "jax", lambda _: preflight(configured(Plain), environment=Environment(
        "jax", "3.4.0", "2.17.0", 1, 11.0))),
    Fault("env-keras-version", ERROR, "2.15.0", installed(keras="2.15.0"), "keras"),
    Fault("env-keras-version", ERROR, "2.15.1", installed(tensorflow="2.15.1"), "tensorflow"),
    Fault("env-keras-version", ERROR, "not installed", installed(keras=""), "none"),
    Fault("env-legacy-keras", WARNING, "tf.keras", installed(legacy_keras=True)),
    Fault("env-legacy-keras", WARNING, "tf.keras", variables(TF_USE_LEGACY_KERAS="1"), "variable"),
    Fault("env-matterport-installed", INFO, "mrcnn", installed(matterport=True)),
    Fault("env-h5py", ERROR, "h5py", installed(h5py="")),
    Fault("env-gpu-count", ERROR, "1 GPU is", on_gpu(80.0, GPU_COUNT=4, IMAGES_PER_GPU=1, layers="heads")),
    Fault("env-gpu-count", ERROR, "0 GPUs are", lambda _: preflight(configured(Plain, GPU_COUNT=2), environment=CPU)),
    Fault("env-gpu-memory", WARNING, "8.0 GiB", on_gpu(8.0, **LARGE)),
    Fault("env-gpu-memory", WARNING, "1.5 GiB", on_gpu(1.5, layers="heads")),
    Fault("env-logdir", ERROR, "logs", in_file),
    Fault("env-disk", WARNING, "10000000 checkpoints", full_disk),
    Fault("run-layers", ERROR, "'head'", running(layers="head"), "typing"),
    Fault("run-layers", ERROR, "res9", running(layers="res9.*"), "no such layer"),
    Fault("run-layers", ERROR, "(", running(layers="(mrcnn"), "no expression"),
    Fault("run-layers", ERROR, "''", running(layers=""), "empty"),
    Fault("run-lr-arg", INFO, "0.005", running(learning_rate=0.005)),
    Fault("cfg-lr", ERROR, "learning_rate", running(learning_rate=-1), "argument"),
    Fault("cfg-lr", WARNING, "0.06", running(learning_rate=0.06), "argument"),
    Fault("run-val-none", WARNING, "validation", lambda folder: judged(Parts(folder), None, epochs=3)),
]  # fmt: skip

if os.geteuid() if hasattr(os, "geteuid") else True:  # root may write anywhere

    def no_permission(folder):
        (folder / "logs").mkdir(mode=0o500)
        return preflight(configured(Plain), environment=CPU, model_dir=folder / "logs")

    FAULTS.append(Fault("env-logdir", ERROR, "logs", no_permission, "permission"))
