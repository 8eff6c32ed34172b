"""Light models with random weights, and what their weights are, for tests of weight files."""

import itertools

import keras
import numpy as np

from mrcnn_roi.config import Config
from mrcnn_roi.engine.keras_model import MaskRCNNModel
from mrcnn_roi.engine.weights import layer_variables
from mrcnn_roi.network.build import build_inference, build_training

SEEDS = itertools.count()


class Light(Config):
    NAME = "light"
    NUM_CLASSES = 4
    BACKBONE = "tiny"
    IMAGE_MIN_DIM = IMAGE_MAX_DIM = 64
    TOP_DOWN_PYRAMID_SIZE = FPN_CLASSIF_FC_LAYERS_SIZE = RPN_CONV_SIZE = MASK_CONV_SIZE = 16
    RPN_ANCHOR_SCALES = (4, 8, 16, 32, 64)


def light(**attributes):
    return type("Lighter", (Light,), attributes)()


def build(mode="inference", **attributes):
    """A model with random weights, biases and statistics included, others in every model."""
    inputs, outputs = (build_training if mode == "training" else build_inference)(light(**attributes))
    model = MaskRCNNModel(inputs, outputs)
    rng = np.random.default_rng(next(SEEDS))
    model.set_weights([rng.uniform(0.5, 1.5, each.shape).astype(np.float32) for each in model.weights])
    return model


def values(model):
    return {
        (layer.name, name): variable.numpy()
        for layer in model.layers
        for name, variable in layer_variables(layer).items()
    }


def changed(before, model):
    """The layers of which some weight differs from before."""
    return {layer for (layer, name), array in values(model).items() if not np.array_equal(before[layer, name], array)}


def scramble(model):
    model.set_weights([each + 1 for each in model.get_weights()])
    return values(model)


def file_layers(model):
    """{layer: [(weight name, shape)]} of the model's weights, as `write` takes them."""
    return {
        layer.name: [(f"{name}:0", tuple(each.shape)) for name, each in layer_variables(layer).items()]
        for layer in model.layers
    }


def backbone_model(name="my_backbone"):
    image = keras.Input((None, None, 3))
    maps, x = [], image
    for level in range(5):
        x = keras.layers.Conv2D(4, 3, strides=2, padding="same", name=f"{name}_conv{level}")(x)
        x = keras.layers.BatchNormalization(name=f"{name}_bn{level}")(x)
        maps.append(x)
    return keras.Model(image, maps, name=name)


def nested(name="my_backbone"):
    return build(
        BACKBONE=lambda image, stage5, train_bn: backbone_model(name)(image),
        COMPUTE_BACKBONE_SHAPE=lambda shape: [[shape[0] // s, shape[1] // s] for s in (4, 8, 16, 32, 64)],
    )
