"""One dataset into parts, by image: split_dataset by chance, balanced_split with a share of every class in each,
held_out as the commands do it."""

from __future__ import annotations

import contextlib
import copy
import hashlib
from collections.abc import Callable, Sequence
from typing import Any

from mrcnn_roi.datasets.balanced import balanced_rows, class_counts
from mrcnn_roi.datasets.base import Dataset

# The methods that take an image id. They run on the undivided dataset, under its own ids, so that subclasses
# which keep their data in lists of their own stay right.
BY_IMAGE_ID = (
    "load_image",
    "load_mask",
    "load_boxes",
    "annotated_size",
    "instance_names",
    "crossing_outlines",
    "unmasked_objects",
    "scan_key",
    "image_reference",
    "source_image_link",
)


FEW = 4  # images, of which chance may take the only ones without objects to validate on


class _Renumbered:
    """A method of the undivided dataset, called with an image id of the part."""

    def __init__(self, method: Callable[[int], Any], rows: Sequence[int]):
        self.method = method
        self.rows = rows
        self.__wrapped__ = method  # inspect.signature tells what load_image can be asked for

    def __call__(self, image_id: int, *arguments, **named) -> Any:
        return self.method(self.rows[image_id], *arguments, **named)


def split_dataset(dataset: Dataset, val_fraction: float = 0.2, seed: int = 0) -> tuple[Dataset, Dataset]:
    """(train, val): two prepared datasets that share the classes and divide the images.

    The split depends on the seed and on each image's source and id alone: the order of the images does not
    matter, and images added later leave the order of the others. Each part has at least one image. Works for
    any subclass: a part is a shallow copy whose load methods call those of `dataset`.
    Raises ValueError for a fraction that is not within 0 and 1, or fewer than two images.
    """
    if not 0 < val_fraction < 1:
        raise ValueError(f"expected val_fraction between 0 and 1, received {val_fraction!r}")
    count = len(dataset.image_info)
    if count < 2:
        raise ValueError(f"expected at least 2 images to split, received {count}")

    def rank(row: int) -> tuple[bytes, int]:
        info = dataset.image_info[row]
        key = f"{seed}/{info['source']}.{info['id']}"
        return hashlib.sha1(key.encode("utf-8", "surrogatepass"), usedforsecurity=False).digest(), row

    in_val = set(sorted(range(count), key=rank)[: min(max(round(count * val_fraction), 1), count - 1)])
    train = [row for row in range(count) if row not in in_val]
    return part_of(dataset, train), part_of(dataset, sorted(in_val))


def balanced_split(dataset: Dataset, fractions: Sequence[float] = (0.8, 0.2), seed: int = 0) -> list[Dataset]:
    """Prepared datasets that share the classes and divide the images, so that each has its share of every class.

    fractions: the share of each part, summing to 1: (train, val) or (train, val, test).
    seed: another one gives another split. It depends on the seed, on each image's source and id, and on how many
        objects of each class each image has; not on the order of the images.

    A class that is in two images or more is in train, and in val where that is possible; images without objects are
    divided in proportion, too. Images whose files have the same bytes stay together, so that no copy of a training
    image is validated on. Works for any subclass, as split_dataset does.
    Raises ValueError for other fractions, or fewer images than parts.
    """
    return [part_of(dataset, rows) for rows in balanced_rows(dataset, fractions, seed)]


def held_out(dataset: Dataset, val_fraction: float = 0.2, seed: int = 0) -> tuple[Dataset, Dataset | None]:
    """(train, val) of split_dataset; (dataset, None) where there is but one image.

    Of 2 to 4 images chance may hold out those without objects alone, by which nothing can be validated: then they are
    divided by balanced_split, where that gives val an object.
    """
    count = len(dataset.image_info)
    if count < 2:
        return dataset, None
    parts = split_dataset(dataset, val_fraction, seed)
    if count > FEW or class_counts(parts[1]).any():
        return parts
    with contextlib.suppress(ValueError):  # copies of one image
        balanced = balanced_split(dataset, (1 - val_fraction, val_fraction), seed)
        if class_counts(balanced[1]).any():
            return balanced[0], balanced[1]
    return parts


def part_of(dataset: Dataset, rows: list[int]) -> Dataset:
    """A prepared dataset with the images of these numbers, which shares everything else."""
    part = copy.copy(dataset)
    part.image_info = [dataset.image_info[row] for row in rows]
    part.class_info = list(dataset.class_info)
    part.annotation_problems = list(getattr(dataset, "annotation_problems", []))
    for name in BY_IMAGE_ID:
        setattr(part, name, _Renumbered(getattr(dataset, name), rows))
    part.prepare()
    return part
