"""Augmentations for people who write none: recipes by name, such as "flip,scale=0.8..1.25,color=0.2".

Letters: H W molded image, C channels, N instances. All keep the size; what comes in from outside is 0, as the padding
of molded images is. Padding stays 0 under recipes that change colours. Masks are moved without interpolation.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np

INSTALL = 'pip install "albumentations>=2.0.8,<3"'


class Recipe(NamedTuple):
    """What a name stands for. default: the value without "=...". kind: what the value is, see the table's texts:
    a "chance" 0..1, a "range" of factors around or up to 1, or a "strength" from 0 to `most`."""

    text: str
    kind: str
    default: tuple[float, ...]
    most: float = 1.0


RECIPES = {
    "flip": Recipe("mirrored left to right, with this chance", "chance", (0.5,)),
    "flip_vertical": Recipe("mirrored top to bottom, with this chance", "chance", (0.5,)),
    "rotate90": Recipe("turned by 0 to 3 quarters, with this chance; needs square images", "chance", (1.0,)),
    "rotate": Recipe("turned by up to so many degrees", "strength", (10.0,), 180.0),
    "scale": Recipe("zoomed by a factor: in by cropping, out by padding", "range", (0.5, 2.0), 10.0),
    "crop": Recipe("cut to such a share of each side, and enlarged again", "range", (0.7, 1.0)),
    "color": Recipe("brightness, contrast, saturation by up to this share; 8-bit images", "strength", (0.2,)),
    "blur": Recipe("blurred, half of the images, by up to so many pixels", "strength", (1.5,), 50.0),
    "noise": Recipe("noise, half of the images, of up to this share of 255; 8-bit images", "strength", (0.05,)),
}
SIMPLE = ("flip", "flip_vertical", "rotate90")  # need numpy alone
Settings = str | Iterable[str] | Mapping[str, Any]


def augmentation(settings: Settings, config=None):
    """An augmentation to train with, made of recipes of RECIPES in their order, colours before movements.

    Args:
        settings: names with or without values, "flip,scale=0.8..1.25", a list of such, or {"scale": (0.8, 1.25)}, where
            True is the default and False leaves a recipe out. A range may be given by one end: scale=2 is 0.5..2.
        config: refuses here what would fail later; without it images that do not suit are refused one by one.

    Returns a callable (image, masks, rng) for flips and quarter turns alone, else an albumentations Compose, which
    takes a seed and may be extended. Raises ValueError for unknown names and values out of range; ImportError, with
    what to install, where albumentations is needed and missing.
    """
    recipes = parse_recipes(settings)
    if "rotate90" in recipes and config is not None and str(config.IMAGE_RESIZE_MODE) not in ("square", "crop"):
        raise ValueError(
            f'expected IMAGE_RESIZE_MODE "square" or "crop" for rotate90, received {config.IMAGE_RESIZE_MODE!r}: '
            "a quarter turn swaps height and width"
        )
    made: Any = Turns(recipes) if all(name in SIMPLE for name in recipes) else _compose(recipes)
    made.__name__ = describe_recipes(recipes)
    return made


def parse_recipes(settings: Settings) -> dict[str, tuple[float, ...]]:
    """{name: values} of settings, in the order of RECIPES; see `augmentation`."""
    recipes: dict[str, tuple[float, ...]] = {}
    for name, value in _pairs(settings):
        if name not in RECIPES:
            near = difflib.get_close_matches(name, RECIPES, n=1, cutoff=0.6)
            hint = f'; did you mean "{near[0]}"?' if near else ""
            raise ValueError(f"expected augmentations among {', '.join(RECIPES)}, received {name!r}{hint}")
        if name in recipes:
            raise ValueError(f"expected every augmentation once, received {name!r} twice")
        if value is not None and value is not False:
            recipes[name] = RECIPES[name].default if value is True else _values(name, value)
    if not recipes:
        raise ValueError(f"expected augmentations among {', '.join(RECIPES)}, received none")
    return {name: recipes[name] for name in RECIPES if name in recipes}


def describe_recipes(recipes: Mapping[str, tuple[float, ...]]) -> str:
    """The text that `augmentation` reads as these recipes, with every value written out."""
    return ",".join(f"{name}={'..'.join(f'{value:g}' for value in values)}" for name, values in recipes.items())


def _pairs(settings: Settings) -> list[tuple[str, Any]]:
    if isinstance(settings, Mapping):
        return [(str(name), value) for name, value in settings.items()]
    parts = [settings] if isinstance(settings, str) else list(settings)
    words = [word.strip() for part in parts for word in str(part).split(",")]
    pairs = [word.partition("=") for word in words if word]
    return [(name.strip().replace("-", "_"), value.strip() if equals else True) for name, equals, value in pairs]


def _values(name: str, value: Any) -> tuple[float, ...]:
    """The numbers of a value, checked against the recipe's kind."""
    recipe = RECIPES[name]
    try:
        parts = value.split("..") if isinstance(value, str) else np.ravel(value).tolist()
        numbers = tuple(float(part) for part in parts)
    except (TypeError, ValueError):
        numbers = ()
    if recipe.kind == "range" and len(numbers) == 1 and numbers[0] > 0:
        numbers = (1 / numbers[0], numbers[0]) if name == "scale" else (numbers[0], 1.0)
        numbers = (min(numbers), max(numbers))
    least = 1 / recipe.most if name == "scale" else 0.1 if name == "crop" else 0.0
    count = 2 if recipe.kind == "range" else 1
    if len(numbers) != count or not all(least <= each <= recipe.most for each in numbers) or numbers[0] > numbers[-1]:
        what = "two numbers low..high" if count == 2 else "a number"
        raise ValueError(
            f"expected {name}= {what} from {least:g} to {recipe.most:g} ({recipe.text}), received {value!r}: "
            f"write for example {describe_recipes({name: recipe.default})}"
        )
    return numbers


class Turns:
    """Flips and quarter turns in numpy, as a callable (image, masks, rng) -> (image, masks)."""

    def __init__(self, recipes: Mapping[str, tuple[float, ...]]):
        self.chances = {name: recipes[name][0] if name in recipes else 0.0 for name in SIMPLE}

    def __call__(self, image, masks, rng):
        draws = {name: bool(rng.random() < chance) for name, chance in self.chances.items()}
        quarters = int(rng.integers(4)) if draws["rotate90"] else 0
        if self.chances["rotate90"]:
            require_square(image.shape)
        moved = tuple(_turned(each, draws["flip"], draws["flip_vertical"], quarters) for each in (image, masks))
        return moved[0], _packed(moved[1])


def require_square(shape) -> None:
    """ValueError where a quarter turn would change the shape [H, W, ...] of an image."""
    if shape[0] != shape[1]:
        raise ValueError(
            f"expected a square image for rotate90, received {shape[0]} x {shape[1]}: leave it out, or set "
            'IMAGE_RESIZE_MODE = "square"'
        )


def _turned(array, flip: bool, flip_vertical: bool, quarters: int):
    array = array[:, ::-1] if flip else array
    return np.rot90(array[::-1] if flip_vertical else array, quarters)


def _packed(masks) -> np.ndarray:
    """Masks [H, W, N] in memory without gaps, instance after instance where they were so: others are slow to read."""
    if abs(masks.strides[2]) > max(abs(masks.strides[0]), abs(masks.strides[1])):
        return np.ascontiguousarray(masks.transpose(2, 0, 1)).transpose(1, 2, 0)
    return np.ascontiguousarray(masks)


def _compose(recipes: Mapping[str, tuple[float, ...]]):
    try:
        from mrcnn_roi.inputs.albumentations_recipes import compose
    except ImportError as error:
        names = ", ".join(name for name in recipes if name not in SIMPLE)
        raise ImportError(
            f"the augmentations {names} need albumentations ({error}): {INSTALL}; without it there are "
            f"{', '.join(SIMPLE)} and functions of your own"
        ) from error
    return compose(recipes)


class Stretch(NamedTuple):
    """How one side of an image is zoomed: pixels first..end are shown at start..stop of the result."""

    first: int
    end: int
    start: int
    stop: int


def draw_stretch(length: int, factor: float, content: tuple[int, int], rng) -> Stretch:
    """A place by lot for a zoom by `factor` of a side of `length` pixels.

    Zoomed in, the window lies within the content (first, end), or where it is larger around it: the rest is padding.
    """
    if factor <= 1:
        size = min(max(round(length * factor), 1), length)
        start = int(rng.integers(0, length - size, endpoint=True))
        return Stretch(0, length, start, start + size)
    size = min(max(round(length / factor), 1), length)
    first, end = content
    places = sorted((first, end - size))
    low, high = max(places[0], 0), min(places[1], length - size)
    start = int(rng.integers(low, max(low, high), endpoint=True))
    return Stretch(start, start + size, 0, length)


def draw_factor(low: float, high: float, rng) -> float:
    """A factor by lot, so that enlarging and shrinking alike come equally often."""
    return math.exp(rng.uniform(math.log(low), math.log(high)))


def content_of(image) -> tuple[tuple[int, int], tuple[int, int]]:
    """(first row, end), (first column, end) of what is not 0 in an image [H, W, C]: the image without its padding."""
    bounds = []
    for axis in (0, 1):
        used = np.flatnonzero(image.any(axis=(1 - axis, 2)))
        bounds.append((int(used[0]), int(used[-1]) + 1) if len(used) else (0, image.shape[axis]))
    return bounds[0], bounds[1]


def stretch_masks(planes, rows: Stretch, columns: Stretch) -> np.ndarray:
    """Planes [..., H, W] zoomed without interpolation: each new pixel takes the old one under its centre."""
    out = np.zeros_like(planes)
    shown = planes.take(_pixels(rows), axis=-2).take(_pixels(columns), axis=-1)
    out[..., rows.start : rows.stop, columns.start : columns.stop] = shown
    return out


def _pixels(side: Stretch) -> np.ndarray:
    """The old pixel under the centre of each new one, from start to stop."""
    old, new = side.end - side.first, side.stop - side.start
    return side.first + (2 * np.arange(new) + 1) * old // (2 * new)
