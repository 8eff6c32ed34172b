"""Looking inside a model: inner tensors by name, and arrays as one line of text."""

from __future__ import annotations

import re
from collections import OrderedDict

import keras
import numpy as np

from mrcnn_roi.engine.inference import predict


def ancestor(tensor, name, checked=None):
    """The symbolic tensor upstream of `tensor` whose layer's name matches the regex `name`, or None.

    The original searched TensorFlow 1's graph of operations; Keras 3 knows layers only.
    """
    checked = set() if checked is None else checked
    for node in tensor._keras_history.operation._inbound_nodes:
        for parent in node.input_tensors:
            layer = parent._keras_history.operation.name
            if re.fullmatch(name, layer):
                return parent
            if layer not in checked:
                checked.add(layer)
                found = ancestor(parent, name, checked)
                if found is not None:
                    return found
    return None


def run_graph(model, molded_images, image_metas, outputs, anchors_of):
    """Arrays of inner tensors: an OrderedDict from [(name, symbolic tensor), ...], printed with `log`.

    molded_images: [N, h, w, C]. image_metas: [N, 12 + K]. anchors_of: molded shape -> normalized anchors [A, 4].
    """
    outputs = OrderedDict(outputs)
    for name, tensor in outputs.items():
        if not isinstance(tensor, keras.KerasTensor):
            inner = "; tensors inside a layer, such as ROI/pre_nms_anchors, do not exist in Keras 3"
            raise ValueError(
                "expected symbolic tensors such as keras_model.get_layer(...).output, "
                f"received {tensor!r} for {name!r}{inner if tensor is None else ''}"
            )
    molded = np.asarray(molded_images, np.float32)
    part = keras.Model(model.inputs, list(outputs.values()))
    arrays = predict(part, molded, image_metas, anchors_of(molded.shape[1:]))
    result = OrderedDict(zip(outputs, arrays if isinstance(arrays, list) else [arrays]))
    for name, array in result.items():
        log(name, array)
    return result


def log(text, array=None):
    """Prints a line; of an array also shape, smallest and greatest value, and dtype."""
    if array is not None:
        array = np.asarray(array)
        low, high = (f"{array.min():10.5f}", f"{array.max():10.5f}") if array.size else ("", "")
        text = f"{text.ljust(25)}shape: {str(array.shape):20}  min: {low:10}  max: {high:10}  {array.dtype}"
    print(text)
