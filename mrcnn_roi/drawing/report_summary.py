"""What the report says of the data and the settings in words: how much was read, of what kind, and the values used."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from mrcnn_roi.checks.splits import Split
from mrcnn_roi.checks.values import Reading, Unreadable, show
from mrcnn_roi.config import Config
from mrcnn_roi.drawing.report_text import counted, number, shown, size


class Facts(NamedTuple):
    """One split: its name and (label, value) pairs."""

    name: str
    rows: list[tuple[str, str]]


class Setting(NamedTuple):
    """One attribute of the config; changed where it is not the default."""

    name: str
    value: str
    changed: bool


def read_summary(splits: list[Split]) -> str:
    """ "Read: 2 000 of 10 000 images of train with 5 300 objects of 3 classes; ..."."""
    texts = []
    for split in splits:
        scan = split.scan
        images = f"{_images(split)} of {split.name}"
        classes = len(np.unique(scan.class_id[split.objects]))
        found = f"with {counted(int(split.objects.sum()), 'object')} of {counted(classes, 'class')}"
        texts.append(f"{images} {found if split.objects.any() else 'without any object'}")
    return f"{'; '.join(texts)}." if texts else ""


def _images(split: Split) -> str:
    total, read = len(split.scan.read), int(split.scan.read.sum())
    if split.scan.fast:
        return f"headers and annotations of {counted(total, 'image')}"
    return counted(total, "image") if read == total else f"{number(read)} of {counted(total, 'image')}"


def split_facts(split: Split) -> Facts:
    """The numbers of one split."""
    scan = split.scan
    known = (scan.height > 0) & (scan.width > 0)
    objects, sound = split.objects, split.sound
    rows = [
        ("images", number(len(scan.image_ids))),
        ("of which read", "headers and annotations only" if scan.fast else number(int(scan.read.sum()))),
        ("objects", number(int(objects.sum()))),
        ("classes (declared / seen)", f"{number(scan.num_classes - 1)} / {_seen(split)}"),
        ("images without objects", number(int((split.per_image[sound] == 0).sum()))),
        ("crowds", number(int((scan.class_id < 0).sum()))),
        ("sizes, height x width", _sizes(np.stack([scan.height, scan.width], axis=1)[known])),
        ("sizes in the network", "unknown" if split.molded is None else _sizes(split.molded.shapes)),
        ("images that cannot be used", number(len(scan.image_errors))),
        ("images whose masks cannot be used", number(len(scan.mask_errors))),
    ]
    return Facts(split.name, rows)


def _seen(split: Split) -> str:
    return number(len(np.unique(split.scan.class_id[split.objects])))


def _sizes(sizes: np.ndarray) -> str:
    different = np.unique(sizes, axis=0)
    if not len(different):
        return "unknown"
    if len(different) <= 3:
        return ", ".join(size(each) for each in different)
    (y1, x1), (y2, x2) = different.min(axis=0).tolist(), different.max(axis=0).tolist()
    return f"{number(len(different))} different, heights {y1} to {y2}, widths {x1} to {x2}"


def settings_of(config) -> list[Setting]:
    """The settings of a config by name, each in a few words."""
    settings = []
    for name in sorted(each for each in dir(config) if each.isupper() and not each.startswith("_")):
        try:
            value = shown(show(getattr(Reading(config), name)), 200)
        except Unreadable:
            value = "cannot be read"
        settings.append(Setting(shown(name, 80), value, value != show(getattr(Config, name, None))))
    return settings
