"""Endless training batches: worker processes make samples ahead, tf.data hands them to Keras.

A sample is a function of the image, the seed and its place in the stream, so the batches of a seed are the same
whatever the number of workers, and a run that resumes at epoch e sees what it would have seen. What a user's code draws
from `random` and `np.random` is part of that: both are seeded anew for every sample.
"""

from __future__ import annotations

import itertools
import weakref
from collections.abc import Iterator

import numpy as np
import tensorflow as tf

from mrcnn_roi.datasets import processes
from mrcnn_roi.findings import Finding, SetupError, Severity
from mrcnn_roi.inputs.batch_slots import ALIGNMENT
from mrcnn_roi.inputs.detection_targets import generate_random_rois
from mrcnn_roi.inputs.order import Order, Place
from mrcnn_roi.inputs.rpn_targets import molded_anchors
from mrcnn_roi.inputs.sample import build_sample
from mrcnn_roi.inputs.sample_cache import GIB, SampleCache
from mrcnn_roi.inputs.sample_stream import SampleStream
from mrcnn_roi.inputs.sampling import config_repeats

MOST_WORKERS = 8  # where the config leaves the number open
SHARED_BYTES = 2**30  # memory of batches that are made ahead or in use, where it is enough for each worker and a batch


class Batches:
    """Batches of a prepared Dataset, as dicts under Matterport's input names.

    Args:
        dataset: prepared; images without objects are kept as negatives.
        config: its IMAGES_PER_GPU * GPU_COUNT is the batch size; WORKERS, SAMPLING and SAMPLE_CACHE are its, too.
        shuffle: a new order every epoch; False keeps the dataset's.
        augmentation: see `load_image_gt`; not applied to images of the sources in `no_augmentation_sources`.
        seed: of the order and of every sample; None draws one.
        first_epoch, steps_per_epoch: where a resumed run continues in the stream.
        workers: processes that make samples; None is the config's WORKERS. 0 makes them when they are asked for.
        uniform: every image once a pass, whatever the config's SAMPLING.
        cache_share: the part of SAMPLE_CACHE_LIMIT that these images may take.

    `error` keeps the exception that ended the stream, because TensorFlow only passes on its text. `close` ends workers
    that still run, for TensorFlow may hold on to a stream for as long as the program lives.
    """

    def __init__(
        self,
        dataset,
        config,
        *,
        shuffle=True,
        augmentation=None,
        no_augmentation_sources=None,
        seed=None,
        first_epoch=0,
        steps_per_epoch=0,
        workers=None,
        uniform=False,
        cache_share=1.0,
    ):
        if len(dataset.image_ids) == 0:
            raise SetupError(
                Finding(
                    "cd-empty-dataset",
                    Severity.ERROR,
                    "the dataset has no images, so there is nothing to make a batch of",
                    "add images and call dataset.prepare()",
                    "dataset",
                )
            )
        self.dataset, self.config, self.augmentation = dataset, config, augmentation
        self.excluded = set(no_augmentation_sources or ())
        self.seed = int(np.random.SeedSequence().generate_state(1)[0]) if seed is None else int(seed)
        self.batch_size = int(config.IMAGES_PER_GPU) * int(config.GPU_COUNT)
        self.skip = first_epoch * steps_per_epoch * self.batch_size
        self.workers = _worker_count(getattr(config, "WORKERS", None) if workers is None else workers)
        repeats = None if uniform else config_repeats(dataset, config)
        self.order = Order(dataset.image_ids, seed=self.seed, shuffle=shuffle, repeats=repeats)
        self.cache = _cache(dataset, config, cache_share)
        self.error: BaseException | None = None
        self._streams: weakref.WeakSet[SampleStream] = weakref.WeakSet()

    def places(self) -> Iterator[Place]:
        """The samples of the stream without end, from the first one of a resumed run on."""
        return (self.order[position] for position in itertools.count(self.skip))

    def sample(self, place: Place) -> dict:
        """One sample, a dict of arrays without batch axis, with `random` and `np.random` seeded for it."""
        with self.order.seeded(place):
            return self.threaded_sample(place)

    def threaded_sample(self, place: Place) -> dict:
        """The same without touching `random` and `np.random`, which threads share."""
        rng, image_id = self.order.rng(place), place.image_id
        source = self.dataset.image_info[image_id]["source"]
        augmentation = None if source in self.excluded else self.augmentation
        sample = build_sample(self.dataset, self.config, image_id, rng, augmentation=augmentation, resized=self.cache)
        if not self.config.USE_RPN_ROIS:
            present = sample["input_gt_class_ids"] > 0
            sample["input_roi"] = generate_random_rois(
                sample["input_image"].shape,
                int(self.config.POST_NMS_ROIS_TRAINING),
                sample["input_gt_class_ids"][present],
                sample["input_gt_boxes"][present].astype(np.int32),
                np.random.RandomState(rng.integers(2**31)),
            )
        return sample

    def first(self) -> tuple[list, dict]:
        """(image ids, batch) that the stream begins with, made now and, where there are workers, by one of them; the
        stream itself is not touched."""
        image_ids = [place.image_id for place in itertools.islice(self.places(), self.batch_size)]
        stream = self._stream(min(self.workers, 1), self.batch_size)
        try:
            return image_ids, stream.take(self._stack)
        finally:
            stream.close()

    def __iter__(self):
        workers = self.workers
        least, most = workers + self.batch_size, 2 * (workers + self.batch_size)
        size = sum(_sample_sizes(self.config).values())
        stream = self._stream(workers, max(least, min(most, SHARED_BYTES // size)))
        try:
            while True:
                yield stream.take(self._stack)
        except GeneratorExit:
            raise
        except BaseException as error:
            self.error = error
            raise
        finally:
            stream.close()

    def _stream(self, workers: int, ahead: int) -> SampleStream:
        """ahead: samples."""
        stream = SampleStream(
            self.sample,
            self.threaded_sample,
            self.places(),
            name_of=self._name,
            workers=workers,
            batch_size=self.batch_size,
            ahead=-(-ahead // self.batch_size),
            sizes=_sample_sizes(self.config),
            most_bytes=SHARED_BYTES,
            # A user's augmentation may draw from np.random, which several threads would share.
            parallel_safe=getattr(self.dataset, "parallel_safe", False) and self.augmentation is None,
        )
        self._streams.add(stream)
        return stream

    def close(self) -> None:
        """Ends the workers of all streams, and forgets what is cached."""
        for stream in list(self._streams):
            stream.close()
        if self.cache is not None:
            self.cache.close()

    def _name(self, image_id: int) -> str:
        return str(self.dataset.image_info[image_id].get("path") or f"image {image_id}")

    def _stack(self, samples) -> dict:
        shapes = {sample["input_image"].shape for sample in samples}
        if len(shapes) > 1:
            raise SetupError(
                Finding(
                    "cd-molded-varies",
                    Severity.ERROR,
                    f"a batch of {self.batch_size} holds images of different molded shapes {sorted(shapes)} "
                    f'(IMAGE_RESIZE_MODE "{self.config.IMAGE_RESIZE_MODE}"), which cannot be stacked',
                    'set IMAGES_PER_GPU = 1, or IMAGE_RESIZE_MODE = "square"',
                    "IMAGES_PER_GPU",
                )
            )
        return {name: _stacked([sample[name] for sample in samples]) for name in samples[0]}

    def as_dataset(self) -> tf.data.Dataset:
        """The batches as a tf.data.Dataset that is one batch ahead."""
        config, itself = self.config, weakref.ref(self)
        masks = config.MINI_MASK_SHAPE if config.USE_MINI_MASK else (None, None)
        floats, ints = tf.float32, tf.int32
        signature = {
            "input_image": tf.TensorSpec([None, None, None, int(config.IMAGE_CHANNEL_COUNT)], floats),
            "input_image_meta": tf.TensorSpec([None, 12 + int(config.NUM_CLASSES)], floats),
            "input_rpn_match": tf.TensorSpec([None, None, 1], ints),
            "input_rpn_bbox": tf.TensorSpec([None, None, 4], floats),
            "input_gt_class_ids": tf.TensorSpec([None, None], ints),
            "input_gt_boxes": tf.TensorSpec([None, None, 4], floats),
            "input_gt_masks": tf.TensorSpec([None, *masks, None], tf.bool),
        }
        if not config.USE_RPN_ROIS:
            signature["input_roi"] = tf.TensorSpec([None, int(config.POST_NMS_ROIS_TRAINING), 4], ints)

        def batches() -> Iterator[dict]:
            alive = itself()
            return iter(alive if alive is not None else ())

        # TensorFlow keeps the function for ever; these batches should go when the dataset does.
        source = tf.data.Dataset.from_generator(batches, output_signature=signature)
        source.batches = self
        return source.prefetch(1)


def _worker_count(asked: int | None) -> int:
    """As many as asked for; else one for every processor but the one the trainer needs, at least 1."""
    return min(MOST_WORKERS, max(1, processes.cores() - 1)) if asked is None else int(asked)


def _cache(dataset, config, share: float) -> SampleCache | None:
    kind = getattr(config, "SAMPLE_CACHE", "off")
    if kind == "off" or config.IMAGE_RESIZE_MODE == "crop":
        return None
    return SampleCache(dataset.image_ids, kind, share * getattr(config, "SAMPLE_CACHE_LIMIT", 4.0) * GIB)


def _sample_sizes(config) -> dict[str, int]:
    """Bytes that each array of a sample takes, or more: what varies in size is taken as four images of IMAGE_SHAPE, and
    memory that is not used costs nothing."""
    height, width, channels = (int(side) for side in config.IMAGE_SHAPE)
    room = 1 if config.IMAGE_RESIZE_MODE in ("square", "crop") else 4
    pixels = room * height * width
    objects = int(config.MAX_GT_INSTANCES)
    return {
        "input_image": 4 * pixels * channels,
        "input_image_meta": 4 * (12 + int(config.NUM_CLASSES)),
        "input_rpn_match": 4 * room * len(molded_anchors(config, (height, width)).anchors),
        "input_rpn_bbox": 16 * int(config.RPN_TRAIN_ANCHORS_PER_IMAGE),
        "input_gt_class_ids": 4 * objects,
        "input_gt_boxes": 16 * objects,
        "input_gt_masks": objects * (int(np.prod(config.MINI_MASK_SHAPE)) if config.USE_MINI_MASK else pixels),
        "input_roi": 0 if config.USE_RPN_ROIS else 16 * int(config.POST_NMS_ROIS_TRAINING),
    }


def _stacked(arrays) -> np.ndarray:
    """np.stack, in memory that begins where TensorFlow wants it, so that it need not copy the batch once more."""
    shape, dtype = (len(arrays), *arrays[0].shape), arrays[0].dtype
    memory = np.empty(int(np.prod(shape)) * dtype.itemsize + ALIGNMENT, np.uint8)
    start = -memory.ctypes.data % ALIGNMENT
    batch = memory[start : len(memory) - ALIGNMENT + start].view(dtype).reshape(shape)
    return np.stack(arrays, out=batch)
