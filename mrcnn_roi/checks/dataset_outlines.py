"""Checks of the data (group "dataset") that are remarks: outlines that cross themselves, images that load slowly."""

from __future__ import annotations

import numpy as np

from mrcnn_roi.checks.splits import batch_size, data_check, listed_instances, whole
from mrcnn_roi.findings import Severity

SLOW = 0.5  # seconds an image from which loading is likely to be what training waits for


@data_check("ds-polygon-selfcross", Severity.INFO, "dataset")
def outline_crosses_itself(splits):
    """Polygons whose outline crosses itself, as a figure of eight does. Rasterizers count how often an outline goes
    around a pixel, and not all agree on what is inside: there may be holes in the mask that nobody drew."""
    for split in splits:
        crossing = np.flatnonzero(split.scan.crosses_itself == 1)
        if len(crossing):
            listed = listed_instances(split, crossing, len(split.scan.class_id))
            fix = "look at these masks (mrcnn-roi show), and draw the outlines anew where they have holes"
            yield split.name, f"outlines that cross themselves: {listed}", fix


@data_check("ds-load-slow", Severity.INFO, "dataset")
def loads_slowly(config, train):
    """load_image and load_mask take more than half a second an image. Training then waits for its data, and its first
    epoch looks as if it hung. Said of the time that reading took in the preflight; images that were known from an
    earlier one were not timed."""
    seconds = train.scan.load_seconds[np.isfinite(train.scan.load_seconds)]
    if len(seconds) == 0 or float(np.median(seconds)) < SLOW:
        return
    median, images = float(np.median(seconds)), whole(config, "STEPS_PER_EPOCH") * batch_size(config)
    message = f"the median image takes {median:.1f} s to load with its masks: an epoch of {images} images "
    message += f"takes one process {max(median * images / 60, 0.1):.1f} minutes"
    fix = "store the images at about the size the network sees, and the masks drawn, on a local disk"
    yield "train", message, fix
