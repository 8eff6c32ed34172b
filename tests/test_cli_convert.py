"""`mrcnn-roi convert` and `split`, and what `train`, `check` and `evaluate` make of parts and class names."""

import json
import shlex
import subprocess
import sys

import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from mrcnn_roi.cli import app, main
from mrcnn_roi.cli_options import format_options, load_data, load_part
from mrcnn_roi.datasets import draw_shapes, load_dataset
from mrcnn_roi.findings import SetupError
from tests.datasets import yolo_files
from tests.datasets.builders import annotation, coco_file, image_file, label_map_file
from tests.datasets.round_trip import assert_same, coco_of

runner = CliRunner()


def ran(*arguments, status=0):
    """What a command prints; its exit status is `status`."""
    result = runner.invoke(app, list(map(str, arguments)))
    assert result.exit_code == status, (result.output, result.exception)
    return result.output


def refused(monkeypatch, capsys, *arguments):
    """What the program prints where it ends with status 1."""
    monkeypatch.setattr(sys, "argv", ["mrcnn-roi", *map(str, arguments)])
    with pytest.raises(SystemExit) as stopped:
        main()
    assert stopped.value.code == 1
    return capsys.readouterr().out


@pytest.fixture
def maps(tmp_path):
    for seed, name in enumerate("abcde"):
        image_file(tmp_path / "data" / "images" / f"{name}.png", seed=seed)
        label_map_file(tmp_path / "data" / "masks" / f"{name}.png")
    return tmp_path / "data"


def test_convert(maps, tmp_path):
    printed = ran("convert", maps, tmp_path / "new" / "out.json", "--class-name", "cell")
    assert f"wrote {tmp_path / 'new' / 'out.json'}: 5 images, 10 annotations" in printed
    assert f"images: {maps / 'images'}" in printed
    first = (tmp_path / "new" / "out.json").read_bytes()
    ran("convert", maps, tmp_path / "new" / "out.json", "--class-name", "cell")
    assert (tmp_path / "new" / "out.json").read_bytes() == first
    coco = coco_of(tmp_path / "new" / "out.json")
    assert coco.dataset["categories"] == [{"id": 1, "name": "cell", "source_id": 1}] or coco.cats[1]["name"] == "cell"
    printed = ran("convert", maps, tmp_path / "copy" / "out.json", "--copy-images")
    assert f"images: {tmp_path / 'copy' / 'images'}" in printed
    assert load_dataset(tmp_path / "copy").annotation_problems == []
    printed = ran("convert", maps, tmp_path / "root.json", "--images-root", tmp_path)
    assert f"images: {tmp_path}" in printed
    assert json.loads((tmp_path / "root.json").read_text())["images"][0]["file_name"] == "data/images/a.png"


def test_convert_refuses_what_would_be_lost(tmp_path, monkeypatch, capsys):
    broken = [annotation(), annotation(id=2, segmentation=[[1, 2]], bbox=None), annotation(id=3, bbox=[0, 0, 5, 5])]
    path = coco_file(tmp_path, broken)
    printed = refused(monkeypatch, capsys, "convert", path, tmp_path / "out.json")
    assert "ds-polygon-degenerate" in printed
    assert "1 error" in printed
    assert not (tmp_path / "out.json").exists()
    printed = ran("convert", path, tmp_path / "out.json", "--skip-broken")
    assert "1 images, 2 annotations" in printed
    assert "left out because they have no usable mask: 0 images and 1 annotations" in printed
    assert "ds-polygon-degenerate" in printed
    assert "ds-bbox-format" in printed
    assert refused(monkeypatch, capsys, "convert", path, path).startswith("error: expected a new file")
    assert "name the file to write" in ran("convert", path, tmp_path, status=2).replace("\n", " ")


def test_split_writes_files_that_train_reads(tmp_path, monkeypatch):
    draw_shapes(tmp_path / "shapes", 20, 64, 64, background_images=5)
    monkeypatch.chdir(tmp_path)
    printed = ran("split", "shapes", "--out", "parts", "--val", "0.3", "--test", "0.1")
    for name in ("square", "circle", "triangle", "images without objects", "all images"):
        assert f" {name} " in printed
    parts = {name: load_dataset(f"parts/{name}.json", "shapes") for name in ("train", "val", "test")}
    names = [info["path"] for part in parts.values() for info in part.image_info]
    assert len(names) == len(set(names)) == 20
    assert [len(part.annotation_problems) for part in parts.values()] == [0, 0, 0]
    whole = load_dataset("shapes")
    for part in parts.values():
        assert part.class_names == whole.class_names
    command = shlex.split(printed.splitlines()[-1].partition("try: ")[2])
    assert command[1] == "train"
    given = dict(zip(command[2::2], command[3::2]))
    train, val = load_data(given["--train"], given["--train-images"], given["--val"], given["--val-images"], 0, 0, None)
    assert (len(train.image_ids), len(val.image_ids)) == (len(parts["train"].image_ids), len(parts["val"].image_ids))
    before = [(tmp_path / "parts" / f"{name}.json").read_bytes() for name in parts]
    ran("split", "shapes", "--out", "parts", "--val", "0.3", "--test", "0.1")
    assert [(tmp_path / "parts" / f"{name}.json").read_bytes() for name in parts] == before
    ran("split", "shapes", "-o", "other", "--seed", "1")
    assert not (tmp_path / "other" / "test.json").exists()
    assert (tmp_path / "other" / "val.json").read_bytes() != before[1]


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["--val", "0"], "expected a share between 0 and 1, received 0"),
        (["--val", "nan"], "received nan"),
        (["--val", "0.5", "--test", "0.5"], "expected something to be left to train on"),
        (["--test", "-1"], "received -1"),
    ],
)
def test_split_shares(arguments, words, tmp_path):
    path = coco_file(tmp_path)
    assert words in " ".join(ran("split", path, "-o", tmp_path / "x", *arguments, status=2).replace("│", " ").split())


def test_split_refuses_broken_annotations_whole(tmp_path, monkeypatch, capsys):
    images = [{"id": i, "file_name": f"{i}.png", "height": 40, "width": 60} for i in range(5)]
    annotations = [annotation(id=i + 1, image_id=i) for i in range(5)]
    annotations[3]["segmentation"] = [[1, 2, 3]]
    path = coco_file(tmp_path, annotations, images)
    printed = refused(monkeypatch, capsys, "split", path, "--out", tmp_path / "parts")
    assert "ds-polygon-degenerate" in printed
    assert not (tmp_path / "parts").exists()
    ran("split", path, "--out", tmp_path / "parts", "--skip-broken")
    written = [json.loads((tmp_path / "parts" / name).read_text()) for name in ("train.json", "val.json")]
    assert sum(len(each["annotations"]) for each in written) == 4


def test_convert_and_split_do_not_import_tensorflow(tmp_path):
    path = coco_file(tmp_path, images=[{"id": i, "file_name": f"{i}.png", "height": 40, "width": 60} for i in (1, 2)])
    program = "import sys; from mrcnn_roi.cli import app\n"
    for arguments in (["convert", str(path), f"{tmp_path}/o.json"], ["split", str(path), "-o", f"{tmp_path}/parts"]):
        program += f"app({arguments!r}, standalone_mode=False)\n"
    program += "sys.exit('tensorflow' in sys.modules or 'keras' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr


def test_declared_parts_are_used_instead_of_a_random_split(tmp_path):
    data = yolo_files.ultralytics(tmp_path)
    told = []
    train, val = load_data(data, None, None, None, 0.2, 0, None, told.append)
    assert [info["path"].split("/")[-1] for part in (train, val) for info in part.image_info] == ["a.png", "b.png"]
    assert told == [f"{data} declares its parts: train is trained on, val validated on"]
    assert load_data(data, None, None, None, 0, 0, None, told.append)[1] is None
    assert load_part(data, None, "val", 0.2, 0, None).image_info[0]["path"].endswith("b.png")
    assert len(load_part(data, None, "all", 0.2, 0, None).image_ids) == 2
    with pytest.raises(typer.BadParameter, match="declares no test part"):
        load_part(data, None, "test", 0.2, 0, None)
    with pytest.raises(typer.BadParameter, match="--val-fraction 0"):
        load_part(data, None, "val", 0, 0, None)
    roboflow = yolo_files.roboflow(tmp_path / "roboflow")
    assert load_part(roboflow, None, "test", 0.2, 0, None).image_info[0]["path"].endswith("c.png")


def test_a_declared_train_part_alone_is_split(tmp_path):
    for seed, name in enumerate("abcd"):
        yolo_files.labelled(tmp_path / "train" / "images", tmp_path / "train" / "labels", name, seed=seed)
    yolo_files.labelled(tmp_path / "test" / "images", tmp_path / "test" / "labels", "z", seed=9)
    data = yolo_files.data_yaml(tmp_path, train="train/images", test="test/images", nc=2)
    told = []
    train, val = load_data(data, None, None, None, 0.25, 0, None, told.append)
    assert (len(train.image_ids), len(val.image_ids)) == (3, 1)
    assert told == [f"{data} declares its parts: train is trained on, 0.25 of it validated on"]


def test_check_says_which_parts_it_takes(tmp_path):
    data = yolo_files.ultralytics(tmp_path)
    printed = runner.invoke(app, ["check", "--train", str(data), "--fast"]).stdout
    assert "declares its parts: train is trained on, val validated on" in printed
    printed = runner.invoke(app, ["check", "--train", str(data), "--fast", "--json"]).stdout
    assert json.loads(printed)["findings"]


@pytest.mark.parametrize("part", ["all", "train", "val"])
def test_evaluation_goes_by_the_names_of_the_run(tmp_path, part):
    trained_on = draw_shapes(tmp_path / "shapes", 6, 64, 64)
    names = load_dataset(trained_on).class_names
    content = json.loads(trained_on.read_text())
    other = {1: 30, 2: 4, 3: 11}  # other ids, in another order
    content["categories"] = [{"id": other[each["id"]], "name": each["name"]} for each in content["categories"]]
    content["annotations"] = [each | {"category_id": other[each["category_id"]]} for each in content["annotations"]]
    renumbered = tmp_path / "shapes" / "renumbered.json"
    renumbered.write_text(json.dumps(content))
    ours, theirs = (load_part(path, None, part, 0.3, 0, None, names) for path in (trained_on, renumbered))
    assert ours.class_names == theirs.class_names == names
    assert len(ours.image_ids) == len(theirs.image_ids)
    for image_id in ours.image_ids:
        assert np.array_equal(ours.load_mask(image_id)[1], theirs.load_mask(image_id)[1])
    with pytest.raises(SetupError, match="cd-train-val-classes"):
        load_part(renumbered, None, part, 0.3, 0, None, ["BG", "square", "circle", "star"])


def test_evaluation_of_masks_without_names(maps):
    assert load_part(maps, None, "val", 0.4, 0, None, ["BG", "cell"]).class_names == ["BG", "cell"]


def test_what_is_converted_is_what_was_there(maps, tmp_path):
    from mrcnn_roi.datasets.coco_writer import write_coco

    dataset = load_dataset(maps)
    assert_same(dataset, write_coco(dataset, tmp_path / "out.json"))


def test_what_is_not_carried_over_is_named(tmp_path):
    path = coco_file(tmp_path, [annotation(attributes={"occluded": True}, keypoints=[1, 1, 2])])
    found = json.loads(path.read_text())
    found["licenses"], found["categories"][0]["supercategory"] = [{"id": 1}], "animal"
    path.write_text(json.dumps(found))
    printed = ran("convert", path, tmp_path / "out.json")
    assert "not carried over: attributes, keypoints, licenses, supercategory" in printed
    assert "not carried over" not in ran("convert", tmp_path / "out.json", tmp_path / "again.json")
    assert (tmp_path / "again.json").read_bytes() == (tmp_path / "out.json").read_bytes()


def test_images_without_a_usable_object_are_counted(tmp_path):
    images = [{"id": i, "file_name": f"{i}.png", "height": 40, "width": 60} for i in (1, 2)]
    broken = annotation(id=1, image_id=1, segmentation=[[1, 2]], bbox=None)
    path = coco_file(tmp_path, [broken, annotation(id=2, image_id=2)], images)
    printed = ran("convert", path, tmp_path / "out.json", "--skip-broken")
    assert "1 images, 1 annotations" in printed
    assert "left out because they have no usable mask: 1 images and 0 annotations" in printed


def test_a_single_image_has_no_val_part(tmp_path):
    path = coco_file(tmp_path, [annotation()])
    said = []
    train, val = load_data(path, None, None, None, 0.2, 0, None, said.append)
    assert (len(train.image_ids), val) == (1, None)
    assert "none is held out" in said[0]
    assert len(load_part(path, None, "train", 0.2, 0, None).image_ids) == 1
    with pytest.raises(typer.BadParameter, match="single image"):
        load_part(path, None, "val", 0.2, 0, None)


def test_few_images_are_evaluated_on_what_they_were_validated_on(tmp_path):
    images = [{"id": i, "file_name": f"{i}.png", "height": 40, "width": 60} for i in range(1, 5)]
    path = coco_file(tmp_path, [annotation(id=i, image_id=i) for i in (1, 2)], images)
    for seed in range(6):
        _, val = load_data(path, None, None, None, 0.25, seed, None)
        assert val.image_info[0]["id"] in (1, 2)
        assert load_part(path, None, "val", 0.25, seed, None).image_info[0]["id"] == val.image_info[0]["id"]


def test_options_of_the_format_reach_the_loader(maps, tmp_path):
    printed = ran("convert", maps, tmp_path / "out.json", "--option", "class_names=cell", "--option", "divisor=1000")
    assert "wrote" in printed
    assert "NAME=VALUE" in ran("convert", maps, tmp_path / "b.json", "--option", "divisor", status=2)


def test_what_an_option_means():
    given = ["attribute = kind", "class_names=cat, dog", "divisor=1000", "boxes=true", "table=a=b.csv"]
    assert format_options("cell", given) == {
        "class_name": "cell",
        "attribute": "kind",
        "class_names": ["cat", "dog"],
        "divisor": 1000,
        "boxes": True,
        "table": "a=b.csv",
    }
    assert format_options(None, None) == {}
