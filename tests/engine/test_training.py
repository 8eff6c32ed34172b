import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import keras
import numpy as np
import pytest
import tensorflow as tf

from mrcnn_roi.engine import training
from mrcnn_roi.engine.mask_rcnn import MaskRCNN
from mrcnn_roi.findings import Finding, SetupError, Severity

LOSSES = ["rpn_class_loss", "rpn_bbox_loss", "mrcnn_class_loss", "mrcnn_bbox_loss", "mrcnn_mask_loss"]


@pytest.fixture
def model(small_config, tmp_path):
    return MaskRCNN("training", small_config(), tmp_path)


@pytest.fixture
def eagerly(monkeypatch):
    """Steps without a graph, of which making one takes most of a test's time."""

    def eager(*args):
        compile_model(*args)
        args[0].run_eagerly = True

    compile_model = training.compile_model
    monkeypatch.setattr(training, "compile_model", eager)


def test_presets_select_the_originals_layers(shared, tmp_path):
    from mrcnn_roi.config import Config
    from mrcnn_roi.network.build import build_training

    config = type("C", (Config,), {"NAME": "x", "NUM_CLASSES": 81, "BACKBONE": "resnet50"})()
    model = keras.Model(*build_training(config))
    table = json.loads((shared / "tables" / "trainable_by_layers_option_resnet50.json").read_text())
    assert set(table) >= {"heads", "3+", "4+", "5+", "all"}
    for preset, expected in table.items():
        count = training.set_trainable(model, training.LAYER_PRESETS[preset])
        assert len(model.trainable_weights) == expected["n_trainable_weights"]
        assert sum(int(np.prod(w.shape)) for w in model.trainable_weights) == expected["n_params"]
        names = {layer.name for layer in training.trainable_layers(model) if layer.trainable}
        assert names == set(expected["layers"])
        assert count == len(names)


def test_two_epochs_and_a_resumed_third(model, boxes, tmp_path, small_config, capsys):
    before = model.keras_model.get_layer("fpn_p2").get_weights()[0]
    frozen = model.keras_model.get_layer("conv1").get_weights()[0]
    history = model.train(boxes(), boxes(3), learning_rate=0.01, epochs=2, layers="heads").history
    assert model.epoch == 2
    for name in ["loss", *LOSSES]:
        assert len(history[name]) == len(history[f"val_{name}"]) == 2
        assert np.isfinite(history[name]).all()
    np.testing.assert_allclose(history["loss"][0], sum(history[name][0] for name in LOSSES), rtol=0.05)
    assert not np.array_equal(before, model.keras_model.get_layer("fpn_p2").get_weights()[0])
    np.testing.assert_array_equal(frozen, model.keras_model.get_layer("conv1").get_weights()[0])
    files = os.listdir(model.log_dir)
    assert {"mask_rcnn_small_0001.h5", "mask_rcnn_small_0002.h5", "losses.csv", "config.yaml", "classes.json"} <= {
        *files
    }
    assert not [name for name in files if "part" in name]

    again = MaskRCNN("training", small_config(), tmp_path)
    again.load_weights(again.find_last(), by_name=True)
    assert again.epoch == 2
    assert again.log_dir == model.log_dir
    np.testing.assert_array_equal(
        again.keras_model.get_layer("fpn_p2").get_weights()[0], model.keras_model.get_layer("fpn_p2").get_weights()[0]
    )
    again.train(boxes(), None, learning_rate=0.01, epochs=3, layers="all", preflight="off")
    assert "mask_rcnn_small_0003.h5" in os.listdir(model.log_dir)
    assert "Re-starting from epoch 2" in capsys.readouterr().out


def test_images_without_objects_train_as_negatives(model, boxes):
    class Mostly(boxes):
        def rectangles(self, image_id):
            return iter(()) if image_id != 1 else super().rectangles(image_id)

    history = model.train(Mostly(4), None, 0.01, 1, "all", preflight="warn").history
    assert np.isfinite(history["loss"]).all()
    assert history["rpn_class_loss"][0] > 0


def test_pad64_trains_on_images_of_other_sizes(small_config, boxes, tmp_path):
    changes = {"IMAGE_RESIZE_MODE": "pad64", "IMAGES_PER_GPU": 1}
    model = MaskRCNN("training", type("C", (small_config,), changes)(), tmp_path)
    history = model.train(boxes(5, size=(70, 130)), None, 0.01, 1, "all", preflight="off").history
    assert np.isfinite(history["loss"]).all()


def test_rois_may_come_from_outside(small_config, boxes, tmp_path):
    model = MaskRCNN("training", type("C", (small_config,), {"USE_RPN_ROIS": False})(), tmp_path)
    assert np.isfinite(model.train(boxes(), None, 0.01, 1, "all", preflight="off").history["loss"]).all()


def test_a_broken_image_stops_the_run_and_is_named(model, boxes):
    class Broken(boxes):
        def load_image(self, image_id):
            if image_id == 3:
                raise OSError("truncated")
            return super().load_image(image_id)

    with pytest.raises(SetupError, match="box-3.png"):
        model.train(Broken(), None, 0.01, 1, "all")
    with pytest.raises(SetupError, match="box-3.png"):
        model.train(Broken(), None, 0.01, 5, "all", preflight="off")


def test_preflight_levels(small_config, boxes, tmp_path, capsys):
    class ThreeClasses(boxes):
        def __init__(self, *args):
            super().__init__(*args)
            self.add_class("boxes", 3, "round")
            self.prepare()

    model = MaskRCNN("training", small_config(), tmp_path)
    with pytest.raises(SetupError, match="cd-class-count"):
        model.train(ThreeClasses(), None, 0.01, 1, "all")
    with pytest.raises(ValueError, match="expected preflight"):
        model.train(boxes(), None, 0.01, 1, "all", preflight="maybe")
    with pytest.raises(SetupError, match="cfg-name-missing"):
        MaskRCNN("training", type("C", (small_config,), {"NAME": None})(), tmp_path)


def test_an_interrupted_checkpoint_leaves_the_last_one_whole(model, tmp_path, monkeypatch):
    from mrcnn_roi.engine import weights

    path = tmp_path / "mask_rcnn_small_0001.h5"
    model.keras_model.save_weights(path)
    whole = path.read_bytes()

    def interrupted(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr(weights.os, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        model.keras_model.save_weights(path)
    assert path.read_bytes() == whole
    assert [each.name for each in tmp_path.iterdir() if each.is_file()] == [path.name]


@pytest.mark.usefixtures("eagerly")
def test_loss_weights_scale_the_losses(small_config, boxes, tmp_path):
    from mrcnn_roi.inputs.pipeline import Batches

    batch = next(iter(Batches(boxes(), small_config(), seed=0)))
    logs = []
    for weight in (1.0, 3.0):
        keras.utils.set_random_seed(0)
        changes = {"LOSS_WEIGHTS": {"rpn_class_loss": weight}}
        model = MaskRCNN("training", type("C", (small_config,), changes)(), tmp_path)
        model.compile(0.0, 0.9)
        logs.append(model.keras_model.train_on_batch(batch, return_dict=True))
    assert logs[1]["rpn_class_loss"] == pytest.approx(3 * logs[0]["rpn_class_loss"], rel=1e-4)
    assert logs[1]["rpn_bbox_loss"] == pytest.approx(logs[0]["rpn_bbox_loss"], rel=1e-4)


@pytest.mark.usefixtures("eagerly")
def test_train_on_batch_reports_this_batch_alone(model, boxes):
    from mrcnn_roi.inputs.pipeline import Batches

    batches = iter(Batches(boxes(), model.config, seed=0))
    model.set_trainable(".*", verbose=0)
    model.compile(learning_rate=0.0, momentum=0.9)
    first, second = next(batches), next(batches)
    alone = model.keras_model.train_on_batch(first, return_dict=True)["rpn_class_loss"]
    model.keras_model.train_on_batch(second, return_dict=True)
    assert model.keras_model.train_on_batch(first, return_dict=True)["rpn_class_loss"] == pytest.approx(alone)


def test_a_step_is_traced_once(model, boxes, monkeypatch):
    from mrcnn_roi.inputs.pipeline import Batches

    traced = []
    compute_loss = type(model.keras_model).compute_loss

    def noted(self, *args, **kwargs):
        traced.append(self)
        return compute_loss(self, *args, **kwargs)

    monkeypatch.setattr(type(model.keras_model), "compute_loss", noted)
    model.set_trainable("mrcnn_class_logits", verbose=0)
    model.compile(0.01, 0.9)
    model.keras_model.train_on_batch(next(iter(Batches(boxes(), model.config, seed=0, workers=0))))
    assert len(traced) == 1


@pytest.mark.parametrize("suffix", ["model.keras", "w.weights.h5", "w.h5"])
def test_files_travel(small_config, boxes, tmp_path, suffix):
    model = MaskRCNN("inference", small_config(), tmp_path)
    path = tmp_path / suffix
    (model.keras_model.save if suffix == "model.keras" else model.keras_model.save_weights)(path)
    other = MaskRCNN("inference", small_config(), tmp_path)
    other.load_weights(path)
    image = boxes().load_image(1)
    (a,), (b,) = model.detect([image]), other.detect([image])
    np.testing.assert_array_equal(a["rois"], b["rois"])
    np.testing.assert_array_equal(a["scores"], b["scores"])


def test_a_saved_training_model_goes_on_training(model, boxes, tmp_path):
    from mrcnn_roi.inputs.pipeline import Batches

    model.set_trainable(".*", verbose=0)
    model.compile(0.0, 0.9)
    batch = next(iter(Batches(boxes(), model.config, seed=0)))
    before = model.keras_model.train_on_batch(batch, return_dict=True)
    model.keras_model.save(tmp_path / "m.keras")
    revived = keras.models.load_model(tmp_path / "m.keras")
    after = revived.train_on_batch(batch, return_dict=True)
    assert after["rpn_class_loss"] == pytest.approx(before["rpn_class_loss"], rel=1e-5)


def test_clipping_is_by_the_global_norm():
    model = SimpleNamespace(
        set_losses=lambda *a: None,
        compile=lambda optimizer: setattr(model, "optimizer", optimizer),
        distribute_strategy=tf.distribute.get_strategy(),
    )
    training.compile_model(model, 0.1, 0.9, 5.0, None, 0.0001)
    assert model.optimizer.global_clipnorm == 5.0
    assert model.optimizer.clipnorm is None
    training.compile_model(model, 0.1, 0.9, None, None, 0.0001)
    assert model.optimizer.global_clipnorm is None


@pytest.mark.usefixtures("eagerly")
def test_a_loss_that_becomes_nan_ends_the_run(model, boxes):
    class Spoil(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 1:
                layer = self.model.get_layer("fpn_p2")
                layer.set_weights([each * np.nan for each in layer.get_weights()])

    with pytest.raises(SetupError, match="run-loss-nonfinite") as caught:
        model.train(boxes(), None, 0.01, 3, "all", preflight="off", custom_callbacks=[Spoil()])
    assert caught.value.findings[0].where == "epoch 2"
    assert "checkpoint of epoch 1" in caught.value.findings[0].fix
    assert [each for each in os.listdir(model.log_dir) if each.endswith(".h5")] == ["mask_rcnn_small_0001.h5"]


def test_the_error_of_a_loader_keeps_its_own_cause(model, boxes):
    class Broken(boxes):
        def load_image(self, image_id):
            return {}["mine"]

    with pytest.raises(SetupError, match="mine") as caught:
        model.train(Broken(), None, 0.01, 1, "all", preflight="off")
    assert isinstance(caught.value.__cause__, KeyError)
    assert caught.value.__cause__.__traceback__.tb_next is not None


@pytest.mark.parametrize("preflight", ["warn", "off"])
def test_annotations_that_could_not_be_read_are_not_passed_over(model, boxes, preflight):
    train = boxes()
    message = "1 of 7 records: not what the format asks for: cut.json: not JSON"
    train.annotation_problems.append(Finding("ds-json-invalid", Severity.ERROR, message, "annotate it anew", "labels"))
    with pytest.raises(SetupError, match="cut.json"):
        model.train(train, None, 0.01, 9, "all", preflight=preflight)


@pytest.mark.parametrize("preflight", ["error", "warn", "off"])
def test_a_loader_that_ends_its_process_is_named(model, boxes, preflight):
    class Ends(boxes):
        def load_mask(self, image_id):
            if image_id == 3:
                os._exit(3)
            return super().load_mask(image_id)

    with pytest.raises(SetupError, match=r"box-3.png.*died"):
        model.train(Ends(), None, 0.01, 9, "all", preflight=preflight)


@pytest.mark.slow
def test_two_devices_train_on_the_mean():
    """In a process of its own: devices are split before TensorFlow starts."""
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run(
        [sys.executable, "-m", "tests.engine.mirrored_training"], cwd=root, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]


@pytest.mark.usefixtures("eagerly")
def test_compiling_again_keeps_the_metrics(model, boxes):
    from mrcnn_roi.inputs.pipeline import Batches

    batch = next(iter(Batches(boxes(), model.config, seed=0)))
    for _ in range(2):
        model.compile(0.0, 0.9)
    assert len(model.keras_model.train_on_batch(batch)) == 6
    assert model.keras_model.metrics_names.count("rpn_class_loss") <= 1


def test_a_finished_stage_of_a_resumed_script_is_passed_over(model, boxes, capsys):
    model.epoch = 3
    before = model.keras_model.get_weights()
    assert model.train(boxes(), None, 0.01, 3, "heads").history == {}
    assert "epoch 3 of 3 is done" in capsys.readouterr().out
    for a, b in zip(before, model.keras_model.get_weights()):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("train_bn,rows", [(False, 3), (None, 12), (True, 12)])
def test_the_mask_head_sees_what_the_originals_statistics_need(small_config, tmp_path, train_bn, rows):
    model = MaskRCNN("training", type("C", (small_config,), {"TRAIN_BN": train_bn})(), tmp_path).keras_model
    assert model.get_layer("mrcnn_mask_conv1").output.shape[1] == rows  # int(12 * 0.33) positives, or all 12
    assert model.get_layer("mrcnn_mask").output.shape[1] == 12


def test_half_precision_trains(small_config, boxes, tmp_path):
    keras.mixed_precision.set_global_policy("mixed_bfloat16")
    try:
        model = MaskRCNN("training", small_config(), tmp_path)
        assert np.isfinite(model.train(boxes(), None, 0.01, 1, "all", preflight="off").history["loss"]).all()
    finally:
        keras.mixed_precision.set_global_policy("float32")
