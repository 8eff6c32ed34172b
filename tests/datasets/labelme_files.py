"""Small LabelMe files for the tests."""

import base64
import io
import json

import numpy as np
from PIL import Image

from .builders import image_file

SQUARE = [[10, 10], [30, 10], [30, 30], [10, 30]]  # 20 x 20 pixels


def shape(label="cat", points=SQUARE, kind="polygon", **more):
    """A shape as the tool writes it; a change to None keeps the key."""
    return {"label": label, "points": points, "group_id": None, "shape_type": kind, "flags": {}} | more


def content(*shapes, image="a.png", **more):
    """A file of a 60 x 40 image."""
    sides = {"imageHeight": 40, "imageWidth": 60}
    return (
        {"version": "5.4.1", "flags": {}, "shapes": list(shapes), "imagePath": image, "imageData": None} | sides | more
    )


def png(mask):
    """A mask or picture as base64 text of a PNG."""
    file = io.BytesIO()
    Image.fromarray(mask.astype(np.uint8)).save(file, "PNG")
    return base64.b64encode(file.getvalue()).decode()


def labelme_file(folder, found, name="a.json", draw=True):
    """Writes the content, and its image where draw says so."""
    folder.mkdir(parents=True, exist_ok=True)
    if draw:
        image_file(folder / found["imagePath"])
    path = folder / name
    path.write_text(found if isinstance(found, str) else json.dumps(found))
    return path
