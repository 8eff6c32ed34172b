"""Every code that can be printed, with its severity and its explanation, in one place: `mrcnn-roi explain` and the
README's table of checks are made of it.

A code is a registered check, a fault that the loaders of annotation files count, or one of the few in ELSEWHERE. The
loaders are above this module, so their table (datasets.problems.FAULTS) is handed in.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mrcnn_roi.checks.values import closest
from mrcnn_roi.findings import CHECKS, Severity

START, END = "<!-- checks: made by `make readme` -->", "<!-- end of checks -->"
Faults = Mapping[str, Any]  # code -> object with severity and summary

# Codes that neither a check nor a loader's list of faults owns.
ELSEWHERE: dict[str, tuple[Severity, str]] = {
    "cd-class-redefined": (
        Severity.WARNING,
        "add_class() is called twice with one source and id, but another name. The first name stays, as in the "
        "original, so the objects of the second class are learned under it. The same name twice is fine.",
    ),
    "check-failed": (
        Severity.WARNING,
        "A check itself raised an error: a mistake of this package, not of the set-up. What this one check looks for "
        "is not known; all other checks have run. Please report it with the value that caused it.",
    ),
    "ds-format-unknown": (
        Severity.ERROR,
        "The annotations are in no format that can be read, or several files could be meant. Nothing was loaded. The "
        "message says what the file looks like and which formats there are; format= names one of them.",
    ),
}

# What the loaders' one-line summaries leave out: what is fine, and what to do.
NOTES: dict[str, str] = {
    "ds-ann-image-unknown": "Often the images and the annotations come from two exports, or the ids count from another "
    "number. Image ids and image_id must be the same numbers.",
    "ds-bbox-format": "Boxes are taken from the masks, so training is not affected.",
    "ds-bbox-nonpositive": "A WARNING while it is less than 1 % of the annotations. Boxes are taken from the masks; "
    "width and height of 0 usually mean that the outline is broken, too. A missing bbox is fine.",
    "ds-category-unknown": "Ids need not be consecutive, but every category_id must be listed under categories.",
    "ds-crowd-polygon": "COCO writes crowds as RLE. RLE with iscrowd 0 is fine.",
    "ds-id-dup-ann": "Number the annotations anew when files are merged.",
    "ds-json-invalid": "The message names line and column, or the record. A byte order mark is fine.",
    "ds-map-missing": "For an image without objects put a map of zeros beside the others.",
    "ds-polygon-degenerate": "A polygon needs three points that are not on one line, as [x1, y1, x2, y2, ...]. A "
    "WARNING where other parts of the same object are sound, or where it is less than 1 % of the annotations.",
    "ds-polygon-edge": "Coordinates up to the width and height themselves are legal in COCO and not reported.",
    "ds-polygon-normalized": "Multiply x by the width and y by the height of the image.",
    "ds-polygon-xy": "Points are written x first. Which of the two is wrong is told by the images that one of them "
    "leaves; where it is bbox, it is ds-bbox-format, and where neither leaves them, this is a WARNING. A bbox that is "
    "left out is fine.",
    "ds-rle-counts": "The run lengths of an RLE add up to height times width.",
    "ds-rle-size": "RLE has its size as [height, width]; image entries name width and height.",
    "ds-segmentation-missing": "A detection set has boxes only and cannot train masks. Annotations of keypoints "
    "without a segmentation are left out silently.",
}


def entries(faults: Faults) -> dict[str, tuple[Severity, str]]:
    """Code -> (usual severity, explanation) for every code that a finding can have, sorted by code.

    faults: datasets.problems.FAULTS. The explanation's first sentence stands alone.
    """
    loaders = {code: (fault.severity, _of_loader(code, fault)) for code, fault in faults.items()}
    checks = {each.code: (each.severity, each.documentation) for each in CHECKS.values()}
    return dict(sorted({**ELSEWHERE, **loaders, **checks}.items()))


def _of_loader(code: str, fault) -> str:
    return " ".join([f"In annotation files: {fault.summary}.", NOTES.get(code, "")]).strip()


def all_codes(faults: Faults) -> list[str]:
    """Every code that a finding can have, sorted."""
    return list(entries(faults))


def documentation(code: str, faults: Faults) -> tuple[Severity, str]:
    """(usual severity, explanation) of a code. Raises ValueError, which names the nearest code, for an unknown one."""
    known = entries(faults)
    if code not in known:
        near = closest(code, known, 0.6)
        hint = f"; did you mean {near}?" if near else ""
        raise ValueError(f"expected the code of a check, received {code!r}{hint}")
    return known[code]


def first_sentence(text: str) -> str:
    """The first sentence of an explanation, on one line, without its full stop."""
    return " ".join(text.split()).partition(". ")[0].rstrip(".")


def render(faults: Faults) -> str:
    """A Markdown table of all codes: code, severity, first sentence of the explanation."""
    rows = ["| code | severity | what it finds |", "| --- | --- | --- |"]
    for code, (severity, text) in entries(faults).items():
        rows.append(f"| `{code}` | {severity.name} | {first_sentence(text).replace('|', chr(92) + '|')} |")
    return "\n".join(rows)


def updated(readme: str, faults: Faults) -> str:
    """The README's text with the table between its two markers replaced."""
    before, _, rest = readme.partition(START)
    _, _, after = rest.partition(END)
    return f"{before}{START}\n{render(faults)}\n{END}{after}"


def write(path: Path, faults: Faults) -> None:
    """Brings the table in a README up to date."""
    path.write_text(updated(path.read_text(encoding="utf-8"), faults), encoding="utf-8")
