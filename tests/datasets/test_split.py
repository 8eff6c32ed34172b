"""split_dataset: reproducible, by image, for any subclass."""

import pickle

import numpy as np
import pytest

from mrcnn_roi.datasets import Dataset, draw_shapes, load_dataset, scan_dataset, split_dataset
from mrcnn_roi.datasets.split import held_out


class InMemory(Dataset):
    """Keeps pixels and masks in lists of its own, indexed by image id: renumbering must not confuse them."""

    def __init__(self, count=10):
        super().__init__()
        self.pixels = [np.full((8, 9, 3), index, np.uint8) for index in range(count)]
        self.add_class("memory", 1, "thing")
        for index in range(count):
            self.add_image("memory", index, path=None, marker=index)
        self.prepare()

    def load_image(self, image_id):
        return self.pixels[image_id]

    def load_mask(self, image_id):
        masks = np.zeros((8, 9, 1), bool)
        masks.reshape(-1)[: image_id + 1] = True
        return masks, np.array([1], np.int32)

    def image_reference(self, image_id):
        return f"memory {image_id}"


def markers(part):
    return [info["marker"] for info in part.image_info]


def test_images_are_divided_in_order():
    dataset = InMemory()
    train, val = split_dataset(dataset, 0.3, seed=4)
    assert len(markers(val)) == 3
    assert sorted(markers(train) + markers(val)) == list(range(10))
    assert markers(train) == sorted(markers(train))
    assert train.class_names == val.class_names == ["BG", "thing"]
    assert val.image_ids.tolist() == [0, 1, 2]
    assert dataset.num_images == 10


def test_parts_load_their_own_images():
    for part in split_dataset(InMemory(), 0.4):
        assert isinstance(part, InMemory)
        for image_id in part.image_ids:
            marker = part.image_info[image_id]["marker"]
            assert (part.load_image(image_id) == marker).all()
            assert part.load_mask(image_id)[0].sum() == marker + 1
            assert part.image_reference(image_id) == f"memory {marker}"


def test_a_part_can_be_split_and_pickled():
    train, _ = split_dataset(InMemory(), 0.2)
    _, val = split_dataset(train, 0.5)
    val = pickle.loads(pickle.dumps(val))
    assert [int(val.load_image(i)[0, 0, 0]) for i in val.image_ids] == markers(val)


def test_the_seed_decides_and_the_order_of_images_does_not():
    dataset = InMemory()
    assert markers(split_dataset(dataset, 0.3, 1)[1]) == markers(split_dataset(dataset, 0.3, 1)[1])
    assert len({tuple(markers(split_dataset(dataset, 0.3, seed)[1])) for seed in range(10)}) > 5
    backwards = InMemory()
    backwards.image_info.reverse()
    assert sorted(markers(split_dataset(backwards, 0.3, 1)[1])) == markers(split_dataset(dataset, 0.3, 1)[1])


@pytest.mark.parametrize("fraction, in_val", [(0.01, 1), (0.99, 9), (0.5, 5)])
def test_each_part_has_an_image(fraction, in_val):
    train, val = split_dataset(InMemory(), fraction)
    assert (train.num_images, val.num_images) == (10 - in_val, in_val)


@pytest.mark.parametrize("fraction", [0, 1, -0.1, 20])
def test_fraction_out_of_range(fraction):
    with pytest.raises(ValueError, match="expected val_fraction between 0 and 1, received"):
        split_dataset(InMemory(), fraction)


def test_one_image_cannot_be_split():
    with pytest.raises(ValueError, match="at least 2 images to split, received 1"):
        split_dataset(InMemory(1))


def test_a_loaded_dataset_and_its_scan(tmp_path):
    dataset = load_dataset(draw_shapes(tmp_path, 12, 64, 64))
    whole = scan_dataset(dataset)
    boxes = {name: whole.box[whole.instance_image == row].tolist() for row, name in enumerate(whole.names)}
    for part in split_dataset(dataset, 0.25):
        for fast in (False, True):
            scan = scan_dataset(part, fast=fast)
            assert scan.mask_errors == scan.image_errors == {}
            for row, name in enumerate(scan.names):
                assert scan.box[scan.instance_image == row].tolist() == boxes[name]


class Few(InMemory):
    """Images of which only some have an object."""

    def __init__(self, count, objects):
        self.objects = objects
        super().__init__(count)

    def load_mask(self, image_id):
        masks, ids = super().load_mask(image_id)
        return (masks, ids) if image_id in self.objects else (masks[..., :0], ids[:0])


@pytest.mark.parametrize("count", [2, 3, 4, 5, 10])
def test_held_out_is_the_random_split(count):
    dataset = InMemory(count)
    for seed in range(5):
        expected = [markers(part) for part in split_dataset(dataset, 0.2, seed)]
        assert [markers(part) for part in held_out(dataset, 0.2, seed)] == expected


@pytest.mark.parametrize("count, objects", [(3, {0, 1}), (4, {0, 1, 2}), (4, {2, 3})])
def test_few_images_are_validated_by_one_with_an_object(count, objects):
    dataset = Few(count, objects)
    for seed in range(8):
        train, val = held_out(dataset, 0.2, seed)
        assert objects & set(markers(val))
        assert sorted(markers(train) + markers(val)) == list(range(count))
        assert [markers(part) for part in held_out(dataset, 0.2, seed)] == [markers(train), markers(val)]


def test_what_cannot_be_validated(tmp_path):
    single = InMemory(1)
    assert held_out(single) == (single, None)
    for seed in range(4):
        chance = [markers(part) for part in split_dataset(Few(2, {0}), 0.2, seed)]
        assert [markers(part) for part in held_out(Few(2, {0}), 0.2, seed)] == chance
