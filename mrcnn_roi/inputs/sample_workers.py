"""Worker processes that make samples ahead, in order, and hand them over in shared memory.

Samples are given out in turn, worker by worker, each worker having several waiting, so that no worker waits for the
trainer. What a worker makes lies in the slot of its batch (see batch_slots); the pipe between them carries only the
shapes. What does not fit its place goes through the pipe.
"""

from __future__ import annotations

import time
import weakref
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from mrcnn_roi.datasets import processes
from mrcnn_roi.inputs.batch_slots import Arrays, BatchSlots, Kinds

SLOW = 50  # times as long as any sample before
LOOK = 1.0  # seconds after which a silent worker is looked at


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
    seat: int  # of its batch


class SampleWorkers:
    """Makes the samples of `tasks` in worker processes, ahead of them before they are asked for.

    Args:
        make: task -> dict of arrays; it runs in the workers.
        tasks: tuples of integers, without end; the first one is the item that errors speak of.
        workers: how many processes, at least one.
        slots: memory of the batches that are begun before the first is taken.
        patience: seconds; a worker that holds an item longer, and longer than SLOW times the slowest sample so far,
            has stalled.
    """

    def __init__(
        self,
        make: Callable[[tuple[int, ...]], Arrays],
        tasks: Iterable[tuple[int, ...]],
        *,
        workers: int,
        slots: BatchSlots,
        patience: float,
    ):
        self._tasks, self._slots = iter(tasks), slots
        self._waiting: deque[_Waiting] = deque()
        self._taken: list[tuple[int, Kinds | None]] = []  # slots of the batch's samples, and what lies there
        self._patience, self._slowest, self._given = patience, 0.0, 0
        self._filling, self._room = 0, 0  # the slot whose batch is being given out, and its samples that are not yet
        self._crew: list[processes.Worker] = []
        self._end = weakref.finalize(self, _end, self._crew)  # also where nobody calls close()
        function = _Filling(make, slots)
        try:
            for _ in range(workers):
                self._crew.append(processes.start(function, [each.connection for each in self._crew]))
        except BaseException:
            self.close()
            raise

    def take(self) -> Arrays:
        """The next sample of a batch. The arrays may be views, valid until `batch` or `release` is called."""
        if len(self._taken) == self._slots.batch_size:
            raise ValueError("expected batch() or release() after the samples of a batch, received take()")
        self._give_out()
        worker, task, slot, seat = self._waiting[0]
        failed, answer = self._answer(worker, task)
        self._waiting.popleft()
        self._taken.append((slot, None))
        if failed:
            raise WorkerFailedError(task, answer)
        seconds, arrays = answer
        self._slowest = max(self._slowest, seconds)
        if isinstance(arrays, dict):
            return arrays
        self._taken[-1] = slot, arrays
        return self._slots.sample(slot, seat, arrays)

    def batch(self) -> Arrays | None:
        """The batch of the samples taken, where it lies in memory as it should and nothing needs to be copied: every
        array with an axis more. It may be kept for as long as one likes. None where it must be copied."""
        (slot, kinds), *rest = self._taken
        if kinds is None or any(each != kinds for _, each in rest):
            return None
        batch = self._slots.lend(slot, kinds)
        if batch is not None:
            self._taken.clear()
        return batch

    def release(self) -> None:
        """Says that the samples taken are no longer used."""
        self._slots.free.append(self._taken[0][0])
        self._taken.clear()

    @property
    def untaken(self) -> list[tuple[int, ...]]:
        """The tasks that were given out and not taken, in order."""
        return [each.task for each in self._waiting]

    def close(self) -> None:
        """Ends the workers."""
        self._end()

    def _give_out(self) -> None:
        size = self._slots.batch_size
        while self._room or self._slots.free:
            if not self._room:
                self._filling, self._room = self._slots.free.popleft(), size
            task, seat = next(self._tasks), size - self._room
            worker = self._crew[self._given % len(self._crew)]
            processes.give(worker, [*task, self._filling, seat])
            self._waiting.append(_Waiting(worker, task, self._filling, seat))
            self._given, self._room = self._given + 1, self._room - 1

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

    def __init__(self, make: Callable[[tuple[int, ...]], Arrays], slots: BatchSlots):
        self.make, self.slots = make, slots

    def __call__(self, task: list[int], mark: Callable[[int], None]) -> tuple[float, Kinds | Arrays]:
        mark(task[0])
        started = time.monotonic()
        arrays, (slot, seat) = self.make(tuple(task[:-2])), task[-2:]
        kinds = self.slots.put(slot, seat, arrays)
        if kinds is None:
            return time.monotonic() - started, arrays
        mark(-1)
        return time.monotonic() - started, kinds
