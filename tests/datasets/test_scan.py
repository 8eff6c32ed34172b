"""The scan: facts of images and masks, and faults as texts with codes."""

import hashlib

import numpy as np
import pytest
from PIL import Image, ImageOps

from mrcnn_roi.datasets import Dataset, load_dataset, scan_dataset

from .builders import annotation, coco_file, image_file, label_map_file

IMAGE = np.zeros((8, 9, 3), np.uint8)
MASK = np.zeros((8, 9, 2), bool)
MASK[1:4, 2:7, 0] = True
MASK[5:8, 0:9, 1] = True
IDS = np.array([1, 2], np.int32)


class InMemory(Dataset):
    """Returns what it was given, or raises it."""

    def __init__(self, *samples):
        super().__init__()
        self.samples = samples
        self.add_class("memory", 1, "one")
        self.add_class("memory", 2, "two")
        for index in range(len(samples)):
            self.add_image("memory", f"img{index}", path=None)
        self.prepare()

    def load_image(self, image_id):
        return self.given(self.samples[image_id][0])

    def load_mask(self, image_id):
        return self.given(self.samples[image_id][1])

    @staticmethod
    def given(value):
        if isinstance(value, Exception):
            raise value
        return value


def test_instances_are_flat():
    background = (np.zeros((8, 9, 0), bool), np.zeros(0, np.int32))
    scan = scan_dataset(InMemory((IMAGE, (MASK, IDS)), (IMAGE + 7, background), (IMAGE, (MASK[..., :1], [-2]))))
    assert scan.class_names == ["BG", "one", "two"]
    assert scan.num_classes == 3
    assert scan.names == ["img0", "img1", "img2"]
    assert scan.image_keys == ["memory.img0", "memory.img1", "memory.img2"]
    assert scan.instance_image.tolist() == [0, 0, 2]
    assert scan.instance_index.tolist() == [0, 1, 0]
    assert scan.class_id.tolist() == [1, 2, -2]
    assert scan.box.tolist() == [[1, 2, 4, 7], [5, 0, 8, 9], [1, 2, 4, 7]]
    assert scan.mask_area.tolist() == [15, 27, 15]
    assert scan.instance_names == ["instance 1", "instance 2", "instance 1"]
    assert scan.instances_known.all()
    assert scan.height.tolist() == [8, 8, 8]
    assert scan.width.tolist() == [9, 9, 9]
    assert scan.channels.tolist() == [3, 3, 3]
    assert scan.dtype == ["uint8"] * 3
    assert scan.dtype_max.tolist() == [255] * 3
    assert scan.value_max.tolist() == [0, 7, 0]
    assert scan.channel_mean[1, :3].tolist() == [7, 7, 7]
    assert np.isnan(scan.channel_mean[:, 3]).all()
    assert scan.paths == ["", "", ""]
    assert scan.image_errors == scan.mask_errors == {}


@pytest.mark.parametrize(
    "image, channels, dtype_max",
    [
        (np.ones((8, 9), np.uint8), 0, 255),
        (np.ones((8, 9, 1), bool), 1, 1),
        (np.ones((8, 9, 5), np.uint16), 5, 65535),
        (np.ones((8, 9, 3), np.float32), 3, np.inf),
    ],
)
def test_images_of_any_kind(image, channels, dtype_max):
    scan = scan_dataset(InMemory((image, (MASK, IDS))))
    assert scan.channels.tolist() == [channels]
    assert scan.dtype_max.tolist() == [dtype_max]
    assert scan.image_errors == scan.mask_errors == {}


LOADED = {
    "rank": ((MASK[..., 0], [1]), "ds-mask-rank", "[8, 9], expected [H, W, N]"),
    "axes": ((np.moveaxis(MASK, -1, 0), IDS), "ds-mask-axis-order", "[N, H, W]"),
    "axes and count": ((np.moveaxis(MASK, -1, 0), IDS[:1]), "ds-mask-shape", "[2, 8, 9]"),
    "transposed": ((MASK.transpose(1, 0, 2), IDS), "ds-mask-shape", "[9, 8, 2], expected"),
    "more masks": ((MASK, IDS[:1]), "ds-mask-count", "2 masks but 1 class ids"),
    "no masks": ((MASK[..., :0], IDS), "ds-mask-count", "0 masks but 2 class ids"),
    "ids of rank 2": ((MASK, IDS[None]), "ds-mask-count", "[1, 2], expected [N]"),
    "ids of text": ((MASK, ["1", "2"]), "ds-mask-count", "not numbers"),
    "not a pair": (MASK, "", "ValueError"),
    "nothing": (None, "", "TypeError"),
    "raises": (IndexError("index 1280 is out of bounds"), "", "IndexError: index 1280"),
}


@pytest.mark.parametrize("loaded, code, words", LOADED.values(), ids=LOADED)
def test_masks_that_do_not_fit(loaded, code, words):
    scan = scan_dataset(InMemory((IMAGE, (MASK, IDS)), (IMAGE, loaded)))
    assert scan.mask_error_codes == {1: code}
    assert words in scan.mask_errors[1]
    assert scan.instances_known.tolist() == [True, False]
    assert scan.num_instances == 2


def test_a_cube_is_read_by_its_class_ids():
    """N == H == W: nothing but the count of class ids tells the axes apart."""
    cube = np.zeros((8, 8, 8), bool)
    assert scan_dataset(InMemory((IMAGE[:, :8], (cube, np.ones(8, int))))).mask_errors == {}


def test_the_default_load_mask_is_an_image_without_objects():
    empty = (np.empty([0, 0, 0]), np.empty([0], np.int32))
    scan = scan_dataset(InMemory((IMAGE, empty)))
    assert scan.mask_errors == {}
    assert scan.instances_known.tolist() == [True]


@pytest.mark.parametrize("image", [None, "a.png", np.zeros(5), np.zeros((0, 5, 3)), OSError("gone")])
def test_images_that_do_not_load(image):
    scan = scan_dataset(InMemory((image, (MASK, IDS)), (IMAGE, (MASK, IDS))))
    assert list(scan.image_errors) == [0]
    assert scan.height.tolist() == [-1, 8]
    assert scan.num_instances == 4, "masks are measured all the same"


def test_values_of_masks_that_are_not_bool():
    grey = MASK.astype(np.uint8) * 255
    grey[0, 0, 0] = 100
    scan = scan_dataset(InMemory((IMAGE, (grey, IDS)), (IMAGE, (MASK, IDS))))
    assert scan.mask_distinct.tolist() == [3, -1]
    assert scan.mask_max[0] == 255
    assert scan.mask_dtype == ["uint8", "bool"]
    assert scan.mask_area[0] == 16


def test_empty_and_repeated_masks():
    masks = np.stack([MASK[..., 0], np.zeros((8, 9), bool), MASK[..., 0], MASK[..., 0], np.zeros((8, 9), bool)], -1)
    scan = scan_dataset(InMemory((IMAGE, (MASK, IDS)), (IMAGE, (masks, [1, 1, 1, 2, 1]))))
    assert scan.mask_area.tolist() == [15, 27, 15, 0, 15, 15, 0]
    assert scan.box[3].tolist() == [0, 0, 0, 0]
    assert scan.duplicate_of.tolist() == [-1, -1, -1, -1, 2, -1, -1]


def test_facts_of_files(tmp_path):
    dataset = Dataset()
    dataset.add_class("x", 1, "thing")
    paths = [
        image_file(tmp_path / "a.png", mode="RGBA"),
        image_file(tmp_path / "b.jpg", exif=6),
        image_file(tmp_path / "c.jpg", exif=3),
        tmp_path / "d.png",
    ]
    (tmp_path / "d.png").write_bytes(b"\x89PNG")
    for index, path in enumerate(paths):
        dataset.add_image("x", index, str(path), height=40, width=60)
    dataset.add_image("x", 4, str(tmp_path / "e.png"))
    dataset.prepare()
    scan = scan_dataset(dataset)
    assert scan.mode == ["RGBA", "RGB", "RGB", "", ""]
    assert scan.file_format == ["PNG", "JPEG", "JPEG", "", ""]
    assert scan.exif_orientation.tolist() == [1, 6, 3, 0, 0]
    assert scan.exif_applied.tolist() == [1, 0, 0, -1, -1]
    assert scan.declared_height.tolist() == [40, 40, 40, 40, -1]
    assert scan.declared_width.tolist() == [60, 60, 60, 60, -1]
    assert scan.sha1[0] == hashlib.sha1(paths[0].read_bytes()).hexdigest()
    assert scan.image_error_codes == {3: "ds-file-unreadable", 4: "ds-file-missing"}
    assert "d.png" in scan.image_errors[3]
    assert not scan.alpha_varies.any()
    fast = scan_dataset(dataset, fast=True)
    assert fast.image_error_codes == scan.image_error_codes
    assert fast.height.tolist() == [40, 40, 40, 40, -1]
    assert fast.exif_applied.tolist() == [1, 0, 0, -1, -1]
    assert not fast.instances_known.any(), "only load_mask knows"


def test_a_class_that_loads_images_itself_may_use_path_as_it_likes():
    dataset = InMemory((IMAGE, (MASK, IDS)))
    dataset.image_info[0]["path"] = "made up"
    for fast in (False, True):
        scan = scan_dataset(dataset, fast=fast)
        assert scan.image_errors == {}
        assert scan.channels.tolist() == [-1 if fast else 3]


def test_fast_equals_full_for_annotation_files(tmp_path):
    second = [[31.5, 2.2, 58, 3, 44, 37.7]]
    path = coco_file(tmp_path, [annotation(), annotation(id=2, segmentation=second, bbox=None)])
    dataset = load_dataset(path)
    full, fast = scan_dataset(dataset), scan_dataset(dataset, fast=True)
    assert fast.fast
    assert not full.fast
    for name in ("height", "width", "channels", "class_id", "instance_image", "instances_known", "exif_applied"):
        np.testing.assert_array_equal(getattr(fast, name), getattr(full, name))
    assert np.abs(fast.box - full.box).max() <= 2, "the tip of the triangle is thinner than a pixel"
    np.testing.assert_array_equal(fast.box[0], full.box[0])
    assert fast.mask_area.tolist() == [-1, -1]
    assert full.instance_names == ["annotation 1", "annotation 2"]


def test_large_sets_are_sampled(tmp_path):
    images = [{"id": index, "file_name": f"{index}.png", "height": 40, "width": 60} for index in range(8)]
    records = [annotation(id=index, image_id=index) for index in range(8)]
    dataset = load_dataset(coco_file(tmp_path, records, images))
    scan = scan_dataset(dataset, limit=3)
    assert scan.read.sum() == 3
    assert (scan.mask_area > 0).tolist() == scan.read.tolist()
    assert scan.height.tolist() == [40] * 8
    assert scan.num_instances == 8
    np.testing.assert_array_equal(scan_dataset(dataset, limit=3).read, scan.read)
    assert scan_dataset(dataset, limit=None).read.all()


def test_progress_grows_to_the_number_of_images(monkeypatch):
    monkeypatch.setattr("mrcnn_roi.datasets.scan_reading.TOLD", 0)
    seen = []
    images = InMemory(*[(IMAGE, (MASK, IDS))] * 3)
    scan_dataset(images, workers=1, progress=lambda done, total: seen.append((done, total)))
    assert seen == [(1, 3), (2, 3), (3, 3)]


def test_empty_and_unprepared_datasets():
    dataset = InMemory()
    for _ in range(2):
        scan = scan_dataset(dataset)
        assert (scan.num_images, scan.num_instances) == (0, 0)
        assert scan.box.shape == (0, 4)
        assert scan.channel_mean.shape == (0, 16)
        dataset = Dataset()
        dataset.add_image("x", 1, "a.png")


def test_users_classes_are_scanned_in_one_thread():
    import threading

    threads = set()

    class Watched(InMemory):
        def load_image(self, image_id):
            threads.add(threading.get_ident())
            return super().load_image(image_id)

    scan_dataset(Watched(*[(IMAGE, (MASK, IDS))] * 3), workers=1)
    assert threads == {threading.get_ident()}


def test_a_damaged_map_does_not_hide_a_damaged_image_or_another_map(tmp_path):
    for name in "abcd":
        image_file(tmp_path / "images" / f"{name}.png", seed=ord(name))
        label_map_file(tmp_path / "masks" / f"{name}.png")
    (tmp_path / "masks" / "a.png").write_bytes(b"no picture")
    whole = (tmp_path / "images" / "b.png").read_bytes()
    (tmp_path / "images" / "b.png").write_bytes(whole[: len(whole) // 2])
    cut = (tmp_path / "masks" / "c.png").read_bytes()
    (tmp_path / "masks" / "c.png").write_bytes(cut[:60])
    dataset = load_dataset(tmp_path / "masks", tmp_path / "images")
    scan = scan_dataset(dataset)
    assert [finding.code for finding in dataset.annotation_problems] == ["ds-file-unreadable"]
    assert scan.image_error_codes == {1: "ds-file-unreadable"}
    assert scan.mask_error_codes == {2: "ds-file-unreadable"}


def test_a_label_map_for_several_class_ids_is_told_from_a_missing_mask():
    numbered = (MASK * np.arange(1, 3)).max(axis=2, keepdims=True).astype(np.uint8)
    scan = scan_dataset(InMemory((IMAGE, (numbered, IDS)), (IMAGE, (MASK[..., :1], IDS))))
    assert scan.mask_error_codes == {0: "ds-mask-labelmap", 1: "ds-mask-count"}


@pytest.mark.parametrize("apply, code", [(False, 0), (True, 1)])
def test_whether_a_class_of_ones_own_turns_an_image_is_seen_in_its_pixels(tmp_path, apply, code):
    class Own(InMemory):
        def load_image(self, image_id):
            with Image.open(self.image_info[image_id]["path"]) as image:
                return np.array(ImageOps.exif_transpose(image) if apply else image)

    dataset = Own((None, (MASK, IDS)))
    dataset.image_info[0]["path"] = str(image_file(tmp_path / "a.png", 8, 9, exif=3))
    assert scan_dataset(dataset).exif_applied.tolist() == [code]
