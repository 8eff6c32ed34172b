"""Faults of images and masks, as Dataset subclasses over files return them."""

from __future__ import annotations

import shutil

import numpy as np
from PIL import Image

from mrcnn_roi.datasets import load_dataset

from .builders import BOXES, Fitting, Parts, configured, edited, judged, loading, noise, rectangles, with_data
from .cases import ERROR, INFO, WARNING, Fault

WIDE = (96, 128)


def image(change, rows=None, **more):
    return with_data(loading(image=change, rows=rows), both=more.pop("both", False), **more)


def masks(change, rows=None, **more):
    return with_data(loading(masks=change, rows=rows), both=more.pop("both", False), **more)


def file(write, row=1):
    """One file of the training set rewritten by `write(path)`."""

    def find(folder):
        train, val = Parts(folder, 0), Parts(folder, 7)
        write(train.image_info[row]["path"])
        return judged(train, val)

    return find


def delete(path):
    from pathlib import Path

    Path(path).unlink()


def cut(path):
    with open(path, "rb+") as opened:
        opened.truncate(3000)


def empty(path):
    with open(path, "wb"):
        pass


def page(path):
    with open(path, "w") as opened:
        opened.write("<!DOCTYPE html><html>not found</html>")


def jpeg_bytes(path):
    Image.fromarray(noise(seed=77)).save(path, "JPEG")


class Jpegs(Parts):
    """Photographs with an EXIF orientation, read as they are stored."""

    suffix = ".jpg"
    orientation = 6

    def write(self, path, size, seed):
        exif = Image.Exif()
        exif[0x0112] = self.orientation
        Image.fromarray(noise(size, 3, seed)).save(path, quality=95, exif=exif)


class Mirrored(Jpegs):
    orientation = 3


class ReadBySkimage(Parts):
    """load_image as many scripts have it: the path in another key, imread by another library."""

    def load_image(self, image_id):
        return np.asarray(Image.open(self.image_info[image_id]["path"]))


class ReadByOpenCV(Parts):
    """cv2.imread returns None for a file that it cannot read."""

    def load_image(self, image_id):
        try:
            return np.asarray(Image.open(self.image_info[image_id]["path"]))
        except OSError:
            return None


def gone(kind):
    def find(folder):
        train, val = kind(folder, 0), kind(folder, 7)
        delete(train.image_info[2]["path"])
        return judged(train, val)

    return find


class Grey(Parts):
    def write(self, path, size, seed):
        Image.fromarray(noise(size, 0, seed)).save(path)

    def load_image(self, image_id):
        return np.asarray(Image.open(self.image_info[image_id]["path"]))


class Deep(Parts):
    """16-bit greyscale files."""

    def write(self, path, size, seed):
        Image.fromarray(noise(size, 0, seed).astype(np.uint16) * 16).save(path)


class WithDepth(Parts):
    """RGB-D files: the default load_image drops the fourth channel."""

    def write(self, path, size, seed):
        Image.fromarray(noise(size, 4, seed)).save(path)


class SomeGrey(Parts):
    def write(self, path, size, seed):
        Image.fromarray(noise(size, 0 if seed % 2 else 3, seed)).save(path)


class Swapped(Parts):
    """height and width exchanged in add_image, and masks drawn on them."""

    def load_mask(self, image_id):
        info = self.image_info[image_id]
        return rectangles(info["boxes"], (info["height"], info["width"])), np.array(info["ids"], np.int32)


class Polygons(Parts):
    """The balloon sample's load_mask: skimage.draw.polygon without shape=."""

    points = ([10, 60, 60, 10], [10, 10, 40, 40])  # x, y

    def load_mask(self, image_id):
        import skimage.draw

        info, (xs, ys) = self.image_info[image_id], self.points
        mask = np.zeros((*info["size"], 1), np.uint8)
        rows, columns = skimage.draw.polygon(ys, xs)
        if image_id == 2:
            mask[rows, columns, 0] = 1
        else:
            mask[20:60, 20:60] = 1
        return mask, np.ones(1, np.int32)


def polygon(xs, ys):
    return type("Beside", (Polygons,), {"points": (xs, ys), "classes": ("bolt",)})


def label_map(m, ids):
    return (m * np.arange(1, m.shape[2] + 1)).max(axis=2, keepdims=True).astype(np.int32), np.ones(1, np.int32)


def smooth(m, ids):
    grey = m.astype(np.float32)
    for axis in (0, 1):
        grey = (grey + np.roll(grey, 1, axis) + np.roll(grey, -1, axis)) / 3
    return (grey * 255).astype(np.uint8), ids


def fails(error):
    def change(*_):
        raise error

    return change


def twice(m, ids):
    return np.concatenate([m, m[..., :1]], axis=2), np.append(ids, ids[0])


def one_empty(m, ids):
    m = m.copy()
    m[..., 1] = False
    return m, ids


def nan(picture):
    picture = picture.astype(np.float32)
    picture[5, 6, 1] = np.nan
    return picture


def add_again(data):
    info = data.image_info[0]
    data.add_image("parts", info["id"], info["path"], **{k: info[k] for k in ("boxes", "ids", "size")})


def same_id(data):
    data.image_info[1]["id"] = data.image_info[0]["id"]


def copied_file(folder):
    train, val = Parts(folder, 0), Parts(folder, 7)
    shutil.copyfile(train.image_info[0]["path"], train.image_info[3]["path"])
    return judged(train, val)


def leaked(folder):
    train, val = Parts(folder, 0), Parts(folder, 7)
    shutil.copyfile(train.image_info[0]["path"], val.image_info[3]["path"])
    return judged(train, val)


def same_set(folder):
    data = Parts(folder)
    return judged(data, Parts(folder, 0, count=2))


def fast(folder):
    return judged(Parts(folder), Parts(folder, 7), fast=True)


def no_size(folder):
    """Images of which Pillow's limit is exceeded by the header alone."""
    train, val = Parts(folder, 0), Parts(folder, 7)
    import struct
    import zlib

    header = struct.pack(">IIBBBBB", 60000, 60000, 8, 2, 0, 0, 0)
    chunk = b"IHDR" + header
    with open(train.image_info[1]["path"], "wb") as opened:
        opened.write(b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + chunk + struct.pack(">I", zlib.crc32(chunk)))
    return judged(train, val)


def late_image(folder):
    train = Parts(folder, 0)
    info = train.image_info[0]
    train.add_image("parts", "late", info["path"], boxes=BOXES, ids=(1, 2, 1), size=(128, 128))
    return judged(train, Parts(folder, 7))


def label_maps(change):
    """find(folder) for photographs with a map each, of which `change(folder)` spoils one."""

    def find(folder):
        numbers = (rectangles(BOXES) * [1, 2, 3]).max(axis=2).astype(np.uint8)
        for kind in ("photos", "masks"):
            (folder / kind).mkdir()
        for number in range(4):
            Image.fromarray(noise(seed=800 + number)).save(folder / "photos" / f"{number}.png", compress_level=1)
            Image.fromarray(numbers).save(folder / "masks" / f"{number}_mask.png")
        change(folder)
        return judged(load_dataset(folder), None, configured(NUM_CLASSES=2))

    return find


def resized_maps(folder):
    """Two of the maps brought to the photographs' size with interpolation."""
    y, x = np.mgrid[:300, :300]
    numbers = np.where((y - 100) ** 2 + (x - 110) ** 2 < 70**2, 200, 0)
    numbers = np.where((y - 210) ** 2 + (x - 220) ** 2 < 50**2, 90, numbers).astype(np.uint8)
    for number in (1, 2):
        resized = Image.fromarray(numbers).resize((128, 128), Image.Resampling.BICUBIC)
        resized.save(folder / "masks" / f"{number}_mask.png")


def few_numbers_resized(folder):
    """All maps brought to the photographs' size with interpolation, of three objects whose numbers are small."""
    for path in (folder / "masks").iterdir():
        Image.fromarray(pieces((1, 2, 9))).resize((128, 128), Image.Resampling.BILINEAR).save(path)


def binary_maps(folder):
    """Black and white maps of several objects."""
    for path in (folder / "masks").iterdir():
        Image.fromarray(pieces((255, 255, 255))).resize((128, 128), Image.Resampling.NEAREST).save(path)


def pieces(values):
    """uint8 [300, 300]: three discs, far from one another."""
    y, x = np.mgrid[:300, :300]
    numbers = np.zeros((300, 300), np.uint8)
    for value, (top, left) in zip(values, [(80, 80), (80, 220), (220, 150)]):
        numbers[(y - top) ** 2 + (x - left) ** 2 < 50**2] = value
    return numbers


def jpeg_as_png(folder):
    path = folder / "masks" / "1_mask.png"
    Image.open(path).convert("L").save(path, format="JPEG")


class Unlisted(Parts):
    """Numbers of its own, which are read from a file that is gone."""

    def prepare(self, class_map=None):
        super().prepare(class_map)
        self.ready = True

    @property
    def image_ids(self):
        if hasattr(self, "ready"):
            raise AttributeError("no index file")
        return range(len(self.image_info))


NO_VAL = {"run-val-none": "there is no validation set in this case"}
ONE_CLASS = {"cd-class-only-val": "the objects of train are all of one class in this case"}
RESIZED = {"height": 256, "width": 256}

FAULTS = [
    Fault("ds-file-missing", ERROR, "0_1.png", file(delete), "default load_image"),
    Fault("ds-file-missing", ERROR, "0_2.png", gone(ReadBySkimage), "own load_image"),
    Fault("ds-file-missing", ERROR, "0_2.png", gone(ReadByOpenCV), "None from imread"),
    Fault(
        "ds-file-missing",
        ERROR,
        "0_1",
        edited(lambda d: d.image_info[1].update(path=d.image_info[1]["path"].removesuffix(".png"))),
        "no extension",
    ),
    Fault("ds-file-unreadable", ERROR, "0_1.png", file(cut), "truncated"),
    Fault("ds-file-unreadable", ERROR, "0_1.png", file(empty), "empty"),
    Fault("ds-file-unreadable", ERROR, "0_1.png", file(page), "web page"),
    Fault("ds-file-unreadable", ERROR, "KeyError", image(fails(KeyError("bands")), rows=[0]), "own code raises"),
    Fault("ds-file-unreadable", ERROR, "0_1.png", no_size, "bomb"),
    Fault("ds-format-extension", INFO, "JPEG", file(jpeg_bytes)),
    Fault("ds-size-mismatch", ERROR, "256x256", with_data(Swapped, **RESIZED), "resized after annotating"),
    Fault("ds-size-transposed", ERROR, "96x128", with_data(Swapped, size=WIDE, height=128, width=96, both=True)),
    Fault("ds-exif", ERROR, "orientation 6", with_data(Jpegs, size=WIDE), "sideways"),
    Fault("ds-exif", WARNING, "orientation 3", with_data(Mirrored, size=WIDE), "upside down"),
    Fault("ds-exif", WARNING, "orientation 3", with_data(Mirrored, size=WIDE, height=96, width=128), "size declared"),
    Fault("ds-exif", ERROR, "orientation 6", with_data(Jpegs, size=WIDE, height=96, width=0), "no size"),
    Fault("ds-channels", ERROR, "[3, 128, 128]", image(lambda i: np.moveaxis(i, -1, 0)), "channels first"),
    Fault(
        "ds-channels",
        ERROR,
        "[3, 128, 128]",
        with_data(loading(image=lambda i: np.moveaxis(i, -1, 0)), height=128, width=128),
        "channels first, size declared",
    ),
    Fault("ds-channels", ERROR, "[128, 128]", with_data(Grey, both=True), "grey"),
    Fault("ds-channels", ERROR, "[128, 128, 4]", image(lambda i: np.dstack([i, i[..., :1]])), "RGBA"),
    Fault("ds-channels", ERROR, "[128, 128, 1]", image(lambda i: i[..., :1], rows=[2]), "one of four"),
    Fault(
        "ds-channels",
        ERROR,
        "IMAGE_CHANNEL_COUNT=4",
        with_data(config={"IMAGE_CHANNEL_COUNT": 4, "MEAN_PIXEL": [1.0, 2, 3, 4]}, both=True),
        "4 wanted",
    ),
    Fault("ds-channels", ERROR, "(1, 128, 128, 3)", image(lambda i: i[None], rows=[0]), "batch axis"),
    Fault("ds-channels-mixed", INFO, "2 L", with_data(SomeGrey)),
    Fault("ds-alpha-dropped", WARNING, "4 of 4", with_data(WithDepth)),
    Fault("ds-bit-depth", ERROR, "4080", with_data(Deep), "16 bits"),
    Fault("ds-bit-depth", ERROR, "65280", image(lambda i: i.astype(np.uint16) * 256, rows=[1]), "one of four"),
    Fault("ds-bit-depth", ERROR, "0 to 1", image(lambda i: i / 255.0, both=True), "fractions"),
    Fault("ds-bit-depth", ERROR, "0 to 1", image(lambda i: (i / 255).astype(np.float32), rows=[0]), "one of fractions"),
    Fault(
        "ds-bit-depth",
        WARNING,
        "1830",
        with_data(config={"MEAN_PIXEL": [1830.0, 1700.0, 1650.0]}, both=True),
        "mean of deeper images",
    ),
    Fault("ds-image-nonfinite", ERROR, "NaN", image(nan, rows=[2])),
    Fault("ds-image-constant", WARNING, "all 0", image(np.zeros_like, rows=[3])),
    Fault("ds-mask-shape", ERROR, "[64, 64, 3]", masks(lambda m, i: (m[::2, ::2], i))),
    Fault("ds-mask-shape", ERROR, "[127, 128, 3]", masks(lambda m, i: (m[1:], i), rows=[3]), "one row"),
    Fault("ds-mask-rank", ERROR, "[128, 128]", masks(lambda m, i: (m[..., 0], i[:1])), "one object"),
    Fault("ds-mask-rank", ERROR, "[128, 128]", masks(lambda m, i: (label_map(m, i)[0][..., 0], i)), "label map"),
    Fault("ds-mask-axis-order", ERROR, "[3, 128, 128]", masks(lambda m, i: (np.moveaxis(m, -1, 0), i))),
    Fault("ds-mask-axis-order", ERROR, "[3, 96, 128]", masks(lambda m, i: (np.moveaxis(m, -1, 0), i), size=WIDE)),
    Fault("ds-mask-count", ERROR, "3 masks but 2 class ids", masks(lambda m, i: (m, i[:2]), rows=[1])),
    Fault("ds-mask-count", ERROR, "2 masks but 3 class ids", masks(lambda m, i: (m[..., 1:], i))),
    Fault("ds-mask-count", ERROR, "[1, 3]", masks(lambda m, i: (m, i[None])), "two axes"),
    Fault("ds-mask-unreadable", ERROR, "bad.tif", masks(fails(ValueError("cannot open bad.tif")), rows=[1])),
    Fault("ds-mask-unreadable", ERROR, "NoneType", masks(lambda m, i: None), "forgot to return"),
    Fault("ds-mask-empty", WARNING, "instance 2", masks(one_empty, rows=[0]), "one"),
    Fault("ds-mask-empty", ERROR, "12 of 12", masks(lambda m, i: (m & False, i)), "all"),
    Fault("ds-mask-full", WARNING, "instance 1", masks(lambda m, i: (m | (np.arange(3) == 0), i), rows=[2]), "whole"),
    Fault("ds-mask-full", WARNING, "12 of 12", masks(lambda m, i: (~m, i)), "inverted"),
    Fault("ds-mask-full", WARNING, "12 of 12", masks(lambda m, i: (1 - m.astype(np.uint8), i)), "inverted numbers"),
    Fault("ds-mask-nonbinary", WARNING, "255", masks(smooth), "smooth edges"),
    Fault(
        "ds-mask-labelmap",
        ERROR,
        "label map",
        masks(label_map, ids=(1, 1, 1)),
        "one mask",
        ONE_CLASS,
    ),
    Fault(
        "ds-mask-labelmap",
        ERROR,
        "label map",
        masks(lambda m, i: (label_map(m, i)[0].astype(np.float64), i[:1])),
        "as floats",
        ONE_CLASS,
    ),
    Fault("ds-mask-dup", WARNING, "instance 4", masks(twice, rows=[1])),
    Fault("ds-crowd-all", ERROR, "12", masks(lambda m, i: (m, -i)), "train"),
    Fault("ds-crowd-all", ERROR, "12", with_data(val_kind=loading(masks=lambda m, i: (m, -i))), "val"),
    Fault(
        "ds-polygon-outside",
        ERROR,
        "index 128",
        with_data(polygon([90, 128, 128, 90], [10, 10, 40, 40]), both=True, config={"NUM_CLASSES": 2}),
        "index == width",
    ),
    Fault(
        "ds-polygon-outside",
        ERROR,
        "index 44",
        with_data(polygon([44033, 44083, 44083, 44033], [10, 10, 40, 40]), config={"NUM_CLASSES": 2}, both=True),
        "slide",
    ),
    Fault(
        "ds-category-background",
        ERROR,
        "background",
        with_data(type("B", (Parts,), {"classes": ("background", "bolt")}), both=True),
        "add_class",
    ),
    Fault(
        "ds-category-background",
        ERROR,
        "'BG'",
        with_data(
            type("B", (Parts,), {"classes": ("BG", "bolt", "nut")}), config={"NUM_CLASSES": 4}, both=True, ids=(2, 3, 2)
        ),
        "BG",
    ),
    Fault(
        "ds-category-dup",
        WARNING,
        "'bolt'",
        with_data(type("D", (Parts,), {"classes": ("bolt", "bolt")}), both=True),
        "add_class",
    ),
    Fault(
        "ds-category-name",
        WARNING,
        "bolt, long",
        with_data(type("N", (Parts,), {"classes": ("bolt, long", "nut")}), both=True),
        "add_class",
    ),
    Fault("ds-id-dup-image", ERROR, "0_0", edited(same_id), "two files"),
    Fault("ds-file-dup", WARNING, "0_0.png", edited(add_again), "added twice"),
    Fault("ds-file-dup", WARNING, "0_3.png", copied_file, "copied"),
    Fault("ds-leak-train-val", WARNING, "1 of 4", leaked, "one"),
    Fault("ds-leak-train-val", WARNING, "2 of 2", same_set, "all"),
    Fault("ds-scan-partial", INFO, "fast", fast),
    Fault("ds-scan-failed", ERROR, "no index file", with_data(Unlisted)),
    Fault("ds-map-smeared", ERROR, "2 of 4 sampled maps", label_maps(resized_maps), "", NO_VAL),
    Fault("ds-map-smeared", WARNING, "4 of 4 sampled maps", label_maps(few_numbers_resized), "few numbers", NO_VAL),
    Fault("ds-map-semantic", WARNING, "3 pieces", label_maps(binary_maps), "", NO_VAL),
    Fault("ds-file-unreadable", ERROR, "1_mask.png: a JPEG", label_maps(jpeg_as_png), "JPEG as PNG", NO_VAL),
    Fault(
        "ds-file-unreadable",
        ERROR,
        "1_mask.png: mode RGB",
        label_maps(lambda f: Image.fromarray(noise()).save(f / "masks" / "1_mask.png")),
        "coloured map",
        NO_VAL,
    ),
    Fault("ds-map-missing", WARNING, "2.png", label_maps(lambda f: (f / "masks" / "2_mask.png").unlink()), "", NO_VAL),
    Fault(
        "ds-map-unmatched", WARNING, "3_mask.png", label_maps(lambda f: (f / "photos" / "3.png").unlink()), "", NO_VAL
    ),
    Fault(
        "ds-file-unreadable",
        ERROR,
        "0_mask.png",
        label_maps(lambda f: empty(f / "masks" / "0_mask.png")),
        "map",
        NO_VAL,
    ),
    Fault("cd-empty-dataset", WARNING, "1 of 5", late_image, "image added after prepare()"),
    Fault("run-val-none", WARNING, "validation", lambda f: judged(Parts(f), None)),
    Fault(
        "cd-class-count",
        ERROR,
        "NUM_CLASSES=4",
        lambda f: judged(Parts(f), Parts(f, 7), configured(Fitting, NUM_CLASSES=4)),
        "both parts",
    ),
]
