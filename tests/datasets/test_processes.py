"""Worker processes: all items once, whoever dies or hangs."""

import os
import signal
import time

import pytest

from mrcnn_roi.datasets import processes

pytestmark = pytest.mark.skipif(not processes.available(), reason="worker processes are forked on Linux only")
CHUNKS = [[1, 2, 3], [4, 5], [6], [7, 8, 9]]


def double(chunk, mark):
    return [(mark(item), 2 * item)[1] for item in chunk]


def run(function, patience=60.0, workers=2):
    answers = processes.work(function, CHUNKS, workers=workers, died=lambda item, how: [(item, how)], patience=patience)
    return {tuple(chunk): answer for chunk, answer in answers}


def test_every_chunk_is_answered_once():
    assert run(double) == {tuple(chunk): [2 * item for item in chunk] for chunk in CHUNKS}


@pytest.mark.parametrize("end, how", [
    (lambda: os.kill(os.getpid(), signal.SIGKILL), "SIGKILL, perhaps for want of memory"),
    (lambda: os.kill(os.getpid(), signal.SIGUSR1), "SIGUSR1"),
    (lambda: os._exit(3), "exit status 3"),
])  # fmt: skip
def test_a_dead_worker_is_told_with_its_item_and_the_others_are_done(end, how):
    def dies_at_five(chunk, mark):
        for item in chunk:
            mark(item)
            if item == 5:
                end()
        return [2 * item for item in chunk]

    answers = run(dies_at_five)
    assert answers.pop((5,)) == [(5, how)]
    assert answers == {(1, 2, 3): [2, 4, 6], (4,): [8], (6,): [12], (7, 8, 9): [14, 16, 18]}


def test_workers_that_never_begin_end_in_an_error():
    with pytest.raises(processes.StalledError):
        run(lambda chunk, mark: os._exit(1))


def test_a_hanging_worker_is_noticed():
    def hangs(chunk, mark):
        mark(chunk[0])
        time.sleep(30 if 6 in chunk else 0)
        return chunk

    started = time.monotonic()
    with pytest.raises(processes.StalledError):
        run(hangs, patience=0.5)
    assert time.monotonic() - started < 20


def test_an_exception_comes_as_text():
    with pytest.raises(processes.WorkerError, match="ZeroDivisionError"):
        run(lambda chunk, mark: 1 / 0)


def test_no_worker_outlives_the_iterator(tmp_path):
    def notes(chunk, mark):
        (tmp_path / str(os.getpid())).touch()
        return double(chunk, mark)

    answers = processes.work(notes, CHUNKS, workers=2, died=lambda *_: None, patience=60)
    next(answers)
    answers.close()
    for path in tmp_path.iterdir():
        with pytest.raises(ProcessLookupError):
            os.kill(int(path.name), 0)
