"""What a scan found is taken from the cache as long as nothing has changed, and only then."""

import os

import numpy as np
import pytest

from mrcnn_roi.datasets import load_dataset, scan, scan_cache, scan_dataset, scan_reading

from .builders import annotation, coco_file, image_file, label_map_file
from .test_scan_workers import Pictures, same

IMAGES = [{"id": i, "file_name": f"{i}.png", "height": 40, "width": 60} for i in (1, 2, 3)]


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("MRCNN_ROI_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(scan, "KEPT", 0)
    return tmp_path / "cache"


@pytest.fixture
def read(monkeypatch):
    """The image ids that were looked at, not taken from the cache."""
    seen = []
    facts = scan_reading.image_facts

    def watched(dataset, image_id, *rest):
        seen.append(image_id)
        return facts(dataset, image_id, *rest)

    monkeypatch.setattr(scan_reading, "image_facts", watched)
    return seen


@pytest.fixture
def folder(tmp_path):
    coco_file(tmp_path, [annotation(id=i, image_id=i) for i in (1, 2, 3)], IMAGES)
    return tmp_path


def scanned(folder, read, **arguments):
    """(scan, image ids read)."""
    read.clear()
    return scan_dataset(load_dataset(folder / "annotations.json"), **arguments), list(read)


def test_a_second_scan_reads_nothing_and_is_the_same(folder, read):
    first, seen = scanned(folder, read)
    assert seen == [0, 1, 2]
    second, seen = scanned(folder, read)
    assert seen == []
    same(first, second)


def test_fast_and_full_are_kept_apart(folder, read):
    scanned(folder, read)
    assert scanned(folder, read, fast=True)[1] == [0, 1, 2]
    assert scanned(folder, read, fast=True)[1] == []
    assert scanned(folder, read)[1] == []


def test_without_cache(folder, read, cache):
    scanned(folder, read, cache=False)
    assert not cache.exists()
    assert scanned(folder, read)[1] == [0, 1, 2]


def test_a_changed_image_is_read_again(folder, read):
    scanned(folder, read)
    image_file(folder / "2.png", seed=9)
    found, seen = scanned(folder, read)
    assert seen == [1]
    assert scanned(folder, read)[1] == []
    (folder / "2.png").write_bytes(b"damaged")
    found, seen = scanned(folder, read)
    assert seen == [1]
    assert found.image_error_codes == {1: "ds-file-unreadable"}
    (folder / "2.png").unlink()
    assert scanned(folder, read)[1] == [1]


def test_a_touched_image_of_the_same_content_is_known(folder, read):
    scanned(folder, read)
    os.utime(folder / "2.png", (1, 1))
    assert scanned(folder, read)[1] == []
    assert scanned(folder, read, fast=True)[1] == [0, 1, 2]
    os.utime(folder / "2.png", (2, 2))
    assert scanned(folder, read, fast=True)[1] == [1], "a fast scan has not read the content"


def test_changed_annotations_are_read_again(folder, read):
    scanned(folder, read)
    moved = annotation(id=2, image_id=2, segmentation=[[10, 10, 31, 10, 31, 30]], bbox=None)
    coco_file(folder, [annotation(id=1, image_id=1), moved, annotation(id=3, image_id=3)], IMAGES, draw=False)
    assert scanned(folder, read)[1] == [1]
    categories = [{"id": 0, "name": "dog"}, {"id": 1, "name": "cat"}]
    coco_file(folder, [annotation(id=i, image_id=i) for i in (1, 2, 3)], IMAGES, categories, draw=False)
    found, seen = scanned(folder, read)
    assert seen == [0, 1, 2]
    assert found.class_id.tolist() == [2, 2, 2]


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 nothing", b"\x93NUMPY"])
def test_a_damaged_cache_is_replaced(folder, read, cache, content):
    scanned(folder, read)
    (path,) = cache.iterdir()
    path.write_bytes(content)
    assert scanned(folder, read)[1] == [0, 1, 2]
    assert scanned(folder, read)[1] == []


def test_a_cache_of_pickles_is_not_opened(folder, read, cache):
    scanned(folder, read)
    (path,) = cache.iterdir()
    with path.open("wb") as file:
        np.savez(file, key=np.array([print], dtype=object))
    assert scan_cache._load(path) is None
    assert scanned(folder, read)[1] == [0, 1, 2]


def test_a_cache_that_cannot_be_written_is_done_without(folder, read, monkeypatch):
    monkeypatch.setenv("MRCNN_ROI_CACHE", str(folder / "annotations.json" / "cache"))
    assert scanned(folder, read)[1] == [0, 1, 2]
    assert scanned(folder, read)[1] == [0, 1, 2]


def test_users_classes_are_always_read(read):
    for _ in range(2):
        read.clear()
        scan_dataset(Pictures(), workers=1)
        assert len(read) == 12


def test_label_maps(tmp_path, read):
    for name in "ab":
        image_file(tmp_path / "images" / f"{name}.png", seed=ord(name))
        label_map_file(tmp_path / "masks" / f"{name}.png")

    def again():
        read.clear()
        return scan_dataset(load_dataset(tmp_path)), list(read)

    assert again()[1] == [0, 1]
    assert again()[1] == []
    label_map_file(tmp_path / "masks" / "b.png", [(5, 15, 5, 15)])
    found, seen = again()
    assert seen == [1]
    assert found.instance_image.tolist() == [0, 0, 1]


def test_an_interrupted_scan_keeps_what_it_has(folder, read, monkeypatch):
    monkeypatch.setattr(scan_reading, "TOLD", 0)

    def interrupt(done, total):
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        scanned(folder, read, progress=interrupt)
    assert scanned(folder, read)[1] == [2]


def test_rows_beyond_the_limit_are_forgotten(folder, read, monkeypatch):
    scanned(folder, read)
    monkeypatch.setattr(scan_cache, "MOST_ROWS", 4)
    assert scanned(folder, read, fast=True)[1] == [0, 1, 2]
    assert scanned(folder, read, fast=True)[1] == []
    assert scanned(folder, read)[1] == [0, 1]
