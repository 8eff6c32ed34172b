"""What the charts of the report say: the sentences are computed, so they are tested by their numbers."""

import dataclasses

import numpy as np
import pytest

from mrcnn_roi.checks.splits import Split, mold
from mrcnn_roi.datasets.scan import scan_dataset
from mrcnn_roi.drawing.report_boxes import box_aspects, box_levels, box_pictures, box_sizes, molded_boxes
from mrcnn_roi.drawing.report_chart import chart
from mrcnn_roi.drawing.report_classes import class_balance
from mrcnn_roi.drawing.report_images import image_scales, image_sizes, mean_pixels, objects_per_image
from mrcnn_roi.drawing.report_summary import read_summary, settings_of, split_facts
from mrcnn_roi.drawing.report_text import counted, explanation, group_findings, number, share, shown, spread
from mrcnn_roi.findings import Finding, Severity
from tests.checks.toy import Toy, config, noise, sample


def split_of(*samples, made=None, name="train", fast=False, **keywords):
    dataset = Toy(list(samples), **keywords)
    scan = scan_dataset(dataset, fast=fast)
    return Split(name, dataset, scan, mold(made or config(), scan))


def boxes_of(split):
    return {split.name: molded_boxes(split)}


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (share(0), "0%"),
        (share(0.004), "less than 1%"),
        (share(0.623), "62%"),
        (share(0.998), "more than 99%"),
        (share(3, 3), "100%"),
        (share(0, 0), "0%"),
        (number(12345), "12\u202f345"),
        (number(0.6604), "0.66"),
        (counted(1, "box"), "1 box"),
        (counted(2, "class"), "2 classes"),
        (spread(np.array([4.0, 4.0]), " px"), "4 px"),
        (spread(np.array([1, 2, 300])), "1 to 300 (median 2)"),
        (shown("x" * 50, 10), "xxxxxxxxx\u2026"),
    ],
)
def test_numbers_in_words(value, text):
    assert value == text


def test_box_sizes_against_anchors():
    split = split_of(sample(boxes=[(0, 0, 4, 4), (0, 0, 5, 5), (9, 9, 49, 49), (60, 60, 124, 124)]))
    made = config(RPN_ANCHOR_SCALES=(16, 32, 48))
    picture = box_sizes(made, boxes_of(split))
    assert picture.sentence == (
        "50% of the boxes lie below the smallest anchor (16 px), 25% above the largest (48 px); "
        "50% have an anchor of about their size and shape (IoU from 0.3)."
    )
    assert "no anchor" in picture.svg
    inside = box_sizes(config(RPN_ANCHOR_SCALES=(4, 64)), boxes_of(split))
    assert inside.sentence.startswith("All boxes lie between the smallest (4 px) and the largest anchor (64 px)")
    above = box_sizes(config(RPN_ANCHOR_SCALES=(4, 32)), boxes_of(split))
    assert above.sentence.startswith("50% of the boxes lie above the largest anchor (32 px)")
    assert box_sizes(config(RPN_ANCHOR_SCALES=None), boxes_of(split)).sentence == (
        "Half of the boxes are smaller than 22 px."
    )


def test_box_aspects_against_ratios():
    split = split_of(sample(boxes=[(0, 0, 40, 20), (0, 0, 60, 20), (0, 0, 100, 10), (0, 0, 20, 20)]))
    assert box_aspects(config(), boxes_of(split)).sentence == (
        "Half of the boxes are 1.8 to 4.8 times as high as wide; anchors are 0.5 to 2 times as high as wide, "
        "and 25% of the boxes are more than twice as long as the longest of them."
    )
    wide = box_aspects(config(RPN_ANCHOR_RATIOS=[0.1, 1]), boxes_of(split))
    assert wide.sentence.endswith("and no box is more than twice as long as the longest of them.")


def test_box_levels():
    split = split_of(sample(boxes=[(0, 0, 20, 20), (0, 0, 30, 30), (0, 0, 100, 100)]))
    picture = box_levels(config(), boxes_of(split))
    assert picture.sentence == "67% of the boxes are pooled from P2; P4 and P5 get none."
    assert "79 to 158 px" in picture.svg
    two = box_levels(config(ROI_POOL_LEVELS=(2, 3)), boxes_of(split))
    assert two.sentence.endswith("every level gets some.")


def test_many_boxes_are_sampled(monkeypatch):
    monkeypatch.setattr("mrcnn_roi.drawing.report_boxes.SAMPLE", 3)
    jobs, note = box_pictures(config(), [split_of(*(sample() for _ in range(4)))])
    assert len(jobs) == 3
    assert note == "The charts of boxes show a sample: 3 of 12 of train."


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({}, "Images around 100x150, in 2 different sizes, become 128x128, scaled by 0.64 to 1.28 (median 0.96); "),
        ({"IMAGE_RESIZE_MODE": "none"}, "become 2 different sizes, not scaled; 0% of what the network sees is padding"),
        (
            {"IMAGE_RESIZE_MODE": "crop", "IMAGE_MIN_DIM": 64},
            "become 64x64, not scaled; 69% of what is scaled lies out",
        ),
        ({"IMAGE_RESIZE_MODE": "?"}, "cannot be resized with these settings."),
    ],
)
def test_image_sizes(settings, words):
    made = config(**settings)
    samples = [sample(size=size, image=noise(size), boxes=[(0, 0, 9, 9)]) for size in ((100, 100), (100, 200))]
    splits = [split_of(*samples, made=made)]
    assert words in image_sizes(made, splits).sentence
    assert (image_scales(splits) is not None) == (not settings)


def test_many_sizes_are_drawn_on_a_grid():
    split = split_of(sample())
    rng = np.random.default_rng(0)
    sizes = rng.integers(100, 4000, (3000, 2))
    scan = dataclasses.replace(split.scan, height=sizes[:, 0], width=sizes[:, 1])
    many = dataclasses.replace(split, scan=scan, molded=None)
    assert len(image_sizes(config(), [many]).svg) < 200_000


def test_objects_an_image():
    crowd = sample(boxes=[(i, i, i + 9, i + 9) for i in range(60)])
    splits = [split_of(sample(boxes=[]), crowd)]
    assert objects_per_image(config(MAX_GT_INSTANCES=50), splits).sentence == (
        "An image holds 30 objects on average, at most 60; 1 image holds none. 1 image exceeds MAX_GT_INSTANCES = 50."
    )
    assert objects_per_image(config(), splits).sentence.endswith("MAX_GT_INSTANCES = 100 is enough for all.")
    assert objects_per_image(config(MAX_GT_INSTANCES="many"), splits).sentence.endswith("1 image holds none.")


def test_mean_pixels():
    grey = np.full((128, 128, 3), 100, np.uint8)
    splits = [split_of(sample(image=grey), sample(image=grey + np.uint8(20)))]
    assert mean_pixels(config(MEAN_PIXEL=np.array([110, 110, 90])), splits).sentence == (
        "The images' mean is (110, 110, 110), MEAN_PIXEL is (110, 110, 90): at most 20 apart."
    )
    assert "does not have as many" in mean_pixels(config(MEAN_PIXEL=[1, 2]), splits).sentence
    assert mean_pixels(config(), [split_of(sample(), fast=True)]) is None


def test_class_balance():
    many = sample(boxes=[(0, i, 9, i + 9) for i in range(40)], ids=[1] * 38 + [2] * 2)
    train, val = split_of(many, classes=("cat", "dog", "cow")), split_of(sample(ids=[2, 2, 5]), name="val")
    picture = class_balance([train, val])
    assert picture.sentence == (
        "cat is the commonest of 4 classes (38 objects); 2 classes have none in train, 1 class has fewer than 10."
    )
    assert [row.name for row in picture.rows.rows] == ["cat", "dog", "class 5, not declared", "cow"]
    assert picture.rows.rows[1].bars[1].objects == "2"
    one = class_balance([split_of(sample(ids=[1, 1, 1]), classes=("cat",))])
    assert one.sentence == "One class, cat, with 3 objects in train."
    even = class_balance([split_of(*[sample(ids=[1, 1, 2])] * 10)])
    assert even.sentence.endswith("; 2 times as many as circle, the rarest.")
    assert class_balance([split_of(sample(boxes=[]))]) is None


def test_five_hundred_classes_are_folded():
    table = class_balance([split_of(sample(ids=[1, 2, 499]), classes=tuple(f"c{i}" for i in range(1, 501)))]).rows
    assert len(table.rows) == 25
    assert table.rows[16].name == "\u2026 476 classes between \u2026"
    assert table.folded[-1].name == "\u2026 and 200 more"


def test_summaries():
    split = split_of(sample(), sample(boxes=[]), sample(image=RuntimeError("gone")))
    assert read_summary([split]) == "3 images of train with 3 objects of 2 classes."
    facts = dict(split_facts(split).rows)
    assert facts["images without objects"] == "1"
    assert facts["images that cannot be used"] == "1"
    partly = dataclasses.replace(split, scan=dataclasses.replace(split.scan, read=np.array([True, False, False])))
    assert read_summary([partly]).startswith("1 of 3 images of train")
    assert read_summary([split_of(sample(), fast=True)]).startswith("headers and annotations of 1 image of train")


def test_settings_tell_what_was_changed():
    settings = {each.name: each for each in settings_of(config(MINE=float("nan")))}
    assert settings["NAME"].changed
    assert settings["MINE"].value == "nan"
    assert not settings["BACKBONE_STRIDES"].changed


def test_findings_come_with_their_explanation():
    import mrcnn_roi.preflight  # noqa: F401 - registers the checks

    found = [
        Finding("ds-file-missing", Severity.INFO, "a", ""),
        Finding("cd-max-gt", Severity.ERROR, "b\x00", ""),
        Finding("cd-max-gt", Severity.ERROR, "c", ""),
    ]
    errors, infos = group_findings(found)
    assert errors.severity is Severity.ERROR
    assert [(finding.message, len(text)) for finding, text in errors.findings] == [(r"b\x00", 1), ("c", 0)]
    assert infos.findings[0][1]
    assert explanation("no-such-code") == []


def test_charts_take_their_colours_and_letters_from_the_page():
    svg = chart(lambda axes: axes.set_title("\u65e5\u672c 0.123456 <b> & $x$", parse_math=False), "name")
    assert svg.startswith("<svg viewBox=")
    assert "\u65e5\u672c 0.123456 &lt;b&gt; &amp; $x$" in svg
    assert "font-family" not in svg
    assert "var(--ink)" in svg
    assert "#111101" not in svg
