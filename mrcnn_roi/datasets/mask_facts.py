"""What the masks of one image are, in numbers, written into its ImageFacts. Nothing here raises on a user's data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from mrcnn_roi.datasets.base import Dataset
from mrcnn_roi.findings import SetupError
from mrcnn_roi.ops.masks import extract_bboxes

if TYPE_CHECKING:
    from mrcnn_roi.datasets.facts import ImageFacts

LARGEST = 2**32  # numbers in an image or in its masks


def failure(error: BaseException) -> tuple[str, str]:
    """(code, text) of an exception; a SetupError brings its own code."""
    if isinstance(error, SetupError) and error.findings:
        finding = error.findings[0]
        return finding.code, f"{finding.where}: {finding.message}" if finding.where else finding.message
    try:
        return "", f"{type(error).__name__}: {error}"
    except Exception:  # an exception whose own text raises
        return "", type(error).__name__


def load_boxes(facts: ImageFacts, dataset: Dataset, image_id: int) -> None:
    try:
        found = dataset.load_boxes(image_id)
        if found is None:
            return
        boxes, class_ids = np.asarray(found[0]).reshape(-1, 4), np.asarray(found[1])
    except (Exception, SystemExit, GeneratorExit) as error:  # the user's code may raise anything: it is reported
        facts.mask_error = failure(error)
        return
    facts.boxes, facts.class_ids, facts.instances_known = boxes, class_ids, True
    facts.areas = np.full(len(boxes), -1)
    facts.duplicates = facts.crossings = np.full(len(boxes), -1)


def load_masks(facts: ImageFacts, dataset: Dataset, image_id: int) -> None:
    try:
        loaded = dataset.load_mask(image_id)
        masks, class_ids = (np.asarray(part) for part in loaded)
        facts.mask_shape, facts.mask_dtype = masks.shape, str(masks.dtype)
        facts.mask_error = _misfit(facts, masks, class_ids)
        if facts.mask_error is None:
            _measure(facts, masks, class_ids)
            crossings = dataset.crossing_outlines(image_id) if hasattr(dataset, "crossing_outlines") else None
            if crossings is not None and len(crossings) == len(facts.class_ids):
                facts.crossings = crossings
            facts.unmasked = dataset.unmasked_objects(image_id) if hasattr(dataset, "unmasked_objects") else ""
    except (Exception, SystemExit, GeneratorExit) as error:  # as in load_image; masks may also be too large to measure
        facts.mask_error, facts.instances_known = failure(error), False


def _misfit(facts: ImageFacts, masks: np.ndarray, class_ids: np.ndarray) -> tuple[str, str] | None:
    """Why masks and class ids cannot be what load_mask promises: bool [H, W, N] and int [N]."""
    size = (facts.height, facts.width)
    shape = list(masks.shape)
    if masks.dtype.kind not in "biuf" or (class_ids.size and class_ids.dtype.kind not in "biuf"):
        return (
            "ds-mask-count",
            f"load_mask returned {masks.dtype} masks and {class_ids.dtype} class ids, not numbers",
        )
    if class_ids.dtype.kind == "f" and not (np.isfinite(class_ids) & (class_ids == np.floor(class_ids))).all():
        return "ds-mask-count", f"class ids are not whole numbers: {class_ids.tolist()[:5]}"
    if class_ids.ndim != 1:
        return "ds-mask-count", f"class ids have the shape {list(class_ids.shape)}, expected [N]"
    if masks.size > LARGEST:
        return "", f"load_mask returned {shape}, too large to be looked at"
    if masks.ndim != 3:
        return "ds-mask-rank", f"masks have the shape {shape}, expected [H, W, N]; image {list(size)}"
    if not masks.size and not class_ids.size:
        return None
    if masks.shape[:2] != size and masks.shape[1:] == size and len(masks) == len(class_ids):
        return (
            "ds-mask-axis-order",
            f"masks have the shape {shape}, [N, H, W]; expected [H, W, N]; image {list(size)}",
        )
    if masks.shape[:2] == size == masks.shape[1:] and masks.shape[2] != len(class_ids) == len(masks):
        return "ds-mask-axis-order", f"masks have the shape {shape}, [N, H, W]; expected [H, W, N]"
    if masks.shape[:2] != size and -1 not in size:
        return "ds-mask-shape", f"masks have the shape {shape}, expected [H, W, N] of the image {list(size)}"
    if masks.shape[2] == 1 < len(class_ids) == _numbers_in(masks):
        return "ds-mask-labelmap", f"{len(class_ids)} numbers in one mask, {len(class_ids)} class ids"
    if masks.shape[2] != len(class_ids):
        return "ds-mask-count", f"{masks.shape[2]} masks but {len(class_ids)} class ids"
    return None


def _numbers_in(masks: np.ndarray) -> int:
    """How many different numbers but 0 there are, 0 in masks of bools."""
    return 0 if masks.dtype == bool else len(np.unique(masks[masks != 0]))


def _measure(facts: ImageFacts, masks: np.ndarray, class_ids: np.ndarray) -> None:
    facts.instances_known = True
    if not masks.size:
        return
    if masks.dtype != bool:
        facts.mask_distinct, facts.mask_max = len(np.unique(masks)), float(masks.max())
        masks = masks.astype(bool)
    facts.class_ids, facts.boxes = class_ids, extract_bboxes(masks)
    facts.areas = np.count_nonzero(masks, axis=(0, 1))
    facts.duplicates = _duplicates(masks, class_ids, facts.boxes, facts.areas)
    facts.crossings = np.full(len(class_ids), -1)


def _duplicates(masks: np.ndarray, class_ids: Any, boxes: np.ndarray, areas: np.ndarray) -> np.ndarray:
    """For each instance the index of the first with the same class and pixels, -1 where there is none."""
    first: dict[tuple, list[int]] = {}
    found = np.full(len(areas), -1)
    for index, key in enumerate(zip(class_ids.tolist(), areas.tolist(), map(tuple, boxes.tolist()))):
        equal = (i for i in first.setdefault(key, []) if np.array_equal(masks[..., i], masks[..., index]))
        found[index] = next(equal, -1) if areas[index] else -1
        first[key].append(index)
    return found
