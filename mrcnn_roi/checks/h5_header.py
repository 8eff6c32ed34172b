"""The header of a weight file: which layers it holds weights for, of what shapes. h5py alone, no TensorFlow.

Layouts: "keras2" is what Matterport's files have, a group a layer with the attribute weight_names, at the root or,
in a file of a whole model, under /model_weights. "keras3" is Keras 3's own ".weights.h5", a group a layer, in which
layers go by class and number (layers/conv2d_7/vars/0). "archive" is a ".keras" file, told by its name alone as Keras
does it (see weight_archive).

A weight file comes from somewhere else, so nothing in it is trusted: links that lead out of the file and data kept in
other files are refused, and whatever cannot be read ends in a SetupError "w-file-unreadable".
"""

from __future__ import annotations

import json
import math
import os
import signal
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from mrcnn_roi.checks.weight_archive import archive_layers
from mrcnn_roi.checks.weight_file import DOWNLOAD, EXPECTED, checked_path, unreadable
from mrcnn_roi.findings import SetupError

if TYPE_CHECKING:
    import h5py

LARGEST_ATTRIBUTE = 2**26  # bytes; the names of a ResNet101 model take 8 KiB
SECONDS_FOR_NAMES = 20
LARGEST_TREE = 8_000  # groups; a ResNet101 model has some 900
DEEPEST_TREE = 20
KERAS3_LAYERS = ("layers", "_layer_checkpoint_dependencies")
KERAS3_GROUPS = {"layers", "_layer_checkpoint_dependencies", "vars", "optimizer"}


@dataclass(frozen=True)
class WeightHeader:
    """What a weight file holds.

    layout: "keras2", "keras3" or "archive". layers: a list of (weight name, shape) for every layer of the file in its
    order; empty lists for layers without weights; of "keras3" by the path of the group, of an "archive" {} where it
    does not tell. full_model: written by save(), not by save_weights().
    """

    path: Path
    layout: str
    layers: dict[str, list[tuple[str, tuple[int, ...]]]]
    full_model: bool = False


def read_header(path: str | os.PathLike[str]) -> WeightHeader:
    """Names and shapes of a weight file; the weights themselves are not read.

    Raises SetupError "w-file-unreadable", which says what the file is instead, for anything that is no such file.
    """
    if isinstance(path, (str, os.PathLike)) and os.fsdecode(path).endswith(".keras"):
        path = checked_path(path, hdf5=False)
        return WeightHeader(path, "archive", archive_layers(path), full_model=True)
    path = checked_path(path)
    with _opened(path) as file:
        try:
            held = _read_names(file)
        except _VariableLength:
            held = _names_read_apart(path)
        if held is None:
            if KERAS3_GROUPS & set(file.keys()):
                if not path.name.endswith(".weights.h5"):  # Keras takes it for another layout, and so does the loader
                    fix = "rename it to end in .weights.h5 and load it into a model with the settings it was saved with"
                    raise unreadable(path, "has Keras 3's own layout, which knows no layer names", fix)
                return WeightHeader(path, "keras3", _numbered_layers(file))
            groups = ", ".join(sorted(file.keys())[:5]) or "nothing"
            raise unreadable(path, f"is HDF5 without Keras weights (it holds {groups})", f"pass {EXPECTED}")
        root = _child(file, held["root"]) if held["root"] else file
        layers = {
            layer: [(name, _dataset(_child(root, layer), name).shape) for name in names]
            for layer, names in held["layers"].items()
        }
    return WeightHeader(path, "keras2", layers, bool(held["root"]))


def read_arrays(header: WeightHeader, layers: Iterable[str]) -> Iterator[tuple[str, list[np.ndarray]]]:
    """(layer, its weights as float arrays in the file's order), layer by layer, of a "keras2" file.

    Raises SetupError "w-file-unreadable" where the data cannot be decoded or are not what the header said.
    """
    with _opened(header.path) as file:
        root = _child(file, "model_weights") if header.full_model else file
        for layer in layers:
            datasets = [(_dataset(_child(root, layer), name), shape) for name, shape in header.layers[layer]]
            if any(dataset.shape != shape for dataset, shape in datasets):
                raise unreadable(header.path, f"changed while it was read (layer {layer})", "load it again")
            yield layer, [np.asarray(dataset[()]) for dataset, _ in datasets]


@contextmanager
def _opened(path: Path) -> Iterator[h5py.File]:
    """The file, opened to read; whatever h5py raises inside becomes a SetupError."""
    import h5py  # takes longer to import than a config to check

    try:
        with h5py.File(path, "r") as file:
            yield file
    except (SetupError, GeneratorExit):
        raise
    except Exception as error:
        reason = " ".join(str(error).split())[:200].encode("unicode_escape").decode()
        what = f"is damaged: {type(error).__name__}: {reason}"
        raise unreadable(path, what, f"{DOWNLOAD}, or save the weights again") from error


def _child(group: h5py.Group, path: str):
    """The object at `path` in `group`, reached over hard links only: others may lead to other files."""
    import h5py

    for name in path.split("/"):
        if not isinstance(group, h5py.Group) or not isinstance(group.get(name, getlink=True), h5py.HardLink):
            raise ValueError(f"{path} is not in the group {group.name}")
        group = group[name]
    return group


def _dataset(group: h5py.Group, name: str) -> h5py.Dataset:
    import h5py

    dataset = _child(group, name)
    if not isinstance(dataset, h5py.Dataset) or dataset.shape is None or dataset.dtype.kind not in "fiu":
        raise ValueError(f"{name} in {group.name} is not an array of numbers")
    if dataset.external or dataset.is_virtual:
        raise ValueError(f"{name} in {group.name} keeps its data in another file")
    return dataset


def _numbered_layers(file: h5py.File) -> dict[str, list[tuple[str, tuple[int, ...]]]]:
    """The layers of Keras 3's layout with their weights by the path of their group, layers inside others included."""
    import h5py

    layers: dict[str, list[tuple[str, tuple[int, ...]]]] = {}
    waiting = [name for name in KERAS3_LAYERS if name in file]
    for _ in range(LARGEST_TREE):
        if not waiting:
            return layers
        path = waiting.pop()
        group = _child(file, path)
        if not isinstance(group, h5py.Group):
            continue
        if path.endswith("/vars"):
            numbers = sorted(group.keys(), key=lambda name: (len(name), name))
            layers[path.rpartition("/")[0]] = [(name, _dataset(group, name).shape) for name in numbers]
        elif path.count("/") < DEEPEST_TREE:
            waiting += [f"{path}/{name}" for name in group]
    raise ValueError(f"it holds more than {LARGEST_TREE} groups")  # or groups in a circle


class _VariableLength(Exception):  # noqa: N818 - no error: the names have to be read in another way
    """A list of names is stored as strings of variable length."""


def _read_names(file: h5py.File, apart: bool = False) -> dict | None:
    """{"root": "" or "model_weights", "layers": {layer: weight names}}; None for a file without layer names.

    Raises _VariableLength, unless `apart`, for a list that HDF5 would have to read from its global heap.
    """
    full_model = not _parts(file, "layer_names") and "model_weights" in file
    root = _child(file, "model_weights") if full_model else file
    if not _parts(root, "layer_names"):
        return None
    layers = {}
    for layer in _names(root, "layer_names", apart):
        group = _child(root, layer)
        if not _parts(group, "weight_names"):
            raise ValueError(f"{group.name} has no attribute weight_names")
        layers[layer] = _names(group, "weight_names", apart)
    return {"root": "model_weights" if full_model else "", "layers": layers}


def _names_read_apart(path: Path) -> dict | None:
    """_read_names in a process of its own: on a damaged global heap HDF5 1.14 loops forever or crashes (seen in
    one of some 700 files with random bytes changed; with strings of fixed length in none of 80000)."""
    program = (
        "import json, sys; sys.path[:] = json.loads(sys.argv[1]); "
        "from mrcnn_roi.checks.h5_header import print_names; print_names(sys.argv[2])"
    )
    command = [sys.executable, "-c", program, json.dumps([str(each) for each in sys.path]), os.fspath(path)]
    try:
        answer = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=SECONDS_FOR_NAMES)
    except subprocess.TimeoutExpired as error:
        raise ValueError(f"HDF5 did not finish reading its names in {SECONDS_FOR_NAMES} seconds") from error
    if answer.returncode != 0:
        last = answer.stderr.decode("utf-8", "replace").strip().rpartition("\n")[2]
        raise ValueError(f"the names of its layers cannot be read: {last or f'exit status {answer.returncode}'}")
    return json.loads(answer.stdout)


def print_names(path: str) -> None:
    """Prints what _read_names finds, as JSON; ends itself in time where the process that waits for it is gone."""
    import h5py

    if hasattr(signal, "alarm"):
        signal.alarm(2 * SECONDS_FOR_NAMES)
    with h5py.File(path, "r") as file:
        print(json.dumps(_read_names(file, apart=True)))


def _parts(group: h5py.Group, attribute: str) -> list[str]:
    """The attributes that hold a list: itself, or attribute0, attribute1, ... where Keras split it at 64 KiB."""
    if attribute in group.attrs:
        return [attribute]
    parts: list[str] = []
    while f"{attribute}{len(parts)}" in group.attrs:
        parts.append(f"{attribute}{len(parts)}")
    return parts


def _names(group: h5py.Group, attribute: str, apart: bool) -> list[str]:
    return [name for part in _parts(group, attribute) for name in _attribute(group, part, apart)]


def _attribute(group: h5py.Group, name: str, apart: bool) -> list[str]:
    import h5py

    held = group.attrs.get_id(name)
    if math.prod(held.shape) == 0:
        return []
    text = h5py.check_string_dtype(held.dtype)
    if text is None or held.dtype.itemsize * math.prod(held.shape) > LARGEST_ATTRIBUTE:
        raise ValueError(f"attribute {name} of {group.name} is not a list of names")
    if text.length is None and not apart:
        raise _VariableLength
    values = np.atleast_1d(np.asarray(group.attrs[name])).ravel().tolist()
    return [value.decode("utf-8") if isinstance(value, bytes) else str(value) for value in values]
