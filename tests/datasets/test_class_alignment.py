"""Class ids by name: the same classes in train and val, whatever numbers and order their files give them."""

import json

import numpy as np
import pytest

from mrcnn_roi.datasets import Dataset, load_dataset, split_dataset
from mrcnn_roi.datasets.class_alignment import align_classes, align_to
from mrcnn_roi.datasets.loading import load_train_and_val, recognise
from mrcnn_roi.findings import SetupError

from . import labelme_files, test_instance_masks, via_files, voc_files, yolo_files
from .builders import annotation, coco_file, image_file, label_map_file


def coco(folder, categories, used, crowd=0):
    """A COCO file with these categories by id, and one object of each in `used`."""
    folder.mkdir(parents=True, exist_ok=True)
    ids = {name: category_id for category_id, name in categories.items()}
    annotations = [annotation(id=i, category_id=ids[name]) for i, name in enumerate(used, 1)]
    listed = [{"id": category_id, "name": name} for category_id, name in categories.items()]
    return coco_file(folder, annotations, categories=listed)


def via(folder, categories, used):
    regions = [via_files.region(kind=name) for name in used]
    folder.mkdir(parents=True, exist_ok=True)
    return via_files.via_file(folder, via_files.via_2([via_files.record("a.png", regions)]))


def labelme(folder, categories, used):
    labelme_files.labelme_file(folder, labelme_files.content(*(labelme_files.shape(name) for name in used)))
    return folder


def yolo(folder, categories, used):
    numbers = {name: i for i, name in enumerate(categories.values())}
    lines = "\n".join(f"{numbers[name]} 0.25 0.25 0.5 0.25 0.5 0.75" for name in used)
    yolo_files.labelled(folder / "images", folder / "labels", "a", lines)
    names = tuple(categories.values())
    return yolo_files.data_yaml(folder, names=names, train="images", nc=len(names))


def voc(folder, categories, used):
    boxes = [voc_files.obj(name, (2 + 8 * i, 3, 8 + 8 * i, 20)) for i, name in enumerate(used)]
    return voc_files.voc_file(folder, voc_files.voc_xml(*boxes)).parent


def masks(folder, categories, used):
    image_file(folder / "a" / "images" / "a.png")
    for i, name in enumerate(used):
        test_instance_masks.mask_file(folder / "a" / "masks" / name / f"{i}.png", (2, 8, 3 + 9 * i, 9 + 9 * i))
    return folder


def label_map(folder, categories, used):
    image_file(folder / "images" / "a.png")
    boxes = [(2, 8, 3 + 9 * i, 9 + 9 * i) for i in range(len(used))]
    label_map_file(folder / "masks" / "a.png", boxes)
    rows = "\n".join(f"a,{i},{name}" for i, name in enumerate(used, 1))
    (folder / "masks" / "classes_of_instances.csv").write_text(f"image,instance,class\n{rows}\n")
    return folder


BUILDERS = {"coco": coco, "via": via, "labelme": labelme, "yolo": yolo, "voc": voc, "masks": masks, "map": label_map}


def named(dataset):
    """The names of the objects of image 0, in order, by way of their class ids."""
    return [dataset.class_names[class_id] for class_id in dataset.load_mask(0)[1].tolist()]


@pytest.mark.parametrize("name", BUILDERS)
def test_every_format(tmp_path, name):
    train = BUILDERS[name](tmp_path / "train", {1: "cat", 2: "dog", 3: "owl"}, ["dog", "owl", "cat"])
    val = BUILDERS[name](tmp_path / "val", {1: "eel", 2: "owl"}, ["owl", "eel"])
    before = [sorted(named(load_dataset(each))) for each in (train, val)]
    parts = load_train_and_val(train, val)
    assert [part.class_names for part in parts] == [["BG", "cat", "dog", "owl", "eel"]] * 2
    assert [sorted(named(part)) for part in parts] == before == [["cat", "dog", "owl"], ["eel", "owl"]]
    for part in parts:
        assert part.load_boxes(0)[1].tolist() == part.load_mask(0)[1].tolist()
        assert len({(info["source"], str(info["id"])) for info in part.class_info}) == 5
        assert part.num_classes == 5
    order = load_train_and_val(val, train)
    assert [part.class_names for part in order] == [["BG", "eel", "owl", "cat", "dog"]] * 2


def test_ids_and_order_of_files_mean_nothing(tmp_path):
    train = coco(tmp_path / "train", {1: "cat", 2: "dog"}, ["cat", "dog"])
    val = coco(tmp_path / "val", {7: "dog", 18: "cat"}, ["cat", "dog"])
    parts = load_train_and_val(train, val)
    assert [part.class_names for part in parts] == [["BG", "cat", "dog"]] * 2
    assert [part.load_mask(0)[1].tolist() for part in parts] == [[1, 2]] * 2
    assert parts[1].class_info[1:] == [
        {"source": "coco", "id": 18, "name": "cat"},
        {"source": "coco", "id": 7, "name": "dog"},
    ]


def test_crowds_and_names_with_commas_and_names_twice(tmp_path):
    path = coco_file(
        tmp_path,
        [annotation(category_id=4, iscrowd=1, segmentation={"size": [40, 60], "counts": [0, 2400]}, bbox=None)],
        categories=[{"id": 1, "name": "a"}, {"id": 4, "name": "b, c"}, {"id": 5, "name": "a"}],
    )
    dataset = load_dataset(path)
    align_to(dataset, ["BG", "b", "a", "a"])
    assert dataset.class_names == ["BG", "b", "a", "a"]
    assert [info["id"] for info in dataset.class_info] == [0, 4, 1, 5]
    assert dataset.load_mask(0)[1].tolist() == [-1]


def test_new_ids_clash_with_none(tmp_path):
    first = coco(tmp_path / "a", {"x": "cat", "dog": "owl"}, ["cat", "owl"])
    second = coco(tmp_path / "b", {0: "dog"}, ["dog"])
    parts = load_train_and_val(first, second)
    assert [part.class_names for part in parts] == [["BG", "owl", "cat", "dog"]] * 2
    assert [info["id"] for info in parts[0].class_info] == [0, "dog", "x", "dog'"]
    assert [info["id"] for info in parts[1].class_info] == [0, 1, 2, 0]
    assert [named(part) for part in parts] == [["cat", "owl"], ["dog"]]


def test_align_the_same_again_changes_nothing(tmp_path):
    dataset = load_dataset(coco(tmp_path, {3: "cat", 4: "dog"}, ["dog"]))
    infos = list(dataset.class_info)
    assert align_classes([dataset, dataset]) == ["BG", "cat", "dog"]
    assert dataset.class_info == infos


class Fixed(Dataset):
    """A script's class: class ids are written into load_mask."""

    def __init__(self, *names):
        super().__init__()
        for class_id, name in enumerate(names, 1):
            self.add_class("mine", class_id, name)
        self.add_image("mine", 1, None)
        self.add_image("mine", 2, None)
        self.prepare()

    def load_mask(self, image_id):
        return np.ones((2, 2, 1), bool), np.array([2])


def test_what_cannot_be_aligned_is_refused(tmp_path):
    align_classes([Fixed("a", "b"), Fixed("a", "b")])
    with pytest.raises(ValueError, match="expected datasets of load_dataset, not yet split, received"):
        align_classes([Fixed("a", "b"), Fixed("b", "a")])
    images = [{"id": i, "file_name": f"{i}.png", "height": 40, "width": 60} for i in (1, 2)]
    whole = load_dataset(coco_file(tmp_path, [annotation()], images))
    part, _ = split_dataset(whole, 0.5)
    with pytest.raises(ValueError, match="not yet split"):
        align_to(part, ["BG", "dog", "cat"])


def test_classes_of_a_model(tmp_path):
    dataset = load_dataset(coco(tmp_path, {1: "cat", 2: "dog", 3: "unused"}, ["cat", "dog"]))
    align_to(dataset, ["BG", "owl", "dog", "cat"])
    assert dataset.class_names == ["BG", "owl", "dog", "cat", "unused"]
    assert dataset.load_mask(0)[1].tolist() == [3, 2]


@pytest.mark.parametrize(
    "used, model, words",
    [
        (["cat", "dogs"], ["BG", "dog", "cat"], "1 class that the weights were not trained on: dogs"),
        (["cat"], ["BG", "car"], "2 classes that the weights were not trained on: cat, dogs"),
    ],
)
def test_objects_that_a_model_cannot_know(tmp_path, used, model, words):
    dataset = load_dataset(coco(tmp_path, {1: "cat", 2: "dogs"}, used))
    with pytest.raises(SetupError, match=words) as caught:
        align_to(dataset, model)
    assert f"rename {'dogs to dog' if len(model) > 2 else 'cat to car'}" in caught.value.findings[0].fix


def test_annotations_without_names_fit_a_model_of_one_class(tmp_path):
    image_file(tmp_path / "images" / "a.png")
    label_map_file(tmp_path / "masks" / "a.png")
    dataset = load_dataset(tmp_path)
    align_to(dataset, ["BG", "person"])
    assert dataset.load_mask(0)[1].tolist() == [1, 1]


def test_parts_that_a_source_declares(tmp_path):
    source = recognise(yolo_files.ultralytics(tmp_path / "yolo"))
    assert source.parts == ("train", "val")
    assert [source.load(part=part).num_images for part in source.parts] == [1, 1]
    assert recognise(coco_file(tmp_path)).parts == ()
    path = tmp_path / "annotations.json"
    assert load_dataset(path).annotation_file == path
    assert json.loads(path.read_text())["images"]
