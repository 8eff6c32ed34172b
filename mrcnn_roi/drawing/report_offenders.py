"""Which images of a dataset are worth a look: those with faults, and the extremes. From the scan; opens nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

from mrcnn_roi.checks.splits import Split
from mrcnn_roi.checks.values import Reading, Unreadable, is_int
from mrcnn_roi.drawing.report_text import counted, shown, size

LIMIT = 24  # thumbnails in all
EACH = 3  # of one kind and split
TINY = 8.0  # pixels of the molded image
FULL = 0.99  # share of the image


class Offender(NamedTuple):
    """An image with the reasons to show it.

    instances: indices into the scan's [M] that the reasons are about. near: whether the picture shows what is around
    them rather than the whole image. error: why the image cannot be shown, "" where it can.
    """

    split: Split
    row: int
    reasons: list[str]
    instances: list[int]
    near: bool = False
    error: str = ""


Found = Iterator[tuple[int, str, list[int]]]  # row, reason, instances
Kind = tuple[Callable[..., Found], bool]


def choose_offenders(config, splits: list[Split], limit: int = LIMIT) -> list[Offender]:
    """At most `limit` images, gravest reasons first, each image once with all its reasons."""
    chosen: dict[tuple[str, int], Offender] = {}
    for kind, near in _KINDS:
        for split in splits:
            others = {each.name: each for each in splits if each is not split}
            for shown_of_kind, (row, reason, instances) in enumerate(kind(config, split, others)):
                known = chosen.get((split.name, row))
                if known is not None:
                    known.reasons.append(reason)
                    known.instances.extend(each for each in instances if each not in known.instances)
                elif len(chosen) < limit:
                    error = shown(split.scan.image_errors.get(row, ""), 300)
                    chosen[split.name, row] = Offender(split, row, [reason], list(instances), near, error)
                if shown_of_kind + 1 >= EACH:
                    break
    return list(chosen.values())


def _unreadable(config, split: Split, others) -> Found:
    for row, text in split.scan.image_errors.items():
        yield row, f"cannot be used: {shown(text, 200)}", []


def _masks_unusable(config, split: Split, others) -> Found:
    for row, text in {**split.scan.mask_errors, **split.scan.told_errors}.items():
        yield row, f"masks cannot be used: {shown(text, 200)}", []


def _instance(split: Split, index: int) -> str:
    return shown(split.scan.instance_names[index], 60)


def _by_image(split: Split, indices: np.ndarray, words: Callable[[int], str]) -> Found:
    """One result an image, images with most of them first; words(index) for the first instance."""
    images = split.scan.instance_image[indices]
    rows, first, count = np.unique(images, return_index=True, return_counts=True)
    for each in np.argsort(-count, kind="stable"):
        own = indices[images == rows[each]]
        more = f", and {count[each] - 1} more here" if count[each] > 1 else ""
        yield int(rows[each]), f"{words(int(indices[first[each]]))}{more}", own.tolist()


def _class_out_of_range(config, split: Split, others) -> Found:
    try:
        declared = Reading(config).NUM_CLASSES
    except Unreadable:
        declared = None
    scan = split.scan
    limit = min(scan.num_classes, int(declared)) if is_int(declared, 2) else scan.num_classes
    wrong = np.flatnonzero((np.abs(scan.class_id) >= limit) | (scan.class_id == 0))
    yield from _by_image(
        split, wrong, lambda i: f"{_instance(split, i)} has class id {scan.class_id[i]}, expected 1 to {limit - 1}"
    )


def _mask_values(config, split: Split, others) -> Found:
    for row in np.flatnonzero(split.scan.mask_distinct > 2).tolist():
        values = f"{split.scan.mask_distinct[row]} different values up to {split.scan.mask_max[row]:g}"
        yield row, f"its masks hold {values}, expected 0 and 1", []


def _empty_masks(config, split: Split, others) -> Found:
    box = split.scan.box
    flat = (box[:, 2] <= box[:, 0]) | (box[:, 3] <= box[:, 1])
    empty = np.flatnonzero((split.scan.mask_area == 0) | flat)
    yield from _by_image(split, empty, lambda i: f"{_instance(split, i)} has no pixel")


def _full_masks(config, split: Split, others) -> Found:
    scan = split.scan
    pixels = np.where(scan.height > 0, scan.height * scan.width, np.inf)[scan.instance_image]
    full = np.flatnonzero(scan.mask_area > FULL * pixels)
    yield from _by_image(split, full, lambda i: f"{_instance(split, i)} covers the whole image")


def _vanished(config, split: Split, others) -> Found:
    if split.molded is not None:
        gone = np.flatnonzero(split.objects & split.molded.vanished)
        yield from _by_image(split, gone, lambda i: f"{_instance(split, i)}, {_raw(split, i)} px, vanishes in resizing")


def _raw(split: Split, index: int) -> str:
    y1, x1, y2, x2 = split.scan.box[index]
    return size((y2 - y1, x2 - x1))


def _tiny(config, split: Split, others) -> Found:
    if split.molded is None:
        return
    sides = split.molded.sides.min(axis=1, initial=np.inf) if len(split.molded.sides) else np.zeros(0)
    tiny = np.flatnonzero(split.objects & ~split.molded.vanished & (sides < TINY))
    tiny = tiny[np.argsort(sides[tiny], kind="stable")]
    sides_of = split.molded.sides
    yield from _by_image(split, tiny, lambda i: f"{_instance(split, i)} is {_px(sides_of[i])} px in the network")


def _px(sides) -> str:
    return "x".join(f"{each:.2g}" if each < 10 else f"{each:.0f}" for each in sides)


def _annotated_twice(config, split: Split, others) -> Found:
    double = np.flatnonzero(split.scan.duplicate_of >= 0)
    first = split.scan.duplicate_of
    yield from _by_image(split, double, lambda i: f"{_instance(split, i)} repeats {_instance(split, int(first[i]))}")


def _same_file(config, split: Split, others) -> Found:
    seen: dict[str, tuple[str, int]] = {}
    for name, other in others.items():
        if split.name == "val":  # a leak is shown at its image of val
            seen.update({sha1: (f" of {name}", row) for row, sha1 in enumerate(other.scan.sha1) if sha1})
    for row, sha1 in enumerate(split.scan.sha1):
        if sha1 in seen:
            where, first = seen[sha1]
            source = (others.get("train") if where else split) or split
            yield row, f"the same file as {shown(source.image(first), 120)}{where}", []
        elif sha1:
            seen[sha1] = ("", row)


def _constant(config, split: Split, others) -> Found:
    for row in np.flatnonzero(split.scan.value_min == split.scan.value_max).tolist():
        yield row, f"nothing to see: all pixels are {split.scan.value_max[row]:g}", []


def _crowded(config, split: Split, others) -> Found:
    most = np.argsort(-split.per_image, kind="stable")[:2]
    for row in most.tolist():
        if split.per_image[row] > 1:
            yield row, f"among the most crowded: {counted(int(split.per_image[row]), 'object')}", []


def _smallest(config, split: Split, others) -> Found:
    yield from _extreme(split, np.argmin, "smallest")


def _largest(config, split: Split, others) -> Found:
    yield from _extreme(split, np.argmax, "largest")


def _extreme(split: Split, pick, word: str) -> Found:
    if split.molded is None:
        return
    rows = np.flatnonzero(split.objects & ~split.molded.vanished)
    if len(rows) > 1:
        index = int(rows[pick(split.molded.sides[rows].prod(axis=1))])
        sides = _px(split.molded.sides[index])
        yield int(split.scan.instance_image[index]), f"the {word} object: {sides} px in the network", [index]


_KINDS: tuple[Kind, ...] = (
    (_unreadable, False),
    (_masks_unusable, False),
    (_class_out_of_range, False),
    (_mask_values, False),
    (_empty_masks, False),
    (_full_masks, False),
    (_vanished, True),
    (_tiny, True),
    (_annotated_twice, False),
    (_same_file, False),
    (_constant, False),
    (_crowded, False),
    (_smallest, True),
    (_largest, False),
)
