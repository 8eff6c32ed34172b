"""Faults of Pascal VOC sets: one broken object, file or map in an otherwise sound set."""

from __future__ import annotations

import re

import numpy as np
from PIL import Image

from mrcnn_roi.datasets import load_dataset

from .builders import BOXES, configured, judged, noise, refused_or
from .cases import ERROR, WARNING, Fault

NAMES = ("bolt", "nut", "bolt")
SOUND_ONLY = {"ds-box-masks": "the set has boxes alone"}
CLICK = {**SOUND_ONLY, "cd-anchor-aspect": "the box is a line", "cd-object-tiny": "the box is a line"}


def outline(y1, x1, y2, x2):
    points = [(x1, y1), (x2, y1), (x2, y2), (x1, y2)]
    inner = "".join(f"<x{i}>{x}</x{i}><y{i}>{y}</y{i}>" for i, (x, y) in enumerate(points, 1))
    return f"<polygon>{inner}</polygon>"


def annotation(stem, polygons=True):
    """The text of a sound file of a 128 x 128 image with three objects."""
    objects = []
    for (y1, x1, y2, x2), name in zip(BOXES, NAMES):
        box = f"<xmin>{x1 + 1}</xmin><ymin>{y1 + 1}</ymin><xmax>{x2}</xmax><ymax>{y2}</ymax>"
        more = outline(y1, x1, y2, x2) if polygons else ""
        objects.append(f"<object><name>{name}</name><difficult>0</difficult><bndbox>{box}</bndbox>{more}</object>")
    size = "<size><width>128</width><height>128</height><depth>3</depth></size>"
    return f"<annotation><filename>{stem}.png</filename>{size}{''.join(objects)}</annotation>"


def voc(folder, change=None, seed=0, polygons=True, maps=False):
    """A set of three images as load_dataset reads it. change: (folder, text of the first file) -> its new text."""
    own = folder / f"voc{seed}"
    for part in ("Annotations", "JPEGImages", *(["SegmentationObject"] if maps else [])):
        (own / part).mkdir(parents=True, exist_ok=True)
    for number in range(3):
        stem = f"voc_{seed}_{number}"
        picture = noise(seed=4000 + 100 * seed + number)
        Image.fromarray(picture).save(own / "JPEGImages" / f"{stem}.png", compress_level=1)
        if maps:
            pixels = np.zeros((128, 128), np.uint8)
            for value, (y1, x1, y2, x2) in enumerate(BOXES, 1):
                pixels[y1:y2, x1:x2] = value
            Image.fromarray(pixels).save(own / "SegmentationObject" / f"{stem}.png", compress_level=1)
        text = annotation(stem, polygons)
        if change and not number:
            text = change(own, text)
        if text is not None:
            (own / "Annotations" / f"{stem}.xml").write_text(text)
    return load_dataset(own)


def with_voc(change, **more):
    def find(folder):
        return refused_or(lambda: judged(voc(folder, change, 0, **more), voc(folder, None, 5), configured()))

    return find


def changed(old, new):
    """The first place of a text exchanged."""

    def change(_folder, text):
        assert old in text
        return text.replace(old, new, 1)

    return change


def sides(xmin, ymin, xmax, ymax):
    """The first box."""
    y1, x1, y2, x2 = BOXES[0]
    old = f"<xmin>{x1 + 1}</xmin><ymin>{y1 + 1}</ymin><xmax>{x2}</xmax><ymax>{y2}</ymax>"
    return changed(old, f"<xmin>{xmin}</xmin><ymin>{ymin}</ymin><xmax>{xmax}</xmax><ymax>{ymax}</ymax>")


def box(change):
    """A set of boxes alone with a fault."""
    return with_voc(change, polygons=False)


def no_box(_folder, text):
    return text.replace("bndbox>", "box>", 2)


def no_file(_folder, _text):
    return None


def map_of(make):
    """The first object map replaced by another."""

    def change(folder, text):
        Image.fromarray(make().astype(np.uint8)).save(folder / "SegmentationObject" / "voc_0_0.png")
        return text

    return with_voc(change, maps=True)


def as_fractions(_folder, text):
    return re.sub(r"(<[xy]m..>)(\d+)", lambda match: f"{match[1]}{int(match[2]) / 128:.4f}", text)


def no_map(folder, text):
    (folder / "SegmentationObject" / "voc_0_0.png").unlink()
    return text.replace(outline(*BOXES[0]), "").replace(outline(*BOXES[1]), "").replace(outline(*BOXES[2]), "")


def lone_map(folder, text):
    Image.fromarray(np.zeros((9, 9), np.uint8)).save(folder / "SegmentationObject" / "lone.png")
    return text


BOMB = '<!DOCTYPE annotation [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;">]><annotation>'
FAULTS = [
    Fault("ds-box-masks", WARNING, "9 of 9", box(lambda _folder, text: text), "every object a box"),
    Fault("ds-xml-invalid", ERROR, "xmax", box(changed("<xmax>44</xmax>", "")), "no xmax", SOUND_ONLY),
    Fault("ds-xml-invalid", ERROR, '"nan"', box(sides("nan", 9, 44, 52)), "NaN", SOUND_ONLY),
    Fault("ds-xml-invalid", ERROR, "neither bndbox nor", box(no_box), "no bndbox", SOUND_ONLY),
    Fault("ds-xml-invalid", ERROR, "voc_0_0.xml", with_voc(changed("</annotation>", "")), "a file that is cut off"),
    Fault("ds-xml-invalid", ERROR, "document type", with_voc(changed("<annotation>", BOMB)), "entities"),
    Fault("ds-bbox-nonpositive", ERROR, "xmin 44", box(sides(44, 13, 9, 52)), "sides exchanged", SOUND_ONLY),
    Fault("ds-bbox-nonpositive", WARNING, "xmax 9", box(sides(9, 13, 9, 52)), "a click", CLICK),
    Fault("ds-polygon-outside", ERROR, "640", box(sides(600, 13, 640, 52)), "VOC, resized images", SOUND_ONLY),
    Fault("ds-polygon-normalized", ERROR, "numbers up to", box(as_fractions), "VOC, boxes", SOUND_ONLY),
    Fault("ds-via-label-missing", ERROR, "no name", with_voc(changed("bolt", "")), "VOC, no name"),
    Fault("ds-size-invalid", WARNING, "width 0", with_voc(changed("<width>128<", "<width>0<")), "a width of 0"),
    Fault("ds-size-mismatch", ERROR, "400", with_voc(changed("<width>128<", "<width>400<")), "VOC"),
    Fault("ds-image-renamed", WARNING, "IMG_1.png", with_voc(changed("voc_0_0.png", "IMG_1.png"))),
    Fault("ds-annotation-missing", WARNING, "voc_0_0.png", with_voc(no_file), "an image without XML"),
    Fault("ds-boxes-left-out", WARNING, "voc_0_0", with_voc(no_map, maps=True), "an image without a map"),
    Fault("ds-map-unmatched", WARNING, "lone.png", with_voc(lone_map, maps=True), "VOC"),
    Fault("ds-size-mismatch", ERROR, "64", map_of(lambda: np.ones((64, 64))), "an object map of another size"),
    Fault("ds-mask-unreadable", ERROR, "void (255)", map_of(lambda: np.full((128, 128), 255)), "a map of void"),
    Fault("ds-mask-unreadable", ERROR, "object 4", map_of(lambda: np.eye(128) * 4), "a number too many"),
]
