"""Detecting on a whole dataset and scoring the detections."""

from __future__ import annotations

from mrcnn_roi.datasets.base import load_channels
from mrcnn_roi.evaluation.ap import compute_ap
from mrcnn_roi.evaluation.coco import CocoEvaluator
from mrcnn_roi.ops.masks import extract_bboxes


def evaluate(model, dataset, image_ids=None, progress=None) -> dict:
    """Scores of a MaskRCNN (mode "inference") on a prepared Dataset, images one batch at a time.

    progress: called with the number of images done after each batch.
    Returns {"segm": COCO's mask metrics, "bbox": COCO's box metrics, "matterport_ap50": the mean over images of
    compute_ap at IoU 0.5, which pools the classes of an image; images without objects do not count there}.
    """
    image_ids = list(dataset.image_ids if image_ids is None else image_ids)
    evaluators = {kind: CocoEvaluator(dataset.class_names, kind) for kind in ("segm", "bbox")}
    precisions = []
    batch = max(1, int(model.config.BATCH_SIZE))
    channels = int(model.config.IMAGE_CHANNEL_COUNT)
    for start in range(0, len(image_ids), batch):
        part = image_ids[start : start + batch]
        images = [load_channels(dataset, i, channels) for i in part]
        for image_id, result in zip(part, model.detect(images)):
            masks, class_ids = dataset.load_mask(image_id)
            for evaluator in evaluators.values():
                evaluator.add(image_id, class_ids, masks, result)
            if (class_ids > 0).any():
                truth = masks[..., class_ids > 0]
                found = (result["rois"], result["class_ids"], result["scores"], result["masks"])
                precisions.append(compute_ap(extract_bboxes(truth), class_ids[class_ids > 0], truth, *found)[0])
        if progress:
            progress(len(part))
    scores = {kind: evaluator.summarize() for kind, evaluator in evaluators.items()}
    return {**scores, "matterport_ap50": sum(precisions) / len(precisions) if precisions else float("nan")}
