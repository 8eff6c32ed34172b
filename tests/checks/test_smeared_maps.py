"""Label maps that were interpolated, told from crowded ones by areas and boxes."""

from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image, ImageDraw

from mrcnn_roi.checks.smeared_maps import smeared_images
from mrcnn_roi.ops.masks import extract_bboxes

from .toy import find, sample, toys


def judged(numbers, crowd=1, **info):
    """Whether a map of numbers [H, W] counts as smeared."""
    masks = numbers[..., None] == np.unique(numbers)[1:]
    count = masks.shape[2]
    scan = SimpleNamespace(
        image_ids=np.array([0]),
        instance_image=np.zeros(count, np.int64),
        mask_area=masks.sum(axis=(0, 1)),
        class_id=np.full(count, crowd),
        box=extract_bboxes(masks),
    )
    return bool(smeared_images(SimpleNamespace(image_info=[info]), scan)[0])


def shapes(values, seed=0):
    """Discs and triangles of these numbers."""
    rng, picture = np.random.default_rng(seed), Image.new("L", (260, 200))
    pencil = ImageDraw.Draw(picture)
    for value in values:
        x, y, size = (*rng.integers(10, 130, 2).tolist(), int(rng.integers(30, 60)))
        pencil.ellipse((x, y, x + size, y + size), fill=value)
        pencil.polygon([(x + 60, y), (x + 60 + size, y + size // 3), (x + 60, y + size)], fill=value)
    return picture


@pytest.mark.parametrize("values", [(255,), (90, 200), tuple(range(20, 250, 25))])
@pytest.mark.parametrize("factor", [0.5, 0.7, 2, 4])
@pytest.mark.parametrize("name", ["BICUBIC", "LANCZOS", "NEAREST"])
def test_interpolation_is_told_by_its_debris(values, factor, name):
    resampling = getattr(Image.Resampling, name)
    resized = shapes(values).resize((int(260 * factor), int(200 * factor)), resampling)
    assert judged(np.asarray(resized)) == (name != "NEAREST")


def test_what_is_no_evidence():
    smeared = np.asarray(shapes((90, 200)).resize((520, 400), Image.Resampling.BICUBIC))
    assert judged(smeared)
    assert not judged(smeared, crowd=-1)
    assert not judged(smeared, records=["outlines"])
    assert not judged(np.where(smeared < 15, smeared, 0))  # fewer than 20 instances


def test_dots_beside_large_objects_are_objects():
    numbers = np.zeros((200, 200), np.int64)
    for number in range(80):
        y, x, side = 4 * (number // 10), 5 * (number % 10), 1 + number % 2
        numbers[y : y + side, x : x + side] = 10 + number
    numbers[100:150, 20:90] = 1
    assert not judged(numbers)


def test_counts_and_sizes_of_smeared_maps_are_not_judged():
    numbers = np.asarray(shapes((90, 200)).resize((520, 400), Image.Resampling.BICUBIC))
    masks = numbers[..., None] == np.unique(numbers)[1:]
    assert masks.shape[2] > 100
    spoilt = sample(size=(400, 520), masks=masks, ids=[1] * masks.shape[2])
    found = {finding.code for finding in find(toys(spoilt))}
    assert "ds-map-smeared" in found
    assert not found & {"cd-max-gt", "cd-detection-max", "cd-object-tiny", "cd-train-rois-dense", "cd-object-vanishes"}
