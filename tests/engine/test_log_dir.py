import datetime
import re

import pytest

from mrcnn_roi.engine.log_dir import find_last, log_dir_for


def test_a_new_run():
    run = log_dir_for("Balloon", "logs")
    assert re.fullmatch(r"logs[/\\]balloon\d{8}T\d{4}", run.folder)
    assert run.checkpoint_path.format(epoch=7).endswith("mask_rcnn_balloon_0007.h5")
    assert run.epoch == 0
    assert abs(datetime.datetime.now() - datetime.datetime.strptime(run.folder[-13:], "%Y%m%dT%H%M")).seconds < 120


@pytest.mark.parametrize(
    "path,epoch",
    [
        ("/data/logs/balloon20171029T2315/mask_rcnn_balloon_0012.h5", 12),
        (r"C:\logs\balloon20171029T2315\mask_rcnn_balloon_0012.h5", 12),
        ("logs/my-data_220171029T2315/mask_rcnn_my-data_2_0003.h5", 3),
        ("logs/balloon20171029T2315/mask_rcnn_balloon_10000.h5", 10000),
        ("logs/balloon20171029T2315/mask_rcnn_balloon_0012.weights.h5", 12),
    ],
)
def test_a_checkpoint_names_its_run(path, epoch):
    run = log_dir_for("balloon", "logs", path)
    assert run.epoch == epoch
    assert run.folder.endswith("balloon20171029T2315")


@pytest.mark.parametrize("path", ["mask_rcnn_coco.h5", "a/b.h5", "logs/x99999999T9999/mask_rcnn_x_0001.h5"])
def test_other_files_start_at_epoch_0(path):
    assert log_dir_for("balloon", "logs", path).epoch == 0


def test_find_last_takes_the_newest_and_passes_over_empty_folders(tmp_path):
    for folder, files in {
        "balloon20200101T0000": ["mask_rcnn_balloon_0001.h5", "mask_rcnn_balloon_0009.h5", "events.out"],
        "balloon20210101T0000": ["mask_rcnn_balloon_0002.h5"],
        "balloon20220101T0000": ["events.out"],
        "other20230101T0000": ["mask_rcnn_other_0001.h5"],
    }.items():
        (tmp_path / folder).mkdir()
        for name in files:
            (tmp_path / folder / name).touch()
    assert find_last("Balloon", tmp_path).endswith("mask_rcnn_balloon_0002.h5")
    for path in (tmp_path / "balloon20210101T0000").iterdir():
        path.unlink()
    assert find_last("balloon", tmp_path).endswith("mask_rcnn_balloon_0009.h5")


@pytest.mark.parametrize("folder", ["", "absent"])
def test_nothing_to_find(tmp_path, folder):
    with pytest.raises(FileNotFoundError, match="no folder starting with 'balloon'"):
        find_last("balloon", tmp_path / folder)


def test_a_second_run_of_the_same_minute_has_a_folder_of_its_own(tmp_path):
    folders = []
    for _ in range(3):
        run = log_dir_for("balloon", tmp_path)
        path = tmp_path / run.folder
        path.mkdir()
        (path / "losses.csv").touch()
        (path / "mask_rcnn_balloon_0001.h5").touch()
        folders.append(run.folder)
    assert len(set(folders)) == 3
    assert find_last("balloon", tmp_path).startswith(folders[2])
    assert log_dir_for("balloon", tmp_path, f"{folders[0]}/mask_rcnn_balloon_0001.h5").folder == folders[0]
