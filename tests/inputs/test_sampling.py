import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mrcnn_roi.inputs.sampling import dataset_repeat_factors, repeat_factors
from tests.inputs.conftest import MemoryDataset


def reference(rows, class_ids, count, threshold):
    """The formula of the paper, class by class and image by image."""
    classes = sorted({c for c in class_ids if c > 0})
    images_of = {c: {row for row, each in zip(rows, class_ids) if each == c} for c in classes}
    t = threshold if threshold is not None else 1 / max(len(classes), 1)
    factors = []
    for image in range(count):
        own = [c for c in classes if image in images_of[c]]
        factors.append(max([1.0] + [(t / (len(images_of[c]) / count)) ** 0.5 for c in own]))
    return factors


@settings(max_examples=60, deadline=None)
@given(
    st.integers(1, 8).flatmap(
        lambda count: st.tuples(
            st.just(count), st.lists(st.tuples(st.integers(0, count - 1), st.integers(-2, 4)), max_size=20)
        )
    ),
    st.one_of(st.none(), st.floats(0.01, 1)),
)
def test_the_papers_formula(images, threshold):
    count, objects = images
    rows, class_ids = [row for row, _ in objects], [each for _, each in objects]
    np.testing.assert_allclose(
        repeat_factors(rows, class_ids, count, threshold), reference(rows, class_ids, count, threshold)
    )


def test_no_objects_no_repeats():
    assert repeat_factors([], [], 3).tolist() == [1, 1, 1]
    assert repeat_factors([0], [-1], 2).tolist() == [1, 1]  # a crowd


@pytest.mark.parametrize("threshold, expected", [(None, 5**0.5), (0.1, 1.0), (1.0, 10**0.5)])
def test_of_a_dataset_that_only_load_mask_knows(threshold, expected):
    mask = np.ones((8, 8, 1), bool)
    ids = [np.array([1], np.int32)] * 9 + [np.array([2], np.int32)]
    dataset = MemoryDataset([np.zeros((8, 8, 3), np.uint8)] * 10, [mask] * 10, ids)
    factors = dataset_repeat_factors(dataset, threshold)
    np.testing.assert_allclose(factors[9], expected)
    np.testing.assert_allclose(factors[:9], max(1, ((threshold or 0.5) / 0.9) ** 0.5))
