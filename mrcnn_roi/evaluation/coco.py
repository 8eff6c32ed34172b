"""COCO's metrics through pycocotools, from a Dataset and the results of MaskRCNN.detect.

Masks are turned into run lengths image by image, so a whole dataset fits in memory. pycocotools is imported
when an evaluator is made, and its own printing is kept off the screen.

The ground truth is what `load_mask` returns: a ground-truth box is the tight box of its mask, and its area
(which decides small, medium, large) is the mask's number of pixels. COCO's official annotations carry boxes
and areas of their own that differ in fractions of a pixel.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np

from mrcnn_roi.ops.masks import extract_bboxes

IOU_TYPES = ("segm", "bbox")


def encode_masks(masks) -> list[dict]:
    """Masks [H, W, N] bool or 0/1 as N compressed COCO run lengths: {"size": [H, W], "counts": bytes}.

    COCO counts down the columns. Only the columns an instance touches are read, so the cost follows the size
    of the instances and not of the image.
    """
    from pycocotools import mask as mask_utils

    masks = np.asarray(masks)
    masks = masks if masks.dtype == bool else masks > 0.5
    height, width = masks.shape[:2]
    encoded = []
    for i, (_, left, _, right) in enumerate(extract_bboxes(masks).tolist()):
        # One zero on either side: where the value changes, a run ends. The first run counts zeros.
        pixels = np.zeros((right - left) * height + 2, bool)
        pixels[1:-1] = masks[:, left:right, i].T.ravel()
        ends = (np.flatnonzero(pixels[1:] != pixels[:-1]) + left * height).tolist()
        ends += [height * width] if not ends or ends[-1] < height * width else []
        runs = np.diff(ends, prepend=0).tolist()
        encoded.append(mask_utils.frPyObjects({"size": [height, width], "counts": runs}, height, width))
    return encoded


class CocoEvaluator:
    """Collects ground truth and detections image by image, then gives COCO's metrics.

    class_names: of every class, background first, as `dataset.class_names`
    iou_type: "segm" compares masks, "bbox" boxes
    max_detections: how many of an image's best detections of a class count. AP uses the largest number; each
        gives an AR. Any positive numbers do (pycocotools' own summary answers -1 for most).
    """

    def __init__(
        self, class_names: Sequence[str], iou_type: str = "segm", max_detections: Sequence[int] = (1, 10, 100)
    ):
        if iou_type not in IOU_TYPES:
            raise ValueError(f"expected iou_type to be one of {IOU_TYPES}, received {iou_type!r}")
        if not len(max_detections) or any(int(n) != n or n < 1 for n in max_detections):
            raise ValueError(f"expected positive whole max_detections, received {max_detections!r}")
        self.class_names = list(class_names)
        self.iou_type = iou_type
        self.max_detections = sorted({int(number) for number in max_detections})
        self._sizes: dict[int, tuple[int, int]] = {}
        self._truth: list[dict] = []
        self._detections: list[dict] = []

    def add(self, image_id: int, gt_class_ids, gt_masks, result: Mapping) -> None:
        """Adds one image.

        gt_class_ids, gt_masks: as `dataset.load_mask` gives them, [G] and [H, W, G]; a negative id is a
            crowd, whose detections count neither for nor against
        result: {"rois": [N, (y1, x1, y2, x2)] pixels, "class_ids": [N], "scores": [N], "masks": [H, W, N]} as
            from `MaskRCNN.detect`; "masks" are not read for "bbox", "rois" not for "segm"
        Raises ValueError for an image added twice, for class ids that are unknown and for shapes that
        disagree.
        """
        image_id, gt_masks, gt_class_ids = int(image_id), np.asarray(gt_masks), np.asarray(gt_class_ids)
        class_ids, scores = np.asarray(result["class_ids"]), np.asarray(result["scores"], np.float64)
        if image_id in self._sizes:
            raise ValueError(f"expected every image once, received image {image_id} again")
        self._check_ids(image_id, "ground-truth class ids", np.abs(gt_class_ids))
        self._check_ids(image_id, "detected class ids", class_ids)
        self._check_count(image_id, "gt_masks", gt_masks.shape[-1:], len(gt_class_ids))
        self._check_count(image_id, "scores", scores.shape, len(class_ids))
        shapes = self._shapes(image_id, result, len(class_ids))
        mask_shape = np.shape(result["masks"])[:2] if self.iou_type == "segm" else gt_masks.shape[:2]
        if len(gt_class_ids) and len(class_ids) and mask_shape != gt_masks.shape[:2]:
            raise ValueError(
                f"image {image_id}: expected detected masks of the ground truth's size {gt_masks.shape[:2]}, "
                f"received {mask_shape}"
            )
        self._sizes[image_id] = gt_masks.shape[:2] if len(gt_class_ids) else mask_shape
        for shape, class_id in zip(self._truth_shapes(gt_masks), gt_class_ids):
            self._append(self._truth, image_id, abs(int(class_id)), shape, iscrowd=int(class_id < 0))
        for shape, class_id, score in zip(shapes, class_ids, scores):
            self._append(self._detections, image_id, int(class_id), shape, iscrowd=0, score=float(score))

    @staticmethod
    def _append(annotations, image_id, class_id, shape, **facts):
        # Ids start at 1: pycocotools takes a match with annotation 0 for no match.
        annotations.append(
            {"id": len(annotations) + 1, "image_id": image_id, "category_id": class_id, **shape, **facts}
        )

    def _check_ids(self, image_id, what, class_ids):
        known = len(self.class_names)
        wrong = np.unique(class_ids[(class_ids < 1) | (class_ids >= known)]).tolist()
        if wrong:
            raise ValueError(f"image {image_id}: expected {what} in 1..{known - 1}, received {wrong}")

    @staticmethod
    def _check_count(image_id, name, shape, count):
        if shape != (count,):
            raise ValueError(f"image {image_id}: expected {count} {name}, one a class id, received {shape}")

    @staticmethod
    def _truth_shapes(masks) -> list[dict]:
        """Run lengths, area in pixels and box [x, y, width, height] of each mask of [H, W, N]."""
        from pycocotools import mask as mask_utils

        return [
            {
                "segmentation": runs,
                "area": float(mask_utils.area(runs)),
                "bbox": mask_utils.toBbox(runs).tolist(),
            }
            for runs in encode_masks(masks)
        ]

    def _shapes(self, image_id, result, count) -> list[dict]:
        """The detections' shapes as pycocotools' loadRes makes them: the area is that of what is compared."""
        if self.iou_type == "segm":
            self._check_count(image_id, "masks", np.shape(result["masks"])[-1:], count)
            return self._truth_shapes(result["masks"]) if count else []
        boxes = np.asarray(result["rois"], np.float64).reshape(-1, 4)
        self._check_count(image_id, "rois", boxes.shape[:1], count)
        y1, x1, y2, x2 = boxes.T
        corners = np.stack([x1, y1, x2 - x1, y2 - y1], axis=1).tolist()
        return [{"bbox": box, "area": box[2] * box[3]} for box in corners]

    def summarize(self) -> dict:
        """COCO's metrics over all added images; more images may be added afterwards.

        AP (mean over IoU 0.50:0.05:0.95 and classes), AP50, AP75, APs, APm, APl (by area: under 32^2, under
        96^2 and larger), AR1, AR10, AR100 (one for each of max_detections), and "per_class", a dict of AP by
        class name. Without any detection they are 0.0; without ground truth (of a class, of a size) NaN.
        """
        precision, recall, thresholds = self._evaluate()
        summary: dict = {
            "AP": _mean(precision[:, :, :, 0, -1]),
            "AP50": _mean(precision[np.isclose(thresholds, 0.5), :, :, 0, -1]),
            "AP75": _mean(precision[np.isclose(thresholds, 0.75), :, :, 0, -1]),
        }
        for area, name in enumerate("sml", start=1):
            summary[f"AP{name}"] = _mean(precision[:, :, :, area, -1])
        for i, number in enumerate(self.max_detections):
            summary[f"AR{number}"] = _mean(recall[:, :, 0, i])
        summary["per_class"] = {name: _mean(precision[:, :, k, 0, -1]) for k, name in enumerate(self._unique_names())}
        return summary

    def _unique_names(self) -> list[str]:
        """The names without background; two sources may share one, then the class id tells them apart."""
        names = self.class_names
        return [name if names.count(name) == 1 else f"{name} ({i})" for i, name in enumerate(names) if i > 0]

    def _evaluate(self):
        """pycocotools' precision [T, R, K, A, M] and recall [T, K, A, M], -1 if undefined; thresholds [T]."""
        from pycocotools.coco import COCO
        from pycocotools.cocoeval import COCOeval

        if len(self.class_names) < 2 or not self._sizes:
            empty = np.full((1, 1, len(self.class_names[1:]), 4, len(self.max_detections)), -1.0)
            return empty, empty[:, 0], np.array([0.5])

        def collection(annotations):
            coco = COCO()
            coco.dataset = {
                "images": [{"id": i, "height": h, "width": w} for i, (h, w) in self._sizes.items()],
                "categories": [{"id": i, "name": name} for i, name in enumerate(self.class_names) if i],
                "annotations": annotations,
            }
            coco.createIndex()
            return coco

        # Built directly rather than by loadRes, which fails where there is no detection at all.
        with contextlib.redirect_stdout(io.StringIO()):
            evaluation = COCOeval(collection(self._truth), collection(self._detections), self.iou_type)
            evaluation.params.maxDets = self.max_detections
            evaluation.evaluate()
            evaluation.accumulate()
        return evaluation.eval["precision"], evaluation.eval["recall"], evaluation.params.iouThrs


def _mean(values) -> float:
    defined = values[values > -1]
    return float(defined.mean()) if defined.size else float("nan")


def _pairs(image_ids: Sequence[int], results: Mapping | Iterable[Mapping]) -> Iterator[tuple[int, Mapping]]:
    if isinstance(results, Mapping):
        missing = [int(i) for i in image_ids if i not in results]
        if missing:
            raise ValueError(
                f"expected a result for each of {len(image_ids)} images, received none for {len(missing)}, "
                f"such as image {missing[0]}; pass image_ids to evaluate only a part"
            )
        yield from ((image_id, results[image_id]) for image_id in image_ids)
        return
    count = 0
    for count, result in enumerate(results, start=1):
        if count > len(image_ids):
            raise ValueError(f"expected {len(image_ids)} results, one an image, received more")
        yield image_ids[count - 1], result
    if count < len(image_ids):
        raise ValueError(f"expected {len(image_ids)} results, one an image, received {count}")


def evaluate_coco(
    dataset,
    results: Mapping[int, Mapping] | Iterable[Mapping],
    image_ids: Sequence[int] | None = None,
    iou_type: str = "segm",
    max_detections: Sequence[int] = (1, 10, 100),
) -> dict:
    """COCO's metrics of a prepared Dataset; the keys are those of CocoEvaluator.summarize.

    results: MaskRCNN.detect's dicts by image id, or in the order of image_ids. A generator is read one result
        at a time, so that not all masks are held at once.
    image_ids: the images to evaluate; None means all of the dataset
    Raises ValueError when an image has no result, and for what CocoEvaluator refuses.
    """
    evaluator = CocoEvaluator(dataset.class_names, iou_type, max_detections)
    image_ids = list(dataset.image_ids if image_ids is None else image_ids)
    for image_id, result in _pairs(image_ids, results):
        masks, class_ids = dataset.load_mask(image_id)
        evaluator.add(image_id, class_ids, masks, result)
    return evaluator.summarize()
