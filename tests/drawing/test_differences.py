"""display_differences."""

import numpy as np
import pytest

from mrcnn_roi.drawing.differences import display_differences


def texts(axes):
    return [text.get_text() for text in axes.texts]


def test_captions_give_score_and_iou_of_sorted_predictions(scene, axes):
    image, boxes, masks, class_ids, names, _ = scene
    found = masks.copy()
    found[20:30, :, 1] = False
    # The worse prediction comes first: everything has to follow the order of scores.
    display_differences(
        image,
        boxes,
        class_ids,
        masks,
        boxes[::-1],
        class_ids[::-1],
        np.array([0.4, 0.8]),
        found[..., ::-1],
        names,
        ax=axes,
    )
    assert texts(axes) == ["0.80 / 1.00", "0.40 / 0.71"]
    assert "GT=green, pred=red" in axes.get_title()
    colors = {patch.get_edgecolor()[:3] for patch in axes.patches}
    assert colors == {(0.0, 0.8, 0.0), (1.0, 0.0, 0.0)}


def test_an_unmatched_prediction_shows_its_highest_iou(scene, axes):
    image, boxes, masks, class_ids, names, scores = scene
    display_differences(
        image,
        boxes,
        class_ids,
        masks,
        boxes[:1],
        np.array([2]),
        scores[:1],
        masks[..., :1],
        names,
        "own",
        axes,
    )
    assert texts(axes) == ["0.99 / 1.00"]
    assert axes.get_title() == "own"


@pytest.mark.parametrize("truth, found", [(0, 2), (2, 0), (0, 0)])
def test_nothing_on_a_side(scene, tmp_path, truth, found):
    image, boxes, masks, class_ids, names, scores = scene
    path = tmp_path / "differences.png"
    display_differences(
        image,
        boxes[:truth],
        class_ids[:truth],
        masks[..., :truth] if truth else np.zeros((0, 0, 0)),
        boxes[:found],
        class_ids[:found],
        scores[:found],
        masks[..., :found] if found else np.zeros((28, 28, 0)),
        names,
        path=path,
    )
    assert path.is_file()
