import re
from pathlib import Path

import pytest

import mrcnn_roi
import mrcnn_roi.checks.rois
import mrcnn_roi.preflight
from mrcnn_roi.checks import table
from mrcnn_roi.datasets.problems import FAULTS
from mrcnn_roi.findings import CHECKS, Severity

README = Path(__file__).resolve().parents[2] / "README.md"
SOURCES = sorted(Path(mrcnn_roi.__file__).parent.rglob("*.py"))
PREFIXES = {code.partition("-")[0] for code in table.all_codes(FAULTS)}
CODE = re.compile(rf"[\"']((?:{'|'.join(sorted(PREFIXES))})(?:-[a-z0-9]+)+)[\"']")


def test_the_readme_is_current():
    text = README.read_text(encoding="utf-8")
    assert table.START in text
    assert text == table.updated(text, FAULTS), "run `make readme`"


def test_updating_replaces_the_old_table():
    text = f"before\n{table.START}\nOLD ROWS\n{table.END}\nafter\n"
    new = table.updated(text, FAULTS)
    assert "OLD ROWS" not in new
    assert "`roi-rank`" in new
    assert new.startswith("before\n")
    assert new.endswith("\nafter\n")
    assert table.updated(new, FAULTS) == new


def test_every_code_in_the_package_can_be_explained():
    """Codes are literals in the source; one that nothing explains would be printed and unknown to `explain`."""
    written = {code for path in SOURCES for code in CODE.findall(path.read_text(encoding="utf-8"))}
    assert {"check-failed", "ds-format-unknown", "cd-class-redefined", "w-num-classes"} <= written
    assert sorted(written - set(table.all_codes(FAULTS))) == []


def test_checks_loaders_and_the_rest_are_all_there():
    codes = table.all_codes(FAULTS)
    assert set(codes) == {*CHECKS, *FAULTS, *table.ELSEWHERE}
    assert codes == sorted(codes)
    assert not set(table.ELSEWHERE) & {*CHECKS, *FAULTS}
    assert set(table.NOTES) <= set(FAULTS)


@pytest.mark.parametrize("code", table.all_codes(FAULTS))
def test_explanations_are_sentences(code):
    severity, text = table.documentation(code, FAULTS)
    assert isinstance(severity, Severity)
    assert 20 < len(table.first_sentence(text)) < 260
    assert text.rstrip()[-1] in '."'
    assert "\n" not in table.first_sentence(text)


def test_an_unknown_code_gets_the_nearest():
    with pytest.raises(ValueError, match="did you mean cfg-gpu-count"):
        table.documentation("cfg-gpus-count", FAULTS)
    with pytest.raises(ValueError, match=r"received ''$"):
        table.documentation("", FAULTS)
