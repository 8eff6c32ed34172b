"""Writes tests/ops/data/roi_align.npz and roi_pool.npz: what torchvision's CPU kernels answer, forward and gradient.

Run by hand, in an environment that has torch and torchvision (made with torch 2.13.0, torchvision 0.28.0):

    python tests/ops/make_torchvision_goldens.py

Everything is stored in torchvision's layout: maps [B, C, H, W], rois [K, (batch index, x1, y1, x2, y2)] in pixels, rows
of the images mixed but as many of each. A case is `case_name/...`: output and upstream [K, C, ph, pw], gradient (of
sum(output * upstream) to the map) [B, C, H, W], and `settings`, its arguments as JSON.

torchvision and reversed or empty RoIs, which it accepts though its documentation asks for x1 < x2:
    roi_align, aligned=False   every side is at least one cell long, from x1 or y1 on; so are reversed ones
    roi_align, aligned=True    sampled backwards; with zero length, one place read again and again
    adaptive and aligned=True  ceil(length / bins) is 0 or less: no samples, the result is 0. With ONE side reversed the
                               CPU kernel refuses ("cannot create std::vector larger than max_size()", a negative number
                               of samples): those cases have both sides reversed instead
    roi_pool                   at least one cell long
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

DATA = Path(__file__).parent / "data"
MAPS = {"wide": (2, 3, 9, 13), "tall": (3, 1, 16, 7), "deep": (1, 5, 12, 12)}  # [B, C, H, W]

# (map, spatial_scale, pool_shape, sampling_ratio, aligned)
ALIGN_CASES = [
    ("wide", 0.25, (2, 3), 2, False),
    ("wide", 0.25, (2, 3), 2, True),
    ("wide", 0.25, (3, 2), 0, False),
    ("wide", 0.25, (3, 2), 0, True),
    ("wide", 1.0, (4, 4), 1, False),
    ("wide", 0.3, (2, 3), 3, True),
    ("wide", 0.3, (2, 3), -1, False),
    ("tall", 0.0625, (7, 7), 2, False),
    ("tall", 0.0625, (1, 1), 1, True),
    ("tall", 1.0, (2, 2), 3, False),
    ("tall", 0.3, (3, 4), -1, True),
    ("deep", 1.0, (3, 3), 3, True),
    ("deep", 0.0625, (3, 3), 0, False),
    ("deep", 0.25, (1, 2), 1, True),
]
# (map, spatial_scale, pool_shape)
POOL_CASES = [
    ("wide", 1.0, (2, 3)),
    ("wide", 0.25, (3, 2)),
    ("wide", 0.3, (2, 3)),
    ("tall", 0.0625, (7, 7)),
    ("tall", 1.0, (1, 1)),
    ("deep", 0.25, (3, 3)),
    ("deep", 0.0625, (2, 2)),
    ("ties", 1.0, (2, 3)),
]


def cell_rois(height, width):
    """RoIs [K, (x1, y1, x2, y2)] in cells of a map, by what is special about them."""
    h, w = float(height), float(width)
    random = np.random.default_rng(5).uniform([-1.5, -1.5], [w + 1.5, h + 1.5], (8, 2, 2))
    random = np.concatenate([random.min(1), random.max(1)], 1)
    special = [
        # touching every border, and the whole map
        (0, 2, 4, 6), (2, 0, 5, 3), (w - 4, 1, w, 5), (1, h - 4, 6, h), (0, 0, w, h), (0, 0, w - 1, h - 1),
        # leaving on the left, at the top, on the right, at the bottom; bigger than the map
        (-2.3, 1.2, 2.4, 5.1), (1.1, -1.7, 4.2, 2.6), (w - 2.6, 2.2, w + 3.1, 6.4), (1.3, h - 2.2, 5.6, h + 1.9),
        (-3.4, -2.6, w + 2.7, h + 3.3), (-6, -5, w + 4, h + 6),
        # entirely outside: each side, by less and more than the cell that still reads the border, and far away
        (-0.9, 1.0, -0.2, 3.0), (-4.5, 1.0, -1.2, 3.0), (1.0, -5.0, 3.0, -2.0), (w + 0.2, 1.0, w + 3.0, 3.0),
        (1.0, h + 0.3, 3.0, h + 2.0), (-30, -40, -20, -25),
        # samples exactly on the limit (-1 and the size of the map)
        (-1.5, -1.5, -0.5, -0.5), (-1, -1, 1, 1), (w - 0.5, h - 0.5, w + 0.5, h + 0.5), (-2, -2, 0, 0),
        # no area: a point in a cell, on a cell, at the border; lines both ways
        (3.3, 2.7, 3.3, 2.7), (2, 3, 2, 3), (w, h, w, h), (1.4, 2.0, 5.2, 2.0), (4.5, 1.0, 4.5, 6.5),
        # reversed: both sides, x only, y only
        (5.2, 6.1, 1.3, 2.2), (6.0, 1.0, 2.0, 4.0), (1.5, 5.5, 4.5, 2.5),
        # whole cells; one cell; half cells, where round() decides (halves away from zero, below zero too)
        (1, 2, 5, 4), (3, 3, 4, 4), (0.5, 1.5, 2.5, 4.5), (1.5, 0.5, 4.5, 3.5), (-0.5, -1.5, 2.5, 1.5),
        (-2.5, -0.5, 0.5, 3.5),
    ]  # fmt: skip
    return np.concatenate([random, special]).astype(np.float32)


def case_rois(batch, height, width, scale, both_reversed):
    """rois [K, (batch index, x1, y1, x2, y2)] in pixels, float32: as many an image, the images' rows mixed."""
    cells = cell_rois(height, width)
    if both_reversed:
        one_side = (cells[:, 2] < cells[:, 0]) != (cells[:, 3] < cells[:, 1])
        cells[one_side] = (5.2, 4.1, 1.3, 2.2)
    tiny = np.array([[7.3, 11.2, 7.4, 11.3], [16.0, 16.0, 16.1, 16.1]], np.float32)  # 0.1 pixel
    pixels = np.concatenate([(cells / np.float32(scale)).astype(np.float32), tiny])
    pixels = np.concatenate([pixels, np.zeros((-len(pixels) % batch, 4), np.float32)])
    index = np.arange(len(pixels), dtype=np.float32) % batch
    index = np.random.default_rng(3).permutation(index)
    return np.concatenate([index[:, None], pixels], 1)


def arrays(case, settings, rois, result, upstream, gradient):
    parts = {"rois": rois, "upstream": upstream, "output": result, "gradient": gradient}
    return {
        f"{case}/settings": json.dumps(settings),
        **{f"{case}/{name}": np.asarray(part, np.float32) for name, part in parts.items()},
    }


def make(operator, maps, cases):
    """All arrays of one file; `operator(map, rois, settings)` is torchvision's."""
    import torch

    rng = np.random.default_rng(11)
    stored = {f"map_{name}": each for name, each in maps.items()}
    for settings in cases:
        feature_map = torch.from_numpy(maps[settings["map"]]).requires_grad_()
        batch, _, height, width = feature_map.shape
        reversed_ = settings.get("aligned", False) and settings["sampling_ratio"] <= 0
        rois = case_rois(batch, height, width, settings["spatial_scale"], reversed_)
        output = operator(feature_map, torch.from_numpy(rois), settings)
        upstream = (rng.integers(-64, 65, output.shape) / 32).astype(np.float32)  # few digits: packs well
        (output * torch.from_numpy(upstream)).sum().backward()
        case = "-".join(str(value).replace(" ", "") for value in settings.values())
        stored |= arrays(case, settings, rois, output.detach().numpy(), upstream, feature_map.grad.numpy())
    return stored


def main():
    from torchvision.ops import roi_align, roi_pool

    rng = np.random.default_rng(7)
    maps = {name: rng.normal(size=shape).astype(np.float32) for name, shape in MAPS.items()}
    # Zeros where an activation cut off, and equal values: the maximum of a bin is not unique.
    ties = {"ties": np.maximum(rng.integers(-3, 3, MAPS["wide"]), 0).astype(np.float32)}

    def align(feature_map, rois, s):
        return roi_align(feature_map, rois, s["pool_shape"], s["spatial_scale"], s["sampling_ratio"], s["aligned"])

    def pool(feature_map, rois, s):
        return roi_pool(feature_map, rois, s["pool_shape"], s["spatial_scale"])

    align_names = ("map", "spatial_scale", "pool_shape", "sampling_ratio", "aligned")
    align_cases = [dict(zip(align_names, case)) for case in ALIGN_CASES]
    pool_cases = [dict(zip(align_names, case)) for case in POOL_CASES]
    DATA.mkdir(exist_ok=True)
    np.savez_compressed(DATA / "roi_align.npz", **make(align, maps, align_cases))
    np.savez_compressed(DATA / "roi_pool.npz", **make(pool, maps | ties, pool_cases))


if __name__ == "__main__":
    main()
