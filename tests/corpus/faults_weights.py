"""Faults of a weight file and of how it is loaded: HDF5 files made with h5py, shapes without data."""

from __future__ import annotations

import json
from pathlib import Path

import h5py
import numpy as np

from mrcnn_roi.checks.weight_shapes import expected_weights
from mrcnn_roi.preflight import preflight
from tests.checks.weight_files import archive, write_numbered

from .builders import CPU, Plain, configured, refused_or
from .cases import ERROR, WARNING, Fault

HEADS = ["mrcnn_class_logits", "mrcnn_bbox_fc", "mrcnn_bbox", "mrcnn_mask"]
SMALL = {"BACKBONE": "resnet50"}
COCO = {**SMALL, "NUM_CLASSES": 81}


def trained(path: Path, text=False, full_model=False, skip=(), drop=(), **settings) -> Path:
    """A weight file in the layout of Keras 2 for the model of these settings; no data is written.

    skip: beginnings of layer names that are left out. drop: layers that are there without weights.
    """
    layers = expected_weights(configured(Plain, **{**SMALL, **settings}))
    layers = {"input_image": [], **{name: own for name, own in layers.items() if not name.startswith(tuple(skip))}}
    kind = h5py.string_dtype() if text else None

    def names(values):
        if text:
            return np.array(values, dtype=kind)
        return np.array([each.encode() for each in values], dtype="S64" if values else "float64")

    with h5py.File(path, "w") as file:
        root = file.create_group("model_weights") if full_model else file
        root.attrs["backend"], root.attrs["keras_version"] = b"tensorflow", b"2.2.4"
        root.attrs["layer_names"] = names(list(layers))
        for layer, weights in layers.items():
            group = root.create_group(layer)
            own = [] if layer in drop else weights
            group.attrs["weight_names"] = names([f"{name}:0" for name, _ in own])
            for name, shape in own:
                group.create_dataset(f"{name}:0", shape=shape, dtype="f4")
    return path


def loading(make, exclude=(), mode="training", layers="heads", **settings):
    """find(folder) for loading the file that `make(folder)` returns into the model of these settings."""

    def find(folder):
        config = configured(Plain, **{**SMALL, **settings})
        more = {"weights": make(folder), "exclude": exclude, "mode": mode, "layers": layers}
        return refused_or(lambda: preflight(config, environment=CPU, **more))

    return find


def file(name="weights.h5", **settings):
    return lambda folder: trained(folder / name, **settings)


def content(data: bytes | str, name="mask_rcnn_coco.h5"):
    def make(folder):
        (folder / name).write_bytes(data if isinstance(data, bytes) else data.encode())
        return folder / name

    return make


def truncated(folder):
    path = trained(folder / "whole.h5", **COCO)
    return content(path.read_bytes()[:100_000])(folder)


def other_hdf5(folder):
    with h5py.File(folder / "data.h5", "w") as opened:
        opened["images"] = np.zeros(3)
    return folder / "data.h5"


def vgg(folder):
    with h5py.File(folder / "vgg16.h5", "w") as opened:
        opened.attrs["layer_names"] = np.array([b"block1_conv1"])
        group = opened.create_group("block1_conv1")
        group.attrs["weight_names"] = np.array([b"block1_conv1/kernel:0"])
        group.create_dataset("block1_conv1/kernel:0", shape=(3, 3, 3, 64))
    return folder / "vgg16.h5"


def resumed(epochs, path="logs/parts20261120T1015/mask_rcnn_parts_0005.h5", **more):
    def find(_):
        return preflight(configured(Plain), environment=CPU, checkpoint=path, epochs=epochs, **more)

    return find


def numbered(exclude=(), mode="training", **settings):
    """Keras 3's own layout, loaded by position."""
    return loading(
        lambda folder: write_numbered(folder / "m.weights.h5", configured(Plain, **SMALL)), exclude, mode, **settings
    )


def archived(shorter=0, **settings):
    def make(folder):
        path = archive(folder / "m.keras", **{**SMALL, **settings})
        path.write_bytes(path.read_bytes()[: path.stat().st_size - shorter])
        return path

    return make


def resumed_by_weights(folder):
    run = folder / "acc20200101T0000"
    run.mkdir()
    path = trained(run / "mask_rcnn_acc_0007.h5")
    return preflight(configured(Plain, **SMALL), environment=CPU, weights=str(path), epochs=5)


FAULTS = [
    Fault("w-num-classes", ERROR, "81", loading(file(**COCO)), "COCO weights"),
    Fault("w-num-classes", ERROR, "81", loading(file(full_model=True, text=True, **COCO)), "a saved model, text names"),
    Fault("w-num-classes", ERROR, "mrcnn_mask", loading(file(**COCO), exclude=HEADS[:3]), "mask head forgotten"),
    Fault("w-num-classes", ERROR, "2", loading(file(NUM_CLASSES=2), mode="inference"), "inference"),
    Fault("w-exclude-at-inference", ERROR, "mrcnn_class_logits", loading(file(**COCO), HEADS, "inference"), "heads"),
    Fault("w-exclude-at-inference", ERROR, "mrcnn_mask", loading(file(), ["mrcnn_mask"], "inference"), "one layer"),
    Fault("w-exclude-at-inference", ERROR, "fpn", loading(file(skip=("mrcnn_", "rpn_", "fpn_")), mode="inference"),
        "ImageNet weights"),
    Fault("w-exclude-unknown", ERROR, "mrcnn_bbox_fcc", loading(file(**COCO), [*HEADS, "mrcnn_bbox_fcc"]), "typing"),
    Fault("w-exclude-unknown", ERROR, "mrcnn_logits", loading(file(), ["mrcnn_logits"]), "another name"),
    Fault("w-exclude-unknown", ERROR, "rpn-model", loading(file(), "rpn-model"), "one text"),
    Fault("w-rpn-ratios", ERROR, "the model 5", loading(file(), RPN_ANCHOR_RATIOS=[0.25, 0.5, 1, 2, 4]), "five"),
    Fault("w-rpn-ratios", ERROR, "the model 1", loading(file(**COCO), HEADS, RPN_ANCHOR_RATIOS=[1]), "one"),
    Fault("w-conv1-channels", ERROR, "the model 4", loading(file(), IMAGE_CHANNEL_COUNT=4, MEAN_PIXEL=[1.0, 2, 3, 4])),
    Fault("w-conv1-channels", ERROR, "the model 1", loading(file(**COCO), HEADS, layers="all", IMAGE_CHANNEL_COUNT=1,
        MEAN_PIXEL=[97.3]), "grey"),
    Fault("w-conv1-frozen", WARNING, "conv1", loading(file(), ["conv1"], IMAGE_CHANNEL_COUNT=4,
        MEAN_PIXEL=[1.0, 2, 3, 4]), "excluded"),
    Fault("w-conv1-frozen", WARNING, "4+", loading(file(), ["conv1"], layers="4+"), "stages 4 and 5"),
    Fault("w-backbone-depth", WARNING, "resnet50", loading(file(BACKBONE="resnet101")), "deeper file"),
    Fault("w-backbone-depth", WARNING, "res4g", loading(file(), BACKBONE="resnet101", layers="all"), "deeper model"),
    Fault("w-shape-other", ERROR, "256", loading(file(TOP_DOWN_PYRAMID_SIZE=128)), "pyramid"),
    Fault("w-shape-other", ERROR, "mrcnn_class_conv1", loading(file(), FPN_CLASSIF_FC_LAYERS_SIZE=512), "heads"),
    Fault("w-nothing-loaded", ERROR, "block1_conv1", loading(vgg), "another network"),
    Fault("w-nothing-loaded", ERROR, "exclude", loading(file(skip=("res", "bn", "conv", "fpn", "rpn", "mrcnn_mask_",
        "mrcnn_class_conv", "mrcnn_class_bn")), HEADS), "all excluded"),
    Fault("w-file-unreadable", ERROR, "truncated", loading(truncated), "truncated"),
    Fault("w-file-unreadable", ERROR, "web page", loading(content("<!DOCTYPE html><html>404</html>")), "html"),
    Fault("w-file-unreadable", ERROR, "empty", loading(content(b"")), "empty"),
    Fault("w-file-unreadable", ERROR, "git-lfs", loading(content("version https://git-lfs.github.com/spec/v1\n")),
        "git-lfs"),
    Fault("w-file-unreadable", ERROR, "zip", loading(content(b"PK\x03\x04rest of a torch file", "a.pth")), "PyTorch"),
    Fault("w-file-unreadable", ERROR, "does not exist", loading(lambda folder: folder / "nowhere.h5"), "missing"),
    Fault("w-file-unreadable", ERROR, "folder", loading(lambda folder: folder), "folder"),
    Fault("w-file-unreadable", ERROR, "images", loading(other_hdf5), "HDF5 of something else"),
    Fault("w-file-unreadable", ERROR, "not HDF5", loading(content(json.dumps({"a": 1}))), "JSON"),
    Fault("w-epochs-done", ERROR, "epochs=5", resumed(5), "equal"),
    Fault("w-epochs-done", ERROR, "epoch 5", resumed(2), "beyond"),
    Fault("w-epochs-done", ERROR, "epoch 30", resumed(30, r"C:\logs\parts20261120T1015\mask_rcnn_parts_0030.h5"),
        "Windows path"),
    Fault("w-epochs-done", ERROR, "epoch 12", resumed(10, Path("logs/parts20261120T1015/mask_rcnn_parts_0012.h5")),
        "pathlib"),
    Fault("w-epochs-done", ERROR, "epoch 7", resumed_by_weights, "the weights are a checkpoint"),
    Fault("w-num-classes", ERROR, "81", loading(archived(NUM_CLASSES=81)), ".keras of other classes"),
    Fault("w-file-unreadable", ERROR, "truncated", loading(archived(9)), "half a .keras"),
    Fault("w-exclude-unknown", ERROR, "by position", numbered(HEADS, NUM_CLASSES=9), "exclude with .weights.h5"),
    Fault("w-num-classes", ERROR, "the model 9", numbered(NUM_CLASSES=9), ".weights.h5 of other classes"),
    Fault("w-backbone-depth", ERROR, "resnet50", numbered(BACKBONE="resnet101"), ".weights.h5 of less depth"),
    Fault("w-shape-other", ERROR, "for training", numbered(mode="inference"), ".weights.h5 of the other mode"),
]  # fmt: skip
