"""Calling augmentations of the three kinds."""

import numpy as np
import pytest

from mrcnn_roi.ops.augment import augmentation_name, call_augmentation, instance_planes

IMAGE = np.arange(4 * 6 * 3, dtype=np.uint8).reshape(4, 6, 3)
MASKS = IMAGE[..., :2] > 20


def rng(seed=0):
    return np.random.default_rng(seed)


def test_callables_get_image_masks_and_generator():
    def function(image, masks, generator):
        assert isinstance(generator, np.random.Generator)
        return image[::-1], masks[::-1]

    image, masks = call_augmentation(function, IMAGE, MASKS, None)
    np.testing.assert_array_equal(image, IMAGE[::-1])
    np.testing.assert_array_equal(masks, MASKS[::-1])
    assert augmentation_name(function) == "function"


@pytest.mark.parametrize("result", [None, IMAGE, (IMAGE,), {"image": IMAGE, "masks": MASKS}])
def test_callables_must_return_both(result):
    with pytest.raises(ValueError, match=r"expected .* to return \(image, masks\), received"):
        call_augmentation(lambda *arguments: result, IMAGE, MASKS, rng())


def test_what_cannot_be_called():
    with pytest.raises(ValueError, match="expected an imgaug-style augmenter, .* received str"):
        call_augmentation("flip", IMAGE, MASKS, rng())


class Seeded:
    """As albumentations' transforms, of a version without set_random_state."""

    def set_random_seed(self, seed):
        self.seed = seed

    def __call__(self, image, masks=None):
        assert masks is None or (masks.dtype == np.uint8 and masks.flags.c_contiguous)
        return {"image": image + self.seed % 7, "masks": masks if masks is None else list(masks)}


def test_albumentations_get_a_seed_and_planes_of_masks():
    shared = Seeded()
    one, masks = call_augmentation(shared, IMAGE, MASKS, rng(1))
    same, _ = call_augmentation(shared, IMAGE, MASKS, rng(1))
    np.testing.assert_array_equal(one, same)
    np.testing.assert_array_equal(masks, MASKS)
    assert not hasattr(shared, "seed")  # a copy of this thread was used
    _, none = call_augmentation(shared, IMAGE, MASKS[..., :0], rng(1))
    assert none.shape == (4, 6, 0)


class Augmenter:
    """As an augmenter of imgaug."""

    def __init__(self):
        self.seeds = []

    def to_deterministic(self):
        return self

    def seed_(self, seed, deterministic_too=False):
        assert deterministic_too
        self.seeds.append(seed)


class Affine(Augmenter):
    def augment_image(self, image, hooks=None):
        active = hooks is None or hooks.is_activated([image], self, [], True)
        return image[:, ::-1] if active else image


class Add(Augmenter):
    def augment_image(self, image, hooks=None):
        active = hooks is None or hooks.is_activated([image], self, [], True)
        return image + 1 if active else image


def test_imgaug_moves_masks_with_the_image():
    augmenter = Affine()
    image, masks = call_augmentation(augmenter, IMAGE, MASKS, rng())
    np.testing.assert_array_equal(image, IMAGE[:, ::-1])
    np.testing.assert_array_equal(masks, MASKS[:, ::-1])
    call_augmentation(augmenter, IMAGE, MASKS, None)
    assert len(augmenter.seeds) == 1


def test_imgaug_colours_the_image_alone():
    image, masks = call_augmentation(Add(), IMAGE, MASKS, rng())
    np.testing.assert_array_equal(image, IMAGE + 1)
    np.testing.assert_array_equal(masks, MASKS)


# The real libraries. The picture says which mask each pixel belongs to, so that what moves them apart shows.


def coded(height=40, width=56, count=7, channels=3):
    """(image, masks): channel 0 is 20 times the number of the mask, from 1 on, and 0 elsewhere; masks do not meet."""
    rows, columns = np.mgrid[:height, :width]
    number = (rows // 8 * (width // 8) + columns // 8) % (count + 3)
    number = np.where(number < count, number + 1, 0)
    image = np.repeat((number * 20).astype(np.uint8)[..., None], channels, axis=2)
    return image, number[..., None] == np.arange(1, count + 1)


def decoded(image, count):
    return image[..., :1] == 20 * np.arange(1, count + 1)


MOVES = {
    "A flip": lambda A, iaa: A.HorizontalFlip(p=0.5),
    "A turn": lambda A, iaa: A.Compose([A.Rotate(p=1, interpolation=0, fill=0), A.VerticalFlip(p=0.5)]),
    "A crop": lambda A, iaa: A.Compose([A.RandomResizedCrop((40, 56), scale=(0.5, 1), interpolation=0, p=1)]),
    "imgaug sequence": lambda A, iaa: iaa.Sequential(
        [iaa.Fliplr(0.5), iaa.Flipud(0.5), iaa.Affine(rotate=(-30, 30), order=0)], random_order=True
    ),
    "imgaug choice": lambda A, iaa: iaa.SomeOf(
        (1, 2), [iaa.Fliplr(1.0), iaa.OneOf([iaa.Flipud(1.0), iaa.Affine(translate_px=5, order=0)])]
    ),
    "imgaug sometimes": lambda A, iaa: iaa.Sometimes(0.5, iaa.Affine(scale=1.5, order=0)),
    "imgaug crop": lambda A, iaa: iaa.Crop(px=(0, 6), keep_size=True, sample_independently=False),
    "imgaug pad": lambda A, iaa: iaa.CropAndPad(px=(2, 6), pad_cval=0),
}
EXACT = [name for name in MOVES if name not in ("imgaug crop", "imgaug pad")]  # the others blend pixels of the image


@pytest.fixture(scope="module")
def libraries():
    import albumentations
    import imgaug.augmenters

    return albumentations, imgaug.augmenters


@pytest.mark.parametrize("name", MOVES)
def test_masks_move_with_the_image(name, libraries):
    augmentation = MOVES[name](*libraries)
    image, masks = coded()
    moved = 0
    for seed in range(12):
        new_image, new_masks = (np.asarray(each) for each in call_augmentation(augmentation, image, masks, rng(seed)))
        assert new_image.shape == image.shape
        assert new_masks.shape == masks.shape
        agreement = (decoded(new_image, 7) == (new_masks != 0)).mean()
        assert agreement == 1 if name in EXACT else agreement > 0.97
        moved += not np.array_equal(new_image, image)
    assert moved >= 3


@pytest.mark.parametrize("name", MOVES)
def test_the_generator_alone_decides(name, libraries):
    """Whatever was drawn before, and in whichever thread."""
    from concurrent.futures import ThreadPoolExecutor

    shared = MOVES[name](*libraries)
    image, masks = coded()

    def run(seed, augmentation=shared):
        return call_augmentation(augmentation, image, masks, rng(seed))

    expected = [run(seed, MOVES[name](*libraries)) for seed in range(6)]
    with ThreadPoolExecutor(3) as pool:
        results = list(pool.map(run, [*range(6), *range(6)]))
    for result, wanted in zip(results, [*expected, *expected]):
        for made, right in zip(result, wanted):
            np.testing.assert_array_equal(made, right)


def test_transforms_of_one_compose_draw_apart(libraries):
    albumentations, _ = libraries
    both = albumentations.Compose([albumentations.HorizontalFlip(p=0.5), albumentations.VerticalFlip(p=0.5)])
    image = IMAGE[..., :1]
    seen = {call_augmentation(both, image, MASKS, rng(seed))[0].tobytes() for seed in range(40)}
    assert seen == {image[::y, ::x].tobytes() for y in (1, -1) for x in (1, -1)}


PHOTOMETRIC = {
    "A": lambda A, iaa: A.Compose([A.RandomBrightnessContrast(p=1), A.GaussNoise(p=1), A.GaussianBlur(p=1)]),
    "imgaug": lambda A, iaa: iaa.Sequential(
        [iaa.Multiply(0.5), iaa.GaussianBlur(1.0), iaa.AdditiveGaussianNoise(scale=9), iaa.Dropout(0.2)]
    ),
    "imgaug not on the list": lambda A, iaa: iaa.Rot90(2),
}


@pytest.mark.parametrize("name", PHOTOMETRIC)
def test_colours_leave_the_masks(name, libraries):
    image, masks = coded()
    new_image, new_masks = call_augmentation(PHOTOMETRIC[name](*libraries), image, masks, rng())
    assert not np.array_equal(new_image, image)
    np.testing.assert_array_equal(new_masks, masks)


def layouts(masks):
    """The masks in the layouts of memory that there are, and of other dtypes."""
    planes = np.ascontiguousarray(masks.transpose(2, 0, 1))
    view, wide = planes.transpose(1, 2, 0), np.repeat(masks, 2, axis=1)
    read_only = planes.copy().transpose(1, 2, 0)
    read_only.flags.writeable = False
    numbers = [masks.astype(dtype) for dtype in (np.uint8, np.int64, np.float32)]
    return [masks, view, wide[:, ::2], masks[:, ::-1][:, ::-1], read_only, masks.astype(np.uint8) * 255, *numbers]


@pytest.mark.parametrize("name", ["A turn", "imgaug sequence", "imgaug choice"])
def test_any_layout_of_memory_and_dtype(name, libraries):
    augmentation = MOVES[name](*libraries)
    image, masks = coded()
    image.flags.writeable = False
    _, expected = call_augmentation(augmentation, image, masks, rng(3))
    for each in layouts(masks):
        before = each.copy()
        _, moved = call_augmentation(augmentation, image, each, rng(3))
        np.testing.assert_array_equal(moved != 0, expected != 0)
        np.testing.assert_array_equal(each, before)


@pytest.mark.parametrize("name", ["A turn", "imgaug sequence"])
@pytest.mark.parametrize("count", [0, 1, 300, 600])
def test_any_number_of_masks(name, count, libraries):
    image, masks = coded(count=1)
    masks = np.repeat(masks, count, axis=2)
    _, moved = call_augmentation(MOVES[name](*libraries), image, masks, rng(1))
    assert moved.shape == masks.shape
    if count:
        _, one = call_augmentation(MOVES[name](*libraries), image, masks[..., :1], rng(1))
        assert (moved == one).all()


def test_planes_are_not_copied_where_they_are_planes():
    masks = np.zeros((5, 6, 3), bool)
    assert not np.shares_memory(instance_planes(masks), masks)
    planes = np.zeros((3, 5, 6), bool)
    assert np.shares_memory(instance_planes(planes.transpose(1, 2, 0)), planes)
    assert instance_planes(planes.transpose(1, 2, 0)).dtype == np.uint8


def test_float_masks_and_lists_are_stacked(libraries):
    def halve(mask, **_):
        return mask * np.float32(0.5)

    soft = libraries[0].Lambda(mask=halve, p=1)
    _, masks = call_augmentation(soft, IMAGE, MASKS, rng())
    assert masks.dtype == np.float32
    np.testing.assert_array_equal(masks, MASKS * np.float32(0.5))
