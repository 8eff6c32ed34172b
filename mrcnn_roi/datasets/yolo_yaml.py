"""data.yaml: the classes and the parts of a YOLO set, and the lists of names that stand in for it.

The file is parsed into nodes and these are read as text, so that no tag in it is ever made into an object, no alias is
written out, and each fault has its line.
"""

from __future__ import annotations

import os
import re
import warnings
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mrcnn_roi.datasets.files import setup_error
from mrcnn_roi.datasets.problems import quoted, shown
from mrcnn_roi.findings import Severity

CODE = "ds-yolo-yaml"
LARGEST = 1 << 19  # bytes; the names of ten thousand classes are a half of it
DEEPEST = 200  # brackets inside each other; the parser's time grows with their square
MOST_CLASSES = 10_000
PARTS = ("train", "val", "test")
ALIASES = {"train": ("train", "training"), "val": ("val", "valid", "validation"), "test": ("test", "testing")}
NAMES_FILES = ("classes.txt", "obj.names", "_darknet.labels")
FIX_NAMES = "list the classes in the order of their numbers, as in names: [cat, dog]"

_MARKS = re.compile(rb"(?m)^[\s{]*[\"']?(names|train|val|nc)[\"']?\s*:")


@dataclass
class DataFile:
    """What a data.yaml declares. names: class number -> name. parts: train, val, test -> folders or lists as written.
    root: its `path`, "" where not given. faults: (place, detail, fix, severity) of `Problems.add`."""

    path: Path
    names: dict[int, str] = field(default_factory=dict)
    parts: dict[str, list[str]] = field(default_factory=dict)
    root: str = ""
    faults: list[tuple[str, str, str, Severity]] = field(default_factory=list)

    def add(self, node: Any, detail: str, fix: str, severity: Severity = Severity.WARNING) -> None:
        """Adds a fault at a node, or of the whole file (None)."""
        line = f" line {node.start_mark.line + 1}" if node is not None else ""
        self.faults.append((shown(self.path.name) + line, detail, fix, severity))


def read_data_file(path: Path) -> DataFile | None:
    """The data.yaml at `path`; None for another YAML file or one that is no file.

    Raises SetupError "ds-yolo-yaml" with line and column where it begins like one but cannot be read.
    """
    content = _content(path)
    if content is None or not _MARKS.search(content.replace(b"\0", b"")):
        return None
    root = _composed(path, content)
    entries = _entries(root)
    keys = {key for key, _, _ in entries}
    if not ("names" in keys or ({"train", "val"} & keys and {"nc", "path"} & keys)):
        return None
    found, seen = DataFile(path), dict[str, Any]()
    for key, node, value in entries:
        if key in seen:
            found.add(node, f"{shown(key)} is given twice, the second one counts", f"remove one {shown(key)}")
        seen[key] = value
    if "kpt_shape" in seen:
        detail = "kpt_shape: the labels are keypoints, which have no outlines"
        found.add(seen["kpt_shape"], detail, "export a segmentation set; delete kpt_shape if it is one", Severity.ERROR)
    found.root = _text(seen.get("path")) or ""
    for part, names in ALIASES.items():
        given = next((seen[name] for name in names if name in seen and not _is_null(seen[name])), None)
        if given is not None:
            found.parts[part] = _locations(given, part, found)
    _read_names(seen.get("names"), found)
    _check_count(seen.get("nc"), found)
    return found


def listed_names(folder: Path) -> tuple[Path, list[str]] | None:
    """(file, names) of a classes.txt or the like in a folder, one name a line; None where there is none."""
    for name in NAMES_FILES:
        path = folder / name
        if path.is_file() and os.path.getsize(path) <= LARGEST:
            lines = path.read_text(encoding="utf-8-sig", errors="replace").splitlines()
            names = [line.strip() for line in lines]
            while names and not names[-1]:
                names.pop()
            if names:
                return path, names[:MOST_CLASSES]
    return None


def class_called(number: int) -> str:
    """The name of a class that has none."""
    return f"class_{number}"


def _content(path: Path) -> bytes | None:
    if not path.is_file() or os.path.getsize(path) > LARGEST:  # a FIFO would block for ever
        return None
    return path.read_bytes()


def _composed(path: Path, content: bytes) -> Any:
    from ruamel.yaml import YAML

    if _depth(content) > DEEPEST:
        text = f"not YAML that can be read: more than {DEEPEST} brackets inside each other"
        raise setup_error(CODE, path, text, FIX_NAMES)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of anchors that are used again, which YAML allows
        try:
            return YAML(typ="safe", pure=True).compose(content)
        except Exception as error:
            mark = getattr(error, "problem_mark", None)
            place = f" at line {mark.line + 1} column {mark.column + 1}" if mark is not None else ""
            why = getattr(error, "problem", None) or f"{type(error).__name__}: {error}"
            text = f"not YAML that can be read: {shown(' '.join(str(why).split()), 200)}{place}"
            raise setup_error(CODE, path, text, "correct it there; the file is YAML in UTF-8") from error


def _depth(content: bytes) -> int:
    """How many brackets are open at most."""
    depth = deepest = 0
    for bracket in re.findall(rb"[\[\]{}]", content):
        depth += 1 if bracket in b"[{" else -1
        deepest = max(deepest, depth)
    return deepest


def _entries(root: Any) -> list[tuple[str, Any, Any]]:
    """(key, its node, the value's node) of a mapping of the top level; [] of anything else."""
    if getattr(root, "id", "") != "mapping":
        return []
    return [(key.value, key, value) for key, value in root.value if isinstance(key.value, str)]


def _is_null(node: Any) -> bool:
    return node is None or (node.id == "scalar" and str(node.tag) == "tag:yaml.org,2002:null")


def _text(node: Any) -> str | None:
    """A scalar as it is written, without white space around it; None for anything else, and for nothing."""
    if _is_null(node) or node.id != "scalar" or not node.value.strip():
        return None
    return node.value.strip()


def _number(node: Any) -> int | None:
    text = _text(node)
    return int(text) if text and re.fullmatch(r"[+-]?[0-9]{1,9}", text) else None


def _locations(node: Any, part: str, found: DataFile) -> list[str]:
    nodes = node.value if node.id == "sequence" else [node]
    texts = [_text(each) for each in nodes[:MOST_CLASSES]]
    if None in texts or not texts:
        fix = f"give a folder of images, as in {part}: images/{part}"
        found.add(node, f"{part} is no folder, list of folders or text file", fix)
    return [text for text in texts if text]


def _read_names(node: Any, found: DataFile) -> None:
    if _is_null(node):
        detail = f"no names: the classes are called {class_called(0)}, {class_called(1)}, ..."
        found.add(node, detail, FIX_NAMES)
        return
    if node.id == "scalar":
        found.add(node, f"names is {quoted(node.value)} instead of a list", FIX_NAMES, Severity.ERROR)
        return
    nodes = node.value[:MOST_CLASSES]
    triples = [(*pair, _number(pair[0])) for pair in nodes] if node.id == "mapping" else []
    for key, value, number in triples or [(each, each, number) for number, each in enumerate(nodes)]:
        name = _text(value)
        if number is None or not 0 <= number < MOST_CLASSES:
            written = key.value if isinstance(key.value, str) else key.id
            fix = "number the classes 0, 1, 2, ..."
            found.add(key, f"names has the class number {quoted(written)}", fix, Severity.ERROR)
        elif number in found.names:
            detail = f"names has the class number {number} twice, the first one counts"
            found.add(key, detail, "number each class once", Severity.ERROR)
        elif name is None:
            detail = f"class {number} has no name, it is called {class_called(number)}"
            found.add(value, detail, "give each class a name")
            found.names[number] = class_called(number)
        else:
            found.names[number] = name
    _check_gaps(node, found)


def _check_gaps(node: Any, found: DataFile) -> None:
    gaps = sorted(set(range(max(found.names, default=-1))) - found.names.keys())
    if gaps:
        listed = ", ".join(map(str, gaps[:8])) + (", ..." if len(gaps) > 8 else "")
        detail = f"names lacks {listed} of 0 to {max(found.names)}; those classes stay without objects"
        found.add(node, detail, "number the classes 0, 1, 2, ... without gaps, as they are in the label files")


def _check_count(node: Any, found: DataFile) -> None:
    count, listed = _number(node), max(found.names, default=-1) + 1
    if node is None or (listed and count == listed):
        return
    if listed:
        written = quoted(node.value) if node.id == "scalar" else f"a {node.id}"
        found.add(node, f"nc is {written}, names lists {listed}; names counts", f"set nc: {listed}, or complete names")
    elif count is not None and 0 < count <= MOST_CLASSES:
        found.names = {number: class_called(number) for number in range(count)}
