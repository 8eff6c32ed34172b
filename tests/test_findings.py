import pickle

import pytest

from mrcnn_roi import findings
from mrcnn_roi.findings import CHECKS, Finding, SetupError, Severity, check, run_checks


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
