"""The checks of Config against data: what must be found, with which severity, and what must be left alone."""

import re

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mrcnn_roi.checks.fit_anchors import best_iou
from mrcnn_roi.checks.splits import mold
from mrcnn_roi.datasets import scan_dataset
from mrcnn_roi.findings import Severity
from mrcnn_roi.ops.anchors import anchor_sizes
from mrcnn_roi.ops.images import resize_image
from mrcnn_roi.ops.masks import extract_bboxes, resize_mask

from .examples_fit import NONE, big, grid, poles, squares
from .toy import BOXES, Toy, config, find, grave, noise, rectangles, sample, toys


def only(findings, code):
    """The one finding with the code."""
    (found,) = [finding for finding in findings if finding.code == code]
    return found


@settings(deadline=None, max_examples=60)
@given(
    size=st.tuples(st.integers(1, 200), st.integers(1, 200)),
    mode=st.sampled_from(["square", "none", "pad64", "crop"]),
    dims=st.sampled_from([(64, 128), (0, 64), (None, 192), (128, 128), (192, 64)]),
    min_scale=st.sampled_from([0, None, 2, 0.5]),
    box=st.tuples(*[st.floats(0, 1)] * 4),
)
@example(size=(100, 99), mode="pad64", dims=(192, 64), min_scale=0, box=(1.0, 0.0, 0.0, 0.0))
def test_molding_is_what_training_does(size, mode, dims, min_scale, box):
    height, width = size
    y1, x1 = int(box[0] * (height - 1)), int(box[1] * (width - 1))
    boxes = [(y1, x1, y1 + 1 + int(box[2] * (height - y1 - 1)), x1 + 1 + int(box[3] * (width - x1 - 1)))]
    setting = config(IMAGE_RESIZE_MODE=mode, IMAGE_MIN_DIM=dims[0], IMAGE_MAX_DIM=dims[1], IMAGE_MIN_SCALE=min_scale)
    data = Toy([sample(boxes, size=size)])
    molding = mold(setting, scan_dataset(data))
    try:
        image, _, scale, padding, crop = resize_image(noise(size), *dims, min_scale, mode)
    except ValueError:
        assert molding is None
        return
    assert molding.shape.tolist() == [list(image.shape[:2])]
    assert molding.scale.tolist() == [scale]
    masks = resize_mask(rectangles(boxes, size), scale, padding)
    assert molding.vanished.tolist() == [not masks.any()]
    if masks.any():
        (found,) = extract_bboxes(masks)
        sides = np.minimum(found[2:] - found[:2], image.shape[:2])
        np.testing.assert_allclose(sides, molding.sides[0], atol=max(1, scale) + 1)


@pytest.mark.parametrize("change", [
    {"IMAGE_RESIZE_MODE": "squared"}, {"IMAGE_MAX_DIM": "1024"}, {"IMAGE_MIN_SCALE": "2"},
    {"IMAGE_RESIZE_MODE": "crop", "IMAGE_MIN_DIM": 0}, {"IMAGE_RESIZE_MODE": "pad64", "IMAGE_MIN_DIM": 100},
])  # fmt: skip
def test_no_molding_where_the_config_cannot_resize(change):
    assert mold(config(**change), scan_dataset(Toy())) is None
    findings = find(made=config(**change))
    assert not [finding for finding in findings if finding.code.startswith("cd-")]
    assert [finding for finding in findings if finding.code.startswith("cfg-")]


def test_shape_only_iou_has_the_published_limits():
    scales, ratios = (32, 64, 128, 256, 512), [0.5, 1, 2]
    sides = np.array([[17.4, 17.4], [17.6, 17.6], [64, 64], [900, 100]])
    iou = best_iou(sides, *anchor_sizes(scales, ratios))
    assert (iou < 0.3).tolist() == [True, False, False, False]
    assert iou[2] == 1


def test_class_count_names_the_number_to_set():
    found = only(find(made=config(NUM_CLASSES=2)), "cd-class-count")
    assert "2 classes + background = 3" in found.message
    assert found.fix == "set NUM_CLASSES = 1 + 2"


def test_class_count_of_val_counts_too():
    findings = find(val=Toy(classes=["square"], samples=[sample(ids=[1, 1, 1])] * 4))
    assert grave(findings) == ["cd-class-count"]
    assert "val has 1 class " in only(findings, "cd-class-count").message


def test_unset_num_classes_is_not_also_a_class_count():
    assert "cd-class-count" not in grave(find(made=config(NUM_CLASSES=1)))


def test_too_many_declared_classes_are_not_also_ids_out_of_range():
    three = Toy(classes=["a", "b", "c"], samples=[sample(ids=[1, 2, 3])] * 4)
    assert grave(find(three, three)) == ["cd-class-count"]


def test_a_class_declared_too_many_is_not_also_unused():
    three = Toy(classes=["a", "b", "c"])
    assert grave(find(three, three)) == ["cd-class-count"]


def test_source_ids_are_mapped_in_the_fix():
    data = Toy([sample(ids=[1, 2, 62])] + [sample()] * 3)
    data.class_info[2]["id"] = 62
    data.prepare()
    assert 'map_source_class_id("toy.62"), which is 2' in only(find(data), "cd-class-id-range").fix


def test_empty_and_unprepared_datasets():
    assert "prepare()" in only(find(val=Toy(prepared=False)), "cd-empty-dataset").fix
    assert only(find(Toy([])), "cd-empty-dataset").severity == Severity.ERROR
    late = Toy()
    late.add_image("toy", "late", None)
    late.samples = late.samples + [sample()]
    assert only(find(late), "cd-empty-dataset").severity == Severity.WARNING


def test_no_objects_in_val_is_an_error_that_says_which_losses_are_zero():
    found = only(find(val=Toy([sample(boxes=[])] * 4)), "cd-no-positive-images")
    assert (found.severity, found.where) == (Severity.ERROR, "val")
    assert "box and mask losses of the validation are 0" in found.message
    assert "split_dataset" in found.fix


def test_a_dataset_without_load_mask_is_told_so():
    from mrcnn_roi.datasets import Dataset

    class Forgot(Dataset):
        def load_image(self, image_id):
            return noise()

    data = Forgot()
    for class_id, name in enumerate(["square", "circle"], 1):
        data.add_class("toy", class_id, name)
    for number in range(4):
        data.add_image("toy", number, None)
    data.prepare()
    assert only(find(data), "cd-no-positive-images").fix == "override load_mask()"


def test_background_images_are_an_info_that_says_how_they_are_used():
    found = only(find(toys(sample(boxes=[]))), "cd-background-images")
    assert found.severity == Severity.INFO
    assert "used as negatives" in found.message


@pytest.mark.parametrize("counts", [(3, 2), (100, 10), (2900, 1000)])
def test_moderate_imbalance_is_left_alone(counts):
    data = Toy([sample(grid(100), ids=[1] * counts[0] + [2] * counts[1])]) if sum(counts) == 100 else None
    ids = np.repeat([1, 2], counts)
    data = Toy([sample(grid(len(part)), ids=part) for part in np.array_split(ids, max(1, len(ids) // 90))])
    assert "cd-class-imbalance" not in {finding.code for finding in find(data, data)}


def test_upscale_on_purpose_is_an_info():
    setting = config(IMAGE_MIN_SCALE=4, IMAGE_MAX_DIM=512)
    found = only(find(made=setting), "cd-upscale")
    assert (found.severity, found.where) == (Severity.INFO, "IMAGE_MIN_SCALE")


def test_mild_upscale_is_an_info():
    assert only(find(made=config(IMAGE_MIN_DIM=192, IMAGE_MAX_DIM=192)), "cd-upscale").severity == Severity.INFO


def test_shrinking_is_one_finding_where_it_makes_objects_tiny():
    data = big(40)
    assert grave(find(data, data, made=config(IMAGE_MIN_DIM=0, IMAGE_MAX_DIM=192))) == ["cd-downscale"]


def tiny(raw, side, count=12):
    """Square images with objects of raw x raw pixels."""
    step = side // 8
    return Toy([sample(grid(count, raw, step, (side, side)), size=(side, side))] * 4)


@pytest.mark.parametrize("raw,side,largest,values", [
    (12, 512, 256, {"IMAGE_MAX_DIM": 384}),  # shrunk: IMAGE_MIN_SCALE would not help
    (5, 128, 128, {"IMAGE_MIN_SCALE": 1.6, "IMAGE_MAX_DIM": 256}),
    (5, 128, 512, {"IMAGE_MIN_SCALE": 1.6}),  # there is room
    (3, 512, 448, {"IMAGE_MIN_SCALE": 2.7, "IMAGE_MAX_DIM": 1408}),
])  # fmt: skip
def test_the_advice_for_tiny_objects_is_enough(raw, side, largest, values):
    data, own = tiny(raw, side), {"IMAGE_MIN_DIM": 0, "RPN_ANCHOR_SCALES": (4, 8, 16, 32, 64)}
    fix = only(find(data, data, made=config(IMAGE_MAX_DIM=largest, **own)), "cd-object-tiny").fix
    advised = {name: float(value) for name, value in re.findall(r"(IMAGE_M\w+) = ([\d.]+\d|\d)", fix)}
    assert advised == values
    whole = {name: int(value) if value == int(value) else value for name, value in advised.items()}
    made = config(**{"IMAGE_MAX_DIM": largest, **own, **whole})
    assert "cd-object-tiny" not in grave(find(data, data, made=made))


@pytest.mark.parametrize("mode,more", [("pad64", {}), ("crop", {"IMAGE_MIN_DIM": 64}), ("none", {})])
def test_the_advice_for_tiny_objects_suits_the_mode(mode, more):
    data = tiny(5, 128)
    own = {"IMAGE_RESIZE_MODE": mode, "IMAGE_MIN_DIM": 0, "RPN_ANCHOR_SCALES": (4, 8, 16, 32, 64), **more}
    fix = only(find(data, data, made=config(**own)), "cd-object-tiny").fix
    assert ('IMAGE_RESIZE_MODE = "pad64"' in fix) == (mode == "none")
    assert "IMAGE_MIN_SCALE = 1.6" in fix
    assert "IMAGE_MAX_DIM" not in fix
    made = config(**{**own, "IMAGE_RESIZE_MODE": mode if mode != "none" else "pad64", "IMAGE_MIN_SCALE": 1.6})
    assert "cd-object-tiny" not in grave(find(data, data, made=made))


def test_tiny_objects_of_large_images_want_tiles():
    """Three pixels in 1600 would need a side of 4288: more than most devices hold."""
    data = tiny(3, 1600)
    made = config(IMAGE_MIN_DIM=0, IMAGE_MAX_DIM=1600, RPN_ANCHOR_SCALES=(4, 8, 16, 32, 64))
    fix = only(find(data, data, made=made), "cd-object-tiny").fix
    assert fix.startswith("cut the images into tiles")
    assert "IMAGE_MAX_DIM = 4288" in fix
    assert "IMAGE_MIN_SCALE = 2.7" in fix


def test_some_tiny_objects_among_images_of_many_sizes():
    rng = np.random.default_rng(0)
    scenes = []
    for side in (128, 200, 320, 90, 256, 160):
        boxes = [(20 * i, 5, 20 * i + int(rng.integers(3, 19)), 60) for i in range(4)]
        scenes.append(sample(boxes, size=(side, 2 * side)))
    data, own = Toy(scenes), {"IMAGE_MIN_DIM": 0, "RPN_ANCHOR_SCALES": (4, 8, 16, 32, 64)}
    fix = only(find(data, data, made=config(IMAGE_MAX_DIM=256, **own)), "cd-object-tiny").fix
    advised = {name: float(value) for name, value in re.findall(r"(IMAGE_M\w+) = ([\d.]+\d|\d)", fix)}
    made = config(**own, **{name: int(value) if value == int(value) else value for name, value in advised.items()})
    assert "cd-object-tiny" not in grave(find(data, data, made=made))


def test_few_vanishing_objects_are_a_warning():
    boxes = grid(110, 80, step=90, size=(1024, 1024))[:109] + [(1020, 1020, 1022, 1022)]
    data = Toy([sample(boxes, size=(1024, 1024))])
    found = only(find(data, made=config(IMAGE_MIN_DIM=0)), "cd-object-vanishes")
    assert found.severity == Severity.WARNING
    assert "1 of 110 objects: instance 110 of image 0 (2x2 -> 0.2 px)" in found.message


def test_coverage_is_a_warning_while_some_objects_have_an_anchor():
    half = Toy([sample(grid(6, 9)), sample(grid(4, 40, step=42))])
    found = only(find(half, made=config(RPN_ANCHOR_SCALES=(32, 64, 96, 112, 128))), "cd-anchor-coverage")
    assert found.severity == Severity.WARNING
    assert "60% of 10 objects" in found.message


def test_the_suggested_scales_cover_what_they_say():
    data = squares(9)
    setting = config(RPN_ANCHOR_SCALES=(32, 64, 96, 112, 128))
    fix = only(find(data, data, made=setting), "cd-anchor-coverage").fix
    scales = eval(fix.partition("= ")[2].partition(", which")[0])
    assert grave(find(data, data, made=config(RPN_ANCHOR_SCALES=scales))) == []


def test_long_objects_are_not_also_uncovered():
    data = poles(126, 6)
    assert grave(find(data, data)) == ["cd-anchor-aspect", "cd-object-tiny"]
    data = poles(120, 10)
    assert grave(find(data, data)) == ["cd-anchor-aspect"]


def test_the_suggested_ratios_are_enough():
    data = poles(120, 10)
    fix = only(find(data, data), "cd-anchor-aspect").fix
    ratios = eval(fix.partition("= ")[2].partition(" (")[0])
    assert grave(find(data, data, made=config(RPN_ANCHOR_RATIOS=ratios))) == []


def test_custom_backbones_need_multiples_of_their_own_stride():
    def backbone(image, stage5, train_bn):
        return [image] * 5

    def shapes(image_shape):
        return [[image_shape[0] // s, image_shape[1] // s] for s in (2, 4, 8, 16, 32)]

    own = {"BACKBONE": backbone, "COMPUTE_BACKBONE_SHAPE": shapes, "BACKBONE_STRIDES": [2, 4, 8, 16, 32], **NONE}
    data = Toy([sample(size=(96, 160))] * 4)
    assert "cd-molded-div64" not in grave(find(data, data, made=config(**own)))
    data = Toy([sample(size=(100, 160))] * 4)
    assert "multiples of 32" in only(find(data, data, made=config(**own)), "cd-molded-div64").message


def test_crops_that_hit_are_left_alone():
    crop = {"IMAGE_RESIZE_MODE": "crop", "IMAGE_MIN_DIM": 64, "RPN_ANCHOR_SCALES": (4, 8, 16, 32, 64)}
    assert "cd-crop-empty" not in grave(find(Toy([sample(BOXES)] * 4), made=config(**crop)))


@settings(deadline=None, max_examples=25)
@given(st.integers(70, 300), st.integers(70, 300), st.integers(0, 60), st.integers(0, 60), st.integers(0, 10**6))
def test_chance_of_a_crop_with_an_object(height, width, y, x, seed):
    from mrcnn_roi.checks.fit_sizes import _crop_hits
    from mrcnn_roi.checks.splits import Split

    setting = config(IMAGE_RESIZE_MODE="crop", IMAGE_MIN_DIM=64)
    data = Toy([sample([(y, x, y + 5, x + 9)], size=(height, width))])
    scan = scan_dataset(data)
    chance = _crop_hits(Split("train", data, scan, mold(setting, scan)), 64)
    tops, lefts = np.meshgrid(np.arange(height - 63), np.arange(width - 63), indexing="ij")
    hits = (tops < y + 5) & (tops + 64 > y) & (lefts < x + 9) & (lefts + 64 > x)
    assert chance[0] == pytest.approx(hits.mean(), abs=1e-6)
