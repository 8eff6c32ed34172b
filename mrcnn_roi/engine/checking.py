"""The check of a set-up as the command line makes it: from files, whichever of them can be read. No TensorFlow."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from mrcnn_roi.checks.environment import read_environment
from mrcnn_roi.config import Config
from mrcnn_roi.datasets.scan import FULL_LIMIT
from mrcnn_roi.findings import Finding, SetupError, run_checks
from mrcnn_roi.preflight import Gathered, gather, judge

if TYPE_CHECKING:
    from mrcnn_roi.checks.suggestions.apply import FixedConfig


class Checked(NamedTuple):
    """What was checked, and what was found. config is None where its file cannot be read."""

    config: Any
    data: Gathered
    findings: list[Finding]
    arguments: dict[str, Any]  # of judge


def check_files(
    config_file: Path | None,
    load: Callable[[], tuple[Any, Any]],
    *,
    overrides: dict[str, Any] | None = None,
    fast: bool = False,
    full: bool = False,
    cache: bool = True,
    progress: Callable[[int, int], object] | None = None,
    **arguments: Any,
) -> Checked:
    """All findings about a config file (None: the defaults) and the data that `load` returns, (train, val). What cannot
    be read is a finding, and does not keep the others from being found.

    overrides: settings that count instead of the file's. full: decode every image of a large dataset, not a sample.
    arguments: of preflight.judge.
    """
    config, findings = (Config(), []) if config_file is None else Config.read_yaml(config_file, **(overrides or {}))
    train = val = None
    try:
        train, val = load()
    except SetupError as error:
        findings = [*findings, *error.findings]
    if config is None:
        noticed = [each for part in (train, val) for each in getattr(part, "annotation_problems", ())]
        unreadable = run_checks("weights", weights_file=arguments.get("weights"))
        findings = _sorted([*findings, *dict.fromkeys(noticed), *unreadable])
        return Checked(None, Gathered({}, [], {}), findings, arguments)
    limit = None if full else FULL_LIMIT
    data = gather(config, train, val, fast=fast, progress=progress, limit=limit, cache=cache)
    return Checked(config, data, _sorted([*findings, *judge(config, data, **arguments)]), arguments)


def suggest(checked: Checked, path: str | os.PathLike) -> FixedConfig:
    """Writes a config file in which everything is right that a setting can put right, with the reasons as comments.

    Raises SetupError where there is no config to start from, ValueError where it holds what YAML cannot.
    """
    from mrcnn_roi.checks.suggestions.apply import fixed_config

    if checked.config is None:
        raise SetupError(checked.findings)
    data = checked.data

    def judged(config, splits) -> list[Finding]:
        return judge(config, data._replace(splits=splits), **checked.arguments)

    environment = checked.arguments.get("environment") or read_environment()
    fixed = fixed_config(checked.config, data.splits, judged, environment)
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    fixed.config.to_yaml(path, fixed.comments, only_changed=True)
    return fixed


def write_html(checked: Checked, path: str | os.PathLike, command: str = "") -> Path:
    """Writes the report of a check as one HTML file."""
    from mrcnn_roi.engine.reporting import report  # imports jinja2, which a check without a report does not wait for

    Path(path).parent.mkdir(parents=True, exist_ok=True)
    config = Config() if checked.config is None else checked.config
    return report(path, checked.findings, config, checked.data.splits, command=command)


def _sorted(findings: list[Finding]) -> list[Finding]:
    return sorted(dict.fromkeys(findings), key=lambda finding: -finding.severity)
