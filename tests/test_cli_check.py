"""`mrcnn-roi check`: what is read, what is printed, and what is written."""

import json

import pytest
from typer.testing import CliRunner

from mrcnn_roi.checks.weight_mismatch import HEADS
from mrcnn_roi.cli import app
from mrcnn_roi.cli_options import names_in, weight_arguments
from mrcnn_roi.config import Config
from tests.datasets.builders import annotation, coco_file

runner = CliRunner()


@pytest.fixture
def folder(tmp_path):
    images = [{"id": i, "file_name": f"{i}.png", "height": 128, "width": 128} for i in range(1, 6)]
    square = [[20, 20, 90, 20, 90, 90, 20, 90]]
    coco_file(tmp_path, [annotation(id=i, image_id=i, segmentation=square, bbox=None) for i in range(1, 6)], images)
    return tmp_path


def checked(folder, *arguments, settings="NAME: cats\nNUM_CLASSES: 2\nIMAGE_MIN_DIM: 0\nIMAGE_MAX_DIM: 128\n"):
    path = folder / "config.yaml"
    path.write_text(settings)
    return runner.invoke(
        app, ["check", "-c", str(path), "--train", str(folder / "annotations.json"), *map(str, arguments)]
    )


def test_json_is_json_alone(folder):
    result = checked(folder, "--json", settings="NAME: cats\nNUM_CLASSES: 7\n")
    found = json.loads(result.stdout)
    assert result.exit_code == 1
    assert found["counts"]["ERROR"] == 1
    assert {"code", "severity", "where", "message", "fix"} == set(found["findings"][0])
    assert found["findings"][0]["code"] == "cd-class-count"


def test_strict_counts_warnings(folder):
    settings = "NAME: my cats\nNUM_CLASSES: 2\nIMAGE_MIN_DIM: 0\nIMAGE_MAX_DIM: 128\n"
    assert checked(folder, settings=settings).exit_code == 0
    assert checked(folder, "--strict", settings=settings).exit_code == 1


def test_config_and_data_are_reported_together(folder):
    (folder / "3.png").write_bytes(b"damaged")
    result = checked(folder, settings="NAME: cats\nNUM_CLASSES: 2\nIMAGE_MAX_DIM: 600\nRPN_NMS_THRESHOLD: 70\n")
    assert result.exit_code == 1
    for code in ("cfg-image-dim-not-div64", "cfg-threshold-range", "ds-file-unreadable"):
        assert result.stdout.count(code) == 1


def test_data_is_checked_beside_a_config_that_is_no_yaml(folder):
    (folder / "3.png").unlink()
    result = checked(folder, "--suggest", folder / "fixed.yaml", settings="NAME: [")
    assert result.exit_code == 1
    assert "cfg-yaml" in result.stdout
    assert "ds-file-missing" in result.stdout
    assert "no config can be suggested" in result.stdout


def test_config_is_checked_beside_data_that_cannot_be_read(folder):
    (folder / "annotations.json").write_text("{")
    result = checked(folder, settings="NAME: cats\nNUM_CLASSES: 2\nIMAGE_MAX_DIM: 600\n")
    assert "ds-json-invalid" in result.stdout
    assert "cfg-image-dim-not-div64" in result.stdout


def test_the_suggested_config_passes(folder):
    settings = "NAME: my cats\nNUM_CLASSES: 9\nIMAGE_MAX_DIM: 600\nIMAGE_MINDIM: 0\nRPN_NMS_THRESHOLD: 70\n"
    result = checked(folder, "--suggest", folder / "new" / "fixed.yaml", settings=settings)
    assert result.exit_code == 1
    assert "NUM_CLASSES: " in result.stdout
    fixed = Config.from_yaml(folder / "new" / "fixed.yaml")
    assert (fixed.NUM_CLASSES, fixed.RPN_NMS_THRESHOLD) == (2, 0.7)
    again = checked(folder, "--strict", settings=(folder / "new" / "fixed.yaml").read_text())
    assert again.exit_code == 0, again.stdout


def test_a_first_config_from_data_alone(folder):
    path = folder / "first.yaml"
    result = runner.invoke(app, ["check", "--train", str(folder / "annotations.json"), "--suggest", str(path)])
    assert result.exit_code == 1
    assert "cfg-name-missing" in result.stdout
    assert Config.from_yaml(path).NUM_CLASSES == 2


def test_html(folder):
    result = checked(folder, "--html", folder / "out" / "report.html")
    assert result.exit_code == 0
    text = (folder / "out" / "report.html").read_text()
    assert text.startswith("<!DOCTYPE html>")
    assert "mrcnn-roi" in text


@pytest.mark.parametrize("arguments", [["check"], ["check", "-c", "x.yaml", "--mode", "traning"]])
def test_wrong_usage(arguments):
    assert runner.invoke(app, arguments).exit_code == 2


def test_suggestions_go_to_a_new_file_or_over_older_suggestions(folder):
    path = folder / "fixed.yaml"
    for _ in range(2):
        assert checked(folder, "--suggest", path).exit_code == 0
    path.write_text("NAME: mine # with my own remarks\n")
    assert checked(folder, "--suggest", path).exit_code == 2
    assert "remarks" in path.read_text()
    assert checked(folder, "--suggest", folder / "config.yaml").exit_code == 2


@pytest.mark.parametrize("given", [["a,b"], ["a", "b"], ["['a', \"b\"]"], ["a b"]])
def test_excluded_layers_in_any_spelling(given):
    assert names_in(given) == ("a", "b")


def test_words_for_weights(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert weight_arguments(None, ["conv1"]) == {"weights": None, "exclude": ("conv1",)}
    assert weight_arguments("imagenet", None)["weights"] is None
    assert weight_arguments("coco", None) == {"weights": None, "exclude": HEADS}
    path = tmp_path / "runs" / "toy20260101T0000" / "mask_rcnn_toy_0003.h5"
    path.parent.mkdir(parents=True)
    path.touch()
    assert weight_arguments("last", None)["weights"].name == path.name
    assert weight_arguments("other.h5", None)["weights"].name == "other.h5"


def test_version_and_codes():
    assert runner.invoke(app, ["--version"]).stdout.startswith("mrcnn_roi ")
    assert "cfg-image-dim-not-div64" in runner.invoke(app, ["explain"]).stdout


def test_python_spellings_in_a_config(folder):
    settings = "NAME: cats\nNUM_CLASSES: 1 + 1\nIMAGE_MIN_DIM: 0\nIMAGE_MAX_DIM: 128\nMINI_MASK_SHAPE: (28, 28)\n"
    assert checked(folder, settings=settings).exit_code == 0
    assert "write a colon instead of =" in checked(folder, settings='NAME = "cats"\n').stdout


def test_a_weight_file_is_looked_at_beside_a_config_that_is_no_yaml(folder):
    (folder / "empty.h5").touch()
    result = checked(folder, "--weights", folder / "empty.h5", settings="NAME: [")
    assert "cfg-yaml" in result.stdout
    assert "w-file-unreadable" in result.stdout


def test_a_single_image_is_trained_on(tmp_path):
    coco_file(tmp_path, [annotation()])
    result = checked(tmp_path, "--json")
    found = json.loads(result.stdout)
    assert "run-val-none" in {each["code"] for each in found["findings"]}
    assert "none is held out" in result.stderr
