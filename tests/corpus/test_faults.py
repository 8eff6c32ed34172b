"""Every fault of the corpus is found: its code, its severity, once, with its value and a concrete fix."""

import pytest

from mrcnn_roi.findings import Severity

from . import (
    faults_augmentation,
    faults_coco,
    faults_config,
    faults_dataset,
    faults_environment,
    faults_fit,
    faults_masks,
    faults_rois,
    faults_via,
    faults_voc,
    faults_weights,
    faults_yolo,
)

MODULES = (
    faults_augmentation,
    faults_coco,
    faults_config,
    faults_dataset,
    faults_environment,
    faults_fit,
    faults_masks,
    faults_rois,
    faults_via,
    faults_voc,
    faults_weights,
    faults_yolo,
)
FAULTS = [fault for module in MODULES for fault in module.FAULTS]


@pytest.mark.parametrize("fault", FAULTS, ids=str)
def test_fault_is_found_once_with_its_value_and_a_fix(fault, tmp_path):
    findings = fault.find(tmp_path)
    mine = [each for each in findings if each.code == fault.code]
    grave = [each for each in findings if each.severity > Severity.INFO]
    assert mine, f"not found; there are {[str(each) for each in findings]}"
    assert {each.severity for each in mine} == {fault.severity}, [str(each) for each in mine]
    assert len(mine) == len({each.where for each in mine}) <= 2, "more than one finding a dataset"
    assert sorted({each.code for each in grave} - {fault.code, *fault.beside}) == [], [str(each) for each in grave]
    found = mine[0]
    assert fault.value in f"{found.where} {found.message}", found
    assert len(found.fix) > 8, found
    assert len(found.message) < 700, found
