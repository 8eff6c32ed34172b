"""COCO metrics: hand-made cases, pycocotools driven directly, and the places where pycocotools gives up."""

import contextlib
import io
import math

import numpy as np
import pytest
from pycocotools import mask as mask_utils
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from mrcnn_roi.evaluation.coco import CocoEvaluator, encode_masks, evaluate_coco

NAMES = ["BG", "square", "disc"]
METRICS = ("AP", "AP50", "AP75", "APs", "APm", "APl", "AR1", "AR10", "AR100")


class Truth:
    """What evaluate_coco reads of a Dataset."""

    def __init__(self, annotations, class_names=NAMES):
        self.annotations = annotations  # [(masks, class_ids)]
        self.class_names = class_names
        self.image_ids = np.arange(len(annotations))

    def load_mask(self, image_id):
        return self.annotations[image_id]


def boxes_of(masks):
    boxes = np.zeros((masks.shape[-1], 4), int)
    for i in range(masks.shape[-1]):
        rows, columns = np.flatnonzero(masks[..., i].any(1)), np.flatnonzero(masks[..., i].any(0))
        if len(rows):
            boxes[i] = rows[0], columns[0], rows[-1] + 1, columns[-1] + 1
    return boxes


def rectangles(*boxes, shape=(200, 240)):
    masks = np.zeros((*shape, len(boxes)), bool)
    for i, (y1, x1, y2, x2) in enumerate(boxes):
        masks[y1:y2, x1:x2, i] = True
    return masks


def found(masks, class_ids, scores):
    return {
        "rois": boxes_of(masks),
        "class_ids": np.asarray(class_ids, np.int32),
        "scores": np.asarray(scores, np.float32),
        "masks": masks,
    }


NOTHING = found(rectangles(), [], [])


def random_scene(rng):
    """Ground truth with crowds, and detections that are moved copies with some classes and scores wrong."""
    count, extra = rng.integers(0, 6), rng.integers(0, 4)
    corners = rng.integers(0, 120, (count, 2))
    boxes = np.hstack([corners, corners + rng.integers(4, 110, (count, 2))])
    ids = rng.integers(1, 3, count) * np.where(rng.random(count) < 0.15, -1, 1)
    others = rng.integers(0, 60, (extra, 4)) + [0, 0, 70, 70]
    moved = np.clip(np.vstack([boxes + rng.integers(-4, 5, boxes.shape), others]), 0, 199).astype(int)
    classes = np.concatenate([np.abs(ids), rng.integers(1, 3, extra)]).astype(int)
    classes = np.where(rng.random(len(classes)) < 0.2, 3 - classes, classes)
    scores = np.round(rng.random(len(classes)), 1)  # rounded: ties
    return (rectangles(*boxes), ids.astype(np.int32)), found(rectangles(*moved), classes, scores)


def direct(annotations, results, iou_type):
    """The 12 numbers of pycocotools' own summary, through files' way: dicts, loadRes, evaluate, summarize."""
    images = [{"id": i, "height": 200, "width": 240} for i in range(len(annotations))]
    truth, detections = [], []
    for image_id, ((masks, ids), result) in enumerate(zip(annotations, results)):
        for i, class_id in enumerate(ids):
            runs = mask_utils.encode(np.asfortranarray(masks[..., i].astype(np.uint8)))
            truth.append(
                {
                    "id": len(truth) + 1,
                    "image_id": image_id,
                    "category_id": abs(int(class_id)),
                    "iscrowd": int(class_id < 0),
                    "segmentation": runs,
                    "area": float(mask_utils.area(runs)),
                    "bbox": list(mask_utils.toBbox(runs)),
                }
            )
        for i, class_id in enumerate(result["class_ids"]):
            one = {"image_id": image_id, "category_id": int(class_id), "score": float(result["scores"][i])}
            y1, x1, y2, x2 = (float(value) for value in result["rois"][i])
            if iou_type == "bbox":
                one["bbox"] = [x1, y1, x2 - x1, y2 - y1]
            else:
                one["segmentation"] = mask_utils.encode(np.asfortranarray(result["masks"][..., i].astype(np.uint8)))
            detections.append(one)
    with contextlib.redirect_stdout(io.StringIO()):
        coco = COCO()
        categories = [{"id": i, "name": name} for i, name in enumerate(NAMES) if i]
        coco.dataset = {"info": {}, "images": images, "categories": categories, "annotations": truth}
        coco.createIndex()
        evaluation = COCOeval(coco, coco.loadRes(detections), iou_type)
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return evaluation.stats


@pytest.mark.parametrize("iou_type", ["segm", "bbox"])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_equals_pycocotools_driven_directly(seed, iou_type, capsys):
    rng = np.random.default_rng(seed)
    annotations, results = zip(*(random_scene(rng) for _ in range(25)))
    expected = direct(annotations, results, iou_type)
    received = evaluate_coco(Truth(annotations), results, iou_type=iou_type)
    np.testing.assert_allclose([received[name] for name in METRICS], expected[:9], rtol=0, atol=0)
    assert 0 < received["AP"] < 1
    assert np.mean(list(received["per_class"].values())) == pytest.approx(received["AP"])
    assert capsys.readouterr().out == ""


def test_by_hand():
    """One of two squares found exactly, the disc with IoU 0.6, so at three thresholds of ten."""
    masks = rectangles([10, 10, 50, 50], [100, 100, 140, 140], [60, 10, 70, 20])
    truth = Truth([(masks, np.array([1, 1, 2]))])
    result = found(rectangles([10, 10, 50, 50], [60, 10, 70, 16]), [1, 2], [0.9, 0.8])
    summary = evaluate_coco(truth, [result])
    half = 51 / 101  # of the 101 recall points 0, 0.01 .. 0.5 are reached
    assert summary["AP50"] == pytest.approx((half + 1) / 2)
    assert summary["AP75"] == pytest.approx(half / 2)
    assert summary["per_class"] == {"square": pytest.approx(half), "disc": pytest.approx(0.3)}
    assert summary["APs"] == pytest.approx(0.3)
    assert summary["APm"] == pytest.approx(half)
    assert math.isnan(summary["APl"])
    assert summary["AR1"] == pytest.approx((0.5 + 0.3) / 2)


def test_perfect_detections_give_one():
    masks = rectangles([10, 10, 50, 50], [100, 100, 190, 220])
    for iou_type in ("segm", "bbox"):
        result = found(masks, [1, 2], [0.9, 0.8])
        summary = evaluate_coco(Truth([(masks, [1, 2])]), [result], iou_type=iou_type)
        assert [summary["AP"], summary["AR100"]] == pytest.approx([1, 1])


def test_crowds_count_neither_for_nor_against():
    masks = rectangles([10, 10, 50, 50], [60, 60, 190, 220])
    result = found(rectangles([10, 10, 50, 50], [70, 70, 100, 100]), [1, 1], [0.5, 0.9])
    assert evaluate_coco(Truth([(masks, [1, -1])]), [result])["AP"] == pytest.approx(1)
    assert evaluate_coco(Truth([(masks, [1, 1])]), [result])["AP"] < 0.5


@pytest.mark.parametrize("iou_type", ["segm", "bbox"])
def test_no_detections_give_zero(iou_type):
    summary = evaluate_coco(Truth([(rectangles([10, 10, 50, 50]), [1])]), [NOTHING], iou_type=iou_type)
    assert [summary[name] for name in ("AP", "AP50", "AP75", "APm", "AR1", "AR10", "AR100")] == [0] * 7
    assert math.isnan(summary["APs"])
    assert summary["per_class"]["square"] == 0
    assert math.isnan(summary["per_class"]["disc"])


@pytest.mark.parametrize("result", [NOTHING, found(rectangles([1, 1, 9, 9]), [1], [0.9])])
def test_no_ground_truth_gives_nan(result):
    empty = (np.empty((0, 0, 0)), np.empty(0, np.int32))  # what Dataset.load_mask returns by default
    summary = evaluate_coco(Truth([empty]), [result])
    assert all(math.isnan(summary[name]) for name in METRICS)
    assert all(math.isnan(value) for value in summary["per_class"].values())


def test_no_images_and_no_classes_give_nan():
    assert all(math.isnan(evaluate_coco(Truth([]), [])[name]) for name in METRICS)
    assert math.isnan(evaluate_coco(Truth([(rectangles(), [])], ["BG"]), [NOTHING])["AP"])


def test_other_numbers_of_detections():
    masks = rectangles(*[[10 * i, 0, 10 * i + 8, 8] for i in range(12)])
    truth, result = Truth([(masks, [1] * 12)]), found(masks, [1] * 12, np.linspace(0.9, 0.5, 12))
    summary = evaluate_coco(truth, [result], max_detections=(3, 300))
    assert summary["AP"] == pytest.approx(1)
    assert summary["AR3"] == pytest.approx(3 / 12)
    assert summary["AR300"] == pytest.approx(1)
    assert evaluate_coco(truth, [result], max_detections=[6])["AP"] == pytest.approx(51 / 101)


def test_results_by_image_id_and_a_part_of_the_images():
    masks = rectangles([10, 10, 50, 50])
    truth = Truth([(masks, [1]), (masks, [1]), (masks, [1])])
    hit = found(masks, [1], [0.9])
    assert evaluate_coco(truth, {2: hit, 0: hit}, image_ids=[0, 2])["AP"] == pytest.approx(1)
    assert evaluate_coco(truth, {0: hit, 1: NOTHING, 2: hit})["AP"] == pytest.approx(67 / 101)
    assert evaluate_coco(truth, (result for result in (hit, hit, hit)))["AP"] == pytest.approx(1)


@pytest.mark.parametrize("results, received", [({0: NOTHING}, "none for 1"), ([NOTHING], "1"), ([NOTHING] * 3, "more")])
def test_every_image_needs_one_result(results, received):
    truth = Truth([(rectangles([1, 1, 9, 9]), [1])] * 2)
    with pytest.raises(ValueError, match=f"expected .*received {received}"):
        evaluate_coco(truth, results)


def test_two_classes_of_one_name_stay_apart():
    masks = rectangles([10, 10, 50, 50], [100, 100, 140, 140])
    truth = Truth([(masks, [1, 2])], ["BG", "car", "car"])
    summary = evaluate_coco(truth, [found(masks[..., :1], [1], [0.9])])
    assert summary["per_class"] == {"car (1)": pytest.approx(1), "car (2)": 0}


def test_images_may_be_added_after_a_summary():
    masks, evaluator = rectangles([10, 10, 50, 50]), CocoEvaluator(NAMES)
    evaluator.add(7, [1], masks, found(masks, [1], [0.9]))
    assert evaluator.summarize()["AP"] == pytest.approx(1)
    evaluator.add(3, [1], masks, NOTHING)
    assert evaluator.summarize()["AP"] == pytest.approx(51 / 101)


@pytest.mark.parametrize(
    "change, message",
    [
        ({"gt_class_ids": [5]}, r"image 1: expected ground-truth class ids in 1..2, received \[5\]"),
        ({"gt_class_ids": [0]}, r"expected ground-truth class ids in 1..2, received \[0\]"),
        ({"gt_class_ids": [1, 1]}, r"expected 2 gt_masks, one a class id, received \(1,\)"),
        ({"class_ids": np.array([3])}, r"expected detected class ids in 1..2, received \[3\]"),
        ({"scores": np.array([0.5, 0.4])}, r"expected 1 scores, one a class id, received \(2,\)"),
        ({"masks": rectangles()}, r"expected 1 masks, one a class id, received \(0,\)"),
        ({"masks": rectangles([1, 1, 9, 9], shape=(28, 28))}, r"size \(200, 240\), received \(28, 28\)"),
    ],
)
def test_wrong_arguments_are_refused(change, message):
    masks = rectangles([10, 10, 50, 50])
    result = {**found(masks, [1], [0.9]), **change}
    ids = result.pop("gt_class_ids", [1])
    with pytest.raises(ValueError, match=message):
        CocoEvaluator(NAMES).add(1, ids, masks, result)


def test_an_image_counts_once():
    evaluator = CocoEvaluator(NAMES)
    evaluator.add(1, [], rectangles(), NOTHING)
    with pytest.raises(ValueError, match="received image 1 again"):
        evaluator.add(1, [], rectangles(), NOTHING)


@pytest.mark.parametrize("arguments", [{"iou_type": "keypoints"}, {"max_detections": ()}, {"max_detections": [0]}])
def test_wrong_settings_are_refused(arguments):
    with pytest.raises(ValueError, match="expected .*received"):
        CocoEvaluator(NAMES, **arguments)


@pytest.mark.parametrize("layout", ["image", "instance"])
@pytest.mark.parametrize("dtype", [bool, np.uint8, np.float32])
def test_run_lengths_equal_pycocotools(layout, dtype):
    rng = np.random.default_rng(0)
    masks = rng.random((37, 23, 6)) < [0.5, 0.02, 0, 1, 0.1, 0.9]
    masks[:, 3:, 4] = False
    masks = masks.astype(dtype)
    if layout == "instance":
        masks = np.ascontiguousarray(masks.transpose(2, 0, 1)).transpose(1, 2, 0)
    assert encode_masks(masks) == mask_utils.encode(np.asfortranarray(masks.astype(np.uint8)))
