"""Images saved by NumPy: what comes back, and what is refused without being loaded."""

import contextlib
import io
import os
import pickle
import struct
import zipfile
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from PIL import Image

from mrcnn_roi.datasets.images import alpha_varies, read_header, read_image
from mrcnn_roi.findings import SetupError

DTYPES = ["bool", "uint8", ">u2", "<i2", "int32", ">i8", "uint64", "float16", ">f4", "float32", "float64"]


def message_of(path, channels=3):
    with pytest.raises(SetupError) as error:
        read_image(path, channels=channels)
    assert str(path) in str(error.value)
    return str(error.value)


def npy(shape, dtype="<f4", data=b"", version=1):
    """An .npy file whose header says what it likes."""
    header = f"{{'descr': {dtype!r}, 'fortran_order': False, 'shape': {shape}, }}\n".encode()
    length = struct.pack("<H" if version == 1 else "<I", len(header))
    return b"\x93NUMPY" + bytes([version, 0]) + length + header + data


def npz(**members):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(f"{name}.npy", data)
    return file.getvalue()


@settings(max_examples=80, deadline=None)
@given(
    pixels=st.sampled_from(DTYPES).flatmap(
        lambda dtype: arrays.arrays(dtype, st.tuples(st.integers(1, 9), st.integers(1, 9), st.integers(1, 7)))
    ),
    fortran=st.booleans(),
    zipped=st.booleans(),
)
def test_any_array_comes_back(tmp_path_factory, pixels, fortran, zipped):
    path = tmp_path_factory.mktemp("array") / ("a.npz" if zipped else "a.npy")
    stored = np.asfortranarray(pixels) if fortran else pixels
    np.savez_compressed(path, stored) if zipped else np.save(path, stored)
    image = read_image(path, channels=pixels.shape[2])
    header = read_header(path)
    assert (header.height, header.width, header.bands, header.orientation) == (*pixels.shape, 1)
    assert header.format == ("NPZ" if zipped else "NPY")
    assert header.mode == f"{pixels.dtype.name}x{pixels.shape[2]}"
    if pixels.dtype == bool:
        pixels = pixels * np.uint8(255)
    assert image.dtype == pixels.dtype.newbyteorder("=")
    assert image.flags["C_CONTIGUOUS"]
    np.testing.assert_array_equal(image, pixels)


@settings(max_examples=100, deadline=None)
@given(
    data=st.binary(max_size=200),
    start=st.sampled_from(
        [b"", b"\x93NUMPY", b"\x93NUMPY\1\0\x76\0{'descr':", npy((2, 2)), npz(a=b"")[:40], b"II*\0", b"MM\0+"]
    ),
    name=st.sampled_from(["a.npy", "a.npz", "a.tif"]),
    channels=st.sampled_from([1, 3, 5]),
)
def test_any_bytes_are_an_image_or_a_setup_error(tmp_path_factory, data, start, name, channels):
    path = tmp_path_factory.mktemp("bytes") / name
    path.write_bytes(start + data)
    with contextlib.suppress(SetupError):
        read_header(path)
    with contextlib.suppress(SetupError):
        assert read_image(path, channels=channels).shape[2] == channels


def test_a_plane_is_grey(tmp_path):
    values = np.arange(20 * 30, dtype=np.float32).reshape(20, 30)
    np.save(tmp_path / "a.npy", values)
    np.testing.assert_array_equal(read_image(tmp_path / "a.npy", channels=1), values[..., None])
    np.testing.assert_array_equal(read_image(tmp_path / "a.npy"), np.repeat(values[..., None], 3, axis=2))
    assert not alpha_varies(tmp_path / "a.npy")


def test_the_content_decides_not_the_name(tmp_path):
    Image.new("RGB", (6, 4), (1, 2, 3)).save(tmp_path / "a.png")
    (tmp_path / "a.png").rename(tmp_path / "a.npy")
    assert read_image(tmp_path / "a.npy")[0, 0].tolist() == [1, 2, 3]
    np.save(tmp_path / "b.npy", np.full((4, 6, 5), 7, np.uint16))
    (tmp_path / "b.npy").rename(tmp_path / "b.png")
    assert read_image(tmp_path / "b.png", channels=5).shape == (4, 6, 5)


@pytest.mark.parametrize(
    "shape, channels, first",
    [
        ((5, 40, 60), 5, True),
        ((5, 40, 60), 3, True),
        ((3, 20, 20), 3, True),
        ((12, 64, 64), 12, True),
        ((40, 60, 5), 5, False),
        ((2, 60, 5), 5, False),  # two rows of pixels
        ((145, 145, 200), 200, False),  # an image with more bands than rows
        ((20, 20, 200), 200, False),
        ((3, 5, 3), 3, False),
    ],
)
def test_channels_first_is_refused(tmp_path, shape, channels, first):
    path = tmp_path / "a.npy"
    np.save(path, np.zeros(shape, np.uint8))
    if not first:
        assert read_image(path, channels=channels).shape == (*shape[:2], channels)
        return
    text = message_of(path, channels)
    assert f"the shape {list(shape)} is [channels, height, width]" in text
    assert "np.moveaxis(image, 0, -1)" in text


class Harmful:
    """An object whose pickle, once loaded, leaves a folder behind."""

    def __init__(self, folder):
        self.folder = folder

    def __reduce__(self):
        return os.mkdir, (str(self.folder),)


def test_pickles_are_never_loaded(tmp_path):
    harm = Harmful(tmp_path / "harm")
    objects = np.array([[harm, harm], [harm, harm]], object)
    np.save(tmp_path / "a.npy", objects)
    np.savez(tmp_path / "b.npz", objects)
    (tmp_path / "c.npy").write_bytes(pickle.dumps(harm))
    for name in ("a.npy", "b.npz", "c.npy"):
        text = message_of(tmp_path / name)
        assert "ds-file-unreadable" in text
        assert name == "c.npy" or "Python objects" in text
        with pytest.raises(SetupError):
            read_header(tmp_path / name)
    assert not (tmp_path / "harm").exists()


BILLION = 1_000_000_000
REFUSED = {
    "more than the file": (npy((3000, 3000, 3)), "the file ends before"),
    "gigabytes": (npy((12_000, 12_000, 3)), "bytes"),
    "too many pixels": (npy((BILLION, BILLION, 3)), "pixels"),
    "too many bands": (npy((4, 4, BILLION)), "bytes"),
    "beyond any side": (npy((2**70, 2, 3)), "is no image"),
    "nothing": (npy((0, 5, 3)), "is no image"),
    "negative": (npy((-4, 5, 3)), "no image"),
    "a number": (npy(()), r"\[\] is no image"),
    "a row": (npy((12,)), "is no image"),
    "a batch": (npy((1, 2, 2, 3)), "is no image"),
    "complex": (npy((2, 2), "<c8"), "complex64"),
    "text": (npy((2, 2), "<U4"), "is no image"),
    "times": (npy((2, 2), "<M8[s]"), "is no image"),
    "fields": (npy((2, 2), [("a", "<f4")]), "is no image"),
    "a header without end": (b"\x93NUMPY\2\0" + b"\xff" * 64, "header of 4294967295 bytes"),
    "a header that is code": (b"\x93NUMPY\1\0\x20\0__import__('os').mkdir('harm') \n", "cannot be decoded"),
    "version 9": (npy((2, 2), version=9), "format"),
    "several arrays": (npz(a=npy((2, 2)), b=npy((2, 2))), "holds 2 arrays"),
    "an empty zip": (b"PK\3\4" + bytes(40), "cannot be decoded"),
    "zipped gigabytes": (npz(a=npy((12_000, 12_000, 3), "<f8") + bytes(1 << 20)), "bytes"),
    "a zipped header without end": (npz(a=b"\x93NUMPY\2\0" + b"\xff" * 4 + bytes(1 << 24)), "header of 4294967295"),
    "a zip cut short": (npz(a=npy((900, 900, 3)) + zlib.compress(bytes(99)))[:-30], "cannot be decoded"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused(tmp_path, name):
    content, words = REFUSED[name]
    path = tmp_path / "a.npy"
    path.write_bytes(content)
    with pytest.raises(SetupError, match=words) as error:
        read_image(path, channels=3)
    assert error.value.findings[0].code == "ds-file-unreadable"
    assert not (tmp_path / "harm").exists()


def test_a_sparse_file_may_not_claim_any_size(tmp_path):
    path = tmp_path / "a.npy"
    head = npy((11_000, 11_000, 3), "<f8")
    with path.open("wb") as file:
        file.write(head)
        file.truncate(len(head) + 11_000 * 11_000 * 3 * 8)
    assert "2904000000 bytes" in message_of(path)


def test_fifo_named_as_an_array(tmp_path):
    os.mkfifo(tmp_path / "a.npy")
    assert "ds-file-missing" in message_of(tmp_path / "a.npy")
