"""Images: resizing to the network's input and molding. numpy only; `resize` alone needs scikit-image.

A raw image is [H, W, C]; the molded image is what the network sees: resized, padded or cropped, then minus
the mean pixel. Padding comes before the subtraction, so padded pixels enter the network as -MEAN_PIXEL.
"""

from __future__ import annotations

import random
from collections.abc import Callable

import numpy as np

from mrcnn_roi.ops.resampling import resize_linear

RESIZE_MODES = ("none", "square", "pad64", "crop")


def resize(
    image,
    output_shape,
    order=1,
    mode="constant",
    cval=0,
    clip=True,
    preserve_range=False,
    anti_aliasing=False,
    anti_aliasing_sigma=None,
):
    """skimage.transform.resize with the original's defaults; bool input becomes float 0, 1 for order > 0."""
    from skimage.transform import resize as skimage_resize

    image = np.asarray(image)
    return skimage_resize(
        image.astype(np.float64) if image.dtype == bool and order else image,
        output_shape,
        order=order,
        mode=mode,
        cval=cval,
        clip=clip,
        preserve_range=preserve_range,
        anti_aliasing=anti_aliasing,
        anti_aliasing_sigma=anti_aliasing_sigma,
    )


def _check_resize_arguments(min_dim, max_dim, mode) -> None:
    if mode not in RESIZE_MODES:
        raise ValueError(f"Mode {mode} not supported: expected one of {RESIZE_MODES}, received {mode!r}")
    if mode == "square" and not max_dim:
        raise ValueError(f'expected max_dim (a side in pixels) for mode "square", received {max_dim!r}')
    if (mode == "crop" and not min_dim) or (mode == "pad64" and min_dim is None):
        raise ValueError(f'expected min_dim (a side in pixels) for mode "{mode}", received {min_dim!r}')
    if mode == "pad64" and min_dim % 64:
        raise ValueError(f'expected min_dim to be a multiple of 64 for mode "pad64", received {min_dim}')


def _scaled_shape(height, width, min_dim, max_dim, min_scale, mode):
    """(scale, height, width) after resizing, before padding or cropping."""
    if height < 1 or width < 1:
        raise ValueError(f"expected an image of at least 1x1 pixels, received {height}x{width}")
    scale = 1
    if min_dim:
        scale = max(1, min_dim / min(height, width))
    if min_scale and scale < min_scale:
        scale = min_scale
    if max_dim and mode == "square":
        longest = max(height, width)
        if round(longest * scale) > max_dim:
            scale = max_dim / longest
    return scale, round(height * scale), round(width * scale)


def molded_scale_and_shape(height, width, min_dim=None, max_dim=None, min_scale=None, mode="square"):
    """What resize_image makes of an image of height x width pixels: (scale, molded height, molded width).

    `scale` is the int 1 where nothing is scaled. Arguments and errors are those of resize_image.
    """
    if mode == "none":
        return 1, height, width
    _check_resize_arguments(min_dim, max_dim, mode)
    scale, height, width = _scaled_shape(int(height), int(width), min_dim, max_dim, min_scale, mode)
    if mode == "square":
        return scale, max_dim, max_dim
    if mode == "crop":
        return scale, min_dim, min_dim
    return scale, height + -height % 64, width + -width % 64


def resize_image(image, min_dim=None, max_dim=None, min_scale=None, mode="square"):
    """Brings an image to the network's input size, keeping its aspect ratio and its dtype.

    Args:
        image: [H, W, C].
        min_dim: enlarges (never shrinks) so that the shorter side has at least this many pixels.
        max_dim: side of the square in mode "square"; the image shrinks where it would not fit.
        min_scale: lower limit of the scale, whatever min_dim asks for.
        mode: "none": unchanged. "square": zeros around up to max_dim x max_dim. "pad64": zeros around up to
            multiples of 64 (min_dim must be one; max_dim is ignored). "crop": a min_dim x min_dim part at a
            random place, drawn from Python's `random`.

    Returns:
        image: resized; integers truncate. window: (y1, x1, y2, x2) of the real image in it. scale: applied,
        the int 1 when nothing was. padding: [(top, bottom), (left, right), (0, 0)]. crop: None, or
        (y, x, h, w) of the part that was taken. Pass scale, padding and crop to resize_mask.

    Raises ValueError for an unknown mode, a missing or impossible size, or an image that is not [H, W, C].
    """
    return resize_image_with(random.randint, image, min_dim, max_dim, min_scale, mode)


def resize_image_with(
    randint: Callable[[int, int], int], image, min_dim=None, max_dim=None, min_scale=None, mode="square"
):
    """resize_image with its own source of random numbers: randint(a, b) draws a <= n <= b."""
    image = np.asarray(image)
    if image.ndim != 3:
        raise ValueError(f"expected an image of shape [H, W, C], received shape {list(image.shape)}")
    height, width = image.shape[:2]
    padding = [(0, 0), (0, 0), (0, 0)]
    if mode == "none":
        return image, (0, 0, height, width), 1, padding, None
    _check_resize_arguments(min_dim, max_dim, mode)
    scale, height, width = _scaled_shape(height, width, min_dim, max_dim, min_scale, mode)
    if scale != 1:
        image = resize_linear(image, height, width, image.dtype)
    if mode == "crop":
        if height < min_dim or width < min_dim:
            raise ValueError(f"expected an image of at least {min_dim}x{min_dim}, received {height}x{width}")
        y, x = randint(0, height - min_dim), randint(0, width - min_dim)
        window = (0, 0, min_dim, min_dim)
        return image[y : y + min_dim, x : x + min_dim], window, scale, padding, (y, x, min_dim, min_dim)
    rows, columns = (max_dim, max_dim) if mode == "square" else (height + -height % 64, width + -width % 64)
    top, left = (rows - height) // 2, (columns - width) // 2
    padding = [(top, rows - height - top), (left, columns - width - left), (0, 0)]
    padded = np.zeros((rows, columns, image.shape[2]), image.dtype)
    padded[top : top + height, left : left + width] = image
    return padded, (top, left, top + height, left + width), scale, padding, None


def _mean_pixel(config) -> np.ndarray:
    return np.asarray(getattr(config, "MEAN_PIXEL", config), dtype=np.float64)


def mold_image(images, config) -> np.ndarray:
    """Images [..., C] minus the mean pixel [C]: float64. `config` has MEAN_PIXEL, or is the mean pixel."""
    return np.asarray(images).astype(np.float32) - _mean_pixel(config)


def mold_image_float32(image, config) -> np.ndarray:
    """mold_image of one image [H, W, C] rounded to float32, as the network receives it, in one pass."""
    image = np.asarray(image)
    if not np.can_cast(image.dtype, np.float32):
        image = image.astype(np.float32)
    mean = np.broadcast_to(_mean_pixel(config), image.shape[1:]).ravel()  # one row's worth of mean pixels
    molded = np.empty((len(image), mean.size), np.float32)
    np.subtract(image.reshape(molded.shape), mean, out=molded, casting="same_kind")
    return molded.reshape(image.shape)


def unmold_image(normalized_images, config) -> np.ndarray:
    """Undoes mold_image: uint8 images [..., C], truncated."""
    return (np.asarray(normalized_images) + _mean_pixel(config)).astype(np.uint8)
