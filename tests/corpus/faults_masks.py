"""Faults of mask files: one PNG an instance, and label maps with their classes from a second map or a table."""

from __future__ import annotations

import numpy as np
from PIL import Image

from mrcnn_roi.datasets import load_dataset

from .builders import BOXES, IDS, configured, judged, noise, rectangles, refused_or
from .cases import ERROR, WARNING, Fault

MASKS = rectangles(BOXES)
GREY = MASKS.astype(np.uint8) * 255
NUMBERS = (MASKS * [1, 2, 3]).max(axis=2).astype(np.uint8)
CLASSES = (MASKS * IDS).max(axis=2).astype(np.uint8)
NAMES = {1: "bolt", 2: "nut"}


def save(path, pixels):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path, compress_level=1)


def nuclei(folder, seed=0, count=4):
    """root/<id>/images and masks/<class>/*.png, three objects an image."""
    root = folder / f"nuclei{seed}"
    for number in range(count):
        own = root / f"n{number}"
        save(own / "images" / f"n{number}.png", noise(seed=5000 + 100 * seed + number))
        for k, class_id in enumerate(IDS):
            save(own / "masks" / NAMES[class_id] / f"{k}.png", GREY[..., k])
    return root


def flat(folder, seed=0, count=4):
    """images/<stem>.png and masks/<stem>_<class>_<k>.png."""
    root = folder / f"flat{seed}"
    for number in range(count):
        save(root / "images" / f"n{number}.png", noise(seed=6000 + 100 * seed + number))
        for k, class_id in enumerate(IDS):
            save(root / "masks" / f"n{number}_{NAMES[class_id]}_{k}.png", GREY[..., k])
    return root


def maps(folder, seed=0, count=4):
    """images/, instances/ and semantics/ of the same stems, and the names of the classes."""
    root = folder / f"maps{seed}"
    for number in range(count):
        save(root / "images" / f"n{number}.png", noise(seed=7000 + 100 * seed + number))
        save(root / "instances" / f"n{number}.png", NUMBERS)
        save(root / "semantics" / f"n{number}.png", CLASSES)
    (root / "classes.txt").write_text("bolt\nnut\n")
    return root


def tabled(folder, seed=0, count=4):
    """images/ and instances/, and a table of their classes."""
    root = folder / f"table{seed}"
    rows = ["image,instance,class"]
    for number in range(count):
        save(root / "images" / f"n{number}.png", noise(seed=8000 + 100 * seed + number))
        save(root / "instances" / f"n{number}.png", NUMBERS)
        rows += [f"n{number}.png,{k},{NAMES[class_id]}" for k, class_id in enumerate(IDS, 1)]
    (root / "table.csv").write_text("\n".join(rows) + "\n")
    return root


def spoilt(make, change=None, both=False, **options):
    """find(folder) for a set of which `change(root)` spoils the training part, or both parts."""

    def find(folder):
        def run():
            roots = make(folder, 0), make(folder, 7)
            for root in roots[: 1 + both] if change else ():
                change(root)
            train, val = (load_dataset(root, **options) for root in roots)
            return judged(train, val, configured())

        return refused_or(run)

    return find


def writes(name, pixels):
    return lambda root: save(root / name, pixels)


def removes(name):
    return lambda root: (root / name).unlink()


def cut(name):
    def change(root):
        data = (root / name).read_bytes()
        (root / name).write_bytes(data[: len(data) // 2])

    return change


def emptied(name):
    return lambda root: (root / name).write_bytes(b"")


def without_masks(root):
    """A folder as of a test set: images alone."""
    for path in sorted(root.glob("n1/masks/**/*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    (root / "n1" / "masks").rmdir()


def smooth(root):
    """Masks with soft edges, as a drawing program makes them."""
    for path in root.rglob("masks/**/*.png"):
        grey = np.asarray(Image.open(path)).astype(np.uint16)
        save(path, ((grey + np.roll(grey, 1, 0) + np.roll(grey, 1, 1)) // 3).astype(np.uint8))


def mixed(root):
    pixels = CLASSES.copy()
    y1, x1, y2, x2 = BOXES[0]
    pixels[y1 : y1 + (y2 - y1) // 3, x1:x2] = 2
    save(root / "semantics" / "n1.png", pixels)


def classless(value):
    y1, x1, y2, x2 = BOXES[1]
    pixels = CLASSES.copy()
    pixels[y1:y2, x1:x2] = value
    return writes("semantics/n1.png", pixels)


def edited(old, new):
    def change(root):
        path = root / "table.csv"
        path.write_text(path.read_text().replace(old, new, 1))

    return change


X = "n1/masks/bolt/0.png"
SMALL = GREY[::2, ::2, 0]

FAULTS = [
    Fault("ds-mask-shape", ERROR, "mask 0.png: 64 x 64 pixels", spoilt(nuclei, writes(X, SMALL)), "one of several"),
    Fault(
        "ds-mask-shape",
        ERROR,
        "n1_bolt_0.png: 64 x 64",
        spoilt(flat, writes("masks/n1_bolt_0.png", SMALL), class_from="prefix"),
        "flat",
    ),
    Fault("ds-file-unreadable", ERROR, "mask 0.png", spoilt(nuclei, emptied(X)), "empty mask file"),
    Fault("ds-file-unreadable", ERROR, "0.png", spoilt(nuclei, cut(X)), "truncated mask"),
    Fault("ds-file-unreadable", ERROR, "0.png", spoilt(nuclei, writes(X, noise(seed=1))), "photograph for a mask"),
    Fault("ds-mask-labelmap", ERROR, "0.png", spoilt(nuclei, writes(X, NUMBERS)), "label map for a mask"),
    Fault("ds-mask-empty", WARNING, "0.png", spoilt(nuclei, writes(X, 0 * NUMBERS)), "mask file of zeros"),
    Fault("ds-mask-nonbinary", WARNING, "12 of 12 sampled masks", spoilt(nuclei, smooth), "soft edges"),
    Fault("ds-map-missing", WARNING, "n1.png: no folder masks/", spoilt(nuclei, without_masks), "no masks"),
    Fault("ds-map-unmatched", WARNING, "folder n1", spoilt(nuclei, removes("n1/images/n1.png")), "masks alone"),
    Fault(
        "ds-map-unmatched",
        WARNING,
        "nobody_bolt_1.png",
        spoilt(flat, writes("masks/nobody_bolt_1.png", GREY[..., 0]), class_from="prefix"),
        "stray mask",
    ),
    Fault("ds-map-class", ERROR, "image n1, instance 2: 0", spoilt(maps, classless(0)), "background under it"),
    Fault("ds-map-class", ERROR, "image n1, instance 2: 255", spoilt(maps, classless(255)), "void under it"),
    Fault("ds-map-class", ERROR, "n1: no class map", spoilt(maps, removes("semantics/n1.png")), "no class map"),
    Fault(
        "ds-map-class", ERROR, "64 x 64", spoilt(maps, writes("semantics/n1.png", CLASSES[::2, ::2])), "of another size"
    ),
    Fault("ds-map-class-mixed", WARNING, "image n1, instance 1: 68%", spoilt(maps, mixed), "two classes under it"),
    Fault("ds-file-unreadable", ERROR, "class map n1.png", spoilt(maps, cut("semantics/n1.png")), "cut class map"),
    Fault("ds-file-unreadable", ERROR, "classes.txt", spoilt(maps, emptied("classes.txt")), "no names in the file"),
    Fault("ds-map-class", ERROR, "n1, instance 2", spoilt(tabled, edited("n1.png,2,nut\n", "")), "no row"),
    Fault("ds-table-row", WARNING, "no instance 9", spoilt(tabled, edited("n1.png,3,bolt", "n1.png,3,bolt\nn1,9,nut"))),
    Fault("ds-table-row", WARNING, '"n9.png"', spoilt(tabled, edited("n1.png,3", "n9.png,1,nut\nn1.png,3")), "image"),
    Fault("ds-table-row", ERROR, '"two"', spoilt(tabled, edited("n1.png,3", "n1.png,two,nut\nn1.png,3")), "number"),
    Fault("ds-table-row", ERROR, "line 7", spoilt(tabled, edited("n1.png,3", "n1.png,2,bolt\nn1.png,3")), "twice"),
]  # fmt: skip
