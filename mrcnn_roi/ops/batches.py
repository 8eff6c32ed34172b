"""The original's loop over the images of a batch."""

from __future__ import annotations


def batch_slice(inputs, graph_fn, batch_size, names=None):
    """Applies graph_fn to every image's slice of the inputs and stacks the results. Tensors.

    inputs: one tensor or a list, each [B, ...]. graph_fn takes the slices and returns one tensor or several.
    batch_size: how many images. names: of the outputs. One output is returned as itself, several as a list.
    """
    import tensorflow as tf

    inputs = inputs if isinstance(inputs, (list, tuple)) else [inputs]
    outputs = []
    for index in range(batch_size):
        output = graph_fn(*(each[index] for each in inputs))
        outputs.append(output if isinstance(output, (list, tuple)) else [output])
    names = names or [None] * len(outputs[0])
    stacked = [tf.stack(parts, axis=0, name=name) for parts, name in zip(zip(*outputs), names)]
    return stacked[0] if len(stacked) == 1 else stacked
