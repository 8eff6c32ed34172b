"""Suggestions from how many classes, images and objects there are. What is no setting comes as notes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mrcnn_roi.checks.fit import MUCH_RARER
from mrcnn_roi.checks.splits import Split, batch_size, whole
from mrcnn_roi.checks.suggestions.trial import Suggestion, Suggestions, training
from mrcnn_roi.checks.values import Reading, is_int, number

MOST_ROIS = 1000  # TRAIN_ROIS_PER_IMAGE: memory of the heads grows with it


def suggest_classes(config, splits: Sequence[Split], environment=None) -> Suggestions:
    """NUM_CLASSES, where all parts have the same number of classes."""
    counts = {split.scan.num_classes for split in splits}
    if len(counts) != 1 or min(counts) < 2 or is_int(Reading(config).NUM_CLASSES, min(counts), min(counts)):
        return {}
    count, names = counts.pop(), splits[0].scan.class_names
    shown = ", ".join(names[1:9]) + ", ..." * (count > 9)
    reason = f"the data have {count - 1} class{'es' * (count > 2)} beside the background: {shown}"
    return {"NUM_CLASSES": Suggestion(count, reason)}


def suggest_counts(config, splits: Sequence[Split], environment=None) -> Suggestions:
    """Slots for as many objects as an image has: MAX_GT_INSTANCES, DETECTION_MAX_INSTANCES, the RoIs."""
    reading, found, most = Reading(config), Suggestions(), _fullest(splits)
    slots = -(-most // 10) * 10
    for name in ("MAX_GT_INSTANCES", "DETECTION_MAX_INSTANCES"):
        if most > whole(reading, name):
            found[name] = Suggestion(slots, f"the fullest image has {most} objects, was {getattr(reading, name)}")
    proposals = whole(reading, "POST_NMS_ROIS_INFERENCE")
    if "DETECTION_MAX_INSTANCES" in found and proposals < slots:
        reason = f"room for {slots} detections an image, was {proposals}"
        found["POST_NMS_ROIS_INFERENCE"] = Suggestion(2 * slots, reason)
        if whole(reading, "PRE_NMS_LIMIT") < 2 * slots:
            found["PRE_NMS_LIMIT"] = Suggestion(6 * slots, "must not be below POST_NMS_ROIS_INFERENCE")
    return found | _suggest_rois(reading, training(splits))


def _fullest(splits: Sequence[Split]) -> int:
    return max((int(split.per_image.max(initial=0)) for split in splits), default=0)


def _suggest_rois(config: Reading, train: Split | None) -> Suggestions:
    rois, ratio = whole(config, "TRAIN_ROIS_PER_IMAGE"), number(config.ROI_POSITIVE_RATIO)
    if train is None or ratio is None or not 0 < ratio <= 1 or not train.per_image.any():
        return {}
    mean = float(train.per_image[train.per_image > 0].mean())
    if mean <= rois * ratio or rois >= MOST_ROIS:
        return {}
    better = min(-(-int(np.ceil(mean / ratio)) // 100) * 100, MOST_ROIS)
    reason = f"an image has {mean:.0f} objects on average and {int(rois * ratio)} positive RoIs were sampled from it"
    found = {"TRAIN_ROIS_PER_IMAGE": Suggestion(better, f"{reason}, now {int(better * ratio)}")}
    if whole(config, "POST_NMS_ROIS_TRAINING") < better:
        found["POST_NMS_ROIS_TRAINING"] = Suggestion(2 * better, f"{better} RoIs are sampled from them")
    return found


def suggest_steps(config, splits: Sequence[Split], environment=None) -> Suggestions:
    """Epochs and validations of about one pass over the data, where they are far from it."""
    reading, found, parts = Reading(config), Suggestions(), {split.name: split for split in splits}
    batch = batch_size(reading)
    for name, part, low, high in (("STEPS_PER_EPOCH", "train", 0.5, 5), ("VALIDATION_STEPS", "val", 0.2, 5)):
        images = len(parts[part].scan.image_ids) if part in parts else 0
        steps = whole(reading, name, 0)
        passes = steps * batch / max(images, 1)
        if images and steps and not low <= passes <= high:  # no validation steps are a choice
            better, was = max(1, round(images / batch)), f"{passes:.2g}" if passes < 10 else f"{passes:.0f}"
            kind = ("training" if part == "train" else "validation") + " image" + "s" * (images > 1)
            reason = f"one pass over {images} {kind} in batches of {batch}, was {was} passes"
            found[name] = Suggestion(better, reason)
    return found


def notes(splits: Sequence[Split]) -> list[str]:
    """What helps and is no setting: how to balance classes."""
    train = training(splits)
    if train is None:
        return []
    scan = train.scan
    ids = scan.class_id[train.objects]
    counts = np.bincount(ids[ids < scan.num_classes], minlength=scan.num_classes)
    present = np.flatnonzero(counts)
    rare = [i for i in present if counts[i] * MUCH_RARER < counts.max()]
    if not rare:
        return []
    table = ", ".join(f"{scan.class_names[i]} {counts[i]}" for i in present[np.argsort(-counts[present])][:10])
    times = ", ".join(f"{scan.class_names[i]} x{round((counts.max() / counts[i]) ** 0.5)}" for i in rare[:10])
    text = f"objects a class: {table}. There is no setting for it: add the images of the rare classes several times"
    return [f"{text} ({times})."]
