"""The size from the first bytes of a file is the size that Pillow gives, EXIF orientation applied."""

import os

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from mrcnn_roi.datasets.image_size import upright_size
from mrcnn_roi.datasets.images import read_header
from mrcnn_roi.findings import SetupError

from .builders import image_file


@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.bmp", "a.gif", "a.tif", "a.webp"])
@pytest.mark.parametrize("exif", [None, 1, 3, 6, 8])
def test_formats_and_orientations(tmp_path, name, exif):
    path = str(image_file(tmp_path / name, exif=None if name in ("a.bmp", "a.gif") else exif))
    assert upright_size(path) == read_header(path).oriented_size(turned=True)


@pytest.mark.parametrize("options", [{"progressive": True}, {"icc_profile": b"x" * 500}, {"comment": b"x" * 9000}])
def test_jpegs(tmp_path, options):
    pixels = np.random.default_rng(0).integers(0, 256, (30, 50, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.jpg", **options)
    assert upright_size(str(tmp_path / "a.jpg")) == (30, 50)


def test_what_is_no_image(tmp_path):
    (tmp_path / "a.png").mkdir()
    (tmp_path / "b.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    os.mkfifo(tmp_path / "c.png")
    for name in "abcd":
        assert upright_size(str(tmp_path / f"{name}.png")) is None


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(["a.jpg", "a.png"]), st.integers(0, 400), st.binary(min_size=1, max_size=3), st.integers(0, 600))
def test_damaged_files(tmp_path_factory, name, place, change, cut):
    """Any bytes give a size or None; what Pillow can open gets no other size than Pillow's."""
    path = image_file(tmp_path_factory.mktemp("damaged") / name)
    content = bytearray(path.read_bytes())
    content[place : place + len(change)] = change
    path.write_bytes(content[: len(content) - cut])
    size = upright_size(str(path))
    try:
        assert size == read_header(path).oriented_size(turned=True)
    except SetupError:
        assert size is None or len(size) == 2
