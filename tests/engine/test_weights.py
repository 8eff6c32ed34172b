"""Loading weight files: by layer name, wholly or not at all."""

import ast
import re

import h5py
import keras
import numpy as np
import pytest

from mrcnn_roi.checks.h5_header import read_header
from mrcnn_roi.engine.weights import layer_variables, load_any, load_h5, save_h5
from mrcnn_roi.findings import SetupError
from tests.checks.weight_files import write

from .light import build, changed, file_layers, nested, scramble, values

HEADS = ["mrcnn_class_logits", "mrcnn_bbox_fc", "mrcnn_bbox", "mrcnn_mask"]


@pytest.fixture(scope="module")
def model():
    return build()


@pytest.fixture(scope="module")
def trained():
    return build("training")


@pytest.fixture(scope="module")
def trained_file(trained, tmp_path_factory):
    path = tmp_path_factory.mktemp("trained") / "mask_rcnn_light_0001.h5"
    save_h5(trained, path)
    return path


def refused(model, path, **arguments):
    """The findings of loading, by code; the model must be as it was."""
    before = values(model)
    with pytest.raises(SetupError) as caught:
        load_any(model, path, **arguments)
    assert changed(before, model) == set()
    return {finding.code: finding for finding in caught.value.findings}


def test_from_training_to_inference(model, trained, trained_file):
    scramble(model)
    report = load_h5(model, trained_file)
    for key, array in values(trained).items():
        np.testing.assert_array_equal(values(model)[key], array)
    assert set(report.loaded) == {layer.name for layer in model.layers if layer.weights}
    assert (report.path, report.skipped, report.missing, report.unused) == (str(trained_file), (), (), ())


LAYOUTS = [{}, {"text": True}, {"full_model": True}, {"pieces": 4}, {"libver": "latest"}]
LAYOUTS += [{"dtype": np.float16}, {"dtype": ">f8"}, {"dtype": np.int32}]


@pytest.mark.parametrize("layout", LAYOUTS, ids=str)
def test_layouts(model, tmp_path, layout):
    scramble(model)
    layers = {"mrcnn_mask": file_layers(model)["mrcnn_mask"], "rpn_model": file_layers(model)["rpn_model"], "add_7": []}
    report = load_h5(model, write(tmp_path / "w.h5", layers, **layout))
    assert set(report.loaded) == {"mrcnn_mask", "rpn_model"}
    for layer in report.loaded:
        for variable in layer_variables(model.get_layer(layer)).values():
            expected = np.arange(np.prod(variable.shape)).reshape(variable.shape)
            np.testing.assert_array_equal(variable.numpy(), expected.astype(layout.get("dtype", np.float32)))


def test_keras_reads_what_is_written_and_is_read(model, trained, trained_file, tmp_path):
    """Keras 3's own reader of old files as a second opinion, and its writer of whole models."""
    scramble(model)
    keras.Model.load_weights(keras.Model(model.inputs, model.outputs), trained_file, by_name=True)
    for key, array in values(trained).items():
        np.testing.assert_array_equal(values(model)[key], array)
    scramble(model)
    keras.Model(trained.inputs, trained.outputs).save(tmp_path / "model.h5")
    assert read_header(tmp_path / "model.h5").full_model
    load_h5(model, tmp_path / "model.h5")
    for key, array in values(trained).items():
        np.testing.assert_array_equal(values(model)[key], array)


def test_other_classes_are_refused_until_excluded(trained_file):
    model = build(NUM_CLASSES=3)
    findings = refused(model, trained_file)
    assert list(findings) == ["w-num-classes"]
    assert findings["w-num-classes"].fix == "set NUM_CLASSES = 4"
    training = build("training", NUM_CLASSES=3)
    fix = refused(training, trained_file)["w-num-classes"].fix
    assert ast.literal_eval(re.search(r"exclude=(\[.*\])", fix)[1]) == HEADS

    before = values(training)
    report = load_h5(training, trained_file, by_name=False, exclude=HEADS)
    assert changed(before, training) == set(report.loaded)
    assert report.skipped == ("mrcnn_class_logits", "mrcnn_bbox_fc", "mrcnn_mask")
    assert not set(report.loaded) & set(HEADS)


def test_every_cause_is_named_and_one_list_settles_them(trained_file):
    model = build("training", NUM_CLASSES=3, RPN_ANCHOR_RATIOS=[1], IMAGE_CHANNEL_COUNT=1, MEAN_PIXEL=np.array([99.0]),
                  MASK_CONV_SIZE=8)  # fmt: skip
    findings = refused(model, trained_file)
    assert list(findings) == ["w-num-classes", "w-rpn-ratios", "w-conv1-channels", "w-shape-other"]
    assert "MASK_CONV_SIZE = 16" in findings["w-shape-other"].fix
    exclude = ast.literal_eval(re.search(r"exclude=(\[.*?\])", findings["w-shape-other"].fix)[1])
    assert set(load_h5(model, trained_file, exclude=exclude).skipped) == set(exclude) - {"mrcnn_bbox"}


def test_layers_inside_the_rpn_can_be_excluded(trained_file):
    model = build("training", RPN_ANCHOR_RATIOS=[1])
    before = values(model)
    report = load_h5(model, trained_file, exclude=("rpn_class_raw", "rpn_bbox_pred"))
    assert report.skipped == ("rpn_class_raw", "rpn_bbox_pred")
    rpn = {name: array for (layer, name), array in values(model).items() if layer == "rpn_model"}
    moved = {name for name, array in rpn.items() if not np.array_equal(before["rpn_model", name], array)}
    assert moved == {"rpn_conv_shared/kernel", "rpn_conv_shared/bias"}


def test_exclude(model, trained_file):
    before = scramble(model)
    assert load_h5(model, trained_file, exclude="rpn_model").skipped == ("rpn_model",)
    assert "rpn_model" not in changed(before, model)
    finding = refused(model, trained_file, exclude=["mrcnn_bbox_fcc"])["w-exclude-unknown"]
    assert finding.fix == 'use "mrcnn_bbox_fc"'
    every = [layer.name for layer in model.layers]
    assert list(refused(model, trained_file, exclude=every)) == ["w-nothing-loaded"]


def test_missing_and_surplus_layers(model, tmp_path):
    layers = {name: weights for name, weights in file_layers(model).items() if not name.startswith("fpn_")}
    layers["res9z_branch2a"] = [("res9z_branch2a/kernel:0", (1,))]
    path = write(tmp_path / "w.h5", layers)
    findings = refused(model, path, by_name=False)
    assert list(findings) == ["w-backbone-depth"]
    assert findings["w-backbone-depth"].fix == "pass by_name=True to load the layers in common"
    report = load_h5(model, path)
    assert len(report.missing) == 8
    assert report.unused == ("res9z_branch2a",)


def test_files_without_weights_of_this_network(model, trained_file, tmp_path):
    path = tmp_path / "w.h5"
    for layers in ({"block1_conv1": [("block1_conv1/kernel:0", (3,))]}, {"activation_1": []}):
        assert list(refused(model, write(path, layers))) == ["w-nothing-loaded"]
    path.write_bytes(trained_file.read_bytes()[:-10])
    assert "is truncated" in refused(model, path)["w-file-unreadable"].message
    path.write_text("<!DOCTYPE html><html>")
    assert "a web page" in refused(model, path)["w-file-unreadable"].message
    assert "does not exist" in refused(model, tmp_path / "v.h5")["w-file-unreadable"].message
    assert "does not exist" in refused(model, tmp_path / "v.keras")["w-file-unreadable"].message


def test_damaged_data_behind_a_good_header(model, tmp_path):
    path = write(tmp_path / "w.h5", file_layers(model))
    with h5py.File(path, "a") as file:
        del file["mrcnn_mask/mrcnn_mask/kernel:0"]
        shape = tuple(model.get_layer("mrcnn_mask").kernel.shape)
        data = file.create_dataset("mrcnn_mask/mrcnn_mask/kernel:0", shape, "f4", chunks=shape, compression="gzip")
        data.id.write_direct_chunk((0,) * len(shape), b"no gzip")
    assert list(refused(model, path)) == ["w-file-unreadable"]


def test_keras_formats(trained, tmp_path):
    source, target = build("training"), build("training")
    source.save_weights(tmp_path / "m.weights.h5")
    before = scramble(target)
    assert len(load_any(target, tmp_path / "m.weights.h5").loaded) == len({layer for layer, _ in before})
    for key, array in values(source).items():
        np.testing.assert_array_equal(values(target)[key], array)
    finding = refused(target, tmp_path / "m.weights.h5", exclude=["conv1"])["w-exclude-unknown"]
    assert "loaded by position" in finding.message
    found = refused(build("training", NUM_CLASSES=3), tmp_path / "m.weights.h5")
    assert list(found) == ["w-num-classes"]
    assert "set NUM_CLASSES = 4" in found["w-num-classes"].fix
    found = refused(build("inference"), tmp_path / "m.weights.h5")
    assert 'mode="training"' in found["w-shape-other"].fix
    build("inference").save_weights(tmp_path / "i.weights.h5")
    assert 'mode="inference"' in refused(target, tmp_path / "i.weights.h5")["w-shape-other"].fix
    (tmp_path / "m.weights.h5").rename(tmp_path / "m.h5")
    assert "rename it" in refused(target, tmp_path / "m.h5")["w-file-unreadable"].fix
    (tmp_path / "m.h5").rename(tmp_path / "m.weights.h5")
    assert list(refused(build("training", MASK_CONV_SIZE=8), tmp_path / "m.weights.h5")) == ["w-shape-other"]

    source.save(tmp_path / "m.keras")
    told = read_header(tmp_path / "m.keras").layers
    assert {name: [shape for _, shape in own] for name, own in told.items()} == {
        layer.name: [tuple(each.shape) for each in layer_variables(layer).values()] for layer in source.layers
    }
    before = scramble(target)
    report = load_any(target, tmp_path / "m.keras", exclude=HEADS)
    assert changed(before, target) == set(report.loaded)
    assert "mrcnn_mask" in report.skipped
    assert list(refused(build("training", NUM_CLASSES=3), tmp_path / "m.keras")) == ["w-num-classes"]
    (tmp_path / "m.keras").write_bytes(b"PK\x03\x04")
    assert "truncated or damaged" in refused(target, tmp_path / "m.keras")["w-file-unreadable"].message


def test_a_nested_backbone(tmp_path):
    model = nested()
    save_h5(model, tmp_path / "w.h5")
    stored = read_header(tmp_path / "w.h5").layers["my_backbone"]
    kinds = [name.rpartition("/")[2] for name, _ in stored]
    assert kinds == ["kernel:0", "bias:0", "gamma:0", "beta:0"] * 5 + ["moving_mean:0", "moving_variance:0"] * 5
    saved = values(model)

    for frozen in (True, False):  # what is trainable decides Keras' own order, not ours
        for layer in model.get_layer("my_backbone").layers:
            layer.trainable = not frozen
        assert [name for name, _ in file_layers(model)["my_backbone"]] == [name for name, _ in stored]
        scramble(model)
        load_h5(model, tmp_path / "w.h5")
        assert changed(saved, model) == set()

    with h5py.File(tmp_path / "w.h5", "a") as file:  # the order of a run that trained the heads alone
        names = sorted((name for name, _ in stored), key=lambda name: (name.split("/")[0][-1], "bn" in name))
        file["my_backbone"].attrs["weight_names"] = np.array([name.encode() for name in names])
    assert [name for name, _ in read_header(tmp_path / "w.h5").layers["my_backbone"]] != [name for name, _ in stored]
    scramble(model)
    load_h5(model, tmp_path / "w.h5")
    assert changed(saved, model) == set()


def test_weights_of_layers_in_layers_have_names_of_their_own():
    inputs = keras.Input((3, 8, 8, 1))
    outputs = keras.layers.Bidirectional(keras.layers.LSTM(2), name="both")(keras.layers.Reshape((3, 64))(inputs))
    names = list(layer_variables(keras.Model(inputs, outputs).get_layer("both")))
    assert len(names) == len(set(names)) == 6
    assert all(name.startswith("both/") for name in names)
