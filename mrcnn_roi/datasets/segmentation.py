"""Polygons and run lengths: is one usable, how far does it reach, which pixels does it cover.

Polygons are flat lists [x1, y1, x2, y2, ...] in pixels, x to the right, COCO's convention: 0..W and 0..H are
the image's edges. Run lengths (RLE) count pixels column by column, background first; the compressed form is
COCO's (pycocotools maskApi.c: six bits a character, differences to the run before last).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

MAX_PIXELS = 2 * 178_956_970  # Pillow's limit for an image, so that a size typed wrong cannot fill the memory
MAX_OUTLINE = 10_000_000  # pixels along the outlines of an object; the rasterizer takes some 50 bytes for each


def _farthest(height: int, width: int) -> int:
    """How many pixels outside the image a point may lie: ten sides and some."""
    return 10 * max(height, width) + 100


def polygon_fault(part: object) -> str:
    """Why the part cannot be a polygon: not numbers, odd length, fewer than 3 points; "" where it can."""
    if not isinstance(part, list):
        return f"a {type(part).__name__} instead of a list of numbers"
    if not set(map(type, part)) <= {int, float}:
        return "coordinates that are not numbers"
    if len(part) % 2:
        return f"{len(part)} numbers, an odd count"
    if len(part) < 6:
        return f"{len(part) // 2} points, at least 3 are needed"
    try:
        finite = all(map(math.isfinite, part))
    except OverflowError:
        finite = False
    return "" if finite else "coordinates that are not finite"


def encloses_nothing(part: Sequence[float]) -> bool:
    """Whether all points of a polygon lie on one line."""
    xs, ys = part[0::2], part[1::2]
    if min(xs) == max(xs) or min(ys) == max(ys):
        return True
    points = np.asarray(part, np.float64).reshape(-1, 2)
    points = points / np.abs(points).max()  # no product may overflow
    points -= points[0].copy()
    farthest = points[np.argmax(np.abs(points).sum(axis=1))]
    distances = np.abs(points[:, 0] * farthest[1] - points[:, 1] * farthest[0])
    return bool(distances.max() <= 1e-9 * np.square(farthest).sum())


def polygon_extent(parts: Sequence[Sequence[float]]) -> tuple[float, float, float, float]:
    """(x1, y1, x2, y2) of all parts together."""
    return (
        min(min(part[0::2]) for part in parts),
        min(min(part[1::2]) for part in parts),
        max(max(part[0::2]) for part in parts),
        max(max(part[1::2]) for part in parts),
    )


def overshoot(extent: Sequence[float], height: int, width: int) -> float:
    """By how many pixels an extent (x1, y1, x2, y2) leaves the image; 0 where it does not."""
    x1, y1, x2, y2 = extent
    return max(-x1, -y1, x2 - width, y2 - height, 0)


def too_far(extent: Sequence[float], height: int, width: int) -> bool:
    """Whether nothing of the extent is inside the image, or a point is absurdly far away."""
    x1, y1, x2, y2 = extent
    absent = x1 >= width or y1 >= height or x2 <= 0 or y2 <= 0
    return absent or overshoot(extent, height, width) > _farthest(height, width)


def fill_polygons(parts: Sequence[Sequence[float]], height: int, width: int) -> np.ndarray:
    """The union of polygons as bool [H, W], by COCO's rasterizer; what leaves the image is cut off.

    Raises ValueError for a point absurdly far away or an outline absurdly long: the rasterizer walks along, fills the
    memory, or ends in a segmentation fault.
    """
    mask = np.zeros((height, width), bool)
    draw_polygons(mask, parts)
    return mask


def draw_polygons(mask: np.ndarray, parts: Sequence[Sequence[float]]) -> None:
    """Sets the pixels of the union of polygons in mask, bool [H, W]; see fill_polygons."""
    from pycocotools import mask as coco_mask

    height, width = mask.shape
    over = overshoot(polygon_extent(parts), height, width)
    if not over <= _farthest(height, width):
        raise ValueError(f"expected points within {_farthest(height, width)} pixels of the image, received {over}")
    length = _outline_length(parts)
    if length > MAX_OUTLINE:
        raise ValueError(f"expected outlines of at most {MAX_OUTLINE} pixels in all, received {length:.0f}")
    polygons = [[float(number) for number in part] for part in parts]
    rle = coco_mask.merge(coco_mask.frPyObjects(polygons, height, width))
    runs = run_lengths(rle["counts"])
    if runs is not None:
        draw_runs(mask, runs)


def _outline_length(parts: Sequence[Sequence[float]]) -> float:
    """An upper bound for the pixels along the outlines; exact where the bound from points and extent is too high."""
    x1, y1, x2, y2 = polygon_extent(parts)
    bound = sum(map(len, parts)) / 2 * max(x2 - x1, y2 - y1)
    if bound <= MAX_OUTLINE:
        return bound
    points = [np.asarray(part, np.float64).reshape(-1, 2) for part in parts]
    return sum(float(np.abs(each - np.roll(each, 1, axis=0)).max(axis=1).sum()) for each in points)


def run_lengths(counts: object) -> np.ndarray | None:
    """The run lengths of an RLE, int64 [runs], from a list of integers or from COCO's compressed text.

    None where they are malformed: not integers, negative, or cut off in the middle of a number.
    """
    if isinstance(counts, (str, bytes)):
        runs = _decompressed(counts)
    elif isinstance(counts, list) and all(type(run) is int or isinstance(run, float) for run in counts):
        try:
            runs = np.array([int(run) for run in counts], np.int64)
        except (OverflowError, ValueError):
            return None
        if any(run != whole for run, whole in zip(counts, runs)):
            return None
    else:
        return None
    return runs if runs is not None and (runs >= 0).all() and (runs <= MAX_PIXELS).all() else None


def draw_runs(mask: np.ndarray, runs: np.ndarray) -> None:
    """Sets the pixels of run lengths that sum to H * W in mask, bool [H, W]: only the window that they fill is touched,
    for most objects are small."""
    height = len(mask)
    x1, y1, x2, y2 = runs_extent(runs, height)
    if x1 == x2:
        return
    ends = np.clip(np.cumsum(runs), x1 * height, x2 * height)
    window = np.repeat(np.arange(len(runs)) % 2 == 1, np.diff(ends, prepend=x1 * height)).reshape(x2 - x1, height)
    mask[y1:y2, x1:x2] |= window[:, y1:y2].T


def runs_extent(runs: np.ndarray, height: int) -> tuple[int, int, int, int]:
    """(x1, y1, x2, y2) of the mask of run lengths, x2/y2 outside; all 0 where it is empty."""
    ends = np.cumsum(runs)
    first, last = (ends - runs)[1::2], ends[1::2] - 1
    filled = last >= first
    first, last = first[filled], last[filled]
    if not len(first):
        return 0, 0, 0, 0
    one_column = first // height == last // height
    top = np.where(one_column, first % height, 0).min()
    bottom = np.where(one_column, last % height, height - 1).max() + 1
    return int(first[0] // height), int(top), int(last[-1] // height) + 1, int(bottom)


def _decompressed(text: str | bytes) -> np.ndarray | None:
    try:
        data = text.encode("ascii") if isinstance(text, str) else text
    except UnicodeEncodeError:
        return None
    codes = np.frombuffer(data, np.uint8).astype(np.int64) - 48
    if not len(codes):
        return np.zeros(0, np.int64)
    if codes.min() < 0 or codes.max() > 63 or codes[-1] & 32:
        return None
    ends = np.flatnonzero((codes & 32) == 0)
    starts = np.concatenate(([0], ends[:-1] + 1))
    lengths = ends - starts + 1
    if lengths.max() > 12:
        return None
    position = np.arange(len(codes)) - np.repeat(starts, lengths)
    values = np.add.reduceat((codes & 31) << (5 * position), starts)
    values -= np.where(codes[ends] & 16, np.int64(1) << (5 * lengths), 0)
    for chain in (values[1::2], values[2::2]):  # from the fourth run on, numbers are differences
        np.cumsum(chain, out=chain)
    return values
