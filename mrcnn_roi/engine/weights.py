"""Weight files: Matterport's ".h5" (Keras 2) read by layer name and written in the same layout.

Everything is checked before the first weight is assigned: a file that does not fit leaves the model as it was.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import h5py
import keras
import numpy as np

from mrcnn_roi.checks.h5_header import read_arrays, read_header
from mrcnn_roi.findings import Finding, SetupError, Severity

ATTRIBUTE_LIMIT = 64512  # bytes; longer HDF5 attributes are split into name0, name1, ... as Keras 2 did
HEAD_LAYERS = ["mrcnn_class_logits", "mrcnn_bbox_fc", "mrcnn_bbox", "mrcnn_mask"]
KERAS2_VERSION = "2.2.4"  # of the layout


@dataclass(frozen=True)
class LoadReport:
    """What happened to each layer: loaded, skipped (excluded), missing in the file, or unused by the model."""

    path: str
    loaded: list[str] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    unused: list[str] = field(default_factory=list)


def layer_weights(layer) -> list:
    """A layer's weights in Keras 2's order: those that can be trained first; nested models layer by layer."""
    if isinstance(layer, keras.Model):
        inner = [each for each in layer.layers if each.weights]
        trainable = [w for each in inner for w in _trainable(each)]
        return trainable + [w for each in inner for w in each.weights if not _is_in(w, trainable)]
    return list(layer.weights)


def _trainable(layer) -> list:
    """The weights that could be trained, whether or not the layer is frozen now."""
    if isinstance(layer, keras.Model):
        return [w for each in layer.layers for w in _trainable(each)]
    return [w for w in layer.weights if w.name not in ("moving_mean", "moving_variance")]


def _is_in(weight, weights) -> bool:
    return any(weight is each for each in weights)


def load_any(model, path, *, by_name=True, exclude: Iterable[str] = ()) -> LoadReport:
    """Loads ".h5" (see load_h5), ".weights.h5" of the same model, or the layers of a ".keras" file by name."""
    path = os.fspath(path)
    if path.endswith(".keras"):
        return _load_keras(model, path, exclude)
    if path.endswith(".weights.h5"):
        read_header(path)  # says what the file is when it is none
        if exclude:
            raise ValueError(f"expected no exclude for a .weights.h5 file, received {list(exclude)}; use .h5 or .keras")
        before = model.get_weights()
        try:
            model.load_weights(path)
        except (ValueError, KeyError, OSError) as error:
            model.set_weights(before)
            message = f"does not fit the model: {str(error).splitlines()[0]}"
            fix = "load it into a model of the configuration it was saved with"
            raise SetupError(Finding("w-shape-other", Severity.ERROR, message, fix, path)) from error
        return LoadReport(path, [layer.name for layer in model.layers if layer.weights])
    return load_h5(model, path, by_name=by_name, exclude=exclude)


def _load_keras(model, path, exclude) -> LoadReport:
    """The layers of a saved model, by name."""
    if not Path(path).is_file():
        raise SetupError(Finding("w-file-unreadable", Severity.ERROR, "does not exist", "check the path", path))
    try:
        saved = keras.models.load_model(path, compile=False)
    except Exception as error:  # whatever Keras raises for a file that is no model
        message = f"is no Keras model: {str(error).splitlines()[0]}"
        finding = Finding("w-file-unreadable", Severity.ERROR, message, "save the model again", path)
        raise SetupError(finding) from error
    held = {layer.name: [w.numpy() for w in layer_weights(layer)] for layer in saved.layers if layer.weights}
    shapes = {name: [(str(i), w.shape) for i, w in enumerate(arrays)] for name, arrays in held.items()}
    return _load(model, path, shapes, lambda names: ((name, held[name]) for name in names), True, exclude)


def load_h5(model, path, *, by_name=True, exclude: Iterable[str] = ()) -> LoadReport:
    """Loads Matterport's ".h5", weights or full model, by layer name and within a layer by position.

    by_name: False wants weights for every layer of the model. exclude: layers to leave as they are, inner layers of
    rpn_model included.
    Raises SetupError, the model unchanged: w-file-unreadable; w-exclude-unknown; w-nothing-loaded; w-num-classes,
    w-rpn-ratios, w-conv1-channels or w-shape-other with the layers whose shapes differ and the exclude to use.
    """
    header = read_header(path)
    if header.layout != "keras2":
        message = "holds Keras 3 weights, which know no layer names"
        fix = "rename it to end in .weights.h5 and load it into the model it was saved from"
        raise SetupError(Finding("w-file-unreadable", Severity.ERROR, message, fix, os.fspath(path)))
    return _load(model, path, header.layers, lambda names: read_arrays(header, names), by_name, exclude)


def _load(model, path, held, arrays_of, by_name, exclude) -> LoadReport:
    """Plans which array goes to which weight, refuses what does not fit, and only then assigns."""
    exclude = list(exclude or ())
    layers = {layer.name: layer for layer in model.layers if layer.weights}
    _check_exclude(model, held, exclude, path)
    held = {name: weights for name, weights in held.items() if weights}
    skipped = [name for name in layers if name in exclude]
    wanted = [name for name in layers if name in held and name not in exclude]
    missing = [name for name in layers if name not in held and name not in exclude]
    if not wanted or (missing and not by_name):
        raise SetupError(_nothing_fits(path, list(held), missing, bool(wanted)))

    targets = {name: _pair(layers[name], held[name]) for name in wanted}
    inner = {name: _excluded_inside(layers[name], exclude) for name in wanted}
    mismatched = {
        name: problem for name in wanted if (problem := _mismatch(held[name], targets[name], inner[name])) is not None
    }
    if mismatched:
        raise SetupError(_mismatch_findings(path, mismatched, exclude))
    plan = []
    for name, arrays in arrays_of(wanted):
        plan += [(w, a) for w, a in zip(targets[name], arrays) if not _is_in(w, inner[name])]
    for weight, array in plan:
        weight.assign(array.astype(np.float32, copy=False))
    unused = [name for name in held if name not in layers]
    skipped += [each for each in exclude if each not in skipped and any(inner.values())]
    return LoadReport(os.fspath(path), wanted, skipped, missing, unused)


def _pair(layer, held) -> list:
    """The layer's weights in the file's order: by position, or by base name where positions do not fit."""
    weights = layer_weights(layer)
    if [tuple(w.shape) for w in weights] == [tuple(shape) for _, shape in held]:
        return weights
    bases = [name.rsplit("/", 1)[-1].split(":")[0] for name, _ in held]
    by_base = {w.name: w for w in weights}
    if len(by_base) == len(weights) and sorted(bases) == sorted(by_base):
        return [by_base[base] for base in bases]
    return weights


def _excluded_inside(layer, exclude) -> list:
    """Weights of the inner layers of a nested model that are excluded by name."""
    if not isinstance(layer, keras.Model):
        return []
    return [w for each in layer.layers if each.name in exclude for w in each.weights]


def _mismatch(held, targets, inner) -> tuple[list, list] | None:
    """(file's shapes, model's shapes) where they differ outside the excluded inner layers, else None."""
    ours, theirs = [tuple(w.shape) for w in targets], [tuple(shape) for _, shape in held]
    if len(ours) == len(theirs) and all(
        a == b or _is_in(w, inner) for a, b, w in zip(ours, theirs, targets)
    ):
        return None
    different = [(b, a) for a, b in zip(ours, theirs) if a != b] or [(theirs, ours)]
    return [each[0] for each in different], [each[1] for each in different]


def _mismatch_findings(path, mismatched, exclude) -> list[Finding]:
    """One finding a cause; every fix is the exclude list that makes the file loadable as a whole."""
    names = sorted(mismatched)
    complete = list(dict.fromkeys([*exclude, *(HEAD_LAYERS if set(names) & set(HEAD_LAYERS) else []), *names]))
    causes = (
        ("w-num-classes", [n for n in names if n in HEAD_LAYERS], "the file was trained for another number of classes"),
        ("w-rpn-ratios", [n for n in names if n == "rpn_model"], "the file has another number of anchor ratios"),
        ("w-conv1-channels", [n for n in names if n == "conv1"], "the file was trained on other image channels"),
    )
    known = {name for _, layers, _ in causes for name in layers}
    rest = ("w-shape-other", [n for n in names if n not in known], "these layers have other shapes in the file")
    findings = []
    for code, layers, cause in (*causes, rest):
        if layers:
            shapes = "; ".join(f"{n}: file {mismatched[n][0]}, model {mismatched[n][1]}" for n in layers[:6])
            more = f" and {len(layers) - 6} more" if len(layers) > 6 else ""
            fix = f"exclude={complete} leaves these layers as they are; train them then"
            findings.append(Finding(code, Severity.ERROR, f"{cause}: {shapes}{more}", fix, os.fspath(path)))
    return findings


def _nothing_fits(path, held, missing, partly) -> Finding:
    if partly:
        message = f"has no weights for {len(missing)} layers of the model: {', '.join(missing[:6])}"
        return Finding("w-backbone-depth", Severity.ERROR, message, "pass by_name=True to load the others", str(path))
    message = f"has no layer of this model; its layers are {', '.join(held[:6]) or 'none'}"
    return Finding("w-nothing-loaded", Severity.ERROR, message, "load weights of a Mask R-CNN", os.fspath(path))


def _check_exclude(model, held, exclude, path):
    """Names in exclude must be layers of the model (nested ones included) or of the file."""
    known = {layer.name for layer in model._flatten_layers(include_self=False)} | set(held)
    findings = []
    for name in exclude:
        if name not in known:
            close = difflib.get_close_matches(name, known, 1)
            fix = f"use {close[0]!r}" if close else "take a name from keras_model.summary()"
            message = f"exclude names {name!r}, which is no layer of the model or of the file"
            findings.append(Finding("w-exclude-unknown", Severity.ERROR, message, fix, os.fspath(path)))
    if findings:
        raise SetupError(findings)


def save_h5(model, path):
    """Writes the weights in Keras 2's layout; the file appears under its name when it is whole."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.part")
    try:
        with h5py.File(temporary, "w") as file:
            _write_names(file, "layer_names", [layer.name for layer in model.layers])
            file.attrs["backend"], file.attrs["keras_version"] = b"tensorflow", KERAS2_VERSION.encode()
            for layer in model.layers:
                group = file.create_group(layer.name)
                weights = layer_weights(layer)
                names = _weight_names(layer, weights)
                _write_names(group, "weight_names", names)
                for name, weight in zip(names, weights):
                    group.create_dataset(name, data=weight.numpy())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def _weight_names(layer, weights) -> list[str]:
    """conv1/kernel:0; in a nested model the inner layer's name, rpn_conv_shared/kernel:0."""
    if not isinstance(layer, keras.Model):
        return [f"{layer.name}/{weight.name}:0" for weight in weights]
    owner = {id(w): inner.name for inner in layer._flatten_layers(include_self=False) for w in inner.weights}
    return [f"{owner[id(weight)]}/{weight.name}:0" for weight in weights]


def _write_names(group, attribute, names):
    """A list of names as a fixed-length bytes attribute, in pieces where it is too long for HDF5."""
    array = np.array([name.encode() for name in names]) if names else np.zeros(0)
    pieces = 1
    while any(piece.nbytes > ATTRIBUTE_LIMIT for piece in np.array_split(array, pieces)):
        pieces += 1
    if pieces == 1:
        group.attrs[attribute] = array
        return
    for index, piece in enumerate(np.array_split(array, pieces)):
        group.attrs[f"{attribute}{index}"] = piece


def print_report(report: LoadReport):
    """One table of what was loaded, skipped, missing and unused."""
    from rich.console import Console
    from rich.table import Table

    table = Table(title=f"weights from {report.path}", title_justify="left")
    table.add_column("")
    table.add_column("layers", justify="right")
    table.add_column("which")
    rows = (
        ("loaded", report.loaded),
        ("skipped (exclude)", report.skipped),
        ("missing in the file, left as they were", report.missing),
        ("in the file, not in the model", report.unused),
    )
    for title, names in rows:
        if names:
            table.add_row(title, str(len(names)), ", ".join(names[:4]) + (", ..." if len(names) > 4 else ""))
    Console().print(table)
