"""Faults of a COCO file: one broken thing in an otherwise sound file on disk."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from PIL import Image

from mrcnn_roi.datasets import load_dataset

from .builders import SIZE, coco, coco_content, judged, noise, refused_or, with_coco
from .cases import ERROR, INFO, WARNING, Fault


def first(**values):
    """The first annotation with these values."""
    return lambda content: content["annotations"][0].update(values)


def image(row=0, **values):
    return lambda content: content["images"][row].update(values)


def category(row=0, **values):
    return lambda content: content["categories"][row].update(values)


def without(key):
    return lambda content: content["annotations"][1].pop(key)


def moved(x, y=0):
    """The first outline shifted by (x, y)."""

    def change(content):
        points = np.array(content["annotations"][0]["segmentation"][0], float).reshape(-1, 2) + [x, y]
        x1, y1, x2, y2 = *points.min(axis=0), *points.max(axis=0)
        box = [x1, y1, x2 - x1, y2 - y1]
        content["annotations"][0].update(segmentation=[points.ravel().tolist()], bbox=box)

    return change


def to_edge(x):
    """The first outline drawn to the right up to x."""
    points = [90, 10, x, 10, x, 60, 90, 60]
    return first(segmentation=[points], bbox=[90, 10, x - 90, 50])


def normalized(content):
    for annotation in content["annotations"]:
        annotation["segmentation"] = [[round(number / 128, 5) for number in annotation["segmentation"][0]]]
        annotation["bbox"] = [round(number / 128, 5) for number in annotation["bbox"]]


def corners(content):
    for annotation in content["annotations"]:
        x, y, width, height = annotation["bbox"]
        annotation["bbox"] = [x, y, x + width, y + height]


def y_first(content):
    """Outlines written as y, x; bboxes as they should be. One outline reaches over the lower edge that way."""
    for annotation in content["annotations"]:
        points = [90, 20, 128, 20, 128, 60, 90, 60] if annotation["id"] == 1 else annotation["segmentation"][0]
        xs, ys = points[::2], points[1::2]
        annotation["segmentation"] = [[number for point in zip(ys, xs) for number in point]]
        annotation["bbox"] = [min(xs), min(ys), max(xs) - min(xs), max(ys) - min(ys)]


def boxes_y_first(content):
    """The bboxes instead, where the images show it: one of them leaves its image."""
    first(segmentation=[[120, 20, 155, 20, 155, 60, 120, 60]], bbox=[120, 20, 35, 40])(content)
    for annotation in content["annotations"]:
        x, y, width, height = annotation["bbox"]
        annotation["bbox"] = [y, x, height, width]


def counts(size, total, start=200):
    return {"size": list(size), "counts": [start, 300, total - 300 - start]}


def rle(annotation=0, size=SIZE, total=SIZE[0] * SIZE[1]):
    return lambda content: content["annotations"][annotation].update(segmentation=counts(size, total), bbox=None)


def all_crowds(content):
    for start, annotation in enumerate(content["annotations"]):
        annotation.update(iscrowd=1, segmentation=counts(SIZE, SIZE[0] * SIZE[1], 900 * start), bbox=None)


def transposed(content):
    """A phone's photograph: 128 x 96 stored, annotated upright as 96 x 128, recorded as stored."""
    content["annotations"] = [each_ for each_ in content["annotations"] if each_["image_id"] != 1]
    content["annotations"].append({
        "id": 99, "image_id": 1, "category_id": 3, "iscrowd": 0,
        "segmentation": [[10, 20, 90, 20, 90, 125, 10, 125]], "bbox": [10, 20, 80, 105],
    })  # fmt: skip


def phone(folder: Path):
    """The photograph of `transposed` with its EXIF orientation."""

    def run():
        own = folder / "coco0"
        own.mkdir()
        content = coco_content(own, 0)
        exif = Image.Exif()
        exif[0x0112] = 6
        Image.fromarray(noise((96, 128), seed=4)).save(own / "phone.jpg", exif=exif)
        content["images"][0].update(file_name="phone.jpg", width=128, height=96)
        transposed(content)
        (own / "instances.json").write_text(json.dumps(content))
        return judged(load_dataset(own / "instances.json"), coco(folder, seed=5))

    return refused_or(run)


def resized(content):
    """Every image recorded, and annotated, at twice its size."""
    for entry in content["images"]:
        entry.update(width=256, height=256)
    for annotation in content["annotations"]:
        annotation["segmentation"] = [[2 * number for number in annotation["segmentation"][0]]]
        annotation["bbox"] = [2 * number for number in annotation["bbox"]]


def swapped_sizes(content):
    for entry in content["images"]:
        entry.update(width=entry["height"], height=entry["width"])


def swapped_and_seen(content):
    """The same, with an outline that only the real width has room for."""
    to_edge(150)(content)
    swapped_sizes(content)


def text(written, name="instances.json"):
    """find(folder) for an annotation file that holds this text."""

    def find(folder):
        path = folder / name
        path.write_bytes(written if isinstance(written, bytes) else written.encode())
        return refused_or(lambda: judged(load_dataset(path), None))

    return find


def truncated(folder):
    content = json.dumps(coco_content(folder))
    return text(content[: len(content) // 2])(folder)


def no_file(folder):
    (folder / "instances_train.json").write_text("{}")
    return refused_or(lambda: judged(load_dataset(folder / "instances_trian.json"), None))


def no_image_folder(folder):
    coco_content(folder)
    (folder / "a.json").write_text(json.dumps(coco_content(folder)))
    return refused_or(lambda: judged(load_dataset(folder / "a.json", folder / "pictures"), None))


def removed_files(content):
    for entry in content["images"][:2]:
        entry["file_name"] = entry["file_name"].removesuffix(".png")


def shifted_ids(content):
    for annotation in content["annotations"]:
        annotation["image_id"] += 159


def duplicate_image(content):
    content["images"][1]["id"] = content["images"][0]["id"]
    content["annotations"] = [a for a in content["annotations"] if a["image_id"] != 2]


def keypoints(content):
    """A box-only dataset: segmentation empty, boxes there."""
    for annotation in content["annotations"]:
        annotation["segmentation"] = []


def cut_off(content):
    content["annotations"][2]["segmentation"] = [[70, 20, 120, 20]]


LINE = [10, 10, 20, 20, 30, 30]

FAULTS = [
    Fault("ds-file-missing", ERROR, "gone.png", with_coco(image(file_name="gone.png")), "COCO"),
    Fault("ds-file-missing", ERROR, "photo_0_0", with_coco(removed_files), "COCO, no extension"),
    Fault("ds-file-missing", ERROR, "instances_trian.json", no_file, "annotation file"),
    Fault("ds-file-missing", ERROR, "pictures", no_image_folder, "image folder"),
    Fault("ds-size-mismatch", ERROR, "256x256", with_coco(resized), "COCO, resized images"),
    Fault("ds-size-mismatch", ERROR, "100x100", with_coco(image(width=100, height=100)), "COCO, one image"),
    Fault("ds-size-transposed", ERROR, "128x160", with_coco(swapped_sizes, size=(128, 160)), "COCO"),
    Fault("ds-size-transposed", ERROR, "128x160", with_coco(swapped_and_seen, size=(128, 160)), "COCO, outline"),
    Fault("ds-size-transposed", ERROR, "128 x 96", phone, "COCO, phone"),
    Fault("ds-polygon-outside", ERROR, "44041", with_coco(moved(44033)), "slide coordinates"),
    Fault("ds-polygon-outside", ERROR, "140", with_coco(to_edge(140)), "12 pixels"),
    Fault("ds-polygon-outside", ERROR, "-40", with_coco(moved(-40 - 8, 0)), "negative"),
    Fault("ds-polygon-edge", WARNING, "128.6", with_coco(to_edge(128.6)), "less than a pixel"),
    Fault("ds-polygon-edge", WARNING, "-0.5", with_coco(moved(-8.5)), "half a pixel to the left"),
    Fault("ds-polygon-normalized", ERROR, "128 x 128", with_coco(normalized)),
    Fault("ds-polygon-degenerate", ERROR, "2 points", with_coco(cut_off), "two points"),
    Fault("ds-polygon-degenerate", ERROR, "odd", with_coco(first(segmentation=[[1, 2, 30, 2, 30, 40, 1]])), "odd"),
    Fault("ds-polygon-degenerate", ERROR, "line", with_coco(first(segmentation=[LINE], bbox=None)), "line"),
    Fault("ds-polygon-degenerate", ERROR, "not numbers", with_coco(first(segmentation=[list("123456")])), "text"),
    Fault("ds-polygon-degenerate", WARNING, "part 2", with_coco(lambda c: c["annotations"][0]["segmentation"].append(
        [1, 2, 3, 4])), "one of two parts"),
    Fault("ds-bbox-format", WARNING, "[70, 60, 108, 118]", with_coco(corners), "corners"),
    Fault("ds-bbox-format", WARNING, "fits as [y, x, height, width]",
        with_coco(boxes_y_first, size=(128, 160)), "y first"),
    Fault("ds-bbox-format", WARNING, "cover different places", with_coco(first(bbox=[80, 90, 30, 20])), "another's"),
    Fault("ds-polygon-xy", ERROR, "9 of 9", with_coco(y_first, size=(127, 128)), "all"),
    Fault("ds-bbox-nonpositive", ERROR, "[8, 12, 0, 40]", with_coco(first(bbox=[8, 12, 0, 40]))),
    Fault("ds-bbox-nonpositive", ERROR, "-3", with_coco(first(bbox=[8, 12, -3, 40])), "negative"),
    Fault("ds-segmentation-missing", ERROR, "9 of 9", with_coco(keypoints), "all"),
    Fault("ds-segmentation-missing", ERROR, "annotation 2", with_coco(without("segmentation")), "one"),
    Fault("ds-segmentation-missing", ERROR, "annotation 1", with_coco(first(segmentation=None)), "null"),
    Fault("ds-rle-size", ERROR, "[64, 64]", with_coco(rle(size=(64, 64), total=64 * 64))),
    Fault("ds-rle-size", ERROR, "[160, 128]", with_coco(rle(size=(160, 128), total=160 * 128), size=(128, 160)),
        "swapped"),
    Fault("ds-rle-counts", ERROR, "16000", with_coco(rle(total=16000)), "sum"),
    Fault("ds-rle-counts", ERROR, "malformed", with_coco(first(segmentation={"size": [128, 128], "counts": "%%"})),
        "text"),
    Fault("ds-ann-image-unknown", ERROR, "image_id 777", with_coco(first(image_id=777)), "one"),
    Fault("ds-ann-image-unknown", ERROR, "9 of 9", with_coco(shifted_ids), "all"),
    Fault("ds-ann-image-unknown", ERROR, 'image_id "1"', with_coco(first(image_id="1")), "text"),
    Fault("ds-ann-image-unknown", ERROR, "None", with_coco(without("image_id")), "none"),
    Fault("ds-category-unknown", ERROR, 'category_id "3"', with_coco(first(category_id="3")), "text"),
    Fault("ds-category-unknown", ERROR, "category_id 91", with_coco(first(category_id=91))),
    Fault("ds-category-unknown", ERROR, "None", with_coco(without("category_id")), "none"),
    Fault("ds-category-unknown", ERROR, "9 of 9", with_coco(lambda c: c.pop("categories")), "no categories"),
    Fault("ds-json-invalid", ERROR, "categories[0]: bolt", with_coco(lambda c: c.update(categories=["bolt", "nut"])),
        "names for categories", {"ds-category-unknown": "the annotations name none of them"}),
    Fault("ds-category-background", ERROR, "_background_", with_coco(
        lambda c: c["categories"].insert(0, {"id": 0, "name": "_background_"}), {"NUM_CLASSES": 4}, both=True), "0"),
    Fault("ds-category-background", ERROR, "Background", with_coco(
        lambda c: c["categories"].append({"id": 9, "name": "Background"}), {"NUM_CLASSES": 4}, both=True), "last"),
    Fault("ds-category-dup", WARNING, "bolt", with_coco(category(1, name="bolt"), both=True), "name"),
    Fault("ds-category-dup", WARNING, "screw", with_coco(
        lambda c: c["categories"].append({"id": 3, "name": "screw"}), both=True), "id"),
    Fault("ds-category-name", WARNING, "bolt, long", with_coco(category(0, name="bolt, long"), both=True)),
    Fault("ds-id-dup-image", ERROR, "image 1", with_coco(duplicate_image), "COCO"),
    Fault("ds-id-dup-ann", WARNING, "annotation 1", with_coco(lambda c: c["annotations"][1].update(id=1))),
    Fault("ds-crowd-all", ERROR, "all 9", with_coco(all_crowds), "COCO"),
    Fault("ds-crowd-polygon", WARNING, "annotation 1", with_coco(first(iscrowd=1))),
    Fault("ds-json-invalid", ERROR, "line 1", truncated, "truncated"),
    Fault("ds-json-invalid", ERROR, "line 3", text('{"images": [],\n "annotations": [\n}'), "comma"),
    Fault("ds-json-invalid", ERROR, "", text(b"\xff\xfe\x00binary"), "binary"),
    Fault("ds-json-invalid", ERROR, "0 bytes", text(""), "empty"),
    Fault("ds-json-invalid", ERROR, "annotations", with_coco(lambda c: c.update(annotations={})), "no list"),
    Fault("ds-json-invalid", ERROR, "annotations: the file has no such list", with_coco(
        lambda c: c.pop("annotations")), "images only"),
    Fault("ds-size-invalid", WARNING, 'width "128"', with_coco(image(width="128")), "COCO, a side as text"),
    Fault("ds-json-invalid", ERROR, 'width "128"', with_coco(image(width="128", height="128")), "sizes as text"),
    Fault("ds-format-unknown", ERROR, "COCO results", text(
        '[{"image_id": 1, "category_id": 3, "bbox": [1, 2, 3, 4], "score": 0.9}]'), "results"),
    Fault("ds-format-unknown", ERROR, "keys", text('{"version": 1, "items": []}'), "other JSON"),
    Fault("ds-mask-empty", WARNING, "annotation 1", with_coco(first(
        segmentation={"size": [128, 128], "counts": [128 * 128]}, bbox=None)), "RLE of zeros"),
    Fault("ds-mask-dup", WARNING, "annotation 5", with_coco(lambda c: c["annotations"][3].update(
        {key: c["annotations"][4][key] for key in ("segmentation", "bbox", "category_id")})), "COCO"),
    Fault("cd-background-images", INFO, "1 of 3", with_coco(lambda c: c.update(
        annotations=[a for a in c["annotations"] if a["image_id"] != 2])), "COCO"),
]  # fmt: skip
