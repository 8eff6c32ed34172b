"""Faults must not hide each other: data with all of them at once, and every one is reported."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mrcnn_roi.datasets import load_dataset
from mrcnn_roi.findings import Severity

from .builders import BOXES, Fitting, Parts, coco, coco_content, configured, judged, noise, rectangles
from .faults_coco import counts, transposed
from .faults_dataset import label_map, smooth

SIZE = (128, 128)
WIDE = (96, 128)


def save(path, pixels, orientation=None, kind=None):
    exif = Image.Exif()
    if orientation:
        exif[0x0112] = orientation
    Image.fromarray(pixels).save(path, kind, exif=exif)


class Everything(Parts):
    """One image for every fault of images and masks; the keys of `spoilt` are the codes."""

    def __init__(self, folder, **more):
        super().__init__(folder, 0, prepared=False, count=len(ROWS) + 4, **more)
        self.codes = [*ROWS, "", "", "", ""]
        for number, code in enumerate(ROWS):
            info = self.image_info[number]
            prepare = FILES.get(code)
            if prepare:
                prepare(info)
        self.add_class("parts", 1, "bolts")  # cd-class-redefined
        self.add_class("parts", 3, "background")
        self.add_class("parts", 4, "washer, flat")
        self.add_class("parts", 5, "nut")
        self.image_info[-1]["id"] = self.image_info[-2]["id"]  # ds-id-dup-image
        self.image_info[-3]["source"] = "field"  # cd-source-unknown
        self.prepare()

    def load_image(self, image_id):
        if self.codes[image_id] == "ds-exif":
            return np.asarray(Image.open(self.image_info[image_id]["path"]))
        image = super().load_image(image_id)
        return IMAGES.get(self.codes[image_id], lambda each: each)(image)

    def load_mask(self, image_id):
        info, code = self.image_info[image_id], self.codes[image_id]
        masks = rectangles(info["boxes"], info.get("drawn", info["size"]))
        ids = np.array([1, 2, 4][: len(info["boxes"])], np.int32)
        return MASKS.get(code, lambda m, i: (m, i))(masks, ids)


def cut(info):
    with open(info["path"], "rb+") as opened:
        opened.truncate(2000)


def wide(info):
    save(info["path"], noise(WIDE, seed=501))
    info.update(size=WIDE, height=128, width=96, drawn=(128, 96), boxes=BOXES[:1])


def mismatch(info):
    info.update(height=256, width=256, drawn=(256, 256))


def sideways(info):
    info["path"] = info["path"].replace(".png", ".jpg")
    save(info["path"], noise(WIDE, seed=502), 6)
    info.update(size=WIDE, boxes=BOXES[:1])


def fail(masks, ids):
    raise ValueError("no such layer in the file")


def outside(masks, ids):
    masks[np.array([5, 44033]), 3] = True
    return masks, ids


FILES = {
    "ds-file-missing": lambda info: Path(info["path"]).unlink(),
    "ds-file-unreadable": cut,
    "ds-format-extension": lambda info: save(info["path"], noise(seed=503), kind="JPEG"),
    "ds-size-transposed": wide,
    "ds-size-mismatch": mismatch,
    "ds-exif": sideways,
    "ds-channels-mixed": lambda info: save(info["path"], noise(channels=0, seed=504)),
    "ds-alpha-dropped": lambda info: save(info["path"], noise(channels=4, seed=505)),
    "ds-file-dup": lambda info: Path(info["path"]).write_bytes(
        Path(info["path"]).with_name(f"0_{len(ROWS)}.png").read_bytes()
    ),
}
IMAGES = {
    "ds-channels": lambda image: image[..., 0],
    "ds-bit-depth": lambda image: image.astype(np.uint16) * 16,
    "ds-image-constant": lambda image: image * 0 + 7,
    "ds-image-nonfinite": lambda image: image / np.where(image < 3, np.nan, 1),
}
MASKS = {
    "ds-mask-shape": lambda m, i: (m[::2], i),
    "ds-mask-rank": lambda m, i: (m[..., 0], i[:1]),
    "ds-mask-axis-order": lambda m, i: (np.moveaxis(m, -1, 0), i),
    "ds-mask-count": lambda m, i: (m, i[:2]),
    "ds-mask-unreadable": fail,
    "ds-polygon-outside": outside,
    "ds-mask-empty": lambda m, i: (m & (np.arange(3) > 0), i),
    "ds-mask-full": lambda m, i: (m | (np.arange(3) == 0), i),
    "ds-mask-nonbinary": smooth,
    "ds-mask-labelmap": label_map,
    "ds-mask-dup": lambda m, i: (m[..., [0, 0, 1]], i[[0, 0, 1]]),
    "cd-class-id-range": lambda m, i: (m, i + 80),
    "cd-class-id-zero": lambda m, i: (m, i - i),
    "cd-background-images": lambda m, i: (m[..., :0], i[:0]),
}
ROWS = list(dict.fromkeys([*FILES, *IMAGES, *MASKS]))
DECLARED = {
    "ds-category-background", "ds-category-name", "ds-category-dup", "ds-id-dup-image", "cd-class-redefined",
    "cd-source-unknown", "cd-class-count", "ds-leak-train-val",
}  # fmt: skip


def test_all_faults_of_a_dataset_at_once(tmp_path):
    train, val = Everything(tmp_path), Parts(tmp_path, 7)
    Path(val.image_info[0]["path"]).write_bytes(Path(train.image_info[-4]["path"]).read_bytes())
    findings = judged(train, val, Fitting())
    found = {each.code for each in findings}
    assert sorted({*ROWS, *DECLARED} - found) == []
    assert "check-failed" not in found
    for code in ROWS:
        (mine,) = [each for each in findings if each.code == code and each.where in ("train", "")]
        if code != "ds-channels-mixed":
            name = Path(train.image_info[ROWS.index(code)]["path"]).name
            assert name in mine.message, "its own image is named"


def broken_coco(content):
    """Every fault of COCO annotations, each in an annotation of its own."""
    good, image = content["annotations"][0], content["images"][0]["id"]
    square = [20, 20, 60, 20, 60, 60, 20, 60]

    def add(number, **values):
        entry = {**good, "id": number, "image_id": image, "segmentation": [square], "bbox": [20, 20, 40, 40], **values}
        content["annotations"].append({key: value for key, value in entry.items() if value != "absent"})

    add(100, segmentation=[[44033, 5, 44050, 5, 44050, 30]], bbox=None)
    add(101, segmentation=[[90, 10, 128.7, 10, 128.7, 60]], bbox=None)
    add(102, segmentation=[[0.1, 0.1, 0.9, 0.1, 0.9, 0.8]], bbox=None)
    add(103, segmentation=[[1, 1, 2, 2]], bbox=None)
    add(104, bbox=[20, 20, 60, 60], segmentation=[[20, 20, 60, 20, 60, 60, 20, 60]])
    add(105, bbox=[20, 20, 0, 40])
    add(106, segmentation=[])
    add(107, segmentation=counts((64, 64), 64 * 64), bbox=None)
    add(108, segmentation=counts(SIZE, 999), bbox=None)
    add(109, image_id=777)
    add(110, category_id=91)
    add(111, iscrowd=1)
    add(100)
    add("absent", segmentation=7)
    content["annotations"].append("text")
    content["categories"] += [
        {"id": 20, "name": "background"}, {"id": 21, "name": "bolt"}, {"id": 22, "name": "a, b"},
        {"id": 3, "name": "x"},
    ]  # fmt: skip
    content["images"].append({**content["images"][1]})
    content["images"].append({"id": 55, "file_name": "gone.png", "width": 128, "height": 128})


COCO_CODES = {
    "ds-polygon-outside", "ds-polygon-edge", "ds-polygon-normalized", "ds-polygon-degenerate", "ds-bbox-nonpositive",
    "ds-segmentation-missing", "ds-rle-size", "ds-rle-counts", "ds-ann-image-unknown", "ds-category-unknown",
    "ds-crowd-polygon", "ds-id-dup-ann", "ds-json-invalid", "ds-category-background", "ds-category-dup",
    "ds-category-name", "ds-id-dup-image", "ds-file-missing", "cd-class-count",
}  # fmt: skip


@pytest.mark.parametrize("fast", [False, True])
def test_all_faults_of_a_coco_file_at_once(tmp_path, fast):
    findings = judged(coco(tmp_path, broken_coco), coco(tmp_path, seed=5), Fitting(), fast=fast)
    assert sorted(COCO_CODES - {each.code for each in findings}) == []
    assert "check-failed" not in {each.code for each in findings}


def test_what_the_scan_finds_is_not_hidden_by_what_the_loader_found(tmp_path):
    """A sound COCO file over files of which one is cut and another is missing."""
    own = tmp_path / "coco0"
    own.mkdir()
    content = coco_content(own, count=4)
    (own / content["images"][0]["file_name"]).unlink()
    cut({"path": own / content["images"][1]["file_name"]})
    (own / "a.json").write_text(json.dumps(content))
    findings = judged(load_dataset(own / "a.json"), None)
    texts = {each.code: each.message for each in findings}
    assert content["images"][0]["file_name"] in texts["ds-file-missing"]
    assert content["images"][1]["file_name"] in texts["ds-file-unreadable"]


def test_swapped_sizes_are_reported_of_a_photograph_and_of_a_recorded_size(tmp_path):
    """The loader sees the first by its outlines, the scan sees the second by its pixels."""
    own = tmp_path / "coco0"
    own.mkdir()
    content = coco_content(own, count=3, size=(128, 160))
    save(own / "phone.jpg", noise(WIDE, seed=4), 6)
    content["images"][0].update(file_name="phone.jpg", width=128, height=96)
    transposed(content)
    content["images"][1].update(width=128, height=160)
    (own / "a.json").write_text(json.dumps(content))
    found = [each for each in judged(load_dataset(own / "a.json"), None) if each.code == "ds-size-transposed"]
    assert ["phone.jpg" in found[0].message, content["images"][1]["file_name"] in found[1].message] == [True, True]


def test_label_maps_and_images_of_one_set_are_both_reported(tmp_path):
    """One map is no image, another is cut; one photograph is cut: the same code, three files."""
    images, maps = tmp_path / "images", tmp_path / "masks"
    images.mkdir()
    maps.mkdir()
    for number in range(6):
        save(images / f"{number}.png", noise(seed=number))
        save(maps / f"{number}_mask.png", (rectangles(BOXES) * [1, 2, 3]).max(axis=2).astype(np.uint8))
    (maps / "0_mask.png").write_bytes(b"not an image")
    for path in (maps / "1_mask.png", images / "2.png"):
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    findings = judged(load_dataset(tmp_path), None, configured(NUM_CLASSES=2))
    told = " ".join(each.message for each in findings if each.severity == Severity.ERROR)
    assert "0_mask.png" in told
    assert "1_mask.png" in told or '"1.png"' in told
    assert '"2.png"' in told


def test_the_same_data_to_train_and_validate_on_is_one_finding_a_fault(tmp_path):
    data = Parts(tmp_path)
    data.image_info[1]["path"] = str(tmp_path / "gone.png")
    findings = [each for each in judged(data, data) if each.severity == Severity.ERROR]
    assert [each.code for each in findings] == ["ds-file-missing"]
