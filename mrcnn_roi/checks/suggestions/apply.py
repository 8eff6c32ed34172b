"""fixed_config: a configuration without an error that a setting can cure, and what is left."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from mrcnn_roi.checks.splits import Split
from mrcnn_roi.checks.suggestions.counts import notes
from mrcnn_roi.checks.suggestions.repair import repaired
from mrcnn_roi.checks.suggestions.trial import Suggestions, applied, problems, remolded
from mrcnn_roi.checks.values import show
from mrcnn_roi.findings import Finding

ROUNDS = 5  # repairing one setting may show what another one hid


class FixedConfig(NamedTuple):
    """config: the repaired Config. suggestions: {setting: (value, reason, replaces)} it differs by. findings: what
    the preflight still says of it, which is what no setting cures. notes: advice that is no setting."""

    config: Any
    suggestions: Suggestions
    findings: list[Finding]
    notes: list[str]

    @property
    def comments(self) -> dict[str, str]:
        """The reasons for Config.to_yaml(path, comments, only_changed=True)."""
        header = "Settings that differ from the defaults; a comment says why one was changed."
        return {"": "\n".join([header, *self.notes])} | {name: each.reason for name, each in self.suggestions.items()}


def fixed_config(
    config,
    splits: Sequence[Split],
    judge: Callable[[Any, list[Split]], list[Finding]] = lambda config, splits: [],
    environment=None,
) -> FixedConfig:
    """Repairs `config` until nothing is left that a setting can cure, at most 5 times.

    Args:
        config: a Config whose values may be anything, e.g. of Config.read_yaml.
        splits: the scanned parts of the data (preflight.gather); without any, the settings alone are repaired.
        judge: called once at the end with the repaired config and the splits as it molds them: the preflight.
        environment: what is known of the GPUs; None where nothing is.
    """
    found: Suggestions = {}
    current = config.replaced({})
    for _ in range(ROUNDS):
        better = repaired(current, splits, environment)
        if not better:
            break
        found.update(better)
        current = applied(current, better)
    found = {name: each._replace(reason=_with_old(config, name, each.reason)) for name, each in found.items()}
    ignored = [f"{each.message}. It is left out." for each in problems(config, [], ["cfg-stale-computed"])]
    return FixedConfig(current, found, judge(current, remolded(current, splits)), [*ignored, *notes(splits)])


def _with_old(config, name: str, reason: str) -> str:
    """The reason, with the value that was given where it does not say it; a finding's message does."""
    try:
        old = show(getattr(config, name))
    except Exception:  # a property that raises
        return reason
    return reason if "was " in reason or name in reason else f"{reason}; was {old}"
