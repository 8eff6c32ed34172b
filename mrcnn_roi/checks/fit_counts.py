"""Checks of the Config against the data (group "fit"): how many images and objects there are.

Images without objects are trained on as negatives here (Matterport skipped them), so a set in which only some
images hold objects is fine, and one without any does not hang.
"""

from __future__ import annotations

import numpy as np

from mrcnn_roi.checks.scan_faults import nothing_read
from mrcnn_roi.checks.splits import batch_size, data_check, listed_images, whole
from mrcnn_roi.checks.values import Reading, compact, number
from mrcnn_roi.findings import Severity


@data_check("cd-no-positive-images", Severity.ERROR, "fit")
def no_positive_images(splits):
    """Not one image has an object. From such a train nothing could be learned. Over such a val the original hung
    at the end of the first epoch; here images without objects are negatives and validation runs, but three of
    its five losses are exactly 0 whatever the network does, so epochs would be compared by wrong numbers. Silent
    where images or masks could not be read, where all are crowds, and where the annotation file lost them."""
    for split in splits:
        count = len(split.scan.image_ids)
        if getattr(split.dataset, "objects_lost", False) is True or nothing_read(split):
            continue
        if split.sound.all() and not split.scan.class_id.any() and not len(split.scan.class_id):
            overridden = "load_mask" in vars(split.dataset) or _overrides_load_mask(type(split.dataset))
            fix = "check that load_mask finds the annotations of its images" if overridden else "override load_mask()"
            training = split.name == "train"
            effect = "nothing can be learned" if training else "box and mask losses of the validation are 0"
            if overridden and not training:
                fix += "; where they have none, divide the images anew: split_dataset(dataset, seed=1)"
            yield split.name, f"0 of {count} images contain an object: {effect}", fix


def _overrides_load_mask(kind: type) -> bool:
    """Whether a class or one of its parents, other than the base class Dataset, has its own load_mask."""
    return any("load_mask" in vars(each) and each.__name__ != "Dataset" for each in kind.__mro__)


@data_check("cd-background-images", Severity.INFO, "fit")
def background_images(splits):
    """Some images hold no object. They are trained on as negatives here; Matterport skipped them silently."""
    for split in splits:
        empty = np.flatnonzero(split.sound & (np.bincount(split.scan.instance_image, minlength=len(split.sound)) == 0))
        if 0 < len(empty) < len(split.sound):
            message = f"{listed_images(split, empty)}: without an object, used as negatives"
            yield split.name, message, "nothing to do, unless their objects should have been annotated"


@data_check("cd-max-gt", Severity.WARNING, "fit")
def more_objects_than_slots(config, splits):
    """An image has more objects than MAX_GT_INSTANCES. At each step a random choice of them is used, and the
    heads learn the others as background."""
    yield from _too_many(config, "MAX_GT_INSTANCES", splits, "the heads learn the rest as background")


@data_check("cd-detection-max", Severity.WARNING, "fit")
def more_objects_than_detections(config, splits):
    """An image has more objects than DETECTION_MAX_INSTANCES: at most that many will ever be found in it."""
    yield from _too_many(config, "DETECTION_MAX_INSTANCES", splits, "detection stops there")


def _too_many(config: Reading, name: str, splits, effect: str):
    limit = whole(config, name)
    most = max((int(split.per_image.max(initial=0)) for split in splits), default=0)
    if most > limit:
        over = {split.name: np.flatnonzero(split.per_image > limit) for split in splits}
        listed = {
            split.name: listed_images(split, rows, "{} objects", split.per_image)
            for split in splits
            if len(rows := over[split.name])
        }
        described = " and ".join(f"{name}: {text}" for name, text in listed.items())
        yield name, f"{name}={limit}, {effect}; {described}", f"set {name} = {-(-most // 10) * 10}"


@data_check("cd-train-rois-dense", Severity.INFO, "fit")
def few_rois_per_object(config, train):
    """Images hold more objects on average than positive RoIs are sampled from them: many objects of an image
    have no part in a step of the heads."""
    rois, ratio = whole(config, "TRAIN_ROIS_PER_IMAGE"), number(config.ROI_POSITIVE_RATIO)
    if ratio is None or not 0 < ratio <= 1 or not train.per_image.any():
        return
    mean = float(train.per_image[train.per_image > 0].mean())
    if mean > rois * ratio:
        message = f"{mean:.0f} objects an image on average, {int(rois * ratio)} positive RoIs for them"
        yield (
            "TRAIN_ROIS_PER_IMAGE",
            message,
            f"set TRAIN_ROIS_PER_IMAGE = {-(-int(mean / ratio) // 100) * 100}",
        )


@data_check("cd-batch-gt-images", Severity.WARNING, "fit")
def fewer_images_than_a_batch(config, train):
    """train has fewer images than a batch: the same image is in a batch several times."""
    count, batch = len(train.scan.image_ids), batch_size(config)
    if count < batch:
        message = f"{count} training images for a batch of {batch}: images are repeated within a batch"
        yield "IMAGES_PER_GPU", message, f"set IMAGES_PER_GPU = {count} and GPU_COUNT = 1, or add images"


@data_check("cd-steps-vs-images", Severity.INFO, "fit")
def steps_against_images(config, train):
    """An epoch passes over much less or much more than all images. It need not be one pass, the data start
    over as often as needed; but epochs then mean something else than usual."""
    steps, batch, count = whole(config, "STEPS_PER_EPOCH"), batch_size(config), len(train.scan.image_ids)
    if not 0.5 <= steps * batch / count <= 5:
        seen = compact(float(f"{steps * batch / count:.2g}"))
        message = f"1 epoch = {steps * batch} images ({steps} steps x {batch}) of {count}: each seen {seen} times"
        yield (
            "STEPS_PER_EPOCH",
            message,
            f"STEPS_PER_EPOCH = {max(1, round(count / batch))} makes an epoch one pass",
        )


@data_check("cd-val-steps", Severity.INFO, "fit")
def validation_steps(config, train, val):
    """Validation looks at a small part of val, which makes its loss noisy, or several times at all of it."""
    steps, batch, count = whole(config, "VALIDATION_STEPS", 0), batch_size(config), len(val.scan.image_ids)
    if len(train.scan.image_ids) and not count / 5 <= steps * batch <= 5 * count:
        message = f"validation = {steps * batch} images ({steps} steps x {batch}) of {count}"
        yield (
            "VALIDATION_STEPS",
            message,
            f"VALIDATION_STEPS = {max(1, round(count / batch))} makes it one pass",
        )
