"""Endless training batches: worker threads make samples ahead, tf.data hands them to Keras.

A sample is a function of the image, the seed and its place in the epoch, so the batches of a seed are the same
whatever the number of workers, and a run that resumes at epoch e sees what it would have seen.
"""

from __future__ import annotations

import itertools
import os
from collections import deque
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import tensorflow as tf

from mrcnn_roi.findings import Finding, SetupError, Severity
from mrcnn_roi.inputs.detection_targets import generate_random_rois
from mrcnn_roi.inputs.sample import build_sample


class Batches:
    """Batches of a prepared Dataset, as dicts under Matterport's input names.

    Args:
        dataset: prepared; images without objects are kept as negatives.
        config: its IMAGES_PER_GPU * GPU_COUNT is the batch size.
        shuffle: a new order every epoch; False keeps the dataset's.
        augmentation: see `load_image_gt`; not applied to images of the sources in `no_augmentation_sources`.
        seed: of the order and of every sample; None draws one.
        first_epoch, steps_per_epoch: where a resumed run continues in the stream.
        workers: threads that make samples; None is one a core, at most 8.

    `error` keeps the exception that ended the stream, because TensorFlow only passes on its text.
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
        self.dataset, self.config, self.shuffle = dataset, config, shuffle
        self.augmentation = augmentation
        self.excluded = set(no_augmentation_sources or ())
        self.seed = int(np.random.SeedSequence().generate_state(1)[0]) if seed is None else int(seed)
        self.batch_size = int(config.IMAGES_PER_GPU) * int(config.GPU_COUNT)
        self.skip = first_epoch * steps_per_epoch * self.batch_size
        self.workers = workers or min(8, os.cpu_count() or 1)
        self.error: Exception | None = None

    def order(self):
        """Endless (image id, rng) pairs: pass after pass over the dataset, starting after `skip` samples."""
        count = len(self.dataset.image_ids)
        for position in self._positions():
            epoch, place = divmod(position, count)
            if place == 0 or position == self.skip:
                image_ids = np.array(self.dataset.image_ids)
                if self.shuffle:
                    np.random.default_rng([self.seed, epoch]).shuffle(image_ids)
            yield image_ids[place], np.random.default_rng([self.seed, epoch, place])

    def _positions(self):
        position = self.skip
        while True:
            yield position
            position += 1

    def sample(self, image_id, rng) -> dict:
        """One sample, a dict of arrays without batch axis."""
        source = self.dataset.image_info[image_id]["source"]
        augmentation = None if source in self.excluded else self.augmentation
        sample = build_sample(self.dataset, self.config, image_id, rng, augmentation=augmentation)
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
        """(image ids, batch) that the stream begins with, made here and now; the stream itself is not touched."""
        pairs = list(itertools.islice(self.order(), self.batch_size))
        return [image_id for image_id, _ in pairs], self._stack([self.sample(*pair) for pair in pairs])

    def __iter__(self):
        ahead = 2 * self.workers + self.batch_size
        pool = ThreadPoolExecutor(self.workers, thread_name_prefix="sample")
        waiting: deque = deque()
        order = self.order()
        try:
            while True:
                while len(waiting) < ahead:
                    waiting.append(pool.submit(self.sample, *next(order)))
                yield self._stack([waiting.popleft().result() for _ in range(self.batch_size)])
        except Exception as error:
            self.error = error
            raise
        finally:
            pool.shutdown(wait=False, cancel_futures=True)

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
        return {name: np.stack([sample[name] for sample in samples]) for name in samples[0]}

    def as_dataset(self) -> tf.data.Dataset:
        """The batches as a tf.data.Dataset that is one batch ahead."""
        config = self.config
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
        return tf.data.Dataset.from_generator(lambda: iter(self), output_signature=signature).prefetch(1)
