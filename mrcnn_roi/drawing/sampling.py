"""Pictures of what RoIPool, RoIWarp, RoIAlign and crop_and_resize read of a feature map for one RoI.

Cell k of the map is drawn as the square [k, k + 1) and the RoI at its pixels divided by the stride (ops.coverage
says how that relates to the positions of ops.sampling). By default the RoI is the example of erdem.pl's articles on
RoI pooling: a 16 x 16 map at stride 32, an RoI of 145 x 200 pixels at row 6 and column 9.25, 3 x 3 bins.
"""

from __future__ import annotations

import textwrap

import numpy as np

from mrcnn_roi.drawing.figure import Path, open_figure
from mrcnn_roi.drawing.sampling_panels import OUTSIDE, PANEL, Scene, coverage_row, sampling_row
from mrcnn_roi.ops.coverage import METHODS, TITLES, cells_read, roi_axes, roi_cells

EXAMPLE_BOX, EXAMPLE_MAP, EXAMPLE_STRIDE, EXAMPLE_BINS = (192, 296, 337, 496), (16, 16), 32, 3
SURROUNDINGS = 0.15  # share of the map's side that is shown beyond its border where the RoI leaves it


def draw_sampling(
    box=EXAMPLE_BOX,
    map_shape=EXAMPLE_MAP,
    stride=EXAMPLE_STRIDE,
    bins=EXAMPLE_BINS,
    ratio=2,
    aligned=False,
    methods=METHODS,
    path: Path = None,
) -> None:
    """Shows for each method its bins, its sampling points, and the weight of every cell in the pooled values.

    box: (y1, x1, y2, x2) in pixels of the molded image, whose size is map_shape (height, width) times stride
    (pixels a cell, a number or (y, x)). bins: a number or (rows, columns). ratio: samples a bin and axis of RoIAlign
    and RoIWarp, 0 for adaptive. aligned: of RoIAlign. methods: names of METHODS. path: a PNG to write instead.
    Raises ValueError for a box that is none or lies outside the map, and for numbers that cannot be.
    """
    scene = _scene(box, map_shape, stride, bins, ratio, aligned, methods)
    _draw(scene, [sampling_row], path)


def draw_lost_and_gained(
    box=EXAMPLE_BOX,
    map_shape=EXAMPLE_MAP,
    stride=EXAMPLE_STRIDE,
    bins=EXAMPLE_BINS,
    ratio=2,
    aligned=False,
    methods=METHODS,
    path: Path = None,
) -> None:
    """Shows for each method which part of the RoI it never reads (blue), and what it reads beside it (green).

    Arguments as in draw_sampling; the numbers are ops.coverage.coverage's.
    """
    scene = _scene(box, map_shape, stride, bins, ratio, aligned, methods)
    _draw(scene, [coverage_row], path)


def draw_pooling(
    box=EXAMPLE_BOX,
    map_shape=EXAMPLE_MAP,
    stride=EXAMPLE_STRIDE,
    bins=EXAMPLE_BINS,
    ratio=2,
    aligned=False,
    methods=METHODS,
    path: Path = None,
) -> None:
    """Both pictures on one sheet: draw_sampling above, draw_lost_and_gained below. Arguments as there."""
    scene = _scene(box, map_shape, stride, bins, ratio, aligned, methods)
    _draw(scene, [sampling_row, coverage_row], path)


def molded_shape(map_shape, stride) -> tuple[float, float]:
    """(height, width) in pixels of the image that a map of map_shape at a stride (a number or (y, x)) belongs to."""
    steps = np.broadcast_to(np.asarray(stride, np.float64), (2,))
    if not (np.isfinite(steps) & (steps > 0)).all():
        raise ValueError(f"expected a stride above 0, received {stride}")
    return float(map_shape[0] * steps[0]), float(map_shape[1] * steps[1])


def _scene(box, map_shape, stride, bins, ratio, aligned, methods) -> Scene:
    methods = (methods,) if isinstance(methods, str) else tuple(methods)
    if not methods or not set(methods) <= set(METHODS):
        raise ValueError(f"expected methods of {METHODS}, received {methods}")
    place = (box, tuple(map_shape), molded_shape(map_shape, stride), bins)
    roi_axes(*place)
    options = {"ratio": ratio, "aligned": aligned}
    return Scene(place, options, methods, _view(place, options, methods))


def _view(place, options, methods) -> tuple[float, float, float, float]:
    """The RoI and every cell that is read, with a rim of a cell; not far beyond the map."""
    read = np.any([cells_read(method, *place, **options) for method in methods], axis=0)
    edges = roi_cells(*place[:3])
    limits = []
    for i, size in enumerate(place[1]):
        cells = np.flatnonzero(read.any(axis=1 - i))
        seen = [edges[i], edges[i + 2], *cells[:1], *(cells[-1:] + 1)]
        rim, beyond = max(1.0, 0.06 * (max(seen) - min(seen))), max(1.5, SURROUNDINGS * size)
        limits.append((max(np.floor(min(seen)) - rim, -beyond), min(np.ceil(max(seen)) + rim, size + beyond)))
    (y1, y2), (x1, x2) = limits
    return float(y1), float(x1), float(y2), float(x2)


def _draw(scene: Scene, rows, path) -> None:
    from matplotlib.patches import Patch

    y1, x1, y2, x2 = scene.view
    count, aspect = len(scene.methods), float(np.clip((y2 - y1) / (x2 - x1), 0.45, 1.6))
    size = (max(PANEL * count + 0.9, 8.0), len(rows) * (0.92 * PANEL * aspect + 0.85) + 1.7)
    with open_figure(size, path, layout="constrained") as figure:
        figure.suptitle(_title(scene), fontsize=13, parse_math=False)
        grid = figure.subplots(len(rows), count, squeeze=False)
        handles: list = []
        for row, axes in zip(rows, grid):
            handles += row(scene, figure, axes)
        handles += [Patch(facecolor=OUTSIDE, label="outside the map")] if scene.leaves_map else []
        look = {"frameon": False, "fontsize": 10, "title_fontsize": 10, "title": _caption(scene, 40 * max(count, 2))}
        figure.legend(handles=handles, loc="outside lower center", ncols=max(count, 2), **look)


def _title(scene: Scene) -> str:
    box, map_shape, image_shape, _ = scene.place
    rows, columns = roi_axes(*scene.place)
    y1, x1, y2, x2 = roi_cells(box, map_shape, image_shape)
    sizes = f"{rows.end - rows.start:g} x {columns.end - columns.start:g} pixels = {y2 - y1:.2f} x {x2 - x1:.2f} cells"
    strides = {f"{side / cells:g}" for side, cells in zip(image_shape, map_shape)}
    where = f"from row {y1:.2f}, column {x1:.2f} of a {map_shape[0]} x {map_shape[1]} map"
    line = f"An RoI of {sizes} {where}, stride {' and '.join(sorted(strides))}, {rows.bins} x {columns.bins} bins"
    return line if len(scene.methods) > 2 else line.replace(" from row", "\nfrom row")


def _caption(scene: Scene, width: int) -> str:
    """How to read the frame: the picture must not claim more agreement than there is."""
    parts = ["Cell k of the map is the square from k to k + 1; the RoI is drawn at its pixels divided by the stride."]
    half = [TITLES[m] for m in scene.methods if m == "roi_warp" or (m == "roi_align" and not scene.options["aligned"])]
    if half:
        reads = "s" if len(half) == 1 else ""
        own = f"{' and '.join(half)} take{reads} coordinate k for the centre of cell k and so read{reads}"
        parts.append(f"{own} half a cell further down and right than the RoI is drawn.")
    if "roi_align" in scene.methods:
        aligned = "aligned=True takes this half cell back" if not scene.options["aligned"] else ""
        parts.append(f"RoIAlign's {aligned}." if aligned else "RoIAlign is aligned=True: squares, as drawn.")
    if "crop_and_resize" in scene.methods:
        parts.append(
            "crop_and_resize takes one sample a bin, from corner to corner of the RoI, and lays the centres of the "
            "image's corner pixels on those of the map's corner cells."
        )
    if scene.hides_roi:
        parts.append("The RoI reaches beyond what is shown.")
    return textwrap.fill(" ".join(parts), width)
