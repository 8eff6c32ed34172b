import gc
import itertools
import multiprocessing
import os
import random
import weakref

import numpy as np
import pytest
import tensorflow as tf

from mrcnn_roi.datasets import processes
from mrcnn_roi.findings import SetupError
from mrcnn_roi.inputs import pipeline
from mrcnn_roi.inputs.pipeline import Batches
from tests.engine.conftest import Boxes, SmallConfig


def take(batches, count):
    return list(itertools.islice(iter(batches), count))


def ids(batch):
    return batch["input_image_meta"][:, 0].astype(int).tolist()


def test_every_image_comes_once_a_pass_in_a_new_order():
    batches = take(Batches(Boxes(6), SmallConfig(), seed=0), 6)
    order = [i for batch in batches for i in ids(batch)]
    assert sorted(order[:6]) == sorted(order[6:]) == list(range(6))
    assert order[:6] != order[6:]
    assert [i for b in take(Batches(Boxes(6), SmallConfig(), shuffle=False), 3) for i in ids(b)] == list(range(6))


def same(first, second):
    for a, b in zip(first, second, strict=True):
        assert a.keys() == b.keys()
        for name in a:
            np.testing.assert_array_equal(a[name], b[name])
            assert a[name].dtype == b[name].dtype


def careless(image, masks, rng):
    """An augmentation that draws from the global random numbers, as many do."""
    noise = np.random.randint(-9, 9, image.shape) + random.randint(0, 5)
    return np.clip(image + noise, 0, 255).astype(np.uint8), masks


def with_settings(**settings):
    return type("Set", (SmallConfig,), settings)()


@pytest.mark.parametrize("workers", [0, 1, 3])
@pytest.mark.parametrize(
    "settings", [{}, {"SAMPLING": "balanced"}, {"SAMPLE_CACHE": "memory"}, {"USE_RPN_ROIS": False}]
)
def test_a_seed_gives_the_same_batches_whatever_the_workers(workers, settings):
    config, uncached = with_settings(**settings), {**settings, "SAMPLE_CACHE": "off"}
    found = take(Batches(Boxes(), config, seed=7, workers=workers, augmentation=careless), 7)
    same(found, take(Batches(Boxes(), with_settings(**uncached), seed=7, workers=2, augmentation=careless), 7))


def test_no_two_workers_draw_the_same_random_numbers():
    drawn = []
    for batch in take(Batches(Boxes(), SmallConfig(), seed=7, workers=3, augmentation=careless), 9):
        drawn += [image.tobytes() for image in batch["input_image"]]
    assert len(set(drawn)) == len(drawn) == 18


def test_the_random_numbers_of_the_program_are_left_alone():
    random.seed(1), np.random.seed(1)
    expected = random.random(), np.random.rand()
    random.seed(1), np.random.seed(1)
    take(Batches(Boxes(), SmallConfig(), seed=7, workers=0, augmentation=careless), 2)
    assert (random.random(), np.random.rand()) == expected


def test_without_processes_threads_make_the_same(monkeypatch):
    expected = take(Batches(Boxes(), SmallConfig(), seed=7), 5)
    monkeypatch.setattr(processes, "available", lambda: False)
    same(take(Batches(Boxes(), SmallConfig(), seed=7, workers=3), 5), expected)


def test_images_with_rare_classes_come_more_often():
    class Rare(Boxes):
        def load_mask(self, image_id):
            masks, class_ids = super().load_mask(image_id)
            return masks, np.where(image_id == 3, 2, 1) * np.ones_like(class_ids)

    def images(sampling):
        config = with_settings(SAMPLING=sampling)
        return [i for batch in take(Batches(Rare(12), config, seed=0, workers=0), 60) for i in ids(batch)]

    uniform, balanced = images("uniform"), images("balanced")
    assert uniform.count(3) == 10
    assert balanced.count(3) > 1.7 * uniform.count(3)
    assert min(balanced.count(i) for i in range(12)) >= 6  # the others are there as well


def test_validation_stays_uniform_when_asked():
    batches = Batches(Boxes(), with_settings(SAMPLING="balanced"), seed=0, uniform=True)
    assert batches.order.repeats is None


def test_a_worker_that_dies_names_its_image():
    class Deadly(Boxes):
        def load_image(self, image_id):
            if image_id == 4:
                os._exit(3)
            return super().load_image(image_id)

    batches = Batches(Deadly(), SmallConfig(), seed=0, shuffle=False, workers=2)
    with pytest.raises(SetupError, match=r"box-4\.png.*image 4: .*died \(exit status 3\)"):
        take(batches, 3)
    assert isinstance(batches.error, SetupError)


def test_batches_begin_where_tensorflow_wants_them():
    for batch in take(Batches(Boxes(), SmallConfig(), seed=0, workers=0), 3):
        for array in batch.values():
            assert array.ctypes.data % 64 == 0
            assert array.flags.c_contiguous


@pytest.mark.parametrize(
    "settings", [{}, {"USE_MINI_MASK": False}, {"USE_RPN_ROIS": False}, {"IMAGE_RESIZE_MODE": "crop"}]
)
def test_samples_fit_their_memory(settings):
    config = with_settings(**settings)
    batches = Batches(Boxes(), config, seed=0)
    sample = batches.sample(next(batches.places()))
    sizes = pipeline._sample_sizes(config)
    assert all(array.nbytes <= sizes[name] for name, array in sample.items())
    assert sum(sizes.values()) <= sum(array.nbytes for array in sample.values())


def test_the_crop_mode_is_not_cached():
    assert Batches(Boxes(), with_settings(SAMPLE_CACHE="memory", IMAGE_RESIZE_MODE="crop"), seed=0).cache is None


def test_a_resumed_run_sees_what_it_would_have_seen():
    whole = take(Batches(Boxes(), SmallConfig(), seed=3), 5)
    resumed = take(Batches(Boxes(), SmallConfig(), seed=3, first_epoch=2, steps_per_epoch=2), 1)
    for name in whole[4]:
        np.testing.assert_array_equal(resumed[0][name], whole[4][name])


def test_the_dataset_has_the_models_inputs():
    config = SmallConfig()
    batch = next(iter(Batches(Boxes(), config, seed=0).as_dataset()))
    assert batch["input_image"].shape == (2, 64, 64, 3)
    assert batch["input_image_meta"].shape == (2, 12 + 3)
    assert batch["input_rpn_bbox"].shape == (2, 32, 4)
    assert batch["input_gt_boxes"].shape == (2, 5, 4)
    assert batch["input_gt_masks"].shape == (2, 14, 14, 5)
    assert batch["input_rpn_match"].shape[2] == 1


def test_augmentation_leaves_out_sources():
    seen = []

    def flip(image, masks, rng):
        seen.append(image)
        return image[:, ::-1], masks[:, ::-1]

    plain = take(Batches(Boxes(), SmallConfig(), seed=0), 1)[0]["input_image"]
    flipped = take(Batches(Boxes(), SmallConfig(), seed=0, augmentation=flip, workers=0), 1)[0]["input_image"]
    np.testing.assert_array_equal(flipped, plain[:, :, ::-1])
    assert seen
    excluded = Batches(Boxes(), SmallConfig(), seed=0, augmentation=flip, no_augmentation_sources=["boxes"])
    np.testing.assert_array_equal(take(excluded, 1)[0]["input_image"], plain)


def test_an_error_is_kept_beside_tensorflows():
    class Broken(Boxes):
        def load_mask(self, image_id):
            raise KeyError("polygon")

    batches = Batches(Broken(), SmallConfig(), seed=0)
    with pytest.raises(tf.errors.OpError):
        next(iter(batches.as_dataset()))
    assert isinstance(batches.error, SetupError)
    assert "box-" in str(batches.error)


def test_images_of_two_shapes_cannot_share_a_batch():
    class Mixed(Boxes):
        def load_image(self, image_id):
            return super().load_image(image_id)[:, : 64 if image_id % 2 else 40]

        def load_mask(self, image_id):
            masks, class_ids = super().load_mask(image_id)
            masks = masks[:, : 64 if image_id % 2 else 40]
            keep = masks.any(axis=(0, 1))
            return masks[..., keep], class_ids[keep]

    config = type("C", (SmallConfig,), {"IMAGE_RESIZE_MODE": "none"})()
    with pytest.raises(SetupError, match="cd-molded-varies"):
        take(Batches(Mixed(), config, seed=0), 3)


def test_a_dataset_without_images_is_refused():
    with pytest.raises(SetupError, match="cd-empty-dataset"):
        Batches(Boxes(0), SmallConfig())


class Opened(Boxes):
    """Reads from one file that it opened once, as datasets on HDF5, tar or raw files do."""

    def __init__(self, path, count=40):
        super().__init__(count)
        np.arange(count, dtype=np.uint8).repeat(64 * 64 * 3).tofile(path)
        self.file = open(path, "rb", buffering=0)  # noqa: SIM115

    def load_image(self, image_id):
        self.file.seek(image_id * 64 * 64 * 3)
        return np.frombuffer(self.file.read(64 * 64 * 3), np.uint8).reshape(64, 64, 3)


def test_workers_do_not_share_the_position_in_a_file(tmp_path):
    dataset = Opened(tmp_path / "raw")
    for batch in take(Batches(dataset, SmallConfig(), seed=0, workers=4), 60):
        found = batch["input_image"][:, 0, 0, 0] + SmallConfig.MEAN_PIXEL[0]
        np.testing.assert_allclose(found, batch["input_image_meta"][:, 0], atol=1e-3)
    dataset.file.close()


@pytest.mark.parametrize("workers", [1, 3])
def test_threads_seed_what_augmentations_draw(monkeypatch, workers):
    expected = take(Batches(Boxes(), SmallConfig(), seed=7, workers=2, augmentation=careless), 4)
    monkeypatch.setattr(processes, "available", lambda: False)
    same(take(Batches(Boxes(), SmallConfig(), seed=7, workers=workers, augmentation=careless), 4), expected)


def children():
    return [each for each in multiprocessing.active_children() if each.is_alive()]


def test_close_ends_the_workers_of_running_streams():
    before = len(children())
    batches = Batches(Boxes(), with_settings(SAMPLE_CACHE="memory"), seed=0, workers=2)
    streams = [iter(batches), iter(batches.as_dataset())]
    for stream in streams:
        next(stream)
    assert len(children()) == before + 4
    batches.close()
    assert len(children()) == before


def test_batches_go_when_nobody_holds_them():
    batches = Batches(Boxes(), SmallConfig(), seed=0, workers=0)
    gone = weakref.ref(batches)
    dataset = batches.as_dataset()
    del batches
    iterator = iter(dataset)
    next(iterator)
    del iterator, dataset
    gc.collect()
    assert gone() is None


@pytest.mark.parametrize("workers", [1, 2])
def test_batches_may_be_kept_and_written_to(workers):
    expected = take(Batches(Boxes(), SmallConfig(), seed=3, workers=0), 20)
    batches = Batches(Boxes(), SmallConfig(), seed=3, workers=workers)
    tensors = list(batches.as_dataset().take(20))
    same([{name: tensor.numpy() for name, tensor in batch.items()} for batch in tensors], expected)
    for before, batch in zip(expected, batches):
        same([batch], [before])
        for array in batch.values():
            array[...] = 0
    batches.close()
    same([{name: tensor.numpy() for name, tensor in batch.items()} for batch in tensors], expected)


def test_memory_for_samples_ahead_is_bounded(monkeypatch):
    monkeypatch.setattr(pipeline, "SHARED_BYTES", 1)
    batches = Batches(Boxes(), SmallConfig(), seed=0, workers=2)
    stream = iter(batches)
    next(stream)
    (running,) = batches._streams
    assert len(running._workers._slots._memory) == -(-(2 + batches.batch_size) // batches.batch_size)
    stream.close()


def test_the_cache_is_shared_out():
    config = with_settings(SAMPLE_CACHE="memory", SAMPLE_CACHE_LIMIT=1.0)
    assert Batches(Boxes(), config, seed=0, cache_share=0.25).cache.limit == 2**28


def test_an_exit_in_a_loader_names_its_image():
    class Exits(Boxes):
        def load_mask(self, image_id):
            raise SystemExit(3)

    for workers in (0, 1):
        with pytest.raises(SetupError, match=r"box-\d\.png.*SystemExit"):
            take(Batches(Exits(), SmallConfig(), seed=0, workers=workers), 1)
