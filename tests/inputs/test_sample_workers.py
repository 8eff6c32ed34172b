import itertools
import os
import signal
import time

import numpy as np
import pytest

from mrcnn_roi.inputs.sample_workers import SampleWorkers, WorkerDiedError, WorkerFailedError, WorkerStalledError


def numbered(task):
    """Arrays that tell their task, of shapes and types that differ."""
    item, extra = task
    return {
        "item": np.array(item),
        "image": np.full((3 + extra, 5), item, np.float32),
        "flags": np.arange(7) % 2 == item % 2,
        "none": np.zeros((0, 4), np.int32),
    }


def tasks():
    return ((i, i % 3) for i in itertools.count())


def workers(make=numbered, count=2, ahead=5, slot_bytes=4096, patience=30.0):
    return SampleWorkers(make, tasks(), workers=count, ahead=ahead, slot_bytes=slot_bytes, patience=patience)


def check(arrays, i):
    for name, expected in numbered((i, i % 3)).items():
        np.testing.assert_array_equal(arrays[name], expected)
        assert arrays[name].dtype == expected.dtype


@pytest.mark.parametrize("count, ahead", [(1, 1), (1, 4), (2, 5), (3, 3)])
@pytest.mark.parametrize("slot_bytes", [4096, 64])  # 64: nothing fits, all goes through the pipe
def test_samples_come_in_order(count, ahead, slot_bytes):
    pool = workers(count=count, ahead=ahead, slot_bytes=slot_bytes)
    try:
        for i in range(20):
            arrays, slot = pool.take()
            check(arrays, i)
            assert (slot is None) == (slot_bytes == 64)
            pool.release(slot)
    finally:
        pool.close()


def test_arrays_stay_until_they_are_released():
    pool = workers(ahead=4)
    try:
        taken = [pool.take() for _ in range(4)]
        for i, (arrays, _) in enumerate(taken):
            check(arrays, i)
        with pytest.raises(ValueError, match="release"):
            pool.take()
        pool.release(taken[0][1])
        check(pool.take()[0], 4)
        for i, (arrays, _) in enumerate(taken[1:], 1):
            check(arrays, i)
    finally:
        pool.close()


def test_several_processes_take_part():
    def make(task):
        return {"process": np.array(os.getpid())}

    pool = workers(make, count=2)
    try:
        found = []
        for _ in range(6):
            arrays, slot = pool.take()
            found.append(int(arrays["process"]))
            pool.release(slot)
    finally:
        pool.close()
    assert len(set(found)) == 2
    assert os.getpid() not in found


def ends(task):
    """What a loader may do to its process at the image 3."""
    if task[0] == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return numbered(task)


def test_a_worker_that_dies_names_what_it_held():
    pool = workers(ends)
    try:
        for _ in range(3):
            pool.release(pool.take()[1])
        with pytest.raises(WorkerDiedError, match="SIGKILL") as caught:
            pool.take()
        assert caught.value.item == 3
    finally:
        pool.close()


def test_exit_in_a_loader_is_a_death():
    pool = workers(lambda task: os._exit(7), count=1)
    try:
        with pytest.raises(WorkerDiedError, match="exit status 7"):
            pool.take()
    finally:
        pool.close()


def test_a_worker_that_is_silent_names_what_it_holds():
    def sleeps(task):
        time.sleep(1000 if task[0] == 1 else 0)
        return numbered(task)

    pool = workers(sleeps, count=2, patience=0.1)
    try:
        pool.release(pool.take()[1])
        with pytest.raises(WorkerStalledError) as caught:
            pool.take()
        assert caught.value.item == 1
        assert pool.untaken[0] == (1, 1)
    finally:
        pool.close()


def test_an_exception_names_its_task_and_the_others_go_on():
    def fails(task):
        if task[0] == 1:
            raise KeyError("polygon")
        return numbered(task)

    pool = workers(fails)
    try:
        pool.release(pool.take()[1])
        with pytest.raises(WorkerFailedError, match="polygon") as caught:
            pool.take()
        assert caught.value.task == (1, 1)
        for i in range(2, 12):
            arrays, slot = pool.take()
            check(arrays, i)
            pool.release(slot)
    finally:
        pool.close()


def test_close_leaves_no_process():
    pool = workers(lambda task: time.sleep(1000), count=3)
    processes = [each.process for each in pool._crew]
    pool._give_out()
    pool.close()
    assert not any(each.is_alive() for each in processes)
