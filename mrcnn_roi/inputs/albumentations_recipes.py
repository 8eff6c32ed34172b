"""The recipes of inputs.augmentations as an albumentations Compose.

Imports albumentations, which asks the network for its newest version unless it is told not to.
"""

from __future__ import annotations

import os
from collections.abc import Callable

os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")

import albumentations as A
import cv2
import numpy as np

from mrcnn_roi.inputs.augmentations import (
    content_of,
    draw_factor,
    draw_stretch,
    require_square,
    stretch_masks,
)

OPENCV_DTYPES = ("uint8", "uint16", "int16", "float32", "float64")  # that it resizes and warps


def compose(recipes) -> A.Compose:
    """A Compose of recipes {name: values}, colours first."""
    makers: dict[str, Callable] = {
        "flip": lambda chance: A.HorizontalFlip(p=chance),
        "flip_vertical": lambda chance: A.VerticalFlip(p=chance),
        "rotate90": lambda chance: QuarterTurns(p=chance),
        "rotate": lambda degrees: Rotation(limit=(-degrees, degrees), border_mode=cv2.BORDER_CONSTANT, p=1),
        "scale": Zoom,
        "crop": Crop,
        "color": lambda share: Color(brightness=share, contrast=share, saturation=share, hue=share / 5, p=1),
        "blur": lambda pixels: Blur(blur_limit=0, sigma_limit=(0, pixels), p=0.5),
        "noise": lambda share: Noise(std_range=(0, share), p=0.5),
    }
    colours = [makers[name](*values) for name, values in recipes.items() if name in ("color", "blur", "noise")]
    moves = [makers[name](*values) for name, values in recipes.items() if name not in ("color", "blur", "noise")]
    return A.Compose([*([WithoutPadding(colours, p=1)] if colours else []), *moves])


class WithoutPadding(A.Sequential):
    """Transforms of colours that see the image without its padding, so that the padding stays 0."""

    def __call__(self, *args, force_apply=False, **data):
        (top, bottom), (left, right) = content_of(data["image"])
        inside = np.ascontiguousarray(data["image"][top:bottom, left:right])
        changed = super().__call__(image=inside, force_apply=force_apply)["image"]
        image = np.zeros(data["image"].shape, changed.dtype)
        image[top:bottom, left:right] = changed
        return {**data, "image": image}


def _require_bytes(image, name: str) -> None:
    if image.dtype != np.uint8:
        raise ValueError(
            f"expected an 8-bit image (uint8) for {name}, received {image.dtype}: leave {name} out, or scale images to "
            "0..255 in load_image"
        )


class Color(A.ColorJitter):
    """Brightness and contrast; saturation and hue, too, where there are three channels."""

    def apply(self, img, **params):
        _require_bytes(img, "color")
        if img.shape[-1] == 3:
            return super().apply(img, **params)
        flat = np.ascontiguousarray(img.reshape(img.shape[0], -1, 1))  # all channels alike, as one grey image
        return super().apply(flat, **params).reshape(img.shape)


class Noise(A.GaussNoise):
    """GaussNoise, which works on 8-bit images only."""

    def apply(self, img, **params):
        _require_bytes(img, "noise")
        return super().apply(img, **params)

    def get_params_dependent_on_data(self, params, data):
        _require_bytes(data["image"], "noise")
        return super().get_params_dependent_on_data(params, data)


class QuarterTurns(A.RandomRotate90):
    """RandomRotate90, which would change the shape of images that are not square."""

    def get_params_dependent_on_data(self, params, data):
        require_square(params["shape"])
        return {}


class Blur(A.GaussianBlur):
    """GaussianBlur, for images of any dtype."""

    def apply(self, img, *args, **params):
        return _by_opencv(img, lambda image: super(Blur, self).apply(image, *args, **params))


class Rotation(A.Rotate):
    """Rotate, for images of any dtype."""

    def apply(self, img, *args, **params):
        return _by_opencv(img, lambda image: super(Rotation, self).apply(image, *args, **params))


class Zoom(A.DualTransform):
    """Zooms by a factor low..high, the same on both sides."""

    def __init__(self, low: float, high: float, p: float = 1.0):
        super().__init__(p=p)
        self.low, self.high = low, high

    def factors(self) -> tuple[float, float]:
        """Of the rows and of the columns."""
        factor = draw_factor(self.low, self.high, self.random_generator)
        return factor, factor

    def get_params_dependent_on_data(self, params, data):
        sides = zip(params["shape"], self.factors(), content_of(data["image"]))
        rows, columns = (draw_stretch(*side, self.random_generator) for side in sides)
        return {"rows": rows, "columns": columns}

    def apply(self, img, rows, columns, **params):
        out = np.zeros_like(img)
        part = img[rows.first : rows.end, columns.first : columns.end]
        size = rows.stop - rows.start, columns.stop - columns.start
        resized = _by_opencv(part, lambda image: _resized(image, *size))
        out[rows.start : rows.stop, columns.start : columns.stop] = resized
        return out

    def apply_to_mask(self, mask, rows, columns, **params):
        return stretch_masks(mask, rows, columns)

    def apply_to_masks(self, masks, rows, columns, **params):
        return stretch_masks(np.asarray(masks), rows, columns)


class Crop(Zoom):
    """Cuts each side to a share low..high of its own, and enlarges the rest to the old size."""

    def factors(self) -> tuple[float, float]:
        rows, columns = self.random_generator.uniform(self.low, self.high, 2)
        return 1 / rows, 1 / columns


def _by_opencv(image, change):
    """change(image), by way of floats where OpenCV does not know the dtype."""
    if image.dtype.name in OPENCV_DTYPES:
        return change(image)
    return np.rint(change(image.astype(np.float64))).astype(image.dtype)


def _resized(image, height: int, width: int) -> np.ndarray:
    """An image [h, w, C] at another size."""
    way = cv2.INTER_AREA if height * width < image.shape[0] * image.shape[1] else cv2.INTER_LINEAR
    # OpenCV averages at most four channels at once, and drops the axis of a single one.
    parts = [np.ascontiguousarray(image[..., start : start + 4]) for start in range(0, image.shape[2], 4)]
    sizes = [(height, width, part.shape[2]) for part in parts]
    parts = [cv2.resize(part, (width, height), interpolation=way).reshape(size) for part, size in zip(parts, sizes)]
    return parts[0] if len(parts) == 1 else np.concatenate(parts, axis=2)
