"""Judging and showing single values of a Config."""

import numpy as np
import pytest

from mrcnn_roi.checks import values
from mrcnn_roi.checks.values import (
    Reading,
    Unreadable,
    closest,
    compact,
    flat_list,
    int_pair,
    is_int,
    number,
    number_list,
    show,
)


@pytest.mark.parametrize("value", [1, np.int8(1), np.array(1), 2**63 - 1])
def test_whole_numbers(value):
    assert is_int(value, 1)


@pytest.mark.parametrize("value", [True, np.bool_(True), 1.0, "1", None, 0, 2**63, [1], np.array([1]), float("nan")])
def test_no_whole_numbers_from_one_on(value):
    assert not is_int(value, 1)


@pytest.mark.parametrize(
    "value,expected",
    [(1, 1.0), (np.float32(0.5), 0.5), (np.array(2), 2.0), (True, None), ("1", None), (10**400, None)]
    + [(float("nan"), None), (-float("inf"), None), (1j, None), (None, None), ([1], None)],
)
def test_number(value, expected):
    assert number(value) == expected


@pytest.mark.parametrize(
    "value,expected",
    [([1, 2.5], [1.0, 2.5]), ((1,), [1.0]), (np.array([1, 2]), [1.0, 2.0]), ([], None), (5, None), ("12", None)]
    + [([1, None], None), ([1, [2]], None), (np.zeros((2, 2)), None), ([float("nan")], None), ({1, 2}, None)],
)
def test_number_list(value, expected):
    assert number_list(value) == expected


def test_int_pair():
    assert int_pair([28, np.int64(56)]) == int_pair(np.array([28, 56])) == (28, 56)
    assert [int_pair(each) for each in ([28], [28, 28.0], [0, 28], 28, None, [28, 28, 1])] == [None] * 6


def test_flat_list():
    assert flat_list((1, "a")) == [1, "a"]
    assert flat_list("ab") is None


def test_show_is_short_and_on_one_line():
    class Silent:
        def __repr__(self):
            raise RuntimeError

    assert show("a\nb") == "'a\\nb'"
    assert show(np.array([[1, 2], [3, 4]])) == "[[1, 2], [3, 4]]"
    assert show(np.zeros((30, 2))) == "an array of shape (30, 2)"
    assert show(np.float64(0.5)) == "0.5"
    assert len(show(list(range(1000)))) < 60
    assert show(10**9000) == "a value of type int"
    assert "Silent" in show(Silent())


def test_compact():
    assert [compact(each) for each in (8.0, 0.33, 1e-5, 1e300)] == ["8", "0.33", "1e-05", "1e+300"]


def test_closest():
    known = ("IMAGE_MIN_DIM", "IMAGE_RESIZE_MODE", "NAME")
    assert closest("IMAGE_MINDIM", known) == "IMAGE_MIN_DIM"
    assert closest("RESIZE_IMAGE_MODE", known) == "IMAGE_RESIZE_MODE"
    assert closest("DATASET_SIZE", known) is None
    assert closest("NAME", ()) is None


def test_a_text_that_cannot_be_alike_is_not_compared(monkeypatch):
    monkeypatch.setattr(values, "similarity", None)
    assert closest("a" * 100_000, ["IMAGE_MIN_DIM", "a"]) is None
    assert closest("a", ["IMAGE_MIN_DIM"]) is None


def test_reading():
    class Failing:
        SIZE = np.int64(3)

        @property
        def OTHER(self):
            raise OSError("no file")

    reading = Reading(Failing())
    assert type(reading.SIZE) is int
    assert not hasattr(reading, "OTHER")
    with pytest.raises(Unreadable, match="MISSING"):
        _ = reading.MISSING
