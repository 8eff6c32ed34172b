"""Faults of a Config against its data: counts, classes, sizes, anchors."""

from __future__ import annotations

import numpy as np

from mrcnn_roi.preflight import preflight

from .builders import (
    BOXES,
    CPU,
    Fitting,
    Parts,
    coco,
    configured,
    edited,
    judged,
    loading,
    refused_or,
    with_coco,
    with_data,
)
from .cases import ERROR, INFO, WARNING, Fault

NONE = {"IMAGE_RESIZE_MODE": "none", "IMAGES_PER_GPU": 1}
PAD = {"IMAGE_RESIZE_MODE": "pad64", "IMAGE_MIN_DIM": 0}
CROP = {"IMAGE_RESIZE_MODE": "crop", "IMAGE_MIN_DIM": 64, "RPN_ANCHOR_SCALES": (4, 8, 16, 32, 64)}
SIDE_192 = {"IMAGE_MIN_DIM": 192, "IMAGE_MAX_DIM": 192}
LARGE_BOXES = [(9, 9, 60, 60), (90, 90, 150, 150)]


def grid(count, side, step=12, width=128, height=None):
    """`count` boxes of (height or side) x side pixels, `step` apart."""
    row = width // step
    tall = height or side
    return [
        (step * (i // row), step * (i % row), step * (i // row) + tall, step * (i % row) + side) for i in range(count)
    ]


def objects(boxes, ids=None, size=(128, 128), config=None, both=True, **more):
    """Four images with these boxes each."""
    return with_data(
        config=config, both=both, boxes=boxes, ids=ids or [1 + i % 2 for i in range(len(boxes))], size=size, **more
    )


def classes(*names):
    return type("Named", (Parts,), {"classes": names})


def of_sizes(*sizes, kind=Parts):
    """A class whose images differ in size."""

    class Mixed(kind):
        def __init__(self, folder, seed=0, **info):
            super().__init__(folder, seed, count=len(sizes), prepared=False, **info)
            for number, (entry, size) in enumerate(zip(self.image_info, sizes)):
                self.write(entry["path"], size, 100 * seed + number)
                entry["size"] = size
            self.prepare()

    return Mixed


def counted(first, second, per_image=70):
    """`first` objects of class 1 and `second` of class 2, spread over images of at most `per_image`."""
    ids = [1] * first + [2] * second

    class Counted(Parts):
        def __init__(self, folder, seed=0, **info):
            parts = np.array_split(np.array(ids), -(-len(ids) // per_image))
            super().__init__(folder, seed, count=len(parts), prepared=False, **info)
            for entry, own in zip(self.image_info, parts):
                entry["ids"], entry["boxes"] = own.tolist(), grid(len(own), 10)
            self.prepare()

    return Counted


def unprepared(folder):
    return judged(Parts(folder, prepared=False), Parts(folder, 7))


def no_images(folder):
    return judged(Parts(folder, count=0), Parts(folder, 7))


def no_images_in_coco(folder):
    return refused_or(lambda: judged(coco(folder, lambda c: c.update(images=[], annotations=[])), coco(folder, seed=5)))


def no_val_images(folder):
    return judged(Parts(folder), Parts(folder, 7, count=0))


def without_load_mask(folder):
    from mrcnn_roi.datasets import Dataset

    class Forgot(Dataset):
        pass

    made = Parts(folder)
    data = Forgot()
    for number, name in enumerate(made.classes, 1):
        data.add_class("parts", number, name)
    for info in made.image_info:
        data.add_image("parts", info["id"], info["path"])
    data.prepare()
    return judged(data, Parts(folder, 7))


def only_backgrounds(part):
    def find(folder):
        empty, usual = Parts(folder, 0, boxes=[], ids=[]), Parts(folder, 7)
        return judged(empty, usual) if part == "train" else judged(usual, empty)

    return find


def masks_of_nothing(masks, ids):
    return np.empty((0, 0, 0)), np.empty(0, np.int32)


def rename_source(data):
    for info in data.image_info:
        info["source"] = "photos"


def dotted_class(data):
    data.class_info[2]["source"] = "my.parts"


def dotted_images(data):
    data.image_info[1]["source"] = "my.parts"


def coco_id(masks, ids):
    """The ids of the COCO file where the dataset's own belong."""
    return masks, np.array([3, 8, 3], np.int32)


def crops_of_sky(folder):
    sparse = {"boxes": [(0, 0, 12, 12), (12, 12, 24, 24)], "ids": [1, 2], "size": (512, 512)}
    data, val = Parts(folder, 0, **sparse), Parts(folder, 7, **sparse)
    return judged(data, val, configured(**CROP))


def train_only(kind, config=None):
    def find(folder):
        return [
            each
            for each in preflight(configured(**(config or {})), kind(folder), environment=CPU)
            if each.code != "run-val-none"
        ]

    return find


FAULTS = [
    Fault("cd-class-count", ERROR, "NUM_CLASSES=2", with_data(config={"NUM_CLASSES": 2}), "forgot the background"),
    Fault("cd-class-count", ERROR, "NUM_CLASSES=81", with_data(config={"NUM_CLASSES": 81}), "left at COCO's"),
    Fault("cd-class-count", ERROR, "NUM_CLASSES=3", with_data(classes("bolt", "nut", "screw"), both=True), "one more"),
    Fault("cd-class-count", ERROR, "NUM_CLASSES=2", with_coco(lambda c: None, {"NUM_CLASSES": 2}), "COCO file"),
    Fault(
        "cd-class-count",
        ERROR,
        "val has 1 class",
        with_data(val_kind=loading(masks=lambda m, i: (m, np.minimum(i, 1)), base=classes("bolt"))),
        "val alone",
    ),  # fmt: skip
    Fault("cd-train-val-classes", ERROR, "'bolt' in train, 'nut' in val", with_data(val_kind=classes("nut", "bolt"))),
    Fault(
        "cd-train-val-classes", ERROR, "'nut' in train, 'screw' in val", with_data(val_kind=classes("bolt", "screw"))
    ),
    Fault("cd-class-id-range", ERROR, "class id 3, 8", with_data(loading(masks=coco_id))),
    Fault(
        "cd-class-id-range", ERROR, "class id 3", with_data(loading(masks=lambda m, i: (m, i + [0, 1, 0]), rows=[2]))
    ),
    Fault("cd-class-id-range", ERROR, "-7", with_data(loading(masks=lambda m, i: (m, i * [1, 1, -7]), rows=[1]))),
    Fault("cd-class-id-zero", ERROR, "class id 0", with_data(loading(masks=lambda m, i: (m, i - 1)))),
    Fault(
        "cd-class-id-zero",
        ERROR,
        "for 4 objects",
        with_data(
            loading(masks=lambda m, i: (m, np.array([0, 1, 2]))),
        ),
        "list",
    ),
    Fault("cd-class-unused", WARNING, "nut", with_data(both=True, ids=(1, 1, 1))),
    Fault("cd-class-unused", WARNING, "nut", train_only(lambda f: Parts(f, ids=(1, 1, 1))), "no val"),
    Fault("cd-class-only-val", WARNING, "nut", with_data(ids=(1, 1, 1))),
    Fault("cd-class-imbalance", WARNING, "nut 2", with_data(counted(240, 2), counted(240, 2)), "240:2"),
    Fault("cd-class-imbalance", WARNING, "bolt 4", with_data(counted(4, 300), counted(4, 300)), "4:300"),
    Fault(
        "cd-molded-varies",
        ERROR,
        "batches of 2",
        with_data(of_sizes((128, 128), (192, 128), (256, 192)), config={**PAD, "IMAGES_PER_GPU": 2}),
        "pad64",
    ),  # fmt: skip
    Fault(
        "cd-molded-varies",
        ERROR,
        "128x192",
        with_data(of_sizes((128, 128), (128, 192)), config={**NONE, "IMAGES_PER_GPU": 2}),
        "none",
    ),  # fmt: skip
    Fault("cd-molded-div64", ERROR, "300x200", objects(LARGE_BOXES, size=(300, 200), config=NONE)),
    Fault("cd-molded-div64", ERROR, "100", with_data(of_sizes((128, 128), (100, 128)), config=NONE), "one of two"),
    Fault(
        "cd-upscale",
        WARNING,
        "x8",
        objects(
            [(8, 8, 30, 30), (30, 30, 50, 50)],
            size=(64, 64),
            config={"IMAGE_MIN_DIM": 512, "IMAGE_MAX_DIM": 512, "RPN_ANCHOR_SCALES": (32, 64, 128, 256, 512)},
        ),
    ),
    Fault("cd-upscale", INFO, "x1.5", objects(BOXES[:2], config=SIDE_192)),
    Fault(
        "cd-downscale",
        WARNING,
        "512 px",
        objects(grid(6, 40, 150, 512), size=(512, 512)),
    ),
    Fault(
        "cd-object-vanishes",
        ERROR,
        "1x1",
        objects([*grid(3, 100, 110, 340), *grid(3, 1, 131, 400)], size=(400, 400), config={"IMAGE_MIN_DIM": 0}),
    ),
    Fault(
        "cd-object-tiny", WARNING, "5.0 px", objects(grid(5, 5, 25), config={"RPN_ANCHOR_SCALES": (4, 8, 16, 32, 64)})
    ),
    Fault(
        "cd-anchor-coverage",
        ERROR,
        "100%",
        objects(grid(6, 11, 40), config={"RPN_ANCHOR_SCALES": (32, 48, 64, 96, 128)}),
        "none",
    ),
    Fault(
        "cd-anchor-coverage",
        WARNING,
        "60%",
        objects(
            [*grid(3, 11, 14), (30, 4, 70, 44), (60, 60, 120, 120)], config={"RPN_ANCHOR_SCALES": (32, 48, 64, 96, 128)}
        ),
        "most",
    ),
    Fault(
        "cd-anchor-coverage",
        ERROR,
        "median side 110",
        objects([(9, 9, 119, 119), (2, 2, 112, 112)], config={"RPN_ANCHOR_SCALES": (4, 8, 16, 24, 32)}),
        "too small",
    ),
    Fault("cd-anchor-aspect", WARNING, "h/w 14", objects(grid(4, 8, 30, height=112), config={})),
    Fault("cd-anchor-aspect", WARNING, "h/w 0.08", objects([(10 + 20 * i, 2, 18 + 20 * i, 102) for i in range(4)])),
    Fault("cd-max-gt", WARNING, "MAX_GT_INSTANCES=10", objects(grid(40, 10, 14), config={"MAX_GT_INSTANCES": 10})),
    Fault("cd-detection-max", WARNING, "40 objects", objects(grid(40, 10, 14), config={"DETECTION_MAX_INSTANCES": 30})),
    Fault("cd-train-rois-dense", INFO, "40 objects", objects(grid(40, 10, 14), config={"TRAIN_ROIS_PER_IMAGE": 60})),
    Fault("cd-steps-vs-images", INFO, "2000", with_data(config={"STEPS_PER_EPOCH": 1000})),
    Fault("cd-val-steps", INFO, "200", with_data(config={"VALIDATION_STEPS": 100})),
    Fault("cd-no-positive-images", ERROR, "0 of 4", only_backgrounds("train"), "train"),
    Fault("cd-no-positive-images", ERROR, "0 of 4", only_backgrounds("val"), "val"),
    Fault("cd-no-positive-images", ERROR, "0 of 4", with_data(val_kind=loading(masks=masks_of_nothing)), "val's own"),
    Fault("cd-no-positive-images", ERROR, "0 of 3", with_coco(lambda c: c.update(annotations=[])), "COCO"),
    Fault("cd-no-positive-images", ERROR, "0 of 4", without_load_mask, "no load_mask"),
    Fault("cd-empty-dataset", ERROR, "prepare()", unprepared, "not prepared"),
    Fault("cd-empty-dataset", ERROR, "0 images", no_images, "no images"),
    Fault("cd-empty-dataset", ERROR, "0 images", no_images_in_coco, "COCO"),
    Fault("cd-empty-dataset", ERROR, "val", no_val_images, "val"),
    Fault("cd-background-images", INFO, "1 of 4", with_data(loading(masks=lambda m, i: (m[..., :0], i[:0]), rows=[3]))),
    Fault("cd-crop-empty", WARNING, "64x64", crops_of_sky),
    Fault("cd-batch-gt-images", WARNING, "batch of 8", with_data(config={"IMAGES_PER_GPU": 8})),
    Fault("cd-source-unknown", ERROR, "'photos'", edited(rename_source)),
    Fault("cd-class-redefined", WARNING, "screw", edited(lambda d: d.add_class("parts", 2, "screw"))),
    Fault("cd-source-dot", ERROR, "my.parts", edited(dotted_class), "of a class"),
    Fault("cd-source-dot", ERROR, "my.parts", edited(dotted_images), "of images"),
    Fault("run-lr-arg", INFO, "0.002", lambda f: judged(Parts(f), Parts(f, 7), Fitting(), learning_rate=0.002)),
    Fault("cfg-lr", ERROR, "0.5", lambda f: judged(Parts(f), Parts(f, 7), learning_rate=0.5), "argument of train"),
]
