"""Losses over epochs, precision over recall, overlaps."""

import numpy as np
import pytest

from mrcnn_roi.drawing.curves import LOSSES, plot_losses, plot_overlaps, plot_precision_recall, read_history

CSV = "epoch,loss,rpn_class_loss,val_loss\n4,1.5,0.5,2.0\n5,1.25,nan,NA\n6,1.0,0.125,1.75\n"


def lines(axes):
    return {line.get_label(): line.get_xydata().tolist() for line in axes.lines}


def test_all_losses_of_a_history(shown):
    history = {name: [2.0, 1.0] for name in LOSSES} | {f"val_{name}": [3.0, 2.0] for name in LOSSES}
    plot_losses(history)
    axes = shown[0].axes
    assert [each.get_title() for each in axes] == ["total loss", *LOSSES[1:]]
    for each in axes:
        assert lines(each) == {"train": [[1, 2], [2, 1]], "validation": [[1, 3], [2, 2]]}
        assert each.get_ylim()[0] == 0
    assert [text.get_text() for text in axes[0].get_legend().get_texts()] == ["train", "validation"]


def test_a_csv_file_says_where_training_resumed(shown, tmp_path):
    (tmp_path / "log.csv").write_text(CSV)
    plot_losses(tmp_path / "log.csv")
    plot_losses(str(tmp_path / "log.csv"))
    assert len(shown) == 2
    total, rpn = shown[0].axes
    assert lines(total) == {"train": [[5, 1.5], [6, 1.25], [7, 1]], "validation": [[5, 2], [7, 1.75]]}
    assert lines(rpn) == {"train": [[5, 0.5], [7, 0.125]]}
    assert total.get_title() == "total loss"
    assert rpn.get_title() == "rpn_class_loss\nnot finite in epoch 6"


def test_a_keras_history_is_taken_as_it_is(shown, tmp_path):
    class History:
        history = {"loss": [1.0]}

    plot_losses(History(), path=tmp_path / "loss.png")
    assert (tmp_path / "loss.png").is_file()
    assert shown == []


@pytest.mark.parametrize("history", [{}, {"accuracy": [1.0]}])
def test_a_history_without_losses_is_refused(history):
    with pytest.raises(ValueError, match="expected a column loss .*received"):
        plot_losses(history)


def test_read_history(tmp_path):
    (tmp_path / "log.csv").write_text(CSV)
    columns = read_history(tmp_path / "log.csv")
    assert columns["epoch"] == [4, 5, 6]
    assert np.isnan(columns["val_loss"][1])
    (tmp_path / "empty.csv").write_text("")
    assert read_history(tmp_path / "empty.csv") == {}


def test_precision_recall(shown, tmp_path):
    plot_precision_recall(0.5, np.array([1, 1, 0.5, 0]), np.array([0, 0.5, 0.5, 1]))
    (axes,) = shown[0].axes
    assert axes.get_title() == "Precision-Recall Curve. AP@50 = 0.500"
    assert axes.lines[0].get_xydata().tolist() == [[0, 1], [0.5, 1], [0.5, 0.5], [1, 0]]
    plot_precision_recall(float("nan"), [0, 0], [0, 1], path=tmp_path / "curve.png")
    assert (tmp_path / "curve.png").is_file()


def test_overlaps(shown):
    overlaps = np.array([[0.9, 0.0], [0.25, 0.6]], np.float32)
    plot_overlaps(np.array([1, 2, 0]), np.array([1, 1, 0]), np.array([0.9, 0.8, 0]), overlaps, ["BG", "a $cat", "dog"])
    (axes,) = shown[0].axes
    assert [text.get_text() for text in axes.texts] == ["0.900\nmatch", "0.000", "0.250", "0.600\nwrong"]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["a $cat (0.90)", "a $cat (0.80)"]
    assert [label.get_text() for label in axes.get_xticklabels()] == ["a $cat", "dog"]


@pytest.mark.parametrize("predictions, truths", [(0, 2), (2, 0), (0, 0)])
def test_overlaps_of_nothing(tmp_path, predictions, truths):
    overlaps = np.zeros((predictions, truths))
    path = tmp_path / "overlaps.png"
    plot_overlaps(
        np.ones(truths, int),
        np.ones(predictions, int),
        np.ones(predictions),
        overlaps,
        ["BG", "a"],
        path=path,
    )
    assert path.is_file()


def test_overlaps_of_another_shape_are_refused():
    with pytest.raises(ValueError, match=r"expected overlaps \[1, 2\], received \(1, 1\)"):
        plot_overlaps([1, 1], [1], [0.5], np.zeros((1, 1)), ["BG", "a"])
