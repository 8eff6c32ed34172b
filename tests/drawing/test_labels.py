"""Captions: names, contrast, and places."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mrcnn_roi.drawing.labels import class_labels, draw_labels, place_labels, text_color


def test_class_labels():
    assert class_labels([1, -2, 0], ["BG", "cat", "dog"]) == ["cat", "dog (crowd)", "BG"]
    with pytest.raises(ValueError, match="expected class ids below 3, received 3"):
        class_labels([1, 3], ["BG", "cat", "dog"])


@pytest.mark.parametrize(
    "color, expected",
    [((1, 1, 0), "black"), ((0, 0, 1), "white"), ((0.5, 0.5, 0.5), "white"), ((0, 1, 1, 0.5), "black")],
)
def test_text_color(color, expected):
    assert text_color(color) == expected


def test_a_label_stands_above_its_box_and_inside_where_there_is_no_room():
    corners = place_labels([[50, 20, 90, 60], [0, 20, 90, 60]], [[10, 30], [10, 30]], (0, 0, 100, 100))
    assert corners.tolist() == [[40, 20], [0, 20]]


def test_a_second_label_gives_way():
    corners = place_labels([[50, 20, 90, 60], [50, 22, 90, 62]], [[10, 30], [10, 30]], (0, 0, 100, 100))
    assert corners.tolist() == [[40, 20], [50, 22]]


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(0, 12))
def test_labels_stay_inside(seed, count):
    rng = np.random.default_rng(seed)
    boxes = rng.uniform(-20, 120, (count, 4))
    sizes = rng.uniform(2, 30, (count, 2))
    corners = place_labels(boxes, sizes, (0, 0, 100, 100))
    assert corners.shape == (count, 2)
    assert np.all(corners >= 0)
    assert np.all(corners + sizes <= 100 + 1e-9)


def test_drawn_labels_do_not_overlap_and_keep_dollars(axes):
    axes.set_xlim(0, 100)
    axes.set_ylim(100, 0)
    axes.set_aspect("equal")
    boxes = np.array([[30, 20, 60, 40], [30, 22, 60, 42], [31, 24, 60, 44], [0, 0, 5, 5]])
    draw_labels(axes, boxes, ["a $100 cat", "second", "", "corner"], [(1, 0, 0)] * 4)
    assert [text.get_text() for text in axes.texts] == ["a $100 cat", "second", "corner"]
    axes.figure.canvas.draw()
    first, second, corner = (text.get_window_extent() for text in axes.texts)
    assert not first.overlaps(second)
    assert axes.get_window_extent().y1 >= corner.y1
    assert axes.get_window_extent().x0 <= corner.x0


def test_no_captions_draw_nothing(axes):
    draw_labels(axes, np.zeros((2, 4)), ["", ""], [(1, 0, 0)] * 2)
    assert len(axes.texts) == 0
