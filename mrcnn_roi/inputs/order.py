"""Which image is the n-th sample of a run: a function of the seed, so that any place of the stream can be gone to."""

from __future__ import annotations

import contextlib
import random
from bisect import bisect_right
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np


class Place(NamedTuple):
    """One sample of the stream: an image, the pass over the data it belongs to, and which one of the pass it is."""

    image_id: int
    epoch: int
    number: int


class Order:
    """The endless stream of samples, pass after pass over the images.

    Args:
        image_ids: int [I].
        seed: of the order of every pass.
        shuffle: a new order every pass; False keeps that of image_ids.
        repeats: float [I], how often each image comes in a pass on average, None for once. The fraction is drawn anew
            in every pass (repeat factor sampling, Gupta et al. 2019, section 4.2).
    """

    def __init__(self, image_ids, *, seed: int, shuffle: bool = True, repeats=None):
        self.image_ids = np.array(image_ids)
        self.seed, self.shuffle = seed, shuffle
        self.repeats = None if repeats is None else np.asarray(repeats, np.float64)
        self._starts = [0]  # position of the first sample of every pass that was asked for, and of the next one
        self._pass: tuple[int, np.ndarray] = (-1, self.image_ids[:0])

    def __getitem__(self, position: int) -> Place:
        """The sample at a position from 0 on."""
        while self._starts[-1] <= position:
            self._starts.append(self._starts[-1] + len(self._images(len(self._starts) - 1)))
        epoch = bisect_right(self._starts, position) - 1
        number = position - self._starts[epoch]
        return Place(int(self._images(epoch)[number]), epoch, number)

    def rng(self, place: Place) -> np.random.Generator:
        """The random numbers of one sample."""
        return np.random.default_rng([self.seed, place.epoch, place.number])

    @contextlib.contextmanager
    def seeded(self, place: Place) -> Iterator[None]:
        """`random` and `np.random` begin with a seed of the sample, and go on afterwards as if nothing had been drawn:
        users' code may draw from them instead of from the sample's rng."""
        before = random.getstate(), np.random.get_state()
        state = np.random.SeedSequence([self.seed, place.epoch, place.number, 1]).generate_state(4)
        random.seed(state.tobytes())
        np.random.seed(state)
        try:
            yield
        finally:
            random.setstate(before[0])
            np.random.set_state(before[1])

    def _images(self, epoch: int) -> np.ndarray:
        if self._pass[0] != epoch:
            self._pass = epoch, self._drawn(epoch)
        return self._pass[1]

    def _drawn(self, epoch: int) -> np.ndarray:
        rng = np.random.default_rng([self.seed, epoch])
        image_ids = self.image_ids.copy()
        if self.repeats is not None:
            whole = np.floor(self.repeats)
            image_ids = np.repeat(image_ids, (whole + (rng.random(len(whole)) < self.repeats - whole)).astype(np.int64))
        if self.shuffle:
            rng.shuffle(image_ids)
        return image_ids
