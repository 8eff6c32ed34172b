"""What the command line prints: findings, explanations, scores, progress.

On a terminal text is wrapped with a hanging indent and coloured (not where NO_COLOR is set); in a pipe each finding
keeps its line, so that grep finds whole sentences. Text of users' files is shown, never obeyed: no markup, no escape
sequences, and what the stream cannot encode becomes an escape.
"""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Iterable

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from mrcnn_roi.findings import Finding, Severity, count_severities, printable

out = Console(highlight=False, soft_wrap=True, markup=False, emoji=False)
COLOURS = {Severity.ERROR: "bold red", Severity.WARNING: "yellow", Severity.INFO: "cyan"}
QUIET_SECONDS = 10.0  # how long a pipe hears nothing of a task


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


def print_findings(findings: Iterable[Finding], console: Console | None = None):
    """Findings grouped by severity, gravest first, each with its fix; the last line counts them.

    console: where to; standard output by default.
    """
    console = console or out
    findings = list(findings)
    for severity in sorted(Severity, reverse=True):
        group = [finding for finding in findings if finding.severity is severity]
        if group:
            console.print(Text(f"\n{severity.name} ({len(group)})", style=COLOURS[severity]))
        for finding in group:
            _print_finding(finding, console)
    if not findings:
        console.print("nothing wrong found")
        return
    console.print()
    _print_hanging(Text("mrcnn-roi explain CODE says why a finding matters", style="dim"), 0, 0, console)
    counts = count_severities(findings).items()
    console.print(", ".join(f"{count} {name.lower()}{'' if count == 1 else 's'}" for name, count in counts))


def say(text: object, style: str = "", console: Console | None = None):
    """Prints a line that may hold names or errors from users' files: shown, never obeyed, whatever is in it."""
    console = console or out
    console.print(Text(_shown(str(text), console), style=style))


def _print_finding(finding: Finding, console: Console) -> None:
    named = not finding.where or finding.message.startswith(finding.where)
    place = "" if named else f"{finding.where}: "
    code, fix = (_shown(text, console) for text in (finding.code, finding.fix))
    message = _shown(f"{place}{finding.message}", console)
    _print_hanging(Text.assemble((code, COLOURS[finding.severity]), f"  {message}"), 2, 4, console)
    if finding.fix:
        _print_hanging(Text.assemble(("fix: ", "green"), fix), 4, 9, console)


def _shown(text: str, console: Console) -> str:
    """The text as the console's stream can print it, with its line ends only where lines are wrapped anyway."""
    text = printable(text)
    encoding = getattr(console.file, "encoding", None) or "utf-8"
    text = text.encode(encoding, "backslashreplace").decode(encoding)
    return text if console.is_terminal else " ".join(text.split("\n"))


def _print_hanging(text: Text, first: int, rest: int, console: Console) -> None:
    """Prints text indented by `first` columns, further lines by `rest`; in a pipe on one line."""
    if not console.is_terminal:
        console.print(Text(" " * first) + text)
        return
    for number, line in enumerate(text.wrap(console, max(console.width - rest, 20))):
        line.rstrip()
        console.print(Text(" " * (rest if number else first)) + line)


def print_explanation(code: str, severity: Severity, text: str, console: Console | None = None):
    """A code, how grave it is, and what it means; `text` is a docstring, whose line ends carry no meaning.

    Paragraphs are kept; a paragraph that is indented (an example) keeps its lines.
    """
    console = console or out
    console.print(Text(f"{_shown(code, console)} ({severity.name})", style=COLOURS[severity]))
    for paragraph in text.strip("\n").split("\n\n"):
        console.print()
        example = paragraph.startswith(" ")
        for line in paragraph.split("\n") if example else [" ".join(paragraph.split())]:
            _print_hanging(Text(_shown(line, console)), 2, 2, console)


@contextlib.contextmanager
def progress_bar(title: str, total: int | None = None):
    """Yields step(done=1), which also takes completed= and total=.

    On a terminal a bar on standard error, from the moment that there is something to count; elsewhere a line now and
    then when the task takes more than QUIET_SECONDS.
    """
    console = Console(stderr=True, markup=False)
    with _Bar(title, total, console) if console.is_terminal else _Lines(title, total) as steps:
        yield steps.step


class _Bar:
    """A bar that appears with its first total."""

    def __init__(self, title: str, total: int | None, console: Console):
        label = TextColumn("{task.description}", markup=False)
        columns = (label, BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn())
        self.progress = Progress(*columns, console=console)
        self.task = self.progress.add_task(printable(title), total=total)
        self.started = False
        self._start(total)

    def _start(self, total: int | None) -> None:
        if total and not self.started:
            self.progress.start()
            self.started = True

    def step(self, done: int = 1, **state) -> None:
        self.progress.update(self.task, **(state or {"advance": done}))
        self._start(self.progress.tasks[0].total)  # type: ignore[arg-type]

    def __enter__(self) -> _Bar:
        return self

    def __exit__(self, *_) -> None:
        if self.started:
            self.progress.stop()


class _Lines:
    """The same for a log: a line after QUIET_SECONDS, then each time after twice as long."""

    def __init__(self, title: str, total: int | None):
        self.title, self.total, self.completed = title, total, 0
        self.begin, self.wait = time.monotonic(), QUIET_SECONDS

    def step(self, done: int = 1, *, completed: int | None = None, total: int | None = None) -> None:
        self.completed = self.completed + done if completed is None else completed
        self.total = self.total if total is None else total
        seconds = time.monotonic() - self.begin
        if seconds >= self.wait:
            self.wait = 2 * seconds
            of = f" of {self.total}" if self.total else ""
            print(f"{printable(self.title)}: {self.completed}{of} after {seconds:.0f} s", file=sys.stderr, flush=True)

    def __enter__(self) -> _Lines:
        return self

    def __exit__(self, *_) -> None:
        pass


def print_scores(scores: dict, title: str):
    """COCO's numbers for masks and boxes, and Matterport's."""
    table = Table(title=title, title_justify="left")
    for heading in ("", "AP", "AP50", "AP75", "AR100"):
        table.add_column(heading, justify="left" if not heading else "right")
    for kind, name in (("segm", "masks"), ("bbox", "boxes")):
        table.add_row(name, *(f"{scores[kind][key]:.3f}" for key in ("AP", "AP50", "AP75", "AR100")))
    out.print(table)
    per_class = "  ".join(f"{_shown(name, out)} {value:.3f}" for name, value in scores["segm"]["per_class"].items())
    out.print(f"mask AP by class: {per_class}")
    out.print(f"Matterport's compute_ap at IoU 0.5, mean over images: {scores['matterport_ap50']:.3f}")
