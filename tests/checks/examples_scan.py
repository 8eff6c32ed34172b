"""For the codes about outlines and loading times data with the mistake, and similar data without it."""

import tempfile
import time
from pathlib import Path

from mrcnn_roi.datasets import load_dataset
from tests.datasets.builders import annotation, coco_file
from tests.datasets.voc_files import BOX, numbers, obj, voc_set, voc_xml

from .toy import Toy, config, find

BOW = [[10, 10, 30, 30, 30, 10, 10, 30]]


class Slow(Toy):
    """Takes its time, or no time, for a mask."""

    def __init__(self, seconds):
        super().__init__()
        self.seconds = seconds

    def load_mask(self, image_id):
        time.sleep(self.seconds)
        return super().load_mask(image_id)


def outline(segmentation):
    with tempfile.TemporaryDirectory() as folder:
        dataset = load_dataset(coco_file(Path(folder), [annotation(segmentation=segmentation, bbox=None)]))
        return find(dataset, dataset, made=config(NUM_CLASSES=2))


def mapped(*boxes):
    """A VOC set whose map has the objects of these boxes; two are listed."""
    second = (31, 16, 50, 35)
    with tempfile.TemporaryDirectory() as folder:
        text = voc_xml(obj("cat"), obj("dog", second), filename="a.jpg")
        voc_set(Path(folder), {"a": (text, numbers(*boxes or (BOX, second)), None)})
        dataset = load_dataset(folder)
        return find(dataset, dataset, made=config(NUM_CLASSES=3))


def slow(seconds):
    train = Slow(seconds)
    train.image_info = train.image_info[:1]
    train.prepare()
    return find(train)


EXAMPLES = {
    "ds-polygon-selfcross": (lambda: outline(BOW), lambda: outline([[10, 10, 30, 10, 30, 30, 10, 30]])),
    "ds-map-object-missing": (lambda: mapped(BOX), mapped),
    "ds-load-slow": (lambda: slow(0.55), lambda: slow(0)),
}
