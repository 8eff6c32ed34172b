"""Matterport's Dataset: its numbering, its attributes, and old scripts that subclass it."""

import json
import logging

import numpy as np
import pytest
from skimage.draw import polygon

from mrcnn_roi.datasets import Dataset
from mrcnn_roi.findings import SetupError

from .builders import image_file


class BalloonDataset(Dataset):
    """As the original's balloon sample: VIA regions kept in image_info, drawn with skimage."""

    def load_balloon(self, folder):
        self.add_class("balloon", 1, "balloon")
        regions = json.loads((folder / "via.json").read_text())
        for name, polygons in regions.items():
            path = folder / name
            height, width = 40, 60
            self.add_image("balloon", image_id=name, path=str(path), width=width, height=height, polygons=polygons)

    def load_mask(self, image_id):
        info = self.image_info[image_id]
        if info["source"] != "balloon":
            return super(self.__class__, self).load_mask(image_id)
        mask = np.zeros([info["height"], info["width"], len(info["polygons"])], dtype=np.uint8)
        for i, p in enumerate(info["polygons"]):
            rr, cc = polygon(p["all_points_y"], p["all_points_x"])
            mask[rr, cc, i] = 1
        return mask.astype(bool), np.ones([mask.shape[-1]], dtype=np.int32)

    def image_reference(self, image_id):
        info = self.image_info[image_id]
        if info["source"] == "balloon":
            return info["path"]
        return super(self.__class__, self).image_reference(image_id)


@pytest.fixture
def two_sources():
    dataset = Dataset()
    dataset.add_class("coco", 3, "car,automobile")
    dataset.add_class("shapes", 1, "square")
    dataset.add_class("coco", 7, "train")
    dataset.add_image("coco", 42, "a.jpg", width=5)
    dataset.add_image("shapes", "x", "b.jpg")
    dataset.prepare()
    return dataset


def test_before_prepare():
    dataset = Dataset()
    assert dataset._image_ids == []
    assert len(dataset.image_ids) == 0
    assert dataset.image_info == []
    assert dataset.class_info == [{"source": "", "id": 0, "name": "BG"}]
    assert dataset.source_class_ids == {}


def test_prepare_numbers_classes_and_images(two_sources):
    assert two_sources.num_classes == 4
    assert two_sources.class_ids.tolist() == [0, 1, 2, 3]
    assert two_sources.class_names == ["BG", "car", "square", "train"]
    assert two_sources.num_images == 2
    assert two_sources.image_ids.tolist() == [0, 1]
    assert two_sources.class_from_source_map == {".0": 0, "coco.3": 1, "shapes.1": 2, "coco.7": 3}
    assert two_sources.image_from_source_map == {"coco.42": 0, "shapes.x": 1}
    assert two_sources.sources == ["", "coco", "shapes"]
    assert two_sources.source_class_ids == {"": [0], "coco": [0, 1, 3], "shapes": [0, 2]}
    assert two_sources.image_info[0] == {"id": 42, "source": "coco", "path": "a.jpg", "width": 5}


def test_prepare_again_after_more_images(two_sources):
    two_sources.add_image("coco", 43, "c.jpg")
    two_sources.prepare()
    assert two_sources.image_ids.tolist() == [0, 1, 2]
    assert two_sources.source_class_ids["coco"] == [0, 1, 3]


def test_source_ids_map_both_ways(two_sources):
    assert two_sources.map_source_class_id("coco.7") == 3
    assert two_sources.get_source_class_id(3, "coco") == 7
    assert two_sources.source_image_link(1) == "b.jpg"
    assert two_sources.image_reference(0) == ""


def test_wrong_calls_say_what_was_expected(two_sources):
    with pytest.raises(ValueError, match=r"expected .*coco.3.*received 'coco.8'"):
        two_sources.map_source_class_id("coco.8")
    with pytest.raises(ValueError, match="expected a class of source 'shapes', received 3"):
        two_sources.get_source_class_id(3, "shapes")
    with pytest.raises(ValueError, match=r"expected a source name without a dot, received 'my\.set'"):
        two_sources.add_class("my.set", 1, "a")
    with pytest.raises(ValueError, match="prepare"):
        Dataset().map_source_class_id("coco.1")
    two_sources.add_image("memory", 0, None)
    with pytest.raises(ValueError, match="override load_image"):
        two_sources.load_image(2)


def test_the_same_class_twice_is_added_once(two_sources):
    two_sources.add_class("coco", 3, "car,automobile")
    assert len(two_sources.class_info) == 4
    assert two_sources.annotation_problems == []


def test_a_class_redefined_keeps_the_first_name_and_is_reported(two_sources):
    two_sources.add_class("coco", 3, "bus")
    assert two_sources.class_info[1]["name"] == "car,automobile"
    (finding,) = two_sources.annotation_problems
    assert finding.code == "cd-class-redefined"
    assert "'bus'" in finding.message


def test_default_load_mask_warns_and_is_empty(two_sources, caplog):
    with caplog.at_level(logging.WARNING):
        masks, class_ids = two_sources.load_mask(0)
    assert masks.shape == (0, 0, 0)
    assert class_ids.shape == (0,)
    assert class_ids.dtype == np.int32
    assert "load_mask" in caplog.text


def test_balloon_script_runs_unchanged(tmp_path):
    image_file(tmp_path / "a.png", mode="L")
    region = {"all_points_x": [10, 20, 20, 10], "all_points_y": [5, 5, 15, 15]}
    (tmp_path / "via.json").write_text(json.dumps({"a.png": [region, region]}))
    dataset = BalloonDataset()
    dataset.load_balloon(tmp_path)
    dataset.prepare()
    masks, class_ids = dataset.load_mask(0)
    assert masks.shape == (40, 60, 2)
    assert masks[10, 15].all()
    assert class_ids.tolist() == [1, 1]
    assert dataset.load_image(0).shape == (40, 60, 3)
    assert dataset.image_reference(0) == str(tmp_path / "a.png")
    assert dataset.map_source_class_id("balloon.1") == 1


def test_missing_image_raises_with_the_closest_name(tmp_path):
    image_file(tmp_path / "photo_1.png")
    dataset = Dataset()
    dataset.add_image("x", 1, tmp_path / "photo_1.jpg")
    with pytest.raises(SetupError, match=r"photo_1\.jpg.*there is photo_1\.png"):
        dataset.load_image(0)
