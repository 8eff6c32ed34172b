"""What a sample of label maps says of all: numbers that interpolation made, and one number for all objects."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mrcnn_roi.datasets.image_header import Header
from mrcnn_roi.datasets.label_map_classes import MapFile
from mrcnn_roi.datasets.label_map_pixels import boxes_of, masks_of, read_instances
from mrcnn_roi.datasets.problems import Problems, shown
from mrcnn_roi.findings import SetupError, Severity

UNSMEARED = (
    "resize label maps with nearest neighbour (Image.Resampling.NEAREST, cv2.INTER_NEAREST), save as PNG; "
    "make them anew from the originals"
)
NUMBERED = "give every object a number of its own; of objects that do not touch, scipy.ndimage.label(map != 0)[0]"

MOST_SAMPLED, SAMPLED_PIXELS = 8, 3_000_000  # maps that are decoded, at most about half a second
REACH = 5  # pixels of the square in which a rim has a lower and a higher number at every place
RIM = 0.95  # share of its pixels
RIMS, MORE = 3, 1.25  # rims in one map, and times as many as solid instances: suspect
CLEAR = 10  # rims in one map, and twice as many as solid instances: beyond doubt
GAP = 9  # pixels between pieces that are separate, and a side of those that are no specks


def report_sample(maps: Sequence[MapFile], headers: Sequence[Header], divisor: int | None, problems: Problems) -> int:
    """Adds the maps that look smeared, or like maps of classes, among a sample spread over the set; returns how many
    were looked at. Few rims, and pieces of one number, have to be in most maps to be evidence."""
    pixels = max((header.height * header.width for header in headers), default=1)
    count = min(len(maps), MOST_SAMPLED, max(1, SAMPLED_PIXELS // max(pixels, 1)))
    rims, pieces, clear, alone, sampled = dict[str, int](), dict[str, int](), False, True, 0
    for place in np.linspace(0, len(maps) - 1, count).astype(int).tolist() if maps else ():
        each = maps[place]
        try:
            label_map, numbers = read_instances(each.path, each.void, divisor)
        except SetupError:  # the scan reports it
            continue
        sampled += 1
        alone &= len(numbers) <= 1
        if len(numbers) == 1:
            pieces[each.stem] = count_pieces(masks_of(label_map, numbers)[..., 0])
        elif len(numbers) > RIMS:
            rims[each.stem], sure = count_rims(label_map, numbers)
            clear |= sure
    rims = {stem: number for stem, number in rims.items() if number}
    pieces = {stem: number for stem, number in pieces.items() if number > 1}
    for stem, number in rims.items() if clear or 2 * len(rims) > sampled else ():
        severity = Severity.ERROR if clear else None
        problems.add("ds-map-smeared", f"map of {shown(stem)}", f"{number} such rims", UNSMEARED, severity)
    for stem, number in pieces.items() if alone and 2 * len(pieces) > sampled else ():
        problems.add("ds-map-semantic", f"map of {shown(stem)}", f"{number} pieces", NUMBERED)
    return sampled


def count_rims(label_map: np.ndarray, numbers: np.ndarray) -> tuple[int, bool]:
    """(how many of the numbers are rims, whether that is beyond doubt); 0 where they are too few to be evidence.

    A rim lies between a lower and a higher number, both within two pixels, at nearly all of its own pixels, and they
    fill at most half of its box: it is some two pixels thin everywhere and follows the edge of another instance. Thin
    objects that lie by themselves, in another one or across it are none, nor are dots. Where the rims have more pixels
    than the other instances, the map is one of small objects side by side; where there is one rim for each instance
    that is no smaller, one of cells with membranes.
    """
    from scipy import ndimage

    place = np.searchsorted(numbers, label_map).clip(max=len(numbers) - 1)
    own = numbers[place] == label_map
    rank = np.where(own, place + 1, 0).astype(np.int32)
    between = (ndimage.minimum_filter(rank, REACH) < rank) & (rank < ndimage.maximum_filter(rank, REACH))
    area = np.bincount(rank.ravel(), minlength=len(numbers) + 1)[1:]
    inside = np.bincount(rank[between], minlength=len(numbers) + 1)[1:]
    y1, x1, y2, x2 = boxes_of(rank, np.arange(1, len(numbers) + 1)).T
    rim = (inside >= RIM * area) & (2 * area <= (y2 - y1) * (x2 - x1))
    count = int(rim.sum())
    if count < RIMS or area[rim].sum() >= area[~rim].sum():
        return 0, False
    solid = np.count_nonzero(area[~rim] >= np.median(area[rim]))
    return (count, bool(count >= max(CLEAR, 2 * solid))) if count >= MORE * solid else (0, False)


def count_pieces(mask: np.ndarray) -> int:
    """How many pieces of a bool mask [H, W] lie well apart from one another and are no specks."""
    from scipy import ndimage

    near = ndimage.maximum_filter(mask, GAP)
    labels, count = ndimage.label(near, np.ones((3, 3), bool))
    area = np.bincount(labels[mask], minlength=count + 1)[1:]
    return int((area >= max(GAP * GAP, 0.05 * area.sum())).sum())
