"""DetectionTargetLayer: samples proposals and makes the heads' targets."""

from __future__ import annotations

import keras
import numpy as np
import tensorflow as tf

from mrcnn_roi.ops.boxes import box_refinement, compute_overlaps, nonzero_rows


def detection_targets(
    proposals,
    gt_class_ids,
    gt_boxes,
    gt_masks,
    *,
    train_rois,
    positive_ratio,
    bbox_std_dev,
    mask_shape,
    use_mini_mask,
    seed,
):
    """Targets of one image, for T = train_rois sampled RoIs: positives first, then negatives, then zeros.

    proposals: [P, (y1, x1, y2, x2)], gt_boxes: [G, (y1, x1, y2, x2)], both normalized and zero padded.
    gt_class_ids: [G] int, negative for crowds. gt_masks: [h, w, G]. seed: [2] int32 of the sampling.
    Returns rois [T, 4], class_ids [T] int32, deltas [T, 4] divided by bbox_std_dev, masks [T, *mask_shape] of 0/1.

    Positive: IoU >= 0.5 with an object. Negative: IoU < 0.5 with all objects and < 0.001 with crowds. At most
    int(T * positive_ratio) positives; int(P / positive_ratio) - P negatives to P positives, so an image without
    positives has no negatives either, as in the original.
    """
    proposals = tf.boolean_mask(proposals, nonzero_rows(proposals))
    present = nonzero_rows(gt_boxes)
    crowd_boxes = tf.boolean_mask(gt_boxes, present & (gt_class_ids < 0))
    index = tf.where(present & (gt_class_ids > 0))[:, 0]
    boxes, class_ids = tf.gather(gt_boxes, index), tf.gather(gt_class_ids, index)

    overlaps = compute_overlaps(proposals, boxes)
    best = _row_max(overlaps)
    crowded = _row_max(compute_overlaps(proposals, crowd_boxes)) >= 0.001
    positive = tf.where(best >= 0.5)[:, 0]
    negative = tf.where((best < 0.5) & ~crowded)[:, 0]

    positive = _shuffle(positive, seed)[: int(train_rois * positive_ratio)]
    positives = tf.shape(positive)[0]
    wanted = tf.cast(np.float32(1.0 / positive_ratio) * tf.cast(positives, tf.float32), tf.int32) - positives
    negative = _shuffle(negative, seed + 1)[:wanted]
    positive_rois, negative_rois = tf.gather(proposals, positive), tf.gather(proposals, negative)

    # argmax of an image without objects would have nothing to choose from; there are no positives then.
    owner = tf.argmax(tf.gather(tf.pad(overlaps, [[0, 0], [0, 1]], constant_values=-1.0), positive), axis=1)
    deltas = box_refinement(positive_rois, tf.gather(boxes, owner)) / np.array(bbox_std_dev, np.float32)
    masks = _mask_targets(
        positive_rois, tf.gather(boxes, owner), gt_masks, tf.gather(index, owner), mask_shape, use_mini_mask
    )

    def pad(rows, count=train_rois):
        paddings = [[0, count - tf.shape(rows)[0]]] + [[0, 0]] * (rows.shape.rank - 1)
        return tf.ensure_shape(tf.pad(rows, paddings), [count, *rows.shape[1:]])

    rois = tf.concat([positive_rois, negative_rois], axis=0)
    return pad(rois), pad(tf.gather(class_ids, owner)), pad(deltas), pad(masks)


def detection_targets_graph(proposals, gt_class_ids, gt_boxes, gt_masks, config):
    """The original's signature of `detection_targets`; the sampling is drawn from TensorFlow's global state."""
    return detection_targets(
        proposals,
        gt_class_ids,
        gt_boxes,
        gt_masks,
        train_rois=int(config.TRAIN_ROIS_PER_IMAGE),
        positive_ratio=float(config.ROI_POSITIVE_RATIO),
        bbox_std_dev=config.BBOX_STD_DEV,
        mask_shape=tuple(config.MASK_SHAPE),
        use_mini_mask=config.USE_MINI_MASK,
        seed=tf.random.uniform([2], maxval=2**31 - 1, dtype=tf.int32),
    )


def _row_max(overlaps):
    """Greatest overlap of each row; 0 where there is nothing to overlap, and for boxes without area (NaN)."""
    overlaps = tf.where(tf.math.is_nan(overlaps), 0.0, overlaps)
    return tf.maximum(tf.reduce_max(overlaps, axis=1), 0.0)


def _shuffle(index, seed):
    """index [n] in random order, a function of seed [2] int32."""
    return tf.gather(index, tf.argsort(tf.random.stateless_uniform(tf.shape(index), seed)))


def _mask_targets(rois, boxes, gt_masks, owner, mask_shape, use_mini_mask):
    """Masks [P, *mask_shape] of 0/1: each RoI's part of its owner's mask."""
    masks = tf.gather(tf.transpose(tf.cast(gt_masks, tf.float32), [2, 0, 1])[..., None], owner)
    if use_mini_mask:  # the mini mask covers the object's box, so the RoI is expressed in that box's frame
        y1, x1, _, _ = tf.unstack(boxes, axis=1)
        height, width = boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1]
        rois = (rois - tf.stack([y1, x1, y1, x1], axis=1)) / tf.stack([height, width, height, width], axis=1)
    masks = tf.image.crop_and_resize(masks, rois, tf.range(tf.shape(rois)[0]), mask_shape)
    return tf.round(masks[..., 0])


@keras.saving.register_keras_serializable("mrcnn_roi")
class DetectionTargetLayer(keras.layers.Layer):
    """Subsamples proposals and gives each its class, box refinement and mask target.

    Args:
        config: the original's argument; the numbers below are copied out of it, the config is not kept.
        train_rois: T, RoIs an image that train the heads.
        positive_ratio: largest share of them that holds objects.
        bbox_std_dev: what the deltas are divided by.
        mask_shape: (height, width) of the mask targets.
        use_mini_mask: whether the masks cover the object's box or the molded image.
        seed: of the sampling; None draws from Keras' global state.

    Call arguments: [proposals, gt_class_ids, gt_boxes, gt_masks]
        proposals: [B, P, (y1, x1, y2, x2)] normalized, zero padded. gt_class_ids: [B, G] int, crowds negative.
        gt_boxes: [B, G, (y1, x1, y2, x2)] normalized. gt_masks: [B, h, w, G].

    Returns: rois [B, T, (y1, x1, y2, x2)] normalized, class_ids [B, T] int32, deltas [B, T, 4],
        masks [B, T, *mask_shape]; positives first, then negatives, then zero padding.
    """

    def __init__(
        self,
        config=None,
        *,
        train_rois=200,
        positive_ratio=0.33,
        bbox_std_dev=(0.1, 0.1, 0.2, 0.2),
        mask_shape=(28, 28),
        use_mini_mask=True,
        seed=None,
        **kwargs,
    ):
        super().__init__(autocast=False, **kwargs)  # half precision would move boxes by pixels
        if config is not None:
            train_rois, positive_ratio = config.TRAIN_ROIS_PER_IMAGE, config.ROI_POSITIVE_RATIO
            bbox_std_dev, mask_shape = config.BBOX_STD_DEV, config.MASK_SHAPE
            use_mini_mask = config.USE_MINI_MASK
        self.train_rois, self.positive_ratio = int(train_rois), float(positive_ratio)
        self.bbox_std_dev = tuple(float(value) for value in bbox_std_dev)
        self.mask_shape = tuple(int(side) for side in mask_shape)
        self.use_mini_mask = bool(use_mini_mask)
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)

    def call(self, inputs):
        proposals, gt_class_ids, gt_boxes, gt_masks = inputs
        batch = tf.shape(proposals)[0]
        seeds = tf.random.stateless_uniform(
            [batch, 2], tf.cast(self.seed_generator.next(), tf.int32), None, None, tf.int32
        )
        return tf.map_fn(
            lambda image: detection_targets(
                *image[:4],
                train_rois=self.train_rois,
                positive_ratio=self.positive_ratio,
                bbox_std_dev=self.bbox_std_dev,
                mask_shape=self.mask_shape,
                use_mini_mask=self.use_mini_mask,
                seed=image[4],
            ),
            (
                tf.cast(proposals, tf.float32),
                tf.cast(gt_class_ids, tf.int32),
                tf.cast(gt_boxes, tf.float32),
                gt_masks,
                seeds,
            ),
            fn_output_signature=(
                tf.TensorSpec([self.train_rois, 4], tf.float32),
                tf.TensorSpec([self.train_rois], tf.int32),
                tf.TensorSpec([self.train_rois, 4], tf.float32),
                tf.TensorSpec([self.train_rois, *self.mask_shape], tf.float32),
            ),
        )

    def compute_output_spec(self, inputs):
        batch, rows = inputs[0].shape[0], self.train_rois
        return (
            keras.KerasTensor((batch, rows, 4), dtype="float32"),
            keras.KerasTensor((batch, rows), dtype="int32"),
            keras.KerasTensor((batch, rows, 4), dtype="float32"),
            keras.KerasTensor((batch, rows, *self.mask_shape), dtype="float32"),
        )

    def get_config(self):
        return {
            **super().get_config(),
            "train_rois": self.train_rois,
            "positive_ratio": self.positive_ratio,
            "bbox_std_dev": self.bbox_std_dev,
            "mask_shape": self.mask_shape,
            "use_mini_mask": self.use_mini_mask,
            "seed": self.seed,
        }
