"""What `mrcnn-roi show` draws: proposals of a model, and the levels of data that has to be resized."""

import contextlib
import sys

import numpy as np
import pytest

from mrcnn_roi.datasets import Dataset
from mrcnn_roi.engine.mask_rcnn import MaskRCNN
from mrcnn_roi.engine.run_folder import describe_run
from mrcnn_roi.engine.showing import show_levels, show_rois, show_sampling, toy_shapes


@contextlib.contextmanager
def silent(title, total):
    yield lambda **state: None


class Rectangles(Dataset):
    """One object an image, (height, width) given; the last image cannot be read."""

    def __init__(self, *sizes):
        super().__init__()
        self.sizes = sizes
        self.add_class("r", 1, "rectangle")
        for i in range(len(sizes) + 1):
            self.add_image("r", i, path=f"{i}.png")
        self.prepare()

    def load_image(self, image_id):
        if image_id == len(self.sizes):
            raise OSError("broken")
        return np.zeros((128, 256, 3), np.uint8)

    def load_mask(self, image_id):
        mask = np.zeros((128, 256, 1), bool)
        height, width = self.sizes[image_id]
        mask[10 : 10 + height, 20 : 20 + width] = True
        return mask, np.array([1], np.int32)


def test_levels_are_those_of_the_molded_image(small_config, tmp_path):
    class Doubled(small_config):
        IMAGE_MIN_DIM = 256
        IMAGE_MAX_DIM = 512

    # Twice as large in the network: 40, 100 and 200 pixels; one pixel stays two.
    lines = show_levels(tmp_path / "a.png", Rectangles((20, 20), (50, 50), (100, 100), (1, 1)), Doubled(), silent)
    assert lines[0] == "4 boxes of 4 images; 1 image was not read"
    assert [line.rpartition(": ")[2] for line in lines[1:]] == ["2 RoIs (50%)", "1 RoI (25%)", "1 RoI (25%)", "0 RoIs"]
    assert (tmp_path / "a.png").is_file()


def test_boxes_that_vanish_are_counted(small_config, tmp_path):
    lines = show_levels(tmp_path / "a.png", Rectangles((1, 1), (100, 100)), small_config(), silent)
    assert lines[0].startswith("1 box of 2 images; 1 box vanishes in resizing; 1 image was not read")


def test_the_proposals_of_a_model(small_config, boxes, tmp_path, capsys):
    config = small_config()
    model = MaskRCNN("inference", config, tmp_path)
    weights = tmp_path / "run" / "model.weights.h5"
    describe_run(weights.parent, config, ["BG", "wide", "tall"])
    model.keras_model.save_weights(weights)
    dataset = boxes if isinstance(boxes, Dataset) else boxes()
    lines = show_rois(tmp_path / "rois.png", dataset, 1, config, weights)
    assert lines[0].startswith('image 1 "box-1.png", molded to 64 x 64 pixels: ')
    assert " proposals" in lines[0]
    counts = [int(line.rpartition(": ")[2].split()[0]) for line in lines[1:]]
    padding = int(lines[0].split("left out: ")[1].split()[0]) if "left out" in lines[0] else 0
    assert sum(counts) + padding == config.POST_NMS_ROIS_INFERENCE
    assert (tmp_path / "rois.png").is_file()


def test_the_boxes_of_an_image_are_those_that_train(tmp_path):
    from mrcnn_roi.config import Config

    with toy_shapes(1) as dataset:
        lines = show_rois(tmp_path / "rois.png", dataset, 0, Config())
        count = len(dataset.load_mask(0)[1])
    assert lines[0] == f'image 0 "000000.png", molded to 1024 x 1024 pixels: {count} ground-truth boxes'


def test_nothing_read_is_said_in_words(tmp_path):
    lines = show_sampling(tmp_path / "a.png", (-100, -100, 600, 600), (16, 16), 32, 2, 1, False)
    assert lines[-1].endswith("gains   0% beside it, reads nothing")


def test_pictures_need_no_tensorflow():
    import subprocess

    code = "import sys, mrcnn_roi.engine.showing, mrcnn_roi.drawing; print({'tensorflow', 'keras'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"


def test_an_image_that_is_not_there_is_refused(small_config, tmp_path):
    with pytest.raises(ValueError, match="expected an image of 0 to 1, received -1"):
        show_rois(tmp_path / "a.png", Rectangles((5, 5)), -1, small_config())


def test_the_levels_are_those_of_the_config(small_config, tmp_path):
    class TwoLevels(small_config):
        ROI_POOL_LEVELS = (3, 4)

    with toy_shapes(2) as dataset:
        _, *lines = show_levels(tmp_path / "levels.png", dataset, TwoLevels(), silent)
    assert [line.split()[0] for line in lines] == ["P3,", "P4,"]
    assert lines[1].split()[2] == "16,"
