"""Findings: what a check reports, and how checks are declared and run.

A check is a generator function. Its parameter names say which objects it needs; it yields one
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
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass


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
        return f"{self.severity.name} [{self.code}]{place} {self.message}{fix}"


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
    """A registered check function. `needs` are the names of the objects it is called with."""

    code: str
    severity: Severity
    function: Callable[..., Iterator[Problem]]
    needs: tuple[str, ...]

    @property
    def group(self) -> str:
        """The module the check lives in: "config", "rois", ..."""
        return self.function.__module__.rpartition(".")[2]

    @property
    def documentation(self) -> str:
        return inspect.getdoc(self.function) or ""

    def run(self, objects: dict[str, object]) -> Iterator[Finding]:
        for where, message, fix, *severity in self.function(**{name: objects[name] for name in self.needs}):
            yield Finding(self.code, severity[0] if severity else self.severity, message, fix, where)


CHECKS: dict[str, Check] = {}


def check(code: str, severity: Severity):
    """Registers a generator function as the check `code`. Codes are kebab-case, stable, never reused."""

    def register(function):
        if code in CHECKS:
            raise ValueError(f"expected a new check code, received {code!r}, which is registered already")
        CHECKS[code] = Check(code, severity, function, tuple(inspect.signature(function).parameters))
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
