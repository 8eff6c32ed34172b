"""For every code of the group "dataset" data with the mistake, and similar data without it.

EXAMPLES[code] is (bad, good): functions without arguments that return the findings.
"""

import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

from .toy import BOXES, SIZE, Toy, config, find, noise, rectangles, sample, toys


def on_disk(*pictures, val=False, **info):
    """The findings for a dataset of image files: (name, array or bytes, EXIF orientation) each."""
    with tempfile.TemporaryDirectory() as folder:
        samples = []
        for name, content, orientation in pictures:
            path = Path(folder) / name
            if isinstance(content, bytes):
                path.write_bytes(content)
            elif content is not None:
                exif = Image.Exif()
                exif[0x0112] = orientation
                Image.fromarray(content).save(path, path.suffix[1:].replace("jpg", "jpeg"), exif=exif)
            samples.append(sample(image="file", path=str(path), **info))
        return find(Toy(samples), Toy(samples[:1]) if val else None)


def png(count):
    """`count` different pictures."""
    return [(f"{i}.png", noise(seed=i), 1) for i in range(count)]


def renamed(name):
    """A JPEG file under another name."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.jpg"
        Image.fromarray(noise()).save(path)
        return name, path.read_bytes(), 1


def photo(orientation, **info):
    """An oblong photograph with an EXIF orientation, loaded as skimage.io.imread does."""
    pictures = [(f"{i}.jpg", noise((96, 128), seed=i), orientation) for i in range(4)]
    return on_disk(*pictures, **{"size": (96, 128), **info})


class Broken(Toy):
    """A dataset whose images are listed by names where the base class has numbers."""

    @property
    def image_ids(self):
        return ["a.png", "b.png", "c.png", "d.png"]


def masks_of(change, **keywords):
    return find(toys(sample(masks=change(rectangles(BOXES)), **keywords)))


def label_map(masks):
    """One channel that numbers the objects."""
    return (masks * np.arange(1, masks.shape[2] + 1)).max(axis=2, keepdims=True).astype(np.uint8)


def numbered(resampling):
    """Maps of a disc with the number 200, and another with 90, resized from a larger picture: masks by number."""
    y, x = np.mgrid[:300, :300]
    numbers = np.where((y - 100) ** 2 + (x - 110) ** 2 < 70**2, 200, 0)
    numbers = np.where((y - 210) ** 2 + (x - 220) ** 2 < 50**2, 90, numbers).astype(np.uint8)
    resized = np.asarray(Image.fromarray(numbers).resize(SIZE[::-1], resampling))
    masks = resized[..., None] == np.unique(resized)[1:]
    return find(toys(sample(masks=masks, ids=[1] * masks.shape[2])))


def declared(height, width, masks=SIZE, size=(96, 128)):
    """Images of `size` whose annotations name another size, and masks of the size `masks`."""
    return find(toys(sample(size=size, masks=rectangles(BOXES, masks), height=height, width=width)))


def outside():
    """load_mask as skimage.draw.polygon without shape= makes it fail."""
    return find(toys(sample(masks=IndexError("index 128 is out of bounds for axis 1 with size 128"))))


def declaring(*names, **keywords):
    """Data whose classes have these names."""
    return find(Toy(classes=names, **keywords), Toy(classes=names, **keywords), made=config(NUM_CLASSES=1 + len(names)))


def image_ids(*ids, path="{}.png"):
    """Data whose first images have these ids, and paths made of their numbers."""
    data = Toy()
    for number, (info, image_id) in enumerate(zip(data.image_info, ids)):
        info.update(id=image_id, path=path.format(number))
    data.prepare()
    return find(data)


def source(name):
    """Images and classes of a source that was written into image_info and class_info."""
    data = Toy()
    for info in (*data.image_info, *data.class_info[1:]):
        info["source"] = name
    data.prepare()
    return find(data)


CROWDS = Toy([sample(ids=[-1, -1, -2])] * 4)
FLOATS = [sample(image=noise() / 255.0)] * 4
DEEP = [sample(image=noise().astype(np.uint16) * 16)] * 4
ALPHA = np.concatenate([noise(), noise(channels=1, seed=1)], axis=2)
OPAQUE = np.concatenate([noise(), np.full((*SIZE, 1), 255, np.uint8)], axis=2)
GREY = ("grey.png", noise(channels=1)[..., 0], 1)
NAN = np.where(np.arange(3) == 1, np.nan, noise()).astype(np.float32)

EXAMPLES = {
    "ds-scan-failed": (lambda: find(Broken()), lambda: find()),
    "ds-scan-partial": (lambda: find(fast=True), lambda: find()),
    "ds-file-missing": (lambda: on_disk(*png(3), ("gone.png", None, 1)), lambda: on_disk(*png(4))),
    "ds-file-unreadable": (
        lambda: on_disk(*png(3), ("cut.jpg", renamed("a.jpg")[1][:900], 1)),
        lambda: on_disk(*png(3), renamed("a.jpg")),
    ),
    "ds-mask-unreadable": (lambda: find(toys(sample(masks=IndexError("list index out of range")))), find),
    "ds-polygon-outside": (outside, find),
    "ds-category-background": (
        lambda: declaring("square", "background"),
        lambda: declaring("square", "background_sign"),
    ),
    "ds-category-dup": (lambda: declaring("square", "square"), lambda: declaring("square", "Square")),
    "ds-category-name": (lambda: declaring("square, red", "circle"), lambda: declaring("square red", "circle")),
    "ds-id-dup-image": (lambda: image_ids(7, 7), lambda: image_ids(7, 7, path="same.png")),
    "cd-source-dot": (lambda: source("my.toys"), lambda: source("my_toys")),
    "ds-mask-rank": (
        lambda: masks_of(lambda masks: masks[..., 0], ids=[1]),
        lambda: masks_of(lambda masks: masks[..., :1], ids=[1]),
    ),
    "ds-mask-axis-order": (lambda: masks_of(lambda masks: np.moveaxis(masks, -1, 0)), lambda: masks_of(np.copy)),
    "ds-mask-shape": (
        lambda: find(toys(sample(size=(96, 128), masks=rectangles(BOXES)))),
        lambda: find(toys(sample(size=(96, 128), masks=rectangles(BOXES, (96, 128))))),
    ),
    "ds-mask-count": (lambda: masks_of(np.copy, ids=[1, 2]), lambda: masks_of(np.copy, ids=[1, 2, 1])),
    "ds-channels": (lambda: find(toys(sample(image=noise()[..., 0]))), lambda: on_disk(*png(3), GREY)),
    "ds-size-mismatch": (lambda: declared(128, 256, (128, 256)), lambda: declared(192, 256, (96, 128))),
    "ds-size-transposed": (lambda: declared(128, 96, (128, 96)), lambda: declared(96, 128, (96, 128))),
    "ds-exif": (lambda: photo(6), lambda: photo(1)),
    "ds-bit-depth": (lambda: find(Toy(DEEP)), lambda: find(Toy(DEEP), Toy(DEEP), made=config(MEAN_PIXEL=[1800] * 3))),
    "ds-image-nonfinite": (
        lambda: find(toys(sample(image=NAN))),
        lambda: find(toys(sample(image=noise().astype(np.float32)))),
    ),
    "ds-image-constant": (
        lambda: find(toys(sample(image=np.zeros((*SIZE, 3), np.uint8)))),
        lambda: find(toys(sample())),
    ),
    "ds-format-extension": (lambda: on_disk(*png(3), renamed("a.png")), lambda: on_disk(*png(3), renamed("a.jpeg"))),
    "ds-channels-mixed": (
        lambda: on_disk(*png(3), GREY),
        lambda: on_disk(*png(3), renamed("a.jpg")),
    ),
    "ds-alpha-dropped": (
        lambda: on_disk(*[(f"{i}.png", np.roll(ALPHA, i, 0), 1) for i in range(3)]),
        lambda: on_disk(*[(f"{i}.png", np.roll(OPAQUE, i, 0), 1) for i in range(3)]),
    ),
    "ds-mask-empty": (
        lambda: masks_of(lambda masks: masks & (np.arange(3) > 0)),
        lambda: find(toys(sample(boxes=[]))),
    ),
    "ds-mask-full": (
        lambda: find(toys(sample([(0, 0, 128, 128)]))),
        lambda: find(toys(sample([(0, 0, 128, 100)]))),
    ),
    "ds-mask-labelmap": (
        lambda: masks_of(label_map, ids=[1]),
        lambda: masks_of(lambda masks: 255 * masks[..., :1].astype(np.uint8), ids=[1]),
    ),
    "ds-map-smeared": (lambda: numbered(Image.Resampling.BILINEAR), lambda: numbered(Image.Resampling.NEAREST)),
    "ds-mask-nonbinary": (
        lambda: masks_of(lambda masks: masks * np.arange(128, 256, dtype=np.uint8)[:, None, None]),
        lambda: masks_of(lambda masks: 255 * masks.astype(np.uint8)),
    ),
    "ds-mask-dup": (
        lambda: find(toys(sample([*BOXES, BOXES[0]], ids=[1, 2, 1, 1]))),
        lambda: find(toys(sample([*BOXES, BOXES[0]], ids=[1, 2, 1, 2]))),
    ),
    "ds-crowd-all": (lambda: find(CROWDS), lambda: find(toys(sample(ids=[-1, -1, -2])))),
    "ds-file-dup": (
        lambda: on_disk(*png(3), ("again.png", noise(seed=0), 1)),
        lambda: on_disk(*png(4)),
    ),
    "ds-leak-train-val": (lambda: on_disk(*png(4), val=True), lambda: on_disk(*png(4))),
}
