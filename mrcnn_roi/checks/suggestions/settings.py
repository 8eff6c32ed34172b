"""suggest_settings: everything the data say about the settings, in the order in which one depends on the other."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from mrcnn_roi.checks.splits import Split
from mrcnn_roi.checks.suggestions.anchors import suggest_anchors
from mrcnn_roi.checks.suggestions.counts import suggest_classes, suggest_counts, suggest_steps
from mrcnn_roi.checks.suggestions.memory import suggest_batch
from mrcnn_roi.checks.suggestions.pixels import suggest_pixels
from mrcnn_roi.checks.suggestions.sizes import suggest_sizes
from mrcnn_roi.checks.suggestions.trial import Suggestions, applied, remolded, thinned
from mrcnn_roi.checks.values import Unreadable

# Each with whether it reads molded sizes; those get a sample of the objects, the others count all.
STEPS: tuple[tuple[Callable[..., Suggestions], bool], ...] = (
    (suggest_classes, False),
    (suggest_pixels, False),
    (suggest_sizes, True),  # what follows depends on the size of the images
    (suggest_batch, True),
    (suggest_anchors, True),
    (suggest_counts, False),
    (suggest_steps, False),
)


def suggest_settings(config, splits: Sequence[Split], environment=None) -> Suggestions:
    """{name: Suggestion(value, reason)} of settings that suit the data better than those of `config`.

    Only what differs and makes it better or valid: {} for a configuration that fits. A setting is looked at only
    where those it is computed from are valid; `repaired` sees to that.

    Args:
        config: a Config.
        splits: the scanned parts ("train", "val"); without any, {}.
        environment: what is known of the GPUs (checks.environment); None where nothing is.
    """
    found: Suggestions = {}
    splits = [split for split in splits if len(split.scan.image_ids)]
    sample = thinned(splits)
    for step, molded in STEPS if splits else ():
        current = applied(config, found)
        try:
            found.update(step(current, remolded(current, sample) if molded else splits, environment))
        except Unreadable:  # a setting it needs has no usable value
            continue
    return found
