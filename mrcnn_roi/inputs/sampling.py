"""Class-balanced sampling: images with rare classes come several times in a pass.

Repeat factor sampling of Gupta, Dollar and Girshick, "LVIS", 2019, section 4.2. f(c) is the share of the images that
hold class c, and r(c) = max(1, sqrt(t / f(c))) how often it should come; an image comes as often as its rarest class
asks for. The paper's t, 0.001 for 1203 classes, is about one over their number.
"""

from __future__ import annotations

import numpy as np

from mrcnn_roi.datasets.scan import scan_dataset


def repeat_factors(image_rows, class_ids, num_images: int, threshold: float | None = None) -> np.ndarray:
    """How often each image should come in a pass on average, float64 [I], each from 1 on.

    image_rows: int [M], the image 0..I-1 of each object. class_ids: int [M]; those of crowds, below 1, do not count.
    threshold: t, the share of the images below which a class is rare; None takes one over the number of classes.
    """
    image_rows, class_ids = np.asarray(image_rows, np.int64), np.asarray(class_ids, np.int64)
    pairs = np.unique(np.stack([image_rows, class_ids], axis=1)[class_ids > 0], axis=0)  # a class counts once an image
    factors = np.ones(num_images)
    if not len(pairs):
        return factors
    _, which, images = np.unique(pairs[:, 1], return_inverse=True, return_counts=True)
    rare = 1.0 / len(images) if threshold is None else float(threshold)
    of_class = np.sqrt(np.maximum(1.0, rare * num_images / images))
    np.maximum.at(factors, pairs[:, 0], of_class[which])
    return factors


def dataset_repeat_factors(dataset, threshold: float | None = None, channels: int = 3) -> np.ndarray:
    """repeat_factors of a prepared dataset, in the order of its image_ids.

    Where annotations do not say which classes an image has, its masks are loaded once, in worker processes; with the
    config's number of channels, what the preflight has read is not read again.
    """
    scan = scan_dataset(dataset, fast=True, channels=channels)
    if not scan.instances_known.all():
        scan = scan_dataset(dataset, limit=None, channels=channels)
    return repeat_factors(scan.instance_image, scan.class_id, scan.num_images, threshold)


def config_repeats(dataset, config) -> np.ndarray | None:
    """dataset_repeat_factors with the settings of a config; None where its SAMPLING is "uniform"."""
    if getattr(config, "SAMPLING", "uniform") != "balanced":
        return None
    channels = int(getattr(config, "IMAGE_CHANNEL_COUNT", 3))
    return dataset_repeat_factors(dataset, getattr(config, "SAMPLING_THRESHOLD", None), channels)
