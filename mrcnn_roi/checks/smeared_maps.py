"""Label maps that were resized with interpolation, or saved as JPEG: every number between two objects is an object.

Nothing here opens a file: areas and boxes of a scan tell.
"""

from __future__ import annotations

from typing import Any

import numpy as np

MANY = 20  # instances in an image; below, a few broken ones prove nothing
SPECK = 3  # pixels
REACH = 2 / 3  # of the longer side


def smeared_images(dataset: Any, scan: Any) -> np.ndarray:
    """bool [I]: images of at least 20 instances, of which more than half are debris and more than a fifth in pieces.

    In pieces: fewer pixels than two thirds of the longer side of the box. One object has at least a pixel for each row
    or column from its one end to the other, however thin, slanted or crowded it is; the margin is for what others hide
    of it. Debris: in pieces, or 3 pixels at most. Outlines and run lengths of annotation files are left alone, and so
    are crowds and what the scan did not read.
    """
    count, rows, area = len(scan.image_ids), scan.instance_image, scan.mask_area
    counted = (area > 0) & (scan.class_id > 0)
    if counted.sum() < MANY:
        return np.zeros(count, bool)
    pieces = counted & (area < REACH * (scan.box[:, 2:] - scan.box[:, :2]).max(axis=1, initial=0))
    debris = pieces | (counted & (area <= SPECK))
    total, in_pieces, of_debris = (np.bincount(rows[each], minlength=count) for each in (counted, pieces, debris))
    smeared = (total >= MANY) & (2 * of_debris > total) & (5 * in_pieces > total)
    for row in np.flatnonzero(smeared).tolist():
        smeared[row] = not dataset.image_info[int(scan.image_ids[row])].get("records")
    return smeared
