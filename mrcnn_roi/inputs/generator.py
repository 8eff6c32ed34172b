"""data_generator: batches as the positional lists that Matterport-era scripts expect."""

from __future__ import annotations

import random

import numpy as np

from mrcnn_roi.findings import Finding, SetupError, Severity
from mrcnn_roi.inputs.detection_targets import build_detection_targets, generate_random_rois
from mrcnn_roi.inputs.rpn_targets import build_targets, molded_anchors
from mrcnn_roi.inputs.sample import load_molded, pad_ground_truth
from mrcnn_roi.ops.images import mold_image_float32


def data_generator(
    dataset,
    config,
    shuffle=True,
    augment=False,
    augmentation=None,
    random_rois=0,
    batch_size=1,
    detection_targets=False,
    no_augmentation_sources=None,
):
    """Yields (inputs, outputs) for ever; B = batch_size, other letters as in inputs.sample.

    Args:
        shuffle: draws a new order at the start of every pass. augment, augmentation: see load_image_gt.
        random_rois: yield this many random RoIs an image, for training the heads without the RPN.
        detection_targets: with random_rois, yield the heads' targets as well.
        no_augmentation_sources: sources whose images are not augmented.

    inputs: images float32 [B, H, W, C] minus the mean pixel; image_meta float64 [B, 12 + K]; rpn_match int32
        [B, A, 1]; rpn_bbox float64 [B, T, 4]; gt_class_ids int32 [B, G]; gt_boxes int32 [B, G, 4] pixels;
        gt_masks bool [B, h, w, G]; with random_rois also rpn_rois int32 [B, random_rois, 4]; with
        detection_targets also rois [B, T', 4], T' = TRAIN_ROIS_PER_IMAGE.
    outputs: [], or with detection_targets class_ids int32 [B, T', 1], bboxes float32 [B, T', K, 4], masks
        float32 [B, T', h', w', K].

    Random numbers come from np.random, in the original's order. Batches may straddle passes.
    Differs from the original: anchors fit the molded image whatever the resize mode; images without objects
    are yielded, as negatives; the first image that cannot be used raises a SetupError that names it.
    """
    skipped_sources = set(no_augmentation_sources or ())
    image_ids = np.copy(dataset.image_ids)
    if len(image_ids) == 0:
        message, fix = "the dataset has no images", "add images, then call dataset.prepare()"
        raise SetupError(Finding("cd-empty-dataset", Severity.ERROR, message, fix, type(dataset).__name__))
    batch: list[tuple] = []
    while True:
        if shuffle:
            np.random.shuffle(image_ids)
        for image_id in image_ids:
            spared = dataset.image_info[image_id]["source"] in skipped_sources
            batch.append(
                _example(
                    dataset,
                    config,
                    image_id,
                    augment,
                    None if spared else augmentation,
                    random_rois,
                    detection_targets,
                )
            )
            _check_shapes(dataset, batch)
            if len(batch) == batch_size:
                yield _collate(batch, 7 + bool(random_rois) + bool(random_rois and detection_targets))
                batch = []


def _example(dataset, config, image_id, augment, augmentation, random_rois, detection_targets) -> tuple:
    """The arrays of one image in the order of the batch: inputs, then outputs."""
    loaded = load_molded(dataset, config, image_id, augmentation, None, config.USE_MINI_MASK, random.randint, augment)
    image, meta, class_ids, boxes, masks = loaded
    rpn_match, rpn_bbox = build_targets(molded_anchors(config, image.shape), class_ids, boxes, config, np.random)
    inputs: list[np.ndarray] = []
    outputs: list[np.ndarray] = []
    if random_rois:
        inputs.append(generate_random_rois(image.shape, random_rois, class_ids, boxes))
        if detection_targets:
            rois, roi_class_ids, deltas, roi_masks = build_detection_targets(inputs[0], class_ids, boxes, masks, config)
            inputs.append(rois)
            outputs = [roi_class_ids[:, np.newaxis], deltas, roi_masks]
    ground_truth = pad_ground_truth(loaded, config.MAX_GT_INSTANCES, np.random)
    molded = mold_image_float32(image, config)
    return (molded, meta, rpn_match[:, np.newaxis], rpn_bbox, *ground_truth, *inputs, *outputs)


def _check_shapes(dataset, batch) -> None:
    """Images of one batch must have one molded shape."""
    first, last = batch[0], batch[-1]
    if first[0].shape != last[0].shape:
        paths = [dataset.image_info[int(example[1][0])].get("path") for example in (first, last)]
        message = f"molded to {first[0].shape} and {last[0].shape} (H, W, C), which cannot share a batch"
        fix = 'set IMAGES_PER_GPU = 1 or IMAGE_RESIZE_MODE = "square"'
        where = f"{paths[0]} and {paths[1]}"
        raise SetupError(Finding("cd-molded-varies", Severity.ERROR, message, fix, where))


def _collate(batch, input_count):
    arrays = [np.stack(parts) if len(parts) > 1 else parts[0][np.newaxis] for parts in zip(*batch)]
    return arrays[:input_count], arrays[input_count:]
