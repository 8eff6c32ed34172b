"""Data that are fine with their configuration, however unusual."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from mrcnn_roi.datasets import Dataset, load_dataset
from mrcnn_roi.preflight import preflight

from .builders import (
    BOXES,
    CPU,
    Fitting,
    Parts,
    coco,
    coco_content,
    configured,
    edited,
    judged,
    loading,
    noise,
    outline,
    rectangles,
    with_coco,
    with_data,
)
from .cases import Setup
from .faults_coco import first, to_edge
from .faults_dataset import Deep, Grey, Jpegs, Mirrored, SomeGrey, WithDepth
from .faults_fit import counted, grid, objects, of_sizes
from .faults_via import first as first_region
from .faults_via import with_via

NONE = {"IMAGE_RESIZE_MODE": "none", "IMAGES_PER_GPU": 1}
PAD = {"IMAGE_RESIZE_MODE": "pad64", "IMAGE_MIN_DIM": 0, "IMAGES_PER_GPU": 1}
CROP = {"IMAGE_RESIZE_MODE": "crop", "IMAGE_MIN_DIM": 128, "IMAGE_MAX_DIM": 128}
SEED3 = {"IMAGE_MIN_DIM": 600, "IMAGE_MAX_DIM": 640, "RPN_ANCHOR_SCALES": (32, 64, 128, 256, 512)}
HALF = {"IMAGE_MIN_DIM": 0, "IMAGE_MAX_DIM": 512, "RPN_ANCHOR_SCALES": (32, 64, 128, 256, 512)}
LARGE = [(50, 60, 450, 420), (600, 500, 980, 940)]


def changed(masks=None, image=None, rows=None, base=Parts, **more):
    return with_data(loading(image, masks, rows, base), both=True, **more)


class Drawn(Dataset):
    """The original's shapes sample: pictures and masks are drawn when they are asked for."""

    def __init__(self, count, seed):
        super().__init__()
        self.seed = seed
        for number, name in enumerate(("square", "circle"), 1):
            self.add_class("shapes", number, name)
        for number in range(count):
            self.add_image("shapes", image_id=number, path=None, width=128, height=128, bg_color=[9, 9, 9])
        self.prepare()

    def load_image(self, image_id):
        return noise(seed=self.seed + image_id)

    def image_reference(self, image_id):
        return self.image_info[image_id]["bg_color"]

    def load_mask(self, image_id):
        return rectangles(BOXES).astype(np.int64), np.array([1, 2, 1])


class Sparse(Parts):
    """Ids of another source, mapped in load_mask."""

    def __init__(self, folder, seed=0, **more):
        super().__init__(folder, seed, prepared=False, **more)
        self.class_info = self.class_info[:1]
        self.add_class("parts", 17, "bolt")
        self.add_class("parts", 62, "nut")
        self.prepare()

    def load_mask(self, image_id):
        masks, _ = super().load_mask(image_id)
        ids = [self.map_source_class_id(f"parts.{each}") for each in (17, 62, 17)]
        return masks, np.array(ids, np.int32)


class TwoSources(Parts):
    """Classes and images of two sources, with the same ids in both."""

    def __init__(self, folder, seed=0, **more):
        super().__init__(folder, seed, prepared=False, **more)
        self.class_info = self.class_info[:1]
        self.add_class("lab", 1, "bolt")
        self.add_class("field", 1, "nut")
        for number, info in enumerate(self.image_info):
            info["source"], info["id"] = ("lab", "field")[number % 2], number // 2
        self.prepare()


class Inheriting(Parts):
    """Classes for more than are annotated, all declared."""

    classes = ("bolt", "nut", "screw", "washer")


class Upright(Jpegs):
    orientation = 1


class Applied(Jpegs):
    """load_image turns the pixels as the annotation tool did."""

    def load_image(self, image_id):
        from PIL import ImageOps

        return np.asarray(ImageOps.exif_transpose(Image.open(self.image_info[image_id]["path"])))

    def load_mask(self, image_id):
        info = self.image_info[image_id]
        return rectangles(info["boxes"], info["size"][::-1]), np.array(info["ids"], np.int32)


class Palette(Parts):
    def write(self, path, size, seed):
        Image.fromarray(noise(size, 3, seed)).convert("P", palette=Image.Palette.ADAPTIVE).save(path)


class Opaque(Parts):
    def write(self, path, size, seed):
        Image.fromarray(np.dstack([noise(size, 3, seed), np.full(size, 255, np.uint8)])).save(path)


class UpperCase(Parts):
    suffix = " Größe.JPG"

    def write(self, path, size, seed):
        Image.fromarray(noise(size, 3, seed)).save(path, "JPEG")


class Tiff16(Parts):
    suffix = ".tif"

    def write(self, path, size, seed):
        Image.fromarray(noise(size, 0, seed).astype(np.uint16) * 16).save(path)


class Night(Parts):
    """Float images of which one is nearly black."""

    def load_image(self, image_id):
        image = super().load_image(image_id).astype(np.float32)
        return image // 128 if image_id == 1 else image


class PathObjects(Parts):
    def __init__(self, folder, seed=0, **more):
        super().__init__(folder, seed, prepared=False, **more)
        for info in self.image_info:
            info["path"] = Path(info["path"])
        self.prepare()


class Resizing(Parts):
    """Sizes of the original photographs in image_info, both loaders work on smaller ones."""

    def __init__(self, folder, seed=0, **more):
        super().__init__(folder, seed, height=3000, width=3000, **more)


class Tuples(Parts):
    def load_mask(self, image_id):
        masks, ids = super().load_mask(image_id)
        return masks.tolist(), ids.tolist()


class NoObjects(Parts):
    """Some images without objects, in each of the ways that scripts have."""

    def load_mask(self, image_id):
        if image_id == 1:
            return np.empty((0, 0, 0)), np.empty(0, np.int32)
        if image_id == 2:
            return np.zeros((128, 128, 0), bool), np.zeros(0, np.int32)
        if image_id == 3:
            return super(Parts, self).load_mask(image_id)
        return super().load_mask(image_id)


class OversampledRare(Parts):
    """The images of a rare class added several times, as cd-class-imbalance suggests."""

    def __init__(self, folder, seed=0, **more):
        super().__init__(folder, seed, prepared=False, **more)
        info = dict(self.image_info[0])
        for _ in range(3):
            self.add_image(info["source"], info["id"], info["path"], **{k: info[k] for k in ("boxes", "ids", "size")})
        self.prepare()


def vanishing_few(folder):
    boxes = [*grid(100, 60, 90, 1024), (1020, 1020, 1022, 1022)]
    more = {"boxes": boxes, "ids": [1 + i % 2 for i in range(101)], "size": (1024, 1024), "count": 2}
    data = [Parts(folder, seed, **more) for seed in (0, 7)]
    return judged(*data, configured(IMAGE_MIN_DIM=0, MAX_GT_INSTANCES=200, DETECTION_MAX_INSTANCES=200))


def overfit(folder):
    data = Parts(folder, count=1)
    return judged(data, data, configured(IMAGES_PER_GPU=1))


def only_train(folder):
    return judged(Parts(folder), None, configured(VALIDATION_STEPS=0))


def only_val(folder):
    return judged(None, Parts(folder))


def inference(folder):
    data = of_sizes((128, 128), (300, 128))(folder)
    return judged(None, data, configured(**{**PAD, "IMAGES_PER_GPU": 2}), mode="inference")


def drawn(folder):
    return judged(Drawn(8, 0), Drawn(4, 50))


def mixed_coco_and_own(folder):
    return judged(coco(folder), Parts(folder, 7), Fitting())


def as_file(change, name="instances.json", encode="utf-8", **kwargs):
    """find(folder) for a COCO file that is sound but written in another way."""

    def find(folder):
        content = coco_content(folder, 0)
        change(content)
        (folder / name).write_bytes(json.dumps(content, **kwargs).encode(encode))
        return judged(load_dataset(folder / name), coco(folder, seed=5))

    return find


def minimal(content):
    for key in ("info",):
        content.pop(key, None)
    for image in content["images"]:
        del image["width"], image["height"]
    for annotation in content["annotations"]:
        for key in ("area", "iscrowd", "bbox", "id"):
            del annotation[key]
        annotation["segmentation"] = annotation["segmentation"]


def text_ids(content):
    for image in content["images"]:
        image["id"] = f"img-{image['id']}"
    for number, annotation in enumerate(content["annotations"]):
        annotation.update(id=f"a{number}", image_id=f"img-{annotation['image_id']}")


def category_zero(content):
    content["categories"] = [{"id": 0, "name": "bolt"}, {"id": 8, "name": "nut"}]
    for annotation in content["annotations"]:
        annotation["category_id"] = {3: 0, 8: 8}[annotation["category_id"]]


def float_ids(content):
    for annotation in content["annotations"]:
        annotation["category_id"] = float(annotation["category_id"])
        annotation["image_id"] = float(annotation["image_id"])


def rle_of(annotation, crowd=0):
    from pycocotools import mask as coco_mask

    x, y, width, height = annotation["bbox"]
    mask = np.asfortranarray(rectangles([(y, x, y + height, x + width)])[..., 0], np.uint8)
    encoded = coco_mask.encode(mask)
    annotation.update(segmentation={"size": [128, 128], "counts": encoded["counts"].decode()}, iscrowd=crowd)


def all_rle(content):
    for annotation in content["annotations"]:
        rle_of(annotation)


def some_crowds(content):
    for annotation in content["annotations"][2::3]:
        rle_of(annotation, 1)
        del annotation["bbox"]


def parts_and_floats(content):
    for annotation in content["annotations"][:3]:
        annotation["segmentation"].append([1.5, 1.25, 9.75, 1.5, 9.5, 8.875])
        annotation["bbox"] = [0, 0, 128, 128]


def with_keypoints(content):
    content["categories"].append({"id": 50, "name": "pose", "keypoints": ["head"]})
    content["annotations"].append(
        {"id": 77, "image_id": content["images"][0]["id"], "category_id": 50, "keypoints": [5, 5, 2]}
    )


def integers_for_booleans(content):
    for annotation in content["annotations"]:
        annotation["iscrowd"] = False


def no_annotation_of_one(content):
    content["annotations"] = [each for each in content["annotations"] if each["image_id"] != 3]


def in_folders(content):
    """Names with a folder in them, as COCO's file_name may have."""
    for image in content["images"]:
        image["file_name"] = f"./{image['file_name']}"


def other_keys(content):
    content["licenses"] = []
    for image in content["images"]:
        image.update(license=1, date_captured="", flickr_url="", coco_url="")
    for annotation in content["annotations"]:
        annotation.update(attributes={"occluded": False}, tool="cvat", score=None)


def upside_down(folder):
    """The loader of COCO files turns the pixels as annotation tools do."""

    def change(content):
        for image in content["images"]:
            path = folder / "coco0" / image["file_name"]
            exif = Image.Exif()
            exif[0x0112] = 3
            Image.open(path).save(path, exif=exif)

    return judged(coco(folder, change), coco(folder, None, 5))


def label_maps(palette=False, deep=False):
    def find(folder):
        for part in ("train", "val"):
            images, maps = folder / part / "images", folder / part / "masks"
            images.mkdir(parents=True)
            maps.mkdir()
            for number in range(3):
                Image.fromarray(noise(seed=number + 10 * (part == "val"))).save(images / f"{number}.png")
                labels = (rectangles(BOXES) * [1, 2, 7]).max(axis=2).astype(np.uint16 if deep else np.uint8)
                picture = Image.fromarray(labels)
                if palette:
                    labels[0, :] = 255
                    picture = Image.fromarray(labels).convert("P")
                picture.save(maps / f"{number}_mask.png")
        return judged(load_dataset(folder / "train"), load_dataset(folder / "val"), configured(NUM_CLASSES=2))

    return find


def drawn_maps(draw):
    """find(folder) for maps of 512 x 512 that `draw(pencil)` fills with numbers."""

    def find(folder):
        for kind in ("images", "masks"):
            (folder / kind).mkdir()
        for number in range(2):
            Image.fromarray(noise((512, 512), seed=number)).save(folder / "images" / f"{number}.png", compress_level=1)
            picture = Image.new("I", (512, 512))
            draw(ImageDraw.Draw(picture), np.random.default_rng(number))
            Image.fromarray(np.asarray(picture).astype(np.uint16)).save(folder / "masks" / f"{number}.png")
        return judged(load_dataset(folder), None, configured(NUM_CLASSES=2, IMAGE_MIN_DIM=512, IMAGE_MAX_DIM=512))

    return find


def nuclei(pencil, rng):
    for number in range(300):
        x, y = rng.integers(0, 500, 2).tolist()
        pencil.ellipse((x, y, x + 12, y + 10), fill=1 + number)


def needles(pencil, rng):
    """Thin lines in all directions, one over the other."""
    for number in range(200):
        pencil.line(rng.integers(0, 512, 4).tolist(), fill=1 + number, width=1 + number % 2)


def pennfudan(_):
    """Real photographs; nothing where they are not beside the project."""
    folder = Path(__file__).resolve().parents[3] / "shared" / "data" / "PennFudanPed"
    if not folder.is_dir():
        return []
    config = type(configured()).from_yaml(Path(__file__).resolve().parents[2] / "configs" / "pennfudan.yaml")
    return preflight(config, load_dataset(folder), None, environment=CPU, fast=True)


def silenced(folder):
    return judged(
        Parts(folder, ids=(1, 1, 1)), Parts(folder, 7, ids=(1, 1, 1)), configured(SILENCED_CHECKS=("cd-class-unused",))
    )


def schedule_for_rate(folder):
    return judged(Parts(folder), Parts(folder, 7), learning_rate=lambda step: 0.01 / (1 + step), epochs=3)


SETUPS = [
    Setup("photographs in a folder", with_data(), ("*",)),
    Setup("drawn pictures, path None", drawn, ("*",)),
    Setup("COCO file", with_coco(lambda c: None), ("*",)),
    Setup("COCO and own class", mixed_coco_and_own, ("*",)),
    Setup("two objects against three", with_data(both=True, ids=(1, 2, 1)), ("cd-class-imbalance",)),
    Setup("ten to one", with_data(counted(100, 10), counted(100, 10)), ("*",)),
    Setup("3000 to 100", with_data(counted(2900, 100), counted(290, 100)), ("*",)),
    Setup("512 pixels, MIN 600", objects([(40, 50, 200, 260), (300, 300, 480, 470)], size=(512, 512), config=SEED3),
        ("*",)),
    Setup("images larger than MAX, large objects", objects(LARGE, size=(1024, 1024), config=HALF), ("*",)),
    Setup("rate 0.01, any number of steps", with_data(config={
        "IMAGES_PER_GPU": 2, "LEARNING_RATE": 0.01, "STEPS_PER_EPOCH": 1000, "VALIDATION_STEPS": 50}), ("*",)),
    Setup("source ids mapped", with_data(Sparse, both=True), ("*",)),
    Setup("the same ids in two sources", with_data(TwoSources, both=True), ("*",)),
    Setup("same class added twice", edited(lambda d: d.add_class("parts", 1, "bolt"), both=True), ("*",)),
    Setup("a class called background_sign", with_data(type("S", (Parts,), {
        "classes": ("background_sign", "foreground")}), both=True), ("*",)),
    Setup("classes without objects, all declared", with_data(Inheriting, config={"NUM_CLASSES": 5}, both=True),
        ("cd-class-count",)),
    Setup("rare images added several times", with_data(OversampledRare), ("ds-id-dup-image",)),
    Setup("images without objects", with_data(NoObjects, both=True), ("*",)),
    Setup("some crowds", changed(masks=lambda m, i: (m, i * [1, 1, -1])), ("*",)),
    Setup("masks of 0 and 255", changed(masks=lambda m, i: (m.astype(np.uint8) * 255, i)), ("*",)),
    Setup("masks of 0.0 and 1.0", changed(masks=lambda m, i: (m.astype(np.float64), i)), ("*",)),
    Setup("masks and ids as lists", with_data(Tuples, both=True), ("*",)),
    Setup("class ids as int64", changed(masks=lambda m, i: (m, i.astype(np.int64))), ("*",)),
    Setup("class ids as floats", changed(masks=lambda m, i: (m, i.astype(np.float32))), ("*",)),
    Setup("same mask under two classes", changed(masks=lambda m, i: (
        np.concatenate([m, m[..., :1]], axis=2), np.append(i, 2))), ("*",)),
    Setup("as many masks as rows", objects(grid(64, 6, 7, 64), size=(64, 64), config={
        "IMAGE_MIN_DIM": 64, "IMAGE_MAX_DIM": 64, "RPN_ANCHOR_SCALES": (4, 8, 16, 32, 64)}), ("ds-mask-axis-order",)),
    Setup("close-ups", changed(masks=lambda m, i: (m | True, i), rows=[1]), ()),
    Setup("one large object an image", objects([(2, 2, 126, 126), (30, 30, 100, 100)]), ("*",)),
    Setup("aspect of four", objects([(4, 4, 104, 29), (4, 60, 104, 85)]), ("*",)),
    Setup("a minority without an anchor", objects([*grid(2, 9, 20), (20, 30, 60, 70), (60, 60, 120, 120),
        (70, 4, 110, 44)], config={"RPN_ANCHOR_SCALES": (32, 48, 64, 96, 128)}), ("cd-anchor-coverage",)),
    Setup("one object in a hundred vanishes", vanishing_few),
    Setup("one image for everything", overfit, ()),
    Setup("no validation", only_train),
    Setup("validation alone", only_val),
    Setup("inference on images of many sizes", inference, ("*",)),
    Setup("pad64, one image a batch", with_data(of_sizes((128, 128), (192, 128), (256, 192)), config=PAD), ("*",)),
    Setup("pad64, 256x960 (anchors of the image)", with_data(of_sizes((256, 960), (256, 960)), config=PAD), ("*",)),
    Setup("pad64, one size", objects([(4, 4, 90, 80), (20, 30, 110, 120)], size=(120, 125), config={
        **PAD, "IMAGES_PER_GPU": 2}), ("*",)),
    Setup("none, 640x448", objects([(4, 4, 120, 110), (200, 200, 300, 330)], size=(640, 448), config={
        **NONE, "IMAGES_PER_GPU": 2}), ("*",)),
    Setup("none, two sizes, one image a batch", with_data(of_sizes((128, 192), (192, 128)), config=NONE), ("*",)),
    Setup("crops", objects([(10, 10, 120, 100), (60, 70, 190, 190)], size=(200, 200), config=CROP), ("*",)),
    Setup("crops of enlarged images", objects([(4, 4, 60, 50), (30, 35, 95, 95)], size=(100, 100), config={
        **CROP, "IMAGE_MIN_SCALE": 2.0}), ("*",)),
    Setup("tiny image enlarged on purpose", objects([(4, 4, 30, 28), (30, 30, 60, 60)], size=(64, 64), config={
        "IMAGE_MIN_DIM": 0, "IMAGE_MIN_SCALE": 2}), ("*",)),
    Setup("portrait and landscape", with_data(of_sizes((128, 100), (100, 128), (128, 128)), ids=(1, 2, 1), boxes=[
        (12, 8, 52, 44), (60, 60, 98, 98), (20, 60, 50, 95)]), ("*",)),
    Setup("grey files, as RGB", with_data(SomeGrey, both=True), ("*",)),
    Setup("grey images for a grey network", with_data(loading(image=lambda i: i[..., None], base=Grey), both=True,
        config={"IMAGE_CHANNEL_COUNT": 1, "MEAN_PIXEL": np.array([127.0])}), ("*",)),
    Setup("palette files", with_data(Palette, both=True), ("*",)),
    Setup("opaque alpha", with_data(Opaque, both=True), ("*",)),
    Setup("RGB-D with four channels", with_data(type("R", (WithDepth,), {
        "load_image": lambda self, i: np.asarray(Image.open(self.image_info[i]["path"]))}), both=True,
        config={"IMAGE_CHANNEL_COUNT": 4, "MEAN_PIXEL": [120.0] * 4}), ("*",)),
    Setup("16 bits with a 16-bit mean", with_data(Deep, both=True, config={"MEAN_PIXEL": [2040.0] * 3}), ("*",)),
    Setup("16-bit TIFF with its mean", with_data(Tiff16, both=True, config={"MEAN_PIXEL": 2040.0}), ("*",)),
    Setup("fractions with a mean of fractions", changed(image=lambda i: i / 255.0, config={
        "MEAN_PIXEL": np.array([0.5, 0.5, 0.5])}), ("*",)),
    Setup("floats 0-255", changed(image=lambda i: i.astype(np.float32)), ("*",)),
    Setup("a night picture among floats", with_data(Night, both=True), ()),
    Setup("JPEG without EXIF orientation", with_data(UpperCase, both=True), ("*",)),
    Setup("EXIF orientation 1", with_data(Upright, size=(96, 128), both=True, boxes=BOXES[::2], ids=(1, 2)), ("*",)),
    Setup("EXIF orientation applied by load_image", with_data(Applied, size=(96, 128), both=True, boxes=[
        (12, 8, 52, 44), (60, 20, 118, 70)], ids=(1, 2)), ("*",)),
    Setup("EXIF ignored, annotated as stored", with_data(Jpegs, size=(96, 128), height=96, width=128, both=True,
        boxes=BOXES[::2], ids=(1, 2)), ("*",)),
    Setup("mirrored by EXIF, annotated as stored", with_data(Mirrored, size=(96, 128), height=96, width=128, both=True,
        boxes=BOXES[::2], ids=(1, 2)), ()),  # a warning: of an upright annotation it cannot be told
    Setup("COCO, photographs upside down", upside_down, ("*",)),
    Setup("paths as objects", with_data(PathObjects, both=True), ("*",)),
    Setup("smaller than recorded, masks as well", with_data(Resizing, both=True), ("*",)),
    Setup("more keys in image_info", with_data(both=True, annotator="me", polygons=[], fold=3), ("*",)),
    Setup("masks of one pixel", objects([(5, 5, 6, 6), *BOXES[:2], (70, 20, 110, 60)]), ()),
    Setup("silenced warning", silenced, ("*",)),
    Setup("a schedule as the rate of train()", schedule_for_rate, ("*",)),
    Setup("COCO, nothing but what is needed", as_file(minimal), ("*",)),
    Setup("COCO, byte order mark", as_file(lambda c: None, encode="utf-8-sig"), ("*",)),
    Setup("COCO, indented, other keys", as_file(other_keys, indent=1), ("*",)),
    Setup("COCO, ids of text", as_file(text_ids), ("*",)),
    Setup("COCO, whole floats as ids", as_file(float_ids), ("*",)),
    Setup("COCO, category 0", as_file(category_zero), ("cd-class-id-zero",)),
    Setup("COCO, outline at the edge", with_coco(to_edge(128)), ("*",)),
    Setup("COCO, fractions of pixels at the edge", with_coco(to_edge(127.97)), ("*",)),
    Setup("COCO, RLE without crowds", with_coco(all_rle), ("*",)),
    Setup("COCO, crowds, without bbox", with_coco(some_crowds), ("*",)),
    Setup("COCO, several parts", with_coco(parts_and_floats), ("*",)),
    Setup("COCO, keypoints of another class", with_coco(with_keypoints, {"NUM_CLASSES": 4}, both=True), ()),
    Setup("COCO, false for iscrowd", with_coco(integers_for_booleans), ("*",)),
    Setup("COCO, image without annotation", with_coco(no_annotation_of_one), ("*",)),
    Setup("COCO, names with ./", as_file(in_folders), ("*",)),
    Setup("COCO, no bbox", with_coco(first(bbox=None)), ("*",)),
    Setup("COCO, outline as one flat list", with_coco(first(segmentation=outline(*BOXES[0]))), ("*",)),
    Setup("label maps", label_maps(), ("*",)),
    Setup("label maps of 16 bits", label_maps(deep=True), ("*",)),
    Setup("label maps with a palette and void", label_maps(palette=True), ("*",)),
    Setup("label maps of 300 nuclei", drawn_maps(nuclei), ("ds-map-smeared",)),
    Setup("label maps of thin needles", drawn_maps(needles), ("ds-map-smeared",)),
    Setup("Penn-Fudan photographs", pennfudan, ()),
]  # fmt: skip
SETUPS += [
    Setup("VIA 2 export", with_via(None), ("*",)),
    Setup("VIA 1 export", with_via(None, version=1), ("*",)),
    Setup("VIA project", with_via(None, wrap=lambda c: {"_via_settings": {}, "_via_img_metadata": c}), ("*",)),
    Setup("VIA, a rectangle", with_via(lambda c: first_region(c).update(
        shape_attributes={"name": "rect", "x": 8, "y": 12, "width": 36, "height": 40})), ("*",)),
]  # fmt: skip
