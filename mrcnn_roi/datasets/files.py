"""Finding and reading the files an annotation set names: JSON, image folders, image paths."""

from __future__ import annotations

import bisect
import contextlib
import difflib
import functools
import json
import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from mrcnn_roi.datasets.json_stream import BEGIN, stream_json
from mrcnn_roi.datasets.problems import shown
from mrcnn_roi.findings import Finding, SetupError, Severity

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp", ".gif", ".ppm", ".pgm", ".npy")
NEIGHBOURS = 400  # names of a folder that are compared with a missing one; comparing takes microseconds for each


def setup_error(code: str, path: object, message: str, fix: str) -> SetupError:
    """A SetupError of one ERROR finding about the file or folder `path`."""
    return SetupError(Finding(code, Severity.ERROR, message, fix, shown(str(path), 300)))


def read_json(path: Path, collectors: Mapping[str, Callable[[], Any]] | None = None) -> object:
    """The content of a JSON file in UTF-8 (with or without BOM), UTF-16 or UTF-32.

    collectors: for keys of the outermost object whose value is a list, what takes its elements one by one with
    `append`, so that they are never all in memory as Python objects.
    Raises SetupError "ds-json-invalid" with line and column where it is not JSON, "ds-file-unreadable" where the file
    cannot be read.
    """
    with _json_faults(path), path.open("rb") as file:
        if not _has_text(file):
            size = path.stat().st_size
            raise setup_error(
                "ds-json-invalid", path, f"the file is empty ({size} bytes)", "export the annotations again"
            )
        collectors, content = collectors or {}, dict[str, Any]()
        whole: list[object] = []
        for key, position, value in stream_json(file, collectors):
            if key is None:
                whole.append(value)
            elif position is None:
                content[key] = value
            elif position == BEGIN:
                content[key] = collectors[key]()
            else:
                content[key].append(value)
        return whole[0] if whole else content


def _has_text(file: BinaryIO) -> bool:
    """Whether a file holds anything but white space; its position is at the beginning again."""
    found = any(chunk.strip() for chunk in iter(lambda: file.read(1 << 16), b""))
    file.seek(0)
    return found


@contextlib.contextmanager
def _json_faults(path: Path) -> Iterator[None]:
    """Turns what reading JSON raises into a SetupError with file and place."""
    code, fix = "ds-json-invalid", "export the annotations again, or repair the file at that place"
    try:
        yield
    except OSError as error:
        raise setup_error(
            "ds-file-unreadable", path, f"cannot be read: {error}", "check the path and its permissions"
        ) from error
    except json.JSONDecodeError as error:
        with path.open("rb") as file:
            if file.read(64).lstrip()[:1] == b"<":
                fix = "this is a web page: download the file itself (the raw file, where a site shows it in a page)"
        place = f"line {error.lineno} column {error.colno}"
        raise setup_error(code, path, f"not JSON: {error.msg} at {place}", fix) from error
    except UnicodeDecodeError as error:
        raise setup_error(
            code, path, f"not text in {error.encoding} at byte {error.start}", "save the file as UTF-8"
        ) from error
    except SetupError:
        raise
    except (ValueError, RecursionError) as error:  # numbers of thousands of digits, thousands of nested brackets
        raise setup_error(code, path, f"not readable as JSON: {error}", fix) from error


def closest_name(folder: str | Path, name: str) -> str:
    """A remark about the file in `folder` that `name` may have meant; "" where nothing is near."""
    try:
        return _closest(os.fspath(folder), os.stat(folder).st_mtime_ns, name)
    except (OSError, ValueError):
        return f"there is no folder {shown(str(folder))}"


@functools.lru_cache(maxsize=4096)
def _closest(folder: str, _changed: int, name: str) -> str:
    listing = _listing(folder, _changed)
    stem = os.path.splitext(name)[0]
    other = listing.by_case.get(name.lower(), name)
    if other != name:
        return f"{shown(other)} differs in upper and lower case only"
    if listing.images.get(stem, name) != name:
        return f"there is {shown(listing.images[stem])}"
    start = max(bisect.bisect(listing.names, name) - NEIGHBOURS // 2, 0)
    near = difflib.get_close_matches(name[:255], listing.names[start : start + NEIGHBOURS], n=1)
    return f"closest is {shown(near[0])}" if near else ""


class _Listing(NamedTuple):
    names: list[str]  # sorted
    by_case: dict[str, str]  # in lower case -> a name
    images: dict[str, str]  # stem -> an image's name


@functools.lru_cache(maxsize=2)
def _listing(folder: str, _changed: int) -> _Listing:
    """The names in a folder, read once and not for each of a hundred thousand missing files."""
    names = sorted(os.listdir(folder))
    images = [each for each in names if each.lower().endswith(IMAGE_SUFFIXES)]
    by_stem = {os.path.splitext(each)[0]: each for each in reversed(images)}
    return _Listing(names, {each.lower(): each for each in reversed(names)}, by_stem)


def inside(folder: str | Path, name: str) -> str | None:
    """The path of `name` in `folder`, or None where it leads out of it (absolute, drive letter or "..").

    Links are followed: that a folder is one is its owner's decision, that a file name climbs out is not.
    """
    root = os.path.abspath(folder)
    path = os.path.normpath(os.path.join(root, name))
    return path if path.startswith(root.rstrip(os.sep) + os.sep) else None


def guess_image_folder(annotations: Path, names: Iterable[str]) -> Path:
    """The folder beside an annotation file that holds most of a sample of the image names.

    Candidates: the file's own folder, "images" in it or beside it, a folder named as the file, and COCO's
    layout (annotations/instances_val2017.json with val2017/ beside annotations/).
    """
    home = annotations.parent
    stems = [annotations.stem, annotations.stem.rpartition("_")[2]]
    candidates = [home, home / "images", *(home / stem for stem in stems)]
    candidates += [home.parent / "images", *(home.parent / stem for stem in stems), home.parent]
    candidates += [home.parent / "images" / stem for stem in stems]
    sample = list(names)[:50]

    def found(folder: Path) -> int:
        paths = [inside(folder, name) for name in sample]
        return sum(path is not None and os.path.isfile(path) for path in paths)

    return max(candidates, key=found) if sample else home


class ImageFolder:
    """Resolves the image names of one annotation file in one folder, and never to a file outside of it."""

    def __init__(self, folder: Path, names: Iterable[str]):
        self.folder = folder
        self._basenames = Counter(self._basename(name) for name in names)

    @staticmethod
    def _basename(name: str) -> str:
        return name.replace("\\", "/").rpartition("/")[2]

    def find(self, name: str) -> str | None:
        """The path of an existing regular file, or None.

        Tried in turn: the name itself, the name with backslashes as separators, the name below the folder where it
        begins with the folder's own ("images/a.png" in images/), and, for names that carry another machine's folders,
        the last part alone where no other image has the same.
        """
        base, plain = self._basename(name), name.replace("\\", "/")
        first, _, rest = plain.removeprefix("./").partition("/")
        tries = [name, plain]
        if rest and first == os.path.basename(os.path.abspath(self.folder)):
            tries.append(rest)
        if self._basenames[base] <= 1:
            tries.append(base)
        for each in tries:
            path = inside(self.folder, each)
            if path is not None and os.path.isfile(path):
                return path
        return None

    def expected(self, name: str) -> str:
        """Where the file should be: the path to put into the dataset when `find` has none."""
        return inside(self.folder, name.replace("\\", "/")) or os.path.join(self.folder, self._basename(name))

    def explain_missing(self, name: str) -> tuple[str, str]:
        """(detail, fix) of a name that `find` does not find."""
        if inside(self.folder, name.replace("\\", "/")) is None:
            detail = f"{shown(name)} leads out of {shown(str(self.folder), 200)}"
            fix = "give names relative to the image folder, or name the right one: images= (--train-images, --images)"
            return detail, fix
        path = self.expected(name)
        near = closest_name(os.path.dirname(path), os.path.basename(path))
        if os.path.exists(path):
            near = "it is not a regular file"
        detail = f"{shown(name)}{', ' + near if near else ''}"
        return (
            detail,
            f"put the files into {shown(str(self.folder), 200)}, or name the folder that holds them: "
            "images=, on the command line --train-images or --images",
        )
