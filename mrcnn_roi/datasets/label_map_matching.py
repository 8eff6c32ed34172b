"""Which label map belongs to which image, and what is said of files that belong to none or are no maps of numbers."""

from __future__ import annotations

from pathlib import Path

from mrcnn_roi.datasets.files import IMAGE_SUFFIXES
from mrcnn_roi.datasets.images import Header, is_label_map, is_lossy, read_header
from mrcnn_roi.datasets.label_map_files import AS_NUMBERS, FROM_COLOURS, lossy_maps, map_files, stem_of, stems_of
from mrcnn_roi.datasets.problems import Problems, shown
from mrcnn_roi.findings import SetupError


def report_unmatched(maps: Path, images: dict[str, Path], problems: Problems) -> None:
    """Adds the images, by stem, that have no map in the folder `maps`."""
    lossy = lossy_maps(maps, images)
    for stem, image in images.items():
        if stem in lossy:
            detail = "a JPEG, whose compression changes the numbers; the image is left out"
            problems.add("ds-file-unreadable", f"map {shown(lossy[stem].name)}", detail, AS_NUMBERS)
            continue
        fix = f"add its map to {shown(str(maps), 200)}; for an image without objects a map of zeros"
        problems.add("ds-map-missing", f"image {shown(image.name)}", "", fix)


def match(images: Path, maps: Path, problems: Problems) -> tuple[list[tuple[str, Path, Path]], dict[str, Path]]:
    """([(stem, image, map)], images without a map by stem), in the order of image names; what is left over is
    reported."""
    by_stem: dict[str, Path] = {}
    for stem, image in stems_of(images, IMAGE_SUFFIXES):
        if stem in by_stem:
            detail = f"{shown(by_stem[stem].name)} and {shown(image.name)}"
            problems.add("ds-id-dup-image", f"image {shown(stem)}", detail, "rename or remove one of the two")
        else:
            by_stem[stem] = image
    matched: dict[str, Path] = {}
    for own, label_map in map_files(maps):
        owner = stem_of(own, by_stem)
        if owner is None:
            fix = f"add the image to {shown(str(images), 200)}, or remove the map"
            problems.add("ds-map-unmatched", f"map {shown(label_map.name)}", "", fix)
        elif owner in matched:
            detail = f"maps {shown(matched[owner].name)} and {shown(label_map.name)}"
            problems.add("ds-id-dup-image", f"image {shown(owner)}", detail, "keep one map an image")
        else:
            matched[owner] = label_map
    pairs = [(stem, image, matched[stem]) for stem, image in by_stem.items() if stem in matched]
    return pairs, {stem: image for stem, image in by_stem.items() if stem not in matched}


def map_header(path: Path, problems: Problems) -> Header | None:
    """The header of a map, None where it cannot be read; what is no map of numbers is reported."""
    try:
        header = read_header(path)
    except SetupError as error:
        finding = error.findings[0]
        problems.add("ds-file-unreadable", f"map {shown(path.name)}", finding.message, finding.fix)
        return None
    if not is_label_map(header.mode):
        fix = f"{AS_NUMBERS}; {FROM_COLOURS}"
        detail = f"mode {header.mode} instead of one channel of numbers"
        problems.add("ds-file-unreadable", f"map {shown(path.name)}", detail, fix)
    elif is_lossy(header):
        detail = f"a {header.format} by its content, whose compression changes the numbers"
        problems.add("ds-file-unreadable", f"map {shown(path.name)}", detail, f"{AS_NUMBERS}, from the originals")
    return header
