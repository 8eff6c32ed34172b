"""preflight as a whole: what it gathers, what it hides, and that it never fails on wrong data."""

import ast
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mrcnn_roi.checks.weight_shapes import expected_weights
from mrcnn_roi.config import Config
from mrcnn_roi.datasets import Dataset, draw_shapes, load_dataset, split_dataset
from mrcnn_roi.findings import Finding, SetupError, Severity
from mrcnn_roi.preflight import _said_once, preflight

from .checks.examples_augmentation import fails
from .checks.test_fit import only
from .checks.toy import CPU, Toy, ToyConfig, config, find, grave, noise, rectangles, sample, toys
from .checks.weight_files import write

pytestmark = pytest.mark.usefixtures("users_classes_here")


class PedestrianConfig(Config):
    NAME = "pedestrians"
    NUM_CLASSES = 1 + 1
    BACKBONE = "resnet50"
    IMAGES_PER_GPU = 1
    STEPS_PER_EPOCH = 136
    VALIDATION_STEPS = 34
    IMAGE_MIN_DIM = 0
    IMAGE_MAX_DIM = 576


def test_nothing_to_say_about_a_sound_set_up():
    assert grave(find()) == []


def test_pennfudan_with_a_fitting_config(pennfudan):
    train, val = split_dataset(load_dataset(pennfudan))
    assert preflight(PedestrianConfig(), train, val, environment=CPU) == []
    assert grave(preflight(PedestrianConfig(), train, val, environment=CPU, fast=True)) == []


def test_pennfudan_with_the_defaults_has_no_error(pennfudan):
    class Defaults(Config):
        NAME = "pedestrians"
        NUM_CLASSES = 1 + 1

    findings = preflight(Defaults(), load_dataset(pennfudan), environment=CPU)
    assert grave(findings) == ["cd-upscale", "run-val-none"]


def test_shapes_from_disk(tmp_path):
    class Shapes(ToyConfig):
        NUM_CLASSES = 1 + 3
        STEPS_PER_EPOCH = 10

    dataset = load_dataset(draw_shapes(tmp_path, 20, background_images=2))
    assert grave(preflight(Shapes(), *split_dataset(dataset), environment=CPU)) == []


def test_matterport_style_script_without_extras():
    """A class as in the original's samples: made from scratch, masks drawn in load_mask."""

    class Balloons(Dataset):
        def load_balloons(self):
            self.add_class("balloon", 1, "balloon")
            for i in range(4):
                self.add_image("balloon", image_id=f"{i}.jpg", path=f"balloons/{i}.jpg", width=128, height=128)

        def load_image(self, image_id):
            return noise(seed=image_id)

        def load_mask(self, image_id):
            return rectangles([(10, 10, 60, 60)]).astype(np.uint8), np.ones([1], dtype=np.int32)

    balloons = Balloons()
    balloons.load_balloons()
    balloons.prepare()
    assert grave(find(balloons, balloons, made=config(NUM_CLASSES=2))) == []


@pytest.mark.parametrize("arguments", [
    {}, {"train": None}, {"val": None}, {"train": None, "val": None}, {"mode": "inference"}, {"fast": True},
])  # fmt: skip
def test_every_part_may_be_left_out(arguments):
    data = {"train": Toy(), "val": Toy(), **arguments}
    assert set(grave(preflight(ToyConfig(), environment=CPU, **data))) <= {"run-val-none"}


def test_the_unset_defaults_are_errors_here():
    assert grave(preflight(Config(), environment=CPU)) == ["cfg-name-missing", "cfg-num-classes-min"]


def test_all_causes_at_once_and_the_gravest_first():
    findings = find(
        toys(sample(ids=[1, 2, 9]), sample(image=OSError("cut"))),
        made=config(MAX_GT_INSTANCES=2, STEPS_PER_EPOCH=500, NAME="a b"),
        augmentation=fails,
        weights="gone.h5",
    )
    codes = {finding.code for finding in findings}
    assert codes >= {"cd-class-id-range", "ds-file-unreadable", "aug-fails", "w-file-unreadable"}
    assert codes >= {"cd-max-gt", "cd-steps-vs-images", "cfg-name-chars"}
    assert [f.severity for f in findings] == sorted((f.severity for f in findings), reverse=True)


def test_weights_are_compared_with_the_config(tmp_path):
    made = ToyConfig()
    file = write(tmp_path / "coco.h5", {**expected_weights(config(NUM_CLASSES=81)), "mrcnn_bbox": []})
    found = only(find(weights=file), "w-num-classes")
    exclude = ast.literal_eval(found.fix.partition("exclude=")[2].partition("]")[0] + "]")
    assert grave(find(made=made, weights=file, exclude=exclude)) == []
    assert grave(find(weights=file, exclude=exclude, mode="inference")) == ["w-exclude-at-inference"]
    assert grave(find(weights=tmp_path / "gone.h5")) == ["w-file-unreadable"]


def test_a_finished_checkpoint(tmp_path):
    path = tmp_path / "toy20260101T0000" / "mask_rcnn_toy_0005.h5"
    assert grave(find(checkpoint=path, epochs=5)) == ["w-epochs-done"]
    assert grave(find(checkpoint=path, epochs=6)) == []


def test_silenced_checks_hide_all_but_errors():
    silenced = config(STEPS_PER_EPOCH=500, NAME="a b", SILENCED_CHECKS=("cd-steps-vs-images", "cfg-name-chars"))
    assert not {"cd-steps-vs-images", "cfg-name-chars"} & {finding.code for finding in find(made=silenced)}
    errors = config(SILENCED_CHECKS=("cd-class-id-zero",))
    assert grave(find(toys(sample(ids=[0, 1, 2])), made=errors)) == ["cd-class-id-zero"]


def test_what_the_loader_noticed_is_added_once_for_both_parts():
    dataset = Toy([sample() for _ in range(8)])
    noticed = Finding("ds-polygon-edge", Severity.WARNING, "points outside", "clip them", "a.json")
    dataset.annotation_problems.append(noticed)
    train, val = split_dataset(dataset, 0.5)
    assert [each for each in find(train, val) if each.severity > Severity.INFO] == [noticed]


def test_one_dataset_as_train_and_val_is_scanned_once():
    calls = []
    data = Toy()
    find(data, data, progress=lambda done, total: calls.append((done, total)))
    assert calls[-1] == (4, 4)
    assert sorted(set(calls)) == calls


@pytest.mark.parametrize("wrong", [
    {"config": ToyConfig}, {"mode": "train"}, {"train": "annotations.json"}, {"val": 3},
])  # fmt: skip
def test_wrong_calls_are_value_errors(wrong):
    with pytest.raises(ValueError, match="expected .*, received "):
        preflight(**{"config": ToyConfig(), **wrong})


def test_findings_name_the_line_of_a_yaml_file(tmp_path):
    (tmp_path / "a.yaml").write_text("NAME: toy\nNUM_CLASSES: 2\nIMAGE_MIN_DIM: 128\nIMAGE_MAX_DIM: 128\n")
    made = Config.from_yaml(tmp_path / "a.yaml")
    assert "a.yaml, line 2" in only(preflight(made, Toy(), environment=CPU), "cd-class-count").where


def test_setup_error_of_a_loader_is_a_finding_and_not_raised():
    cause = SetupError(Finding("ds-rle-size", Severity.ERROR, "its RLE is too small", "encode it again", "a.json"))
    assert grave(find(toys(sample(masks=cause)))) == ["ds-mask-unreadable"]


def test_no_tensorflow_is_imported():
    code = (
        "import sys, tests.checks.toy as toy, tests.checks.examples_augmentation as a;"
        "toy.find(augmentation=a.flip, environment=None); assert not {'tensorflow', 'keras'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


ODD = st.sampled_from([
    None, 0, -1, 1, 2.5, float("nan"), float("inf"), "a", "", [], [0], (1, 2), [[1], [2, 3]], {}, np.zeros((2, 2)),
    np.array([np.nan]), True, 10**30, object(), b"x", lambda: 0, [None], {"a": 1}, complex(1, 1),
])  # fmt: skip


@settings(deadline=None, max_examples=60)
@given(st.dictionaries(st.sampled_from(sorted(Config.fields())), ODD, min_size=1, max_size=3))
@example({"SAMPLING": np.zeros((2, 2))})
def test_any_value_in_the_config_gives_findings(attributes):
    made = ToyConfig()
    for name, value in attributes.items():
        setattr(made, name, value)
    findings = find(made=made)
    assert [finding for finding in findings if finding.code == "check-failed"] == []


@settings(deadline=None, max_examples=60)
@given(
    st.lists(st.tuples(ODD, ODD, ODD), min_size=1, max_size=3),
    st.sampled_from([{}, {"height": "a", "width": None}, {"height": -3, "width": 10**12}, {"path": 7}, {"path": "/"}]),
)
def test_any_answer_of_a_dataset_gives_findings(answers, info):
    class Odd(Toy):
        def load_image(self, image_id):
            return answers[image_id][0]

        def load_mask(self, image_id):
            return answers[image_id][1:]

    findings = find(Odd([sample(**info) for _ in answers]), Odd([sample(**info) for _ in answers]))
    assert [finding for finding in findings if finding.code == "check-failed"] == []
    assert any(finding.severity == Severity.ERROR for finding in findings)


@settings(deadline=None, max_examples=60)
@given(st.lists(st.integers(-(2**40), 2**40), max_size=4), st.sampled_from(["int64", "float64", "uint8", "int8"]))
def test_any_class_ids_give_findings(ids, dtype):
    boxes = [(5, 5, 40, 40)] * len(ids)
    scene = sample(boxes, ids=[1] * len(ids))
    scene["ids"] = np.array(ids).astype(dtype)
    assert "check-failed" not in {finding.code for finding in find(toys(scene))}


class Missing:
    """Looks like a dataset and has nothing."""

    image_info = None

    def load_mask(self, image_id):
        raise AttributeError


def test_broken_dataset_objects_are_findings():
    findings = find(Missing())
    assert "ds-scan-failed" in grave(findings)
    assert "check-failed" not in grave(findings)


def large(**keywords):
    return sample([(100, 100, 400, 300), (500, 600, 900, 950)], size=(1000, 1200), **keywords)


LEGITIMATE = {
    "overfit one image": ({}, [sample()]),
    "crops of large images": (
        {"IMAGE_RESIZE_MODE": "crop", "IMAGE_MIN_DIM": 512, "RPN_ANCHOR_SCALES": (32, 64, 128, 256, 512)},
        [large()] * 4,
    ),
    "pad64": ({"IMAGE_RESIZE_MODE": "pad64", "IMAGE_MIN_DIM": 0, "IMAGES_PER_GPU": 1}, [large(), sample()]),
    "none, one size": ({"IMAGE_RESIZE_MODE": "none"}, [sample(size=(128, 192))] * 4),
    "none, several sizes": (
        {"IMAGE_RESIZE_MODE": "none", "IMAGES_PER_GPU": 1},
        [sample(size=(128, 192)), sample(size=(192, 128))],
    ),
    "default sizes for small images": ({"IMAGE_MIN_DIM": 800, "IMAGE_MAX_DIM": 1024}, [sample()] * 4),
    "any minimum": ({"IMAGE_MIN_DIM": 100, "IMAGE_MAX_DIM": 128}, [large()] * 4),
    "four channels": (
        {"IMAGE_CHANNEL_COUNT": 4, "MEAN_PIXEL": np.array([120.0, 120, 120, 30])},
        [sample(image=noise(channels=4))] * 4,
    ),
    "one mean for all channels": ({"MEAN_PIXEL": 120}, [sample()] * 4),
    "crowds among objects": ({}, [sample(ids=[1, -2, 2])] * 4),
    "only crowds in one image": ({}, [sample(ids=[-1, -2, -2]), *[sample()] * 3]),
    "background images": ({}, [sample(boxes=[]), *[sample()] * 3]),
    "full masks": ({"USE_MINI_MASK": False}, [sample()] * 4),
    "one class reserved": ({}, [sample(ids=[1, 1, 1])] * 4),
    "masks of 0 and 255": ({}, [sample(masks=255 * rectangles([(9, 9, 60, 60)]).astype(np.uint8), ids=[2])] * 4),
    "a small object": ({}, [sample([(0, 0, 1, 1), (9, 9, 60, 60)]), *[sample()] * 3]),
    "no validation steps": ({"VALIDATION_STEPS": 0}, [sample()] * 4),
    "a large batch": ({"IMAGES_PER_GPU": 8}, [sample()] * 4),
    "one ratio": ({"RPN_ANCHOR_RATIOS": [1]}, [sample()] * 4),
    "masks [0, 0, 0]": ({}, [sample(masks=np.empty([0, 0, 0]), ids=[]), *[sample()] * 3]),
    "float images on the usual scale": ({}, [sample(image=noise().astype(np.float64))] * 4),
}


@pytest.mark.parametrize("name", LEGITIMATE)
def test_nothing_legitimate_is_an_error(name):
    attributes, samples = LEGITIMATE[name]
    data = Toy(samples)
    findings = find(data, data, made=config(**attributes))
    assert [str(finding) for finding in findings if finding.severity == Severity.ERROR] == []


def test_two_sources_in_one_dataset():
    both = Toy([sample(ids=[1, 3, 2])] * 4)
    both.add_class("other", 7, "triangle")
    both.add_image("other", "x", None)
    both.samples = both.samples + [sample(ids=[3, 3, 3])]
    both.prepare()
    assert grave(find(both, both, made=config(NUM_CLASSES=4))) == []


def test_a_fault_that_train_and_val_have_is_one_finding():
    train, val = toys(sample(ids=[0, 1, 2])), Toy([sample(ids=[0, 0, 1])] * 3)
    found = only(find(train, val), "cd-class-id-zero")
    assert found.where == "train, val"
    assert "; and in val: class id 0 for 6 objects" in found.message
    assert only(find(Toy(), val), "cd-class-id-zero").where == "val"


def test_every_finding_of_val_stays_where_train_has_fewer():
    def finding(where, message):
        return Finding("ds-bit-depth", Severity.ERROR, message, "fix", where)

    given = [finding("train", "a"), finding("val", "b"), finding("val", "c"), finding("MEAN_PIXEL", "d")]
    assert [(each.where, each.message) for each in _said_once(given)] == [
        ("train, val", "a; and in val: b"), ("val", "c"), ("MEAN_PIXEL", "d"),
    ]  # fmt: skip
