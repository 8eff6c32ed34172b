"""DetectionLayer: the heads' answers become final detections."""

from __future__ import annotations

import keras
import numpy as np
import tensorflow as tf

from mrcnn_roi.ops.boxes import apply_box_deltas, clip_boxes, norm_boxes
from mrcnn_roi.ops.meta import parse_image_meta


def refine_detections(rois, probs, deltas, window, *, bbox_std_dev, min_confidence, max_instances, nms_threshold):
    """Detections of one image: [max_instances, (y1, x1, y2, x2, class id, score)], best first, zero padded.

    rois: [N, (y1, x1, y2, x2)] normalized. probs: [N, K]. deltas: [N, K, (dy, dx, log dh, log dw)] divided by
    bbox_std_dev. window: (y1, x1, y2, x2) normalized, the part of the molded image without padding.
    Every RoI takes its best class; background and scores below `min_confidence` go (0 or None keeps all scores);
    within a class a box goes when its IoU with a better one is greater than `nms_threshold`.
    """
    class_ids = tf.argmax(probs, axis=1, output_type=tf.int32)
    pairs = tf.stack([tf.range(tf.shape(probs)[0]), class_ids], axis=1)
    scores = tf.gather_nd(probs, pairs)
    boxes = apply_box_deltas(rois, tf.gather_nd(deltas, pairs) * np.array(bbox_std_dev, np.float32))
    boxes = clip_boxes(boxes, window)

    keep = class_ids > 0
    if min_confidence:
        keep &= scores >= min_confidence
    candidates = tf.where(keep)[:, 0]
    survivors = _suppress_by_class(boxes, scores, class_ids, candidates, max_instances, nms_threshold)
    best = tf.gather(scores, survivors)
    top = tf.math.top_k(best, k=tf.minimum(tf.shape(survivors)[0], max_instances), sorted=True).indices
    index = tf.gather(survivors, top)
    detections = tf.concat(
        [
            tf.gather(boxes, index),
            tf.cast(tf.gather(class_ids, index), tf.float32)[:, None],
            tf.gather(scores, index)[:, None],
        ],
        axis=1,
    )
    return tf.ensure_shape(
        tf.pad(detections, [[0, max_instances - tf.shape(detections)[0]], [0, 0]]), [max_instances, 6]
    )


def refine_detections_graph(rois, probs, deltas, window, config):
    """The original's signature of `refine_detections`."""
    return refine_detections(
        rois,
        probs,
        deltas,
        window,
        bbox_std_dev=config.BBOX_STD_DEV,
        min_confidence=config.DETECTION_MIN_CONFIDENCE,
        max_instances=int(config.DETECTION_MAX_INSTANCES),
        nms_threshold=float(config.DETECTION_NMS_THRESHOLD),
    )


def _suppress_by_class(boxes, scores, class_ids, candidates, max_instances, nms_threshold):
    """The candidates (indices [n]) that survive suppression within their own class, ascending."""
    candidate_classes = tf.gather(class_ids, candidates)

    def survivors_of(class_id):
        members = tf.gather(candidates, tf.where(candidate_classes == class_id)[:, 0])
        keep = tf.image.non_max_suppression(
            tf.gather(boxes, members), tf.gather(scores, members), max_instances, nms_threshold
        )
        kept = tf.gather(members, keep)
        return tf.ensure_shape(
            tf.pad(kept, [[0, max_instances - tf.shape(kept)[0]]], constant_values=-1), [max_instances]
        )

    kept = tf.map_fn(
        survivors_of,
        tf.unique(candidate_classes).y,
        fn_output_signature=tf.TensorSpec([max_instances], tf.int64),
    )
    kept = tf.reshape(kept, [-1])
    return tf.sort(tf.boolean_mask(kept, kept >= 0))


@keras.saving.register_keras_serializable("mrcnn_roi")
class DetectionLayer(keras.layers.Layer):
    """Refines, filters and ranks what the heads found, per image.

    Args:
        config: the original's argument; the four numbers below are copied out of it, the config is not kept.
        bbox_std_dev: what the deltas were divided by.
        min_confidence: detections below go; 0 or None keeps all.
        max_instances: rows of the result.
        nms_threshold: within a class, a box goes when its IoU with a better one is greater.

    Call arguments: [rois, probs, deltas, image_meta]
        rois: [B, N, (y1, x1, y2, x2)] normalized. probs: [B, N, K].
        deltas: [B, N, K, (dy, dx, log dh, log dw)] divided by bbox_std_dev.
        image_meta: [B, 12 + K]; boxes are clipped to its window, the molded image without padding.

    Returns: [B, max_instances, (y1, x1, y2, x2, class id, score)] normalized, best first, zero padded.
    """

    def __init__(
        self,
        config=None,
        *,
        bbox_std_dev=(0.1, 0.1, 0.2, 0.2),
        min_confidence=0.7,
        max_instances=100,
        nms_threshold=0.3,
        **kwargs,
    ):
        super().__init__(autocast=False, **kwargs)  # half precision would move boxes by pixels
        if config is not None:
            bbox_std_dev, min_confidence = config.BBOX_STD_DEV, config.DETECTION_MIN_CONFIDENCE
            max_instances, nms_threshold = config.DETECTION_MAX_INSTANCES, config.DETECTION_NMS_THRESHOLD
        self.bbox_std_dev = tuple(float(value) for value in bbox_std_dev)
        self.min_confidence = None if min_confidence is None else float(min_confidence)
        self.max_instances, self.nms_threshold = int(max_instances), float(nms_threshold)

    def call(self, inputs):
        rois, probs, deltas, image_meta = (tf.cast(each, tf.float32) for each in inputs)
        meta = parse_image_meta(image_meta)
        windows = norm_boxes(meta["window"], meta["image_shape"][0, :2])
        return tf.map_fn(
            lambda image: refine_detections(
                *image,
                bbox_std_dev=self.bbox_std_dev,
                min_confidence=self.min_confidence,
                max_instances=self.max_instances,
                nms_threshold=self.nms_threshold,
            ),
            (rois, probs, deltas, windows),
            fn_output_signature=tf.TensorSpec([self.max_instances, 6], tf.float32),
        )

    def compute_output_spec(self, inputs):
        return keras.KerasTensor((inputs[0].shape[0], self.max_instances, 6), dtype="float32")

    def get_config(self):
        return {
            **super().get_config(),
            "bbox_std_dev": self.bbox_std_dev,
            "min_confidence": self.min_confidence,
            "max_instances": self.max_instances,
            "nms_threshold": self.nms_threshold,
        }
