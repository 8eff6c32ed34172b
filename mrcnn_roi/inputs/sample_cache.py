"""Decoded and resized images, kept for the next pass over the data.

One file that has no name: in memory, or in a folder on disk. It is gone with the program, however that ends, so that
nothing in it can be out of date. Worker processes share it, because they inherit it. An image is stored as its bytes,
masks as one bit a pixel of their boxes.
"""

from __future__ import annotations

import contextlib
import json
import logging
import math
import mmap
import multiprocessing
import os
import sys
import tempfile
import weakref
from collections.abc import Sequence

import numpy as np

from mrcnn_roi.inputs.sample import Resized, load_resized
from mrcnn_roi.ops.masks import extract_bboxes

log = logging.getLogger(__name__)
GIB = 2**30
_ALIGNED = 64  # bytes, so that an image of any dtype begins where its dtype may


class SampleCache:
    """load_resized that remembers: a call returns what load_resized did the first time, bit for bit.

    Args:
        image_ids: of the images that may be asked for.
        kind: "memory" or "disk".
        limit: bytes; when they are full, the other images are loaded every time.

    Not for the resize mode "crop", whose crops differ from pass to pass.
    """

    def __init__(self, image_ids: Sequence[int], kind: str, limit: float):
        self.rows = {int(image_id): row for row, image_id in enumerate(image_ids)}
        self.limit = int(limit)
        self._file = _nameless_file(kind)
        self.close = weakref.finalize(self, self._file.close)  # also where nobody calls it
        forked = sys.platform.startswith("linux")
        self._lock = multiprocessing.get_context("fork").Lock() if forked else multiprocessing.Lock()
        # Where each image begins and how long it is, 0 not there; the last row: where the next one is to begin.
        self._places = np.frombuffer(mmap.mmap(-1, 16 * (len(self.rows) + 1)), np.int64).reshape(-1, 2)

    def __call__(self, dataset, config, image_id, randint) -> Resized:
        """The arguments and the result of load_resized."""
        row = self.rows.get(int(image_id)) if self.close.alive else None
        start, size = (0, 0) if row is None else self._places[row].tolist()
        if size:
            content = bytearray(size)
            if self._read(content, start):
                return unpack(content)
        resized = load_resized(dataset, config, image_id, randint)
        if row is not None and not size:
            self._store(row, pack(resized))
        return resized

    @property
    def stored(self) -> int:
        """How many images it holds."""
        return int(np.count_nonzero(self._places[:-1, 1]))

    @property
    def used(self) -> int:
        """How many bytes they take."""
        return int(self._places[-1, 0])

    def _store(self, row: int, content: bytes) -> None:
        with self._lock:
            start = int(self._places[-1, 0])
            if start + len(content) > self.limit:
                return
            self._places[-1, 0] = start + len(content)
        with contextlib.suppress(OSError):  # the disk is full: then it is loaded again
            if self._write(content, start):
                self._places[row] = start, len(content)

    def _write(self, content: bytes, start: int) -> bool:
        view, done = memoryview(content), 0
        while done < len(view):
            written = self._at(start + done, _pwrite, self._file.write, view[done:])
            if written <= 0:
                return False
            done += written
        return True

    def _read(self, content: bytearray, start: int) -> bool:
        view, done = memoryview(content), 0
        while done < len(view):
            count = self._at(start + done, _pread_into, self._file.readinto, view[done:])
            if count <= 0:
                return False
            done += count
        return True

    def _at(self, position: int, by_number, by_file, view) -> int:
        """Reads or writes at a position. Where the system has no call for it, nobody else may seek meanwhile."""
        if hasattr(os, "preadv"):
            return by_number(self._file.fileno(), view, position)
        with self._lock:
            self._file.seek(position)
            return by_file(view) or 0


def _nameless_file(kind: str):
    if kind == "memory" and hasattr(os, "memfd_create"):
        return os.fdopen(os.memfd_create("mrcnn_roi_samples"), "w+b", buffering=0)
    from mrcnn_roi.datasets.scan_cache import cache_folder

    folder = cache_folder() if kind == "disk" else None
    try:
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)
        return tempfile.TemporaryFile(prefix="mrcnn-roi-", dir=folder, buffering=0)
    except OSError as error:
        log.warning("%s cannot be written to (%s): samples are kept in %s", folder, error, tempfile.gettempdir())
        return tempfile.TemporaryFile(prefix="mrcnn-roi-", buffering=0)


def _pwrite(file: int, view, position: int) -> int:
    return os.pwrite(file, view, position)


def _pread_into(file: int, view, position: int) -> int:
    return os.preadv(file, [view], position)


def pack(resized: Resized) -> bytes:
    """A Resized as bytes: JSON, the boxes of the masks, the image, the bits of the masks in their boxes."""
    image, masks = np.ascontiguousarray(resized.image), resized.masks
    boxes = extract_bboxes(masks)
    head = {
        "image": [image.dtype.str, image.shape],
        "masks": masks.shape,
        "class_ids": np.asarray(resized.class_ids).tolist(),
        "original_shape": [int(side) for side in resized.original_shape],
        "window": [int(side) for side in resized.window],
        "scale": resized.scale if isinstance(resized.scale, int) else float(resized.scale),
    }
    text = json.dumps(head).encode()
    text += b" " * (-len(text) % _ALIGNED)
    bits = [np.packbits(masks[y1:y2, x1:x2, i]).tobytes() for i, (y1, x1, y2, x2) in enumerate(boxes.tolist())]
    return b"".join([len(text).to_bytes(_ALIGNED, "little"), text, image.tobytes(), boxes.tobytes(), *bits])


def unpack(content: bytearray) -> Resized:
    """What `pack` was given. The image and the masks may be written to."""
    start = _ALIGNED + int.from_bytes(content[:_ALIGNED], "little")
    head = json.loads(content[_ALIGNED:start])
    (dtype, shape), (height, width, count) = head["image"], head["masks"]
    image = np.frombuffer(content, dtype, math.prod(shape), start).reshape(shape)
    start += image.nbytes
    boxes = np.frombuffer(content[start : start + 16 * count], np.int32).reshape(-1, 4)
    bits = np.frombuffer(content, np.uint8, offset=start + boxes.nbytes)
    masks, done = np.zeros((count, height, width), bool), 0
    for mask, (y1, x1, y2, x2) in zip(masks, boxes.tolist()):
        pixels = (y2 - y1) * (x2 - x1)
        size = (pixels + 7) // 8
        mask[y1:y2, x1:x2] = np.unpackbits(bits[done : done + size], count=pixels).reshape(y2 - y1, x2 - x1)
        done += size
    return Resized(
        image,
        masks.transpose(1, 2, 0),
        np.array(head["class_ids"], np.int32),
        tuple(head["original_shape"]),
        tuple(head["window"]),
        head["scale"],
    )
