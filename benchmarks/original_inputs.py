"""What the original does between a Dataset and a batch, written from its description: the rival of inputs.py.

The same calls in the same order: scikit-image resizes images and mini masks, scipy enlarges masks, boxes and mini
masks are made one instance at a time, RPN targets come from the full table of overlaps. Two things differ, without
which it does not run today: bool masks become float before scikit-image gets them, and an image is an error at once.
"""

from __future__ import annotations

import numpy as np
from scipy import ndimage
from skimage.transform import resize

from mrcnn_roi.ops.meta import compose_image_meta


def resize_linear(image, shape, preserve_range=False):
    return resize(
        image, shape, order=1, mode="constant", cval=0, clip=True, preserve_range=preserve_range, anti_aliasing=False
    )


def resize_image(image, min_dim, max_dim, min_scale):
    """Mode "square": (image, window, scale, padding)."""
    dtype, (height, width) = image.dtype, image.shape[:2]
    scale = max(1, min_dim / min(height, width)) if min_dim else 1
    if min_scale and scale < min_scale:
        scale = min_scale
    if round(max(height, width) * scale) > max_dim:
        scale = max_dim / max(height, width)
    if scale != 1:
        image = resize_linear(image, (round(height * scale), round(width * scale)), preserve_range=True)
    height, width = image.shape[:2]
    top, left = (max_dim - height) // 2, (max_dim - width) // 2
    padding = [(top, max_dim - height - top), (left, max_dim - width - left), (0, 0)]
    image = np.pad(image, padding, mode="constant", constant_values=0)
    return image.astype(dtype), (top, left, height + top, width + left), scale, padding


def resize_mask(mask, scale, padding):
    mask = ndimage.zoom(mask, zoom=[scale, scale, 1], order=0)
    return np.pad(mask, padding, mode="constant", constant_values=0)


def extract_bboxes(mask):
    boxes = np.zeros([mask.shape[-1], 4], dtype=np.int32)
    for i in range(mask.shape[-1]):
        one = mask[:, :, i]
        columns = np.where(np.any(one, axis=0))[0]
        rows = np.where(np.any(one, axis=1))[0]
        if columns.shape[0]:
            boxes[i] = rows[0], columns[0], rows[-1] + 1, columns[-1] + 1
    return boxes


def minimize_mask(boxes, mask, mini_shape):
    mini = np.zeros(mini_shape + (mask.shape[-1],), dtype=bool)
    for i in range(mask.shape[-1]):
        one = mask[:, :, i].astype(bool)
        y1, x1, y2, x2 = boxes[i][:4]
        one = one[y1:y2, x1:x2]
        if one.size == 0:
            raise ValueError("expected boxes with area")
        mini[:, :, i] = np.around(resize_linear(one.astype(float), mini_shape)).astype(bool)
    return mini


def load_image_gt(dataset, config, image_id, use_mini_mask=False):
    image = dataset.load_image(image_id)
    mask, class_ids = dataset.load_mask(image_id)
    original_shape = image.shape
    image, window, scale, padding = resize_image(
        image, config.IMAGE_MIN_DIM, config.IMAGE_MAX_DIM, config.IMAGE_MIN_SCALE
    )
    mask = resize_mask(mask, scale, padding)
    visible = np.sum(mask, axis=(0, 1)) > 0
    mask, class_ids = mask[:, :, visible], class_ids[visible]
    boxes = extract_bboxes(mask)
    active = np.zeros([dataset.num_classes], dtype=np.int32)
    active[dataset.source_class_ids[dataset.image_info[image_id]["source"]]] = 1
    if use_mini_mask:
        mask = minimize_mask(boxes, mask, config.MINI_MASK_SHAPE)
    meta = compose_image_meta(image_id, original_shape, image.shape, window, scale, active)
    return image, meta, class_ids, boxes, mask


def compute_iou(box, boxes, box_area, boxes_area):
    y1, y2 = np.maximum(box[0], boxes[:, 0]), np.minimum(box[2], boxes[:, 2])
    x1, x2 = np.maximum(box[1], boxes[:, 1]), np.minimum(box[3], boxes[:, 3])
    intersection = np.maximum(x2 - x1, 0) * np.maximum(y2 - y1, 0)
    union = box_area + boxes_area[:] - intersection[:]
    return intersection / union


def compute_overlaps(boxes1, boxes2):
    area1 = (boxes1[:, 2] - boxes1[:, 0]) * (boxes1[:, 3] - boxes1[:, 1])
    area2 = (boxes2[:, 2] - boxes2[:, 0]) * (boxes2[:, 3] - boxes2[:, 1])
    overlaps = np.zeros((boxes1.shape[0], boxes2.shape[0]))
    for i in range(overlaps.shape[1]):
        overlaps[:, i] = compute_iou(boxes2[i], boxes1, area2[i], area1)
    return overlaps


def build_rpn_targets(anchors, gt_class_ids, gt_boxes, config):
    rpn_match = np.zeros([anchors.shape[0]], dtype=np.int32)
    rpn_bbox = np.zeros((config.RPN_TRAIN_ANCHORS_PER_IMAGE, 4))
    crowd = np.where(gt_class_ids < 0)[0]
    if crowd.shape[0] > 0:
        objects = np.where(gt_class_ids > 0)[0]
        crowd_boxes, gt_boxes = gt_boxes[crowd], gt_boxes[objects]
        no_crowd = np.amax(compute_overlaps(anchors, crowd_boxes), axis=1) < 0.001
    else:
        no_crowd = np.ones([anchors.shape[0]], dtype=bool)
    overlaps = compute_overlaps(anchors, gt_boxes)
    nearest = np.argmax(overlaps, axis=1)
    greatest = overlaps[np.arange(overlaps.shape[0]), nearest]
    rpn_match[(greatest < 0.3) & no_crowd] = -1
    rpn_match[np.argwhere(overlaps == np.max(overlaps, axis=0))[:, 0]] = 1
    rpn_match[greatest >= 0.7] = 1
    ids = np.where(rpn_match == 1)[0]
    extra = len(ids) - config.RPN_TRAIN_ANCHORS_PER_IMAGE // 2
    if extra > 0:
        rpn_match[np.random.choice(ids, extra, replace=False)] = 0
    ids = np.where(rpn_match == -1)[0]
    extra = len(ids) - (config.RPN_TRAIN_ANCHORS_PER_IMAGE - np.sum(rpn_match == 1))
    if extra > 0:
        rpn_match[np.random.choice(ids, extra, replace=False)] = 0
    ids = np.where(rpn_match == 1)[0]
    for row, (i, anchor) in enumerate(zip(ids, anchors[ids])):
        gt = gt_boxes[nearest[i]]
        gt_height, gt_width = gt[2] - gt[0], gt[3] - gt[1]
        gt_y, gt_x = gt[0] + 0.5 * gt_height, gt[1] + 0.5 * gt_width
        height, width = anchor[2] - anchor[0], anchor[3] - anchor[1]
        y, x = anchor[0] + 0.5 * height, anchor[1] + 0.5 * width
        deltas = [(gt_y - y) / height, (gt_x - x) / width, np.log(gt_height / height), np.log(gt_width / width)]
        rpn_bbox[row] = deltas
        rpn_bbox[row] /= config.RPN_BBOX_STD_DEV
    return rpn_match, rpn_bbox


def data_generator(dataset, config, anchors):
    """Batches of one image: the original's arrays, filled in place."""
    image_ids = np.copy(dataset.image_ids)
    while True:
        np.random.shuffle(image_ids)
        for image_id in image_ids:
            image, meta, class_ids, boxes, masks = load_image_gt(
                dataset, config, image_id, use_mini_mask=config.USE_MINI_MASK
            )
            if not np.any(class_ids > 0):
                continue
            rpn_match, rpn_bbox = build_rpn_targets(anchors, class_ids, boxes, config)
            count = config.MAX_GT_INSTANCES
            batch_meta = np.zeros((1, *meta.shape), dtype=meta.dtype)
            batch_match = np.zeros([1, anchors.shape[0], 1], dtype=rpn_match.dtype)
            batch_bbox = np.zeros([1, config.RPN_TRAIN_ANCHORS_PER_IMAGE, 4], dtype=rpn_bbox.dtype)
            batch_images = np.zeros((1, *image.shape), dtype=np.float32)
            batch_ids = np.zeros((1, count), dtype=np.int32)
            batch_boxes = np.zeros((1, count, 4), dtype=np.int32)
            batch_masks = np.zeros((1, masks.shape[0], masks.shape[1], count), dtype=masks.dtype)
            if boxes.shape[0] > count:
                ids = np.random.choice(np.arange(boxes.shape[0]), count, replace=False)
                class_ids, boxes, masks = class_ids[ids], boxes[ids], masks[:, :, ids]
            batch_meta[0] = meta
            batch_match[0] = rpn_match[:, np.newaxis]
            batch_bbox[0] = rpn_bbox
            batch_images[0] = image.astype(np.float32) - config.MEAN_PIXEL
            batch_ids[0, : class_ids.shape[0]] = class_ids
            batch_boxes[0, : boxes.shape[0]] = boxes
            batch_masks[0, :, :, : masks.shape[-1]] = masks
            yield [batch_images, batch_meta, batch_match, batch_bbox, batch_ids, batch_boxes, batch_masks], []
