"""RoIs and their pyramid levels, on the image and by size."""

import numpy as np
import pytest
from matplotlib.colors import to_rgb

from mrcnn_roi.drawing.levels import (
    LEVEL_COLORS,
    assign_levels,
    draw_level_histogram,
    draw_levels,
    left_out,
    level_sides,
    level_words,
)
from mrcnn_roi.ops.levels import roi_levels

IMAGE = np.full((1024, 1024, 3), 100, np.uint8)


def squares(*sides):
    """RoIs with sides in pixels of IMAGE, as roi_levels reckons them."""
    return np.array([[0.1, 0.1, 0.1 + side / 1024, 0.1 + side / 1024] for side in sides])


ROIS = np.vstack([squares(40, 60, 100, 200, 400), np.zeros((3, 4)), [[np.nan, 0, 1, 1]], [[0.2, 0.2, 0.2, 0.4]]])


def legend(axes):
    return [text.get_text() for text in axes.get_legend().get_texts()]


def test_the_limits_of_sides_are_those_of_roi_levels():
    for levels in ((2, 3, 4, 5), (3, 4), (2, 3, 4, 5, 6)):
        for level, (low, high) in level_sides(levels).items():
            inside = [side for side in (low * 1.01, high * 0.99) if 0 < side < 1e6]
            assert roi_levels(squares(*inside), (1024, 1024), levels).tolist() == [level] * len(inside)
    assert level_sides((4,)) == {4: (0, np.inf)}


def test_padding_and_broken_rows_are_left_out_and_counted():
    assigned = assign_levels(ROIS, (1024, 1024))
    assert assigned.levels.tolist() == [2, 2, 3, 4, 5, 2]
    np.testing.assert_allclose(assigned.sides, [40, 60, 100, 200, 400, 0])
    assert (assigned.padding, assigned.broken) == (3, 1)
    assert left_out(assigned) == "left out: 3 rows of padding, 1 row with NaN or infinity"
    assert left_out(assign_levels(squares(5), (1024, 1024))) == ""


def test_each_roi_may_have_an_image_of_its_own_size():
    rois = squares(100, 100)
    assigned = assign_levels(rois, [[1024, 1024], [2048, 4096]])
    assert assigned.levels.tolist() == [3, 4]
    np.testing.assert_allclose(assigned.sides, [100, 100 * np.sqrt(8)])


def test_words_of_the_levels():
    assert list(level_words(assign_levels(ROIS, (1024, 1024))).values()) == [
        "P2, stride 4, side up to 79 px: 3 RoIs (50%)",
        "P3, stride 8, side 79 to 158 px: 1 RoI (17%)",
        "P4, stride 16, side 158 to 317 px: 1 RoI (17%)",
        "P5, stride 32, side from 317 px: 1 RoI (17%)",
    ]
    words = level_words(assign_levels(np.zeros((0, 4)), (64, 64), (3,)), (3,), [10])
    assert words == {3: "P3, stride 10, any side: 0 RoIs"}


def test_rois_have_the_colour_of_their_level(shown):
    draw_levels(IMAGE, ROIS)
    (figure,) = shown
    (axes,) = figure.axes
    drawn = {to_rgb(each.get_edgecolor()[0][:3]): len(each.get_paths()) for each in axes.collections}
    assert drawn == {to_rgb(LEVEL_COLORS[level]): count for level, count in ((2, 3), (3, 1), (4, 1), (5, 1))}
    assert legend(axes)[0] == "P2, stride 4, side up to 79 px: 3 RoIs (50%)"
    assert axes.get_legend().get_title().get_text().startswith("left out: 3 rows of padding")
    assert axes.get_xlim() == (-0.5, 1023.5)


def test_boxes_lie_around_their_pixels(axes):
    draw_levels(IMAGE[:101, :201], [[0.1, 0.1, 0.5, 0.5]], ax=axes)
    corners = next(each for each in axes.collections if len(each.get_paths())).get_paths()[0].vertices
    # Pixels (10, 20) to (51, 101) with the last ones outside; an axes shows pixel k from k - 0.5.
    np.testing.assert_allclose(corners.min(axis=0), [19.5, 9.5], rtol=1e-6)
    np.testing.assert_allclose(corners.max(axis=0), [100.5, 50.5], rtol=1e-6)


def test_of_many_the_first_are_drawn_and_all_counted(axes, shown, tmp_path):
    rois = np.repeat(squares(40, 400), 300, axis=0)
    draw_levels(IMAGE, rois, ax=axes, path=tmp_path / "rois.png")
    assert sum(len(each.get_paths()) for each in axes.collections) == 200
    assert axes.get_legend().get_title().get_text() == "the first 200 of 600 are drawn"
    assert [line.rpartition(": ")[2] for line in legend(axes)] == [
        "300 RoIs (50%)",
        "0 RoIs",
        "0 RoIs",
        "300 RoIs (50%)",
    ]
    assert (tmp_path / "rois.png").is_file()
    assert shown == []
    axes.clear()
    draw_levels(IMAGE, rois, limit=None, ax=axes)
    assert sum(len(each.get_paths()) for each in axes.collections) == 600


def test_the_histogram_counts_every_roi_with_a_side(shown):
    draw_level_histogram(ROIS, (1024, 1024), title="$5")
    (figure,) = shown
    (axes,) = figure.axes
    bars = [(patch.get_facecolor(), patch.get_height()) for patch in axes.patches if patch.get_height()]
    assert sum(height for _, height in bars) == 5
    assert {color[:3] for color, _ in bars} == {to_rgb(LEVEL_COLORS[level]) for level in (2, 3, 4, 5)}
    assert [line.get_xdata()[0] for line in axes.lines] == pytest.approx([79.2, 158.4, 316.8], abs=0.1)
    edges = {round(patch.get_x(), 3) for patch in axes.patches}
    assert {round(line.get_xdata()[0], 3) for line in axes.lines} <= edges  # no bar holds two levels
    assert [text.get_text() for text in axes.texts] == ["P2", "P3", "P4", "P5"]
    assert legend(axes)[-1] == "of P2, 1 without area (no bar)"
    assert axes.get_title() == "$5"


@pytest.mark.parametrize("rois", [np.zeros((0, 4)), np.zeros((5, 4)), squares(0.01), squares(9000)])
@pytest.mark.parametrize("levels", [(2, 3, 4, 5), (4,), (2, 3, 4, 5, 6, 7)])
def test_few_rois_are_drawn(tmp_path, rois, levels):
    draw_level_histogram(rois, (1024, 1024), levels, path=tmp_path / "histogram.png")
    draw_levels(IMAGE[:64], rois, levels, path=tmp_path / "rois.png")
    assert (tmp_path / "histogram.png").is_file()
    assert (tmp_path / "rois.png").is_file()


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"rois": np.zeros((2, 5))}, r"expected rois \[N, \(y1, x1, y2, x2\)\], received shape \[2, 5\]"),
        ({"rois": np.ones((2, 4)), "levels": (2, 4)}, r"expected levels to be consecutive .*received \(2, 4\)"),
        ({"rois": np.ones((2, 4)), "levels": ()}, "expected levels"),
        ({"rois": np.ones((2, 4)), "strides": (4, 8)}, "expected 4 strides"),
    ],
)
def test_wrong_calls_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        draw_levels(IMAGE, **arguments)
    with pytest.raises(ValueError, match=message):
        draw_level_histogram(image_shape=(1024, 1024), **arguments)
