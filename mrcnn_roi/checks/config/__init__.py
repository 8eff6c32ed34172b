"""Checks of a Config alone (group "config"): types, ranges, and settings that contradict each other.

They read attributes of whatever `config` they are handed and never fail on a value, so Config() can run them
on itself. `silence` applies the config's SILENCED_CHECKS to findings of any group.
"""

from __future__ import annotations

from collections.abc import Iterable

from mrcnn_roi.checks.config import images, network, optimizer, pooling, run, schema, targets
from mrcnn_roi.checks.config.schema import derived_values
from mrcnn_roi.findings import Finding, Severity, check

__all__ = ["derived_values", "images", "network", "optimizer", "pooling", "run", "schema", "silence", "targets"]


@check("cfg-yaml", Severity.ERROR)
def yaml_problem(config_file):
    """A config file that cannot be read, is no YAML, or is not a list of `ATTRIBUTE: value` lines.

    Also a tag that asks for a Python object (nothing in a config file is ever executed), an attribute given
    twice, and a BASE that is missing or leads back to the file itself. None of it says what the settings are.
    """
    yield from config_file.problems


def silence(findings: Iterable[Finding], config) -> list[Finding]:
    """The findings without the warnings and infos whose codes are in config.SILENCED_CHECKS. Errors stay."""
    silenced = getattr(config, "SILENCED_CHECKS", ())
    if not isinstance(silenced, (str, list, tuple, set, frozenset)):
        return list(findings)
    codes = {silenced} if isinstance(silenced, str) else {each for each in silenced if isinstance(each, str)}
    return [each for each in findings if each.severity == Severity.ERROR or each.code not in codes]
