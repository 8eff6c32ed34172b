"""Small annotation files and images for the tests of datasets."""

import json

import numpy as np
from PIL import Image

SQUARE = [[10, 10, 30, 10, 30, 30, 10, 30]]  # x, y; 20 x 20 pixels


def image_file(path, height=40, width=60, mode="RGB", exif=None, seed=0):
    """A random picture of a size and Pillow mode, with an EXIF orientation where one is given."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    picture = Image.fromarray(pixels).convert(mode)
    extra = {}
    if exif is not None:
        extra["exif"] = Image.Exif()
        extra["exif"][0x0112] = exif
    picture.save(path, **extra)
    return path


def annotation(**changes):
    """A sound annotation of image 1; a change to None removes the key."""
    record = {"id": 1, "image_id": 1, "category_id": 1, "iscrowd": 0, "segmentation": SQUARE}
    record |= {"bbox": [10, 10, 20, 20], "area": 400} | changes
    return {key: value for key, value in record.items() if value is not None}


def coco_file(folder, annotations=None, images=None, categories=None, draw=True, name="annotations.json"):
    """A COCO json of 60 x 40 images in folder, and the image files; one sound annotation by default."""
    images = [{"id": 1, "file_name": "a.png", "height": 40, "width": 60}] if images is None else images
    content = {
        "images": images,
        "annotations": [annotation()] if annotations is None else annotations,
        "categories": [{"id": 1, "name": "cat"}] if categories is None else categories,
    }
    if draw:
        for seed, image in enumerate(images):
            image_file(folder / image["file_name"], image.get("height", 40), image.get("width", 60), seed=seed)
    path = folder / name
    path.write_text(json.dumps(content))
    return path


def label_map_file(path, instances=((5, 15, 5, 15), (20, 30, 20, 50)), height=40, width=60, mode="L"):
    """A map with one rectangle (y1, y2, x1, x2) an instance, numbered from 1."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.zeros((height, width), np.uint8)
    for number, (y1, y2, x1, x2) in enumerate(instances, 1):
        pixels[y1:y2, x1:x2] = number
    picture = Image.fromarray(pixels)
    if mode == "P":
        picture = Image.frombytes("P", (width, height), pixels.tobytes())
        picture.putpalette(list(range(256)) * 3)
    picture.convert(mode).save(path)
    return path


def codes(findings):
    """The codes of findings, sorted."""
    return sorted(finding.code for finding in findings)
