"""Files made to harm: nothing of them is executed, none of them blocks, fills the memory, or ends in a traceback."""

import contextlib
import io
import json
import lzma
import marshal
import os
import pickle
import resource
import struct
import subprocess
import sys
import tempfile
import time
import zlib
from pathlib import Path

import h5py
import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import EpsImagePlugin, Image

from mrcnn_roi.checks.environment import read_environment
from mrcnn_roi.checks.h5_header import read_header as read_weights
from mrcnn_roi.config import Config
from mrcnn_roi.datasets import load_dataset
from mrcnn_roi.datasets.files import closest_name
from mrcnn_roi.datasets.images import read_header, read_image, read_label_map
from mrcnn_roi.datasets.scan_cache import _load
from mrcnn_roi.datasets.segmentation import MAX_OUTLINE, fill_polygons
from mrcnn_roi.findings import SetupError
from mrcnn_roi.preflight import preflight

from .datasets.builders import annotation, coco_file, image_file

ENVIRONMENT = read_environment()


class Settings(Config):
    NAME = "hostile"
    NUM_CLASSES = 2


def message_of(function, *args) -> str:
    """What the one finding says that the function raises."""
    with pytest.raises(SetupError) as error:
        function(*args)
    (finding,) = error.value.findings
    return finding.message


# ---- nothing is executed


class Command:
    """Creates a file when it is unpickled."""

    def __init__(self, canary):
        self.canary = canary

    def __reduce__(self):
        return open, (str(self.canary), "w")


@pytest.fixture
def canary(tmp_path):
    """A file that must not come into being."""
    path = tmp_path / "canary"
    yield path
    assert not path.exists()


def test_the_canary_sings(tmp_path):
    pickle.loads(pickle.dumps(Command(tmp_path / "sung"))).close()
    assert (tmp_path / "sung").exists()


@pytest.mark.parametrize(
    "value",
    [
        '!!python/object/apply:os.system ["touch {}"]',
        '!!python/object/new:os.system ["touch {}"]',
        '!!python/object/apply:builtins.open ["{}", "w"]',
        '!!python/name:os.system ["touch {}"]',
        '!!python/module:os "{}"',
    ],
)
def test_yaml_runs_nothing(tmp_path, canary, value):
    (tmp_path / "a.yaml").write_text(f"NAME: {value.format(canary)}\nmine: {value.format(canary)}\n")
    config, findings = Config.read_yaml(tmp_path / "a.yaml")
    assert [finding.code for finding in findings] == ["cfg-yaml", "cfg-yaml"]
    config.validate()


@pytest.mark.parametrize("suffix", [".h5", ".png", ".json", ".yaml", ".keras"])
def test_pickles_are_not_loaded(tmp_path, canary, suffix):
    path = tmp_path / f"a{suffix}"
    path.write_bytes(pickle.dumps(Command(canary)))
    preflight(Settings(), weights=path, environment=ENVIRONMENT)
    Config.read_yaml(path)
    for function in (read_image, read_label_map, load_dataset):
        message_of(function, path)


def test_pickles_in_a_scan_cache_are_not_loaded(tmp_path, canary):
    np.savez(tmp_path / "scan-1.npz", key=np.zeros((1, 20), np.uint8), count=np.array([Command(canary)], object))
    assert _load(tmp_path / "scan-1.npz") is None


@pytest.mark.parametrize("group", ["/", "model_weights"])
def test_lambdas_in_a_whole_model_are_not_run(tmp_path, canary, group):
    code = marshal.dumps(compile(f"open({str(canary)!r}, 'w')", "x", "exec"))
    layer = {"class_name": "Lambda", "config": {"name": "evil", "function": [code.hex(), None, None]}}
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.attrs["model_config"] = json.dumps({"class_name": "Sequential", "config": {"layers": [layer]}})
        root = file.require_group(group)
        root.attrs["layer_names"] = np.array([b"evil"])
        root.create_group("evil").attrs["weight_names"] = np.array([b"w"])
        root["evil/w"] = np.zeros(3)
    findings = preflight(Settings(), weights=tmp_path / "a.h5", environment=ENVIRONMENT)
    assert "w-nothing-loaded" in {finding.code for finding in findings}


def test_postscript_is_not_run(tmp_path, canary, monkeypatch):
    (tmp_path / "gs").write_text(f"#!/bin/sh\ntouch {canary}\n")
    (tmp_path / "gs").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    monkeypatch.setattr(EpsImagePlugin, "gs_binary", None)
    Image.new("RGB", (8, 8)).save(tmp_path / "a.png", "EPS")
    assert "EPS is a program" in message_of(read_header, tmp_path / "a.png")
    assert "EPS is a program" in message_of(read_image, tmp_path / "a.png")


# ---- what is no file, and what lies elsewhere


@pytest.fixture
def trap(tmp_path):
    """A folder with a COCO file beside things that are no images, and names that lead elsewhere."""
    folder = tmp_path / "data"
    image_file(tmp_path / "outside.png")
    coco_file(folder)
    os.mkfifo(folder / "fifo.png")
    (folder / "folder.png").mkdir()
    (folder / "zero.png").symlink_to("/dev/zero")
    (folder / "loop.png").symlink_to("loop.png")
    (folder / "link-to-fifo.png").symlink_to("fifo.png")
    names = ["fifo.png", "folder.png", "zero.png", "loop.png", "link-to-fifo.png", "../outside.png", "a.png/../../x"]
    names += [str(tmp_path / "outside.png"), "/dev/zero", "C:\\a\\outside.png", "x" * 255 + ".png", "a\nb\x1b[31m.png"]
    names += ["\0", "\ud800.png", "", ".", "..", "/", "a.png\0.png", "\u202egnp.a"]
    images = [{"id": i, "file_name": name, "height": 40, "width": 60} for i, name in enumerate(names)]
    return coco_file(folder, [annotation(image_id=i, id=i) for i in range(len(names))], images, draw=False)


@pytest.mark.parametrize("fast", [False, True])
def test_no_trap_is_stepped_into(trap, fast):
    dataset = load_dataset(trap, trap.parent)
    findings = preflight(Settings(), dataset, environment=ENVIRONMENT, fast=fast)
    (missing,) = (finding for finding in findings if finding.code == "ds-file-missing")
    assert f"{len(dataset.image_info)} of {len(dataset.image_info)} images" in missing.message
    assert all(str(finding).isprintable() for finding in findings if "\n" not in str(finding))
    for info in dataset.image_info:
        assert "outside" not in os.path.basename(info["path"]) or not os.path.isfile(info["path"])


@pytest.mark.parametrize("name", ["fifo.png", "zero.png", "loop.png", "folder.png"])
def test_each_reader_refuses_what_is_no_file(trap, name):
    for function in (read_header, read_image, read_label_map, load_dataset, read_weights):
        with pytest.raises(SetupError):
            function(trap.parent / name)


@contextlib.contextmanager
def as_nobody():
    """Root may read everything, so it is somebody else for a moment."""
    root = os.geteuid() == 0
    if root:
        os.seteuid(65534)
    try:
        yield
    finally:
        if root:
            os.seteuid(0)


def test_no_permission():
    with tempfile.TemporaryDirectory() as folder:  # which others may enter, unlike tmp_path
        os.chmod(folder, 0o755)
        path = image_file(Path(folder) / "a.png")
        path.chmod(0)
        with as_nobody():
            for function in (read_header, read_image, read_label_map, read_weights):
                assert "ermission" in message_of(function, path)


def test_a_file_that_changes_while_it_is_read(tmp_path, monkeypatch):
    path = image_file(tmp_path / "a.png")
    whole = Image.open

    def gone(file, *args, **kwargs):
        path.unlink()
        return whole(file, *args, **kwargs)

    monkeypatch.setattr(Image, "open", gone)
    assert "cannot be decoded: FileNotFoundError" in message_of(read_image, path)


# ---- little that becomes much


def png(width, height, depth=8, colour=0, extra=b""):
    """A PNG of zeros, a thousandth of the size they have in memory."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    row, packer = bytes(1 + (width * depth + 7) // 8), zlib.compressobj(9)
    data = b"".join(packer.compress(row * (height // 64)) for _ in range(64)) + packer.flush()
    head = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    parts = chunk(b"IHDR", head), extra and chunk(b"zTXt", extra), chunk(b"IDAT", data), chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def tiff(data=b"", width=16, height=16, compression=1, samples=3, bits=16, **more):
    """A TIFF with one strip; `more` sets tags by number: t256=5."""
    tags = {256: width, 257: height, 258: bits, 259: compression, 262: 2, 273: 8, 277: samples, 278: height}
    tags |= {279: len(data), **{int(name[1:]): value for name, value in more.items()}}
    entries = b"".join(struct.pack("<HHIi" if v < 0 else "<HHII", t, 4, 1, v) for t, v in sorted(tags.items()))
    return b"II*\0" + struct.pack("<I", 8 + len(data)) + data + struct.pack("<H", len(tags)) + entries + bytes(4)


ZEROS = bytes(1 << 26 | 1 << 20)
BOMBS = {
    "png": (lambda: png(32000, 32000, depth=1), "limit|pixels"),
    "png text": (lambda: png(64, 64, extra=b"a\0\0" + zlib.compress(ZEROS, 9)), "too large"),
    "tiff pixels": (lambda: tiff(width=40000, height=40000), "limit|pixels"),
    "tiff sides": (lambda: tiff(width=2**32 - 1, height=2**32 - 1), "limit|pixels"),
    "tiff samples": (lambda: tiff(width=10000, height=10000, samples=60000), "bytes"),
    "tiff depth": (lambda: tiff(t32997=100_000), "volume"),
    "tiff strips": (lambda: tiff(compression=8, width=1000, height=100_000, t278=1), "1 of 100000 strips"),
    "tiff tiles": (lambda: tiff(width=10_000, height=10_000, t322=1, t323=1, t324=8, t325=6), "1 of 100000000 strips"),
    "tiff one tile": (lambda: tiff(zlib.compress(ZEROS, 9), 16, 16, 8, t322=10**6, t323=10**6), "tiles of"),
    "tiff negative": (lambda: tiff(width=-5, height=-7), "cannot be decoded"),
    "tiff deflate": (lambda: tiff(zlib.compress(ZEROS, 9), compression=8), "a strip of"),
    "tiff deflate within reason": (lambda: tiff(zlib.compress(ZEROS, 9), 300, 300, 8), "a strip of"),
    "tiff lzma": (lambda: tiff(lzma.compress(ZEROS), compression=34925), "a strip of"),
    "tiff packbits": (lambda: tiff(b"\x81\0" * (1 << 20), compression=32773), "a strip of"),
}


@pytest.mark.parametrize("name", BOMBS)
def test_bombs_are_refused_at_once(tmp_path, name, capfd):
    make, words = BOMBS[name]
    (tmp_path / "a.png").write_bytes(make())
    started = time.process_time()
    with pytest.raises(SetupError, match=words):
        read_image(tmp_path / "a.png")
    with pytest.raises(SetupError):
        read_label_map(tmp_path / "a.png")
    assert time.process_time() - started < 2
    assert capfd.readouterr() == ("", "")  # nor do decoders talk


def test_jpegs_of_many_scans(tmp_path, monkeypatch):
    monkeypatch.setattr("mrcnn_roi.datasets.pillow_images._MOST_VISITS", 100 * 100 * 50)
    file = io.BytesIO()
    Image.new("L", (100, 100)).save(file, "JPEG", progressive=True)
    data = file.getvalue()[:-2]
    path = tmp_path / "a.jpg"
    path.write_bytes(data + b"\xff\xd9")
    assert read_image(path).shape == (100, 100, 3)
    path.write_bytes(data + data[data.rfind(b"\xff\xda") :] * 50 + b"\xff\xd9")
    assert "scans of 100 x 100" in message_of(read_image, path)


def test_large_images_are_converted_in_parts(tmp_path, monkeypatch):
    path = image_file(tmp_path / "a.png", mode="P")
    whole = read_image(path)
    monkeypatch.setattr("mrcnn_roi.datasets.pillow_images._BAND", 7 * 60)
    np.testing.assert_array_equal(read_image(path), whole)


def test_transparency_of_palettes_warns_nobody(tmp_path):
    image = Image.new("P", (8, 8))
    image.putpalette(list(range(256)) * 3)
    image.save(tmp_path / "a.png", transparency=bytes(range(256)))
    assert read_image(tmp_path / "a.png").shape == (8, 8, 3)


@pytest.mark.parametrize("side", [1000, 21_000])
def test_outlines_without_end(side):
    zigzag = [number for i in range(100_000) for number in (side * (i % 2) - (side - 1000) / 2, i % 1000)]
    with pytest.raises(ValueError, match="expected outlines of at most"):
        fill_polygons([zigzag], 1000, 1000)


def test_fine_outlines_of_many_points():
    angle = np.linspace(0, 2 * np.pi, 100_000)
    circle = np.stack([500 + 400 * np.cos(angle), 500 + 400 * np.sin(angle)], axis=1)
    assert MAX_OUTLINE < 100_000 / 2 * 800  # so that the outline itself is measured
    assert fill_polygons([circle.ravel().tolist()], 1000, 1000).sum() == pytest.approx(np.pi * 400**2, rel=0.01)


def test_names_near_thousands_of_missing_ones(tmp_path):
    for i in range(3000):
        (tmp_path / f"IMG_{i:06d}.jpg").touch()
    started = time.process_time()
    remarks = {closest_name(tmp_path, f"img_{i:06d}.png") for i in range(1000)}
    assert time.process_time() - started < 10
    assert "closest is IMG_002999.jpg" in closest_name(tmp_path, "IMG_02999.jpg")
    assert "IMG_000000.jpg differs in upper" in closest_name(tmp_path, "img_000000.JPG")
    assert "there is IMG_000000.jpg" in closest_name(tmp_path, "IMG_000000.png")
    assert len(remarks) <= 1000


JSON = {
    "deep list": b"[" * 100_000,
    "deep list in a member": b'{"images": [], "annotations": [], "categories": ' + b"[" * 100_000,
    "deep annotation": b'{"images": [], "annotations": [' + b'{"a":' * 100_000,
    "digits": b'{"images": [], "annotations": [' + b"9" * 10_000 + b"]}",
    "no end of a string": b'{"images": [], "annotations": ["' + b"a" * 10**6,
    "spaces": b" " * 10**6,
    "zeros": bytes(10**5),
}


@pytest.mark.parametrize("name", JSON)
def test_json_that_nobody_writes(tmp_path, name):
    (tmp_path / "a.json").write_bytes(JSON[name])
    message_of(load_dataset, tmp_path / "a.json")


SEGMENTATIONS = {
    "counts to 1e12": {"size": [40, 60], "counts": [10**12, 10**12]},
    "counts that sum to 1e12": {"size": [10**6, 10**6], "counts": [357_913_940] * 2794},
    "counts of nothing": {"size": [40, 60], "counts": [0] * 100_000 + [2400]},
    "text": {"size": [40, 60], "counts": "o" * 10_000},
    "coordinates of 1e300": [[1e300, 1, 2, 2, 3, 0]],
    "both ways": [[-1e308, -1e308, 1e308, 1e308, 0, 5]],
    "digits": [[10**400, 1, 2, 2, 3, 0]],
    "a million points": [[number for i in range(500_000) for number in (60 * (i % 2), i % 40)]],
}


@pytest.mark.parametrize("name", SEGMENTATIONS)
def test_segmentations_that_nobody_draws(tmp_path, name):
    path = coco_file(tmp_path, [annotation(segmentation=SEGMENTATIONS[name])])
    findings = preflight(Settings(), load_dataset(path), environment=ENVIRONMENT)
    assert any(finding.severity.name == "ERROR" for finding in findings)


# ---- any change of a sound file


def _seed(save) -> bytes:
    file = io.BytesIO()
    save(file)
    return file.getvalue()


def _seeds() -> dict[str, bytes]:
    pixels = np.random.default_rng(0).integers(0, 256, (20, 30, 3), np.uint8)
    picture = Image.fromarray(pixels)
    seeds = {form: _seed(lambda file, form=form: picture.save(file, form)) for form in ("PNG", "JPEG", "TIFF", "GIF")}
    for options in ({}, {"compression": "zlib"}, {"tile": (16, 16)}, {"planarconfig": "contig", "bigtiff": True}):
        seeds[f"16 bits {options}"] = _seed(lambda file, o=options: tifffile.imwrite(file, pixels * np.uint16(9), **o))
    return seeds


SEEDS = _seeds()
changes = st.lists(
    st.tuples(st.floats(0, 1), st.sampled_from([b"", b"\0", b"\xff\xff\xff\xff", b"\0\0\0\x80", b"\x7f\xff"])),
    min_size=1,
    max_size=4,
)


@settings(max_examples=250, deadline=None)
@given(name=st.sampled_from(sorted(SEEDS)), changes=changes, end=st.floats(0.3, 1) | st.just(1.0))
def test_any_image(tmp_path_factory, name, changes, end):
    data = bytearray(SEEDS[name])
    for place, value in changes:
        start = int(place**3 * len(data))  # headers are where the harm is
        data[start : start + len(value)] = value
    path = tmp_path_factory.getbasetemp() / "any.png"
    path.write_bytes(data[: int(end * len(data))])
    for function in (read_header, read_image, read_label_map):
        with contextlib.suppress(SetupError):
            assert function(path) is not None


# ---- the command line, with memory and time limited


def _limited():
    resource.setrlimit(resource.RLIMIT_AS, (4 << 30, 4 << 30))


def test_the_command_line_survives_all_of_it(trap, tmp_path, canary):
    folder = trap.parent
    content = json.loads(trap.read_text())
    for number, (name, (make, _)) in enumerate(BOMBS.items(), 100):
        (folder / f"{name}.png").write_bytes(make())
        content["images"].append({"id": number, "file_name": f"{name}.png", "height": 40, "width": 60})
    for number, segmentation in enumerate(SEGMENTATIONS.values(), 1000):
        content["annotations"].append(annotation(id=number, image_id=0, segmentation=segmentation))
    trap.write_text(json.dumps(content))
    (tmp_path / "a.yaml").write_text(f"NAME: !!python/object/apply:os.system ['touch {canary}']\nNUM_CLASSES: 2\n")
    command = [sys.executable, "-m", "mrcnn_roi", "check", "--train", str(trap), "--config", str(tmp_path / "a.yaml")]
    command += [
        "--weights",
        str(folder / "fifo.png"),
        "--val-fraction",
        "0",
        "--no-cache",
        "--train-images",
        str(folder),
    ]
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, timeout=120, preexec_fn=_limited, env=environment)
    assert done.returncode == 1, done.stderr
    assert done.stderr == b""
    said = done.stdout.decode()
    assert "Traceback" not in said
    for code in ("cfg-yaml", "w-file-unreadable", "ds-file-missing", "ds-file-unreadable", "ds-rle-counts"):
        assert code in said
