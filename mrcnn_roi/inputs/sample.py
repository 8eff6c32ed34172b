"""One training sample: an image and its instances, molded, with its RPN targets.

Letters: H W molded image, h w mini mask or molded image, N instances, A anchors, T anchors in the RPN loss,
G = MAX_GT_INSTANCES. Whatever is wrong with an image or its annotation stops here with a SetupError that
names the file; nothing is skipped.
"""

from __future__ import annotations

import random
from typing import NamedTuple

import numpy as np

from mrcnn_roi.datasets.base import load_channels
from mrcnn_roi.findings import Finding, SetupError, Severity
from mrcnn_roi.inputs.augment import augment as apply_augmentation
from mrcnn_roi.inputs.rpn_targets import build_targets, molded_anchors
from mrcnn_roi.ops.augment import augmentation_name
from mrcnn_roi.ops.images import mold_image_float32, resize_image_with
from mrcnn_roi.ops.mask_views import copy_masks, identity_view, molded_view
from mrcnn_roi.ops.meta import compose_image_meta


class Resized(NamedTuple):
    """An image and its instances at the network's size, before anything random but a crop happens to them."""

    image: np.ndarray  # [H, W, C], dtype of the loaded image
    masks: np.ndarray  # bool [H, W, N]
    class_ids: np.ndarray  # int32 [N]
    original_shape: tuple[int, ...]  # of the loaded image
    window: tuple[int, int, int, int]  # (y1, x1, y2, x2) pixels of the image within H W
    scale: float


class Loaded(NamedTuple):
    """What load_image_gt returns, by name."""

    image: np.ndarray  # [H, W, C], dtype of the loaded image
    meta: np.ndarray  # float64 [12 + K]
    class_ids: np.ndarray  # int32 [N]
    boxes: np.ndarray  # int32 [N, (y1, x1, y2, x2)] pixels
    masks: np.ndarray  # bool [h, w, N]


def load_image_gt(dataset, config, image_id, augment=False, augmentation=None, use_mini_mask=False):
    """Loads an image and its ground truth, resized as the network will see them, not yet minus the mean.

    Args:
        dataset: a prepared Dataset. image_id: index of the image in it.
        augment: flip left and right at random (drawn from Python's `random`). Older scripts use it.
        augmentation: see inputs.augment.
        use_mini_mask: cut masks to their boxes and resize them to config.MINI_MASK_SHAPE.

    Returns:
        image [H, W, C]; image_meta float64 [12 + K]; class_ids int32 [N]; bbox int32 [N, (y1, x1, y2, x2)] in
        pixels, from the resized masks; mask bool [H, W, N], or [h, w, N] mini masks. Instances whose mask
        vanished are left out; N may be 0.

    Raises SetupError, naming the file, when the image or its annotation cannot be used.
    """
    return tuple(load_molded(dataset, config, image_id, augmentation, None, use_mini_mask, random.randint, augment))


def build_sample(dataset, config, image_id, rng, augmentation=None, resized=None) -> dict[str, np.ndarray]:
    """One training sample under the model's input names, without batch axis.

    A function of the image and the state of `rng`, a np.random.Generator: nothing else is random.
    resized: in place of load_resized, a function with its arguments and result (a cache).

    Returns:
        input_image float32 [H, W, C], minus the mean pixel; input_image_meta float32 [12 + K];
        input_rpn_match int32 [A, 1]; input_rpn_bbox float32 [T, 4]; input_gt_class_ids int32 [G];
        input_gt_boxes float32 [G, (y1, x1, y2, x2)] pixels; input_gt_masks bool [h, w, G]. Ground truth is
        padded with zeros; more than MAX_GT_INSTANCES are subsampled, after the RPN targets were made of all.
    """

    def randint(low, high):
        return int(rng.integers(low, high, endpoint=True))

    loaded = load_molded(dataset, config, image_id, augmentation, rng, config.USE_MINI_MASK, randint, resized=resized)
    grid = molded_anchors(config, loaded.image.shape)
    rpn_match, rpn_bbox = build_targets(grid, loaded.class_ids, loaded.boxes, config, rng)
    class_ids, boxes, masks = pad_ground_truth(loaded, config.MAX_GT_INSTANCES, rng)
    return {
        "input_image": mold_image_float32(loaded.image, config),
        "input_image_meta": loaded.meta.astype(np.float32),
        "input_rpn_match": rpn_match[:, np.newaxis],
        "input_rpn_bbox": rpn_bbox.astype(np.float32),
        "input_gt_class_ids": class_ids,
        "input_gt_boxes": boxes.astype(np.float32),
        "input_gt_masks": masks,
    }


def pad_ground_truth(loaded: Loaded, count: int, rng):
    """Class ids int32 [count], boxes int32 [count, 4] and masks bool [h, w, count]: padded or subsampled."""
    _, _, class_ids, boxes, masks = loaded
    if len(class_ids) > count:
        keep = rng.choice(np.arange(len(class_ids)), count, replace=False)
        class_ids, boxes, masks = class_ids[keep], boxes[keep], masks[:, :, keep]
    padded_ids, padded_boxes = np.zeros(count, np.int32), np.zeros((count, 4), np.int32)
    padded_masks = np.zeros((*masks.shape[:2], count), bool)
    padded_ids[: len(class_ids)], padded_boxes[: len(class_ids)] = class_ids, boxes
    copy_masks(masks, padded_masks[:, :, : len(class_ids)])
    return padded_ids, padded_boxes, padded_masks


def load_molded(
    dataset, config, image_id, augmentation, rng, use_mini_mask, randint, flip_at_random=False, resized=None
) -> Loaded:
    """load_image_gt with its own sources of random numbers (see resize_image_with and inputs.augment) and, with
    `resized`, of the resized image (see build_sample)."""
    ours = resized is not None  # whether the masks are nobody else's, so that they need not be copied
    if ours:
        image, masks, class_ids, original_shape, window, scale = resized(dataset, config, image_id, randint)
        view = identity_view(masks)
    else:
        image, view, class_ids, original_shape, window, scale = _load_view(dataset, config, image_id, randint)
    if flip_at_random and randint(0, 1):
        image, view = np.fliplr(image), view.flipped()
    if augmentation is not None:
        if not ours and config.IMAGE_RESIZE_MODE in ("none", "crop"):
            image = image.copy()  # of which the dataset may keep the pixels, and an augmentation write to them
        image, masks = _augment(dataset, image_id, augmentation, image, view.full(copy=not ours), rng)
        view, ours = identity_view(masks), True
    boxes = view.boxes()
    visible = np.flatnonzero(boxes[:, 2])  # resizing, cropping and augmentation may leave nothing of a mask
    boxes, class_ids = boxes[visible], class_ids[visible]
    active = _active_classes(dataset, image_id)
    if use_mini_mask:
        masks = view.minis(boxes, tuple(config.MINI_MASK_SHAPE), visible)
    else:
        view = view if len(visible) == view.masks.shape[2] else view.only(visible)
        masks = view.full(copy=not ours)
    meta = compose_image_meta(image_id, original_shape, image.shape, window, scale, active)
    return Loaded(image, meta, class_ids, boxes, masks)


def load_resized(dataset, config, image_id, randint) -> Resized:
    """Decodes an image and its masks and resizes them; randint(low, high), both ends included, places a crop."""
    image, view, *rest = _load_view(dataset, config, image_id, randint)
    return Resized(image, view.full(), *rest)


def _load_view(dataset, config, image_id, randint):
    """load_resized with a MaskView in place of the masks."""
    image = _load_image(dataset, config, image_id)
    masks, class_ids = _load_masks(dataset, image_id, image.shape)
    original_shape = image.shape
    image, window, scale, padding, crop = resize_image_with(
        randint,
        image,
        min_dim=config.IMAGE_MIN_DIM,
        max_dim=config.IMAGE_MAX_DIM,
        min_scale=config.IMAGE_MIN_SCALE,
        mode=config.IMAGE_RESIZE_MODE,
    )
    return image, molded_view(masks, scale, padding, crop), class_ids, original_shape, window, scale


def _where(dataset, image_id) -> str:
    return str(dataset.image_info[image_id].get("path") or f"image {image_id}")


def _fail(code, dataset, image_id, message, fix, cause=None):
    where = _where(dataset, image_id)
    finding = Finding(code, Severity.ERROR, f"image {image_id}: {message}", fix, where)
    raise SetupError(finding) from cause


def _described(error: BaseException) -> str:
    try:
        return f"{type(error).__name__}: {error}"
    except Exception:  # an exception whose own text raises
        return type(error).__name__


def _load_image(dataset, config, image_id) -> np.ndarray:
    channels = int(getattr(config, "IMAGE_CHANNEL_COUNT", 3))
    try:
        image = np.asarray(load_channels(dataset, image_id, channels))
    except SetupError:
        raise
    except (Exception, SystemExit) as error:  # whatever a user's loader raises, the file must be named
        message = f"load_image failed with {_described(error)}"
        fix = "open the file in a viewer, or remove it"
        _fail("ds-file-unreadable", dataset, image_id, message, fix, error)
    if image.ndim != 3 or image.shape[2] != channels:
        message = f"expected [H, W, {channels}] from load_image, received shape {list(image.shape)}"
        fix = "convert it in load_image, or set IMAGE_CHANNEL_COUNT and MEAN_PIXEL"
        _fail("ds-channels", dataset, image_id, message, fix)
    if image.dtype.kind == "f" and not np.isfinite(image).all():
        fix = "replace such pixels in load_image, for example with np.nan_to_num"
        _fail("ds-image-nonfinite", dataset, image_id, "pixels that are NaN or infinite: so would the losses be", fix)
    return image


def _load_masks(dataset, image_id, image_shape):
    """Masks bool [H, W, N] and class ids int32 [N], checked against image_shape and each other."""
    try:
        masks, given_ids = dataset.load_mask(image_id)
        masks, class_ids = np.asarray(masks), _whole_numbers(given_ids)
    except SetupError:
        raise
    except (Exception, SystemExit) as error:
        message = f"load_mask failed with {_described(error)}"
        fix = "correct the annotation of this image; load_mask returns (bool [H, W, N], int32 [N])"
        _fail("ds-mask-unreadable", dataset, image_id, message, fix, error)
    if masks.size == 0 and class_ids.size == 0:  # no objects: a background image
        return np.zeros((*image_shape[:2], 0), bool), class_ids.reshape(0)
    shape, size = list(masks.shape), list(image_shape[:2])
    if masks.ndim != 3:
        message = f"expected masks of shape [H, W, N], received shape {shape}"
        fix = "add an axis for the instances: mask[..., np.newaxis]"
        _fail("ds-mask-rank", dataset, image_id, message, fix)
    if shape[:2] != size and shape[1:] == size:
        message = f"expected masks [H, W, N] with H, W = {size}, received shape {shape}, which is [N, H, W]"
        _fail("ds-mask-axis-order", dataset, image_id, message, "np.moveaxis(masks, 0, -1)")
    if shape[:2] != size:
        message = f"the image has height and width {size}, its masks have {shape[:2]}"
        fix = "draw the masks at the size of the image that load_image returns"
        _fail("ds-mask-shape", dataset, image_id, message, fix)
    if class_ids.shape != (shape[2],):
        message = f"load_mask returned {shape[2]} masks and {class_ids.size} class ids"
        _fail("ds-mask-count", dataset, image_id, message, "return one class id for each mask")
    if np.any(class_ids >= dataset.num_classes):
        message = f"load_mask returned the class id {class_ids.max()}, but the classes end at {dataset.num_classes - 1}"
        _fail("cd-class-id-range", dataset, image_id, message, "return ids of classes that add_class() was called for")
    return masks if masks.dtype == bool else masks != 0, class_ids


def _whole_numbers(class_ids) -> np.ndarray:
    """int32 [N]. Raises ValueError for numbers that are no class, NaN among them."""
    given = np.asarray(class_ids)
    if given.dtype.kind == "f" and not (np.isfinite(given) & (given == np.floor(given))).all():
        raise ValueError(f"expected whole numbers as class ids, received {given.tolist()[:5]}")
    return given.astype(np.int32)


def _augment(dataset, image_id, augmentation, image, masks, rng):
    try:
        image, masks = apply_augmentation(augmentation, image, masks, rng)
        if image.dtype.kind == "f" and not np.isfinite(image).all():
            raise ValueError("expected finite pixels from it, received NaN or infinity")
        return image, masks
    except Exception as error:
        message = f"the augmentation {augmentation_name(augmentation)} failed with {_described(error)}"
        _fail("aug-fails", dataset, image_id, message, "try it on this image alone", error)


def _active_classes(dataset, image_id) -> np.ndarray:
    """int32 [K]: 1 for the classes that the image's source annotates."""
    source = dataset.image_info[image_id]["source"]
    if source not in dataset.source_class_ids:
        known = sorted(str(name) for name in dataset.source_class_ids if name)
        message = f'its source is "{source}", but classes were added for {known} only'
        _fail("cd-source-unknown", dataset, image_id, message, f'add_class("{source}", ...) before prepare()')
    active = np.zeros(dataset.num_classes, np.int32)
    active[dataset.source_class_ids[source]] = 1
    return active
