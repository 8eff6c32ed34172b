"""The channel count of the config on its way through datasets, scan, preflight and samples."""

import base64
import io
import json
import os
import re

import numpy as np
import pytest
import tifffile
from PIL import Image

from mrcnn_roi.checks.environment import Environment
from mrcnn_roi.checks.splits import Split, mold
from mrcnn_roi.checks.suggestions.pixels import suggest_pixels
from mrcnn_roi.config import Config
from mrcnn_roi.datasets import Dataset, load_dataset, split_dataset
from mrcnn_roi.datasets.base import load_channels, takes_channels
from mrcnn_roi.datasets.scan import scan_dataset
from mrcnn_roi.findings import SetupError, Severity
from mrcnn_roi.inputs.sample import build_sample, load_image_gt
from mrcnn_roi.ops.images import mold_image_float32, resize_image
from mrcnn_roi.preflight import preflight

from .builders import annotation, coco_file, label_map_file
from .labelme_files import content, shape

PIXELS = np.random.default_rng(0).random((40, 60, 8)) * 250
FLOATS = PIXELS.astype(np.float32)
FILES = {
    "grey png": ("a.png", lambda path: Image.fromarray(PIXELS[..., 0].astype(np.uint8)).save(path)),
    "rgb jpg": ("a.jpg", lambda path: Image.fromarray(PIXELS[..., :3].astype(np.uint8)).save(path)),
    "rgba png": ("a.png", lambda path: Image.fromarray(PIXELS[..., :4].astype(np.uint8)).save(path)),
    "tiff of 5": ("a.tif", lambda path: tifffile.imwrite(path, FLOATS[..., :5], planarconfig="contig")),
    "array of 8": ("a.npy", lambda path: np.save(path, PIXELS.astype(np.uint16))),
    "array of 20": ("a.npy", lambda path: np.save(path, np.repeat(PIXELS[..., :4], 5, axis=2).astype(np.uint8))),
    "channels first": ("a.npy", lambda path: np.save(path, np.moveaxis(PIXELS, -1, 0).astype(np.uint8))),
}
ENVIRONMENT = Environment("tensorflow", "3.3", "2.16", 0, None)


def coco(folder, kind, count=2):
    """A COCO set of `count` images of a kind of FILES."""
    name, save = FILES[kind]
    images = [{"id": i + 1, "file_name": f"{i}{name}", "height": 40, "width": 60} for i in range(count)]
    for each in images:
        save(folder / each["file_name"])
    annotations = [annotation(id=i + 1, image_id=i + 1) for i in range(count)]
    return load_dataset(coco_file(folder, annotations, images, draw=False))


def config(channels, mean=None):
    settings = {"NAME": "t", "NUM_CLASSES": 2, "IMAGES_PER_GPU": 1, "IMAGE_MIN_DIM": 64, "IMAGE_MAX_DIM": 64}
    settings |= {"IMAGE_CHANNEL_COUNT": channels, "RPN_ANCHOR_SCALES": (8, 16, 32, 64, 128)}
    settings["MEAN_PIXEL"] = np.full(channels, 125.0) if mean is None else np.array(mean)
    return type("Channels", (Config,), settings)()


def found(data, channels, fast=False):
    """code -> finding, of those that are about channels and pixels."""
    findings = preflight(config(channels), data, data, environment=ENVIRONMENT, fast=fast)
    about = ("ds-channels", "ds-alpha", "ds-bit", "ds-size", "ds-file-un", "ds-file-mis", "cfg-channel", "check-failed")
    return {each.code: each for each in findings if each.code.startswith(about)}


@pytest.mark.parametrize(
    "kind, channels, codes, expected",
    [
        ("grey png", 1, [], (40, 60, 1)),
        ("grey png", 3, [], (40, 60, 3)),
        ("grey png", 4, ["ds-channels"], None),
        ("rgb jpg", 1, [], (40, 60, 1)),
        ("rgb jpg", 3, [], (40, 60, 3)),
        ("rgb jpg", 4, ["ds-channels"], None),
        ("rgba png", 3, ["ds-alpha-dropped"], (40, 60, 3)),
        ("rgba png", 4, [], (40, 60, 4)),
        ("tiff of 5", 1, ["ds-channels"], None),
        ("tiff of 5", 3, ["ds-alpha-dropped"], (40, 60, 3)),
        ("tiff of 5", 5, [], (40, 60, 5)),
        ("tiff of 5", 6, ["ds-channels"], None),
        ("array of 8", 8, [], (40, 60, 8)),
        ("array of 20", 20, [], (40, 60, 20)),
        ("channels first", 8, ["ds-channels"], None),
    ],
)
def test_findings_and_samples_agree(tmp_path, kind, channels, codes, expected):
    data = coco(tmp_path, kind)
    assert sorted(found(data, channels)) == codes
    assert sorted(found(data, channels, fast=True)) == [code for code in codes if code == "ds-channels"]
    if expected is None:
        with pytest.raises(SetupError, match="ds-channels"):
            build_sample(data, config(channels), 0, np.random.default_rng(0))
        return
    scan, fast = scan_dataset(data, channels=channels), scan_dataset(data, channels=channels, fast=True)
    assert scan.channels.tolist() == fast.channels.tolist() == [channels] * 2
    image = load_channels(data, 0, channels)
    assert image.shape == expected
    np.testing.assert_allclose(scan.channel_mean[0, : min(channels, 16)], image.mean(axis=(0, 1))[:16], rtol=1e-5)
    sample = build_sample(data, config(channels), 0, np.random.default_rng(0))
    assert sample["input_image"].shape == (64, 64, channels)
    assert sample["input_image"].dtype == np.float32
    assert load_image_gt(data, config(channels), 0)[0].dtype == image.dtype


@pytest.mark.parametrize(
    "kind, channels, words",
    [
        ("rgb jpg", 4, r"set IMAGE_CHANNEL_COUNT = 3 and MEAN_PIXEL = \[\d+\.\d, \d+\.\d, \d+\.\d\], or save these"),
        ("tiff of 5", 6, r"set IMAGE_CHANNEL_COUNT = 5 and MEAN_PIXEL = \[(\d+\.\d, ){4}\d+\.\d\], or save these"),
        ("tiff of 5", 3, "^set IMAGE_CHANNEL_COUNT = 5 and MEAN_PIXEL to 5 values$"),
        ("rgba png", 3, "^if alpha holds a measurement, set IMAGE_CHANNEL_COUNT = 4 and MEAN_PIXEL to 4 values$"),
        ("channels first", 8, r"np.save\(path, np.moveaxis\(image, 0, -1\)\)"),
    ],
)
def test_what_to_do_about_them(tmp_path, kind, channels, words):
    (finding,) = found(coco(tmp_path, kind), channels).values()
    assert re.search(words, finding.fix)
    assert "load_image" not in finding.fix


def test_bands_are_turned_with_their_annotations(tmp_path):
    """Stored 60 x 40 and shown 40 x 60, which is what was annotated: rows 0 and 1 of the pixels are on the right."""
    stored = np.zeros((40, 60, 5), np.uint16)
    stored[:2] = 7
    more = [(0x0112, 3, 1, 6, True)]
    tifffile.imwrite(tmp_path / "a.tif", stored, photometric="minisblack", planarconfig="contig", extratags=more)
    right = annotation(segmentation=[[38, 0, 40, 0, 40, 60, 38, 60]], bbox=[38, 0, 2, 60], area=120)
    images = [{"id": 1, "file_name": "a.tif", "height": 60, "width": 40}]
    data = load_dataset(coco_file(tmp_path, [right], images, draw=False))
    image, masks = load_channels(data, 0, 5), data.load_mask(0)[0]
    assert image.shape == (60, 40, 5)
    np.testing.assert_array_equal(image[..., 4] == 7, masks[..., 0])
    for fast in (False, True):
        scan = scan_dataset(data, channels=5, fast=fast)
        assert (scan.height[0], scan.width[0], scan.exif_orientation[0], scan.exif_applied[0]) == (60, 40, 6, 1)
        assert found(data, 5, fast) == {}


def test_one_picture_among_others(tmp_path):
    data = coco(tmp_path, "rgba png", 3)
    Image.fromarray(PIXELS[..., :3].astype(np.uint8)).save(tmp_path / "1a.png")
    finding = found(data, 4)["ds-channels"]
    assert finding.severity is Severity.ERROR
    assert '1 of 3 images: image 1 "1a.png"' in finding.message
    assert finding.fix == "save these images with 4 bands, or leave them out"


@pytest.mark.parametrize("kind, channels", [("array of 8", 8), ("tiff of 5", 5), ("grey png", 1)])
def test_the_mean_is_suggested_for_every_channel(tmp_path, kind, channels):
    data = coco(tmp_path, kind)
    made = config(channels, np.zeros(channels) + 1.0)
    scan = scan_dataset(data, channels=channels)
    suggested = suggest_pixels(made, [Split("train", data, scan, mold(made, scan))])
    np.testing.assert_allclose(suggested["MEAN_PIXEL"].value, PIXELS[..., :channels].mean(axis=(0, 1)), atol=1)
    assert "IMAGE_CHANNEL_COUNT" not in suggested


def test_the_channels_that_the_files_have_are_suggested(tmp_path):
    data = coco(tmp_path, "rgb jpg")
    scan = scan_dataset(data, channels=4)
    suggested = suggest_pixels(config(4), [Split("train", data, scan, mold(config(4), scan))])
    assert suggested["IMAGE_CHANNEL_COUNT"].value == 3


def test_parts_of_parts_hand_the_channels_on(tmp_path):
    data = coco(tmp_path, "tiff of 5", 6)
    train, _ = split_dataset(data, 0.3)
    part, _ = split_dataset(train, 0.3)
    for each in (data, train, part):
        assert takes_channels(each)
        assert load_channels(each, 0, 5).shape == (40, 60, 5)
        assert each.load_image(0).shape == (40, 60, 3)
        assert each.load_image(0, 5).shape == (40, 60, 5)


class Own(Dataset):
    """A user's class in Matterport's style, whose load_image takes an image id alone."""

    def load_image(self, image_id):
        return np.full((40, 60, 2), 9, np.uint8)

    def load_mask(self, image_id):
        return np.ones((40, 60, 1), bool), np.ones(1, np.int32)


class Plain(Dataset):
    """The same without a load_image of its own."""

    load_mask = Own.load_mask


def prepared(dataset, path):
    dataset.add_class("own", 1, "thing")
    dataset.add_image("own", 1, str(path))
    dataset.add_image("own", 2, str(path))
    dataset.prepare()
    return dataset


def test_a_load_image_of_the_user_is_called_as_it_is(tmp_path):
    FILES["rgb jpg"][1](tmp_path / "a.jpg")
    own = prepared(Own(), tmp_path / "a.jpg")
    for data in (own, split_dataset(own, 0.5)[0]):
        assert not takes_channels(data)
        assert load_channels(data, 0, 5).shape == (40, 60, 2)
    assert scan_dataset(own, channels=2).channels.tolist() == [2, 2]
    assert build_sample(own, config(2), 0, np.random.default_rng(0))["input_image"].shape == (64, 64, 2)
    (finding,) = found(own, 4).values()
    assert finding.code == "ds-channels"
    assert "from load_image" in finding.fix
    plain = prepared(Plain(), tmp_path / "a.jpg")
    assert load_channels(plain, 0, 1).shape == (40, 60, 1)
    assert list(found(plain, 1)) == []


def test_label_maps_of_arrays(tmp_path):
    (tmp_path / "images").mkdir()
    for name in ("a", "b"):
        np.save(tmp_path / "images" / f"{name}.npy", PIXELS.astype(np.float32))
        label_map_file(tmp_path / "masks" / f"{name}.png")
    Image.fromarray(PIXELS[..., :3].astype(np.uint8)).save(tmp_path / "images" / "b.png")
    data = load_dataset(tmp_path)
    names = [os.path.basename(info["path"]) for info in data.image_info]
    assert names == ["a.npy", "b.png"]  # beside a picture an array is something else
    assert data.annotation_problems == []
    assert load_channels(data, 0, 8).shape == (40, 60, 8)
    assert len(data.load_mask(0)[1]) == 2


def test_images_inside_labelme_files(tmp_path):
    file = io.BytesIO()
    Image.fromarray(PIXELS[..., :4].astype(np.uint8)).save(file, "PNG")
    inside = base64.b64encode(file.getvalue()).decode()
    (tmp_path / "a.json").write_text(json.dumps(content(shape(), image="no.png", imageData=inside)))
    data = load_dataset(tmp_path)
    for channels in (1, 3, 4):
        assert load_channels(data, 0, channels).shape == (40, 60, channels)
    with pytest.raises(SetupError, match="ds-channels"):
        load_channels(data, 0, 5)


def test_the_cache_keeps_channel_counts_apart(tmp_path, monkeypatch):
    monkeypatch.setenv("MRCNN_ROI_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("mrcnn_roi.datasets.scan.KEPT", 0.0)
    data = coco(tmp_path, "rgba png")
    for _ in range(2):
        for channels in (1, 3, 4):
            scan = scan_dataset(data, channels=channels)
            assert scan.channels.tolist() == [channels] * 2
            assert scan.alpha_varies.all() == (channels != 4)


@pytest.mark.parametrize("channels", [1, 2, 4, 5])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int16, np.float32, np.float64])
def test_resizing_and_molding_keep_type_and_channels(dtype, channels):
    image = PIXELS[..., :channels].astype(dtype)
    mean = np.arange(channels) + 0.5
    for side in (64, 48):
        resized, *_ = resize_image(image, min_dim=side, max_dim=side)
        assert resized.shape == (side, side, channels)
        assert resized.dtype == dtype
        for each in (mean, mean[:1]):
            molded = mold_image_float32(resized, type("C", (), {"MEAN_PIXEL": each}))
            assert molded.dtype == np.float32
            np.testing.assert_allclose(molded, resized.astype(np.float64) - each, rtol=1e-5, atol=1e-4)
