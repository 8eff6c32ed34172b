import itertools
import logging
import os
import threading

import numpy as np
import pytest

from mrcnn_roi.datasets import processes
from mrcnn_roi.findings import SetupError
from mrcnn_roi.inputs import sample_stream
from mrcnn_roi.inputs.order import Place
from mrcnn_roi.inputs.sample_stream import SampleStream

HERE = os.getpid()


def make(place):
    return {"number": np.array(place.number), "process": np.array(os.getpid())}


def stream(make=make, workers=2, parallel_safe=False, places=None, batch=3):
    places = places or (Place(i % 5, i // 5, i) for i in itertools.count())
    return SampleStream(
        make,
        make,
        places,
        name_of=lambda image_id: f"folder/{image_id}.png",
        workers=workers,
        batch_size=batch,
        ahead=2,
        sizes={"number": 8, "process": 8},
        most_bytes=4096,
        parallel_safe=parallel_safe,
    )


def stack(samples):
    return {name: np.stack([sample[name] for sample in samples]) for name in samples[0]}


def numbers(source):
    """Of the next batch."""
    return source.take(stack)["number"].tolist()


@pytest.fixture
def no_processes(monkeypatch):
    monkeypatch.setattr(processes, "available", lambda: False)


def take(source, batches):
    try:
        return [numbers(source) for _ in range(batches)]
    finally:
        source.close()


@pytest.mark.parametrize("workers", [0, 1, 2, 5])
def test_in_order_with_any_number_of_workers(workers):
    assert take(stream(workers=workers), 4) == [[0, 1, 2], [3, 4, 5], [6, 7, 8], [9, 10, 11]]


@pytest.mark.parametrize("parallel_safe, count", [(False, 1), (True, 3)])
@pytest.mark.usefixtures("no_processes")
def test_threads_where_there_are_no_processes(parallel_safe, count):
    seen = set()

    def noted(place):
        seen.add(threading.current_thread().name)
        return make(place)

    source = stream(noted, workers=3, parallel_safe=parallel_safe)
    assert len(source._threads._threads) == count
    assert take(source, 3) == [[0, 1, 2], [3, 4, 5], [6, 7, 8]]
    assert threading.current_thread().name not in seen


def only_here(place):
    """A class that holds what a forked process cannot use."""
    if os.getpid() != HERE:
        raise OSError("the file is not open in this process")
    return make(place)


def test_what_cannot_be_shared_goes_on_in_this_process(caplog):
    with caplog.at_level(logging.WARNING):
        assert take(stream(only_here), 4) == [[0, 1, 2], [3, 4, 5], [6, 7, 8], [9, 10, 11]]
    (record,) = caplog.records
    assert "folder/0.png" in record.message
    assert "not open in this process" in record.message


def test_a_failure_is_the_users_own_exception():
    def broken(place):
        if place.number == 4:
            raise KeyError("all_points_x")
        return make(place)

    source = stream(broken)
    assert numbers(source) == [0, 1, 2]
    with pytest.raises(KeyError, match="all_points_x") as caught:
        numbers(source)
    source.close()
    assert any(entry.name == "broken" for entry in caught.traceback)


def test_a_loader_that_kills_its_process_is_named():
    def kills(place):
        if place.number == 4:
            os._exit(9)
        return make(place)

    source = stream(kills)
    assert numbers(source) == [0, 1, 2]
    with pytest.raises(SetupError, match=r"ds-file-unreadable.*folder/4\.png.*image 4: .*died \(exit status 9\)"):
        numbers(source)
    source.close()


def test_a_loader_that_hangs_in_processes_only(monkeypatch, caplog):
    monkeypatch.setattr(sample_stream, "PATIENCE", 0.2)

    def hangs(place):
        if os.getpid() != HERE and place.number == 4:
            threading.Event().wait()
        return make(place)

    assert take(stream(hangs), 3) == [[0, 1, 2], [3, 4, 5], [6, 7, 8]]
    assert "folder/4.png" in caplog.text


def test_a_loader_that_hangs_everywhere_is_named(monkeypatch):
    monkeypatch.setattr(sample_stream, "PATIENCE", 0.2)

    def hangs(place):
        if place.number == 4:
            threading.Event().wait()
        return make(place)

    source = stream(hangs)
    assert numbers(source) == [0, 1, 2]
    with pytest.raises(SetupError, match=r"folder/4\.png.*has not come back"):
        numbers(source)
    source.close()


@pytest.mark.usefixtures("no_processes")
def test_a_timeout_of_the_users_own_is_passed_on():
    def slow(place):
        raise TimeoutError("the server does not answer")

    source = stream(slow)
    with pytest.raises(TimeoutError, match="the server"):
        numbers(source)
    source.close()
