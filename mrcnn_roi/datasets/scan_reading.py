"""Reading the images of a scan: in this process while it takes no time, then in workers.

Users' classes are treated with care: their pictures are read in workers from the first one on, for their code may end
its process or never come back. What fails in a worker is looked at again outside of it, for a class may hold what
processes cannot share, and where workers hang or cannot begin, this process reads what is left.
"""

from __future__ import annotations

import contextlib
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np

from mrcnn_roi.datasets import processes
from mrcnn_roi.datasets.facts import ImageFacts, image_facts
from mrcnn_roi.datasets.scan_columns import Columns, pack, select

WORTH = 0.3, 0.5  # seconds done alone, and left to do, from which workers are worth starting
CHUNK, FULL_COST = 128, 16  # images given to a worker at once: so many headers, or so many times fewer pictures
USERS_APART = True  # users' classes are read in workers from the first picture on
PATIENCE = 60.0, 50.0  # seconds, or times the slowest image so far, that workers may be silent
TOLD = 0.2  # seconds between two reports of progress
RETRIED = 10  # images that failed in a worker, looked at again outside of it


def measured(
    dataset, image_ids, read, rows: list[int], workers: int, channels: int = 3
) -> Iterator[tuple[list[int], Columns]]:
    """(rows, their columns) of all rows, in any order. channels: what load_image is asked for."""
    one = partial(_one, dataset, image_ids, read, channels)
    apart = USERS_APART and workers > 1 and processes.available()
    if apart and not getattr(dataset, "parallel_safe", False) and any(read[row] for row in rows):
        yield from _shared(one, dataset, image_ids, read, rows, min(workers, len(rows)), 0.0)
        return
    started = shown = time.perf_counter()
    slowest, own, facts = 0.0, list[int](), list[ImageFacts]()
    for done, row in enumerate(rows):
        before = time.perf_counter()
        if own and before - shown > TOLD:
            yield own, pack(facts)
            shown, own, facts = before, [], []
        left = (before - started) / max(done, 1) * (len(rows) - done)
        if workers > 1 and done and before - started > WORTH[0] and left > WORTH[1]:
            yield own, pack(facts)
            yield from _shared(one, dataset, image_ids, read, rows[done:], workers, slowest)
            return
        own.append(row)
        facts.append(one(row))
        slowest = max(slowest, time.perf_counter() - before)
    yield own, pack(facts)


def _shared(one, dataset, image_ids, read, rows: list[int], workers: int, slowest: float):
    """The same by several workers. one: row -> its facts."""
    if not processes.available():
        if not getattr(dataset, "parallel_safe", False):
            yield from (([row], pack([one(row)])) for row in rows)
            return
        with ThreadPoolExecutor(workers) as pool:
            yield from (([row], pack([facts])) for row, facts in zip(rows, pool.map(one, rows)))
        return
    left, dead = set(rows), set[int]()
    doubtful: list[tuple[list[int], Columns]] = []

    def several(chunk: list[int], mark: Callable[[int], None]) -> Columns:
        return pack([(mark(row), one(row))[1] for row in chunk])  # type: ignore[func-returns-value]

    def died(row: int, how: str) -> Columns:
        dead.add(row)
        text = f"the process that read it died ({how})"
        facts = ImageFacts(path=str(dataset.image_info[image_ids[row]].get("path")), read=True, error=("", text))
        return pack([facts])

    patience = max(PATIENCE[0], PATIENCE[1] * slowest)
    try:
        for chunk, columns in processes.work(
            several, _chunks(rows, read), workers=workers, died=died, patience=patience
        ):
            left.difference_update(chunk)
            failed = bool(columns["error"] or columns["mask_error"]) and not getattr(dataset, "parallel_safe", False)
            if failed and dead.isdisjoint(chunk):
                doubtful.append((chunk, columns))
            else:
                yield chunk, columns
    except (processes.StalledError, processes.WorkerError):
        pass  # a user's class that cannot live in a forked process; what is left is read here
    yield from _looked_at_again(one, doubtful)
    for row in sorted(left):
        with _limited(patience):
            facts = one(row)
        yield [row], pack([facts])


@contextlib.contextmanager
def _limited(seconds: float) -> Iterator[None]:
    """Raises TimeoutError inside what takes longer, so that an image whose loader does not come back is one that cannot
    be read. Only where a signal can do it: in the main thread, and where nobody else uses this one."""
    usable = hasattr(signal, "SIGALRM") and threading.current_thread() is threading.main_thread()
    if not usable or signal.getsignal(signal.SIGALRM) is not signal.SIG_DFL:
        yield
        return

    def stop(*_):
        raise TimeoutError(f"it did not come back within {seconds:.0f} seconds")

    signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, signal.SIG_DFL)


def _looked_at_again(one, doubtful: list[tuple[list[int], Columns]]) -> Iterator[tuple[list[int], Columns]]:
    """What failed in a worker, read once more outside: a user's class may hold an open file, which processes cannot
    share. Where the first ones fail again, the others are believed."""
    believed = 0
    for rows, columns in doubtful:
        for place, row in enumerate(rows):
            failed = place in columns["error"] or place in columns["mask_error"]
            facts = one(row) if failed and believed < RETRIED else None
            believed += bool(facts and (facts.error or facts.mask_error))
            yield [row], pack([facts]) if facts else select(columns, np.array([place]))


def _one(dataset, image_ids, read, channels: int, row: int) -> ImageFacts:
    return image_facts(dataset, image_ids[row], bool(read[row]), channels)


def _chunks(rows: list[int], read: np.ndarray) -> list[list[int]]:
    """The rows in parts of about equal work."""
    cost = np.cumsum([FULL_COST if read[row] else 1 for row in rows]) // CHUNK
    return [part.tolist() for part in np.split(np.array(rows), np.flatnonzero(np.diff(cost)) + 1)]
