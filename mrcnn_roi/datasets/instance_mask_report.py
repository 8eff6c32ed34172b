"""What is said of mask files while they are listed: sizes that are not the image's, and grey values in a sample."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from mrcnn_roi.datasets.images import read_header
from mrcnn_roi.datasets.instance_mask_files import Mask, Sample
from mrcnn_roi.datasets.instance_mask_pixels import as_mask, grey_pixels, mask_header
from mrcnn_roi.datasets.label_map_pixels import distinct
from mrcnn_roi.datasets.problems import Problems, shown
from mrcnn_roi.findings import SetupError

Size = tuple[int, int]  # height, width
MOST_SAMPLED, SAMPLED_PIXELS = 500, 40_000_000  # masks that are decoded for their values, about half a second


def header_of(mask: Mask) -> Size:
    """(height, width) of a mask. Raises SetupError naming the file."""
    header = mask_header(mask.path)
    return header.height, header.width


def sizes_of(image: Path) -> tuple[Size, ...]:
    """(height, width) of an image as stored and after its EXIF orientation; () where the scan will report the file."""
    try:
        header = read_header(image)
    except SetupError:
        return ()
    return header.oriented_size(False), header.oriented_size(True)


def report_sizes(
    sample: Sample, sizes: list[tuple[Mask, Size]], most: Size | None, image: tuple[Size, ...], problems: Problems
) -> None:
    """Adds the masks of another size than their image: all of them as one fault where they agree with one another."""
    fix = "save masks in the size of their image, resized with nearest neighbour"
    place = f"image {shown(sample.image.name)}"
    for mask, size in sizes:
        if size != most and most is not None:
            others = "the image" if most in image and size not in image else "the others"
            detail = f"{size[1]} x {size[0]} pixels, {others} {most[1]} x {most[0]}"
            problems.add("ds-mask-shape", f"{place}, mask {shown(mask.name)}", detail, fix)
    if most is not None and image and most not in image:
        count = sum(size == most for _, size in sizes)
        named = f"mask {shown(sizes[0][0].name)}" if count == 1 else f"{count} masks"
        detail = f"{most[1]} x {most[0]} pixels, the image {image[1][1]} x {image[1][0]}"
        problems.add("ds-mask-shape", f"{place}, {named}", detail, fix)


def report_grey(masks: list[Mask], infos: list[dict[str, Any]], problems: Problems) -> int:
    """Adds masks with more than two values among a sample spread over the set; returns how many were looked at."""
    sizes = [info["mask_size"] for info in infos if info["mask_size"]]
    pixels = max((height * width for height, width in sizes), default=1)
    count = min(len(masks), MOST_SAMPLED, max(1, SAMPLED_PIXELS // pixels))
    sampled = 0
    for place in np.linspace(0, len(masks) - 1, count).astype(int).tolist() if masks else ():
        mask = masks[place]
        try:
            pixels = grey_pixels(mask.path)
            as_mask(pixels, mask.path)
        except SetupError:  # the scan reports it
            continue
        sampled += 1
        values = len(distinct(pixels) if pixels.dtype.kind == "u" else np.unique(pixels))
        if values > 2:
            fix = "save masks as PNGs of 0 and 255: no JPEG, no smooth edges, resized with nearest neighbour"
            problems.add("ds-mask-nonbinary", f"mask {shown(mask.name)}", f"{values} values", fix)
    return sampled
