"""Datasets: annotation files -> Dataset, one format a file; the scan that checks read."""

from mrcnn_roi.datasets.base import Dataset
from mrcnn_roi.datasets.loading import load_dataset
from mrcnn_roi.datasets.scan import Scan, scan_dataset
from mrcnn_roi.datasets.shapes import draw_shapes
from mrcnn_roi.datasets.split import balanced_split, split_dataset

__all__ = ["Dataset", "Scan", "balanced_split", "draw_shapes", "load_dataset", "scan_dataset", "split_dataset"]
