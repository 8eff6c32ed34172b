"""A small scene, and a guard: no picture may leave a figure open, none may open pyplot when it has a path."""

import matplotlib
import numpy as np
import pytest

matplotlib.use("Agg")


@pytest.fixture
def scene():
    """image, boxes, masks, class_ids, class_names, scores of two instances on gray."""
    image = np.full((60, 80, 3), 100, np.uint8)
    boxes = np.array([[10, 10, 40, 30], [20, 45, 55, 75]])
    masks = np.zeros((60, 80, 2), bool)
    for i, (y1, x1, y2, x2) in enumerate(boxes):
        masks[y1:y2, x1:x2, i] = True
    masks[10:15, 10:15, 0] = False
    return image, boxes, masks, np.array([1, 2]), ["BG", "cat", "dog"], np.array([0.987, 0.5])


@pytest.fixture(autouse=True)
def shown(monkeypatch):
    """The number of calls of pyplot.show; after the test nothing is open."""
    import matplotlib.pyplot as plt

    calls = []
    monkeypatch.setattr(plt, "show", lambda: calls.append(plt.gcf()))
    yield calls
    left_open = plt.get_fignums()
    plt.close("all")
    assert not left_open


@pytest.fixture
def axes():
    """Axes of a figure that is none of pyplot's."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 5))
    FigureCanvasAgg(figure)
    return figure.add_subplot()
