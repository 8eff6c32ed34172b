"""Which weights of Keras 3's own ".weights.h5" do not fit a model, and why.

Such a file is loaded by position and has to hold exactly the model's layers. It need not know their names, so only
how often each combination of shapes occurs is compared.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from mrcnn_roi.checks.values import show
from mrcnn_roi.checks.weight_mismatch import CAUSES, COUNTED, Problem, named_backbone, some
from mrcnn_roi.checks.weight_shapes import STAGE_BLOCKS, Shape, Weights, backbone_weights, owner

Shapes = tuple[Shape, ...]
MASK_LAYERS = tuple(f"mrcnn_mask{which}" for which in ("_conv1", "_conv2", "_conv3", "_conv4", ""))
# Keras numbers layers of a class in the order of the model, which depends on what it is for.
INFERENCE = ("mrcnn_class_conv1", "mrcnn_class_conv2", *MASK_LAYERS)
TRAINING = (*MASK_LAYERS[:2], "mrcnn_class_conv1", MASK_LAYERS[2], "mrcnn_class_conv2", *MASK_LAYERS[3:])
# (setting, a layer that shows it, the side of its kernel)
SETTINGS = (("TOP_DOWN_PYRAMID_SIZE", "fpn_c5p5", -1), ("FPN_CLASSIF_FC_LAYERS_SIZE", "mrcnn_class_logits", 0))
BACKBONES = (*STAGE_BLOCKS, "tiny")
BY_NAME = 'save_weights("NAME.h5") from a model with the settings of the weights: an .h5 is loaded by layer name'


def keras3_problems(held: Weights, wanted: Weights, training: bool) -> dict[str, Problem]:
    """What keeps a ".weights.h5" out of a model: {code: (where, message, fix)}, one entry a cause; where is "" for
    the file. {} where it fits, where a side of the model's shapes is not known, and where less than half of the model's
    layers are there.

    held: {path of the group: [(number, shape)]} of the file. wanted: {layer: [(weight name, shape)]} of the model.
    training: the model is for training, otherwise for inference.
    """
    there = Counter(tuple(shape for _, shape in own) for own in held.values() if own)
    unknown = any(side is None for weights in wanted.values() for _, shape in weights for side in shape)
    if unknown or not there:
        return {}
    if not _lacking(there, wanted):
        return _other_mode(held, wanted, training)
    problems: dict[str, Problem] = {}
    here = named_backbone(wanted)
    for backbone in BACKBONES if here else ():
        other = wanted if backbone == here else _other_backbone(wanted, backbone)
        if _fewer(there, other, wanted):
            code = "w-backbone-depth" if {here, backbone} <= STAGE_BLOCKS.keys() else "w-shape-other"
            message = f'the weight file is of a {backbone}, the model has BACKBONE = "{here}": it cannot be loaded'
            problems = {code: ("BACKBONE", message, f'set BACKBONE = "{backbone}"')}
            wanted = other
    for code, setting, _, count, resize in CAUSES:
        now = count(wanted)
        if not now:
            continue
        best = min(
            (resize(wanted, number) for number in _numbers(code, there, wanted) if number != now),
            key=lambda each: sum(_lacking(there, each).values()),
            default=wanted,
        )
        if _fewer(there, best, wanted):
            what, fix, _ = COUNTED[code]
            message = f"the weight file has {count(best)} {what}, the model {now}: it cannot be loaded"
            problems[code] = (setting, message, f"{fix.format(count(best))}; or {BY_NAME}")
            wanted = best
    needed = Counter(_by_layer(wanted).values())
    if sum((needed & there).values()) < sum(needed.values()) / 2:
        return {}  # of another network, or of a part of this one: the shapes do not tell what is wrong
    if _lacking(there, wanted) and "w-shape-other" not in problems:
        problems["w-shape-other"] = _other_problem(there, wanted)
    return problems


def _other_mode(held: Weights, wanted: Weights, training: bool) -> dict[str, Problem]:
    """The two kinds of models have the same layers, but these in another order."""
    numbered = [f"layers/per_roi_conv2d{f'_{number}' if number else ''}" for number in range(len(MASK_LAYERS) + 2)]
    file = [[shape for _, shape in held.get(path, ())] for path in numbered]
    orders = [[[shape for _, shape in wanted.get(layer, ())] for layer in order] for order in (INFERENCE, TRAINING)]
    modes = ["inference", "training"]
    if file == orders[training] or file != orders[not training]:
        return {}
    message = f"the file is of a model for {modes[not training]}, this one is for {modes[training]}, and a .weights.h5"
    fix = f'load it into a model with mode="{modes[not training]}", save_weights("NAME.h5"), and load that'
    return {"w-shape-other": ("", f"{message} is loaded by position, which differs", fix)}


def num_classes_held(held: Weights) -> int:
    """Classes, background included, by the two dense layers of the heads; 0 where it cannot be told."""
    units = {own[0][1][-1] for own in held.values() if own and len(own[0][1]) == 2}
    found = [number for number in units if 4 * number in units]
    return found[0] if len(found) == 1 and len(units) == 2 else 0


def excluded_from_keras3(exclude: Iterable[object], held: Weights) -> Problem:
    """The problem that layers are to be left out of a ".weights.h5", which is loaded by position."""
    classes = num_classes_held(held)
    settings = f"its own settings (NUM_CLASSES = {classes})" if classes else "its own settings"
    message = f"exclude = {show(list(exclude))} cannot be used: a .weights.h5 is loaded by position, not by layer name"
    return "exclude", message, f'load it into a model of {settings} without exclude, save_weights("NAME.h5"), use that'


def _by_layer(weights: Weights) -> dict[str, Shapes]:
    """The shapes by innermost layer."""
    shapes: dict[str, list[Shape]] = {}
    for each in weights.values():
        for name, shape in each:
            shapes.setdefault(owner(name), []).append(shape)
    return {layer: tuple(own) for layer, own in shapes.items()}


def _lacking(there: Counter[Shapes], wanted: Weights) -> Counter[Shapes]:
    """What the model needs and the file has not; what a file has besides may be ignored."""
    return Counter(_by_layer(wanted).values()) - there


def _fewer(there: Counter[Shapes], other: Weights, wanted: Weights) -> bool:
    return _surplus_and_lacking(there, other) < _surplus_and_lacking(there, wanted)


def _surplus_and_lacking(there: Counter[Shapes], wanted: Weights) -> int:
    needed = Counter(_by_layer(wanted).values())
    return sum((needed - there).values()) + sum((there - needed).values())


def _other_backbone(wanted: Weights, backbone: str) -> Weights:
    layers, maps = backbone_weights(backbone, wanted["conv1"][0][1][2])
    for layer, own in wanted.items():
        if layer.startswith(("fpn_", "rpn_", "mrcnn_")):
            layers[layer] = own
    for level, received in zip((2, 3, 4, 5), maps):
        (kernel, shape), bias = layers[f"fpn_c{level}p{level}"]
        layers[f"fpn_c{level}p{level}"] = [(kernel, (1, 1, received, shape[-1])), bias]
    return layers


def _numbers(code: str, there: Counter[Shapes], wanted: Weights) -> set[int]:
    """The values of a setting that shapes of the file could come from."""
    kernels = [shapes[0] for shapes in there]
    if code == "w-num-classes":
        units = {shape[-1] for shape in kernels if len(shape) == 2}
        return {number for number in units if 4 * number in units}
    if code == "w-rpn-ratios":
        sides = {shape[-1] for shape in kernels if len(shape) == 4 and shape[:2] == (1, 1)}
        return {side // 2 for side in sides if side % 2 == 0 and 2 * side in sides and side < 100}
    first = next((shape for _, shape in wanted.get("conv1", ())), ())
    like = [shape for shape in kernels if len(shape) == 4 == len(first)]
    return {shape[2] for shape in like if (*shape[:2], shape[3]) == (*first[:2], first[3])}


def _other_problem(there: Counter[Shapes], wanted: Weights) -> Problem:
    by_layer, lacking = _by_layer(wanted), _lacking(there, wanted)
    surplus = [shapes[0] for shapes in there - Counter(by_layer.values())]
    layers = [layer for layer, shapes in by_layer.items() if shapes not in there]
    layers = layers or [layer for layer, shapes in by_layer.items() if shapes in lacking]  # or others of that shape
    only = f"; only the file has {some(map(str, surplus))}" if surplus else ""
    message = f"the file has no weights of the shape of {some(layers)} ({layers[0]}: {by_layer[layers[0]][0]}){only}"
    settings = [
        f"set {setting} = {values.pop()}"
        for setting, layer, side in SETTINGS
        if len(values := _values(surplus, by_layer.get(layer, ((),))[0], side)) == 1
    ]
    return "", message, f"{' and '.join(settings) or 'build the model with the settings of the weights'}; or {BY_NAME}"


def _values(surplus: list[Shape], kernel: Shape, side: int) -> set[int]:
    """The last (-1) or the first side of kernels in the file that are otherwise like this one."""
    same = slice(None, -1) if side else slice(0, 0)
    return {each[side] for each in surplus if len(each) == len(kernel) > 1 and each[same] == kernel[same]}
