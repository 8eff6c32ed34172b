"""ProposalLayer: anchors and the RPN's answers become proposals."""

from __future__ import annotations

import keras
import numpy as np
import tensorflow as tf

from mrcnn_roi.ops.boxes import apply_box_deltas, clip_boxes


def propose(scores, deltas, anchors, *, proposal_count, nms_threshold, pre_nms_limit):
    """Proposals of one image: [proposal_count, (y1, x1, y2, x2)] normalized, best first, zero padded.

    scores: [A] foreground probability. deltas: [A, (dy, dx, log dh, log dw)]. anchors: [A, (y1, x1, y2, x2)]
    normalized. The best `pre_nms_limit` anchors are refined, clipped to the image and thinned: a box goes when its
    IoU with a better one is greater than `nms_threshold`. Boxes without area survive, as in the original.
    """
    limit = tf.minimum(pre_nms_limit, tf.shape(scores)[0])
    scores, index = tf.math.top_k(scores, k=limit, sorted=True)
    boxes = apply_box_deltas(tf.gather(anchors, index), tf.gather(deltas, index))
    boxes = clip_boxes(boxes, np.array([0, 0, 1, 1], np.float32))
    keep = tf.image.non_max_suppression(boxes, scores, proposal_count, nms_threshold)
    proposals = tf.gather(boxes, keep)
    return tf.ensure_shape(
        tf.pad(proposals, [[0, proposal_count - tf.shape(proposals)[0]], [0, 0]]), [proposal_count, 4]
    )


@keras.saving.register_keras_serializable("mrcnn_roi")
class ProposalLayer(keras.layers.Layer):
    """Selects the regions the heads look at (Faster R-CNN section 3.1, with the original's numbers).

    Args:
        proposal_count: rows of the result; fewer proposals are padded with zeros.
        nms_threshold: a proposal goes when its IoU with a better one is greater.
        config: the original's third argument. Its PRE_NMS_LIMIT and RPN_BBOX_STD_DEV are copied out; the config
            itself is not kept.
        pre_nms_limit, bbox_std_dev: the same two numbers, for use without a config.

    Call arguments: [rpn_class, rpn_bbox, anchors]
        rpn_class: [B, A, (background, foreground)] probabilities.
        rpn_bbox: [B, A, (dy, dx, log dh, log dw)] divided by bbox_std_dev.
        anchors: [B, A, (y1, x1, y2, x2)] normalized.

    Returns: [B, proposal_count, (y1, x1, y2, x2)] normalized.
    """

    def __init__(
        self,
        proposal_count,
        nms_threshold,
        config=None,
        *,
        pre_nms_limit=6000,
        bbox_std_dev=(0.1, 0.1, 0.2, 0.2),
        **kwargs,
    ):
        super().__init__(autocast=False, **kwargs)  # half precision would move boxes by pixels
        self.proposal_count, self.nms_threshold = int(proposal_count), float(nms_threshold)
        self.pre_nms_limit = int(pre_nms_limit if config is None else config.PRE_NMS_LIMIT)
        std_dev = bbox_std_dev if config is None else config.RPN_BBOX_STD_DEV
        self.bbox_std_dev = tuple(float(value) for value in std_dev)

    def call(self, inputs):
        scores, deltas, anchors = (tf.cast(each, tf.float32) for each in inputs)
        deltas = deltas * np.array(self.bbox_std_dev, np.float32)
        return tf.map_fn(
            lambda image: propose(
                *image,
                proposal_count=self.proposal_count,
                nms_threshold=self.nms_threshold,
                pre_nms_limit=self.pre_nms_limit,
            ),
            (scores[..., 1], deltas, tf.broadcast_to(anchors, tf.shape(deltas))),
            fn_output_signature=tf.TensorSpec([self.proposal_count, 4], tf.float32),
        )

    def compute_output_spec(self, inputs):
        return keras.KerasTensor((inputs[0].shape[0], self.proposal_count, 4), dtype="float32")

    def get_config(self):
        return {
            **super().get_config(),
            "proposal_count": self.proposal_count,
            "nms_threshold": self.nms_threshold,
            "pre_nms_limit": self.pre_nms_limit,
            "bbox_std_dev": self.bbox_std_dev,
        }
