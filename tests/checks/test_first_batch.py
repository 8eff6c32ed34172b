"""The group "first_batch": one cause gives one finding, and what is legitimate passes."""

import numpy as np
import pytest

from mrcnn_roi.checks.first_batch import check_first_batch
from mrcnn_roi.findings import Severity

from .examples_first_batch import ANCHORS, EXAMPLES, MEAN, NOTHING, SIDE, batch, broken, findings_of, forward
from .toy import config


def found(**example):
    return {finding.code: finding for finding in findings_of({"batch": batch(), **example})}


@pytest.mark.parametrize("code", EXAMPLES)
def test_a_bad_example_gives_this_finding_alone(code):
    (finding,) = findings_of(EXAMPLES[code][0])
    assert finding.code == code
    assert finding.where
    assert finding.fix


@pytest.mark.parametrize("code", EXAMPLES)
def test_a_good_example_gives_none(code):
    assert findings_of(EXAMPLES[code][1]) == []


def test_images_are_named():
    where = found(batch=batch(images=broken(batch().images)))["fb-image-nonfinite"].where
    assert where == 'image 1 "b.png"'


@pytest.mark.parametrize(
    "raw,text",
    [
        (np.random.default_rng(0).uniform(0, 1, (2, SIDE, SIDE, 3)), "nearly constant"),
        (np.random.default_rng(0).integers(0, 4096, (2, SIDE, SIDE, 3)), "far beyond"),
        (np.random.default_rng(0).integers(0, 256, (2, SIDE, SIDE, 3)) - MEAN, "twice"),
    ],
)
def test_scales(raw, text):
    finding = found(batch=batch(raw))["fb-image-scale"]
    assert text in finding.message
    assert finding.severity == Severity.WARNING
    example = {"batch": batch(raw), "reported": ["ds-bit-depth"]}
    assert findings_of(example) == []


def test_constant_images_and_other_means_are_no_matter_of_scale():
    assert found(batch=batch(np.zeros((2, SIDE, SIDE, 3)))) == {}
    zero_to_one = batch(np.random.default_rng(0).uniform(0, 1, (2, SIDE, SIDE, 3)) + MEAN)  # minus a mean of 0
    assert check_first_batch(config(MEAN_PIXEL=np.zeros(3)), zero_to_one) == []


def test_padding_does_not_count_as_pixels():
    raw = np.full((2, SIDE, SIDE, 3), 0.0)
    raw[:, :64] = np.random.default_rng(0).uniform(0, 1, (2, 64, SIDE, 3))
    metas = batch().metas.copy()
    metas[:, 9] = 64
    assert "fb-image-scale" in found(batch=batch(raw, metas=metas))


def test_nan_is_traced_to_its_source():
    spoilt = broken(forward().outputs["P3"])
    nan = {"P3": spoilt, "proposals": broken(forward().outputs["proposals"]), "mrcnn_class_loss": np.float32(np.nan)}
    findings = found(forward=forward(spoilt=("res3a_branch2a",), **nan))
    assert list(findings) == ["fb-nonfinite"]
    finding = findings["fb-nonfinite"]
    assert (finding.where, finding.severity) == ("P3", Severity.ERROR)
    assert "mrcnn_class_loss" in finding.message
    assert "weights of res3a_branch2a" in finding.message
    assert "earlier epoch" in finding.fix
    infinite = batch(rpn_bbox=np.full((2, 16, 4), np.inf, np.float32))
    finding = found(batch=infinite, forward=forward(rpn_bbox_loss=np.float32(np.inf)))["fb-nonfinite"]
    assert "RPN_BBOX_STD_DEV" in finding.fix


def test_proposals_may_miss_everything_before_the_rpn_has_learned():
    assert found(forward=forward(target_class_ids=NOTHING)) == {}
    trained = found(forward=forward(trained=True, target_class_ids=NOTHING))["fb-no-positive-rois"]
    assert trained.severity == Severity.WARNING
    assert "2 objects" in trained.message
    given = {"batch": batch(), "forward": forward(target_class_ids=NOTHING)}
    (finding,) = check_first_batch(config(USE_RPN_ROIS=False), **given)
    assert finding.severity == Severity.WARNING


def test_what_check_rois_finds_is_passed_on():
    assert list(found(forward=forward(proposals=np.zeros((2, 20, 4), np.float32), target_class_ids=NOTHING))) == [
        "roi-all-padding"
    ]
    pixels = forward(proposals=100 * forward().outputs["proposals"])
    assert [each.code for each in findings_of({"batch": batch(), "forward": pixels}) if each.severity == 3] == [
        "roi-pixel-coords"
    ]
    assert "fm-spatial" in found(forward=forward(P3=np.ones((2, 20, 20, 8))))
    assert "fm-all-zero" in found(forward=forward(P3=np.zeros((2, 16, 16, 8))))


def test_maps_of_an_own_backbone_may_be_rounded_down():
    odd = {f"P{level}": np.ones((2, 120 >> level, 120 >> level, 8)) for level in (2, 3, 4, 5)}
    images = batch().images[:, :120, :120]
    metas = batch().metas.copy()
    metas[:, [4, 5, 9, 10]] = 120
    assert found(batch=batch(images=images, metas=metas, boxes=batch().boxes / 2), forward=forward(**odd)) == {}


def test_too_many_anchors_explain_why_the_network_cannot_be_run():
    part = forward(rpn_class_logits=np.zeros((2, ANCHORS - 3, 2)))
    (finding,) = findings_of({"batch": batch(), "forward": part, "failure": "InvalidArgumentError: gather"})
    assert finding.code == "fb-anchor-count"
    assert "4,092 anchors, the network predicts for 4,089" in finding.message


def test_running_out_of_memory_names_a_smaller_batch():
    fix = found(failure="ResourceExhaustedError: OOM when allocating")["fb-forward-fails"].fix
    assert fix == "set IMAGES_PER_GPU = 1"


def test_warnings_can_be_silenced():
    silent = config(SILENCED_CHECKS=["fb-rpn-forced", "fb-class-ids"])
    bad = batch(anchor_iou=np.array([0.1]), class_ids=np.array([[9, 0], [1, 0]]))
    assert [each.code for each in check_first_batch(silent, bad)] == ["fb-class-ids"]


@pytest.mark.parametrize("ids", [np.zeros((2, 2), int), np.full((2, 2), -1), np.zeros((2, 0), int)])
def test_batches_without_objects_pass(ids):
    boxes = np.tile(np.float32([1, 1, 9, 9]), (*ids.shape, 1))
    empty = batch(class_ids=ids, boxes=boxes, anchor_iou=np.zeros(0), rpn_match=-np.ones((2, ANCHORS), np.int32))
    assert found(batch=empty, forward=forward(target_class_ids=NOTHING)) == {}
