"""Losses of a run that diverged, and of one that did not."""

import math

import mrcnn_roi.checks.losses  # noqa: F401
from mrcnn_roi.findings import run_checks


def ended(*losses, first_epoch=0):
    return run_checks("losses", losses=list(losses), first_epoch=first_epoch)


EXAMPLES = {"run-loss-nonfinite": (lambda: ended(2.0, math.nan), lambda: ended(2.0, 1.5))}
