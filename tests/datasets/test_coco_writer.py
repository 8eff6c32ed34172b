"""write_coco: what is written is what was read, to our loader and to pycocotools."""

import json
import os

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from pycocotools import mask as coco_mask

from mrcnn_roi.datasets import Dataset, draw_shapes, load_dataset, split_dataset
from mrcnn_roi.datasets.coco import CocoDataset
from mrcnn_roi.datasets.coco_ids import FileIds
from mrcnn_roi.datasets.coco_writer import MARK, write_coco, write_parts
from mrcnn_roi.datasets.image_names import images_root
from mrcnn_roi.findings import SetupError

from . import labelme_files, test_instance_masks, via_files, voc_files, yolo_files
from .builders import SQUARE, annotation, coco_file, codes, image_file, label_map_file
from .round_trip import assert_same, coco_of

RING = [[10, 10, 30, 10, 30, 30, 10, 30], [40.5, 5.25, 50, 5.25, 50, 20]]


def rle(mask):
    """COCO's compressed RLE of a mask bool [H, W]."""
    encoded = coco_mask.encode(np.asfortranarray(mask, np.uint8))
    return {"size": list(mask.shape), "counts": encoded["counts"].decode()}


def holed(height=40, width=60):
    """A square with a hole, and a pixel in the last corner."""
    mask = np.zeros((height, width), bool)
    mask[5:30, 5:30] = True
    mask[10:20, 10:20] = False
    mask[-1, -1] = True
    return mask


def content(path):
    return json.loads(path.read_text())


def test_a_coco_file_is_written_as_it_was(tmp_path):
    annotations = [
        annotation(id=7339, segmentation=RING, bbox=None),
        annotation(id=12, category_id=9, segmentation=rle(holed()), bbox=None, iscrowd=1),
        annotation(id=3, image_id=44, segmentation={"size": [40, 60], "counts": [0, 50, 2350]}, bbox=None),
    ]
    images = [
        {"id": 44, "file_name": "a.png", "height": 40, "width": 60, "coco_url": "http://images.cocodataset.org/a.png"},
        {"id": 1, "file_name": "deep/a.png", "height": 40, "width": 60},
        {"id": 5, "file_name": "empty.png", "height": 40, "width": 60},
    ]
    categories = [{"id": 1, "name": "猫, wild"}, {"id": 9, "name": "dog"}, {"id": 12, "name": "unused"}]
    dataset = load_dataset(coco_file(tmp_path, annotations, images, categories))
    written = write_coco(dataset, tmp_path / "out" / "a.json")
    assert written == (tmp_path / "out" / "a.json", tmp_path, 3, 3, 0, 0)
    loaded, coco = assert_same(dataset, written)
    assert coco.dataset["categories"] == categories
    assert coco.dataset["images"] == images
    assert coco.anns[7339]["segmentation"] == RING
    assert (coco.anns[7339]["bbox"], coco.anns[7339]["image_id"]) == ([10, 5.25, 40, 24.75], 1)
    assert coco.anns[12]["segmentation"] == rle(holed())
    assert coco.anns[12]["bbox"] == [5, 5, 55, 35]
    assert "source_id" not in (tmp_path / "out" / "a.json").read_text()
    assert codes(loaded.annotation_problems) == ["ds-category-name"]
    again = write_coco(loaded, tmp_path / "again.json")
    assert again.path.read_bytes() == written.path.read_bytes()


def test_ids_that_cannot_be_kept_are_kept_beside(tmp_path):
    annotations = [
        annotation(id="first", image_id="a"),
        annotation(id=0, image_id="a"),
        annotation(id=6, image_id="a", category_id="7"),
        annotation(id=6, image_id=3),
        annotation(id=None, image_id=3),
    ]
    images = [{"id": name, "file_name": f"{name}.png", "height": 40, "width": 60} for name in ("a", 3)]
    categories = [{"id": 4, "name": "cat"}, {"id": "7", "name": "dog"}]
    for each in annotations:
        each["category_id"] = {1: 4}.get(each["category_id"], each["category_id"])
    dataset = load_dataset(coco_file(tmp_path, annotations, images, categories))
    written = write_coco(dataset, tmp_path / "out.json")
    _, coco = assert_same(dataset, written)
    found = [(each["id"], each.get("source_id")) for each in coco.dataset["annotations"]]
    assert found == [(7, "first"), (8, 0), (6, None), (9, 6), (10, None)]
    assert [(each["id"], each.get("source_id")) for each in coco.dataset["images"]] == [(4, "a"), (3, None)]
    assert [(each["id"], each.get("source_id")) for each in coco.dataset["categories"]] == [(4, None), (5, "7")]


@pytest.mark.parametrize(
    "ids, lowest, expected",
    [
        ([3, 1, 2], 1, [3, 1, 2]),
        ([0, 1], 1, [2, 1]),
        ([0, 1], 0, [0, 1]),
        ([5, 5, 5], 1, [5, 6, 7]),
        (["a", None, 2.5], 1, [1, 2, 3]),
        ([True, np.int64(4), -1], 0, [5, 4, 6]),
        ([2**60], 1, [1]),
        ([], 1, []),
    ],
)
def test_file_ids(ids, lowest, expected):
    numbers = FileIds(ids, lowest)
    assert [numbers.give(each) for each in ids] == expected


def via_set(folder):
    shapes = [
        via_files.POLYGON,
        {"name": "circle", "cx": 40, "cy": 20, "r": 9.5},
        {"name": "rect", "x": 1, "y": 2, "width": 5, "height": 6},
    ]
    regions = [via_files.region(shape, kind=name) for shape, name in zip(shapes, ("cat", "dog", "cat"))]
    records = [via_files.record("a.png", regions), via_files.record("b.png", regions[:1]), via_files.record("c.png")]
    return records, ("a.png", "b.png", "c.png")


def labelme_set(folder):
    small = np.ones((6, 8), bool)
    small[2:4, 2:5] = False
    shapes = [
        labelme_files.shape(group_id=1),
        labelme_files.shape("dog", [[40, 5], [47, 10]], "mask", mask=labelme_files.png(small)),
        labelme_files.shape(points=[[40, 20], [55, 20], [50, 35]], group_id=1),
    ]
    labelme_files.labelme_file(folder, labelme_files.content(*shapes))
    labelme_files.labelme_file(folder, labelme_files.content(labelme_files.shape("owl"), image="b.png"), "b.json")
    return folder


def voc_outlines(folder):
    objects = [voc_files.obj(), voc_files.obj("dog", more=voc_files.polygon([(5, 5), (25, 8), (12, 30)]))]
    return voc_files.voc_file(folder, voc_files.voc_xml(*objects)).parent


def voc_maps(folder):
    text = voc_files.voc_xml(voc_files.obj(), voc_files.obj("dog", (35, 6, 50, 25)), filename="a.jpg")
    pixels = voc_files.numbers((11, 6, 30, 25), (35, 6, 50, 25))
    pixels[10:15, 15:20] = 0
    return voc_files.voc_set(folder, {"a": (text, pixels, None), "b": (text, pixels, None)})


def label_maps(folder):
    for seed, name in enumerate("ab"):
        image_file(folder / "images" / f"{name}.png", seed=seed)
        label_map_file(folder / "masks" / f"{name}_mask.png", ((5, 15, 5, 15), (20, 30, 20, 50))[: 2 - seed])
    return folder


FORMATS = {
    "via 1": lambda folder: via_files.via_file(folder, via_files.via_1(via_set(folder)[0]), via_set(folder)[1]),
    "via 2": lambda folder: via_files.via_file(folder, via_files.via_2(via_set(folder)[0]), via_set(folder)[1]),
    "via project": lambda folder: via_files.via_file(folder, via_files.project(via_set(folder)[0]), via_set(folder)[1]),
    "via csv": lambda folder: via_files.via_file(
        folder, via_files.via_csv(via_set(folder)[0]), via_set(folder)[1], "via.csv"
    ),
    "labelme": labelme_set,
    "yolo": yolo_files.ultralytics,
    "voc": voc_outlines,
    "voc maps": voc_maps,
    "label map": label_maps,
    "instance masks": test_instance_masks.nested,
    "shapes": lambda folder: draw_shapes(folder, 3, 64, 64, background_images=1),
}


@pytest.mark.parametrize("name", FORMATS)
def test_every_format(tmp_path, name):
    (tmp_path / "data").mkdir()
    dataset = load_dataset(FORMATS[name](tmp_path / "data"))
    written = write_coco(dataset, tmp_path / "out.json")
    loaded, _ = assert_same(dataset, written)
    before = written.path.read_bytes()
    assert write_coco(dataset, written.path) == written
    assert written.path.read_bytes() == before
    assert write_coco(loaded, tmp_path / "again.json").annotations == written.annotations
    assert sum(len(dataset.load_mask(i)[1]) for i in dataset.image_ids) == written.annotations > 0


def test_numbers_of_instances_are_kept(tmp_path):
    dataset = load_dataset(label_maps(tmp_path))
    found = content(write_coco(dataset, tmp_path / "maps.json").path)["annotations"]
    assert [each.get("source_id", each["id"]) for each in found] == [1, 2, 1]
    records, names = via_set(tmp_path)
    dataset = load_dataset(via_files.via_file(tmp_path / "via", via_files.via_2(records), names), format="via")
    found = content(write_coco(dataset, tmp_path / "via.json").path)
    assert [each.get("source_id", each["id"]) for each in found["annotations"]] == [0, 1, 2, 0]
    assert [each["source_id"] for each in found["images"]] == ["a.png", "b.png", "c.png"]
    test_instance_masks.nested(tmp_path / "nuclei", ("n",))
    found = content(write_coco(load_dataset(tmp_path / "nuclei"), tmp_path / "nuclei.json").path)["annotations"]
    assert [each["source_id"] for each in found] == ["x.png", "y.png"]


def test_polygons_of_tools_stay_polygons(tmp_path):
    dataset = load_dataset(labelme_set(tmp_path / "data"))
    first, masked, _ = content(write_coco(dataset, tmp_path / "out.json").path)["annotations"]
    assert first["segmentation"] == [[10, 10, 30, 10, 30, 30, 10, 30], [40, 20, 55, 20, 50, 35]]
    assert set(masked["segmentation"]) == {"size", "counts"}
    written = write_coco(load_dataset(voc_outlines(tmp_path / "voc")), tmp_path / "voc.json")
    assert all(isinstance(each["segmentation"], list) for each in content(written.path)["annotations"])


@pytest.mark.parametrize("orientation", range(1, 9))
def test_sizes_are_those_that_people_see(tmp_path, orientation):
    image_file(tmp_path / "a.jpg", 40, 60, exif=orientation)
    turned = orientation >= 5
    path = via_files.via_file(tmp_path, via_files.via_2([via_files.record("a.jpg", [via_files.region(kind="x")])]), ())
    dataset = load_dataset(path)
    _, coco = assert_same(dataset, write_coco(dataset, tmp_path / "out.json"))
    (image,) = coco.dataset["images"]
    assert (image["width"], image["height"]) == ((40, 60) if turned else (60, 40))


class Drawn(Dataset):
    """Matterport's way: masks drawn in load_mask, a crowd among them."""

    def __init__(self, folder, names=("x", "y"), exif=None):
        super().__init__()
        self.add_class("mine", 2, "thing")
        self.add_class("other", 2, "part")
        for seed, name in enumerate(names):
            self.add_image("mine", f"{name}'s", path=str(image_file(folder / f"{name}.png", seed=seed, exif=exif)))
        self.prepare()

    def load_mask(self, image_id):
        if image_id:
            return super().load_mask(image_id)
        masks = np.stack([holed(), ~holed(), np.zeros((40, 60), bool)], axis=2)
        return masks.astype(np.uint8), np.array([2, -1, 1])


def test_a_class_of_ones_own(tmp_path):
    dataset = Drawn(tmp_path)
    written = write_coco(dataset, tmp_path / "out.json")
    coco = coco_of(written.path)
    assert [each["category_id"] for each in coco.dataset["annotations"]] == [3, 2, 2]
    assert [each["iscrowd"] for each in coco.dataset["annotations"]] == [0, 1, 0]
    assert coco.dataset["categories"] == [{"id": 2, "name": "thing"}, {"id": 3, "name": "part", "source_id": 2}]
    masks = dataset.load_mask(0)[0]
    for i, each in enumerate(coco.dataset["annotations"]):
        assert np.array_equal(coco.annToMask(each), masks[..., i])
    assert [each["source_id"] for each in coco.dataset["images"]] == ["x's", "y's"]


def test_a_class_whose_masks_lie_on_the_stored_pixels(tmp_path):
    with pytest.raises(SetupError, match="turn the pixels"):
        write_coco(Drawn(tmp_path, exif=3), tmp_path / "out.json")
    assert not (tmp_path / "out.json").exists()


def test_parts_of_a_split_keep_ids(tmp_path):
    dataset = load_dataset(draw_shapes(tmp_path, 8, 64, 64))
    parts = split_dataset(dataset, 0.25)
    files = write_parts(list(zip(parts, (tmp_path / "train.json", tmp_path / "val.json"))))
    whole = content(tmp_path / "annotations.json")
    found = [content(each.path) for each in files]
    for key in ("images", "annotations"):
        ids = [each["id"] for part in found for each in part[key]]
        assert sorted(ids) == [each["id"] for each in whole[key]]
    for part, written in zip(parts, files):
        assert_same(part, written)


def test_broken_annotations_are_refused_or_left_out(tmp_path):
    broken = [annotation(id=2, segmentation=[[1, 2, 3]], bbox=None), annotation(id=3, category_id=5)]
    images = [{"id": i, "file_name": f"{i}.png", "height": 40, "width": 60} for i in (1, 2)]
    images += [{"id": 3, "file_name": "3.png"}]
    path = coco_file(tmp_path, [annotation(), *broken, annotation(id=4, image_id=3)], images)
    (tmp_path / "3.png").write_bytes(b"no image, and no size in the file")
    dataset = load_dataset(path)
    with pytest.raises(SetupError) as caught:
        write_coco(dataset, tmp_path / "out.json")
    assert {each.code for each in caught.value.findings} == {"ds-polygon-degenerate", "ds-category-unknown"}
    assert sorted(os.listdir(tmp_path)) == ["1.png", "2.png", "3.png", "annotations.json"]
    written = write_coco(dataset, tmp_path / "out.json", skip_broken=True)
    assert written[2:] == (2, 1, 1, 2)
    assert [each["id"] for each in content(written.path)["annotations"]] == [1]
    assert load_dataset(written.path).annotation_problems == []


def test_images_that_are_missing_are_left_out_where_others_are_there(tmp_path):
    images = [{"id": i, "file_name": f"{i}.png", "height": 40, "width": 60} for i in (1, 2)]
    path = coco_file(tmp_path, [annotation(id=i, image_id=i) for i in (1, 2)], images)
    (tmp_path / "2.png").unlink()
    dataset = load_dataset(path)
    assert write_coco(dataset, tmp_path / "all.json").images == 2
    assert write_coco(dataset, tmp_path / "some.json", skip_broken=True)[2:] == (1, 1, 1, 0)
    (tmp_path / "1.png").unlink()
    assert write_coco(dataset, tmp_path / "none.json", skip_broken=True).images == 2  # the annotations alone


def test_annotations_that_the_loader_could_not_take_are_lost_too(tmp_path):
    dataset = load_dataset(coco_file(tmp_path, [annotation(), annotation(id=2, image_id=77)]))
    with pytest.raises(SetupError, match="ds-ann-image-unknown"):
        write_coco(dataset, tmp_path / "out.json")
    assert write_coco(dataset, tmp_path / "out.json", skip_broken=True).annotations == 1


def test_a_damaged_label_map_is_named(tmp_path):
    label_maps(tmp_path)
    data = (tmp_path / "masks" / "a_mask.png").read_bytes()
    (tmp_path / "masks" / "a_mask.png").write_bytes(data[:60])
    dataset = load_dataset(tmp_path)
    with pytest.raises(SetupError, match="a_mask.png"):
        write_coco(dataset, tmp_path / "out.json")
    assert not list(tmp_path.glob("*.json")) + list(tmp_path.glob(".*"))
    assert write_coco(dataset, tmp_path / "out.json", skip_broken=True)[2:] == (1, 1, 1, 0)


def test_missing_files_and_wrong_boxes_lose_nothing(tmp_path):
    dataset = load_dataset(coco_file(tmp_path, [annotation(bbox=[10, 10, 0, 0])], draw=False))
    assert {each.code for each in dataset.annotation_problems} == {"ds-file-missing", "ds-bbox-nonpositive"}
    (found,) = content(write_coco(dataset, tmp_path / "out.json").path)["annotations"]
    assert (found["bbox"], found["area"]) == ([10, 10, 20, 20], 400)


def test_lines_have_empty_masks(tmp_path):
    line = [35.915053172741665, 20.52737730047912, 23.31120202353685, 26.459088481876865]
    line += [29.55621388103901, 23.520018016462476]  # pycocotools draws two pixels along it
    sound = [annotation(id=i) for i in range(3, 300)]
    empty = [annotation(segmentation=[line], bbox=None), annotation(id=2, segmentation=[[1, 1, 5, 5, 9, 9]], bbox=None)]
    dataset = load_dataset(coco_file(tmp_path, empty + sound))
    _, coco = assert_same(dataset, write_coco(dataset, tmp_path / "out.json"))
    assert coco.anns[2]["segmentation"] == [[1, 1, 5, 5, 9, 9]]


def test_file_names_are_relative_to_one_folder(tmp_path):
    names = enumerate(("in/x/a.png", "in/y/a.png"))
    images = [{"id": i, "file_name": name, "height": 40, "width": 60} for i, name in names]
    dataset = load_dataset(coco_file(tmp_path, [], images))
    assert [each["file_name"] for each in content(write_coco(dataset, tmp_path / "a.json").path)["images"]] == [
        "in/x/a.png",
        "in/y/a.png",
    ]
    written = write_coco(dataset, tmp_path / "b.json", root=tmp_path / "in")
    assert [each["file_name"] for each in content(written.path)["images"]] == ["x/a.png", "y/a.png"]
    with pytest.raises(SetupError, match="outside of") as caught:
        write_coco(dataset, tmp_path / "c.json", root=tmp_path / "in" / "x")
    assert f"--images-root {tmp_path / 'in'}" in caught.value.findings[0].fix


@pytest.mark.parametrize(
    "infos, expected",
    [
        ([("/d/images/a.png", "a.png"), ("/d/images/x/a.png", "x/a.png")], "/d/images"),
        ([("/d/images/x/a.png", "x/a.png")], "/d/images"),
        ([("/d/images/x/a.png", None)], "/d/images/x"),
        ([("/d/images/x/a.png", "C:\\me\\a.png"), ("/d/images/y/b.png", "b.png")], "/d/images"),
        ([("/d/x/a.png", "a.png"), ("/d/y/b.png", "b.png")], "/d"),
        ([("/a.png", "a.png")], "/"),
        ([("/d/aa.png", "a.png")], "/d"),
    ],
)
def test_the_folder_of_the_images(infos, expected):
    entries = [{"path": path, "file_name": name} for path, name in infos]
    assert str(images_root(entries)) == expected
    assert str(images_root(entries, "/other")) == "/other"


def test_images_are_copied_and_never_over_others(tmp_path):
    dataset = load_dataset(label_maps(tmp_path / "data"))
    written = write_coco(dataset, tmp_path / "out" / "a.json", copy_images=True)
    assert written.images_root == tmp_path / "out" / "images"
    assert sorted(os.listdir(written.images_root)) == ["a.png", "b.png"]
    again = load_dataset(written.path)
    assert [info["path"] for info in again.image_info] == [str(written.images_root / f"{name}.png") for name in "ab"]
    assert np.array_equal(again.load_mask(1)[0], dataset.load_mask(1)[0])
    assert write_coco(dataset, written.path, copy_images=True) == written
    assert write_coco(again, tmp_path / "out" / "b.json", copy_images=True).images == 2
    (written.images_root / "a.png").write_bytes(b"mine")
    with pytest.raises(SetupError, match="another file"):
        write_coco(dataset, written.path, copy_images=True)
    assert (written.images_root / "a.png").read_bytes() == b"mine"
    (tmp_path / "data" / "images" / "b.png").unlink()
    with pytest.raises(SetupError, match="ds-file-missing"):
        write_coco(dataset, tmp_path / "new" / "a.json", copy_images=True)


def test_an_image_inside_its_annotation_file(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (40, 60, 3), dtype=np.uint8)
    inside = labelme_files.content(labelme_files.shape(), image="gone.png", imageData=labelme_files.png(pixels))
    labelme_files.labelme_file(tmp_path / "data", inside, draw=False)
    dataset = load_dataset(tmp_path / "data")
    with pytest.raises(ValueError, match="--copy-images"):
        write_coco(dataset, tmp_path / "out.json")
    written = write_coco(dataset, tmp_path / "out.json", copy_images=True)
    loaded = load_dataset(written.path)
    assert np.array_equal(loaded.load_image(0), pixels)
    assert loaded.load_mask(0)[0].sum() == 400


def test_no_file_of_anybody_is_replaced(tmp_path):
    path = coco_file(tmp_path)
    dataset = load_dataset(path)
    (tmp_path / "notes.json").write_text("{}")
    for target, words in ((path, "read from"), (tmp_path / "notes.json", "exists"), (tmp_path, "no regular file")):
        with pytest.raises(ValueError, match=words):
            write_coco(dataset, target)
    written = write_coco(dataset, tmp_path / "out.json").path
    os.link(written, tmp_path / "linked.json")
    with pytest.raises(ValueError, match="read from"):
        write_coco(load_dataset(written), tmp_path / "linked.json")
    assert written.read_text().startswith(MARK)


def test_nothing_is_left_where_writing_fails(tmp_path):
    dataset = CocoDataset()
    dataset.add_class("coco", 1, "cat")
    dataset.add_image("coco", 1, str(tmp_path / "a.png"), height=40, width=60, records=[object()])
    dataset.prepare()
    with pytest.raises(AttributeError):
        write_coco(dataset, tmp_path / "out" / "a.json", skip_broken=True)
    assert not (tmp_path / "out").exists() or os.listdir(tmp_path / "out") == []


LETTERS = st.characters(blacklist_categories=["Cs", "Cc"], blacklist_characters=",")
NAMES = st.text(LETTERS, min_size=1, max_size=6).filter(
    lambda text: text.strip() == text and text.lower() not in ("bg", "background", "_background_", "__background__")
)
COORDINATE = st.floats(0, 30).map(lambda number: round(number, 2)) | st.integers(0, 30)
POINTS = st.lists(st.tuples(COORDINATE, COORDINATE), min_size=3, max_size=6)
PART = POINTS.map(lambda points: [number for point in points for number in point])
MASK = st.integers(0, 2**32 - 1).map(lambda seed: np.random.default_rng(seed).random((31, 33)) < 0.4)
IDS = st.one_of(st.none(), st.integers(0, 9), st.text(max_size=3))


@st.composite
def coco_contents(draw):
    """A COCO file of up to three images of 33 x 31 pixels."""
    names = draw(st.lists(NAMES, min_size=1, max_size=3, unique=True))
    count = draw(st.integers(1, 3))
    images = [{"id": draw(st.sampled_from([i, f"i{i}"])), "file_name": f"{i}.png"} for i in range(count)]
    annotations = []
    for _ in range(draw(st.integers(0, 5))):
        mask = draw(st.none() | MASK)
        segmentation = draw(st.lists(PART, min_size=1, max_size=3)) if mask is None else rle(mask)
        own = {"id": draw(IDS), "image_id": draw(st.sampled_from(images))["id"], "segmentation": segmentation}
        crowd = draw(st.integers(0, 1)) if mask is not None else 0
        annotations.append(own | {"category_id": draw(st.integers(0, len(names) - 1)), "iscrowd": crowd})
    return {
        "images": [each | {"height": 31, "width": 33} for each in images],
        "annotations": annotations,
        "categories": [{"id": i, "name": name} for i, name in enumerate(names)],
    }


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pictures")
    for i in range(3):
        Image.fromarray(np.full((31, 33, 3), i, np.uint8)).save(folder / f"{i}.png")
    return folder


@settings(max_examples=25, deadline=None)
@given(coco_contents())
def test_round_trip(pictures, found):
    source, target, again = (pictures / name for name in ("in.json", "out.json", "again.json"))
    source.write_text(json.dumps(found))
    dataset = load_dataset(source)
    written = write_coco(dataset, target)
    loaded, coco = assert_same(dataset, written)
    assert [info["name"] for info in loaded.class_info[1:]] == [each["name"] for each in found["categories"]]
    given_ids = [each["id"] for each in found["annotations"]]
    for each in coco.dataset["annotations"]:
        assert each.get("source_id", each["id"]) in given_ids or None in given_ids
    assert len(coco.anns) == len(found["annotations"])
    assert write_coco(loaded, again).annotations == written.annotations
    assert again.read_bytes() == target.read_bytes()


def test_square_is_what_the_area_says(tmp_path):
    (found,) = content(write_coco(load_dataset(coco_file(tmp_path)), tmp_path / "out.json").path)["annotations"]
    expected = {"id": 1, "image_id": 1, "category_id": 1, "iscrowd": 0, "bbox": [10, 10, 20, 20], "area": 400}
    assert found == expected | {"segmentation": SQUARE}


def test_ids_of_the_source_are_kept_twice(tmp_path):
    found = {
        "images": [{"id": "i0", "file_name": "a.png", "height": 40, "width": 60}],
        "categories": [{"id": "c", "name": "bolt"}],
        "annotations": [annotation(id=each, image_id="i0", category_id="c") for each in ("x", 7, 0)],
    }
    image_file(tmp_path / "a.png")
    (tmp_path / "in.json").write_text(json.dumps(found))
    for source, target in (("in", "once"), ("once", "twice"), ("twice", "thrice")):
        write_coco(load_dataset(tmp_path / f"{source}.json"), tmp_path / f"{target}.json")
    once = content(tmp_path / "once.json")
    assert [each.get("source_id") for each in once["annotations"]] == ["x", None, 0]
    assert once["images"][0]["source_id"] == "i0"
    assert once["categories"][0]["source_id"] == "c"
    assert (tmp_path / "thrice.json").read_bytes() == (tmp_path / "twice.json").read_bytes()
    assert (tmp_path / "twice.json").read_bytes() == (tmp_path / "once.json").read_bytes()


def test_images_without_any_of_their_objects_are_left_out(tmp_path):
    images = [{"id": i, "file_name": f"{i}.png", "height": 40, "width": 60} for i in (1, 2, 3)]
    broken = annotation(id=1, image_id=1, segmentation=None)
    path = coco_file(tmp_path, [broken, annotation(id=2, image_id=2)], images)
    written = write_coco(load_dataset(path), tmp_path / "out.json", skip_broken=True)
    assert written[2:] == (2, 1, 1, 0)
    assert [each["id"] for each in content(written.path)["images"]] == [2, 3]  # 3 never had an object
