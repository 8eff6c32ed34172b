"""Every registered code owns a bad and a good example, and the examples show what they claim."""

import importlib
import pkgutil

import pytest

import mrcnn_roi.checks
import tests.checks
from mrcnn_roi.findings import CHECKS, Severity

PREFIX = "examples_"
MODULES = [
    importlib.import_module(f"{tests.checks.__name__}.{info.name}")
    for info in pkgutil.iter_modules(tests.checks.__path__)
    if info.name.startswith(PREFIX)
]
EXAMPLES = {code: (module, *pair) for module in MODULES for code, pair in module.EXAMPLES.items()}
ALONE = "fit", "dataset", "augmentation", "environment"  # groups whose examples go through the whole preflight
BESIDE = {
    "env-gpu-memory": {"cd-anchor-coverage", "cd-upscale"},  # 1024 pixels for a toy
}


def run(module, example):
    """The findings of an example: by its module's findings_of, or the example is a function that returns them."""
    return module.findings_of(example) if hasattr(module, "findings_of") else example()


def judged(module):
    return module.__name__.rpartition(PREFIX)[2] in ALONE


@pytest.fixture(scope="module", autouse=True)
def _all_registered():
    for info in pkgutil.walk_packages(mrcnn_roi.checks.__path__, "mrcnn_roi.checks."):
        importlib.import_module(info.name)


def test_every_code_owns_examples():
    assert len(MODULES) > 5
    assert sorted(set(CHECKS) - set(EXAMPLES)) == []


def test_examples_are_of_registered_codes():
    assert sorted(set(EXAMPLES) - set(CHECKS)) == []


def test_every_check_explains_itself():
    assert [code for code, check in CHECKS.items() if len(check.documentation) < 40] == []


@pytest.mark.parametrize("code", sorted(EXAMPLES))
def test_bad_and_good_example(code):
    module, bad, good = EXAMPLES[code]
    found, clean = run(module, bad), run(module, good)
    assert code in {finding.code for finding in found}
    assert code not in {finding.code for finding in clean}
    assert "check-failed" not in {finding.code for finding in [*found, *clean]}
    for finding in found:
        assert finding.message
        assert finding.fix


@pytest.mark.parametrize("code", sorted(code for code, (module, *_) in EXAMPLES.items() if judged(module)))
def test_one_cause_gives_one_finding(code):
    module, bad, good = EXAMPLES[code]
    allowed = {code, *BESIDE.get(code, ())}
    found = run(module, bad)
    assert {finding.code for finding in found if finding.severity > Severity.INFO} <= allowed
    assert [finding.code for finding in found].count(code) == 1
    assert [finding for finding in run(module, good) if finding.severity == Severity.ERROR] == []
