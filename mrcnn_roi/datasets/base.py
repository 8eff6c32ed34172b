"""The base class of datasets: Matterport's `Dataset`, with the same methods, attributes and numbering.

A script subclasses it, adds classes and images, and overrides `load_mask`:

    class BalloonDataset(Dataset):
        def load_balloon(self, folder):
            self.add_class("balloon", 1, "balloon")
            self.add_image("balloon", image_id="a.jpg", path=folder + "/a.jpg", width=640, height=480)

        def load_mask(self, image_id):
            ...
            return masks, class_ids          # bool [H, W, N], int32 [N]

    dataset = BalloonDataset()
    dataset.load_balloon("balloons")
    dataset.prepare()

Source: utils.Dataset of matterport/Mask_RCNN at 3deaec5. Differences: files are decoded with Pillow (see
`datasets.images`), `sources` has a fixed order, and wrong calls raise ValueError where the original asserts.
"""

from __future__ import annotations

import inspect
import logging
import os
from typing import Any, ClassVar

import numpy as np

from mrcnn_roi.datasets.images import read_image
from mrcnn_roi.findings import Finding, SetupError, Severity

log = logging.getLogger(__name__)


class Dataset:
    """Images and their instances, numbered: class 0 is the background, image ids count from 0.

    Attributes before prepare(): image_info (a list of dicts with "id", "source", "path" and what add_image
    was given), class_info (dicts with "source", "id", "name"), source_class_ids.
    After prepare(): num_classes, class_ids, class_names, num_images, image_ids, class_from_source_map,
    image_from_source_map, sources, source_class_ids.
    annotation_problems: list of Finding, the faults a loader met on its way; the preflight reports them.
    """

    applies_exif: ClassVar[bool] = False  # whether EXIF orientation holds where no size decides (datasets.images)
    parallel_safe: ClassVar[bool] = False  # whether load_image and load_mask may be called from several threads
    annotation_file: Any = None  # the one file that everything was read from, where load_dataset read one

    num_classes: int
    class_ids: np.ndarray
    class_names: list[str]
    num_images: int
    class_from_source_map: dict[str, int]
    image_from_source_map: dict[str, int]
    sources: list[str]

    def __init__(self, class_map=None):
        self._image_ids: Any = []
        self.image_info: list[dict[str, Any]] = []
        self.class_info: list[dict[str, Any]] = [{"source": "", "id": 0, "name": "BG"}]
        self.source_class_ids: dict[str, list[int]] = {}
        self.annotation_problems: list[Finding] = []

    def add_class(self, source: str, class_id: int | str, class_name: str) -> None:
        """Adds a class under its id in the source. The same source and id a second time is ignored.

        Raises SetupError for a source with a dot: "source.id" must be readable.
        """
        if "." in source:
            message = f"expected a source name without a dot, received {source!r}: source.id could not be taken apart"
            fix = f"use {source.replace('.', '_')!r} in add_class() and add_image()"
            raise SetupError(Finding("cd-source-dot", Severity.ERROR, message, fix, "add_class"))
        known = self._classes_by_id()
        info = known.get((source, class_id))
        if info is None:
            known[source, class_id] = {"source": source, "id": class_id, "name": class_name}
            self.class_info.append(known[source, class_id])
        elif info["name"] != class_name:
            self.annotation_problems.append(_class_redefined(info, class_name))

    def _classes_by_id(self) -> dict[tuple, dict[str, Any]]:
        """class_info by source and id. Made anew where class_info was changed by hand, not for every class."""
        known = self.__dict__.setdefault("_known_classes", {})
        if len(known) != len(self.class_info):
            known.clear()
            known.update({(info["source"], info["id"]): info for info in self.class_info})
        return known

    def add_image(self, source: str, image_id: Any, path: Any, **kwargs) -> None:
        """Adds an image under its id in the source. Keyword arguments are kept in image_info.

        height and width, where given, are the size the annotations were drawn on.
        """
        self.image_info.append({"id": image_id, "source": source, "path": path, **kwargs})

    def image_reference(self, image_id: int) -> str:
        """What people know the image by: a link, an id in its source. Override it; the default is ""."""
        return ""

    def prepare(self, class_map=None) -> None:
        """Numbers classes and images. Call it after the last add_class and add_image; again is fine.

        class_map is ignored, as in the original.
        """
        self.num_classes = len(self.class_info)
        self.class_ids = np.arange(self.num_classes)
        self.class_names = [str(info["name"]).partition(",")[0] for info in self.class_info]
        self.num_images = len(self.image_info)
        self._image_ids = np.arange(self.num_images)
        self.class_from_source_map = _numbered(self.class_info, self.class_ids)
        self.image_from_source_map = _numbered(self.image_info, self.image_ids)
        self.sources = list(dict.fromkeys(info["source"] for info in self.class_info))
        self.source_class_ids = {
            source: [i for i, info in enumerate(self.class_info) if i == 0 or info["source"] == source]
            for source in self.sources
        }

    def map_source_class_id(self, source_class_id: str) -> int:
        """The class id of a source's id: "coco.12" -> int. Raises ValueError for one that was not added."""
        known = getattr(self, "class_from_source_map", {})
        if source_class_id not in known:
            listed = ", ".join(list(known)[:10]) or "none: call prepare() first"
            raise ValueError(f'expected "source.id" of an added class ({listed}), received {source_class_id!r}')
        return known[source_class_id]

    def get_source_class_id(self, class_id: int, source: str) -> Any:
        """The id that class `class_id` has in the source. Raises ValueError where it is another source's."""
        info = self.class_info[class_id]
        if info["source"] != source:
            raise ValueError(f"expected a class of source {source!r}, received {class_id}, of {info['source']!r}")
        return info["id"]

    @property
    def image_ids(self) -> Any:
        """int [I]: 0..num_images-1 after prepare(), empty before."""
        return self._image_ids

    def source_image_link(self, image_id: int) -> Any:
        """The path or URL of the image."""
        return self.image_info[image_id]["path"]

    def load_image(self, image_id: int, channels: int = 3) -> np.ndarray:
        """The image, [H, W, channels]. Three are RGB: greyscale repeated, alpha dropped, palette looked up.

        channels: IMAGE_CHANNEL_COUNT; `datasets.image_channels` says what becomes of files with other bands. An
        override need not take it: `load_channels` calls it without.
        Raises SetupError naming the file where it is missing, cannot be decoded or has not the bands ("ds-channels"),
        ValueError where there is no path.
        """
        info = self.image_info[image_id]
        path = info["path"]
        if not isinstance(path, (str, os.PathLike)):
            raise ValueError(f"expected a path in image_info[{image_id}], received {path!r}: override load_image()")
        return read_image(path, self.annotated_size(image_id), self.applies_exif, channels)

    def annotated_size(self, image_id: int) -> tuple[int, int] | None:
        """(height, width) the annotations were drawn on: add_image's height and width; None where not given.

        It decides whether load_image turns the pixels by their EXIF orientation.
        """
        return declared_size(self.image_info[image_id])

    def load_mask(self, image_id: int) -> tuple[np.ndarray, np.ndarray]:
        """(masks bool [H, W, N], class ids int32 [N]). Override it: this one warns and has no instances."""
        if type(self).load_mask is Dataset.load_mask:  # else an override asks for "no instances"
            log.warning("%s does not override load_mask(): no instances are loaded", type(self).__name__)
        return np.empty([0, 0, 0]), np.empty([0], np.int32)

    def load_boxes(self, image_id: int) -> tuple[np.ndarray, np.ndarray] | None:
        """(boxes int32 [N, (y1, x1, y2, x2)] pixels, class ids int32 [N]) in load_mask's order, undrawn.

        None, the default, where only load_mask knows. Loaders of annotation files override it.
        """
        return None

    def instance_names(self, image_id: int) -> list[str]:
        """What load_mask's instances are known by to people, in its order; [] where they have no names."""
        return []

    def crossing_outlines(self, image_id: int) -> np.ndarray | None:
        """int64 [N] in load_mask's order: 1 for an instance whose outline crosses itself, else 0. None, the default:
        not known. Loaders of annotation files override it."""
        return None

    def unmasked_objects(self, image_id: int) -> str:
        """What the annotations list without there being a mask of it, as text for a message; "" for nothing, the
        default. Loaders of formats that hold lists and masks apart override it."""
        return ""

    def scan_key(self, image_id: int) -> bytes | None:
        """Bytes that change when anything but the content of the image's own file changes what load_image and load_mask
        return. None, the default: not known, so that what a scan finds is never taken from its cache."""
        return None


def load_channels(dataset: Any, image_id: int, channels: int) -> Any:
    """The image with so many channels where load_image can be asked for them, as the package's own can; what a user's
    load_image returns otherwise."""
    if takes_channels(dataset):
        return dataset.load_image(image_id, channels=channels)
    return dataset.load_image(image_id)


def takes_channels(dataset: Any) -> bool:
    """Whether load_image has a parameter `channels`."""
    try:
        return "channels" in inspect.signature(dataset.load_image).parameters
    except (TypeError, ValueError):  # no Python function
        return False


def declared_size(info: dict[str, Any]) -> tuple[int, int] | None:
    """(height, width) in an image_info entry, or None where it has none or not two positive integers."""
    size = (info.get("height"), info.get("width"))
    if all(isinstance(side, (int, np.integer)) and not isinstance(side, bool) and side > 0 for side in size):
        height, width = int(size[0]), int(size[1])  # type: ignore[arg-type]
        return (height, width) if max(height, width) < 2**31 else None
    return None


def image_name(info: dict[str, Any]) -> str:
    """The file name of an image for a message, or its source id where it has no path."""
    path = info.get("path")
    named = isinstance(path, (str, os.PathLike)) and os.path.basename(path)
    return str(named or info.get("id"))


def _numbered(infos: list[dict[str, Any]], numbers: Any) -> dict[str, int]:
    return {f"{info['source']}.{info['id']}": number for info, number in zip(infos, numbers)}


def _class_redefined(info: dict[str, Any], class_name: str) -> Finding:
    return Finding(
        "cd-class-redefined",
        Severity.WARNING,
        f"class {info['id']} of {info['source']!r} is {info['name']!r}; the name {class_name!r} is ignored",
        f"give {class_name!r} an id of its own, or remove the second add_class",
        "add_class",
    )
