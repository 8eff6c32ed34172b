"""Pictures of images with any number of channels, depth and range: every one of them can be drawn."""

import json

import numpy as np
import pytest
from PIL import Image

from mrcnn_roi.checks.splits import Split, mold
from mrcnn_roi.config import Config
from mrcnn_roi.datasets import load_dataset
from mrcnn_roi.datasets.scan import scan_dataset
from mrcnn_roi.drawing.dataset import display_images, display_samples, display_top_masks
from mrcnn_roi.drawing.instances import draw_instances
from mrcnn_roi.drawing.overlay import displayable, displayable_molded
from mrcnn_roi.drawing.report import write_report
from mrcnn_roi.drawing.report_samples import draw_batch
from mrcnn_roi.inputs.sample import build_sample
from mrcnn_roi.ops.images import mold_image_float32

CASES = [
    (channels, dtype, scale)
    for channels in (1, 2, 4, 5)
    for dtype, scale in ((np.uint8, 250), (np.uint16, 60_000), (np.float32, 1), (np.float32, -30))
]


def image_of(channels, dtype, scale, height=48, width=64):
    return (np.random.default_rng(channels).random((height, width, channels)) * scale).astype(dtype)


def config(channels, image):
    settings = {"NAME": "t", "NUM_CLASSES": 2, "IMAGES_PER_GPU": 1, "IMAGE_MIN_DIM": 64, "IMAGE_MAX_DIM": 64}
    settings |= {"IMAGE_CHANNEL_COUNT": channels, "MEAN_PIXEL": np.full(channels, float(image.mean()))}
    return type("Channels", (Config,), settings | {"RPN_ANCHOR_SCALES": (8, 16, 32, 64, 128)})()


def dataset(folder, image):
    np.save(folder / "a.npy", image)
    record = {"id": 1, "image_id": 1, "category_id": 1, "iscrowd": 0, "bbox": [9, 8, 30, 20], "area": 600}
    record["segmentation"] = [[9, 8, 39, 8, 39, 28, 9, 28]]
    images = [{"id": 1, "file_name": "a.npy", "height": image.shape[0], "width": image.shape[1]}]
    content = {"images": images, "annotations": [record], "categories": [{"id": 1, "name": "cat"}]}
    (folder / "a.json").write_text(json.dumps(content))
    return load_dataset(folder / "a.json")


@pytest.mark.parametrize("channels, dtype, scale", CASES)
def test_an_array_is_drawn(channels, dtype, scale):
    image = image_of(channels, dtype, scale)
    shown = displayable(image)
    assert shown.shape == (48, 64, 3)
    assert np.ptp(shown) > 200  # the range of the data fills that of the screen
    mask = np.zeros((48, 64, 1), bool)
    mask[9:30, 5:50] = True
    box = np.array([[9, 5, 30, 50]])
    assert draw_instances(image, box, mask, np.array([1]), ["BG", "cat"]).shape == (48, 64, 3)
    molded = displayable_molded(mold_image_float32(image, np.full(channels, float(image.mean()))), image.mean())
    assert np.abs(molded.astype(int) - shown).max() <= 1


@pytest.mark.parametrize("channels, dtype, scale", [(2, np.uint16, 60_000), (5, np.float32, -30)])
def test_a_dataset_is_drawn(tmp_path, channels, dtype, scale):
    image = image_of(channels, dtype, scale)
    display_images([image, image[..., 0]], path=tmp_path / "images.png")
    display_top_masks(image, np.ones((48, 64, 1)), np.array([1]), ["BG", "cat"], path=tmp_path / "masks.png")
    data, made = dataset(tmp_path, image), config(channels, image)
    display_samples(data, path=tmp_path / "sheet.png")
    with Image.open(tmp_path / "sheet.png") as sheet:
        assert np.ptp(np.asarray(sheet.convert("L"))) > 100
    scan = scan_dataset(data, channels=channels)
    sample = build_sample(data, made, 0, np.random.default_rng(0))
    batch = draw_batch([sample], made, ["a"], ["BG", "cat"])
    assert batch.note == ""
    assert len(batch.pictures) == 1
    split = Split("train", data, scan, mold(made, scan))
    page = write_report(tmp_path / "report.html", (), made, [split]).read_text()
    assert "no picture:" not in page
