"""The three kinds of augmentation, with stand-ins that have the interfaces of imgaug and albumentations."""

import copy
import threading

import numpy as np
import pytest

from mrcnn_roi.inputs.augment import augment
from mrcnn_roi.ops.augment import MASK_AUGMENTERS

IMAGE = np.random.default_rng(0).integers(0, 256, (20, 30, 3)).astype(np.uint8)
MASKS = np.random.default_rng(1).random((20, 30, 4)) > 0.5


class Augmenter:
    """An imgaug-style augmenter that flips at random, for which masks are not meant."""

    def __init__(self, seed=0, frozen=False):
        self.rng, self.frozen = np.random.default_rng(seed), frozen

    def to_deterministic(self):
        fixed = type(self)(self.rng.integers(2**31), frozen=True)
        return fixed

    def seed_(self, entropy=None, deterministic_too=False):
        assert deterministic_too == self.frozen
        self.rng = np.random.default_rng(entropy)

    def change(self, image, flip):
        return image[:, ::-1] if flip else image

    def augment_image(self, image, hooks=None):
        rng = copy.deepcopy(self.rng) if self.frozen else self.rng
        flip = rng.random() < 0.5
        if hooks is None or hooks.is_activated(image, augmenter=self, parents=[], default=True):
            image = self.change(hooks.preprocess(image, self, []) if hooks else image, flip)
        return hooks.postprocess(image, augmenter=self, parents=[]) if hooks else image


class Fliplr(Augmenter):
    """One that masks follow."""


class Multiply(Augmenter):
    """One that masks must not see."""

    def change(self, image, flip):
        return image // 2


class Sequential(Augmenter):
    """An imgaug-style list of one Fliplr and one Multiply, which asks before it passes an image on."""

    def __init__(self, seed=0, frozen=False):
        super().__init__(seed, frozen)
        self.children = [Fliplr(seed + 1, frozen), Multiply(seed + 2, frozen)]

    def augment_image(self, image, hooks=None):
        if hooks is None or hooks.is_propagating(image, augmenter=self, parents=[], default=True):
            for child in self.children:
                image = child.augment_image(image, hooks)
        return image


class Compose:
    """An albumentations-style transform that flips at random."""

    def __init__(self):
        self.set_random_seed(0)
        self.threads = set()

    def set_random_seed(self, seed):
        self.rng = np.random.default_rng(seed)

    def __call__(self, *, image, masks=None):
        self.threads.add(threading.get_ident())
        assert len(self.threads) == 1
        if masks is not None:
            assert len(masks)
            assert masks.dtype == np.uint8
            assert masks.flags.c_contiguous
        flip = slice(None, None, -1 if self.rng.random() < 0.5 else 1)
        result = {"image": image[:, flip]}
        return result if masks is None else {**result, "masks": [mask[:, flip] for mask in masks]}


def flip_callable(image, masks, rng):
    step = -1 if rng.random() < 0.5 else 1
    return image[:, ::step], masks[:, ::step]


KINDS = {"imgaug": Fliplr, "albumentations": Compose, "callable": lambda: flip_callable}


@pytest.mark.parametrize("kind", KINDS)
def test_image_and_masks_move_together_and_the_seed_decides(kind):
    flipped = []
    for seed in range(20):
        augmentation = KINDS[kind]()
        results = [augment(augmentation, IMAGE, MASKS, np.random.default_rng(seed)) for _ in range(2)]
        for image, masks in results:
            np.testing.assert_array_equal(image, results[0][0])
            assert masks.dtype == bool
            step = -1 if (image == IMAGE[:, ::-1]).all() else 1
            np.testing.assert_array_equal(image, IMAGE[:, ::step])
            np.testing.assert_array_equal(masks, MASKS[:, ::step])
        flipped.append(step == -1)
    assert 0 < sum(flipped) < 20


@pytest.mark.parametrize("kind", ["albumentations", "callable"])
def test_without_rng_the_legacy_seed_decides(kind):
    def run():
        np.random.seed(5)
        return [augment(KINDS[kind](), IMAGE, MASKS)[0] for _ in range(8)]

    first, second = run(), run()
    np.testing.assert_array_equal(first, second)
    assert len({image.tobytes() for image in first}) == 2


def test_imgaug_without_rng_uses_its_own_random_numbers():
    def run():
        augmentation = Fliplr(3)
        return [augment(augmentation, IMAGE, MASKS)[0] for _ in range(8)]

    state = np.random.get_state()[1].copy()
    np.testing.assert_array_equal(run(), run())
    np.testing.assert_array_equal(np.random.get_state()[1], state)


def test_imgaug_before_0_4_has_reseed():
    class Old(Fliplr):
        seed_ = property()

        def reseed(self, random_state=None, deterministic_too=False):
            self.rng = np.random.default_rng(random_state)

    results = [augment(Old(i), IMAGE, MASKS, np.random.default_rng(4))[0] for i in range(8)]
    for image in results:
        np.testing.assert_array_equal(image, results[0])


def test_masks_see_only_the_listed_augmenters():
    image, masks = augment(Multiply(), IMAGE, MASKS)
    np.testing.assert_array_equal(image, IMAGE // 2)
    np.testing.assert_array_equal(masks, MASKS)
    for seed in range(6):
        image, masks = augment(Sequential(seed), IMAGE, MASKS)
        step = 1 if (masks == MASKS).all() else -1
        np.testing.assert_array_equal(masks, MASKS[:, ::step])
        np.testing.assert_array_equal(image, IMAGE[:, ::step] // 2)
    assert "Fliplr" in MASK_AUGMENTERS
    assert len(MASK_AUGMENTERS) == 9


@pytest.mark.parametrize("kind", KINDS)
def test_images_without_objects(kind):
    image, masks = augment(KINDS[kind](), IMAGE, MASKS[:, :, :0], np.random.default_rng(0))
    assert image.shape == IMAGE.shape
    assert masks.shape == (20, 30, 0)


def test_each_thread_gets_its_own_albumentations_copy():
    transform, results = Compose(), {}

    def work(name):
        results[name] = [augment(transform, IMAGE, MASKS, np.random.default_rng(seed))[0] for seed in range(8)]

    threads = [threading.Thread(target=work, args=(i,)) for i in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for i in range(3):
        np.testing.assert_array_equal(results[i], results[0])
    assert not transform.threads


@pytest.mark.parametrize(
    "augmentation, words",
    [
        (lambda image, masks, rng: (image[1:], masks), "keep the image at shape .*20, 30, 3.*19, 30, 3"),
        (lambda image, masks, rng: (image, masks[..., :2]), "keep the masks at shape .*20, 30, 4.*20, 30, 2"),
        (lambda image, masks, rng: image, r"to return \(image, masks\), received ndarray"),
        ("flip", "expected an imgaug-style augmenter, .* received str"),
    ],
)
def test_what_cannot_be_used_is_named(augmentation, words):
    with pytest.raises(ValueError, match=words):
        augment(augmentation, IMAGE, MASKS, np.random.default_rng(0))


def test_message_names_the_augmentation():
    class Rotate90(Fliplr):
        def change(self, image, flip):
            return np.rot90(image)

    with pytest.raises(ValueError, match="the augmentation Rotate90 to keep"):
        augment(Rotate90(), IMAGE, MASKS)
