"""Sets of mask files that are fine: one PNG an instance in every layout, classes of label maps from every source."""

from __future__ import annotations

import numpy as np
from PIL import Image

from .builders import BOXES, IDS, noise
from .cases import Setup
from .faults_masks import GREY, MASKS, NAMES, flat, maps, nuclei, save, spoilt, tabled


def by_stem(folder, seed=0):
    """images/<stem>.jpg and masks/<stem>/<class>_<k>.png, in several modes of PNG."""
    root = folder / f"stem{seed}"
    modes = ("1", "L", "RGB", "P", "RGBA")
    for number in range(5):
        (root / "images").mkdir(parents=True, exist_ok=True)
        Image.fromarray(noise(seed=9000 + 100 * seed + number)).save(root / "images" / f"n{number}.jpg")
        for k, class_id in enumerate(IDS):
            path = root / "masks" / f"n{number}" / f"{NAMES[class_id]}_{k}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(GREY[..., k]).convert(modes[number]).save(path)
    return root


def background(folder, seed=0):
    """Nuclei with one image without objects: its folder of masks is empty."""
    root = nuclei(folder, seed, 5)
    for path in (root / "n4" / "masks").rglob("*.png"):
        path.unlink()
    return root


def turned(folder, seed=0):
    """Photographs of a camera held upright: EXIF turns them, and the masks were drawn on what one sees."""
    root = nuclei(folder, seed)
    exif = Image.Exif()
    exif[0x0112] = 6
    for number in range(4):
        path = root / f"n{number}" / "images" / f"n{number}.png"
        Image.fromarray(noise((128, 96), seed=400 + 10 * seed + number)).save(path, exif=exif)
        for mask in (root / f"n{number}" / "masks").rglob("*.png"):
            save(mask, np.asarray(Image.open(mask))[16:112])
    return root


def cityscapes(folder, seed=0):
    """Numbers that are class * 1000 + k, with regions below 1000."""
    root = folder / f"city{seed}"
    numbers = (MASKS * [24000, 26000, 24001]).max(axis=2).astype(np.uint16)
    numbers[: BOXES[0][0]] = 7
    for number in range(3):
        save(root / "leftImg8bit" / f"n{number}_leftImg8bit.png", noise(seed=300 + 10 * seed + number))
        save(root / "gtFine" / f"n{number}_gtFine_instanceIds.png", numbers)
    return root


SETUPS = [
    Setup("nuclei, a folder an image", spoilt(nuclei), ("*",)),
    Setup("masks in a folder an image, several modes", spoilt(by_stem, class_from="prefix"), ("*",)),
    Setup("masks of all images in one folder", spoilt(flat, class_from="prefix"), ("*",)),
    Setup("nuclei with an image without objects", spoilt(background), ("ds-map-missing", "ds-mask-empty")),
    Setup("nuclei with EXIF orientation", spoilt(turned), ("ds-mask-shape", "ds-exif")),
    Setup("label maps with class maps", spoilt(maps), ("*",)),
    Setup("label maps with a table", spoilt(tabled), ("*",)),
    Setup("numbers that hold the class", spoilt(cityscapes, divisor=1000), ("*",)),
]
