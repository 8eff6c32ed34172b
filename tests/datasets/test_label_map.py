"""Label maps: pairs of folders, numbers to instances."""

import numpy as np
import pytest
import tifffile
from PIL import Image, ImageDraw

from mrcnn_roi.datasets import load_dataset, scan_dataset
from mrcnn_roi.findings import SetupError, Severity

from .builders import codes, image_file, label_map_file


def pair(root, names=("a", "b"), maps="masks", ending="_mask", mode="L"):
    for seed, name in enumerate(names):
        image_file(root / "pictures" / f"{name}.jpg", seed=seed)
        label_map_file(root / maps / f"{name}{ending}.png", mode=mode)
    return root


@pytest.mark.parametrize("ending", ["", "_mask", "_masks", "_label", "_labels", "_instances", "_gt", "-Mask"])
def test_maps_match_by_stem(tmp_path, ending):
    dataset = load_dataset(pair(tmp_path, ending=ending))
    assert dataset.class_names == ["BG", "object"]
    assert [info["id"] for info in dataset.image_info] == ["a", "b"]
    assert dataset.annotation_problems == []
    masks, class_ids = dataset.load_mask(1)
    assert masks.shape == (40, 60, 2)
    assert masks.dtype == bool
    assert masks[5:15, 5:15, 0].all()
    assert masks[20:30, 20:50, 1].all()
    assert masks.sum() == 100 + 300
    assert class_ids.tolist() == [1, 1]
    assert class_ids.dtype == np.int32
    assert dataset.load_image(0).shape == (40, 60, 3)


def test_both_folders_named(tmp_path):
    pair(tmp_path)
    dataset = load_dataset(tmp_path / "masks", tmp_path / "pictures", class_name="nut")
    assert dataset.class_names == ["BG", "nut"]
    assert dataset.num_images == 2


def test_classes_of_instances(tmp_path):
    table = {"a": {2: "dog"}, "b": {1: "cat", 2: "cat"}}
    dataset = load_dataset(pair(tmp_path), class_name="ant", instance_classes=table)
    assert dataset.class_names == ["BG", "ant", "cat", "dog"]
    assert dataset.load_mask(0)[1].tolist() == [1, 3]
    assert dataset.load_mask(1)[1].tolist() == [2, 2]


def test_void_of_a_palette_is_no_instance(tmp_path):
    pair(tmp_path, names=["a"])
    path = tmp_path / "masks" / "a_mask.png"
    pixels = np.zeros((40, 60), np.uint8)
    pixels[5:15, 5:15] = 255
    pixels[7:13, 7:13] = 1
    for mode, count in (("L", 2), ("P", 1)):
        picture = Image.fromarray(pixels)
        if mode == "P":
            picture = Image.frombytes("P", (60, 40), pixels.tobytes())
            picture.putpalette(list(range(256)) * 3)
        picture.save(path)
        assert load_dataset(tmp_path).load_mask(0)[0].shape[2] == count


def test_one_object_of_255_and_16_bits(tmp_path):
    pair(tmp_path, names=["a", "b"])
    Image.fromarray(np.pad(np.full((9, 9), 255, np.uint8), 9)).save(tmp_path / "masks" / "a_mask.png")
    numbers = np.zeros((40, 60), np.uint16)
    numbers[3:9, 3:9], numbers[20:30, 3:9] = 256, 40000
    Image.fromarray(numbers).save(tmp_path / "masks" / "b_mask.png")
    dataset = load_dataset(tmp_path)
    assert dataset.load_mask(0)[0].sum() == 81
    assert dataset.load_mask(1)[0].sum(axis=(0, 1)).tolist() == [36, 60]


def test_an_empty_map_is_an_image_without_objects(tmp_path):
    pair(tmp_path)
    label_map_file(tmp_path / "masks" / "a_mask.png", instances=())
    dataset = load_dataset(tmp_path)
    masks, class_ids = dataset.load_mask(0)
    assert masks.shape == (40, 60, 0)
    assert class_ids.shape == (0,)
    assert dataset.load_boxes(0)[0].shape == (0, 4)


def test_the_map_decides_on_orientation(tmp_path):
    image_file(tmp_path / "images" / "turned.jpg", 40, 60, exif=6)
    label_map_file(tmp_path / "maps" / "turned.png", height=60, width=40)
    image_file(tmp_path / "images" / "stored.jpg", 40, 60, exif=6)
    label_map_file(tmp_path / "maps" / "stored.png", height=40, width=60)
    dataset = load_dataset(tmp_path)
    assert [dataset.load_image(i).shape[:2] for i in (0, 1)] == [(40, 60), (60, 40)]
    for fast in (False, True):
        scan = scan_dataset(dataset, fast=fast)
        assert scan.height.tolist() == [40, 60]
        assert scan.exif_applied.tolist() == [0, 1]
        assert scan.mask_errors == {}


def test_photographs_are_no_maps(tmp_path):
    for folder in ("one", "two"):
        image_file(tmp_path / folder / "a.png", mode="L")
    with pytest.raises(SetupError, match=r"the folder holds one, two"):
        load_dataset(tmp_path)


def test_several_pairs_are_listed(tmp_path):
    pair(tmp_path)
    pair(tmp_path, maps="instances", ending="")
    with pytest.raises(SetupError, match="2 pairs of folders .*pictures/ with maps instances/.*maps masks/") as error:
        load_dataset(tmp_path)
    assert error.value.findings[0].code == "ds-format-unknown"
    assert 'images="' in error.value.findings[0].fix


def test_flat_drawings_are_told_apart_by_the_folders_names(tmp_path):
    """Greyscale drawings pass for maps as well: the folder called masks holds the maps."""
    for name in "ab":
        label_map_file(tmp_path / "drawings" / f"{name}.png")
        label_map_file(tmp_path / "masks" / f"{name}.png")
    dataset = load_dataset(tmp_path)
    assert "masks" in dataset.image_info[0]["mask_path"]


def test_what_does_not_match_is_reported(tmp_path):
    pair(tmp_path, names="abcd")
    image_file(tmp_path / "pictures" / "lonely.jpg")
    image_file(tmp_path / "pictures" / "a.png")
    label_map_file(tmp_path / "masks" / "b_label.png")
    label_map_file(tmp_path / "masks" / "nobody.png")
    dataset = load_dataset(tmp_path)
    by_message = {finding.message: finding.severity for finding in dataset.annotation_problems}
    assert codes(dataset.annotation_problems) == ["ds-id-dup-image", "ds-map-missing", "ds-map-unmatched"]
    (duplicates,) = [message for message in by_message if "a.jpg and a.png" in message]
    assert "maps b_label.png and b_mask.png" in duplicates
    (missing,) = [message for message in by_message if "lonely.jpg" in message]
    assert by_message[missing] == Severity.WARNING
    assert dataset.num_images == 4


def test_damaged_and_coloured_maps_are_reported_and_refused(tmp_path):
    pair(tmp_path, names="abc")
    (tmp_path / "masks" / "a_mask.png").write_bytes(b"no picture")
    image_file(tmp_path / "masks" / "b_mask.png")
    dataset = load_dataset(tmp_path / "masks", tmp_path / "pictures")
    (finding,) = dataset.annotation_problems
    assert finding.code == "ds-file-unreadable"
    assert finding.message.startswith("2 of 3 images")
    assert "mode RGB" in finding.message
    for image_id in (0, 1):
        with pytest.raises(SetupError, match="_mask"):
            dataset.load_mask(image_id)
    assert dataset.load_mask(2)[0].shape[2] == 2
    scan = scan_dataset(dataset)
    assert scan.mask_errors == {}
    assert scan.instances_known.tolist() == [False, False, True]


def test_a_depth_image_is_no_map(tmp_path):
    image_file(tmp_path / "images" / "a.jpg")
    (tmp_path / "depth").mkdir()
    Image.fromarray(np.arange(2400, dtype=np.uint16).reshape(40, 60)).save(tmp_path / "depth" / "a.png")
    dataset = load_dataset(tmp_path / "depth", tmp_path / "images")
    with pytest.raises(SetupError, match="2399 different numbers"):
        dataset.load_mask(0)


def test_pennfudan(pennfudan):
    dataset = load_dataset(pennfudan)
    assert dataset.num_images == 170
    assert dataset.annotation_problems == []
    assert dataset.image_info[0]["id"] == "FudanPed00001"
    scan = scan_dataset(dataset)
    assert (scan.num_images, scan.num_instances) == (170, 423)
    assert scan.image_errors == scan.mask_errors == {}
    assert scan.read.all()
    assert scan.instances_known.all()
    # the set's own Annotation/FudanPed00001.txt, 1-based and inclusive: (160, 182) - (302, 431)
    assert scan.box[0].tolist() == [181, 159, 431, 302]
    assert (scan.mask_area > 0).all()
    fast = scan_dataset(dataset, fast=True)
    np.testing.assert_array_equal(fast.box, scan.box)
    np.testing.assert_array_equal(fast.height, scan.height)
    assert not fast.read.any()


def test_one_coloured_map_does_not_hide_the_others(tmp_path):
    pair(tmp_path, names="abc")
    image_file(tmp_path / "masks" / "a_mask.png")
    dataset = load_dataset(tmp_path)
    (finding,) = dataset.annotation_problems
    assert finding.code == "ds-file-unreadable"
    assert "a_mask.png: mode RGB" in finding.message
    assert "np.unique" in finding.fix
    assert dataset.load_mask(1)[0].shape[2] == 2


def test_a_jpeg_among_the_maps(tmp_path):
    pair(tmp_path, names="abc")
    (tmp_path / "masks" / "b_mask.png").unlink()
    image_file(tmp_path / "masks" / "b_mask.jpg", mode="L")
    dataset = load_dataset(tmp_path)
    (finding,) = dataset.annotation_problems
    assert finding.code == "ds-file-unreadable"
    assert "map b_mask.jpg: a JPEG" in finding.message
    assert [info["id"] for info in dataset.image_info] == ["a", "c"]


@pytest.mark.parametrize("ending, words", [("png", "has mode RGB: label maps have one channel"), ("jpg", "is a JPEG")])
@pytest.mark.parametrize("images_named", [True, False])
def test_folders_of_pictures_that_should_be_maps(tmp_path, ending, words, images_named):
    for name in "ab":
        image_file(tmp_path / "pictures" / f"{name}.png")
        image_file(tmp_path / "masks" / f"{name}_mask.{ending}")
    if images_named and ending == "png":  # both folders named: the maps are what is wrong
        assert "mode RGB" in load_dataset(tmp_path / "masks", tmp_path / "pictures").annotation_problems[0].message
        return
    place = (tmp_path / "masks", tmp_path / "pictures") if images_named else (tmp_path,)
    with pytest.raises(SetupError, match=words) as caught:
        load_dataset(*place)
    (finding,) = caught.value.findings
    assert finding.code == "ds-format-unknown"
    assert f"masks/a_mask.{ending}" in finding.message
    assert "greyscale PNGs of instance numbers" in finding.fix


def discs(values, size=200):
    """Three discs of these numbers."""
    picture = Image.new("L", (size, size))
    pencil = ImageDraw.Draw(picture)
    for value, (x, y) in zip(values, [(20, 20), (110, 40), (50, 110)]):
        pencil.ellipse((x, y, x + 60, y + 50), fill=value)
    return picture


def membranes(_):
    """Cells with a rim of two pixels, which has a number of its own."""
    picture = Image.new("L", (200, 200))
    pencil = ImageDraw.Draw(picture)
    for number in range(8):
        x, y = 10 + 45 * (number % 4), 20 + 60 * (number // 4)
        pencil.ellipse((x, y, x + 30, y + 40), fill=1 + 2 * number)
        pencil.ellipse((x + 2, y + 2, x + 28, y + 38), fill=2 + 2 * number)
    return picture


def cables(_):
    """Thin lines side by side, over a large object."""
    picture = discs((90, 100, 110))
    for number in range(12):
        ImageDraw.Draw(picture).line((5, 10 + 3 * number, 190, 60 + 3 * number), fill=1 + number, width=2)
    return picture


def set_of(folder, *maps):
    for number, each in enumerate(maps):
        label_map = each if isinstance(each, Image.Image) else Image.fromarray(each)
        image_file(folder / "images" / f"{number}.png", width=label_map.width, height=label_map.height, seed=number)
        (folder / "masks").mkdir(exist_ok=True)
        label_map.save(folder / "masks" / f"{number}.png")
    return load_dataset(folder).annotation_problems


RESIZED = [
    ((1, 2, 9), Severity.WARNING),
    ((1, 5, 12), Severity.WARNING),
    ((200, 90, 150), Severity.ERROR),
    ((10, 20, 30), Severity.ERROR),
]


@pytest.mark.parametrize("values, severity", RESIZED)
@pytest.mark.parametrize("factor", [0.5, 1.5, 3])
def test_resized_with_interpolation(tmp_path, values, severity, factor):
    side = int(200 * factor)
    (finding,) = set_of(tmp_path, *[discs(values).resize((side, side), Image.Resampling.BILINEAR)] * 2)
    assert (finding.code, finding.severity) == ("ds-map-smeared", severity)
    assert "2 of 2 sampled maps" in finding.message
    assert "NEAREST" in finding.fix


@pytest.mark.parametrize("draw", [discs, membranes, cables])
def test_sharp_maps_are_not_smeared(tmp_path, draw):
    assert set_of(tmp_path, draw((1, 2, 9)), draw((5, 10, 15))) == []


def test_few_rims_in_few_maps_prove_nothing(tmp_path):
    few = discs((1, 2, 9)).resize((400, 400), Image.Resampling.BILINEAR)
    assert set_of(tmp_path, few, discs((1, 2, 9)), discs((3, 4, 5))) == []


def test_jpeg_under_the_name_of_a_png(tmp_path):
    pair(tmp_path)
    discs((1, 2, 9), 40).resize((60, 40)).save(tmp_path / "masks" / "a_mask.png", format="JPEG")
    dataset = load_dataset(tmp_path)
    (finding,) = dataset.annotation_problems
    assert (finding.code, finding.severity) == ("ds-file-unreadable", Severity.ERROR)
    assert "map a_mask.png: a JPEG by its content" in finding.message
    with pytest.raises(SetupError, match="changes the numbers"):
        dataset.load_mask(0)
    assert dataset.load_mask(1)[0].shape == (40, 60, 2)


def test_one_number_for_all_objects(tmp_path):
    binary = [np.where(np.asarray(discs((1, 2, 9))) > 0, 255, 0).astype(np.uint8)] * 2
    (finding,) = set_of(tmp_path, *binary)
    assert (finding.code, finding.severity) == ("ds-map-semantic", Severity.WARNING)
    assert "several separate pieces are one object" in finding.message
    assert "3 pieces" in finding.message
    assert "scipy.ndimage.label" in finding.fix


def test_objects_of_one_number_may_be_cut_apart(tmp_path):
    whole = np.zeros((100, 100), np.uint8)
    whole[10:80, 10:80] = 1
    barred, speckled = whole.copy(), whole.copy()
    barred[40:43] = 0
    speckled[95:98, 90:93] = 1
    assert set_of(tmp_path, barred, speckled, whole) == []


def cities(root, images="leftImg8bit", maps="gtFine", ending="_gtFine_instanceIds", way=("aachen", "bonn")):
    """The same file names in two subfolders, as frames have."""
    for seed, city in enumerate(way):
        for frame in ("f_0", "f_1"):
            image_file(root / images / city / f"{frame}_leftImg8bit.png", seed=seed)
            label_map_file(root / maps / city / f"{frame}{ending}.png")
    return root


@pytest.mark.parametrize("way", [("aachen", "bonn"), ("train/aachen", "val/bonn"), ("a/b/c", "a/b/d")])
@pytest.mark.parametrize("named", [False, True])
def test_maps_in_subfolders(tmp_path, way, named):
    cities(tmp_path, way=way)
    arguments = (tmp_path / "gtFine", tmp_path / "leftImg8bit") if named else (tmp_path,)
    dataset = load_dataset(*arguments)
    assert dataset.annotation_problems == []
    assert [info["id"] for info in dataset.image_info] == [f"{c}/f_{n}_leftImg8bit" for c in way for n in (0, 1)]
    for info in dataset.image_info:
        city = info["id"].rpartition("/")[0]
        assert f"leftImg8bit/{city}/f_" in info["path"]
        assert f"gtFine/{city}/f_" in info["mask_path"]


def test_too_deep_and_going_round(tmp_path):
    cities(tmp_path, way=("a/b/c/d",))
    with pytest.raises(SetupError, match="ds-format-unknown"):
        load_dataset(tmp_path)
    cities(tmp_path)
    for folder in ("gtFine", "leftImg8bit"):
        (tmp_path / folder / "aachen" / "round").symlink_to(tmp_path / folder, target_is_directory=True)
    dataset = load_dataset(tmp_path)
    assert dataset.num_images == 4


def test_classes_in_subfolders(tmp_path):
    cities(tmp_path)
    for city in ("aachen", "bonn"):
        for frame in ("f_0", "f_1"):
            label_map_file(tmp_path / "classes" / city / f"{frame}_gtFine_labelIds.png")
    dataset = load_dataset(tmp_path / "gtFine", tmp_path / "leftImg8bit", class_maps=tmp_path / "classes")
    assert dataset.annotation_problems == []
    assert dataset.class_names == ["BG", "class 1", "class 2"]
    assert dataset.load_mask(3)[1].tolist() == [1, 2]


def test_files_beside_subfolders_are_the_set(tmp_path):
    pair(tmp_path)
    image_file(tmp_path / "pictures" / "small" / "a.jpg")
    assert load_dataset(tmp_path).num_images == 2


@pytest.mark.parametrize("kind", ["int16", "uint16", "int32", "uint32", "int8", "uint64"])
@pytest.mark.parametrize("compression", [None, "zlib"])
def test_integer_tiffs(tmp_path, kind, compression):
    pair(tmp_path, names=["a"])
    (tmp_path / "masks" / "a_mask.png").unlink()
    numbers = np.zeros((40, 60), kind)
    numbers[5:15, 5:15] = 100
    numbers[20:30, 20:50] = 70_000 if np.iinfo(kind).max > 70_000 else 120
    tifffile.imwrite(tmp_path / "masks" / "a_mask.tif", numbers, compression=compression)
    dataset = load_dataset(tmp_path)
    assert dataset.annotation_problems == []
    masks, _ = dataset.load_mask(0)
    assert masks.sum(axis=(0, 1)).tolist() == [100, 300]
    assert np.array_equal(masks.any(axis=2), numbers > 0)


def test_negative_numbers_are_a_fault(tmp_path):
    pair(tmp_path)
    numbers = np.zeros((40, 60), np.int32)
    numbers[5:15, 5:15] = -1
    (tmp_path / "masks" / "a_mask.png").unlink()
    tifffile.imwrite(tmp_path / "masks" / "a_mask.tif", numbers)
    dataset = load_dataset(tmp_path)
    with pytest.raises(SetupError, match="the smallest of this one is -1"):
        dataset.load_mask(0)
