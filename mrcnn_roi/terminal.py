"""What the command line prints: findings, scores, progress."""

from __future__ import annotations

import contextlib
import os

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from mrcnn_roi.findings import Finding, Severity

out = Console(highlight=False, soft_wrap=True)
COLOURS = {Severity.ERROR: "bold red", Severity.WARNING: "yellow", Severity.INFO: "cyan"}


def load_tensorflow():
    """Imports TensorFlow without the lines that its libraries print before they can be told not to."""
    stderr, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        import tensorflow  # noqa: F401
    finally:
        os.dup2(stderr, 2)
        os.close(stderr)
        os.close(nowhere)


def print_findings(findings: list[Finding]):
    """Findings grouped by severity, gravest first, and a line of counts."""
    for severity in sorted(Severity, reverse=True):
        group = [finding for finding in findings if finding.severity is severity]
        if group:
            out.print(Text(f"\n{severity.name} ({len(group)})", style=COLOURS[severity]))
        for finding in group:
            place = f"{finding.where}: " if finding.where else ""
            out.print(Text.assemble(("  " + finding.code, COLOURS[severity]), f"  {place}{finding.message}"))
            if finding.fix:
                out.print(Text.assemble("    ", ("fix: ", "green"), finding.fix))
    counts = [(sum(f.severity is s for f in findings), s.name.lower()) for s in sorted(Severity, reverse=True)]
    text = ", ".join(f"{count} {name}{'' if count == 1 else 's'}" for count, name in counts)
    out.print(f"\n{text}" if findings else "nothing wrong found")


@contextlib.contextmanager
def progress_bar(title: str, total: int | None = None):
    """Yields step(done=1), which also takes completed= and total=; the bar is on standard error."""
    columns = (TextColumn(title), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task(title, total=total)
        yield lambda done=1, **state: progress.update(task, **(state or {"advance": done}))


def print_scores(scores: dict, title: str):
    """COCO's numbers for masks and boxes, and Matterport's."""
    table = Table(title=title, title_justify="left")
    for heading in ("", "AP", "AP50", "AP75", "AR100"):
        table.add_column(heading, justify="left" if not heading else "right")
    for kind, name in (("segm", "masks"), ("bbox", "boxes")):
        table.add_row(name, *(f"{scores[kind][key]:.3f}" for key in ("AP", "AP50", "AP75", "AR100")))
    out.print(table)
    per_class = "  ".join(f"{name} {value:.3f}" for name, value in scores["segm"]["per_class"].items())
    out.print(f"mask AP by class: {per_class}")
    out.print(f"Matterport's compute_ap at IoU 0.5, mean over images: {scores['matterport_ap50']:.3f}")
