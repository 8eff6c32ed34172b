"""The check of a run that has ended (group "losses")."""

from __future__ import annotations

import math

from mrcnn_roi.findings import Severity, check

GROUP = "losses"


@check("run-loss-nonfinite", Severity.ERROR)
def loss_nonfinite(losses, first_epoch):
    """The loss became NaN or infinite in the course of training. Every weight is NaN from that step on, so training
    stops there, and the weights of that epoch are not saved. Mostly the learning rate is too high, or an image that was
    not in the first batch has pixels or boxes that are not finite.

    losses: float, one an epoch. first_epoch: how many epochs were done before.
    """
    if losses and not math.isfinite(losses[-1]):
        epoch = first_epoch + len(losses)
        message = f"the loss is {losses[-1]}: training stopped, and the weights of this epoch are not saved"
        fix = f"go on from the checkpoint of epoch {epoch - 1}" if epoch > 1 else "begin anew"
        fix += " with a tenth of the learning rate, and with GRADIENT_CLIP_NORM = 5.0 where it is None"
        yield f"epoch {epoch}", message, fix
