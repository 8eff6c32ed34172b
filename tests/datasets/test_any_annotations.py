"""Any VIA or LabelMe file: read back as it was written, and nothing but findings or SetupError on nonsense."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mrcnn_roi.datasets import load_dataset
from mrcnn_roi.datasets.outlines import ellipse, rectangle
from mrcnn_roi.datasets.segmentation import encloses_nothing, fill_polygons

from .builders import image_file
from .labelme_files import content, png, shape
from .test_loading import anything, number, survives
from .via_files import project, record, region, via_1, via_2, via_csv

CLASSES = ["cat", "dog", "owl"]
HEIGHT, WIDTH = 40, 60


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("any")
    image_file(folder / "a.png", HEIGHT, WIDTH)
    (folder / "b.png").mkdir()
    (folder / "loop.png").symlink_to("loop.png")
    return folder


# ---- round trips: shapes -> a file of the format -> the masks drawn from the shapes

x, y = st.integers(0, WIDTH), st.integers(0, HEIGHT)
points = st.lists(st.tuples(x, y), min_size=3, max_size=12).filter(
    lambda each: not encloses_nothing([float(n) for point in each for n in point])
)
boxes = st.tuples(st.integers(0, 50), st.integers(0, 30), st.integers(1, 10), st.integers(1, 10))
circles = st.tuples(st.integers(120, 360), st.integers(120, 200), st.integers(16, 112)).map(
    lambda eighths: tuple(
        each / 8 for each in eighths
    )  # so that a point on the circle gives the radius without rounding
)
ellipses = st.tuples(st.floats(15, 45), st.floats(15, 25), st.floats(2, 14), st.floats(2, 14), st.floats(-7, 7))
drawn = st.lists(
    st.one_of(
        st.tuples(st.just("polygon"), points, st.sampled_from(CLASSES)),
        st.tuples(st.just("box"), boxes, st.sampled_from(CLASSES)),
        st.tuples(st.just("circle"), circles, st.sampled_from(CLASSES)),
        st.tuples(st.just("ellipse"), ellipses, st.sampled_from(CLASSES)),
    ),
    min_size=1,
    max_size=5,
)


def polygon_of(kind, numbers):
    if kind == "polygon":
        return [n for point in numbers for n in point]
    if kind == "box":
        left, top, width, height = numbers
        return rectangle(left, top, left + width, top + height)
    return ellipse(*numbers, numbers[2]) if kind == "circle" else ellipse(*numbers)


def as_drawn(dataset, shapes):
    """Masks and classes of the dataset's only image are those of the shapes."""
    assert dataset.annotation_problems == []
    masks, class_ids = dataset.load_mask(0)
    assert [dataset.class_names[i] for i in class_ids] == [label for _, _, label in shapes]
    for mask, (kind, numbers, _) in zip(np.moveaxis(masks, -1, 0), shapes):
        np.testing.assert_array_equal(mask, fill_polygons([polygon_of(kind, numbers)], HEIGHT, WIDTH))


def via_region(kind, numbers, label):
    names = {"box": ("rect", "x", "y", "width", "height"), "circle": ("circle", "cx", "cy", "r")}
    names["ellipse"] = ("ellipse", "cx", "cy", "rx", "ry", "theta")
    if kind == "polygon":
        xs, ys = map(list, zip(*numbers))
        return region({"name": "polygon", "all_points_x": xs, "all_points_y": ys}, name=label)
    name, *keys = names[kind]
    return region({"name": name, **dict(zip(keys, numbers))}, name=label)


@settings(max_examples=60, deadline=None)
@given(shapes=drawn, form=st.sampled_from([via_1, via_2, list, project, via_csv]))
def test_via_round_trip(folder, shapes, form):
    made = form([record(regions=[via_region(*each) for each in shapes])])
    path = folder / ("round.csv" if form is via_csv else "round.json")
    path.write_text(made if isinstance(made, str) else json.dumps(made))
    as_drawn(load_dataset(path), shapes)


def labelme_shape(kind, numbers, label):
    if kind == "polygon":
        return shape(label, [list(point) for point in numbers])
    left, top = numbers[:2]
    if kind == "box":
        return shape(label, [[left + numbers[2], top], [left, top + numbers[3]]], "rectangle")
    if kind == "circle":
        return shape(label, [[left, top], [left, top - numbers[2]]], "circle")
    mask = fill_polygons([polygon_of(kind, numbers)], HEIGHT, WIDTH)
    rows, columns = (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
    x1, y1, x2, y2 = (int(each) for each in (columns[0], rows[0], columns[-1], rows[-1]))
    return shape(label, [[x1, y1], [x2, y2]], "mask", mask=png(mask[y1 : y2 + 1, x1 : x2 + 1]))


@settings(max_examples=60, deadline=None)
@given(shapes=drawn)
def test_labelme_round_trip(folder, shapes):
    path = folder / "round.json"
    path.write_text(json.dumps(content(*(labelme_shape(*each) for each in shapes))))
    as_drawn(load_dataset(path), shapes)


# ---- nonsense

name = st.sampled_from(["polygon", "polyline", "rect", "circle", "ellipse", "point", "POLYGON", "", None, 5])
value = number | anything
via_shape = st.fixed_dictionaries(
    {},
    optional={
        "name": name,
        "all_points_x": st.lists(number, max_size=5) | anything,
        "all_points_y": st.lists(number, max_size=5) | anything,
        **dict.fromkeys(["x", "y", "width", "height", "cx", "cy", "r", "rx", "ry", "theta"], value),
    },
)
attributes = st.dictionaries(
    st.sampled_from(["name", "type", "x", ""]), anything | st.sampled_from(CLASSES), max_size=3
)
via_regions = st.lists(
    anything
    | st.fixed_dictionaries(
        {"shape_attributes": via_shape | anything}, optional={"region_attributes": attributes | anything}
    ),
    max_size=4,
)
file_name = st.sampled_from(["a.png", "b.png", "loop.png", "../a.png", "/", "", "C:\\a.png", "\0", "\ud800"]) | anything
via_record = anything | st.fixed_dictionaries(
    {"filename": file_name, "size": anything},
    optional={"regions": via_regions | st.dictionaries(st.text(max_size=3), anything, max_size=3) | anything},
)
definitions = anything | st.dictionaries(
    st.sampled_from(["name", "type"]),
    anything | st.fixed_dictionaries({"type": anything, "options": st.dictionaries(st.text(max_size=4), anything)}),
    max_size=2,
)


@settings(max_examples=100, deadline=None)
@given(
    records=st.lists(via_record, max_size=3),
    form=st.sampled_from(["list", "dict", "project"]),
    region_attributes=definitions,
    settings_=anything,
)
def test_any_via(folder, records, form, region_attributes, settings_):
    keyed = {str(i): each for i, each in enumerate(records)}
    parts = {"_via_img_metadata": keyed, "_via_attributes": {"region": region_attributes}, "_via_settings": settings_}
    path = folder / "any.json"
    path.write_text(json.dumps({"list": records, "dict": keyed, "project": parts}[form]))
    survives(path)


@settings(max_examples=40, deadline=None)
@given(st.text(max_size=60) | st.lists(st.sampled_from(['"', "{", "}", ",", "a.png", "\n", "name"])).map("".join))
def test_any_csv(folder, rows):
    path = folder / "any.csv"
    header = "filename,file_size,file_attributes,region_count,region_id,region_shape_attributes,region_attributes\n"
    path.write_bytes((header + rows).encode("utf-8", "surrogatepass"))
    survives(path)


kinds = ["polygon", "rectangle", "oriented_rectangle", "circle", "mask", "line", "point", "points", "cube", None, 5]
small = st.sampled_from([png(np.ones((3, 3))), png(np.ones((2, 2, 3))), "AAAA", "", None, 5])
labelme_shapes = st.lists(
    anything
    | st.fixed_dictionaries(
        {"points": st.lists(st.lists(number, min_size=2, max_size=2), max_size=4) | anything},
        optional={
            "label": st.sampled_from([*CLASSES, "__ignore__"]) | anything,
            "shape_type": st.sampled_from(kinds),
            "group_id": st.sampled_from([None, 1, 1.0, "1"]) | anything,
            "mask": small | anything,
        },
    ),
    max_size=4,
)


@settings(max_examples=100, deadline=None)
@given(
    shapes=labelme_shapes | anything,
    image=file_name,
    data=small | anything,
    height=st.sampled_from([40, None, 0, -1, 10**9, "40", 40.0]) | anything,
    as_folder=st.booleans(),
)
def test_any_labelme(folder, shapes, image, data, height, as_folder):
    place = folder / "labelme"
    place.mkdir(exist_ok=True)
    made = content(image=image, imageHeight=height, imageData=data) | {"shapes": shapes}
    (place / "any.json").write_text(json.dumps(made))
    survives(place if as_folder else place / "any.json")


# ---- sound files with one or two values exchanged for hostile ones

DEEP = json.loads("[" * 700 + "]" * 700)
HOSTILE = [None, True, 0, -1, 1e308, -1e308, float("nan"), float("inf"), 10**400, 0.5, "", "\0", "\ud800", "x" * 500]
HOSTILE += [[], {}, [[]], [None], {"a": 1}, DEEP, "../a.png", "/dev/zero", "loop.png", "12"]

SOUND_REGIONS = [
    via_region("polygon", [(1, 1), (9, 1), (9, 9)], "cat"),
    via_region("box", (20, 3, 5, 6), "dog"),
    via_region("circle", (30, 20, 5), "cat"),
    via_region("ellipse", (30, 20, 5, 9, 1.0), {"cat": True}),
]
SOUND_SHAPES = [
    labelme_shape("polygon", [(1, 1), (9, 1), (9, 9)], "cat"),
    labelme_shape("box", (20, 3, 5, 6), "dog") | {"group_id": 1},
    labelme_shape("circle", (30, 20, 5), "cat"),
    labelme_shape("ellipse", (30, 20, 5, 9, 1.0), "dog") | {"group_id": 1},
    shape("dog", [[3, 3]], "point"),
]
OPTIONS = {"name": {"type": "checkbox", "options": {"cat": "", "dog": ""}}}
SOUND = {
    "project": project([record(regions=SOUND_REGIONS)], OPTIONS, folder="./"),
    "version 1": via_1([record(regions=SOUND_REGIONS)]),
    "labelme": content(*SOUND_SHAPES, imageData=png(np.ones((40, 60)))),
}


def places(node, path=()):
    """The keys that lead to each value of a JSON text."""
    found = [path] if path else []
    inner = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    return found + [place for key, each in inner for place in places(each, (*path, key))]


def exchanged(node, path, value):
    if not path:
        return value
    copy = dict(node) if isinstance(node, dict) else list(node)
    copy[path[0]] = exchanged(node[path[0]], path[1:], value)
    return copy


one_exchange = st.tuples(st.integers(0, 10**6), st.sampled_from(HOSTILE))


@settings(max_examples=150, deadline=None)
@given(form=st.sampled_from(sorted(SOUND)), exchanges=st.lists(one_exchange, min_size=1, max_size=2))
def test_hostile_values_in_a_sound_file(folder, form, exchanges):
    made = SOUND[form]
    for number_, hostile in exchanges:
        open_to_change = places({"whole": made}) if len(exchanges) == 1 else places(made)
        open_to_change = [path[1:] if len(exchanges) == 1 else path for path in open_to_change if len(path) < 12]
        if open_to_change:
            made = exchanged(made, open_to_change[number_ % len(open_to_change)], hostile)
    place = folder / form
    place.mkdir(exist_ok=True)
    (place / "any.json").write_text(json.dumps(made))
    survives(place / "any.json")
    survives(place)
