"""Where a run keeps its logs and checkpoints, and how a run is found again: the original's names."""

from __future__ import annotations

import contextlib
import datetime
import errno
import os
from dataclasses import dataclass
from pathlib import Path

from mrcnn_roi.checks.weights import CHECKPOINT


@dataclass(frozen=True)
class LogDir:
    """The folder of a run, its checkpoint path with a place for {epoch:04d}, and the epochs done so far."""

    folder: str
    checkpoint_path: str
    epoch: int


def log_dir_for(name: str, model_dir, model_path=None) -> LogDir:
    """A new folder model_dir/{name}{YYYYmmddTHHMM}, or the one that model_path, a checkpoint, came from.

    Where a run of this minute has written its losses, the new folder is of the next minute that is free: in the
    original the second run wrote over the first.
    """
    now, epoch = datetime.datetime.now(), 0
    match = CHECKPOINT.fullmatch(os.fspath(model_path)) if model_path else None
    if match:
        with contextlib.suppress(ValueError):  # digits that are no date: not one of our folders
            now, epoch = datetime.datetime.strptime(match["date"], "%Y%m%dT%H%M"), int(match["epoch"])
    folder = _folder(name, model_dir, now)
    while not match and os.path.exists(os.path.join(folder, "losses.csv")):  # another run that began in this minute
        now += datetime.timedelta(minutes=1)
        folder = _folder(name, model_dir, now)
    checkpoint = os.path.join(folder, f"mask_rcnn_{name.lower()}_{{epoch:04d}}.h5")
    return LogDir(folder, checkpoint, epoch)


def _folder(name: str, model_dir, time: datetime.datetime) -> str:
    return os.path.join(os.fspath(model_dir), f"{name.lower()}{time:%Y%m%dT%H%M}")


def latest_checkpoint(model_dir) -> str:
    """Path of the newest checkpoint of any run in model_dir. Raises FileNotFoundError when there is none."""
    root = Path(model_dir)
    found = [
        (match["date"], int(match["epoch"]), str(path))
        for path in (root.glob("*/mask_rcnn_*") if root.is_dir() else ())
        if (match := CHECKPOINT.fullmatch(str(path)))
    ]
    if not found:
        raise FileNotFoundError(errno.ENOENT, "no run with a checkpoint mask_rcnn_* in it", str(root))
    return max(found)[-1]


def find_last(name: str, model_dir) -> str:
    """Path of the newest checkpoint: the last file mask_rcnn* in the last folder {name}* that has one.

    Folders without a checkpoint are passed over (the original failed on them).
    Raises FileNotFoundError when there is none.
    """
    root = Path(model_dir)
    folders = sorted(root.iterdir(), reverse=True) if root.is_dir() else []
    for folder in folders:
        if folder.is_dir() and folder.name.startswith(name.lower()):
            checkpoints = sorted(each for each in folder.iterdir() if each.name.startswith("mask_rcnn"))
            if checkpoints:
                return str(checkpoints[-1])
    raise FileNotFoundError(
        errno.ENOENT, f"no folder starting with {name.lower()!r} that holds a checkpoint mask_rcnn*", str(root)
    )
