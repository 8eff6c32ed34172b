"""Reading whatever was passed as an array, and saying what it is. Nothing here raises."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

MOST_ENTRIES = 10**8


def as_array(value) -> np.ndarray:
    """The value as numpy reads it; what numpy cannot read comes back as a 0-d object array that holds it."""
    try:
        if not _endless(value):
            return np.asarray(value)
    except Exception:  # ragged lists, symbolic tensors, foreign __array__: reported by the checks
        pass
    unreadable = np.empty((), object)
    unreadable[()] = value
    return unreadable


def _endless(value) -> bool:
    """Whether nested sequences, judged by the first of each, hold more than anybody means to pass: a
    range(10**12), or lists that hold one another. numpy would fill the memory before it gives up."""
    entries = 1
    for _ in range(64):  # more axes than numpy has
        if hasattr(value, "__array__") or not (hasattr(value, "__len__") and hasattr(value, "__getitem__")):
            return False
        if isinstance(value, (str, bytes, bytearray, memoryview, Mapping)) or len(value) == 0:
            return False
        entries, value = entries * len(value), value[0]
        if entries > MOST_ENTRIES:
            return True
    return False


def describe(array: np.ndarray) -> str:
    """Shape and dtype, e.g. "[2, 1000, 4] float32"; for something numpy cannot read, what it is."""
    if array.dtype == object and array.ndim == 0:
        held = array[()]
        ragged = " that numpy cannot read as one array" if is_list(held) else ""
        return f"a {type(held).__name__[:80]}{ragged}" if held is not None else "None"
    return f"{list(array.shape)} {array.dtype.name[:80]}"


def is_list(value) -> bool:
    """isinstance without asking the value for its __class__, which a stranger may refuse to tell."""
    return issubclass(type(value), (list, tuple))


def is_floating(dtype: np.dtype) -> bool:
    """True for numpy's floating types and for bfloat16 and float8, which numpy knows only as extensions."""
    return dtype.kind == "f" or dtype.name.startswith(("bfloat16", "float8"))


def is_number(dtype: np.dtype) -> bool:
    return dtype.kind in "iub" or is_floating(dtype)


def places(name: str, indices: np.ndarray, limit: int = 5) -> str:
    """The first places of `indices` [M, rank] as text: "rois[0, 3], rois[0, 7], ..."."""
    first = [f"{name}[{', '.join(str(int(i)) for i in index)}]" for index in indices[:limit]]
    return ", ".join(first + ["..."] * (len(indices) > limit))


def size_text(shape) -> str:
    return f"{int(shape[0])}×{int(shape[1])}"
