"""VIA: every version and file is read alike, and one finding for each kind of fault."""

import json
import math

import numpy as np
import pytest

from mrcnn_roi.datasets import load_dataset, scan_dataset
from mrcnn_roi.datasets.coco_writer import write_coco
from mrcnn_roi.datasets.outlines import ellipse
from mrcnn_roi.datasets.segmentation import fill_polygons
from mrcnn_roi.findings import SetupError, Severity

from .builders import codes, image_file
from .via_files import POLYGON, project, record, region, via_1, via_2, via_csv, via_file

ERROR, WARNING = Severity.ERROR, Severity.WARNING
RECORDS = [
    record(
        "a.png", [region(name="cat"), region({"name": "rect", "x": 0, "y": 0, "width": 7, "height": 5}, name="dog")]
    ),
    record("b.png"),
]
FORMS = {
    "version 1": via_1(RECORDS),
    "version 2": via_2(RECORDS),
    "a list": RECORDS,
    "a project": project(RECORDS),
    "csv": via_csv(RECORDS),
    "csv of version 1": "#" + via_csv(RECORDS),
}


def one(dataset, above=0):
    """The only finding, or the only one above a severity."""
    (finding,) = [each for each in dataset.annotation_problems if each.severity > above]
    return finding


def loaded(folder, *regions, **options):
    """A dataset of one image with these regions."""
    return load_dataset(via_file(folder, via_2([record(regions=regions)])), **options)


def refusal(path, **options):
    with pytest.raises(SetupError) as error:
        load_dataset(path, **options)
    (finding,) = error.value.findings
    return finding


@pytest.mark.parametrize("content", FORMS.values(), ids=FORMS)
def test_forms(tmp_path, content):
    name = "via.csv" if isinstance(content, str) else "via.json"
    path = via_file(tmp_path, content, ["a.png", "b.png"], name)
    for source in (path, tmp_path):
        dataset = load_dataset(source)
        assert dataset.annotation_problems == []
        assert dataset.class_names == ["BG", "cat", "dog"]
        assert [info["id"] for info in dataset.image_info] == ["a.png", "b.png"]
        masks, class_ids = dataset.load_mask(0)
        assert class_ids.tolist() == [1, 2]
        assert masks.shape == (40, 60, 2)
        assert masks[10:30, 10:30, 0].all()
        assert masks[:5, :7, 1].all()
        assert masks.sum(axis=(0, 1)).tolist() == [400, 35]
        assert dataset.load_boxes(0)[0].tolist() == [[10, 10, 30, 30], [0, 0, 5, 7]]
        assert dataset.instance_names(0) == ["region 0", "region 1"]
        assert dataset.load_mask(1)[0].shape == (40, 60, 0)
        assert dataset.image_reference(0).endswith("a.png")
        assert dataset.attribute == "name"
        scan = scan_dataset(dataset)
        assert scan.image_errors == scan.mask_errors == {}


def test_numbers_become_the_shape(tmp_path):
    shapes = [
        POLYGON | {"name": "polyline"},
        {"name": "circle", "cx": 30, "cy": 20, "r": 9},
        {"name": "ellipse", "cx": 30, "cy": 20, "rx": 15, "ry": 5, "theta": math.pi / 2},
        {"name": "ellipse", "cx": 30.5, "cy": 20, "rx": 5, "ry": 15},
        {"name": "rect", "x": 3, "y": 4, "width": 0.5, "height": 30},
    ]
    dataset = loaded(tmp_path, *map(region, shapes))
    assert dataset.annotation_problems == []
    masks, class_ids = dataset.load_mask(0)
    assert class_ids.tolist() == [1] * 5
    assert masks[..., 0].sum() == 400
    expected = [ellipse(30, 20, 9, 9), ellipse(30, 20, 15, 5, math.pi / 2), ellipse(30.5, 20, 5, 15)]
    for mask, part in zip(np.moveaxis(masks, -1, 0)[1:], expected):
        np.testing.assert_array_equal(mask, fill_polygons([part], 40, 60))
    assert abs(masks[..., 2].sum() - math.pi * 15 * 5) < 12
    assert masks[6:34, 30, 2].all(), "theta turns the long axis upright"


def test_a_circle_may_leave_the_image(tmp_path):
    dataset = loaded(tmp_path, region({"name": "circle", "cx": 55, "cy": 20, "r": 15}))
    assert dataset.annotation_problems == []
    assert dataset.load_boxes(0)[0].tolist() == [[5, 40, 35, 60]]


CLASSES = {
    "the usual name first": ([{"quality": "good", "type": "x", "name": "cat"}], "name", ["cat"]),
    "any other name": ([{"species": "cat"}, {"species": "dog"}], "species", ["cat", "dog"]),
    "named like the class": ([{"crayfish": "crayfish"}] * 3, "crayfish", ["crayfish"]),
    "a checkbox": ([{"class": {"cat": True}}, {"class": {"dog": True, "cat": False}}], "class", ["cat", "dog"]),
    "numbers": ([{"label": 10}, {"label": 2.0}, {"label": "1"}], "label", ["1", "2", "10"]),
    "spaces around": ([{"label": "cat "}, {"label": " cat"}], "label", ["cat"]),
    "several options ticked elsewhere": (
        [{"image_quality": {"good": True, "frontal": True}, "name": "cat"}],
        "name",
        ["cat"],
    ),
    "no attribute": ([{}, {}], None, ["object"]),
    "empty values": ([{"name": ""}, {"name": "", "type": {}}], None, ["object"]),
    "what is no class": ([{"id": str(i), "comment": "x", "score": 0.5} for i in range(4)], None, ["object"]),
    "yes and no": ([{"sharp": "yes"}, {"sharp": "no"}], None, ["object"]),
    "text that never repeats": ([{"plate": f"AB {i}"} for i in range(40)], None, ["object"]),
    "text that never repeats beside a class": (
        [{"name": f"No. {i}", "type": "car"} for i in range(40)],
        "type",
        ["car"],
    ),
    "at a few regions only": ([{}, {}, {}, {"pose": "left"}], None, ["object"]),
    "at a few regions, beside a class": ([{"name": "a"}] * 3 + [{"name": "b", "class": "x"}], "name", ["a", "b"]),
    "numbered beside a class": (
        [{"name": f"obj{i}", "class": "cat" if i % 2 else "dog"} for i in range(6)],
        "class",
        ["cat", "dog"],
    ),
    "numbers beside one class": ([{"name": i, "type": "cat"} for i in range(1, 4)], "type", ["cat"]),
    "numbered beside an unusual name": ([{"name": f"{i}", "breed": "pug"} for i in range(3)], "breed", ["pug"]),
    "numbered and nothing else": ([{"name": f"obj{i}"} for i in range(3)], "name", ["obj0", "obj1", "obj2"]),
    "text that differs beside a class": (
        [{"name": each, "class": "cat" if each < "c" else "dog"} for each in ("anna", "ben", "carl", "dora")],
        "class",
        ["cat", "dog"],
    ),
    "different classes beside one genus": (
        [{"name": each, "type": "animal"} for each in ("cat", "dog", "bird")],
        "name",
        ["bird", "cat", "dog"],
    ),
    "NaN": ([{"name": math.nan, "type": "cat"}, {"name": math.nan, "type": "dog"}], "type", ["cat", "dog"]),
    "NaN alone": ([{"name": math.nan}] * 2, None, ["object"]),
}


@pytest.mark.parametrize("attributes, chosen, names", CLASSES.values(), ids=CLASSES)
def test_the_attribute_of_the_class(tmp_path, attributes, chosen, names):
    dataset = loaded(tmp_path, *(region(**each) for each in attributes))
    assert dataset.attribute == chosen
    assert dataset.class_names == ["BG", *names]
    assert set(codes(dataset.annotation_problems)) <= {"ds-via-attribute"}
    assert dataset.load_mask(0)[0].shape[2] == len(attributes)


def test_another_attribute_that_may_be_the_class_is_told(tmp_path):
    rows = [region(name=name, type="animal", id=name, breed="pug") for name in ("cat", "dog", "cat")]
    dataset = loaded(tmp_path, *rows)
    finding = one(dataset)
    assert (finding.code, finding.severity) == ("ds-via-attribute", Severity.INFO)
    assert finding.message.startswith("1 file: several attributes")
    assert "taken is name with 2 values (cat, dog), not type with 1 value (animal)" in finding.message
    assert 'attribute="type"' in finding.fix
    assert loaded(tmp_path, *rows, attribute="type").annotation_problems == []
    same = [region(name=name, label=name.upper(), breed="pug") for name in ("cat", "dog", "cat")]
    assert loaded(tmp_path, *same).annotation_problems == []


def test_a_file_of_attributes_without_end(tmp_path):
    regions = [region(**{f"name{'_' * i}": str(i)}) for i in range(2000)]
    assert codes(loaded(tmp_path, *regions).annotation_problems) == ["ds-via-attribute", "ds-via-label-missing"]


def test_options(tmp_path):
    regions = [region(name="x", kind="b"), region(name="y", kind="a")]
    assert loaded(tmp_path, *regions, attribute="kind").class_names == ["BG", "a", "b"]
    assert loaded(tmp_path, *regions, class_names=["y", "z", "x"]).class_names == ["BG", "y", "z", "x"]
    assert loaded(tmp_path, region(), class_name="crack").class_names == ["BG", "crack"]
    assert loaded(tmp_path, region(), class_names=["crack"]).class_names == ["BG", "crack"]
    finding = refusal(tmp_path / "via.json", attribute="clas")
    assert finding.code == "ds-via-label-missing"
    assert "no region has a value of the attribute clas; attributes of the regions: none" in finding.message
    for wrong in ("cat", ["a", "a"], [1], [""]):
        with pytest.raises(ValueError, match="expected class_names"):
            loaded(tmp_path, class_names=wrong)


def test_a_project_declares_its_classes(tmp_path):
    options = {"zebra": "", "cat": "", "unused": ""}
    attributes = {"animal": {"type": "dropdown", "options": options, "default_options": {}}}
    records = [record(regions=[region(animal="cat"), region(animal="zebra")])]
    path = via_file(tmp_path, project(records, attributes))
    assert load_dataset(path).class_names == ["BG", "zebra", "cat", "unused"]
    via_file(tmp_path, project([record()], attributes))
    assert load_dataset(path).class_names == ["BG", "zebra", "cat", "unused"]
    records[0]["regions"].append(region(animal="zbra"))
    via_file(tmp_path, project(records, attributes))
    finding = one(load_dataset(path))
    assert finding.code == "ds-via-label-missing"
    assert "animal is zbra, which is none of the classes zebra, cat, unused" in finding.message
    number = {"number": {"type": "radio", "options": {"0": "", "1": ""}}}
    via_file(tmp_path, project([record(regions=[region(number="1")])], number))
    assert load_dataset(path).class_names == ["BG", "0", "1"]


@pytest.mark.parametrize(
    "definition",
    [
        {"type": "dropdown", "options": {"human": "", "bird": "", "other": "", "unknown": ""}},
        {"type": "text", "options": {"x": ""}},
        {"type": "dropdown", "options": {"x": "", "y": ""}},
        {"type": "dropdown", "options": {}},
        {"type": "dropdown"},
        {"type": "dropdown", "options": ["x"]},
        7,
        None,
    ],
)
def test_options_that_were_not_annotated_with_declare_nothing(tmp_path, definition):
    records = [record(regions=[region(type="bird")])]
    dataset = load_dataset(via_file(tmp_path, project(records, {"type": definition})))
    assert dataset.class_names == ["BG", "bird"]
    assert dataset.annotation_problems == []


def test_the_images_of_a_project(tmp_path):
    image_file(tmp_path / "pictures" / "a.png")
    for folder in ("./pictures/", "pictures", ".\\pictures"):
        path = via_file(tmp_path, project([record(regions=[region()])], folder=folder), images=[])
        assert load_dataset(path).annotation_problems == []
    assert load_dataset(path, tmp_path / "pictures").annotation_problems == []
    image_file(tmp_path / "pictures" / "sub" / "d.png")
    path = via_file(tmp_path, [record(name, [region()]) for name in ("pictures/sub/d.png", "./pictures/a.png")], [])
    dataset = load_dataset(path, tmp_path / "pictures")
    assert dataset.annotation_problems == []
    assert dataset.image_info[0]["path"] == str(tmp_path / "pictures" / "sub" / "d.png")
    image_file(tmp_path / "e.png")
    for name in ("pictures/../e.png", "pictures/../../e.png", "pictures//e.png"):
        dataset = load_dataset(via_file(tmp_path, [record(name), record("x/e.png")], []), tmp_path / "pictures")
        assert codes(dataset.annotation_problems) == ["ds-file-missing"], name
    image_file(tmp_path / "inner" / "c.png")
    path = via_file(tmp_path / "inner", project([record(regions=[region()])], folder="../pictures"), ["d.png"])
    assert codes(load_dataset(path).annotation_problems) == ["ds-file-missing"]


# region, code, words of the message or fix
FAULTS = {
    "a point": (
        region({"name": "point", "cx": 3, "cy": 3}, name="cat"),
        "ds-via-shape",
        "region 1 of a.png: shape point",
    ),
    "an unknown shape": (region({"name": "arrow"}, name="cat"), "ds-via-shape", "polygon, polyline, rect"),
    "no class": (region(), "ds-via-label-missing", "region 1 of a.png: no name"),
    "an empty class": (region(name=" ", kind="x"), "ds-via-label-missing", "no name, only {'kind': 'x'}"),
    "NaN as the class": (region(name=math.nan), "ds-via-label-missing", "region 1 of a.png: no name"),
    "two classes": (region(name={"cat": True, "dog": True}), "ds-via-label-missing", "several values: cat, dog"),
    "no shape": (
        {"region_attributes": {"name": "cat"}},
        "ds-via-format",
        "no shape_attributes, only region_attributes",
    ),
    "an empty shape": (region({}, name="cat"), "ds-via-format", "shape_attributes has no name, only an empty object"),
    "a shape as text": (region('{"name": "rect"}', name="cat"), "ds-via-format", "shape_attributes is a str"),
    "attributes as text": ({"shape_attributes": POLYGON, "region_attributes": "cat"}, "ds-via-format", 'is "cat"'),
    "text as a region": ("cat", "ds-via-format", 'region 1 of a.png: "cat" is not an object'),
    "no y": (region({"name": "polygon", "all_points_x": [1, 5, 9]}, name="cat"), "ds-via-format", "no all_points_y"),
    "y as text": (region(POLYGON | {"all_points_y": "1"}, name="cat"), "ds-via-format", "all_points_y is a str"),
    "a radius as text": (
        region({"name": "circle", "cx": 5, "cy": 5, "r": "3"}, name="cat"),
        "ds-via-format",
        'circle: r is "3", not a number',
    ),
    "no radius": (region({"name": "circle", "cx": 5, "cy": 5}, name="cat"), "ds-via-format", "no r, only name, cx, cy"),
    "no size": (region({"name": "circle", "cx": 5, "cy": 5, "r": 0}, name="cat"), "ds-polygon-degenerate", "radius 0"),
    "a rect without area": (
        region({"name": "rect", "x": 5, "y": 5, "width": 0, "height": 9}, name="cat"),
        "ds-polygon-degenerate",
        "one line",
    ),
    "two points": (
        region({"name": "polyline", "all_points_x": [1, 5], "all_points_y": [1, 5]}, name="cat"),
        "ds-polygon-degenerate",
        "2 points, at least 3",
    ),
    "fewer y than x": (
        region(POLYGON | {"all_points_y": [10, 10, 30]}, name="cat"),
        "ds-polygon-degenerate",
        "4 values in all_points_x, 3 in all_points_y",
    ),
    "outside": (
        region({"name": "rect", "x": 50, "y": 5, "width": 30, "height": 9}, name="cat"),
        "ds-polygon-outside",
        "x 50 to 80",
    ),
    "fractions": (
        region({"name": "rect", "x": 0.1, "y": 0.1, "width": 0.3, "height": 0.3}, name="cat"),
        "ds-polygon-normalized",
        "multiply x by the width",
    ),
}


@pytest.mark.parametrize("fault, code, words", FAULTS.values(), ids=FAULTS)
def test_faults_of_regions(tmp_path, fault, code, words):
    dataset = loaded(tmp_path, region(name="cat"), fault)
    finding = one(dataset, above=Severity.INFO)
    assert (finding.code, finding.severity) == (code, ERROR)
    assert finding.message.startswith("1 of 2 ") or code == "ds-via-format"
    assert words in finding.message + finding.fix
    assert finding.where == str(tmp_path / "via.json")
    scan = scan_dataset(dataset)
    assert scan.image_errors == {}
    assert scan.mask_errors == {}, "the finding has said it"


def test_findings_are_grouped(tmp_path):
    regions = [region(name="cat") for _ in range(20)] + [region() for _ in range(7)]
    finding = one(loaded(tmp_path, *regions))
    assert finding.message.startswith("7 of 27 annotations: no class")
    assert "(first 5)" in finding.message


RECORD_FAULTS = {
    "no regions": ({"filename": "b.png", "size": 1}, "ds-via-format", "image b.png: no regions, only filename, size"),
    "regions as text": (record("b.png") | {"regions": "x"}, "ds-via-format", 'regions is "x"'),
    "null as regions": (record("b.png") | {"regions": None}, "ds-via-format", "image b.png: regions is None"),
    "no filename": ({"size": 1, "regions": []}, "ds-via-format", "record 1: no filename, only size, regions"),
    "a number as filename": (record("b.png") | {"filename": 5}, "ds-via-format", "filename is 5"),
    "text as a record": ("b.png", "ds-via-format", 'record 1: "b.png" is not an object'),
    "a missing file": (record("B.png"), "ds-file-missing", "b.png differs in upper and lower case only"),
    "the file above": (record("../a.png"), "ds-file-missing", "leads out of"),
}


@pytest.mark.parametrize("fault, code, words", RECORD_FAULTS.values(), ids=RECORD_FAULTS)
def test_faults_of_records(tmp_path, fault, code, words):
    (tmp_path / "in").mkdir()
    image_file(tmp_path / "in" / "b.png")
    dataset = load_dataset(via_file(tmp_path / "in", [record(regions=[region(name="cat")]), fault]))
    finding = one(dataset)
    assert (finding.code, finding.severity) == (code, ERROR)
    assert words in finding.message
    assert dataset.load_mask(0)[0].shape[2] == 1
    scan = scan_dataset(dataset)
    assert scan.image_errors == scan.mask_errors == {}
    if words.startswith(("image b.png", "regions is")):
        refused_masks(dataset, 1, words.removeprefix("image b.png: "))
        assert scan.instances_known.tolist() == [True, False]


def refused_masks(dataset, image_id, words):
    """load_mask and load_boxes of an image are refused with file, image and these words."""
    for load in (dataset.load_mask, dataset.load_boxes):
        with pytest.raises(SetupError) as error:
            load(image_id)
        (finding,) = error.value.findings
        assert finding.code == "ds-via-format"
        assert finding.where.endswith(dataset.image_info[image_id]["file_name"])
        assert words in finding.message


def test_a_record_without_regions_beside_one_with_them(tmp_path):
    dataset = load_dataset(via_file(tmp_path, [record(regions=[region(name="cat")]), record() | {"regions": None}]))
    assert codes(dataset.annotation_problems) == ["ds-via-format"]
    refused_masks(dataset, 0, "regions is None")
    with pytest.raises(SetupError, match="regions is None"):
        write_coco(dataset, tmp_path / "coco.json")
    written = write_coco(dataset, tmp_path / "coco.json", skip_broken=True)
    assert (written.images, written.images_left_out) == (0, 1)


def test_missing_images_with_regions_are_one_finding(tmp_path):
    path = via_file(tmp_path, [record(f"x{i}.png", [region(name="cat")]) for i in range(7)], ["x0.png"])
    dataset = load_dataset(path)
    assert one(dataset).message.startswith("6 of 7 images: no such file")
    for fast in (True, False):
        scan = scan_dataset(dataset, fast=fast)
        assert scan.image_errors == scan.mask_errors == {}


def test_a_broken_image_is_left_to_the_scan(tmp_path):
    path = via_file(tmp_path, [record(regions=[region()])])
    (tmp_path / "a.png").write_bytes(b"nothing")
    dataset = load_dataset(path)
    assert dataset.annotation_problems == []
    assert list(scan_dataset(dataset).image_error_codes.values()) == ["ds-file-unreadable"]


def test_nothing_usable_is_refused(tmp_path):
    path = via_file(tmp_path, {"a.png1": {"size": 1, "regions": []}, "b.png1": {"size": 1, "regions": []}})
    assert refusal(path).message.startswith("2 of 2 records: not what VIA writes")


@pytest.mark.parametrize(
    "content, words",
    [
        ({"_via_settings": {}, "_via_attributes": {}}, "no _via_img_metadata"),
        ({"_via_settings": {}, "_via_img_metadata": 7}, "_via_img_metadata is a int"),
        (dict.fromkeys(["project", "config", "attribute", "file", "metadata", "view"], {}), "a project of VIA 3"),
    ],
)
def test_a_project_without_records(tmp_path, content, words):
    finding = refusal(via_file(tmp_path, content))
    assert finding.code == "ds-via-format"
    assert words in finding.message


def test_an_empty_project_and_one_file_twice(tmp_path):
    assert load_dataset(via_file(tmp_path, project([]))).num_images == 0
    full, other = record(regions=[region()]), record(regions=[region(), region()])
    for records, found in (([full, record()], []), ([record(), full], []), ([full, full], [])):
        dataset = load_dataset(via_file(tmp_path, records))
        assert codes(dataset.annotation_problems) == found
        assert len(dataset.image_info[0]["records"]) == 1
    dataset = load_dataset(via_file(tmp_path, [full, other]))
    assert "two records, with 1 and 2 regions" in one(dataset).message


def test_names_of_classes(tmp_path):
    regions = [region(name=name) for name in ("Car", "car", "a, b", "background", "A", "a")]
    found = {finding.code: finding for finding in loaded(tmp_path, *regions).annotation_problems}
    assert {code: finding.severity for code, finding in found.items()} == {
        "ds-category-dup": WARNING,
        "ds-category-name": WARNING,
        "ds-category-background": ERROR,
    }
    assert "class car: differs from Car in spelling only" in found["ds-category-dup"].message


def test_a_folder_with_several_files(tmp_path):
    via_file(tmp_path, via_2(RECORDS), name="export.json")
    via_file(tmp_path, via_csv(RECORDS), name="export.csv")
    (tmp_path / "notes.json").write_text('{"regions": 3}')
    (tmp_path / "broken.json").write_text('{"x')
    (tmp_path / "folder.json").mkdir()
    assert load_dataset(tmp_path).num_images == 2
    via_file(tmp_path, project(RECORDS), name="project.json")
    finding = refusal(tmp_path)
    assert finding.code == "ds-format-unknown"
    assert "2 VIA files: export.json, project.json" in finding.message


def phone_photo(folder, name, shape):
    """A photograph stored 60 x 40 and shown 40 x 60, with a region."""
    image_file(folder / name, exif=6)
    return record(name, [region(shape)])


WIDE, TALL, SMALL = ({"name": "rect", "x": 2, "y": 2, "width": w, "height": h} for w, h in ((50, 20), (20, 50), (9, 9)))


@pytest.mark.parametrize(
    "shapes, size",
    [
        ((TALL, SMALL), (60, 40)),
        ((WIDE, SMALL), (40, 60)),
        ((SMALL, SMALL), (60, 40)),
        ((TALL, SMALL, SMALL), (60, 40)),
    ],
)
def test_photographs_are_turned_as_the_browser_did(tmp_path, shapes, size):
    """Before 2020 browsers ignored the EXIF orientation: where the points say so, it is left out."""
    records = [phone_photo(tmp_path, f"{i}.jpg", shape) for i, shape in enumerate(shapes)]
    dataset = load_dataset(via_file(tmp_path, records, []))
    assert dataset.annotation_problems == []
    for image_id in dataset.image_ids:
        assert dataset.load_mask(image_id)[0].shape[:2] == size == dataset.load_image(image_id).shape[:2]


def test_photographs_that_contradict_each_other(tmp_path):
    records = [phone_photo(tmp_path, f"{i}.jpg", shape) for i, shape in enumerate((TALL, WIDE))]
    assert one(load_dataset(via_file(tmp_path, records, []))).code == "ds-polygon-outside"


@pytest.mark.parametrize(
    "lines, words",
    [
        ('a.png,1,"{}",1,0,"{""name"":""rect""","{}"', "shape_attributes is a str"),
        ("", None),
        ('a.png,1,"{}",1,0,"' + "[" * 5000 + '","{}"', "shape_attributes is a str"),
    ],
)
def test_csv_faults(tmp_path, lines, words):
    dataset = load_dataset(via_file(tmp_path, via_csv([]) + "\n" + lines, name="via.csv"))
    found = dataset.annotation_problems
    assert words in found[0].message if words else found == []


ROW = 'a.png,1,"{}",%s,%s,"{""name"":""rect"",""x"":1,""y"":1,""width"":5,""height"":5}","{}"'
SHORT = {
    "cut in a row": (f'{ROW % (2, 0)}\na.png,1,"{{}}",2', "line 3 is cut off, it has 4 of 7 columns"),
    "cut in a cell": (f"{ROW % (2, 0)}\n{(ROW % (2, 1))[:-20]}", "line 3 is cut off, it has 6 of 7 columns"),
    "cut between rows": (f"{ROW % (3, 0)}\n{ROW % (3, 1)}", "region_count is 3, and the file has 2 of its regions"),
    "a region without shape": ('a.png,1,"{}",1,0,"{}","{}"', "region_count is 1, and the file has 0 of its regions"),
}


@pytest.mark.parametrize("lines, words", SHORT.values(), ids=SHORT)
def test_csv_that_lacks_regions(tmp_path, lines, words):
    dataset = load_dataset(via_file(tmp_path, via_csv([]) + "\n" + lines, name="via.csv"))
    finding = one(dataset)
    assert (finding.code, finding.severity) == ("ds-via-format", ERROR)
    assert f"image a.png: {words}" in finding.message
    refused_masks(dataset, 0, words)
    assert scan_dataset(dataset).mask_errors == {}


@pytest.mark.parametrize("count", ["", "many", "0", "1"])
def test_csv_with_other_counts(tmp_path, count):
    dataset = load_dataset(via_file(tmp_path, via_csv([]) + "\n" + ROW % (count, 0), name="via.csv"))
    assert dataset.annotation_problems == []
    assert dataset.load_mask(0)[0].shape[2] == 1


def test_csv_that_is_not_text(tmp_path):
    path = via_file(tmp_path, via_csv([]), name="via.csv")
    path.write_bytes(path.read_bytes() + b"\n\xff\xfe")
    assert "not UTF-8 at byte" in refusal(path).message
    path.write_bytes(via_csv([]).encode() + b'\n"a\0' + b"x" * 200_000)
    assert refusal(path).code == "ds-via-format"


def test_keys_of_any_length_and_values_nested_deep(tmp_path):
    deep = json.loads("[" * 500 + "]" * 500)
    records = [record() | {"regions": {"9" * 5000: region(name="cat"), "1": region(name=deep)}}] * 2
    dataset = load_dataset(via_file(tmp_path, records))
    assert set(codes(dataset.annotation_problems)) <= {"ds-via-label-missing", "ds-id-dup-image"}
    assert len(str(dataset.annotation_problems[0])) < 1000
