"""Weight files in Keras 2's layout, small or without data, for tests."""

import json
import zipfile

import h5py
import numpy as np

from mrcnn_roi.checks.weight_file import SIGNATURE
from mrcnn_roi.checks.weight_keras3 import INFERENCE, TRAINING
from mrcnn_roi.checks.weight_shapes import expected_weights, owner
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


def write_numbered(path, made=None, mode="training", **attributes):
    """Writes zeros in Keras 3's layout (layers/<class>_<n>/vars/<m>) for the model of a config in a mode."""
    order = TRAINING if mode == "training" else INFERENCE
    layers = expected_weights(made or config(**attributes))
    counts: dict[str, int] = {}
    with h5py.File(path, "w") as file:
        file.create_group("vars")
        for layer in [*order, *(each for each in layers if each not in order)]:
            own = layers[layer]
            kind = "batch_norm" if len(own) == 4 else "per_roi_conv2d" if layer in order else "conv2d"
            kind = "dense" if len(own[0][1]) == 2 else kind
            for inner in dict.fromkeys(owner(name) for name, _ in own):
                number = counts.setdefault(kind, 0)
                counts[kind] += 1
                group = file.create_group(f"layers/{kind}{f'_{number}' if number else ''}/vars")
                shapes = [shape for name, shape in own if owner(name) == inner]
                for index, shape in enumerate(shapes):
                    group.create_dataset(str(index), shape, "f4")
    return path


def archive(path, config_json=None, weights=SIGNATURE, compression=zipfile.ZIP_STORED, **attributes):
    """Writes a .keras archive with the config.json of the model of a config, as far as it tells the weights."""

    def told(layer, own):
        kernel = own[0][1]
        if len({owner(name) for name, _ in own}) > 1:
            parts = {inner: [each for each in own if owner(each[0]) == inner] for inner in map(owner, dict(own))}
            return {
                "class_name": "Functional",
                "config": {"name": layer, "layers": [told(*each) for each in parts.items()]},
            }
        kind = {1: "BatchNorm", 2: "Dense", 4: "Conv2D"}[len(kernel)]
        sizes = {1: {}, 2: {"units": kernel[-1]}, 4: {"kernel_size": kernel[:2], "filters": kernel[-1]}}[len(kernel)]
        build = {"input_shape": [None, kernel[0] if len(kernel) < 3 else kernel[2]]}
        return {"class_name": kind, "config": {"name": layer, **sizes}, "build_config": build}

    if config_json is None:
        layers = [told(*each) for each in expected_weights(config(**attributes)).items()]
        layers.append({"class_name": "Reshape", "config": {"name": "mrcnn_bbox"}, "build_config": {}})
        config_json = json.dumps({"class_name": "MaskRCNNModel", "config": {"layers": layers}})
    with zipfile.ZipFile(path, "w", compression) as file:
        file.writestr("metadata.json", "{}")
        file.writestr("config.json", config_json)
        file.writestr("model.weights.h5", weights)
    return path
