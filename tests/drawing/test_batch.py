"""The contact sheet of samples."""

import numpy as np
import pytest

from mrcnn_roi.drawing.batch import ALARM, GAP, LABELLED, MARGIN, PAPER, SIDE, Row, Tile, draw_batch_sheet

NAMES = ["BG", "cat", "dog"]


def tile(scene, **changes):
    image, boxes, masks, class_ids, _, _ = scene
    return Tile(image, boxes, masks, class_ids, np.arange(2), "pass 0", "2 objects")._replace(**changes)


def pixels(rows, **arguments):
    return np.asarray(draw_batch_sheet(rows, NAMES, "title", **arguments))


def holds(picture, color):
    return bool((picture == np.array(color)).all(axis=-1).any())


def test_rows_and_columns(scene):
    sheet = pixels([Row("image 0", [tile(scene)] * 4)])
    assert sheet.shape[1] == 2 * MARGIN + 4 * SIDE + 3 * GAP
    assert (sheet[:, :MARGIN] == PAPER).all()
    assert not holds(sheet, ALARM)


def test_many_images_stand_side_by_side(scene):
    for count in (2, 6, 12, 30):
        height, width = pixels([Row("image", [tile(scene)] * 2)] * count).shape[:2]
        assert 0.7 < width / height < 2.8
    assert width < 2800


def test_losses_are_coloured(scene):
    assert holds(pixels([Row("image 0", [tile(scene, note="1 of 2 objects: 1 vanished", lost=True)])]), ALARM)


def test_an_object_keeps_its_colour_when_others_vanish(scene):
    image, boxes, masks, class_ids, _, _ = scene
    both = tile(scene, image=image * 0)
    second = both._replace(boxes=boxes[1:], masks=masks[..., 1:], class_ids=class_ids[1:], numbers=np.array([1]))
    first = pixels([Row("", [both])])
    alone = pixels([Row("", [second])])
    differing = (first != alone).any(axis=-1)
    left = differing[:, : MARGIN + SIDE // 2]
    assert left.any()
    assert not differing[:, MARGIN + round(0.6 * SIDE) :].any()


def test_names_only_where_there_is_room(scene):
    image, boxes, masks, _, _, _ = scene
    few = tile(scene)
    many = Tile(
        image,
        np.repeat(boxes[:1], LABELLED + 1, axis=0),
        np.repeat(masks[..., :1], LABELLED + 1, axis=2),
        np.ones(LABELLED + 1, int),
        np.zeros(LABELLED + 1, int),
    )
    for one, labelled in ((few, True), (many, False)):
        both = (draw_batch_sheet([Row("", [one])], names, "") for names in (NAMES, ["BG", "x", "y"]))
        named, other = (np.asarray(sheet) for sheet in both)
        assert np.array_equal(named, other) != labelled


@pytest.mark.parametrize("shape", [(30, 90, 3), (90, 30, 1), (7, 7, 5), (700, 500, 3), (1, 1, 3)])
@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.uint16])
def test_images_of_any_kind(shape, dtype):
    image = np.random.default_rng(0).integers(0, 255, shape).astype(dtype)
    none = np.zeros((0, 4), int)
    masks = np.zeros((*shape[:2], 1), bool)
    masks[0, 0] = True
    rows = [
        Row("empty", [Tile(image, none, masks[..., :0], none[:, 0], none[:, 0])]),
        Row("one", [Tile(image, np.array([[0, 0, 1, 1]]), masks, np.array([1]), np.array([0]))]),
    ]
    assert pixels(rows).ndim == 3


def test_errors_and_hostile_names(scene):
    empty = np.zeros((0, 4), int)
    failed = Tile(empty, empty, empty, empty, empty, error=RuntimeError("no \x1b[2J such \udc80 file"))
    sheet = pixels([Row("\x1b[31m" + "name\n" * 200 + "図.png", [tile(scene), failed])], notes=["x" * 3000, "$\\frac{"])
    assert sheet.shape[1] == 2 * MARGIN + 2 * SIDE + GAP


def test_nothing_to_draw():
    with pytest.raises(ValueError, match="expected images to draw, received none"):
        draw_batch_sheet([], NAMES, "title")
