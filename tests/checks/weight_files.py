"""Weight files in Keras 2's layout, small or without data, for tests."""

import h5py
import numpy as np

from mrcnn_roi.checks.weight_shapes import expected_weights
from mrcnn_roi.config import Config

SMALL = {
    "conv1": [("conv1/kernel:0", (3, 4)), ("conv1/bias:0", (4,))],
    "activation_1": [],
    "rpn_model": [("rpn_conv_shared/kernel:0", ())],
}


class FourClasses(Config):
    NAME = "shapes"
    NUM_CLASSES = 4
    BACKBONE = "resnet50"


def config(**attributes) -> Config:
    """FourClasses with `attributes` assigned afterwards."""
    made = FourClasses()
    for name, value in attributes.items():
        setattr(made, name, value)
    return made.finalize()


def file_layers(made=None, without=(), **attributes):
    """The layers of a file for the model of a config; `without` leaves out layers by the beginning of their names."""
    layers = expected_weights(made or config(**attributes))
    return {
        layer: [(f"{name}:0", shape) for name, shape in weights]
        for layer, weights in layers.items()
        if not layer.startswith(tuple(without))
    }


def names(values, text=False):
    """A list of names as h5py stores it: bytes of fixed length, or str of variable length."""
    if text:
        return np.array(values, dtype=h5py.string_dtype())
    return np.array([value.encode() for value in values]) if values else np.zeros(0)


def write(path, layers=SMALL, *, text=False, full_model=False, pieces=None, libver=None, dtype=np.float32):
    """Writes weights 0, 1, 2, ... of these layers {name: [(weight name, shape)]}. pieces: cuts lists of names."""

    def write_list(group, attribute, values):
        if pieces is None:
            group.attrs[attribute] = names(values, text)
            return
        for i, part in enumerate(np.array_split(np.array(values, object), pieces)):
            group.attrs[f"{attribute}{i}"] = names(list(part), text)

    with h5py.File(path, "w", libver=libver) as file:
        root = file.create_group("model_weights") if full_model else file
        write_list(root, "layer_names", list(layers))
        for layer, weights in layers.items():
            group = root.create_group(layer)
            write_list(group, "weight_names", [name for name, _ in weights])
            for name, shape in weights:
                group.create_dataset(name, data=np.arange(np.prod(shape, dtype=int), dtype=dtype).reshape(shape))
    return path
