"""Small Pascal VOC sets for the tests: 60 x 40 images, XML files, maps and lists."""

import numpy as np
from PIL import Image

from mrcnn_roi.datasets.voc_classes import VOC_COLOURS

from .builders import image_file

BOX = (11, 6, 30, 25)  # xmin, ymin, xmax, ymax as VOC counts: columns 10..30, rows 5..25 as slices, 20 x 20 pixels
PALETTE = [channel for colour in VOC_COLOURS for channel in colour.to_bytes(3, "big")]


def element(tag, content):
    return f"<{tag}>{content}</{tag}>"


def obj(name="cat", box=BOX, more="", **changes):
    """An <object> as VOC has it; box None leaves the bndbox out, changes replace single sides."""
    text = "" if name is None else element("name", name)
    text += element("pose", "Left") + element("truncated", 0)
    if box is not None:
        sides = dict(zip(("xmin", "ymin", "xmax", "ymax"), box)) | changes
        text += element("bndbox", "".join(element(*side) for side in sides.items() if side[1] is not None))
    return element("object", text + more)


def polygon(points, roboflow=True):
    """A <polygon> as Roboflow or as the web tool LabelMe writes it; points [(x, y)]."""
    if roboflow:
        inner = "".join(f"<x{i}>{x}</x{i}><y{i}>{y}</y{i}>" for i, (x, y) in enumerate(points, 1))
    else:
        inner = "".join(element("pt", element("x", x) + element("y", y)) for x, y in points)
    return element("polygon", inner)


def voc_xml(*objects, filename="a.png", size=(60, 40), database="Unknown"):
    """The text of a file; size (width, height), None for a file without."""
    sides = "" if size is None else element("width", size[0]) + element("height", size[1]) + element("depth", 3)
    sides = element("size", sides) if sides else ""
    source = element("source", element("database", database))
    head = element("folder", "images") + element("filename", filename) + element("path", "/home/me/a.png") + source
    return element("annotation", head + sides + element("segmented", 0) + "".join(objects))


def voc_file(folder, text, name="a.xml", image="a.png", images=None):
    """Writes an XML file, and its image beside it, in the folder `images`, or nowhere (image None)."""
    folder.mkdir(parents=True, exist_ok=True)
    if image is not None:
        image_file((images or folder) / image)
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def voc_map(path, pixels, mode="P"):
    """A map of numbers as a palette PNG in VOC's colours, as grey levels, or as a picture in these colours."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.asarray(pixels, np.uint8)
    picture = Image.frombytes("P", pixels.shape[::-1], np.ascontiguousarray(pixels).tobytes())
    picture.putpalette(PALETTE)
    (Image.fromarray(pixels) if mode == "L" else picture.convert(mode)).save(path)
    return path


def numbers(*boxes, height=40, width=60):
    """A map with number k in the k-th box (xmin, ymin, xmax, ymax)."""
    pixels = np.zeros((height, width), np.uint8)
    for number, (xmin, ymin, xmax, ymax) in enumerate(boxes, 1):
        pixels[ymin - 1 : ymax, xmin - 1 : xmax] = number
    return pixels


def voc_set(root, images, lists=None):
    """A VOC folder. images: stem -> (text of the XML or None, object map or None, class map or None)."""
    for seed, (stem, (text, objects, classes)) in enumerate(images.items()):
        image_file(root / "JPEGImages" / f"{stem}.jpg", seed=seed)
        (root / "Annotations").mkdir(exist_ok=True)
        if text is not None:
            (root / "Annotations" / f"{stem}.xml").write_text(text)
        for folder, pixels in (("SegmentationObject", objects), ("SegmentationClass", classes)):
            if pixels is not None:
                voc_map(root / folder / f"{stem}.png", pixels)
    for name, stems in (lists or {}).items():
        path = root / "ImageSets" / f"{name}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("\n".join(stems) + "\n")
    return root
