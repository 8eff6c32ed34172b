"""The samples of a run in order: from worker processes or, where those cannot do it, from threads or this process.

What a worker fails with is tried again here, so that its error is the user's own, with its place in the user's code.
Users' classes may hold what processes cannot share, an open file or a lock: where the second try succeeds, one thread
of this process goes on. What kills a worker is not tried again.
"""

from __future__ import annotations

import logging
import queue
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from concurrent.futures import TimeoutError as NotYetError
from itertools import chain

from mrcnn_roi.datasets import processes
from mrcnn_roi.findings import Finding, SetupError, Severity
from mrcnn_roi.inputs.batch_slots import Arrays, BatchSlots
from mrcnn_roi.inputs.order import Place
from mrcnn_roi.inputs.sample_workers import (
    SampleWorkers,
    WorkerDiedError,
    WorkerFailedError,
    WorkerStalledError,
)

PATIENCE = 120.0  # seconds that a sample may take before somebody asks why
IN_USE = 4  # batches: the trainer's, the one tf.data keeps ahead, and those TensorFlow is slow to let go of
log = logging.getLogger(__name__)


class SampleStream:
    """Makes batches of the samples of `places`, in their order.

    Args:
        make: place -> dict of arrays, where no other sample is made at the same time.
        make_in_thread: the same, beside others in threads.
        places: without end.
        name_of: image id -> what errors call it.
        workers: processes, or where there can be none threads; 0 makes every sample when it is asked for.
        batch_size: samples of a batch.
        ahead: batches begun before they are asked for.
        sizes: bytes that each array of a sample takes, by name.
        most_bytes: memory that batches share with worker processes, where it is enough for those ahead.
        parallel_safe: whether several threads may make samples at once.
    """

    def __init__(
        self,
        make: Callable[[Place], Arrays],
        make_in_thread: Callable[[Place], Arrays],
        places: Iterator[Place],
        *,
        name_of: Callable[[int], str],
        workers: int,
        batch_size: int,
        ahead: int,
        sizes: Mapping[str, int],
        most_bytes: int,
        parallel_safe: bool,
    ):
        self._make = make
        self._places, self._name_of = places, name_of
        self._batch_size, self._ahead = batch_size, ahead * batch_size
        self._parallel_safe = parallel_safe
        self._workers: SampleWorkers | None = None
        self._threads: _Threads | None = None
        if workers and processes.available():
            lent = max(0, min(IN_USE, most_bytes // (batch_size * sum(sizes.values())) - ahead))
            self._workers = SampleWorkers(
                lambda task: make(Place(*task)),
                places,
                workers=workers,
                slots=BatchSlots(sizes, batch_size, ahead, lent),
                patience=PATIENCE,
            )
        elif workers:
            several = parallel_safe and workers > 1
            self._threads = _Threads(
                make_in_thread if several else make, places, workers if several else 1, self._ahead
            )

    def take(self, stack: Callable[[list[Arrays]], Arrays]) -> Arrays:
        """The next batch: stack(samples), which must copy them, or the same without copying anything.

        Raises SetupError naming the image whose loader kills its process or does not come back, and whatever making
        a sample or `stack` raises.
        """
        samples = [self._next() for _ in range(self._batch_size)]
        batch = None if self._workers is None else self._workers.batch()
        if batch is None:
            batch = stack(samples)
            if self._workers is not None:
                self._workers.release()
        return batch

    def close(self) -> None:
        """Ends workers and threads."""
        if self._workers is not None:
            self._workers.close()
        if self._threads is not None:
            self._threads.close()

    def _next(self) -> Arrays:
        if self._workers is not None:
            return self._from_workers(self._workers)
        if self._threads is None:
            return self._make(next(self._places))
        place, sample = self._threads.take(PATIENCE)
        if sample is None:
            raise self._stalled(place.image_id)
        return sample

    def _from_workers(self, workers: SampleWorkers) -> Arrays:
        try:
            return workers.take()
        except WorkerDiedError as error:
            message = f"the worker process that made a sample of it died ({error.how})"
            fix = "load this image alone, with WORKERS = 0, to see what its loader does; or take it out of the dataset"
            raise self._setup_error(error.item, message, fix) from None
        except WorkerFailedError as error:
            place = Place(*error.task)
            if not self._parallel_safe:
                workers.close()  # what they share with this process may be the cause, and would be again
            sample = self._make(place)  # raises the error where it can be seen, or shows that the process was the cause
            if not self._parallel_safe:
                self._go_on_alone(workers, f"a worker process failed at {self._name_of(place.image_id)} ({error})")
            return sample
        except WorkerStalledError as error:
            workers.close()
            once_more = f"it is tried once more here, for up to {PATIENCE:.0f} seconds"
            self._go_on_alone(workers, f"{error} at {self._name_of(error.item)}; {once_more}")
            return self._next()

    def _go_on_alone(self, workers: SampleWorkers, why: str) -> None:
        """The rest of the stream by one thread, because processes cannot."""
        log.warning("%s: samples are made in this process from now on, which is slower", why)
        rest = chain(map(Place._make, workers.untaken), self._places)
        self._workers, self._threads = None, _Threads(self._make, rest, 1, self._ahead)

    def _stalled(self, image_id: int) -> SetupError:
        message = f"its load_image, load_mask or augmentation has not come back for {PATIENCE:.0f} seconds"
        return self._setup_error(image_id, message, "find out what it waits for, or take the image out of the dataset")

    def _setup_error(self, image_id: int, message: str, fix: str) -> SetupError:
        where = self._name_of(image_id)
        return SetupError(Finding("ds-file-unreadable", Severity.ERROR, f"image {image_id}: {message}", fix, where))


class _Threads:
    """Threads that make samples ahead. They end with the program, also where a user's loader never comes back."""

    def __init__(self, make: Callable[[Place], Arrays], places: Iterator[Place], count: int, ahead: int):
        self._places, self._ahead = places, max(ahead, count)
        self._tasks: queue.SimpleQueue = queue.SimpleQueue()
        self._waiting: deque[tuple[Place, Future]] = deque()
        self._threads = [threading.Thread(target=_serve, args=(make, self._tasks), daemon=True) for _ in range(count)]
        for thread in self._threads:
            thread.start()

    def take(self, patience: float) -> tuple[Place, Arrays | None]:
        """(the next place, its sample, or None where it takes longer than `patience` seconds)."""
        while len(self._waiting) < self._ahead:
            self._waiting.append((next(self._places), Future()))
            self._tasks.put(self._waiting[-1])
        place, future = self._waiting.popleft()
        try:
            return place, future.result(patience)
        except NotYetError:
            if future.done():  # it is the user's own
                raise
            return place, None

    def close(self) -> None:
        for _, future in self._waiting:
            future.cancel()
        for _ in self._threads:
            self._tasks.put(None)


def _serve(make: Callable[[Place], Arrays], tasks: queue.SimpleQueue) -> None:
    while (task := tasks.get()) is not None:
        place, future = task
        if not future.set_running_or_notify_cancel():
            continue
        try:
            future.set_result(make(place))
        except BaseException as error:
            future.set_exception(error)
