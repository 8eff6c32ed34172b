import io

import pytest
from rich.console import Console

from mrcnn_roi import terminal
from mrcnn_roi.findings import Finding, Severity

LONG = "the message goes on " * 12 + "until here"


def screen(width=80, **options):
    """A console like a terminal of `width` columns, and what it was told."""
    options = {"force_terminal": True, "width": width, "color_system": "standard", **options}
    made = Console(file=io.StringIO(), highlight=False, soft_wrap=True, markup=False, emoji=False, **options)
    return made, made.file


def test_findings_are_grouped_and_counted(capsys):
    terminal.print_findings(
        [
            Finding("a-warning", Severity.WARNING, "message [with] brackets", "do this", "PLACE"),
            Finding("an-error", Severity.ERROR, "broken", ""),
            Finding("another", Severity.ERROR, "PLACE is broken, too", "mend it", "PLACE"),
        ]
    )
    printed = capsys.readouterr().out
    assert printed.index("ERROR (2)") < printed.index("an-error") < printed.index("WARNING (1)")
    assert "PLACE: message [with] brackets" in printed
    assert "another  PLACE is broken" in printed  # named once
    assert "fix: do this" in printed
    assert "mrcnn-roi explain CODE" in printed
    assert printed.splitlines()[-1] == "2 errors, 1 warning, 0 infos"
    terminal.print_findings([])
    assert capsys.readouterr().out == "nothing wrong found\n"


def test_in_a_pipe_a_finding_is_one_line_without_colours(capsys):
    terminal.print_findings([Finding("code", Severity.ERROR, LONG + "\nsecond", LONG, "here")])
    lines = capsys.readouterr().out.splitlines()
    assert f"  code  here: {LONG} second" in lines
    assert f"    fix: {LONG}" in lines
    assert not any("\x1b" in line for line in lines)


@pytest.mark.parametrize("width", [80, 40, 5])
def test_on_a_terminal_lines_are_wrapped_with_a_hanging_indent(width):
    console, told = screen(width, color_system=None)
    message = f"{LONG} \u65e5\u672c\u8a9e {'x' * 100}\nsecond"
    terminal.print_findings([Finding("code", Severity.ERROR, message, LONG, "here")], console)
    lines = told.getvalue().splitlines()
    assert max(map(len, lines)) <= max(width, 29)  # of very narrow ones the terminal breaks the lines
    start = lines.index("ERROR (1)") + 1
    end = next(i for i, line in enumerate(lines) if line.startswith("    fix: "))
    assert lines[start].startswith("  code")
    assert all(line.startswith("    ") for line in lines[start + 1 : end])
    assert lines[end + 1].startswith("         ")
    assert "second" in lines[end - 1]


def test_colours_only_where_they_are_wanted(monkeypatch):
    finding = Finding("code", Severity.ERROR, "message", "fix")
    console, told = screen()
    terminal.print_findings([finding], console)
    assert "\x1b[1;31m" in told.getvalue()
    monkeypatch.setenv("NO_COLOR", "1")
    console, told = screen()
    terminal.print_findings([finding], console)
    assert "31m" not in told.getvalue()


NAMES = ["[red]x[/red]", "[/nothing]", ":smile:", "a\x1b[2Jb", "c\r\x07d", "e\udcfff", "g\u202eh"]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("console", [None, "terminal"])
def test_text_of_files_is_shown_and_never_obeyed(name, console, capsys):
    console, told = screen(color_system=None) if console else (None, None)
    terminal.print_findings([Finding(name, Severity.ERROR, name, name, name)], console)
    terminal.print_explanation(name, Severity.INFO, name, console)
    terminal.say(name, "bold red", console)
    printed = told.getvalue() if told else capsys.readouterr().out
    assert printed.encode("utf-8")
    assert not set(printed) & set("\x1b\r\x07\udcff\u202e")
    if name.isprintable():
        assert printed.count(name) >= 5


def test_streams_that_know_few_letters():
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    console = Console(file=stream, soft_wrap=True, markup=False)
    terminal.print_findings([Finding("code", Severity.ERROR, "2 \u00d7 3 \u65e5\u672c", "fix")], console)
    stream.flush()
    assert b"2 \\xd7 3 \\u65e5\\u672c" in stream.buffer.getvalue()


def test_explanations_are_filled_and_examples_are_kept(capsys):
    text = "First line\nof a paragraph.\n\nSecond.\n\n    x = 1\n    y = 2\n"
    terminal.print_explanation("some-code", Severity.WARNING, text)
    assert capsys.readouterr().out.splitlines() == [
        "some-code (WARNING)",
        "",
        "  First line of a paragraph.",
        "",
        "  Second.",
        "",
        "      x = 1",
        "      y = 2",
    ]
    console, told = screen(40, color_system=None)
    terminal.print_explanation("some-code", Severity.WARNING, LONG, console)
    assert max(map(len, told.getvalue().splitlines())) <= 40


def count_to_four(total=None):
    with terminal.progress_bar("counting", total) as step:
        step(completed=1, total=4)
        step()
        step(2)


@pytest.mark.parametrize("total", [None, 4])
def test_progress_is_a_bar_on_a_terminal(total, monkeypatch):
    console, told = screen()
    monkeypatch.setattr(terminal, "Console", lambda **_: console)
    count_to_four(total)
    assert "counting" in told.getvalue()
    assert "4/4" in told.getvalue()


@pytest.mark.parametrize("total", [None, 0])
def test_nothing_to_count_shows_no_bar(total, monkeypatch, capsys):
    console, told = screen()
    monkeypatch.setattr(terminal, "Console", lambda **_: console)
    with terminal.progress_bar("counting", total):
        pass
    assert told.getvalue() == ""
    monkeypatch.undo()
    with terminal.progress_bar("counting", total):
        pass
    assert capsys.readouterr() == ("", "")


def test_progress_in_a_pipe_is_a_line_when_it_takes_long(capsys, monkeypatch):
    count_to_four()
    assert capsys.readouterr() == ("", "")
    monkeypatch.setattr(terminal, "QUIET_SECONDS", 0.0)
    clock = iter([0.0, 5.0, 6.0, 20.0])
    monkeypatch.setattr(terminal.time, "monotonic", lambda: next(clock))
    count_to_four()
    assert capsys.readouterr().err == "counting: 1 of 4 after 5 s\ncounting: 4 of 4 after 20 s\n"


def test_scores_as_a_table(capsys):
    numbers = {"AP": 0.5, "AP50": 0.75, "AP75": 0.25, "AR100": 0.625, "per_class": {"cat": 0.5, "[red]": 0.5}}
    terminal.print_scores({"segm": numbers, "bbox": numbers, "matterport_ap50": 0.7}, "3 images")
    printed = capsys.readouterr().out
    for text in ("3 images", "0.750", "cat 0.500", "[red] 0.500", "0.700"):
        assert text in printed
