"""draw_boxes and draw_rois."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import to_rgb
from matplotlib.patches import Polygon

from mrcnn_roi.drawing.rois import GRAY, draw_boxes, draw_rois


def test_boxes_and_refinements_are_joined(scene, axes, shown):
    image, boxes, masks, _, _, _ = scene
    refined = boxes + 3
    draw_boxes(image, boxes, refined, masks, ["a", "b"], visibilities=[0, 2], title="two", ax=axes)
    outlines = [patch for patch in axes.patches if type(patch) is Polygon]
    rectangles = [patch for patch in axes.patches if type(patch) is not Polygon]
    assert len(outlines) == 2
    # Invisible: gray and dotted, without its refinement. Then one solid box, its refinement, and the line.
    assert [patch.get_linestyle() for patch in rectangles] == ["dotted", "solid", "solid"]
    assert to_rgb(rectangles[0].get_edgecolor()) == GRAY
    assert [line.get_xydata().tolist() for line in axes.lines] == [[[44.5, 19.5], [47.5, 22.5]]]
    assert [text.get_text() for text in axes.texts] == ["a", "b"]
    assert axes.get_ylim() == (59.5 + 6, -6.5)
    assert shown == []


def test_either_kind_of_boxes_alone(scene, axes, tmp_path):
    image, boxes = scene[:2]
    boxes[1] = 0
    draw_boxes(image, boxes, ax=axes)
    assert [patch.get_linestyle() for patch in axes.patches] == ["dotted"]
    draw_boxes(image, refined_boxes=boxes[:1], path=tmp_path / "boxes.png")
    assert (tmp_path / "boxes.png").is_file()


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({}, "expected boxes or refined_boxes, received neither"),
        ({"boxes": np.ones((2, 4)), "refined_boxes": np.ones((3, 4))}, "expected 2 refined_boxes"),
        ({"boxes": np.ones((2, 4)), "captions": ["a"]}, "expected 2 captions"),
        ({"boxes": np.ones((2, 4)), "masks": np.ones((60, 80, 1))}, "expected 2 masks"),
        ({"boxes": np.ones((2, 4)), "visibilities": [1]}, "expected 2 visibilities"),
        (
            {"boxes": np.ones((2, 4)), "visibilities": [1, 5]},
            r"expected visibilities 0, 1 or 2, received \[1, 5\]",
        ),
    ],
)
def test_wrong_calls_are_refused(scene, arguments, message):
    with pytest.raises(ValueError, match=message):
        draw_boxes(scene[0], **arguments)


def test_draw_rois_shows_a_part_and_counts_all(scene, shown, capsys):
    image, boxes, _, _, names, _ = scene
    rois = np.vstack([boxes, [[0, 0, 10, 10]] * 6])
    masks = np.ones((8, 28, 28))
    np.random.seed(0)
    draw_rois(image, rois, rois + 2, masks, np.array([1, 2, 0, 0, 0, 0, 0, 0]), names, limit=5)
    assert capsys.readouterr().out == "Positive ROIs:  2\nNegative ROIs:  6\nPositive Ratio: 0.25\n"
    (figure,) = shown
    assert figure.axes[0].get_title() == "Showing 5 random ROIs out of 8"


def test_draw_rois_draws_masks_in_the_frame_of_the_roi(scene, monkeypatch):
    image, boxes, _, class_ids, names, _ = scene
    seen = []
    monkeypatch.setattr(plt, "show", lambda: seen.append(plt.gcf().axes[0]))
    draw_rois(image, boxes, boxes + 2, np.ones((2, 28, 28)), np.array([1, 0]), names)
    (axes,) = seen
    changed = np.any(axes.images[0].get_array() != 100, axis=-1)
    expected = np.zeros((60, 80), bool)
    expected[11:39, 11:29] = True  # the resized mask fades at its rim, which decides about the outermost pixels
    assert np.all(changed[expected])
    assert not np.any(changed[:, 30:])
    assert [text.get_text() for text in axes.texts] == ["cat"]
    assert [patch.get_linestyle() for patch in axes.patches] == ["dashed", "dashed", "solid"]


def test_draw_rois_without_rois(scene, tmp_path, capsys):
    draw_rois(
        scene[0],
        np.zeros((0, 4)),
        np.zeros((0, 4)),
        np.zeros((0, 28, 28)),
        np.zeros(0, int),
        scene[4],
        path=tmp_path / "r.png",
    )
    assert (tmp_path / "r.png").is_file()
    assert "Positive Ratio: 0.00" in capsys.readouterr().out
