"""For every code of the group "fit" data and a configuration with the mistake, and similar ones without it.

EXAMPLES[code] is (bad, good): functions without arguments that return the findings.
"""

from .toy import BOXES, Toy, config, find, sample, toys

NONE = {"IMAGE_RESIZE_MODE": "none", "IMAGES_PER_GPU": 1}


def grid(count, side=8, step=12, size=(128, 128)):
    """`count` boxes (y1, x1, y2, x2) of side x side pixels, in rows."""
    per_row = size[1] // step
    corners = [(step * (i // per_row), step * (i % per_row)) for i in range(count)]
    return [(y, x, y + side, x + side) for y, x in corners]


def classes(*names):
    return Toy(classes=names)


def unprepared():
    return Toy(prepared=False)


def rare(count):
    """Sixty objects of class 1 an image, and `count` of class 2 in all."""
    return Toy([sample(grid(60), ids=[1] * 60) for _ in range(3)] + [sample(grid(count), ids=[2] * count)])


def big(side, count=4):
    """Images of 1024 x 1024 pixels with objects of side x side."""
    return Toy([sample(grid(6, side, step=300, size=(1024, 1024)), size=(1024, 1024)) for _ in range(count)])


def squares(side):
    return Toy([sample(grid(4, side, step=60)) for _ in range(4)])


def poles(height, width):
    return Toy([sample([(2, x, 2 + height, x + width) for x in (5, 50, 100)]) for _ in range(4)])


CROP = {"IMAGE_RESIZE_MODE": "crop", "IMAGE_MIN_DIM": 64, "RPN_ANCHOR_SCALES": (4, 8, 16, 32, 64)}

EXAMPLES = {
    "cd-empty-dataset": (lambda: find(unprepared()), lambda: find(Toy())),
    "cd-class-count": (lambda: find(made=config(NUM_CLASSES=2)), lambda: find(made=config(NUM_CLASSES=3))),
    "cd-train-val-classes": (
        lambda: find(val=classes("circle", "square")),
        lambda: find(val=classes("square", "circle")),
    ),
    "cd-class-id-range": (
        lambda: find(toys(sample(ids=[1, 2, 8]))),
        lambda: find(toys(sample(ids=[1, 2, -2]))),
    ),
    "cd-class-id-zero": (lambda: find(toys(sample(ids=[0, 1, 2]))), lambda: find(toys(sample(ids=[2, 1, 2])))),
    "cd-class-unused": (
        lambda: find(Toy([sample(ids=[1, 1, 1])] * 4), Toy([sample(ids=[1, 1, 1])] * 4)),
        lambda: find(Toy([sample(ids=[1, 2, 1])] * 4), Toy([sample(ids=[1, 1, 1])] * 4)),
    ),
    "cd-class-only-val": (lambda: find(Toy([sample(ids=[1, 1, 1])] * 4)), lambda: find()),
    "cd-class-imbalance": (lambda: find(rare(2)), lambda: find(rare(18))),
    "cd-source-unknown": (lambda: find(Toy(image_source="coco")), lambda: find(Toy(image_source="toy"))),
    "cd-no-positive-images": (
        lambda: find(Toy([sample(boxes=[])] * 4)),
        lambda: find(Toy([sample(boxes=[]), *[sample()] * 3])),
    ),
    "cd-background-images": (lambda: find(toys(sample(boxes=[]))), lambda: find(toys(sample()))),
    "cd-max-gt": (
        lambda: find(toys(sample(grid(30))), made=config(MAX_GT_INSTANCES=20)),
        lambda: find(toys(sample(grid(30))), made=config(MAX_GT_INSTANCES=30)),
    ),
    "cd-detection-max": (
        lambda: find(toys(sample(grid(30))), made=config(DETECTION_MAX_INSTANCES=20)),
        lambda: find(toys(sample(grid(30))), made=config(DETECTION_MAX_INSTANCES=30)),
    ),
    "cd-train-rois-dense": (
        lambda: find(Toy([sample(grid(30))] * 4), made=config(TRAIN_ROIS_PER_IMAGE=64)),
        lambda: find(Toy([sample(grid(30))] * 4), made=config(TRAIN_ROIS_PER_IMAGE=200)),
    ),
    "cd-batch-gt-images": (
        lambda: find(Toy([sample()] * 2), made=config(IMAGES_PER_GPU=4)),
        lambda: find(Toy([sample()] * 4), made=config(IMAGES_PER_GPU=4)),
    ),
    "cd-steps-vs-images": (
        lambda: find(made=config(STEPS_PER_EPOCH=1000)),
        lambda: find(made=config(STEPS_PER_EPOCH=8)),
    ),
    "cd-val-steps": (lambda: find(made=config(VALIDATION_STEPS=50)), lambda: find(made=config(VALIDATION_STEPS=1))),
    "cd-molded-varies": (
        lambda: find(toys(sample(size=(192, 128))), made=config(**{**NONE, "IMAGES_PER_GPU": 2})),
        lambda: find(toys(sample(size=(192, 128))), made=config(**NONE)),
    ),
    "cd-molded-div64": (
        lambda: find(toys(sample(size=(150, 128))), made=config(**NONE)),
        lambda: find(toys(sample(size=(192, 128))), made=config(**NONE)),
    ),
    "cd-upscale": (
        lambda: find(made=config(IMAGE_MIN_DIM=512, IMAGE_MAX_DIM=512)),
        lambda: find(made=config(IMAGE_MIN_DIM=64, IMAGE_MAX_DIM=192)),
    ),
    "cd-downscale": (
        lambda: find(big(60), big(60), made=config(IMAGE_MIN_DIM=0, IMAGE_MAX_DIM=192)),
        lambda: find(big(200), big(200), made=config(IMAGE_MIN_DIM=0, IMAGE_MAX_DIM=192)),
    ),
    "cd-object-vanishes": (
        lambda: find(big(3), big(200), made=config(IMAGE_MIN_DIM=0)),
        lambda: find(big(200), big(200), made=config(IMAGE_MIN_DIM=0)),
    ),
    "cd-object-tiny": (
        lambda: find(squares(5), squares(5), made=config(RPN_ANCHOR_SCALES=(4, 8, 16, 32, 64))),
        lambda: find(squares(8), squares(8), made=config(RPN_ANCHOR_SCALES=(4, 8, 16, 32, 64))),
    ),
    "cd-crop-empty": (
        lambda: find(Toy([sample([(0, 0, 9, 9), (9, 9, 20, 20)], size=(1024, 1024))] * 4), made=config(**CROP)),
        lambda: find(Toy([sample(BOXES)] * 4), made=config(**CROP)),
    ),
    "cd-anchor-coverage": (
        lambda: find(squares(9), squares(9), made=config(RPN_ANCHOR_SCALES=(32, 64, 96, 112, 128))),
        lambda: find(squares(20), squares(20), made=config(RPN_ANCHOR_SCALES=(32, 64, 96, 112, 128))),
    ),
    "cd-anchor-aspect": (lambda: find(poles(120, 10), poles(120, 10)), lambda: find(poles(80, 20), poles(80, 20))),
}
