"""Worker processes that make samples ahead, in order, and hand them over in shared memory.

Samples are given out in turn, worker by worker, each worker having several waiting, so that no worker waits for the
trainer. What a worker makes lies in a slot of memory that it shares with this process; the pipe between them carries
only the shapes. What does not fit a slot goes through the pipe.
"""

from __future__ import annotations

import mmap
import time
import weakref
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import numpy as np

from mrcnn_roi.datasets import processes

ALIGNMENT = 64  # bytes
SLOW = 50  # times as long as any sample before
LOOK = 1.0  # seconds after which a silent worker is looked at
Arrays = dict[str, np.ndarray]


class WorkerDiedError(Exception):
    """A worker process ended while it held `item`; `how` says the signal or the exit status."""

    def __init__(self, item: int, how: str):
        super().__init__(f"a worker process died ({how})")
        self.item, self.how = item, how


class WorkerStalledError(Exception):
    """A worker process has held `item` for `seconds`."""

    def __init__(self, item: int, seconds: float):
        super().__init__(f"a worker process has been silent for {seconds:.0f} seconds")
        self.item, self.seconds = item, seconds


class WorkerFailedError(Exception):
    """Making the sample of `task` raised in a worker; the text says what."""

    def __init__(self, task: tuple[int, ...], text: str):
        super().__init__(text)
        self.task = task


class _Waiting(NamedTuple):
    worker: processes.Worker
    task: tuple[int, ...]
    slot: int


class SampleWorkers:
    """Makes the samples of `tasks` in worker processes, `ahead` of them before they are asked for.

    Args:
        make: task -> dict of arrays; it runs in the workers.
        tasks: tuples of integers, without end; the first one is the item that errors speak of.
        workers: how many processes, at least one.
        ahead: samples that are begun before the first is taken; of each there is memory for one.
        slot_bytes: memory of a sample.
        patience: seconds; a worker that holds an item longer, and longer than SLOW times the slowest sample so far,
            has stalled.
    """

    def __init__(
        self,
        make: Callable[[tuple[int, ...]], Arrays],
        tasks: Iterable[tuple[int, ...]],
        *,
        workers: int,
        ahead: int,
        slot_bytes: int,
        patience: float,
    ):
        self._tasks = iter(tasks)
        self._slots = [mmap.mmap(-1, slot_bytes) for _ in range(ahead)]
        self._free = deque(range(ahead))
        self._waiting: deque[_Waiting] = deque()
        self._patience, self._slowest, self._given = patience, 0.0, 0
        self._crew: list[processes.Worker] = []
        self._end = weakref.finalize(self, _end, self._crew)  # also where nobody calls close()
        function = _Filling(make, self._slots)
        try:
            for _ in range(workers):
                self._crew.append(processes.start(function, [each.connection for each in self._crew]))
        except BaseException:
            self.close()
            raise

    def take(self) -> tuple[Arrays, int | None]:
        """(the next sample, its slot). The arrays are views of the slot, valid until `release` gives it away."""
        self._give_out()
        worker, task, slot = self._waiting[0]
        failed, answer = self._answer(worker, task)
        self._waiting.popleft()
        if failed:
            self._free.append(slot)
            raise WorkerFailedError(task, answer)
        seconds, arrays = answer
        self._slowest = max(self._slowest, seconds)
        if isinstance(arrays, dict):
            self._free.append(slot)
            return arrays, None
        return {name: _view(self._slots[slot], *place) for name, *place in arrays}, slot

    @property
    def untaken(self) -> list[tuple[int, ...]]:
        """The tasks that were given out and not taken, in order."""
        return [each.task for each in self._waiting]

    def release(self, slot: int | None) -> None:
        """Says that the arrays of a slot are no longer used."""
        if slot is not None:
            self._free.append(slot)

    def close(self) -> None:
        """Ends the workers."""
        self._end()

    def _give_out(self) -> None:
        while self._free:
            task = next(self._tasks)
            worker, slot = self._crew[self._given % len(self._crew)], self._free.popleft()
            processes.give(worker, [*task, slot])
            self._waiting.append(_Waiting(worker, task, slot))
            self._given += 1
        if not self._waiting:
            raise ValueError("expected release() of the samples taken before, received none: no memory is left")

    def _answer(self, worker: processes.Worker, task: tuple[int, ...]) -> Any:
        started = time.monotonic()
        held = None
        while not worker.connection.poll(LOOK):
            if not worker.process.is_alive() and not worker.connection.poll(0):
                raise self._death(worker, task)
            item = worker.current.value
            if item != held:
                held, started = item, time.monotonic()
            waited = time.monotonic() - started
            if waited > max(self._patience, SLOW * self._slowest):
                raise WorkerStalledError(task[0] if item < 0 else item, waited)
        try:
            return worker.connection.recv()
        except (EOFError, OSError):
            raise self._death(worker, task) from None

    def _death(self, worker: processes.Worker, task: tuple[int, ...]) -> WorkerDiedError:
        self._crew.remove(worker)
        item, how = processes.post_mortem(worker)
        return WorkerDiedError(task[0] if item < 0 else item, how)


def _end(crew: list[processes.Worker]) -> None:
    for worker in crew:
        processes.stop(worker)
    crew.clear()


class _Filling:
    """What a worker does with a task: makes the sample and puts it into its slot."""

    def __init__(self, make: Callable[[tuple[int, ...]], Arrays], slots: list[mmap.mmap]):
        self.make, self.slots = make, slots

    def __call__(self, task: list[int], mark: Callable[[int], None]) -> tuple[float, list[tuple] | Arrays]:
        mark(task[0])
        started = time.monotonic()
        arrays, places, start = self.make(tuple(task[:-1])), [], 0
        for name, array in arrays.items():
            places.append((name, array.dtype.str, array.shape, start))
            start += array.nbytes + -array.nbytes % ALIGNMENT
        slot = self.slots[task[-1]]
        if start > len(slot) or any(array.dtype.hasobject for array in arrays.values()):
            return time.monotonic() - started, arrays
        for array, place in zip(arrays.values(), places):
            _view(slot, *place[1:])[...] = array
        mark(-1)
        return time.monotonic() - started, places


def _view(slot: mmap.mmap, dtype: str, shape: tuple[int, ...], start: int) -> np.ndarray:
    return np.ndarray(shape, dtype, slot, start)
