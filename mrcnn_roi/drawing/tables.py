"""Tables: in a notebook as HTML, elsewhere as text."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import numpy as np


def display_table(table: Sequence[Sequence]) -> None:
    """Shows rows of cells: as an HTML table in IPython, printed in columns elsewhere.

    Cells are text or anything str() takes; in HTML their markup works, as in the original.
    """
    cells = [[str(cell) for cell in row] for row in table]
    # Only a running IPython counts: the package may be installed where a plain script runs.
    ipython = sys.modules.get("IPython")
    if ipython is not None and ipython.get_ipython() is not None:
        rows = ("".join(f"<td>{cell}</td>" for cell in row) for row in cells)
        html = "".join(f"<tr>{row}</tr>" for row in rows)
        ipython.display.display(ipython.display.HTML(f"<table>{html}</table>"))
        return
    columns = max((len(row) for row in cells), default=0)
    widths = [max(len(row[i]) for row in cells if i < len(row)) for i in range(columns)]
    for row in cells:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip())


def display_weight_stats(model) -> None:
    """A table of a model's weights: name, shape, minimum, maximum, standard deviation.

    model: a MaskRCNN (the layers it can train), or anything with `layers` as a Keras model has
    Two alarms stand beside the name: "*** dead?" where all values are equal (the bias of a convolution
    may be), "*** Overflow?" where a value is beyond 1000 or is not finite.
    """
    layers = model.get_trainable_layers() if hasattr(model, "get_trainable_layers") else model.layers
    table = [["WEIGHT NAME", "SHAPE", "MIN", "MAX", "STD"]]
    for layer in layers:
        for i, (weight, values) in enumerate(zip(layer.weights, layer.get_weights())):
            values = np.asarray(values)
            alarm = ""
            if not values.size:
                continue
            if values.min() == values.max() and not (type(layer).__name__ == "Conv2D" and i == 1):
                alarm += " *** dead?"
            if not np.all(np.abs(values) <= 1000):
                alarm += " *** Overflow?"
            # Keras 3 names a weight "kernel" and keeps the layer in its path.
            name = getattr(weight, "path", None) or weight.name
            numbers = (f"{values.min():+9.4f}", f"{values.max():+10.4f}", f"{values.std():+9.4f}")
            table.append([name + alarm, str(values.shape), *numbers])
    display_table(table)
