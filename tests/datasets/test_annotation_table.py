"""The flat arrays of annotations against reading every annotation by itself."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mrcnn_roi.datasets import load_dataset
from mrcnn_roi.datasets.annotation_geometry import measure
from mrcnn_roi.datasets.annotation_table import AnnotationTable
from mrcnn_roi.datasets.base import declared_size
from mrcnn_roi.datasets.problems import Problems
from mrcnn_roi.datasets.records import read_record

from .builders import annotation, coco_file

WIDTH, HEIGHT = 60, 40
coordinate = (
    st.integers(-3, 63) | st.floats(-3, 63, width=32) | st.sampled_from([0, 1, 0.5, 60, 40, 1e308, float("nan")])
)
part = st.lists(coordinate, min_size=6, max_size=10) | st.lists(coordinate, max_size=7)
triangle = st.just([10, 10, 30, 10, 30, 30.5])
polygons = st.lists(triangle | part, min_size=1, max_size=3)
rle = st.fixed_dictionaries(
    {
        "size": st.sampled_from([[40, 60], [60, 40], [0, 1], "x", [40.0, 60]]),
        "counts": st.sampled_from([[100, 20, 2280], [2400], [1, 2], "\\`W19d01", "", [2.5], None, "é"]),
    }
)
odd = st.sampled_from(
    [None, [], {}, "x", [[1, 2, "3", 4, 5, 6]], [[]], [10, 10, 30, 10, 30, 30], [[True] * 6], [1e400]]
)
bbox = st.sampled_from(
    [None, [], [10, 10, 20, 20], [10, 10, 30, 30.5], [1, 2, 0, 4], [0, 0, 60, 40], "x", [1, 2, 3, None]]
)
annotations = st.fixed_dictionaries(
    {
        "id": st.sampled_from([1, 2, "a", 3.0, None, [1], 10**400]),
        "image_id": st.just(1),
        "category_id": st.sampled_from([1, 1.0, True, "cat"]),
        "iscrowd": st.sampled_from([0, 1, "1", None, True]),
        "segmentation": polygons | rle | odd,
        "bbox": bbox,
    }
)


@settings(max_examples=400, deadline=None)
@given(st.lists(annotations, max_size=5), st.sampled_from([(HEIGHT, WIDTH), None]))
def test_what_is_not_suspicious_is_sound(listed, size):
    table = AnnotationTable()
    for each in listed:
        table.append(each)
    table.freeze()
    sides = size or (-1, -1)
    suspicious = measure(table, *(np.full(len(listed), side) for side in sides))
    for row, each in enumerate(listed):
        problems = Problems("file")
        record = read_record(each, 1, size, "place", problems)
        if suspicious[row]:
            rebuilt, again = Problems("file"), table.annotation(row)
            read_record(again, 1, size, "place", rebuilt)
            assert [f.code for f in rebuilt.findings()] == [f.code for f in problems.findings()]
            continue
        assert problems.findings() == []
        made = table.record(row)
        assert made.parts == record.parts
        assert np.array_equal(made.runs, record.runs) if record.runs is not None else made.runs is None
        assert made.extent == pytest.approx(record.extent)
        assert made.crowd == record.crowd


@settings(max_examples=60, deadline=None)
@given(st.lists(annotations, max_size=4))
def test_the_dataset_is_that_of_slow_reading(tmp_path_factory, listed):
    path = coco_file(tmp_path_factory.mktemp("coco"), listed)
    dataset = load_dataset(path)
    problems = Problems(path)
    info = dataset.image_info[0]
    expected = []
    for each in json.loads(path.read_text())["annotations"]:
        if type(each["category_id"]) in (int, float):
            record = read_record(each, 1, declared_size(info), "place", problems)
            expected += [] if record is None else [record]
    known = [each for each in info["records"] if each.fault_code != "ds-category-unknown"]
    assert [each.extent for each in known] == [pytest.approx(each.extent, nan_ok=True) for each in expected]
    assert [each.empty for each in known] == [each.empty for each in expected]
    assert all(mine.fault_code in (other.fault_code, "ds-polygon-outside") for mine, other in zip(known, expected))


def test_annotations_before_images_and_categories(tmp_path):
    path = coco_file(tmp_path)
    content = json.loads(path.read_text())
    path.write_text(json.dumps({key: content[key] for key in ("annotations", "categories", "images")}))
    assert load_dataset(path).load_mask(0)[0].sum() == 400


def test_annotations_of_images_in_any_order(tmp_path):
    images = [{"id": i, "file_name": f"{i}.png", "height": 40, "width": 60} for i in (7, 3, 5)]
    squares = [annotation(id=i, image_id=(3, 5, 7, 3)[i]) for i in range(4)]
    dataset = load_dataset(coco_file(tmp_path, squares, images))
    assert [[each.id for each in info["records"]] for info in dataset.image_info] == [[2], [0, 3], [1]]
    assert dataset.instance_names(1) == ["annotation 0", "annotation 3"]


def test_content_changes_with_the_mask_and_only_with_it(tmp_path):
    def keys(**changes):
        dataset = load_dataset(coco_file(tmp_path, [annotation(**changes)]))
        return dataset.scan_key(0)

    first = keys()
    assert keys() == keys(bbox=[10, 10, 20, 20.0]) == keys(id=9) == first
    moved = [[10, 10, 30, 10, 30, 30, 10, 30.5]]
    changed = [keys(segmentation=moved), keys(iscrowd=1), keys(segmentation={"size": [40, 60], "counts": [100, 2300]})]
    assert len({first, *changed}) == 4
