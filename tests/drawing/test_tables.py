"""Tables in a notebook and elsewhere, and the table of weights."""

import sys
from types import SimpleNamespace

import numpy as np
import pytest

from mrcnn_roi.drawing.tables import display_table, display_weight_stats


class Conv2D:
    def __init__(self, name, *values, key="path"):
        self.values = [np.asarray(value, np.float32) for value in values]
        self.weights = [SimpleNamespace(**{key: f"{name}/{kind}"}) for kind in ("kernel", "bias")[: len(values)]]

    def get_weights(self):
        return self.values


class Dense(Conv2D):
    pass


def test_without_ipython_columns_are_printed(capsys, monkeypatch):
    monkeypatch.delitem(sys.modules, "IPython", raising=False)
    display_table([["NAME", "SIZE"], ["a long name", 3], ["b"]])
    assert capsys.readouterr().out == "NAME         SIZE\na long name  3\nb\n"
    display_table([])
    assert capsys.readouterr().out == ""


def test_in_a_notebook_it_is_html(capsys, monkeypatch):
    shown = []
    display = SimpleNamespace(display=shown.append, HTML=lambda text: text)
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: object(), display=display))
    display_table([["a", 1], ["<b>c</b>", 2]])
    assert shown == [
        "<table><tr><td>a</td><td>1</td></tr><tr><td><b>c</b></td><td>2</td></tr></table>",
    ]
    assert capsys.readouterr().out == ""


def test_ipython_that_is_only_imported_does_not_count(capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: None))
    display_table([["a"]])
    assert capsys.readouterr().out == "a\n"


@pytest.mark.parametrize("key", ["path", "name"])
@pytest.mark.parametrize("wrap", ["layers", "get_trainable_layers"])
def test_weight_stats(capsys, key, wrap):
    layers = [
        Conv2D("conv1", [[1.0, -3.0]], [0.0, 0.0], key=key),
        Dense("dense", [[2000.0, 0.0]], [0.5, 0.5], key=key),
        Dense("broken", [np.nan, 1.0], key=key),
        Dense("none", key=key),
    ]
    display_weight_stats(SimpleNamespace(**{wrap: layers if wrap == "layers" else lambda: layers}))
    rows = capsys.readouterr().out.splitlines()
    assert rows[0].split() == ["WEIGHT", "NAME", "SHAPE", "MIN", "MAX", "STD"]
    assert rows[1].split() == ["conv1/kernel", "(1,", "2)", "-3.0000", "+1.0000", "+2.0000"]
    assert rows[2].split() == ["conv1/bias", "(2,)", "+0.0000", "+0.0000", "+0.0000"]
    assert rows[3].startswith("dense/kernel *** Overflow?")
    assert rows[4].startswith("dense/bias *** dead?")
    assert rows[5].startswith("broken/kernel *** Overflow?")
    assert len(rows) == 6
