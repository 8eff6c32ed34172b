"""Environment, resources and arguments of train()."""

import csv
import subprocess
import sys
from dataclasses import replace

import pytest

from mrcnn_roi.checks import environment as environments
from mrcnn_roi.checks.arguments import layer_names
from mrcnn_roi.checks.environment import Environment, read_environment
from mrcnn_roi.findings import Severity

from .test_fit import only
from .toy import CPU, Toy, config, find, grave, sample


def test_the_real_environment_is_read_without_tensorflow():
    code = (
        "import sys; from mrcnn_roi.checks.environment import read_environment as read; e = read();"
        "assert 'tensorflow' not in sys.modules and 'keras' not in sys.modules; print(e.keras, e.tensorflow, e.h5py)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert all(version[0].isdigit() for version in done.stdout.split())


def test_the_contracts_order_of_fields():
    made = Environment("tensorflow", "3.5.0", "2.18.0", 2, 11.5)
    assert (made.backend, made.keras, made.tensorflow, made.gpus, made.gpu_free_gib) == (
        "tensorflow", "3.5.0", "2.18.0", 2, 11.5,
    )  # fmt: skip


def test_backend_from_the_variable_and_from_keras_json(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "keras", None)
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    assert read_environment().backend == "jax"
    monkeypatch.delenv("KERAS_BACKEND")
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    assert read_environment().backend == "tensorflow"
    (tmp_path / "keras.json").write_text('{"backend": "torch"}')
    assert read_environment().backend == "torch"
    (tmp_path / "keras.json").write_text("not json")
    assert read_environment().backend == "tensorflow"


def test_a_loaded_keras_says_its_backend(monkeypatch):
    class Keras:
        class backend:
            backend = staticmethod(lambda: "jax")

    monkeypatch.setitem(sys.modules, "keras", Keras)
    assert read_environment().backend == "jax"


@pytest.mark.parametrize("visible,expected", [(None, 2), ("", 0), ("-1", 0), ("1", 1), ("0,1", 2)])
def test_gpus_from_device_files(monkeypatch, visible, expected):
    monkeypatch.delitem(sys.modules, "tensorflow", raising=False)
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(environments.os, "listdir", lambda path: ["nvidia0", "nvidia1", "nvidiactl", "null"])
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if visible is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert environments._count_gpus() == expected


def test_gpus_unknown_elsewhere(monkeypatch):
    monkeypatch.delitem(sys.modules, "tensorflow", raising=False)
    monkeypatch.setattr(sys, "platform", "darwin")
    assert environments._count_gpus() is None
    assert grave(find(made=config(GPU_COUNT=2, IMAGES_PER_GPU=1), environment=replace(CPU, gpus=None))) == []


def test_free_memory_of_the_fullest_gpu(monkeypatch):
    answer = subprocess.CompletedProcess([], 0, "81000\n8192\n", "")
    monkeypatch.delitem(sys.modules, "tensorflow", raising=False)
    monkeypatch.setattr(environments.shutil, "which", lambda name: "/usr/bin/nvidia-smi")
    monkeypatch.setattr(environments.subprocess, "run", lambda *args, **kw: answer)
    assert environments._free_gib() == 8.0
    answer.stdout = "[Not Supported]\n"
    assert environments._free_gib() is None


def test_missing_packages(monkeypatch):
    monkeypatch.setattr(environments.metadata, "version", _not_found)
    monkeypatch.setattr(environments.util, "find_spec", lambda name: None)
    made = read_environment()
    assert (made.keras, made.tensorflow, made.h5py) == ("", "", "")
    monkeypatch.setattr(environments.util, "find_spec", lambda name: object())
    assert read_environment().tensorflow is None  # there, under a distribution name nobody knows


def _not_found(name):
    raise environments.metadata.PackageNotFoundError(name)


@pytest.mark.parametrize("facts", [
    {"keras": "3.0.0", "tensorflow": "2.16.1"}, {"keras": None, "tensorflow": None}, {"tensorflow": "2.22.0-dev2026"},
    {"keras": "4.0"}, {"gpus": 1, "gpu_free_gib": 80.0}, {"backend": None},
])  # fmt: skip
def test_environments_that_work(facts):
    assert grave(find(environment=replace(CPU, **facts))) == []


@pytest.mark.parametrize(
    "facts", [{"tensorflow": "2.15.1"}, {"tensorflow": "1.13.2"}, {"keras": "2.2.4"}, {"keras": ""}]
)
def test_versions_that_do_not(facts):
    assert only(find(environment=replace(CPU, **facts)), "env-keras-version").severity == Severity.ERROR


def test_memory_is_estimated_from_backbone_size_and_layers():
    large = {"IMAGE_MIN_DIM": 800, "IMAGE_MAX_DIM": 1024, "IMAGES_PER_GPU": 2, "BACKBONE": "resnet101"}
    gpu = replace(CPU, gpus=1, gpu_free_gib=11.0)
    assert "env-gpu-memory" in grave(find(made=config(**large), environment=gpu, layers="all"))
    assert "env-gpu-memory" not in grave(find(made=config(**large), environment=gpu, layers="heads"))
    assert "env-gpu-memory" not in grave(find(made=config(**large), environment=gpu, layers="all", mode="inference"))
    small = config(**{**large, "IMAGES_PER_GPU": 1})
    assert "env-gpu-memory" not in grave(find(made=small, environment=gpu, layers="all"))
    found = only(find(made=config(**large), environment=gpu, layers="all"), "env-gpu-memory")
    assert "needs about 11.7 GiB" in found.message
    assert "(about 6.2 GiB)" in found.fix


def test_memory_of_images_whose_size_the_config_does_not_fix():
    gpu = replace(CPU, gpus=1, gpu_free_gib=4.0)
    none = config(IMAGE_RESIZE_MODE="none", IMAGES_PER_GPU=1)
    wide = Toy([sample(size=(1024, 1024))] * 4)
    assert "env-gpu-memory" in grave(find(wide, wide, made=none, environment=gpu, layers="all"))
    assert "env-gpu-memory" not in grave(find(made=none, environment=gpu, layers="all"))
    own = config(BACKBONE=lambda image, stage5, train_bn: None, COMPUTE_BACKBONE_SHAPE=lambda shape: [])
    assert "env-gpu-memory" not in grave(find(made=own, environment=gpu))


def test_a_folder_without_permission(tmp_path, monkeypatch):
    from mrcnn_roi.checks import resources

    monkeypatch.setattr(resources.os, "access", lambda path, mode: False)
    found = only(find(model_dir=tmp_path / "logs"), "env-logdir")
    assert found.severity == Severity.ERROR
    assert str(tmp_path) in found.message


@pytest.mark.parametrize("rate,severity", [
    (0, Severity.ERROR), (-0.001, Severity.ERROR), (float("nan"), Severity.ERROR), ("0.001", Severity.ERROR),
    (0.5, Severity.ERROR), (0.05, Severity.WARNING), (0.0001, None), (0.02, None), (lambda step: 0.1, None),
])  # fmt: skip
def test_the_rate_of_train_is_judged_like_the_configs(rate, severity):
    found = [finding for finding in find(learning_rate=rate) if finding.code == "cfg-lr"]
    assert [finding.severity for finding in found] == ([severity] if severity else [])
    for finding in found:
        assert finding.where == "learning_rate"
        assert "learning_rate" in finding.message
        assert "LEARNING_RATE" not in finding.message + finding.fix


def test_the_same_rate_is_judged_once():
    assert grave(find(made=config(LEARNING_RATE=0.5), learning_rate=0.5)) == ["cfg-lr"]


def test_a_schedule_is_no_other_rate():
    assert grave(find(learning_rate=lambda step: 0.01)) == []


@pytest.mark.parametrize("backbone", ["resnet50", "resnet101"])
def test_layer_names_are_those_of_the_tables(shared, backbone):
    with (shared / "tables" / f"weights_{backbone}_training.csv").open() as file:
        groups = {row["h5_group(layer name)"] for row in csv.DictReader(file)}
    inner = {"rpn_conv_shared", "rpn_class_raw", "rpn_bbox_pred"}
    assert set(layer_names(config(BACKBONE=backbone))) == groups - {"rpn_model"} | inner
    assert len(layer_names(config(BACKBONE=backbone))) == len(set(layer_names(config(BACKBONE=backbone))))


@pytest.mark.parametrize("layers", ["heads", "3+", "4+", "5+", "all", ".*", r"(mrcnn\_.*)|(rpn\_.*)", "conv1"])
def test_layers_that_exist(layers):
    assert grave(find(layers=layers)) == []


@pytest.mark.parametrize("layers", ["head", "6+", "(mrcnn", "", 5, "res4w_branch2a", "mrcnn_"])
def test_layers_that_do_not(layers):
    assert grave(find(layers=layers)) == ["run-layers"]


def test_layers_of_a_backbone_of_ones_own_are_not_known():
    own = config(BACKBONE=lambda image, stage5, train_bn: None, COMPUTE_BACKBONE_SHAPE=lambda shape: shape)
    assert "run-layers" not in grave(find(made=own, layers="block3_.*"))
    assert "run-layers" not in grave(find(layers="head", mode="inference"))


def test_checkpoints_have_the_size_of_their_weights(tmp_path):
    coco = config(BACKBONE="resnet101", NUM_CLASSES=81)
    found = only(find(made=coco, model_dir=tmp_path, epochs=10**8), "env-disk")
    assert "100000000 checkpoints need 25663433.6 GB" in found.message  # 64,158,584 floats each
    own = config(BACKBONE=lambda image, stage5, train_bn: None, COMPUTE_BACKBONE_SHAPE=lambda shape: shape)
    assert "env-disk" not in grave(find(made=own, model_dir=tmp_path, epochs=10**8))
