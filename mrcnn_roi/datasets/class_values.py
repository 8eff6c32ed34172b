"""Names of the numbers that stand for classes in maps: from an option, or from a small file beside the maps."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from mrcnn_roi.checks.names import BACKGROUND_NAMES
from mrcnn_roi.datasets.class_table import columns_of, read_text, whole_number
from mrcnn_roi.datasets.files import read_json, setup_error
from mrcnn_roi.datasets.outline_dataset import checked_class_names

STEMS, SUFFIXES = ("classes", "class_names", "labels"), (".txt", ".csv", ".json")
VOID = 255  # of class maps, where it has no name: the border between objects, or what nobody labelled
VOID_NAMES = ("void", "ignore", "ignored", "unlabeled", "unlabelled")
_LARGEST = 1_000_000  # bytes of a file of names
_UNNAMED = re.compile(r"class (-?\d+)")
_NUMBERED = re.compile(r"\s*(-?\d+)\s*[:=,;\t ]\s*(\S.*)")
_EXPECTED = "class_names as a list of names for the values 1, 2, ... or a dict of value and name"


def name_of(value: int, names: Mapping[int, str]) -> str:
    """The name of a value: its own, or "class 7"."""
    return names.get(value, f"class {value}")


def stands_for_void(value: int, names: Mapping[int, str]) -> bool:
    """Whether a value of a class map is no class: 0, and 255 unless a class is named for it."""
    return value == 0 or (value == VOID and VOID not in names)


def names_of_option(given: Sequence[str] | Mapping[int, str]) -> dict[int, str]:
    """Value -> name, in the order of classes, of the option class_names.

    A list names the values 1, 2, ...; one of its names that reads "class 7" is value 7's, as such a class is called
    where nothing names it. Raises ValueError for anything else.
    """
    if isinstance(given, Mapping):
        pairs = [(whole_number(value), name) for value, name in given.items()]
        names = {value: name.strip() for value, name in pairs if value is not None and isinstance(name, str)}
        if len(names) != len(pairs) or not all(names.values()):
            raise ValueError(f"expected {_EXPECTED}, received {given!r}")
        return _classes({value: names[value] for value in sorted(names)})
    listed = checked_class_names(given) or []
    unnamed = {name: int(match[1]) for name in listed if (match := _UNNAMED.fullmatch(name))}
    named = {value: name for value, name in enumerate(listed, start=1) if name not in unnamed}
    values = {name: value for value, name in named.items()} | unnamed
    return _classes({values[name]: name for name in listed})


def names_of_files(folders: Iterable[Path]) -> dict[int, str]:
    """Value -> name of the first file classes.txt, labels.csv and so on in the folders; {} where there is none.

    Raises SetupError where it is not what such a file should be.
    """
    paths = (folder / f"{stem}{suffix}" for folder in folders for stem in STEMS for suffix in SUFFIXES)
    found = next((path for path in paths if path.is_file() and not _is_table(path)), None)
    return read_names(found) if found else {}


def read_names(path: Path) -> dict[int, str]:
    """Value -> name of a file: one name a line, or a value and a name; JSON: a list, or a dict of both.

    A background in the first line has the value 0. Raises SetupError naming the file.
    """
    if path.stat().st_size > _LARGEST:
        raise _no_names(path, f"{path.stat().st_size} bytes")
    listed: list[object]
    if path.suffix.lower() == ".json":
        content = read_json(path)
        if isinstance(content, dict):
            return _of_dict(content, path)
        listed = content if isinstance(content, list) else [content]
    else:
        listed = [line.strip() for line in read_text(path).splitlines() if line.strip()]
        numbered = [_NUMBERED.fullmatch(str(line)) for line in listed]
        if len(numbered) > 1 and numbered[0] is None and all(numbered[1:]):
            del listed[0], numbered[0]  # a header
        if listed and all(numbered):
            return _of_dict({match[1]: _unquoted(match[2]) for match in numbered if match}, path)
        listed = [_unquoted(str(line)) for line in listed]
    if not listed or not all(isinstance(name, str) and name.strip() for name in listed):
        raise _no_names(path, "no list of names")
    texts = [str(name).strip() for name in listed]
    first = 0 if texts[0].lower() in BACKGROUND_NAMES else 1
    return _classes(dict(enumerate(texts, start=first)))


def _of_dict(content: Mapping[str, object], path: Path) -> dict[int, str]:
    """The names of a dict of value and name, or of name and value."""
    pairs = [(whole_number(key), value) for key, value in content.items()]
    if any(value is None for value, _ in pairs):
        pairs = [(whole_number(value), key) for key, value in content.items()]
    names = {value: name.strip() for value, name in pairs if value is not None and isinstance(name, str)}
    if not names or len(names) != len(content) or not all(names.values()):
        raise _no_names(path, "no pairs of a value and a name")
    return _classes({value: names[value] for value in sorted(names)})


def _classes(names: dict[int, str]) -> dict[int, str]:
    """The names without those of the background (0) and of void (255)."""
    void = names.get(VOID, "").lower() in VOID_NAMES
    return {value: name for value, name in names.items() if value != 0 and not (void and value == VOID)}


def _unquoted(text: str) -> str:
    """The first field of a line as CSV writes it."""
    return next(csv.reader(io.StringIO(text)), [text])[0].strip() if text.startswith('"') else text.strip()


def _is_table(path: Path) -> bool:
    """Whether a CSV is a table of instances and their classes, which is something else."""
    return path.suffix.lower() == ".csv" and columns_of(path) is not None


def _no_names(path: Path, detail: str):
    fix = "write one class name a line, that of value 1 first, or lines of a value and a name, or pass class_names="
    return setup_error("ds-file-unreadable", path, f"expected the names of classes, received {detail}", fix)
