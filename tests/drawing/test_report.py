"""The file as a whole: valid for any set-up, self-contained, and nothing in it is executed."""

import dataclasses
import re
from html.parser import HTMLParser

import numpy as np
import pytest

from mrcnn_roi.checks.splits import Split, mold
from mrcnn_roi.datasets.scan import scan_dataset
from mrcnn_roi.drawing import report
from mrcnn_roi.drawing.report import write_report
from mrcnn_roi.findings import Finding, Severity
from tests.checks.toy import BOXES, SIZE, Toy, config, noise, rectangles, sample

VOID = {"meta", "img", "br", "hr", "link", "input"}
NASTY = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>&amp;{{ 7*7 }}\x1b[31m\udcff\u202e"


class Page(HTMLParser):
    """Refuses tags that are not closed in order; keeps every tag with its attributes, and the text."""

    def __init__(self, html):
        super().__init__()
        self.open, self.tags, self.text = [], [], ""
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data

    def all(self, name):
        return [attributes for tag, attributes in self.tags if tag == name]


def split_of(dataset, made=None, name="train", fast=False):
    scan = scan_dataset(dataset, fast=fast)
    return Split(name, dataset, scan, mold(made or config(), scan))


def page_of(tmp_path, findings=(), made=None, splits=(), **more):
    """Writes a report and reads it; what holds for every report is tested here."""
    path = write_report(tmp_path / "report.html", findings, made or config(), splits, **more)
    html = path.read_text(encoding="utf-8")
    page = Page(html)
    assert html.startswith("<!DOCTYPE html>")
    assert [each.name for each in tmp_path.iterdir()] == ["report.html"]  # nothing temporary stays
    assert "http:" not in html
    assert "https:" not in html
    names = {tag for tag, _ in page.tags}
    assert not names & {"script", "link", "iframe", "object", "embed", "form", "base", "foreignobject"}
    for tag, attributes in page.tags:
        assert not any(name.startswith("on") for name in attributes), attributes
        assert attributes.get("src", "data:").startswith("data:image/jpeg;base64,") or tag != "img"
        assert attributes.get("href", "#").startswith("#")
        assert "url(" not in attributes.get("style", "") or "url(#" in attributes["style"]
    assert all(each["alt"] for each in page.all("img"))
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    assert all(each["href"][1:] in ids for each in (*page.all("a"), *page.all("use")))
    return page, html


@pytest.fixture(scope="module")
def ordinary():
    made = config()
    samples = [sample(image=noise(seed=i)) for i in range(3)]
    return made, [split_of(Toy(samples)), split_of(Toy(samples[:2]), name="val")]


def findings_of(count):
    return [Finding(f"code-{i % 7}", Severity(1 + i % 3), f"message {i}", f"fix {i}", "place") for i in range(count)]


def test_a_report_names_what_was_read_and_found(tmp_path, ordinary):
    made, splits = ordinary
    found = [Finding("cfg-gpu-count", Severity.ERROR, "GPU_COUNT is 0", "set GPU_COUNT = 1", "GPU_COUNT")]
    page, html = page_of(tmp_path, found, made, splits, title="Mine", command="mrcnn-roi check")
    text = " ".join(page.text.split())
    for words in (
        "1 error ▲ 0 warnings ● 0 infos",
        "3 images of train with 9 objects of 2 classes; 2 images of val with 6 objects of 2 classes.",
        "cfg-gpu-count GPU_COUNT",
        "set GPU_COUNT = 1",
        "Why this matters",
        "mrcnn-roi check",
        "Images of 128x128 become 128x128, not scaled; 0% of what the network sees is padding.",
    ):
        assert words in text, words
    for heading in ("Box sizes and anchors", "Box shapes and anchors", "Pyramid levels", "Objects an image"):
        assert f"<h3>{heading}</h3>" in html
    assert re.findall(r"<h([1-6])", html)[0] == "1"
    assert "default-src 'none'" in page.all("meta")[1]["content"]
    assert len(html) < 2_000_000


def test_no_data_no_findings(tmp_path):
    page, _ = page_of(tmp_path)
    assert "Nothing wrong was found." in page.text
    assert report.NO_DATA in page.text
    assert not page.all("img")


def test_many_findings_explain_each_code_once(tmp_path):
    findings = [dataclasses.replace(each, code="cfg-gpu-count") for each in findings_of(500)]
    page, html = page_of(tmp_path, findings)
    assert len(page.all("article")) == 500
    assert html.count("Why this matters") == 1
    assert html.index("ERROR (") < html.index("WARNING (") < html.index("INFO (")


def test_nothing_of_the_users_text_is_executed(tmp_path):
    names = (NASTY, "\u65e5\u672c\u8a9e $x^2$ \\frac", *(f"class {i} <b>" for i in range(30)))
    samples = [sample(ids=[1, 2, 3], path=f"/{NASTY}.png"), sample(image=RuntimeError(NASTY)), sample(ids=[1, 2, 77])]
    dataset = Toy(samples, classes=names)
    made = config(NAME=NASTY)
    finding = Finding(NASTY, Severity.ERROR, NASTY, NASTY, NASTY)
    page, html = page_of(
        tmp_path, [finding], made, [split_of(dataset, made)], title=NASTY, command=NASTY, samples_note=NASTY
    )
    assert "<script>alert(1)</script>" in page.text  # as text
    assert r"\x1b[31m\udcff\u202e" in page.text
    assert "{{ 7*7 }}" in page.text
    assert not set(html) & set("\x1b\udcff\u202e")


@pytest.mark.parametrize("fast", [False, True])
def test_broken_data_is_a_whole_report(tmp_path, fast):
    samples = [
        sample(image=RuntimeError("gone")),
        sample(masks=ValueError("no mask")),
        sample(masks=np.moveaxis(rectangles(BOXES), -1, 0)),
        sample(ids=[0, 9, -1]),
        sample(boxes=[], ids=[]),
        sample(image=np.zeros((*SIZE, 3), np.uint16) + 60000),
        sample(image=np.full((*SIZE, 3), np.nan)),
        sample(image=noise((1, 300)), size=(1, 300), boxes=[(0, 0, 1, 300)], ids=[1]),
        sample(masks=np.zeros((*SIZE, 1), bool), ids=[1]),
    ]
    page, _ = page_of(tmp_path, splits=[split_of(Toy(samples), fast=fast)])
    if not fast:
        assert "cannot be used: RuntimeError: gone" in page.text
        assert "masks cannot be used: ValueError: no mask" in page.text
        assert "has class id 0, expected 1 to 2, and 1 more here" in page.text


WRONG = {
    "IMAGE_MAX_DIM": "x",
    "IMAGE_RESIZE_MODE": None,
    "RPN_ANCHOR_SCALES": 3,
    "RPN_ANCHOR_RATIOS": [0, float("nan")],
    "MEAN_PIXEL": "grey",
    "MAX_GT_INSTANCES": None,
    "ROI_POOL_LEVELS": [5, 2],
    "NUM_CLASSES": float("nan"),
}


@pytest.mark.parametrize("names", [list(WRONG)[:2], list(WRONG)[2:5], list(WRONG)[5:], list(WRONG)])
def test_broken_settings_are_a_whole_report(tmp_path, names, ordinary):
    made = config()
    for name in names:
        setattr(made, name, WRONG[name])
    splits = [dataclasses.replace(each, molded=mold(made, each.scan)) for each in ordinary[1][:1]]
    page, _ = page_of(tmp_path, made=made, splits=splits)
    assert "Objects an image" in page.text


def test_only_val_and_only_empty_images(tmp_path):
    page, _ = page_of(tmp_path, splits=[split_of(Toy([sample(boxes=[])]), name="val")])
    assert "1 image of val without any object." in page.text
    assert "Boxes are not drawn: no object is left" in page.text


def test_a_chart_that_fails_is_named(tmp_path, ordinary, monkeypatch):
    def fail(*_):
        raise RuntimeError("<oops>")

    for name in ("image_sizes", "choose_offenders", "settings_of", "draw_batch"):
        monkeypatch.setattr(report, name, fail)
    page, _ = page_of(tmp_path, made=ordinary[0], splits=ordinary[1])
    assert "Not drawn: the image sizes, because of RuntimeError: <oops>." in page.text
    assert "Not drawn: the images to look at" in page.text


def test_large_sets_make_small_files(tmp_path):
    dataset = Toy([sample()])
    split = split_of(dataset)
    rng, count = np.random.default_rng(0), 200_000
    corner, sides = rng.integers(0, 60, (count, 2)), rng.integers(1, 60, (count, 2))
    many = dataclasses.replace(
        split.scan,
        instance_image=np.zeros(count, np.int64),
        instance_index=np.arange(count),
        instance_names=["one"] * count,
        class_id=rng.integers(1, 3, count),
        box=np.concatenate([corner, corner + sides], axis=1),
        mask_area=sides.prod(axis=1),
        duplicate_of=np.full(count, -1),
    )
    _, html = page_of(tmp_path, splits=[Split("train", dataset, many, mold(config(), many))])
    assert len(html) < 300_000
    assert "200\u202f000 objects" in html
    assert "a sample: 50\u202f000 of " in html


def test_wrong_paths_and_old_files(tmp_path, monkeypatch):
    with pytest.raises(ValueError, match="expected a file name for the report, received the folder"):
        write_report(tmp_path, [], config())
    target = write_report(tmp_path / "new" / "report.html", [], config(), title="first")
    monkeypatch.setattr(report.os, "replace", lambda *_: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(OSError, match="disk full"):
        write_report(target, [], config(), title="second")
    assert "<title>first</title>" in target.read_text()
    assert len(list(target.parent.iterdir())) == 1
