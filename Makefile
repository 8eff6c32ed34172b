# make demo       draw the shapes dataset, check, train, evaluate, save pictures (about five minutes)
# make test       lint, types, import contracts, tests
# make test-slow  the tests that take minutes each
# make coverage   the tests of `make test` with the lines they reach, which takes half as long again
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: demo test test-slow coverage lint readme clean

$(VENV)/.installed: setup.cfg pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10) and "mrcnn_roi needs Python 3.10 or newer: make PYTHON=python3.11")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade pip
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[test]'
	touch $@

demo: $(VENV)/.installed
	$(BIN)/mrcnn-roi demo

test: $(VENV)/.installed lint
	$(BIN)/python -m pytest -m "not slow" -n 2 --dist worksteal

test-slow: $(VENV)/.installed
	$(BIN)/python -m pytest -m slow

coverage: $(VENV)/.installed
	$(BIN)/python -m pytest -m "not slow" -n 2 --dist worksteal --cov --cov-report=term

lint: $(VENV)/.installed
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# brings the README's table of checks up to date
readme: $(VENV)/.installed
	$(BIN)/python -c 'import pathlib, mrcnn_roi.preflight, mrcnn_roi.checks.rois, mrcnn_roi.checks.table as table; from mrcnn_roi.datasets.problems import FAULTS; table.write(pathlib.Path("README.md"), FAULTS)'

clean:
	rm -rf $(VENV) build *.egg-info .pytest_cache .mypy_cache .ruff_cache .import_linter_cache
