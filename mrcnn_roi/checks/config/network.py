"""Checks of the backbone, the anchors, the thresholds and the sizes of the heads."""

from __future__ import annotations

from mrcnn_roi.checks.values import (
    Reading,
    closest,
    compact,
    config_check,
    flat_list,
    int_pair,
    is_int,
    number,
    number_list,
    show,
)
from mrcnn_roi.findings import Severity

BACKBONES = ("resnet50", "resnet101", "tiny")


@config_check("cfg-backbone-name", Severity.ERROR)
def backbone_name(config):
    """BACKBONE is neither a backbone this package builds nor a function that builds one. The network
    cannot be built."""
    backbone = config.BACKBONE
    if callable(backbone) or (isinstance(backbone, str) and backbone in BACKBONES):
        return
    meant = closest(backbone.strip().lower(), BACKBONES, 0.5) if isinstance(backbone, str) else None
    message = f"BACKBONE is {show(backbone)}, supported are {', '.join(BACKBONES)} and functions: nothing can be built"
    yield "BACKBONE", message, f'set BACKBONE = "{meant or "resnet101"}"'


@config_check("cfg-backbone-shape-fn", Severity.ERROR)
def backbone_shape_missing(config):
    """BACKBONE is a function of yours, but COMPUTE_BACKBONE_SHAPE is not. Without the sizes of its maps no
    anchors can be made, and building the network stops."""
    if callable(config.BACKBONE) and not callable(config.COMPUTE_BACKBONE_SHAPE):
        message = f"BACKBONE is a function but COMPUTE_BACKBONE_SHAPE is {show(config.COMPUTE_BACKBONE_SHAPE)}"
        fix = (
            "set COMPUTE_BACKBONE_SHAPE to a function of image_shape that returns [[height, width], "
            "...] of the maps, e.g. "
        )
        example = "lambda shape: [[-(-shape[0] // s), -(-shape[1] // s)] for s in (4, 8, 16, 32, 64)]"
        yield (
            "COMPUTE_BACKBONE_SHAPE",
            f"{message}: the sizes of its maps are unknown, so are the anchors",
            fix + example,
        )


def usable_strides(config: Reading) -> list[int] | None:
    """BACKBONE_STRIDES when they are strictly increasing whole numbers from 1 on (4.0 will do), else None."""
    strides = number_list(config.BACKBONE_STRIDES)
    if strides is None or any(each < 1 or each != int(each) for each in strides):
        return None
    rising = all(before < after for before, after in zip(strides, strides[1:]))
    return [int(each) for each in strides] if rising else None


@config_check("cfg-strides-order", Severity.ERROR)
def strides_order(config):
    """BACKBONE_STRIDES are not strictly increasing whole numbers from 1 on. They say how many pixels a
    cell of each pyramid level covers, finest first; in another order the anchors lie on the wrong level."""
    if usable_strides(config) is not None:
        return
    strides = number_list(config.BACKBONE_STRIDES) or []
    whole = sorted({int(each) for each in strides if each >= 1 and each == int(each)})
    problem, better = "expected whole numbers from 1 on", [4, 8, 16, 32, 64]
    if strides and all(each >= 1 and each == int(each) for each in strides):
        problem = "expected each larger than the one before"
        better = whole if len(strides) == len(whole) else better
    message = f"BACKBONE_STRIDES is {show(config.BACKBONE_STRIDES)}, {problem}: anchors would lie on the wrong level"
    yield "BACKBONE_STRIDES", message, f"set BACKBONE_STRIDES = {better}"


def _bad_item(name: str, value, what: str) -> str | None:
    """What is wrong with a list of positive numbers, or None."""
    items = flat_list(value)
    if items is None:
        return f"{name} is {show(value)}, expected a list of numbers"
    if not items:
        return f"{name} is empty"
    for index, item in enumerate(items):
        if isinstance(item, (list, tuple)) or hasattr(item, "__len__") and not isinstance(item, str):
            return f"{name}[{index}] is {show(item)}, expected one number: {what}"
        size = number(item)
        if size is None or size <= 0:
            return f"{name}[{index}] is {show(item)}, expected a number above 0"
    return None


@config_check("cfg-scales-positive", Severity.ERROR)
def scales_positive(config):
    """RPN_ANCHOR_SCALES is not a flat list of positive numbers. The scale is the side of the anchors in
    pixels, one for each pyramid level; anything else makes anchors of size 0, NaN, or several sizes where
    one is expected."""
    problem = _bad_item("RPN_ANCHOR_SCALES", config.RPN_ANCHOR_SCALES, "one scale per level")
    if problem:
        yield (
            "RPN_ANCHOR_SCALES",
            f"{problem}: no anchors can be made",
            "set RPN_ANCHOR_SCALES = (8, 16, 32, 64, 128)",
        )


@config_check("cfg-scales-order", Severity.WARNING)
def scales_order(config):
    """RPN_ANCHOR_SCALES are not in increasing order. The first scale goes to the finest level: large
    anchors on a fine map cost time and see too little of the object, small ones on a coarse map lie too
    far apart."""
    scales = number_list(config.RPN_ANCHOR_SCALES)
    if scales and min(scales) > 0 and any(after < before for before, after in zip(scales, scales[1:])):
        message = (
            f"RPN_ANCHOR_SCALES {show(config.RPN_ANCHOR_SCALES)} do not increase: large anchors land on a fine level"
        )
        ordered = ", ".join(compact(each) for each in sorted(scales))
        yield "RPN_ANCHOR_SCALES", message, f"set RPN_ANCHOR_SCALES = ({ordered})"


@config_check("cfg-ratios-positive", Severity.ERROR)
def ratios_positive(config):
    """RPN_ANCHOR_RATIOS is not a list of positive numbers. The ratio is width/height, and the anchor's
    height is divided by its square root: 0 gives infinite anchors, a negative one NaN. A single ratio is
    fine."""
    problem = _bad_item("RPN_ANCHOR_RATIOS", config.RPN_ANCHOR_RATIOS, "every ratio goes to every level")
    if problem:
        yield "RPN_ANCHOR_RATIOS", f"{problem}: no anchors can be made", "set RPN_ANCHOR_RATIOS = [0.5, 1, 2]"


@config_check("cfg-anchor-stride", Severity.ERROR)
def anchor_stride(config):
    """RPN_ANCHOR_STRIDE is not a whole number from 1 on. 1 puts anchors on every cell of a level, 2 on
    every second; anything else gives none, or another number than the RPN predicts. Above 2 is a warning:
    small objects fall between the anchors."""
    stride = config.RPN_ANCHOR_STRIDE
    if not is_int(stride, 1):
        message = f"RPN_ANCHOR_STRIDE is {show(stride)}, expected a whole number from 1 on: no anchors can be made"
        yield "RPN_ANCHOR_STRIDE", message, "set RPN_ANCHOR_STRIDE = 1"
    elif stride > 2:
        message = (
            f"RPN_ANCHOR_STRIDE is {stride}: anchors of the finest level lie {stride} cells apart, "
            "small objects are missed"
        )
        yield "RPN_ANCHOR_STRIDE", message, "set RPN_ANCHOR_STRIDE = 1 or 2", Severity.WARNING


@config_check("cfg-threshold-range", Severity.ERROR)
def threshold_range(config):
    """A threshold that is no overlap or probability: RPN_NMS_THRESHOLD and DETECTION_NMS_THRESHOLD must
    lie above 0 and up to 1, DETECTION_MIN_CONFIDENCE from 0 to 1. 70 typed for 0.70 means that nothing is
    ever detected. DETECTION_MIN_CONFIDENCE 0 or None keeps everything."""
    defaults = {"RPN_NMS_THRESHOLD": 0.7, "DETECTION_NMS_THRESHOLD": 0.3, "DETECTION_MIN_CONFIDENCE": 0.7}
    for name, default in defaults.items():
        raw, confidence = getattr(config, name), name == "DETECTION_MIN_CONFIDENCE"
        value = number(raw)
        if confidence and (raw is None or raw is False):
            continue
        if value is not None and (0 < value <= 1 or (confidence and value == 0)):
            continue
        percent = value is not None and 2 <= value <= 100
        better = f"{value / 100:.2f}" if percent and value is not None else f"{default}"
        kind = "a probability (0 to 1)" if confidence else "an overlap (above 0, up to 1)"
        hint = f"; did you mean {better}?" if percent else ""
        effect = "nothing would be detected" if value is None or value > 1 else "the filter cannot work"
        yield name, f"{name}={show(raw)} is not {kind}{hint}: {effect}", f"set {name} = {better}"


@config_check("cfg-pool-size", Severity.ERROR)
def pool_size(config):
    """POOL_SIZE or MASK_POOL_SIZE is not one whole number from 1 on. Every RoI is pooled to that many rows
    and columns; with anything else the heads cannot be built."""
    for name, default in (("POOL_SIZE", 7), ("MASK_POOL_SIZE", 14)):
        value = getattr(config, name)
        if not is_int(value, 1):
            message = f"{name} is {show(value)}, expected one whole number from 1 on: the head cannot be built"
            yield name, message, f"set {name} = {default}"


@config_check("cfg-mask-shape-vs-pool", Severity.ERROR)
def mask_shape_against_pool(config):
    """MASK_SHAPE is not twice MASK_POOL_SIZE. The mask head doubles the pooled RoI once, so the predicted
    masks and the targets have different shapes and the mask loss cannot be computed.

    With a mask head of your own, say so with an attribute CUSTOM_MASK_HEAD = True.
    """
    pool = config.MASK_POOL_SIZE
    if not is_int(pool, 1) or getattr(config.raw, "CUSTOM_MASK_HEAD", False) is True:
        return
    shape = int_pair(config.MASK_SHAPE)
    if shape != (2 * pool, 2 * pool):
        square = shape is not None and shape[0] == shape[1] and shape[0] % 2 == 0
        needs = f"; {shape[0]} needs MASK_POOL_SIZE {shape[0] // 2}" if shape and square else ""
        message = (
            f"MASK_SHAPE {show(config.MASK_SHAPE)} is not twice MASK_POOL_SIZE {pool} (the mask head doubles it once)"
        )
        fix = f"set MASK_SHAPE = [{2 * pool}, {2 * pool}]" + (
            f", or MASK_POOL_SIZE = {shape[0] // 2}" if shape and square else ""
        )
        yield "MASK_SHAPE, MASK_POOL_SIZE", f"{message}{needs}: the mask loss cannot be computed", fix
