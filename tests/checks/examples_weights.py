"""For every code of the group "weights" a file that has the mistake and a similar one that has not.

EXAMPLES[code] is (bad, good): the objects for `run_checks`. `findings_of(example)` runs the group on them.
"""

import tempfile
from pathlib import Path

import mrcnn_roi.checks.weights  # noqa: F401 - registers the group
from mrcnn_roi.checks.h5_header import WeightHeader
from mrcnn_roi.findings import run_checks

from .weight_files import config, file_layers, write

HEADS = ("mrcnn_class_logits", "mrcnn_bbox_fc", "mrcnn_bbox", "mrcnn_mask")
HEAD_PREFIXES = ("mrcnn_", "rpn_", "fpn_")
COCO = {"NUM_CLASSES": 81}
RUN = "logs/shapes20171029T2315/mask_rcnn_shapes_0005.h5"


def header(layout="keras2", without=(), extra=(), **attributes) -> WeightHeader:
    """The header of a file for the model of a config with these attributes."""
    layers = {**file_layers(without=without, **attributes), "mrcnn_bbox": [], "activation_1": [], **dict(extra)}
    return WeightHeader(Path("weights.h5"), layout, layers)


def loading(file=None, exclude=(), mode="training", layers="heads", **attributes):
    """Loading `file`, without it the right one, into the model of a config with these attributes."""
    file = file or header(**attributes)
    return {"config": config(**attributes), "weights": file, "exclude": exclude, "mode": mode, "layers": layers}


def resuming(epochs, mode="training", checkpoint=RUN):
    return {"checkpoint": checkpoint, "epochs": epochs, "mode": mode}


IMAGENET = header(without=HEAD_PREFIXES)

EXAMPLES = {
    "w-file-unreadable": ({"weights_file": "page.h5"}, {"weights_file": "whole.h5"}),
    "w-num-classes": (loading(header(**COCO)), loading(header(**COCO), exclude=HEADS)),
    "w-rpn-ratios": (loading(RPN_ANCHOR_RATIOS=[0.5, 1, 2], file=header(RPN_ANCHOR_RATIOS=[1])), loading()),
    "w-conv1-channels": (
        loading(IMAGE_CHANNEL_COUNT=4, file=header()),
        loading(IMAGE_CHANNEL_COUNT=4, file=header(), exclude=("conv1",), layers="all"),
    ),
    "w-shape-other": (loading(header(TOP_DOWN_PYRAMID_SIZE=128)), loading(TOP_DOWN_PYRAMID_SIZE=128)),
    "w-nothing-loaded": (
        loading(WeightHeader(Path("vgg.h5"), "keras2", {"block1_conv1": [("block1_conv1/kernel:0", (3, 3, 3, 64))]})),
        loading(IMAGENET),
    ),
    "w-exclude-at-inference": (
        loading(header(**COCO), exclude=HEADS, mode="inference"),
        loading(exclude=("mrcnn_bbox",), mode="inference"),  # a layer without weights
    ),
    "w-exclude-unknown": (
        loading(header(**COCO), exclude=(*HEADS, "mrcnn_bbox_fcc")),
        loading(exclude=("rpn_model", "activation_1", "rpn_class_raw", "res4f_out")),
    ),
    "w-conv1-frozen": (
        loading(IMAGE_CHANNEL_COUNT=4, file=header(), exclude=("conv1",)),
        loading(IMAGE_CHANNEL_COUNT=4, file=header(), exclude=("conv1",), layers="conv1|mrcnn_.*"),
    ),
    "w-backbone-depth": (loading(header(BACKBONE="resnet101")), loading(BACKBONE="resnet101")),
    "w-epochs-done": (resuming(5), resuming(6)),
}


def findings_of(example: dict):
    with tempfile.TemporaryDirectory() as folder:
        write(Path(folder) / "whole.h5")
        (Path(folder) / "page.h5").write_text("<!DOCTYPE html><html></html>")
        if "weights_file" in example:
            example = {"weights_file": Path(folder) / example["weights_file"]}
        return run_checks("weights", **example)
