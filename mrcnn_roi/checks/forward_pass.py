"""Checks of what the network makes of the first batch (group "first_batch"), before anything is learned.

`check_first_batch` in first_batch.py runs them.
Letters: B images, N proposals, T sampled RoIs, G ground-truth slots.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mrcnn_roi.checks.rois import GROUPS, read_inputs
from mrcnn_roi.checks.splits import data_check
from mrcnn_roi.checks.splits import whole as whole_number
from mrcnn_roi.findings import Finding, Severity, run_checks
from mrcnn_roi.ops.boxes import compute_overlaps, norm_boxes

if TYPE_CHECKING:
    from mrcnn_roi.checks.first_batch import FirstBatch

# Of check_rois: a matter of course in proposals of a network that has learned nothing yet, or said by fb-nonfinite.
USUAL = {"roi-zero-area", "roi-dup", "roi-nonfinite", "fm-nonfinite"}
MASKS_NEEDED = 3  # empty mask targets that prove something


@dataclass(frozen=True)
class ForwardPass:
    """What the network made of the first images of the batch, in the order in which it makes it.

    outputs: arrays by name: P2 to P5 [B, h, w, channels], rpn_class_logits, rpn_bbox, proposals [B, N, 4] normalized,
    target_class_ids [B, T], target_deltas, target_masks [B, T, h, w], the heads' outputs, the five losses; without
    those that a model of one's own does not have. levels, strides: of the maps that RoIs are pooled from.
    trained: the RPN's weights were loaded or trained before. spoilt: layers with NaN or infinite weights. whole: False
    where the network could be run up to the RPN only.
    """

    outputs: dict[str, np.ndarray]
    levels: tuple[int, ...] = (2, 3, 4, 5)
    strides: tuple[int, ...] = (4, 8, 16, 32)
    trained: bool = False
    spoilt: tuple[str, ...] = ()
    whole: bool = True

    @property
    def nonfinite(self) -> list[str]:
        """Names of the outputs that hold NaN or infinity."""
        return [name for name, array in self.outputs.items() if not np.isfinite(array).all()]


def pooling_findings(config, batch: FirstBatch, forward: ForwardPass) -> list[Finding]:
    """What check_rois says about proposals, maps and metas. Without the ground truth: proposals that nobody trained
    find it by chance only, in one reading or another."""
    proposals = forward.outputs.get("proposals")
    maps = [forward.outputs[f"P{level}"] for level in forward.levels if f"P{level}" in forward.outputs]
    if proposals is None or len(maps) < len(forward.levels):
        return []
    size = np.array(batch.images.shape[1:3])
    objects = read_inputs(
        proposals,
        maps,
        batch.metas[: len(proposals)],
        size,
        num_classes=getattr(config, "NUM_CLASSES", None),
        strides=forward.strides,
    )
    usual = USUAL | ({"fm-all-zero"} if not batch.images.any() else set())  # of images in the mean colour
    rounded_down = [size // stride <= each.shape[1:3] for each, stride in zip(maps, forward.strides)]
    rounded_up = [each.shape[1:3] <= -(-size // stride) for each, stride in zip(maps, forward.strides)]
    if np.all(rounded_down) and np.all(rounded_up):  # a backbone of one's own may round either way
        usual |= {"fm-spatial", "fm-order"}
    return [each for each in run_checks(GROUPS, **{**objects, "training": True}) if each.code not in usual]


def _code(code: str, severity: Severity):
    return data_check(code, severity, "first_batch")


@_code("fb-anchor-count", Severity.ERROR)
def other_number_of_anchors(batch, forward):
    """The targets of the RPN are made for another number of anchors than the network predicts for. Fewer, and every
    box is learned at a wrong place, without an error; more, and the first step stops with "indices ... not in".

    It happens with a backbone of your own, whose maps have other sizes than COMPUTE_BACKBONE_SHAPE says.
    """
    described, produced = batch.rpn_match.shape[1], _anchors(forward)
    if produced not in (None, described):
        message = f"the RPN's targets are made for {described:,} anchors, the network predicts for {produced:,}"
        size = " x ".join(map(str, batch.images.shape[1:3]))
        fix = f"return from COMPUTE_BACKBONE_SHAPE the sizes that the maps really have for a {size} image"
        yield "COMPUTE_BACKBONE_SHAPE, BACKBONE_STRIDES", f"{message}: they do not correspond", fix


def _anchors(forward: ForwardPass | None) -> int | None:
    """How many anchors the network predicts for, where that is known."""
    logits = forward.outputs.get("rpn_class_logits") if forward is not None else None
    return None if logits is None else logits.shape[1]


@_code("fb-forward-fails", Severity.WARNING)
def forward_fails(config, failure):
    """The network could not be run on the first batch. The first step of training will most likely fail in the same
    way; it is tried all the same, because training may run it otherwise."""
    fix = "read the text above from its end: it names the layer and the shapes that do not fit"
    if "OOM" in failure or "ResourceExhausted" in failure:
        images = whole_number(config, "IMAGES_PER_GPU")
        fix = f"set IMAGES_PER_GPU = {max(1, images // 2)}" + (", or IMAGE_MAX_DIM smaller" if images == 1 else "")
    yield "keras_model", f"running the network on the first batch failed: {failure}", fix


@_code("fb-nonfinite", Severity.ERROR)
def nonfinite(batch, forward):
    """The network makes NaN or infinity of the first batch, before anything was learned: of its features, proposals,
    targets or losses. The first step would spread it to all weights. Mostly the weights themselves hold NaN, because
    they are those of a run that diverged."""
    wrong = forward.nonfinite
    if not wrong or not np.isfinite(batch.images).all():
        return
    losses = [name for name in wrong if name.endswith("_loss")]
    first = [name for name in wrong if name not in losses][:1]
    message = f"{', '.join(losses)} of the first batch are NaN or infinite" if losses else ""
    if first:
        message += f"{'; the first to be so is ' if losses else 'NaN or infinity in '}{first[0]}"
    fix = "look at the layers up to the first named: a division by 0, or values beyond what the dtype holds"
    if forward.spoilt:
        message += f": the weights of {', '.join(forward.spoilt[:3])} are"
        message += f" ({len(forward.spoilt)} layers in all)" if len(forward.spoilt) > 3 else ""
        fix = "load weights of an earlier epoch, from before the loss became NaN, and lower the learning rate"
    elif not np.isfinite(batch.rpn_bbox).all():
        message += ": the RPN's box targets are"
        fix = "correct RPN_BBOX_STD_DEV and the boxes of these images"
    yield ", ".join(first or losses), message, fix


@_code("fb-no-positive-rois", Severity.WARNING)
def no_positive_rois(config, batch, forward):
    """No RoI of the batch overlaps an object by 0.5, so the box and mask heads learn nothing from it. Proposals of an
    RPN with random weights mostly miss, until it has learned: then nothing is said."""
    ids, proposals = forward.outputs.get("target_class_ids"), forward.outputs.get("proposals")
    if ids is None or (ids > 0).any() or forward.nonfinite:
        return
    objects, own = batch.objects[: len(ids)], config.USE_RPN_ROIS
    if not objects.any() or (own and not (forward.trained and proposals is not None and proposals.any())):
        return
    message = f"no RoI of the first batch overlaps one of its {np.count_nonzero(objects)} objects by 0.5"
    if own:
        message += f" (best {_best_overlap(batch, objects, proposals):.2f})"
    fix = "compare a picture of the anchors with the objects (mrcnn-roi show), and RPN_ANCHOR_SCALES with their sides"
    yield "proposal_targets", f"{message}: box and mask heads learn nothing from it", fix


def _best_overlap(batch: FirstBatch, objects: np.ndarray, proposals: np.ndarray) -> float:
    size = batch.images.shape[1:3]
    return max(
        float(np.nanmax(compute_overlaps(rois, norm_boxes(boxes[present], size)), initial=0.0))
        for rois, boxes, present in zip(proposals, batch.boxes, objects)
    )


@_code("fb-mask-targets-empty", Severity.WARNING)
def empty_mask_targets(forward):
    """The mask targets of all positive RoIs are empty, although their boxes fit objects: the masks are not where the
    boxes are, and the mask head would learn to predict nothing."""
    ids, masks = forward.outputs.get("target_class_ids"), forward.outputs.get("target_masks")
    if ids is None or masks is None or forward.nonfinite:
        return
    count = np.count_nonzero(ids > 0)
    if count >= MASKS_NEEDED and not masks[ids > 0].any():
        message = f"the mask targets of all {count} positive RoIs of the first batch are empty"
        yield "proposal_targets", message, "look at masks and boxes of these images with mrcnn-roi show"
