"""A contact sheet of training samples: each image as it is, and beside it what training sees of it.

Letters: N instances. Boxes are pixels of their tile's image.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from mrcnn_roi.drawing.dataset import error_tile, thumbnail_of
from mrcnn_roi.drawing.instances import draw_instances
from mrcnn_roi.drawing.labels import class_labels
from mrcnn_roi.drawing.overlay import distinct_colors
from mrcnn_roi.findings import printable

SIDE = 300  # pixels of a tile
GAP, MARGIN = 8, 24
BLOCK_GAP = 34  # between images side by side
TEXT, TITLE = 13, 19  # pixels of letters
INK, FAINT, ALARM, PAPER, EMPTY = (25, 25, 28), (105, 105, 112), (186, 60, 10), (255, 255, 255), (232, 232, 235)
LABELLED = 6  # objects of a tile that are named; more names would hide the picture
WIDEST = 2700  # pixels of the sheet


class Tile(NamedTuple):
    """One picture. masks: bool [H, W, N]; boxes: [N, (y1, x1, y2, x2)]; numbers: which of the image's objects each is,
    for its colour. note: a line under it; lost: whether that is about objects that are gone. error: in place of it."""

    image: np.ndarray
    boxes: np.ndarray
    masks: np.ndarray
    class_ids: np.ndarray
    numbers: np.ndarray
    title: str = ""
    note: str = ""
    lost: bool = False
    error: Exception | None = None


class Row(NamedTuple):
    """An image: its name, and its pictures from left to right."""

    name: str
    tiles: list[Tile]


def draw_batch_sheet(rows: Sequence[Row], class_names: Sequence[str], title: str, notes: Sequence[str] = ()):
    """The sheet as a PIL image: a title, faint lines under it, then the rows, two or more side by side where they are
    many. Raises ValueError without rows."""
    if not rows:
        raise ValueError("expected images to draw, received none")
    columns = max(len(row.tiles) for row in rows)
    pictures = [[_picture(tile, class_names) for tile in row.tiles] for row in rows]
    height = max(picture.shape[0] for each in pictures for picture in each)
    block = columns * SIDE + (columns - 1) * GAP, height + 4 * TEXT + 30
    beside = _blocks_beside(len(rows), block)
    top = MARGIN + TITLE + 10 + (TEXT + 6) * len(notes) + 14
    size = 2 * MARGIN + beside * (block[0] + BLOCK_GAP) - BLOCK_GAP, top + math.ceil(len(rows) / beside) * block[1]
    from PIL import Image, ImageDraw

    sheet = Image.new("RGB", size, PAPER)
    draw = ImageDraw.Draw(sheet)
    _line(draw, (MARGIN, MARGIN), title, TITLE, INK, size[0] - 2 * MARGIN, bold=True)
    for i, note in enumerate(notes):
        place = MARGIN, MARGIN + TITLE + 10 + (TEXT + 6) * i
        _line(draw, place, note, TEXT, FAINT, size[0] - 2 * MARGIN)
    for i, (row, drawn) in enumerate(zip(rows, pictures)):
        corner = MARGIN + (i % beside) * (block[0] + BLOCK_GAP), top + (i // beside) * block[1]
        _draw_row(sheet, draw, row, drawn, corner, height)
    return sheet


def _blocks_beside(count: int, block: tuple[int, int]) -> int:
    """How many images stand side by side so that the sheet is about as wide as a screen."""

    def distance(beside: int) -> float:
        return abs(math.log(beside * block[0] / (math.ceil(count / beside) * block[1]) / 1.4))

    fitting = [n for n in range(1, count + 1) if n == 1 or n * (block[0] + BLOCK_GAP) <= WIDEST]
    return min(fitting, key=distance)


def _draw_row(sheet, draw, row: Row, pictures, corner: tuple[int, int], height: int) -> None:
    from PIL import Image

    x, y = corner
    _line(draw, (x, y), row.name, TEXT, INK, len(pictures) * SIDE, bold=True)
    y += TEXT + 8
    for tile, picture in zip(row.tiles, pictures):
        box = (x, y, x + SIDE - 1, y + height - 1)
        draw.rectangle(box, fill=EMPTY)
        centred = x + (SIDE - picture.shape[1]) // 2, y + (height - picture.shape[0]) // 2
        sheet.paste(Image.fromarray(picture), centred)
        _line(draw, (x, y + height + 4), tile.title, TEXT, FAINT, SIDE)
        _line(draw, (x, y + height + TEXT + 9), tile.note, TEXT, ALARM if tile.lost else FAINT, SIDE)
        x += SIDE + GAP


def _picture(tile: Tile, class_names) -> np.ndarray:
    """uint8 [h, w, 3] of at most SIDE x SIDE."""
    if tile.error is not None:
        return thumbnail_of(error_tile(tile.error), np.zeros((1, 1, 0), bool), SIDE)[0]
    small, _, masks = thumbnail_of(tile.image, tile.masks, SIDE)
    factor = np.tile(np.divide(small.shape[:2], tile.image.shape[:2]), 2)
    boxes = np.round(np.asarray(tile.boxes).reshape(-1, 4) * factor).astype(int)
    boxes[:, 2:] = np.maximum(boxes[:, 2:], boxes[:, :2] + 1)
    count = len(boxes)
    palette = distinct_colors(int(max(tile.numbers, default=0)) + 1)
    names = [_cut(name, 16) for name in class_labels(tile.class_ids, class_names)]
    look: dict[str, Any] = {
        "colors": [palette[number] for number in tile.numbers],
        "captions": names if count <= LABELLED and len(class_names) > 2 else [""] * count,
    }
    return draw_instances(small, boxes, masks, np.zeros(count, int), [""], alpha=0.4, **look)


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"


def _line(draw, place: tuple[int, int], text: str, size: int, color, width: int, bold: bool = False) -> None:
    """Text on one line, cut in the middle where it is too long: names differ at their ends."""
    font = _font(size, bold)
    text = " ".join(printable(text).split("\n"))
    kept = len(text)
    shown = text
    while kept > 8 and draw.textlength(shown, font=font) > width:
        kept -= 1
        shown = f"{text[: kept // 2]}…{text[len(text) - (kept - kept // 2) + 1 :]}"
    draw.text(place, shown, font=font, fill=color)


@functools.lru_cache(maxsize=4)
def _font(size: int, bold: bool):
    """DejaVu Sans, which comes with matplotlib and has the letters of most scripts."""
    import matplotlib
    from PIL import ImageFont

    name = f"DejaVuSans{'-Bold' if bold else ''}.ttf"
    return ImageFont.truetype(str(Path(matplotlib.get_data_path()) / "fonts" / "ttf" / name), size)
