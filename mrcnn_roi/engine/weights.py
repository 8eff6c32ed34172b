"""Weight files: Matterport's ".h5" (the layout of Keras 2) read by layer name and written in the same layout.

Everything is checked, and every array read, before the first weight is assigned: a file that does not fit leaves the
model as it was.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import h5py
import keras
import numpy as np

from mrcnn_roi.checks.h5_header import WeightHeader, read_arrays, read_header
from mrcnn_roi.checks.weight_file import unreadable
from mrcnn_roi.checks.weight_keras3 import BY_NAME, excluded_from_keras3, keras3_problems
from mrcnn_roi.checks.weight_mismatch import kept_weights, named_backbone, shape_problems, some, unknown_name
from mrcnn_roi.checks.weight_shapes import NAMED_LAYERS, RPN_LAYERS, Weights, match_weights, owner
from mrcnn_roi.engine.weight_report import LoadReport
from mrcnn_roi.findings import Finding, SetupError, Severity

ATTRIBUTE_LIMIT = 64512  # bytes; longer HDF5 attributes are split into name0, name1, ... as Keras 2 did
KERAS_VERSION = b"2.2.4"  # the version whose layout is written; readers look at it to convert older ones
STATISTICS = ("moving_mean", "moving_variance")
Arrays = Iterable[tuple[str, list[np.ndarray]]]
Judge = Callable[[WeightHeader], Iterable[Finding]]


def nothing_more(header: WeightHeader) -> list[Finding]:
    """No findings about a file besides those of its fit to the model."""
    del header
    return []


def load_any(model, path, *, by_name=True, exclude: Iterable[str] = (), judge: Judge = nothing_more) -> LoadReport:
    """Loads ".h5" (see load_h5), the layers of a ".keras" model by name, or the ".weights.h5" of an equal model.

    Raises SetupError, the model unchanged, also for exclude with a ".weights.h5", which is loaded by position.
    """
    if isinstance(path, (str, bytes, os.PathLike)):
        path = os.fsdecode(path)
        if path.endswith(".keras"):
            return _load_keras(model, read_header(path).path, by_name, exclude, judge)
    header = read_header(path)
    if header.layout == "keras2":
        return load_h5(model, path, by_name=by_name, exclude=exclude, judge=judge)
    return _load_keras3(model, header, exclude)


def _load_keras3(model, header: WeightHeader, exclude: Iterable[str]) -> LoadReport:
    if exclude := list(exclude):
        where, message, fix = excluded_from_keras3(exclude, header.layers)
        raise SetupError(Finding("w-exclude-unknown", Severity.ERROR, message, fix, where))
    before = model.get_weights()
    try:
        model.load_weights(header.path)
    except Exception as error:
        model.set_weights(before)
        wanted = {
            layer.name: [(name, tuple(each.shape)) for name, each in layer_variables(layer).items()]
            for layer in model.layers
        }
        message = f"does not fit the model: {str(error).strip().partition(chr(10))[0]}"
        problems = keras3_problems(header.layers, wanted, _is_training(model)) or {
            "w-shape-other": ("", message, f"build the model with the settings of the weights; or {BY_NAME}")
        }
        raise SetupError(
            Finding(code, Severity.ERROR, message, fix, where or str(header.path))
            for code, (where, message, fix) in problems.items()
        ) from error
    return LoadReport(str(header.path), tuple(layer.name for layer in model.layers if layer.weights))


def load_h5(model, path, *, by_name=True, exclude: Iterable[str] = (), judge: Judge = nothing_more) -> LoadReport:
    """Loads Matterport's ".h5", weights or full model, by layer name and within a layer by position.

    by_name: False wants the same layers in file and model. exclude: layers to leave as they are, those inside
    rpn_model included; it implies by_name. judge: more findings about the file; ERRORs among them refuse it.
    Raises SetupError, the model unchanged, with one finding a cause: w-file-unreadable, w-exclude-unknown,
    w-nothing-loaded, w-backbone-depth (missing or surplus layers without by_name), w-num-classes, w-rpn-ratios,
    w-conv1-channels, w-shape-other.
    """
    header = read_header(path)
    if header.layout != "keras2":
        raise unreadable(path, "has one of Keras 3's layouts, not Matterport's", "load it with load_any")
    return _load(model, header, lambda layers: read_arrays(header, layers), by_name, exclude, judge)


def _load_keras(model, path: Path, by_name, exclude, judge: Judge) -> LoadReport:
    try:
        saved = keras.saving.load_model(path, compile=False)
    except Exception as error:  # Keras raises whatever its parts raise
        reason = str(error).strip().partition("\n")[0]
        raise unreadable(path, f"is no Keras model: {reason}", "save the model again, or load a .h5 file") from error
    held = {layer.name: layer_variables(layer) for layer in saved.layers}
    shapes = {name: [(each, tuple(v.shape)) for each, v in variables.items()] for name, variables in held.items()}

    def arrays(layers: Iterable[str]) -> Arrays:
        return ((name, [v.numpy() for v in held[name].values()]) for name in layers)

    return _load(model, WeightHeader(path, "keras2", shapes, full_model=True), arrays, by_name, exclude, judge)


def _load(
    model, header: WeightHeader, read: Callable[[Iterable[str]], Arrays], by_name, exclude, judge: Judge
) -> LoadReport:
    """Plans which array goes to which variable, refuses what does not fit, and only then assigns."""
    exclude = [exclude] if isinstance(exclude, str) else list(exclude or ())
    variables = {layer.name: layer_variables(layer) for layer in model.layers if layer.weights}
    wanted = {layer: [(name, tuple(v.shape)) for name, v in held.items()] for layer, held in variables.items()}
    stored = {layer: weights for layer, weights in header.layers.items() if weights}
    findings = _findings(model, header, stored, wanted, exclude, by_name or bool(exclude))
    codes = {finding.code for finding in findings}
    if "w-nothing-loaded" not in codes:  # that explains all the rest
        findings += [finding for finding in judge(header) if finding.code not in codes]
    errors = [finding for finding in findings if finding.severity is Severity.ERROR]
    if errors:
        raise SetupError(errors)

    loaded = [layer for layer in wanted if layer in stored and layer not in exclude]
    assignments = []
    for layer, arrays in read(loaded):
        array_of = dict(zip((name for name, _ in stored[layer]), arrays))
        sources, targets = kept_weights(stored[layer], exclude), kept_weights(wanted[layer], exclude)
        order = match_weights(sources, targets) or []
        assignments += [
            (variables[layer][name], array_of[sources[index][0]]) for index, (name, _) in zip(order, targets)
        ]
    for variable, array in assignments:
        variable.assign(array.astype(np.float32) if array.dtype.kind == "f" else array)

    inside = {owner(name) for layer in loaded for name, _ in wanted[layer]}
    return LoadReport(
        str(header.path),
        loaded=tuple(loaded),
        skipped=tuple(each for each in dict.fromkeys(exclude) if each in wanted or each in inside),
        missing=tuple(layer for layer in wanted if layer not in stored and layer not in exclude),
        unused=tuple(layer for layer in stored if layer not in wanted and layer not in exclude),
        findings=tuple(findings),
    )


def _findings(model, header: WeightHeader, stored: Weights, wanted: Weights, exclude, by_name) -> list[Finding]:
    """Everything that forbids to load; where nothing at all can be loaded, that alone."""

    def finding(code: str, where: str, message: str, fix: str) -> Finding:
        return Finding(code, Severity.ERROR, message, fix, where or str(header.path))

    known = {*(layer.name for layer in _all_layers(model)), *header.layers, *NAMED_LAYERS, *RPN_LAYERS}
    unknown = [finding("w-exclude-unknown", *unknown_name(name, known)) for name in exclude if name not in known]
    if not any(layer in stored and layer not in exclude for layer in wanted):
        message = f"no layer to load: the file's layers with weights are {some(stored) or 'none'}; exclude={exclude}"
        fix = "load weights of this network, such as mask_rcnn_coco.h5, and exclude only what does not fit"
        return [finding("w-nothing-loaded", "", message, fix)]
    missing = [] if by_name else [layer for layer in wanted if layer not in stored]
    surplus = [] if by_name else [layer for layer in stored if layer not in wanted]
    there, here = named_backbone(stored), named_backbone(wanted)
    fix = f'set BACKBONE = "{there}", or ' if there not in (None, here) else ""
    fix += "pass by_name=True to load the layers in common"
    unequal = []
    for layers, what in ((missing, "layers of the model are not in the file"), (surplus, "layers are the file's only")):
        if layers:
            message = f"{len(layers)} {what}: {some(layers)}"
            unequal.append(finding("w-backbone-depth", "", message, fix))
    problems = shape_problems(stored, wanted, exclude, _is_training(model))
    return [*unknown, *unequal, *(finding(code, *problem) for code, problem in problems.items())]


def _is_training(model) -> bool:
    return not any(layer.name == "mrcnn_detection" for layer in model.layers)


def _all_layers(model) -> Iterator:
    for layer in model.layers:
        yield layer
        if isinstance(layer, keras.Model):
            yield from _all_layers(layer)


def layer_variables(layer) -> dict[str, keras.Variable]:
    """A layer's variables under their names in weight files (without ":0"), in Keras 2's order: in a nested model
    those that train come before the statistics. conv1/kernel; in a nested model the inner layer's, rpn_class_raw/bias.
    """
    found = list(_chains(layer)) if isinstance(layer, keras.Model) else list(_own(layer, ()))
    found.sort(key=lambda each: isinstance(layer, keras.Model) and not each[2])
    short = ["/".join(chain[-2:]) for chain, _, _ in found]
    counts = Counter(short)
    return {
        name if counts[name] == 1 else "/".join(chain): variable for name, (chain, variable, _) in zip(short, found)
    }


def _chains(model, outer: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], keras.Variable, bool]]:
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            yield from _chains(layer, (*outer, layer.name))
        else:
            yield from _own(layer, outer)


def _own(layer, outer: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], keras.Variable, bool]]:
    """(names from the outside in, variable, whether it is one that trains) of a layer that is no model."""
    counts = Counter(variable.name for variable in layer.weights)
    for variable in layer.weights:
        # A frozen layer's variables all say that they do not train, so there the name decides.
        trains = variable.trainable if layer.trainable else variable.name not in STATISTICS
        name = variable.name if counts[variable.name] == 1 else variable.path.replace("/", ".")
        yield (*outer, layer.name, name), variable, trains


def save_h5(model, path) -> None:
    """Writes the weights in Keras 2's layout, as Matterport's code reads it; the file gets its name once whole."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with h5py.File(temporary, "w") as file:
            _write_names(file, "layer_names", [layer.name for layer in model.layers])
            # numpy's bytes have a fixed length: h5py 2 and 3 both read them back as bytes, which old code expects
            file.attrs["backend"], file.attrs["keras_version"] = np.bytes_(b"tensorflow"), np.bytes_(KERAS_VERSION)
            for layer in model.layers:
                group = file.create_group(layer.name)
                variables = {f"{name}:0": variable for name, variable in layer_variables(layer).items()}
                _write_names(group, "weight_names", list(variables))
                for name, variable in variables.items():
                    array = keras.ops.convert_to_numpy(variable)
                    group.create_dataset(name, data=array.astype(np.float32) if array.dtype.kind == "V" else array)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def _write_names(group: h5py.Group, attribute: str, names: list[str]) -> None:
    """A list of names as bytes of fixed length, in pieces where it is too long for an HDF5 attribute."""
    array = np.array([name.encode() for name in names]) if names else np.zeros(0)
    pieces = 1
    while pieces < len(array) and any(each.nbytes > ATTRIBUTE_LIMIT for each in np.array_split(array, pieces)):
        pieces += 1
    if pieces == 1:
        group.attrs[attribute] = array
        return
    for index, piece in enumerate(np.array_split(array, pieces)):
        group.attrs[f"{attribute}{index}"] = piece
