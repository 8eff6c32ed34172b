"""The shapes toy set on disk."""

import json
import time

import numpy as np
import pytest

from mrcnn_roi.datasets import draw_shapes, load_dataset


def contents(folder):
    return {path.relative_to(folder): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("shapes")
    draw_shapes(folder, 40, 96, 128, seed=5, background_images=3)
    return folder


def test_it_loads_as_coco(folder):
    dataset = load_dataset(folder)
    assert dataset.annotation_problems == []
    assert dataset.class_names == ["BG", "square", "circle", "triangle"]
    assert dataset.num_images == 40
    assert load_dataset(folder / "annotations.json").num_images == 40


def test_masks_are_the_drawn_pixels(folder):
    """Each shape has one colour of its own, and what no mask covers is the background's."""
    dataset = load_dataset(folder)
    counts, classes = [], set()
    for image_id in dataset.image_ids:
        image = dataset.load_image(image_id)
        masks, class_ids = dataset.load_mask(image_id)
        assert image.shape == (96, 128, 3)
        assert masks.sum(axis=2).max(initial=0) <= 1, "visible pixels do not overlap"
        regions = [image[masks[..., index]] for index in range(masks.shape[2])] + [image[~masks.any(axis=2)]]
        colours = {tuple(region[0]) for region in regions}
        assert all((region == region[0]).all() for region in regions)
        assert len(colours) == len(regions)
        assert (masks.sum(axis=(0, 1)) >= 12).all()
        counts.append(masks.shape[2])
        classes |= set(class_ids.tolist())
    assert counts[-3:] == [0, 0, 0]
    assert set(counts[:-3]) == {1, 2, 3, 4}
    assert classes == {1, 2, 3}


def test_bbox_and_area_are_the_masks(folder):
    dataset = load_dataset(folder)
    written = {each["id"]: each for each in json.loads((folder / "annotations.json").read_text())["annotations"]}
    for image_id in dataset.image_ids[:10]:
        masks, _ = dataset.load_mask(image_id)
        for index, read in enumerate(dataset.image_info[image_id]["records"]):
            record = written[read.id]
            ys, xs = np.nonzero(masks[..., index])
            assert record["area"] == len(ys)
            assert record["bbox"] == [xs.min(), ys.min(), np.ptp(xs) + 1, np.ptp(ys) + 1]


def test_the_same_arguments_give_the_same_files(tmp_path):
    for name, count, seed in (("a", 5, 1), ("b", 5, 1), ("longer", 7, 1), ("other", 5, 2)):
        assert draw_shapes(tmp_path / name, count, 64, 64, seed) == tmp_path / name / "annotations.json"
    first = contents(tmp_path / "a")
    assert len(first) == 6, "no temporary file is left"
    assert first == contents(tmp_path / "b")
    assert first != contents(tmp_path / "other")
    images = {path: data for path, data in first.items() if path.suffix == ".png"}
    assert images.items() <= contents(tmp_path / "longer").items()


def test_a_crowded_small_image(tmp_path):
    path = draw_shapes(tmp_path, 3, 32, 32, min_objects=20, max_objects=20)
    per_image = [annotation["image_id"] for annotation in json.loads(path.read_text())["annotations"]]
    assert np.bincount(per_image).tolist() == [0, 20, 20, 20]


def test_an_interrupted_drawing_leaves_no_annotations(tmp_path, monkeypatch):
    draw_shapes(tmp_path, 2, 64, 64)

    def interrupt(*args):
        raise KeyboardInterrupt

    monkeypatch.setattr("mrcnn_roi.datasets.shapes._annotation", interrupt)
    with pytest.raises(KeyboardInterrupt):
        draw_shapes(tmp_path, 3, 64, 64, seed=9)
    assert not (tmp_path / "annotations.json").exists()


def test_it_is_fast(tmp_path):
    draw_shapes(tmp_path / "warm", 2)
    start = time.perf_counter()
    draw_shapes(tmp_path / "timed", 50)
    assert (time.perf_counter() - start) / 50 < 0.02


@pytest.mark.parametrize(
    "arguments",
    [
        {"count": 0},
        {"background_images": 3},
        {"height": 16},
        {"min_objects": 0},
        {"min_objects": 5},
        {"max_objects": 99},
    ],
)
def test_wrong_arguments(tmp_path, arguments):
    with pytest.raises(ValueError, match="expected .*received"):
        draw_shapes(tmp_path, **({"count": 2} | arguments))
