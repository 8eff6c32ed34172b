import sys

import numpy as np
import pytest

from mrcnn_roi.checks.splits import Split, mold
from mrcnn_roi.datasets.scan import scan_dataset
from mrcnn_roi.engine.reporting import first_samples, report
from mrcnn_roi.findings import Finding, Severity
from tests.checks.toy import Toy, config, noise, sample


def split_of(*samples, made=None, name="train"):
    dataset = Toy(list(samples))
    scan = scan_dataset(dataset)
    return Split(name, dataset, scan, mold(made or config(), scan))


def test_the_report_holds_the_first_batch(tmp_path):
    made = config(IMAGES_PER_GPU=3)
    splits = [split_of(*(sample(image=noise(seed=i)) for i in range(4)))]
    path = report(tmp_path / "report.html", [], made, splits, title="Mine")
    html = path.read_text()
    assert "<title>Mine</title>" in html
    assert "9 objects in 3 images" in html
    assert "train: image 2" in html


def test_the_first_batch_is_that_of_train():
    splits = [split_of(sample(), sample(), sample()), split_of(sample(), name="val")]
    samples, names, note = first_samples(config(), splits)
    assert names == ["train: image 0", "train: image 1"]
    assert note == ""
    again, _, _ = first_samples(config(), splits)
    for one, other in zip(samples, again):
        assert all(np.array_equal(one[name], other[name]) for name in one)
    assert len(first_samples(config(IMAGES_PER_GPU=99, GPU_COUNT=2), [split_of(*[sample()] * 9)])[0]) == 6


@pytest.mark.parametrize("augmentation", [None, lambda image, masks, rng: (image[:, ::-1], masks[:, ::-1])])
def test_the_augmentation_is_applied(augmentation):
    splits = [split_of(sample(image=noise(), boxes=[(0, 0, 20, 20)]))]
    samples, _, _ = first_samples(config(), splits, augmentation=augmentation)
    assert samples[0]["input_gt_boxes"][0].tolist() == [0, 108 if augmentation else 0, 20, 128 if augmentation else 20]


def test_faults_cost_their_picture_only():
    def fail(image, masks, rng):
        raise RuntimeError("augmented too much")

    splits = [split_of(sample(image=RuntimeError("gone")), sample())]
    samples, names, note = first_samples(config(), splits)
    assert names == ["train: image 1"]
    assert "image 0 cannot be used" in note
    assert "gone" in note
    assert "augmented too much" in first_samples(config(), splits, augmentation=fail)[2]


@pytest.mark.parametrize(
    ("attributes", "words"),
    [
        ({"IMAGE_RESIZE_MODE": "?"}, "no image has a size"),
        ({"IMAGE_MIN_DIM": 64 * 300, "IMAGE_MAX_DIM": 64 * 300}, "too large"),
        ({"RPN_ANCHOR_SCALES": None}, "cannot be used"),
    ],
)
def test_settings_that_make_no_batch(attributes, words):
    made = config(**attributes)
    samples, _, note = first_samples(made, [split_of(sample(), made=made)])
    assert samples == []
    assert words in note


def test_wrong_settings_are_not_tried():
    found = [Finding("cfg-type", Severity.ERROR, "", ""), Finding("ds-x", Severity.ERROR, "", "")]
    assert (
        first_samples(config(), [split_of(sample())], found)[2] == "No batch can be made of these settings: cfg-type."
    )
    assert first_samples(config(), []) == ([], [], "")


def test_reports_need_no_tensorflow():
    import subprocess

    code = "import sys, mrcnn_roi.engine.reporting; sys.exit('tensorflow' in sys.modules or 'keras' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
