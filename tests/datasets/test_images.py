"""Decoding: modes, depths, EXIF orientation, and files that are no images."""

import contextlib
import os
import zlib

import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from mrcnn_roi.datasets import Dataset
from mrcnn_roi.datasets.images import alpha_varies, read_header, read_image, read_label_map
from mrcnn_roi.findings import SetupError

from .builders import image_file


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA"])
def test_png_modes_become_rgb(tmp_path, mode):
    path = image_file(tmp_path / "a.png", mode=mode)
    image = read_image(path)
    assert image.shape == (40, 60, 3)
    assert image.dtype == np.uint8
    with Image.open(path) as expected:
        np.testing.assert_array_equal(image, np.asarray(expected.convert("RGB")))


def test_cmyk_jpeg_becomes_rgb(tmp_path):
    path = tmp_path / "a.jpg"
    Image.new("CMYK", (60, 40), (0, 255, 255, 0)).save(path)
    assert read_image(path)[0, 0].tolist() == pytest.approx([255, 0, 0], abs=3)


def test_alpha_is_dropped_not_multiplied(tmp_path):
    path = tmp_path / "a.png"
    pixels = np.full((4, 5, 4), 200, np.uint8)
    pixels[..., 3] = np.arange(5)
    Image.fromarray(pixels).save(path)
    assert (read_image(path) == 200).all()
    assert alpha_varies(path)


def test_constant_alpha_does_not_vary(tmp_path):
    assert not alpha_varies(image_file(tmp_path / "a.png", mode="RGBA"))
    assert not alpha_varies(image_file(tmp_path / "b.png", mode="RGB"))


def test_16_bit_grey_png_keeps_its_values(tmp_path):
    path = tmp_path / "a.png"
    values = (np.arange(40 * 60).reshape(40, 60) * 25).astype(np.uint16)
    Image.fromarray(values).save(path)
    image = read_image(path)
    assert image.dtype == np.uint16
    np.testing.assert_array_equal(image, np.repeat(values[..., None], 3, axis=2))


@pytest.mark.parametrize("dtype", [np.uint16, np.float32])
@pytest.mark.parametrize("shape", [(40, 60, 3), (40, 60)])
def test_deep_tiff_keeps_its_values(tmp_path, dtype, shape):
    path = tmp_path / "a.tif"
    values = (np.arange(np.prod(shape)).reshape(shape) * 3.5).astype(dtype)
    tifffile.imwrite(path, values, photometric="rgb" if len(shape) == 3 else "minisblack")
    image = read_image(path)
    assert image.dtype == dtype
    np.testing.assert_array_equal(image, values if len(shape) == 3 else np.repeat(values[..., None], 3, axis=2))
    header = read_header(path)
    assert (header.height, header.width) == (40, 60)


def test_planar_tiff_has_channels_last(tmp_path):
    path = tmp_path / "a.tif"
    values = np.arange(3 * 40 * 60, dtype=np.uint16).reshape(3, 40, 60)
    tifffile.imwrite(path, values, photometric="rgb", planarconfig="separate")
    np.testing.assert_array_equal(read_image(path), np.moveaxis(values, 0, -1))


def deep_tiff(path, exif):
    """A TIFF that tifffile reads, with an orientation."""
    path.parent.mkdir(exist_ok=True)
    values = np.random.default_rng(0).integers(0, 65536, (40, 60, 5), dtype=np.uint16)
    more = [(0x0112, 3, 1, exif, True)]
    tifffile.imwrite(path, values, photometric="minisblack", planarconfig="contig", extratags=more)
    return path


MAKERS = {
    "jpg": lambda folder, orientation: image_file(folder / "a.jpg", exif=orientation),
    "png": lambda folder, orientation: image_file(folder / "a.png", exif=orientation),
    "webp": lambda folder, orientation: image_file(folder / "a.webp", exif=orientation),
    "tif": lambda folder, orientation: image_file(folder / "a.tif", exif=orientation),
    "deep tif": lambda folder, orientation: deep_tiff(folder / "a.tif", orientation),
}


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("maker", MAKERS)
@pytest.mark.parametrize("channels", [1, 3, 5])
def test_orientation_turns_the_pixels(tmp_path, orientation, maker, channels):
    """Against the definition: value of the tag -> where row 0 and column 0 of the stored pixels are shown."""
    if (channels, maker) in ((1, "deep tif"), *((5, other) for other in MAKERS if other != "deep tif")):
        return  # there is no such image of it
    path = MAKERS[maker](tmp_path, orientation)
    stored = read_image(path, apply_exif=False, channels=channels)
    upright = read_image(MAKERS[maker](tmp_path / "upright", 1), channels=channels)
    np.testing.assert_array_equal(stored, upright)
    assert stored.shape == (40, 60, channels)
    expected = {
        1: stored,
        2: stored[:, ::-1],
        3: stored[::-1, ::-1],
        4: stored[::-1],
        5: stored.transpose(1, 0, 2),
        6: np.rot90(stored, -1),
        7: stored[::-1, ::-1].transpose(1, 0, 2),
        8: np.rot90(stored),
    }[orientation]
    np.testing.assert_array_equal(read_image(path, channels=channels), expected)
    header = read_header(path)
    assert header.orientation == orientation
    assert (header.height, header.width) == (40, 60)
    assert header.oriented_size(turned=True) == expected.shape[:2]


@pytest.mark.parametrize(
    "declared, apply_exif, shape",
    [
        ((60, 40), False, (60, 40, 3)),  # annotated on the turned picture
        ((40, 60), True, (40, 60, 3)),  # annotated on the stored picture
        ((99, 40), True, (60, 40, 3)),  # neither: the default decides
        ((99, 40), False, (40, 60, 3)),
        (None, True, (60, 40, 3)),
        (None, False, (40, 60, 3)),
    ],
)
def test_annotated_size_decides_on_orientation(tmp_path, declared, apply_exif, shape):
    path = image_file(tmp_path / "a.jpg", exif=6)
    assert read_image(path, declared, apply_exif).shape == shape


def test_matterport_subclasses_turn_only_where_the_size_says_so(tmp_path):
    dataset = Dataset()
    path = image_file(tmp_path / "a.jpg", exif=6)
    dataset.add_image("x", 1, path)
    dataset.add_image("x", 2, path, height=60, width=40)
    assert dataset.load_image(0).shape == (40, 60, 3)
    assert dataset.load_image(1).shape == (60, 40, 3)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_label_maps_are_read_as_stored(tmp_path, orientation, dtype):
    values = np.arange(40 * 60).astype(dtype).reshape(40, 60)
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(values).save(tmp_path / "a.tif", exif=exif)
    np.testing.assert_array_equal(read_label_map(tmp_path / "a.tif"), values)
    header = read_header(tmp_path / "a.tif")
    assert (header.height, header.width, header.orientation) == (40, 60, orientation)
    np.testing.assert_array_equal(read_image(tmp_path / "a.tif", None, False, channels=1)[..., 0], values)
    turned = read_image(tmp_path / "a.tif", channels=1)[..., 0]
    corner = [(0, 0), (0, -1), (-1, -1), (-1, 0), (0, 0), (0, -1), (-1, -1), (-1, 0)][orientation - 1]
    assert turned[corner] == 0  # where the first pixel is shown
    assert turned.shape == ((40, 60) if orientation < 5 else (60, 40))


def test_a_tiff_is_turned_where_the_annotations_say_so(tmp_path):
    for path in (image_file(tmp_path / "a.tif", exif=6), deep_tiff(tmp_path / "b.tif", 6)):
        for size in ((40, 60), (60, 40)):
            assert read_image(path, size, apply_exif=size == (40, 60)).shape[:2] == size


def test_animations_show_their_first_picture(tmp_path):
    pictures = [Image.new("RGB", (60, 40), colour) for colour in ((200, 10, 30), (0, 0, 250))]
    for name, close in (("a.gif", 0), ("a.webp", 12), ("a.png", 0)):
        pictures[0].save(tmp_path / name, save_all=True, append_images=pictures[1:])
        assert read_image(tmp_path / name)[5, 5].tolist() == pytest.approx([200, 10, 30], abs=close)


def test_progressive_jpegs_and_gamma_change_nothing(tmp_path):
    with Image.open(image_file(tmp_path / "a.png")) as picture:
        picture.save(tmp_path / "plain.jpg")
        picture.save(tmp_path / "progressive.jpg", progressive=True)
    np.testing.assert_array_equal(read_image(tmp_path / "plain.jpg"), read_image(tmp_path / "progressive.jpg"))
    data = (tmp_path / "a.png").read_bytes()
    gamma = b"gAMA" + (45455).to_bytes(4, "big")
    chunk = (4).to_bytes(4, "big") + gamma + zlib.crc32(gamma).to_bytes(4, "big")
    (tmp_path / "gamma.png").write_bytes(data[:33] + chunk + data[33:])
    np.testing.assert_array_equal(read_image(tmp_path / "gamma.png"), read_image(tmp_path / "a.png"))


def test_truncated_file_is_named(tmp_path):
    path = image_file(tmp_path / "a.jpg", 200, 200)
    path.write_bytes(path.read_bytes()[:2000])
    with pytest.raises(SetupError, match=r"ds-file-unreadable.*a\.jpg.*2000 bytes") as error:
        read_image(path)
    assert error.value.__cause__ is not None


def test_fifo_and_directory_do_not_hang(tmp_path):
    os.mkfifo(tmp_path / "pipe.png")
    (tmp_path / "folder.png").mkdir()
    for name in ("pipe.png", "folder.png"):
        with pytest.raises(SetupError, match="ds-file-missing"):
            read_image(tmp_path / name)


def test_decompression_bomb_is_named(tmp_path, monkeypatch):
    path = image_file(tmp_path / "a.png")
    tiff = tmp_path / "b.tif"
    tifffile.imwrite(tiff, np.zeros((40, 60, 3), np.uint16), photometric="rgb")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    for each in (path, tiff):
        with pytest.raises(SetupError, match=r"(a\.png|b\.tif).*(bomb|pixels)"):
            read_image(each)


def test_label_map_of_several_channels_is_refused(tmp_path):
    with pytest.raises(SetupError, match="mode RGB"):
        read_label_map(image_file(tmp_path / "a.png"))


@settings(max_examples=60, deadline=None)
@given(
    data=st.binary(max_size=200),
    start=st.sampled_from([b"", b"\x89PNG\r\n\x1a\n", b"II*\0", b"\xff\xd8", b"BM"]),
)
def test_any_bytes_are_an_image_or_a_setup_error(tmp_path_factory, data, start):
    path = tmp_path_factory.mktemp("bytes") / "a.png"
    path.write_bytes(start + data)
    for read in (read_header, read_image, read_label_map):
        with contextlib.suppress(SetupError):
            read(path)
