"""Suggestions from the pixels: IMAGE_CHANNEL_COUNT and MEAN_PIXEL."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mrcnn_roi.checks.config.images import mean_values
from mrcnn_roi.checks.splits import Split
from mrcnn_roi.checks.suggestions.trial import Suggestion, Suggestions
from mrcnn_roi.checks.values import Reading, is_int

FAR = 32  # of 255 grey levels: an eighth of the range, half the spread of the pixels of a photograph


def suggest_pixels(config, splits: Sequence[Split], environment=None) -> Suggestions:
    """The number of channels the images have, and their mean, where those of `config` are not theirs."""
    reading, found = Reading(config), Suggestions()
    channels = _channels(splits)
    if channels is not None and not is_int(reading.IMAGE_CHANNEL_COUNT, channels, channels):
        text = f"all images that were read have {channels} channel{'s' * (channels > 1)}"
        if channels != 3:
            text += '; leave "conv1" out when loading weights of RGB images, and train all layers'
        found["IMAGE_CHANNEL_COUNT"] = Suggestion(channels, text)
    if channels is not None and (mean := _data_mean(splits, channels)) is not None:
        reason = _why_not(mean_values(reading), mean, channels)
        if reason:
            found["MEAN_PIXEL"] = Suggestion(np.round(mean, 1), reason)
    return found


def _channels(splits: Sequence[Split]) -> int | None:
    """The channels of the images when all that were read have the same number, else None."""
    known = np.concatenate([split.scan.channels[split.scan.read] for split in splits])
    known = np.unique(known[known >= 0])  # 0: no channel axis, which no setting cures
    return int(known[0]) if len(known) == 1 and known[0] > 0 else None


def _data_mean(splits: Sequence[Split], channels: int) -> np.ndarray | None:
    """float [C]: the mean of the training images; None where it is not known, or where it is on a scale of 0..1,
    which the images have to be brought to 255 from."""
    for split in splits:  # train comes first
        values = split.scan.channel_mean[:, :channels]
        values = values[np.isfinite(values).all(axis=1)]
        if len(values) and values.shape[1] == channels:
            mean = values.mean(axis=0)
            return mean if mean.max() >= 1 and mean.min() >= 0 else None
    return None


def _why_not(given: np.ndarray | None, mean: np.ndarray, channels: int) -> str:
    """Why the mean of the settings is not that of the data, "" where it is about right."""
    text = f"the mean of the training images is ({', '.join(f'{value:.1f}' for value in mean)})"
    if given is None or not np.isfinite(given).all():
        return text
    if given.size not in (1, channels):
        return f"{text}, one value a channel"
    scale = 255 if mean.max() <= 255 else float(mean.max())
    away = np.abs(given.ravel() - mean).max() / scale * 255
    if away <= FAR or not given.any():  # 0 is the choice to subtract nothing
        return ""
    text = f"{text}, up to {away * scale / 255:.0f} from MEAN_PIXEL: images were not centred"
    more = "; for trained weights have load_image bring them to 0..255 instead"
    return f"{text}{more}" if mean.max() > 255 else text
