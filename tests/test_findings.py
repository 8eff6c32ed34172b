import json
import pickle
from pathlib import Path

import numpy as np
import pytest

from mrcnn_roi import findings
from mrcnn_roi.findings import (
    CHECKS,
    Finding,
    SetupError,
    Severity,
    check,
    count_severities,
    findings_json,
    printable,
    run_checks,
)


@pytest.fixture
def registry(monkeypatch):
    monkeypatch.setattr(findings, "CHECKS", {})
    return findings.CHECKS


def test_text_holds_severity_code_place_message_and_fix():
    finding = Finding("cfg-x", Severity.ERROR, "X is 3", "set X = 4", "X")
    assert str(finding) == "ERROR [cfg-x] X: X is 3\n    fix: set X = 4"
    assert str(Finding("cfg-x", Severity.INFO, "seen", "")) == "INFO [cfg-x] seen"
    with pytest.raises(AttributeError):
        finding.code = "other"


def test_setup_error_carries_all_findings():
    first = Finding("a", Severity.ERROR, "one", "fix one")
    error = SetupError([first, Finding("b", Severity.WARNING, "two", "")])
    assert isinstance(error, ValueError)
    assert "one" in str(error)
    assert "two" in str(error)
    assert SetupError(first).findings == [first]
    assert pickle.loads(pickle.dumps(error)).findings == error.findings


def test_a_check_may_use_an_object_that_it_does_not_need(registry):
    @check("t-optional", Severity.INFO)
    def optional(config, splits=()):
        yield "", f"{config} {splits}", ""

    assert registry["t-optional"].needs == ("config",)
    assert [each.message for each in run_checks(config=1)] == ["1 ()"]
    assert [each.message for each in run_checks(config=1, splits=[2])] == ["1 [2]"]
    assert [each.message for each in run_checks(config=1, splits=None)] == ["1 ()"]
    assert run_checks(splits=[2]) == []


def test_checks_run_on_what_they_need_and_sort_by_severity(registry):
    @check("mild", Severity.WARNING)
    def mild(config):
        """Mild."""
        yield "A", "a", "fix"
        yield "B", "graver than usual", "fix", Severity.ERROR

    @check("needs-more", Severity.ERROR)
    def needs_more(config, weights):
        """More."""
        yield "C", "c", "fix"

    found = run_checks(config=object(), weights=None)
    assert [(f.code, f.severity, f.where) for f in found] == [
        ("mild", Severity.ERROR, "B"),
        ("mild", Severity.WARNING, "A"),
    ]
    assert len(run_checks(config=object(), weights=object())) == 3
    assert registry["mild"].group == "test_findings"
    assert run_checks("elsewhere", config=object()) == []
    with pytest.raises(ValueError, match="expected a new check code, received 'mild'"):
        check("mild", Severity.INFO)(mild)


def test_a_check_that_fails_does_not_hide_the_others(registry):
    @check("broken", Severity.ERROR)
    def broken(config):
        """Broken."""
        yield "A", "before", "fix"
        raise RuntimeError("oops")

    @check("fine", Severity.ERROR)
    def fine(config):
        """Fine."""
        yield "A", "a", "fix"

    codes = [f.code for f in run_checks(config=object())]
    assert codes == ["broken", "fine", "check-failed"]


def test_every_registered_check_is_documented():
    import mrcnn_roi.checks.rois
    import mrcnn_roi.preflight  # noqa: F401

    assert len(CHECKS) > 150
    for each in CHECKS.values():
        assert each.documentation, each.code
        assert each.code == each.code.lower()


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain [red] \u65e5\u672c \u00e9 \U0001f600", "plain [red] \u65e5\u672c \u00e9 \U0001f600"),
        ("two\nlines\tand a tab", "two\nlines and a tab"),
        ("\x1b[31m\r\x00\x9b", r"\x1b[31m\r\x00\x9b"),
        ("lone \udcff, end \u202e of line \u2028", r"lone \udcff, end \u202e of line \u2028"),
        (12, "12"),
    ],
)
def test_text_of_files_is_made_printable(text, shown):
    assert printable(text) == shown


def test_a_findings_text_can_be_printed_anywhere():
    text = str(Finding("a", Severity.ERROR, "name \x1b[2J\udcff", "fix \u202e", "where \x07"))
    assert text == "ERROR [a] where \\x07: name \\x1b[2J\\udcff\n    fix: fix \\u202e"
    assert text.encode("utf-8")


def test_json_holds_counts_and_findings_in_order():
    found = [Finding("b", Severity.INFO, "seen", ""), Finding("a", Severity.ERROR, "X is 3", "set X = 4", "X")]
    read = json.loads(findings_json(found, config="a.yaml"))
    assert list(read) == ["version", "counts", "findings", "config"]
    assert read["counts"] == {"ERROR": 1, "WARNING": 0, "INFO": 1} == count_severities(found)
    assert read["findings"][1] == {
        "code": "a",
        "severity": "ERROR",
        "where": "X",
        "message": "X is 3",
        "fix": "set X = 4",
    }
    assert read["config"] == "a.yaml"
    assert json.loads(findings_json([]))["findings"] == []


def test_json_is_valid_for_any_text_and_value():
    strange = {"nan": float("nan"), "inf": np.float32("inf"), "array": np.arange(3), "path": Path("a"), 3: {1.5}}
    strange |= {"enum": Severity.ERROR, "object": Finding, "\udcff": None, "yes": np.bool_(True)}
    text = findings_json([Finding("a", Severity.ERROR, '"\x1b\udcff\u2028</script>', "")], strange=strange)
    assert text.isascii()
    assert "ud" not in text.replace(r"\\udcff", "")  # no escape of half a character, which strict parsers refuse
    read = json.loads(text, parse_constant=lambda name: pytest.fail(name))
    assert read["findings"][0]["message"] == '"\x1b\\udcff\u2028</script>'
    expected = {"nan": None, "inf": None, "array": [0, 1, 2], "path": "a", "3": [1.5], "enum": 3}
    assert expected.items() <= read["strange"].items()
    assert read["strange"]["yes"] is True
    with pytest.raises(ValueError, match=r"expected names other than .* received \['counts'\]"):
        findings_json([], counts=3)
