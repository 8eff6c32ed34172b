import gc
import itertools
import os
import signal
import time

import numpy as np
import pytest
import tensorflow as tf

from mrcnn_roi.inputs.batch_slots import BatchSlots
from mrcnn_roi.inputs.sample_workers import SampleWorkers, WorkerDiedError, WorkerFailedError, WorkerStalledError

SIZES = {"item": 8, "image": 100, "flags": 7, "none": 0}


def numbered(task):
    """Arrays that tell their task, of different types and, where `extra` differs, shapes."""
    item, extra = task
    return {
        "item": np.array(item),
        "image": np.full((3 + extra, 5), item, np.float32),
        "flags": np.arange(7) % 2 == item % 2,
        "none": np.zeros((0, 4), np.int32),
    }


def tasks():
    """Shapes change every fourth task."""
    return ((i, i // 4 % 3) for i in itertools.count())


def workers(make=numbered, count=2, batch=1, filling=5, lent=0, sizes=SIZES, patience=30.0):
    slots = BatchSlots(sizes, batch, filling, lent)
    return SampleWorkers(make, tasks(), workers=count, slots=slots, patience=patience)


def check(arrays, i):
    for name, expected in numbered((i, i // 4 % 3)).items():
        np.testing.assert_array_equal(arrays[name], expected)
        assert arrays[name].dtype == expected.dtype


def take(pool):
    arrays = {name: array.copy() for name, array in pool.take().items()}
    pool.release()
    return arrays


@pytest.mark.parametrize("count, filling", [(1, 1), (1, 4), (2, 5), (3, 3)])
@pytest.mark.parametrize("image", [100, 80, 0])  # bytes: 80, only some fit, 0, all go through the pipe
def test_samples_come_in_order(count, filling, image):
    pool = workers(count=count, filling=filling, sizes={**SIZES, "image": image})
    try:
        for i in range(20):
            check(take(pool), i)
    finally:
        pool.close()


@pytest.mark.parametrize("batch", [2, 4])
@pytest.mark.parametrize("lent", [1, 3])
def test_batches_are_lent(batch, lent):
    pool = workers(batch=batch, filling=2, lent=lent)
    kept = []
    try:
        for start in range(0, 40, batch):
            samples = [pool.take() for _ in range(batch)]
            for i, sample in enumerate(samples, start):
                check(sample, i)
            whole = pool.batch()
            assert (whole is None) == (len(kept) == lent)
            if whole is None:
                pool.release()
                del kept[start // batch % lent]
                continue
            assert whole["image"].ctypes.data % 64 == whole["item"].ctypes.data % 64 == 0
            kept.append((start, whole))
            for number in range(len(kept) * batch):
                first, arrays = kept[number // batch]
                check({name: array[number % batch] for name, array in arrays.items()}, first + number % batch)
                del arrays
    finally:
        pool.close()


def test_what_is_lent_outlives_the_workers():
    pool = workers(batch=2, filling=1, lent=1)
    (pool.take(), pool.take())
    image = pool.batch()["image"][1:, 2]  # a view of a view
    pool.close()
    del pool
    gc.collect()
    np.testing.assert_array_equal(image, np.ones((1, 5)))


def test_a_slot_is_free_when_the_last_view_is_gone():
    slots = BatchSlots({"x": 8}, 2, 0, 1)
    slot = slots.free.popleft()
    for seat in range(2):
        kinds = slots.put(slot, seat, {"x": np.array(seat)})
    batch = slots.lend(slot, kinds)
    part = batch["x"][1:].reshape(1, 1)
    tensor = tf.constant(part)
    del batch
    assert slots.lend(slot, kinds) is None
    assert not slots.free
    del part, tensor
    gc.collect()
    assert list(slots.free) == [slot]


def test_samples_of_different_shapes_are_no_batch():
    pool = workers(batch=3, lent=2)
    try:
        [pool.take() for _ in range(3)]
        assert pool.batch() is not None
        samples = [pool.take() for _ in range(3)]  # of 3, 4, 4
        assert pool.batch() is None
        for i, sample in enumerate(samples, 3):
            check(sample, i)
        pool.release()
    finally:
        pool.close()


def test_a_batch_is_taken_whole():
    pool = workers(batch=2)
    try:
        (pool.take(), pool.take())
        with pytest.raises(ValueError, match="release"):
            pool.take()
    finally:
        pool.close()


def test_several_processes_take_part():
    def make(task):
        return {"process": np.array(os.getpid())}

    pool = workers(make, count=2, sizes={"process": 8})
    try:
        found = []
        for _ in range(6):
            found.append(int(take(pool)["process"]))
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
            take(pool)
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
        take(pool)
        with pytest.raises(WorkerStalledError) as caught:
            pool.take()
        assert caught.value.item == 1
        assert pool.untaken[0] == (1, 0)
    finally:
        pool.close()


def test_an_exception_names_its_task_and_the_others_go_on():
    def fails(task):
        if task[0] == 1:
            raise KeyError("polygon")
        return numbered(task)

    pool = workers(fails)
    try:
        take(pool)
        with pytest.raises(WorkerFailedError, match="polygon") as caught:
            pool.take()
        assert caught.value.task == (1, 0)
        pool.release()
        for i in range(2, 12):
            check(take(pool), i)
    finally:
        pool.close()


def test_close_leaves_no_process():
    pool = workers(lambda task: time.sleep(1000), count=3)
    processes = [each.process for each in pool._crew]
    pool._give_out()
    pool.close()
    assert not any(each.is_alive() for each in processes)
