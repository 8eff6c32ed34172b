"""Settings computed from the data: each suggestion where it helps, none where the configuration fits."""

import numpy as np
import pytest

from mrcnn_roi.checks.environment import Environment
from mrcnn_roi.checks.fit_anchors import COVERED, best_iou, object_sides
from mrcnn_roi.checks.suggestions import Suggestion, fixed_config, suggest_settings
from mrcnn_roi.checks.suggestions.counts import notes
from mrcnn_roi.checks.suggestions.trial import all_problems, applied, remolded, thinned, training
from mrcnn_roi.config import Config
from mrcnn_roi.datasets import load_dataset, split_dataset
from mrcnn_roi.ops.anchors import anchor_sizes

from .suggestions_data import joined, mine, splits_of, synthetic
from .toy import CPU, Toy, ToyConfig, noise, sample

SMALL = {"IMAGE_MIN_DIM": 0, "IMAGE_MAX_DIM": 640}


def values(suggestions):
    return {name: each.value for name, each in suggestions.items()}


def left(config, suggestions, splits):
    """Codes that the checks still report."""
    after = applied(config, suggestions)
    return sorted(each.code for each in all_problems(after, remolded(after, splits)))


def test_a_configuration_that_fits_gets_no_suggestion():
    assert suggest_settings(ToyConfig(), splits_of(ToyConfig(), train=Toy(), val=Toy())) == {}
    assert suggest_settings(mine(**SMALL), synthetic()) == {}
    assert suggest_settings(mine(**SMALL), []) == {}


def test_the_projects_configuration_of_the_photographs_gets_no_suggestion(pennfudan, pytestconfig):
    config = Config.from_yaml(pytestconfig.rootpath / "configs" / "pennfudan.yaml")
    train, val = split_dataset(load_dataset(pennfudan))
    assert suggest_settings(config, splits_of(config, train=train, val=val)) == {}


# ---- anchors -----------------------------------------------------------------------------------------------


def coverage(config, splits):
    sides = object_sides(training(remolded(config, splits)))
    anchors = anchor_sizes(config.RPN_ANCHOR_SCALES, config.RPN_ANCHOR_RATIOS)
    return float((best_iou(sides, *anchors) >= COVERED).mean())


@pytest.mark.parametrize("side", [6, 12, 16])
def test_scales_for_small_objects(side):
    config, splits = mine(**SMALL), synthetic(side=side, per_image=30)
    found = suggest_settings(config, splits)
    scales = found["RPN_ANCHOR_SCALES"]
    assert len(scales.value) == 5
    assert list(scales.value) == sorted(scales.value)
    after = applied(config, found)
    assert coverage(after, splits) > 0.95
    before = coverage(after.replaced({}, without=["RPN_ANCHOR_SCALES"]), splits)
    assert f"was {before:.0%} with (32, 64, 128, 256, 512)" in scales.reason
    assert "RPN_ANCHOR_RATIOS" not in found


def test_scales_are_no_larger_than_the_image():
    config = mine(IMAGE_MIN_DIM=0, IMAGE_MAX_DIM=128)
    found = suggest_settings(config, synthetic(size=(128, 128), side=40))
    assert max(found["RPN_ANCHOR_SCALES"].value) <= 128


def test_the_defaults_stay_while_they_cover_the_objects():
    for side, spread in ((60, 0.2), (100, 0.9), (200, 0.5)):
        found = suggest_settings(mine(**SMALL), synthetic(side=side, spread=spread))
        assert "RPN_ANCHOR_SCALES" not in found


def test_scales_that_do_not_double_where_doubling_ones_leave_a_gap():
    tiny, huge = synthetic(side=4, spread=0.05, per_image=10), synthetic(side=440, spread=0.05, per_image=10)
    config, splits = mine(**SMALL, IMAGE_MIN_SCALE=1, SILENCED_CHECKS=("cd-object-tiny",)), joined(*tiny, *huge)
    scales = suggest_settings(config, splits)["RPN_ANCHOR_SCALES"].value
    assert coverage(config.replaced({"RPN_ANCHOR_SCALES": scales}), splits) == 1.0
    assert any(after != 2 * before for before, after in zip(scales, scales[1:]))
    assert all(scale >= stride for scale, stride in zip(scales, config.BACKBONE_STRIDES))


def test_three_ratios_for_long_objects_and_the_reason_says_what_they_fit():
    config, splits = mine(**SMALL), synthetic(aspect=14, side=60)
    found = suggest_settings(config, splits)
    ratios = found["RPN_ANCHOR_RATIOS"]
    assert len(ratios.value) == 3
    assert {0.5, 1} <= set(ratios.value)
    assert 0.05 < min(ratios.value) < 0.1
    assert "of 200 boxes, was 0% with [0.5, 1, 2]" in ratios.reason
    assert "rpn_model" not in ratios.reason
    assert left(config, found, splits) == []


def test_more_than_three_ratios_come_with_the_layer_to_leave_out():
    """Objects of five shapes, each of which needs its own ratio."""
    shapes = [synthetic(aspect=aspect, side=20, spread=0.01)[0] for aspect in (400, 15, 1, 1 / 15, 1 / 400)]
    class_id, names = np.repeat(np.arange(1, 6), 200), ["BG", "a", "b", "c", "d", "e"]
    splits = joined(*shapes, class_id=class_id, class_names=names, num_classes=6)
    config = mine(**SMALL, SILENCED_CHECKS=("cd-object-tiny",))
    found = suggest_settings(config, splits)
    ratios = found["RPN_ANCHOR_RATIOS"]
    assert len(ratios.value) > 3
    assert f'{len(ratios.value)} ratios do not fit trained RPN weights: leave out "rpn_model"' in ratios.reason
    assert "cd-anchor-aspect" not in left(config, found, splits)


# ---- sizes -------------------------------------------------------------------------------------------------


def test_small_images_are_not_enlarged():
    found = values(suggest_settings(mine(), synthetic(size=(200, 256), side=60)))
    assert (found["IMAGE_MIN_DIM"], found["IMAGE_MAX_DIM"]) == (0, 256)


def test_small_images_of_tiny_objects_are_enlarged_twice():
    config, splits = mine(), synthetic(size=(256, 256), side=10, per_image=250, images=8)
    found = suggest_settings(config, splits)
    assert values(found)["IMAGE_MAX_DIM"] == 512
    assert values(found)["IMAGE_MIN_SCALE"] == 2
    assert (values(found)["MAX_GT_INSTANCES"], values(found)["DETECTION_MAX_INSTANCES"]) == (250, 250)
    assert values(found)["TRAIN_ROIS_PER_IMAGE"] == 800
    assert left(config, found, splits) == []


def test_large_images_of_small_objects_get_all_the_memory_allows():
    config, splits = mine(), synthetic(images=20, size=(3000, 4000), side=20, per_image=100)
    found = suggest_settings(config, splits)
    assert 2048 <= values(found)["IMAGE_MAX_DIM"] <= 2560
    assert values(found)["IMAGES_PER_GPU"] == 1
    assert "tiles" in found["IMAGE_MAX_DIM"].reason
    assert left(config, found, splits) == []


def test_large_images_of_large_objects_stay_as_they_are():
    assert suggest_settings(mine(), synthetic(images=20, size=(3000, 4000), side=700)) == {}


def test_padding_that_costs_more_than_the_images_is_left_out():
    found = suggest_settings(mine(IMAGE_MIN_DIM=0, IMAGE_MAX_DIM=1024), synthetic(size=(500, 512)))
    assert values(found) == {"IMAGE_MAX_DIM": 512}
    assert "4.0 times cheaper" in found["IMAGE_MAX_DIM"].reason


@pytest.mark.parametrize("mode", ["none", "pad64"])
def test_modes_without_a_size_stay_where_one_image_a_batch_will_do(mode):
    config = mine(IMAGE_RESIZE_MODE=mode, IMAGE_MIN_DIM=0, IMAGES_PER_GPU=1)
    splits = synthetic(sizes=[(480, 640), (640, 448), (500, 375)])
    found = suggest_settings(config, splits)
    assert values(found).get("IMAGE_RESIZE_MODE", mode) == "pad64"
    assert left(config, found, splits) == []


def test_a_batch_of_images_of_several_sizes():
    config = mine(IMAGE_RESIZE_MODE="pad64", IMAGE_MIN_DIM=0, GPU_COUNT=2)
    splits = synthetic(sizes=[(480, 640), (640, 480)])
    found = suggest_settings(config, splits)
    assert (values(found)["IMAGES_PER_GPU"], values(found)["GPU_COUNT"]) == (1, 1)
    assert left(config, found, splits) == []


def test_crops_that_enlarge_and_crops_without_objects():
    config = mine(IMAGE_RESIZE_MODE="crop", IMAGE_MIN_DIM=512)
    splits = synthetic(size=(200, 256), side=60)
    assert values(suggest_settings(config, splits))["IMAGE_MIN_DIM"] == 192
    config = mine(IMAGE_RESIZE_MODE="crop", IMAGE_MIN_DIM=64)
    splits = synthetic(size=(1024, 1024), side=40, per_image=1)
    assert left(config, suggest_settings(config, splits), splits) == []


# ---- memory, pixels, counts --------------------------------------------------------------------------------


def test_images_a_batch_that_fit_the_memory_of_the_gpu():
    gpu = Environment("tensorflow", "3.5.0", "2.18.0", 1, 8.0)
    found = suggest_settings(mine(IMAGES_PER_GPU=4, **SMALL), synthetic(), gpu)
    assert values(found) == {"IMAGES_PER_GPU": 2}
    assert "of 8.0 free GiB" in found["IMAGES_PER_GPU"].reason
    assert suggest_settings(mine(IMAGES_PER_GPU=4, **SMALL), synthetic(), CPU) == {}
    assert values(suggest_settings(mine(GPU_COUNT=4, **SMALL), synthetic(), gpu)) == {"GPU_COUNT": 1}


def test_a_batch_is_no_larger_than_the_data():
    found = suggest_settings(mine(IMAGES_PER_GPU=8, STEPS_PER_EPOCH=1, **SMALL), synthetic(images=3))
    assert values(found) == {"IMAGES_PER_GPU": 3}


def test_grey_images():
    grey = Toy([sample(image=noise(channels=1))] * 4)
    config = ToyConfig()
    found = values(suggest_settings(config, splits_of(config, train=grey)))
    assert found["IMAGE_CHANNEL_COUNT"] == 1
    assert found["MEAN_PIXEL"] == pytest.approx([127], abs=3)


def test_the_mean_of_dark_images_and_of_16_bit_ones():
    dark = Toy([sample(image=noise() // 8)] * 4)
    found = suggest_settings(ToyConfig(), splits_of(ToyConfig(), train=dark))
    assert found["MEAN_PIXEL"].value == pytest.approx([15.5] * 3, abs=1)
    assert "not centred" in found["MEAN_PIXEL"].reason
    deep = Toy([sample(image=noise().astype(np.uint16) * 64)] * 4)
    found = suggest_settings(ToyConfig(), splits_of(ToyConfig(), train=deep))
    assert found["MEAN_PIXEL"].value == pytest.approx([127 * 64] * 3, rel=0.02)
    nothing = ToyConfig().replaced({"MEAN_PIXEL": 0})
    assert "MEAN_PIXEL" not in suggest_settings(nothing, splits_of(nothing, train=dark))


def test_images_on_a_scale_of_one_need_their_loader_changed_and_no_setting():
    unit = Toy([sample(image=noise() / 255.0)] * 4)
    assert suggest_settings(ToyConfig(), splits_of(ToyConfig(), train=unit)) == {}


def test_classes_slots_and_steps():
    config, data = ToyConfig().replaced({"NUM_CLASSES": 7, "MAX_GT_INSTANCES": 2, "STEPS_PER_EPOCH": 900}), Toy()
    found = suggest_settings(config, splits_of(config, train=data, val=data))
    assert values(found) == {"NUM_CLASSES": 3, "MAX_GT_INSTANCES": 10, "STEPS_PER_EPOCH": 2}
    assert found["NUM_CLASSES"].reason == "the data have 2 classes beside the background: square, circle"
    assert found["MAX_GT_INSTANCES"].reason == "the fullest image has 3 objects, was 2"


def test_no_validation_steps_are_a_choice():
    config, data = ToyConfig().replaced({"VALIDATION_STEPS": 0}), Toy()
    assert suggest_settings(config, splits_of(config, train=data, val=data)) == {}


def test_classes_of_parts_that_disagree_are_no_setting():
    config = ToyConfig()
    splits = splits_of(config, train=Toy(), val=Toy(classes=("square",)))
    assert "NUM_CLASSES" not in suggest_settings(config, splits)


def test_rare_classes_are_a_note():
    splits = synthetic(classes=("car", "bus"), shares=[0.995, 0.005], images=100)
    (note,) = notes(splits)
    assert "bus x" in note
    assert notes(synthetic(classes=("car", "bus"), shares=[0.6, 0.4])) == []
    assert "There is no setting" in fixed_config(mine(), splits).comments[""]


# ---- odd data ----------------------------------------------------------------------------------------------

ODD = {
    "no image": lambda: Toy([]),
    "one image": lambda: Toy([sample()]),
    "one object": lambda: Toy([sample([(5, 5, 60, 50)])]),
    "a box of one pixel": lambda: Toy([sample([(5, 5, 6, 6)])]),
    "no object": lambda: Toy([sample(boxes=[])] * 3),
    "only crowds": lambda: Toy([sample(ids=[-1, -1, -1])] * 3),
    "empty masks": lambda: Toy([sample([(5, 5, 5, 5)])] * 3),
    "an unreadable image": lambda: Toy([sample(image=OSError("cut")), sample()]),
    "nothing readable": lambda: Toy([sample(image=OSError("cut"), masks=OSError("cut"))] * 3),
    "unknown classes": lambda: Toy([sample(ids=[8, 9, 0])] * 3),
    "no classes": lambda: Toy(classes=()),
    "an image of one pixel": lambda: Toy([sample([(0, 0, 1, 1)], size=(1, 1))]),
    "no channel axis": lambda: Toy([sample(image=noise()[:, :, 0])] * 3),
}


@pytest.mark.parametrize("name", ODD)
@pytest.mark.parametrize("config", [mine(), ToyConfig()], ids=["defaults", "toy"])
def test_odd_data_give_suggestions_that_are_valid(name, config):
    splits = splits_of(config, train=ODD[name](), val=Toy())
    for given in (splits, splits[:1], splits[1:]):
        for each in suggest_settings(config, given).values():
            assert isinstance(each, Suggestion)
            assert each.reason
        fixed = fixed_config(config, given)
        assert fixed.config.validate() == []


def test_a_million_objects_are_sampled():
    splits = synthetic(images=2000, size=(1000, 1200), per_image=500, side=12)
    assert len(thinned(splits)[0].scan.class_id) == 20_000
    found = suggest_settings(mine(), splits)
    assert "of 20000 sampled boxes" in found["RPN_ANCHOR_SCALES"].reason
    assert found["MAX_GT_INSTANCES"].value == 500
    assert found == suggest_settings(mine(), splits)
