"""Pictures of what the pooling methods read."""

import numpy as np
import pytest
from matplotlib.colors import to_rgba
from PIL import Image

from mrcnn_roi.drawing.sampling import draw_lost_and_gained, draw_pooling, draw_sampling, molded_shape
from mrcnn_roi.drawing.sampling_panels import GAINED, KEPT, LOST, ROI
from mrcnn_roi.ops.coverage import METHODS

TITLES = ["RoIPool", "RoIWarp", "RoIAlign", "crop_and_resize"]


def panels(figure):
    return [axes for axes in figure.axes if axes.get_title()]


def points(axes):
    (line,) = axes.lines
    return line.get_xydata()


def caption(figure):
    return " ".join(figure.legends[0].get_title().get_text().split())


def test_the_article_s_roi_is_the_default(shown):
    draw_sampling()
    (figure,) = shown
    assert figure.get_suptitle() == (
        "An RoI of 145 x 200 pixels = 4.53 x 6.25 cells from row 6.00, column 9.25 of a 16 x 16 map, "
        "stride 32, 3 x 3 bins"
    )
    axes = panels(figure)
    assert [each.get_title().splitlines()[0] for each in axes] == [*TITLES[:2], "RoIAlign, aligned=False", TITLES[3]]
    for each in axes:
        (roi,) = (patch for patch in each.patches if patch.get_edgecolor() == to_rgba(ROI))
        assert (roi.get_x(), roi.get_y(), roi.get_width(), roi.get_height()) == (9.25, 6, 6.25, 4.53125)
        assert each.get_xlim() == axes[0].get_xlim()
        assert each.get_ylim()[0] > each.get_ylim()[1]  # row 0 on top
    assert [len(points(each)) for each in axes] == [6 * 7, 36, 36, 9]
    # RoIPool's cells at their centres; RoIAlign's first sample at a quarter of the bin, half a cell off the drawing.
    assert points(axes[0])[0].tolist() == [9.5, 6.5]
    np.testing.assert_allclose(points(axes[2])[0], [9.25 + 6.25 / 12 + 0.5, 6 + 4.53125 / 12 + 0.5])
    assert "RoIWarp and RoIAlign take coordinate k for the centre of cell k" in caption(figure)


def test_aligned_samples_lie_in_the_roi_as_drawn(shown):
    draw_sampling(aligned=True, methods="roi_align")
    (figure,) = shown
    (axes,) = panels(figure)
    assert axes.get_title() == "RoIAlign, aligned=True\n2 x 2 samples a bin"
    np.testing.assert_allclose(points(axes)[0], [9.25 + 6.25 / 12, 6 + 4.53125 / 12], rtol=1e-6)
    assert "half a cell" not in caption(figure)


def test_lost_and_gained_are_coloured_and_named(shown):
    draw_lost_and_gained(methods=("roi_pool", "crop_and_resize"))
    (figure,) = shown
    pool, crop = panels(figure)
    assert pool.get_title() == "RoIPool: 0% lost, 48% gained\ncentre of what is read: +0.73 down, +0.46 right"
    assert crop.get_title().startswith("crop_and_resize: 32% lost, 59% gained\n")
    beside, inside = (np.asarray(image.get_array()) for image in crop.images)
    assert beside[5, 8].tolist() == list(to_rgba(GAINED))
    assert beside[6, 10].tolist() == [0, 0, 0, 0]
    assert inside[6, 9].tolist() == list(to_rgba(KEPT))
    assert inside[6, 10].tolist() == list(to_rgba(LOST))
    assert crop.images[1].get_clip_box().width < 0.7 * crop.bbox.width  # cut to the RoI
    assert [text.get_text() for text in figure.legends[0].get_texts()][-1] == "outside the map"


def test_both_rows_on_one_sheet(tmp_path):
    draw_pooling(path=tmp_path / "sheet.png")
    draw_sampling(path=tmp_path / "row.png")
    with Image.open(tmp_path / "sheet.png") as sheet, Image.open(tmp_path / "row.png") as row:
        assert sheet.size[1] > 1.5 * row.size[1]
        assert sheet.size[0] > 1200


def test_a_large_map_is_cut_to_the_neighbourhood_of_the_roi(shown):
    draw_sampling((400, 600, 480, 640), (200, 300), 8, 7)
    (figure,) = shown
    (left, right), (bottom, top) = panels(figure)[0].get_xlim(), panels(figure)[0].get_ylim()
    assert 72 <= left <= 75
    assert 80 <= right <= 84
    assert 47 <= top <= 50
    assert 60 <= bottom <= 64
    assert "outside the map" not in [text.get_text() for text in figure.legends[0].get_texts()]


def test_an_roi_beyond_the_map_does_not_shrink_the_map_away(shown):
    draw_lost_and_gained((-5000, -5000, 9000, 300), (16, 16), 32, 7)
    (figure,) = shown
    assert panels(figure)[0].get_ylim() == pytest.approx((18.4, -2.4))
    assert "The RoI reaches beyond what is shown." in caption(figure)


@pytest.mark.parametrize(
    "box, map_shape, stride, bins, ratio",
    [
        ((0, 0, 1, 1), (1, 1), 2, 1, 1),
        ((100, 100, 102, 600), (200, 300), 4, 14, 2),
        ((0, 0, 800, 1200), (200, 300), 4, 14, 0),
        ((-700, -700, 800, 1200), (16, 16), (32, 16), (1, 30), 2),
        ((-100, -100, 600, 600), (16, 16), 32, 2, 1),  # crop_and_resize reads nothing
    ],
)
def test_ugly_rois_are_drawn(tmp_path, box, map_shape, stride, bins, ratio):
    draw_pooling(box, map_shape, stride, bins, ratio, path=tmp_path / "a.png")
    with Image.open(tmp_path / "a.png") as picture:
        assert max(picture.size) < 2500


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"box": (600, 600, 700, 700)}, "expected a box that overlaps the image of 512 x 512 pixels"),
        ({"methods": ("roi_pool", "mean")}, r"expected methods of .*received \('roi_pool', 'mean'\)"),
        ({"methods": ()}, "expected methods"),
        ({"stride": 0}, "expected a stride above 0, received 0"),
        ({"stride": np.inf}, "expected a stride above 0, received inf"),
        ({"bins": 0}, "expected bins of 1"),
    ],
)
@pytest.mark.parametrize("draw", [draw_sampling, draw_lost_and_gained, draw_pooling])
def test_wrong_calls_are_refused(draw, arguments, message):
    with pytest.raises(ValueError, match=message):
        draw(**arguments)


def test_the_molded_image_has_a_size_for_each_axis():
    assert molded_shape((10, 20), 4) == (40, 80)
    assert molded_shape((10, 20), (4, 8)) == (40, 160)
    assert len(METHODS) == len(TITLES)
