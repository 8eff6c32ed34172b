"""display_instances and draw_instances."""

import subprocess
import sys

import numpy as np
import pytest
from matplotlib.patches import Polygon, Rectangle
from PIL import Image

from mrcnn_roi.drawing.instances import display_instances, draw_instances
from mrcnn_roi.drawing.overlay import apply_mask

RED_BLUE = [(1.0, 0.0, 0.0), (0.0, 0.0, 1.0)]


def patches(axes, kind):
    return [patch for patch in axes.patches if type(patch) is kind]


def captions(axes):
    return [text.get_text() for text in axes.texts]


def test_draws_boxes_masks_outlines_and_captions_on_given_axes(scene, axes, shown):
    image, boxes, masks, class_ids, names, scores = scene
    display_instances(image, boxes, masks, class_ids, names, scores, title="two", ax=axes, colors=RED_BLUE)
    assert captions(axes) == ["cat 0.987", "dog 0.500"]
    assert axes.get_title() == "two"
    corners = [(patch.get_y(), patch.get_x(), patch.get_height(), patch.get_width()) for patch in axes.patches[::2]]
    assert corners == [(9.5, 9.5, 30, 20), (19.5, 44.5, 35, 30)]
    assert len(patches(axes, Polygon)) == 2
    expected = image.copy()
    for i in range(2):
        apply_mask(expected, masks[..., i], RED_BLUE[i])
    np.testing.assert_array_equal(axes.images[0].get_array(), expected)
    assert np.all(image == 100)
    assert shown == []


def test_switches_for_masks_and_boxes(scene, axes):
    image, boxes, masks, class_ids, names, _ = scene
    display_instances(image, boxes, masks, class_ids, names, ax=axes, show_mask=False, show_bbox=False)
    assert np.all(axes.images[0].get_array() == 100)
    assert patches(axes, Rectangle) == []
    assert len(patches(axes, Polygon)) == 2
    assert captions(axes) == ["cat", "dog"]


def test_own_captions_and_padding_rows(scene, axes):
    image, boxes, masks, class_ids, names, scores = scene
    boxes[0] = 0
    display_instances(image, boxes, masks, class_ids, names, scores, ax=axes, captions=["first", "second"])
    assert captions(axes) == ["second"]
    assert len(patches(axes, Rectangle)) == 1


def test_boxes_alone(scene, axes):
    image, boxes, _, class_ids, names, _ = scene
    display_instances(image, boxes, None, class_ids, names, ax=axes)
    assert len(patches(axes, Rectangle)) == 2
    assert patches(axes, Polygon) == []


def test_no_instances(scene, axes, capsys):
    image, _, _, _, names, _ = scene
    display_instances(image, np.zeros((0, 4)), np.zeros((60, 80, 0)), np.zeros(0), names, np.zeros(0), ax=axes)
    assert capsys.readouterr().out == "\n*** No instances to display *** \n\n"
    assert np.all(axes.images[0].get_array() == 100)


def test_shows_when_there_is_neither_axes_nor_path(scene, shown):
    display_instances(*scene)
    assert len(shown) == 1


def test_a_saved_picture_fits_the_image(scene, tmp_path, shown):
    display_instances(*scene, title="saved", figsize=(8, 8), path=tmp_path / "instances.png")
    with Image.open(tmp_path / "instances.png") as picture:
        width, height = picture.size
    assert width == pytest.approx(800, abs=40)
    assert height == pytest.approx(800 * 80 / 100 + 45, abs=60)
    assert shown == []


@pytest.mark.parametrize("function", [display_instances, draw_instances])
@pytest.mark.parametrize(
    "change, message",
    [
        ({"masks": np.zeros((60, 80, 3), bool)}, "expected 2 masks, one a box, received 3"),
        ({"class_ids": [1]}, "expected 2 class_ids, one a box, received 1"),
        ({"scores": [0.5]}, "expected 2 scores, one a box, received 1"),
        ({"colors": RED_BLUE[:1]}, "expected 2 colors, one a box, received 1"),
        ({"captions": ["a"]}, "expected 2 captions, one a box, received 1"),
        ({"class_ids": [1, 3]}, "expected class ids below 3, received 3"),
    ],
)
def test_counts_that_disagree_are_refused(scene, function, change, message):
    arguments = dict(zip(("image", "boxes", "masks", "class_ids", "class_names", "scores"), scene))
    with pytest.raises(ValueError, match=message):
        function(**{**arguments, **change})


def test_draw_instances_paints_masks_rims_boxes_and_labels(scene):
    image, boxes, masks, class_ids, names, scores = scene
    drawn = draw_instances(image, boxes, masks, class_ids, names, scores, colors=RED_BLUE, captions=["", ""])
    assert drawn.dtype == np.uint8
    assert drawn.shape == image.shape
    assert np.all(image == 100)
    assert drawn[30, 20].tolist() == [169, 55, 55]  # 0.55 * 100 + 0.45 * color
    assert drawn[10, 20].tolist() == drawn[25, 29].tolist() == [255, 0, 0]
    assert drawn[54, 60].tolist() == drawn[25, 74].tolist() == [0, 0, 255]
    assert drawn[12, 12].tolist() == drawn[5, 5].tolist() == [100, 100, 100]
    labelled = draw_instances(image, boxes, masks, class_ids, names, scores, colors=RED_BLUE)
    assert np.any(labelled != drawn)


def test_draw_instances_is_repeatable_and_needs_no_masks(scene):
    image, boxes, _, class_ids, names, scores = scene
    first = draw_instances(image, boxes, None, class_ids, names, scores)
    np.testing.assert_array_equal(first, draw_instances(image, boxes, None, class_ids, names, scores))
    assert np.any(first != image)


def test_draw_instances_without_instances_is_the_image(scene):
    image, names = scene[0], scene[4]
    drawn = draw_instances(image, np.zeros((0, 4), int), np.zeros((60, 80, 0)), [], names, [])
    np.testing.assert_array_equal(drawn, image)


def test_draw_instances_outside_the_image(scene):
    image, names = scene[0], scene[4]
    boxes = np.array([[-30, -30, 200, 300], [50, 70, 50, 70]])
    drawn = draw_instances(image, boxes, None, [1, 2], names, [0.9, 0.8])
    assert drawn.shape == image.shape


def test_draw_instances_imports_neither_matplotlib_nor_tensorflow():
    code = (
        "import sys, numpy as np; from mrcnn_roi.drawing import draw_instances\n"
        "draw_instances(np.zeros((50, 60, 3), np.uint8), np.array([[5, 5, 30, 30]]), None, [1], 'ab')\n"
        "assert not {'matplotlib', 'tensorflow', 'keras'} & set(sys.modules), 'imported'"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_pedestrians(pennfudan, tmp_path):
    image = np.array(Image.open(pennfudan / "PNGImages" / "FudanPed00001.png").convert("RGB"))
    labels = np.array(Image.open(pennfudan / "PedMasks" / "FudanPed00001_mask.png"))
    masks = np.stack([labels == i for i in range(1, int(labels.max()) + 1)], axis=-1)
    boxes = np.array([[181, 159, 431, 302], [170, 419, 486, 535]])
    display_instances(image, boxes, masks, [1, 1], ["BG", "person"], figsize=(5, 5), path=tmp_path / "p.png")
    saved = np.array(Image.open(tmp_path / "p.png").convert("RGB"))
    assert saved.std() > 20
    drawn = draw_instances(image, boxes, masks, [1, 1], ["BG", "person"])
    changed = np.any(drawn != image, axis=-1)
    assert changed[masks.any(axis=-1)].mean() > 0.95
    assert changed[:100].sum() == 0
