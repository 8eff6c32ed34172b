"""The notebooks' code runs as it stands, with its own assertions, and the executed copies hold the same code.

The source is notebooks/NN_name.py in jupytext's percent format; the .ipynb beside it is made from it with
`jupytext --to ipynb --execute notebooks/NN_name.py` and is there to be read.
"""

import json
import re
from pathlib import Path

import matplotlib
import numpy as np
import pytest

NOTEBOOKS = Path(__file__).resolve().parents[1] / "notebooks"
SOURCES = sorted(NOTEBOOKS.glob("[0-9][0-9]_*.py"))
LARGEST = 1_000_000  # bytes; beyond that web pages do not show a notebook
MARKER = re.compile(r"^# %%(.*)$", re.MULTILINE)

pytestmark = pytest.mark.skipif(not NOTEBOOKS.is_dir(), reason="the notebooks are not part of an installed package")


def cells(source: Path) -> list[tuple[str, str]]:
    """("code" or "markdown", text) of every cell of a percent notebook; the header before the first is left out."""
    _, *parts = MARKER.split(source.read_text(encoding="utf-8"))
    kinds = ["markdown" if "[markdown]" in title else "code" for title in parts[0::2]]
    texts = [
        re.sub(r"^# ?", "", text, flags=re.MULTILINE) if kind == "markdown" else text
        for kind, text in zip(kinds, parts[1::2])
    ]
    return [(kind, text.strip()) for kind, text in zip(kinds, texts)]


def code_cells(source: Path) -> list[str]:
    return [text for kind, text in cells(source) if kind == "code"]


def names(paths):
    return [path.stem for path in paths]


@pytest.fixture
def pictures(tmp_path, monkeypatch):
    """The folder that plt.show() writes to; the pictures have numbers."""
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    def show(*_, **__):
        for number in plt.get_fignums():
            plt.figure(number).savefig(tmp_path / f"{len(list(tmp_path.glob('*.png'))):02}.png")
            plt.close(number)

    plt.close("all")
    monkeypatch.setattr(plt, "show", show)
    yield tmp_path
    plt.close("all")


def test_there_are_notebooks():
    assert SOURCES


@pytest.mark.parametrize("source", SOURCES, ids=names(SOURCES))
def test_the_code_runs_and_its_assertions_hold(source, pictures, capsys):
    namespace = {"__name__": "__main__"}
    for number, code in enumerate(code_cells(source)):
        exec(compile(code, f"{source.name}, code cell {number}", "exec"), namespace)
    assert capsys.readouterr().out
    shown = sorted(pictures.glob("*.png"))
    assert shown
    for path in shown:
        assert np.ptp(matplotlib.image.imread(path)[..., :3]) > 0.5, f"{path.name} is blank"


@pytest.mark.parametrize("source", SOURCES, ids=names(SOURCES))
def test_it_begins_with_text_and_no_cell_is_empty(source):
    kinds = [kind for kind, _ in cells(source)]
    assert kinds[0] == "markdown"
    assert all(text for _, text in cells(source))


@pytest.mark.parametrize("source", SOURCES, ids=names(SOURCES))
def test_the_executed_copy_holds_the_same_cells_and_no_errors(source):
    executed = source.with_suffix(".ipynb")
    if not executed.is_file():
        pytest.skip(f"{executed.name} is not there")
    notebook = json.loads(executed.read_text(encoding="utf-8"))
    received = [(cell["cell_type"], "".join(cell["source"]).strip()) for cell in notebook["cells"]]
    assert received == cells(source)
    outputs = [output for cell in notebook["cells"] for output in cell.get("outputs", [])]
    assert outputs
    assert not [output for output in outputs if output["output_type"] == "error" or output.get("name") == "stderr"]
    assert executed.stat().st_size < LARGEST


def test_every_executed_copy_has_a_source():
    assert {path.stem for path in NOTEBOOKS.glob("*.ipynb")} <= {path.stem for path in SOURCES}
