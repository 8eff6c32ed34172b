"""Faults of VGG Image Annotator files: one broken region in an otherwise sound export."""

from __future__ import annotations

import copy
import json

from PIL import Image

from mrcnn_roi.datasets import load_dataset

from .builders import BOXES, configured, judged, noise, refused_or
from .cases import ERROR, INFO, Fault

NAMES = ("bolt", "nut", "bolt")
REGION = "region_attributes"


def polygon(y1, x1, y2, x2):
    return {"name": "polygon", "all_points_x": [x1, x2, x2, x1], "all_points_y": [y1, y1, y2, y2]}


def export(folder, seed=0, version=2):
    """A sound VIA export of three images, which are written to `folder`."""
    files = {}
    for number in range(3):
        name = f"via_{seed}_{number}.png"
        Image.fromarray(noise(seed=3000 + 100 * seed + number)).save(folder / name, compress_level=1)
        size = (folder / name).stat().st_size
        regions = [
            {"shape_attributes": polygon(*box), "region_attributes": {"name": label}}
            for box, label in zip(BOXES, NAMES)
        ]
        regions = regions if version == 2 else {str(i): region for i, region in enumerate(regions)}
        files[f"{name}{size}"] = {"filename": name, "size": size, "regions": regions, "file_attributes": {}}
    return files


def via(folder, change=None, seed=0, version=2, wrap=None):
    own = folder / f"via{seed}"
    own.mkdir(exist_ok=True)
    content = copy.deepcopy(export(own, seed, version))
    if change:
        change(content)
    (own / "via_region_data.json").write_text(json.dumps(wrap(content) if wrap else content))
    return load_dataset(own / "via_region_data.json")


def with_via(change, **more):
    def find(folder):
        return refused_or(lambda: judged(via(folder, change, 0, **more), via(folder, None, 5), configured()))

    return find


def first(content):
    return next(iter(content.values()))["regions"][0]


def shape(**values):
    return lambda content: first(content).update(shape_attributes=values)


def label(values):
    return lambda content: first(content).update(region_attributes=values)


def drop_points(content):
    del first(content)["shape_attributes"]["all_points_y"]


def text_regions(content):
    next(iter(content.values()))["regions"] = ["polygon"]


def no_regions(content):
    for record in content.values():
        del record["regions"]


def no_shapes(content):
    for record in content.values():
        for region in record["regions"]:
            del region["shape_attributes"]


def moved(by):
    def change(content):
        points = first(content)["shape_attributes"]
        points["all_points_x"] = [x + by for x in points["all_points_x"]]

    return change


def null_regions(content):
    next(iter(content.values()))["regions"] = None


def nan_label(content):
    first(content).update(region_attributes={"name": float("nan")})


def two_attributes(content):
    for record in content.values():
        for region in record["regions"]:
            region[REGION]["type"] = "part"


def as_csv(cut):
    """find(folder) for the CSV of the sound export. cut: the lines -> those that are left."""

    def find(folder):
        def run():
            own = folder / "csv"
            own.mkdir()
            head = "filename,file_size,file_attributes,region_count,region_id,region_shape_attributes,region_attributes"
            lines = [head]
            for record in export(own).values():
                for number, region in enumerate(record["regions"]):
                    cells = (json.dumps(region[key]).replace('"', '""') for key in ("shape_attributes", REGION))
                    quoted = ",".join(f'"{cell}"' for cell in cells)
                    lines.append(f'{record["filename"]},{record["size"]},"{{}}",3,{number},{quoted}')
            (own / "via.csv").write_text("\n".join(cut(lines)))
            return judged(load_dataset(own / "via.csv"), via(folder, None, 5), configured())

        return refused_or(run)

    return find


def gone(content):
    next(iter(content.values()))["filename"] = "gone.png"


FAULTS = [
    Fault("ds-via-shape", ERROR, "point", with_via(shape(name="point", cx=5, cy=6))),
    Fault("ds-via-format", ERROR, "all_points_y", with_via(drop_points), "no y"),
    Fault("ds-via-format", ERROR, "polygon", with_via(text_regions), "text for a region"),
    Fault("ds-via-format", ERROR, "no regions", with_via(no_regions), "no regions at all"),
    Fault("ds-via-format", ERROR, "no regions", with_via(no_regions, version=1), "no regions, version 1"),
    Fault("ds-via-format", ERROR, "no shape_attributes", with_via(no_shapes), "no shapes at all"),
    Fault("ds-via-format", ERROR, "regions is None", with_via(null_regions), "null for regions"),
    Fault("ds-via-format", ERROR, "region_count is 3", as_csv(lambda rows: rows[:-1]), "a row less"),
    Fault("ds-via-format", ERROR, "6 of 7 columns", as_csv(lambda rows: [*rows[:-1], rows[-1][:-25]]), "a row cut off"),
    Fault("ds-via-attribute", INFO, "taken is name with 2 values (bolt, nut)", with_via(two_attributes)),
    Fault("ds-via-label-missing", ERROR, "name", with_via(nan_label), "NaN"),
    Fault("ds-via-label-missing", ERROR, "name", with_via(label({})), "no label"),
    Fault("ds-via-label-missing", ERROR, "name", with_via(label({"name": ""})), "empty label"),
    Fault("ds-polygon-outside", ERROR, "44041", with_via(moved(44033)), "VIA, slide"),
    Fault("ds-file-missing", ERROR, "gone.png", with_via(gone), "VIA"),
]
