"""Checks of what is installed (group "environment"): Keras, TensorFlow, h5py, GPUs.

`Environment` says what is installed; `read_environment` fills it without importing TensorFlow or Keras.

Ids of the catalogue that cannot occur here: env-shm-workers (batches are made by threads, nothing is shared
between processes).
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from importlib import metadata, util
from pathlib import Path
from typing import Any

from mrcnn_roi.checks.values import is_int
from mrcnn_roi.findings import Severity, check

OLDEST_KERAS, OLDEST_TENSORFLOW = (3, 0), (2, 16)
_TENSORFLOW_WHEELS = (
    "tensorflow", "tensorflow-cpu", "tf-nightly", "tensorflow-macos", "tensorflow-intel", "tensorflow-rocm",
    "tensorflow-gpu", "tf-nightly-cpu", "intel-tensorflow", "tensorflow-cpu-aws",
)  # fmt: skip


@dataclass(frozen=True)
class Environment:
    """What is installed and visible. None: not known, and the checks that would need it stay silent.

    backend: Keras's backend, "tensorflow" or another. keras, tensorflow: versions, "" when not installed.
    gpus: how many GPUs are visible. gpu_free_gib: free memory of the fullest of them.
    h5py: version, "" when not installed. legacy_keras: TF_USE_LEGACY_KERAS is set.
    matterport: a package "mrcnn" besides this one can be imported.
    """

    backend: str | None = "tensorflow"
    keras: str | None = None
    tensorflow: str | None = None
    gpus: int | None = None
    gpu_free_gib: float | None = None
    h5py: str | None = None
    legacy_keras: bool = False
    matterport: bool = False


def read_environment() -> Environment:
    """The real environment. Imports nothing heavy: versions come from package metadata, GPUs from their
    device files, unless TensorFlow is loaded already and can be asked."""
    gpus = _count_gpus()
    return Environment(
        backend=_backend(),
        keras=_version("keras"),
        tensorflow=_version(*_TENSORFLOW_WHEELS, module="tensorflow"),
        gpus=gpus,
        gpu_free_gib=_free_gib() if gpus else None,
        h5py=_version("h5py"),
        legacy_keras=os.environ.get("TF_USE_LEGACY_KERAS", "").lower() in ("1", "true"),
        matterport=_is_matterport_installed(),
    )


def _version(*wheels: str, module: str | None = None) -> str | None:
    """The version of the first installed wheel; None where only the module is there, "" where nothing is."""
    for wheel in wheels:
        try:
            return metadata.version(wheel)
        except metadata.PackageNotFoundError:
            continue
    return None if _finds(module or wheels[0]) else ""


def _finds(module: str) -> bool:
    try:
        return util.find_spec(module) is not None
    except (ImportError, ValueError):  # a module that was put into sys.modules by hand has no spec
        return module in sys.modules


def _backend() -> str:
    """Keras's own order: what the loaded Keras says, KERAS_BACKEND, keras.json, tensorflow."""
    loaded: Any = getattr(sys.modules.get("keras"), "backend", None)
    if hasattr(loaded, "backend"):
        return str(loaded.backend())
    if os.environ.get("KERAS_BACKEND"):
        return os.environ["KERAS_BACKEND"]
    folder = Path(os.environ.get("KERAS_HOME") or Path.home() / ".keras")
    try:
        return str(json.loads((folder / "keras.json").read_text()).get("backend", "tensorflow"))
    except (OSError, ValueError, AttributeError):  # no such file, or not the JSON object Keras wrote
        return "tensorflow"


def _count_gpus() -> int | None:
    """GPUs that TensorFlow sees, where it is loaded; else an upper limit from the device files, None if
    unclear."""
    tensorflow = sys.modules.get("tensorflow")
    if hasattr(tensorflow, "config"):
        return len(tensorflow.config.list_physical_devices("GPU"))  # type: ignore[union-attr]
    if not sys.platform.startswith("linux"):
        return None
    devices = [name for name in os.listdir("/dev") if re.fullmatch(r"nvidia\d+", name)]
    if not devices and any(os.path.exists(other) for other in ("/dev/kfd", "/dev/dxg")):
        return None  # ROCm, or the GPU of a Windows host
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is None:
        return len(devices)
    return min(len(devices), len([each for each in visible.split(",") if each.strip() not in ("", "-1")]))


def _free_gib() -> float | None:
    """Free memory of the fullest visible GPU. None without nvidia-smi, and once TensorFlow is loaded: it
    takes all the memory for itself, which would look like none being left."""
    program = shutil.which("nvidia-smi")
    if program is None or "tensorflow" in sys.modules:
        return None
    query = [program, "--query-gpu=memory.free", "--format=csv,noheader,nounits"]
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    try:
        answer = subprocess.run(
            query + (["-i", visible] if visible else []),
            capture_output=True,
            text=True,
            timeout=10,
            check=True,
        )
        return min(float(line) for line in answer.stdout.split()) / 1024
    except (OSError, subprocess.SubprocessError, ValueError):  # no answer, or one in another form
        return None


def _is_matterport_installed() -> bool:
    """Whether `import mrcnn` finds a package of that name, other than an alias of this one."""
    loaded = sys.modules.get("mrcnn")
    if loaded is not None and getattr(loaded, "__name__", "").startswith("mrcnn_roi"):
        return False
    return _finds("mrcnn")


def _release(version: str | None) -> tuple[int, int] | None:
    found = re.match(r"(\d+)\.(\d+)", version or "")
    return (int(found[1]), int(found[2])) if found else None


@check("env-backend", Severity.ERROR)
def backend(environment):
    """Keras runs on another backend than TensorFlow. The layers here call TensorFlow operations
    (crop_and_resize, non-maximum suppression), which get no tensors of JAX or PyTorch."""
    if environment.backend is not None and environment.backend != "tensorflow":
        yield (
            "KERAS_BACKEND",
            f"Keras's backend is {environment.backend!r}; building the model would fail in its first layer",
            'set KERAS_BACKEND=tensorflow (or "backend" in ~/.keras/keras.json) before keras is imported',
        )


@check("env-keras-version", Severity.ERROR)
def keras_version(environment):
    """Keras older than 3.0 or TensorFlow older than 2.16, or one of them missing. Imports and graph building
    fail with errors that do not name the version: "no attribute 'Layer'", "Could not build a TypeSpec"."""
    for name, version, oldest in (
        ("keras", environment.keras, OLDEST_KERAS),
        ("tensorflow", environment.tensorflow, OLDEST_TENSORFLOW),
    ):
        needed = ".".join(map(str, oldest))
        release = _release(version)
        if version == "":
            yield (
                name,
                f"{name} is not installed, so no model can be built",
                f'pip install "{name}>={needed}"',
            )
        elif release is not None and release < oldest:
            message = f"{name} is {version}, older than {needed}: building the model would fail"
            yield name, message, f'pip install --upgrade "{name}>={needed}"'


@check("env-legacy-keras", Severity.WARNING)
def legacy_keras(environment):
    """TF_USE_LEGACY_KERAS is set: `tf.keras` is then Keras 2 (or cannot be imported), while the model here
    is made with Keras 3. Callbacks and layers taken from `tf.keras` do not work with it. Not an error, because
    everything here imports `keras` itself: building, training and validation run all the same (measured)."""
    if environment.legacy_keras:
        message = "tf.keras is Keras 2, whose callbacks, optimizers and layers cannot be mixed with this model"
        yield (
            "TF_USE_LEGACY_KERAS",
            message,
            "unset TF_USE_LEGACY_KERAS, or use `import keras` instead of tf.keras",
        )


@check("env-matterport-installed", Severity.INFO)
def matterport_installed(environment):
    """Another package "mrcnn" can be imported. A script that says `import mrcnn` gets that one, not this
    one."""
    if environment.matterport:
        message = "a package mrcnn is installed too, and `import mrcnn` takes it instead of this one"
        yield (
            "mrcnn",
            message,
            "pip uninstall mask-rcnn mrcnn, or start old scripts with `mrcnn-roi run SCRIPT.py`",
        )


@check("env-h5py", Severity.ERROR)
def h5py_missing(environment):
    """h5py is missing: weight files can neither be loaded nor saved, so training fails at the first
    checkpoint."""
    if environment.h5py == "":
        yield (
            "h5py",
            "h5py is not installed: no .h5 weights can be read or written",
            'pip install "h5py>=3.10"',
        )


@check("env-gpu-count", Severity.ERROR)
def gpu_count(config, environment):
    """GPU_COUNT is larger than the number of GPUs that can be seen, so the copies of the model have nowhere
    to run. GPU_COUNT 1 is right for one GPU and for the CPU."""
    wanted = getattr(config, "GPU_COUNT", None)
    if environment.gpus is not None and is_int(wanted, 2) and wanted > environment.gpus:
        seen = f"{environment.gpus} GPU{'s are' if environment.gpus != 1 else ' is'} visible"
        images: Any = getattr(config, "IMAGES_PER_GPU", None)
        same = f"; IMAGES_PER_GPU = {images * wanted} keeps the batch size" if is_int(images, 1) else ""
        fix = f"set GPU_COUNT = {max(1, environment.gpus)}{same if environment.gpus <= 1 else ''}"
        yield (
            "GPU_COUNT",
            f"GPU_COUNT is {wanted}, but {seen}: the run stops when the model is distributed",
            fix,
        )
