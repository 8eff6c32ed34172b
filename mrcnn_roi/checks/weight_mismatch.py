"""Which weights of a file do not fit a model, why, and what to set or exclude.

The checks compare a file's header with the shapes that follow from a Config, the loader with those of the real
model: both get their findings here.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable

from mrcnn_roi.checks.values import closest, show
from mrcnn_roi.checks.weight_shapes import Shape, Weight, Weights, match_weights, owner, unsuffixed

HEADS = ("mrcnn_class_logits", "mrcnn_bbox_fc", "mrcnn_bbox", "mrcnn_mask")  # whose shapes follow NUM_CLASSES
SHOWN = 5
LONGEST = 60  # characters of a name
Problem = tuple[str, str, str]


def shape_problems(
    stored: Weights, wanted: Weights, exclude: Iterable[str], training: bool = True
) -> dict[str, Problem]:
    """What keeps the stored weights out of the wanted layers: {code: (where, message, fix)}, one entry a cause;
    where is "" for the file.

    stored, wanted: {layer: [(weight name, shape)]} of the file and of the model. exclude: layers that are not loaded,
    layers inside rpn_model included. training: layers may be left out and trained; otherwise the settings have to
    follow the file. Every fix names the whole list to exclude, so that following one of them is enough.
    """
    exclude = [name for name in exclude if isinstance(name, str)]
    differing = _differing(stored, wanted, exclude)
    model = wanted
    found: list[tuple[str, str, int, int, list[str]]] = []
    also: list[str] = []
    for code, setting, affected, count, resize in CAUSES:
        there, here = count(stored), count(wanted)
        hit = [layer for layer in differing if layer in affected]
        if there and here and there != here:
            wanted = resize(wanted, there)
            if hit:
                found.append((code, setting, there, here, hit))
                also += affected
    others = [layer for layer in _differing(stored, wanted, exclude) if layer in differing]
    complete = json.dumps(list(dict.fromkeys([*exclude, *also, *others])))
    problems = {entry[0]: _count_problem(*entry, complete, training) for entry in found}
    named = [layer for entry in found for layer in entry[-1]]
    unnamed = [layer for layer in others if layer not in named]
    if unnamed:
        problems["w-shape-other"] = _other_problem(stored, model, unnamed, exclude, complete, training)
    elif others:  # one finding for one layer: what else is wrong with it belongs to what was found
        code, *_, hit = next(entry for entry in found if others[0] in entry[-1])
        setting, message, fix = problems[code]
        besides = _shapes_of([each for each in others if each in hit], stored, model, exclude)
        problems[code] = setting, f"{message}; they differ in other sides, too: {besides}", fix
    return problems


def unknown_name(name: object, known: Iterable[str]) -> Problem:
    """The problem that `exclude` has a name that is no layer."""
    meant = closest(str(name), known, 0.6)
    fix = f'use "{meant}"' if meant else "take the name of a layer from keras_model.summary(), or leave it out"
    return "exclude", f"exclude has {show(name)}, which is no layer: it would change nothing", fix


def some(names: Iterable[str]) -> str:
    """The first names, and how many more there are."""
    names = [name if len(name) <= LONGEST else f"{name[:LONGEST]}..." for name in names]
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more


def kept_weights(weights: list[Weight], exclude: Iterable[str]) -> list[Weight]:
    """The weights of a layer without those of excluded layers inside it."""
    return [each for each in weights if not {owner(each[0]), unsuffixed(owner(each[0]))} & set(exclude)]


def _differing(stored: Weights, wanted: Weights, exclude: Iterable[str]) -> list[str]:
    return [
        layer
        for layer, weights in wanted.items()
        if layer not in exclude
        and stored.get(layer)
        and match_weights(kept_weights(stored[layer], exclude), kept_weights(weights, exclude)) is None
    ]


def _kernel(layers: Weights, layer: str, inner: str | None = None) -> Shape:
    """Shape of a layer's kernel, () where there is none."""
    shapes = [shape for name, shape in layers.get(layer, ()) if inner is None or unsuffixed(owner(name)) == inner]
    return max(shapes, key=len, default=())


def num_classes(layers: Weights) -> int:
    """Classes, background included, by the weights of the heads; 0 where they are not there."""
    for layer, times in (("mrcnn_class_logits", 1), ("mrcnn_bbox_fc", 4), ("mrcnn_mask", 1)):
        if kernel := _kernel(layers, layer):
            return kernel[-1] // times
    return 0


def _ratios(layers: Weights) -> int:
    return (_kernel(layers, "rpn_model", "rpn_class_raw") or (0,))[-1] // 2


def _channels(layers: Weights) -> int:
    kernel = _kernel(layers, "conv1")
    return kernel[2] if len(kernel) == 4 else 0


def _last_side(weights: list[Weight], side: int) -> list[Weight]:
    return [(name, (*shape[:-1], side)) for name, shape in weights]


def _resize_classes(layers: Weights, classes: int) -> Weights:
    sides = {"mrcnn_class_logits": classes, "mrcnn_bbox_fc": 4 * classes, "mrcnn_mask": classes}
    return {
        layer: _last_side(weights, sides[layer]) if layer in sides else weights for layer, weights in layers.items()
    }


def _resize_ratios(layers: Weights, ratios: int) -> Weights:
    sides = {"rpn_class_raw": 2 * ratios, "rpn_bbox_pred": 4 * ratios}
    rpn = [
        (name, (*shape[:-1], sides[owner(name)]) if owner(name) in sides else shape)
        for name, shape in layers["rpn_model"]
    ]
    return {**layers, "rpn_model": rpn}


def _resize_channels(layers: Weights, channels: int) -> Weights:
    resized = [
        (name, (*shape[:2], channels, shape[3]) if len(shape) == 4 else shape) for name, shape in layers["conv1"]
    ]
    return {**layers, "conv1": resized}


# (code, setting, layers whose shapes follow it, its value by the shapes, the shapes for another value)
Cause = tuple[str, str, tuple[str, ...], Callable[[Weights], int], Callable[[Weights, int], Weights]]
CAUSES: tuple[Cause, ...] = (
    ("w-num-classes", "NUM_CLASSES", HEADS, num_classes, _resize_classes),
    ("w-rpn-ratios", "RPN_ANCHOR_RATIOS", ("rpn_model",), _ratios, _resize_ratios),
    ("w-conv1-channels", "IMAGE_CHANNEL_COUNT", ("conv1",), _channels, _resize_channels),
)


# What a cause counts, how to set it, and what to add where its layers are left out
COUNTED = {
    "w-num-classes": ("classes, background included", "set NUM_CLASSES = {}", ""),
    "w-rpn-ratios": ("anchor ratios", "set RPN_ANCHOR_RATIOS to the {} the weights were trained with", ""),
    "w-conv1-channels": (
        "image channels",
        "set IMAGE_CHANNEL_COUNT = {}",
        ' and train it at least once: layers="all"',
    ),
}


def _count_problem(code, setting, there, here, layers, complete, training) -> Problem:
    what, use, train = COUNTED[code]
    use = use.format(there)
    message = f"the weight file has {there} {what}, the model {here}: {', '.join(layers)} cannot be loaded"
    return setting, message, f"load with exclude={complete}{train}; or {use}" if training else use


def _other_problem(stored: Weights, wanted: Weights, layers, exclude, complete: str, training: bool) -> Problem:
    shown = _shapes_of(layers, stored, wanted, exclude)
    message = f"{len(layers)} layer{'s' * (len(layers) > 1)} of other shape: {shown}"
    settings = ", ".join(f"{name} = {value}" for name, value in _other_settings(stored, wanted))
    use = f"set {settings}" if settings else ""
    load = f"load with exclude={complete} and train these layers" if training else ""
    fix = "; or ".join(each for each in (use, load) if each)
    return "", message, fix or "build the model with the settings that the weights were trained with"


def _shapes_of(layers: list[str], stored: Weights, wanted: Weights, exclude) -> str:
    """The first layers, each with a shape that differs, or with how many weights it has."""
    shown = []
    for layer in layers[:SHOWN]:
        there = [shape for _, shape in kept_weights(stored[layer], exclude)]
        here = [shape for _, shape in kept_weights(wanted[layer], exclude)]
        pairs = [(str(a), str(b).replace("None", "any")) for a, b in zip(there, here) if a != b]
        if len(there) != len(here) or not pairs:
            pairs = [(f"{len(there)} weights", str(len(here)))]
        shown.append(f"{layer} {pairs[0][0]} in the file, {pairs[0][1]} in the model")
    more = f", and {len(layers) - SHOWN} more" if len(layers) > SHOWN else ""
    return "; ".join(shown) + more


def _other_settings(stored: Weights, wanted: Weights) -> list[tuple[str, object]]:
    """Settings that the file's shapes show and that differ from the model's."""
    both = [
        ("BACKBONE", *(json.dumps(named_backbone(each)) for each in (stored, wanted))),
        *(
            (setting, *((_kernel(each, layer, inner) or (None,))[side] for each in (stored, wanted)))
            for setting, layer, inner, side in (
                ("TOP_DOWN_PYRAMID_SIZE", "fpn_p2", None, -1),
                ("FPN_CLASSIF_FC_LAYERS_SIZE", "mrcnn_class_conv1", None, -1),
                ("POOL_SIZE", "mrcnn_class_conv1", None, 0),
                ("RPN_CONV_SIZE", "rpn_model", "rpn_conv_shared", -1),
                ("MASK_CONV_SIZE", "mrcnn_mask_conv1", None, -1),
            )
        ),
    ]
    return [(setting, there) for setting, there, here in both if there not in (None, "null", here)]


def named_backbone(layers: Iterable[str]) -> str | None:
    """Which of the known backbones has layers of these names."""
    if "res4g_branch2a" in layers:
        return "resnet101"
    if "res2a_branch2c" in layers:
        return "resnet50"
    return "tiny" if "res2a_branch2b" in layers else None
