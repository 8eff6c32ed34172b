"""COCO json: what is read, and one finding for each kind of fault."""

import json
import os

import numpy as np
import pytest
from pycocotools import mask as coco_mask

from mrcnn_roi.datasets import load_dataset, scan_dataset
from mrcnn_roi.findings import SetupError, Severity

from .builders import SQUARE, annotation, coco_file, codes, image_file

ERROR, WARNING = Severity.ERROR, Severity.WARNING


def rle(mask, compressed=True):
    encoded = coco_mask.encode(np.asfortranarray(mask, np.uint8))
    if compressed:
        return {"size": list(mask.shape), "counts": encoded["counts"].decode()}
    flat = mask.flatten(order="F").astype(int)
    changes = np.flatnonzero(np.diff(np.concatenate(([0], flat)))).tolist()
    return {"size": list(mask.shape), "counts": np.diff([0, *changes, flat.size]).tolist()}


@pytest.fixture
def ring():
    """A square with a hole, [40, 60]."""
    mask = np.zeros((40, 60), bool)
    mask[5:25, 10:40] = True
    mask[10:20, 20:30] = False
    return mask


def test_polygon(tmp_path):
    dataset = load_dataset(coco_file(tmp_path))
    assert dataset.annotation_problems == []
    assert dataset.class_names == ["BG", "cat"]
    masks, class_ids = dataset.load_mask(0)
    assert masks.shape == (40, 60, 1)
    assert masks.dtype == bool
    assert class_ids.dtype == np.int32
    assert masks[10:30, 10:30].all()
    assert masks.sum() == 400
    assert dataset.load_image(0).shape == (40, 60, 3)
    assert dataset.image_info[0]["records"][0].id == 1
    assert dataset.image_reference(0).endswith("a.png")
    assert dataset.instance_names(0) == ["annotation 1"]


def test_several_parts_are_one_instance(tmp_path):
    parts = [*SQUARE, [40, 10, 50, 10, 50, 20, 40, 20]]
    dataset = load_dataset(coco_file(tmp_path, [annotation(segmentation=parts, bbox=None)]))
    masks, _ = dataset.load_mask(0)
    assert masks.shape[2] == 1
    assert masks.sum() == 500


@pytest.mark.parametrize("compressed", [True, False])
def test_rle_keeps_holes(tmp_path, ring, compressed):
    box = [10, 5, 30, 20]
    path = coco_file(tmp_path, [annotation(segmentation=rle(ring, compressed), bbox=box)])
    dataset = load_dataset(path)
    assert dataset.annotation_problems == []
    np.testing.assert_array_equal(dataset.load_mask(0)[0][..., 0], ring)
    assert dataset.load_boxes(0)[0].tolist() == [[5, 10, 25, 40]]


def test_crowds_have_negative_class_ids(tmp_path, ring):
    path = coco_file(tmp_path, [annotation(), annotation(id=2, iscrowd=1, segmentation=rle(ring), bbox=None)])
    dataset = load_dataset(path)
    assert dataset.annotation_problems == []
    assert dataset.load_mask(0)[1].tolist() == [1, -1]
    assert dataset.load_boxes(0)[1].tolist() == [1, -1]


def test_classes_come_in_the_order_of_category_ids(tmp_path):
    categories = [{"id": 90, "name": "z"}, {"id": 0, "name": "a"}, {"id": 7, "name": "m"}]
    dataset = load_dataset(coco_file(tmp_path, [annotation(category_id=90)], categories=categories))
    assert dataset.class_names == ["BG", "a", "m", "z"]
    assert dataset.load_mask(0)[1].tolist() == [3]
    assert dataset.map_source_class_id("coco.0") == 1
    assert dataset.annotation_problems == []


def test_utf8_with_bom_and_utf16(tmp_path):
    path = coco_file(tmp_path, categories=[{"id": 1, "name": "Kätzchen"}])
    text = path.read_text()
    for encoding in ("utf-8-sig", "utf-16"):
        path.write_bytes(json.dumps(json.loads(text), ensure_ascii=False).encode(encoding))
        dataset = load_dataset(path)
        assert dataset.class_names == ["BG", "Kätzchen"]
        assert dataset.annotation_problems == []


LEGAL = {
    "floats up to the edges": annotation(segmentation=[[0, 0, 60.0, 0, 60, 40.0, 0, 40]], bbox=[0, 0, 60, 40]),
    "no bbox": annotation(bbox=None),
    "whole floats as ids": annotation(image_id=1.0, category_id=1.0),
    "one flat list": annotation(segmentation=SQUARE[0]),
    "a pixel in the corner": annotation(segmentation=[[0, 0, 1, 0, 1, 1, 0, 1]], bbox=[0, 0, 1, 1]),
    "keypoints only": annotation(segmentation=None, keypoints=[1, 1, 2], bbox=[0, 0, 5, 5]),
    "a self-crossing outline": annotation(segmentation=[[5, 5, 25, 25, 25, 5, 5, 25]], bbox=[5, 5, 20, 20]),
    "a bbox rounded to pixels": annotation(segmentation=[[5.4, 5.4, 9.6, 5.4, 9.6, 9.6]], bbox=[5, 5, 5, 5]),
    "no annotation id": annotation(id=None),
}


@pytest.mark.parametrize("record", LEGAL.values(), ids=LEGAL)
def test_legal_annotations_are_not_flagged(tmp_path, record):
    dataset = load_dataset(coco_file(tmp_path, [record]))
    assert dataset.annotation_problems == []
    dataset.load_mask(0)
    dataset.load_boxes(0)


def test_keypoints_only_is_no_instance(tmp_path):
    record = annotation(id=2, segmentation=[], keypoints=[1, 1, 2])
    dataset = load_dataset(coco_file(tmp_path, [annotation(), record]))
    assert dataset.load_mask(0)[1].tolist() == [1]


def bad_rle(**changes):
    return annotation(segmentation={"size": [40, 60], "counts": [2400]} | changes, bbox=None)


# record, code, severity, words of the message or fix, whether load_mask must refuse the image
FAULTS = {
    "x of a slide": (
        annotation(segmentation=[[44033, 5, 44050, 5, 44050, 20]], bbox=None),
        ("ds-polygon-outside", ERROR, "annotation 1 of a.png: x 44033 to 44050", True),
    ),
    "partly outside": (
        annotation(segmentation=[[50, 5, 70, 5, 70, 20]], bbox=None),
        ("ds-polygon-outside", ERROR, "in an image of 60 x 40", False),
    ),
    "half a pixel over": (
        annotation(segmentation=[[50, 5, 60.5, 5, 60.5, 20]], bbox=None),
        ("ds-polygon-edge", WARNING, "clip x to 0..60", False),
    ),
    "fractions": (
        annotation(segmentation=[[0.1, 0.1, 0.5, 0.1, 0.5, 0.9]], bbox=None),
        ("ds-polygon-normalized", ERROR, "here 60 and 40", True),
    ),
    "two points": (
        annotation(segmentation=[[5, 5, 20, 20]], bbox=None),
        ("ds-polygon-degenerate", ERROR, "2 points", True),
    ),
    "odd": (
        annotation(segmentation=[[5, 5, 20, 20, 5, 9, 1]], bbox=None),
        ("ds-polygon-degenerate", ERROR, "odd count", True),
    ),
    "NaN": (
        annotation(segmentation=[[5, 5, 20, float("nan"), 5, 9]], bbox=None),
        ("ds-polygon-degenerate", ERROR, "not finite", True),
    ),
    "a line": (
        annotation(segmentation=[[5, 5, 20, 20, 10, 10]], bbox=[5, 5, 0, 0]),
        ("ds-polygon-degenerate", ERROR, "one line", False),
    ),
    "a line to the moon": (
        annotation(segmentation=[[5, 5, 1e9, 5, -1e300, 5]], bbox=None),
        ("ds-polygon-degenerate", ERROR, "one line", False),
    ),
    "one part of two": (
        annotation(segmentation=[*SQUARE, [1, 1, 2, 2]]),
        ("ds-polygon-degenerate", WARNING, "part 2: 2 points", False),
    ),
    "box only": (
        annotation(segmentation=[]),
        ("ds-segmentation-missing", ERROR, "1 of 1 annotation: no segmentation", True),
    ),
    "rle of another size": (
        bad_rle(size=[60, 40]),
        ("ds-rle-size", ERROR, "height and width are swapped", True),
    ),
    "rle without size": (bad_rle(size=None), ("ds-rle-size", ERROR, "size None", True)),
    "rle too short": (bad_rle(counts=[1000]), ("ds-rle-counts", ERROR, "sum to 1000, size to 2400", True)),
    "rle cut off": (bad_rle(counts="ZZZo"), ("ds-rle-counts", ERROR, "malformed", True)),
    "no such image": (annotation(image_id=159), ("ds-ann-image-unknown", ERROR, "image_id 159", False)),
    "no such category": (annotation(category_id=8), ("ds-category-unknown", ERROR, "category_id 8", True)),
    "corners as bbox": (
        annotation(bbox=[10, 10, 30, 30]),
        ("ds-bbox-format", WARNING, "[10, 10, 20, 20]", False),
    ),
    "flat bbox": (
        annotation(bbox=[10, 10, 20, 0]),
        ("ds-bbox-nonpositive", ERROR, "[10, 10, 20, 20]", False),
    ),
    "crowd polygon": (annotation(iscrowd=1), ("ds-crowd-polygon", WARNING, "iscrowd", False)),
}


@pytest.mark.parametrize("record, expected", FAULTS.values(), ids=FAULTS)
def test_faults_of_annotations(tmp_path, record, expected):
    code, severity, words, refused = expected
    dataset = load_dataset(coco_file(tmp_path, [record]))
    (finding,) = dataset.annotation_problems
    assert (finding.code, finding.severity) == (code, severity)
    assert words in finding.message + finding.fix
    assert "annotations.json" in finding.where
    assert finding.fix
    if refused:
        with pytest.raises(SetupError, match=r"a\.png.*annotation 1") as error:
            dataset.load_mask(0)
        assert error.value.findings[0].code == code
        with pytest.raises(SetupError):
            dataset.load_boxes(0)
    else:
        masks, class_ids = dataset.load_mask(0)
        assert masks.shape[2] == len(class_ids) == len(dataset.load_boxes(0)[0])
    scan = scan_dataset(dataset)
    assert scan.mask_errors == {}, "the finding exists already"
    assert scan.instances_known[0] != refused


def test_annotations_of_a_large_set_may_hold_a_line(tmp_path):
    records = [annotation(id=number) for number in range(2, 202)]
    line = annotation(segmentation=[[5, 5, 20, 20, 10, 10]], bbox=[5, 5, 0, 0])
    dataset = load_dataset(coco_file(tmp_path, [line, *records]))
    (finding,) = dataset.annotation_problems
    assert (finding.code, finding.severity) == ("ds-polygon-degenerate", WARNING)
    assert dataset.load_mask(0)[0][..., 0].sum() == 0


def test_a_repeated_annotation_id(tmp_path):
    dataset = load_dataset(coco_file(tmp_path, [annotation(), annotation()]))
    assert codes(dataset.annotation_problems) == ["ds-id-dup-ann"]
    assert dataset.load_mask(0)[0].shape[2] == 2


def image(**changes):
    return {"id": 1, "file_name": "a.png", "height": 40, "width": 60} | changes


def test_a_repeated_image_id_keeps_the_first(tmp_path):
    dataset = load_dataset(coco_file(tmp_path, images=[image(), image(file_name="b.png")]))
    (finding,) = dataset.annotation_problems
    assert (finding.code, finding.severity) == ("ds-id-dup-image", ERROR)
    assert "a.png and b.png" in finding.message
    assert dataset.num_images == 1


@pytest.mark.parametrize(
    "categories, code, severity",
    [
        ([{"id": 1, "name": "cat"}, {"id": 2, "name": "Background"}], "ds-category-background", ERROR),
        ([{"id": 1, "name": "cat"}, {"id": 2, "name": "cat"}], "ds-category-dup", WARNING),
        ([{"id": 1, "name": "cat"}, {"id": 1, "name": "dog"}], "ds-category-dup", WARNING),
        ([{"id": 1, "name": "cat, tabby"}], "ds-category-name", WARNING),
        ([{"id": 1}], "ds-category-name", WARNING),
        ([{"id": 1, "name": "cat"}, {"name": "dog"}], "ds-json-invalid", ERROR),
        ([{"id": 1, "name": "cat"}, "dog"], "ds-json-invalid", ERROR),
    ],
)
def test_faults_of_categories(tmp_path, categories, code, severity):
    dataset = load_dataset(coco_file(tmp_path, categories=categories))
    (finding,) = dataset.annotation_problems
    assert (finding.code, finding.severity) == (code, severity)


def test_a_class_named_after_a_background_is_fine(tmp_path):
    dataset = load_dataset(coco_file(tmp_path, categories=[{"id": 1, "name": "background_sign"}]))
    assert dataset.annotation_problems == []


def test_missing_files_are_one_finding_with_the_closest_name(tmp_path):
    images = [image(id=number, file_name=f"photo{number}.png") for number in range(1, 9)]
    path = coco_file(tmp_path, images=images)
    for number in range(2, 9):
        os.rename(tmp_path / f"photo{number}.png", tmp_path / f"Photo{number}.png")
    dataset = load_dataset(path)
    (finding,) = dataset.annotation_problems
    assert (finding.code, finding.severity) == ("ds-file-missing", ERROR)
    assert finding.message.startswith("7 of 8 images")
    assert "photo2.png, Photo2.png differs in upper and lower case only" in finding.message
    assert "photo6.png" in finding.message
    assert "photo7.png" not in finding.message
    with pytest.raises(SetupError, match=r"photo2\.png"):
        dataset.load_image(1)
    scan = scan_dataset(dataset)
    assert scan.image_errors == {}
    assert scan.height.tolist() == [40] + [-1] * 7
    assert scan.num_instances == 1


@pytest.mark.parametrize(
    "name", ["../secret.png", "/etc/passwd", "sub/../../secret.png", "a\0b.png", ".", "", "pipe.png"]
)
def test_names_that_leave_the_folder_or_are_no_files(tmp_path, name):
    image_file(tmp_path / "secret.png")
    folder = tmp_path / "set"
    folder.mkdir()
    os.mkfifo(folder / "pipe.png")
    dataset = load_dataset(coco_file(folder, images=[image(file_name=name)], draw=False), folder)
    assert codes(dataset.annotation_problems) == ["ds-file-missing"]
    assert str(dataset.image_info[0]["path"]).startswith(str(folder))
    with pytest.raises((SetupError, ValueError)):
        dataset.load_image(0)


def test_folders_of_another_machine_are_dropped_where_that_is_unambiguous(tmp_path):
    names = ["C:\\data\\one.png", "/home/x/two.png", "/home/a/same.png", "/home/b/same.png", "sub\\three.png"]
    images = [image(id=number, file_name=name) for number, name in enumerate(names)]
    path = coco_file(tmp_path, [], images=images, draw=False)
    for name in ("one.png", "two.png", "same.png", "sub/three.png"):
        image_file(tmp_path / "images" / name)
    dataset = load_dataset(path, tmp_path / "images")
    paths = [os.path.relpath(info["path"], tmp_path / "images") for info in dataset.image_info]
    assert [paths[0], paths[1], paths[4]] == ["one.png", "two.png", "sub/three.png"]
    (finding,) = dataset.annotation_problems
    assert finding.message.startswith("2 of 5 images")


@pytest.mark.parametrize(
    "json_folder, image_folder",
    [(".", "."), (".", "images"), ("annotations", "images"), ("annotations", "val2017")],
)
def test_the_image_folder_is_found(tmp_path, json_folder, image_folder):
    (tmp_path / json_folder).mkdir(exist_ok=True)
    path = coco_file(tmp_path / json_folder, draw=False, name="instances_val2017.json")
    image_file(tmp_path / image_folder / "a.png")
    dataset = load_dataset(path)
    assert dataset.annotation_problems == []
    assert dataset.load_image(0).shape == (40, 60, 3)


def test_size_comes_from_the_file_where_it_is_not_recorded(tmp_path):
    images = [{"id": 1, "file_name": "a.jpg"}]
    image_file(tmp_path / "a.jpg", 40, 60, exif=6)
    dataset = load_dataset(coco_file(tmp_path, images=images, draw=False))
    assert dataset.annotation_problems == []
    assert dataset.load_image(0).shape[:2] == dataset.load_mask(0)[0].shape[:2] == (60, 40)


def test_size_that_is_no_size(tmp_path):
    image_file(tmp_path / "a.png")
    for width in ("wide", None, 0, -3, 60.5, "60", True):
        dataset = load_dataset(coco_file(tmp_path, images=[image(width=width)], draw=False))
        (finding,) = dataset.annotation_problems
        assert (finding.code, finding.severity) == ("ds-size-invalid", WARNING)
        assert "height 40" in finding.message
        assert dataset.load_mask(0)[0].shape == (40, 60, 1)
    dataset = load_dataset(coco_file(tmp_path, images=[image(width=0, height=0)], draw=False))
    assert codes(dataset.annotation_problems) == ["ds-json-invalid"]


def test_size_unknown_or_absurd_is_refused_when_masks_are_drawn(tmp_path):
    for changes, words in (
        ({"width": None, "height": None}, "unknown"),
        ({"width": 10**9}, "1000000000 x 40"),
    ):
        dataset = load_dataset(coco_file(tmp_path, images=[image(**changes)], draw=False))
        with pytest.raises(SetupError, match=words):
            dataset.load_mask(0)


def test_points_on_the_turned_picture_of_a_phone(tmp_path):
    """Recorded as stored, 60 x 40, but drawn on the upright 40 x 60 picture."""
    image_file(tmp_path / "a.jpg", 40, 60, exif=6)
    record = annotation(segmentation=[[5, 5, 35, 5, 35, 55, 5, 55]], bbox=None)
    dataset = load_dataset(coco_file(tmp_path, [record], [image(file_name="a.jpg")], draw=False))
    (finding,) = dataset.annotation_problems
    assert (finding.code, finding.severity) == ("ds-size-transposed", ERROR)
    assert "width 40 and height 60" in finding.fix


def test_a_recorded_size_that_contradicts_the_file_is_left_to_the_scan(tmp_path):
    image_file(tmp_path / "a.png", 80, 120)
    record = annotation(segmentation=[[5, 5, 110, 5, 110, 70]], bbox=None)
    dataset = load_dataset(coco_file(tmp_path, [record], [image()], draw=False))
    assert dataset.annotation_problems == []
    scan = scan_dataset(dataset)
    assert (scan.declared_height[0], scan.height[0]) == (40, 80)


def test_a_file_without_annotations_or_images(tmp_path):
    dataset = load_dataset(coco_file(tmp_path, [], []))
    assert dataset.num_images == 0
    assert dataset.annotation_problems == []


LOW = [[8, 40, 8, 50, 38, 50, 38, 40]]  # x, y; 30 x 10 pixels, in the lower left


def with_box(tmp_path, bbox, count=1, height=60, **changes):
    images = [{"id": 1, "file_name": "a.png", "height": height, "width": 60}]
    listed = [annotation(id=i, segmentation=LOW, bbox=bbox, **changes) for i in range(count)]
    return load_dataset(coco_file(tmp_path, listed, images))


def test_x_and_y_exchanged(tmp_path):
    dataset = with_box(tmp_path, [40, 8, 10, 30], count=3)
    (finding,) = dataset.annotation_problems
    assert finding.code == "ds-polygon-xy"
    assert finding.severity == Severity.WARNING, "the bbox, which nobody needs, may be the one that is wrong"
    assert "3 of 3" in finding.message
    assert "segmentation in [8, 40, 30, 10], bbox [40, 8, 10, 30]" in finding.message
    assert "x1, y1" in finding.fix
    assert dataset.load_mask(0)[0].shape == (60, 60, 3)


def test_x_and_y_exchanged_beyond_the_edge_is_one_cause(tmp_path):
    for height in (49, 45, 30):  # the polygon reaches down to 50
        dataset = with_box(tmp_path, [40, 8, 10, 30], height=height)
        (finding,) = dataset.annotation_problems
        assert (finding.code, finding.severity) == ("ds-polygon-xy", Severity.ERROR)
        with pytest.raises(SetupError, match="x and y exchanged"):
            dataset.load_mask(0)


def test_the_bbox_is_exchanged_where_it_leaves_the_image(tmp_path):
    upright = [[40, 8, 50, 8, 50, 38, 40, 38]]
    images = [{"id": 1, "file_name": "a.png", "height": 39, "width": 60}]
    dataset = load_dataset(coco_file(tmp_path, [annotation(segmentation=upright, bbox=[8, 40, 30, 10])], images))
    (finding,) = dataset.annotation_problems
    assert (finding.code, finding.severity) == ("ds-bbox-format", Severity.WARNING)
    assert "[8, 40, 30, 10] fits as [y, x, height, width]" in finding.message
    assert "[40, 8, 10, 30]" in finding.fix
    assert dataset.load_mask(0)[0].sum() == 300


def test_a_bbox_elsewhere(tmp_path):
    (finding,) = with_box(tmp_path, [40, 0, 15, 15]).annotation_problems
    assert (finding.code, finding.severity) == ("ds-bbox-format", Severity.WARNING)
    assert "bbox [40, 0, 15, 15] and segmentation cover different places" in finding.message
    assert "[8, 40, 30, 10]" in finding.fix


@pytest.mark.parametrize(
    "bbox",
    [None, [8, 40, 30, 10], [9, 41, 28, 9], [40, 0, 3, 5], [8, 40, 15, 10]],
    ids=["none", "exact", "rounded", "tiny", "half"],
)
def test_boxes_that_are_left_alone(tmp_path, bbox):
    assert with_box(tmp_path, bbox).annotation_problems == []


def test_boxes_of_crowds_are_left_alone(tmp_path):
    rle = {"size": [60, 60], "counts": [600, 30, 2970]}
    crowd = annotation(segmentation=rle, bbox=[40, 40, 15, 15], iscrowd=1)
    images = [{"id": 1, "file_name": "a.png", "height": 60, "width": 60}]
    assert load_dataset(coco_file(tmp_path, [crowd], images)).annotation_problems == []


def test_boxes_about_the_diagonal_fit_either_way(tmp_path):
    square = [[10, 12, 30, 12, 30, 34, 10, 34]]
    listed = [annotation(id=i, segmentation=square, bbox=[10, 12, 20, 22]) for i in range(3)]
    assert load_dataset(coco_file(tmp_path, listed)).annotation_problems == []


@pytest.mark.parametrize(
    "key, code, listed", [("image_id", "ds-ann-image-unknown", "images"), ("category_id", "ds-category-unknown", "cat")]
)
def test_ids_of_text_and_numbers(tmp_path, key, code, listed):
    (finding,) = load_dataset(coco_file(tmp_path, [annotation(**{key: "1"})])).annotation_problems
    assert finding.code == code
    assert f'{key} "1"' in finding.message
    assert f"{key} is text here" in finding.fix
    assert "write 1 without quotes" in finding.fix
    assert listed in finding.fix
    images = [{"id": "1", "file_name": "a.png", "height": 40, "width": 60}]
    path = coco_file(tmp_path, [annotation()], images, [{"id": "1", "name": "cat"}])
    fixes = [each.fix for each in load_dataset(path).annotation_problems if each.code == "ds-ann-image-unknown"]
    assert fixes == ['image_id is a number here, the ids of the images are text: write "1" in quotes']


def test_sizes_of_text(tmp_path):
    images = [{"id": 1, "file_name": "a.png", "height": "40", "width": "60"}]
    image_file(tmp_path / "a.png")
    (finding,) = load_dataset(coco_file(tmp_path, images=images, draw=False)).annotation_problems
    assert 'width "60", height "40"' in finding.message
    assert "write 60, 40 without quotes" in finding.fix


@pytest.mark.parametrize(
    "value, words",
    [
        ("nothing", "the file has no such list"),
        (None, "a NoneType instead of a list"),
        ({}, "a dict instead of a list"),
        ("", "a str instead of a list"),
    ],
)
def test_a_file_without_annotations(tmp_path, value, words):
    path = coco_file(tmp_path)
    content = json.loads(path.read_text())
    content["annotations"] = value
    if value == "nothing":
        del content["annotations"]
    path.write_text(json.dumps(content))
    dataset = load_dataset(path)
    (finding,) = dataset.annotation_problems
    assert (finding.code, finding.severity) == ("ds-json-invalid", Severity.ERROR)
    assert f"annotations: {words}" in finding.message
    assert dataset.objects_lost
    for load in (dataset.load_mask, dataset.load_boxes):
        with pytest.raises(SetupError, match=f"annotations: {words}") as error:
            load(0)
        assert error.value.findings[0].where == str(path)
    for fast in (True, False):
        scan = scan_dataset(dataset, fast=fast)
        assert scan.image_errors == scan.mask_errors == {}, "the finding has said it"
        assert not scan.instances_known.any()
    key = dataset.scan_key(0)
    empty = load_dataset(coco_file(tmp_path, []))  # an empty list is meant
    assert not empty.objects_lost
    assert empty.load_mask(0)[0].shape == (40, 60, 0)
    assert empty.scan_key(0) != key


def test_points_on_the_turned_image_are_told_from_points_outside(tmp_path):
    def found(*polygons):
        images = [{"id": 1, "file_name": "a.png", "height": 40, "width": 60}]
        listed = [annotation(id=i, segmentation=[each], bbox=None) for i, each in enumerate(polygons)]
        (finding,) = load_dataset(coco_file(tmp_path, listed, images)).annotation_problems
        return finding

    inside = [5, 5, 20, 5, 20, 20]
    turned = found(inside, [5, 20, 30, 20, 30, 58])
    assert (turned.code, turned.severity) == ("ds-size-transposed", Severity.ERROR)
    assert "turn the images by 90 degrees" in turned.fix
    assert found(inside, [5, 20, 30, 20, 30, 44]).code == "ds-polygon-outside"
    assert found(inside, [5, 20, 45, 20, 45, 58]).code == "ds-polygon-outside"
