"""Tables of instances and their classes: a CSV with the columns image, instance and class, or the same as JSON."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from mrcnn_roi.datasets.files import read_json, setup_error
from mrcnn_roi.datasets.problems import Problems, quoted, shown
from mrcnn_roi.findings import Severity

IMAGE = ("image", "file", "filename", "file_name", "stem", "image_id", "image_name", "map", "mask")
INSTANCE = ("instance", "instance_id", "id", "value", "number", "label")
CLASS = ("class", "class_name", "name", "category", "category_name", "label")
AS_TABLE = "give the table a first line with the columns image,instance,class"
_START = 4096  # bytes that hold the first line of a table


class Columns(NamedTuple):
    """Where a table has its three columns, and what separates them."""

    image: int
    instance: int
    name: int
    delimiter: str


class Row(NamedTuple):
    """One row as it was written; place names it in messages."""

    place: str
    image: object
    instance: object
    name: object


@dataclass
class ClassTable:
    """The rows by image stem: number in the map -> (class name, place of the row)."""

    path: Path
    rows: dict[str, dict[int, tuple[str, str]]] = field(default_factory=dict)
    count: int = 0

    def classes(self, stem: str) -> dict[int, str]:
        """Number in the map -> class name, of one image."""
        return {number: name for number, (name, _) in self.rows.get(stem, {}).items()}


def tables_in(folders: Iterable[Path]) -> list[Path]:
    """The CSV files in the folders that have the three columns."""
    files = [
        each
        for folder in dict.fromkeys(folders)
        for each in sorted(folder.glob("*.[cC][sS][vV]"))
        if each.is_file() and each.name[0] != "."
    ]
    return [each for each in files if columns_of(each) is not None]


def columns_of(path: Path) -> Columns | None:
    """The columns that the first line of a CSV names, None where it lacks one of them or cannot be read."""
    try:
        with path.open("rb") as file:
            start = file.read(_START)
        first = next(iter(_decoded(start).splitlines()), "")
    except (OSError, UnicodeDecodeError):
        return None
    return _columns(first)


def read_table(path: Path, images: Mapping[str, str], problems: Problems) -> ClassTable:
    """The table in a CSV or JSON file.

    images: what rows may call an image (file names, stems, names of maps) -> its stem.
    Rows that cannot be used go to `problems`. Raises SetupError where the file is no table.
    """
    table = ClassTable(path)
    for row in _json_rows(path) if path.suffix.lower() == ".json" else _csv_rows(path):
        table.count += 1
        _take(row, table, images, problems)
    return table


def report_unused(table: ClassTable, stem: str, numbers: Iterable[int], problems: Problems) -> None:
    """Adds the rows of an image whose instances its map does not have."""
    rows, known = table.rows.get(stem, {}), set(numbers)
    for number, (_, place) in rows.items():
        if number not in known:
            fix = "write the numbers that the map has, or remove the row"
            problems.add("ds-table-row", place, f"the map of {shown(stem)} has no instance {number}", fix)


def whole_number(value: object) -> int | None:
    """An integer, a whole float or the text of one; None for anything else."""
    if isinstance(value, str):
        text = value.strip()
        try:
            value = int(text) if text.lstrip("+-").isdecimal() and len(text) < 20 else float(text)
        except ValueError:
            return None
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return int(value) if value == value and abs(value) < 2**63 and value == int(value) else None


def read_text(path: Path) -> str:
    """A text file in UTF-8 or UTF-16. Raises SetupError naming it where it is something else."""
    try:
        return _decoded(path.read_bytes())
    except (OSError, UnicodeDecodeError) as error:
        raise setup_error("ds-file-unreadable", path, f"cannot be read: {error}", "save the file as UTF-8") from error


def _take(row: Row, table: ClassTable, images: Mapping[str, str], problems: Problems) -> None:
    stem, number = _stem(row.image, images), whole_number(row.instance)
    name = row.name.strip() if isinstance(row.name, str) else row.name
    if stem is None:
        detail, fix = f"no image {quoted(row.image)}", "write the image's file name or its stem, or remove the row"
        problems.add("ds-table-row", row.place, detail, fix)
    elif number is None or number == 0 or not isinstance(name, str) or not name:
        detail = f"instance {quoted(row.instance)}, class {quoted(row.name)}"
        fix = "give the number that the instance has in the map, and the name of its class"
        problems.add("ds-table-row", row.place, detail, fix, Severity.ERROR)
    else:
        known = table.rows.setdefault(stem, {}).setdefault(number, (name, row.place))
        if known[0] != name:
            detail = f"instance {number} of {shown(stem)} is {quoted(name)} here, {quoted(known[0])} in {known[1]}"
            problems.add("ds-table-row", row.place, detail, "keep the right one of the two rows", Severity.ERROR)


def _stem(image: object, images: Mapping[str, str]) -> str | None:
    text = str(image).strip().replace("\\", "/")
    base = text.rpartition("/")[2]
    return next((images[each] for each in (text, base, base.rpartition(".")[0]) if each in images), None)


def _decoded(data: bytes) -> str:
    """Text in UTF-16 where the file says so, else UTF-8; a letter that the end of `data` cuts is left out."""
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return data[: len(data) // 2 * 2].decode("utf-16")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        if len(data) == _START and error.start >= len(data) - 3:
            return data[: error.start].decode("utf-8-sig")
        raise


def _columns(first: str) -> Columns | None:
    delimiter = max(",;\t", key=first.count)
    names = [name.strip().lower().replace(" ", "_") for name in _fields(first, delimiter)]
    image = next((names.index(each) for each in IMAGE if each in names), None)
    instance = next((names.index(each) for each in INSTANCE if each in names), None)
    name = next((names.index(each) for each in CLASS if each in names and names.index(each) != instance), None)
    if image is None or instance is None or name is None:
        return None
    return Columns(image, instance, name, delimiter)


def _fields(line: str, delimiter: str) -> list[str]:
    try:
        return next(csv.reader(io.StringIO(line), delimiter=delimiter), [])
    except csv.Error:
        return []


def _csv_rows(path: Path) -> Iterator[Row]:
    text = read_text(path)
    first = next(iter(text[:_START].splitlines()), "")
    columns = _columns(first)
    if columns is None:
        text = f"no table of classes: the first line is {quoted(first)}"
        raise setup_error("ds-file-unreadable", path, text, AS_TABLE)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=columns.delimiter)
    try:
        next(reader, None)
        for cells in reader:
            if any(cell.strip() for cell in cells):
                cells += [""] * (max(columns[:3]) + 1 - len(cells))
                image, instance, name = (cells[each] for each in columns[:3])
                yield Row(f"line {reader.line_num}", image, instance, name)
    except csv.Error as error:
        text = f"line {reader.line_num}: {error}"
        raise setup_error("ds-file-unreadable", path, text, "save the table anew") from error


def _json_rows(path: Path) -> Iterator[Row]:
    """Rows of a list of objects, or of {"image": {"instance": "class"}}."""
    content = read_json(path)
    if isinstance(content, dict) and all(isinstance(each, dict) for each in content.values()):
        for image, instances in content.items():
            for number, name in instances.items():
                yield Row(f"{shown(image)}[{quoted(number)}]", image, number, name)
        return
    if not isinstance(content, list):
        text = f"no table of classes: a {type(content).__name__}"
        fix = 'write [{"image": ..., "instance": ..., "class": ...}, ...]'
        raise setup_error("ds-file-unreadable", path, text, fix)
    for position, each in enumerate(content):
        keys = {str(key).lower(): value for key, value in each.items()} if isinstance(each, dict) else {}
        image, instance = (next((keys[key] for key in known if key in keys), None) for known in (IMAGE, INSTANCE))
        name = next((keys[key] for key in CLASS if isinstance(keys.get(key), str)), None)
        yield Row(f"[{position}]", image, instance, name)
