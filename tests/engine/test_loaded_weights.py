"""MaskRCNN.load_weights: what forbids to load, all at once, and what is only said."""

import os

import numpy as np
import pytest

from mrcnn_roi.engine import loaded_weights
from mrcnn_roi.engine.mask_rcnn import MaskRCNN
from mrcnn_roi.findings import Finding, SetupError, Severity

from .light import changed, light, values

HEADS = ["mrcnn_class_logits", "mrcnn_bbox_fc", "mrcnn_bbox", "mrcnn_mask"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("weights")


@pytest.fixture(scope="module")
def file(folder):
    model = MaskRCNN("training", light(), folder).keras_model
    model.save_weights(folder / "mask_rcnn_light.h5")
    model.save(folder / "model.keras")
    return folder / "mask_rcnn_light.h5"


@pytest.fixture
def inference(folder):
    return MaskRCNN("inference", light(), folder)


def refused(model, path, **arguments):
    """The findings, by code; the model must be as it was."""
    before = values(model.keras_model)
    with pytest.raises(SetupError) as caught:
        model.load_weights(path, **arguments)
    assert changed(before, model.keras_model) == set()
    return {finding.code: finding for finding in caught.value.findings}


@pytest.mark.parametrize("name", ["mask_rcnn_light.h5", "model.keras"])
def test_heads_must_not_stay_random_at_inference(inference, file, name):
    found = refused(inference, file.with_name(name), exclude=HEADS)
    assert list(found) == ["w-exclude-at-inference"]
    assert "mrcnn_class_logits" in found["w-exclude-at-inference"].message
    assert "drop exclude" in found["w-exclude-at-inference"].fix
    inference.load_weights(file.with_name(name))  # now the heads are there
    inference.load_weights(file, exclude=HEADS)


def test_all_errors_come_at_once(file, folder):
    model = MaskRCNN("inference", light(NUM_CLASSES=3, RPN_ANCHOR_RATIOS=[1]), folder)
    found = refused(model, file, exclude=["fpn_p2", "mrcn_mask"])
    assert set(found) == {"w-exclude-unknown", "w-num-classes", "w-rpn-ratios", "w-exclude-at-inference"}
    assert all(finding.severity is Severity.ERROR for finding in found.values())
    every = [layer.name for layer in model.keras_model.layers]
    assert list(refused(model, file, by_name=True, exclude=every)) == ["w-nothing-loaded"]


def test_training_may_leave_heads_out(file, folder):
    model = MaskRCNN("training", light(NUM_CLASSES=3), folder)
    assert list(refused(model, file)) == list(refused(model, file, by_name=True)) == ["w-num-classes"]
    report = model.load_weights(str(file), by_name=True, exclude=HEADS)
    assert report.findings == ()
    assert model.load_weights(os.fsencode(file), exclude=HEADS).loaded == report.loaded


@pytest.mark.parametrize("path", [None, 3, ["w.h5"]])
def test_what_is_no_path(inference, path):
    with pytest.raises(ValueError, match="expected the path of a weight file"):
        inference.load_weights(path)


def test_warnings_are_printed_once_and_can_be_silenced(inference, file, monkeypatch, capsys):
    def judge(*args, **objects):
        return [Finding("w-backbone-depth", Severity.WARNING, "some layers start random", "use others", "BACKBONE")]

    monkeypatch.setattr(loaded_weights, "run_checks", judge)
    assert len(inference.load_weights(file).findings) == 1
    assert capsys.readouterr().out.count("WARNING [w-backbone-depth] BACKBONE: some layers start random") == 1
    monkeypatch.setattr(inference.config, "SILENCED_CHECKS", ["w-backbone-depth"], raising=False)
    inference.load_weights(file)
    assert "w-backbone-depth" not in capsys.readouterr().out


def test_a_first_layer_that_is_neither_loaded_nor_trained(file, folder):
    model = MaskRCNN("training", light(), folder)
    loaded = model._weights
    assert loaded.judge_layers(model.config, "heads") == []
    model.load_weights(file, exclude=["conv1"])
    (finding,) = loaded.judge_layers(model.config, "heads")
    assert (finding.code, finding.severity) == ("w-conv1-frozen", Severity.WARNING)
    assert loaded.judge_layers(model.config, "all") == []
    model.set_trainable(".*", verbose=0)
    loaded.add_trained(model.get_trainable_layers())
    assert loaded.judge_layers(model.config, "heads") == []


def test_a_file_of_keras_3(file, folder, inference):
    inference.keras_model.save_weights(folder / "w.weights.h5")
    other = MaskRCNN("inference", light(), folder)
    other.load_weights(folder / "w.weights.h5")
    for key, array in values(inference.keras_model).items():
        np.testing.assert_array_equal(values(other.keras_model)[key], array)
