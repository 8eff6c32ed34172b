"""Checks of what the network is trained on: sampled RoIs and anchors, masks, box deviations."""

from __future__ import annotations

import math

from mrcnn_roi.checks.config.images import resize_mode
from mrcnn_roi.checks.config.schema import derived_values
from mrcnn_roi.checks.values import Reading, config_check, int_pair, is_int, number, number_list, show
from mrcnn_roi.findings import Severity


def uses_mini_masks(config: Reading) -> bool | None:
    """USE_MINI_MASK, None where it is neither true nor false (cfg-type reports it)."""
    value = config.USE_MINI_MASK
    return bool(value) if isinstance(value, bool) or is_int(value, 0, 1) else None


def positive_ratio(config: Reading) -> float | None:
    """ROI_POSITIVE_RATIO when it lies above 0 and up to 1."""
    ratio = number(config.ROI_POSITIVE_RATIO)
    return ratio if ratio is not None and 0 < ratio <= 1 else None


@config_check("cfg-roi-positive-zero", Severity.ERROR)
def no_positive_rois(config):
    """TRAIN_ROIS_PER_IMAGE times ROI_POSITIVE_RATIO is below 1. The number of positive RoIs is cut to a
    whole number, 0: the box and mask heads never see an object, and their losses are exactly 0 for ever."""
    rois, ratio = config.TRAIN_ROIS_PER_IMAGE, positive_ratio(config)
    where = "TRAIN_ROIS_PER_IMAGE, ROI_POSITIVE_RATIO"
    if is_int(rois) and rois < 1:
        message = f"TRAIN_ROIS_PER_IMAGE is {rois}: no RoI is sampled, box and mask heads never train"
        yield where, message, "set TRAIN_ROIS_PER_IMAGE = 200 (the default)"
    elif is_int(rois) and ratio is not None and int(rois * ratio) < 1:
        fix = "set ROI_POSITIVE_RATIO = 0.33"
        if ratio > 1e-3:
            enough = next(count for count in range(rois, 1100) if int(count * ratio) >= 1)
            fix = f"set TRAIN_ROIS_PER_IMAGE = {max(200, enough)} (at least {enough})"
        yield where, f"{rois} x {ratio:g} -> 0 positive RoIs: box and mask heads never train", fix


@config_check("cfg-roi-positive-ratio", Severity.ERROR)
def roi_positive_ratio(config):
    """ROI_POSITIVE_RATIO does not lie above 0 and up to 1. The number of negatives is computed from
    1/ratio: a division by zero, or a negative number of RoIs. Exactly 1 is allowed and leaves no negatives
    (an info)."""
    value = config.ROI_POSITIVE_RATIO
    if positive_ratio(config) is None:
        message = f"ROI_POSITIVE_RATIO is {show(value)}, expected a share above 0 and up to 1: RoIs cannot be sampled"
        yield "ROI_POSITIVE_RATIO", message, "set ROI_POSITIVE_RATIO = 0.33"
    elif value == 1:
        message = "ROI_POSITIVE_RATIO is 1: the heads are trained on objects only, without negatives"
        yield (
            "ROI_POSITIVE_RATIO",
            message,
            "set ROI_POSITIVE_RATIO = 0.33 for two negatives to a positive",
            Severity.INFO,
        )


@config_check("cfg-roi-counts", Severity.WARNING)
def roi_counts(config):
    """Fewer boxes enter a stage than leave it: POST_NMS_ROIS_TRAINING below TRAIN_ROIS_PER_IMAGE, or
    PRE_NMS_LIMIT below a POST_NMS_ROIS number. The missing boxes are padded with zeros, and the heads
    learn less per step."""
    before, sampled = config.PRE_NMS_LIMIT, config.TRAIN_ROIS_PER_IMAGE
    training, inference = config.POST_NMS_ROIS_TRAINING, config.POST_NMS_ROIS_INFERENCE
    if is_int(training, 1) and is_int(sampled, 1) and training < sampled:
        message = f"POST_NMS_ROIS_TRAINING={training} < TRAIN_ROIS_PER_IMAGE={sampled}: the rest is padded with zeros"
        enough = max(sampled, min(10 * sampled, before)) if is_int(before, 1) else 10 * sampled
        yield (
            "POST_NMS_ROIS_TRAINING, TRAIN_ROIS_PER_IMAGE",
            message,
            f"set POST_NMS_ROIS_TRAINING = {enough}",
        )
    after = {"POST_NMS_ROIS_TRAINING": training, "POST_NMS_ROIS_INFERENCE": inference}
    above = {name: count for name, count in after.items() if is_int(count, 1) and is_int(before, 1) and before < count}
    if above:
        listed = ", ".join(f"{name}={count}" for name, count in above.items())
        message = (
            f"PRE_NMS_LIMIT={before} is below {listed}: that many proposals can never be left, zeros fill the rest"
        )
        yield ", ".join(["PRE_NMS_LIMIT", *above]), message, f"set PRE_NMS_LIMIT = {3 * max(above.values())}"


@config_check("cfg-rpn-train-anchors", Severity.ERROR)
def rpn_train_anchors(config):
    """RPN_TRAIN_ANCHORS_PER_IMAGE is not a whole number from 2 on. Half of them are positive: below 2
    there is none, and the RPN never learns what an object is. An odd number is an info: the half is
    rounded down."""
    anchors = config.RPN_TRAIN_ANCHORS_PER_IMAGE
    if not is_int(anchors, 2):
        message = (
            f"RPN_TRAIN_ANCHORS_PER_IMAGE is {show(anchors)}, expected a whole number from 2 on, half of which may be "
            "positive: the RPN could not be trained"
        )
        yield "RPN_TRAIN_ANCHORS_PER_IMAGE", message, "set RPN_TRAIN_ANCHORS_PER_IMAGE = 256"
    elif anchors % 2:
        message = f"RPN_TRAIN_ANCHORS_PER_IMAGE is odd: {anchors // 2} of {anchors} may be positive"
        yield (
            "RPN_TRAIN_ANCHORS_PER_IMAGE",
            message,
            f"set RPN_TRAIN_ANCHORS_PER_IMAGE = {anchors + 1}",
            Severity.INFO,
        )


@config_check("cfg-mini-mask-shape", Severity.ERROR)
def mini_mask_shape(config):
    """MINI_MASK_SHAPE is not two whole numbers from 1 on while mini masks are used. Ground-truth masks
    cannot be resized to it. A list of two is fine, Config() makes it the tuple the original needs."""
    if uses_mini_masks(config) and int_pair(config.MINI_MASK_SHAPE) is None:
        message = (
            f"MINI_MASK_SHAPE is {show(config.MINI_MASK_SHAPE)}, expected (height, width), whole numbers from 1 on: "
            "masks cannot be resized to it"
        )
        yield "MINI_MASK_SHAPE", message, "set MINI_MASK_SHAPE = (56, 56)"


@config_check("cfg-mini-mask-small", Severity.WARNING)
def mini_mask_small(config):
    """Mini masks are smaller than MASK_SHAPE, the mask the network learns. The targets are enlarged from
    them, so the network learns blurred outlines."""
    mini, mask = int_pair(config.MINI_MASK_SHAPE), int_pair(config.MASK_SHAPE)
    if uses_mini_masks(config) and mini and mask and min(mini) < min(mask):
        text = (
            f"MINI_MASK_SHAPE {mini[0]}x{mini[1]} < MASK_SHAPE {mask[0]}x{mask[1]}: "
            "mask targets are upsampled and blurred"
        )
        yield "MINI_MASK_SHAPE", text, f"set MINI_MASK_SHAPE = ({2 * mask[0]}, {2 * mask[1]})"


@config_check("cfg-full-mask-nonsquare", Severity.ERROR)
def full_masks_of_varying_size(config):
    """Full-size masks (USE_MINI_MASK False) in a mode whose images have no fixed size. The masks enter the
    network at IMAGE_SHAPE, and images resized by "pad64" or "none" have another shape. An IMAGE_SHAPE of
    your own for images of one size is left alone."""
    mode, expected = resize_mode(config), derived_values(config.raw).get("IMAGE_SHAPE")
    if uses_mini_masks(config) is not False or mode not in ("pad64", "none") or expected is None:
        return
    shape = number_list(config.IMAGE_SHAPE)
    if shape is None or shape == expected.tolist():
        message = (
            f'USE_MINI_MASK=False in "{mode}" mode: full masks must be {expected[0]}x{expected[1]}, images will differ'
        )
        fix = 'set USE_MINI_MASK = True, or IMAGE_RESIZE_MODE = "square"'
        yield "USE_MINI_MASK, IMAGE_RESIZE_MODE", f"{message}: the masks do not fit into the network", fix


@config_check("cfg-full-mask-memory", Severity.WARNING)
def full_mask_memory(config):
    """The full-size masks of one batch take more than a gigabyte of host memory at every step. Mini masks
    hold the same objects in a few megabytes."""
    mode, batch = resize_mode(config), derived_values(config.raw).get("BATCH_SIZE")
    side = config.IMAGE_MIN_DIM if mode == "crop" else config.IMAGE_MAX_DIM
    slots = config.MAX_GT_INSTANCES
    if uses_mini_masks(config) is not False or mode not in ("square", "crop") or batch is None:
        return
    if is_int(side, 1) and is_int(slots, 1) and (size := batch * side**2 * slots) > 1e9:
        message = (
            f"batch of masks = {size / 1e9:.1f} GB per step ({batch} x {side} x {side} x {slots} MAX_GT_INSTANCES)"
        )
        yield "USE_MINI_MASK", message, "set USE_MINI_MASK = True"


@config_check("cfg-bbox-std", Severity.ERROR)
def box_deviations(config):
    """RPN_BBOX_STD_DEV or BBOX_STD_DEV is not four positive numbers. Box targets are divided by them: 0
    gives infinite targets, and the losses are NaN from the first step."""
    for name in ("RPN_BBOX_STD_DEV", "BBOX_STD_DEV"):
        values = number_list(getattr(config, name))
        if values is None or len(values) != 4 or min(values) <= 0 or math.isinf(1 / min(values)):
            message = f"{name} is {show(getattr(config, name))}, expected four positive numbers (dy, dx, dh, dw)"
            fix = f"set {name} = np.array([0.1, 0.1, 0.2, 0.2])"
            yield name, f"{message}: box targets are divided by them", fix
