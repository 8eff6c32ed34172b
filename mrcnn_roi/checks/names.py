"""Checks of the names and ids that a dataset declares (group "dataset"): classes, sources, images.

For classes written in the original's style; what annotation files declare their loaders have checked, and what those
reported is not said again.
"""

from __future__ import annotations

from collections import Counter

from mrcnn_roi.checks.splits import data_check, first
from mrcnn_roi.findings import Severity

BACKGROUND_NAMES = ("background", "bg", "_background_", "__background__")


def _each(datasets, code: str, find):
    """(names of the datasets, what `find` saw in them): the same in train and val is one cause."""
    seen: dict[tuple, list[str]] = {}
    for name, dataset in datasets.items():
        reported = {finding.code for finding in getattr(dataset, "annotation_problems", ())}
        if code not in reported and (found := find(dataset)):
            seen.setdefault(tuple(found), []).append(name)
    return [(", ".join(names), list(found)) for found, names in seen.items()]


def _class_names(dataset) -> list[str]:
    """The names of its own classes, the background that every dataset has left out."""
    return [str(info["name"]) for info in dataset.class_info[1:]]


@data_check("ds-category-background", Severity.ERROR, "dataset")
def background_class(datasets):
    """A class for the background. It is there already, as class 0; another one shifts the ids of the others, and the
    network learns two backgrounds."""

    def find(dataset):
        return [name for name in _class_names(dataset) if name.strip().lower() in BACKGROUND_NAMES]

    for where, names in _each(datasets, "ds-category-background", find):
        listed = ", ".join(map(repr, names))
        message = f"the class {listed} stands for the background, which is added automatically as class 0"
        yield where, message, f"remove add_class(..., {names[0]!r}), count the others from 1, and lower NUM_CLASSES"


@data_check("ds-category-dup", Severity.WARNING, "dataset")
def class_name_twice(datasets):
    """Two classes of one source with the same name: the objects of one kind are learned as two."""

    def find(dataset):
        counts = Counter((str(info["source"]), str(info["name"])) for info in dataset.class_info[1:])
        return [name for (_, name), count in counts.items() if count > 1]

    for where, names in _each(datasets, "ds-category-dup", find):
        message = f"{len(names)} class name{'s' * (len(names) > 1)} used twice{first(map(repr, names), len(names))}"
        yield where, message, f"map both ids to one class, or call the second one otherwise: {names[0] + '_2'!r}"


@data_check("ds-category-name", Severity.WARNING, "dataset")
def class_name_with_comma(datasets):
    """A class name with a comma. class_names keeps what stands before it, as the original does."""

    def find(dataset):
        return [name for name in _class_names(dataset) if "," in name]

    for where, names in _each(datasets, "ds-category-name", find):
        message = f"class names are cut at their first comma{first(map(repr, names), len(names))}"
        yield where, message, f"rename it, for example to {names[0].replace(', ', ' ').replace(',', ' ')!r}"


@data_check("ds-id-dup-image", Severity.ERROR, "dataset")
def image_id_twice(datasets):
    """Two different files under one id of one source. image_from_source_map keeps the second, so annotations that are
    looked up by the id are drawn on the wrong image. The same file added again, as for rare classes, is left alone,
    and so is one id in two sources."""

    def find(dataset):
        paths: dict[tuple[str, str], set[str]] = {}
        for info in dataset.image_info:
            paths.setdefault((str(info["source"]), str(info["id"])), set()).add(str(info.get("path")))
        return [f"{source}.{id_}: {'; '.join(sorted(own)[:3])}" for (source, id_), own in paths.items() if len(own) > 1]

    for where, texts in _each(datasets, "ds-id-dup-image", find):
        message = f"{len(texts)} image id{'s' * (len(texts) > 1)} for several files{first(texts, len(texts))}"
        yield where, message, "give every image an image_id of its own in add_image(), for example its file name"


@data_check("cd-source-dot", Severity.ERROR, "fit")
def source_with_dot(datasets):
    """A source whose name has a dot. Classes and images are known as "source.id", which can then not be taken apart:
    add_class refuses it, as the original did."""

    def find(dataset):
        sources = {str(info["source"]) for info in (*dataset.class_info, *dataset.image_info)}
        return sorted(source for source in sources if "." in source)

    for where, sources in _each(datasets, "cd-source-dot", find):
        message = f'the source {", ".join(map(repr, sources[:5]))} has a dot, so "source.id" cannot be read'
        yield where, message, f"call it {sources[0].replace('.', '_')!r} in add_class() and add_image()"
