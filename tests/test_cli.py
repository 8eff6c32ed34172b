"""The command line, end to end on a tiny set: what a user types and sees."""

import subprocess
import sys

import pytest
from typer.testing import CliRunner

from mrcnn_roi.cli import app, main
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


def test_show_draws_rois_levels_and_sampling_without_data(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    printed = mrcnn_roi("show", "sampling").splitlines()
    assert printed[0] == "picture: runs/sampling.png"
    assert printed[1].startswith("RoI of 4.53 x 6.25 cells at row 6.00, column 9.25")
    assert [line.partition(" loses ")[0].strip() for line in printed[2:]] == [
        "RoIPool",
        "RoIWarp",
        "RoIAlign (aligned=False)",
        "crop_and_resize",
    ]
    printed = mrcnn_roi("show", "rois")
    assert printed.startswith("picture: runs/rois.png\nimage 0 ")
    assert all(f"  P{level}, stride {2**level}, side" in printed for level in (2, 3, 4, 5))
    assert " 0 RoIs" not in printed  # the toy image has boxes for every level
    assert "boxes of 24 images\n  P2, stride 4, side up to 79 px: " in mrcnn_roi("show", "levels")
    for name in ("sampling", "rois", "levels"):
        assert (tmp_path / "runs" / f"{name}.png").stat().st_size > 10000


def test_show_takes_data_and_settings(data, monkeypatch):
    monkeypatch.chdir(data)
    config, shapes = data / "small.yaml", data / "shapes"
    printed = show("rois", shapes, "--image", 2, "-c", config, "-o", data / "of2.png")
    assert 'image 2 "000002.png", molded to 64 x 64 pixels: ' in printed
    printed = show("levels", shapes, "-c", config, "-o", "levels.png")
    assert " of 8 images\n  P2, stride 4, " in printed
    arguments = ("--map", "20X30", "--stride", 8, "--box", "-4,0,30.5,90", "--bins", "7x14", "--ratio", 0, "--aligned")
    printed = show("sampling", *arguments, "-o", "new/folder/a.png")
    assert "RoI of 4.31 x 11.25 cells at row -0.50, column 0.00" in printed
    assert "RoIAlign (aligned=True)" in printed
    assert (data / "new" / "folder" / "a.png").is_file()


def test_a_config_alone_waits_for_no_large_library(data):
    """Half a second is what a check of a config may take, and each of these takes a third of one or more."""
    program = "import sys; from mrcnn_roi.cli import app; app(sys.argv[1:], standalone_mode=False);"
    program += "print({'tensorflow', 'keras', 'scipy', 'skimage', 'matplotlib', 'h5py'} & set(sys.modules))"
    command = [sys.executable, "-c", program, "check", "-c", str(data / "small.yaml")]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()[-1] == "set()"


def test_show_takes_folders_called_like_its_words(data, monkeypatch):
    monkeypatch.chdir(data)
    for name in ("rois", "DATA", "levels"):
        (data / name).symlink_to(data / "shapes", target_is_directory=True)
    for arguments in (("./rois",), ("DATA",), ("--count", 1, "levels")):
        assert show(*arguments, "-o", "sheet.png") == "picture: sheet.png\n"


def show(*arguments, status=0):
    result = runner.invoke(app, ["show", *map(str, arguments)])
    assert result.exit_code == status, result.output
    return " ".join(result.output.replace("│", " ").split()) if status else result.output


def test_show_alone_lists_what_can_be_shown():
    listed = runner.invoke(app, ["show"]).output
    assert all(word in listed for word in ("DATA", "rois", "levels", "sampling"))


@pytest.mark.parametrize(
    "arguments, says",
    [
        (["batches"], "expected annotations (a file or a folder), or as the first argument one of the words batch,"),
        (["--out", "x.png", "rois"], "received 'rois', which does not exist"),
        (["sampling", "--box", "1,2,3"], "--box: expected four numbers y1,x1,y2,x2 in pixels, received '1,2,3'"),
        (["sampling", "--box", "1,2,3,x"], "received '1,2,3,x'"),
        (["sampling", "--box", "600,600,700,700"], "expected a box that overlaps the image of 512 x 512 pixels"),
        (["sampling", "--box", "9,9,5,50"], "y2 > y1 and x2 > x1, received 9,9,5,50"),
        (["sampling", "--bins", "0"], "expected bins of 1 to 4096"),
        (["sampling", "--bins", "2x2x2"], "--bins: expected bins a side such as 7, or rows x columns"),
        (["sampling", "--map", "16"], "--map: expected height x width in cells, such as 16x16, received '16'"),
        (["sampling", "--stride", "0"], "expected a stride above 0"),
        (["sampling", "--ratio", "-2"], "--ratio"),
        (["sampling", "--out", "."], "expected a file name for the picture, received the folder ."),
        (["sampling", "more"], "more"),
    ],
)
def test_show_says_what_it_expected(arguments, says, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert says in show(*arguments, status=2)


@pytest.mark.parametrize(
    "arguments, says",
    [
        (["nothing.json"], "no such file or folder"),
        (["rois", "nothing.json"], "no such file or folder"),
        (["levels", "nothing"], "no such file or folder"),
        (["rois", "-c", "nothing.yaml"], "nothing.yaml"),
        (["rois", "-w", "nothing.h5"], "the weight file does not exist"),
        (["rois", "-w", "last"], "no run with a checkpoint"),
        (["rois", "--image", "1"], "expected an image of 0 to 0, received 1"),
    ],
)
def test_show_names_what_it_cannot_use(arguments, says, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["mrcnn-roi", "show", *arguments])
    with pytest.raises(SystemExit) as stopped:
        main()
    assert stopped.value.code == 1
    assert says in capsys.readouterr().out


def test_help_lists_every_command():
    result = runner.invoke(app, ["--help"])
    assert result.exit_code == 0
    commands = ["demo", "check", "convert", "split", "train", "evaluate", "detect", "show", "export", "explain"]
    for command in [*commands, "config", "env", "run"]:
        assert command in result.output
