"""Figures for files and for the screen."""

import matplotlib.pyplot as plt
import pytest
from PIL import Image

from mrcnn_roi.drawing.figure import fit, image_axes, open_figure


def test_a_path_writes_a_png_and_shows_nothing(tmp_path, shown):
    path = tmp_path / "picture.png"
    with open_figure((2, 1), path):
        assert plt.get_fignums() == []
    with Image.open(path) as picture:
        assert picture.format == "PNG"
    assert shown == []


def test_without_a_path_the_figure_is_shown_once_and_closed(shown):
    with open_figure((2, 1)) as figure:
        assert plt.get_fignums() == [figure.number]
    assert shown == [figure]
    assert plt.get_fignums() == []


def test_an_error_in_the_block_closes_the_figure_and_shows_nothing(shown):
    with pytest.raises(KeyError), open_figure((2, 1)):
        raise KeyError("in the block")
    assert shown == []
    assert plt.get_fignums() == []


def test_interactive_mode_leaves_the_window(shown):
    with plt.ion():
        with open_figure((2, 1)) as figure:
            pass
        assert plt.get_fignums() == [figure.number]
        plt.close(figure)


def test_given_axes_are_not_shown_but_saved_when_asked(tmp_path, axes, shown):
    with image_axes((30, 50, 3), ax=axes, title="a $title") as received:
        assert received is axes
    assert shown == []
    assert axes.get_title() == "a $title"
    assert axes.get_ylim() == (29.5, -0.5)
    with image_axes((30, 50, 3), ax=axes, path=tmp_path / "axes.png"):
        pass
    assert (tmp_path / "axes.png").is_file()


def test_the_figure_has_the_shape_of_the_image(tmp_path):
    with image_axes((100, 400, 3), (8, 8), path=tmp_path / "wide.png") as axes:
        width, height = axes.figure.get_size_inches()
    assert (width, height) == pytest.approx((8, 2))


@pytest.mark.parametrize(
    "size, expected", [((400, 100), (8, 2)), ((100, 400), (2, 8)), ((100, 1), (8, 1)), ((3, 3), (8, 8))]
)
def test_fit(size, expected):
    assert fit(size, (8, 8)) == pytest.approx(expected)
