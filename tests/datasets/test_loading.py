"""load_dataset: recognising formats, and what it refuses."""

import contextlib
import json
import os

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mrcnn_roi.datasets import load_dataset, scan_dataset
from mrcnn_roi.datasets.label_map import LabelMapDataset
from mrcnn_roi.datasets.loading import load_train_and_val
from mrcnn_roi.findings import SetupError

from . import via_files
from .builders import annotation, coco_file, image_file, label_map_file


def refusal(*args, **kwargs):
    """The one finding load_dataset raises."""
    with pytest.raises(SetupError) as error:
        load_dataset(*args, **kwargs)
    (finding,) = error.value.findings
    return finding


def test_a_folder_with_one_coco_file(tmp_path):
    coco_file(tmp_path)
    (tmp_path / "notes.json").write_text('{"author": "me"}')
    assert load_dataset(tmp_path).num_images == 1
    assert load_dataset(str(tmp_path), format="coco").num_images == 1


def test_a_folder_with_its_coco_file_in_annotations(tmp_path):
    (tmp_path / "annotations").mkdir()
    coco_file(tmp_path / "annotations", draw=False)
    image_file(tmp_path / "images" / "a.png")
    assert load_dataset(tmp_path).annotation_problems == []


def test_a_folder_with_several_coco_files(tmp_path):
    coco_file(tmp_path, name="train.json")
    coco_file(tmp_path, name="val.json")
    finding = refusal(tmp_path)
    assert finding.code == "ds-format-unknown"
    assert "2 COCO files: train.json, val.json" in finding.message
    assert str(tmp_path / "train.json") in finding.fix


def test_the_suffix_does_not_matter(tmp_path):
    path = coco_file(tmp_path, name="labels.txt")
    assert load_dataset(path).num_images == 1


def test_no_such_file_names_the_closest(tmp_path):
    coco_file(tmp_path)
    finding = refusal(tmp_path / "annotation.json")
    assert finding.code == "ds-file-missing"
    assert "closest is annotations.json" in finding.message


@pytest.mark.parametrize("empty", ["", " "])
def test_an_empty_path_is_not_the_current_folder(tmp_path, monkeypatch, empty):
    path = coco_file(tmp_path)
    monkeypatch.chdir(tmp_path)
    for args, what in (((empty,), "annotations"), ((path, empty), "images")):
        finding = refusal(*args)
        assert finding.code == "ds-file-missing"
        assert f"the path of the {what} is empty" in finding.message
    assert load_dataset(".").num_images == 1


def test_no_such_image_folder(tmp_path):
    finding = refusal(coco_file(tmp_path), tmp_path / "imgs")
    assert finding.code == "ds-file-missing"
    assert "imgs" in finding.message


@pytest.mark.parametrize(
    "data, words",
    [
        (b"", "empty"),
        (b"\xef\xbb\xbf  ", "empty|not JSON"),
        (b'{"images": [\n1 2]}', "line 2 column 3"),
        (b'{"a": "\xff\xfe"}', "byte 7"),
        (b"[" * 100_000, "not readable as JSON"),
        (b"[" + b"1" * 5000 + b"]", "not readable as JSON"),
    ],
)
def test_what_is_not_json(tmp_path, data, words):
    path = tmp_path / "a.json"
    path.write_bytes(data)
    finding = refusal(path)
    assert finding.code == "ds-json-invalid"
    assert any(word in finding.message for word in words.split("|"))
    assert finding.where == str(path)


@pytest.mark.parametrize(
    "content, words",
    [
        ({"images": [], "annotations": [{"segments_info": []}], "categories": []}, "COCO panoptic file"),
        ([{"image_id": 1, "category_id": 1, "score": 0.5}], "COCO results"),
        ({"epochs": 5, "seed": 1}, "the keys epochs, seed"),
        ([{"x": 1}], "the keys x"),
        ({"images": []}, "the keys images"),
        ([], "a list without objects"),
        (7, "a int without objects"),
        ({}, "(none)"),
    ],
)
def test_other_formats_are_named(tmp_path, content, words):
    path = tmp_path / "a.json"
    path.write_text(json.dumps(content))
    finding = refusal(path)
    assert finding.code == "ds-format-unknown"
    assert words in finding.message
    assert "COCO json; VIA 1 or 2 (json export, project file or csv); LabelMe (a folder" in finding.message


@pytest.mark.parametrize(
    "content, words, right",
    [
        ({"_via_settings": {}, "_via_img_metadata": {}}, "VIA annotation file", "via"),
        ({"a.jpg123": {"filename": "a.jpg", "regions": []}}, "VIA annotation file", "via"),
        ([{"filename": "a.jpg", "regions": []}], "VIA annotation file", "via"),
        ({"shapes": [], "imagePath": "a.jpg"}, "LabelMe file", "labelme"),
        ({"images": [], "annotations": [], "categories": []}, "COCO file", "coco"),
    ],
)
def test_a_format_asked_for_that_the_file_is_not_of(tmp_path, content, words, right):
    path = tmp_path / "a.json"
    path.write_text(json.dumps(content))
    for asked in {"coco", "via", "labelme", "label_map"} - {right}:
        finding = refusal(path, format=asked)
        assert finding.code == ("ds-via-format" if asked == "via" else "ds-format-unknown")
        assert words in finding.message
        assert f'format="{right}"' in finding.fix


def test_other_files_and_folders(tmp_path):
    assert "a .png file of" in refusal(image_file(tmp_path / "x" / "a.png")).message
    assert "the folder holds a.png" in refusal(tmp_path / "x").message
    (tmp_path / "empty").mkdir()
    assert "the folder holds nothing" in refusal(tmp_path / "empty").message
    os.mkfifo(tmp_path / "pipe.json")
    assert refusal(tmp_path / "pipe.json").code == "ds-file-unreadable"


def test_the_folder_above_the_parts_of_a_split(tmp_path):
    for part in ("train", "val"):
        (tmp_path / part).mkdir()
        coco_file(tmp_path / part)
    assert f'for example "{tmp_path / "train"}"' in refusal(tmp_path).fix


def test_format_chooses(tmp_path):
    coco_file(tmp_path, draw=False)
    image_file(tmp_path / "images" / "a.png")
    label_map_file(tmp_path / "masks" / "a.png")
    assert load_dataset(tmp_path).class_names == ["BG", "cat"]
    assert isinstance(load_dataset(tmp_path, format="label_map"), LabelMapDataset)
    assert refusal(tmp_path / "annotations.json", format="label_map").code == "ds-format-unknown"


def test_wrong_calls(tmp_path):
    path = coco_file(tmp_path)
    with pytest.raises(ValueError, match="expected a format of coco, via, .*label_map, received 'nucleus'"):
        load_dataset(path, format="nucleus")
    with pytest.raises(ValueError, match=r"options of the format coco \(none\), received class_name"):
        load_dataset(path, class_name="cat")


def survives(path):
    """Loading, scanning and drawing masks raise nothing but SetupError."""
    with contextlib.suppress(SetupError):
        dataset = load_dataset(path)
        for fast in (True, False):
            scan_dataset(dataset, fast=fast)
        for image_id in dataset.image_ids:
            with contextlib.suppress(SetupError):
                dataset.load_mask(image_id)
        "\n".join(map(str, dataset.annotation_problems)).encode()


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=300))
def test_any_bytes(tmp_path_factory, data):
    path = tmp_path_factory.mktemp("bytes") / "a.json"
    path.write_bytes(data)
    survives(path)


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
number = st.integers(-5, 70) | st.floats(-5, 70) | st.sampled_from([1e9, -1e300, 10**30, float("inf"), 0.5])
segmentation = st.lists(st.lists(number, max_size=9), max_size=3) | st.fixed_dictionaries(
    {
        "size": st.sampled_from([[40, 60], [60, 40], [40], 7]),
        "counts": st.lists(number, max_size=4) | st.text(max_size=6),
    }
)
record = st.fixed_dictionaries(
    {},
    optional={
        "id": st.integers(0, 3) | anything,
        "image_id": st.integers(0, 2) | anything,
        "category_id": st.integers(0, 2) | anything,
        "segmentation": segmentation | anything,
        "bbox": st.lists(number, min_size=4, max_size=4) | anything,
        "iscrowd": st.integers(0, 1) | anything,
    },
)
size = st.sampled_from([40, 60, 0, -3, 40.0, "40", None, 2.5])


@settings(max_examples=120, deadline=None)
@given(
    images=st.lists(
        anything
        | st.fixed_dictionaries(
            {"id": st.integers(0, 2), "file_name": st.sampled_from(["a.png", "b.png", "../a.png", "", "\ud800", 5])},
            optional={"height": size, "width": size},
        ),
        max_size=3,
    ),
    annotations=st.lists(record | anything, max_size=4),
    categories=st.lists(
        anything | st.fixed_dictionaries({"id": st.integers(0, 2) | anything, "name": st.text(max_size=4) | anything}),
        max_size=3,
    ),
)
def test_any_coco(coco_folder, images, annotations, categories):
    path = coco_folder / "any.json"
    content = {"images": images, "annotations": annotations, "categories": categories}
    path.write_text(json.dumps(content))
    survives(path)


@settings(max_examples=80, deadline=None)
@given(changes=record)
@example({"segmentation": [[0, 0, 1e9, 0, 5, 0]]})
@example({"segmentation": [[0, 0, 5, 5, 1e-200, 1e-200]], "bbox": [0, 0, 1e-200, 1e-200]})
def test_any_annotation_of_a_sound_image(coco_folder, changes):
    path = coco_folder / "one.json"
    images = [{"id": 1, "file_name": "a.png", "height": 40, "width": 60}]
    categories = [{"id": 1, "name": "cat"}]
    sound = annotation() | changes | {"image_id": 1}
    path.write_text(json.dumps({"images": images, "annotations": [sound], "categories": categories}))
    survives(path)


@pytest.fixture(scope="module")
def coco_folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("coco")
    image_file(folder / "a.png")
    return folder


def test_train_and_val_get_the_same_classes(tmp_path):
    def written(name, *labels):
        (tmp_path / name).mkdir()
        image_file(tmp_path / name / "a.png")
        regions = [via_files.region(kind=label) for label in labels]
        (tmp_path / name / "via.json").write_text(json.dumps(via_files.via_2([via_files.record("a.png", regions)])))
        return tmp_path / name / "via.json"

    train, val = written("train", "cat", "dog", "owl"), written("val", "owl", "eel")
    parts = load_train_and_val(train, val)
    assert [part.class_names for part in parts] == [["BG", "cat", "dog", "owl", "eel"]] * 2
    assert [part.load_mask(0)[1].tolist() for part in parts] == [[1, 2, 3], [3, 4]]
    assert [part.class_names for part in load_train_and_val(train, train)] == [["BG", "cat", "dog", "owl"]] * 2
    coco = [coco_file(tmp_path / name, categories=[{"id": 1, "name": name}]) for name in ("train", "val")]
    assert [part.class_names for part in load_train_and_val(*coco)] == [["BG", "train", "val"]] * 2


def test_a_web_page_under_the_name_of_a_json_file(tmp_path):
    (tmp_path / "via.json").write_text("\n<!DOCTYPE html><html>...")
    with pytest.raises(SetupError, match="web page") as caught:
        load_dataset(tmp_path / "via.json")
    assert caught.value.findings[0].code == "ds-json-invalid"


def test_the_json_files_of_a_folder_are_described(tmp_path):
    (tmp_path / "annotations").mkdir()
    (tmp_path / "results.json").write_text('[{"image_id": 1, "category_id": 1, "score": 0.5}]')
    (tmp_path / "annotations" / "a.json").write_text('{"annotations": [], "categories": []}')
    finding = refusal(tmp_path)
    assert finding.code == "ds-format-unknown"
    assert "results.json: this looks like COCO results (detections)" in finding.message
    assert "a.json: this is JSON with the keys annotations, categories" in finding.message
