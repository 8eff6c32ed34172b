"""`mrcnn-roi show batch`, and --augment wherever it is."""

import subprocess
import sys

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from mrcnn_roi.cli import app
from mrcnn_roi.config import Config
from mrcnn_roi.datasets import draw_shapes, load_dataset
from mrcnn_roi.drawing import batch as sheets
from mrcnn_roi.engine.batch_sheet import places_of_images, show_batch
from mrcnn_roi.engine.run_folder import AUGMENTATION_FILE, note_augmentation
from mrcnn_roi.engine.user_augmentation import augmentation_of, recorded
from mrcnn_roi.findings import SetupError
from mrcnn_roi.inputs.augmentations import augmentation
from mrcnn_roi.inputs.order import Order

runner = CliRunner()

SETTINGS = """NAME: toy
NUM_CLASSES: 4
IMAGE_MIN_DIM: 64
IMAGE_MAX_DIM: 128
RPN_ANCHOR_SCALES: [8, 16, 32, 64, 128]
"""

MINE = """import albumentations as A
import imgaug.augmenters as iaa

def flip(image, masks, rng):
    return image[:, ::-1], masks[:, ::-1]

def lose(image, masks, rng):
    masks = masks.copy()
    masks[..., 0] = False
    return image, masks

def image_alone(image, masks, rng):
    return image[:, ::-1], masks

def breaks(image, masks, rng):
    raise RuntimeError("out of paint")

compose = A.Compose([A.HorizontalFlip(p=1)])
sequence = iaa.Sequential([iaa.Fliplr(1.0)])

class Mine:
    pass

number = 3
"""


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("shapes")
    draw_shapes(folder, 5, 100, 128, 3, min_objects=2, max_objects=4)
    (folder / "config.yaml").write_text(SETTINGS)
    (folder / "mine.py").write_text(MINE)
    return folder


@pytest.fixture(scope="module")
def dataset(data):
    return load_dataset(data)


@pytest.fixture(scope="module")
def config(data):
    return Config.from_yaml(data / "config.yaml")


@pytest.fixture
def drawn(monkeypatch):
    """The rows of every sheet that is drawn."""
    rows = []
    original = sheets.draw_batch_sheet

    def draw(each, *arguments):
        rows.append(list(each))
        return original(each, *arguments)

    monkeypatch.setattr("mrcnn_roi.engine.batch_sheet.draw_batch_sheet", draw)
    return rows


def run(*arguments):
    return runner.invoke(app, [str(each) for each in arguments])


def test_a_sheet_of_augmented_samples(data, tmp_path):
    out = tmp_path / "new" / "batch.png"
    result = run("show", "batch", data, "-c", data / "config.yaml", "--augment", "flip,scale", "--count", 3, "-o", out)
    assert result.exit_code == 0, result.output
    first, second, third = result.output.splitlines()[1:4]
    assert first == "3 images of 5 as training sees them, 128 x 128 pixels (seed 0, from pass 0 on)"
    assert second == "augmentation: flip=0.5,scale=0.5..2"
    assert third.startswith("9 samples: ")
    assert third.endswith("positive anchors")
    with Image.open(out) as picture:
        assert picture.size[0] > 4 * sheets.SIDE


def test_toy_shapes_and_defaults(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = run("show", "batch", "--count", 2)
    assert "picture: runs/batch.png\n2 images of 2 as training sees them, 1024 x 1024 pixels" in result.output
    assert "\naugmentation: none\n2 samples: " in result.output


def test_samples_are_those_of_training(dataset, config, drawn, tmp_path):
    from mrcnn_roi.inputs.pipeline import Batches

    made = augmentation("flip,scale,color")
    show_batch(tmp_path / "a.png", dataset, config, made, count=5, draws=2, seed=7, epoch=1)
    (rows,) = drawn
    batches = Batches(dataset, config, augmentation=made, seed=7, workers=0)
    shown = {(row.name, tile.title.partition(":")[0]): tile for row in rows for tile in row.tiles[1:]}
    assert len(shown) == 10
    order = Order(dataset.image_ids, seed=7)
    for position in range(5, 15):
        place = order[position]
        sample = batches.sample(place)
        (tile,) = (
            each for (name, title), each in shown.items()
            if name.startswith(f"image {place.image_id},") and title == f"pass {place.epoch}"
        )  # fmt: skip
        present = sample["input_gt_class_ids"] > 0
        np.testing.assert_array_equal(tile.boxes, sample["input_gt_boxes"][present])
        np.testing.assert_allclose(tile.image, sample["input_image"] + config.MEAN_PIXEL, atol=0.5)
        assert tile.masks.shape == (128, 128, present.sum())


def test_what_vanished_is_said(data, dataset, config, drawn, tmp_path):
    lose = augmentation_of(f"{data / 'mine.py'}:lose")
    told = show_batch(tmp_path / "a.png", dataset, config, lose, count=5, draws=1)
    ((*rows,),) = drawn
    for row in rows:
        original, sample = row.tiles
        count = len(original.class_ids)
        assert sample.note == f"{count - 1} of {count} objects: 1 vanished"
        assert sample.lost
        assert not original.lost
        np.testing.assert_array_equal(sample.numbers, np.arange(1, count))
    assert ", 5 vanished (" in told.lines[2]


def test_without_augmentation_nothing_vanishes(dataset, config, drawn, tmp_path):
    told = show_batch(tmp_path / "a.png", dataset, config, count=2, draws=1)
    assert "vanished" not in told.lines[2]
    assert [tile.lost for row in drawn[0] for tile in row.tiles] == [False] * 4


def test_too_many_objects_are_told_apart_from_vanished_ones(dataset, config, drawn, tmp_path):
    few = type("Few", (type(config),), {"MAX_GT_INSTANCES": 1})()
    show_batch(tmp_path / "a.png", dataset, few, count=1, draws=1)
    assert " over MAX_GT_INSTANCES" in drawn[0][0].tiles[1].note


@pytest.mark.parametrize("repeats", [None, [1.0, 2.5, 1.0, 0.4]])
def test_places_are_the_next_of_each_image(repeats):
    order = Order([0, 1, 2, 3], seed=3, repeats=repeats)
    stream = [order[position] for position in range(60)]
    for epoch in (0, 2):
        found = places_of_images(order, 3, 2, epoch)
        later = [place for place in stream if place.epoch >= epoch]
        wanted = list(dict.fromkeys(place.image_id for place in later if place.epoch == epoch))[:3]
        assert [places[0].image_id for places in found] == wanted
        for places in found:
            assert places == [place for place in later if place.image_id == places[0].image_id][: len(places)]
            assert 1 <= len(places) <= 2


def test_broken_images_are_tiles_and_findings(data, tmp_path):
    import shutil

    broken = tmp_path / "broken"
    shutil.copytree(data, broken)
    name = sorted((broken / "images").iterdir())[0]
    name.write_bytes(b"no image")
    result = run("show", "batch", broken, "-c", data / "config.yaml", "-o", tmp_path / "a.png")
    assert result.exit_code == 0
    assert "1 image cannot be used" in result.output
    assert name.name in result.output.partition("ERROR (1)")[2]


def test_where_nothing_can_be_drawn(data, dataset, config, tmp_path):
    breaks = augmentation_of(f"{data / 'mine.py'}:breaks")
    with pytest.raises(SetupError, match="aug-fails.*the augmentation breaks failed with RuntimeError: out of paint"):
        show_batch(tmp_path / "a.png", dataset, config, breaks, count=2)
    assert not (tmp_path / "a.png").exists()
    with pytest.raises(ValueError, match="expected a file name for the picture, received the folder"):
        show_batch(tmp_path, dataset, config)


@pytest.mark.parametrize("name", ["flip", "compose", "sequence"])
def test_objects_of_the_users_own(name, data, dataset, config, drawn, tmp_path):
    for text in (f"{data / 'mine.py'}:{name}", f"mine:{name}"):
        told = show_batch(tmp_path / "a.png", dataset, config, augmentation_of(text), count=1, draws=1)
        assert told.lines[1].startswith("augmentation: ")
    first, second = (rows[0].tiles[1].boxes for rows in drawn)
    np.testing.assert_array_equal(first, second)
    plain = show_batch(tmp_path / "a.png", dataset, config, None, count=1, draws=1)
    assert plain.lines[1] == "augmentation: none"
    np.testing.assert_array_equal(128 - drawn[-1][0].tiles[1].boxes[:, [3, 1]], first[:, [1, 3]])


@pytest.mark.parametrize(
    "text, words",
    [
        ("colour", 'did you mean "color"'),
        ("mine.py:nothing", "expected a function or an augmenter 'nothing' in .*mine.py, found nothing of that name"),
        ("mine.py:number", "found number, of type int"),
        ("mine.py:Mine", "expected an object in .*mine.py:Mine, found the class Mine"),
        ("mine.py:", "expected module.py:name, package.module:name or names"),
        ("nowhere.py:flip", "expected the file of an augmentation, found none at .*nowhere.py"),
        ("no_such_module:flip", "expected a module no_such_module, or a file ending in .py"),
    ],
)
def test_what_augment_cannot_mean(text, words, data, monkeypatch):
    monkeypatch.chdir(data)
    with pytest.raises(ValueError, match=words):
        augmentation_of(text)
    result = run("show", "batch", "--augment", text)
    assert result.exit_code == 2
    assert "--augment" in result.output


def test_a_module_that_lacks_another_says_so_itself(tmp_path):
    (tmp_path / "needs.py").write_text("import no_such_module_at_all\n")
    with pytest.raises(ModuleNotFoundError, match="no_such_module_at_all"):
        augmentation_of(f"{tmp_path / 'needs.py'}:flip")


def test_check_tries_the_augmentation(data):
    arguments = ("check", "-c", data / "config.yaml", "--train", data, "--augment")
    assert "aug-" not in run(*arguments, "flip,scale,color").output
    found = run(*arguments, f"{data / 'mine.py'}:image_alone")
    assert found.exit_code == 1
    assert "aug-image-only  augmentation: image_alone moved the image but not the masks" in found.output


def test_the_run_folder_says_what_was_augmented(tmp_path):
    made = augmentation("flip,color")
    note_augmentation(tmp_path, 1, recorded(None, None))
    assert not (tmp_path / AUGMENTATION_FILE).exists()
    recipes = recorded("flip,color", made)
    for epoch, text in ((1, recipes), (3, recipes), (5, "none"), (6, "a.py:f")):
        note_augmentation(tmp_path, epoch, text)
    lines = (tmp_path / AUGMENTATION_FILE).read_text().splitlines()
    assert lines == ["from epoch 1: flip=0.5,color=0.2", "from epoch 5: none", "from epoch 6: a.py:f"]
    assert recorded("a.py:f", made) == "a.py:f"


def test_samples_need_no_tensorflow():
    code = (
        "import sys, mrcnn_roi.engine.batch_sheet, mrcnn_roi.inputs.augmentations, mrcnn_roi.engine.user_augmentation;"
        "print({'tensorflow', 'keras', 'albumentations', 'imgaug'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"
