"""data_generator: the original's batches, draws and positions."""

import itertools

import numpy as np
import pytest

from mrcnn_roi.findings import SetupError
from mrcnn_roi.inputs.generator import data_generator
from mrcnn_roi.inputs.rpn_targets import molded_anchors

NAMES = ["images", "meta", "rpn_match", "rpn_bbox", "gt_class_ids", "gt_boxes", "gt_masks"]
DTYPES = [np.float32, np.float64, np.int32, np.float64, np.int32, np.int32, bool]


def test_golden(flow, make_config):
    arrays, dataset = flow
    np.random.seed(1130)
    generator = data_generator(dataset, make_config(), shuffle=True)
    for b in range(2):
        inputs, outputs = next(generator)
        assert outputs == []
        assert len(inputs) == 7
        sums = inputs[0].reshape(1, -1).sum(axis=1, dtype=np.float64)
        np.testing.assert_allclose(sums, arrays[f"b{b}_image_sums"], rtol=1e-3)
        for name, dtype, value in zip(NAMES, DTYPES, inputs):
            assert value.dtype == dtype
            if name == "rpn_bbox":
                np.testing.assert_allclose(value, arrays[f"b{b}_{name}"], rtol=1e-6)
            elif name == "meta":
                np.testing.assert_allclose(value, arrays[f"b{b}_{name}"], rtol=1e-12)
            elif name == "gt_masks":  # a mini mask pixel of exactly one half fell to either side by rounding
                assert np.mean(value != arrays[f"b{b}_{name}"]) <= 0.002
            elif name != "images":
                np.testing.assert_array_equal(value, arrays[f"b{b}_{name}"])


def test_batches_straddle_passes_in_order(make_dataset, make_config):
    dataset = make_dataset((60, 60, 2), (70, 60, 1), (60, 80, 3))
    batches = data_generator(dataset, make_config(), shuffle=False, batch_size=2)
    ids = [inputs[1][:, 0].tolist() for inputs, _ in itertools.islice(batches, 3)]
    assert ids == [[0, 1], [2, 0], [1, 2]]


def test_every_pass_is_shuffled_anew(make_dataset, make_config):
    dataset = make_dataset(*[(64, 64, 1)] * 6)
    np.random.seed(0)
    batches = data_generator(dataset, make_config(), batch_size=6)
    passes = [next(batches)[0][1][:, 0].tolist() for _ in range(4)]
    assert all(sorted(ids) == [0, 1, 2, 3, 4, 5] for ids in passes)
    assert len({tuple(ids) for ids in passes}) > 1
    assert dataset.image_ids.tolist() == [0, 1, 2, 3, 4, 5]


def test_images_without_objects_are_negatives(make_dataset, make_config):
    batches = data_generator(make_dataset((64, 64, 0)), make_config())
    inputs, _ = next(batches)
    assert not inputs[4].any()
    assert (inputs[2] == -1).sum() == 64
    assert not (inputs[2] == 1).any()


def test_anchors_fit_the_molded_image(make_dataset, make_config):
    config = make_config(IMAGE_RESIZE_MODE="pad64", IMAGE_MIN_DIM=64)
    dataset = make_dataset((70, 130, 2), (64, 64, 1))
    batches = data_generator(dataset, config, shuffle=False)
    for _ in range(2):
        inputs, _ = next(batches)
        assert inputs[2].shape == (1, len(molded_anchors(config, inputs[0].shape[1:]).anchors), 1)


def test_two_molded_shapes_in_one_batch(make_dataset, make_config):
    config = make_config(IMAGE_RESIZE_MODE="pad64", IMAGE_MIN_DIM=64)
    batches = data_generator(make_dataset((70, 130, 2), (64, 64, 1)), config, shuffle=False, batch_size=2)
    with pytest.raises(SetupError, match=r"\(128, 192, 3\) and \(64, 64, 3\)") as caught:
        next(batches)
    (finding,) = caught.value.findings
    assert finding.code == "cd-molded-varies"
    assert finding.where == "folder/picture0.png and folder/picture1.png"
    assert "IMAGES_PER_GPU = 1" in finding.fix


def test_the_first_broken_image_stops_the_run(make_dataset, make_config):
    dataset = make_dataset((64, 64, 1), (64, 64, 1))
    dataset.images[1] = np.zeros((64, 64), np.uint8)
    batches = data_generator(dataset, make_config(), shuffle=False)
    next(batches)
    with pytest.raises(SetupError, match="picture1.png"):
        next(batches)


def test_a_dataset_without_images(make_dataset, make_config):
    with pytest.raises(SetupError, match="no images"):
        next(data_generator(make_dataset(), make_config()))


def test_sources_that_are_not_augmented(make_dataset, make_config):
    def black(image, masks, rng):
        return np.zeros_like(image), masks

    dataset = make_dataset((64, 64, 1), (64, 64, 1))
    batches = data_generator(
        dataset,
        make_config(),
        shuffle=False,
        batch_size=2,
        augmentation=black,
        no_augmentation_sources=["src1"],
    )
    images = next(batches)[0][0]
    assert np.ptp(images[0], axis=(0, 1)).max() == 0
    assert np.ptp(images[1], axis=(0, 1)).min() > 10


@pytest.mark.parametrize("count", [3, 0])
def test_random_rois_and_detection_targets(make_dataset, make_config, count):
    dataset, config = make_dataset((64, 64, count), (80, 64, count)), make_config()
    inputs, outputs = next(data_generator(dataset, config, random_rois=50, batch_size=2))
    assert outputs == []
    assert len(inputs) == 8
    assert inputs[7].shape == (2, 50, 4)
    assert inputs[7].dtype == np.int32
    inputs, outputs = next(data_generator(dataset, config, random_rois=50, batch_size=2, detection_targets=True))
    assert len(inputs) == 9
    assert inputs[8].shape == (2, 16, 4)
    assert [value.shape for value in outputs] == [(2, 16, 1), (2, 16, 4, 4), (2, 16, 28, 28, 4)]
    assert [value.dtype for value in outputs] == [np.int32, np.float32, np.float32]
    assert bool(outputs[0].any()) == bool(count)


def test_more_instances_than_fit(make_dataset, make_config):
    np.random.seed(2)
    inputs, _ = next(data_generator(make_dataset((128, 128, 9)), make_config(MAX_GT_INSTANCES=4)))
    assert inputs[4].shape == (1, 4)
    assert inputs[6].shape == (1, 28, 28, 4)
    assert (inputs[4] > 0).all()
