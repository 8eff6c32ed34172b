"""One-PNG-an-instance folders: layouts, classes, and what is wrong with single masks."""

import contextlib
import io

import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from mrcnn_roi.datasets import instance_masks, label_map, load_dataset, scan_dataset
from mrcnn_roi.datasets.instance_mask_files import FLAT, FOLDERS, STEMS, owner_of
from mrcnn_roi.datasets.instance_mask_pixels import mask_header, read_mask
from mrcnn_roi.datasets.instance_masks import InstanceMaskDataset
from mrcnn_roi.datasets.label_map import LabelMapDataset
from mrcnn_roi.datasets.source import Source
from mrcnn_roi.findings import SetupError, Severity

from .builders import codes, image_file, label_map_file

BOXES = ((5, 15, 5, 15), (20, 30, 20, 50))  # y1, y2, x1, x2


def mask_file(path, box=BOXES[0], height=40, width=60, value=255):
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.zeros((height, width), np.uint8)
    pixels[box[0] : box[1], box[2] : box[3]] = value
    Image.fromarray(pixels).save(path)
    return path


def nested(root, names=("a", "b"), masks=("x.png", "y.png")):
    for seed, name in enumerate(names):
        image_file(root / name / "images" / f"{name}.png", seed=seed)
        for mask, box in zip(masks, BOXES):
            mask_file(root / name / "masks" / mask, box)
    return root


def by_stem(root, names=("a", "b"), masks=("x.png", "y.png")):
    for seed, name in enumerate(names):
        image_file(root / "photos" / f"{name}.jpg", seed=seed)
        for mask, box in zip(masks, BOXES):
            mask_file(root / "masks" / name / mask, box)
    return root


def flat(root, names=("a", "b"), masks=("1.png", "2.png"), folder="masks"):
    for seed, name in enumerate(names):
        image_file(root / "images" / f"{name}.jpg", seed=seed)
        for mask, box in zip(masks, BOXES):
            mask_file(root / folder / f"{name}_{mask}", box)
    return root


LAYOUTS = [(nested, FOLDERS), (by_stem, STEMS), (flat, FLAT)]


@pytest.mark.parametrize("make, kind", LAYOUTS)
def test_layouts(tmp_path, make, kind):
    make(tmp_path)
    assert instance_masks.recognise(Source(tmp_path)).kind == kind
    dataset = load_dataset(tmp_path, class_name="nucleus")
    assert isinstance(dataset, InstanceMaskDataset)
    assert dataset.class_names == ["BG", "nucleus"]
    assert [info["id"] for info in dataset.image_info] == ["a", "b"]
    assert dataset.annotation_problems == []
    masks, class_ids = dataset.load_mask(1)
    assert masks.shape == (40, 60, 2)
    assert masks.dtype == bool
    assert [masks[y1:y2, x1:x2, k].all() for k, (y1, y2, x1, x2) in enumerate(BOXES)] == [True, True]
    assert masks.sum() == 100 + 300
    assert class_ids.tolist() == [1, 1]
    assert class_ids.dtype == np.int32
    assert dataset.load_boxes(0)[0].tolist() == [[5, 5, 15, 15], [20, 20, 30, 50]]
    assert dataset.load_image(0).shape == (40, 60, 3)
    assert [name[-5] for name in dataset.instance_names(0)] == (["1", "2"] if make is flat else ["x", "y"])
    for fast in (False, True):
        scan = scan_dataset(dataset, fast=fast)
        assert (scan.num_images, scan.num_instances) == (2, 4)
        assert scan.image_errors == scan.mask_errors == {}


@pytest.mark.parametrize("make, kind", LAYOUTS[1:])
def test_both_folders_named(tmp_path, make, kind):
    make(tmp_path)
    images = tmp_path / ("photos" if make is by_stem else "images")
    dataset = load_dataset(tmp_path / "masks", images)
    assert isinstance(dataset, InstanceMaskDataset)
    assert dataset.class_names == ["BG", "object"]
    assert dataset.load_mask(0)[0].shape[2] == 2


def test_the_folder_above_the_set(tmp_path):
    nested(tmp_path / "stage1_train")
    with pytest.raises(SetupError, match="stage1_train"):
        load_dataset(tmp_path)


# ---- one-PNG-an-instance or label maps


def label_maps(root):
    for name in "ab":
        image_file(root / "images" / f"{name}.jpg")
        label_map_file(root / "masks" / f"{name}.png")


def binary_maps(root, ending="_mask"):
    """Label maps in which every image has one object: one binary file an image."""
    for name in "ab":
        image_file(root / "images" / f"{name}.jpg")
        mask_file(root / "masks" / f"{name}{ending}.png")


def numbered_images(root):
    """Images a and a_1, with a label map each."""
    for name in ("a", "a_1", "a_2"):
        image_file(root / "images" / f"{name}.jpg")
        label_map_file(root / "masks" / f"{name}.png")


def maps_of_an_odd_name(root):
    """One file an image, of one object: a_class.png is a map that nobody knows by its name."""
    binary_maps(root, "_class")


def split_of_label_maps(root):
    for part in ("train", "val"):
        image_file(root / part / "images" / "a.jpg")
        label_map_file(root / part / "masks" / "a.png")


def several_maps_an_image(root):
    for name in "ab":
        image_file(root / "images" / f"{name}.jpg")
        for number in "12":
            label_map_file(root / "masks" / f"{name}_{number}.png")


@pytest.mark.parametrize(
    "make, expected",
    [
        (nested, InstanceMaskDataset),
        (by_stem, InstanceMaskDataset),
        (flat, InstanceMaskDataset),
        (label_maps, LabelMapDataset),
        (binary_maps, LabelMapDataset),
        (numbered_images, LabelMapDataset),
        (maps_of_an_odd_name, None),
        (split_of_label_maps, None),
        (several_maps_an_image, None),
    ],
)
def test_the_two_are_told_apart(tmp_path, make, expected):
    make(tmp_path)
    recognised = [each for each in (instance_masks, label_map) if each.recognise(Source(tmp_path)) is not None]
    assert recognised == [each for each in (instance_masks, label_map) if expected and each.NAME == expected.SOURCE]
    if expected:
        assert type(load_dataset(tmp_path)) is expected
    else:
        with pytest.raises(SetupError):
            load_dataset(tmp_path)


@pytest.mark.parametrize(
    "stem, images, expected",
    [
        ("a_1", {"a"}, ("a", "1")),
        ("a_cell_001", {"a"}, ("a", "cell_001")),
        ("a_b_1", {"a", "a_b"}, ("a_b", "1")),
        ("a-1", {"a"}, ("a", "1")),
        ("a (1)", {"a"}, ("a", "(1)")),
        ("a", {"a"}, ("a", "")),
        ("ab", {"a"}, None),
        ("_1", {"a"}, None),
        ("", {"a"}, None),
    ],
)
def test_the_image_of_a_mask(stem, images, expected):
    assert owner_of(stem, images) == expected


# ---- classes


def test_classes_by_folder(tmp_path):
    nested(tmp_path, masks=("m/x.png", "k/y.png"))
    dataset = load_dataset(tmp_path)
    assert dataset.class_names == ["BG", "k", "m"]
    assert dataset.load_mask(0)[1].tolist() == [2, 1]


def test_flat_masks_in_folders_of_classes(tmp_path):
    for name in "ab":
        image_file(tmp_path / "images" / f"{name}.jpg")
        mask_file(tmp_path / "masks" / "nut" / f"{name}_1.png")
        mask_file(tmp_path / "masks" / "bolt" / f"{name}.png", BOXES[1])
    dataset = load_dataset(tmp_path)
    assert dataset.class_names == ["BG", "bolt", "nut"]
    assert dataset.load_mask(0)[1].tolist() == [1, 2]
    assert dataset.load_mask(0)[0].sum(axis=(0, 1)).tolist() == [300, 100]


@pytest.mark.parametrize("make", [nested, by_stem, flat])
def test_classes_by_prefix(tmp_path, make):
    make(tmp_path, masks=("red_cell_001.png", "cell12.png"))
    dataset = load_dataset(tmp_path, class_from="prefix")
    assert dataset.class_names == ["BG", "cell", "red_cell"]
    assert sorted(dataset.load_mask(0)[1].tolist()) == [1, 2]


def test_masks_without_a_prefix(tmp_path):
    dataset = load_dataset(flat(tmp_path), class_from="prefix", class_name="nut")
    assert dataset.class_names == ["BG", "nut"]


def test_class_names_fix_the_order(tmp_path):
    nested(tmp_path, masks=("m/x.png", "k/y.png"))
    dataset = load_dataset(tmp_path, class_names=["z", "m"])
    assert dataset.class_names == ["BG", "z", "m", "k"]
    with pytest.raises(ValueError, match="expected class_from=\"prefix\" or None, received 'folder'"):
        load_dataset(tmp_path, class_from="folder")
    with pytest.raises(ValueError, match="differ from one another"):
        load_dataset(tmp_path, class_names=["m", "m"])


def test_a_background_class_is_reported(tmp_path):
    nested(tmp_path, masks=("background/x.png", "k/y.png"))
    assert codes(load_dataset(tmp_path).annotation_problems) == ["ds-category-background"]


# ---- kinds of mask files


def pixels_of(mode):
    """A mask of the first box in a Pillow mode."""
    grey = np.zeros((40, 60), np.uint8)
    grey[5:15, 5:15] = 255
    full = np.full_like(grey, 255)
    photo = np.random.default_rng(0).integers(0, 255, (40, 60, 3), dtype=np.uint8)
    return {
        "1": lambda: Image.fromarray(grey).convert("1"),
        "L": lambda: Image.fromarray(grey),
        "L of 1": lambda: Image.fromarray(grey // 255),
        "16 bits": lambda: Image.fromarray((grey // 255).astype(np.uint16) * 40000),
        "RGB": lambda: Image.fromarray(np.stack([grey] * 3, axis=2)),
        "red": lambda: Image.fromarray(np.stack([grey, 0 * grey, 0 * grey], axis=2)),
        "RGBA of constant alpha": lambda: Image.fromarray(np.stack([grey] * 3 + [full], axis=2)),
        "cut out": lambda: Image.fromarray(np.concatenate([photo, grey[..., None]], axis=2)),
        "LA": lambda: Image.fromarray(np.stack([full, grey], axis=2)),
        "palette": lambda: Image.fromarray(grey).convert("P"),
        "palette, object first": lambda: _palette(grey),
        "smooth": lambda: Image.fromarray(np.maximum(grey, np.where(np.roll(grey, 1, 0), 90, 0).astype(np.uint8))),
    }[mode]()


def _palette(grey):
    """A palette of white and black, so that the object has the index 0."""
    picture = Image.frombytes("P", (60, 40), (grey == 0).astype(np.uint8).tobytes())
    picture.putpalette([255, 255, 255, 0, 0, 0])
    return picture


MODES = ["1", "L", "L of 1", "16 bits", "RGB", "red", "RGBA of constant alpha", "cut out", "LA", "palette"]


@pytest.mark.parametrize("mode", [*MODES, "palette, object first", "smooth"])
def test_modes(tmp_path, mode):
    pixels_of(mode).save(tmp_path / "a.png")
    mask = read_mask(str(tmp_path / "a.png"))
    assert mask.dtype == bool
    expected = np.zeros((40, 60), bool)
    expected[5:15, 5:15] = True
    np.testing.assert_array_equal(mask, expected)
    assert mask_header(str(tmp_path / "a.png"))[:2] == (40, 60)


@pytest.mark.parametrize("suffix", [".bmp", ".tif", ".gif", ".jpg"])
def test_other_files(tmp_path, suffix):
    path = tmp_path / f"a{suffix}"
    pixels = np.zeros((48, 64), np.uint8)
    pixels[8:16, 8:24] = 255
    Image.fromarray(pixels).save(path)
    np.testing.assert_array_equal(read_mask(str(path)), pixels > 0)
    assert mask_header(str(path))[:2] == (48, 64)


def test_smooth_masks_are_a_warning(tmp_path):
    nested(tmp_path)
    pixels_of("smooth").save(tmp_path / "a" / "masks" / "x.png")
    dataset = load_dataset(tmp_path)
    (finding,) = dataset.annotation_problems
    assert (finding.code, finding.severity) == ("ds-mask-nonbinary", Severity.WARNING)
    assert finding.message.startswith("1 of 4 sampled masks: ")
    assert "mask x.png: 3 values" in finding.message
    assert dataset.load_mask(0)[0][..., 0].sum() == 100


# ---- what is wrong


def refused(dataset, image_id, code, *words):
    with pytest.raises(SetupError) as caught:
        dataset.load_mask(image_id)
    (finding,) = caught.value.findings
    assert finding.code == code
    for word in words:
        assert word in f"{finding.where}: {finding.message}"


@pytest.mark.parametrize("make, kind", LAYOUTS)
def test_masks_of_another_size(tmp_path, make, kind):
    make(tmp_path, names="abc")
    files = sorted(tmp_path.rglob("*.png"))
    masks = [each for each in files if "mask" in str(each.relative_to(tmp_path))]
    mask_file(masks[1], height=20, width=30)  # one of a's two
    for path in masks[2:4]:  # all of b's
        mask_file(path, height=60, width=50)
    dataset = load_dataset(tmp_path)
    (finding,) = dataset.annotation_problems
    assert (finding.code, finding.severity) == ("ds-mask-shape", Severity.ERROR)
    assert f"{masks[1].name}: 30 x 20 pixels, the image 60 x 40" in finding.message
    assert "2 masks: 50 x 60 pixels, the image 60 x 40" in finding.message
    refused(dataset, 0, "ds-mask-shape", str(masks[1]), "30 x 20 pixels", "60 x 40")
    refused(dataset, 1, "ds-mask-shape", masks[2].name, "50 x 60 pixels")
    assert dataset.load_mask(2)[0].shape == (40, 60, 2)
    scan = scan_dataset(dataset)
    assert scan.mask_errors == {}
    assert scan.instances_known.tolist() == [False, False, True]


def test_damaged_masks(tmp_path):
    nested(tmp_path, names="abc")
    (tmp_path / "a" / "masks" / "x.png").write_bytes(b"")
    cut = tmp_path / "b" / "masks" / "y.png"
    cut.write_bytes(cut.read_bytes()[:45])
    dataset = load_dataset(tmp_path)
    (finding,) = dataset.annotation_problems
    assert finding.code == "ds-file-unreadable"
    assert "image a.png, mask x.png" in finding.message
    refused(dataset, 0, "ds-file-unreadable", "x.png")
    refused(dataset, 1, "ds-file-unreadable", "y.png")
    scan = scan_dataset(dataset)
    assert list(scan.mask_errors) == [1]
    assert dataset.load_mask(2)[0].shape == (40, 60, 2)


def test_label_maps_and_pictures_among_the_masks(tmp_path):
    nested(tmp_path, names="abc")
    label_map_file(tmp_path / "a" / "masks" / "x.png")
    image_file(tmp_path / "b" / "masks" / "x.png")
    dataset = load_dataset(tmp_path)
    refused(dataset, 0, "ds-mask-labelmap", "x.png", "2 objects")
    refused(dataset, 1, "ds-file-unreadable", "x.png", "colours")
    assert scan_dataset(dataset).mask_error_codes == {0: "ds-mask-labelmap", 1: "ds-file-unreadable"}


def test_a_mask_that_has_gone(tmp_path):
    dataset = load_dataset(nested(tmp_path))
    assert dataset.scan_key(0) is not None
    (tmp_path / "a" / "masks" / "x.png").unlink()
    refused(dataset, 0, "ds-file-missing", "x.png")
    assert dataset.scan_key(0) is None


def test_an_empty_mask_is_an_instance_without_pixels(tmp_path):
    nested(tmp_path)
    mask_file(tmp_path / "a" / "masks" / "x.png", value=0)
    dataset = load_dataset(tmp_path)
    scan = scan_dataset(dataset)
    assert scan.mask_area.tolist() == [0, 300, 100, 300]
    assert list(scan.instance_names[:1]) == ["x.png"]


def test_images_without_a_folder_of_masks(tmp_path):
    nested(tmp_path, names="abcd")
    for path in (tmp_path / "b" / "masks").iterdir():
        path.unlink()
    for path in (tmp_path / "c" / "masks").iterdir():
        path.unlink()
    (tmp_path / "c" / "masks").rmdir()
    (tmp_path / "d" / "images" / "d.png").unlink()
    dataset = load_dataset(tmp_path)
    by_code = {finding.code: finding for finding in dataset.annotation_problems}
    assert sorted(by_code) == ["ds-map-missing", "ds-map-unmatched"]
    assert "1 of 3 images" in by_code["ds-map-missing"].message
    assert "c.png: no folder masks/" in by_code["ds-map-missing"].message
    assert "folder d: masks without an image" in by_code["ds-map-unmatched"].message
    assert [info["id"] for info in dataset.image_info] == ["a", "b"]
    masks, class_ids = dataset.load_mask(1)  # an empty folder: an image without objects
    assert masks.shape == (40, 60, 0)
    assert class_ids.shape == (0,)


def test_a_test_set_without_masks(tmp_path):
    for name in "abc":
        image_file(tmp_path / name / "images" / f"{name}.png")
    dataset = load_dataset(tmp_path)
    (finding,) = dataset.annotation_problems
    assert (finding.code, finding.severity) == ("ds-map-missing", Severity.ERROR)
    assert "a test set?" in finding.message
    assert dataset.num_images == 3
    assert dataset.load_mask(0)[0].shape == (40, 60, 0)


def test_strays(tmp_path):
    by_stem(tmp_path / "one", names="abc")
    mask_file(tmp_path / "one" / "masks" / "nobody" / "x.png")
    mask_file(tmp_path / "one" / "masks" / "loose.png")
    image_file(tmp_path / "one" / "photos" / "a.png")
    image_file(tmp_path / "one" / "photos" / "lonely.png")
    found = load_dataset(tmp_path / "one").annotation_problems
    assert codes(found) == ["ds-id-dup-image", "ds-map-missing", "ds-map-unmatched"]
    flat(tmp_path / "two", names="abc")
    mask_file(tmp_path / "two" / "masks" / "nobody_1.png")
    image_file(tmp_path / "two" / "images" / "lonely.png")
    (tmp_path / "two" / "masks" / "notes.txt").write_text("")
    (tmp_path / "two" / "masks" / ".hidden_1.png").write_bytes(b"")
    found = load_dataset(tmp_path / "two").annotation_problems
    assert codes(found) == ["ds-map-missing", "ds-map-unmatched"]
    assert "nobody_1.png" in str(found)
    assert "lonely.png: no masks" in str(found)


def test_two_images_in_one_folder(tmp_path):
    nested(tmp_path, names="abc")
    image_file(tmp_path / "a" / "images" / "other.png")
    (finding,) = load_dataset(tmp_path).annotation_problems
    assert finding.code == "ds-id-dup-image"
    assert "a.png and other.png" in finding.message


def test_several_pairs_are_listed(tmp_path):
    for folder in ("m1", "m2"):
        flat(tmp_path, folder=folder)
    image_file(tmp_path / "photos" / "a.jpg")
    with pytest.raises(SetupError, match="2 pairs of folders .*images/ with masks m1/.*masks m2/"):
        instance_masks.recognise(Source(tmp_path))


def test_the_masks_decide_on_orientation(tmp_path):
    for name, size in (("turned", (60, 40)), ("stored", (40, 60))):
        image_file(tmp_path / name / "images" / f"{name}.jpg", 40, 60, exif=6)
        mask_file(tmp_path / name / "masks" / "1.png", height=size[0], width=size[1])
    dataset = load_dataset(tmp_path)
    assert dataset.annotation_problems == []
    assert [dataset.load_image(i).shape[:2] for i in (0, 1)] == [(40, 60), (60, 40)]
    assert [dataset.load_mask(i)[0].shape[:2] for i in (0, 1)] == [(40, 60), (60, 40)]


def test_scan_key_follows_the_mask_files(tmp_path):
    nested(tmp_path)
    keys = [load_dataset(tmp_path).scan_key(0)]
    assert load_dataset(tmp_path).scan_key(0) == keys[0]
    keys.append(load_dataset(tmp_path, class_name="nut").scan_key(0))
    mask_file(tmp_path / "a" / "masks" / "x.png", BOXES[1])
    keys.append(load_dataset(tmp_path).scan_key(0))
    mask_file(tmp_path / "a" / "masks" / "z.png", BOXES[1])
    keys.append(load_dataset(tmp_path).scan_key(0))
    assert len(set(keys)) == 4


# ---- any masks, any bytes


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    count=st.integers(1, 5),
    height=st.integers(1, 30),
    width=st.integers(1, 30),
    classes=st.lists(st.sampled_from(["cat", "dog"]), min_size=5, max_size=5),
    layout=st.sampled_from(["nested", "by_stem", "flat"]),
)
def test_round_trip(tmp_path_factory, seed, count, height, width, classes, layout):
    root, rng = tmp_path_factory.mktemp("round"), np.random.default_rng(seed)
    drawn = rng.random((2, count, height, width)) < 0.4
    for name, masks in zip("ab", drawn):
        folder = {"nested": root / name / "images", "by_stem": root / "images", "flat": root / "images"}[layout]
        image_file(folder / f"{name}.png", height, width)
        for k, mask in enumerate(masks):
            place = {"nested": f"{name}/masks", "by_stem": f"masks/{name}", "flat": "masks"}[layout]
            stem = f"{name}_" if layout == "flat" else ""
            path = root / place / f"{stem}{k}_{classes[k]}_7.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(mask if k % 2 else mask.astype(np.uint8) * 255).save(path)
    dataset = load_dataset(root, class_from="prefix", format="instance_masks")
    assert dataset.annotation_problems == []
    for image_id, masks in enumerate(drawn):
        loaded, class_ids = dataset.load_mask(image_id)
        np.testing.assert_array_equal(np.moveaxis(loaded, -1, 0), masks)
        assert [dataset.class_names[i] for i in class_ids] == [f"{k}_{classes[k]}" for k in range(count)]
        np.testing.assert_array_equal(dataset.load_boxes(image_id)[1], class_ids)


def png(pixels):
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


SOUND = png(np.eye(8, dtype=np.uint8) * 255)


@settings(max_examples=60, deadline=None)
@given(
    data=st.binary(max_size=80)
    | st.tuples(st.integers(0, len(SOUND)), st.binary(max_size=4)).map(
        lambda cut: SOUND[: cut[0]] + cut[1] + SOUND[cut[0] + len(cut[1]) :]
    ),
    name=st.sampled_from(["x.png", "x.jpg", "k/x.png", "x.tif"]),
)
def test_any_bytes(tmp_path_factory, data, name):
    root = tmp_path_factory.mktemp("bytes")
    image_file(root / "a" / "images" / "a.png", 8, 8)
    path = root / "a" / "masks" / name
    path.parent.mkdir(parents=True)
    path.write_bytes(data)
    dataset = load_dataset(root)
    for fast in (True, False):
        scan_dataset(dataset, fast=fast)
    with contextlib.suppress(SetupError):
        masks, class_ids = dataset.load_mask(0)
        assert masks.shape == (8, 8, 1)
        assert class_ids.tolist() == [1]


def test_the_mask_that_differs_from_the_image_is_blamed(tmp_path):
    image_file(tmp_path / "images" / "a.png", height=60, width=80)
    for name, size in (("m1", (30, 30)), ("m2", (60, 80)), ("m3", (30, 30))):
        mask_file(tmp_path / "masks" / "a" / f"{name}.png", height=size[0], width=size[1])
    dataset = load_dataset(tmp_path)
    (finding,) = dataset.annotation_problems
    assert finding.code == "ds-mask-shape"
    assert "2 of 3 masks" in finding.message
    for name in ("m1", "m3"):
        assert f"mask {name}.png: 30 x 30 pixels, the image 80 x 60" in finding.message
    assert "m2.png" not in finding.message


def test_masks_in_integer_tiffs(tmp_path):
    nested(tmp_path, names=["a"], masks=["x.tif"])
    (path,) = tmp_path.rglob("x.tif")
    pixels = np.zeros((40, 60), np.int32)
    pixels[5:15, 5:15] = 1
    tifffile.imwrite(path, pixels)
    assert np.array_equal(read_mask(str(path)), pixels > 0)
    tifffile.imwrite(path, -pixels)
    with pytest.raises(SetupError, match="the smallest of this one is -1"):
        read_mask(str(path))
