"""Words and numbers of the report: counts, shares, sizes, and what a code means. Plain text; the template escapes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from mrcnn_roi.checks.values import compact
from mrcnn_roi.datasets.problems import FAULTS
from mrcnn_roi.findings import CHECKS, Finding, Severity, printable

NARROW = "\u202f"  # a space within a number, where a line cannot end
LONGEST = 4000  # characters of one text; what is longer (a value of megabytes) helps nobody


class Group(NamedTuple):
    """The findings of one severity: [(finding, its explanation, "" where it was given already)]."""

    severity: Severity
    findings: list[tuple[Finding, list[str]]]


def group_findings(findings: Iterable[Finding]) -> list[Group]:
    """Findings by severity, gravest first, in their order, with the explanation at the first of each code."""
    explained: set[str] = set()
    groups = []
    findings = list(findings)
    for severity in sorted(Severity, reverse=True):
        rows = []
        for finding in findings:
            if finding.severity is severity:
                rows.append((_clean(finding), [] if finding.code in explained else explanation(finding.code)))
                explained.add(finding.code)
        if rows:
            groups.append(Group(severity, rows))
    return groups


def _clean(finding: Finding) -> Finding:
    return Finding(
        shown(finding.code), finding.severity, shown(finding.message), shown(finding.fix), shown(finding.where)
    )


def explanation(code: str) -> list[str]:
    """What a code means and why it hurts, in paragraphs; [] for a code that no check has."""
    if code in CHECKS:
        return [" ".join(each.split()) for each in CHECKS[code].documentation.split("\n\n")]
    if code in FAULTS:
        return [f"In an {FAULTS[code].subject}: {FAULTS[code].summary}."]
    return []


def shown(text: object, limit: int = LONGEST) -> str:
    """The text with control characters and lone surrogates as escapes, cut to `limit` characters."""
    text = printable(str(text)[: limit + 1])
    return text if len(text) <= limit else f"{text[: limit - 1]}…"


def number(value: float) -> str:
    """12345 as "12 345"; fractions to three digits."""
    if value == int(value):
        return f"{int(value):,}".replace(",", NARROW)
    return compact(float(f"{value:.3g}"))


def counted(count: int, what: str, many: str = "") -> str:
    """ "1 box", "2 boxes", "0 images"."""
    plural = many or f"{what}{'es' if what.endswith(('x', 'ss')) else 's'}"
    return f"{number(count)} {what if count == 1 else plural}"


def share(part: float, whole: float | None = None) -> str:
    """A share in percent that never says 0% of something, nor 100% of less than all."""
    value = part if whole is None else part / whole if whole else 0.0
    if 0 < value < 0.005:
        return "less than 1%"
    if 0.995 <= value < 1:
        return "more than 99%"
    return f"{value:.0%}"


def size(shape) -> str:
    """ "480x640" of (height, width)."""
    return f"{int(shape[0])}x{int(shape[1])}"


def spread(values: np.ndarray, unit: str = "") -> str:
    """ "3 to 90 (median 12)", or the one value there is."""
    low, middle, high = (float(f"{each:.3g}") for each in (values.min(), np.median(values), values.max()))
    if low == high:
        return f"{number(low)}{unit}"
    return f"{number(low)} to {number(high)}{unit} (median {number(middle)})"


def listed(values: Iterable[float]) -> str:
    """ "(8, 16, 32)"."""
    return f"({', '.join(compact(float(f'{each:.4g}')) for each in values)})"
