"""What a run leaves beside its checkpoints, so that they can be used later without the script that made them."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path

from mrcnn_roi.config import Config
from mrcnn_roi.findings import Finding, SetupError, Severity

CONFIG_FILE, CLASSES_FILE, AUGMENTATION_FILE = "config.yaml", "classes.json", "augmentation.txt"


def describe_run(folder, config, class_names):
    """Writes config.yaml and classes.json. A config that YAML cannot hold (a function as BACKBONE) is left out."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / CLASSES_FILE).write_text(json.dumps(list(class_names), indent=1, ensure_ascii=False) + "\n", "utf-8")
    with contextlib.suppress(ValueError):  # to_yaml's word for a setting that YAML cannot hold
        config.to_yaml(folder / CONFIG_FILE)


def note_augmentation(folder, epoch: int, text: str):
    """Adds a line to augmentation.txt: what images are augmented with from `epoch` (1 is the first) on. A run that
    is resumed with another augmentation has several lines; one that never had any has no file."""
    path = Path(folder) / AUGMENTATION_FILE
    line = f"from epoch {epoch}: {text}\n"
    before = path.read_text("utf-8") if path.is_file() else ""
    last = before.splitlines()[-1].partition(": ")[2] if before else "none"
    if last != text:
        Path(folder).mkdir(parents=True, exist_ok=True)
        path.write_text(before + line, "utf-8")


def config_beside(weights) -> Config | None:
    """The Config of the run that wrote these weights, or None when there is none beside them."""
    path = Path(weights).parent / CONFIG_FILE
    return Config.from_yaml(path) if path.is_file() else None


def classes_beside(weights) -> list[str] | None:
    """The class names of the run that wrote these weights, background first, or None."""
    path = Path(weights).parent / CLASSES_FILE
    if not path.is_file():
        return None
    try:
        names = json.loads(path.read_text("utf-8"))
    except ValueError as error:
        message = f"is not JSON: {error}"
        fix = "delete it or pass --classes"
        raise SetupError(Finding("ds-json-invalid", Severity.ERROR, message, fix, str(path))) from None
    return [str(name) for name in names]
