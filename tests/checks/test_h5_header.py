"""Reading the header of weight files: every layout, and a SetupError for every other file in the world."""

import math
import os
import zipfile
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mrcnn_roi.checks import h5_header
from mrcnn_roi.checks.h5_header import read_arrays, read_header
from mrcnn_roi.findings import SetupError

from .weight_files import SMALL, write


def message_of(path) -> str:
    with pytest.raises(SetupError) as caught:
        read_header(path)
    (finding,) = caught.value.findings
    assert finding.code == "w-file-unreadable"
    assert finding.where == str(path)
    assert finding.fix
    return finding.message


@pytest.mark.parametrize("libver", [None, "latest"])
@pytest.mark.parametrize("full_model", [False, True])
@pytest.mark.parametrize("pieces", [None, 3])
def test_layouts(tmp_path, libver, full_model, pieces):
    path = write(tmp_path / "w.h5", full_model=full_model, pieces=pieces, libver=libver)
    header = read_header(path)
    assert header == read_header(str(path))
    assert header.layers == SMALL
    assert list(header.layers) == list(SMALL)
    assert (header.path, header.layout, header.full_model) == (path, "keras2", full_model)


@pytest.mark.parametrize("full_model", [False, True])
@pytest.mark.parametrize("pieces", [None, 2])
def test_names_of_variable_length(tmp_path, full_model, pieces):
    header = read_header(write(tmp_path / "w.h5", text=True, full_model=full_model, pieces=pieces))
    assert (header.layers, header.full_model) == (SMALL, full_model)


def test_arrays_come_in_the_order_of_the_file(tmp_path):
    header = read_header(write(tmp_path / "w.h5", dtype=np.float16))
    ((layer, (kernel, bias)),) = read_arrays(header, ["conv1"])
    assert layer == "conv1"
    np.testing.assert_array_equal(kernel, np.arange(12).reshape(3, 4))
    np.testing.assert_array_equal(bias, np.arange(4))


def test_a_user_block_before_the_file(tmp_path):
    with h5py.File(tmp_path / "w.h5", "w", userblock_size=1024) as file:
        file.attrs["layer_names"] = np.zeros(0)
    assert read_header(tmp_path / "w.h5").layers == {}


@pytest.mark.parametrize("group", ["layers/conv2d/vars", "_layer_checkpoint_dependencies/conv2d/vars"])
def test_keras_3_layout_has_layers_by_number(tmp_path, group):
    with h5py.File(tmp_path / "m.weights.h5", "w") as file:
        for number in range(11):
            file[f"{group}/{number}"] = np.zeros(number)
    header = read_header(tmp_path / "m.weights.h5")
    shapes = [(str(number), (number,)) for number in range(11)]
    assert (header.layout, header.layers) == ("keras3", {group.removesuffix("/vars"): shapes})
    (tmp_path / "m.weights.h5").rename(tmp_path / "m.h5")  # read as another layout by that name
    assert "has Keras 3's own layout" in message_of(tmp_path / "m.h5")


def test_groups_in_a_circle(tmp_path, monkeypatch):
    monkeypatch.setattr(h5_header, "LARGEST_TREE", 300)
    with h5py.File(tmp_path / "m.weights.h5", "w") as file:
        group = file.create_group("layers/a")
        for name in "bcd":
            group[name] = file["layers"]
    assert "is damaged" in message_of(tmp_path / "m.weights.h5")


FOREIGN = {
    "empty": (b"", "empty (0 bytes)"),
    "html": (b"\n<!DOCTYPE html><html><body>Not found</body></html>", "a web page"),
    "xhtml": (b'<?xml version="1.0"?><html>', "a web page"),
    "lfs": (b"version https://git-lfs.github.com/spec/v1\noid sha256:1234\nsize 257557808\n", "a git-lfs pointer"),
    "gzip": (b"\x1f\x8b\x08\x00rest", "compressed"),
    "text": (b"hello", "not HDF5 (it begins with b'hello')"),
    "pickle": (b"\x80\x04\x95\x10\x00\x00", "not HDF5"),
    "signature": (b"\x89HDF\r\n\x1a\n", "truncated (8 bytes)"),
    "half a signature": (b"\x89HD", "truncated (3 bytes)"),
}


@pytest.mark.parametrize("content, expected", FOREIGN.values(), ids=FOREIGN)
def test_other_files(tmp_path, content, expected):
    path = tmp_path / "mask_rcnn_coco.h5"
    path.write_bytes(content)
    assert f"the weight file is {expected}" in message_of(path)


ARCHIVES = [("metadata.json", "a Keras 3 .keras archive"), ("data.pkl", "a zip archive")]


@pytest.mark.parametrize("member, expected", ARCHIVES)
def test_archives(tmp_path, member, expected):
    with zipfile.ZipFile(tmp_path / "model.h5", "w") as archive:
        archive.writestr(member, "{}")
    assert expected in message_of(tmp_path / "model.h5")


@pytest.mark.parametrize("libver", [None, "latest"])
def test_truncated(tmp_path, libver):
    path = write(tmp_path / "w.h5", {"conv1": [("conv1/kernel:0", (400, 400))]}, libver=libver)
    whole = path.stat().st_size
    for size in (whole - 1, 200_000, 60, 12):
        path.write_bytes(path.read_bytes()[:size])
        message = message_of(path)
        assert "is truncated" in message
        assert (f"{whole / 1e6:.1f} MB" in message) == (size >= 60)


def test_places_without_a_file(tmp_path):
    write(tmp_path / "mask_rcnn_coco.h5")
    assert "does not exist; closest in that folder is mask_rcnn_coco.h5" in message_of(tmp_path / "mask_rcnn_coc0.h5")
    assert "does not exist, nor does the folder" in message_of(tmp_path / "logs" / "w.h5")
    assert "is a folder; it holds mask_rcnn_coco.h5" in message_of(tmp_path)
    assert "cannot be opened" in message_of(tmp_path / "mask_rcnn_coco.h5" / "w.h5")
    assert "cannot be opened" in message_of(Path("a\0b.h5"))
    with pytest.raises(ValueError, match="expected the path of a weight file, received int"):
        read_header(3)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_pipe_does_not_block(tmp_path):
    os.mkfifo(tmp_path / "w.h5")
    assert "a device or a pipe" in message_of(tmp_path / "w.h5")


def damaged(path, change):
    write(path)
    with h5py.File(path, "a") as file:
        change(file)
    return message_of(path)


def replace(file, name, **data):
    del file[name]
    file.create_dataset(name, **data)


DAMAGES = {
    "no weights": (lambda file: file.attrs.pop("layer_names"), "HDF5 without Keras weights (it holds activation_1"),
    "no group": (lambda file: file.pop("conv1"), "conv1 is not in the group /"),
    "no weight names": (lambda file: file["conv1"].attrs.pop("weight_names"), "no attribute weight_names"),
    "no dataset": (lambda file: file.pop("conv1/conv1/bias:0"), "conv1/bias:0 is not in the group"),
    "numbers for names": (lambda file: file.attrs.create("layer_names", np.arange(3)), "not a list of names"),
    "no text": (lambda file: file.attrs.create("layer_names", np.array([b"\xff"])), "UnicodeDecodeError"),
    "texts for weights": (lambda file: replace(file, "conv1/conv1/bias:0", data=b"abc"), "not an array of numbers"),
    "data elsewhere": (
        lambda file: replace(file, "conv1/conv1/bias:0", shape=(4,), dtype="f4", external=[("/etc/hostname", 0, 16)]),
        "keeps its data in another file",
    ),
}


@pytest.mark.parametrize("change, expected", DAMAGES.values(), ids=DAMAGES)
def test_hdf5_files_that_are_no_weight_files(tmp_path, change, expected):
    assert expected in damaged(tmp_path / "w.h5", change)


@pytest.mark.parametrize("link", [h5py.SoftLink("/rpn_model"), h5py.ExternalLink("other.h5", "/conv1")])
def test_links_are_not_followed(tmp_path, link):
    write(tmp_path / "other.h5")

    def change(file):
        del file["conv1"]
        file["conv1"] = link

    assert "conv1 is not in the group /" in damaged(tmp_path / "w.h5", change)


def test_a_file_that_changes_between_header_and_arrays(tmp_path):
    header = read_header(write(tmp_path / "w.h5"))
    write(tmp_path / "w.h5", {"conv1": [("conv1/kernel:0", (3, 5)), ("conv1/bias:0", (4,))]})
    with pytest.raises(SetupError, match="changed while it was read"):
        list(read_arrays(header, ["conv1"]))


def test_names_that_hdf5_never_finishes_reading(tmp_path, monkeypatch):
    """An object of index 0 and size 0 in the global heap sends HDF5 1.14 round in circles."""
    path = write(tmp_path / "w.h5", text=True)
    data = bytearray(path.read_bytes())
    heap = data.index(b"GCOL")
    data[heap + 16 : heap + 4096] = bytes(len(data[heap + 16 : heap + 4096]))
    path.write_bytes(data)
    monkeypatch.setattr(h5_header, "SECONDS_FOR_NAMES", 2)
    assert "is damaged" in message_of(path)


UNREADABLE = ["w-file-unreadable"]
CHANGES = st.lists(st.tuples(st.integers(0, 2**16), st.binary(min_size=1, max_size=8)), max_size=12)


def attempt(path, content):
    """The codes of reading the file, header and arrays; any other error than a SetupError comes through."""
    path.write_bytes(content)
    try:
        header = read_header(path)
        small = [layer for layer, weights in header.layers.items() if sum(math.prod(s) for _, s in weights) < 1e6]
        for layer, arrays in read_arrays(header, small):
            assert [each.shape for each in arrays] == [shape for _, shape in header.layers[layer]]
    except SetupError as error:
        return [finding.code for finding in error.findings]
    return []


@pytest.fixture(scope="module")
def scratch(tmp_path_factory):
    return tmp_path_factory.mktemp("fuzz")


@pytest.fixture(scope="module")
def whole_files(scratch):
    return [write(scratch / f"whole{i}.h5", libver=libver).read_bytes() for i, libver in enumerate((None, "latest"))]


@settings(max_examples=100, deadline=None)
@given(content=st.binary(max_size=200), signed=st.booleans())
def test_any_bytes(scratch, content, signed):
    assert attempt(scratch / "any.h5", b"\x89HDF\r\n\x1a\n" * signed + content) == UNREADABLE


@settings(max_examples=300, deadline=None)
@given(which=st.integers(0, 1), changes=CHANGES)
def test_mutated_files(scratch, whole_files, which, changes):
    content = bytearray(whole_files[which])
    for place, new in changes:
        place %= len(content)
        content[place : place + len(new)] = new
    assert attempt(scratch / "mutated.h5", bytes(content)) in ([], UNREADABLE)
