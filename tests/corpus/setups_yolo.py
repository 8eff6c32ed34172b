"""YOLO sets that are fine, as tools write them."""

from __future__ import annotations

from .cases import Setup
from .faults_yolo import all_lines, last_label, with_yolo

SETUPS = [
    Setup("YOLO, as Ultralytics writes it", with_yolo(), ("*",)),
    Setup("YOLO, names by number", with_yolo(names="{0: bolt, 1: nut}", both=True), ("*",)),
    Setup("YOLO, Windows line ends", with_yolo(all_lines(lambda words: [*words, "\r"])), ("*",)),
    Setup("YOLO, an empty label file", with_yolo(lambda root: last_label(root).write_text("")), ("*",)),
    Setup("YOLO, an image without label file", with_yolo(lambda root: last_label(root).unlink()), ("*",)),
]  # fmt: skip
