"""LabelMe: folders and single files, all shape types, and one finding for each kind of fault."""

import json
import os

import numpy as np
import pytest

from mrcnn_roi.datasets import load_dataset, scan_dataset
from mrcnn_roi.datasets.outlines import ellipse
from mrcnn_roi.datasets.segmentation import fill_polygons
from mrcnn_roi.findings import SetupError, Severity

from .builders import coco_file, codes, image_file
from .labelme_files import SQUARE, content, labelme_file, png, shape

ERROR, WARNING = Severity.ERROR, Severity.WARNING


def one(dataset):
    """The only finding."""
    (finding,) = dataset.annotation_problems
    return finding


def loaded(folder, *shapes, **more):
    """A dataset of one file with these shapes."""
    labelme_file(folder, content(*shapes, **more))
    return load_dataset(folder)


def refusal(path, **options):
    with pytest.raises(SetupError) as error:
        load_dataset(path, **options)
    return error.value.findings[0]


def test_a_folder(tmp_path):
    labelme_file(tmp_path, content(shape(), shape("dog", [[1, 2], [6, 4]], "rectangle")))
    labelme_file(tmp_path, content(image="b.png"), "b.json")
    dataset = load_dataset(tmp_path)
    assert dataset.annotation_problems == []
    assert dataset.class_names == ["BG", "cat", "dog"]
    assert [info["id"] for info in dataset.image_info] == ["a", "b"]
    masks, class_ids = dataset.load_mask(0)
    assert class_ids.tolist() == [1, 2]
    assert masks[10:30, 10:30, 0].all()
    assert masks[2:4, 1:6, 1].all()
    assert masks.sum(axis=(0, 1)).tolist() == [400, 10]
    assert dataset.instance_names(0) == ["shape 0", "shape 1"]
    assert dataset.load_boxes(0)[0].tolist() == [[10, 10, 30, 30], [2, 1, 4, 6]]
    assert dataset.image_reference(1).endswith("b.png")
    scan = scan_dataset(dataset)
    assert scan.image_errors == scan.mask_errors == {}
    assert load_dataset(tmp_path / "a.json").num_images == 1


def test_shapes(tmp_path):
    small = np.zeros((6, 9), bool)
    small[1:4, 2:] = True
    shapes = [
        shape(points=[[30, 20], [38, 26]], kind="circle"),
        shape(points=[[6, 4], [1, 2]], kind="rectangle"),
        shape(points=[[1, 2], [6, 2], [6, 4], [1, 4]], kind="rectangle"),
        shape(points=[[20, 5], [30, 15], [20, 25], [10, 15]], kind="oriented_rectangle"),
        shape(points=[[50, 30], [58, 35]], kind="mask", mask=png(small)),
        {"label": "cat", "points": SQUARE, "line_color": None},
        shape(kind=None),
    ]
    dataset = loaded(tmp_path, *shapes)
    assert dataset.annotation_problems == []
    masks = np.moveaxis(dataset.load_mask(0)[0], -1, 0)
    np.testing.assert_array_equal(masks[0], fill_polygons([ellipse(30, 20, 10, 10)], 40, 60))
    assert masks[1].sum() == masks[2].sum() == 10
    assert masks[3].sum() == 200
    np.testing.assert_array_equal(masks[4][30:36, 50:59], small)
    assert masks[4].sum() == small.sum()
    assert masks[5].sum() == masks[6].sum() == 400


def test_groups_are_one_object_of_several_parts(tmp_path):
    block = np.ones((5, 5), bool)
    shapes = [
        shape(group_id=1),
        shape("dog", [[0, 0], [5, 5]], "rectangle", group_id=1),
        shape(points=[[40, 10], [45, 15]], kind="rectangle", group_id=1),
        shape(points=[[50, 30], [54, 34]], kind="mask", mask=png(block), group_id=2),
        shape(points=[[40, 30], [45, 35]], kind="rectangle", group_id=2),
        shape("nose", [[12, 12]], "point", group_id=1),
    ]
    dataset = loaded(tmp_path, *shapes)
    assert dataset.annotation_problems == []
    assert dataset.class_names == ["BG", "cat", "dog"]
    assert dataset.instance_names(0) == ["shape 0", "shape 1", "shape 3"]
    assert dataset.load_mask(0)[0].sum(axis=(0, 1)).tolist() == [425, 25, 50]


def test_labels_that_are_no_objects(tmp_path):
    dataset = loaded(tmp_path, shape(), shape("__ignore__"), shape("_background_"))
    assert dataset.annotation_problems == []
    assert dataset.class_names == ["BG", "cat"]
    assert dataset.load_mask(0)[0].shape[2] == 1


def test_the_order_of_labels(tmp_path):
    shapes = [shape("b"), shape("a"), shape("c")]
    assert loaded(tmp_path / "data", *shapes).class_names == ["BG", "a", "b", "c"]
    (tmp_path / "labels.txt").write_text("__ignore__\n_background_\nc\nunused\nb\n")
    assert load_dataset(tmp_path / "data").class_names == ["BG", "c", "unused", "b", "a"]
    (tmp_path / "data" / "labels.txt").write_text("x\ny\n")
    assert load_dataset(tmp_path / "data").class_names == ["BG", "c", "unused", "b", "a"]
    names = ["c", "d", "b"]
    dataset = load_dataset(tmp_path / "data", class_names=names)
    assert dataset.class_names == ["BG", *names]
    assert 'shape 1 of a.json: label "a", which is none of the classes c, d, b' in one(dataset).message


@pytest.mark.parametrize(
    "labels, images, name",
    [
        ("", "", "a.png"),
        ("labels", "images", "../images/a.png"),
        ("labels", "images", "..\\images\\a.png"),
        ("labels", "images", "a.png"),
        ("", "images", "a.png"),
        ("", "images", "images/a.png"),
        ("json", "", "../a.png"),
        ("json", "json", "C:\\Users\\me\\a.png"),
        ("json", "json", "/home/me/a.png"),
        ("json", "json", "..\\..\\far\\a.png"),
    ],
)
def test_the_image_is_found(tmp_path, labels, images, name):
    image_file(tmp_path / images / "a.png")
    labelme_file(tmp_path / labels, content(shape(), image=name), draw=False)
    for folder in (tmp_path / labels, tmp_path):
        dataset = load_dataset(folder)
        assert dataset.annotation_problems == []
        assert os.path.samefile(dataset.image_info[0]["path"], tmp_path / images / "a.png")
    assert load_dataset(tmp_path / labels, tmp_path / images).annotation_problems == []


def test_an_image_inside_its_file(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (40, 60, 3), dtype=np.uint8)
    for sides in ({}, {"imageHeight": None, "imageWidth": None}):
        labelme_file(tmp_path, content(shape(), image="gone.png", imageData=png(pixels), **sides), draw=False)
        dataset = load_dataset(tmp_path)
        assert dataset.annotation_problems == []
        np.testing.assert_array_equal(dataset.load_image(0), pixels)
        assert dataset.load_mask(0)[0].shape == (40, 60, 1)
        assert dataset.image_reference(0).endswith("a.json")
        for fast in (True, False):
            scan = scan_dataset(dataset, fast=fast)
            assert scan.image_errors == scan.mask_errors == {}
            assert scan.height.tolist() == [40]
    image_file(tmp_path / "gone.png", seed=9)
    assert (load_dataset(tmp_path).load_image(0) != pixels).any(), "the file goes first"


def test_an_image_inside_that_is_broken(tmp_path):
    for sides in ({}, {"imageHeight": None, "imageWidth": None}):
        labelme_file(tmp_path, content(shape(), image="gone.png", imageData="AAAA", **sides), draw=False)
        dataset = load_dataset(tmp_path)
        assert dataset.annotation_problems == []
        scan = scan_dataset(dataset)
        assert list(scan.image_error_codes.values()) == ["ds-file-unreadable"]
        assert "a.json: imageData cannot be decoded" in scan.image_errors[0]


def test_the_recorded_size_may_lack(tmp_path):
    dataset = loaded(tmp_path, shape(), imageHeight=None, imageWidth=None)
    assert dataset.annotation_problems == []
    assert dataset.load_mask(0)[0].shape[:2] == (40, 60)
    dataset = loaded(tmp_path, shape(), imageHeight="40")
    assert (one(dataset).code, one(dataset).severity) == ("ds-size-invalid", WARNING)
    assert 'imageWidth 60, imageHeight "40"' in one(dataset).message
    assert dataset.load_mask(0)[0].shape[:2] == (40, 60)


# shape, code, words of the message or fix
FAULTS = {
    "text as a shape": ("cat", "ds-json-invalid", 'shape 1 of a.json: "cat" is not an object'),
    "no label": ({"points": SQUARE}, "ds-via-label-missing", "shape 1 of a.json: no label"),
    "NaN as a label": (shape(float("nan")), "ds-via-label-missing", "label is nan"),
    "an empty label": (shape(" "), "ds-via-label-missing", 'label is " "'),
    "two points": (shape(points=SQUARE[:2]), "ds-polygon-degenerate", "2 points, at least 3"),
    "a line": (shape(points=[[1, 1], [5, 5], [9, 9]]), "ds-polygon-degenerate", "one line"),
    "no points": ({"label": "cat"}, "ds-json-invalid", "points are not a list of [x, y]"),
    "points of three numbers": (shape(points=[[1, 2, 3]] * 3), "ds-json-invalid", "points are not a list of [x, y]"),
    "text in points": (shape(points=[[1, 2], ["a", 3], [4, 5]]), "ds-polygon-degenerate", "not numbers"),
    "text in a circle": (shape(points=[[1, 2], ["a", 3]], kind="circle"), "ds-json-invalid", "not numbers"),
    "a circle of one point": (shape(points=[[5, 5]], kind="circle"), "ds-polygon-degenerate", "circle with 1 points"),
    "a circle of no size": (shape(points=[[5, 5], [5, 5]], kind="circle"), "ds-polygon-degenerate", "radius 0"),
    "half a rectangle": (shape(points=SQUARE[:3], kind="rectangle"), "ds-polygon-degenerate", "3 points, 2 or 4"),
    "a rectangle without area": (shape(points=[[5, 5], [5, 9]], kind="rectangle"), "ds-polygon-degenerate", "one line"),
    "outside": (shape(points=[[50, 5], [80, 5], [80, 9]]), "ds-polygon-outside", "x 50 to 80"),
    "an object as a linestrip": (shape(kind="linestrip"), "ds-via-shape", "shape 1 of a.json: shape linestrip of cat"),
    "an object as a point": (shape(points=[[5, 5]], kind="point"), "ds-via-shape", "shape point of cat"),
    "an unknown type": (shape("new", kind="cuboid"), "ds-via-shape", "shape cuboid of new"),
    "a type that is no text": (shape(kind=["x"]), "ds-via-shape", "shape ['x']"),
    "no mask": (shape(points=[[5, 5], [9, 9]], kind="mask"), "ds-json-invalid", "mask cannot be decoded"),
    "a mask of another size": (
        shape(points=[[5, 5], [9, 9]], kind="mask", mask=png(np.ones((9, 9)))),
        "ds-json-invalid",
        "mask of 9 x 9 pixels in a box of 5 x 5",
    ),
    "a mask outside": (
        shape(points=[[55, 5], [63, 13]], kind="mask", mask=png(np.ones((9, 9)))),
        "ds-polygon-outside",
        "mask from x 55 to 64, y 5 to 14 in an image of 60 x 40",
    ),
}


@pytest.mark.parametrize("fault, code, words", FAULTS.values(), ids=FAULTS)
def test_faults_of_shapes(tmp_path, fault, code, words):
    dataset = loaded(tmp_path, shape(), fault)
    finding = one(dataset)
    assert (finding.code, finding.severity) == (code, ERROR)
    assert words in finding.message + finding.fix
    scan = scan_dataset(dataset)
    assert scan.image_errors == {}
    assert scan.mask_errors == {}, "the finding has said it"


def test_lines_and_points_of_their_own_are_left_out(tmp_path):
    dataset = loaded(tmp_path, shape(), shape("axis", SQUARE[:2], "line"), shape("nose", SQUARE[:1], "point"))
    finding = one(dataset)
    assert (finding.code, finding.severity) == ("ds-via-shape", WARNING)
    assert "shape 1 of a.json: shape line of axis, left out" in finding.message
    assert dataset.class_names == ["BG", "cat"]
    assert dataset.load_mask(0)[0].shape[2] == 1
    only = loaded(tmp_path, shape("axis", SQUARE[:2], "line"))
    assert (one(only).code, one(only).severity) == ("ds-via-shape", ERROR)


@pytest.mark.parametrize(
    "text, words",
    [
        ('{"shapes": [', "file b.json: not JSON: Expecting value at line 1 column 13"),
        ("", "file b.json: the file is empty"),
        ("[" * 100_000, "file b.json: not readable as JSON"),
        ('{"version": "5", "imagePath": "b.png"}', "file b.json: no shapes"),
        ('{"shapes": 7, "imagePath": "b.png"}', "file b.json: shapes is 7"),
        ("[]", "file b.json: a list without shapes"),
    ],
)
def test_a_broken_file_is_a_finding_and_the_others_load(tmp_path, text, words):
    labelme_file(tmp_path, content(shape()))
    image_file(tmp_path / "b.png")
    (tmp_path / "b.json").write_text(text)
    dataset = load_dataset(tmp_path)
    finding = one(dataset)
    assert (finding.code, finding.severity) == ("ds-json-invalid", ERROR)
    assert words in finding.message
    assert dataset.num_images == 1


def test_other_files_are_passed_over(tmp_path):
    labelme_file(tmp_path, content(shape()))
    (tmp_path / "package.json").write_text('{"version": "1"}')
    (tmp_path / "list.json").write_text("[1]")
    (tmp_path / "folder.json").mkdir()
    os.mkfifo(tmp_path / "pipe.json")
    (tmp_path / ".hidden.json").write_text("{")
    dataset = load_dataset(tmp_path)
    assert dataset.num_images == 1
    assert dataset.annotation_problems == []


def test_all_files_broken(tmp_path):
    labelme_file(tmp_path, '{"shapes": [', draw=False)
    labelme_file(tmp_path, '{"shapes": [}', "b.json", draw=False)
    finding = refusal(tmp_path)
    assert finding.code == "ds-json-invalid"
    assert finding.message.startswith("2 of 2 records")


def test_missing_images(tmp_path):
    labelme_file(tmp_path, content(shape(), image="A.png"), draw=False)
    image_file(tmp_path / "a.png")
    finding = one(load_dataset(tmp_path))
    assert (finding.code, finding.severity) == ("ds-file-missing", ERROR)
    assert 'imagePath is "A.png"; there is a.png' in finding.message
    assert 'set "imagePath" to "a.png"' in finding.fix
    labelme_file(tmp_path, content(shape(), image=None), draw=False)
    assert "imagePath is None; there is a.png" in one(load_dataset(tmp_path)).message
    (tmp_path / "a.png").rename(tmp_path / "ab.png")
    labelme_file(tmp_path, content(shape(), image="abc.png", imageHeight=None, imageWidth=None), draw=False)
    dataset = load_dataset(tmp_path)
    assert "closest is ab.png" in one(dataset).message
    scan = scan_dataset(dataset)
    assert scan.image_errors == scan.mask_errors == {}
    mask = shape(points=[[5, 5], [9, 9]], kind="mask")
    labelme_file(tmp_path, content(mask, image=None, imageHeight=None, imageWidth=None), draw=False)
    assert "imagePath is None" in one(load_dataset(tmp_path)).message


@pytest.mark.parametrize(
    "name", ["../../a.png", "/etc/hostname", "..", "folder.png", "pipe.png", "\0", "x" * 300, "\ud800"]
)
def test_names_that_leave_the_folder_or_are_no_files(tmp_path, name):
    folder = tmp_path / "one" / "two" / "three"
    image_file(tmp_path / "a.png")
    (folder / "folder.png").mkdir(parents=True)
    os.mkfifo(folder / "pipe.png")
    labelme_file(folder, content(shape(), image=name), draw=False)
    dataset = load_dataset(folder)
    assert codes(dataset.annotation_problems) == ["ds-file-missing"]
    assert not os.path.isfile(dataset.image_info[0]["path"])
    assert scan_dataset(dataset).image_errors == {}


def test_one_image_in_two_files(tmp_path):
    labelme_file(tmp_path, content(shape()))
    labelme_file(tmp_path, content(shape()), "b.json")
    dataset = load_dataset(tmp_path)
    assert dataset.num_images == 1
    assert one(dataset).code == "ds-id-dup-image"
    assert "a.json and b.json both name a.png" in one(dataset).message


def test_subfolders(tmp_path):
    labelme_file(tmp_path / "cats" / "1", content(shape()))
    labelme_file(tmp_path / "dogs", content(shape("dog")))
    (tmp_path / "loop").symlink_to(tmp_path)
    dataset = load_dataset(tmp_path)
    assert [info["id"] for info in dataset.image_info] == ["cats/1/a", "dogs/a"]
    assert dataset.class_names == ["BG", "cat", "dog"]
    labelme_file(tmp_path / "train", content(shape()))
    labelme_file(tmp_path / "val", content(shape()))
    finding = refusal(tmp_path)
    assert finding.code == "ds-format-unknown"
    assert "2 folders of LabelMe files: train, val" in finding.message


def test_a_coco_file_beside_them_goes_first(tmp_path):
    labelme_file(tmp_path, content(shape("dog")))
    coco_file(tmp_path, name="exported.json")
    assert load_dataset(tmp_path).class_names == ["BG", "cat"]
    dataset = load_dataset(tmp_path, format="labelme")
    assert dataset.class_names == ["BG", "dog"]
    assert dataset.annotation_problems == []


def test_encodings(tmp_path):
    text = json.dumps(content(shape("Kätzchen")), ensure_ascii=False)
    image_file(tmp_path / "a.png")
    for encoding in ("utf-8-sig", "utf-16"):
        (tmp_path / "a.json").write_bytes(text.encode(encoding))
        dataset = load_dataset(tmp_path)
        assert dataset.class_names == ["BG", "Kätzchen"]
        assert dataset.annotation_problems == []
