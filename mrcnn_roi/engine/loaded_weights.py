"""What was loaded into a model so far, and what the checks of weight files (group "weights") have to say about it."""

from __future__ import annotations

import keras

from mrcnn_roi.checks.config import silence
from mrcnn_roi.checks.h5_header import WeightHeader
from mrcnn_roi.checks.weights import HEAD_PREFIXES
from mrcnn_roi.engine.weight_report import LoadReport
from mrcnn_roi.findings import Finding, Severity, run_checks


class LoadedWeights:
    """The layers of a model whose weights were loaded or trained. A model may take its layers from several files, so
    what one file leaves out is only missing when no other brought it."""

    def __init__(self, model: keras.Model):
        self.heads = {layer.name for layer in model.layers if layer.weights and layer.name.startswith(HEAD_PREFIXES)}
        self.layers: set[str] = set()
        self.last: tuple[WeightHeader, list[str]] | None = None

    def judge(self, config, header: WeightHeader, exclude: list[str], mode: str) -> list[Finding]:
        """Findings about a file that is about to be loaded. Whether shapes and names fit is not among them: the
        loader judges that by the model itself."""
        self.last = header, exclude
        found = run_checks("weights", config=config, weights=header, exclude=exclude, mode=mode)
        random = [] if self.heads <= self.layers else ["w-exclude-at-inference"]
        return silence((each for each in found if each.severity < Severity.ERROR or each.code in random), config)

    def judge_layers(self, config, layers) -> list[Finding]:
        """Findings about the weights that depend on which layers train() is to train."""
        if self.last is None or "conv1" in self.layers:
            return []
        header, exclude = self.last
        found = run_checks("weights", config=config, weights=header, exclude=exclude, mode="training", layers=layers)
        return silence((each for each in found if each.code == "w-conv1-frozen"), config)

    def add(self, report: LoadReport) -> None:
        """The file was loaded."""
        self.layers |= set(report.loaded)

    def add_trained(self, layers) -> None:
        """These layers were trained, as far as they are trainable."""
        self.layers |= {layer.name for layer in layers if layer.trainable}
