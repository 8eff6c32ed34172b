"""Writing weight files as Matterport's code reads them, and the report of loading."""

import ast
import io
import re

import h5py
import keras
import numpy as np
import pytest
from rich.console import Console

from mrcnn_roi.checks.h5_header import read_header
from mrcnn_roi.checks.weight_shapes import expected_weight_shapes, same_shape
from mrcnn_roi.config import Config
from mrcnn_roi.engine import weights as weight_files
from mrcnn_roi.engine.weight_report import LoadReport, print_report
from mrcnn_roi.engine.weights import save_h5
from mrcnn_roi.network.build import build_inference

from .light import build, file_layers, light, nested


@pytest.fixture(scope="module")
def model():
    return build()


def layout_of(text):
    """(weight names by group, (shape, dtype) by dataset) of the dump of one of the original's files."""
    groups, datasets = {}, {}
    for line in text.splitlines():
        if match := re.match(r"/(\S+)  attrs weight_names=(\[.*\])", line):
            groups[match[1]] = ast.literal_eval(match[2])
        elif match := re.match(r"\s+dataset (\S+) (\(.*\)) (\w+)", line):
            datasets[match[1]] = (ast.literal_eval(match[2]), match[3])
    return groups, datasets


def test_the_layout_is_the_originals(shared, tmp_path):
    coco = type("Coco", (Config,), {"NAME": "coco", "NUM_CLASSES": 81})()
    model = keras.Model(*build_inference(coco))
    save_h5(model, tmp_path / "w.h5")
    groups, datasets = layout_of((shared / "tables" / "h5_layout_resnet101_inference.txt").read_text())
    assert (len(groups), len(datasets)) == (233, 690)
    with h5py.File(tmp_path / "w.h5") as file:
        assert set(file.attrs) == {"backend", "keras_version", "layer_names"}
        assert file.attrs["backend"] == b"tensorflow"  # old code calls .decode() on it
        assert file.attrs["keras_version"].decode()
        assert file.attrs["layer_names"].dtype.kind == "S"
        layer_names = [name.decode() for name in file.attrs["layer_names"]]
        assert layer_names == [layer.name for layer in model.layers]
        assert set(layer_names) == set(file)
        held = {name: [each.decode() for each in file[name].attrs["weight_names"]] for name in layer_names}
        assert {name: names for name, names in held.items() if names} == groups
        without = file[next(name for name in held if not held[name])].attrs["weight_names"]
        assert (without.shape, without.dtype) == ((0,), np.float64)
        found = {}
        file.visititems(lambda name, item: found.update({f"/{name}": item}) if isinstance(item, h5py.Dataset) else None)
        assert {name: (item.shape, str(item.dtype)) for name, item in found.items()} == datasets
    assert (tmp_path / "w.h5").stat().st_size == pytest.approx(257549552, rel=0.01)


def test_long_lists_of_names_are_cut(model, tmp_path, monkeypatch):
    monkeypatch.setattr(weight_files, "ATTRIBUTE_LIMIT", 1000)
    save_h5(model, tmp_path / "w.h5")
    with h5py.File(tmp_path / "w.h5") as file:
        pieces = [file.attrs[name] for name in file.attrs if name.startswith("layer_names")]
        assert len(pieces) > 1
        assert max(each.nbytes for each in pieces) <= 1000
    assert list(read_header(tmp_path / "w.h5").layers) == [layer.name for layer in model.layers]


def test_a_failed_save_leaves_the_old_file(model, tmp_path, monkeypatch):
    path = tmp_path / "new" / "w.h5"
    save_h5(model, path)
    whole = path.read_bytes()

    def full(*args, **kwargs):
        raise OSError("no space left on device")

    monkeypatch.setattr(h5py.Group, "create_dataset", full)
    with pytest.raises(OSError, match="no space left"):
        save_h5(model, path)
    assert path.read_bytes() == whole
    assert list(path.parent.iterdir()) == [path]


def test_the_checks_expect_the_shapes_of_other_backbones(model):
    shapes = {layer: [shape for _, shape in weights] for layer, weights in file_layers(model).items() if weights}
    assert expected_weight_shapes(light()) == shapes
    expected = expected_weight_shapes(light(BACKBONE=len, COMPUTE_BACKBONE_SHAPE=len))
    own = {layer: [shape for _, shape in weights] for layer, weights in file_layers(nested()).items() if weights}
    assert set(own) - set(expected) == {"my_backbone"}
    for layer, known in expected.items():
        assert len(known) == len(own[layer])
        assert all(same_shape(real, shape) for real, shape in zip(own[layer], known))


def test_the_report_is_one_table_of_80_columns():
    console = Console(width=80, file=io.StringIO())
    loaded = tuple(f"res{i}a_branch2a" for i in range(300))
    print_report(LoadReport("logs/[x]/w.h5", loaded, skipped=("mrcnn_mask",), unused=("a",)), console)
    lines = console.file.getvalue().splitlines()
    assert "logs/[x]/w.h5" in lines[0]
    assert max(map(len, lines)) <= 80
    cells = [[cell.strip() for cell in line.split("│")[1:-1]] for line in lines if "│" in line]
    assert ["excluded", "1", "mrcnn_mask"] in cells
    assert ["only in the file", "1", "a"] in cells
    assert "not in the file" not in {row[0] for row in cells}
    (first,) = [row for row in cells if row[0] == "loaded"]
    assert first[1] == "300"
    assert "and 295 more" in " ".join(row[2] for row in cells)
