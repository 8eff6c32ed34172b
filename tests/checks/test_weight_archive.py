"""The header of a .keras archive: what is read, and a SetupError for every other file of that name."""

import json
import zipfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mrcnn_roi.checks import weight_archive
from mrcnn_roi.checks.h5_header import read_header
from mrcnn_roi.findings import SetupError
from mrcnn_roi.preflight import preflight

from .toy import CPU
from .weight_files import archive, config, file_layers, write

FOUR_EXCLUDED = ("mrcnn_class_logits", "mrcnn_bbox_fc", "mrcnn_bbox", "mrcnn_mask")


def found(path, **arguments):
    findings = preflight(config(), weights=path, environment=CPU, **arguments)
    return [each for each in findings if each.code.startswith("w-")]


def refused(path) -> str:
    (finding,) = found(path)
    assert (finding.code, finding.where) == ("w-file-unreadable", str(path))
    with pytest.raises(SetupError):
        read_header(path)
    return finding.message


def test_the_layers_are_those_of_the_model(tmp_path):
    header = read_header(archive(tmp_path / "m.keras"))
    shapes = {layer: [shape for _, shape in own] for layer, own in header.layers.items()}
    assert shapes == {layer: [shape for _, shape in own] for layer, own in file_layers().items()} | {"mrcnn_bbox": []}
    assert found(tmp_path / "m.keras") == found(tmp_path / "m.keras", mode="inference") == []


def test_other_classes_are_found_before_loading(tmp_path):
    path = archive(tmp_path / "m.keras", NUM_CLASSES=81)
    (finding,) = found(path)
    assert finding.code == "w-num-classes"
    assert "has 81 classes" in finding.message
    assert found(path, exclude=FOUR_EXCLUDED) == []
    (finding,) = found(path, mode="inference", exclude=FOUR_EXCLUDED)
    assert finding.code == "w-exclude-at-inference"


OTHER_MODELS = ["{}", "[]", "3", '{"config": {"layers": [{"config": {"name": "a", "units": 3}, "class_name": "D"}]}}']


@pytest.mark.parametrize("text", OTHER_MODELS)
def test_silent_about_what_config_json_does_not_tell(tmp_path, text):
    assert found(archive(tmp_path / "m.keras", config_json=text)) == []


def test_a_config_json_too_large_to_look_at(tmp_path, monkeypatch):
    monkeypatch.setattr(weight_archive, "LARGEST_CONFIG", 1000)
    assert found(archive(tmp_path / "m.keras", NUM_CLASSES=81)) == []


def test_files_that_are_no_archive(tmp_path):
    whole = archive(tmp_path / "m.keras").read_bytes()
    for size in (3, len(whole) // 2, len(whole) - 1):
        (tmp_path / "m.keras").write_bytes(whole[:size])
        assert "truncated or damaged" in refused(tmp_path / "m.keras")
    (tmp_path / "m.keras").write_bytes(b"<html>404</html>")
    assert "a web page" in refused(tmp_path / "m.keras")
    write(tmp_path / "m.keras")
    assert "is HDF5, not a .keras archive" in refused(tmp_path / "m.keras")
    with zipfile.ZipFile(tmp_path / "m.keras", "w") as file:
        file.writestr("data.pkl", b"")
    assert "a zip archive without metadata.json, config.json, model.weights.h5" in refused(tmp_path / "m.keras")
    assert "no JSON" in refused(archive(tmp_path / "m.keras", config_json="{"))
    assert "no JSON" in refused(archive(tmp_path / "m.keras", config_json="[" * 100_000))
    assert "model.weights.h5 is not HDF5" in refused(archive(tmp_path / "m.keras", weights=b"text"))
    assert "does not exist" in refused(tmp_path / "n.keras")


def codes(path):
    try:
        read_header(path)
    except SetupError as error:
        return [each.code for each in error.findings]
    return []


def test_what_could_take_any_memory_is_not_unpacked(tmp_path):
    archive(tmp_path / "m.keras", compression=zipfile.ZIP_LZMA)
    assert "is packed as no .keras archive is" in refused(tmp_path / "m.keras")
    bomb = archive(tmp_path / "b.keras", config_json=" " * 50_000_000, compression=zipfile.ZIP_DEFLATED)
    assert bomb.stat().st_size < 100_000
    assert read_header(bomb).layers == {}


@settings(max_examples=150, deadline=None)
@given(changes=st.lists(st.tuples(st.integers(0, 2**16), st.binary(min_size=1, max_size=6)), min_size=1, max_size=8))
def test_mutated_archives(tmp_path_factory, changes):
    path = tmp_path_factory.getbasetemp() / "mutated.keras"
    content = bytearray(archive(path, config_json=json.dumps({"config": {"layers": []}})).read_bytes())
    for place, new in changes:
        place %= len(content)
        content[place : place + len(new)] = new
    path.write_bytes(bytes(content))
    assert codes(path) in ([], ["w-file-unreadable"])
