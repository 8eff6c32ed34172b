"""The images of the report: which are chosen and why, what is drawn of them, and the first batch."""

import base64
import dataclasses
import io

import numpy as np
import pytest
from PIL import Image

from mrcnn_roi.checks.splits import Split, mold
from mrcnn_roi.datasets import load_dataset
from mrcnn_roi.datasets.scan import scan_dataset
from mrcnn_roi.drawing import report_thumbnails
from mrcnn_roi.drawing.report_offenders import LIMIT, choose_offenders
from mrcnn_roi.drawing.report_samples import draw_batch
from mrcnn_roi.drawing.report_thumbnails import MEANT, annotated, captions, thumbnails
from mrcnn_roi.inputs.sample import build_sample
from tests.checks.toy import BOXES, SIZE, Toy, config, noise, rectangles, sample
from tests.datasets.builders import annotation, coco_file


def split_of(*samples, made=None, name="train", **keywords):
    dataset = Toy(list(samples), **keywords)
    scan = scan_dataset(dataset)
    return Split(name, dataset, scan, mold(made or config(), scan))


def reasons(*splits, made=None):
    return {(each.split.name, each.row): each.reasons for each in choose_offenders(made or config(), list(splits))}


def picture_of(thumbnail):
    prefix, data = thumbnail.uri.split(",", 1)
    assert prefix == "data:image/jpeg;base64"
    picture = Image.open(io.BytesIO(base64.b64decode(data)))
    assert picture.size == (thumbnail.width, thumbnail.height)
    return np.asarray(picture)


EMPTY = np.dstack([rectangles(BOXES[:2]), np.zeros((*SIZE, 1), bool)])
FULL = np.dstack([rectangles(BOXES[:2]), np.ones((*SIZE, 1), bool)])


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        (sample(image=RuntimeError("gone")), "cannot be used: RuntimeError: gone"),
        (sample(masks=ValueError("none")), "masks cannot be used: ValueError: none"),
        (sample(ids=[1, 8, 1]), "instance 2 has class id 8, expected 1 to 2"),
        (
            sample(masks=rectangles(BOXES) * np.array([1, 2, 9])),
            "its masks hold 4 different values up to 9, expected 0",
        ),
        (sample(masks=EMPTY), "instance 3 has no pixel"),
        (sample(masks=FULL), "instance 3 covers the whole image"),
        (sample(boxes=[*BOXES, (1, 1, 4, 6)]), "instance 4 is 3x5 px in the network"),
        (sample(boxes=[*BOXES, BOXES[1]], ids=[1, 2, 1, 2]), "instance 4 repeats instance 2"),
        (sample(image=np.full((*SIZE, 3), 9, np.uint8)), "nothing to see: all pixels are 9"),
    ],
)
def test_faults_are_chosen(broken, reason):
    found = reasons(split_of(sample(), broken))
    assert found["train", 1][0].startswith(reason)


def test_objects_that_vanish_and_copies_of_files(tmp_path):
    large = sample(size=(900, 900), boxes=[(0, 0, 400, 400), (3, 3, 4, 4)], image=noise((900, 900)))
    assert "vanishes in resizing" in reasons(split_of(large))["train", 0][0]
    for name in ("a.png", "b.png"):
        Image.fromarray(noise()).save(tmp_path / name)
    first, second = (sample(image=str(tmp_path / name), path=str(tmp_path / name)) for name in ("a.png", "b.png"))
    found = reasons(split_of(sample(), first, second), split_of(second, name="val"))
    assert found["train", 2][0] == 'the same file as image 1 "a.png"'
    assert found["val", 0][0].startswith("the same file as image ")
    assert found["val", 0][0].endswith(" of train")


def test_an_image_is_shown_once_with_all_reasons_and_no_more_than_fit():
    found = reasons(split_of(sample(ids=[0, 7, 1], boxes=[(0, 0, 3, 3), *BOXES[1:]])))
    assert len(found) == 1
    assert len(found["train", 0]) >= 3
    broken = [sample(image=RuntimeError(str(i))) for i in range(9)]
    assert len(reasons(split_of(*broken))) == 3  # of one kind
    kinds = [sample(ids=[0, 1, 2]), sample(masks=EMPTY), sample(masks=FULL), sample(masks=ValueError())] * 9
    kinds += [sample(boxes=[(i, i, i + 2, i + 2)]) for i in range(9)] + broken
    found = choose_offenders(config(), [split_of(*kinds), split_of(*kinds, name="val")])
    assert len(found) == LIMIT


def test_a_sound_dataset_shows_its_extremes():
    found = reasons(split_of(sample(), sample(boxes=BOXES[:1])))
    assert found["train", 0] == [
        "among the most crowded: 3 objects",
        "the smallest object: 40x30 px in the network",
        "the largest object: 50x60 px in the network",
    ]
    assert choose_offenders(config(), []) == []


def test_thumbnails_draw_the_annotation_and_mark_what_is_meant():
    grey = np.full((*SIZE, 3), 128, np.uint8)
    split = split_of(sample(ids=[1, 9, 1], image=grey))
    (made,) = thumbnails(choose_offenders(config(), [split]))
    assert made.title == "train: image 0"
    assert made.note == "128x128 px, 3 instances"
    picture = picture_of(made)
    assert picture.shape[:2] == (320, 320)
    inside = picture[int(95 * 2.5), int(75 * 2.5)].astype(float)  # of the second box
    expected = 0.55 * 128 + 0.45 * 255 * np.array(MEANT)
    assert np.abs(inside - expected).max() < 12
    assert np.abs(picture[300, 300].astype(int) - 128).max() < 12


def test_tiny_objects_are_shown_from_near():
    split = split_of(sample(boxes=[(100, 100, 103, 103), *BOXES]))
    (made,) = thumbnails(choose_offenders(config(), [split]))
    assert made.note == "48x48 px of an image of 128x128"


def test_what_cannot_be_drawn_has_a_reason(monkeypatch):
    split = split_of(sample(image=RuntimeError("gone")), sample(masks=ValueError("none")), sample(ids=[0, 1, 1]))
    chosen = choose_offenders(config(), [split])
    made = thumbnails(chosen)
    assert [bool(each.uri) for each in made] == [False, True, True]
    assert made[0].note == "no picture"
    split.dataset.samples[1]["image"] = KeyError("moved <b>")
    split.dataset.samples[2]["masks"] = RuntimeError("now broken")
    made = thumbnails(chosen)
    assert made[1].note == "no picture: KeyError: 'moved <b>'"
    assert made[2].note == "128x128 px, 3 instances, boxes only"
    assert {each.note for each in thumbnails(chosen, seconds=-1)} == {"not drawn: loading images took too long"}
    monkeypatch.setattr(report_thumbnails, "LARGEST", 100)
    assert thumbnails(chosen)[2].note == "not drawn: 128x128 px"


def test_of_very_many_instances_some_are_drawn(monkeypatch):
    monkeypatch.setattr(report_thumbnails, "DRAWN", 2)
    (made,) = thumbnails(choose_offenders(config(), [split_of(sample(ids=[1, 1, 9]))]))
    assert made.note == "128x128 px, 3 instances, 2 drawn"


def test_captions_have_letters_that_can_be_drawn():
    names = ["BG", "caf\u00e9", "\u65e5\u672c", "\udcff"]
    assert captions([1, 2, -1, 7, 3], names) == ["caf\u00e9", "class 2", "caf\u00e9 (crowd)", "class 7", "class 3"]
    assert captions([1] * 20, names) == [""] * 20
    assert captions([1, 1], names, np.array([False, True])) == ["", "caf\u00e9"]


def test_a_window_shows_what_lies_in_it():
    image = np.zeros((40, 60, 3), np.uint8)
    image[10:20, 30:50] = 200
    part = annotated(image, np.zeros((0, 4)), None, (10, 30, 20, 50), 40, colors=[], captions=[])
    assert part.shape == (20, 40, 3)
    assert (part == 200).all()


@pytest.mark.parametrize("mini", [True, False])
@pytest.mark.parametrize("mode", ["square", "pad64", "crop"])
def test_the_batch_is_drawn_as_the_network_gets_it(mini, mode):
    made = config(USE_MINI_MASK=mini, IMAGE_RESIZE_MODE=mode, IMAGE_MIN_DIM=64, RPN_ANCHOR_STRIDE=1)
    dataset = Toy([sample(size=(96, 128), image=np.full((96, 128, 3), 50, np.uint8), boxes=[(5, 5, 60, 60)])])
    samples = [build_sample(dataset, made, 0, np.random.default_rng(0))]
    batch = draw_batch(samples, made, ["train: image 0"], dataset.class_names)
    assert batch.note == ""
    assert batch.sentence.startswith("Outlines must lie on their objects: 1 object in 1 image; the RPN learns from ")
    (picture,) = batch.pictures
    assert picture.reasons[0] == "1 object"
    assert picture.note.startswith("96x128 px, not scaled, ")
    assert picture.note.endswith({"square": "25% padding", "pad64": "25% padding", "crop": "in the network"}[mode])
    pixels = picture_of(picture).astype(int)
    if mode != "crop":
        assert np.abs(pixels[200, 350] - 50).max() < 12  # background, un-molded
        assert pixels[:40, 100:].std() > 5  # striped


def test_samples_that_cannot_be_drawn_are_named():
    batch = draw_batch([{}], config(), ["image <3>"], [], "something before")
    assert batch.pictures == []
    assert batch.note == "something before; image <3> could not be drawn: KeyError: 'input_gt_class_ids'"
    assert draw_batch([], config(), [], []).sentence == ""


def test_offenders_of_a_fast_scan_are_drawn_from_the_images():
    dataset = Toy([sample(), sample()])
    scan = scan_dataset(dataset, fast=True)
    split = Split("train", dataset, dataclasses.replace(scan, image_errors={1: "late"}), None)
    (made,) = thumbnails(choose_offenders(config(), [split]))
    assert made.reasons == ["cannot be used: late"]


def test_anchors_larger_than_any_picture_are_drawn_in_no_time():
    made = config(RPN_ANCHOR_SCALES=[10**9] * 5)
    dataset = Toy([sample()])
    batch = draw_batch([build_sample(dataset, made, 0, np.random.default_rng(0))], made, ["image"], ["BG"])
    assert batch.note == ""
    assert len(batch.pictures) == 1


def test_an_image_with_a_broken_annotation_is_shown_with_its_outlines(tmp_path):
    square = [[10, 10, 30, 10, 30, 30, 10, 30]]
    records = [annotation(id=1, segmentation=square), annotation(id=2, segmentation=None, bbox=None)]
    dataset = load_dataset(coco_file(tmp_path, records))
    scan = scan_dataset(dataset)
    (offender,) = choose_offenders(config(), [Split("train", dataset, scan, mold(config(), scan))])
    assert "it has no segmentation" in offender.reasons[0]
    picture, _ = report_thumbnails._draw(offender)
    assert (picture == report_thumbnails.OUTLINE).all(axis=2).sum() > 100
