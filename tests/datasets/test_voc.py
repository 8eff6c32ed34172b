"""Pascal VOC: layouts, boxes, polygons, segmentation maps, parts, and one finding for each kind of fault."""

import os
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mrcnn_roi.datasets import load_dataset, scan_dataset, voc
from mrcnn_roi.datasets.segmentation import fill_polygons
from mrcnn_roi.datasets.source import Source
from mrcnn_roi.datasets.voc_classes import VOC_CLASSES, VOC_COLOURS
from mrcnn_roi.findings import SetupError, Severity
from mrcnn_roi.ops.masks import extract_bboxes

from .builders import codes, image_file
from .test_loading import survives
from .voc_files import BOX, element, numbers, obj, polygon, voc_file, voc_map, voc_set, voc_xml

ERROR, WARNING, INFO = Severity.ERROR, Severity.WARNING, Severity.INFO
SECOND = (41, 1, 50, 40)
POINTS = [(10, 5), (30, 5), (30, 25), (10, 25)]


def one(dataset):
    """The only finding, but for that of boxes."""
    (finding,) = [each for each in dataset.annotation_problems if each.code != "ds-box-masks"]
    return finding


def quiet(dataset):
    """There is no finding but that of boxes."""
    assert set(codes(dataset.annotation_problems)) <= {"ds-box-masks"}, dataset.annotation_problems
    return dataset


def loaded(folder, *objects, **more):
    voc_file(folder, voc_xml(*objects, **more))
    return load_dataset(folder)


def refusal(path, *args, **options):
    with pytest.raises(SetupError) as error:
        load_dataset(path, *args, **options)
    return error.value.findings[0]


def mask_refusal(dataset, image_id=0):
    with pytest.raises(SetupError) as error:
        dataset.load_mask(image_id)
    return error.value.findings[0]


# ---- boxes and outlines


def test_boxes_become_rectangles(tmp_path):
    dataset = loaded(tmp_path, obj(), obj("dog", SECOND))
    assert dataset.class_names == ["BG", "cat", "dog"]
    (finding,) = dataset.annotation_problems
    assert (finding.code, finding.severity) == ("ds-box-masks", WARNING)
    assert "2 of 2 annotations" in finding.message
    assert "object 1 of a.xml; object 2 of a.xml" in finding.message
    masks, class_ids = dataset.load_mask(0)
    assert masks[5:25, 10:30, 0].all()
    assert masks[:, 40:50, 1].all()
    assert masks.sum(axis=(0, 1)).tolist() == [400, 400]
    assert class_ids.tolist() == [1, 2]
    assert dataset.load_boxes(0)[0].tolist() == [[5, 10, 25, 30], [0, 40, 40, 50]]
    assert dataset.instance_names(0) == ["object 1", "object 2"]
    assert dataset.image_info[0]["id"] == "a"
    assert dataset.image_reference(0).endswith("a.png")
    for fast in (True, False):
        scan = scan_dataset(dataset, fast=fast)
        assert scan.image_errors == scan.mask_errors == {}
    assert quiet(load_dataset(tmp_path / "a.xml")).num_images == 1
    assert pickle.loads(pickle.dumps(dataset)).load_mask(0)[0].sum() == 800


@pytest.mark.parametrize("roboflow", [True, False])
def test_polygons_are_outlines(tmp_path, roboflow):
    parts = polygon(POINTS, roboflow) + polygon([(40, 5), (45, 5), (45.0, 10), (40, 10)], roboflow)
    dataset = loaded(tmp_path, obj(more=parts), obj(box=None, more=polygon(POINTS, roboflow)))
    assert dataset.annotation_problems == []
    masks, _ = dataset.load_mask(0)
    np.testing.assert_array_equal(masks[..., 1], fill_polygons([[n for p in POINTS for n in p]], 40, 60))
    assert masks.sum(axis=(0, 1)).tolist() == [425, 400]
    assert dataset.crossing_outlines(0).tolist() == [0, 0]


def test_tools_that_count_from_0_may_leave_the_image_by_a_pixel(tmp_path):
    dataset = quiet(loaded(tmp_path, obj(box=(0, 0, 60, 40)), obj(box=(1, 1, 61, 41)), obj(box=(0, 0, 9.5, 9))))
    assert dataset.load_mask(0)[0].sum(axis=(0, 1)).tolist() == [2400, 2400, 90]
    assert dataset.load_boxes(0)[0][:2].tolist() == [[0, 0, 40, 60]] * 2


def test_difficult_truncated_deleted_and_parts(tmp_path):
    hard = "<difficult>1</difficult>"
    parts = element("part", element("name", "head") + element("bndbox", element("xmin", 1)))
    objects = obj(more=hard), obj("dog", SECOND, more=parts), obj("owl", more="<deleted>1</deleted>")
    dataset = loaded(tmp_path, *objects)
    assert dataset.class_names == ["BG", "cat", "dog", "owl"]
    assert dataset.load_mask(0)[1].tolist() == [1, 2]
    assert load_dataset(tmp_path, difficult="drop").load_mask(0)[1].tolist() == [2]
    assert load_dataset(tmp_path, difficult="crowd").load_mask(0)[1].tolist() == [-1, 2]
    with pytest.raises(ValueError, match="expected difficult as one of keep, drop, crowd, received 'no'"):
        load_dataset(tmp_path, difficult="no")
    with pytest.raises(ValueError, match="expected boxes as True or False, received 1"):
        load_dataset(tmp_path, boxes=1)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "iso-8859-1", "cp1252"])
def test_encodings(tmp_path, encoding):
    voc_file(tmp_path, "")
    declared = "" if encoding.startswith("utf") else f'<?xml version="1.0" encoding="{encoding}"?>'
    (tmp_path / "a.xml").write_bytes((declared + voc_xml(obj("éléphant"))).encode(encoding))
    assert quiet(load_dataset(tmp_path)).class_names == ["BG", "éléphant"]
    assert quiet(load_dataset(tmp_path / "a.xml")).num_images == 1


# ---- where things lie


@pytest.mark.parametrize(
    "labels, images",
    [("", ""), ("Annotations", "JPEGImages"), ("annotations", "images"), ("xml", "images"), ("labels", "pictures")]
    + [("", "images"), ("Annotations", ""), ("xml/train", "images/train")],
)
def test_the_images_are_found(tmp_path, labels, images):
    voc_file(tmp_path / labels, voc_xml(obj()), images=tmp_path / images)
    for place in {tmp_path, tmp_path / labels}:
        dataset = quiet(load_dataset(place))
        assert os.path.samefile(dataset.image_info[0]["path"], tmp_path / images / "a.png")
    assert quiet(load_dataset(tmp_path / labels, tmp_path / images)).num_images == 1
    assert quiet(load_dataset(tmp_path / labels / "a.xml", tmp_path / images)).num_images == 1


def test_the_folder_itself_as_a_relative_path(tmp_path, monkeypatch):
    voc_file(tmp_path / "Annotations", voc_xml(obj()), images=tmp_path / "JPEGImages")
    monkeypatch.chdir(tmp_path / "Annotations")
    assert quiet(load_dataset(".")).num_images == 1


def test_a_devkit_with_one_set_and_with_two(tmp_path):
    text = voc_xml(obj(), filename="a.jpg")
    voc_set(tmp_path / "VOCdevkit" / "VOC2012", {"a": (text, None, None)}, {"Main/train": ["a"]})
    for place in (tmp_path, tmp_path / "VOCdevkit", tmp_path / "VOCdevkit" / "VOC2012"):
        assert [info["id"] for info in quiet(load_dataset(place)).image_info] == ["a"]
    voc_set(tmp_path / "VOCdevkit" / "VOC2007", {"b": (text, None, None)}, {"Main/train": ["b"]})
    finding = refusal(tmp_path / "VOCdevkit")
    assert finding.code == "ds-format-unknown"
    assert "2 Pascal VOC sets: VOC2007, VOC2012" in finding.message


def test_folders_of_parts(tmp_path):
    for part in ("train", "valid", "test"):
        voc_file(tmp_path / part, voc_xml(obj(part)))
    found = voc.recognise(Source(tmp_path))
    assert voc.parts(found) == ("train", "val", "test")
    everything = quiet(load_dataset(tmp_path))
    assert [info["id"] for info in everything.image_info] == ["test/a", "train/a", "valid/a"]
    for part, stem in (("train", "train"), ("val", "valid"), ("valid", "valid"), ("test", "test")):
        dataset = quiet(load_dataset(tmp_path, part=part))
        assert [info["id"] for info in dataset.image_info] == [f"{stem}/a"]
        assert dataset.class_names == ["BG", "test", "train", "valid"], "the same ids in all parts"
    assert load_dataset(tmp_path, part="trainval").num_images == 2


def test_lists_of_parts(tmp_path):
    text = voc_xml(obj(), filename="")
    stems = ["a", "b b", "c", "d", "e"]
    main = {"Main/train": ["a", '"b b"'], "Main/val": ["c.jpg"], "Main/cat_train": ["a -1"], "Main/test": ["d  1"]}
    voc_set(tmp_path, dict.fromkeys(stems, (text, None, None)), main)
    assert voc.parts(voc.recognise(Source(tmp_path))) == ("train", "val", "test")

    def ids(**options):
        return [info["id"] for info in load_dataset(tmp_path, **options).image_info]

    assert ids() == stems
    assert ids(part="train") == ["a", "b b"]
    assert ids(part="valid") == ["c"]
    assert ids(part="trainval") == ["a", "b b", "c"]
    assert ids(part="test") == ["d"]
    with pytest.raises(ValueError, match="expected part .* received 'dev'"):
        load_dataset(tmp_path, part="dev")
    (tmp_path / "ImageSets" / "Main" / "test.txt").unlink()
    assert 'no part "test"; it declares train, val' in refusal(tmp_path, part="test").message
    (tmp_path / "ImageSets" / "Main" / "val.txt").write_text("c\ngone\nbare\n")
    image_file(tmp_path / "JPEGImages" / "bare.jpg")
    findings = load_dataset(tmp_path, part="val").annotation_problems
    assert codes(findings) == ["ds-annotation-missing", "ds-box-masks", "ds-file-missing"]
    assert "val.txt: gone: neither an image nor an annotation" in str(findings)
    assert "val.txt: bare" in str(findings)


def test_lists_where_some_images_have_maps(tmp_path):
    text, pixels = voc_xml(obj(), filename=""), numbers(BOX)
    images = {stem: (text, pixels if stem in "abc" else None, None) for stem in "abcdefg"}
    lists = {"Segmentation/train": "ab", "Segmentation/val": "c", "Main/train": "cde", "Main/val": "af"}
    voc_set(tmp_path, images, lists)

    def ids(**options):
        return "".join(info["id"] for info in load_dataset(tmp_path, **options).image_info)

    assert (ids(), ids(part="train"), ids(part="val"), ids(part="trainval")) == ("abc", "ab", "c", "abc")
    assert (ids(boxes=True), ids(part="train", boxes=True), ids(part="val", boxes=True)) == ("abcdefg", "abde", "cf")
    assert ids(part="trainval", boxes=True) == "abcdef"
    finding = one(load_dataset(tmp_path))
    assert (finding.code, finding.severity) == ("ds-boxes-left-out", INFO)
    assert "4 of 7 images" in finding.message
    assert "boxes=True" in finding.fix
    assert codes(load_dataset(tmp_path, boxes=True).annotation_problems) == ["ds-box-masks"]


# ---- classes


def test_the_order_of_classes(tmp_path):
    objects = [obj(name) for name in ("b", "a", "c")]
    assert loaded(tmp_path, *objects).class_names == ["BG", "a", "b", "c"]
    dataset = load_dataset(tmp_path, class_names=["c", "d", "b"])
    assert dataset.class_names == ["BG", "c", "d", "b"]
    finding = one(dataset)
    assert (finding.code, finding.severity) == ("ds-via-label-missing", ERROR)
    assert 'object 2 of a.xml: name "a", which is none of the classes c, d, b' in finding.message
    assert "a.png: object 2" in mask_refusal(dataset).where


def test_classes_of_voc_itself(tmp_path):
    text = voc_xml(obj("sheep"), obj("dog"), database="The VOC2008 Database", filename="a.jpg")
    voc_set(tmp_path, {"a": (text, None, None)})
    assert load_dataset(tmp_path).class_names == ["BG", *VOC_CLASSES]
    (tmp_path / "Annotations" / "a.xml").write_text(text.replace("dog", "wolf"))
    assert load_dataset(tmp_path).class_names == ["BG", "sheep", "wolf"]
    (tmp_path / "Annotations" / "a.xml").write_text(text.replace("The VOC2008 Database", "mine"))
    assert load_dataset(tmp_path).class_names == ["BG", "dog", "sheep"]
    (tmp_path / "labelmap.txt").write_text("# label:color\nbackground:0,0,0::\nsheep:1,2,3::\nother\ndog:::\n")
    assert load_dataset(tmp_path).class_names == ["BG", "sheep", "other", "dog"]


# ---- maps


def test_maps_with_xml(tmp_path):
    pixels = numbers(BOX, SECOND)
    pixels[:, 30:33] = 255
    text = voc_xml(obj("cat"), obj("dog", SECOND, more="<difficult>1</difficult>"), filename="a.jpg")
    voc_set(tmp_path, {"a": (text, pixels, None)})
    dataset = load_dataset(tmp_path)
    assert dataset.annotation_problems == []
    masks, class_ids = dataset.load_mask(0)
    assert class_ids.dtype == np.int32
    assert [dataset.class_names[i] for i in class_ids] == ["cat", "dog"]
    np.testing.assert_array_equal(masks, pixels[..., None] == [1, 2])
    np.testing.assert_array_equal(dataset.load_boxes(0)[0], extract_bboxes(masks))
    assert dataset.instance_names(0) == ["object 1", "object 2"]
    assert dataset.crossing_outlines(0) is None
    for fast in (True, False):
        scan = scan_dataset(dataset, fast=fast)
        assert scan.image_errors == scan.mask_errors == {}
        assert scan.class_id.tolist() == class_ids.tolist()
    key = dataset.scan_key(0)
    assert key == load_dataset(tmp_path).scan_key(0)
    dropped = load_dataset(tmp_path, difficult="drop")
    assert dropped.load_mask(0)[1].tolist() == [1]
    assert dropped.instance_names(0) == ["object 1"]
    assert dropped.scan_key(0) != key
    assert load_dataset(tmp_path, difficult="crowd").load_mask(0)[1].tolist() == [1, -2]
    (tmp_path / "SegmentationObject" / "a.png").unlink()
    assert dataset.scan_key(0) is None
    assert "a.png" in mask_refusal(dataset).where


@pytest.mark.parametrize(
    "second, pixels, lost",
    [
        (obj("dog", SECOND), numbers(BOX), 'object 2 "dog"'),
        (obj("dog", SECOND), numbers(BOX, SECOND), ""),
        (obj("dog", SECOND, more="<difficult>1</difficult>"), numbers(BOX), ""),
        (obj("dog", SECOND), np.maximum(numbers(BOX), 255 * np.minimum(numbers(SECOND), 1)), ""),  # void
        (obj("dog", BOX), numbers(BOX), ""),  # another object's pixels are there
    ],
    ids=["background", "there", "difficult", "void", "the same box"],
)
def test_objects_without_pixels(tmp_path, second, pixels, lost):
    voc_set(tmp_path, {"a": (voc_xml(obj("cat"), second, filename="a.jpg"), pixels, None)})
    dataset = load_dataset(tmp_path)
    assert dataset.unmasked_objects(0) == lost
    scan = scan_dataset(dataset)
    assert scan.unmasked == [lost]
    assert scan_dataset(dataset).unmasked == [lost]  # from the cache


def test_objects_in_another_order_than_their_numbers(tmp_path):
    boxes = [(1, 1, 10, 10), (12, 1, 30, 20), (32, 1, 60, 30), (1, 25, 20, 40)]
    names = ["cat", "dog", "owl", "elk"]
    text = voc_xml(*(obj(names[i], boxes[i]) for i in (2, 0, 3, 1)), filename="a.jpg")
    voc_set(tmp_path, {"a": (text, numbers(*boxes), None)})
    dataset = load_dataset(tmp_path)
    assert [dataset.class_names[i] for i in dataset.load_mask(0)[1]] == names


def test_small_masks_inside_their_boxes_keep_the_order(tmp_path):
    """VOC's seams of void make small masks much smaller than their boxes."""
    pixels = numbers((15, 10, 16, 11), (45, 20, 46, 21))
    text = voc_xml(obj("cat", (11, 6, 20, 15)), obj("dog", (41, 16, 50, 25)), filename="a.jpg")
    voc_set(tmp_path, {"a": (text, pixels, None)})
    dataset = load_dataset(tmp_path)
    assert [dataset.class_names[i] for i in dataset.load_mask(0)[1]] == ["cat", "dog"]


@pytest.mark.parametrize("mode", ["P", "L", "RGB"])
def test_maps_without_xml(tmp_path, mode):
    objects = numbers(BOX, SECOND)
    classes = np.choose(objects, [0, 8, 12])
    classes[0, :] = 255
    image_file(tmp_path / "JPEGImages" / "a.jpg")
    image_file(tmp_path / "JPEGImages" / "unmapped.jpg")
    voc_map(tmp_path / "SegmentationObject" / "a.png", objects, mode)
    voc_map(tmp_path / "SegmentationClass" / "a.png", classes, mode)
    dataset = load_dataset(tmp_path)
    assert codes(dataset.annotation_problems) == ["ds-annotation-missing"]
    assert dataset.class_names == ["BG", *VOC_CLASSES]
    masks, class_ids = dataset.load_mask(0)
    assert [dataset.class_names[i] for i in class_ids] == ["cat", "dog"]
    np.testing.assert_array_equal(masks, objects[..., None] == [1, 2])
    (tmp_path / "class_names.txt").write_text("_background_\n" + "\n".join(f"c{i}" for i in range(1, 13)))
    dataset = load_dataset(tmp_path)
    assert [dataset.class_names[i] for i in dataset.load_mask(0)[1]] == ["c8", "c12"]


def test_maps_alone_are_of_one_class_and_the_images_may_be_elsewhere(tmp_path):
    image_file(tmp_path / "far" / "pictures" / "a.jpg")
    voc_map(tmp_path / "set" / "SegmentationObject" / "a.png", numbers(BOX))
    assert refusal(tmp_path / "set").code == "ds-format-unknown"
    dataset = load_dataset(tmp_path / "set", tmp_path / "far" / "pictures")
    assert dataset.annotation_problems == []
    assert dataset.class_names == ["BG", "object"]
    assert dataset.load_mask(0)[1].tolist() == [1]


def test_colours_of_a_labelmap(tmp_path):
    """CVAT paints classes in colours of its own, and objects in VOC's."""
    image_file(tmp_path / "images" / "a.png")
    voc_map(tmp_path / "SegmentationObject" / "a.png", numbers(SECOND, BOX), "RGB")
    voc_map(tmp_path / "SegmentationClass" / "a.png", np.choose(numbers(SECOND, BOX), [0, 4, 9]), "RGB")
    (tmp_path / "labelmap.txt").write_text("background:0,0,0::\ncat:192,0,0::\ndog:0,0,128::\n")
    dataset = load_dataset(tmp_path)
    assert VOC_COLOURS[0xC00000] == 9
    assert dataset.annotation_problems == []
    assert dataset.class_names == ["BG", "cat", "dog"]
    assert [dataset.class_names[i] for i in dataset.load_mask(0)[1]] == ["dog", "cat"]
    (tmp_path / "labelmap.txt").write_text("background:::\n" + "".join(f"c{i}:::\n" for i in range(1, 10)))
    dataset = load_dataset(tmp_path)
    assert [dataset.class_names[i] for i in dataset.load_mask(0)[1]] == ["c4", "c9"]
    (tmp_path / "labelmap.txt").write_text("background:::\nc1:1,2,3::\nc2:::\n")
    assert "the class map has #000080 there" in mask_refusal(load_dataset(tmp_path)).message


# object map, class map or None, objects, words of the message
BROKEN_MAPS = {
    "void only": (np.full((40, 60), 255), None, [obj()], "no object, only void (255), while the XML file has 1"),
    "background only": (np.zeros((40, 60)), None, [obj()], "no object, only background (0)"),
    "another size": (numbers(BOX, width=50), None, [obj()], "the map has 50 x 40 pixels, its image 60 x 40"),
    "transposed": (numbers(BOX).T, None, [obj()], "the map has 40 x 60 pixels, its image 60 x 40"),
    "more numbers than objects": (
        numbers(BOX, SECOND),
        None,
        [obj()],
        "object 2 has no class: the XML file has 1 objects, and there is no class map",
    ),
    "a class that is none": (
        numbers(BOX, SECOND),
        numbers(BOX, SECOND) * 40,
        [obj()],
        "object 2 has no class: the class map has 80 there",
    ),
    "void in the class map": (numbers(BOX, SECOND), numbers(BOX), [obj()], "has background or void there"),
    "a class map of another size": (numbers(BOX, SECOND), np.zeros((9, 9)), [obj()], "9 x 9 pixels"),
    "no XML": (numbers(BOX), None, None, "object 1 has no class: there is no XML file, and there is no class map"),
    "an object without a name": (numbers(BOX), None, [obj(None)], "object 1 has no class"),
}


@pytest.mark.parametrize("objects, classes, listed, words", BROKEN_MAPS.values(), ids=BROKEN_MAPS)
def test_faults_of_maps(tmp_path, objects, classes, listed, words):
    images = {"a": (listed and voc_xml(*listed, filename="a.jpg"), objects, classes)}
    images["b"] = (voc_xml(obj(), obj("dog"), filename="b.jpg"), numbers(BOX), None)
    dataset = load_dataset(voc_set(tmp_path, images))
    finding = mask_refusal(dataset)
    assert words in finding.message
    assert "a.png" in finding.where
    scan = scan_dataset(dataset)
    assert list(scan.mask_errors) + list(scan.told_errors) == [0]
    assert scan.image_errors == {}


def test_maps_that_are_none(tmp_path):
    voc_set(tmp_path, {stem: (voc_xml(obj(), filename=f"{stem}.jpg"), numbers(BOX), None) for stem in "abc"})
    (tmp_path / "SegmentationObject" / "a.png").write_bytes(b"no picture")
    image_file(tmp_path / "SegmentationObject" / "b.png", mode="LA")
    voc_map(tmp_path / "SegmentationObject" / "lone.png", numbers(BOX))
    dataset = load_dataset(tmp_path)
    findings = {each.code: each for each in dataset.annotation_problems}
    assert sorted(findings) == ["ds-file-unreadable", "ds-map-unmatched"]
    assert "map a.png: cannot be decoded" in findings["ds-file-unreadable"].message
    assert "map b.png: mode LA" in findings["ds-file-unreadable"].message
    assert "map lone.png" in findings["ds-map-unmatched"].message
    assert [bool(mask_refusal(dataset, image_id)) for image_id in (0, 1)] == [True, True]
    assert scan_dataset(dataset).mask_errors == {}, "the findings have said it"


def test_a_photograph_as_object_map(tmp_path):
    voc_set(tmp_path, {"a": (voc_xml(obj(), filename="a.jpg"), None, None)})
    image_file(tmp_path / "SegmentationObject" / "a.png", 80, 80)
    assert "no map of objects but a picture" in mask_refusal(load_dataset(tmp_path)).message


# ---- faults of files and objects

NAN, CODE = "nan", "ds-xml-invalid"
FAULTS = {
    "no bndbox": (obj(box=None), CODE, ERROR, "object 2 of a.xml: neither bndbox nor polygon"),
    "an empty bndbox": (obj(box=("", "", "", "")), CODE, ERROR, "bndbox is empty"),
    "a bndbox without sides": (obj(box=(None,) * 4), CODE, ERROR, "bndbox is empty"),
    "no xmax": (obj(xmax=None), CODE, ERROR, "xmax is missing"),
    "text": (obj(ymin="ten"), CODE, ERROR, 'ymin is "ten"'),
    "nan": (obj(xmin=NAN), CODE, ERROR, 'xmin is "nan"'),
    "infinite": (obj(xmax="1e999"), CODE, ERROR, 'xmax is "1e999"'),
    "swapped": (obj(box=(30, 6, 11, 25)), "ds-bbox-nonpositive", ERROR, "xmin 30, ymin 6, xmax 11, ymax 25"),
    "a click": (obj(box=(30, 6, 30, 6)), "ds-bbox-nonpositive", WARNING, "xmin 30, ymin 6, xmax 30, ymax 6, one pixel"),
    "outside": (obj(box=(50, 5, 80, 9)), "ds-polygon-outside", ERROR, "object 2 of a.xml: x 49 to 80"),
    "far outside": (obj(box=(500, 5, 800, 9)), "ds-polygon-outside", ERROR, "x 499 to 800"),
    "negative": (obj(box=(-5, 5, 8, 9)), "ds-polygon-outside", ERROR, "x -6 to 8"),
    "no name": (obj(None), "ds-via-label-missing", ERROR, "object 2 of a.xml: no name"),
    "an empty name": (obj(" "), "ds-via-label-missing", ERROR, "no name"),
    "a polygon of two points": (obj(more=polygon(POINTS[:2])), "ds-polygon-degenerate", ERROR, "2 points"),
    "a polygon without y": (obj(more="<polygon><x1>5</x1></polygon>"), "ds-polygon-degenerate", ERROR, "not numbers"),
    "text in a polygon": (obj(more=polygon([(1, "x"), (2, 3), (4, 5)])), "ds-polygon-degenerate", ERROR, "not numbers"),
    "the background": (obj("background"), "ds-category-background", ERROR, "class background"),
    "a comma": (obj("a,b"), "ds-category-name", WARNING, "class a,b"),
}


@pytest.mark.parametrize("fault, code, severity, words", FAULTS.values(), ids=FAULTS)
def test_faults_of_objects(tmp_path, fault, code, severity, words):
    dataset = loaded(tmp_path, obj(), fault)
    finding = one(dataset)
    assert (finding.code, finding.severity) == (code, severity)
    assert words in finding.message
    assert len(finding.fix) > 8
    scan = scan_dataset(dataset)
    assert scan.image_errors == {}
    assert scan.mask_errors == {}, "the finding has said it"
    if dataset.image_info[0]["records"][-1].fault:
        assert "a.png: object 2" in mask_refusal(dataset).where


FRACTIONS = (0.1, 0.2, 0.5, 0.75)


def test_boxes_as_fractions(tmp_path):
    dataset = loaded(tmp_path, obj(box=FRACTIONS), obj("dog", box=(0, 0, 1, 1)), size=None)
    (finding,) = dataset.annotation_problems
    assert (finding.code, finding.severity) == ("ds-polygon-normalized", ERROR)
    assert finding.message.startswith("2 of 2 annotations")
    assert "object 1 of a.xml: bndbox with numbers up to 1 in an image of 60 x 40" in finding.message
    assert "multiply x by the width" in finding.fix
    assert mask_refusal(dataset).code == "ds-polygon-normalized"
    assert scan_dataset(dataset).mask_errors == {}


@pytest.mark.parametrize(
    "objects, size",
    [
        ([obj(box=FRACTIONS), obj()], (60, 40)),  # not all of the file
        ([obj(box=(0, 0, 1, 1))], (60, 40)),
        ([obj(box=FRACTIONS)], (2, 2)),
        ([obj(more=polygon(POINTS), box=FRACTIONS), obj()], (60, 40)),
        ([], (60, 40)),
    ],
)
def test_boxes_that_are_no_fractions(tmp_path, objects, size):
    dataset = loaded(tmp_path, *objects, size=size)
    assert "ds-polygon-normalized" not in codes(dataset.annotation_problems)


@pytest.mark.parametrize("sides", [(0, 0), ("", 40), ("x", 40), (-60, 40), (60.5, 40), (10**9, 10**9), ("nan", 40)])
def test_a_size_that_is_none(tmp_path, sides):
    dataset = loaded(tmp_path, obj(), size=sides)
    finding = one(dataset)
    assert (finding.code, finding.severity) == ("ds-size-invalid", WARNING)
    assert "file a.xml: width" in finding.message
    assert dataset.load_mask(0)[0].shape == (40, 60, 1)


def test_sizes(tmp_path):
    assert quiet(loaded(tmp_path, obj(), size=None)).load_mask(0)[0].shape[:2] == (40, 60)
    assert quiet(loaded(tmp_path, obj(), size=("60.0", " 40 "))).load_mask(0)[0].shape[:2] == (40, 60)
    sides = element("imagesize", element("nrows", 40) + element("ncols", 60))
    voc_file(tmp_path, voc_xml(obj(), sides, size=None))
    assert quiet(load_dataset(tmp_path)).image_info[0]["width"] == 60
    scan = scan_dataset(quiet(loaded(tmp_path, obj(), size=(40, 60))))
    assert (scan.declared_height.tolist(), scan.height.tolist()) == ([60], [40]), "the checks compare them"


def test_the_image_of_a_file(tmp_path):
    assert one(loaded(tmp_path, obj(), filename="old name.jpg")).code == "ds-image-renamed"
    assert "<filename> is old name.jpg, the image with the stem is a.png" in one(load_dataset(tmp_path)).message
    for same in ("a", "a.png", "sub/a.jpg", "C:\\me\\a.png", ""):
        quiet(loaded(tmp_path, obj(), filename=same))
    image_file(tmp_path / "a.jpg")
    assert quiet(loaded(tmp_path, obj(), filename="a.jpg")).image_info[0]["path"].endswith("a.jpg")
    finding = one(loaded(tmp_path, obj(), filename="b.bmp"))
    assert finding.code == "ds-id-dup-image"
    assert "a.jpg and a.png, and <filename> is b.bmp" in finding.message


def test_an_image_with_another_stem_is_found_by_its_name(tmp_path):
    voc_file(tmp_path, voc_xml(obj(), filename="a.png"), name="label.xml")
    assert quiet(load_dataset(tmp_path)).num_images == 1
    voc_file(tmp_path, voc_xml(obj(), filename="a.png"), name="other.xml")
    finding = one(load_dataset(tmp_path))
    assert finding.code == "ds-id-dup-image"
    assert "label.xml and other.xml both have the image a.png" in finding.message


@pytest.mark.parametrize("name", ["../secret.png", "/etc/passwd", "..\\secret.png", "secret.png"])
def test_missing_images_and_names_that_climb_out(tmp_path, name):
    image_file(tmp_path / "secret.png")
    voc_file(tmp_path / "set", voc_xml(obj(), filename=name), image=None)
    dataset = load_dataset(tmp_path / "set")
    finding = one(dataset)
    assert (finding.code, finding.severity) == ("ds-file-missing", ERROR)
    assert not os.path.isfile(dataset.image_info[0]["path"])


def test_images_without_a_file_and_files_of_one_stem(tmp_path):
    voc_file(tmp_path, voc_xml(obj()), name="a.XML")
    finding = one(loaded(tmp_path, obj()))
    assert finding.code == "ds-id-dup-image"
    (tmp_path / "a.XML").unlink()
    image_file(tmp_path / "new.png")
    finding = one(load_dataset(tmp_path))
    assert (finding.code, finding.severity) == ("ds-annotation-missing", WARNING)
    assert "image new.png" in finding.message


# ---- XML that is none, or wants more than to be read

ENTITIES = "".join(f'<!ENTITY e{i} "{f"&e{i - 1};" * 10}">' for i in range(1, 12))
BOMB = f'<!DOCTYPE annotation [<!ENTITY e0 "ha">{ENTITIES}]><annotation><filename>&e11;</filename></annotation>'
HOSTILE = {
    "empty": ("", "the file is empty (0 bytes)"),
    "cut off": ("<annotation><object>", "not XML: no element found at line 1 column 21"),
    "two roots": ("<annotation/>\n<annotation/>", "not XML: junk after document element at line 2 column 1"),
    "a bomb": (BOMB, "declares a document type annotation, which is refused"),
    "an outer entity": (
        '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><annotation>&x;</annotation>',
        "document type a",
    ),
    "an outer document type": ('<!DOCTYPE a SYSTEM "http://127.0.0.1:9/a.dtd"><annotation/>', "document type a"),
    "an unknown entity": ("<annotation><filename>&x;</filename></annotation>", "not XML: undefined entity"),
    "deep": ("<annotation>" + "<a>" * 100_000, "not XML: no element found at line 1"),
    "another root": ("<svg></svg>", "the root element is not <annotation>"),
    "a page": ("<!DOCTYPE html><html></html>", "document type html"),
    "an unknown encoding": ('<?xml version="1.0" encoding="no-such"?><annotation/>', "unknown encoding"),
    "a wide encoding": ('<?xml version="1.0" encoding="gbk"?><annotation/>', "multi-byte encodings are not supported"),
}


@pytest.mark.parametrize("text, words", HOSTILE.values(), ids=HOSTILE)
def test_a_broken_file_is_a_finding_and_the_others_load(tmp_path, text, words):
    voc_file(tmp_path, text, "b.xml", "b.png")
    dataset = loaded(tmp_path, obj())
    finding = one(dataset)
    assert (finding.code, finding.severity) == (CODE, ERROR)
    assert f"file b.xml: {words}" in finding.message.replace(str(tmp_path), "") or words in finding.message
    assert dataset.num_images == 1
    voc_file(tmp_path / "alone", text)
    with pytest.raises(SetupError):
        load_dataset(tmp_path / "alone" / "a.xml", format="voc")


def test_deep_elements_do_no_harm(tmp_path):
    deep = "<a>" * 100_000 + "</a>" * 100_000
    assert quiet(loaded(tmp_path, deep, obj(more=deep))).load_mask(0)[0].sum() == 400


def test_a_document_type_in_another_encoding(tmp_path):
    voc_file(tmp_path, "", "b.xml", "b.png")
    for encoding in ("utf-16", "utf-16-be", "utf-8-sig"):
        (tmp_path / "b.xml").write_bytes(BOMB.encode(encoding))
        assert "document type annotation, which is refused" in one(loaded(tmp_path, obj())).message


def test_bytes_that_are_not_utf_8(tmp_path):
    voc_file(tmp_path, "", "b.xml", "b.png")
    (tmp_path / "b.xml").write_bytes(voc_xml(obj("größe")).encode("latin-1"))
    finding = one(loaded(tmp_path, obj()))
    assert "not well-formed" in finding.message
    assert finding.fix == "save the file as UTF-8"


def test_an_endless_file(tmp_path):
    voc_file(tmp_path, voc_xml(obj()), "b.xml", "b.png")
    with (tmp_path / "b.xml").open("r+b") as file:
        file.truncate(1 << 40)
    assert "larger than 16 MB" in one(loaded(tmp_path, obj())).message


def test_no_regular_files(tmp_path):
    voc_file(tmp_path, voc_xml(obj()))
    (tmp_path / "folder.xml").mkdir()
    os.mkfifo(tmp_path / "pipe.xml")
    (tmp_path / "loop.xml").symlink_to("loop.xml")
    image_file(tmp_path / "pipe.png")
    assert "image pipe.png" in one(load_dataset(tmp_path, format="voc")).message


def test_other_xml_files_are_passed_over(tmp_path):
    voc_file(tmp_path, "<settings/>", "settings.xml", image=None)
    assert quiet(loaded(tmp_path, obj())).num_images == 1
    voc_file(tmp_path / "cvat", "<annotations><image/></annotations>")
    assert refusal(tmp_path / "cvat").code == "ds-format-unknown"
    assert refusal(tmp_path / "cvat" / "a.xml").code == "ds-format-unknown"


# ---- any of it


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("voc")
    image_file(folder / "a.png")
    (folder / "b.png").mkdir()
    return folder


sides = st.tuples(st.integers(1, 60), st.integers(1, 40), st.integers(1, 60), st.integers(1, 40)).map(
    lambda box: (min(box[::2]), min(box[1::2]), max(box[::2]), max(box[1::2]))
)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(["cat", "dog"]), sides), min_size=1, max_size=5))
def test_boxes_round_trip(folder, drawn):
    voc_file(folder, voc_xml(*(obj(*each) for each in drawn)), image=None)
    dataset = load_dataset(folder)
    assert set(codes(dataset.annotation_problems)) <= {"ds-box-masks", "ds-bbox-nonpositive"}
    masks, class_ids = dataset.load_mask(0)
    assert [dataset.class_names[i] for i in class_ids] == [name for name, _ in drawn]
    for mask, (_, (xmin, ymin, xmax, ymax)) in zip(np.moveaxis(masks, -1, 0), drawn):
        truth = np.zeros((40, 60), bool)
        truth[ymin - 1 : ymax, xmin - 1 : xmax] = True
        np.testing.assert_array_equal(mask, truth)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10**6), count=st.integers(1, 6), mode=st.sampled_from(["P", "L", "RGB"]), order=st.randoms())
def test_maps_round_trip(folder, seed, count, mode, order):
    """Numbers in a grid of cells, each with a class of its own; the XML file lists them in any order."""
    rng = np.random.default_rng(seed)
    cells = [(1 + 20 * (i % 3), 1 + 20 * (i // 3), 18 + 20 * (i % 3), 18 + 20 * (i // 3)) for i in range(6)]
    pixels = numbers(*(cells[i] for i in rng.permutation(6)[:count]))
    pixels[rng.random((40, 60)) < 0.1] = rng.choice([0, 255])
    masks = pixels[..., None] == np.arange(1, count + 1)
    objects = [
        obj(f"c{number}", (x1 + 1, y1 + 1, x2, y2))
        for number, (y1, x1, y2, x2) in enumerate(extract_bboxes(masks).tolist())
    ]
    order.shuffle(objects)
    root = folder / "maps"
    voc_set(root, {"a": (voc_xml(*objects, filename="a.jpg"), pixels, None)})
    voc_map(root / "SegmentationObject" / "a.png", pixels, mode)
    dataset = load_dataset(root)
    assert dataset.annotation_problems == []
    loaded_masks, class_ids = dataset.load_mask(0)
    np.testing.assert_array_equal(loaded_masks, masks)
    assert [dataset.class_names[i] for i in class_ids] == [f"c{number}" for number in range(count)]


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=200), st.sampled_from([b"", b"<annotation><object>", b"<?xml version='1.0'?><annotation>"]))
def test_any_bytes(folder, data, start):
    place = folder / "bytes"
    place.mkdir(exist_ok=True)
    (place / "a.xml").write_bytes(start + data)
    survives(place / "a.xml")
    survives(place)


tags = ["object", "name", "bndbox", "xmin", "ymin", "xmax", "ymax", "polygon", "pt", "x", "y", "x1", "y1", "x2", "y2"]
tags += ["size", "width", "height", "filename", "difficult"]
texts = st.sampled_from(["1", "5", "30", "60", "-3", "0", "nan", "1e9", "1e400", "cat", "", "a.png", "../a.png"])
trees = st.recursive(
    st.builds(element, st.sampled_from(tags), texts),
    lambda inner: st.builds(element, st.sampled_from(tags), st.lists(inner, max_size=5).map("".join)),
    max_leaves=20,
)
values = st.sampled_from(["1", "5", "30", "60", "-3", "0", "nan", "1e9", "1e300", "x", None])
objects_ = st.builds(obj, st.sampled_from(["cat", "", None]), st.tuples(values, values, values, values))


@settings(max_examples=50, deadline=None)
@given(st.lists(trees | objects_, max_size=5), st.sampled_from([(60, 40), (40, 60), (0, 0), None, (9, 9)]))
def test_any_elements(folder, inner, size):
    place = folder / "elements"
    image_file(place / "a.png")
    voc_map(place / "SegmentationObject" / "a.png", numbers(BOX))
    voc_file(place, voc_xml(*inner, size=size), image=None)
    survives(place / "a.xml")
    (place / "SegmentationObject" / "a.png").unlink()
    survives(place)
