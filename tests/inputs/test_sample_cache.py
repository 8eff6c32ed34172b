import multiprocessing

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mrcnn_roi.inputs.sample import Resized, load_resized
from mrcnn_roi.inputs.sample_cache import SampleCache, pack, unpack
from tests.inputs.conftest import memory_dataset, small_config


def no_crop(low, high):
    raise AssertionError("nothing is random here")


def equal(first, second):
    assert first[3:] == second[3:]
    for a, b in zip(first[:3], second[:3]):
        np.testing.assert_array_equal(a, b)
        assert a.dtype == b.dtype


@pytest.mark.parametrize("kind", ["memory", "disk"])
def test_the_second_time_it_is_the_same_and_not_loaded(kind, monkeypatch, tmp_path):
    monkeypatch.setenv("MRCNN_ROI_CACHE", str(tmp_path / "cache"))
    dataset, config = memory_dataset((100, 80, 5), (128, 128, 0), (64, 90, 40)), small_config()
    cache = SampleCache(dataset.image_ids, kind, 1e9)
    first = [cache(dataset, config, image_id, no_crop) for image_id in range(3)]
    assert cache.stored == 3
    monkeypatch.setattr(dataset, "load_image", None)
    for image_id in range(3):
        equal(cache(dataset, config, image_id, no_crop), first[image_id])
    monkeypatch.undo()
    for image_id in range(3):
        equal(first[image_id], load_resized(dataset, config, image_id, no_crop))


def test_what_it_returns_may_be_written_to():
    dataset, config = memory_dataset((100, 80, 5)), small_config()
    cache = SampleCache([0], "memory", 1e9)
    cache(dataset, config, 0, no_crop)
    second = cache(dataset, config, 0, no_crop)
    second.image[:], second.masks[:] = 7, True
    equal(cache(dataset, config, 0, no_crop), load_resized(dataset, config, 0, no_crop))


def test_what_does_not_fit_is_loaded_every_time():
    dataset, config = memory_dataset((100, 80, 2), (100, 80, 2), (100, 80, 2)), small_config()
    size = len(pack(load_resized(dataset, config, 0, no_crop)))
    cache = SampleCache(dataset.image_ids, "memory", 1.5 * size)
    for _ in range(2):
        for image_id in range(3):
            equal(cache(dataset, config, image_id, no_crop), load_resized(dataset, config, image_id, no_crop))
    assert cache.stored == 1
    assert cache.used <= 1.5 * size


def test_processes_share_it():
    dataset, config = memory_dataset((100, 80, 5), (64, 64, 1)), small_config()
    cache = SampleCache(dataset.image_ids, "memory", 1e9)
    child = multiprocessing.get_context("fork").Process(target=cache, args=(dataset, config, 1, no_crop))
    child.start()
    child.join()
    assert cache.stored == 1
    dataset.images = None
    assert cache(dataset, config, 1, no_crop).image.shape == (128, 128, 3)


def test_a_full_disk_is_no_error(monkeypatch):
    dataset, config = memory_dataset((100, 80, 5)), small_config()
    cache = SampleCache([0], "memory", 1e9)

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("mrcnn_roi.inputs.sample_cache._pwrite", full)
    for _ in range(2):
        equal(cache(dataset, config, 0, no_crop), load_resized(dataset, config, 0, no_crop))
    assert cache.stored == 0


def test_a_file_that_was_cut_short_is_read_again():
    dataset, config = memory_dataset((100, 80, 5)), small_config()
    cache = SampleCache([0], "memory", 1e9)
    cache(dataset, config, 0, no_crop)
    cache._file.truncate(100)
    equal(cache(dataset, config, 0, no_crop), load_resized(dataset, config, 0, no_crop))


@settings(max_examples=50, deadline=None)
@given(
    st.tuples(st.integers(1, 20), st.integers(1, 20), st.integers(0, 4), st.integers(1, 5)),
    st.sampled_from(["uint8", "uint16", ">u2", "float32", "float64", "bool"]),
    st.integers(0, 2**32),
    st.floats(1e-3, 1e3) | st.just(1),
)
def test_packing_is_lossless(shape, dtype, seed, scale):
    height, width, count, channels = shape
    rng = np.random.default_rng(seed)
    image = rng.integers(0, 2, (height, width, channels)).astype(dtype)
    masks = rng.random((height, width, count)) < rng.random(count)
    given_ = Resized(image, masks, np.arange(count, dtype=np.int32) - 1, (5, 6, 3), (0, 1, 2, 3), scale)
    result = unpack(bytearray(pack(given_)))
    equal(result, given_)
    assert type(result.scale) is type(scale)


@pytest.mark.parametrize("folder", ["file/below", "/proc/nowhere"])
def test_a_folder_that_cannot_be_written_to(folder, tmp_path, monkeypatch, caplog):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("MRCNN_ROI_CACHE", str(tmp_path / folder))
    dataset, config = memory_dataset((100, 80, 5)), small_config()
    cache = SampleCache([0], "disk", 1e9)
    assert "cannot be written to" in caplog.text
    equal(cache(dataset, config, 0, no_crop), cache(dataset, config, 0, no_crop))
    assert cache.stored == 1


def test_a_closed_cache_is_no_error():
    dataset, config = memory_dataset((100, 80, 5)), small_config()
    cache = SampleCache([0], "memory", 1e9)
    cache.close()
    equal(cache(dataset, config, 0, no_crop), load_resized(dataset, config, 0, no_crop))
