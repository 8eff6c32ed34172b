"""Classes of label maps: from class maps, from a table, from the numbers themselves."""

import contextlib
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from mrcnn_roi.datasets import load_dataset, scan_dataset
from mrcnn_roi.datasets.class_table import whole_number
from mrcnn_roi.datasets.class_values import names_of_option, read_names
from mrcnn_roi.datasets.label_map_pixels import boxes_of, distinct, masks_of, pixels_by_class
from mrcnn_roi.datasets.loading import load_train_and_val
from mrcnn_roi.findings import SetupError, Severity

from .builders import codes, image_file, label_map_file

BOXES = ((5, 15, 5, 15), (20, 30, 20, 50))  # y1, y2, x1, x2


def save(path, pixels, palette=False):
    path.parent.mkdir(parents=True, exist_ok=True)
    picture = Image.fromarray(pixels)
    if palette:
        picture = Image.frombytes("P", pixels.shape[::-1], pixels.astype(np.uint8).tobytes())
        picture.putpalette(list(range(256)) * 3)
    picture.save(path)


def class_pixels(*values):
    """uint8 [40, 60]: a value under each of the boxes."""
    pixels = np.zeros((40, 60), np.uint8)
    for value, (y1, y2, x1, x2) in zip(values, BOXES):
        pixels[y1:y2, x1:x2] = value
    return pixels


def instance_maps(root, names=("a", "b"), images="images", maps="instances"):
    for seed, name in enumerate(names):
        image_file(root / images / f"{name}.jpg", seed=seed)
        label_map_file(root / maps / f"{name}.png")
    return root


def with_class_maps(root, classes="semantics", ending="", **values):
    """values: image stem -> the class values under its two instances."""
    instance_maps(root, tuple(values))
    for name, row in values.items():
        save(root / classes / f"{name}{ending}.png", class_pixels(*row))
    return root


def classes_in(dataset):
    """The class names of each image's instances."""
    return [[dataset.class_names[i] for i in dataset.load_mask(image_id)[1]] for image_id in dataset.image_ids]


# ---- class maps


@pytest.mark.parametrize("folder, ending", [("semantics", ""), ("class_maps", "_class"), ("SegmentationClass", "")])
def test_a_folder_of_class_maps_beside_the_maps(tmp_path, folder, ending):
    dataset = load_dataset(with_class_maps(tmp_path, folder, ending, a=(7, 3), b=(3, 12)))
    assert dataset.annotation_problems == []
    assert dataset.class_names == ["BG", "class 3", "class 7", "class 12"]
    assert classes_in(dataset) == [["class 7", "class 3"], ["class 3", "class 12"]]
    assert dataset.load_boxes(0)[1].tolist() == [2, 1]
    scan = scan_dataset(dataset)
    assert scan.class_id.tolist() == [2, 1, 1, 3]


def test_the_class_maps_named(tmp_path):
    with_class_maps(tmp_path, "other", a=(1, 2), b=(2, 2))
    named = load_dataset(
        tmp_path / "instances", tmp_path / "images", class_maps=tmp_path / "other", class_names=["cat", "dog", "owl"]
    )
    assert named.class_names == ["BG", "cat", "dog", "owl"]
    assert classes_in(named) == [["cat", "dog"], ["dog", "dog"]]
    with pytest.raises(SetupError, match="class_maps="):
        load_dataset(tmp_path / "instances", tmp_path / "images", class_maps=tmp_path / "nowhere")


def test_one_class_by_name_needs_no_class_maps(tmp_path):
    with_class_maps(tmp_path, a=(1, 2))
    assert load_dataset(tmp_path, class_name="nut").class_names == ["BG", "nut"]


def test_two_folders_of_class_maps(tmp_path):
    with_class_maps(tmp_path, "classes", a=(1, 2))
    with_class_maps(tmp_path, "semantic", a=(1, 2))
    with pytest.raises(SetupError, match="2 folders could hold the class maps: classes/, semantic/"):
        load_dataset(tmp_path)


NAMES = {3: "cat", 7: "dog"}


@pytest.mark.parametrize(
    "name, text",
    [
        ("classes.txt", "3 cat\n7 dog\n"),
        ("labels.txt", "3: cat\n7: dog"),
        ("class_names.csv", "value,name\n3,cat\n7,dog\n"),
        ("classes.json", '{"3": "cat", "7": "dog"}'),
        ("labels.json", '{"cat": 3, "dog": 7}'),
        ("classes.txt", "one\ntwo\ncat\nfour\nfive\nsix\ndog\n"),
        ("classes.txt", "background\none\ntwo\ncat\nfour\nfive\nsix\ndog\n"),
        ("classes.json", '["one", "two", "cat", "four", "five", "six", "dog"]'),
    ],
)
@pytest.mark.parametrize("place", [".", "semantics"])
def test_names_of_class_values(tmp_path, name, text, place):
    with_class_maps(tmp_path, a=(7, 3))
    (tmp_path / place / name).write_text(text)
    dataset = load_dataset(tmp_path)
    assert classes_in(dataset) == [["dog", "cat"]]
    assert dataset.class_names[-1] == "dog"


@pytest.mark.parametrize(
    "given, expected",
    [
        (["cat", "dog"], {1: "cat", 2: "dog"}),
        ({7: "dog", "3": "cat", 0: "background", 255: "void"}, {3: "cat", 7: "dog"}),
        (["class 3", "class 12"], {3: "class 3", 12: "class 12"}),
        (("cat", "class 9"), {1: "cat", 9: "class 9"}),
    ],
)
def test_the_option_class_names(given, expected):
    assert names_of_option(given) == expected
    assert list(names_of_option(given)) == list(expected)


@pytest.mark.parametrize("given", ["cat", [1, 2], {"x": "cat"}, {1: ""}, {1: 2}, ["a", "a"], {1.5: "cat"}])
def test_a_wrong_option_class_names(given):
    with pytest.raises(ValueError, match="expected class_names"):
        names_of_option(given)


@pytest.mark.parametrize("text", ["", "{}", '{"a": "b"}', "[1, 2]", "5"])
def test_a_file_that_names_no_classes(tmp_path, text):
    (tmp_path / "classes.json").write_text(text)
    with pytest.raises(SetupError, match=r"classes\.json"):
        read_names(tmp_path / "classes.json")


def test_doubtful_class_maps(tmp_path):
    with_class_maps(tmp_path, clear=(1, 2), mixed=(1, 2), tie=(1, 2))
    mixed, tie = class_pixels(1, 2), class_pixels(1, 2)
    mixed[5:15, 5:7] = 2  # 20 of 100 pixels
    tie[5:10, 5:15] = 2  # 50 of 100
    save(tmp_path / "semantics" / "mixed.png", mixed)
    save(tmp_path / "semantics" / "tie.png", tie)
    dataset = load_dataset(tmp_path)
    (finding,) = dataset.annotation_problems
    assert (finding.code, finding.severity) == ("ds-map-class-mixed", Severity.WARNING)
    assert "image mixed, instance 1: 80% are class 1" in finding.message
    assert "image tie, instance 1: a tie, taken as class 1" in finding.message
    assert classes_in(dataset) == [["class 1", "class 2"]] * 3


def test_the_border_of_a_class_map_does_not_count(tmp_path):
    with_class_maps(tmp_path, a=(1, 2))
    pixels = class_pixels(1, 2)
    pixels[5:15, 5:9] = 255
    save(tmp_path / "semantics" / "a.png", pixels, palette=True)
    dataset = load_dataset(tmp_path)
    assert dataset.annotation_problems == []
    assert classes_in(dataset) == [["class 1", "class 2"]]
    named = load_dataset(tmp_path, class_names={1: "cat", 2: "dog", 255: "sky"})
    assert codes(named.annotation_problems) == ["ds-map-class-mixed"]


@pytest.mark.parametrize("value, words", [(0, "0 in the class map, background"), (255, "255 in the class map, void")])
def test_instances_without_a_class(tmp_path, value, words):
    dataset = load_dataset(with_class_maps(tmp_path, a=(1, value), b=(1, 2)))
    (finding,) = dataset.annotation_problems
    assert (finding.code, finding.severity) == ("ds-map-class", Severity.ERROR)
    assert f"image a, instance 2: {words}" in finding.message
    with pytest.raises(SetupError, match="instance 2 has no class") as caught:
        dataset.load_mask(0)
    assert str(tmp_path / "instances" / "a.png") in caught.value.findings[0].where
    assert dataset.load_mask(1)[1].tolist() == [1, 2]
    scan = scan_dataset(dataset)
    assert scan.mask_errors == {}
    assert scan.instances_known.tolist() == [False, True]


def test_class_maps_that_are_missing_damaged_or_of_another_size(tmp_path):
    with_class_maps(tmp_path, a=(1, 2), b=(1, 2), c=(1, 2), d=(1, 2), e=(1, 2), f=(1, 2), g=(1, 2))
    (tmp_path / "semantics" / "a.png").unlink()
    (tmp_path / "semantics" / "b.png").write_bytes(b"no picture")
    image_file(tmp_path / "semantics" / "c.png")
    save(tmp_path / "semantics" / "d.png", np.ones((20, 30), np.uint8))
    dataset = load_dataset(tmp_path)
    by_code = {finding.code: finding.message for finding in dataset.annotation_problems}
    assert sorted(by_code) == ["ds-file-unreadable", "ds-map-class"]
    assert "image a: no class map has its stem" in by_code["ds-map-class"]
    assert "image d: the class map has 30 x 20 pixels, the map of instances 60 x 40" in by_code["ds-map-class"]
    assert "class map b.png" in by_code["ds-file-unreadable"]
    assert "class map c.png" in by_code["ds-file-unreadable"]
    for image_id in range(4):
        with pytest.raises(SetupError):
            dataset.load_mask(image_id)
    assert classes_in_some(dataset, 4) == [["class 1", "class 2"]] * 3
    assert scan_dataset(dataset).mask_errors == {}


def classes_in_some(dataset, first):
    return [[dataset.class_names[i] for i in dataset.load_mask(k)[1]] for k in range(first, dataset.num_images)]


def test_train_and_val_with_class_maps(tmp_path):
    with_class_maps(tmp_path / "train", a=(1, 5))
    with_class_maps(tmp_path / "val", a=(5, 3))
    train, val = load_train_and_val(tmp_path / "train", tmp_path / "val")
    assert train.class_names == val.class_names == ["BG", "class 1", "class 5", "class 3"]
    assert train.load_mask(0)[1].tolist() == [1, 2]
    assert val.load_mask(0)[1].tolist() == [2, 3]


# ---- tables

ROWS = [("a", 1, "cat"), ("a", 2, "dog"), ("b", 1, "dog"), ("b", 2, "dog")]


def table_file(path, rows=ROWS, header="image,instance,class", separator=","):
    lines = [header.replace(",", separator), *(separator.join(map(str, row)) for row in rows)]
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.mark.parametrize(
    "header",
    [
        "image,instance,class",
        "Filename,Instance ID,Class Name",
        "stem,id,label",
        "file,label,category",
        "file_name,value,name",
    ],
)
@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_a_table_beside_the_maps(tmp_path, header, separator):
    instance_maps(tmp_path)
    table_file(tmp_path / "table.csv", header=header, separator=separator)
    dataset = load_dataset(tmp_path)
    assert dataset.annotation_problems == []
    assert dataset.class_names == ["BG", "cat", "dog"]
    assert classes_in(dataset) == [["cat", "dog"], ["dog", "dog"]]


@pytest.mark.parametrize("form", ["a.jpg", "a.png", "images/a.jpg", "images\\a.jpg", " a "])
def test_names_of_images_in_a_table(tmp_path, form):
    instance_maps(tmp_path, ["a"])
    table_file(tmp_path / "instances" / "classes.csv", [(form, 1, "cat"), (form, "2.0", "dog")])
    dataset = load_dataset(tmp_path)
    assert dataset.annotation_problems == []
    assert classes_in(dataset) == [["cat", "dog"]]


JSON_TABLES = [
    [{"image": image, "instance": number, "class": name} for image, number, name in ROWS],
    {"a": {"1": "cat", "2": "dog"}, "b": {"1": "dog", "2": "dog"}},
]


@pytest.mark.parametrize("content", JSON_TABLES)
def test_a_table_in_json(tmp_path, content):
    (tmp_path / "table.json").write_text(json.dumps(content))
    dataset = load_dataset(instance_maps(tmp_path / "set"), table=tmp_path / "table.json")
    assert classes_in(dataset) == [["cat", "dog"], ["dog", "dog"]]


def test_the_table_named_and_the_order_of_classes(tmp_path):
    table = table_file(tmp_path / "other.csv")
    instance_maps(tmp_path / "set")
    dataset = load_dataset(tmp_path / "set", table=table, class_names=["owl", "dog"])
    assert dataset.class_names == ["BG", "owl", "dog", "cat"]
    assert load_dataset(tmp_path / "set").class_names == ["BG", "object"]
    with pytest.raises(SetupError, match="table="):
        load_dataset(tmp_path / "set", table=tmp_path / "gone.csv")


def test_one_class_by_name_needs_no_table(tmp_path):
    instance_maps(tmp_path)
    table_file(tmp_path / "table.csv")
    assert load_dataset(tmp_path, class_name="nut").class_names == ["BG", "nut"]


def test_two_tables(tmp_path):
    instance_maps(tmp_path)
    table_file(tmp_path / "one.csv")
    table_file(tmp_path / "two.csv")
    (tmp_path / "notes.csv").write_text("author,year\nme,2020\n")
    with pytest.raises(SetupError, match=r"2 tables could hold the classes: one\.csv, two\.csv"):
        load_dataset(tmp_path)
    assert load_dataset(tmp_path, table=tmp_path / "two.csv").class_names == ["BG", "cat", "dog"]


def test_what_is_wrong_with_a_table(tmp_path):
    instance_maps(tmp_path)
    rows = [("a", 1, "cat"), ("a", 9, "cat"), ("nobody", 1, "cat"), ("b", 1, "dog"), ("b", 2, "dog"), ("b", 2, "cat")]
    table_file(tmp_path / "table.csv", [*rows, ("b", "x", "cat"), ("b", 0, "cat"), ("b", 1, "")])
    dataset = load_dataset(tmp_path)
    found = {(finding.code, finding.severity): finding.message for finding in dataset.annotation_problems}
    unusable, unmatched = found["ds-table-row", Severity.ERROR], found["ds-table-row", Severity.WARNING]
    assert unusable.startswith("4 of 9 rows")
    assert 'line 7: instance 2 of b is "cat" here, "dog" in line 6' in unusable
    assert 'line 8: instance "x", class "cat"' in unusable
    assert unmatched.startswith("2 of 9 rows")
    assert 'line 4: no image "nobody"' in unmatched
    assert "line 3: the map of a has no instance 9" in unmatched
    assert "image a, instance 2: no row in the table" in found["ds-map-class", Severity.ERROR]
    with pytest.raises(SetupError, match="instance 2 has no class: no row in the table"):
        dataset.load_mask(0)
    assert [dataset.class_names[i] for i in dataset.load_mask(1)[1]] == ["dog", "dog"]


def test_class_name_is_the_class_of_instances_without_a_row(tmp_path):
    instance_maps(tmp_path)
    table = table_file(tmp_path / "table.csv", ROWS[:1])
    dataset = load_dataset(tmp_path, table=table, class_name="nut")
    assert dataset.annotation_problems == []
    assert dataset.class_names == ["BG", "nut", "cat"]
    assert classes_in(dataset) == [["cat", "nut"], ["nut", "nut"]]


@pytest.mark.parametrize("text", ["", "a,b\n", "image,instance\na,1\n", "\0\0", 'image,instance,class\na,1,"cat'])
def test_a_file_that_is_no_table(tmp_path, text):
    (tmp_path / "table.csv").write_text(text)
    instance_maps(tmp_path / "set")
    with contextlib.suppress(SetupError):
        load_dataset(tmp_path / "set", table=tmp_path / "table.csv")
    (tmp_path / "table.json").write_text(text or "5")
    with pytest.raises(SetupError, match=r"table\.json"):
        load_dataset(tmp_path / "set", table=tmp_path / "table.json")


@pytest.mark.parametrize(
    "value, expected",
    [("7", 7), (" 7 ", 7), ("7.0", 7), (7.0, 7), ("-3", -3), ("7.5", None), ("x", None), (True, None), (None, None)]
    + [("9" * 400, None), ("nan", None), ("inf", None), (float("nan"), None), ("²", None), ("", None)],
)
def test_whole_numbers(value, expected):
    assert whole_number(value) == expected


def test_train_and_val_with_tables(tmp_path):
    for part, name in (("train", "cat"), ("val", "ant")):
        instance_maps(tmp_path / part, ["a"])
        table_file(tmp_path / part / "table.csv", [("a", 1, name), ("a", 2, "dog")])
    train, val = load_train_and_val(tmp_path / "train", tmp_path / "val")
    assert train.class_names == val.class_names
    assert [classes_in(each) for each in (train, val)] == [[["cat", "dog"]], [["ant", "dog"]]]


# ---- numbers that hold the class


def cityscapes(root):
    pixels = np.zeros((40, 60), np.int32)
    pixels[:3], pixels[5:15, 5:15], pixels[20:30, 20:50], pixels[32:36, :9] = 7, 24000, 26001, 24001
    image_file(root / "left" / "aachen_0_leftImg8bit.png")
    save(root / "gt" / "aachen_0_gtFine_instanceIds.png", pixels.astype(np.uint16))
    save(root / "gt" / "aachen_0_gtFine_labelIds.png", np.minimum(pixels, 30).astype(np.uint8))
    image_file(root / "gt" / "aachen_0_gtFine_color.png")
    return root


def test_cityscapes(tmp_path):
    cityscapes(tmp_path)
    dataset = load_dataset(tmp_path, divisor=1000)
    assert dataset.annotation_problems == []
    assert dataset.class_names == ["BG", "class 24", "class 26"]
    assert classes_in(dataset) == [["class 24", "class 24", "class 26"]]
    assert dataset.load_mask(0)[0].sum(axis=(0, 1)).tolist() == [100, 36, 300]
    assert dataset.instance_names(0) == ["number 24000", "number 24001", "number 26001"]
    named = load_dataset(tmp_path / "gt", tmp_path / "left", divisor=1000, class_names={24: "person", 26: "car"})
    assert named.class_names == ["BG", "person", "car"]
    assert classes_in(named) == [["person", "person", "car"]]
    assert load_dataset(tmp_path).load_mask(0)[0].shape[2] == 4  # nothing but numbers, where nobody asks


@pytest.mark.parametrize(
    "options, words",
    [
        ({"divisor": 0}, "divisor as an integer of at least 2"),
        ({"divisor": True}, "divisor as an integer"),
        ({"divisor": 10.5}, "divisor as an integer"),
        ({"divisor": 1000, "table": "x.csv"}, "received table and divisor"),
        ({"class_maps": "x", "instance_classes": {}}, "received instance_classes and class_maps"),
    ],
)
def test_wrong_calls(tmp_path, options, words):
    instance_maps(tmp_path)
    with pytest.raises(ValueError, match=words):
        load_dataset(tmp_path, **options)


# ---- the scan's cache


def test_scan_key_follows_the_classes(tmp_path):
    with_class_maps(tmp_path, a=(1, 2))
    keys = [load_dataset(tmp_path).scan_key(0), load_dataset(tmp_path, class_name="nut").scan_key(0)]
    assert load_dataset(tmp_path).scan_key(0) == keys[0]
    save(tmp_path / "semantics" / "a.png", class_pixels(1, 3))
    keys.append(load_dataset(tmp_path).scan_key(0))
    save(tmp_path / "semantics" / "a.png", class_pixels(1, 0))
    keys.append(load_dataset(tmp_path).scan_key(0))
    keys.append(load_dataset(tmp_path, table=table_file(tmp_path / "t.csv", ROWS[:2])).scan_key(0))
    assert len(set(keys)) == 5


# ---- pixels against slow references

KINDS = [np.uint8, np.uint16, np.int32]


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    height=st.integers(1, 20),
    width=st.integers(1, 20),
    kind=st.sampled_from(KINDS),
    values=st.lists(st.sampled_from([0, 1, 2, 7, 255, 256, 40000, 70000, 2**31 - 1, -5]), min_size=1, max_size=5),
)
def test_masks_boxes_and_votes(seed, height, width, kind, values):
    rng = np.random.default_rng(seed)
    top = np.iinfo(kind).max
    label_map = rng.choice([value for value in values if 0 <= value <= top] or [1], (height, width)).astype(kind)
    if kind is np.int32:
        label_map = rng.choice(values, (height, width)).astype(kind)
    class_map = rng.integers(0, 4, (height, width)).astype(np.uint8) * 80
    numbers = np.unique(label_map)
    np.testing.assert_array_equal(distinct(label_map), numbers)
    numbers = numbers[numbers != 0]
    masks = masks_of(label_map, numbers)
    np.testing.assert_array_equal(masks, label_map[..., None] == numbers)
    counts, found = pixels_by_class(label_map, numbers, class_map)
    boxes = boxes_of(label_map, numbers)
    for k, number in enumerate(numbers):
        rows, columns = np.nonzero(label_map == number)
        assert boxes[k].tolist() == [rows.min(), columns.min(), rows.max() + 1, columns.max() + 1]
        expected = [np.sum((label_map == number) & (class_map == value)) for value in found]
        assert counts[k].tolist() == expected


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    count=st.integers(1, 6),
    kind=st.sampled_from([np.uint8, np.uint16]),
    source=st.sampled_from(["class map", "table", "numbers"]),
)
def test_round_trip(tmp_path_factory, seed, count, kind, source):
    root, rng = tmp_path_factory.mktemp("round"), np.random.default_rng(seed)
    label_map = rng.integers(0, count + 1, (16, 16)).astype(kind)
    numbers = [int(number) for number in np.unique(label_map) if number]
    classes = {number: int(rng.integers(1, 9)) for number in numbers}
    image_file(root / "images" / "a.png", 16, 16)
    options = {}
    values = np.zeros(256, np.uint8)
    for number, value in classes.items():
        values[number] = value
    if source == "class map":
        save(root / "other" / "a.png", values[label_map])
        options["class_maps"] = root / "other"
    elif source == "table":
        table_file(root / "table.csv", [("a", number, f"class {value}") for number, value in classes.items()])
    else:
        label_map = np.where(label_map, label_map + values[label_map] * np.uint16(100), 0).astype(np.uint16)
        classes = {number + 100 * value: value for number, value in classes.items()}
        options["divisor"] = 100
    save(root / "instances" / "a.png", label_map)
    dataset = load_dataset(root / "instances", root / "images", **options)
    # noise may look like a map that was resized with interpolation
    assert [each for each in dataset.annotation_problems if each.code != "ds-map-smeared"] == []
    masks, class_ids = dataset.load_mask(0)
    np.testing.assert_array_equal(masks, label_map[..., None] == np.array(sorted(classes), int))
    assert [dataset.class_names[i] for i in class_ids] == [f"class {classes[number]}" for number in sorted(classes)]


# ---- any bytes


def survives(root, **options):
    with contextlib.suppress(SetupError):
        dataset = load_dataset(root, format="label_map", **options)
        scan_dataset(dataset)
        for image_id in dataset.image_ids:
            with contextlib.suppress(SetupError):
                dataset.load_mask(image_id)


cell = st.sampled_from(["a", "b", "1", "2", "2.0", "x", "cat", "", '"', "é", "\0", "9" * 30])


@settings(max_examples=40, deadline=None)
@given(
    data=st.binary(max_size=60)
    | st.lists(st.lists(cell, max_size=4).map(",".join), max_size=4).map(
        lambda lines: "\n".join(["image,instance,class", *lines]).encode()
    ),
    suffix=st.sampled_from([".csv", ".json"]),
)
def test_any_table(any_root, data, suffix):
    path = any_root.parent / f"any{suffix}"
    path.write_bytes(data)
    survives(any_root, table=path)


@settings(max_examples=40, deadline=None)
@given(data=st.binary(max_size=60), name=st.sampled_from(["classes.txt", "classes.csv", "classes.json", "a.png"]))
def test_any_class_map_and_names(any_root, data, name):
    folder = any_root.parent / "maps"
    folder.mkdir(exist_ok=True)
    save(folder / "a.png", class_pixels(1, 2))
    (folder / name).write_bytes(data)
    survives(any_root, class_maps=folder)
    (folder / name).unlink()


@pytest.fixture(scope="module")
def any_root(tmp_path_factory):
    return instance_maps(tmp_path_factory.mktemp("any") / "set")
