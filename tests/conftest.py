"""Fixtures: the shared material beside the project, and the goldens in it."""

import json
import os
from pathlib import Path

import numpy as np
import pytest

os.environ["MRCNN_ROI_CACHE"] = "off"  # of scans; tests of the cache give it a folder
os.environ["NO_ALBUMENTATIONS_UPDATE"] = "1"  # or importing albumentations asks the network for its newest version

SHARED = Path(__file__).resolve().parents[2] / "shared"


def _missing(what: str):
    if os.environ.get("CI"):
        pytest.fail(f"{what} is not beside the project, and CI must not skip tests that need it")
    pytest.skip(f"needs {what} beside the project")


@pytest.fixture(scope="module")
def users_classes_here():
    """Scans read users' classes in this process. For tests of hundreds of preflights: forking a process that has
    TensorFlow's memory takes longer than they do. What workers change is tested in datasets/test_scan_workers."""
    from mrcnn_roi.datasets import scan_reading

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(scan_reading, "USERS_APART", False)
        yield


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder ../shared; tests that use it skip where it is absent, and fail in CI."""
    if not SHARED.is_dir():
        _missing("../shared")
    return SHARED


class Golden(dict):
    """The arrays of one goldens file by name, and the configuration they were made with."""

    def __init__(self, folder: Path, name: str):
        with np.load(folder / f"{name}.npz") as arrays:
            super().__init__(arrays)
        self.config = json.loads((folder / "index.json").read_text())["files"][f"{name}.npz"]["config"]


@pytest.fixture(scope="session")
def golden(shared):
    """golden("masks") -> the arrays of goldens/masks.npz; `.config` holds their configuration."""
    return lambda name: Golden(shared / "goldens", name)


@pytest.fixture(scope="session")
def pennfudan(shared) -> Path:
    """The Penn-Fudan pedestrian photographs with one label-map PNG an image."""
    return shared / "data" / "PennFudanPed"


@pytest.fixture(scope="session")
def seeded(shared):
    """seeded(model, seed): gives every weight of the model the goldens' value for its layer and name."""
    import importlib.util

    import keras

    spec = importlib.util.spec_from_file_location("seeded_weights", shared / "goldens" / "seeded_weights.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)

    def fill(model, seed):
        for layer in model.layers:
            if isinstance(layer, keras.Model):
                fill(layer, seed)
                continue
            for weight in layer.weights:
                weight.assign(module.value(seed, layer.name, weight.name, tuple(weight.shape)))

    return fill


@pytest.fixture(scope="session")
def config_of():
    """config_of(golden) -> the Config that the golden was made with, a ResNet50."""

    from mrcnn_roi.config import Config

    def build(golden):
        attributes = {name: value for name, value in golden.config.items() if name.isupper()}
        return type("GoldenConfig", (Config,), {"NAME": "golden", "BACKBONE": "resnet50", **attributes})()

    return build
