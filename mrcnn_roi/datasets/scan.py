"""One pass over a Dataset into flat arrays: what every dataset check reads instead of opening images."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from mrcnn_roi.datasets.base import Dataset, image_name
from mrcnn_roi.datasets.facts import ImageFacts, image_facts
from mrcnn_roi.findings import Finding

FULL_LIMIT = 2000  # images: of a larger set a seeded sample of this many is decoded


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
    channel_mean: np.ndarray  # float64 [I, 4], of a subsample of the pixels, NaN for channels that are not there
    declared_height: np.ndarray  # int64 [I], of add_image or the annotation file
    declared_width: np.ndarray
    mode: list[str]  # Pillow's mode of the file
    file_format: list[str]
    exif_orientation: np.ndarray  # int64 [I], EXIF tag 0x0112, 0 unknown
    exif_applied: np.ndarray  # int64 [I], 1 load_image turns (or nothing to turn), 0 it does not, -1 unknown
    alpha_varies: np.ndarray  # bool [I], the file has an alpha channel that is not constant
    sha1: list[str]  # of the file's bytes
    read: np.ndarray  # bool [I]
    image_errors: dict[int, str]  # row -> text
    image_error_codes: dict[int, str]  # row -> code of the finding, "" where load_image raised something else
    # masks of an image
    instances_known: np.ndarray  # bool [I]
    mask_shape: list[tuple[int, ...]]  # as load_mask returned it; () where it was not read
    mask_dtype: list[str]
    mask_distinct: np.ndarray  # int64 [I], distinct values of masks that are not bool, -1 otherwise
    mask_max: np.ndarray  # float64 [I], their largest value
    mask_errors: dict[int, str]  # row -> text
    mask_error_codes: dict[int, str]  # row -> ds-mask-rank, ds-mask-axis-order, ds-mask-shape, ds-mask-count, ..., ""
    # instances
    instance_image: np.ndarray  # int64 [M], row
    instance_index: np.ndarray  # int64 [M], position within its image
    instance_names: list[str]  # for messages: "annotation 7339", "instance 3"
    class_id: np.ndarray  # int64 [M], negative for crowds
    box: np.ndarray  # int64 [M, (y1, x1, y2, x2)], pixels of the image as load_image returns it
    mask_area: np.ndarray  # int64 [M], pixels; -1 where the image was not read
    duplicate_of: np.ndarray  # int64 [M], the first instance of the same class and pixels, -1
    # the dataset
    class_names: list[str]
    num_classes: int
    fast: bool
    annotation_problems: list[Finding] = field(default_factory=list)

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
) -> Scan:
    """Reads every image of a prepared dataset once, through its own load_image and load_mask.

    fast: headers and annotations only; nothing is decoded, masks are not drawn.
    progress: called with (images done, images in all) after each image.
    limit: images beyond it are scanned as if fast, a sample that is always the same is read; None reads all.
    Threads are used for loaders that allow it (`parallel_safe`), not for users' classes.

    Never raises for faults of images and masks: they are in image_errors and mask_errors.
    """
    image_ids = [int(image_id) for image_id in dataset.image_ids]
    read = np.full(len(image_ids), not fast)
    if not fast and limit is not None and len(image_ids) > limit:
        read[:] = False
        read[np.random.default_rng(0).choice(len(image_ids), limit, replace=False)] = True
    facts = []
    for each in _each(dataset, image_ids, read):
        facts.append(each)
        if progress is not None:
            progress(len(facts), len(image_ids))
    return _flat(dataset, image_ids, facts, fast)


def _each(dataset: Dataset, image_ids: list[int], read: np.ndarray) -> Iterator[ImageFacts]:
    jobs = ([dataset] * len(image_ids), image_ids, map(bool, read))
    workers = min(4, os.cpu_count() or 1)
    if not getattr(dataset, "parallel_safe", False) or workers == 1:
        yield from map(image_facts, *jobs)
        return
    with ThreadPoolExecutor(workers) as pool:
        yield from pool.map(image_facts, *jobs)


def _flat(dataset: Dataset, image_ids: list[int], facts: list[ImageFacts], fast: bool) -> Scan:
    infos = [dataset.image_info[image_id] for image_id in image_ids]
    problems = list(getattr(dataset, "annotation_problems", []))
    reported = {finding.code for finding in problems}
    errors, masks = _errors(facts, "error", reported), _errors(facts, "mask_error", reported)
    numbers: dict[str, Any] = {
        name: np.array([getattr(each, name) for each in facts], dtype)
        for dtype, names in _NUMBERS.items()
        for name in names
    }
    return Scan(
        image_ids=np.array(image_ids, np.int64),
        image_keys=[f"{info['source']}.{info['id']}" for info in infos],
        names=[image_name(info) for info in infos],
        paths=[each.path for each in facts],
        dtype=[each.dtype for each in facts],
        mode=[each.mode for each in facts],
        file_format=[each.file_format for each in facts],
        sha1=[each.sha1 for each in facts],
        mask_shape=[each.mask_shape for each in facts],
        mask_dtype=[each.mask_dtype for each in facts],
        channel_mean=np.array([each.channel_mean for each in facts], np.float64).reshape(-1, 4),
        **numbers,
        image_errors={row: text for row, (_, text) in errors.items()},
        image_error_codes={row: code for row, (code, _) in errors.items()},
        mask_errors={row: text for row, (_, text) in masks.items()},
        mask_error_codes={row: code for row, (code, _) in masks.items()},
        **_instances(facts),
        class_names=[str(info["name"]) for info in dataset.class_info],
        num_classes=len(dataset.class_info),
        fast=fast,
        annotation_problems=problems,
    )


_NUMBERS: dict[type, tuple[str, ...]] = {
    np.int64: (
        "height",
        "width",
        "channels",
        "declared_height",
        "declared_width",
        "exif_orientation",
        "exif_applied",
        "mask_distinct",
    ),
    np.float64: ("dtype_max", "value_min", "value_max", "mask_max"),
    np.bool_: ("alpha_varies", "read", "instances_known"),
}


def _errors(facts: list[ImageFacts], name: str, reported: set[str]) -> dict[int, tuple[str, str]]:
    errors = {row: getattr(each, name) for row, each in enumerate(facts)}
    return {row: error for row, error in errors.items() if error is not None and error[0] not in reported}


def _instances(facts: list[ImageFacts]) -> dict[str, Any]:
    counts = np.array([len(each.class_ids) for each in facts], np.int64)
    starts = np.cumsum(counts) - counts
    duplicates = [np.where(each.duplicates < 0, -1, each.duplicates + start) for each, start in zip(facts, starts)]
    names = [each.names if len(each.names) == len(each.class_ids) else [] for each in facts]
    return {
        "instance_image": np.repeat(np.arange(len(facts)), counts),
        "instance_index": np.arange(counts.sum()) - np.repeat(starts, counts),
        "instance_names": [
            own[index] if own else f"instance {index + 1}"
            for own, count in zip(names, counts)
            for index in range(count)
        ],
        "class_id": _joined([each.class_ids for each in facts], (0,)),
        "box": _joined([each.boxes for each in facts], (0, 4)),
        "mask_area": _joined([each.areas for each in facts], (0,)),
        "duplicate_of": _joined(duplicates, (0,)),
    }


def _joined(arrays: list[np.ndarray], empty: tuple[int, ...]) -> np.ndarray:
    return np.concatenate([np.zeros(empty, np.int64), *arrays]).astype(np.int64)
