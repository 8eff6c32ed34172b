"""The header of a weight file: which layers it holds weights for, of what shapes. h5py alone, no TensorFlow.

Layouts: "keras2" is what Matterport's files have, a group a layer with the attribute weight_names, at the root or,
in a file of a whole model, under /model_weights. "keras3" is Keras 3's own ".weights.h5", which knows no layer names.

A weight file comes from somewhere else, so nothing in it is trusted: links that lead out of the file and data kept in
other files are refused, and whatever cannot be read ends in a SetupError "w-file-unreadable".
"""

from __future__ import annotations

import difflib
import math
import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np

from mrcnn_roi.findings import Finding, SetupError, Severity

SIGNATURE = b"\x89HDF\r\n\x1a\n"
LARGEST_ATTRIBUTE = 2**26  # bytes; the names of a ResNet101 model take 8 KiB
KERAS3_GROUPS = {"layers", "_layer_checkpoint_dependencies", "vars", "optimizer"}
DOWNLOAD, EXPORT = "download it again", "save the weights again from the model that made them"
EXPECTED = "expected the .h5 of save_weights: mask_rcnn_coco.h5 or one of your own checkpoints"


@dataclass(frozen=True)
class WeightHeader:
    """What a weight file holds.

    layout: "keras2", or "keras3", whose layers are not known by name. layers: a list of (weight name, shape) for every
    layer of the file in its order; empty lists for layers without weights. full_model: written by save(), not by
    save_weights().
    """

    path: Path
    layout: str
    layers: dict[str, list[tuple[str, tuple[int, ...]]]]
    full_model: bool = False


def read_header(path: str | os.PathLike) -> WeightHeader:
    """Names and shapes of a weight file; the weights themselves are not read.

    Raises SetupError "w-file-unreadable", which says what the file is instead, for anything that is no such file.
    """
    path = _checked_path(path)
    with _opened(path) as file:
        root = file
        full_model = "layer_names" not in file.attrs and "layer_names0" not in file.attrs
        if full_model and "model_weights" in file:
            root = _child(file, "model_weights")
        if not _has_attribute(root, "layer_names"):
            if KERAS3_GROUPS & set(file.keys()):
                return WeightHeader(path, "keras3", {})
            held = ", ".join(sorted(file.keys())[:5]) or "nothing"
            raise unreadable(path, f"is HDF5 without Keras weights (it holds {held}); {EXPECTED}", "pass that file")
        layers = {}
        for layer in _names(root, "layer_names"):
            group = _child(root, layer)
            weights = [(name, _dataset(group, name).shape) for name in _names(group, "weight_names")]
            layers[layer] = weights
        return WeightHeader(path, "keras2", layers, full_model)


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


def unreadable(path: object, what: str, fix: str) -> SetupError:
    """SetupError "w-file-unreadable" about the file `path`; `what` follows "the file"."""
    where = str(path).encode("utf-8", "backslashreplace").decode()
    return SetupError(Finding("w-file-unreadable", Severity.ERROR, f"the weight file {what}", fix, where))


def _checked_path(path: str | os.PathLike) -> Path:
    """The path of a regular file that may be HDF5: opening anything else could block or confuse HDF5."""
    if not isinstance(path, (str, os.PathLike)):
        raise ValueError(f"expected the path of a weight file, received {type(path).__name__}")
    text = os.fspath(path)
    path = Path(os.fsdecode(text))
    try:
        status = path.stat()
        if stat.S_ISDIR(status.st_mode):
            inside = sorted(each.name for each in path.iterdir() if each.suffix in (".h5", ".hdf5"))
            remark = f"; it holds {', '.join(inside[:3])}" if inside else ""
            raise unreadable(path, f"is a folder{remark}", "pass the path of the .h5 file itself")
        if not stat.S_ISREG(status.st_mode):
            raise unreadable(path, "is a device or a pipe", "pass the path of an .h5 file on disk")
        with path.open("rb") as file:
            head = file.read(2048)
            _check_content(path, head, _signature_offset(file, status.st_size), status.st_size)
    except FileNotFoundError as error:
        raise unreadable(path, f"does not exist{_closest(path)}", "correct the path") from error
    except (OSError, ValueError) as error:
        if isinstance(error, SetupError):
            raise
        raise unreadable(path, f"cannot be opened: {error}", "check the path and its permissions") from error
    return path


def _closest(path: Path) -> str:
    try:
        names = sorted(os.listdir(path.parent))
    except (OSError, ValueError):
        return f", nor does the folder {path.parent}"
    near = difflib.get_close_matches(path.name, names, n=1) or [each for each in names if each.endswith(".h5")]
    return f"; closest in that folder is {near[0]}" if near else ""


def _signature_offset(file, size: int) -> int | None:
    """Where HDF5 begins: at 0, 512, 1024, 2048, ... (a user block may precede it)."""
    offset = 0
    while offset < size:
        file.seek(offset)
        if file.read(8) == SIGNATURE:
            return offset
        offset = 2 * offset or 512
    return None


def _check_content(path: Path, head: bytes, offset: int | None, size: int) -> None:
    if size == 0:
        raise unreadable(path, "is empty (0 bytes)", DOWNLOAD)
    if offset is None:
        what, fix = _foreign(head, size)
        raise unreadable(path, what, fix)
    with path.open("rb") as file:
        file.seek(offset)
        expected = _end_of_file(file.read(64))
    if expected is None or size < expected:
        whole = f" of {_megabytes(expected)}" if expected else ""
        raise unreadable(path, f"is truncated ({_megabytes(size)}{whole})", DOWNLOAD)


def _foreign(head: bytes, size: int) -> tuple[str, str]:
    """(what a file without HDF5 signature is, fix) from its first bytes."""
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if text.startswith((b"<!doctype html", b"<html", b"<?xml")) or b"<html" in text:
        return "is a web page, not weights", "download the file itself (the release asset), not the page that shows it"
    if text.startswith(b"version https://git-lfs"):
        return "is a git-lfs pointer, not the weights it points to", "run git lfs pull"
    if head.startswith(b"PK\x03\x04"):
        if b".keras" in head or b"metadata.json" in head:
            return "is a Keras 3 .keras archive", "name it *.keras, or save_weights to an .h5 file"
        return "is a zip archive", "unpack it, or, if it is PyTorch's, use weights in Keras' .h5 format"
    if head.startswith((b"\x1f\x8b", b"BZh", b"\xfd7zXZ", b"7z\xbc\xaf")):
        return "is compressed", "unpack it first"
    if SIGNATURE.startswith(head):
        return f"is truncated ({size} bytes)", DOWNLOAD
    return f"is not HDF5 (it begins with {head[:16]!r})", EXPECTED.replace("expected", "pass")


def _end_of_file(superblock: bytes) -> int | None:
    """The size that HDF5's superblock records (versions 0 to 3), None where the superblock itself is cut off."""
    if len(superblock) < 16:
        return None
    version = superblock[8]
    if version > 3:
        return 0  # a newer HDF5 may read it
    width = superblock[13] if version < 2 else superblock[9]
    start = {0: 24, 1: 28}.get(version, 12) + 2 * width
    return int.from_bytes(superblock[start : start + width], "little") if len(superblock) >= start + width else None


def _megabytes(size: int) -> str:
    return f"{size / 1e6:.1f} MB" if size >= 1e5 else f"{size} bytes"


@contextmanager
def _opened(path: Path) -> Iterator[h5py.File]:
    """The file, opened to read; whatever h5py raises inside becomes a SetupError."""
    try:
        with h5py.File(path, "r") as file:
            yield file
    except (SetupError, GeneratorExit):
        raise
    except Exception as error:
        reason = " ".join(str(error).split())[:200].encode("unicode_escape").decode()
        raise unreadable(path, f"is damaged: {type(error).__name__}: {reason}", f"{DOWNLOAD}, or {EXPORT}") from error


def _child(group: h5py.Group, path: str):
    """The object at `path` in `group`, reached over hard links only: others may lead to other files."""
    for name in path.split("/"):
        if not isinstance(group, h5py.Group) or not isinstance(group.get(name, getlink=True), h5py.HardLink):
            raise ValueError(f"{path} is not in the group {group.name}")
        group = group[name]
    return group


def _dataset(group: h5py.Group, name: str) -> h5py.Dataset:
    dataset = _child(group, name)
    if not isinstance(dataset, h5py.Dataset) or dataset.shape is None or dataset.dtype.kind not in "fiu":
        raise ValueError(f"{name} in {group.name} is not an array of numbers")
    if dataset.external or dataset.is_virtual:
        raise ValueError(f"{name} in {group.name} keeps its data in another file")
    return dataset


def _has_attribute(group: h5py.Group, name: str) -> bool:
    return name in group.attrs or f"{name}0" in group.attrs


def _names(group: h5py.Group, attribute: str) -> list[str]:
    """A list of names from an attribute; above 64 KiB Keras splits it into attribute0, attribute1, ..."""
    if attribute in group.attrs:
        parts = [attribute]
    else:
        parts = []
        while f"{attribute}{len(parts)}" in group.attrs:
            parts.append(f"{attribute}{len(parts)}")
        if not parts:
            raise ValueError(f"{group.name} has no attribute {attribute}")
    return [name for part in parts for name in _attribute(group, part)]


def _attribute(group: h5py.Group, name: str) -> list[str]:
    attribute = group.attrs.get_id(name)
    if attribute.dtype.itemsize * math.prod(attribute.shape) > LARGEST_ATTRIBUTE:
        raise ValueError(f"attribute {name} of {group.name} is too large for a list of names")
    values = np.atleast_1d(np.asarray(group.attrs[name])).ravel().tolist()
    return [value.decode("utf-8") if isinstance(value, bytes) else str(value) for value in values]
