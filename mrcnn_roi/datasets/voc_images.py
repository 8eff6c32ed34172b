"""The image of a VOC file: the one with its stem, as VOC itself, labelImg and torchvision find it.

<filename> decides where several images have the stem, and where none has it. <path>, the place on somebody's
machine, is not read.
"""

from __future__ import annotations

import os

from mrcnn_roi.datasets.files import ImageFolder
from mrcnn_roi.datasets.outline_dataset import locate
from mrcnn_roi.datasets.problems import Problems, shown
from mrcnn_roi.datasets.voc_layout import VocSet


def find_image(voc: VocSet, stem: str, filename: str, place: str, problems: Problems) -> tuple[str, bool]:
    """(path of the image of a file, whether there is such a file). What does not fit goes to `problems`."""
    names = voc.images.get(stem, [])
    base = filename.replace("\\", "/").rpartition("/")[2]
    if not names:
        return locate(ImageFolder(voc.image_folder, ()), filename or f"{stem}.jpg", place, problems)
    chosen = base if base in names else names[0]
    if len(names) > 1 and base not in names:
        detail = f"{shown(names[0])} and {shown(names[1])}, and <filename> is {shown(filename) or 'empty'}"
        problems.add("ds-id-dup-image", place, detail, "rename or remove one of the two images")
    elif base not in names and base and stem not in (base, os.path.splitext(base)[0]):
        detail = f"<filename> is {shown(filename)}, the image with the stem is {shown(chosen)}"
        problems.add("ds-image-renamed", place, detail, f"write <filename>{shown(chosen)}</filename>")
    return os.path.join(voc.image_folder, chosen), True
