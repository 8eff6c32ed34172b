"""For every code of the group "environment" a set-up with the mistake and a similar one without it.

EXAMPLES[code] is (bad, good): functions without arguments that return the findings.
"""

import os
import tempfile
from dataclasses import replace
from pathlib import Path

from .toy import CPU, Toy, config, find


def installed(**facts):
    return find(environment=replace(CPU, **facts))


def run_in(model_dir, **arguments):
    return find(model_dir=model_dir, **arguments)


def on_gpu(free, **attributes):
    return find(environment=replace(CPU, gpus=1, gpu_free_gib=free), made=config(**attributes))


def in_file():
    """A model_dir under a file."""
    with tempfile.NamedTemporaryFile() as file:
        return run_in(Path(file.name) / "logs")


def in_folder(**arguments):
    with tempfile.TemporaryDirectory() as folder:
        return run_in(os.path.join(folder, "new", "logs"), **arguments)


LARGE = {"IMAGE_MIN_DIM": 800, "IMAGE_MAX_DIM": 1024, "IMAGES_PER_GPU": 4, "BACKBONE": "resnet101"}

EXAMPLES = {
    "env-backend": (lambda: installed(backend="torch"), lambda: installed(backend="tensorflow")),
    "env-keras-version": (lambda: installed(keras="2.15.0"), lambda: installed(keras="3.12.1", tensorflow="2.16.0rc1")),
    "env-legacy-keras": (lambda: installed(legacy_keras=True), lambda: installed(legacy_keras=False)),
    "env-matterport-installed": (lambda: installed(matterport=True), lambda: installed(matterport=False)),
    "env-h5py": (lambda: installed(h5py=""), lambda: installed(h5py=None)),
    "env-gpu-count": (
        lambda: find(made=config(GPU_COUNT=4, IMAGES_PER_GPU=1), environment=replace(CPU, gpus=1)),
        lambda: find(made=config(GPU_COUNT=4, IMAGES_PER_GPU=1), environment=replace(CPU, gpus=4)),
    ),
    "env-gpu-memory": (lambda: on_gpu(8, **LARGE), lambda: on_gpu(80, **LARGE)),
    "env-logdir": (in_file, in_folder),
    "env-disk": (lambda: in_folder(epochs=100_000_000), lambda: in_folder(epochs=1)),
    "run-layers": (lambda: find(layers="head"), lambda: find(layers=r"(mrcnn\_.*)|(res5.*)")),
    "run-lr-arg": (lambda: find(learning_rate=0.002), lambda: find(learning_rate=0.001)),
    "run-val-none": (lambda: find(Toy(), default_data=False), lambda: find(Toy(), Toy())),
}
