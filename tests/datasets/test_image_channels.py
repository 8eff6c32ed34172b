"""Files of any bands, read with the channels the config asks for."""

import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from PIL import Image

from mrcnn_roi.datasets.image_channels import bands_taken, in_channels, luma
from mrcnn_roi.datasets.images import alpha_varies, read_header, read_image
from mrcnn_roi.findings import SetupError

from .builders import image_file

HEIGHT, WIDTH = 8, 12
COLOURS = np.random.default_rng(3).integers(0, 256, (HEIGHT, WIDTH, 4), dtype=np.uint8)
RGB, ALPHA = COLOURS[..., :3], COLOURS[..., 3:]


def refused(path, channels):
    with pytest.raises(SetupError) as error:
        read_image(path, channels=channels)
    return str(error.value)


def pillow_file(path, mode, transparent=False):
    """A file of a Pillow mode from COLOURS, and what it shows. `transparent`: the colour or grey of number 0."""
    picture = Image.fromarray(COLOURS if mode in ("RGBA", "LA") else np.ascontiguousarray(RGB)).convert(mode)
    picture.save(path, **({"transparency": 0} if transparent else {}))
    with Image.open(path) as opened:
        return opened.convert("RGBA")


MODES = [
    ("1", False, 1),
    ("L", False, 1),
    ("L", True, 2),
    ("LA", False, 2),
    ("P", False, 3),
    ("P", True, 4),
    ("RGB", False, 3),
    ("RGBA", False, 4),
]


@pytest.mark.parametrize("mode, transparent, bands", MODES)
@pytest.mark.parametrize("channels", range(1, 6))
def test_pictures_in_any_number_of_channels(tmp_path, mode, transparent, bands, channels):
    path = tmp_path / "a.png"
    whole = pillow_file(path, mode, transparent)
    assert read_header(path).bands == bands
    if not bands_taken(bands, channels):
        text = refused(path, channels)
        assert f"[ds-channels] {path}: the file has {bands} band" in text
        assert f"set IMAGE_CHANNEL_COUNT = {bands}" in text
        assert read_header(path).channels(channels) == bands
        return
    expected = {
        1: whole.convert("RGB").convert("L"),
        2: whole.convert("LA") if bands == 2 else None,
        3: whole.convert("RGB"),
        4: whole,
    }[channels]
    image = read_image(path, channels=channels)
    assert image.shape == (HEIGHT, WIDTH, channels)
    assert image.dtype == np.uint8
    np.testing.assert_array_equal(image, np.asarray(expected).reshape(image.shape))
    assert read_header(path).channels(channels) == channels


@pytest.mark.parametrize(
    "bands, channels, taken",
    [
        *((bands, 1, {1: 1, 2: 1, 3: 3, 4: 3}.get(bands, 0)) for bands in range(1, 8)),
        *((bands, 2, 2 if bands == 2 else 0) for bands in range(1, 8)),
        *((bands, 3, 1 if bands < 3 else 3) for bands in range(1, 8)),
        *((bands, 4, {2: 2}.get(bands, 4 if bands >= 4 else 0)) for bands in range(1, 8)),
        *((bands, 5, 5 if bands >= 5 else 0) for bands in range(1, 8)),
    ],
)
def test_what_is_made_of_how_many_bands(bands, channels, taken):
    assert bands_taken(bands, channels) == taken
    if taken:
        pixels = np.random.default_rng(0).random((4, 5, bands)).astype(np.float32)
        made = in_channels(pixels, channels)
        assert made.shape == (4, 5, channels)
        assert made.dtype == np.float32
        if bands == channels or channels > 4:
            np.testing.assert_array_equal(made, pixels[..., :channels])


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int16, np.int64, np.float32, np.float64])
def test_luma_against_the_formula(dtype):
    pixels = (np.random.default_rng(1).random((20, 30, 3)) * 250).astype(dtype)
    grey = luma(pixels)
    assert grey.shape == (20, 30, 1)
    assert grey.dtype == dtype
    exact = pixels.astype(np.float64) @ [0.299, 0.587, 0.114]
    np.testing.assert_allclose(grey[..., 0], exact, atol=0.51 if np.dtype(dtype).kind in "iu" else 1e-4)
    if dtype == np.uint8:
        np.testing.assert_array_equal(grey[..., 0], np.asarray(Image.fromarray(pixels).convert("L")))


def test_grey_of_equal_colours_is_the_same_grey():
    values = np.arange(65536, dtype=np.uint16).reshape(256, 256, 1)
    np.testing.assert_array_equal(luma(np.repeat(values, 3, axis=2)), values)


@pytest.mark.parametrize("mode", ["I;16", "F", "I"])
def test_deep_grey_keeps_values_and_type(tmp_path, mode):
    values = np.arange(96).reshape(HEIGHT, WIDTH) * {"I;16": 600, "F": 0.25, "I": -99_999}[mode]
    values = values.astype({"I;16": np.uint16, "F": np.float32, "I": np.int32}[mode])
    path = tmp_path / ("a.png" if mode == "I;16" else "a.tif")
    Image.fromarray(values).save(path)
    for channels in (1, 3):
        image = read_image(path, channels=channels)
        assert image.dtype == values.dtype
        np.testing.assert_array_equal(image, np.repeat(values[..., None], channels, axis=2))
    assert "1 band (" in refused(path, 4)


@pytest.mark.parametrize("channels", [0, -1, 2.0, "3", True, None])
def test_channels_must_be_a_number_of_them(tmp_path, channels):
    with pytest.raises(ValueError, match="expected channels to be a whole number"):
        read_image(image_file(tmp_path / "a.png"), channels=channels)


# TIFF: how bands may lie in a file


def bands_of(count, dtype):
    return (np.random.default_rng(count).random((HEIGHT, WIDTH, count)) * 200).astype(dtype)


def first(pixels):
    return np.ascontiguousarray(np.moveaxis(pixels, -1, 0))


LAYOUTS = {
    "in a pixel": lambda path, p: tifffile.imwrite(path, p, photometric="minisblack", planarconfig="contig"),
    "in planes": lambda path, p: tifffile.imwrite(path, first(p), photometric="minisblack", planarconfig="separate"),
    "in pages": lambda path, p: tifffile.imwrite(path, first(p), photometric="minisblack", metadata=None),
    "in noted pages": lambda path, p: tifffile.imwrite(path, first(p), photometric="minisblack"),
    "rows in pages": lambda path, p: tifffile.imwrite(path, p, photometric="minisblack"),
    "rows in deflated pages": lambda path, p: tifffile.imwrite(path, p, photometric="minisblack", compression="zlib"),
    "deflated, in tiles": lambda path, p: tifffile.imwrite(
        path, p, photometric="minisblack", planarconfig="contig", compression="zlib", tile=(16, 16)
    ),
    "BigTIFF, big-endian": lambda path, p: tifffile.imwrite(
        path, p, photometric="minisblack", planarconfig="contig", bigtiff=True, byteorder=">"
    ),
    "colour and more": lambda path, p: tifffile.imwrite(
        path, p, photometric="rgb", planarconfig="contig", extrasamples=["unspecified"] * (p.shape[2] - 3)
    ),
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize("count", [4, 5])
def test_bands_of_a_tiff(tmp_path, layout, dtype, count):
    path, pixels = tmp_path / "a.tif", bands_of(count, dtype)
    LAYOUTS[layout](path, pixels)
    image = read_image(path, channels=count)
    assert image.dtype == dtype
    assert image.dtype.isnative
    np.testing.assert_array_equal(image, pixels)
    header = read_header(path)
    assert (header.height, header.width, header.channels(count)) == (HEIGHT, WIDTH, count)
    assert "[ds-channels]" in refused(path, count + 3)
    paged = layout in ("in pages", "in noted pages")
    assert (header.bands, header.pages) == ((1, count) if paged else (count, 1))
    rgb = np.repeat(pixels[..., :1], 3, axis=2) if paged else pixels[..., :3]
    np.testing.assert_array_equal(read_image(path), rgb)
    assert alpha_varies(path) == (not paged)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32, np.float64, np.int8])
def test_pages_are_bands_where_there_are_as_many_as_channels(tmp_path, dtype):
    path, pixels = tmp_path / "a.tif", bands_of(3, dtype)
    tifffile.imwrite(path, first(pixels), photometric="minisblack", metadata=None)
    np.testing.assert_array_equal(read_image(path), pixels)
    np.testing.assert_array_equal(read_image(path, channels=1), pixels[..., :1])
    assert "1 band (" in refused(path, 4)


def test_pages_that_differ_are_no_bands(tmp_path):
    path = tmp_path / "a.tif"
    page = bands_of(1, np.uint8)[..., 0]
    with tifffile.TiffWriter(path) as writer:
        for each in (page, page[::2, ::2], page[::4, ::4]):
            writer.write(each, metadata=None)
    np.testing.assert_array_equal(read_image(path), np.repeat(page[..., None], 3, axis=2))


def test_pages_of_a_compression_that_pillow_alone_knows(tmp_path):
    path, pixels = tmp_path / "a.tif", bands_of(3, np.uint8)
    pages = [Image.fromarray(each) for each in first(pixels)]
    pages[0].save(path, save_all=True, append_images=pages[1:], compression="tiff_lzw")
    np.testing.assert_array_equal(read_image(path), pixels)


def test_pages_in_a_circle_end(tmp_path):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, np.zeros((HEIGHT, WIDTH), np.uint8), metadata=None)
    data = bytearray(path.read_bytes())
    start = int.from_bytes(data[4:8], "little")
    count = int.from_bytes(data[start : start + 2], "little")
    data[start + 2 + 12 * count : start + 6 + 12 * count] = start.to_bytes(4, "little")
    path.write_bytes(data)
    assert read_header(path).pages == 1
    assert read_image(path).shape == (HEIGHT, WIDTH, 3)


def test_a_compression_nobody_here_knows_names_what_would(tmp_path):
    path = tmp_path / "a.tif"
    Image.fromarray(COLOURS).save(path, compression="tiff_lzw")
    data = bytearray(path.read_bytes())
    at = data.index(bytes([0x52, 1, 3, 0, 1, 0, 0, 0]))  # tag 338, extra samples: 2 is alpha, 0 anything
    data[at + 8] = 0
    path.write_bytes(data)
    np.testing.assert_array_equal(read_image(path), RGB)
    assert "pip install imagecodecs" in refused(path, 4)
    assert alpha_varies(path)


def test_other_colours_than_rgb_become_rgb(tmp_path):
    picture = Image.fromarray(np.ascontiguousarray(RGB)).convert("CMYK")
    picture.save(tmp_path / "a.tif")
    picture.save(tmp_path / "a.jpg", quality=100)
    for name, off in (("a.tif", 0), ("a.jpg", 4)):
        with Image.open(tmp_path / name) as opened:
            assert opened.mode == "CMYK"
        near = np.abs(read_image(tmp_path / name).astype(int) - np.asarray(picture.convert("RGB")))
        assert np.median(near) <= off
        assert "3 bands (CMYK)" in refused(tmp_path / name, 4)


@pytest.mark.parametrize(
    "save, channels, varies",
    [
        (lambda path: Image.fromarray(COLOURS).save(path), 3, True),
        (lambda path: Image.fromarray(COLOURS).save(path), 1, True),
        (lambda path: Image.fromarray(COLOURS).save(path), 4, False),
        (lambda path: Image.fromarray(np.dstack([RGB, 0 * ALPHA])).save(path), 3, False),
        (lambda path: Image.fromarray(np.ascontiguousarray(RGB)).save(path), 1, False),
        (lambda path: tifffile.imwrite(path, bands_of(5, np.uint16), planarconfig="contig"), 3, True),
        (lambda path: tifffile.imwrite(path, bands_of(5, np.uint16), planarconfig="contig"), 4, True),
        (lambda path: tifffile.imwrite(path, bands_of(5, np.uint16), planarconfig="contig"), 5, False),
        (lambda path: tifffile.imwrite(path, np.ones((8, 9, 5), np.float32), planarconfig="contig"), 3, False),
    ],
)
def test_bands_that_are_left_out_and_vary(tmp_path, save, channels, varies):
    save(tmp_path / ("a.tif" if "imwrite" in save.__code__.co_names else "a.png"))
    (path,) = tmp_path.iterdir()
    assert alpha_varies(path, channels) == varies


@settings(max_examples=40, deadline=None)
@given(
    pixels=arrays.arrays(
        st.sampled_from([np.uint8, np.uint16, np.float32, np.float64, np.int16]),
        st.tuples(st.integers(1, 12), st.integers(1, 12), st.integers(1, 7)),
    ),
    layout=st.sampled_from(["contig", "separate"]),
    order=st.sampled_from("<>"),
)
def test_any_bands_come_back(tmp_path_factory, pixels, layout, order):
    path = tmp_path_factory.mktemp("bands") / "a.tif"
    stored = first(pixels) if layout == "separate" else pixels
    planes = None if pixels.shape[2] == 1 else layout
    stored = stored.reshape(pixels.shape[:2]) if pixels.shape[2] == 1 else stored
    tifffile.imwrite(path, stored, photometric="minisblack", planarconfig=planes, byteorder=order)
    image = read_image(path, channels=pixels.shape[2])
    assert image.dtype == pixels.dtype
    np.testing.assert_array_equal(image, pixels)
