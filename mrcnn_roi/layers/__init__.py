"""Keras layers, one a file. They store numbers and call ops; none keeps a Config."""

from mrcnn_roi.layers.batch_norm import BatchNorm
from mrcnn_roi.layers.crop_and_resize import CropAndResize
from mrcnn_roi.layers.detection import DetectionLayer
from mrcnn_roi.layers.detection_target import DetectionTargetLayer
from mrcnn_roi.layers.proposal import ProposalLayer
from mrcnn_roi.layers.pyramid_roi_align import PyramidROIAlign
from mrcnn_roi.layers.roi_align import ROIAlign
from mrcnn_roi.layers.roi_pool import ROIPool
from mrcnn_roi.layers.roi_warp import ROIWarp

__all__ = [
    "BatchNorm",
    "CropAndResize",
    "DetectionLayer",
    "DetectionTargetLayer",
    "PyramidROIAlign",
    "ProposalLayer",
    "ROIAlign",
    "ROIPool",
    "ROIWarp",
]
