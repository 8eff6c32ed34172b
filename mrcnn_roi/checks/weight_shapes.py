"""The weights of the network, layer by layer, worked out from a Config's numbers: names and shapes, no TensorFlow.

A weight is (name, shape); its name is "layer/kernel" and so on, in the order of weight files. A side that cannot be
known (the channels of a user's own backbone) is None.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from mrcnn_roi.checks.values import Reading, Unreadable, flat_list, is_int, show

Shape = tuple
Weight = tuple[str, Shape]
Weights = dict[str, list[Weight]]

STAGE_BLOCKS = {"resnet50": (3, 4, 6, 3), "resnet101": (3, 4, 23, 3)}
TINY_FILTERS = (16, 32, 64, 96, 128)
RPN_LAYERS = ("rpn_conv_shared", "rpn_class_raw", "rpn_bbox_pred")  # inside rpn_model
NORM_WEIGHTS = ("gamma", "beta", "moving_mean", "moving_variance")

# Layers without weights that have a name of their own, in either mode.
NAMED_LAYERS = {
    *("input_image", "input_image_meta", "input_anchors", "input_rpn_match", "input_rpn_bbox", "input_roi"),
    *("input_gt_class_ids", "input_gt_boxes", "input_gt_masks", "input_rpn_feature_map", "anchors", "ROI"),
    *("fpn_p5upsampled", "fpn_p4upsampled", "fpn_p3upsampled", "fpn_p4add", "fpn_p3add", "fpn_p2add", "fpn_p6"),
    *("rpn_class_logits", "rpn_class", "rpn_bbox", "rpn_class_xxx", "rpn_rois", "output_rois", "proposal_targets"),
    *("roi_align_classifier", "roi_align_mask", "pool_squeeze", "mrcnn_class", "mrcnn_bbox", "mrcnn_detection"),
    *("rpn_class_loss", "rpn_bbox_loss", "mrcnn_class_loss", "mrcnn_bbox_loss", "mrcnn_mask_loss"),
}


def expected_weight_shapes(config) -> dict[str, list[Shape]]:
    """{layer: shapes of its weights} of the model that `config` describes, the same in both modes.

    With a BACKBONE of the user's own only the layers behind it; the channels they receive are None.
    Raises ValueError where a number that decides a shape cannot be used.
    """
    return {layer: [shape for _, shape in weights] for layer, weights in expected_weights(config).items()}


def expected_weights(config) -> Weights:
    """As expected_weight_shapes, with the names of the weights."""
    reading = Reading(config)
    classes, channels = _count(reading, "NUM_CLASSES"), _count(reading, "IMAGE_CHANNEL_COUNT")
    pyramid, hidden = _count(reading, "TOP_DOWN_PYRAMID_SIZE"), _count(reading, "FPN_CLASSIF_FC_LAYERS_SIZE")
    pool, ratios = _count(reading, "POOL_SIZE"), _ratios(reading)
    rpn, mask = _count(reading, "RPN_CONV_SIZE", 512), _count(reading, "MASK_CONV_SIZE", 256)
    layers, maps = backbone_weights(_read(reading, "BACKBONE"), channels)
    for level, received in zip((5, 4, 3, 2), reversed(maps)):
        layers[f"fpn_c{level}p{level}"] = _conv(f"fpn_c{level}p{level}", 1, received, pyramid)
    for level in (5, 2, 3, 4):
        layers[f"fpn_p{level}"] = _conv(f"fpn_p{level}", 3, pyramid, pyramid)
    layers["rpn_model"] = [
        *_conv("rpn_conv_shared", 3, pyramid, rpn),
        *_conv("rpn_class_raw", 1, rpn, 2 * ratios),
        *_conv("rpn_bbox_pred", 1, rpn, 4 * ratios),
    ]
    for i in (1, 2, 3, 4):
        received = pyramid if i == 1 else mask
        layers[f"mrcnn_mask_conv{i}"] = _conv(f"mrcnn_mask_conv{i}", 3, received, mask)
        layers[f"mrcnn_mask_bn{i}"] = _norm(f"mrcnn_mask_bn{i}", mask)
    for i, size, received in ((1, pool, pyramid), (2, 1, hidden)):
        layers[f"mrcnn_class_conv{i}"] = _conv(f"mrcnn_class_conv{i}", size, received, hidden)
        layers[f"mrcnn_class_bn{i}"] = _norm(f"mrcnn_class_bn{i}", hidden)
    layers["mrcnn_bbox_fc"] = _dense("mrcnn_bbox_fc", hidden, 4 * classes)
    layers["mrcnn_mask_deconv"] = _conv("mrcnn_mask_deconv", 2, mask, mask)
    layers["mrcnn_class_logits"] = _dense("mrcnn_class_logits", hidden, classes)
    layers["mrcnn_mask"] = _conv("mrcnn_mask", 1, mask, classes)
    return layers


def backbone_weights(backbone, channels: int) -> tuple[Weights, tuple]:
    """The layers of what BACKBONE names, and the channels of C2..C5."""
    if callable(backbone):
        return {}, (None, None, None, None)
    if backbone == "tiny":
        return _tiny(channels), TINY_FILTERS[1:]
    if not isinstance(backbone, str) or backbone not in STAGE_BLOCKS:
        known = [*STAGE_BLOCKS, "tiny"]
        raise ValueError(f"expected BACKBONE to be one of {known} or a function, received {show(backbone)}")
    layers = {"conv1": _conv("conv1", 7, channels, 64), "bn_conv1": _norm("bn_conv1", 64)}
    received = 64
    for stage, blocks in enumerate(STAGE_BLOCKS[backbone], start=2):
        inner = 2 ** (stage + 4)
        for block in (chr(ord("a") + i) for i in range(blocks)):
            for branch, size, inputs, filters in (
                ("2a", 1, received, inner),
                ("2b", 3, inner, inner),
                ("2c", 1, inner, 4 * inner),
                *([("1", 1, received, 4 * inner)] if block == "a" else []),
            ):
                _add_conv_norm(layers, f"{stage}{block}_branch{branch}", size, inputs, filters)
            received = 4 * inner
    return layers, (256, 512, 1024, 2048)


def match_weights(stored: Sequence[Weight], wanted: Sequence[Weight]) -> list[int] | None:
    """For every wanted weight the index of the stored one that it takes, None where they do not fit.

    As in Keras, position decides, and the names (of layer and weight, then without suffixes like "_1" of a process
    with several models) only where the shapes then disagree. In a nested model equal names go first: its order
    depends on what was trainable when it was saved.
    """
    if len(stored) != len(wanted):
        return None
    orders = [list(range(len(wanted))), *_orders_by_name(stored, wanted)]
    if len({owner(name) for name, _ in wanted}) > 1:
        orders = orders[1:] + orders[:1]
    for order in orders:
        if all(same_shape(stored[index][1], shape) for index, (_, shape) in zip(order, wanted)):
            return order
    return None


def _orders_by_name(stored: Sequence[Weight], wanted: Sequence[Weight]) -> Iterable[list[int]]:
    several = len({owner(name) for name, _ in wanted}) > 1
    exact = (lambda name: (owner(name), base_name(name))) if several else base_name
    bare = (lambda name: (unsuffixed(owner(name)), base_name(name))) if several else base_name
    for key in (exact, bare):
        places = {key(name): index for index, (name, _) in enumerate(stored)}
        keys = [key(name) for name, _ in wanted]
        if len(places) == len(stored) and set(keys) == set(places) and len(set(keys)) == len(keys):
            yield [places[each] for each in keys]


def same_shape(stored: Shape, wanted: Shape) -> bool:
    """Whether two shapes are equal; a side that is None fits any."""
    return len(stored) == len(wanted) and all(b is None or a == b for a, b in zip(stored, wanted))


def base_name(weight: str) -> str:
    """ "kernel" of "conv1_1/kernel:0"."""
    return weight.rpartition("/")[2].partition(":")[0]


def owner(weight: str) -> str:
    """ "conv1_1" of "conv1_1/kernel:0", the innermost layer; "" for a name without layers."""
    return weight.rpartition("/")[0].rpartition("/")[2]


def unsuffixed(layer: str) -> str:
    """A layer's name without the number that Keras adds to a name in use."""
    return re.sub(r"_\d+$", "", layer)


def _tiny(channels: int) -> Weights:
    layers = {"conv1": _conv("conv1", 3, channels, TINY_FILTERS[0]), "bn_conv1": _norm("bn_conv1", TINY_FILTERS[0])}
    for stage, (received, filters) in enumerate(zip(TINY_FILTERS, TINY_FILTERS[1:]), start=2):
        for branch, inputs in (("2a", received), ("2b", filters), ("1", received)):
            _add_conv_norm(layers, f"{stage}a_branch{branch}", 3, inputs, filters)
    return layers


def _add_conv_norm(layers: Weights, name: str, size: int, received: int, filters: int) -> None:
    layers[f"res{name}"] = _conv(f"res{name}", size, received, filters)
    layers[f"bn{name}"] = _norm(f"bn{name}", filters)


def _conv(name: str, size: int, received: int | None, filters: int) -> list[Weight]:
    return [(f"{name}/kernel", (size, size, received, filters)), (f"{name}/bias", (filters,))]


def _dense(name: str, received: int, units: int) -> list[Weight]:
    return [(f"{name}/kernel", (received, units)), (f"{name}/bias", (units,))]


def _norm(name: str, channels: int) -> list[Weight]:
    return [(f"{name}/{weight}", (channels,)) for weight in NORM_WEIGHTS]


def _read(reading: Reading, name: str):
    try:
        return getattr(reading, name)
    except Unreadable as error:
        raise ValueError(f"expected a config with {name}, received one without it") from error


def _count(reading: Reading, name: str, default: int | None = None) -> int:
    value = getattr(reading, name, default) if default else _read(reading, name)
    if not is_int(value, 1):
        raise ValueError(f"expected {name} to be a whole number from 1 on, received {show(value)}")
    return int(value)


def _ratios(reading: Reading) -> int:
    ratios = _read(reading, "RPN_ANCHOR_RATIOS")
    items = flat_list(ratios)
    if not items:
        raise ValueError(f"expected RPN_ANCHOR_RATIOS to be a list of numbers, received {show(ratios)}")
    return len(items)
