"""What one LabelMe file holds beside its shapes: where its image is, how large it is, and the image itself.

Format: the tool labelme, github.com/wkentaro/labelme, its module of label files.
"""

from __future__ import annotations

import base64
import io
import os
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from mrcnn_roi.datasets.base import declared_size
from mrcnn_roi.datasets.files import IMAGE_SUFFIXES, ImageFolder, guess_image_folder, read_json, setup_error
from mrcnn_roi.datasets.outline_dataset import absent, header_of
from mrcnn_roi.datasets.pillow_images import opened, pillow_pixels
from mrcnn_roi.datasets.problems import Problems, quoted, shown
from mrcnn_roi.datasets.records import identity, one_side_known
from mrcnn_roi.datasets.segmentation import MAX_PIXELS
from mrcnn_roi.findings import SetupError

CODE = "ds-json-invalid"
KEYS = {"shapes", "imagePath", "imageData"}


def is_labelme(content: object) -> bool:
    """Whether parsed JSON is a LabelMe file, sound or not."""
    if not isinstance(content, dict) or not {"imagePath", "imageData"} & content.keys():
        return False
    return bool({"shapes", "version"} & content.keys())


def find_image(content: dict[str, Any], file: Path, images: Path | None, place: str, problems: Problems) -> str:
    """The path of the image of a LabelMe file, "" where the file itself holds it; a missing one is reported."""
    name, embedded = content.get("imagePath"), content.get("imageData")
    given = name if isinstance(name, str) else ""
    folder, path = _search(given, file, images)
    if path is not None:
        return path
    if isinstance(embedded, str) and embedded:
        return ""
    beside = image_of_same_stem(file)
    if problems.full("ds-file-missing"):
        problems.add("ds-file-missing", place, "", "")
    elif beside and beside != given:
        fix = f'set "imagePath" to "{shown(beside)}" in {shown(file.name)}, if that is its image'
        problems.add("ds-file-missing", place, f"imagePath is {quoted(name)}; there is {shown(beside)}", fix)
    elif not given:
        problems.add("ds-file-missing", place, f"imagePath is {quoted(name)}", 'give the image\'s name as "imagePath"')
    else:
        problems.add("ds-file-missing", place, *folder.explain_missing(given))
    return absent(folder.expected(given or file.stem))


def _search(name: str, file: Path, images: Path | None) -> tuple[ImageFolder, str | None]:
    """(where it was looked for last, the path): beside the file, in the folders near it; or in `images` alone."""
    if images is not None:
        folder = ImageFolder(images, ())
        return folder, folder.find(_downwards(name)) if name else None
    folder = ImageFolder(file.parent, ())
    path = folder.find(name) if name else None
    if path is None and name:
        near = ImageFolder(guess_image_folder(file, [_downwards(name)]), ())
        path = near.find(_downwards(name))
    return folder, path


def _downwards(name: str) -> str:
    """The name without leading "..": where the files have a folder of their own, it leads over to the images'."""
    parts = [part for part in name.replace("\\", "/").split("/") if part not in ("", ".")]
    while parts and parts[0] == "..":
        parts.pop(0)
    return name if name.startswith(("/", "\\")) else "/".join(parts)


def image_of_same_stem(file: Path) -> str:
    """The name of an image beside the file with its stem, or ""."""
    names = (file.stem + suffix for ending in IMAGE_SUFFIXES for suffix in (ending, ending.upper()))
    return next((name for name in names if os.path.isfile(file.parent / name)), "")


def find_size(content: dict[str, Any], path: str, place: str, problems: Problems) -> tuple[int, int] | None:
    """(height, width) the file records, else the image's own; None where neither can be had."""
    recorded = {"height": content.get("imageHeight"), "width": content.get("imageWidth")}
    size = declared_size({side: identity(value) for side, value in recorded.items()})
    if size is not None and size[0] * size[1] <= MAX_PIXELS:
        return size
    own = _own_size(content, path)
    if any(value is not None for value in recorded.values()):
        code = "ds-size-invalid" if own is not None and one_side_known([*recorded.values()]) else CODE
        sides = f"imageWidth {quoted(recorded['width'])}, imageHeight {quoted(recorded['height'])}"
        problems.add(code, place, sides, "give the size in whole pixels, or leave it out")
    return own


def _own_size(content: dict[str, Any], path: str) -> tuple[int, int] | None:
    """(height, width) of the image itself; None where it cannot be read, which the scan reports."""
    if path:
        header = header_of(path)
        return header.oriented_size(turned=True) if header else None
    try:
        with _opened(content.get("imageData")) as image:
            return image.height, image.width
    except Exception:  # load_image says why, for the scan
        return None


def embedded_image(file: str, channels: int = 3) -> np.ndarray:
    """The image that a LabelMe file holds as imageData, [H, W, channels], 3 being RGB.

    Raises SetupError naming the file where it cannot be decoded, or has not the bands.
    """
    content = read_json(Path(file))
    try:
        with _opened(content.get("imageData")) as image:  # type: ignore[attr-defined]
            return pillow_pixels(image, file, channels)
    except SetupError:
        raise
    except Exception as error:  # decoders raise nearly anything on damaged bytes
        text = f"imageData cannot be decoded: {type(error).__name__}: {error}"
        fix = "put the image beside the file, or save the file again in labelme"
        raise setup_error("ds-file-unreadable", file, text, fix) from error


def _opened(data: Any) -> Image.Image:
    return opened(io.BytesIO(base64.b64decode(data)))
