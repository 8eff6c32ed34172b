"""Worker processes that may die or stop answering without taking the program with them.

Processes are forked, so that they know the dataset without it being copied or pickled: users' classes live in scripts
that must not run a second time. Where forking is not to be had or not safe (macOS, Windows), `available()` is False
and the work stays in the calling process.
"""

from __future__ import annotations

import contextlib
import ctypes
import multiprocessing
import os
import signal
import stat
import sys
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

ASK = 2.0  # seconds after which a waiting worker looks whether its parent is still there
_MMAP_THRESHOLD, _TRIM_THRESHOLD = -3, -1  # malloc.h
UNBORN = 3  # workers that may die before they have begun with an item


class StalledError(Exception):
    """No worker has answered for longer than it was given."""


class WorkerError(Exception):
    """A function failed in a worker; the text is the traceback there."""


@dataclass
class Worker:
    """A worker process. It answers each chunk that `give` sends, in their order, with (failed, what function made, or
    the text of its exception)."""

    process: Any
    connection: Connection
    current: Any  # the item it works on, shared memory; -1 before the first
    chunk: list[int] | None = None  # the last one it was given and has not answered


def available() -> bool:
    """Whether worker processes can be had here."""
    return sys.platform.startswith("linux") and not multiprocessing.current_process().daemon


def cores() -> int:
    """How many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def work(
    function: Callable[[list[int], Callable[[int], None]], Any],
    chunks: Sequence[list[int]],
    *,
    workers: int,
    died: Callable[[int, str], Any],
    patience: float,
) -> Iterator[tuple[list[int], Any]]:
    """Yields (chunk, function(chunk, mark)) for every chunk of items, in the order in which they are done.

    function runs in a worker and calls mark(item) before it begins with an item. When a worker dies, the item it had
    marked is answered by died(item, how), as the chunk [item], and the others of its chunk are given out again.
    patience: seconds without any answer after which StalledError is raised. The workers are gone when the
        iterator is closed.
    """
    from multiprocessing.connection import wait  # takes a while, and a check of a config alone need not wait for it

    waiting, unborn = [list(chunk) for chunk in reversed(chunks)], 0
    crew: list[Worker] = []
    try:
        for _ in range(min(workers, len(chunks))):
            crew.append(start(function, [each.connection for each in crew]))
        last = time.monotonic()
        while waiting or any(each.chunk is not None for each in crew):
            for worker in crew:
                if worker.chunk is None and waiting:
                    give(worker, waiting.pop())
            busy = {each.connection: each for each in crew if each.chunk is not None}
            ready = wait(list(busy), timeout=1.0)
            if not ready and time.monotonic() - last > patience:
                raise StalledError
            for connection in ready:
                last = time.monotonic()
                worker = busy[connection]  # type: ignore[index]
                chunk: list[int] = worker.chunk  # type: ignore[assignment]
                try:
                    failed, answer = worker.connection.recv()
                except (EOFError, OSError):
                    crew.remove(worker)
                    item, how = post_mortem(worker)
                    rest = [each for each in chunk if each != item]
                    waiting += [rest] if rest else []
                    crew.append(start(function, [each.connection for each in crew]))
                    if item in chunk:
                        yield [item], died(item, how)
                        continue
                    unborn += 1
                    if unborn > UNBORN:
                        raise StalledError from None
                    continue
                worker.chunk = None
                if failed:
                    raise WorkerError(answer)
                yield chunk, answer
    finally:
        for worker in crew:
            stop(worker)


def start(function: Callable[[list[int], Callable[[int], None]], Any], others: Sequence[Connection]) -> Worker:
    """A new worker for function(chunk, mark); others: the connections of the workers there are, which it must close."""
    context = multiprocessing.get_context("fork")
    ours, theirs = context.Pipe()
    current = context.RawValue("q", -1)
    process = context.Process(target=_serve, args=(function, theirs, current, [ours, *others]), daemon=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # Python 3.12 on forking beside threads; `work` watches
        process.start()
    theirs.close()
    return Worker(process, ours, current)


def _serve(function, connection: Connection, current, others: list[Connection]) -> None:
    """The life of a worker."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's business
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    for each in others:
        each.close()
    if "cv2" in sys.modules:  # its threads did not come along, and it might wait for them for ever
        sys.modules["cv2"].setNumThreads(0)
    _own_positions()
    _keep_memory()
    parent = os.getppid()

    def mark(item: int) -> None:
        current.value = item

    while True:
        while not connection.poll(ASK):
            if os.getppid() != parent:
                return
        try:
            chunk = connection.recv()
            if chunk is None:
                return
            try:
                answer = (False, function(chunk, mark))
            except Exception as error:
                answer = (True, f"{type(error).__name__}: {error}")
            except BaseException:  # raised by a user's code, which would end with a traceback on the terminal
                os._exit(1)
            connection.send(answer)
        except (EOFError, OSError):
            return


def _keep_memory() -> None:
    """Tells the C library to keep large arrays that were freed. A process that began in another thread than the main
    one, in TensorFlow's for example, would spend nearly half of its time on giving them back to the system."""
    with contextlib.suppress(OSError, AttributeError, TypeError):
        mallopt = ctypes.CDLL(None).mallopt  # of glibc
        for option, size in ((_MMAP_THRESHOLD, 1 << 30), (_TRIM_THRESHOLD, 1 << 30)):
            mallopt(option, size)


def _own_positions() -> None:
    """Gives every file that is open for reading a position of its own: forked processes share it with their parent, and
    a loader that seeks and reads would get what another one sought."""
    import fcntl  # there is none on Windows, nor are there workers

    for name in os.listdir("/proc/self/fd"):
        number = int(name)
        with contextlib.suppress(OSError):
            flags = fcntl.fcntl(number, fcntl.F_GETFL)
            if flags & os.O_ACCMODE != os.O_RDONLY or not stat.S_ISREG(os.fstat(number).st_mode):
                continue
            own = os.open(f"/proc/self/fd/{number}", flags & ~os.O_CREAT & ~os.O_TRUNC)
            os.lseek(own, os.lseek(number, 0, os.SEEK_CUR), os.SEEK_SET)
            os.dup2(own, number, inheritable=os.get_inheritable(number))
            os.close(own)


def give(worker: Worker, chunk: list[int]) -> None:
    """Sends a chunk of items, at once: a worker may have several waiting."""
    if worker.chunk is None:
        worker.current.value = -1
    worker.chunk = chunk
    with contextlib.suppress(OSError):  # it is dead; reading from it will say so
        worker.connection.send(chunk)


def post_mortem(worker: Worker) -> tuple[int, str]:
    """(the item a dead worker held, how it died)."""
    worker.process.join(5)
    code = worker.process.exitcode
    worker.connection.close()
    item = worker.current.value
    if code is None or code >= 0:
        return item, f"exit status {code}"
    name = signal.Signals(-code).name if -code in list(signal.Signals) else f"signal {-code}"
    return item, f"{name}, perhaps for want of memory" if name == "SIGKILL" else name


def stop(worker: Worker) -> None:
    """Ends a worker, whatever it is doing."""
    with contextlib.suppress(OSError):
        if worker.chunk is None:
            worker.connection.send(None)
        else:
            worker.process.kill()
    worker.process.join(1)
    if worker.process.is_alive():
        worker.process.kill()
        worker.process.join(1)
    worker.connection.close()
