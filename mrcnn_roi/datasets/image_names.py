"""The names that an annotation file gives its images: relative to one folder, and the copies that bear them."""

from __future__ import annotations

import filecmp
import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mrcnn_roi.datasets.base import Dataset
from mrcnn_roi.datasets.facts import path_of
from mrcnn_roi.datasets.files import inside, setup_error


def images_root(infos: Sequence[dict[str, Any]], given: str | os.PathLike | None = None) -> Path:
    """The folder that the images' names are relative to.

    infos: image_info entries. given: a folder that somebody named; it counts. Otherwise the folder that the names in
    the annotations were relative to, where that is one, or the deepest folder that holds all images.
    """
    if given is not None:
        return Path(os.path.abspath(given))
    paths = [os.path.abspath(path) for info in infos if (path := path_of(info))]
    roots = {_root_of(info) for info in infos if path_of(info)}
    if len(roots) == 1 and None not in roots:
        return Path(str(roots.pop()))
    if not paths:
        return Path.cwd()
    common = os.path.commonpath([os.path.dirname(path) for path in paths])
    return Path(common)


def _root_of(info: dict[str, Any]) -> str | None:
    """The folder in which the file_name of an image leads to its path; None where no folder does."""
    name, path = info.get("file_name"), os.path.abspath(path_of(info))
    if not isinstance(name, str) or not name or os.path.normpath(name) != name or os.path.isabs(name):
        return None
    root = path[: -len(name) - 1]
    return root or os.sep if path == os.path.join(root or os.sep, name) else None


def name_in(root: Path, info: dict[str, Any], image_id: int) -> str:
    """The name of an image relative to the root, with slashes; of an image without a file one made of its id.

    Raises SetupError for an image that does not lie below the root.
    """
    path = path_of(info)
    if not path:
        stem = "".join(each if each.isalnum() or each in "-_." else "_" for each in str(info.get("id")))
        return f"{image_id:06d}_{stem.lstrip('.')[:80]}.png"
    path = os.path.abspath(path)
    if inside(root, path) is None:
        text = f"the image lies outside of {root}, so no name can lead to it from there"
        fix = f"name a folder above all images, for example --images-root {os.path.commonpath([root, path])}"
        raise setup_error("ds-file-missing", path, text, fix)
    return Path(os.path.relpath(path, root)).as_posix()


def copy_image(dataset: Dataset, image_id: int, target: Path) -> None:
    """Puts the file of an image at `target`; of an image without a file what load_image returns, as PNG.

    A file that is there already must have the same content. Raises SetupError where it has not, or where the image's
    file is missing.
    """
    path = path_of(dataset.image_info[image_id])
    if path and not os.path.isfile(path):
        fix = "correct the path in the annotations, or name the image folder: --images"
        raise setup_error("ds-file-missing", path, "no such image file, so it cannot be copied", fix)
    if path and target.exists() and (os.path.samefile(path, target) or filecmp.cmp(path, target, shallow=False)):
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f".{os.getpid()}.tmp{target.suffix}")
    try:
        if path:
            shutil.copyfile(path, temporary)
        else:
            _draw(dataset.load_image(image_id), temporary)
        if target.exists() and not filecmp.cmp(temporary, target, shallow=False):
            text = f"another file has this name already; the image is {path or dataset.image_info[image_id].get('id')}"
            raise setup_error("ds-file-unreadable", target, text, "name a new folder for the output")
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)


def _draw(pixels: Any, target: Path) -> None:
    from PIL import Image

    pixels = np.asarray(pixels)
    if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3:
        raise ValueError(f"expected an image uint8 [H, W, 3], received {pixels.dtype} {list(pixels.shape)}")
    Image.fromarray(pixels).save(target, "PNG")
