"""load_image_gt and build_sample."""

import random

import numpy as np
import pytest

from mrcnn_roi.findings import SetupError
from mrcnn_roi.inputs.rpn_targets import build_rpn_targets, molded_anchors
from mrcnn_roi.inputs.sample import build_sample, load_image_gt
from mrcnn_roi.ops.images import mold_image, resize_image
from mrcnn_roi.ops.masks import extract_bboxes, minimize_mask, resize_mask
from mrcnn_roi.ops.meta import compose_image_meta, parse_image_meta
from tests.engine.conftest import Boxes, SmallConfig
from tests.inputs.conftest import memory_dataset, small_config


@pytest.mark.parametrize("i", range(3))
def test_load_image_gt_golden(flow, make_config, i):
    arrays, dataset = flow
    image, meta, class_ids, boxes, mask = load_image_gt(dataset, make_config(), i, use_mini_mask=True)
    difference = np.abs(image.astype(int) - arrays[f"gt{i}_image"].astype(int))
    assert difference.max() <= 1
    assert np.mean(difference > 0) <= 0.005
    assert meta.dtype == np.float64
    np.testing.assert_allclose(meta, arrays[f"gt{i}_meta"], rtol=1e-9)
    np.testing.assert_array_equal(class_ids, arrays[f"gt{i}_ids"])
    assert class_ids.dtype == boxes.dtype == np.int32
    assert np.abs(boxes - arrays[f"gt{i}_bbox"]).max() <= 1
    assert mask.dtype == bool
    assert np.mean(mask != arrays[f"gt{i}_mask"]) <= 0.005


def test_mold_golden(flow, make_config):
    """What mold_inputs does to each image: resize, mold, and a meta without id and classes."""
    arrays, dataset = flow
    config = make_config()
    np.testing.assert_array_equal(dataset.source_class_ids["src0"], arrays["source_class_ids_src0"])
    for i, image in enumerate(dataset.images):
        molded, window, scale, _, _ = resize_image(image, config.IMAGE_MIN_DIM, config.IMAGE_MAX_DIM)
        result = mold_image(molded, config)
        assert result.dtype == np.float64
        np.testing.assert_allclose(result.sum(), arrays["mold_sum"][i], rtol=1e-3)
        np.testing.assert_array_equal(window, arrays["mold_windows"][i])
        meta = compose_image_meta(0, image.shape, molded.shape, window, scale, np.zeros(4, np.int32))
        np.testing.assert_allclose(meta, arrays["mold_metas"][i], rtol=1e-9)


@pytest.mark.parametrize("mode", ["square", "pad64", "crop", "none"])
@pytest.mark.parametrize("mini", [True, False])
def test_every_mode(make_dataset, make_config, mode, mini):
    dataset = make_dataset((150, 190, 5))
    config = make_config(IMAGE_RESIZE_MODE=mode)
    random.seed(1)
    image, meta, class_ids, boxes, mask = load_image_gt(dataset, config, 0, use_mini_mask=mini)
    random.seed(1)
    expected, window, scale, padding, crop = resize_image(dataset.images[0], 128, 128, 0, mode)
    np.testing.assert_array_equal(image, expected)
    masks = resize_mask(dataset.masks[0], scale, padding, crop)
    kept = masks.any(axis=(0, 1))
    np.testing.assert_array_equal(class_ids, dataset.ids[0][kept])
    np.testing.assert_array_equal(boxes, extract_bboxes(masks[:, :, kept]))
    np.testing.assert_array_equal(
        mask, minimize_mask(boxes, masks[:, :, kept], (28, 28)) if mini else masks[:, :, kept]
    )
    fields = parse_image_meta(meta[None])
    assert fields["window"][0].tolist() == list(window)
    assert fields["original_image_shape"][0].tolist() == [150, 190, 3]
    assert fields["image_shape"][0].tolist() == list(image.shape)
    assert fields["active_class_ids"][0].tolist() == [1, 0, 1, 0]


def test_augment_flips_image_and_masks_together(make_dataset, make_config):
    dataset = make_dataset((128, 128, 4))
    seen = set()
    for seed in range(10):
        random.seed(seed)
        flip = random.randint(0, 1)
        random.seed(seed)
        image, _, _, boxes, masks = load_image_gt(dataset, make_config(), 0, augment=True)
        step = -1 if flip else 1
        np.testing.assert_array_equal(image, dataset.images[0][:, ::step])
        np.testing.assert_array_equal(masks, dataset.masks[0][:, ::step])
        np.testing.assert_array_equal(boxes, extract_bboxes(masks))
        seen.add(flip)
    assert seen == {0, 1}


def test_masks_that_vanish_are_dropped(make_dataset, make_config):
    dataset = make_dataset((128, 128, 4))

    def erase(image, masks, rng):
        masks = masks.copy()
        masks[:, :, 1] = False
        return image, masks

    _, _, class_ids, boxes, masks = load_image_gt(dataset, make_config(), 0, augmentation=erase)
    keep = [0, 2, 3]
    np.testing.assert_array_equal(class_ids, dataset.ids[0][keep])
    np.testing.assert_array_equal(masks, dataset.masks[0][:, :, keep])
    np.testing.assert_array_equal(boxes, extract_bboxes(masks))


@pytest.mark.parametrize("empty", [np.empty([0, 0, 0]), np.zeros((100, 90, 0), bool)])
def test_an_image_without_objects(make_dataset, make_config, empty):
    dataset = make_dataset((100, 90, 2))
    dataset.masks[0], dataset.ids[0] = empty, np.empty([0], np.int32)
    image, _, class_ids, boxes, mask = load_image_gt(dataset, make_config(), 0, use_mini_mask=True)
    assert image.shape == (128, 128, 3)
    assert class_ids.shape == (0,)
    assert boxes.shape == (0, 4)
    assert mask.shape == (28, 28, 0)


def test_masks_of_zeros_and_255_and_int64_ids(make_dataset, make_config):
    dataset = make_dataset((100, 90, 3))
    expected = load_image_gt(dataset, make_config(), 0, use_mini_mask=True)
    dataset.masks[0] = dataset.masks[0].astype(np.uint8) * 255
    dataset.ids[0] = dataset.ids[0].astype(np.int64)
    for value, other in zip(load_image_gt(dataset, make_config(), 0, use_mini_mask=True), expected):
        assert value.dtype == other.dtype
        np.testing.assert_array_equal(value, other)


def raising(error):
    def load(image_id):
        raise error

    return load


BROKEN = {
    "ds-file-unreadable": ({"load_image": raising(OSError("truncated"))}, "OSError: truncated"),
    "ds-channels": ({"load_image": lambda i: np.zeros((9, 9), np.uint8)}, r"\[H, W, 3\].*shape \[9, 9\]"),
    "ds-mask-unreadable": ({"load_mask": raising(KeyError("regions"))}, "KeyError: 'regions'"),
    "ds-mask-rank": ({"masks": np.ones((100, 90), bool)}, r"received shape \[100, 90\]"),
    "ds-mask-axis-order": (
        {"masks": np.ones((3, 100, 90), bool)},
        r"shape \[3, 100, 90\], which is \[N, H, W\]",
    ),
    "ds-mask-shape": ({"masks": np.ones((90, 100, 3), bool)}, r"\[100, 90\], its masks have \[90, 100\]"),
    "ds-mask-count": ({"masks": np.ones((100, 90, 5), bool)}, "5 masks and 3 class ids"),
    "cd-source-unknown": ({"source": "coco"}, 'source is "coco".*src0.*src1'),
    "aug-fails": ({"augmentation": raising(TypeError("no"))}, "the augmentation load failed with TypeError"),
}


@pytest.mark.parametrize("code", BROKEN)
def test_what_is_wrong_with_an_image_is_a_setup_error_that_names_it(make_dataset, make_config, code):
    dataset = make_dataset((50, 50, 1), (100, 90, 3))
    changes, words = dict(BROKEN[code][0]), BROKEN[code][1]
    augmentation = changes.pop("augmentation", None)
    if "masks" in changes:
        dataset.masks[1] = changes.pop("masks")
    if "source" in changes:
        dataset.image_info[1]["source"] = changes.pop("source")
    vars(dataset).update(changes)
    with pytest.raises(SetupError, match=words) as caught:
        load_image_gt(dataset, make_config(), 1, augmentation=augmentation)
    (finding,) = caught.value.findings
    assert finding.code == code
    assert finding.where == "folder/picture1.png"
    assert finding.message.startswith("image 1: ")
    assert finding.fix
    cause = caught.value.__cause__
    assert (cause is not None) == ("failed with" in finding.message)
    if cause is not None:
        assert type(cause).__name__ in finding.message


@pytest.mark.parametrize("result", [None, np.ones((100, 90, 1)), (np.ones((100, 90, 1)), ["dog"])])
def test_load_mask_that_returns_something_else(make_dataset, make_config, result):
    dataset = make_dataset((100, 90, 1))
    dataset.load_mask = lambda image_id: result
    with pytest.raises(SetupError, match="picture0.png: image 0: load_mask failed"):
        load_image_gt(dataset, make_config(), 0)


@pytest.mark.parametrize("method", ["load_image", "load_mask"])
def test_a_setup_error_of_the_dataset_passes(make_dataset, make_config, method):
    dataset, error = make_dataset((100, 90, 1)), SetupError([])
    setattr(dataset, method, raising(error))
    with pytest.raises(SetupError) as caught:
        load_image_gt(dataset, make_config(), 0)
    assert caught.value is error


def test_build_sample(make_dataset, make_config):
    dataset, config = make_dataset((100, 90, 4)), make_config()
    sample = build_sample(dataset, config, 0, np.random.default_rng(3))
    image, meta, class_ids, boxes, masks = load_image_gt(dataset, config, 0, use_mini_mask=True)
    count = len(class_ids)
    anchors = molded_anchors(config, image.shape).anchors
    match, deltas = build_rpn_targets(None, anchors, class_ids, boxes, config, np.random.default_rng(3))
    expected = {
        "input_image": mold_image(image, config).astype(np.float32),
        "input_image_meta": meta.astype(np.float32),
        "input_rpn_match": match[:, None],
        "input_rpn_bbox": deltas.astype(np.float32),
        "input_gt_class_ids": np.pad(class_ids, (0, 6 - count)),
        "input_gt_boxes": np.pad(boxes, ((0, 6 - count), (0, 0))).astype(np.float32),
        "input_gt_masks": np.pad(masks, ((0, 0), (0, 0), (0, 6 - count))),
    }
    assert list(sample) == list(expected)
    for name, value in sample.items():
        assert value.dtype == expected[name].dtype
        np.testing.assert_array_equal(value, expected[name])


@pytest.mark.parametrize("mode", ["square", "pad64", "crop", "none"])
def test_build_sample_is_a_function_of_image_and_seed(make_dataset, make_config, mode):
    def flip(image, masks, rng):
        step = -1 if rng.random() < 0.5 else 1
        return image[:, ::step], masks[:, ::step]

    dataset, config = make_dataset((192, 256, 9)), make_config(IMAGE_RESIZE_MODE=mode, MAX_GT_INSTANCES=4)
    first, second, other = (
        build_sample(dataset, config, 0, np.random.default_rng(seed), augmentation=flip) for seed in (1, 1, 2)
    )
    for name in first:
        np.testing.assert_array_equal(first[name], second[name])
    assert any((first[name] != other[name]).any() for name in first)
    assert len(first["input_rpn_match"]) == len(molded_anchors(config, first["input_image"].shape).anchors)


def test_more_instances_than_fit_are_subsampled_after_the_rpn_targets(make_dataset, make_config):
    dataset, config = make_dataset((128, 128, 9)), make_config(MAX_GT_INSTANCES=4)
    dataset.ids[0], dataset.num_classes = np.arange(1, 10, dtype=np.int32), 10  # so that each instance tells its number
    sample = build_sample(dataset, config, 0, np.random.default_rng(0))
    ids = sample["input_gt_class_ids"]
    assert len(set(ids.tolist())) == 4
    boxes = extract_bboxes(dataset.masks[0])
    np.testing.assert_array_equal(sample["input_gt_boxes"], boxes[ids - 1])
    minis = minimize_mask(boxes, dataset.masks[0], (28, 28))
    np.testing.assert_array_equal(sample["input_gt_masks"], minis[:, :, ids - 1])
    anchors = molded_anchors(config, (128, 128, 3)).anchors
    match, _ = build_rpn_targets(None, anchors, np.ones(9), boxes, config, np.random.default_rng(0))
    np.testing.assert_array_equal(sample["input_rpn_match"][:, 0], match)


def test_build_sample_without_objects_and_with_full_masks(make_dataset, make_config):
    sample = build_sample(make_dataset((100, 90, 0)), make_config(USE_MINI_MASK=False), 0, np.random.default_rng(0))
    assert sample["input_gt_masks"].shape == (128, 128, 6)
    assert not sample["input_gt_masks"].any()
    assert not sample["input_gt_class_ids"].any()
    assert np.count_nonzero(sample["input_rpn_match"] == -1) == 64
    assert not (sample["input_rpn_match"] == 1).any()


@pytest.mark.parametrize("mode", ["none", "crop", "square"])
def test_an_augmentation_may_write_to_its_image(mode):
    dataset = memory_dataset((128, 128, 2))
    kept = dataset.images[0].copy()

    def brighter(image, masks, rng):
        image += 5
        return image, masks

    config = small_config(IMAGE_RESIZE_MODE=mode)
    build_sample(dataset, config, 0, np.random.default_rng(0), augmentation=brighter)
    np.testing.assert_array_equal(dataset.images[0], kept)


@pytest.mark.parametrize(
    "ids, code",
    [([1, 4], "cd-class-id-range"), ([1.0, np.nan], "ds-mask-unreadable"), ([1, 2.5], "ds-mask-unreadable")],
)
def test_class_ids_that_are_none_are_refused(ids, code):
    dataset = memory_dataset((64, 64, 2))
    dataset.ids[0] = ids
    with pytest.raises(SetupError, match=rf"{code}.*picture0\.png"):
        build_sample(dataset, small_config(), 0, np.random.default_rng(0))


def test_pixels_that_are_no_numbers_are_refused():
    dataset = memory_dataset((64, 64, 2))
    dataset.images[0] = dataset.images[0].astype(np.float32)
    dataset.images[0][3, 3] = np.nan
    with pytest.raises(SetupError, match=r"ds-image-nonfinite.*picture0\.png"):
        build_sample(dataset, small_config(), 0, np.random.default_rng(0))


def test_an_exception_without_words_is_named():
    class SilentError(Exception):
        def __str__(self):
            raise RuntimeError

    def fails(image_id):
        raise SilentError

    dataset = memory_dataset((64, 64, 2))
    dataset.load_image = fails
    with pytest.raises(SetupError, match=r"picture0\.png.*SilentError"):
        build_sample(dataset, small_config(), 0, np.random.default_rng(0))


def test_an_augmentation_that_makes_nan_is_named():
    def spoil(image, masks, rng):
        return image * np.float32(np.nan), masks

    with pytest.raises(SetupError, match="NaN or infinity") as caught:
        load_image_gt(Boxes(), SmallConfig(), 1, augmentation=spoil)
    (finding,) = caught.value.findings
    assert (finding.code, finding.where) == ("aug-fails", "box-1.png")
