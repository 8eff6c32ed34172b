"""Grouping of faults into findings."""

from mrcnn_roi.datasets.problems import Problems, shown
from mrcnn_roi.findings import Severity


def test_one_finding_a_code_with_count_and_first_places():
    problems = Problems("a.json")
    for number in range(37):
        problems.add("ds-rle-counts", f"annotation {number}", f"counts sum to {number}", f"fix {number}")
    problems.add("ds-crowd-polygon", "annotation 9", "", "set iscrowd")
    rle, crowd = problems.findings({"annotation": 100})
    assert (rle.code, rle.severity, rle.where, rle.fix) == (
        "ds-rle-counts",
        Severity.ERROR,
        "a.json",
        "fix 0",
    )
    assert rle.message.startswith("37 of 100 annotations: ")
    assert "(first 5): annotation 0: counts sum to 0; annotation 1" in rle.message
    assert "annotation 4: counts" in rle.message
    assert "annotation 5" not in rle.message
    assert crowd.severity == Severity.WARNING
    assert crowd.message.endswith(": annotation 9")


def test_rare_faults_are_warnings():
    for total, severity in ((100, Severity.ERROR), (101, Severity.WARNING)):
        problems = Problems("a.json")
        problems.add("ds-polygon-degenerate", "annotation 1", "", "", may_be_rare=True)
        (finding,) = problems.findings({"annotation": total})
        assert finding.severity == severity


def test_shown_is_printable_and_short():
    assert shown("café") == "café"
    assert shown("a\nb\ud800") == r"a\nb\ud800"
    assert len(shown("x" * 1000)) == 80
    assert len(shown([[1] * 1000] * 1000)) <= 80
    assert shown(10**5000).startswith(("a int", "1000"))
    deep = []
    for _ in range(100_000):
        deep = [deep]
    assert shown(deep).startswith("[[[")
