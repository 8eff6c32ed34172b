"""Small pictures of images with their annotation, as data URIs. A few images are opened, and nothing they do raises.

What cannot be loaded is a placeholder with the reason, because a report of broken data must not break.
"""

from __future__ import annotations

import base64
import io
import itertools
import time
from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np

from mrcnn_roi.checks.splits import Split
from mrcnn_roi.drawing.instances import draw_instances
from mrcnn_roi.drawing.overlay import displayable, distinct_colors
from mrcnn_roi.drawing.report_offenders import Offender
from mrcnn_roi.drawing.report_text import counted, shown, size

SIDE = 320  # pixels of the longest side
BYTES = 40_000  # of a JPEG, where its quality can be lowered to that
LARGEST = 120_000_000  # pixels of an image that is opened for a thumbnail, and mask pixels of all its instances
SECONDS = 30.0  # after which the rest is left out: a slow disk must not hold up the report
DRAWN = 400  # instances of one image
OUTLINE = (230, 97, 0)  # of annotations that are drawn as they are
CAPTIONS = 8  # instances; of more only those that are meant carry their class
MEANT, OTHER = (0.84, 0.37, 0.0), (0.34, 0.71, 0.91)


class Thumbnail(NamedTuple):
    """One image of the page. uri is "" where there is none, and note says why."""

    title: str
    reasons: list[str]
    uri: str
    width: int
    height: int
    note: str


def thumbnails(offenders: Iterable[Offender], seconds: float = SECONDS) -> list[Thumbnail]:
    """A thumbnail an offender, in their order."""
    begin = time.monotonic()
    made = []
    for each in offenders:
        title = f"{each.split.name}: {shown(each.split.image(each.row), 160)}"
        late = time.monotonic() - begin > seconds
        uri, width, height, note = ("", 0, 0, "not drawn: loading images took too long") if late else _tolerant(each)
        made.append(Thumbnail(title, each.reasons, uri, width, height, note))
    return made


def encode(picture: np.ndarray) -> tuple[str, int, int]:
    """uint8 [H, W, 3] as (data URI of a JPEG, width, height)."""
    from PIL import Image

    for quality in (82, 65, 40):  # noise and fine texture take the lower ones
        target = io.BytesIO()
        Image.fromarray(picture).save(target, "JPEG", quality=quality, subsampling=0)
        if target.tell() <= BYTES:
            break
    data = base64.b64encode(target.getvalue()).decode("ascii")
    return f"data:image/jpeg;base64,{data}", picture.shape[1], picture.shape[0]


def _tolerant(offender: Offender) -> tuple[str, int, int, str]:
    """(URI, width, height, note), without a URI where there can be no picture."""
    if offender.error:
        return "", 0, 0, "no picture"
    try:
        picture, note = _draw(offender)
        return (*(("", 0, 0) if picture is None else encode(picture)), note)
    except Exception as error:  # a user's load_image may raise anything; the scan may have met another one
        return "", 0, 0, f"no picture: {shown(f'{type(error).__name__}: {error}', 300)}"


def _draw(offender: Offender) -> tuple[np.ndarray | None, str]:
    """(uint8 [h, w, 3], a note on what it shows)."""
    split, row = offender.split, offender.row
    scan = split.scan
    if max(scan.height[row], 0) * max(scan.width[row], 0) > LARGEST:
        return None, f"not drawn: {size((scan.height[row], scan.width[row]))} px"
    image_id = int(scan.image_ids[row])
    image = displayable(split.dataset.load_image(image_id))
    every = np.flatnonzero(scan.instance_image == row)
    masks = _masks(split, row, image_id, image.shape[:2], len(every))
    own = _drawn(every, offender.instances)
    masks = masks if masks is None or len(own) == len(every) else masks[..., np.searchsorted(every, own)]
    meant = np.isin(own, offender.instances)
    names = captions(scan.class_id[own], scan.class_names, meant if meant.any() else None)
    look = {"colors": colours(len(own), meant if meant.any() else None), "captions": names}
    window = (0, 0, *image.shape[:2])
    if offender.near:
        window = _window(scan.box[offender.instances[0]], image.shape[:2])
    picture = annotated(image, scan.box[own], masks, window, SIDE, **look)
    whole = size(image.shape)
    if not len(every):
        picture = _with_outlines(picture, split.dataset.image_info[image_id].get("records") or (), image.shape)
    if window != (0, 0, *image.shape[:2]):
        return picture, f"{size((window[2] - window[0], window[3] - window[1]))} px of an image of {whole}"
    drawn = "" if masks is not None or not len(every) else ", boxes only"
    drawn += f", {len(own)} drawn" if len(own) < len(every) else ""
    return picture, f"{whole} px, {counted(len(every), 'instance')}{drawn}"


def _with_outlines(picture: np.ndarray, records, shape) -> np.ndarray:
    """The picture with the outlines as they are annotated, where the masks of an image cannot be had."""
    from PIL import Image, ImageDraw

    drawn = Image.fromarray(picture)
    scale = picture.shape[1] / shape[1], picture.shape[0] / shape[0]
    for record in itertools.islice(records, DRAWN):
        for part in record.parts or ():
            points = np.asarray(part, np.float64).reshape(-1, 2) * scale
            if np.isfinite(points).all() and np.abs(points).max() < 10 * max(picture.shape):
                line = [tuple(point) for point in [*points.tolist(), points[0].tolist()]]
                ImageDraw.Draw(drawn).line(line, fill=OUTLINE, width=2)
    return np.asarray(drawn)


def _drawn(every: np.ndarray, meant: list[int]) -> np.ndarray:
    """At most DRAWN of the instances of an image, those that are meant before others, in their order."""
    return np.sort(every[np.argsort(~np.isin(every, meant), kind="stable")[:DRAWN]])


def _masks(split: Split, row: int, image_id: int, shape, count: int) -> np.ndarray | None:
    """The masks [H, W, count], or None where they cannot be drawn."""
    if not count or row in split.scan.mask_errors or count * shape[0] * shape[1] > LARGEST:
        return None
    try:
        masks = np.asarray(split.dataset.load_mask(image_id)[0])
    except Exception:  # the boxes of the scan are drawn
        return None
    return masks if masks.shape == (*shape, count) else None


def captions(class_ids, class_names, meant: np.ndarray | None = None) -> list[str]:
    """The class of each instance where there is room for it, in letters that the drawing font has."""
    texts = []
    for index, class_id in enumerate(np.asarray(class_ids).tolist()):
        room = len(class_ids) <= CAPTIONS if meant is None else meant[index] and meant.sum() <= CAPTIONS
        name = class_names[abs(class_id)] if abs(class_id) < len(class_names) else ""
        drawable = bool(name) and all(" " <= letter < "\u0180" for letter in name)
        crowd = " (crowd)" if class_id < 0 else ""
        texts.append(f"{shown(name, 24) if drawable else f'class {abs(class_id)}'}{crowd}" if room else "")
    return texts


def colours(count: int, meant: np.ndarray | None = None) -> list[tuple[float, float, float]]:
    """A colour an instance; where some are meant these are orange and the others blue."""
    return distinct_colors(count) if meant is None else [MEANT if each else OTHER for each in meant]


def _window(box: np.ndarray, shape) -> tuple[int, int, int, int]:
    """(y1, x1, y2, x2) around a box, so that the box is large enough to be seen; else the whole image."""
    y1, x1, y2, x2 = box.tolist()
    half = max(2 * (y2 - y1), 2 * (x2 - x1), 24)
    y, x = (y1 + y2) // 2, (x1 + x2) // 2
    window = (max(y - half, 0), max(x - half, 0), min(y + half, int(shape[0])), min(x + half, int(shape[1])))
    part = (window[2] - window[0]) * (window[3] - window[1])
    return window if part < 0.5 * shape[0] * shape[1] else (0, 0, int(shape[0]), int(shape[1]))


def clipped(boxes, shape) -> np.ndarray:
    """Boxes [N, (y1, x1, y2, x2)] in whole pixels, cut off just outside a picture of shape (height, width): Pillow
    would draw every pixel of a line of millions."""
    return np.round(np.clip(np.asarray(boxes, np.float64).reshape(-1, 4), -3, np.tile(shape, 2) + 3)).astype(int)


def annotated(image: np.ndarray, boxes, masks, window, side: int, **look: Any) -> np.ndarray:
    """A window (y1, x1, y2, x2) of an image with its instances, uint8, its longest side `side` pixels.

    image: uint8 [H, W, 3]; boxes: [N, (y1, x1, y2, x2)] pixels; masks: [H, W, N] or None; look: for draw_instances.
    """
    from PIL import Image

    y1, x1, y2, x2 = (int(each) for each in window)
    part = Image.fromarray(np.ascontiguousarray(image[y1:y2, x1:x2]))
    old = np.array([y2 - y1, x2 - x1])
    new = np.maximum(np.round(old * side / old.max()), 1).astype(int)
    way = Image.Resampling.BOX if side < old.max() else Image.Resampling.NEAREST
    picture = np.asarray(part.resize((int(new[1]), int(new[0])), way))
    boxes = np.asarray(boxes, np.float64).reshape(-1, 4)
    real = boxes.any(axis=1)
    moved = clipped((boxes - [y1, x1, y1, x1]) * np.tile(new / old, 2), new)
    visible = real & (moved[:, 2:] > 0).all(axis=1) & (moved[:, :2] < new).all(axis=1)
    moved[~visible] = 0  # rows of zeros are left out
    if masks is not None:
        rows, columns = (((np.arange(n) + 0.5) * (o / n)).astype(int) for n, o in zip(new, old))
        masks = masks[y1 + rows][:, x1 + columns] != 0
    return draw_instances(picture, moved, masks, np.ones(len(boxes), int), ["", ""], **look)
