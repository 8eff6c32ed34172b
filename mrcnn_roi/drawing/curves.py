"""Curves: losses over epochs, precision over recall, and the matrix of overlaps."""

from __future__ import annotations

import csv
import os
from collections.abc import Mapping, Sequence

import numpy as np

from mrcnn_roi.drawing.figure import Path, open_figure
from mrcnn_roi.drawing.labels import class_labels

LOSSES = (
    "loss",
    "rpn_class_loss",
    "rpn_bbox_loss",
    "mrcnn_class_loss",
    "mrcnn_bbox_loss",
    "mrcnn_mask_loss",
)
TRAIN, VALIDATION = "#1f5fa8", "#d9681d"
ALARM = "#c01818"


def read_history(csv_path) -> dict[str, list[float]]:
    """The columns of a CSV file as Keras' CSVLogger writes it; what is no number ("NA") becomes NaN."""
    with open(csv_path, newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))

    def number(text):
        try:
            return float(text)
        except (TypeError, ValueError):
            return float("nan")

    return {name: [number(row[name]) for row in rows] for name in (rows[0] if rows else {}) if name}


def plot_losses(history: Mapping[str, Sequence[float]] | str | os.PathLike, path: Path = None) -> None:
    """The total loss and the five losses over the epochs, training and validation ("val_...") side by side.

    history: lists by name (also a Keras History), or the path of a CSVLogger file. Epochs count from 1; a
        column "epoch" (from 0, as Keras writes it) says where a resumed run began.
    Raises ValueError when none of the losses is in it.
    """
    history = read_history(history) if isinstance(history, str | os.PathLike) else history
    columns: Mapping = getattr(history, "history", history)
    names = [name for name in LOSSES if name in columns or f"val_{name}" in columns]
    if not names:
        raise ValueError(f"expected a column loss or one of {LOSSES[1:]}, received {sorted(columns)}")
    cols = min(3, len(names))
    rows = -(-len(names) // cols)
    with open_figure((4.2 * cols, 3.1 * rows + 0.3), path, layout="constrained") as figure:
        for index, name in enumerate(names):
            axes = figure.add_subplot(rows, cols, index + 1)
            _plot_loss(axes, name, columns)
            if index >= len(names) - cols:
                axes.set_xlabel("epoch")
            if index == 0:
                axes.legend(frameon=False)


def _plot_loss(axes, name, columns) -> None:
    from matplotlib.ticker import MaxNLocator

    alarm = ""
    for key, label, color in ((name, "train", TRAIN), (f"val_{name}", "validation", VALIDATION)):
        values = np.asarray(columns.get(key, []), np.float64)
        if np.isfinite(values).any() or (key == name and values.size):  # Keras writes "NA" where nothing is validated
            epochs = np.asarray(columns["epoch"]) + 1 if "epoch" in columns else np.arange(len(values)) + 1
            seen = np.isfinite(values)
            marker = "o" if seen.sum() <= 25 else None
            axes.plot(epochs[seen], values[seen], color=color, label=label, marker=marker, markersize=3.5)
            if key == name and not seen.all():
                alarm = f"\nnot finite in epoch {epochs[~seen][0]:.0f}"
    title = "total loss" if name == "loss" else name
    axes.set_title(title + alarm, fontsize=11, color=ALARM if alarm else "black")
    axes.set_ylim(bottom=0)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(color="0.9")
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)


def plot_precision_recall(AP, precisions, recalls, path: Path = None) -> None:
    """The precision-recall curve of compute_ap (one image, classes pooled), with AP in the title."""
    with open_figure((6, 5), path, layout="constrained") as figure:
        axes = figure.add_subplot()
        axes.set_title(f"Precision-Recall Curve. AP@50 = {AP:.3f}")
        axes.fill_between(recalls, precisions, step="pre", color=TRAIN, alpha=0.12, linewidth=0)
        axes.plot(recalls, precisions, drawstyle="steps-pre", color=TRAIN, linewidth=2, clip_on=False)
        axes.set(xlim=(0, 1.02), ylim=(0, 1.05), xlabel="recall", ylabel="precision")
        axes.grid(color="0.9")
        axes.set_axisbelow(True)
        axes.spines[["top", "right"]].set_visible(False)


def plot_overlaps(
    gt_class_ids, pred_class_ids, pred_scores, overlaps, class_names, threshold=0.5, path: Path = None
) -> None:
    """The IoUs between predictions (rows) and ground truth (columns), each with "match" or "wrong" class.

    gt_class_ids: [G], pred_class_ids, pred_scores: [P], zero ids are padding; overlaps: [P, G] as from
    compute_matches, so predictions in descending order of score.
    """
    gt_class_ids, pred_class_ids = np.asarray(gt_class_ids), np.asarray(pred_class_ids)
    gt_class_ids, pred_class_ids = gt_class_ids[gt_class_ids != 0], pred_class_ids[pred_class_ids != 0]
    overlaps = np.asarray(overlaps)[: len(pred_class_ids), : len(gt_class_ids)]
    if overlaps.shape != (len(pred_class_ids), len(gt_class_ids)):
        raise ValueError(f"expected overlaps [{len(pred_class_ids)}, {len(gt_class_ids)}], received {overlaps.shape}")
    size = (2.5 + 0.75 * max(overlaps.shape[1], 3), 1.8 + 0.5 * max(overlaps.shape[0], 3))
    names = class_labels(pred_class_ids, class_names)
    with open_figure(size, path, layout="constrained") as figure:
        axes = figure.add_subplot()
        if overlaps.size:
            axes.imshow(overlaps, interpolation="nearest", cmap="Blues", vmin=0, vmax=1, aspect="auto")
        rows = [f"{name} ({score:.2f})" for name, score in zip(names, pred_scores)]
        axes.set_yticks(np.arange(len(rows)), rows, parse_math=False)
        columns = class_labels(gt_class_ids, class_names)
        axes.set_xticks(np.arange(len(columns)), columns, rotation=90, parse_math=False)
        for (i, j), overlap in np.ndenumerate(overlaps):
            text = f"{overlap:.3f}"
            if overlap > threshold:
                text += "\nmatch" if gt_class_ids[j] == pred_class_ids[i] else "\nwrong"
            color = "white" if overlap > 0.5 else "black" if overlap > 0 else "0.6"
            axes.text(j, i, text, ha="center", va="center", fontsize=9, color=color)
        axes.set(xlabel="Ground Truth", ylabel="Predictions")
