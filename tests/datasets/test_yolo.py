"""YOLO: the layouts that tools write, parts, classes, and one finding for each kind of fault."""

import os

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mrcnn_roi.datasets import load_dataset, scan_dataset, yolo
from mrcnn_roi.datasets.loading import load_train_and_val
from mrcnn_roi.datasets.segmentation import draw_runs, encloses_nothing, fill_polygons
from mrcnn_roi.datasets.source import Source
from mrcnn_roi.datasets.yolo_contours import contour_runs, is_contour
from mrcnn_roi.findings import SetupError, Severity

from .builders import coco_file, codes, image_file
from .test_loading import survives
from .yolo_files import SQUARE, TRIANGLE, beside, data_yaml, flat, labelled, roboflow, ultralytics

ERROR, WARNING = Severity.ERROR, Severity.WARNING


def one(dataset):
    """The only finding."""
    (finding,) = dataset.annotation_problems
    return finding


def refusal(path, *args, **options):
    with pytest.raises(SetupError) as error:
        load_dataset(path, *args, **options)
    (finding,) = error.value.findings
    return finding


def parts(path, images=None):
    return yolo.parts(yolo.recognise(Source(path, images)))


def ids(dataset):
    return [info["id"] for info in dataset.image_info]


def loaded(folder, lines, **more):
    """A dataset of one image with these lines."""
    return load_dataset(ultralytics(folder, lines, **more), part="train")


# ---- layouts


@pytest.mark.parametrize("pointed", ["data.yaml", ""])
def test_ultralytics(tmp_path, pointed):
    ultralytics(tmp_path, f"{SQUARE}\n\n{TRIANGLE}")
    dataset = load_dataset(tmp_path / pointed)
    assert dataset.annotation_problems == []
    assert dataset.class_names == ["BG", "cat", "dog"]
    assert ids(dataset) == ["images/train/a.png", "images/val/b.png"]
    masks, class_ids = dataset.load_mask(0)
    assert class_ids.tolist() == [1, 2]
    assert masks[10:30, 15:30, 0].all()
    assert masks[..., 0].sum() == 300
    assert dataset.instance_names(0) == ["line 1", "line 3"]
    assert dataset.load_boxes(0)[0].tolist() == [[10, 15, 30, 30], [20, 30, 40, 60]]
    assert dataset.image_reference(1).endswith("b.png")
    assert ids(load_dataset(tmp_path / pointed, part="val")) == ["images/val/b.png"]
    assert parts(tmp_path / pointed) == ("train", "val")
    scan = scan_dataset(dataset)
    assert scan.image_errors == scan.mask_errors == {}


@pytest.mark.parametrize("pointed", ["data.yaml", ""])
def test_roboflow(tmp_path, pointed):
    root = tmp_path / "set"
    roboflow(root)
    labelled(tmp_path / "train" / "images", tmp_path / "train" / "labels", "other", seed=5)  # where "../train" leads
    dataset = load_dataset(root / pointed)
    assert dataset.annotation_problems == []
    assert ids(dataset) == ["train/images/a.png", "valid/images/b.png", "test/images/c.png"]
    assert parts(root / pointed) == ("train", "val", "test")
    assert ids(load_dataset(root / pointed, part="valid")) == ["valid/images/b.png"]
    assert ids(load_dataset(root / pointed, part="test")) == ["test/images/c.png"]


@pytest.mark.parametrize(
    "make, folder", [(ultralytics, "images/train"), (roboflow, "train"), (roboflow, "train/images")]
)
def test_a_folder_of_one_part(tmp_path, make, folder):
    make(tmp_path)
    dataset = load_dataset(tmp_path / folder)
    assert dataset.annotation_problems == []
    assert dataset.class_names == ["BG", "cat", "dog"]
    assert [os.path.basename(each) for each in ids(dataset)] == ["a.png"]
    assert load_dataset(tmp_path / folder, part="train").num_images == 1
    assert "parts that are there: none" in refusal(tmp_path / folder, part="val").message


@pytest.mark.parametrize("make", [flat, beside])
def test_without_a_data_yaml(tmp_path, make):
    dataset = load_dataset(make(tmp_path))
    assert dataset.annotation_problems == []
    assert dataset.class_names == ["BG", "cat", "dog"]
    assert dataset.load_mask(0)[0].sum() == 300
    assert parts(tmp_path) == ()


def test_parts_by_folder_names(tmp_path):
    for name, seed in (("train", 1), ("valid", 2)):
        labelled(tmp_path / "a" / "images" / name, tmp_path / "a" / "labels" / name, name, seed=seed)
        labelled(tmp_path / "b" / name / "images", tmp_path / "b" / name / "labels", name, seed=seed)
    for folder in (tmp_path / "a", tmp_path / "b"):
        (folder / "classes.txt").write_text("cat\ndog\n")
        assert parts(folder) == ("train", "val")
        assert load_dataset(folder).num_images == 2
        assert load_dataset(folder).annotation_problems == []
        assert [os.path.basename(each) for each in ids(load_dataset(folder, part="val"))] == ["valid.png"]
        assert refusal(folder, part="test").code == "ds-yolo-part"


def test_folders_of_labels(tmp_path):
    ultralytics(tmp_path / "set")
    assert ids(load_dataset(tmp_path / "set" / "labels" / "train")) == ["images/train/a.png"]
    labels, images = tmp_path / "txt", tmp_path / "pictures"
    labelled(images / "deep", labels / "deep")
    labelled(images, labels, "b", TRIANGLE, seed=1)
    dataset = load_dataset(labels, images, class_names=["cat", "dog"])
    assert dataset.annotation_problems == []
    assert [dataset.load_mask(i)[1].tolist() for i in dataset.image_ids] == [[2], [1]]
    assert "name the folder of the images" in refusal(labels).fix
    image_file(tmp_path / "empty" / "notes" / "a.png")
    assert refusal(tmp_path / "empty" / "notes").code == "ds-format-unknown"


def test_a_data_yaml_with_images_elsewhere(tmp_path):
    path = ultralytics(tmp_path / "set")
    (tmp_path / "set" / "images").rename(tmp_path / "pictures")
    dataset = load_dataset(path, tmp_path / "pictures")
    assert dataset.annotation_problems == []
    assert [len(dataset.load_mask(i)[1]) for i in dataset.image_ids] == [1, 1]
    assert load_dataset(path, tmp_path / "pictures", part="val").num_images == 1


@pytest.mark.parametrize(
    "more",
    [
        {"path": "/content/datasets/pets", "train": "images/train"},
        {"path": "../datasets/pets"},
        {"path": "pets", "train": "./images/train/", "val": "./images/val"},
        {"path": "", "train": "/home/someone/pets/images/train", "val": "C:\\pets\\images\\val"},
        {"train": ["images/train"], "val": ["images/val", "images/train"]},
        {"path": "images", "train": "train", "val": "val"},
        {"train": "train.txt", "val": "lists/val.txt"},
    ],
)
def test_paths_of_a_data_yaml(tmp_path, more):
    path = ultralytics(tmp_path / "pets", **more)
    (tmp_path / "pets" / "lists").mkdir()
    (tmp_path / "pets" / "train.txt").write_text("./images/train/a.png\n")
    (tmp_path / "pets" / "lists" / "val.txt").write_text("\n/data/other/pets/images/val/b.png\r\n")
    for part, name in (("train", "a.png"), (None, "a.png b.png")):
        dataset = load_dataset(path, part=part)
        assert dataset.annotation_problems == []
        assert " ".join(os.path.basename(each) for each in ids(dataset)) == name


def test_a_data_yaml_outside_of_its_set(tmp_path):
    ultralytics(tmp_path / "set")
    for root in ("../set", str(tmp_path / "set")):
        path = data_yaml(tmp_path / "configs", path=root, train="images/train", val="images/val")
        assert [len(load_dataset(path).load_mask(i)[1]) for i in (0, 1)] == [1, 1]
    path = data_yaml(tmp_path / "configs", train="../set/images/train", nc=2)
    assert load_dataset(path).num_images == 1
    finding = refusal(data_yaml(tmp_path / "configs", path="/", train="etc", nc=2))
    assert (finding.code, finding.severity) == ("ds-yolo-part", ERROR)


def test_the_same_folder_for_two_parts(tmp_path):
    path = ultralytics(tmp_path, val="images/train")
    assert load_dataset(path).num_images == load_dataset(path, part="val").num_images == 1


def test_a_data_yaml_of_names_alone(tmp_path):
    flat(tmp_path, names="")
    dataset = load_dataset(data_yaml(tmp_path))
    assert dataset.annotation_problems == []
    assert dataset.num_images == 1


def test_other_files_in_the_folder(tmp_path):
    ultralytics(tmp_path)
    (tmp_path / "hyp.yaml").write_text("lr0: 0.01\n")
    (tmp_path / "other.yaml").write_text("names: [x]\nval: 7\n")
    (tmp_path / "broken.yaml").write_text("names: [\n")
    assert load_dataset(tmp_path).class_names == ["BG", "cat", "dog"]
    (tmp_path / "data.yaml").rename(tmp_path / "pets.yml")
    finding = refusal(tmp_path)
    assert "2 files with the names of YOLO classes: other.yaml, pets.yml" in finding.message
    assert load_dataset(tmp_path / "pets.yml").num_images == 2


def test_other_formats_stay_what_they_are(tmp_path):
    ultralytics(tmp_path)
    coco_file(tmp_path)
    assert load_dataset(tmp_path).image_info[0]["source"] == "coco"
    assert load_dataset(tmp_path, format="yolo").num_images == 2


def test_hidden_names(tmp_path):
    """Label files may be called like lists, and text beside images need not be labels."""
    folder = beside(tmp_path)
    labelled(folder, folder, "train", TRIANGLE, seed=1)
    (folder / "notes about cats.txt").write_text("nice\n")
    dataset = load_dataset(folder)
    assert dataset.annotation_problems == []
    assert [len(dataset.load_mask(i)[1]) for i in dataset.image_ids] == [1, 1]


# ---- images


def test_exif_orientation(tmp_path):
    labelled(tmp_path / "images", tmp_path / "labels", suffix=".jpg", exif=6)
    (tmp_path / "classes.txt").write_text("cat\n")
    dataset = load_dataset(tmp_path)
    assert dataset.load_image(0).shape == (60, 40, 3)
    masks = dataset.load_mask(0)[0]
    assert masks[15:45, 10:20, 0].all()
    assert masks.sum() == 300


@pytest.mark.parametrize("lines", [None, "", "\n\r\n"])
def test_images_without_objects(tmp_path, lines):
    path = ultralytics(tmp_path)
    labelled(tmp_path / "images" / "train", tmp_path / "labels" / "train", "empty", lines, seed=3)
    dataset = load_dataset(path)
    assert dataset.annotation_problems == []
    masks, class_ids = dataset.load_mask(1)
    assert masks.shape == (40, 60, 0)
    assert class_ids.shape == (0,)


def test_a_broken_image(tmp_path):
    path = ultralytics(tmp_path)
    (tmp_path / "images" / "train" / "a.png").write_bytes(b"\x89PNG")
    dataset = load_dataset(path)
    with pytest.raises(SetupError, match=r"a\.png"):
        dataset.load_mask(0)
    assert list(scan_dataset(dataset).image_errors) == [0]


# ---- classes


NAMES = {
    "list": ('["cat", "dog"]', ["cat", "dog"], ""),
    "dict": ("{0: cat, 1: dog}", ["cat", "dog"], ""),
    "dict, other order": ("{1: dog, 0: cat}", ["cat", "dog"], ""),
    "block": ("\n  0: cat\n  1: dog", ["cat", "dog"], ""),
    "text": ('{"0": yes, "1": 3.50}', ["yes", "3.50"], ""),
    "gap": ("{0: cat, 1: dog, 4: owl}", ["cat", "dog", "class_2", "class_3", "owl"], "lacks 2, 3 of 0 to 4"),
    "null": ("[cat, null]", ["cat", "class_1"], "class 1 has no name"),
    "nested": ("[cat, [dog]]", ["cat", "class_1"], "class 1 has no name"),
    "twice": ("{0: cat, 1: dog, 0: owl}", ["cat", "dog"], "class number 0 twice"),
    "no number": ("{0: cat, 1: owl, x: dog}", ["cat", "owl"], 'the class number "x"'),
    "too large": ("{0: cat, 1: owl, 1000000: dog}", ["cat", "owl"], 'the class number "1000000"'),
    "same": ("[cat, cat]", ["cat", "cat"], "classes 0 and 1 have this name"),
    "scalar": ("cat", ["class_0", "class_1"], 'names is "cat" instead of a list'),
    "background": ("[background, dog]", ["background", "dog"], "class background"),
}


@pytest.mark.parametrize("written, names, words", NAMES.values(), ids=NAMES)
def test_names(tmp_path, written, names, words):
    dataset = load_dataset(ultralytics(tmp_path, names=written, nc=len(names)))
    assert dataset.class_names == ["BG", *names]
    assert words in " ".join(each.message for each in dataset.annotation_problems)
    assert len(dataset.annotation_problems) == (words != "")


def test_names_that_count_from_1(tmp_path):
    dataset = load_dataset(ultralytics(tmp_path, names="{1: cat, 2: dog}", nc=3))
    assert dataset.class_names == ["BG", "class_0", "cat", "dog"]
    assert codes(dataset.annotation_problems) == ["ds-yolo-class", "ds-yolo-yaml"]
    assert "class number 0, data.yaml has 2 (1 to 2)" in dataset.annotation_problems[0].message
    assert "names lacks 0 of 0 to 2" in dataset.annotation_problems[1].message


@pytest.mark.parametrize("nc, words", [(3, 'nc is "3", names lists 2'), ("two", 'nc is "two"'), ([2], "a sequence")])
def test_nc_that_disagrees(tmp_path, nc, words):
    finding = one(load_dataset(ultralytics(tmp_path, nc=nc)))
    assert (finding.code, finding.severity) == ("ds-yolo-yaml", WARNING)
    assert words in finding.message
    assert "data.yaml line 5" in finding.message
    assert "nc: 2" in finding.fix


def test_no_names(tmp_path):
    dataset = load_dataset(ultralytics(tmp_path / "set", names=None, nc=3))
    assert dataset.class_names == ["BG", "class_0", "class_1", "class_2"]
    assert one(dataset).severity == WARNING
    assert "no names" in one(dataset).message
    dataset = load_dataset(flat(tmp_path / "flat", names="", lines=f"{SQUARE}\n{TRIANGLE}"))
    assert dataset.class_names == ["BG", "class_0", "class_1"]
    assert "no data.yaml or classes.txt" in one(dataset).message
    assert load_dataset(tmp_path / "flat", class_names=["x", "y"]).class_names == ["BG", "x", "y"]
    assert load_dataset(tmp_path / "flat", class_names=["x", "y"]).annotation_problems == []


def test_class_names_sort_by_name(tmp_path):
    path = ultralytics(tmp_path)
    dataset = load_dataset(path, class_names=["dog", "owl", "cat"])
    assert dataset.class_names == ["BG", "dog", "owl", "cat"]
    assert [dataset.load_mask(i)[1].tolist() for i in (0, 1)] == [[3], [1]]
    finding = one(load_dataset(path, class_names=["dog"]))
    assert "class number 0, cat, which is none of class_names" in finding.message


def test_train_and_val_get_the_same_classes(tmp_path):
    data_yaml(tmp_path / "a", names=("cat", "dog"), train="images", nc=2)
    labelled(tmp_path / "a" / "images", tmp_path / "a" / "labels", lines=TRIANGLE)
    data_yaml(tmp_path / "b", names=("dog",), val="images", nc=1)
    labelled(tmp_path / "b" / "images", tmp_path / "b" / "labels", lines=SQUARE, seed=1)
    train, val = load_train_and_val(tmp_path / "a", tmp_path / "b")
    assert train.class_names == val.class_names == ["BG", "cat", "dog"]
    assert train.load_mask(0)[1].tolist() == val.load_mask(0)[1].tolist() == [2]


def test_wrong_calls(tmp_path):
    path = ultralytics(tmp_path)
    with pytest.raises(ValueError, match="expected part as train, val, test or None, received 'dev'"):
        load_dataset(path, part="dev")
    assert "parts that are there: train, val" in refusal(path, part="test").message


# ---- faults of lines

POINTS = "0.25 0.25 0.5 0.25 0.5 0.75"
LINES = {
    "class too large": (f"2 {POINTS}", "ds-yolo-class", "class number 2, data.yaml has 2 (0 to 1)"),
    "class negative": (f"-1 {POINTS}", "ds-yolo-class", '"-1"'),
    "class not whole": (f"0.5 {POINTS}", "ds-yolo-class", '"0.5"'),
    "class of letters": (f"cat {POINTS}", "ds-yolo-class", '"cat"'),
    "class huge": (f"1e300 {POINTS}", "ds-yolo-class", "class number 1"),
    "not a number": ("0 0.25 0.25 x 0.25 0.5 0.75", "ds-yolo-line", '"x" is not a number'),
    "commas": ("0,0.25,0.25,0.5,0.25,0.5,0.75", "ds-yolo-line", "commas"),
    "NaN": ("0 0.25 nan 0.5 0.25 0.5 0.75", "ds-yolo-line", '"nan" is not finite'),
    "inf": ("0 0.25 0.25 0.5 -inf 0.5 0.75", "ds-yolo-line", '"-inf" is not finite'),
    "class alone": ("0", "ds-yolo-line", "no coordinates"),
    "one point": ("0 0.5 0.5", "ds-polygon-degenerate", "1 point"),
    "three coordinates": ("0 0.5 0.5 0.1", "ds-yolo-line", "3 coordinates, an odd count"),
    "confidence": (f"0 {POINTS} 0.93", "ds-yolo-line", "an odd count; the last one, 0.93, may be a confidence"),
    "track id": (f"0 {POINTS} 12", "ds-yolo-line", "the last one, 12, may be a track id"),
    "confidence of a box": ("0 0.5 0.5 0.2 0.2 0.9", "ds-yolo-line", "a box and a number more"),
    "confidence and track id": ("0 0.5 0.5 0.2 0.2 0.9 7", "ds-yolo-line", "looks like a track id"),
    "pixels": ("0 15 10 30 10 30 30", "ds-yolo-pixels", "coordinates up to 30"),
    "box in pixels": ("0 30 20 10 10", "ds-yolo-pixels", "coordinates up to 30"),
    "far outside": ("0 1.2 0.2 1.5 0.2 1.5 0.9", "ds-polygon-outside", "x 1.2 to 1.5, y 0.2 to 0.9"),
    "absurdly far": (f"0 -100 0.5 {POINTS}", "ds-polygon-outside", "x -100 to 0.5"),
}


@pytest.mark.parametrize("line, code, words", LINES.values(), ids=LINES)
def test_a_line_that_cannot_be_used(tmp_path, line, code, words):
    dataset = loaded(tmp_path, f"{SQUARE}\n{line}")
    finding = one(dataset)
    assert (finding.code, finding.severity) == (code, ERROR)
    assert "1 of 2 annotations" in finding.message
    assert "labels/train/a.txt line 2" in finding.message
    assert words in finding.message
    assert len(finding.fix) > 8
    for load in (dataset.load_mask, dataset.load_boxes):
        with pytest.raises(SetupError, match=r"a\.png: line 2.*labels/train/a\.txt line 2") as error:
            load(0)
        assert [each.code for each in error.value.findings] == [code]


USABLE = {
    "edge": ("0 0.25 0.25 1.01 0.25 0.5 0.75", "ds-polygon-edge", WARNING, "x 0.25 to 1.01"),
    "outside": ("0 0.25 0.25 1.1 0.25 0.5 0.75", "ds-polygon-outside", ERROR, "x 0.25 to 1.1"),
    "on one line": ("0 0.25 0.25 0.5 0.5 0.75 0.75", "ds-polygon-degenerate", ERROR, "on one line"),
    "one point thrice": ("0 0.5 0.5 0.5 0.5 0.5 0.5", "ds-polygon-degenerate", ERROR, "on one line"),
    "box without width": ("0 0.5 0.5 0 0.5", "ds-bbox-nonpositive", ERROR, "w 0, h 0.5"),
}


@pytest.mark.parametrize("line, code, severity, words", USABLE.values(), ids=USABLE)
def test_a_line_with_a_fault(tmp_path, line, code, severity, words):
    dataset = loaded(tmp_path, f"{SQUARE}\n{line}")
    finding = next(each for each in dataset.annotation_problems if each.code == code)
    assert (finding.severity, codes(dataset.annotation_problems)[0]) == (severity, codes([finding])[0])
    assert "labels/train/a.txt line 2" in finding.message
    assert words in finding.message
    assert dataset.load_mask(0)[0].shape == (40, 60, 2)


def test_boxes_become_rectangles(tmp_path):
    box = "1 0.5 0.5 0.5 0.25"
    dataset = loaded(tmp_path / "all", f"{box}\n{box}")
    finding = one(dataset)
    assert (finding.code, finding.severity) == ("ds-box-masks", WARNING)
    assert "2 of 2 annotations" in finding.message
    assert "labels/train/a.txt line 1" in finding.message
    masks, class_ids = dataset.load_mask(0)
    assert masks[15:25, 15:45].all()
    assert masks.sum() == 2 * 300
    assert class_ids.tolist() == [2, 2]
    finding = one(loaded(tmp_path / "some", f"{SQUARE}\n{box}"))
    assert "1 of 2 annotations" in finding.message
    assert "mixes boxes and outlines" in finding.fix


@pytest.mark.parametrize(
    "line", ["0 0.9995 0.5 0.002 0.5", f"0 {POINTS} 1.000004 0.8", f"0.0\t{POINTS}  ", f"+0 {POINTS}"]
)
def test_lines_that_are_fine(tmp_path, line):
    dataset = loaded(tmp_path, f"{SQUARE}\r\n{line}\r\n")
    assert set(codes(dataset.annotation_problems)) <= {"ds-box-masks"}
    assert dataset.load_mask(0)[1].tolist() == [1, 1]


def test_parts_joined_by_a_bridge_stay_one_object(tmp_path):
    line = "0 0.1 0.1 0.3 0.1 0.3 0.3 0.6 0.6 0.9 0.6 0.9 0.9 0.6 0.9 0.6 0.6 0.3 0.3 0.1 0.3"
    dataset = loaded(tmp_path, line)
    assert dataset.annotation_problems == []
    assert dataset.crossing_outlines(0).tolist() == [0]
    mask = dataset.load_mask(0)[0][..., 0]
    assert abs(int(mask.sum()) - (12 * 8 + 18 * 12)) <= 25  # the bridge is as thin as a line is drawn


CONTOUR = [(10, 5), (9, 6), (9, 11), (13, 15), (20, 15), (22, 13), (22, 8), (19, 5)]  # as cv2.findContours gives it


def written(points, digits=5):
    return " ".join(["0", *(f"{x / 60:.{digits}f} {y / 40:.{digits}f}" for x, y in points)])


def test_a_contour_traced_along_pixels_is_the_mask_it_came_from(tmp_path):
    """The shape that supervision and OpenCV write: the border pixels belong to the mask."""
    expected = np.zeros((40, 60), bool)
    for row, (first, last) in enumerate(
        [(10, 19), (9, 20), (9, 21), *[(9, 22)] * 4, (10, 22), (11, 22), (12, 21), (13, 20)], start=5
    ):
        expected[row, first : last + 1] = True
    dataset = loaded(tmp_path, written(CONTOUR))
    assert dataset.annotation_problems == []
    masks, _ = dataset.load_mask(0)
    np.testing.assert_array_equal(masks[..., 0], expected)
    assert dataset.load_boxes(0)[0].tolist() == [[5, 9, 16, 23]]
    record = dataset.image_info[0]["records"][0]
    assert record.extent == (9, 5, 23, 16)
    key = dataset.scan_key(0)
    moved = loaded(tmp_path / "moved", written([(x + 1, y) for x, y in CONTOUR]))
    assert record.content() != moved.image_info[0]["records"][0].content()
    assert key == loaded(tmp_path, written(CONTOUR)).scan_key(0) != moved.scan_key(0)
    flat = [number for point in CONTOUR for number in point]
    assert fill_polygons([flat], 40, 60).sum() < 0.9 * expected.sum()


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(8, 30), st.integers(8, 40))
def test_contour_runs_are_the_pixels_on_and_within_it(seed, height, width):
    """A convex contour, against a loop over all pixels: inside, or on one of its lines."""
    draws = np.random.default_rng(seed)
    cut = [int(n) for n in draws.integers(1, min(height, width) // 3, 4)]
    right, bottom = width - 1, height - 1
    points = [(cut[0], 0), (right - cut[1], 0), (right, cut[1]), (right, bottom - cut[2]), (right - cut[2], bottom)]
    points += [(cut[3], bottom), (0, bottom - cut[3]), (0, cut[0])]
    part = [float(number) for point in points for number in point]
    assert is_contour(part, height, width)
    mask = np.zeros((height, width), bool)
    draw_runs(mask, contour_runs(part, height, width))
    lines = list(zip(points, points[1:] + points[:1]))
    for y, x in np.ndindex(height, width):
        assert mask[y, x] == all((x2 - x1) * (y - y1) >= (y2 - y1) * (x - x1) for (x1, y1), (x2, y2) in lines)


@pytest.mark.parametrize(
    "points",
    [
        [(x + 0.3, y) for x, y in CONTOUR],
        CONTOUR[:2] + CONTOUR[3:],
        [(9, 5), (9, 15), (12, 15), (12, 14), (22, 14), (22, 8), (20, 8), (20, 5)],
        [*CONTOUR[:4], (19, 16), *CONTOUR[5:]],
    ],
    ids=["between pixels", "few corners", "right angles", "another direction"],
)
def test_other_outlines_are_drawn_as_in_coco(tmp_path, points):
    mask = loaded(tmp_path, written(points, 9)).load_mask(0)[0][..., 0]
    flat = [number for point in points for number in point]
    np.testing.assert_array_equal(mask, fill_polygons([flat], 40, 60))


def test_many_faults_of_one_cause_are_one_finding(tmp_path):
    finding = one(loaded(tmp_path, "\n".join(f"9 {POINTS}" for _ in range(40))))
    assert "40 of 40 annotations" in finding.message
    assert "(first 5)" in finding.message


# ---- faults of files


def test_label_files_that_cannot_be_read(tmp_path):
    for number, make in enumerate(
        (
            lambda path: path.write_bytes(f"{SQUARE} # caf\xe9".encode("latin-1")),
            lambda path: path.write_bytes(b"\xff\xfe0\x00 \x00"),
            lambda path: path.mkdir(),
            os.mkfifo,
            lambda path: path.symlink_to(path.name),
        )
    ):
        folder = tmp_path / str(number)
        ultralytics(folder)
        label = folder / "labels" / "train" / "a.txt"
        label.unlink()
        make(label)
        dataset = load_dataset(folder)
        finding = one(dataset)
        assert (finding.code, finding.severity) == ("ds-file-unreadable", ERROR)
        assert "labels/train/a.txt line 1: " in finding.message
        with pytest.raises(SetupError, match=r"labels/train/a\.txt"):
            dataset.load_mask(0)
        scan = scan_dataset(dataset)
        assert scan.image_errors == scan.mask_errors == {}, "the finding has said it"


def test_a_byte_order_mark_is_fine(tmp_path):
    dataset = loaded(tmp_path, b"\xef\xbb\xbf" + SQUARE.encode())
    assert dataset.annotation_problems == []
    assert dataset.load_mask(0)[1].tolist() == [1]


def test_missing_label_files(tmp_path):
    folder = ultralytics(tmp_path).parent
    for number in range(3):
        labelled(folder / "images" / "train", folder / "labels" / "train", f"n{number}", None, seed=number + 5)
    finding = one(load_dataset(folder, part="train"))
    assert (finding.code, finding.severity) == ("ds-labels-missing", WARNING)
    assert "3 of 4 images" in finding.message
    assert "image images/train/n0.png" in finding.message
    assert "labels/train/n0.txt" in finding.fix
    (folder / "labels" / "train" / "a.txt").rename(folder / "labels" / "train" / "a_mask.txt")
    finding = one(load_dataset(folder, part="train"))
    assert (finding.code, finding.severity) == ("ds-labels-missing", ERROR)
    assert "4 of 4 images" in finding.message
    assert "labels/train/a_mask.txt fits no image" in finding.message


def test_a_test_part_without_labels(tmp_path):
    path = ultralytics(tmp_path, test="images/test")
    image_file(tmp_path / "images" / "test" / "c.png", seed=4)
    assert load_dataset(path, part="test").annotation_problems == []
    assert load_dataset(path).annotation_problems == []


def test_label_files_without_an_image(tmp_path):
    path = ultralytics(tmp_path)
    (tmp_path / "labels" / "train" / "gone.txt").write_text(SQUARE)
    finding = one(load_dataset(path))
    assert (finding.code, finding.severity) == ("ds-labels-unmatched", WARNING)
    assert "1 of 3 files" in finding.message
    assert "labels/train/gone.txt" in finding.message


def test_two_images_with_one_label_file(tmp_path):
    path = ultralytics(tmp_path)
    image_file(tmp_path / "images" / "train" / "a.jpg", seed=9)
    dataset = load_dataset(path)
    assert one(dataset).code == "ds-id-dup-image"
    assert "a.jpg and a.png have the same label file" in one(dataset).message
    assert dataset.num_images == 2


def test_parts_that_are_not_there(tmp_path):
    path = ultralytics(tmp_path, val="images/vla", test="images/test")
    finding = one(load_dataset(path, part="train"))
    assert (finding.code, finding.severity) == ("ds-yolo-part", WARNING)
    assert "val: images/vla" in finding.message
    assert "test: images/test" in finding.message
    assert "closest is val" in finding.message
    found = {each.severity: each for each in load_dataset(path).annotation_problems}
    assert "val: images/vla" in found[WARNING].message  # images/val is taken
    assert "images/val is taken instead" in found[WARNING].message
    (tmp_path / "images" / "val").rename(tmp_path / "images" / "dev")
    found = {each.severity: each for each in load_dataset(path).annotation_problems}
    assert "val: images/vla" in found[ERROR].message
    assert "test: images/test" in found[WARNING].message
    with pytest.raises(SetupError) as error:
        load_dataset(path, part="val")
    assert codes(error.value.findings) == ["ds-yolo-part", "ds-yolo-part"]
    assert "1 part: " in error.value.findings[0].message


def test_a_part_without_images(tmp_path):
    path = ultralytics(tmp_path)
    (tmp_path / "images" / "val" / "b.png").unlink()
    finding = one(load_dataset(path))
    assert (finding.code, finding.severity) == ("ds-yolo-part", ERROR)
    assert "no images in" in finding.message
    with pytest.raises(SetupError, match="no images in"):
        load_dataset(path, part="val")


def test_lists_with_faults(tmp_path):
    path = ultralytics(tmp_path, train="train.txt")
    text = "images/train/a.png\nimages/train/b.png\nreadme\n../../secret.png\n./images/train/a.png\n"
    (tmp_path / "train.txt").write_text(text)
    image_file(tmp_path.parent / "secret.png")
    dataset = load_dataset(path, part="train")
    missing, other = sorted(dataset.annotation_problems, key=lambda each: each.code)
    assert (missing.code, other.code) == ("ds-file-missing", "ds-yolo-part")
    assert "train.txt line 2: images/train/b.png, closest is a.png" in missing.message
    assert "train.txt line 4" in missing.message
    assert "train.txt line 3: readme is no image" in other.message
    assert dataset.num_images == 3
    for image_id in (1, 2):
        with pytest.raises(SetupError, match="ds-file-missing"):
            dataset.load_image(image_id)


def test_keypoints_are_no_outlines(tmp_path):
    finding = one(load_dataset(ultralytics(tmp_path, kpt_shape=[17, 3])))
    assert (finding.code, finding.severity) == ("ds-yolo-yaml", ERROR)


BROKEN = {
    "cut off": ("names: [cat,\n", "line 2 column 1"),
    "tab": ("names:\n\t- cat\n", "line 2 column 1"),
    "not UTF-8": (b"names: [caf\xe9]\n", "not YAML"),
    "nested": ("names: " + "[" * 3000, "not YAML"),
}


@pytest.mark.parametrize("content, words", BROKEN.values(), ids=BROKEN)
def test_a_broken_data_yaml(tmp_path, content, words):
    path = ultralytics(tmp_path)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    for pointed in (path, tmp_path):
        finding = refusal(pointed)
        assert finding.code == "ds-yolo-yaml"
        assert finding.where == str(path)
        assert words in finding.message


def test_a_data_yaml_is_only_text(tmp_path):
    bomb = "a: &a [x, x]\nb: &b [*a, *a]\n" + "".join(
        f"{chr(99 + i)}: &{chr(99 + i)} [*{chr(98 + i)}, *{chr(98 + i)}]\n" for i in range(20)
    )
    path = ultralytics(tmp_path, names="[cat, dog]")
    code = f"run: !!python/object/apply:os.system ['touch {tmp_path / 'ran'}']\n"
    path.write_text(f"{path.read_text()}{bomb}{code}download: |\n  import os\nself: &s [*s]\n")
    assert load_dataset(path).annotation_problems == []
    assert not (tmp_path / "ran").exists()
    path.write_text(path.read_text().replace("names: [cat, dog]", "names: &n [*n, cat]"))
    assert "class 0 has no name" in one(load_dataset(path)).message


def test_files_that_are_none(tmp_path):
    ultralytics(tmp_path / "set")
    (tmp_path / "set" / "data.yml").mkdir()
    os.mkfifo(tmp_path / "set" / "pipe.yaml")
    (tmp_path / "set" / "loop.yaml").symlink_to("loop.yaml")
    (tmp_path / "set" / "images" / "train" / "round").symlink_to(tmp_path / "set" / "images")
    (tmp_path / "set" / "images" / "train" / "z.png").symlink_to("z.png")
    os.mkfifo(tmp_path / "set" / "images" / "train" / "y.png")
    dataset = load_dataset(tmp_path / "set")
    assert [os.path.basename(each) for each in ids(dataset)] == ["a.png", "y.png", "z.png", "b.png"]
    assert sorted(scan_dataset(dataset).image_errors) == [1, 2]


def test_linked_folders_are_read(tmp_path):
    ultralytics(tmp_path / "set")
    (tmp_path / "linked").mkdir()
    for name in ("images", "labels", "data.yaml"):
        (tmp_path / "linked" / name).symlink_to(tmp_path / "set" / name)
    dataset = load_dataset(tmp_path / "linked")
    assert dataset.annotation_problems == []
    assert dataset.num_images == 2


# ---- any set


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("any")
    ultralytics(folder)
    return folder


HEIGHT, WIDTH = 40, 60
points = st.lists(st.tuples(st.floats(0, WIDTH), st.floats(0, HEIGHT)), min_size=3, max_size=12).filter(
    lambda each: not encloses_nothing([n for point in each for n in point])
)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 1), points), min_size=1, max_size=4))
def test_round_trip(folder, objects):
    """Polygons in pixels, written as fractions, are drawn as they are drawn directly."""
    rows = [" ".join([str(k), *(f"{x / WIDTH!r} {y / HEIGHT!r}" for x, y in each)]) for k, each in objects]
    (folder / "labels" / "train" / "a.txt").write_text("\n".join(rows))
    dataset = load_dataset(folder / "data.yaml", part="train")
    assert [each for each in dataset.annotation_problems if each.severity == ERROR] == []
    masks, class_ids = dataset.load_mask(0)
    assert class_ids.tolist() == [k + 1 for k, _ in objects]
    for mask, (_, each) in zip(np.moveaxis(masks, -1, 0), objects):
        part = [n for x, y in each for n in (x / WIDTH * WIDTH, y / HEIGHT * HEIGHT)]
        np.testing.assert_array_equal(mask, fill_polygons([part], HEIGHT, WIDTH))


word = st.sampled_from(
    ["0", "1", "-1", "0.5", "1e400", "-1e308", "nan", "1e-300", "99", "x", "1_0", "\u0663", "", "\0", "0x1", "1,2"]
)
some_lines = st.lists(st.lists(word, max_size=9).map(" ".join), max_size=4).map("\n".join)


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=80) | some_lines.map(str.encode))
@example(b"0 -1e308 0 1 0 -1e308 1\n0 0.5 0.5 -1e308 1")
def test_any_label_file(folder, content):
    (folder / "labels" / "train" / "a.txt").write_bytes(content)
    survives(folder / "data.yaml")
    survives(folder / "labels" / "train")


key = st.sampled_from(["names", "nc", "path", "train", "val", "test", "valid", "kpt_shape", "<<", "? x"])
value = st.sampled_from(
    ["[cat, dog]", "{0: cat}", "{[1]: x}", "images/train", "../..", "/", "a.txt", ".", "~", "!!python/none", "&a [*a]"]
) | st.text(st.characters(codec="utf-8"), max_size=8)


@settings(max_examples=120, deadline=None)
@given(
    st.binary(max_size=60).map(lambda each: b"names: " + each)
    | st.lists(st.tuples(key, value), max_size=6).map(lambda each: "\n".join(map(": ".join, each)).encode())
)
@example(b"names: [cat]\npath: /\ntrain: .\nnc: 1")
@example(b"names: {0: cat}\ntrain: ''\nval: {a: b}")
def test_any_data_yaml(folder, content):
    place = folder / "yaml"
    place.mkdir(exist_ok=True)
    (place / "data.yaml").write_bytes(content)
    survives(place / "data.yaml")
    survives(place)
