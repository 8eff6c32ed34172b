import numpy as np
import pytest
import tensorflow as tf

from mrcnn_roi.ops.levels import roi_levels


@pytest.mark.parametrize("index", range(4))
@pytest.mark.parametrize("array", [np.asarray, tf.constant], ids=["numpy", "tensor"])
def test_golden_levels(golden, index, array):
    g = golden(f"roialign_{index}")
    levels = roi_levels(array(g["boxes"]), g["image_meta"][0, 4:6])
    np.testing.assert_array_equal(levels, g["roi_level"])


@pytest.mark.parametrize(
    "box,level",
    [
        ([0, 0, 0, 0], 2),  # padding
        ([0.5, 0.5, 0.5, 0.9], 2),  # no area
        ([0.9, 0.1, 0.1, 0.9], 2),  # one side reversed: the original's NaN ended on the first level, too
        ([0.9, 0.9, 0.1, 0.1], 5),  # both reversed: the area is positive again
        ([0, 0, 1, 1], 5),
        ([0, 0, 224 / 1024, 224 / 1024], 4),
        ([0, 0, 112 / 1024, 112 / 1024], 3),
    ],
)
@pytest.mark.parametrize("array", [np.asarray, tf.constant], ids=["numpy", "tensor"])
def test_levels_of_special_boxes(box, level, array):
    assert int(roi_levels(array([box]), (1024, 1024))[0]) == level


def test_other_levels():
    box = np.array([[0, 0, 1, 1]])
    assert roi_levels(box, (1024, 1024), levels=(2, 3)) == 3
    assert roi_levels(box, (4096, 4096), levels=(2, 3, 4, 5, 6, 7)) == 7
