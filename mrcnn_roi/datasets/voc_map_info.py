"""The image_info entry of an image with a map: its size is the map's, its objects are those of the XML file.

Maps are not decoded here: a set of thousands of images is to be loaded in seconds.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mrcnn_roi.datasets.images import read_header
from mrcnn_roi.datasets.outline_dataset import Unusable
from mrcnn_roi.datasets.problems import Problems, shown
from mrcnn_roi.datasets.voc_file import VocFile
from mrcnn_roi.datasets.voc_layout import VocSet
from mrcnn_roi.datasets.voc_maps import AS_NUMBERS, MapObject, is_map
from mrcnn_roi.datasets.voc_objects import Size, box_of
from mrcnn_roi.datasets.voc_options import Options
from mrcnn_roi.findings import SetupError


def map_info(voc: VocSet, stem: str, content: VocFile, options: Options, problems: Problems) -> dict[str, Any]:
    """object_map, class_map, objects and what else `VocDataset` needs for the masks. Faults go to `problems`."""
    path, class_map = voc.object_maps[stem], voc.class_maps.get(stem)
    size = _size(path, problems)
    objects = []
    for position, each in enumerate(content.objects, 1):
        fault = options.name_fault(each)
        if fault is not None and (each.name or class_map is None):
            place = f"object {position} of {shown(voc.files[stem].name)}"
            problems.add(fault.code, place, fault.detail, fault.fix)
        box = box_of(each)
        objects.append(MapObject(each.name, None if isinstance(box, Unusable) else box, each.difficult))
    return {
        **({} if size is None else {"height": size[0], "width": size[1]}),
        "object_map": str(path),
        "class_map": None if class_map is None else str(class_map),
        "objects": tuple(objects),
        "in_xml": stem in voc.files,
        "difficult": options.difficult,
        "masks_reported": size is None,
        "records": (),
    }


def _size(path: Path, problems: Problems) -> Size:
    """(height, width) of a map; None where it cannot be one, which is reported."""
    place = f"map {shown(path.name)}"
    try:
        header = read_header(path)
    except SetupError as error:
        problems.add("ds-file-unreadable", place, error.findings[0].message, error.findings[0].fix)
        return None
    if is_map(header.mode):
        return header.height, header.width
    problems.add("ds-file-unreadable", place, f"mode {header.mode} instead of one channel of numbers", AS_NUMBERS)
    return None
