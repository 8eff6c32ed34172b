"""Backbones: an image becomes feature maps [C1..C5] of strides 2, 4, 8, 16, 32.

ResNet v1 as in the original: the stride of a stage sits on its first 1x1 convolution, all convolutions have a bias.
Layer names are data: weight files are matched by them.
"""

from __future__ import annotations

from keras import layers as L

from mrcnn_roi.layers.batch_norm import BatchNorm

STAGE4_BLOCKS = {"resnet50": 5, "resnet101": 22}
TINY_FILTERS = (16, 32, 64, 96, 128)


def identity_block(input_tensor, kernel_size, filters, stage, block, use_bias=True, train_bn=True):
    """Bottleneck whose shortcut is the input itself. filters: of the three convolutions."""
    x = _bottleneck(input_tensor, kernel_size, filters, stage, block, (1, 1), use_bias, train_bn)
    x = L.Add()([x, input_tensor])
    return L.Activation("relu", name=f"res{stage}{block}_out")(x)


def conv_block(input_tensor, kernel_size, filters, stage, block, strides=(2, 2), use_bias=True, train_bn=True):
    """Bottleneck with a 1x1 convolution on the shortcut, which may change size and channels."""
    x = _bottleneck(input_tensor, kernel_size, filters, stage, block, strides, use_bias, train_bn)
    name = f"{stage}{block}_branch1"
    shortcut = L.Conv2D(filters[2], (1, 1), strides=strides, use_bias=use_bias, name=f"res{name}")(input_tensor)
    shortcut = BatchNorm(name=f"bn{name}", train_bn=train_bn)(shortcut)
    x = L.Add()([x, shortcut])
    return L.Activation("relu", name=f"res{stage}{block}_out")(x)


def _bottleneck(x, kernel_size, filters, stage, block, strides, use_bias, train_bn):
    name = f"{stage}{block}_branch2"
    x = L.Conv2D(filters[0], (1, 1), strides=strides, use_bias=use_bias, name=f"res{name}a")(x)
    x = L.Activation("relu")(BatchNorm(name=f"bn{name}a", train_bn=train_bn)(x))
    x = L.Conv2D(filters[1], kernel_size, padding="same", use_bias=use_bias, name=f"res{name}b")(x)
    x = L.Activation("relu")(BatchNorm(name=f"bn{name}b", train_bn=train_bn)(x))
    x = L.Conv2D(filters[2], (1, 1), use_bias=use_bias, name=f"res{name}c")(x)
    return BatchNorm(name=f"bn{name}c", train_bn=train_bn)(x)


def resnet_graph(input_image, architecture, stage5=False, train_bn=True):
    """ResNet50 or ResNet101: [C1, C2, C3, C4, C5]; C5 is None without stage5."""
    if architecture not in STAGE4_BLOCKS:
        raise ValueError(f"expected architecture to be one of {sorted(STAGE4_BLOCKS)}, received {architecture!r}")
    x = L.ZeroPadding2D((3, 3))(input_image)
    x = L.Conv2D(64, (7, 7), strides=(2, 2), name="conv1")(x)
    c1 = x = L.Activation("relu")(BatchNorm(name="bn_conv1", train_bn=train_bn)(x))
    x = L.MaxPooling2D((3, 3), strides=(2, 2), padding="same")(x)
    c2 = x = _stage(x, 2, 64, 2, (1, 1), train_bn)
    c3 = x = _stage(x, 3, 128, 3, (2, 2), train_bn)
    c4 = x = _stage(x, 4, 256, STAGE4_BLOCKS[architecture], (2, 2), train_bn)
    c5 = _stage(x, 5, 512, 2, (2, 2), train_bn) if stage5 else None
    return [c1, c2, c3, c4, c5]


def _stage(x, stage, filters, identity_blocks, strides, train_bn):
    filters = [filters, filters, 4 * filters]
    x = conv_block(x, 3, filters, stage, "a", strides=strides, train_bn=train_bn)
    for i in range(identity_blocks):
        x = identity_block(x, 3, filters, stage, chr(ord("b") + i), train_bn=train_bn)
    return x


def tiny_graph(input_image, stage5=True, train_bn=True):
    """A light backbone of our own for toy data and quick trials on a CPU: one residual block of two 3x3
    convolutions a stage, 16 to 128 channels. Its layers are named as ResNet's, so layer presets such as "4+" work."""
    x = L.Conv2D(TINY_FILTERS[0], 3, strides=2, padding="same", name="conv1")(input_image)
    x = L.Activation("relu")(BatchNorm(name="bn_conv1", train_bn=train_bn)(x))
    maps = [x]
    for stage, filters in enumerate(TINY_FILTERS[1:], start=2):
        name = f"{stage}a_branch"
        y = L.Conv2D(filters, 3, strides=2, padding="same", name=f"res{name}2a")(x)
        y = L.Activation("relu")(BatchNorm(name=f"bn{name}2a", train_bn=train_bn)(y))
        y = L.Conv2D(filters, 3, padding="same", name=f"res{name}2b")(y)
        y = BatchNorm(name=f"bn{name}2b", train_bn=train_bn)(y)
        shortcut = L.Conv2D(filters, 3, strides=2, padding="same", name=f"res{name}1")(x)
        shortcut = BatchNorm(name=f"bn{name}1", train_bn=train_bn)(shortcut)
        x = L.Activation("relu", name=f"res{stage}a_out")(L.Add()([y, shortcut]))
        maps.append(x)
    return [*maps[:4], maps[4] if stage5 else None]


def build_backbone(backbone, input_image, train_bn):
    """[C1..C5] of a backbone given by name or as the user's function f(input_image, stage5=, train_bn=)."""
    if callable(backbone):
        maps = backbone(input_image, stage5=True, train_bn=train_bn)
        if not isinstance(maps, (list, tuple)) or len(maps) != 5:
            received = f"{len(maps)} maps" if isinstance(maps, (list, tuple)) else type(maps).__name__
            raise ValueError(f"expected BACKBONE to return five maps [C1, C2, C3, C4, C5], received {received}")
        return list(maps)
    if backbone == "tiny":
        return tiny_graph(input_image, stage5=True, train_bn=train_bn)
    return resnet_graph(input_image, backbone, stage5=True, train_bn=train_bn)
