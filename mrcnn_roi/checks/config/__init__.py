"""Checks of a Config alone (group "config"): types, ranges, and settings that contradict each other.

They read attributes of whatever `config` they are handed and never fail on a value, so Config() can run them
on itself. `silence` applies the config's SILENCED_CHECKS to findings of any group.
"""

from __future__ import annotations

from collections.abc import Iterable

from mrcnn_roi.checks.config import feeding, images, network, optimizer, pooling, run, schema, targets
from mrcnn_roi.checks.config.schema import derived_values
from mrcnn_roi.checks.values import closest, show
from mrcnn_roi.findings import Finding, Severity, check

__all__ = [
    "derived_values",
    "feeding",
    "images",
    "network",
    "optimizer",
    "pooling",
    "run",
    "schema",
    "silence",
    "targets",
]


@check("cfg-yaml", Severity.ERROR)
def yaml_problem(config_file):
    """A config file that cannot be read, is no YAML, or is not a list of `ATTRIBUTE: value` lines.

    Also a tag that asks for a Python object (nothing in a config file is ever executed), an attribute given
    twice, and a BASE that is missing or leads back to the file itself. None of it says what the settings are.
    """
    yield from config_file.problems


@check("cfg-silenced-unknown", Severity.WARNING)
def silenced_unknown(config, known_codes):
    """An entry of SILENCED_CHECKS that is the code of no check: it hides nothing.

    Looked for in the preflight, which knows all codes, those of the loaders of annotation files among them.
    """
    unknown = sorted(_silenced(config) - set(known_codes))
    if unknown:
        near = {code: closest(code.replace("_", "-").lower(), known_codes) for code in unknown}
        meant = ", ".join(f'"{right}" for "{code}"' for code, right in near.items() if right)
        fix = f"write {meant}" if meant else "delete it; `mrcnn-roi explain` lists the codes"
        listed = ", ".join(show(code) for code in unknown[:5])
        yield "SILENCED_CHECKS", f"no check has the code {listed}: nothing is hidden by it", fix


def _silenced(config) -> set[str]:
    silenced = getattr(config, "SILENCED_CHECKS", ())
    if not isinstance(silenced, (str, list, tuple, set, frozenset)):
        return set()
    return {silenced} if isinstance(silenced, str) else {each for each in silenced if isinstance(each, str)}


def silence(findings: Iterable[Finding], config) -> list[Finding]:
    """The findings without the warnings and infos whose codes are in config.SILENCED_CHECKS. Errors stay."""
    codes = _silenced(config)
    return [each for each in findings if each.severity == Severity.ERROR or each.code not in codes]
