"""No legitimate set-up of the corpus gets an ERROR, nor a warning that it must not get."""

import pytest

from mrcnn_roi.findings import Severity

from . import setups_config, setups_data, setups_masks, setups_run, setups_yolo

MODULES = (setups_config, setups_data, setups_masks, setups_run, setups_yolo)
SETUPS = [setup for module in MODULES for setup in module.SETUPS]


@pytest.mark.parametrize("setup", SETUPS, ids=str)
def test_setup_passes(setup, tmp_path):
    findings = setup.find(tmp_path)
    assert [str(each) for each in findings if each.severity == Severity.ERROR] == []
    warned = [each for each in findings if each.severity == Severity.WARNING]
    assert [str(each) for each in warned if "*" in setup.quiet or each.code in setup.quiet] == []
    assert "check-failed" not in {each.code for each in findings}
