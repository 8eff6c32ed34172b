"""What the checks of data are handed: the scan of train or val, and what the Config makes of its images.

Nothing here opens an image; the scan (datasets.scan) is read by its attributes.
Letters: I images, M instances.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from mrcnn_roi.checks.axis_order import channels_first
from mrcnn_roi.checks.config.images import min_dim, resize_mode
from mrcnn_roi.checks.smeared_maps import smeared_images
from mrcnn_roi.checks.values import Reading, Unreadable, is_int, number, number_list
from mrcnn_roi.findings import Severity, check
from mrcnn_roi.ops.images import molded_scale_and_shape
from mrcnn_roi.ops.resampling import nearest_indices

PLACES_SHOWN = 5
RARE = 0.01  # share of objects that may vanish without being an error


@dataclass(frozen=True)
class Molding:
    """What resizing makes of the images. Images that could not be read have scale NaN and size 0.

    scale: float [I]. shape: int [I, (height, width)] of the molded image. sides: float [M, (height, width)]
    of the boxes in it. vanished: bool [M], no pixel of the box is left (masks smaller than their box may go
    earlier).
    """

    scale: np.ndarray
    shape: np.ndarray
    sides: np.ndarray
    vanished: np.ndarray

    @property
    def shapes(self) -> np.ndarray:
        """int [S, (height, width)]: the different molded shapes."""
        return np.unique(self.shape[self.shape[:, 0] > 0], axis=0)


@dataclass(frozen=True)
class Split:
    """A part of the data by name ("train", "val"): its dataset, its scan, and what resizing makes of it.

    `molded` is None where the Config cannot resize any image; then a config check says why.
    """

    name: str
    dataset: Any
    scan: Any
    molded: Molding | None = None

    @property
    def molding(self) -> Molding:
        """`molded`; where there is none, the check that asks for it ends."""
        if self.molded is None:
            raise Unreadable("IMAGE_RESIZE_MODE")
        return self.molded

    @property
    def objects(self) -> np.ndarray:
        """bool [M]: instances of a class, neither crowds nor class 0, with an area, in images that can be read."""
        box, read = self.scan.box, self.sound[self.scan.instance_image]
        return read & (self.scan.class_id > 0) & (box[:, 2] > box[:, 0]) & (box[:, 3] > box[:, 1])

    @property
    def sound(self) -> np.ndarray:
        """bool [I]: images whose size and instances are known; of a smeared label map and of an
        image [C, H, W] they are not."""
        return self.scan.instances_known & (self.scan.height > 0) & (self.scan.width > 0) & ~self.unclear

    @functools.cached_property
    def smeared(self) -> np.ndarray:
        """bool [I]: images whose label map was interpolated, so that its instances are none (ds-map-smeared)."""
        return smeared_images(self.dataset, self.scan)

    @functools.cached_property
    def unclear(self) -> np.ndarray:
        """bool [I]: images whose numbers mean something else than they say."""
        return self.smeared | channels_first(self.scan)

    @property
    def vanishing(self) -> bool:
        """Whether more objects vanish in resizing than can be noise: then what is left of the others says little."""
        return bool((self.objects & self.molding.vanished).sum() > RARE * self.objects.sum())

    @property
    def per_image(self) -> np.ndarray:
        """int [I]: objects of each image."""
        return np.bincount(self.scan.instance_image[self.objects], minlength=len(self.scan.image_ids))

    def image(self, row: int) -> str:
        """An image for a message: its number in the dataset and its file name."""
        number, name = str(self.scan.image_ids[row]), self.scan.names[row]
        return f'image {number} "{name}"' if name != number else f"image {number}"

    def instance(self, index: int) -> str:
        """An instance for a message, with its image."""
        return f"{self.scan.instance_names[index]} of {self.image(int(self.scan.instance_image[index]))}"


def first(texts: Iterable[str], count: int) -> str:
    """ ", first 5: a; b; ..." for the first places of `count`, ": a; b" where all are shown."""
    shown = [text for text, _ in zip(texts, range(PLACES_SHOWN))]
    return f"{f', first {len(shown)}' if count > len(shown) else ''}: {'; '.join(shown)}"


def listed_images(split: Split, rows: np.ndarray, detail: str = "", *columns) -> str:
    """ "3 of 60 images: image 4 "a.png" (detail); ...": a count and the first places.

    detail: a format for the values that `columns` (arrays, lists or dicts) have for the row.
    """
    rows, total = np.asarray(rows), len(split.scan.image_ids)
    texts = (split.image(row) + _detail(row, detail, columns) for row in rows.tolist())
    return f"{len(rows)} of {total} image{'s' * (total != 1)}{first(texts, len(rows))}"


def listed_instances(split: Split, indices: np.ndarray, total: int, detail: str = "", *columns) -> str:
    """ "7 of 900 objects: instance 2 of image 4 "a.png" (detail); ...", likewise."""
    indices = np.asarray(indices)
    texts = (split.instance(i) + _detail(i, detail, columns) for i in indices.tolist())
    return f"{len(indices)} of {total} object{'s' * (total != 1)}{first(texts, len(indices))}"


def _detail(index: int, template: str, columns) -> str:
    return f" ({template.format(*(column[index] for column in columns))})" if template else ""


def mold(config, scan) -> Molding | None:
    """What the resize mode and sizes of `config` make of the scanned images; None where they cannot work."""
    reading = Reading(config)
    try:
        scale, shape = _molded_sizes(reading, scan)
    except (Unreadable, ValueError, TypeError, OverflowError, ZeroDivisionError):
        return None  # the checks of the config say what is wrong with its sizes
    box = scan.box.astype(np.float64)
    sides = (box[:, 2:] - box[:, :2]) * scale[scan.instance_image, None]
    sides = np.minimum(sides, shape[scan.instance_image])  # a crop shows a part of what is larger
    return Molding(scale, shape, sides, _vanished(scan, scale))


def _molded_sizes(config: Reading, scan) -> tuple[np.ndarray, np.ndarray]:
    mode, smallest, largest = resize_mode(config), min_dim(config), config.IMAGE_MAX_DIM
    scale_limit = config.IMAGE_MIN_SCALE
    if mode is None or smallest is None or (mode == "crop" and smallest < 1):
        raise Unreadable("IMAGE_MIN_DIM")
    if mode == "pad64" and config.IMAGE_MIN_DIM is None:
        raise Unreadable("IMAGE_MIN_DIM")
    if mode == "square" and not is_int(largest, 1):
        raise Unreadable("IMAGE_RESIZE_MODE")
    if scale_limit is not None and (number(scale_limit) is None or not 0 <= scale_limit <= 1000):
        raise Unreadable("IMAGE_MIN_SCALE")
    raw = np.stack([scan.height, scan.width], axis=1)
    sizes, inverse = np.unique(raw, axis=0, return_inverse=True)
    rows = [
        molded_scale_and_shape(height, width, smallest, largest, scale_limit, mode)
        if min(height, width) > 0
        else (np.nan, 0, 0)
        for height, width in sizes.tolist()
    ]
    molded = np.array(rows, np.float64).reshape(-1, 3)[inverse.ravel()]
    return molded[:, 0], molded[:, 1:].astype(np.int64)


def _vanished(scan, scale: np.ndarray) -> np.ndarray:
    """bool [M]: boxes between whose edges resize_mask reads no row or no column. Enlarging reads all of them, but for
    the last, which rounding may put outside."""
    lost = np.zeros(len(scan.box), bool)
    shrunk = np.flatnonzero(np.isfinite(scale[scan.instance_image]) & (scale[scan.instance_image] != 1))
    keys = np.stack([scan.height, scan.width], axis=1)[scan.instance_image[shrunk]]
    sizes, inverse = np.unique(keys, axis=0, return_inverse=True)
    order = np.argsort(inverse.ravel(), kind="stable")
    ends = np.cumsum(np.bincount(inverse.ravel(), minlength=len(sizes)))
    for (height, width), members in zip(sizes.tolist(), np.split(shrunk[order], ends[:-1]) if len(ends) else []):
        factor = float(scale[scan.instance_image[members[0]]])
        boxes = scan.box[members]
        for size, low, high in ((height, boxes[:, 0], boxes[:, 2]), (width, boxes[:, 1], boxes[:, 3])):
            read, outside = nearest_indices(size, factor)
            read = read[~outside]
            lost[members] |= np.searchsorted(read, low) == np.searchsorted(read, high)
    return lost


def data_check(code: str, severity: Severity, group: str):
    """`check` for functions of data, of the given group. A `config` among their objects comes as a Reading; a
    setting that cannot be read ends the check, because a config check reports it."""

    def register(function: Callable):
        @functools.wraps(function)
        def guarded(**objects):
            if "config" in objects:
                objects["config"] = Reading(objects["config"])
            try:
                yield from function(**objects)
            except Unreadable:
                return

        guarded.__module__ = f"mrcnn_roi.checks.{group}"
        return check(code, severity)(guarded)

    return register


def whole(config: Reading, name: str, low: int = 1) -> int:
    """The setting as a whole number from `low` on; otherwise the check ends."""
    value = getattr(config, name)
    if not is_int(value, low):
        raise Unreadable(name)
    return int(value)


def positive_list(config: Reading, name: str) -> list[float]:
    """The setting as a list of positive numbers of any sensible size; otherwise the check ends."""
    values = number_list(getattr(config, name))
    if not values or min(values) < 1e-6 or max(values) > 1e6:
        raise Unreadable(name)
    return values


def batch_size(config: Reading) -> int:
    return whole(config, "IMAGES_PER_GPU") * whole(config, "GPU_COUNT")
