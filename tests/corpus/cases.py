"""What a case of the corpus is: one fault with what must be said of it, or a legitimate set-up that must pass.

A case is built in a folder of its own and judged by the findings alone, as a user would see them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from mrcnn_roi.findings import Finding, Severity

ERROR, WARNING, INFO = Severity.ERROR, Severity.WARNING, Severity.INFO
Find = Callable[[Path], list[Finding]]


@dataclass(frozen=True)
class Fault:
    """One mistake.

    find: folder -> findings. value: a text that the message must contain, what the user wrote or what was found.
    beside: other codes above INFO that may be there, each with the reason why it is a cause of its own.
    """

    code: str
    severity: Severity
    value: str
    find: Find
    variant: str = ""
    beside: dict[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.code} {self.variant}".strip()


@dataclass(frozen=True)
class Setup:
    """A set-up that is fine, however unusual.

    quiet: codes that must not appear even as warnings, "*" for no warning at all.
    """

    name: str
    find: Find
    quiet: tuple[str, ...] = ()

    def __str__(self) -> str:
        return self.name
