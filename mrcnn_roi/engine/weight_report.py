"""What loading a weight file did, layer by layer, and the table that says so."""

from __future__ import annotations

from dataclasses import dataclass

from rich.console import Console
from rich.table import Table
from rich.text import Text

from mrcnn_roi.checks.weight_mismatch import some
from mrcnn_roi.findings import Finding


@dataclass(frozen=True)
class LoadReport:
    """What happened to the layers with weights: loaded; skipped because excluded (layers inside rpn_model included);
    missing in the file, left as they were; unused, of which the model has none. findings: what to be warned of."""

    path: str
    loaded: tuple[str, ...]
    skipped: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    unused: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()


def print_report(report: LoadReport, console: Console | None = None) -> None:
    """Prints one table: how many layers were loaded, excluded, missing and unused, and the first of each."""
    table = Table(title=Text(f"Weights of {report.path}"), title_justify="left")
    table.add_column("layers")
    table.add_column("count", justify="right")
    table.add_column("names", overflow="fold")
    rows = (
        ("loaded", report.loaded),
        ("excluded", report.skipped),
        ("not in the file", report.missing),
        ("only in the file", report.unused),
    )
    for title, names in rows:
        if names or title == "loaded":
            table.add_row(title, str(len(names)), Text(some(names)))
    (console or Console()).print(table)
