"""Small YOLO sets for the tests, in the layouts that tools write."""

import json

from .builders import image_file

SQUARE = "0 0.25 0.25 0.5 0.25 0.5 0.75 0.25 0.75"  # 15 x 20 pixels at (15, 10) of a 60 x 40 image
TRIANGLE = "1 0.5 0.5 1 0.5 1 1"


def labelled(images, labels, stem="a", lines=SQUARE, suffix=".png", seed=0, **picture):
    """An image of 60 x 40 pixels in the folder `images`, and its label file in `labels`; none for lines None."""
    path = image_file(images / f"{stem}{suffix}", seed=seed, **picture)
    labels.mkdir(parents=True, exist_ok=True)
    if lines is not None:
        content = lines if isinstance(lines, bytes) else f"{lines}\n".encode()
        (labels / f"{stem}.txt").write_bytes(content)
    return path


def data_yaml(folder, name="data.yaml", names=("cat", "dog"), **more):
    """A data.yaml with these keys; text is written as it is."""
    folder.mkdir(parents=True, exist_ok=True)
    if not isinstance(names, str) and names is not None:
        names = json.dumps(list(names) if isinstance(names, tuple) else names)
    lines = [] if names is None else [f"names: {names}"]
    lines += [f"{key}: {value if isinstance(value, str) else json.dumps(value)}" for key, value in more.items()]
    path = folder / name
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def ultralytics(folder, lines=SQUARE, **more):
    """images/train, labels/train, images/val, labels/val, and data.yaml beside them; `lines` are train's."""
    labelled(folder / "images" / "train", folder / "labels" / "train", "a", lines)
    labelled(folder / "images" / "val", folder / "labels" / "val", "b", TRIANGLE, seed=1)
    return data_yaml(folder, **{"path": ".", "train": "images/train", "val": "images/val", "nc": 2, **more})


def roboflow(folder, lines=SQUARE, **more):
    """train/images, train/labels, valid/images, ..., and a data.yaml whose paths lead one folder too far up."""
    labelled(folder / "train" / "images", folder / "train" / "labels", "a", lines)
    labelled(folder / "valid" / "images", folder / "valid" / "labels", "b", TRIANGLE, seed=1)
    labelled(folder / "test" / "images", folder / "test" / "labels", "c", TRIANGLE, seed=2)
    (folder / "README.roboflow.txt").write_text("exported\n")
    parts = {"train": "../train/images", "val": "../valid/images", "test": "../test/images", "nc": 2}
    return data_yaml(folder, **{**parts, **more})


def flat(folder, lines=SQUARE, names="cat\ndog\n", **picture):
    """images/ and labels/ with a classes.txt, and no data.yaml."""
    labelled(folder / "images", folder / "labels", "a", lines, **picture)
    if names:
        (folder / "classes.txt").write_text(names)
    return folder


def beside(folder, lines=SQUARE, names="cat\ndog\n"):
    """Images and label files in one folder, with an obj.names."""
    labelled(folder, folder, "a", lines)
    (folder / "obj.names").write_text(names)
    return folder
