"""Suggestions from the memory of the GPU: how many images a batch takes, how large they may be."""

from __future__ import annotations

from collections.abc import Sequence

from mrcnn_roi.checks.resources import estimate_gpu_gib
from mrcnn_roi.checks.splits import Split, batch_size, whole
from mrcnn_roi.checks.suggestions.trial import Suggestion, Suggestions, problems, training
from mrcnn_roi.checks.values import Reading

LARGEST_SIDE = 2048  # pixels of a molded image where the memory is not known: 22 GiB for all layers of a ResNet101
USUAL_PIXELS = 2 * 1024**2  # of a batch for one GPU: fills the 12 GB for which the defaults were chosen
FREE = 0.9  # share of the free memory a step may take, as in env-gpu-memory


def suggest_batch(config, splits: Sequence[Split], environment=None) -> Suggestions:
    """IMAGES_PER_GPU and GPU_COUNT, where the batch is impossible: images of several sizes, fewer images than
    it takes, more GPUs than there are, too little memory. On a CPU the memory is left out of account."""
    reading, found = Reading(config), Suggestions()
    images, gpus = whole(reading, "IMAGES_PER_GPU"), whole(reading, "GPU_COUNT")
    visible = environment.gpus if environment is not None else None
    if visible is not None and gpus > max(visible, 1):
        gpus = max(visible, 1)
        found["GPU_COUNT"] = Suggestion(gpus, f"{visible} GPU{'s' * (visible != 1)} visible, was {reading.GPU_COUNT}")
    train = training(splits)
    count = len(train.scan.image_ids) if train else 0
    if problems(config, splits, ["cd-molded-varies"]):
        mode = reading.IMAGE_RESIZE_MODE
        reason = f'mode "{mode}" makes images of several sizes, which cannot be stacked in a batch'
        found["IMAGES_PER_GPU"] = Suggestion(1, reason)
        if gpus > 1:
            found["GPU_COUNT"] = Suggestion(1, reason)
        return found
    if train and train.name == "train" and 0 < count < images * gpus:
        reason = f"{count} training image{'s' * (count > 1)}: a batch of {batch_size(reading)} repeats them"
        images = max(count // gpus, 1)
        found["IMAGES_PER_GPU"] = Suggestion(images, reason)
        if images * gpus > count:
            found["GPU_COUNT"] = Suggestion(1, reason)
    fitting, reason = _fitting_batch(reading, splits, environment, images)
    if fitting < images:
        found["IMAGES_PER_GPU"] = Suggestion(fitting, reason)
    return found


def _fitting_batch(config: Reading, splits, environment, images: int) -> tuple[int, str]:
    """(images, why): the largest batch up to `images` for which the memory is enough, at least 1."""
    free = _free_gib(environment)
    wanted = estimate_gpu_gib(config, splits, "all", images) if free else None
    if free is None or wanted is None or wanted < FREE * free:
        return images, ""
    for fewer in range(min(images - 1, 1024), 0, -1):
        needed = estimate_gpu_gib(config, splits, "all", fewer)
        if needed is not None and (needed < FREE * free or fewer == 1):
            reason = f"a step of all layers takes about {needed:.1f} GiB of {free:.1f} free GiB, was {wanted:.1f}"
            return fewer, reason
    return images, ""


def _free_gib(environment) -> float | None:
    """Free memory of the GPUs; None without GPUs and where it is not known."""
    return environment.gpu_free_gib if environment is not None and environment.gpus else None


def largest_sides(config, environment=None) -> tuple[int, int]:
    """(usual, at most): sides of a square image, multiples of 64, of which a batch of one can be trained on. Where
    the memory is known both are what fits; otherwise the second is for data that need it."""
    free = _free_gib(environment)
    if free is None:
        return LARGEST_SIDE, LARGEST_SIDE * 5 // 4
    for side in range(2 * LARGEST_SIDE, 512, -64):
        square = config.replaced({"IMAGE_RESIZE_MODE": "square", "IMAGE_MAX_DIM": side})
        needed = estimate_gpu_gib(Reading(square), [], "all", 1)
        if needed is None:  # of a backbone that is not known
            return LARGEST_SIDE, LARGEST_SIDE
        if needed < FREE * free:
            return side, side
    return 512, 512


def batch_for(config, side: int, environment=None) -> Suggestions:
    """Fewer images a batch for square images that are larger than they were, where the memory is not known."""
    reading = Reading(config)
    images, before = whole(reading, "IMAGES_PER_GPU"), whole(reading, "IMAGE_MAX_DIM")
    if environment is not None and (environment.gpus == 0 or _free_gib(environment)):
        return {}  # the memory decides, see suggest_batch
    fitting = max(int(max(USUAL_PIXELS, images * before**2) // side**2), 1)
    if side <= before or images <= fitting:
        return {}
    times = fitting * side**2 / (images * before**2)
    reason = f"images are {side}x{side} instead of {before}x{before}; a batch has {times:.1f} times the pixels"
    return {"IMAGES_PER_GPU": Suggestion(fitting, reason)}
