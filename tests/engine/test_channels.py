"""Detection and evaluation ask for the channels that the model takes."""

from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from mrcnn_roi.datasets import Dataset
from mrcnn_roi.engine.commands import detect_file, image_files
from mrcnn_roi.engine.evaluating import evaluate
from mrcnn_roi.findings import SetupError

PIXELS = np.random.default_rng(0).integers(0, 256, (40, 60, 5), dtype=np.uint8)


class Model:
    """Keeps the images that it is given, and finds nothing in them."""

    def __init__(self, channels):
        self.config = SimpleNamespace(IMAGE_CHANNEL_COUNT=channels, BATCH_SIZE=2)
        self.seen = []

    def detect(self, images):
        self.seen += images
        shape = (40, 60, 0)
        nothing = {"rois": np.zeros((0, 4), int), "class_ids": np.zeros(0, int), "scores": np.zeros(0)}
        return [nothing | {"masks": np.zeros(shape, bool)} for _ in images]


@pytest.mark.parametrize("channels", [1, 3, 4, 5])
def test_detect_file(tmp_path, channels):
    np.save(tmp_path / "a.npy", PIXELS if channels == 5 else PIXELS[..., :4])
    (path,) = image_files([tmp_path])
    model = Model(channels)
    drawn = detect_file(model, path, ["BG", "cat"], tmp_path / "out").drawing
    assert [each.shape for each in model.seen] == [(40, 60, channels)]
    with Image.open(drawn) as picture:
        assert (picture.mode, picture.size) == ("RGB", (60, 40))


def test_detect_file_without_the_bands(tmp_path):
    Image.fromarray(PIXELS[..., :3].copy()).save(tmp_path / "a.png")
    with pytest.raises(SetupError, match=r"ds-channels.*a\.png"):
        detect_file(Model(4), tmp_path / "a.png", ["BG"], tmp_path / "out")


@pytest.mark.parametrize("channels", [1, 4])
def test_evaluate(tmp_path, channels):
    class Data(Dataset):
        def load_mask(self, image_id):
            return np.ones((40, 60, 1), bool), np.ones(1, np.int32)

    Image.fromarray(PIXELS[..., :4].copy()).save(tmp_path / "a.png")
    data, model = Data(), Model(channels)
    data.add_class("own", 1, "cat")
    for number in range(3):
        data.add_image("own", number, str(tmp_path / "a.png"))
    data.prepare()
    evaluate(model, data)
    assert [each.shape for each in model.seen] == [(40, 60, channels)] * 3
