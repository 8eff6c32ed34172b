"""One pass over a Dataset into flat arrays: what every dataset check reads instead of opening images.

The pass runs in worker processes once it turns out to take its time (`processes`), and what it found is kept for the
next time (`scan_cache`).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from mrcnn_roi.datasets import processes
from mrcnn_roi.datasets.base import Dataset, image_name
from mrcnn_roi.datasets.facts import path_of, reads_files
from mrcnn_roi.datasets.scan_cache import ScanCache
from mrcnn_roi.datasets.scan_columns import NUMBERS, TEXTS, Columns, join, mask_shapes, pack, select
from mrcnn_roi.datasets.scan_reading import measured
from mrcnn_roi.findings import Finding

FULL_LIMIT = 2000  # images: of a larger set a seeded sample of this many is decoded
KEPT = 0.5  # seconds of scanning from which the result is worth a file
UNREADABLE = "ds-file-unreadable"


@dataclass(frozen=True)
class Scan:
    """Images [I] and instances [M] of a dataset. -1, "" and NaN mean unknown; "row" is an index into [I].

    An image is `read` when load_image and load_mask were called for it; otherwise (fast, or beyond the sample
    of a large set) its numbers come from the file's header and the annotations, and pixel facts are unknown.
    `instances_known` is False where neither could say which instances there are: such images must not count
    as images without objects. Faults that `annotation_problems` has already are not repeated in the errors.
    """

    # images
    image_ids: np.ndarray  # int64 [I], the dataset's
    image_keys: list[str]  # "source.id"
    names: list[str]  # for messages: the file name, or the id
    paths: list[str]
    height: np.ndarray  # int64 [I], as load_image returns it
    width: np.ndarray
    channels: np.ndarray  # int64 [I]; 0 for an image [H, W] without a channel axis
    dtype: list[str]
    dtype_max: np.ndarray  # float64 [I], the largest value the dtype holds; inf for floats
    value_min: np.ndarray  # float64 [I], of the pixels
    value_max: np.ndarray
    channel_mean: np.ndarray  # float64 [I, 16], of a subsample of the pixels, NaN for channels that are not there
    declared_height: np.ndarray  # int64 [I], of add_image or the annotation file
    declared_width: np.ndarray
    mode: list[str]  # Pillow's mode of the file
    file_format: list[str]
    exif_orientation: np.ndarray  # int64 [I], EXIF tag 0x0112, 0 unknown
    exif_applied: np.ndarray  # int64 [I], 1 load_image turns (or nothing to turn), 0 it does not, -1 unknown
    alpha_varies: np.ndarray  # bool [I], the file has bands, such as alpha, that load_image drops, not constant
    sha1: list[str]  # of the file's bytes
    read: np.ndarray  # bool [I]
    load_seconds: np.ndarray  # float64 [I], of load_image and load_mask together; NaN where they were not called
    image_errors: dict[int, str]  # row -> text
    image_error_codes: dict[int, str]  # row -> code of the finding, "" where load_image raised something else
    # masks of an image
    instances_known: np.ndarray  # bool [I]
    mask_shape: list[tuple[int, ...]]  # as load_mask returned it; () where it was not read
    mask_dtype: list[str]
    mask_distinct: np.ndarray  # int64 [I], distinct values of masks that are not bool, -1 otherwise
    mask_max: np.ndarray  # float64 [I], their largest value
    unmasked: list[str]  # objects that the annotations list without a mask of them, "" for none
    mask_errors: dict[int, str]  # row -> text
    mask_error_codes: dict[int, str]  # row -> ds-mask-rank, ds-mask-axis-order, ds-mask-shape, ds-mask-count, ..., ""
    # instances
    instance_image: np.ndarray  # int64 [M], row
    instance_index: np.ndarray  # int64 [M], position within its image
    instance_names: Sequence[str]  # for messages: "annotation 7339", "instance 3"
    class_id: np.ndarray  # int64 [M], negative for crowds
    box: np.ndarray  # int64 [M, (y1, x1, y2, x2)], pixels of the image as load_image returns it
    mask_area: np.ndarray  # int64 [M], pixels; -1 where the image was not read
    duplicate_of: np.ndarray  # int64 [M], the first instance of the same class and pixels, -1
    crosses_itself: np.ndarray  # int64 [M], 1 an outline that crosses itself, 0 none does, -1 unknown
    # the dataset
    class_names: list[str]
    num_classes: int
    fast: bool
    annotation_problems: list[Finding] = field(default_factory=list)
    reads_files: bool = False  # load_image is the package's own, which makes what it can of the file's bands
    told_errors: dict[int, str] = field(default_factory=dict)  # row -> text, of errors that annotation_problems has

    @property
    def num_images(self) -> int:
        return len(self.image_ids)

    @property
    def num_instances(self) -> int:
        return len(self.class_id)


def scan_dataset(
    dataset: Dataset,
    *,
    fast: bool = False,
    progress: Callable[[int, int], object] | None = None,
    limit: int | None = FULL_LIMIT,
    workers: int | None = None,
    cache: bool = True,
    channels: int = 3,
) -> Scan:
    """Reads every image of a prepared dataset once, through its own load_image and load_mask.

    fast: headers and annotations only; nothing is decoded, masks are not drawn.
    progress: called with (images done, images in all).
    limit: images beyond it are scanned as if fast, a sample that is always the same is read; None reads all.
    workers: how many processes read; None is one a processor and at least two, 0 or 1 none besides this one. They are
        started when there is enough to do, for pictures of users' own classes at once. Where processes cannot be
        forked, threads do it, for loaders that allow it.
    cache: whether what was found may be kept in a file of the user's cache folder, and taken from it where image and
        annotations are the same. Users' own classes are always read anew: what their code does is not known.
    channels: IMAGE_CHANNEL_COUNT, which load_image is asked for where it can be (`base.load_channels`). Images that do
        not have as many are measured with those they have.

    Never raises for faults of images and masks: they are in image_errors and mask_errors.
    """
    image_ids = [int(image_id) for image_id in dataset.image_ids]
    read = np.full(len(image_ids), not fast)
    if not fast and limit is not None and len(image_ids) > limit:
        read[:] = False
        read[np.random.default_rng(0).choice(len(image_ids), limit, replace=False)] = True
    kept = ScanCache(dataset, image_ids, read, channels) if cache else None
    known, rest = kept.lookup() if kept else (pack(()), np.arange(len(image_ids)))
    parts: list[tuple[list[int], Columns]] = []
    done, started = len(image_ids) - len(rest), time.perf_counter()
    try:
        for rows, columns in measured(
            dataset, image_ids, read, rest.tolist(), max(2, processes.cores()) if workers is None else workers, channels
        ):
            parts.append((rows, columns))
            done += len(rows)
            if progress is not None:
                progress(done, len(image_ids))
    finally:
        new_rows = np.array([row for rows, _ in parts for row in rows], np.int64)
        new = join([columns for _, columns in parts])
        if kept and time.perf_counter() - started > KEPT:
            kept.store(new_rows, new)
        parts.clear()
    order = np.concatenate([np.setdiff1d(np.arange(len(image_ids)), rest), new_rows])
    columns = join([known, new]) if len(order) > len(new_rows) else new
    known, new = pack(()), pack(())  # a million instances lie in memory once, not three times
    if (np.diff(order) < 0).any():
        columns = select(columns, np.argsort(order, kind="stable"))
    return _as_scan(dataset, image_ids, columns, fast)


class _Names(Sequence):
    """The instances' names for messages, asked for one by one: a million of them would fill the memory."""

    def __init__(self, dataset: Dataset, image_ids: np.ndarray, places: np.ndarray, counts: np.ndarray):
        self.dataset, self.image_ids, self.places, self.counts = dataset, image_ids, places, counts

    def __len__(self) -> int:
        return len(self.places)

    def __getitem__(self, i):
        if isinstance(i, slice):
            return [self[each] for each in range(*i.indices(len(self)))]
        place = int(self.places[i])
        try:
            names = list(self.dataset.instance_names(int(self.image_ids[i])))
        except Exception:  # a user's class may raise anything; a name is not worth it
            names = []
        return names[place] if len(names) == self.counts[i] else f"instance {place + 1}"

    def __eq__(self, other) -> bool:
        return list(self) == other


def _has_reported(info: dict[str, Any], code: str, reported: set[str]) -> bool:
    """Whether the loader has told of this fault of an image's masks already. It sees all of them, but for files: of
    those it has opened some only, and says which."""
    return bool(info.get("masks_reported")) if code == UNREADABLE else code in reported


def _as_scan(dataset: Dataset, image_ids: list[int], columns: Columns, fast: bool) -> Scan:
    infos = [dataset.image_info[image_id] for image_id in image_ids]
    problems = list(getattr(dataset, "annotation_problems", []))
    reported = {finding.code for finding in problems}
    errors = {row: each for row, each in columns["error"].items() if each[0] not in reported - {UNREADABLE}}
    masks = {
        row: each for row, each in columns["mask_error"].items() if not _has_reported(infos[row], each[0], reported)
    }
    told = {
        row: text
        for every, kept in ((columns["error"], errors), (columns["mask_error"], masks))
        for row, (_, text) in every.items()
        if row not in kept
    }
    counts = columns["count"]
    starts = np.cumsum(counts) - counts
    owner = np.repeat(np.arange(len(counts)), counts)
    index = np.arange(len(owner)) - starts[owner]
    duplicates = columns["duplicates"]
    return Scan(
        image_ids=np.array(image_ids, np.int64),
        image_keys=[f"{info['source']}.{info['id']}" for info in infos],
        names=[image_name(info) for info in infos],
        paths=[path_of(info) for info in infos],
        **{name: columns[name].tolist() for name in TEXTS},
        **{name: columns[name] for name in NUMBERS if not name.startswith("file_")},
        channel_mean=columns["channel_mean"],
        mask_shape=mask_shapes(columns["mask_shape"]),
        image_errors={row: text for row, (_, text) in errors.items()},
        image_error_codes={row: code for row, (code, _) in errors.items()},
        mask_errors={row: text for row, (_, text) in masks.items()},
        mask_error_codes={row: code for row, (code, _) in masks.items()},
        instance_image=owner,
        instance_index=index,
        instance_names=_Names(dataset, np.array(image_ids, np.int64)[owner], index, counts[owner]),
        class_id=columns["class_ids"],
        box=columns["boxes"],
        mask_area=columns["areas"],
        duplicate_of=np.where(duplicates < 0, -1, duplicates + starts[owner]),
        crosses_itself=columns["crossings"],
        class_names=[str(info["name"]) for info in dataset.class_info],
        num_classes=len(dataset.class_info),
        fast=fast,
        annotation_problems=problems,
        told_errors=told,
        reads_files=reads_files(dataset),
    )
