"""The checks of images and masks: severities, what belongs to one cause, and what must be left alone."""

import numpy as np
import pytest
from PIL import Image

from mrcnn_roi.datasets import Dataset
from mrcnn_roi.findings import Finding, SetupError, Severity

from .examples_dataset import DEEP, FLOATS, declared, masks_of, on_disk, photo, png
from .test_fit import only
from .toy import BOXES, SIZE, Toy, config, find, grave, noise, rectangles, sample, toys


def test_every_fault_is_reported_with_a_count_and_the_first_places():
    broken = [sample(masks=rectangles(BOXES)[..., :2]) for _ in range(7)]
    found = only(find(toys(*broken)), "ds-mask-count")
    assert "7 of 10 images, first 5: image 0 (2 masks but 3 class ids); image 1" in found.message
    assert "image 5" not in found.message


def test_an_image_that_fails_is_not_also_reported_for_its_masks():
    both = sample(image=OSError("truncated"), masks=OSError("truncated"))
    assert grave(find(toys(both))) == ["ds-file-unreadable"]


def test_loaders_that_raise_are_named_with_the_exception():
    found = only(find(toys(sample(masks=KeyError("all_points_x")))), "ds-mask-unreadable")
    assert "image 0 (KeyError: 'all_points_x')" in found.message
    assert grave(find(toys(sample(image=FileNotFoundError("a.jpg"))))) == ["ds-file-missing"]


def test_points_outside_are_told_from_other_index_errors():
    """The side of the image is what load_mask wrote beyond."""
    beyond = IndexError("index 44033 is out of bounds for axis 1 with size 128")
    found = only(find(toys(sample(masks=beyond))), "ds-polygon-outside")
    assert "index 44033 of x where 0..127 exist" in found.message
    assert "subtracting the offset of the tile" in found.fix
    other = IndexError("index 9 is out of bounds for axis 0 with size 3")
    assert grave(find(toys(sample(masks=other)))) == ["ds-mask-unreadable"]


def test_an_image_that_is_none_is_a_file_problem(tmp_path):
    """cv2.imread returns None for a file that it cannot read."""
    gone, there = sample(path=str(tmp_path / "gone.png")), sample(path=str(tmp_path / "there.png"))
    (tmp_path / "there.png").write_bytes(b"no image")

    class NoneInstead(Toy):
        def load_image(self, image_id):
            return None if self.image_info[image_id]["path"] else super().load_image(image_id)

    findings = find(NoneInstead([gone, there, sample(), sample()]))
    assert grave(findings) == ["ds-file-missing", "ds-file-unreadable"]
    assert "gone.png" in only(findings, "ds-file-missing").message
    assert "there.png" in only(findings, "ds-file-unreadable").message


@pytest.mark.parametrize("error,remedy", [
    (KeyError("all_points_x"), "rect, circle"), (KeyError("name"), "image_info of that image"),
    (TypeError("cannot unpack non-iterable NoneType object"), "return masks, class_ids"),
])  # fmt: skip
def test_what_load_mask_raised_decides_the_fix(error, remedy):
    found = [each for each in find(toys(sample(masks=error))) if each.severity == Severity.ERROR]
    assert remedy in found[0].fix


def test_inverted_masks_are_suspected_by_their_borders():
    assert "instance 1" in only(masks_of(lambda masks: ~masks), "ds-mask-full").message
    frame = np.ones((*SIZE, 1), bool)
    frame[10:-10, 10:-10] = False  # all four borders, less than half of the image
    assert grave(masks_of(lambda masks: frame, ids=[1])) == []


def test_transposed_exif_photographs_are_one_finding():
    """Masks drawn on the size people see, pixels as the camera stored them."""
    assert grave(photo(6, masks=rectangles(BOXES, (128, 96)))) == ["ds-exif"]


def test_exif_that_the_annotations_ignored_too_is_left_alone():
    assert grave(photo(6, height=96, width=128)) == []


class FromFiles(Toy):
    load_image = Dataset.load_image


@pytest.mark.parametrize("orientation", [2, 3, 4])
@pytest.mark.parametrize("declared_size", [{}, {"height": 96, "width": 128}])
def test_a_declared_size_says_nothing_of_mirrored_photographs(orientation, declared_size, tmp_path):
    """Upright and upside down have one size."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    for number in range(4):
        Image.fromarray(noise((96, 128), seed=number)).save(tmp_path / f"{number}.jpg", exif=exif)
    samples = [sample(size=(96, 128), path=str(tmp_path / f"{i}.jpg"), **declared_size) for i in range(4)]
    findings = find(FromFiles(samples))
    assert grave(findings) == ["ds-exif"]
    found = only(findings, "ds-exif")
    assert found.severity == Severity.WARNING
    assert f"orientation {orientation}" in found.message
    assert "upside down" in found.message


def test_exif_that_load_image_applies_is_left_alone():
    turned = {"height": 128, "width": 96, "size": (128, 96)}
    assert grave(photo(6, **turned)) == []


def test_exif_that_only_mirrors_is_not_an_error(tmp_path):
    pictures = [sample(image="file", path=str(tmp_path / f"{i}.jpg"), size=(96, 128)) for i in range(4)]
    for i, each in enumerate(pictures):
        exif = Image.Exif()
        exif[0x0112] = 3
        Image.fromarray(noise((96, 128), seed=i)).save(each["info"]["path"], exif=exif)
    assert not [f for f in find(Toy(pictures)) if f.severity == Severity.ERROR]


def test_sizes_that_masks_and_image_do_not_share_are_one_finding():
    assert grave(declared(128, 256, (128, 256))) == ["ds-size-mismatch"]
    swapped = declared(128, 96, (128, 96))
    assert grave(swapped) == ["ds-size-transposed"]
    assert all(each in only(swapped, "ds-size-transposed").fix for each in ("add_image()", "json", "EXIF"))
    assert grave(declared(96, 128, (128, 96))) == ["ds-mask-shape"]


@pytest.mark.parametrize("code", ["ds-polygon-outside", "ds-size-mismatch"])
def test_outlines_that_leave_a_swapped_size_are_the_same_cause(code):
    """Of some images the annotations fit either way, of others they cannot be drawn at all."""
    finding = Finding(code, Severity.ERROR, "its polygon lies outside the image", "", "b.png")
    swapped = {"size": (96, 128), "height": 128, "width": 96}
    fits, leaves = sample(masks=rectangles(BOXES, (128, 96)), **swapped), sample(masks=SetupError(finding), **swapped)
    findings = find(toys(fits, leaves))
    assert grave(findings) == ["ds-size-transposed"]
    assert "2 of 5 images" in only(findings, "ds-size-transposed").message
    upright = sample(masks=SetupError(finding), size=(96, 128), height=96, width=128)
    assert grave(find(toys(upright))) == ["ds-mask-unreadable"]


def test_a_loader_that_resizes_both_is_left_alone():
    assert grave(declared(960, 1280, (96, 128))) == []


def test_masks_that_numpy_cannot_pair():
    assert grave(masks_of(lambda masks: masks, ids=[[1, 2, 1]])) == ["ds-mask-count"]
    assert grave(masks_of(lambda masks: masks.astype(str))) == ["ds-mask-count"]


def test_square_images_with_as_many_masks_as_rows_are_left_alone():
    boxes = [(i, 0, i + 20, 20) for i in range(100)]
    scene = sample(boxes, size=(128, 128))
    assert "ds-mask-axis-order" not in grave(find(toys(scene)))


def test_channels():
    rgba = sample(image=noise(channels=4))
    fix = only(find(toys(rgba)), "ds-channels").fix
    assert "image[..., :3]" in fix
    assert "IMAGE_CHANNEL_COUNT" not in fix  # the other images have three
    assert "IMAGE_CHANNEL_COUNT = 4" in only(find(Toy([rgba] * 4)), "ds-channels").fix
    grey = Toy([sample(image=noise(channels=1))] * 4)
    assert "IMAGE_CHANNEL_COUNT = 1" in only(find(grey), "ds-channels").fix
    fitting = config(IMAGE_CHANNEL_COUNT=1, MEAN_PIXEL=np.array([120.0]))
    assert grave(find(grey, grey, made=fitting)) == []


@pytest.mark.parametrize("samples,mean", [(FLOATS, [0.5, 0.5, 0.5]), (DEEP, [2000.0] * 3), (FLOATS, 0.5)])
def test_means_on_the_scale_of_the_images_are_left_alone(samples, mean):
    data = Toy(samples)
    assert "ds-bit-depth" not in grave(find(data, data, made=config(MEAN_PIXEL=np.array(mean))))


def test_the_scale_of_the_images_tells_whether_a_mean_is_odd():
    """The fix of ds-bit-depth must not bring another finding, and 0-255 images still get one."""
    floats, full = Toy(FLOATS), Toy()
    signed = Toy([sample(image=noise().astype(np.float32) * 8 - 1024)] * 4)
    fractions = config(MEAN_PIXEL=np.array([0.5, 0.5, 0.5]))
    assert grave(find(floats, floats, made=fractions)) == []
    assert grave(find(full, full, made=fractions)) == ["cfg-mean-range"]
    assert grave(find(floats, full, made=fractions)) == ["cfg-mean-range"]
    assert grave(find(floats, floats, made=fractions, fast=True)) == ["cfg-mean-range"]
    below_zero = config(MEAN_PIXEL=np.array([-4.0, -4.0, -4.0]))
    assert grave(find(signed, signed, made=below_zero)) == []
    assert grave(find(full, full, made=below_zero)) == ["cfg-mean-range"]


def test_dark_images_of_many_bits_may_have_a_small_mean():
    """The advised mean is below 256, and must be enough."""
    dark = np.clip(noise().astype(np.uint16), 0, 255) * 2
    dark[::40] = 4000
    data = Toy([sample(image=dark)] * 4)
    fix = only(find(data), "ds-bit-depth").fix
    mean = eval(fix.partition("MEAN_PIXEL = ")[2])
    data = Toy([sample(image=dark // 2)] * 4)
    assert max(mean) > 256
    assert grave(find(data, data, made=config(MEAN_PIXEL=[each / 2 for each in mean]))) == []


def test_the_mean_of_many_channels_has_as_many_values():
    deep = Toy([sample(image=noise(channels=10).astype(np.uint16) * 16)] * 4)
    made = config(IMAGE_CHANNEL_COUNT=10, MEAN_PIXEL=np.full(10, 120.0))
    fix = only(find(deep, deep, made=made), "ds-bit-depth").fix
    mean = eval(fix.partition("MEAN_PIXEL = ")[2])
    assert np.shape(mean) == (10,)
    assert grave(find(deep, deep, made=config(IMAGE_CHANNEL_COUNT=10, MEAN_PIXEL=mean))) == []


@pytest.mark.parametrize("shape,size,declared_size", [
    ((3, 96, 128), (96, 128), {}), ((3, 96, 128), (96, 128), {"height": 96, "width": 128}),
    ((1, 96, 128), (96, 128), {}), ((4, 128, 128), (128, 128), {"height": 128, "width": 128}),
    ((8, 96, 128), (96, 128), {}), ((3, 96, 128), (3, 96), {}),
])  # fmt: skip
def test_channels_before_rows_are_one_finding(shape, size, declared_size):
    """The last: masks drawn on the first two axes of what load_image returns."""
    image = noise(shape[:2], shape[2])
    data = Toy([sample([(0, 10, 3, 40), (0, 50, 3, 90)], size=size, image=image, **declared_size)] * 4)
    findings = find(data, Toy([]))
    assert [each.code for each in findings if each.severity > 1 and each.where == "train"] == ["ds-channels"]
    found = only(findings, "ds-channels")
    assert f"image 0 ({list(shape)})" in found.message
    assert "np.moveaxis(image, 0, -1)" in found.fix
    assert "IMAGE_CHANNEL_COUNT = 128" not in found.fix


def test_few_rows_of_many_channels_are_no_channels_first():
    strips = Toy([sample([(1, 1, 3, 60)], size=(4, 96), image=noise((4, 96), 5))] * 4)
    assert "moveaxis" not in only(find(strips), "ds-channels").fix


def test_zero_to_one_images_get_a_factor():
    found = only(find(Toy(FLOATS)), "ds-bit-depth")
    assert found.severity == Severity.ERROR
    assert "(255 * image).astype(np.uint8)" in found.fix


def test_all_masks_empty_is_an_error():
    empty = Toy([sample(masks=np.zeros((*SIZE, 3), bool))] * 4)
    found = only(find(empty), "ds-mask-empty")
    assert found.severity == Severity.ERROR
    assert "12 of 12 objects" in found.message
    assert grave(find(empty)) == ["ds-mask-empty"]


@pytest.mark.parametrize("values", [np.uint8, bool, np.float32, np.int64])
def test_zero_and_one_masks_of_any_dtype_are_fine(values):
    assert grave(masks_of(lambda masks: masks.astype(values))) == []


def test_smooth_masks_are_no_label_map():
    smooth = np.linspace(0, 1, SIZE[0])[:, None, None] * np.ones((1, SIZE[1], 1))
    assert grave(masks_of(lambda masks: (smooth * 255).astype(np.uint8), ids=[1])) == [
        "ds-mask-full",
        "ds-mask-nonbinary",
    ]


def test_all_crowds_in_val_is_an_error_too():
    crowds = Toy([sample(ids=[-1, -2, -1])] * 4)
    assert only(find(val=crowds), "ds-crowd-all").severity == Severity.ERROR
    assert grave(find(crowds, crowds)) == ["ds-crowd-all"]


def test_the_same_images_in_train_and_val_are_never_an_error():
    assert grave(on_disk(*png(3), val=True)) == ["ds-leak-train-val"]


def test_what_the_loader_reported_of_one_image_does_not_hide_another():
    """A loader sees swapped sizes where outlines show them, the scan where the pixels do."""
    data = toys(sample(size=(96, 128), masks=rectangles(BOXES, (128, 96)), height=128, width=96))
    data.annotation_problems.append(Finding("ds-size-transposed", Severity.ERROR, "of b.jpg", "turn it", "a.json"))
    messages = [finding.message for finding in find(data) if finding.code == "ds-size-transposed"]
    assert messages[0] == "of b.jpg"
    assert "image 0 (annotated as 96x128, is 128x96)" in messages[1]


def test_a_large_set_says_that_it_was_sampled(monkeypatch):
    from mrcnn_roi import preflight

    monkeypatch.setattr(preflight.gather, "__kwdefaults__", {**preflight.gather.__kwdefaults__, "limit": 3})
    findings = find(Toy(), Toy([sample()] * 2))
    assert "3 of 4 images were read" in only(findings, "ds-scan-partial").message


def test_unread_images_are_no_evidence():
    findings = find(toys(sample(masks=OSError()), sample(image=OSError())), fast=True)
    assert {finding.code for finding in findings} == {"ds-scan-partial"}
