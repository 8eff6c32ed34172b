"""Grids of images, masks by class, and the contact sheet."""

import numpy as np
import pytest
from PIL import Image

from mrcnn_roi.drawing.dataset import display_images, display_samples, display_top_masks
from mrcnn_roi.findings import Finding, SetupError, Severity


class Photographs:
    """Stands for a prepared Dataset: images of several sizes, the last one without instances."""

    sizes = [(40, 60), (90, 30), (30, 30), (1000, 1500), (20, 50)]
    class_names = ["BG", "cat"]
    image_ids = np.arange(5)
    image_info = [{"id": f"photo $_{i}"} for i in range(5)]

    def __init__(self):
        self.loaded = []

    def load_image(self, image_id):
        self.loaded.append(int(image_id))
        return np.full((*self.sizes[image_id], 3), 90, np.uint8)

    def load_mask(self, image_id):
        if image_id == 4:
            return np.empty((0, 0, 0)), np.empty(0, np.int32)
        masks = np.zeros((*self.sizes[image_id], 2), bool)
        masks[5:20, 5:25, 0] = masks[10:11, 10:11, 1] = True
        return masks, np.array([1, -1], np.int32)


def test_grid(shown):
    images = [np.full((20, 30, 3), 200.0), np.eye(8) * 0.5, np.ones((8, 8, 1), bool)]
    display_images(images, ["rgb", "floats $x", "long " * 50], cols=2, cmap="gray")
    (figure,) = shown
    assert len(figure.axes) == 4
    assert [axes.get_title() for axes in figure.axes[:2]] == ["rgb", "floats $x"]
    assert figure.axes[2].get_title().endswith("…")
    assert figure.axes[0].images[0].get_array().dtype == np.uint8
    np.testing.assert_array_equal(figure.axes[1].images[0].get_array(), np.eye(8) * 0.5)
    assert figure.axes[1].images[0].get_cmap().name == "gray"
    assert not figure.axes[3].images


def test_grid_takes_an_array_of_images(tmp_path):
    display_images(np.zeros((3, 10, 10, 3), np.uint8), cols=4, path=tmp_path / "grid.png")
    with Image.open(tmp_path / "grid.png") as picture:
        width, height = picture.size
    assert width > 2.5 * height


@pytest.mark.parametrize("images, titles", [([], None), ([np.zeros((3, 3))], ["a", "b"])])
def test_wrong_calls_are_refused(images, titles):
    with pytest.raises(ValueError, match="expected images and as many titles, received"):
        display_images(images, titles)


def test_top_masks_by_area(shown):
    masks = np.zeros((20, 30, 3), bool)
    masks[:2, :2, 0] = masks[5:15, 5:15, 1] = masks[16:, 16:, 2] = True
    display_top_masks(np.zeros((20, 30, 3), np.uint8), masks, np.array([1, 2, 2]), ["BG", "cat", "dog"], limit=3)
    (figure,) = shown
    assert [axes.get_title() for axes in figure.axes] == ["H x W=20x30", "dog", "cat", "-"]
    dog = figure.axes[1].images[0].get_array()
    assert (dog[6, 6], dog[18, 18], dog[0, 0]) == (1, 2, 0)
    assert figure.axes[1].images[0].get_cmap().name == "Blues_r"


def test_top_masks_stop_at_the_limit(shown):
    masks = np.ones((4, 4, 3), bool)
    display_top_masks(np.zeros((4, 4, 3), np.uint8), masks, np.array([1, 2, 2]), ["BG", "cat", "dog"], limit=1)
    assert [axes.get_title() for axes in shown[0].axes] == ["H x W=4x4", "dog"]


def test_contact_sheet(shown):
    dataset = Photographs()
    display_samples(dataset)
    assert dataset.loaded == [0, 1, 2, 3, 4]
    axes = shown[0].axes
    assert axes[3].get_title() == "image 3, photo $_3\n1500 x 1000, 2 instances"
    assert axes[4].get_title() == "image 4, photo $_4\n50 x 20, 0 instances"
    large = axes[3].images[0].get_array()
    assert large.shape == (293, 440, 3)
    assert np.any(large != 90)
    assert np.all(axes[4].images[0].get_array() == 90)


def test_contact_sheet_draws_by_lot_repeatably(shown):
    first, second, other = Photographs(), Photographs(), Photographs()
    display_samples(first, count=2)
    display_samples(second, count=2)
    display_samples(other, image_ids=[4, 0])
    assert len(first.loaded) == 2
    assert first.loaded == second.loaded
    assert other.loaded == [4, 0]


class Faulty(Photographs):
    """Masks of another size, a file that is missing, no masks at all, and two sound images."""

    def load_image(self, image_id):
        if image_id == 1:
            raise SetupError(Finding("ds-file-missing", Severity.ERROR, "no such file", "copy it", "b\u4e2d.png"))
        return super().load_image(image_id)

    def load_mask(self, image_id):
        masks, class_ids = super().load_mask(image_id)
        if image_id == 2:
            return None
        return (masks[:-3], class_ids) if image_id == 0 else (masks, class_ids)


def test_a_bad_image_becomes_a_tile_with_its_error(shown):
    display_samples(Faulty())
    axes = shown[0].axes
    titles = [each.get_title() for each in axes[:5]]
    assert titles[:3] == [f"image {i}, photo $_{i}\ncannot be drawn" for i in range(3)]
    assert titles[3:] == ["image 3, photo $_3\n1500 x 1000, 2 instances", "image 4, photo $_4\n50 x 20, 0 instances"]
    for tile in (each.images[0].get_array() for each in axes[:3]):
        assert tile.shape == (330, 440, 3)
        assert 200 < np.count_nonzero(np.ptp(tile, axis=2) > 60) < 20_000  # text
