"""Findings: what a check reports, and how checks are declared and run.

A check is a generator function. Its parameter names say which objects it needs, those with a default which
it can do without; it yields one
`(where, message, fix)` per mistake, or `(where, message, fix, severity)` where the mistake is graver or
lighter than the check's usual severity:

    @check("cfg-gpu-count", Severity.ERROR)
    def gpu_count(config):
        '''What it finds. Why that hurts.'''
        if config.GPU_COUNT < 1:
            yield "GPU_COUNT", f"GPU_COUNT is {config.GPU_COUNT}: ...", "set GPU_COUNT = 1"
"""

from __future__ import annotations

import enum
import inspect
import json
import math
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from mrcnn_roi.version import __version__


class Severity(enum.IntEnum):
    """How bad a finding is. ERROR: the run would crash, hang, go NaN or learn from wrong data."""

    INFO = 1
    WARNING = 2
    ERROR = 3


@dataclass(frozen=True)
class Finding:
    """One mistake. `where` is an attribute, a file, an annotation or a tensor; `fix` names a value to use."""

    code: str
    severity: Severity
    message: str
    fix: str
    where: str = ""

    def __str__(self) -> str:
        place = f" {self.where}:" if self.where else ""
        fix = f"\n    fix: {self.fix}" if self.fix else ""
        return printable(f"{self.severity.name} [{self.code}]{place} {self.message}{fix}")


def printable(text: object) -> str:
    """Text that any terminal and any file can hold: what is no character to look at becomes an escape, \\x1b.

    Names and messages come from files. Control characters would be obeyed by a terminal, marks of the writing
    direction would reorder a line, and lone surrogates (bytes of a file name that are no UTF-8) cannot be encoded.
    Line feeds stay, tabs become a space.
    """
    text = str(text).replace("\t", " ")
    if text.isascii() and text.replace("\n", "").isprintable():
        return text
    return "".join(_escaped(each) if unicodedata.category(each) in _UNSEEN else each for each in text)


_UNSEEN = {"Cc", "Cf", "Cs", "Zl", "Zp"}
_JOINERS = "\u200c\u200d"  # part of how Indic and Persian words, and emoji, are written


def _escaped(character: str) -> str:
    return character if character == "\n" or character in _JOINERS else ascii(character)[1:-1]


class SetupError(ValueError):
    """The set-up cannot work. `findings` says why; the text of the error is the text of the findings."""

    def __init__(self, findings: Finding | Iterable[Finding]):
        self.findings: list[Finding] = [findings] if isinstance(findings, Finding) else list(findings)
        super().__init__("\n".join(str(finding) for finding in self.findings))

    def __reduce__(self):
        return type(self), (self.findings,)


Problem = tuple  # (where, message, fix) or (where, message, fix, severity)


@dataclass(frozen=True)
class Check:
    """A registered check function. `needs` are the names of the objects it is called with, `uses` of those it is
    called with where they are there."""

    code: str
    severity: Severity
    function: Callable[..., Iterator[Problem]]
    needs: tuple[str, ...]
    uses: tuple[str, ...] = ()

    @property
    def group(self) -> str:
        """The module the check lives in: "config", "rois", ..."""
        return self.function.__module__.rpartition(".")[2]

    @property
    def documentation(self) -> str:
        return inspect.getdoc(self.function) or ""

    def run(self, objects: dict[str, object]) -> Iterator[Finding]:
        given = {name: objects[name] for name in self.needs}
        given.update({name: objects[name] for name in self.uses if objects.get(name) is not None})
        for where, message, fix, *severity in self.function(**given):
            yield Finding(self.code, severity[0] if severity else self.severity, message, fix, where)


CHECKS: dict[str, Check] = {}


def check(code: str, severity: Severity):
    """Registers a generator function as the check `code`. Codes are kebab-case, stable, never reused."""

    def register(function):
        if code in CHECKS:
            raise ValueError(f"expected a new check code, received {code!r}, which is registered already")
        parameters = inspect.signature(function).parameters.values()
        needs = tuple(each.name for each in parameters if each.default is each.empty)
        uses = tuple(each.name for each in parameters if each.default is not each.empty)
        CHECKS[code] = Check(code, severity, function, needs, uses)
        return function

    return register


def run_checks(group: str | Iterable[str] | None = None, **objects) -> list[Finding]:
    """Runs every registered check of `group` (one, several, or all) whose needs are all in `objects`.

    An object that is None counts as absent. A check that fails itself becomes a WARNING "check-failed",
    because one broken check must not hide what the others found.
    Findings come in order of severity, gravest first, then in order of registration.
    """
    groups = None if group is None else {group} if isinstance(group, str) else set(group)
    present = {name: value for name, value in objects.items() if value is not None}
    findings: list[Finding] = []
    for each in list(CHECKS.values()):
        if (groups is None or each.group in groups) and all(name in present for name in each.needs):
            try:
                findings.extend(each.run(present))
            except Exception as error:
                findings.append(
                    Finding(
                        "check-failed",
                        Severity.WARNING,
                        f"the check {each.code} itself failed with {type(error).__name__}: {error}",
                        "please report this with the value that caused it; the other checks are not affected",
                        each.code,
                    )
                )
    return sorted(findings, key=lambda finding: -finding.severity)


def count_severities(findings: Iterable[Finding]) -> dict[str, int]:
    """{"ERROR": how many, "WARNING": ..., "INFO": ...}, gravest first."""
    counts = {severity.name: 0 for severity in sorted(Severity, reverse=True)}
    for finding in findings:
        counts[finding.severity.name] += 1
    return counts


def findings_json(findings: Iterable[Finding], **extra: Any) -> str:
    """Findings as JSON for programs: one object, indented, ASCII only (so that any pipe takes it).

        {"version": "0.3.0",                                    of mrcnn_roi
         "counts": {"ERROR": 1, "WARNING": 0, "INFO": 2},
         "findings": [{"code": "cfg-gpu-count", "severity": "ERROR", "where": "GPU_COUNT",
                       "message": "...", "fix": "..."}, ...]}    in the order given; all values are text

    extra: further entries of the object, any values: NaN and infinity become null, arrays lists, what JSON does not
    know its text. Lone surrogates become the text of their escape. Raises ValueError for a name that is taken.
    """
    findings = list(findings)
    document: dict[str, Any] = {
        "version": __version__,
        "counts": count_severities(findings),
        "findings": [
            {
                "code": each.code,
                "severity": each.severity.name,
                "where": str(each.where),
                "message": str(each.message),
                "fix": str(each.fix),
            }
            for each in findings
        ],
    }
    taken = sorted(document.keys() & extra.keys())
    if taken:
        raise ValueError(f"expected names other than version, counts and findings, received {taken}")
    return json.dumps(_plain({**document, **extra}), indent=2, allow_nan=False)


def _plain(value: Any) -> Any:
    """The value in types that JSON has."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        # Parsers other than Python's refuse the escape of a lone surrogate.
        return value.encode("utf-8", "backslashreplace").decode("utf-8")
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {_plain(str(key)): _plain(each) for key, each in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_plain(each) for each in value]
    if hasattr(value, "tolist"):  # numpy's scalars and arrays
        return _plain(value.tolist())
    return _plain(str(value))
