"""What one image and its masks are, in numbers: the row that the scan keeps of them.

Nothing here raises on a user's data: what fails becomes a text with a code, "" where no check has one.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import time
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from mrcnn_roi.datasets.base import Dataset, declared_size, load_channels
from mrcnn_roi.datasets.image_channels import bands_taken
from mrcnn_roi.datasets.image_header import Header, orientation_applies
from mrcnn_roi.datasets.images import alpha_varies, read_header, read_image
from mrcnn_roi.datasets.mask_facts import LARGEST, failure, load_boxes, load_masks
from mrcnn_roi.findings import SetupError

NONE = np.zeros(0, np.int64)
MEANS = 16  # channels whose mean is kept


@dataclass(slots=True)
class ImageFacts:
    """One image. Sizes are pixels; -1, "" and NaN mean unknown. Meanings: see `scan.Scan`."""

    path: str = ""
    height: int = -1
    width: int = -1
    channels: int = -1
    dtype: str = ""
    dtype_max: float = np.nan
    value_min: float = np.nan
    value_max: float = np.nan
    channel_mean: tuple[float, ...] = (np.nan,) * MEANS
    declared_height: int = -1
    declared_width: int = -1
    mode: str = ""
    file_format: str = ""
    exif_orientation: int = 0
    exif_applied: int = -1
    alpha_varies: bool = False
    sha1: str = ""
    error: tuple[str, str] | None = None  # (code, text)

    read: bool = False
    instances_known: bool = False
    mask_shape: tuple[int, ...] = ()
    mask_dtype: str = ""
    mask_distinct: int = -1
    mask_max: float = np.nan
    mask_error: tuple[str, str] | None = None
    unmasked: str = ""
    class_ids: np.ndarray = field(default_factory=lambda: NONE)
    boxes: np.ndarray = field(default_factory=lambda: np.zeros((0, 4), np.int64))
    areas: np.ndarray = field(default_factory=lambda: NONE)
    duplicates: np.ndarray = field(default_factory=lambda: NONE)  # index of an earlier equal mask, or -1
    crossings: np.ndarray = field(default_factory=lambda: NONE)  # 1 its outline crosses itself, 0, or -1 unknown
    load_seconds: float = np.nan  # of load_image and load_mask together
    file_size: int = -1
    file_time: int = -1  # nanoseconds


def image_facts(dataset: Dataset, image_id: int, full: bool, channels: int = 3) -> ImageFacts:
    """The facts of one image: decoded with its masks (full), or from headers and annotations alone.

    channels: IMAGE_CHANNEL_COUNT, which load_image is asked for where it can be. An image whose file does not have as
    many is measured as it is: how many it has, and what their mean is, says what to set.
    """
    info = dataset.image_info[image_id]
    facts = ImageFacts(path=path_of(info), read=full)
    with contextlib.suppress(OSError, ValueError):
        status = os.stat(facts.path)
        facts.file_size, facts.file_time = status.st_size, status.st_mtime_ns
    facts.declared_height, facts.declared_width = declared_size(info) or (-1, -1)
    header = _header_facts(facts, dataset)
    if full:
        started = time.perf_counter()
        asked = header.channels(channels) if header and reads_files(dataset) else channels
        image = _load_image(facts, dataset, image_id, asked)
        load_masks(facts, dataset, image_id)
        facts.load_seconds = time.perf_counter() - started
        _file_facts(facts, dataset, header, image)
    else:
        _presume_image(facts, dataset, image_id, header, channels)
        load_boxes(facts, dataset, image_id)
    return facts


def path_of(info: dict[str, Any]) -> str:
    """The path in an image_info entry, "" where it holds something else."""
    path = info.get("path")
    return os.fsdecode(path) if isinstance(path, (str, os.PathLike)) else ""


def sha1_of(path: str) -> str:
    """Of a file's content, read in blocks: a sparse file may have any size."""
    digest = hashlib.sha1(usedforsecurity=False)
    with open(path, "rb") as file:
        for block in iter(lambda: file.read(1 << 20), b""):
            digest.update(block)
    return digest.hexdigest()


def _header_facts(facts: ImageFacts, dataset: Dataset) -> Header | None:
    if not facts.path or (not os.path.isfile(facts.path) and not reads_files(dataset)):
        return None  # a class that makes its images itself may put anything into path
    try:
        header = read_header(facts.path)
    except SetupError as error:
        facts.error = failure(error) if reads_files(dataset) else None
        return None
    facts.mode, facts.file_format, facts.exif_orientation = header.mode, header.format, header.orientation
    return header


def reads_files(dataset: Dataset) -> bool:
    """Whether load_image is the package's own, so that what its headers say is what it will return."""
    return type(dataset).load_image.__module__.startswith(__package__ or "")


def _presume_image(facts: ImageFacts, dataset: Dataset, image_id: int, header: Header | None, channels: int) -> None:
    """Height, width and channels as load_image will return them, without calling it."""
    facts.height, facts.width = facts.declared_height, facts.declared_width
    if header is None:
        return
    if reads_files(dataset):
        turned = orientation_applies(header, dataset.annotated_size(image_id), dataset.applies_exif)
        facts.height, facts.width = header.oriented_size(turned)
        facts.channels, facts.exif_applied = header.channels(channels), int(turned or header.orientation == 1)
        if (facts.declared_height, facts.declared_width) == (header.width, header.bands):
            facts.channels = header.bands  # an array [C, H, W], as its annotations show
    elif facts.height < 0:
        facts.height, facts.width = header.oriented_size(False)


def _load_image(facts: ImageFacts, dataset: Dataset, image_id: int, channels: int) -> np.ndarray | None:
    """Measures the image and returns it; None where it is none."""
    try:
        image = np.asarray(load_channels(dataset, image_id, channels))
    except (Exception, SystemExit, GeneratorExit) as error:  # the user's code may raise anything: it is reported
        facts.error = failure(error)
        return None
    facts.error = None
    if image.ndim not in (2, 3) or not image.size or image.dtype.kind not in "biuf":
        facts.error = (
            "ds-channels",
            f"load_image returned {image.dtype} {image.shape}, expected numbers [H, W, C]",
        )
        return None
    if image.size > LARGEST:
        facts.error = "", f"load_image returned {list(image.shape)}, too large to be looked at"
        return None
    facts.height, facts.width = image.shape[:2]
    facts.channels = image.shape[2] if image.ndim == 3 else 0
    facts.dtype, facts.dtype_max = str(image.dtype), _largest(image.dtype)
    facts.value_min, facts.value_max = float(image.min()), float(image.max())
    sample = image[:: max(1, image.shape[0] // 128), :: max(1, image.shape[1] // 128)]
    means = sample.reshape(-1, max(facts.channels, 1)).mean(axis=0, dtype=np.float64)[:MEANS]
    facts.channel_mean = tuple(float(mean) for mean in means) + (np.nan,) * (MEANS - len(means))
    return image


def _largest(dtype: np.dtype) -> float:
    if dtype.kind == "b":
        return 1.0
    return float(np.iinfo(dtype).max) if dtype.kind in "iu" else float("inf")


def _file_facts(facts: ImageFacts, dataset: Dataset, header: Header | None, image: np.ndarray | None) -> None:
    """Content hash, alpha, and whether the EXIF orientation was applied."""
    if header is None:
        return
    try:
        facts.sha1 = sha1_of(facts.path)
        facts.alpha_varies = _drops_bands(facts, dataset, header) and alpha_varies(facts.path, facts.channels)
    except (OSError, SetupError) as error:
        facts.error = facts.error or failure(error)
    stored, turned = header.oriented_size(False), header.oriented_size(True)
    if header.orientation == 1:
        facts.exif_applied = 1
    elif stored != turned and (facts.height, facts.width) in (stored, turned):
        facts.exif_applied = int((facts.height, facts.width) == turned)
    elif reads_files(dataset):
        facts.exif_applied = int(dataset.applies_exif)
    elif image is not None:
        facts.exif_applied = _applies_orientation(facts.path, image)


def _drops_bands(facts: ImageFacts, dataset: Dataset, header: Header) -> bool:
    """Whether load_image leaves bands of the file out. A user's own may do so on purpose, but for three channels, the
    usual number, which says nothing."""
    judged = facts.channels > 0 if reads_files(dataset) else facts.channels == 3
    return judged and header.pages == 1 and 0 < bands_taken(header.bands, facts.channels) < header.bands


def _applies_orientation(path: str, image: np.ndarray) -> int:
    """1 where the pixels are those of the file turned by its EXIF orientation, 0 those as stored, -1 neither. For
    mirrored and square images, whose size does not tell."""
    for applied in (0, 1):
        try:
            channels = image.shape[2] if image.ndim == 3 else 1
            if np.array_equal(read_image(path, None, bool(applied), channels).reshape(image.shape), image):
                return applied
        except (SetupError, ValueError):  # the file's own reader may know more formats, or turn otherwise
            break
    return -1
