"""repaired: valid values for settings that an error or a warning blames, beside what the data suggest.

For each finding the ways out are tried in turn, the likeliest first: what was probably meant, what the finding's
fix says, the default. A way is taken when the check is silent after it and no error of the configuration came in
its place.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from mrcnn_roi.checks.config.schema import DERIVED
from mrcnn_roi.checks.splits import Split
from mrcnn_roi.checks.suggestions.coercion import in_the_fix, meant_values, valid_loss_weights
from mrcnn_roi.checks.suggestions.counts import suggest_classes
from mrcnn_roi.checks.suggestions.memory import LARGEST_SIDE, largest_sides
from mrcnn_roi.checks.suggestions.pixels import suggest_pixels
from mrcnn_roi.checks.suggestions.settings import suggest_settings
from mrcnn_roi.checks.suggestions.trial import Suggestion, Suggestions, all_problems, applied, remolded, thinned
from mrcnn_roi.checks.values import closest, is_int, number, show
from mrcnn_roi.findings import Finding, Severity

MOST_STEPS = 200  # findings that are cured one after the other
OURS = ("cfg-", "mdl-", "cd-")
MISSPELT = "cfg-unknown-attribute"
Cause = tuple[str, str]  # code and place of a finding
FUNCTIONS = ("BACKBONE", "COMPUTE_BACKBONE_SHAPE", "LEARNING_RATE")  # settings that may be functions


def repaired(config, splits: Sequence[Split], environment=None) -> Suggestions:
    """{name: Suggestion} with which `config` has no error or warning left that a setting can cure.

    It is everything suggest_settings says, and a valid value for each setting that a check of the groups config,
    model or fit blames. Silenced warnings, functions given as settings and attributes of the user's own stay;
    a misspelt setting gets its name, with `replaces` telling the old one.
    """
    small = thinned(splits)
    found = _known_from_data(config, small)  # of images and classes, of which nothing is left out
    found = _merged(found, _readable(config))
    found = _merged(found, _cured(applied(config, found), small, OURS[:2]))  # what follows needs valid settings
    found = _with_both_reasons(found, suggest_settings(applied(config, found), splits, environment))
    limit = largest_sides(applied(config, found), environment)[1]
    return _effective(config, _merged(found, _cured(applied(config, found), small, OURS, limit)))


def _known_from_data(config, splits: Sequence[Split]) -> Suggestions:
    """What the data say without the help of any setting: better than a default for what is broken."""
    plain = config.replaced({})  # every setting can be read
    return suggest_classes(plain, splits) | suggest_pixels(plain, splits) if splits else {}


def _readable(config) -> Suggestions:
    """The defaults of settings with values of a kind that no file can hold and no check looks at."""
    plain, fields = config.replaced({}), config.fields()
    return {
        name: Suggestion(fields[name].default, f"the default; was {show(_given(plain, name))}, which is no setting")
        for name in plain.unwritable()
        if not callable(_given(plain, name))
    }


def _merged(first: Suggestions, then: Suggestions) -> Suggestions:
    """Both; of a setting in both the later value for the first reason, which tells of the value that was given."""
    kept = {
        name: each._replace(reason=first[name].reason, replaces=first[name].replaces)
        for name, each in then.items()
        if name in first
    }
    return {**first, **then, **kept}


def _with_both_reasons(first: Suggestions, then: Suggestions) -> Suggestions:
    """Both; what `then` says a value was is left out where the value was no longer the given one."""
    reasons = {
        name: f"{first[name].reason}; {then[name].reason.partition(', was ')[0]}" for name in first if name in then
    }
    merged = _merged(first, then)
    return {name: each._replace(reason=reasons.get(name, each.reason)) for name, each in merged.items()}


def _effective(config, found: Suggestions) -> Suggestions:
    """Without those that give a setting the value it has."""
    return {name: each for name, each in found.items() if each.replaces or not _equal(_given(config, name), each.value)}


def _given(config, name: str):
    try:
        return getattr(config, name)
    except Exception:  # whatever a user's property raises
        return None


def _equal(value, other) -> bool:
    try:
        return type(value) is type(other) and bool(np.all(value == other))
    except Exception:  # values of a kind that cannot be compared
        return False


def _cured(config, splits: Sequence[Split], kinds: Sequence[str], limit: int = 2 * LARGEST_SIDE) -> Suggestions:
    """Suggestions after which the checks of these kinds are silent, as far as settings decide it. Images are not
    made larger than `limit` pixels a side."""
    found: Suggestions = {}
    given_up: set[Cause] = set()
    parts = list(splits) if "cd-" in kinds else []
    for _ in range(MOST_STEPS):
        now = applied(config, found)
        everything = all_problems(now, remolded(now, parts))
        problems = [each for each in _curable(now, everything, kinds) if _cause(each) not in given_up]
        if not problems:
            break
        better = _way_out(now, parts, problems[0], _errors(everything), limit)
        if better is None or any(_equal(found[name], each) for name, each in better.items() if name in found):
            given_up.add(_cause(problems[0]))  # or tried before, with another fault for an answer
        else:
            found = _merged(found, better)
    return found


def _curable(config, findings: Sequence[Finding], kinds: Sequence[str]) -> list[Finding]:
    """Those of these kinds that a setting decides; misspelt names first, because they bring a value."""
    ours = [each for each in findings if each.code.startswith(tuple(kinds))]
    misspelt = [each for each in ours if each.code == MISSPELT]
    others = [each for each in ours if each.code != MISSPELT]
    return misspelt + [each for each in others if _blamed(config, each) or any(in_the_fix(each.fix))]


def _cause(finding: Finding) -> Cause:
    return finding.code, finding.where


def _errors(findings: Sequence[Finding]) -> set[Cause]:
    """The errors of the configuration alone."""
    return {_cause(each) for each in findings if each.severity is Severity.ERROR and each.code.startswith(OURS[:2])}


def _blamed(config, finding: Finding) -> list[str]:
    """The settings a finding is about; a place in a file may stand before them."""
    names = finding.where.rpartition(": ")[2].split(", ")
    return [name for name in names if name in config.fields()]


def _way_out(config, splits: Sequence[Split], finding: Finding, errors: set[Cause], limit: int) -> Suggestions | None:
    """The first way after which the finding is gone and no error of the configuration is new; else the first after
    which there are no more of them."""
    second = None
    for way in _ways(config, finding):
        if any(name in FUNCTIONS and callable(_given(config, name)) for name in way):
            continue
        if finding.code.startswith("cd-") and (number(_value(way, "IMAGE_MAX_DIM")) or 0) > limit:
            continue
        after = applied(config, way)
        left = all_problems(after, remolded(after, splits))
        if any(_cause(each) == _cause(finding) and each.severity >= finding.severity for each in left):
            continue
        if _errors(left) <= errors:
            return way
        if second is None and len(_errors(left)) <= len(errors):
            second = way
    return second


def _value(way: Suggestions, name: str):
    return way[name].value if name in way else None


def _ways(config, finding: Finding) -> Iterator[Suggestions]:
    if finding.code == MISSPELT:
        yield from _renamed(config, finding)
        return
    fields, names = config.fields(), _blamed(config, finding)
    for values in _value_sets(config, finding, names):
        known = {name: _as_kept(value, fields[name].default) for name, value in values.items() if name in fields}
        if known:
            yield {name: Suggestion(value, _reason(config, name, finding)) for name, value in known.items()}
    text = f"the default; {finding.message}"
    for chosen in (*([name] for name in names), names):
        yield {name: Suggestion(fields[name].default, text) for name in chosen}


def _value_sets(config, finding: Finding, names: list[str]) -> Iterator[dict[str, Any]]:
    if finding.code == "cfg-min-gt-max":
        smallest, largest = _given(config, "IMAGE_MIN_DIM"), _given(config, "IMAGE_MAX_DIM")
        if is_int(smallest, 64) and smallest % 64 == 0:
            yield {"IMAGE_MIN_DIM": largest, "IMAGE_MAX_DIM": smallest}  # they were swapped
    if "LOSS_WEIGHTS" in names:
        yield {"LOSS_WEIGHTS": valid_loss_weights(_given(config, "LOSS_WEIGHTS"))}
    for name in names:
        for value in meant_values(_given(config, name), config.fields()[name].default):
            yield {name: value}
    yield from in_the_fix(finding.fix)
    if "NUM_CLASSES" in names:
        yield {"NUM_CLASSES": 2}


def _as_kept(value, default):
    """A list as the tuple or the array the setting is by default."""
    if isinstance(value, (list, tuple)) and isinstance(default, np.ndarray):
        return np.array(value, float) if all(number(each) is not None for each in value) else value
    return type(default)(value) if isinstance(value, (list, tuple)) and isinstance(default, (list, tuple)) else value


def _reason(config, name: str, finding: Finding) -> str:
    text = finding.message if name in finding.message else f"was {show(_given(config, name))}; {finding.message}"
    return text if finding.severity is Severity.ERROR else f"{text} ({finding.code})"


def _renamed(config, finding: Finding) -> Iterator[Suggestions]:
    """The setting that a misspelt name means, unless it has a value of its own already."""
    name, fields = finding.where.rpartition(": ")[2], config.fields()
    known = (*fields, *DERIVED)
    meant = closest(name, known) if name.isupper() else name.upper()
    if meant is not None and meant in fields and _equal(_given(config, meant), fields[meant].default):
        value = _as_kept(_given(config, name), fields[meant].default)
        for each in (value, *meant_values(value, fields[meant].default)):
            yield {meant: Suggestion(each, f"was written as {name}, which is no setting", name)}
