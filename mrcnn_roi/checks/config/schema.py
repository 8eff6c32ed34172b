"""Checks over all attributes of a Config at once: names, types, ranges, computed values."""

from __future__ import annotations

import inspect
from types import NoneType

import numpy as np

from mrcnn_roi.checks.values import Reading, Unreadable, closest, config_check, is_int, number, plain, show
from mrcnn_roi.findings import Severity

DERIVED = ("BATCH_SIZE", "IMAGE_SHAPE", "IMAGE_META_SIZE")
_EXPECTED = {
    int: "a whole number",
    float: "a number",
    bool: "True or False",
    tuple: "a list",
    NoneType: "None",
}


def _value(config: Reading, name: str):
    """The attribute, or None where it is missing or cannot be read."""
    try:
        return getattr(config, name)
    except Unreadable:
        return None


def derived_values(config) -> dict:
    """BATCH_SIZE, IMAGE_SHAPE [H, W, C] and IMAGE_META_SIZE from the attributes they depend on.

    A value whose sources are missing or unusable is left out: the checks of those sources report that.
    """
    reading, values = Reading(config), {}
    gpus, images = _value(reading, "GPU_COUNT"), _value(reading, "IMAGES_PER_GPU")
    if is_int(gpus, 1) and is_int(images, 1):
        values["BATCH_SIZE"] = images * gpus
    crop = _value(reading, "IMAGE_RESIZE_MODE")
    side = _value(reading, "IMAGE_MIN_DIM" if isinstance(crop, str) and crop == "crop" else "IMAGE_MAX_DIM")
    channels = _value(reading, "IMAGE_CHANNEL_COUNT")
    if is_int(side, 1) and is_int(channels, 1):
        values["IMAGE_SHAPE"] = np.array([side, side, channels])
    classes = _value(reading, "NUM_CLASSES")
    if is_int(classes, 1):
        values["IMAGE_META_SIZE"] = 1 + 3 + 3 + 4 + 1 + classes  # id, original and molded shape, window, scale
    return values


def _fits(value, accepts: tuple[type, ...]) -> bool:
    if value is None or value is False:
        return NoneType in accepts or (value is False and bool in accepts)
    if bool in accepts:
        return isinstance(value, bool) or (isinstance(value, int) and value in (0, 1))
    if tuple in accepts:
        return isinstance(value, (list, tuple, set, frozenset, str))
    return is_int(value) if int in accepts else number(value) is not None


@config_check("cfg-type", Severity.ERROR)
def wrong_type(config):
    """An attribute whose value is of another type than the network and the trainer compute with, or whose
    property raises when it is read. The run stops with a TypeError somewhere inside, far from the attribute.

    Attributes with a check of their own (cfg-gpu-count, cfg-lr, ...) are judged there. numpy numbers count as
    numbers, 0 and 1 as False and True; True is no number.
    """
    for name, field in config.fields().items():
        try:
            value = plain(getattr(config.raw, name))
        except Exception as error:
            yield name, f"reading {name} raises {type(error).__name__}: {error}", f"give {name} a plain value"
            continue
        if field.checked_by or _fits(value, field.accepts):
            continue
        severity = Severity.WARNING if name == "SILENCED_CHECKS" else Severity.ERROR  # it cannot stop a run
        expected = " or ".join(_EXPECTED[each] for each in field.accepts)
        message = (
            f"{name} is {show(value)} ({type(value).__name__}), expected {expected}: the run stops at its first use"
        )
        yield name, message, f"set {name} = {_replacement(value, field)}", severity


def _replacement(value, field) -> str:
    """What to write instead: the number the value spells, else the default."""
    if (
        isinstance(value, str)
        and bool in field.accepts
        and value.lower() in ("true", "yes", "on", "false", "no", "off")
    ):
        return str(value.lower() in ("true", "yes", "on"))
    try:
        spelled = float(value) if isinstance(value, (str, float)) else float("nan")
        if int in field.accepts and spelled == int(spelled) and field.low <= spelled <= field.high:
            return str(int(spelled))
    except Exception:  # not a number after all
        pass
    return f"{show(field.default)} (the default)"


@config_check("cfg-range", Severity.ERROR)
def out_of_range(config):
    """A number outside the range in which the attribute means anything: no proposals, no detections,
    layers of width 0. The network cannot be built, or it returns nothing."""
    for name, field in config.fields().items():
        value = _value(config, name)
        size = number(value)
        if field.checked_by or size is None or not _fits(value, field.accepts) or field.low <= size <= field.high:
            continue
        text = f"at least {field.low:g}" if field.high == float("inf") else f"{field.low:g} to {field.high:g}"
        message = f"{name} is {show(value)}, expected {text}: nothing could come out of it"
        yield name, message, f"set {name} = {show(field.default)} (the default)"


@config_check("cfg-unknown-attribute", Severity.WARNING)
def unknown_attribute(config):
    """An upper-case attribute nobody reads whose name is almost that of a setting, such as IMAGE_MINDIM. A
    misspelt setting is silently ignored, and the run goes on with the default.

    Your own constants with other names, lower-case attributes and methods of a class are left alone. In a YAML file,
    which has no code to read them, every name that is no setting is reported.
    """
    fields = config.fields()
    for name in getattr(type(config.raw), "__places__", {}):
        if name not in fields and name not in DERIVED and not (name.isupper() and closest(name, (*fields, *DERIVED))):
            message = f"{name} is no setting and nothing in the package reads it"
            fix = 'delete it, or, if your own code reads it, add "cfg-unknown-attribute" to SILENCED_CHECKS'
            yield name, message, fix
    for name in dir(config.raw):
        if name.startswith("_") or not name.isupper() or name in fields or name in DERIVED:
            continue
        meant = closest(name, (*fields, *DERIVED))
        if meant is None or callable(_value(config, name)):
            continue
        message = f"{name} is not used by the model. Did you mean {meant} (now {show(_value(config, meant))})?"
        yield name, message, f"rename {name} to {meant}, or give your own constant a less similar name"


@config_check("cfg-stale-computed", Severity.ERROR)
def stale_computed(config):
    """BATCH_SIZE, IMAGE_SHAPE or IMAGE_META_SIZE that contradicts the attributes it is computed from, because
    one of them was assigned after the config was built. Batches, anchors or image_meta then have another size
    than the network expects.

    An IMAGE_SHAPE of your own is fine in the modes "none" and "pad64", where IMAGE_MAX_DIM does not decide
    the size. Silent while a source is wrong itself: computing from it again would not help.
    """
    sources = {
        "BATCH_SIZE": ("IMAGES_PER_GPU", "GPU_COUNT"),
        "IMAGE_SHAPE": ("IMAGE_RESIZE_MODE", "IMAGE_MIN_DIM", "IMAGE_MAX_DIM", "IMAGE_CHANNEL_COUNT"),
        "IMAGE_META_SIZE": ("NUM_CLASSES",),
    }
    for name, expected in derived_values(config.raw).items():
        value, text = _value(config, name), show(expected)
        because = ", ".join(f"{each}={show(_value(config, each))}" for each in sources[name])
        if _contradicts(config, name, value, expected):
            if _source_is_wrong(config, name, expected):
                continue
            message = (
                f"{name} is {show(value)}, but {because} give {text}: "
                "an attribute was changed after Config() computed it"
            )
            yield name, message, f"set it in the class body, or call config.finalize() to make {name} {text}"
            continue
        in_class = plain(inspect.getattr_static(type(config.raw), name, None))
        if isinstance(in_class, (int, list, tuple, np.ndarray)) and _contradicts(config, name, in_class, expected):
            message = f"{name} = {show(in_class)} in the class has no effect: it is computed, {because} give {text}"
            yield name, message, f"set {sources[name][0]} instead of {name}", Severity.WARNING


def _source_is_wrong(config: Reading, name: str, expected) -> bool:
    """Whether a check of its own reports the value that `name` is computed from."""
    if name == "IMAGE_META_SIZE":
        return is_int(_value(config, "NUM_CLASSES"), high=1)
    mode = _value(config, "IMAGE_RESIZE_MODE")
    fixed = isinstance(mode, str) and mode in ("square", "crop") and isinstance(_value(config, "BACKBONE"), str)
    return name == "IMAGE_SHAPE" and fixed and bool(expected[0] % 64)


def _contradicts(config: Reading, name: str, value, expected) -> bool:
    if name != "IMAGE_SHAPE":
        return not is_int(value) or value != expected
    shape = value.tolist() if isinstance(value, np.ndarray) else value
    if not isinstance(shape, (list, tuple)) or len(shape) != 3 or not all(is_int(each, 1) for each in shape):
        return True
    if [int(plain(each)) for each in shape] == expected.tolist():
        return False
    mode = _value(config, "IMAGE_RESIZE_MODE")
    return not (isinstance(mode, str) and mode in ("none", "pad64") and shape[2] == expected[2])
