"""Checks of the Config against the data (group "fit"): the sizes of images and objects after resizing.

They read the molding (checks.splits), which is computed with the functions that resize the images in
training. Letters: I images, M instances; s the scale of an image.
"""

from __future__ import annotations

import numpy as np

from mrcnn_roi.checks.config.images import min_dim, resize_mode
from mrcnn_roi.checks.splits import (
    Split,
    batch_size,
    data_check,
    first,
    listed_images,
    listed_instances,
    positive_list,
    whole,
)
from mrcnn_roi.checks.values import compact, number
from mrcnn_roi.findings import Severity

TINY = 8  # pixels of the molded image: anchors lie at least 4 apart
SMALL = 16  # pixels: below, shrinking has cost an object its detail
LARGEST_USUAL = 2048  # pixels: a longer side takes more memory than most devices have
FEW = 0.1  # share of objects or images up to which sizes are left alone


def _next64(side: float) -> int:
    return int(-(-side // 64) * 64)


def _size(height, width) -> str:
    return f"{int(height)}x{int(width)}"


@data_check("cd-molded-varies", Severity.ERROR, "fit")
def molded_shapes_vary(config, splits, mode):
    """Images of different molded sizes ("pad64", "none") in batches of more than one: they cannot be
    stacked, and the run stops at the first batch that mixes them. One image a batch is fine."""
    batch = batch_size(config)
    if batch == 1 or mode != "training":
        return
    for split in splits:
        shapes = split.molding.shapes
        if len(shapes) > 1:
            shown = first((_size(*shape) for shape in shapes.tolist()), len(shapes))
            message = f'{len(shapes)} molded sizes ("{resize_mode(config)}") for batches of {batch}{shown}'
            fix = 'set IMAGES_PER_GPU = 1 and GPU_COUNT = 1, or IMAGE_RESIZE_MODE = "square"'
            yield "IMAGES_PER_GPU, IMAGE_RESIZE_MODE", f"{message}: they cannot be stacked", fix
            return  # val of the same kind has the same cause


@data_check("cd-molded-div64", Severity.ERROR, "fit")
def molded_not_divisible(config, splits):
    """Mode "none" and images whose sides are not multiples of 64. The pyramid halves the image six times and
    doubles it back: maps of different sizes are added, "Incompatible shapes". With a backbone of your own
    the sides must be multiples of the largest of BACKBONE_STRIDES."""
    if resize_mode(config) != "none":
        return
    modulus = int(max(positive_list(config, "BACKBONE_STRIDES"))) if callable(config.BACKBONE) else 64
    for split in splits:
        shape = split.molding.shape
        wrong = np.flatnonzero((shape[:, 0] > 0) & (shape % modulus).any(axis=1))
        if len(wrong):
            listed = listed_images(split, wrong, "{}x{}", shape[:, 0], shape[:, 1])
            message = f'sides that are not multiples of {modulus}, in mode "none": {listed}'
            better = _next64(shape[wrong].max())
            fix = f'set IMAGE_RESIZE_MODE = "pad64" and IMAGE_MIN_DIM = 0, or "square" with IMAGE_MAX_DIM = {better}'
            yield "IMAGE_RESIZE_MODE", f"{message}: the maps of the pyramid do not fit together", fix
            return


@data_check("cd-upscale", Severity.WARNING, "fit")
def images_enlarged(config, train):
    """Most images are enlarged before they reach the network: the same data at several times the cost. A
    warning where half of them grow more than twofold; an info below that, or where IMAGE_MIN_SCALE asks for
    it."""
    if not np.isfinite(train.molding.scale).any():
        return
    scale = float(np.nanmedian(train.molding.scale))
    if scale <= 1:
        return
    wanted = number(config.IMAGE_MIN_SCALE)
    intended = wanted is not None and wanted >= scale
    height, width = (float(np.median(side[side > 0])) for side in (train.scan.height, train.scan.width))
    sizes = np.maximum(train.scan.height, train.scan.width)
    largest = _next64(float(np.quantile(sizes[sizes > 0], 0.9)))
    message = f"the median image, {_size(height, width)}, is enlarged x{scale:.2g}: more work, no more to see"
    fix = f"set IMAGE_MIN_DIM = 0, IMAGE_MAX_DIM = {largest}"
    if resize_mode(config) == "square" and whole(config, "IMAGE_MAX_DIM") > largest:
        fix += f": {compact(round((config.IMAGE_MAX_DIM / largest) ** 2, 1))} times cheaper"
    elif resize_mode(config) != "square":
        fix = (
            "set IMAGE_MIN_DIM = 0"
            if resize_mode(config) == "pad64"
            else f"set IMAGE_MIN_DIM = {_next64(min(height, width))}"
        )
    severity = Severity.WARNING if scale > 2 and not intended else Severity.INFO
    yield (
        "IMAGE_MIN_SCALE" if intended else "IMAGE_MIN_DIM",
        message,
        f"{fix}, unless objects are tiny",
        severity,
    )


def _shrunk_small(split: Split) -> np.ndarray:
    """bool [M]: objects of at least 16 pixels that are smaller after shrinking their image below half its
    size."""
    scale = split.molding.scale[split.scan.instance_image]
    raw = (split.scan.box[:, 2:] - split.scan.box[:, :2]).min(axis=1)
    molded = split.molding.sides.min(axis=1)
    return split.objects & (scale < 0.5) & (molded < SMALL) & (raw >= SMALL) & ~split.molding.vanished


def _shrinks_detail(split: Split) -> bool:
    """Whether cd-downscale reports: more than a tenth of the images shrink below half, and of their objects
    too many become small."""
    scale = split.molding.scale
    affected = split.objects & (scale[split.scan.instance_image] < 0.5)
    return bool(np.nanmean(scale < 0.5) > FEW and affected.any() and _shrunk_small(split).sum() > FEW * affected.sum())


@data_check("cd-downscale", Severity.WARNING, "fit")
def images_shrunk(train):
    """Images are shrunk below half their size, and their objects with them below 16 pixels: the detail that
    tells them apart is lost. Large images with large objects are fine."""
    if not _shrinks_detail(train):
        return
    scale, small = train.molding.scale, _shrunk_small(train)
    raw = float(np.median((train.scan.box[small, 2:] - train.scan.box[small, :2]).min(axis=1)))
    molded = float(np.median(train.molding.sides[small].min(axis=1)))
    factor = float(np.nanmedian(scale[scale < 0.5]))
    rows = np.flatnonzero(scale < 0.5)
    sides = np.maximum(train.scan.height, train.scan.width)
    message = (
        f"{len(rows)} of {len(scale)} images (up to {sides[rows].max()} px) are shrunk x{factor:.2g}: the "
        f"shorter side of {small.sum()} objects goes from {raw:.0f} to {molded:.0f} px (median)"
    )
    better = _next64(min(2 * SMALL / max(raw, 1), 1.0) * float(np.median(sides[rows])))
    yield "IMAGE_MAX_DIM", message, f"cut the images into tiles, or set IMAGE_MAX_DIM = {better}"


@data_check("cd-object-vanishes", Severity.ERROR, "fit")
def objects_vanish(splits):
    """Objects of which no pixel is left after resizing. They are dropped, and their place is learned as
    background; where it was the only object, the image becomes a negative. A warning while it is at most 1 %
    of the objects."""
    for split in splits:
        total, lost = int(split.objects.sum()), np.flatnonzero(split.objects & split.molding.vanished)
        if len(lost):
            scale = split.molding.scale[split.scan.instance_image]
            raw = split.scan.box[:, 2:] - split.scan.box[:, :2]
            sizes = (raw[:, 0], raw[:, 1], split.molding.sides.min(axis=1))
            listed = listed_instances(split, lost, total, "{}x{} -> {:.1f} px", *sizes)
            message = f"nothing is left of {listed} after resizing (x{scale[lost].min():.2g})"
            needed = _next64(float(np.median(np.maximum(split.scan.height, split.scan.width)) * 2 / raw[lost].min()))
            fix = f"cut the images into tiles, raise IMAGE_MAX_DIM to {needed}, or drop such objects"
            severity = Severity.ERROR if split.vanishing else Severity.WARNING
            yield split.name, message, fix, severity


@data_check("cd-object-tiny", Severity.WARNING, "fit")
def objects_tiny(config, train):
    """More than a tenth of the objects have a side below 8 pixels after resizing. Anchors lie at least 4
    pixels apart and the finest map has one cell for 4 x 4 pixels: such objects are hardly found. Objects
    that shrinking their image made tiny belong to cd-downscale, those that vanish to cd-object-vanishes."""
    objects = train.objects & ~train.molding.vanished
    sides = train.molding.sides.min(axis=1)
    tiny = objects & (sides < TINY)
    if _shrinks_detail(train):
        tiny &= ~_shrunk_small(train)
    if train.vanishing or tiny.sum() <= FEW * objects.sum():
        return
    listed = listed_instances(train, np.flatnonzero(tiny), int(objects.sum()), "{:.1f} px", sides)
    settings, largest = _enough_for_tiny(config, train)
    fix = f"set {settings}, or cut the images into tiles"
    if largest > LARGEST_USUAL:
        fix = f"cut the images into tiles, or, with a device of enough memory, set {settings}"
    yield "train", f"a side below {TINY} px after resizing: {listed}", fix


def _enough_for_tiny(config, split: Split) -> tuple[str, float]:
    """The settings with which at most a tenth of the objects is tiny, and the longer side that images then have.

    Two limits may hold an object down: IMAGE_MAX_DIM, where its image is larger, and that nothing enlarges it. Each of
    the two may leave a twentieth behind.
    """
    index, mode = np.flatnonzero(split.objects), resize_mode(config)
    row = split.scan.instance_image[index]
    long = np.maximum(split.scan.height, split.scan.width)[row]
    short = np.minimum(split.scan.height, split.scan.width)[row]
    wanted = TINY / (split.scan.box[index, 2:] - split.scan.box[index, :2]).min(axis=1)
    given = np.maximum((min_dim(config) or 0) / short, max(1.0, number(config.IMAGE_MIN_SCALE) or 0))
    scale = _nearly_all(np.where(wanted > (given if mode != "none" else 1), wanted, 0))
    scale = float(np.ceil(round(10 * scale, 6)) / 10)
    largest = _nearly_all(wanted * long)
    settings = [f"IMAGE_MIN_SCALE = {compact(scale)}"] if scale else []
    if mode == "none":
        settings = ['IMAGE_RESIZE_MODE = "pad64"', "IMAGE_MIN_DIM = 0", *settings]
    elif mode == "square" and largest > whole(config, "IMAGE_MAX_DIM"):
        settings.append(f"IMAGE_MAX_DIM = {_next64(largest)}")
    return " and ".join(settings), largest


def _nearly_all(values: np.ndarray) -> float:
    """The smallest of the values that at most a twentieth of them exceeds."""
    return float(np.quantile(values, 1 - FEW / 2, method="higher"))


@data_check("cd-crop-empty", Severity.WARNING, "fit")
def crops_without_objects(config, train):
    """Mode "crop" and objects so sparse that most random crops hold none: most of the training sees
    background."""
    if resize_mode(config) != "crop" or not train.objects.any():
        return
    side = whole(config, "IMAGE_MIN_DIM")
    chance = _crop_hits(train, side)
    with_objects = train.per_image > 0
    if (mean := float(chance[with_objects].mean())) < 0.5:
        message = f"only {mean:.0%} of the {side}x{side} crops of images with objects will contain one"
        larger = min(int(train.scan.height.max()), int(train.scan.width.max()), 4 * side) // 64 * 64
        fix = f'set IMAGE_RESIZE_MODE = "square", or IMAGE_MIN_DIM = {max(larger, side + 64)}'
        yield "IMAGE_RESIZE_MODE", message, fix


def _crop_hits(split: Split, side: int) -> np.ndarray:
    """float [I]: the chance that a random crop touches the box of an object, boxes taken as independent."""
    index = np.flatnonzero(split.objects)
    row = split.scan.instance_image[index]
    chance = np.ones(len(index))
    for axis, size in enumerate((split.scan.height, split.scan.width)):
        scaled = np.round(size[row] * split.molding.scale[row])
        low = split.scan.box[index, axis] * split.molding.scale[row]
        high = split.scan.box[index, axis + 2] * split.molding.scale[row]
        places = np.maximum(scaled - side + 1, 1)  # a crop starts at 0 .. scaled - side
        touching = np.minimum(np.ceil(high), places) - np.maximum(np.floor(low) - side + 1, 0)
        chance *= np.clip(touching / places, 0, 1)
    missed = np.bincount(row, np.log1p(-np.minimum(chance, 1 - 1e-9)), minlength=len(split.sound))
    return 1 - np.exp(missed)
