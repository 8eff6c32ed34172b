"""From images to detections in the pixels of the original image."""

from __future__ import annotations

import numpy as np

from mrcnn_roi.ops.boxes import denorm_boxes, norm_boxes
from mrcnn_roi.ops.images import mold_image, resize_image
from mrcnn_roi.ops.masks import unmold_masks
from mrcnn_roi.ops.meta import compose_image_meta


def mold_one(image, config):
    """(molded [h, w, C] float64, meta [12 + K], window (y1, x1, y2, x2) pixels) of one image [H, W, C]."""
    shape = np.shape(image)
    channels = int(config.IMAGE_CHANNEL_COUNT)
    if len(shape) != 3 or shape[2] != channels:
        raise ValueError(
            f"expected images of shape [height, width, {channels}], received {shape}"
            + ("; a grayscale image needs its channel axis, e.g. skimage.color.gray2rgb" if len(shape) == 2 else "")
        )
    if shape[0] == 0 or shape[1] == 0:
        raise ValueError(f"expected an image with pixels, received shape {shape}")
    molded, window, scale, _, _ = resize_image(
        np.asarray(image),
        min_dim=config.IMAGE_MIN_DIM,
        max_dim=config.IMAGE_MAX_DIM,
        min_scale=config.IMAGE_MIN_SCALE,
        mode=config.IMAGE_RESIZE_MODE,
    )
    coarsest = int(config.BACKBONE_STRIDES[3]) if len(config.BACKBONE_STRIDES) > 3 else 1
    if molded.shape[0] % coarsest or molded.shape[1] % coarsest:
        raise ValueError(
            f"expected images whose molded sides are multiples of {coarsest}, received {shape}, molded to "
            f'{molded.shape} in mode "{config.IMAGE_RESIZE_MODE}"; use IMAGE_RESIZE_MODE = "pad64"'
        )
    inactive = np.zeros([int(config.NUM_CLASSES)], np.int32)
    meta = compose_image_meta(0, shape, molded.shape, window, scale, inactive)
    return mold_image(molded, config), meta, np.array(window)


def mold_inputs(images, config):
    """(molded images [N, h, w, C] float64, metas [N, 12 + K], windows [N, (y1, x1, y2, x2)] pixels).

    images: a list of [H, W, C]. Raises ValueError when they do not all mold to one shape, which happens in modes
    "none" and "pad64"; `detect` handles such lists.
    """
    parts = [mold_one(image, config) for image in images]
    shapes = {part[0].shape for part in parts}
    if len(shapes) > 1:
        raise ValueError(
            f"expected images that mold to one shape, received {sorted(shapes)} "
            f'in mode "{config.IMAGE_RESIZE_MODE}"; pass one image at a time, or use detect'
        )
    molded, metas, windows = zip(*parts)
    return np.stack(molded), np.stack(metas), np.stack(windows)


def unmold_detections(detections, mrcnn_mask, original_image_shape, image_shape, window):
    """What the network found in one image, in the pixels of that image.

    detections: [N, (y1, x1, y2, x2, class id, score)] normalized, ends at the first class 0. mrcnn_mask:
    [N, h, w, K]. original_image_shape, image_shape: (H, W, C) before and after molding. window: (y1, x1, y2, x2)
    pixels of the molded image that hold the real one.
    Returns boxes [n, (y1, x1, y2, x2)] int32, class_ids [n] int32, scores [n] float32, masks [H, W, n] bool.
    Boxes without area are dropped; a normalized box without area still covers one pixel, as in the original.
    """
    padding = np.where(detections[:, 4] == 0)[0]
    count = padding[0] if padding.size else detections.shape[0]
    boxes, scores = detections[:count, :4], detections[:count, 5]
    class_ids = detections[:count, 4].astype(np.int32)

    y1, x1, y2, x2 = norm_boxes(window, image_shape[:2])
    shift, scale = np.array([y1, x1, y1, x1]), np.array([y2 - y1, x2 - x1, y2 - y1, x2 - x1])
    boxes = denorm_boxes(np.divide(boxes - shift, scale), original_image_shape[:2])

    keep = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1]) > 0
    boxes, class_ids, scores = boxes[keep], class_ids[keep], scores[keep]
    masks = mrcnn_mask[np.arange(count)[keep], :, :, class_ids]
    if not len(boxes):
        return boxes, class_ids, scores, np.empty((*original_image_shape[:2], 0))
    return boxes, class_ids, scores, unmold_masks(masks, boxes, original_image_shape)


def detect_images(model, images, config, anchors_of, batch_size):
    """Detections of any number of images [H, W, C] of any sizes, a dict an image, in order.

    model: the inference keras.Model. anchors_of: molded shape -> normalized anchors [A, 4].
    Images that mold to one shape share batches of at most batch_size.
    """
    molded = [mold_one(image, config) for image in images]
    results: list[dict | None] = [None] * len(images)
    for members in group_by_shape([part[0].shape for part in molded], batch_size):
        batch = np.stack([molded[i][0] for i in members]).astype(np.float32)
        metas = np.stack([molded[i][1] for i in members])
        detections, _, _, masks, *_ = predict(model, batch, metas, anchors_of(batch.shape[1:]))
        for row, i in enumerate(members):
            results[i] = as_result(
                unmold_detections(detections[row], masks[row], np.shape(images[i]), batch.shape[1:], molded[i][2])
            )
    return results


def detect_molded_images(model, molded_images, image_metas, anchors_of, batch_size):
    """Detections in the pixels of the molded images [N, h, w, C]; the window (padding) is ignored."""
    shape = molded_images.shape[1:]
    results = []
    for start in range(0, len(molded_images), batch_size):
        part = slice(start, start + batch_size)
        detections, _, _, masks, *_ = predict(
            model, molded_images[part].astype(np.float32), image_metas[part], anchors_of(shape)
        )
        window = [0, 0, shape[0], shape[1]]
        results += [as_result(unmold_detections(d, m, shape, shape, window)) for d, m in zip(detections, masks)]
    return results


def group_by_shape(shapes, batch_size):
    """Lists of indices of equal shape, at most batch_size long, in order of first appearance."""
    groups: dict[tuple, list[int]] = {}
    for index, shape in enumerate(shapes):
        groups.setdefault(tuple(shape), []).append(index)
    return [
        members[start : start + batch_size]
        for members in groups.values()
        for start in range(0, len(members), batch_size)
    ]


def predict(model, batch, metas, anchors):
    """The model's outputs as arrays for a molded batch [B, h, w, C] and its metas [B, 12 + K]."""
    anchors = np.broadcast_to(anchors, (len(batch), *anchors.shape))
    return model.predict_on_batch([batch, np.asarray(metas, np.float32), anchors])


def as_result(parts) -> dict:
    """The original's result dict: rois [N, (y1, x1, y2, x2)] pixels, class_ids, scores, masks [H, W, N]."""
    rois, class_ids, scores, masks = parts
    return {"rois": rois, "class_ids": class_ids, "scores": scores, "masks": masks}
