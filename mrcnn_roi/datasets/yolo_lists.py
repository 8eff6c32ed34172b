"""Text files that list the images of a part, one path a line, as data.yaml may name them."""

from __future__ import annotations

import os
from pathlib import Path

from mrcnn_roi.datasets.files import IMAGE_SUFFIXES, closest_name, inside
from mrcnn_roi.datasets.problems import Problems, shown

LARGEST = 1 << 28  # bytes; a million paths are a third of it


def listed_images(path: Path, bases: list[Path], problems: Problems) -> list[tuple[str, list[str]]]:
    """(folder, its images) in the order of a list. bases: where its paths may start; none leads out of all of them.

    Lines that name no image, or none that is there, go to `problems`; images that are not there are kept.
    """
    size = os.path.getsize(path)
    if size > LARGEST:
        detail = f"{size} bytes, more than any list of images"
        problems.add("ds-yolo-part", f"list {shown(path.name)}", detail, "name a list of images, one path a line")
        return []
    finder, folders = _Finder([*dict.fromkeys(bases)]), dict[str, list[str]]()
    text = path.read_bytes().decode("utf-8-sig", "surrogateescape")
    for number, line in enumerate(text.split("\n"), start=1):
        name = line.strip().replace("\\", "/")
        if not name:
            continue
        place = f"{shown(path.name)} line {number}"
        if not name.lower().endswith(IMAGE_SUFFIXES):
            detail = f"{shown(name)} is no image"
            problems.add("ds-yolo-part", place, detail, "list the paths of images, one a line")
            continue
        found = finder.find(name)
        if found is None:
            found = finder.expected(name)
            fix = f"correct the paths in {shown(path.name)}: relative to it or to `path`, and not out of them"
            near = "" if problems.full("ds-file-missing") else closest_name(*os.path.split(found))
            problems.add("ds-file-missing", place, f"{shown(name)}{', ' + near if near else ''}", fix)
        folder, base = os.path.split(found)
        folders.setdefault(folder, []).append(base)
    return list(folders.items())


class _Finder:
    """Finds listed paths below the bases: as they are, or by their ends, where another machine wrote the list."""

    def __init__(self, bases: list[Path]):
        self._bases = bases
        self._last = (bases[0], 0)  # base, and number of leading folders left out: mostly those of the line before

    def find(self, name: str) -> str | None:
        """The path of an image that is there, or None."""
        parts = [part for part in name.split("/") if part not in ("", ".")]
        skips = range(max(1, len(parts) - 1))
        whole = [(base, -1) for base in self._bases] if name.startswith("/") else []
        for base, skip in (self._last, *whole, *((base, skip) for base in self._bases for skip in skips)):
            path = inside(base, name if skip < 0 else "/".join(parts[skip:]))
            if path is not None and os.path.isfile(path):
                self._last = (base, skip)
                return path
        return None

    def expected(self, name: str) -> str:
        """Where the file should be; one that no file can be where the name leads out."""
        base = self._bases[0]
        path = inside(base, name)
        if path is None:
            path = os.path.join(base, os.path.basename(name))
        return path if not os.path.isfile(path) else os.path.join(path, os.path.basename(path))
