"""The README's table of checks, made from the checks themselves: `make readme` writes it, a test keeps it current."""

from __future__ import annotations

from pathlib import Path

from mrcnn_roi.findings import CHECKS

START, END = "<!-- checks: made by `make readme` -->", "<!-- end of checks -->"


def render() -> str:
    """A Markdown table of all registered checks, sorted by code: code, severity, first sentence of the docstring."""
    rows = ["| code | severity | what it finds |", "| --- | --- | --- |"]
    for code in sorted(CHECKS):
        text = " ".join(CHECKS[code].documentation.split()).replace("|", "\\|")
        sentence = text.partition(". ")[0].rstrip(".")
        rows.append(f"| `{code}` | {CHECKS[code].severity.name} | {sentence} |")
    return "\n".join(rows)


def updated(readme: str) -> str:
    """The README's text with the table between its two markers replaced."""
    before, _, rest = readme.partition(START)
    _, _, after = rest.partition(END)
    return f"{before}{START}\n{render()}\n{END}{after}"


def write(path: Path):
    """Brings the table in a README up to date."""
    path.write_text(updated(path.read_text(encoding="utf-8")), encoding="utf-8")
