"""Mask R-CNN for Keras 3 in the shape of Matterport's, around a PyramidROIAlign layer.

Public names are imported when they are first used, so that `import mrcnn_roi` costs nothing.
"""

import os
from importlib import import_module

from mrcnn_roi.version import __version__

# TensorFlow logs hundreds of lines about the cost of CropAndResize, which it cannot estimate. Whoever wants
# them sets the variable.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

_HOMES = {
    "Config": "config",
    "Finding": "findings",
    "Severity": "findings",
    "SetupError": "findings",
    "preflight": "preflight",
    "check_rois": "checks.rois",
    "Dataset": "datasets",
    "load_dataset": "datasets",
    "MaskRCNN": "engine.mask_rcnn",
    "PyramidROIAlign": "layers",
    "ROIAlign": "layers",
    "ROIPool": "layers",
    "ROIWarp": "layers",
    "CropAndResize": "layers",
    "ProposalLayer": "layers",
    "DetectionTargetLayer": "layers",
    "DetectionLayer": "layers",
}
_MODULES = ("model", "utils", "visualize", "config")

__all__ = ["__version__", *_HOMES, *_MODULES]


def __getattr__(name):
    if name in _MODULES:
        return import_module(f"{__name__}.{name}")
    if name in _HOMES:
        return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__():
    return sorted(__all__)
