"""The command line, end to end on a tiny set: what a user types and sees."""

import subprocess
import sys

import pytest
from typer.testing import CliRunner

from mrcnn_roi.datasets import draw_shapes

runner = CliRunner()

SMALL = """\
NAME: shapes
NUM_CLASSES: 4
BACKBONE: tiny
TOP_DOWN_PYRAMID_SIZE: 16
RPN_CONV_SIZE: 16
MASK_CONV_SIZE: 16
FPN_CLASSIF_FC_LAYERS_SIZE: 16
IMAGE_MIN_DIM: 64
IMAGE_MAX_DIM: 64
IMAGES_PER_GPU: 2
STEPS_PER_EPOCH: 2
VALIDATION_STEPS: 1
RPN_ANCHOR_SCALES: [8, 16, 24, 32, 64]
PRE_NMS_LIMIT: 100
POST_NMS_ROIS_TRAINING: 30
POST_NMS_ROIS_INFERENCE: 20
TRAIN_ROIS_PER_IMAGE: 12
MASK_POOL_SIZE: 7
MASK_SHAPE: [14, 14]
MINI_MASK_SHAPE: [14, 14]
DETECTION_MIN_CONFIDENCE: 0
DETECTION_MAX_INSTANCES: 5
"""


def mrcnn_roi(*arguments, status=0):
    done = subprocess.run(
        [sys.executable, "-m", "mrcnn_roi", *map(str, arguments)], capture_output=True, text=True, timeout=300
    )
    assert done.returncode == status, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cli")
    draw_shapes(folder / "shapes", 8, 64, 64, 0)
    (folder / "small.yaml").write_text(SMALL)
    return folder


def test_train_evaluate_detect_export(data):
    config, shapes, runs = data / "small.yaml", data / "shapes", data / "runs"
    printed = mrcnn_roi(
        "train", "-c", config, "--train", shapes, "--model-dir", runs, "--epochs", 1, "--val-fraction", 0.25
    )
    assert "6 images to train on, 2 to validate" in printed
    assert "BG, square, circle, triangle" in printed
    (weights,) = runs.glob("shapes*/mask_rcnn_shapes_0001.h5")
    assert (weights.parent / "losses.png").stat().st_size > 1000

    printed = mrcnn_roi(
        "train", "-c", config, "--train", shapes, "--model-dir", runs, "--epochs", 2, "--weights", "last"
    )
    assert "Re-starting from epoch 1" in printed
    assert weights.with_name("mask_rcnn_shapes_0002.h5").is_file()

    printed = mrcnn_roi("evaluate", "--weights", weights, "--data", shapes, "--part", "val", "--val-fraction", 0.25)
    assert "2 images" in printed
    assert "AP50" in printed

    image = shapes / "images" / "000000.png"
    printed = mrcnn_roi("detect", "--weights", weights, image, "--out", data / "found")
    assert (data / "found" / "000000.png").is_file()
    assert "000000.png" in printed

    mrcnn_roi("export", "--weights", weights, data / "model.keras")
    mrcnn_roi("evaluate", "--weights", data / "model.keras", "--config", config, "--data", shapes, "--limit", 1)


def test_check_reports_and_sets_the_status(data):
    printed = mrcnn_roi("check", "-c", data / "small.yaml", "--train", data / "shapes", "--val-fraction", 0.25)
    assert "ERROR" not in printed
    (data / "bad.yaml").write_text(SMALL.replace("NUM_CLASSES: 4", "NUM_CLASSES: 3"))
    printed = mrcnn_roi("check", "-c", data / "bad.yaml", "--train", data / "shapes", status=1)
    assert "cd-class-count" in printed
    assert "fix:" in printed
    (data / "worse.yaml").write_text(SMALL.replace("IMAGE_MAX_DIM: 64", "IMAGE_MAX_DIM: 65"))
    printed = mrcnn_roi("check", "-c", data / "worse.yaml", status=1)
    assert "cfg-image-dim-not-div64" in printed
    assert "worse.yaml" in printed


@pytest.mark.parametrize(
    "arguments,status,says",
    [
        (["check", "-c", "nothing.yaml"], 1, "nothing.yaml"),
        (["evaluate", "-w", "nothing.h5", "--data", "x"], 1, "w-file-unreadable"),
        (["check", "-c"], 2, ""),
        (["explain", "no-such-code"], 2, ""),
        (["explain", "cfg-gpu-count"], 0, "cfg-gpu-count (ERROR)"),
        (["explain", "all"], 0, "roi-rank"),
        (["config"], 0, "IMAGES_PER_GPU"),
        (["env"], 0, "tensorflow"),
    ],
)
def test_statuses_and_words(arguments, status, says):
    assert says in mrcnn_roi(*arguments, status=status)


def test_show_draws_a_contact_sheet(data):
    mrcnn_roi("show", data / "shapes", "--count", 4, "--out", data / "sheets" / "sheet.png")
    assert (data / "sheets" / "sheet.png").stat().st_size > 5000


def test_help_lists_every_command():
    from mrcnn_roi.cli import app

    result = runner.invoke(app, ["--help"])
    assert result.exit_code == 0
    commands = ["demo", "check", "train", "evaluate", "detect", "show", "export", "explain", "config", "env", "run"]
    for command in commands:
        assert command in result.output
