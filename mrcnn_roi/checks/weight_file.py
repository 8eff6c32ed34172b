"""What a weight file is before HDF5 opens it: whole HDF5, cut off, or something else under that name."""

from __future__ import annotations

import difflib
import os
import stat
from pathlib import Path
from typing import BinaryIO

from mrcnn_roi.findings import Finding, SetupError, Severity

SIGNATURE = b"\x89HDF\r\n\x1a\n"
DOWNLOAD = "download it again"
EXPECTED = "the .h5 of save_weights: mask_rcnn_coco.h5 or one of your own checkpoints"


def unreadable(path: object, what: str, fix: str) -> SetupError:
    """SetupError "w-file-unreadable" about the file `path`; `what` follows "the weight file"."""
    where, message = (
        text.encode("utf-8", "backslashreplace").decode() for text in (str(path), f"the weight file {what}")
    )
    return SetupError(Finding("w-file-unreadable", Severity.ERROR, message, fix, where))


def checked_path(given: str | os.PathLike, hdf5: bool = True) -> Path:
    """The path of a file on disk that, with hdf5, is HDF5 and whole as far as its size tells.

    Raises SetupError "w-file-unreadable" for anything else (opening it could block or confuse HDF5), ValueError for
    what is no path.
    """
    if not isinstance(given, (str, os.PathLike)):
        raise ValueError(f"expected the path of a weight file, received {type(given).__name__}")
    path = Path(os.fsdecode(given))
    try:
        status = path.stat()
        if stat.S_ISDIR(status.st_mode):
            inside = sorted(each.name for each in path.iterdir() if each.suffix in (".h5", ".hdf5", ".keras"))
            remark = f"; it holds {', '.join(inside[:3])}" if inside else ""
            raise unreadable(path, f"is a folder{remark}", "pass the path of the file itself")
        if not stat.S_ISREG(status.st_mode):
            raise unreadable(path, "is a device or a pipe", "pass the path of a file on disk")
        with path.open("rb") as file:
            _check_content(path, file, status.st_size, hdf5)
    except SetupError:
        raise
    except FileNotFoundError as error:
        raise unreadable(path, f"does not exist{_closest(path)}", "correct the path") from error
    except (OSError, ValueError) as error:
        raise unreadable(path, f"cannot be opened: {error}", "check the path and its permissions") from error
    return path


def _closest(path: Path) -> str:
    try:
        names = sorted(os.listdir(path.parent))
    except (OSError, ValueError):
        return f", nor does the folder {path.parent}"
    near = difflib.get_close_matches(path.name, names, n=1) or [each for each in names if each.endswith(".h5")]
    return f"; closest in that folder is {near[0]}" if near else ""


def _signature_offset(file: BinaryIO, size: int) -> int | None:
    """Where HDF5 begins: at 0, 512, 1024, 2048, ... (a user block may precede it)."""
    offset = 0
    while offset < size:
        file.seek(offset)
        if file.read(8) == SIGNATURE:
            return offset
        offset = 2 * offset or 512
    return None


def _check_content(path: Path, file: BinaryIO, size: int, hdf5: bool) -> None:
    head = file.read(2048)
    if not head:
        raise unreadable(path, "is empty (0 bytes)", DOWNLOAD)
    if not hdf5:
        return
    offset = _signature_offset(file, size)
    if offset is None:
        raise unreadable(path, *foreign(head, size))
    file.seek(offset)
    expected = _end_of_file(file.read(64))
    if expected is None or size < expected:
        whole = f" of {_megabytes(expected)}" if expected else ""
        raise unreadable(path, f"is truncated ({_megabytes(size)}{whole})", DOWNLOAD)


def first_bytes(path: Path) -> tuple[bytes, int]:
    """The first bytes of a file that checked_path let through, and its size."""
    with path.open("rb") as file:
        return file.read(2048), os.fstat(file.fileno()).st_size


def foreign(head: bytes, size: int) -> tuple[str, str]:
    """(what a file without HDF5 signature is, fix) from its first bytes."""
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if text.startswith((b"<!doctype html", b"<html", b"<?xml")) or b"<html" in text:
        return "is a web page, not weights", "download the file itself (the release asset), not the page that shows it"
    if text.startswith(b"version https://git-lfs"):
        return "is a git-lfs pointer, not the weights it points to", "run git lfs pull"
    if head.startswith(b"PK\x03\x04"):  # a .keras archive under its own name does not come here
        if b".keras" in head or b"metadata.json" in head:
            return "is a Keras 3 .keras archive", "name it *.keras, or save_weights to an .h5 file"
        return "is a zip archive", "unpack it, or, if it is PyTorch's, use weights in Keras' .h5 format"
    if head.startswith((b"\x1f\x8b", b"BZh", b"\xfd7zXZ", b"7z\xbc\xaf")):
        return "is compressed", "unpack it first"
    if SIGNATURE.startswith(head):
        return f"is truncated ({size} bytes)", DOWNLOAD
    return f"is not HDF5 (it begins with {head[:16]!r})", f"pass {EXPECTED}"


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
