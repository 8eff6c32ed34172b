"""Charts of the report about images: their sizes and what resizing makes of them, objects an image, mean pixels."""

from __future__ import annotations

import numpy as np

from mrcnn_roi.checks.config.images import mean_values, resize_mode
from mrcnn_roi.checks.splits import Split
from mrcnn_roi.checks.values import Reading, Unreadable, is_int
from mrcnn_roi.drawing.report_chart import (
    INK,
    LIMIT,
    SPLIT_COLOURS,
    Picture,
    chart,
    draw_shares,
    legend,
    log2_axis,
    mark,
)
from mrcnn_roi.drawing.report_text import counted, listed, number, share, size, spread

DOTS = 400  # different sizes that are drawn one by one; more are drawn on a grid


def _sound(split: Split) -> np.ndarray:
    """bool [I]: images of known size."""
    return (split.scan.height > 0) & (split.scan.width > 0)


def image_sizes(config, splits: list[Split]) -> Picture | None:
    """Widths and heights of the images, and the molded sizes that they become."""
    sizes = {s.name: np.stack([s.scan.height, s.scan.width], axis=1)[_sound(s)] for s in splits}
    sizes = {name: each for name, each in sizes.items() if len(each)}
    if not sizes:
        return None
    molded = [s.molded.shapes for s in splits if s.molded is not None and len(s.molded.shapes)]
    shapes = np.unique(np.concatenate(molded), axis=0) if molded else np.zeros((0, 2))
    every = np.concatenate([*sizes.values(), shapes])
    top, right = 1.08 * every.max(axis=0)
    largest = max(top, right)

    def draw(axes):
        axes.grid(axis="both", linewidth=0.6)
        for name, each in sizes.items():
            place, count = _dots(each)
            area = 10 + 90 * np.sqrt(count / max(len(each), 20))
            look = {"alpha": 0.7, "color": SPLIT_COLOURS.get(name, INK)}
            look |= {"linewidth": 0} if name == "train" else {"facecolor": "none", "linewidth": 1.3}
            axes.scatter(place[:, 1], place[:, 0], area, label=name, **look)
        if len(shapes):
            place, _ = _dots(shapes)
            axes.scatter(place[:, 1], place[:, 0], 45, LIMIT, marker="s", label="in the network")
        axes.plot([0, largest], [0, largest], color=INK, linewidth=0.8, linestyle="dotted", label="square")
        axes.set(xlim=(0, right), ylim=(0, top), xlabel="width, px", ylabel="height, px")
        axes.locator_params(nbins=6)
        legend(axes)

    return Picture("Image sizes", _size_words(config, splits), chart(draw, "images"))


def _dots(sizes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(different sizes [D, (height, width)], how many images have each), merged into a grid where they are many."""
    place, count = np.unique(sizes, axis=0, return_counts=True)
    if len(place) > DOTS:
        cell = max(place.max() / np.sqrt(DOTS), 1)
        place, count = np.unique(np.round(sizes / cell) * cell, axis=0, return_counts=True)
    return place, count


def _size_words(config, splits: list[Split]) -> str:
    split = next(each for each in splits if _sound(each).any())
    rows = _sound(split)
    raw = np.stack([split.scan.height, split.scan.width], axis=1)[rows]
    whole = len(np.unique(raw, axis=0))
    text = f"Images of {size(raw[0])}" if whole == 1 else f"Images around {size(np.median(raw, axis=0))}"
    if whole > 1:
        text += f", in {number(whole)} different sizes,"
    if split.molded is None:
        return f"{text} cannot be resized with these settings."
    shapes = split.molded.shapes
    text += f" become {size(shapes[0])}" if len(shapes) == 1 else f" become {number(len(shapes))} different sizes"
    scale = split.molded.scale[rows]
    text += f", scaled by {spread(scale)}" if (scale != 1).any() else ", not scaled"
    drawn = np.round(raw * scale[:, None]).prod(axis=1)
    area = split.molded.shape[rows].prod(axis=1)
    if resize_mode(Reading(config)) == "crop":
        lost = float(1 - (area / np.maximum(drawn, 1)).clip(0, 1).mean())
        return f"{text}; {share(lost)} of what is scaled lies outside the crop."
    padding = float(1 - (drawn / np.maximum(area, 1)).clip(0, 1).mean())
    return f"{text}; {share(padding)} of what the network sees is padding."


def image_scales(splits: list[Split]) -> Picture | None:
    """By how much images are enlarged or shrunk; none where all share one scale, which the sizes say already."""
    scales = {s.name: s.molded.scale[np.isfinite(s.molded.scale)] for s in splits if s.molded is not None}
    scales = {name: each for name, each in scales.items() if len(each)}
    every = np.concatenate([*scales.values(), np.zeros(0)])
    if not len(every) or every.max() / every.min() < 1.02:
        return None
    low, high = np.floor(np.log2(every.min()) * 2) / 2, np.ceil(np.log2(every.max()) * 2) / 2
    edges = 2.0 ** np.linspace(low, max(high, low + 0.5), 25)
    first = next(iter(scales.values()))

    def draw(axes):
        draw_shares(axes, scales, edges)
        mark(axes, [1.0] if edges[0] <= 1 <= edges[-1] else [], "not scaled")
        axes.set_xscale("log", base=2)
        axes.set_xlim(edges[0], edges[-1])
        if edges[-1] / edges[0] >= 4:
            log2_axis(axes.xaxis, edges[0], edges[-1], lambda value: f"{value:g}" if value >= 1 else f"1/{1 / value:g}")
        else:
            ticks = [float(f"{each:.2g}") for each in np.geomspace(edges[0], edges[-1], 6)]
            axes.xaxis.set_ticks(ticks, [f"{each:g}" for each in ticks])
            axes.xaxis.set_ticks([], minor=True)
        axes.set_xlabel("shrunk   <   scale of the image   <   enlarged")
        axes.set_ylabel("% of the images")
        legend(axes)

    up, down = float((first > 1).mean()), float((first < 1).mean())
    parts = [(up, "enlarged"), (down, "shrunk")]
    text = " and ".join(f"{share(part)} of the images are {word}" for part, word in parts if part)
    text += f", at most to 1/{1 / first.min():.2g} of their size" if first.min() < 1 else ""
    text += "; details of an object shrink with its image." if first.min() < 1 else "; enlarging adds work, no detail."
    return Picture("Scales", text, chart(draw, "scales"))


def objects_per_image(config, splits: list[Split]) -> Picture | None:
    """How many objects images hold, against MAX_GT_INSTANCES."""
    counts = {s.name: s.per_image[s.sound] for s in splits if s.sound.any()}
    if not counts:
        return None
    most = max(int(each.max()) for each in counts.values())
    try:
        limit = Reading(config).MAX_GT_INSTANCES
    except Unreadable:
        limit = None
    limit = int(limit) if is_int(limit, 1) else None
    reach = max(most, limit if limit and limit <= 2 * most else 0)
    width = max(1, -(-(reach + 1) // 40))
    edges = np.arange(0, reach + 1 + width, width) - 0.5

    def draw(axes):
        draw_shares(axes, counts, edges)
        mark(axes, [limit] if limit and limit <= reach else [], f"MAX_GT_INSTANCES = {limit}")
        axes.set_xlim(edges[0], edges[-1])
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.set_xlabel("objects in an image" + (f" (bars of {width})" if width > 1 else ""))
        axes.set_ylabel("% of the images")
        legend(axes)

    return Picture("Objects an image", _count_words(counts, limit), chart(draw, "objects"))


def _count_words(counts: dict[str, np.ndarray], limit: int | None) -> str:
    first = next(iter(counts.values()))
    empty = int((first == 0).sum())
    text = f"An image holds {first.mean():.3g} objects on average, at most {number(int(first.max()))}"
    text += f"; {counted(empty, 'image')} hold{'s' * (empty == 1)} none" if empty else ""
    if limit is None:
        return f"{text}."
    over = sum(int((each > limit).sum()) for each in counts.values())
    if over:
        return f"{text}. {counted(over, 'image')} exceed{'s' * (over == 1)} MAX_GT_INSTANCES = {limit}."
    return f"{text}. MAX_GT_INSTANCES = {limit} is enough for all."


def mean_pixels(config, splits: list[Split]) -> Picture | None:
    """The means of the images' channels against MEAN_PIXEL."""
    means = {s.name: s.scan.channel_mean[~np.isnan(s.scan.channel_mean).all(axis=1)] for s in splits}
    means = {name: each for name, each in means.items() if len(each)}
    if not means:
        return None
    first = next(iter(means.values()))
    channels = np.flatnonzero(~np.isnan(first).all(axis=0))
    names = ["red", "green", "blue"] if len(channels) == 3 else [f"channel {each + 1}" for each in channels]
    wanted = _mean_pixel(config, len(channels))
    offsets = np.linspace(0.18, -0.18, len(means)) if len(means) > 1 else [0.0]

    def draw(axes):
        axes.grid(axis="y", visible=False)
        axes.grid(axis="x", linewidth=0.6)
        for (name, each), offset in zip(means.items(), offsets):
            low, q1, middle, q3, high = np.nanquantile(each[:, channels], [0.05, 0.25, 0.5, 0.75, 0.95], axis=0)
            y, colour = np.arange(len(channels)) + offset, SPLIT_COLOURS.get(name, INK)
            axes.hlines(y, low, high, color=colour, linewidth=1.5)
            axes.hlines(y, q1, q3, color=colour, linewidth=7, alpha=0.5)
            axes.plot(middle, y, "o", color=colour, markersize=6, label=name)
        if wanted is not None:
            axes.plot(wanted, np.arange(len(channels)), "D", color=LIMIT, markersize=7, label="MEAN_PIXEL", zorder=4)
        axes.set_yticks(np.arange(len(channels)), names)
        axes.set_ylim(len(channels) - 0.5, -0.5)
        if 1 < np.nanmax(first) <= 255:
            axes.set_xlim(0, 255)
        axes.set_xlabel("mean of the channel (dot: median, thick: half, thin: 90% of images)", fontsize=10)
        legend(axes)

    return Picture("Mean pixels", _mean_words(np.nanmean(first[:, channels], axis=0), wanted), chart(draw, "means"))


def _mean_pixel(config, channels: int) -> list[float] | None:
    """MEAN_PIXEL, one number a channel; None where it is something else."""
    try:
        values = mean_values(Reading(config))
    except Unreadable:
        return None
    usable = values is not None and values.size in (1, channels) and np.isfinite(values).all()
    return np.broadcast_to(values.ravel(), channels).tolist() if usable else None  # type: ignore[union-attr]


def _mean_words(mean: np.ndarray, wanted: list[float] | None) -> str:
    own = listed(float(f"{each:.4g}") for each in mean)
    if wanted is None:
        return f"The images' mean is {own}; MEAN_PIXEL does not have as many channels."
    apart = float(np.abs(mean - wanted).max())
    return f"The images' mean is {own}, MEAN_PIXEL is {listed(wanted)}: at most {number(float(f'{apart:.2g}'))} apart."
