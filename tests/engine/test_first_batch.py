"""The first batch is looked at before training, and nothing remembers that it was."""

import random

import keras
import numpy as np
import pytest

from mrcnn_roi.engine import first_batch, training
from mrcnn_roi.engine.first_batch import inspect_first_batch, make_first_batch, run_forward
from mrcnn_roi.engine.mask_rcnn import MaskRCNN
from mrcnn_roi.findings import SetupError, Severity
from mrcnn_roi.inputs.pipeline import Batches

from .conftest import Boxes, SmallConfig


@pytest.fixture(scope="module")
def shared_model(tmp_path_factory):
    return MaskRCNN("training", SmallConfig(), tmp_path_factory.mktemp("logs"))


@pytest.fixture
def model(shared_model):
    """One model for all tests, put back as it was afterwards."""
    variables = shared_model.keras_model.variables
    before = [variable.numpy() for variable in variables]
    shared_model.epoch = 0
    shared_model.compile(0.01, 0.9)
    yield shared_model
    for variable, value in zip(variables, before):
        variable.assign(value)


class Restless:
    """An augmentation that draws from everywhere."""

    def __init__(self):
        self.rng = np.random.default_rng(0)

    def __call__(self, image, masks, rng):
        draws = [self.rng.random(), rng.random(), random.random(), np.random.rand()]
        return (image * np.mean(draws)).astype(np.uint8), masks


def state(model):
    layers = training.trainable_layers(model)
    return (
        [variable.numpy() for variable in model.variables],
        [variable.numpy() for variable in model.optimizer.variables],
        [layer.trainable for layer in layers],
        random.getstate(),
        [np.array(each) for each in np.random.get_state()],
    )


def equal(a, b):
    if isinstance(a, (list, tuple)):
        return len(a) == len(b) and all(map(equal, a, b))
    return np.array_equal(a, b)


@pytest.mark.parametrize("epoch", [0, 1])
def test_the_batch_is_the_one_that_training_gets(epoch):
    batches = Batches(Boxes(), SmallConfig(), seed=3, first_epoch=epoch, steps_per_epoch=2)
    batch, inputs = make_first_batch(batches, SmallConfig())
    for name, array in next(iter(batches)).items():
        np.testing.assert_array_equal(inputs[name], array)
    assert len(batch.names) == len(batch.images) == 2
    assert len(batch.anchor_iou) == batch.objects.sum()


def test_random_numbers_go_on_as_if_nothing_had_been_drawn():
    batches = Batches(Boxes(), SmallConfig(), seed=3, augmentation=Restless())
    results = []
    for look in (True, False):
        random.seed(1)
        np.random.seed(1)
        if look:
            make_first_batch(batches, SmallConfig())
        results.append(batches.first()[1]["input_image"])
        batches.augmentation = Restless()
    np.testing.assert_array_equal(*results)


def test_looking_changes_nothing(model):
    model.set_trainable("mrcnn_.*", verbose=0)
    batches = Batches(Boxes(), model.config, seed=0, augmentation=Restless())
    before = state(model.keras_model)
    findings = inspect_first_batch(model.keras_model, batches, model.config)
    assert equal(before, state(model.keras_model))
    assert batches.augmentation.rng.random() == np.random.default_rng(0).random()
    assert max((finding.severity for finding in findings), default=0) < Severity.WARNING


def test_batch_statistics_stay(tmp_path):
    config = type("C", (SmallConfig,), {"TRAIN_BN": None})()
    model = MaskRCNN("training", config, tmp_path).keras_model
    model.compile(optimizer="sgd")
    before = state(model)
    _, inputs = make_first_batch(Batches(Boxes(), config, seed=0), config)
    forward, failure = run_forward(model, inputs, config, trained=False)
    assert failure == ""
    assert equal(before, state(model))
    model(inputs, training=True)  # what it would have done
    assert not equal(before, state(model))
    assert {"P2", "P5", "proposals", "target_masks", "mrcnn_mask", "mrcnn_mask_loss"} <= set(forward.outputs)


def test_losses_are_the_same_as_without_looking(model, monkeypatch, capsys):
    def eager(*args):
        compile_model(*args)
        args[0].run_eagerly = True  # no tracing: the test would take a minute

    compile_model = training.compile_model
    monkeypatch.setattr(training, "compile_model", eager)
    monkeypatch.setattr(training, "default_callbacks", lambda *args: [])
    start = [variable.numpy() for variable in model.keras_model.variables]
    histories = {}
    for level in ("warn", "off"):
        for variable, value in zip(model.keras_model.variables, start):
            variable.assign(value)
        model.epoch = 0
        histories[level] = [
            model.train(Boxes(), None, 0.01, epochs, "all", preflight=level, findings=[]).history for epochs in (1, 2)
        ]
    assert histories["warn"] == histories["off"]
    assert histories["off"][0] != histories["off"][1]


def test_spoilt_weights_are_named_before_anything_is_written(model, capsys):
    layer = model.keras_model.get_layer("fpn_p3")
    layer.set_weights([each * np.nan for each in layer.get_weights()])
    with pytest.raises(SetupError, match="fb-nonfinite") as caught:
        model.train(Boxes(), None, 0.01, 1, "all", findings=[])
    (finding,) = caught.value.findings
    assert finding.where == "P3"
    assert "weights of fpn_p3" in finding.message
    assert not [each for each in capsys.readouterr().out.splitlines() if "Starting at epoch" in each]
    monitored = inspect_first_batch(model.keras_model, Batches(Boxes(), model.config, seed=0), model.config)
    assert [each.code for each in monitored if each.severity is Severity.ERROR] == ["fb-nonfinite"]


def test_wrong_inputs_are_not_run_through_the_network(model, monkeypatch):
    monkeypatch.setattr(first_batch, "run_forward", None)
    batches = Batches(Boxes(), model.config, seed=0)
    image_ids, inputs = batches.first()
    inputs["input_image"] = inputs["input_image"] * np.nan
    monkeypatch.setattr(batches, "first", lambda: (image_ids, inputs))
    findings = inspect_first_batch(model.keras_model, batches, model.config)
    assert [each.code for each in findings] == ["fb-image-nonfinite"]
    assert "box-" in findings[0].where


def test_a_network_that_fails_is_a_warning(model, monkeypatch):
    def fail(part, inputs, layers):
        raise ValueError("no such op")

    monkeypatch.setattr(first_batch, "_run", fail)
    (finding,) = inspect_first_batch(model.keras_model, Batches(Boxes(), model.config, seed=0), model.config)
    assert (finding.code, finding.severity) == ("fb-forward-fails", Severity.WARNING)
    assert "no such op" in finding.message


def test_one_replica_runs_its_share(model, monkeypatch):
    class Strategy:
        num_replicas_in_sync = 2

    monkeypatch.setattr(type(model.keras_model), "distribute_strategy", Strategy)
    _, inputs = make_first_batch(Batches(Boxes(), model.config, seed=0), model.config)
    forward, _ = run_forward(model.keras_model, inputs, model.config, trained=False)
    assert len(forward.outputs["proposals"]) == 1


def own_backbone(image, stage5, train_bn):
    maps, x = [], image
    for level in range(5):
        x = keras.layers.Conv2D(4, 3, strides=2, padding="same", name=f"own_conv{level}")(x)
        maps.append(x)
    return maps


def test_maps_of_other_sizes_than_declared(tmp_path):
    attributes = {
        "BACKBONE": staticmethod(own_backbone),
        "COMPUTE_BACKBONE_SHAPE": staticmethod(
            lambda shape: [[16, 16], [8, 8], [4, 4], [2, 2], [2, 2]]
        ),  # the last is 1
    }
    model = MaskRCNN("training", type("C", (SmallConfig,), attributes)(), tmp_path)
    findings = inspect_first_batch(model.keras_model, Batches(Boxes(), model.config, seed=0), model.config)
    (finding,) = [each for each in findings if each.severity > Severity.INFO]
    assert finding.code == "fb-anchor-count"


def test_a_model_of_ones_own_may_lack_layers(model):
    whole = model.keras_model
    part = keras.Model(whole.inputs, [whole.get_layer("fpn_p2").output])
    _, inputs = make_first_batch(Batches(Boxes(), model.config, seed=0), model.config)
    forward, failure = run_forward(part, inputs, model.config, trained=False)
    assert (failure, list(forward.outputs)) == ("", ["P2"])


def test_findings_of_the_preflight_and_of_the_batch_are_printed_once(model, monkeypatch, capsys):
    monkeypatch.setattr(training, "fit", lambda *args, **kwargs: None)
    monkeypatch.setattr(model._weights, "layers", {"rpn_model"})  # loaded, and missing all objects
    model.train(Boxes(), Boxes(2), 0.5, 1, "all", preflight="warn")
    out = capsys.readouterr().out
    assert out.count("[cfg-lr]") == 1
    assert out.count("[fb-no-positive-rois]") == 1
    assert out.index("[fb-no-positive-rois]") < out.index("Starting at epoch")
    with pytest.raises(SetupError, match="cfg-lr") as caught:
        model.train(Boxes(), Boxes(2), 0.5, 2, "all")
    out = capsys.readouterr().out
    assert "[ds-image-constant]" in out  # what is no error is shown, too
    assert "[cfg-lr]" not in out
    assert [each.code for each in caught.value.findings] == ["cfg-lr"]
    model.train(Boxes(), Boxes(2), 0.5, 2, "all", preflight="off")
    assert "[" not in capsys.readouterr().out.partition("Starting")[0]
