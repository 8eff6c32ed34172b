"""What a scan found, kept on disk: a second check of the same images takes no time.

An image is known again when its annotations and its path are the same, and its file has the size and time of
modification it had, or, with another time, still the same content. The files hold arrays and text only (NumPy's
format without pickles), so that nothing in them can be executed; one that is damaged is ignored and replaced.

They lie in MRCNN_ROI_CACHE ("off" for none), or in mrcnn_roi/ of the user's cache folder.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import time
from pathlib import Path
from typing import Any

import numpy as np
import PIL

from mrcnn_roi.datasets.facts import path_of, sha1_of
from mrcnn_roi.datasets.scan_columns import ERRORS, Columns, join, pack, select
from mrcnn_roi.version import __version__

FORMAT = 3  # to be raised when facts get another meaning
MOST_ROWS = 500_000  # in one file
OLDEST = 90 * 86_400  # seconds after which a file that nobody has written to is deleted


def cache_folder() -> Path | None:
    """Where scans are kept; None where they are not."""
    named = os.environ.get("MRCNN_ROI_CACHE")
    if named is not None:
        return None if named.lower() in ("", "0", "off", "no", "none") else Path(named)
    base = os.environ.get("XDG_CACHE_HOME") or os.environ.get("LOCALAPPDATA")
    with contextlib.suppress(RuntimeError):  # no home folder
        return (Path(base) if base else Path.home() / ".cache") / "mrcnn_roi"
    return None


class ScanCache:
    """The rows of one dataset in the cache: `lookup` before the scan, `store` after it.

    read: bool [I], the images that are decoded rather than only looked at. channels: what load_image is asked for.
    """

    def __init__(self, dataset: Any, image_ids: list[int], read: np.ndarray, channels: int = 3):
        self.infos = [dataset.image_info[image_id] for image_id in image_ids]
        self.keys: list[bytes | None] = [None] * len(image_ids)
        folder = cache_folder()
        kind = f"{type(dataset).__module__}.{type(dataset).__qualname__}"
        self.path: Path | None = None
        if folder is not None and image_ids:
            versions = (__version__, FORMAT, PIL.__version__)
            shared = repr((*versions, kind, channels, dataset.class_info)).encode("utf-8", "replace")
            self.keys = [_key(shared, dataset, each, bool(full)) for each, full in zip(image_ids, read)]
            home = os.path.dirname(os.path.abspath(path_of(self.infos[0])))
            name = hashlib.sha1(f"{kind} {home}".encode("utf-8", "surrogatepass"), usedforsecurity=False).hexdigest()
            self.path = folder / f"scan-{name}.npz" if any(self.keys) else None

    def lookup(self) -> tuple[Columns, np.ndarray]:
        """(columns of the rows that are known, in order; int64 [n], the rows that are not)."""
        every = np.arange(len(self.keys))
        stored = _load(self.path)
        if stored is None:
            return pack(()), every
        keys, columns = stored
        known, places = [], []
        for row, (key, info) in enumerate(zip(self.keys, self.infos)):
            place = keys.get(key) if key is not None else None
            if place is not None and _unchanged(path_of(info), columns, place):
                known.append(row)
                places.append(place)
        return select(columns, np.array(places, np.int64)), np.setdiff1d(every, known)

    def store(self, rows: np.ndarray, columns: Columns) -> None:
        """Adds rows that were scanned. Whatever the disk says against it is of no consequence."""
        keep = [i for i, row in enumerate(rows.tolist()) if self.keys[row] and columns["file_size"][i] >= 0]
        if self.path is None or not keep:
            return
        new = select(columns, np.array(keep, np.int64))
        keys = [self.keys[rows[i]] for i in keep]
        stored = _load(self.path)
        if stored is not None:
            fresh = set(keys)
            others = [(key, place) for key, place in stored[0].items() if key not in fresh]
            others = others[-max(MOST_ROWS - len(keys), 0) :] if len(keys) < MOST_ROWS else []
            new = join([select(stored[1], np.array([place for _, place in others], np.int64)), new])
            keys = [*(key for key, _ in others), *keys]
        with contextlib.suppress(OSError):
            _save(self.path, keys, new)


def _key(shared: bytes, dataset: Any, image_id: int, full: bool) -> bytes | None:
    """20 bytes that stand for everything the facts of an image depend on, but the content of its file."""
    own = dataset.scan_key(image_id)
    if own is None:
        return None
    return hashlib.sha1(shared + (b"full" if full else b"fast") + own, usedforsecurity=False).digest()


def _unchanged(path: str, columns: Columns, place: int) -> bool:
    try:
        status = os.stat(path)
    except (OSError, ValueError):
        return False
    if status.st_size != columns["file_size"][place]:
        return False
    if status.st_mtime_ns == columns["file_time"][place]:
        return True
    sha1 = str(columns["sha1"][place])
    try:
        return bool(sha1) and sha1_of(path) == sha1
    except OSError:
        return False


def _load(path: Path | None) -> tuple[dict[bytes, int], Columns] | None:
    """(row by key, columns) of a file; None where there is none, or none that can be used."""
    if path is None:
        return None
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as file:
            columns: Columns = {name: file[name] for name in file.files}
        keys = [bytes(row) for row in columns.pop("key")]
        for name in ERRORS:
            columns[name] = {int(row): tuple(error) for row, error in json.loads(str(columns[name])).items()}
        empty = pack(())
        counts = columns["count"]
        fits = columns.keys() == empty.keys() and len(counts) == len(keys) and counts.sum() == len(columns["class_ids"])
        fits = fits and all(columns[name].shape[1:] == empty[name].shape[1:] for name in empty if name not in ERRORS)
        return (dict(zip(keys, range(len(keys)))), columns) if fits else None
    except Exception:  # a damaged file may raise anything; the images themselves are still there
        return None


def _save(path: Path, keys: list[bytes], columns: Columns) -> None:
    """Writes the file whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    arrays = dict(columns)
    for name in ERRORS:
        arrays[name] = np.array(json.dumps(columns[name]))
    arrays["key"] = np.frombuffer(b"".join(keys), np.uint8).reshape(-1, 20)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with temporary.open("wb") as file:
            np.savez(file, **arrays)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    for other in path.parent.glob("scan-*.npz"):
        if time.time() - other.stat().st_mtime > OLDEST:
            other.unlink(missing_ok=True)
