from mrcnn_roi import terminal
from mrcnn_roi.findings import Finding, Severity


def test_findings_are_grouped_and_counted(capsys):
    terminal.print_findings(
        [
            Finding("a-warning", Severity.WARNING, "message [with] brackets", "do this", "PLACE"),
            Finding("an-error", Severity.ERROR, "broken", ""),
            Finding("another", Severity.ERROR, "broken, too", "mend it"),
        ]
    )
    printed = capsys.readouterr().out
    assert printed.index("ERROR (2)") < printed.index("an-error") < printed.index("WARNING (1)")
    assert "PLACE: message [with] brackets" in printed
    assert "fix: do this" in printed
    assert "2 errors, 1 warning, 0 infos" in printed
    terminal.print_findings([])
    assert "nothing wrong found" in capsys.readouterr().out


def test_progress_counts(capsys):
    with terminal.progress_bar("counting", 4) as step:
        step()
        step(2)
        step(completed=4, total=4)
    assert "4/4" in capsys.readouterr().err


def test_scores_as_a_table(capsys):
    numbers = {"AP": 0.5, "AP50": 0.75, "AP75": 0.25, "AR100": 0.625, "per_class": {"cat": 0.5}}
    terminal.print_scores({"segm": numbers, "bbox": numbers, "matterport_ap50": 0.7}, "3 images")
    printed = capsys.readouterr().out
    for text in ("3 images", "0.750", "cat 0.500", "0.700"):
        assert text in printed
