"""Faults of YOLO sets: one broken line, file or entry of data.yaml in an otherwise sound set."""

from __future__ import annotations

from pathlib import Path

from PIL import Image

from mrcnn_roi.datasets import load_dataset

from .builders import BOXES, SIZE, configured, judged, noise, outline, refused_or
from .cases import ERROR, WARNING, Fault

CLASSES = (0, 1, 0)


def fractions(box):
    """The outline of a box as YOLO writes it."""
    height, width = SIZE
    return " ".join(f"{n / (height if i % 2 else width):.6f}" for i, n in enumerate(outline(*box)))


def written(folder, seed=0, names="[bolt, nut]", more=""):
    """A sound set of three images for training: its data.yaml."""
    root = folder / f"yolo{seed}"
    for number in range(3):
        stem = f"part_{seed}_{number}"
        for kind in ("images", "labels"):
            (root / kind / "train").mkdir(parents=True, exist_ok=True)
        image = noise(seed=5000 + 100 * seed + number)
        Image.fromarray(image).save(root / "images" / "train" / f"{stem}.png", compress_level=1)
        lines = [f"{number} {fractions(box)}" for number, box in zip(CLASSES, BOXES)]
        (root / "labels" / "train" / f"{stem}.txt").write_text("\n".join(lines) + "\n")
    path = root / "data.yaml"
    path.write_text(f"path: .\ntrain: images/train\nnames: {names}\n{more}")
    return path


def with_yolo(change=lambda root: None, both=False, **more):
    """find(folder) for a set that `change` spoils, given its folder, with a sound one to validate on."""

    def find(folder: Path):
        def run():
            train = written(folder, 0, **more)
            change(train.parent)
            val = written(folder, 5, **(more if both else {}))
            return judged(load_dataset(train), load_dataset(val), configured())

        return refused_or(run)

    return find


def first_line(edit):
    """A change of the words of the first line of the first label file."""

    def change(root):
        path = min((root / "labels" / "train").iterdir())
        line, rest = path.read_text().split("\n", 1)
        path.write_text(" ".join(edit(line.split(" "))) + "\n" + rest)

    return change


def all_lines(edit):
    def change(root):
        for path in (root / "labels" / "train").iterdir():
            path.write_text("\n".join(" ".join(edit(line.split())) for line in path.read_text().splitlines()))

    return change


def in_pixels(words):
    return words[:1] + [str(float(word) * 128) for word in words[1:]]


def as_box(words):
    xs, ys = ([float(word) for word in words[start::2]] for start in (1, 2))
    box = (min(xs) + max(xs)) / 2, (min(ys) + max(ys)) / 2, max(xs) - min(xs), max(ys) - min(ys)
    return words[:1] + [f"{number:.6f}" for number in box]


def latin(root):
    path = min((root / "labels" / "train").iterdir())
    path.write_bytes(path.read_bytes() + "# größe".encode("latin-1"))


def renamed(root):
    for path in (root / "labels" / "train").iterdir():
        path.rename(path.with_name(f"{path.stem}_seg.txt"))


def orphan(root):
    (root / "labels" / "train" / "gone.txt").write_text(f"0 {fractions(BOXES[0])}\n")


def moved(root):
    (root / "images" / "train").rename(root / "images" / "tiles")


def twice(root):
    path = min((root / "images" / "train").iterdir())
    Image.fromarray(noise(seed=99)).save(path.with_suffix(".bmp"))


def last_label(root):
    return max((root / "labels" / "train").iterdir())


def part(line):
    return {"more": f"{line}\n"}


FAULTS = [
    Fault("ds-yolo-class", ERROR, "class number 2", with_yolo(first_line(lambda w: ["2", *w[1:]])), "too large"),
    Fault("ds-yolo-class", ERROR, '"-1"', with_yolo(first_line(lambda w: ["-1", *w[1:]])), "negative"),
    Fault("ds-yolo-class", ERROR, '"bolt"', with_yolo(first_line(lambda w: ["bolt", *w[1:]])), "a name"),
    Fault("ds-yolo-line", ERROR, "0.97", with_yolo(first_line(lambda w: [*w, "0.97"])), "confidence"),
    Fault("ds-yolo-line", ERROR, "17", with_yolo(first_line(lambda w: [*w, "17"])), "track id"),
    Fault("ds-yolo-line", ERROR, '"nan"', with_yolo(first_line(lambda w: [*w[:-1], "nan"])), "NaN"),
    Fault("ds-yolo-line", ERROR, "commas", with_yolo(first_line(lambda w: [",".join(w)])), "commas"),
    Fault("ds-yolo-pixels", ERROR, "up to 52", with_yolo(first_line(in_pixels)), "one line"),
    Fault("ds-yolo-pixels", ERROR, "9 of 9", with_yolo(all_lines(in_pixels)), "all lines"),
    Fault("ds-polygon-outside", ERROR, "to 1.3", with_yolo(first_line(lambda w: [w[0], "1.3", *w[2:]])), "YOLO"),
    Fault("ds-polygon-edge", WARNING, "to 1.005", with_yolo(first_line(lambda w: [w[0], "1.005", *w[2:]])), "YOLO"),
    Fault("ds-polygon-degenerate", ERROR, "1 point", with_yolo(first_line(lambda w: w[:3])), "YOLO"),
    Fault("ds-box-masks", WARNING, "1 of 9", with_yolo(first_line(as_box)), "YOLO, one box"),
    Fault("ds-box-masks", WARNING, "9 of 9", with_yolo(all_lines(as_box)), "YOLO, boxes alone"),
    Fault("ds-file-unreadable", ERROR, "UTF-8 at byte", with_yolo(latin), "YOLO, Latin-1"),
    Fault("ds-labels-missing", ERROR, "part_0_0_seg.txt", with_yolo(renamed), "all renamed", {
        "cd-no-positive-images": "no image of the part has objects"}),
    Fault("ds-labels-unmatched", WARNING, "labels/train/gone.txt", with_yolo(orphan)),
    Fault("ds-id-dup-image", ERROR, "part_0_0.bmp", with_yolo(twice), "YOLO, one label file"),
    Fault("ds-yolo-part", ERROR, "train: images/train", with_yolo(moved), "train is gone"),
    Fault("ds-yolo-part", WARNING, "test: images/test", with_yolo(**part("test: images/test")), "test is not there"),
    Fault("ds-yolo-yaml", WARNING, 'nc is "3"', with_yolo(**part("nc: 3")), "nc"),
    Fault("ds-yolo-yaml", ERROR, "kpt_shape", with_yolo(**part("kpt_shape: [17, 3]")), "keypoints"),
    Fault("ds-yolo-yaml", ERROR, "line 4 column", with_yolo(names="[bolt, nut"), "cut off"),
]  # fmt: skip
