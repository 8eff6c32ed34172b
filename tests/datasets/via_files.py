"""Small VIA files for the tests."""

import json

from .builders import image_file

POLYGON = {"name": "polygon", "all_points_x": [10, 30, 30, 10], "all_points_y": [10, 10, 30, 30]}  # 20 x 20 pixels


def region(shape=POLYGON, **attributes):
    """A region with a shape and its attributes."""
    return {"shape_attributes": shape, "region_attributes": attributes}


def record(name="a.png", regions=(), **more):
    """The record of an image, regions as version 2 writes them."""
    return {"filename": name, "size": 1234, "regions": list(regions), "file_attributes": {}, **more}


def via_1(records):
    """The export of version 1: regions by number."""
    return {
        each["filename"] + "1234": each
        | {
            "regions": {str(i): region for i, region in enumerate(each["regions"])},
            "base64_img_data": "",
            "fileref": "",
        }
        for each in records
    }


def via_2(records):
    """The export of version 2."""
    return {each["filename"] + "1234": each for each in records}


def project(records, region_attributes=None, folder=""):
    """A project file of version 2."""
    return {
        "_via_settings": {"core": {"default_filepath": folder}, "project": {"name": "via_project"}},
        "_via_img_metadata": via_2(records),
        "_via_attributes": {"region": region_attributes or {}, "file": {}},
        "_via_data_format_version": "2.0.10",
        "_via_image_id_list": list(via_2(records)),
    }


def via_csv(records):
    """The CSV export of version 2, as text."""

    def quoted(value):
        return '"' + json.dumps(value).replace('"', '""') + '"'

    lines = ["filename,file_size,file_attributes,region_count,region_id,region_shape_attributes,region_attributes"]
    for each in records:
        for i, one in enumerate(each["regions"] or [region({})]):
            cells = quoted(one["shape_attributes"]), quoted(one["region_attributes"])
            lines.append(f'{each["filename"]},1234,"{{}}",{len(each["regions"])},{i},{cells[0]},{cells[1]}')
    return "\n".join(lines)


def via_file(folder, content, images=("a.png",), name="via.json"):
    """Writes the content, and 60 x 40 images of these names."""
    for seed, image in enumerate(images):
        image_file(folder / image, seed=seed)
    path = folder / name
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path
