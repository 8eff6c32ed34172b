"""The shapes toy set: squares, circles and triangles in random colours, drawn to disk as COCO.

Matterport's shapes sample (Mask_RCNN samples/shapes) drew them in memory; on disk the same pictures go
through the same files as anybody's data. Masks are the visible pixels: what is drawn later lies on top.
"""

from __future__ import annotations

import io
import json
import os
from pathlib import Path

import numpy as np
from PIL import Image

CLASSES = ("square", "circle", "triangle")
MIN_SIDE = 32  # pixels; in smaller images four shapes have no room
_CONTRAST = 48  # grey levels, in at least one channel, between a shape and everything drawn before it
_MIN_VISIBLE = 0.6  # share of a shape that must stay visible
_MIN_PIXELS = 12


def draw_shapes(
    folder: str | os.PathLike,
    count: int,
    height: int = 128,
    width: int = 128,
    seed: int = 0,
    *,
    min_objects: int = 1,
    max_objects: int = 4,
    background_images: int = 0,
) -> Path:
    """Draws `count` images of height x width pixels into folder/images and returns folder/annotations.json.

    Each image holds min_objects..max_objects shapes; the last `background_images` of them hold none. The
    same arguments give the same files, and image k does not depend on `count`. Files are written
    under a temporary name and renamed, the annotations last: where they exist, the set is complete.
    Raises ValueError for counts and sizes that cannot be drawn.
    """
    _check_arguments(count, height, width, min_objects, max_objects, background_images)
    images = Path(folder) / "images"
    images.mkdir(parents=True, exist_ok=True)
    target = Path(folder) / "annotations.json"
    target.unlink(missing_ok=True)
    records: list[dict] = []
    annotations: list[dict] = []
    for index in range(count):
        rng = np.random.default_rng([seed, index])
        wanted = 0 if index >= count - background_images else int(rng.integers(min_objects, max_objects + 1))
        pixels, shapes = _draw(rng, height, width, wanted)
        name = f"{index:06d}.png"
        _write(images / name, _png(pixels))
        records.append({"id": index + 1, "file_name": f"images/{name}", "height": height, "width": width})
        for class_id, mask in shapes:
            annotations.append(_annotation(len(annotations) + 1, index + 1, class_id, mask))
    categories = [{"id": i, "name": name, "supercategory": "shape"} for i, name in enumerate(CLASSES, 1)]
    content = {"images": records, "annotations": annotations, "categories": categories}
    _write(target, json.dumps(content).encode())
    return target


def _check_arguments(count, height, width, min_objects, max_objects, background_images) -> None:
    if count < 1 or not 0 <= background_images <= count:
        received = f"{count} and {background_images}"
        raise ValueError(f"expected count >= 1 and background_images within 0..count, received {received}")
    if min(height, width) < MIN_SIDE:
        raise ValueError(f"expected sides of at least {MIN_SIDE} pixels, received {height} x {width}")
    if not 1 <= min_objects <= max_objects <= 20:
        received = f"{min_objects} and {max_objects}"
        raise ValueError(f"expected 1 <= min_objects <= max_objects <= 20, received {received}")


def _png(pixels: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()


def _write(path: Path, data: bytes) -> None:
    """Writes a whole file or none: under a temporary name beside it, then renamed."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        temporary.write_bytes(data)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _draw(rng: np.random.Generator, height: int, width: int, wanted: int):
    """(image uint8 [H, W, 3], [(class id, visible mask bool [H, W])]) with `wanted` shapes."""
    background = rng.integers(0, 256, 3)
    colours = [background]
    shapes: list[tuple[int, np.ndarray, int]] = []  # class id, visible mask, pixels of the whole shape
    pixels = np.empty((height, width, 3), np.uint8)
    pixels[:] = background
    shrink, attempts = 1.0, 0
    while len(shapes) < wanted:
        class_id = int(rng.integers(1, len(CLASSES) + 1))
        mask = _shape_mask(rng, class_id, height, width, shrink)
        attempts += 1
        if attempts % 8 == 0:
            shrink = max(shrink * 0.85, 0.1)
        visible = [(each, old & ~mask, whole) for each, old, whole in shapes]
        if any(left.sum() < max(_MIN_VISIBLE * whole, _MIN_PIXELS) for _, left, whole in visible):
            continue
        colour = _colour(rng, colours)
        colours.append(colour)
        pixels[mask] = colour
        shapes = [*visible, (class_id, mask, int(mask.sum()))]
    return pixels, [(class_id, mask) for class_id, mask, _ in shapes]


def _colour(rng: np.random.Generator, others: list[np.ndarray]) -> np.ndarray:
    """A colour that differs from all others; the requirement loosens while none is found."""
    contrast = float(_CONTRAST)
    while True:
        colour = rng.integers(0, 256, 3)
        if all(np.abs(colour - other).max() >= contrast for other in others):
            return colour
        contrast *= 0.97


def _shape_mask(rng: np.random.Generator, class_id: int, height: int, width: int, shrink: float) -> np.ndarray:
    """One shape as bool [H, W], wholly inside the image, half side 1/8 to 1/4 of the smaller side."""
    side = min(height, width)
    half = max(3.0, float(rng.uniform(side / 8, side / 4)) * shrink)
    y0 = float(rng.uniform(half + 1, height - half - 1))
    x0 = float(rng.uniform(half + 1, width - half - 1))
    y = np.arange(height)[:, None] + 0.5 - y0
    x = np.arange(width)[None, :] + 0.5 - x0
    name = CLASSES[class_id - 1]
    if name == "square":
        return (np.abs(y) <= half) & (np.abs(x) <= half)
    if name == "circle":
        return y * y + x * x <= half * half
    return (y <= half) & (np.abs(x) <= (y + half) / 2)  # the tip up, as wide as high


def _annotation(annotation_id: int, image_id: int, class_id: int, mask: np.ndarray) -> dict:
    from pycocotools import mask as coco_mask

    encoded = coco_mask.encode(np.asfortranarray(mask, np.uint8))
    ys, xs = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return {
        "id": annotation_id,
        "image_id": image_id,
        "category_id": class_id,
        "iscrowd": 0,
        "area": int(mask.sum()),
        "bbox": [int(xs[0]), int(ys[0]), int(xs[-1] - xs[0] + 1), int(ys[-1] - ys[0] + 1)],
        "segmentation": {"size": list(mask.shape), "counts": encoded["counts"].decode("ascii")},
    }
