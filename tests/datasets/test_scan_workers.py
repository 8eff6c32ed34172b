"""The scan in worker processes: the same answers as in one, whatever users' classes do there."""

import dataclasses
import os
import time

import numpy as np
import pytest

from mrcnn_roi.datasets import Dataset, load_dataset, processes, scan_dataset, scan_reading

from .builders import annotation, coco_file

pytestmark = pytest.mark.skipif(not processes.available(), reason="worker processes are forked on Linux only")
IMAGES = 12


@pytest.fixture(autouse=True)
def at_once(monkeypatch):
    """Workers are started after the first image."""
    monkeypatch.setattr(scan_reading, "WORTH", (0, 0))
    monkeypatch.setattr(scan_reading, "CHUNK", 32)


def same(first, second):
    for each in dataclasses.fields(first):
        if each.name != "load_seconds":
            a, b = getattr(first, each.name), getattr(second, each.name)
            np.testing.assert_equal(list(a) if each.name == "instance_names" else a, b)


class Pictures(Dataset):
    """Grey pictures, made in the process that loads them; `at` may do something else for one of them."""

    def __init__(self, at=None):
        super().__init__()
        self.at, self.parent = at or (lambda image_id, forked: None), os.getpid()
        self.add_class("toy", 1, "one")
        for number in range(IMAGES):
            self.add_image("toy", number, path=None)
        self.prepare()

    def load_image(self, image_id):
        self.at(image_id, os.getpid() != self.parent)
        return np.full((8, 9, 3), image_id, np.uint8)

    def load_mask(self, image_id):
        masks = np.zeros((8, 9, 1 + image_id % 2), bool)
        masks[1:4, 2 : 3 + image_id % 5] = True
        return masks, np.ones(masks.shape[2], np.int32)


def test_the_same_scan_as_without_workers():
    same(scan_dataset(Pictures(), workers=3), scan_dataset(Pictures(), workers=1))


def test_the_same_scan_of_files(tmp_path):
    images = [{"id": i, "file_name": f"{i}.png", "height": 40, "width": 60} for i in range(IMAGES)]
    records = [annotation(id=i, image_id=i % 5) for i in range(20)]
    dataset = load_dataset(coco_file(tmp_path, records, images))
    (tmp_path / "3.png").write_bytes(b"damaged")
    (tmp_path / "4.png").unlink()
    several = scan_dataset(dataset, workers=2)
    assert several.image_error_codes == {3: "ds-file-unreadable", 4: "ds-file-missing"}
    same(several, scan_dataset(dataset, workers=1))
    same(scan_dataset(dataset, workers=2, fast=True), scan_dataset(dataset, workers=1, fast=True))


def test_an_image_that_kills_the_process_is_named():
    found = scan_dataset(Pictures(lambda image_id, forked: os._exit(9) if image_id == 7 else None), workers=2)
    assert found.image_errors == {7: "the process that read it died (exit status 9)"}
    assert found.instances_known.sum() == IMAGES - 1


def test_a_class_that_kills_its_process_at_the_first_image_is_survived(monkeypatch):
    monkeypatch.setattr(scan_reading, "WORTH", (60, 60))
    found = scan_dataset(Pictures(lambda image_id, forked: os._exit(9) if image_id == 0 else None))
    assert found.image_errors == {0: "the process that read it died (exit status 9)"}
    assert found.instances_known.sum() == IMAGES - 1


def test_an_error_that_only_a_forked_process_has_is_none():
    def shared_file(image_id, forked):
        if forked:
            raise OSError("the file's position belongs to another process")

    found = scan_dataset(Pictures(shared_file), workers=2)
    assert found.image_errors == {}
    assert found.instances_known.all()


def test_an_error_that_every_process_has_stays():
    def broken(image_id, forked):
        if image_id % 3 == 1:
            raise OSError("broken")

    found = scan_dataset(Pictures(broken), workers=2)
    assert found.image_errors == dict.fromkeys(range(1, IMAGES, 3), "OSError: broken")


def test_a_class_that_hangs_in_a_forked_process_is_read_outside(monkeypatch):
    monkeypatch.setattr(scan_reading, "PATIENCE", (0.5, 1))
    found = scan_dataset(Pictures(lambda image_id, forked: time.sleep(60 * forked)), workers=2)
    assert found.image_errors == {}
    assert found.instances_known.all()


def test_an_interrupt_ends_it_and_leaves_no_process():
    pids = []

    def interrupt(done, total):
        pids.extend(each.pid for each in processes.multiprocessing.active_children())
        if done > 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        scan_dataset(Pictures(), workers=2, progress=interrupt)
    assert pids
    assert processes.multiprocessing.active_children() == []


def test_an_image_that_never_comes_back_is_named(monkeypatch):
    monkeypatch.setattr(scan_reading, "PATIENCE", (0.5, 1))
    found = scan_dataset(Pictures(lambda image_id, forked: time.sleep(60 * (image_id == 7))), workers=2)
    assert found.image_errors == {7: "TimeoutError: it did not come back within 0 seconds"}
