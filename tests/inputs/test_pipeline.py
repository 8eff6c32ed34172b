import itertools

import numpy as np
import pytest
import tensorflow as tf

from mrcnn_roi.findings import SetupError
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


@pytest.mark.parametrize("workers", [1, 3])
def test_a_seed_gives_the_same_batches_whatever_the_workers(workers):
    for a, b in zip(
        take(Batches(Boxes(), SmallConfig(), seed=7, workers=workers), 5),
        take(Batches(Boxes(), SmallConfig(), seed=7), 5),
    ):
        for name in a:
            np.testing.assert_array_equal(a[name], b[name])


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
    flipped = take(Batches(Boxes(), SmallConfig(), seed=0, augmentation=flip), 1)[0]["input_image"]
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
