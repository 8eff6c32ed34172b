"""Checks of how training is fed: sampling, and the cache of samples."""

from __future__ import annotations

from mrcnn_roi.checks.values import closest, config_check, number, show
from mrcnn_roi.findings import Severity

SAMPLINGS = ("uniform", "balanced")
CACHES = ("off", "memory", "disk")


def _one_of(name: str, value: object, known: tuple[str, ...], default: str):
    """(message, fix) for a setting that is none of the known words; None where it is one."""
    if isinstance(value, str) and value in known:
        return None
    near = closest(value.strip().lower(), known) if isinstance(value, str) else None
    supported = ", ".join(known[:-1]) + f" and {known[-1]}"
    message = f"{name} is {show(value)}, supported are {supported}: training cannot begin"
    return message, f'set {name} = "{near or default}"'


@config_check("cfg-sampling", Severity.ERROR)
def sampling_unknown(config):
    """SAMPLING is neither "uniform" nor "balanced". Nobody can tell which images the trainer should see."""
    wrong = _one_of("SAMPLING", config.SAMPLING, SAMPLINGS, "uniform")
    if wrong:
        yield "SAMPLING", *wrong


@config_check("cfg-sampling-threshold", Severity.ERROR)
def sampling_threshold(config):
    """SAMPLING_THRESHOLD is no share of the images above 0 and up to 1, nor None. With 0 or less no class is rare, so
    that "balanced" changes nothing; above 1 every class is, and all images are repeated alike."""
    value = config.SAMPLING_THRESHOLD
    share = None if isinstance(value, bool) else number(value)
    if value is None or (share is not None and 0 < share <= 1):
        return
    message = f"SAMPLING_THRESHOLD is {show(value)}, expected a share of the images above 0 and up to 1, or None"
    better = share / 100 if share is not None and 1 < share <= 100 else None  # meant in percent
    yield "SAMPLING_THRESHOLD", message, f"set SAMPLING_THRESHOLD = {better}"


@config_check("cfg-sample-cache", Severity.ERROR)
def sample_cache_unknown(config):
    """SAMPLE_CACHE is none of "off", "memory" and "disk". Nobody can tell where images should be kept."""
    wrong = _one_of("SAMPLE_CACHE", config.SAMPLE_CACHE, CACHES, "off")
    if wrong:
        yield "SAMPLE_CACHE", *wrong
