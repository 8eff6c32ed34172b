"""What is written to disk beside the weights, and what is fetched."""

import urllib.error

import pytest

from mrcnn_roi.engine import download
from mrcnn_roi.engine.commands import class_names_for, image_files
from mrcnn_roi.engine.log_dir import latest_checkpoint
from mrcnn_roi.engine.run_folder import classes_beside, config_beside, describe_run
from mrcnn_roi.findings import SetupError


def test_a_run_describes_itself(tmp_path, small_config):
    weights = tmp_path / "mask_rcnn_small_0001.h5"
    assert config_beside(weights) is None
    assert classes_beside(weights) is None
    describe_run(tmp_path, small_config(), ["BG", "wide", "größe"])
    assert config_beside(weights).RPN_CONV_SIZE == 16
    assert classes_beside(weights) == ["BG", "wide", "größe"]
    (tmp_path / "classes.json").write_text("[")
    with pytest.raises(SetupError, match="classes.json"):
        classes_beside(weights)


def test_a_config_with_functions_leaves_no_yaml(tmp_path, small_config):
    functions = {"BACKBONE": lambda *a, **k: None, "COMPUTE_BACKBONE_SHAPE": lambda shape: [[1, 1]] * 5}
    describe_run(tmp_path, type("C", (small_config,), functions)(), ["BG", "a", "b"])
    assert config_beside(tmp_path / "w.h5") is None
    assert classes_beside(tmp_path / "w.h5") == ["BG", "a", "b"]


def test_class_names_come_from_the_user_the_run_or_are_numbers(tmp_path, small_config):
    config, weights = small_config(), tmp_path / "w.h5"
    assert class_names_for(config, weights) == ["BG", "class 1", "class 2"]
    assert class_names_for(config, weights, "cat, dog") == ["BG", "cat", "dog"]
    with pytest.raises(ValueError, match=r"expected 2 class names .*received 1: \['cat'\]"):
        class_names_for(config, weights, "cat")


def test_image_files(tmp_path):
    (tmp_path / "empty").mkdir()
    for name in ("b.JPG", "a.png", "notes.txt"):
        (tmp_path / name).touch()
    assert [path.name for path in image_files([tmp_path])] == ["a.png", "b.JPG"]
    for paths in ([tmp_path / "empty"], [tmp_path / "absent.png"]):
        with pytest.raises(SetupError, match="ds-file-missing"):
            image_files(paths)


def test_the_newest_checkpoint_of_any_run(tmp_path):
    with pytest.raises(FileNotFoundError, match="no run with a checkpoint"):
        latest_checkpoint(tmp_path)
    for path in (
        "a20240101T0000/mask_rcnn_a_0009.h5",
        "b20250101T0000/mask_rcnn_b_0002.h5",
        "b20250101T0000/mask_rcnn_b_0010.h5",
        "mask/mask_rcnn_coco.h5",
    ):
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).touch()
    assert latest_checkpoint(tmp_path).endswith("mask_rcnn_b_0010.h5")


def test_a_download_is_whole_or_absent(tmp_path, monkeypatch, capsys):
    source, target = tmp_path / "source.h5", tmp_path / "mask_rcnn_coco.h5"
    monkeypatch.setattr(download, "COCO_MODEL_URL", source.as_uri())
    with pytest.raises(urllib.error.URLError):
        download.download_trained_weights(target, verbose=0)
    assert list(tmp_path.iterdir()) == []
    source.write_bytes(b"weights")
    download.download_trained_weights(str(target))
    assert target.read_bytes() == b"weights"
    assert "Downloading" in capsys.readouterr().out
