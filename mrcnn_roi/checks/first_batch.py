"""Checks of the first real batch of training (group "first_batch"), after resizing, padding and augmentation: what
goes into the network here, what comes out of it in forward_pass.

`check_first_batch` runs all of them. What the preflight found in the data is not said again: its codes are `reported`.
Letters: B images, H W C molded image, G ground-truth slots, A anchors, M objects of the batch.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np

from mrcnn_roi.checks.config import silence
from mrcnn_roi.checks.forward_pass import ForwardPass, pooling_findings
from mrcnn_roi.checks.splits import data_check, whole
from mrcnn_roi.checks.values import compact, number_list
from mrcnn_roi.findings import Finding, Severity, run_checks
from mrcnn_roi.ops.meta import parse_image_meta

SCALE_CODES = {"ds-bit-depth", "aug-dtype", "cfg-mean-range", "cfg-channel-mean", "ds-image-constant"}
SIZE_CODES = {"cd-anchor-coverage", "cd-anchor-aspect", "cd-object-vanishes", "cd-object-tiny"}
ID_CODES = {"cd-class-id-range", "cd-class-count"}
FORCED_IOU = 0.3  # an anchor below it is background, unless it is its object's best
SHOWN = 5


@dataclass(frozen=True)
class FirstBatch:
    """What goes into the network.

    images: [B, H, W, C], minus the mean pixel. metas: [B, 12 + K]. class_ids: [B, G]. boxes: [B, G, (y1, x1, y2, x2)]
    pixels. rpn_match: [B, A], 1 object, -1 background. rpn_bbox: [B, anchors in the loss, 4]. names: of the images.
    anchor_iou: [M] of every object with its best anchor.
    """

    images: np.ndarray
    metas: np.ndarray
    class_ids: np.ndarray
    boxes: np.ndarray
    rpn_match: np.ndarray
    rpn_bbox: np.ndarray
    anchor_iou: np.ndarray
    names: tuple[str, ...]

    @property
    def objects(self) -> np.ndarray:
        """bool [B, G]: slots that hold an object, no crowd."""
        return self.class_ids > 0

    def images_with(self, wrong: np.ndarray) -> str:
        """The names of the images where bool [B, ...] has a True."""
        named = [name for name, each in zip(self.names, wrong) if each.any()]
        return ", ".join(named[:SHOWN]) + (f" and {len(named) - SHOWN} more" if len(named) > SHOWN else "")


def check_first_batch(
    config, batch: FirstBatch, forward: ForwardPass | None = None, failure: str = "", reported: Collection[str] = ()
) -> list[Finding]:
    """Everything that is wrong with the first batch, gravest first.

    forward: None when it was not tried. failure: why it could not be finished, "" where it was. reported: codes of
    findings that were shown already.
    """
    findings = run_checks(
        "first_batch",
        config=config,
        batch=batch,
        forward=forward,
        failure=failure or None,
        reported=frozenset(reported),
    )
    if forward is not None and forward.whole:
        findings += pooling_findings(config, batch, forward)
    if "fb-anchor-count" in {each.code for each in findings}:  # then that is why
        findings = [each for each in findings if each.code != "fb-forward-fails"]
    locate = getattr(config, "locate", list)
    return locate(sorted(silence(findings, config), key=lambda finding: -finding.severity))


def _code(code: str, severity: Severity):
    return data_check(code, severity, "first_batch")


@_code("fb-image-nonfinite", Severity.ERROR)
def image_nonfinite(batch):
    """Images that hold NaN or infinity when they reach the network, by load_image or by the augmentation. Every loss
    becomes NaN at once, and all weights with it."""
    wrong = ~np.isfinite(batch.images)
    if wrong.any():
        message = f"{np.count_nonzero(wrong)} of {wrong.size} values of the molded images are NaN or infinite"
        fix = "look for a division by 0 or a logarithm of 0 in load_image and in the augmentation, and return 0-255"
        yield batch.images_with(wrong), message, fix


@_code("fb-image-scale", Severity.WARNING)
def image_scale(config, batch, reported):
    """Images on another scale than MEAN_PIXEL: 0-1, 16 bits, or with the mean subtracted already. It is subtracted
    here, so the network would see nearly constant, or far too large values. Padding does not count."""
    mean = number_list(np.ravel(config.MEAN_PIXEL).tolist())
    if not mean or SCALE_CODES & reported or not np.isfinite(batch.images).all():
        return
    low, high, average, whole_mean = *_pixel_range(batch, np.array(mean)), max(map(abs, mean))
    usual = ", ".join(compact(round(each, 1)) for each in mean)
    received = f"pixels of the first batch are {low:.4g} to {high:.4g} (mean {average:.4g})"
    fix = "return images of 0 to 255 from load_image and the augmentation"
    if high - low < 0.01 or whole_mean <= 2:  # constant images, or a mean that says they are 0-1
        return
    if low >= -2 and high <= 2:
        message = f"{received}, MEAN_PIXEL is [{usual}]: minus the mean the images are nearly constant"
        yield "MEAN_PIXEL", message, f"{fix} (times 255), or set MEAN_PIXEL to the mean of yours"
    elif whole_mean <= 256 and high > 510:
        message = f"{received}, MEAN_PIXEL is [{usual}]: far beyond what the weights and learning rates are made for"
        yield "MEAN_PIXEL", message, fix
    elif low < -10 and abs(average) < 0.25 * whole_mean:
        message = f"{received}, and MEAN_PIXEL [{usual}] is subtracted from that: twice, it seems"
        yield "MEAN_PIXEL", message, f"{fix}, without subtracting the mean, or set MEAN_PIXEL to 0"


def _pixel_range(batch: FirstBatch, mean: np.ndarray) -> tuple[float, float, float]:
    """(lowest, highest, mean) of the pixels inside the windows, before the mean pixel was subtracted."""
    windows = parse_image_meta(batch.metas)["window"]
    parts = [image[y1:y2, x1:x2] + mean for image, (y1, x1, y2, x2) in zip(batch.images, windows)]
    parts = [part for part in parts if part.size] or [batch.images + mean]
    return (
        float(min(part.min() for part in parts)),
        float(max(part.max() for part in parts)),
        float(np.mean([part.mean() for part in parts])),
    )


@_code("fb-class-ids", Severity.ERROR)
def class_ids_out_of_range(config, batch, reported):
    """Class ids that NUM_CLASSES does not have. On the CPU training stops with "label value ... outside the valid
    range", on a GPU the class loss is NaN. Negative ids are crowds."""
    classes = whole(config, "NUM_CLASSES")
    wrong = np.abs(batch.class_ids) >= classes
    if wrong.any() and not ID_CODES & reported:
        listed = ", ".join(map(str, np.unique(batch.class_ids[wrong])[:SHOWN]))
        message = f"class id {listed} in the first batch, valid are 1 to {classes - 1}"
        yield batch.images_with(wrong), message, "return the ids of add_class from load_mask, or raise NUM_CLASSES"


@_code("fb-gt-boxes", Severity.ERROR)
def boxes_unusable(batch):
    """Ground-truth boxes that are outside the molded image, without area, or not finite. Their targets are logarithms
    of 0 or places that no anchor has: the box losses become NaN or teach nothing true."""
    height, width = batch.images.shape[1:3]
    y1, x1, y2, x2 = np.moveaxis(batch.boxes, -1, 0)
    with np.errstate(invalid="ignore"):
        usable = (y1 < y2) & (x1 < x2) & (y1 >= 0) & (x1 >= 0) & (y2 <= height) & (x2 <= width)
    wrong = (batch.class_ids != 0) & ~usable  # NaN is never usable
    if wrong.any():
        box = ", ".join(f"{value:.6g}" for value in batch.boxes[wrong][0])
        message = f"{np.count_nonzero(wrong)} of {np.count_nonzero(batch.class_ids)} boxes of the first batch have no"
        message += f" area inside the {height} x {width} image, the first ({box})"
        fix = "take the boxes from the resized and augmented masks: utils.extract_bboxes(masks)"
        yield batch.images_with(wrong), message, fix


@_code("fb-rpn-no-positive", Severity.WARNING)
def no_positive_anchor(batch, reported):
    """Images with objects, and not one anchor that is to find them: the RPN learns from this batch that everything is
    background. Anchors only miss an object altogether where they lie far apart, or are all outside of it."""
    count, busy = np.count_nonzero(batch.objects), batch.objects.any(axis=1)
    if count and not (batch.rpn_match[busy] == 1).any() and not SIZE_CODES & reported:
        message = f"none of {batch.rpn_match.shape[1]} anchors is positive for the {count} objects of the first batch"
        fix = "set RPN_ANCHOR_STRIDE = 1 and RPN_ANCHOR_SCALES of about the objects' sides after resizing"
        yield batch.images_with(batch.objects), message, fix


@_code("fb-rpn-forced", Severity.INFO)
def only_forced_matches(batch, reported):
    """Most objects of the batch overlap no anchor by 0.3. Each still has its best anchor as its only positive one, so
    the RPN learns, but slowly and with poor boxes."""
    forced, total = np.count_nonzero(batch.anchor_iou < FORCED_IOU), len(batch.anchor_iou)
    if forced > total / 2 and (batch.rpn_match == 1).any() and not SIZE_CODES & reported:
        message = f"{forced} of {total} objects of the first batch overlap their best anchor by less than {FORCED_IOU}"
        message += f" (median {np.median(batch.anchor_iou):.2f}): they have forced matches only"
        yield "RPN_ANCHOR_SCALES", message, "set RPN_ANCHOR_SCALES of about the objects' sides, RPN_ANCHOR_STRIDE = 1"
