import itertools

import numpy as np
import pytest

from mrcnn_roi.inputs.order import Order, Place


def taken(order, count, start=0):
    return [order[position] for position in range(start, start + count)]


def test_every_image_comes_once_a_pass_and_each_pass_has_an_order_of_its_own():
    places = taken(Order([7, 8, 9, 10, 11], seed=3), 15)
    passes = [[place.image_id for place in places if place.epoch == epoch] for epoch in range(3)]
    assert all(sorted(each) == [7, 8, 9, 10, 11] for each in passes)
    assert len({tuple(each) for each in passes}) > 1
    assert [place.number for place in places] == [0, 1, 2, 3, 4] * 3


def test_without_shuffling_the_order_is_the_datasets():
    assert [place.image_id for place in taken(Order([3, 1, 2], seed=0, shuffle=False), 6)] == [3, 1, 2, 3, 1, 2]


@pytest.mark.parametrize("repeats", [None, [1.0, 1.5, 3.2, 1.0]])
def test_any_place_can_be_gone_to(repeats):
    whole = taken(Order(range(4), seed=5, repeats=repeats), 50)
    for start in (0, 1, 13, 37):
        assert taken(Order(range(4), seed=5, repeats=repeats), 8, start) == whole[start : start + 8]
    order = Order(range(4), seed=5, repeats=repeats)
    assert [order[position] for position in (40, 3, 25)] == [whole[40], whole[3], whole[25]]


def test_seeds_differ():
    assert taken(Order(range(20), seed=1), 20) != taken(Order(range(20), seed=2), 20)


def test_images_come_as_often_as_they_should_on_average():
    repeats = [1.0, 1.25, 2.5, 4.0]
    order = Order([10, 11, 12, 13], seed=0, repeats=repeats)
    epochs = 400
    counts = dict.fromkeys(order.image_ids.tolist(), 0)
    for place in itertools.takewhile(lambda each: each.epoch < epochs, (order[i] for i in itertools.count())):
        counts[place.image_id] += 1
    assert counts[10] == epochs
    assert counts[13] == 4 * epochs
    np.testing.assert_allclose([counts[11], counts[12]], [1.25 * epochs, 2.5 * epochs], rtol=0.06)


def test_a_place_is_a_tuple_of_integers():
    place = Order(np.array([4], np.int64), seed=0)[2]
    assert place == Place(4, 2, 0)
    assert all(type(each) is int for each in place)
