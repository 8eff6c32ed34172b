import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from mrcnn_roi import ops
from mrcnn_roi.checks.rois import GROUPS, check_rois
from mrcnn_roi.findings import CHECKS, Finding, Severity
from mrcnn_roi.ops import roi_layouts
from mrcnn_roi.ops.boxes import norm_boxes
from tests.checks.examples_rois import (
    EXAMPLES,
    EXTENTS,
    GT,
    PIXEL_BOXES,
    ROIS,
    SIDE,
    findings_of,
    maps,
    meta,
    metas,
    with_row,
)

IMAGE = (SIDE, SIDE)


def codes(*args, **kwargs):
    return sorted(finding.code for finding in check_rois(*args, **kwargs))


def only(*args, **kwargs) -> Finding:
    """The one finding that the input must give."""
    findings = check_rois(*args, **kwargs)
    assert len(findings) == 1, [str(each) for each in findings]
    return findings[0]


# --- every code ---------------------------------------------------------------------------------------------


def test_the_examples_cover_the_group():
    assert set(EXAMPLES) == {each.code for each in CHECKS.values() if each.group in GROUPS}


@pytest.mark.parametrize("code", EXAMPLES)
def test_bad_example_gives_its_code_alone(code):
    findings = findings_of(EXAMPLES[code][0])
    assert [finding.code for finding in findings] == [code]
    assert findings[0].where
    assert findings[0].message
    assert findings[0].fix


@pytest.mark.parametrize("code", EXAMPLES)
def test_good_example_gives_nothing(code):
    assert findings_of(EXAMPLES[code][1]) == []


def test_everything_right_at_once():
    image_meta = metas(meta(), meta())
    rois = np.concatenate([ROIS, ROIS])
    assert codes(rois, feature_maps=maps(batch=2), image_meta=image_meta, gt_boxes=GT, num_classes=3) == []


# --- nothing legitimate is flagged --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "rois",
    [
        np.zeros((1, 0, 4), np.float32),
        np.zeros((0, 3, 4), np.float32),
        with_row([0, 0, 1, 1]),
        with_row([-1e-7, 0, 1, 1 + 1e-7]),
        with_row([0, 0, 0, 0]),
        ROIS.astype(np.float64),
        ROIS.astype(np.float16),
        ROIS.astype(np.longdouble),
        np.array([[[0.2, 0.2, 0.6, 0.6], [0.1, 0.1, 0.9, 0.9]]]),
        ROIS.tolist(),
    ],
)
def test_legitimate_rois(rois):
    assert codes(rois) == []
    assert codes(rois, image_shape=IMAGE, gt_boxes=GT) == []


def test_bfloat16_is_floating():
    ml_dtypes = pytest.importorskip("ml_dtypes")
    assert codes(ROIS.astype(ml_dtypes.bfloat16), feature_maps=[m.astype(ml_dtypes.bfloat16) for m in maps()]) == []


def test_symmetric_boxes_are_not_called_swapped():
    boxes = np.array([[[10, 10, 50, 50], [60, 60, 120, 120]]], np.float32)
    assert codes(norm_boxes(boxes, IMAGE), image_shape=IMAGE, gt_boxes=boxes) == []


def test_swapped_axes_are_not_guessed_without_ground_truth():
    assert codes(ROIS[..., [1, 0, 3, 2]], image_shape=IMAGE) == []


def test_proposals_that_miss_the_ground_truth_either_way_are_not_called_swapped():
    assert codes(ROIS, image_shape=IMAGE, gt_boxes=[[0, 0, 5, 5], [120, 0, 128, 9]]) == []


def test_256_channels_on_256_cells_are_not_nchw():
    assert codes(ROIS, feature_maps=maps(side=1024, channels=256)) == []


def test_image_side_that_is_no_multiple_of_the_strides():
    assert codes(ROIS, feature_maps=maps(side=100), image_shape=(100, 100, 3)) == []
    assert codes(ROIS, feature_maps=maps(side=126), image_meta=metas(meta(126))) == []


def test_configured_levels():
    strides = (8, 16, 32)
    assert codes(ROIS, feature_maps=maps(strides=strides), strides=strides) == []


def test_more_rois_than_the_originals_sort_key_could_hold():
    rng = np.random.default_rng(0)
    corners = np.sort(rng.random((1, 100_001, 2, 2)), axis=2).reshape(1, -1, 4)
    assert codes(corners, image_shape=IMAGE) == []


def test_a_few_unclipped_proposals_are_out_of_range_and_not_pixels():
    assert only(with_row([0.1, 0.1, 2.6, 0.9])).code == "roi-range"


# --- the meaning of the findings ----------------------------------------------------------------------------


def test_pixels_name_the_call_and_the_first_places():
    finding = only(PIXEL_BOXES * 8, image_shape=(1024, 1024, 3))
    assert finding.code == "roi-pixel-coords"
    assert "1024" in finding.message
    assert "zeros" in finding.message
    assert finding.fix == "norm_boxes(rois, (1024, 1024))"
    assert finding.where.startswith("rois[0, 0], rois[0, 1]")


def test_size_of_the_image_comes_from_meta_or_maps():
    assert only(PIXEL_BOXES, image_meta=metas()).fix == "norm_boxes(rois, (128, 128))"
    assert only(PIXEL_BOXES, feature_maps=maps()).fix == "norm_boxes(rois, (128, 128))"
    nchw = [np.transpose(each, (0, 3, 1, 2)) for each in maps(channels=32)]
    found = {each.code: each.fix for each in check_rois(PIXEL_BOXES, feature_maps=nchw)}
    assert found["roi-pixel-coords"] == "norm_boxes(rois, (128, 128))"
    assert set(found) == {"roi-pixel-coords", "fm-layout-nchw"}


def test_pixels_without_any_image_size_may_be_cells():
    assert "pixel or feature" in only(PIXEL_BOXES).message


def test_integer_pixels_are_pixels_and_not_truncated_boxes():
    assert only(PIXEL_BOXES.astype(np.int32), image_shape=IMAGE).code == "roi-pixel-coords"
    assert only((PIXEL_BOXES / 8).astype(np.int32), image_shape=IMAGE).code == "roi-pixel-coords"


def test_some_rows_in_pixels_among_normalized_ones():
    finding = only(with_row([10, 20, 90, 70]), image_shape=IMAGE)
    assert (finding.code, finding.where) == ("roi-pixel-coords", "rois[0, 4]")


def test_pixels_of_the_original_image():
    image_meta = metas()
    image_meta[0, 1:4], image_meta[0, 7:11], image_meta[0, 11] = (1000, 500, 3), (0, 32, 128, 96), 0.128
    finding = only(PIXEL_BOXES * 7, image_meta=image_meta)
    assert finding.code == "roi-pixel-coords"
    assert "original 1000×500" in finding.message
    assert "rois * 0.128 + [0, 32, 0, 32], (128, 128)" in finding.fix


def test_coordinates_beyond_any_known_image():
    finding = only(PIXEL_BOXES * 50, image_shape=IMAGE)
    assert (finding.code, finding.severity) == ("roi-range", Severity.ERROR)
    assert only(np.full((1, 2, 4), [5000.0] * 4) + [[[0], [1]]], image_shape=IMAGE).code == "roi-range"


def test_cells_are_ambiguous_without_ground_truth():
    finding = only(PIXEL_BOXES / 16, image_shape=IMAGE)
    assert finding.code == "roi-feature-coords"
    assert "pixel or feature" in finding.message
    assert "norm_boxes(rois, (128, 128)) if pixels" in finding.fix


def test_ground_truth_tells_small_pixel_boxes_from_cells():
    corner = PIXEL_BOXES / 16
    assert only(corner, image_shape=IMAGE, gt_boxes=corner[0]).code == "roi-pixel-coords"
    finding = only(corner, image_shape=IMAGE, gt_boxes=GT)
    assert finding.fix == "norm_boxes(rois * 16, (128, 128))"


@pytest.mark.parametrize(
    "row, severity, share",
    [([-0.2, -0.2, 1.2, 1.2], Severity.WARNING, "49%"), ([0.5, 0.5, 1.9, 1.9], Severity.ERROR, "87%")],
)
def test_range_is_graver_when_most_of_the_area_is_outside(row, severity, share):
    finding = only(np.array([[row]]))
    assert (finding.code, finding.severity) == ("roi-range", severity)
    assert share in finding.message


@pytest.mark.parametrize(
    "row, kind",
    [([0.6, 0.1, 0.2, 0.5], "y2 < y1"), ([0.1, 0.6, 0.5, 0.2], "x2 < x1"), ([0.6, 0.6, 0.1, 0.1], "both")],
)
def test_one_reversed_row(row, kind):
    finding = only(with_row(row))
    assert (finding.code, finding.where) == ("roi-order-reversed", "rois[0, 4]")
    assert f"1 {kind}" in finding.message
    assert only(np.array([[row]])).code == "roi-order-reversed"


def test_extents_explain_reversed_corners():
    finding = only(EXTENTS)
    assert finding.code == "roi-format-xywh"
    assert finding.fix.startswith("np.concatenate([rois[..., :2], rois[..., :2] + rois[..., 2:]]")


def test_ground_truth_finds_extents_that_are_not_reversed():
    boxes = np.array([[50, 50, 105, 110], [40, 30, 90, 80]])
    rois = norm_boxes(boxes, IMAGE)[None]
    extents = np.concatenate([rois[..., :2], rois[..., 2:] - rois[..., :2]], axis=-1)
    assert codes(extents) == []
    assert only(extents, image_shape=IMAGE, gt_boxes=boxes).code == "roi-format-xywh"


@pytest.mark.parametrize("shape", [(128, 128), (128, 256)])
def test_swapped_axes(shape):
    swapped_pixels = PIXEL_BOXES[..., [1, 0, 3, 2]]
    for rois in (norm_boxes(PIXEL_BOXES, shape)[..., [1, 0, 3, 2]], norm_boxes(swapped_pixels, shape)):
        finding = only(rois, image_shape=shape, gt_boxes=PIXEL_BOXES)
        assert (finding.code, finding.severity) == ("roi-order-xy", Severity.ERROR)
    assert codes(swapped_pixels, image_shape=shape, gt_boxes=PIXEL_BOXES) == [
        "roi-order-xy",
        "roi-pixel-coords",
    ]


def test_ground_truth_per_image():
    rois = np.concatenate([ROIS, ROIS[..., [1, 0, 3, 2]]])
    per_image = np.stack([PIXEL_BOXES[0], PIXEL_BOXES[0][:, [1, 0, 3, 2]]])
    assert codes(rois, image_shape=IMAGE, gt_boxes=per_image) == []
    assert codes(rois, image_shape=IMAGE, gt_boxes=per_image[::-1]) == ["roi-order-xy"]
    assert codes(rois, image_shape=IMAGE, gt_boxes=per_image[:1]) == ["roi-batch-mismatch"]


@pytest.mark.parametrize(
    "rois, fix",
    [
        (ROIS[0, 0], "rois[None, None]"),
        (ROIS[:, :, None], "np.reshape(rois, (1, -1, 4))"),
        (np.hstack([np.zeros((4, 1)), PIXEL_BOXES[0]]), "torchvision"),
        ([ROIS[0, :2].tolist(), ROIS[0, :3].tolist()], "pad every image"),
        (None, "np.zeros((1, 0, 4)"),
        ([], "np.zeros((1, 0, 4)"),
        (object(), "a numpy array or an eager tensor"),
    ],
)
def test_wrong_rank_stops_the_other_checks(rois, fix):
    finding = only(rois, image_shape=IMAGE, gt_boxes=GT)
    assert finding.code == "roi-rank"
    assert fix in finding.fix


@pytest.mark.parametrize(
    "rois, fix",
    [
        (np.dstack([np.array([[0, 1, 1]]), PIXEL_BOXES[:, :3]]), "group_rois(np.reshape(rois, (-1, 5)), batch_size, "),
        (np.dstack([np.zeros((1, 4)), PIXEL_BOXES]), "rois[..., 1:]"),
        (np.dstack([PIXEL_BOXES, np.full((1, 4), 0.9)]), "rois[..., :4]"),
        (np.dstack([np.full((1, 4), 0.9), ROIS]), "rois[..., 1:]"),
        (np.dstack([ROIS, np.ones((1, 4, 2))]), "rois[..., :4]"),
        (np.swapaxes(with_row([0, 0, 0.5, 0.5]), 1, 2)[..., :3], "np.swapaxes(rois, 1, 2)"),
        (np.zeros((1, 3, 0)), "[B, N, (y1, x1, y2, x2)]"),
    ],
)
def test_last_dimension(rois, fix):
    finding = only(rois)
    assert finding.code == "roi-last-dim"
    assert fix in finding.fix


# (image, x1, y1, x2, y2) in pixels, for two images
INDEXED = np.array([[0, 20, 10, 70, 90], [1, 5, 40, 60, 100], [1, 64, 64, 120, 128], [0, 90, 0, 128, 30]], np.float32)


def run_fix(fix, rois):
    """What the call of group_rois in a fix returns."""
    call = fix[fix.index("ops.roi_layouts.") : fix.index(", which also")]
    return eval(call, {"ops": ops, "np": np, "rois": rois})[0]


@pytest.mark.parametrize("rows", [3, 4])
@pytest.mark.parametrize("shape", [(-1, 5), (1, -1, 5)])
def test_the_fix_for_five_columns_of_two_images(rows, shape):
    """Four rows are as many as a box has columns: no reason to swap the axes."""
    rois = INDEXED[:rows].reshape(shape)
    finding = only(rois, feature_maps=maps(batch=2))
    assert finding.code == ("roi-rank" if len(shape) == 2 else "roi-last-dim")
    assert "x first" in finding.fix
    grouped = run_fix(finding.fix, rois)
    assert codes(grouped, feature_maps=maps(batch=2)) == []
    np.testing.assert_allclose(grouped[1, 0], norm_boxes([40, 5, 100, 60], IMAGE))


def test_five_columns_of_two_images_by_meta_and_normalized():
    rois = np.dstack([INDEXED[None, :, :1], norm_boxes(INDEXED[None, :, 1:], IMAGE)])
    finding = only(rois, image_meta=metas(meta(), meta()))
    assert 'batch_size=2, frame="normalized"' in finding.fix
    assert codes(run_fix(finding.fix, rois), image_meta=metas(meta(), meta())) == []


def test_columns_on_axis_1_are_no_batch_index():
    rois = np.swapaxes(np.insert(ROIS, 0, [0, 0, 1, 1], axis=1), 1, 2)  # [1, 4, 5], whose first box is the image
    assert "np.swapaxes(rois, 1, 2)" in only(rois, feature_maps=maps()).fix
    boxes_and_scores = np.dstack([ROIS[:, ::-1], np.full((1, 4), 0.9)])
    assert "swapaxes" not in only(boxes_and_scores, feature_maps=maps()).fix


def test_six_columns_and_another_batch_are_two_mistakes():
    rois = np.dstack([ROIS, np.ones((1, 4, 2))])
    assert codes(rois, feature_maps=maps(batch=2)) == ["roi-batch-mismatch", "roi-last-dim"]


@pytest.mark.parametrize(
    "boxes, code",
    [
        (PIXEL_BOXES[0], "roi-pixel-coords"),
        (PIXEL_BOXES[0] / 16, "roi-feature-coords"),
        (EXTENTS[0], "roi-format-xywh"),
        (ROIS[0][:, [1, 0, 3, 2]], "roi-order-xy"),
        (ROIS[0][:, [2, 1, 0, 3]], "roi-order-reversed"),
        (with_row([np.nan, 0, 1, 1])[0], "roi-nonfinite"),
    ],
)
def test_a_missing_batch_axis_hides_nothing(boxes, code):
    findings = {each.code: each for each in check_rois(boxes, feature_maps=maps(), gt_boxes=PIXEL_BOXES[0])}
    assert set(findings) == {"roi-rank", code}
    assert findings["roi-rank"].fix == "add the batch axis: rois[None]"
    assert codes(boxes[None], feature_maps=maps(), gt_boxes=PIXEL_BOXES[0]) == [code]


def test_places_of_boxes_without_a_batch_axis():
    findings = check_rois(with_row([0.1, 0.2, 0.8, 1.4])[0])
    assert {each.code: each.where for each in findings} == {"roi-rank": "rois", "roi-range": "rois[4]"}


def test_a_missing_batch_axis_is_no_mismatch():
    finding = only(np.concatenate([ROIS[0], ROIS[0]]), feature_maps=maps(batch=2))
    assert finding.code == "roi-rank"
    assert "2 images" in finding.fix


@pytest.mark.parametrize("dtype", [np.int32, np.uint8, bool, object, str, complex, "M8[s]"])
def test_dtype(dtype):
    rois = np.zeros((1, 3, 4), np.int64).astype(dtype)
    assert only(rois).code == "roi-dtype"


def test_nonfinite_rows_do_not_hide_or_cause_others():
    rois = with_row([0.5, 0.5, np.inf, np.nan], with_row([0.3, 0.4, 0.3, 0.7]))
    assert codes(rois) == ["roi-nonfinite", "roi-zero-area"]
    assert codes(np.full((1, 3, 4), np.nan)) == ["roi-nonfinite"]


def test_numbers_are_shown_without_float_noise():
    finding = only(with_row([0.2, 1 / 3, np.inf, 0.7]))
    assert finding.message.endswith("(0.2, 0.3333, inf, 0.7)")
    from mrcnn_roi.layers.contract import check_boxes

    with pytest.raises(ValueError, match=r"the first at \(0, 4\): \(0\.2, 0\.3333, inf, 0\.7\)$"):
        check_boxes(with_row([0.2, 1 / 3, np.inf, 0.7]), "PyramidROIAlign")


PADDED = np.concatenate([PIXEL_BOXES, np.zeros((1, 3, 4), np.float32)], axis=1)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.float16])
@pytest.mark.parametrize("known", [{"image_shape": IMAGE}, {"image_meta": metas()}, {"feature_maps": maps()}])
def test_padding_that_was_normalized(dtype, known):
    rois = norm_boxes(PADDED, IMAGE).astype(dtype)
    for gt_boxes in (None, GT):
        finding = only(rois, **known, gt_boxes=gt_boxes)
        assert (finding.code, finding.severity) == ("roi-order-reversed", Severity.WARNING)
        assert finding.where == "rois[0, 4], rois[0, 5], rois[0, 6]"
        assert "padding rows were normalized" in finding.message
        assert "pad after norm_boxes" in finding.fix
    kept = roi_layouts.convert_boxes(PADDED, "yxyx", "pixels", image_shape=IMAGE)
    assert codes(kept, **known) == []


def test_normalized_padding_beside_other_mistakes():
    rois = norm_boxes(PADDED, IMAGE)
    found = check_rois(with_row([0.6, 0.1, 0.2, 0.5], rois), image_shape=IMAGE)
    assert [(each.severity, each.where) for each in found] == [
        (Severity.ERROR, "rois[0, 7]"),
        (Severity.WARNING, "rois[0, 4], rois[0, 5], rois[0, 6]"),
    ]
    assert codes(rois[:, 4:], image_shape=IMAGE) == ["roi-all-padding", "roi-order-reversed"]
    assert check_rois(with_row([0, 0, -0.5, -0.5]), image_shape=IMAGE)[0].severity == Severity.ERROR


def test_the_fix_for_pixels_does_not_normalize_padding():
    fix = only(PADDED, image_shape=IMAGE).fix
    assert 'convert_boxes(rois, "yxyx", "pixels", image_shape=(128, 128))' in fix
    assert "convert_boxes" not in only(PIXEL_BOXES, image_shape=IMAGE).fix


def test_boxes_entirely_outside_are_not_to_be_clipped():
    wide = norm_boxes(np.array([[[600, 100, 900, 300]]]), (512, 1024))
    finding = only(wide, image_shape=(512, 1024))
    assert finding.code == "roi-range"
    assert "1 of them entirely" in finding.message
    assert "size of another image, or x came before y: norm_boxes(boxes, (512, 1024))" in finding.fix
    assert "x came" not in only(wide, image_shape=(512, 512)).fix  # swapped, they would be inside a square
    assert "odd proposals" in only(with_row([1.2, 0.2, 1.5, 0.4]), image_shape=IMAGE).fix
    assert "another image" not in only(with_row([1.2, 0.2, 1.5, 0.4]), image_shape=IMAGE, gt_boxes=GT).fix
    assert only(with_row([0.5, 0.2, 1.5, 0.4]), image_shape=IMAGE).fix == "np.clip(rois, 0, 1)"


@pytest.mark.parametrize("other", [(64, 64), (256, 256), (32, 32), (512, 512)])
def test_boxes_normalized_with_the_size_of_another_image(other):
    finding = only(norm_boxes(PIXEL_BOXES, other), image_shape=IMAGE, gt_boxes=PIXEL_BOXES[0])
    if finding.code == "roi-feature-coords":  # 32 is the size of a map as well, and the cure is the same
        assert other == (32, 32)
        return
    assert (finding.code, finding.severity) == ("roi-range", Severity.ERROR)
    assert f"normalized with {other[0]}×{other[1]}" in finding.message
    assert finding.fix.endswith(f"norm_boxes(scale_boxes(rois, {other}), (128, 128))")


def test_boxes_normalized_with_height_and_width_exchanged():
    finding = only(norm_boxes(PIXEL_BOXES, (512, 128)), image_shape=(128, 512), gt_boxes=PIXEL_BOXES[0])
    assert "normalized with 512×128" in finding.message


def test_a_wrong_size_is_reported_once():
    rois = norm_boxes(PADDED, (64, 64))
    assert codes(rois, image_shape=IMAGE, gt_boxes=GT) == ["roi-order-reversed", "roi-range"]
    right, wrong_meta = norm_boxes(PADDED, IMAGE)[:, :4], metas(meta(256))
    assert codes(right, image_meta=wrong_meta, feature_maps=maps(), gt_boxes=GT) == ["meta-image-shape"]


BATCH_PIXELS = np.array(
    [[[10, 20, 50, 60], [0, 80, 40, 128]], [[64, 64, 128, 120], [50, 5, 90, 40]], [[5, 5, 30, 128], [90, 60, 128, 90]]]
)


@pytest.mark.parametrize("order", [[1, 0], [1, 2, 0], [2, 1, 0]])
def test_images_in_another_order(order):
    rois, gt = norm_boxes(BATCH_PIXELS, IMAGE)[: len(order)], BATCH_PIXELS[: len(order)]
    assert codes(rois, image_shape=IMAGE, gt_boxes=gt) == []
    given = rois[order]
    findings = check_rois(given, image_shape=IMAGE, gt_boxes=gt)
    if order == [2, 1, 0]:  # a third finds its ground truth: not enough to convict
        assert findings == []
        return
    assert [each.code for each in findings] == ["roi-batch-mismatch"]
    repaired = eval(findings[0].fix.partition(" if")[0], {"rois": given})
    np.testing.assert_array_equal(repaired, rois)
    assert codes(given, image_shape=IMAGE, gt_boxes=gt.reshape(-1, 4)) == []  # the same for every image


@pytest.mark.parametrize("strides, where", [((4, 8, 16, 32), "P2"), ((8, 16), "P3"), ((3, 7), "the finest map")])
def test_the_map_that_a_box_without_area_is_pooled_from(strides, where):
    assert f"of {where} is pooled" in only(with_row([0.3, 0.4, 0.3, 0.7]), strides=strides).message
    assert f"from {where} whatever" in only(with_row([0.6, 0.1, 0.2, 0.5]), strides=strides).message


def test_a_single_map_has_no_level():
    assert "of the map is pooled" in only(with_row([0.3, 0.4, 0.3, 0.7]), strides=(16,)).message
    assert "whatever" not in only(with_row([0.6, 0.1, 0.2, 0.5]), strides=(16,)).message


def test_duplicates_are_counted_per_image_without_padding():
    rois = np.concatenate(
        [
            with_row([0, 0, 0, 0], with_row([0, 0, 0, 0])),
            with_row([0.1] * 2 + [0.9] * 2, with_row([0.1] * 2 + [0.9] * 2)),
        ]
    )
    finding = only(rois)
    assert (finding.code, finding.where) == ("roi-dup", "rois[1, 5]")


# --- feature maps -------------------------------------------------------------------------------------------


def test_every_wrong_map_is_named_in_one_finding():
    wrong = [each if i % 2 == 0 else each[:, :-1] for i, each in enumerate(maps())]
    finding = only(ROIS, feature_maps=wrong)
    assert (finding.code, finding.where) == ("fm-spatial", "P3, P5")
    assert "P3 is 15×16, expected 16×16 for 128×128 / 8" in finding.message


def test_maps_of_another_image_than_given():
    finding = only(ROIS, feature_maps=maps(side=256), image_shape=IMAGE, image_meta=metas(meta(256)))
    assert finding.code == "fm-spatial"
    assert "image_shape=(256, 256)" in finding.fix


def test_meta_decides_when_single_maps_are_wrong():
    wrong = [each[:, :-1] for each in maps()[:3]] + maps()[3:]
    assert only(ROIS, feature_maps=wrong, image_meta=metas()).where == "P2, P3, P4"


def test_two_swapped_levels():
    p2, p3, p4, p5 = maps()
    finding = only(ROIS, feature_maps=[p3, p2, p4, p5])
    assert (finding.code, finding.fix) == ("fm-order", "[feature_maps[i] for i in [1, 0, 2, 3]]")


def test_empty_maps():
    assert codes(ROIS, feature_maps=[each[:, :0] for each in maps()]) == ["fm-spatial"]
    assert codes(ROIS, feature_maps=[]) == ["fm-count"]


@pytest.mark.parametrize("single", [maps()[0], "P2", 3.0, np.nan, {"P2": maps()[0]}])
def test_a_single_thing_instead_of_a_list(single):
    assert codes(ROIS, feature_maps=single) == ["fm-count"]


def test_maps_in_a_dict_or_an_object_array():
    names = ["P2", "P3", "P4", "P5"]
    as_objects = np.empty(4, object)
    as_objects[:] = maps()
    assert codes(ROIS, feature_maps=dict(zip(names, maps()))) == []
    assert codes(ROIS, feature_maps=as_objects) == []


def test_maps_that_are_no_numbers():
    finding = only(ROIS, feature_maps=[maps()[0], None, "P4", maps()[3].astype(str)])
    assert (finding.code, finding.where) == ("fm-rank", "P3, P4, P5")


def test_nonfinite_maps_are_one_finding():
    wrong = maps()
    wrong[0][0, 1, 2, 3], wrong[3][:] = np.inf, np.nan
    finding = only(ROIS, feature_maps=wrong)
    assert finding.where.startswith("P2[0, 1, 2, 3], P5[0, 0, 0, 0]")
    assert "1 of 8192 values of P2, 128 of 128 values of P5" in finding.message


def test_finite_values_beyond_float64_are_finite():
    huge = [np.full(each.shape, np.finfo(np.longdouble).max) for each in maps()]
    assert codes(ROIS, feature_maps=huge) == []


# --- meta ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "image_meta, fix",
    [
        (meta(), "image_meta[None]"),
        (metas()[:, :12], "np.ones(NUM_CLASSES)"),
        (metas()[:, :5], "np.ones(NUM_CLASSES)"),
        (metas().astype(str), "compose_image_meta"),
        ("meta", "compose_image_meta"),
    ],
)
def test_meta_that_cannot_be_read(image_meta, fix):
    finding = only(ROIS, image_meta=image_meta)
    assert finding.code == "meta-length"
    assert fix in finding.fix


def test_meta_size_is_reported_alone():
    assert codes(ROIS, image_meta=np.zeros((1, 15))) == ["meta-image-shape"]
    assert codes(ROIS, image_meta=np.full((1, 15), np.nan)) == ["meta-image-shape"]
    assert codes(ROIS, image_meta=metas(meta(64, window=(0, 0, 128, 128))), image_shape=IMAGE) == ["meta-image-shape"]


def test_meta_sizes_that_differ_within_the_batch():
    finding = only(np.concatenate([ROIS, ROIS]), image_meta=metas(meta(128), meta(256)))
    assert (finding.code, finding.where) == ("meta-image-shape", "image_meta[1]")


def test_metas_that_detect_composes_are_no_warning():
    detecting = metas(meta(active=(0, 0, 0), image_id=0))
    assert only(ROIS, image_meta=detecting).severity == Severity.INFO
    assert only(ROIS, image_meta=detecting, gt_boxes=GT).severity == Severity.WARNING
    assert only(ROIS, image_meta=metas(meta(active=(0, 1, 1)))).severity == Severity.WARNING


# --- the questions that people asked ------------------------------------------------------------------------

SEED_ROIS = np.array([[200, 100, 400, 300], [600, 500, 900, 800]], np.float32)
TORCH_BOXES = np.array([[100, 100, 200, 200], [300, 300, 400, 400]], np.float32)


def seed_map(channels):
    return [np.random.default_rng(0).normal(size=(1, channels, 64, 64)).astype(np.float32)]


def test_crop_and_resize_with_image_coordinates():
    assert codes(SEED_ROIS) == ["roi-pixel-coords", "roi-rank"]
    found = codes(SEED_ROIS[None], feature_maps=seed_map(3), image_shape=(1024, 1024), strides=(16,))
    assert found == ["fm-layout-nchw", "roi-pixel-coords"]


def test_dividing_by_the_stride_is_no_cure():
    for boxes, factor in ((SEED_ROIS, 16), (TORCH_BOXES, 16), (SEED_ROIS, 4)):
        finding = only(boxes[None] / factor, image_shape=(1024, 1024), strides=(factor,))
        assert finding.code == "roi-feature-coords"
        assert finding.fix.startswith(f"norm_boxes(rois * {factor}, (1024, 1024))")
        assert only(boxes[None] / factor, image_shape=(1024, 1024)).code == "roi-feature-coords"


def test_dividing_by_the_image_size_is_accepted():
    maps_nhwc = [np.transpose(each, (0, 2, 3, 1)) for each in seed_map(3)]
    assert codes(SEED_ROIS[None] / 1024, feature_maps=maps_nhwc, image_shape=(1024, 1024), strides=(16,)) == []


def test_roi_align_that_returns_zeros():
    found = codes(TORCH_BOXES[None], feature_maps=seed_map(256), image_shape=(1024, 1024), strides=(16,))
    assert found == ["fm-layout-nchw", "roi-pixel-coords"]


def test_rois_with_a_batch_index():
    indexed = np.hstack([np.zeros((2, 1), np.float32), SEED_ROIS])
    assert "torchvision" in only(indexed).fix
    assert "batch index" in only(indexed[None]).message


def test_degenerate_proposals_are_warnings():
    findings = check_rois(with_row([0.9, 0.9, 1.4, 1.0], with_row([0.4, 0.2, 0.4, 0.6])), image_shape=(1024, 1024))
    assert {(each.code, each.severity) for each in findings} == {
        ("roi-zero-area", Severity.WARNING),
        ("roi-range", Severity.WARNING),
    }


# --- any input at all ---------------------------------------------------------------------------------------


class Eager:
    """What an eager tensor looks like to numpy."""

    def __init__(self, array):
        self.array = array

    def __array__(self, dtype=None, copy=None):
        return self.array


class Symbolic:
    """What a symbolic tensor looks like to numpy."""

    def __array__(self, dtype=None, copy=None):
        raise NotImplementedError("no values yet")


def test_eager_tensors_are_read_and_symbolic_ones_reported():
    assert codes(Eager(ROIS), feature_maps=[Eager(each) for each in maps()], image_meta=Eager(metas())) == []
    assert only(Eager(PIXEL_BOXES), image_shape=Eager(np.array(IMAGE))).code == "roi-pixel-coords"
    assert codes(Symbolic(), feature_maps=[Symbolic()] * 4, image_meta=Symbolic()) == [
        "fm-rank",
        "meta-length",
        "roi-rank",
    ]


def test_tensorflow_is_not_imported():
    program = "import sys, mrcnn_roi.checks.rois; sys.exit('tensorflow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


numbers = st.one_of(
    st.floats(width=32),
    st.floats(-0.5, 1.5),
    st.sampled_from([0.0, 1.0, 1 + 1e-7, -0.0, 2.0, 64.0, 1e300, np.nan, np.inf]),
)
any_array = st.one_of(
    hnp.arrays(
        hnp.scalar_dtypes() | hnp.unicode_string_dtypes() | hnp.array_dtypes(),
        hnp.array_shapes(min_dims=0, max_dims=5, min_side=0, max_side=5),
    ),
    hnp.arrays(object, hnp.array_shapes(min_dims=0, max_side=4), elements=st.none() | st.text() | st.integers()),
)
anything = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.binary()
    | st.complex_numbers()
    | any_array,
    lambda inner: st.lists(inner, max_size=5) | st.tuples(inner, inner) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=6,
)
box_arrays = st.tuples(st.integers(0, 3), st.integers(0, 9)).flatmap(
    lambda shape: hnp.arrays(
        st.sampled_from([np.float32, np.float64]),
        (*shape, 4),
        elements=numbers.filter(lambda x: not 1e38 < abs(x) < 1e305),
    )
)
int_boxes = hnp.arrays(st.sampled_from([np.int64, np.uint64, np.int8, bool, np.float16]), (2, 5, 4))
meta_arrays = hnp.arrays(np.float64, st.tuples(st.integers(0, 3), st.integers(10, 16)), elements=numbers)
map_lists = st.lists(
    hnp.arrays(
        st.sampled_from([np.float32, np.float16, np.int64]),
        hnp.array_shapes(min_dims=3, max_dims=4, min_side=0, max_side=8),
    ),
    max_size=5,
)
sizes = st.one_of(st.none(), st.tuples(st.integers(0, 2000), st.integers(0, 2000)), st.just((128, 96, 3)))


def assert_findings(findings):
    assert isinstance(findings, list)
    for finding in findings:
        assert isinstance(finding, Finding)
        assert finding.code in EXAMPLES, str(finding)
        assert finding.message
        assert finding.fix
        assert "nan" not in finding.message or "NaN" in finding.message
    assert len({finding.code for finding in findings}) == len(findings)


@settings(max_examples=150, deadline=None)
@given(
    rois=anything,
    feature_maps=anything,
    image_meta=anything,
    image_shape=anything,
    gt_boxes=anything,
    num_classes=anything,
    strides=anything,
)
def test_never_raises_on_anything(rois, **arguments):
    assert_findings(check_rois(rois, **arguments))


@settings(max_examples=300, deadline=None)
@given(
    rois=box_arrays | int_boxes,
    gt_boxes=st.none() | box_arrays | box_arrays.map(lambda boxes: boxes.reshape(-1, 4)),
    image_shape=sizes,
    image_meta=st.none() | meta_arrays,
    feature_maps=st.none() | map_lists,
    num_classes=st.none() | st.integers(-1, 4),
    strides=st.sampled_from([(4, 8, 16, 32), (4,), (16, 8), (3, 7, 100)]),
)
def test_never_raises_on_plausible_shapes(rois, **arguments):
    assert_findings(check_rois(rois, **arguments))


corner_pairs = st.lists(st.tuples(*[st.floats(0, 1, width=32)] * 4), min_size=1, max_size=20)


@settings(max_examples=100, deadline=None)
@given(corner_pairs)
def test_any_box_inside_the_image_is_accepted(pairs):
    y1, x1, y2, x2 = np.array(pairs, np.float32).T
    low_y, high_y, low_x, high_x = (
        np.minimum(y1, y2),
        np.maximum(y1, y2),
        np.minimum(x1, x2),
        np.maximum(x1, x2),
    )
    rois = np.stack([low_y, low_x, high_y, high_x], axis=-1)[None]
    found = set(codes(rois, image_shape=(512, 512), feature_maps=maps(512, channels=1)))
    assert found <= {"roi-zero-area", "roi-dup", "roi-all-padding"}


def test_normalized_ground_truth_blames_no_rois():
    gt = np.array([[[100, 600, 200, 900], [700, 50, 900, 120]]], "float32")
    assert check_rois(gt / 1024, gt_boxes=gt / 1024, image_shape=(1024, 1024, 3)) == []


def test_one_wrong_size_in_the_batch_does_not_blame_its_window():
    image_meta = metas(meta(), meta())
    image_meta[1, 4:6] = 64
    rois = np.concatenate([ROIS, ROIS])
    found = check_rois(rois, feature_maps=maps(batch=2), image_meta=image_meta)
    assert [finding.code for finding in found] == ["meta-image-shape"]
