"""Keras layers, one a file. They store numbers and call ops; none keeps a Config."""

from mrcnn_roi.layers.batch_norm import BatchNorm
from mrcnn_roi.layers.detection import DetectionLayer
from mrcnn_roi.layers.detection_target import DetectionTargetLayer
from mrcnn_roi.layers.proposal import ProposalLayer
from mrcnn_roi.layers.pyramid_roi_align import PyramidROIAlign

__all__ = ["BatchNorm", "DetectionLayer", "DetectionTargetLayer", "ProposalLayer", "PyramidROIAlign"]
