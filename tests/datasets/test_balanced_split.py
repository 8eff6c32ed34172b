"""balanced_split: complete, reproducible, and every class in its share."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mrcnn_roi.datasets import Dataset, balanced_split, draw_shapes, load_dataset
from mrcnn_roi.datasets.balanced import balanced_rows, class_counts, copies
from mrcnn_roi.datasets.stratify import divide

from .builders import image_file


class Counted(Dataset):
    """Images of which only the number of objects of each class is known."""

    def __init__(self, counts, names=None):
        super().__init__()
        self.counts = np.asarray(counts).tolist()
        for class_id in range(len(self.counts[0])):
            self.add_class("toy", class_id + 1, f"class {class_id + 1}")
        for row in range(len(self.counts)):
            self.add_image("toy", row if names is None else names[row], path=None, marker=row)
        self.prepare()

    def load_mask(self, image_id):
        own = self.counts[self.image_info[image_id]["marker"]]
        ids = np.repeat(np.arange(1, len(own) + 1), own)
        return np.ones((2, 3, len(ids)), bool), ids


def imbalanced(images=60, seed=3):
    """One class that is everywhere, one in a third of the images, one in few, and images without objects."""
    rng = np.random.default_rng(seed)
    counts = np.stack([rng.poisson(3, images), rng.poisson(0.4, images), rng.poisson(0.08, images)], axis=1)
    counts[rng.random(images) < 0.15] = 0
    return counts


def markers(part):
    return [info["marker"] for info in part.image_info]


def deviation(counts, rows, fraction):
    """By how much the shares of the classes and of the images are off, in all."""
    table = np.column_stack([counts, np.ones(len(counts))])
    shares = table[rows].sum(axis=0) / table.sum(axis=0)
    return np.abs(shares - fraction).sum()


def test_shares_are_those_of_the_best_of_many_random_splits():
    counts = imbalanced(150)
    for seed in range(5):
        train, val = balanced_split(Counted(counts), (0.8, 0.2), seed)
        rng = np.random.default_rng(seed)
        random = [rng.permutation(len(counts))[: len(val.image_ids)] for _ in range(200)]
        ours, best = deviation(counts, markers(val), 0.2), min(deviation(counts, rows, 0.2) for rows in random)
        assert ours <= best + 0.05
        assert ours < np.median([deviation(counts, rows, 0.2) for rows in random]) / 2
        empty = counts.sum(axis=1) == 0
        assert abs(empty[markers(val)].sum() - 0.2 * empty.sum()) <= 1


def test_a_share_is_off_by_few_objects():
    counts = np.tile([[1, 0], [1, 1], [0, 0], [2, 0], [0, 1]], (40, 1))
    train, val, test = balanced_split(Counted(counts), (0.7, 0.2, 0.1))
    for part, fraction in ((train, 0.7), (val, 0.2), (test, 0.1)):
        assert np.abs(counts[markers(part)].sum(axis=0) - fraction * counts.sum(axis=0)).max() <= 2
        assert abs(len(part.image_ids) - fraction * len(counts)) <= 0.03 * len(counts)


COUNTS = st.integers(1, 4).flatmap(
    lambda classes: st.lists(st.lists(st.integers(0, 3), min_size=classes, max_size=classes), min_size=3, max_size=14)
)


@settings(max_examples=40, deadline=None)
@given(COUNTS, st.sampled_from([(0.8, 0.2), (0.5, 0.5), (0.7, 0.2, 0.1)]), st.integers(0, 5), st.randoms())
def test_parts_are_complete_and_do_not_depend_on_the_order(counts, fractions, seed, random):
    dataset = Counted(counts)
    parts = balanced_rows(dataset, fractions, seed)
    assert sorted(row for rows in parts for row in rows) == list(range(len(counts)))
    assert all(rows == sorted(rows) and rows for rows in parts)
    table = np.array(counts)
    holds = [(table[rows] > 0).sum(axis=0) for rows in parts]
    if len(fractions) == 2 or len(counts) > 8:  # three parts of fewer images may need the last one of a class
        assert (holds[0][(table > 0).sum(axis=0) > 1] > 0).all()
    order = list(range(len(counts)))
    random.shuffle(order)
    again = balanced_rows(Counted(table[order], names=order), fractions, seed)
    assert [sorted(order[row] for row in rows) for rows in again] == parts


@pytest.mark.parametrize(
    "holders, expected",
    [
        ({0: [0]}, [{0}, set()]),  # one image: train
        ({0: [0, 1]}, [{0}, {0}]),
        ({0: [0, 1], 1: [0, 1]}, [{0, 1}, {0, 1}]),
        ({0: [0, 1, 2], 1: [0, 1]}, [{0, 1}, {0, 1}]),
        ({0: [0, 3, 4], 1: [1, 5, 6], 2: [2, 7, 8], 3: [0, 1, 2]}, [{0, 1, 2, 3}, {0, 1, 2, 3}]),
    ],
)
def test_rare_classes_are_in_train_and_then_in_val(holders, expected):
    counts = np.zeros((12, 4), int)
    for class_id, rows in holders.items():
        counts[rows, class_id] = 1
    for seed in range(20):
        parts = balanced_rows(Counted(counts), (0.8, 0.2), seed)
        assert [set(np.flatnonzero(counts[rows].sum(axis=0)).tolist()) for rows in parts] == expected


def test_a_class_that_is_with_rarer_ones_only_is_moved_into_val():
    counts = np.array([[1, 0, 1], [1, 0, 0], [1, 0, 0], [0, 1, 1], [0, 1, 0], [0, 1, 0], [0, 0, 0], [0, 0, 0]])
    for seed in range(30):
        train, val = balanced_rows(Counted(counts), (0.7, 0.3), seed)
        assert all((counts[rows].sum(axis=0) > 0).all() for rows in (train, val))


def test_seeds_give_different_splits_and_the_same_seed_the_same():
    dataset = Counted(imbalanced())
    splits = [tuple(balanced_rows(dataset, (0.8, 0.2), seed)[1]) for seed in range(6)]
    assert len(set(splits)) == 6
    assert splits == [tuple(balanced_rows(dataset, (0.8, 0.2), seed)[1]) for seed in range(6)]


def test_parts_load_their_own_images(tmp_path):
    dataset = load_dataset(draw_shapes(tmp_path, 12, 64, 64, background_images=3))
    train, val = balanced_split(dataset, (0.75, 0.25))
    paths = [info["path"] for info in dataset.image_info]
    for part in (train, val):
        for image_id in part.image_ids:
            row = paths.index(part.image_info[image_id]["path"])
            assert np.array_equal(part.load_image(image_id), dataset.load_image(row))
            assert np.array_equal(part.load_mask(image_id)[0], dataset.load_mask(row)[0])
    assert len(train.image_ids) + len(val.image_ids) == 12


def test_copies_stay_together(tmp_path):
    dataset = Dataset()
    dataset.add_class("toy", 1, "thing")
    for row in range(20):
        path = image_file(tmp_path / f"{row}.png", seed=row // 4)
        dataset.add_image("toy", row, path=str(path))
    dataset.add_image("toy", "gone", path=str(tmp_path / "gone.png"))
    dataset.prepare()
    assert copies(dataset) == [row // 4 * 4 for row in range(20)] + [20]
    for seed in range(5):
        for rows in balanced_rows(dataset, (0.6, 0.4), seed, np.zeros((21, 2), int)):
            assert {row // 4 for row in rows}.isdisjoint({row // 4 for row in set(range(21)) - set(rows)})


def test_counts_come_from_boxes_or_masks_and_never_fail(tmp_path):
    dataset = load_dataset(draw_shapes(tmp_path, 4, 64, 64, background_images=1))
    expected = [np.bincount(dataset.load_mask(i)[1], minlength=4).tolist() for i in dataset.image_ids]
    assert class_counts(dataset).tolist() == expected
    toy = Counted([[2, 1], [0, 3]])
    assert class_counts(toy).tolist() == [[0, 2, 1], [0, 0, 3]]
    toy.counts[0] = None
    assert class_counts(toy).tolist() == [[0, 0, 0], [0, 0, 3]]


@pytest.mark.parametrize("fractions", [(1,), (0.5, 0.6), (1.2, -0.2), (0.8, 0.2, 0), (0.5, float("nan"))])
def test_wrong_fractions(fractions):
    with pytest.raises(ValueError, match="expected fractions of two or more parts that sum to 1, received"):
        balanced_split(Counted([[1], [1]]), fractions)


def test_too_few_images(tmp_path):
    with pytest.raises(ValueError, match=r"at least 3 images to split, received 2 \(2 different ones\)"):
        balanced_split(Counted([[1], [1]]), (0.6, 0.2, 0.2))


def test_units_of_many_images_are_counted_as_such():
    counts = np.array([[0, 5, 5], *([[0, 1, 1]] * 15)])
    part = divide(counts, (0.75, 0.25))
    assert counts[part == 1].sum(axis=0).tolist() == [0, 5, 5]
