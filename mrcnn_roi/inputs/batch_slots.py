"""Memory that worker processes and this one share: every slot holds a batch, its samples side by side as TensorFlow
wants them, so that a batch need not be copied from its samples."""

from __future__ import annotations

import ctypes
import mmap
import weakref
from collections import deque
from collections.abc import Mapping

import numpy as np

ALIGNMENT = 64  # bytes: TensorFlow copies arrays that begin elsewhere
Arrays = dict[str, np.ndarray]
Kinds = list[tuple[str, str, tuple[int, ...]]]  # name, dtype and shape of the arrays of a sample


class BatchSlots:
    """Slots of shared memory. `free` holds the numbers of those that nobody fills or reads.

    Args:
        sizes: bytes that each array of a sample may take, by name.
        batch_size: samples in a slot.
        filling: how many slots there are for batches that are being made.
        lent: how many more there are for batches that are in use.
    """

    def __init__(self, sizes: Mapping[str, int], batch_size: int, filling: int, lent: int):
        self.batch_size, self._sizes = batch_size, dict(sizes)
        self._starts, size = {}, 0
        for name, each in sizes.items():
            self._starts[name] = size
            size += -(-batch_size * each // ALIGNMENT) * ALIGNMENT
        self._memory = [mmap.mmap(-1, max(size, 1)) for _ in range(filling + lent)]
        self._most_lent, self._lent = lent, set[int]()
        self.free = deque(range(filling + lent))

    def put(self, slot: int, seat: int, arrays: Arrays) -> Kinds | None:
        """Copies a sample to its place in a slot; None, and nothing is done, where it does not fit."""
        if any(array.dtype.hasobject or array.nbytes > self._sizes.get(name, 0) for name, array in arrays.items()):
            return None
        kinds = [(name, array.dtype.str, array.shape) for name, array in arrays.items()]
        for name, view in self.sample(slot, seat, kinds).items():
            view[...] = arrays[name]
        return kinds

    def sample(self, slot: int, seat: int, kinds: Kinds) -> Arrays:
        """The arrays of a sample in its seat of a slot, views of it."""
        return {
            name: self._view(self._memory[slot], name, dtype, shape, seat * _bytes(dtype, shape))
            for name, dtype, shape in kinds
        }

    def lend(self, slot: int, kinds: Kinds) -> Arrays | None:
        """The batch in a slot that `batch_size` samples of these kinds fill, views of it; the slot is free again when
        nobody holds them any more. None where as many as may be are lent."""
        if len(self._lent) >= self._most_lent:
            return None
        memory = self._memory[slot]
        loan = (ctypes.c_char * len(memory)).from_buffer(memory)  # what all the views hold on to
        self._lent.add(slot)
        weakref.finalize(loan, self._give_back, slot).atexit = False
        return {name: self._view(loan, name, dtype, (self.batch_size, *shape), 0) for name, dtype, shape in kinds}

    def _give_back(self, slot: int) -> None:
        self._lent.discard(slot)
        self.free.append(slot)

    def _view(self, memory, name: str, dtype: str, shape: tuple[int, ...], offset: int) -> np.ndarray:
        return np.ndarray(shape, dtype, memory, self._starts[name] + offset)


def _bytes(dtype: str, shape: tuple[int, ...]) -> int:
    return int(np.prod(shape, dtype=np.int64)) * np.dtype(dtype).itemsize
