"""Pictures of data: grids of images, the masks of an image by class, samples of a Dataset."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

import numpy as np

from mrcnn_roi.drawing.figure import Path, open_figure
from mrcnn_roi.drawing.instances import draw_instances
from mrcnn_roi.drawing.labels import class_labels
from mrcnn_roi.drawing.overlay import displayable
from mrcnn_roi.findings import SetupError
from mrcnn_roi.ops.masks import extract_bboxes

WIDTH = 14.0  # inches of a full row, as in the original
THUMBNAIL = 440  # pixels of the longest side on a contact sheet


def display_images(images, titles=None, cols=4, cmap=None, norm=None, interpolation=None, path: Path = None) -> None:
    """Shows images in a grid of `cols` columns.

    images: each [H, W, 3], or [H, W] (also [H, W, 1]) drawn with `cmap` over its own range unless `norm` says
        otherwise; titles: one text an image; path: a PNG to write instead of showing
    """
    images = [np.asarray(image) for image in images]
    titles = [""] * len(images) if titles is None else list(titles)
    if not images or len(titles) != len(images):
        raise ValueError(f"expected images and as many titles, received {len(images)} and {len(titles)}")
    images = [image[..., 0] if image.ndim == 3 and image.shape[2] == 1 else image for image in images]
    cell = WIDTH / cols
    cols = min(cols, len(images))
    rows = [images[start : start + cols] for start in range(0, len(images), cols)]
    heights = [cell * max(image.shape[0] / image.shape[1] for image in row) for row in rows]
    lines = 1 + max(str(title).count("\n") for title in titles) if any(titles) else 0
    size = (cell * cols, sum(heights) + (0.25 * lines + 0.1) * len(rows))
    with open_figure(size, path, layout="constrained") as figure:
        figure.get_layout_engine().set(w_pad=0.04, h_pad=0.04, hspace=0, wspace=0)
        grid = figure.subplots(len(rows), cols, squeeze=False, gridspec_kw={"height_ratios": heights})
        for axes in grid.flat:
            axes.axis("off")
            axes.set_anchor("N")
        for axes, image, title in zip(grid.flat, images, titles):
            image = displayable(image) if image.ndim == 3 else image
            axes.imshow(image, cmap=cmap, norm=norm, interpolation=interpolation)
            axes.set_title(_shorten(str(title), cell), fontsize=9, parse_math=False)


def _shorten(title: str, inches: float) -> str:
    """Each line of a title cut to what fits over `inches` at 9 points (about 12 letters an inch)."""
    most = max(int(inches * 12), 8)
    return "\n".join(line if len(line) <= most else f"{line[: most - 1]}…" for line in title.split("\n"))


def display_top_masks(image, mask, class_ids, class_names, limit=4, path: Path = None) -> None:
    """Shows an image, then the masks of the `limit` classes that cover most of it, one picture a class.

    image: [H, W, 3]; mask: [H, W, N]; class_ids: [N]. Instances of a class differ in shade.
    """
    image, mask, class_ids = np.asarray(image), np.asarray(mask), np.asarray(class_ids)
    areas = {i: int(np.sum(mask[..., class_ids == i])) for i in np.unique(class_ids).tolist()}
    top = [i for i in sorted(areas, key=lambda i: -areas[i]) if areas[i]][:limit]
    pictures, titles = [image], [f"H x W={image.shape[0]}x{image.shape[1]}"]
    for class_id, name in zip(top, class_labels(top, class_names)):
        shown = mask[..., class_ids == class_id]
        pictures.append(np.sum(shown * np.arange(1, shown.shape[-1] + 1), axis=-1))
        titles.append(name)
    for _ in range(limit - len(top)):
        pictures.append(np.zeros(image.shape[:2], int))
        titles.append("-")
    display_images(pictures, titles=titles, cols=limit + 1, cmap="Blues_r", path=path)


def display_samples(
    dataset, image_ids: Sequence[int] | None = None, count=12, cols=4, seed=0, path: Path = None
) -> None:
    """A contact sheet: images of a prepared Dataset with their annotations.

    image_ids: which images; None draws `count` of them by lot, the same ones for the same `seed`
    Each title gives the image id in the dataset, that in its source, the size and the number of instances. An image
    that cannot be loaded, or whose masks do not fit it, is a tile with the error's text.
    """
    if image_ids is None:
        every = np.asarray(dataset.image_ids)
        chosen = np.random.default_rng(seed).permutation(len(every))[:count]
        image_ids = every[np.sort(chosen)].tolist()
    pictures, titles = [], []
    for image_id in image_ids:
        try:
            picture, title = _sample(dataset, image_id)
        except Exception as error:  # a dataset's own code may raise anything; the others are shown all the same
            picture, title = error_tile(error), "cannot be drawn"
        pictures.append(picture)
        titles.append(f"image {image_id}, {dataset.image_info[image_id]['id']}\n{title}")
    display_images(pictures, titles=titles, cols=cols, path=path)


def _sample(dataset, image_id: int) -> tuple[np.ndarray, str]:
    """(thumbnail [H, W, 3] with its instances, size and number of instances). Raises what the dataset raises, and
    ValueError where masks, class ids and image do not fit one another."""
    image = np.asarray(dataset.load_image(image_id))
    masks, class_ids = dataset.load_mask(image_id)
    masks, (height, width), count = np.asarray(masks), image.shape[:2], len(class_ids)
    if count and masks.shape != (height, width, count):
        raise ValueError(f"expected masks [{height}, {width}, {count}] for this image, received {list(masks.shape)}")
    thumbnail, boxes, masks = thumbnail_of(image, masks, THUMBNAIL)
    picture = draw_instances(thumbnail, boxes, masks, class_ids, dataset.class_names)
    return picture, f"{width} x {height}, {count} instance{'' if count == 1 else 's'}"


def error_tile(error: Exception) -> np.ndarray:
    """The text of an error on a grey tile, uint8 [H, W, 3]."""
    from PIL import Image, ImageDraw, ImageFont

    try:
        text = str(error)
    except Exception:  # an exception whose own text raises
        text = ""
    text = text.partition("\n    fix:")[0] if isinstance(error, SetupError) else f"{type(error).__name__}: {text}"
    tile = Image.new("RGB", (THUMBNAIL, THUMBNAIL * 3 // 4), (225, 225, 225))
    text = text.encode("latin-1", "replace").decode("latin-1")  # what Pillow's own font can draw
    lines = textwrap.wrap(text, 46, break_on_hyphens=False)[:12]
    ImageDraw.Draw(tile).multiline_text(
        (14, 14), "\n".join(lines), (140, 20, 20), ImageFont.load_default(18), spacing=6
    )
    return np.asarray(tile)


def thumbnail_of(image, masks, side: int):
    """The image with a longest side of `side`, the boxes of its masks, and the masks, all in that size.

    Labels are drawn on the thumbnail, not on the image, or those of large images could not be read.
    """
    from PIL import Image

    picture = displayable(image)
    size = np.array(picture.shape[:2])
    new = np.maximum(np.round(size * side / size.max()), 1).astype(int)
    filter_ = Image.Resampling.BOX if side < size.max() else Image.Resampling.NEAREST
    picture = np.asarray(Image.fromarray(picture).resize((int(new[1]), int(new[0])), filter_))
    if not masks.shape[-1]:
        return picture, np.zeros((0, 4), int), None
    boxes = np.round(extract_bboxes(masks) * np.tile(new / size, 2)).astype(int)
    # A small object may lose all its pixels; its box is taken from the full mask, and stays.
    rows, columns = (((np.arange(n) + 0.5) * (old / n)).astype(int) for n, old in zip(new, size))
    return picture, boxes, masks[rows][:, columns]
