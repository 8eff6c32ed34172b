"""Checks of the Config against the data (group "fit"). In this file: classes and sources.

Numbers are in fit_counts.py, sizes in fit_sizes.py, anchors in fit_anchors.py. Ids of the catalogue that do
not exist here:
- cd-molded-shape belongs to implementations that make anchors from IMAGE_SHAPE; here they come from the
  molded image, so "pad64" and "none" train. Shapes that cannot be stacked or halved are cd-molded-varies,
  cd-molded-div64.
- cd-class-redefined is found where it happens, in Dataset.add_class, and a source with a dot (cd-source-dot)
  is refused there; names.py has the other names and ids.
"""

from __future__ import annotations

import numpy as np

from mrcnn_roi.checks.names import BACKGROUND_NAMES
from mrcnn_roi.checks.scan_faults import nothing_read
from mrcnn_roi.checks.splits import Split, data_check, first, listed_images, whole
from mrcnn_roi.findings import Severity

MUCH_RARER = 50  # times fewer instances than the most frequent class, and fewer than that many


def _class_counts(split: Split) -> np.ndarray:
    """int [K]: objects of each class; index 0 is the background and stays 0."""
    known = split.objects & (split.scan.class_id < split.scan.num_classes)
    return np.bincount(split.scan.class_id[known], minlength=split.scan.num_classes)


def _wrong_ids(split: Split) -> np.ndarray:
    """bool [M]: class ids that no class has; 0, the background, among them."""
    class_id = split.scan.class_id
    return (class_id == 0) | (np.abs(class_id) >= split.scan.num_classes)


def _all_sound(split: Split) -> bool:
    """Whether every image was understood and every class id is one, so that counts mean something."""
    return bool(split.sound.all() and len(split.scan.class_id) and not _wrong_ids(split).any())


@data_check("cd-empty-dataset", Severity.ERROR, "fit")
def empty_dataset(datasets):
    """A dataset without images: none were added, or prepare() was not called. There is nothing to make a
    batch of.

    A warning where images were added after prepare(): those would not be used.
    """
    for name, dataset in datasets.items():
        added, used = len(dataset.image_info), len(dataset.image_ids)
        if used == 0 and added:
            message = f"{added} images were added, but prepare() was not called: no batch can be made"
            yield name, message, f"call {name}.prepare() after the last add_image()"
        elif used == 0:
            message = "0 images: no batch can be made"
            yield (
                name,
                message,
                "check the path of the images and annotations, and that add_image() is reached",
            )
        elif used < added:
            message = f"{added - used} of {added} images were added after prepare() and would not be used"
            yield name, message, f"call {name}.prepare() again after the last add_image()", Severity.WARNING


@data_check("cd-class-count", Severity.ERROR, "fit")
def class_count(config, splits):
    """NUM_CLASSES is not the number of classes of a dataset, background included. image_meta then has
    another length than the network's input, and the run stops at the first batch. Classes without objects
    count too. Silent about a part of whose annotations nothing could be read."""
    expected = whole(config, "NUM_CLASSES", 2)
    splits = [split for split in splits if not nothing_read(split)]
    wrong = [split for split in splits if split.scan.num_classes != expected]
    if not wrong:
        return
    counts = sorted({split.scan.num_classes for split in wrong})
    described = "; ".join(_described_classes([each for each in wrong if each.scan.num_classes == n]) for n in counts)
    message = f"{described}, but NUM_CLASSES={expected}: image_meta would not fit the network's input"
    fix = f"set NUM_CLASSES = 1 + {counts[0] - 1}"
    if counts[0] < 2:
        fix = "call add_class() for every class before prepare()"
    elif len(counts) > 1 or len(wrong) < len(splits):
        fix = "add_class() the same classes in train and val, and set NUM_CLASSES to 1 + their number"
    yield "NUM_CLASSES", message, fix


def _described_classes(splits: list[Split]) -> str:
    """ "train and val have 2 classes + background = 3 (BG, square, circle)"."""
    count, names = splits[0].scan.num_classes, splits[0].scan.class_names
    listed = ", ".join(names[:8]) + ", ..." * (len(names) > 8)
    verb, plural = "have" if len(splits) > 1 else "has", "" if count == 2 else "es"
    return f"{' and '.join(s.name for s in splits)} {verb} {count - 1} class{plural} + background = {count} ({listed})"


@data_check("cd-train-val-classes", Severity.ERROR, "fit")
def classes_differ(train, val):
    """train and val number their classes differently, by other names or in another order. A class id then
    means one class in training and another in validation. Where already their number differs, cd-class-count
    says so."""
    ours, theirs = train.scan.class_names, val.scan.class_names
    different = [i for i, (a, b) in enumerate(zip(ours, theirs)) if a != b]
    if len(ours) == len(theirs) and different:
        shown = (f"{i} is {ours[i]!r} in train, {theirs[i]!r} in val" for i in different)
        message = f"{len(different)} class ids mean different classes{first(shown, len(different))}"
        listed = ", ".join(ours[1:9])
        fix = f"call add_class() in the same order in both: {listed}; of annotation files load_train_and_val() does it"
        yield "train, val", message, fix


@data_check("cd-class-id-range", Severity.ERROR, "fit")
def class_id_range(splits):
    """load_mask returns a class id that no class has (valid: 1 to the number of classes, negative for
    crowds). On a GPU the class loss is NaN, on a CPU the run stops with "label value ... outside the valid
    range"."""
    for split in splits:
        scan = split.scan
        wrong = np.flatnonzero(np.abs(scan.class_id) >= scan.num_classes)
        if len(wrong) == 0 or scan.num_classes < 2:
            continue
        rows = np.unique(scan.instance_image[wrong])
        ids = np.unique(scan.class_id[wrong])
        listed = ", ".join(map(str, ids[:8].tolist())) + ", ..." * (len(ids) > 8)
        message = f"class id {listed} where only 1..{scan.num_classes - 1} exist: {listed_images(split, rows)}"
        yield split.name, message, _mapping_fix(split, int(ids[-1]))


def _mapping_fix(split: Split, class_id: int) -> str:
    """How to map a source's id to a class, with the class it means where one has that id."""
    for number_, info in enumerate(split.dataset.class_info):
        if info["id"] == class_id:
            return f'in load_mask use map_source_class_id("{info["source"]}.{class_id}"), which is {number_}'
    known = ", ".join(f"{number_}: {name}" for number_, name in enumerate(split.scan.class_names[:9]) if number_)
    return f"return the numbers of the classes in load_mask ({known}), or add the missing class with add_class()"


@data_check("cd-class-id-zero", Severity.ERROR, "fit")
def class_id_zero(splits):
    """load_mask returns class id 0. That is the background: the object is trained on as if it were none."""
    for split in splits:
        zero = np.flatnonzero(split.scan.class_id == 0)
        if len(zero):
            rows = np.unique(split.scan.instance_image[zero])
            message = f"class id 0 for {len(zero)} objects, but 0 is the background: {listed_images(split, rows)}"
            yield split.name, message, "count class ids from 1, or use map_source_class_id() in load_mask"


@data_check("cd-class-unused", Severity.WARNING, "fit")
def class_unused(config, splits):
    """A class that no object of train or val has. Its outputs are never trained, and its AP is 0. Fine for a
    class kept in reserve. Silent where NUM_CLASSES is not the number of classes: cd-class-count comes first."""
    if not splits or splits[0].name != "train" or not all(_all_sound(split) for split in splits):
        return
    if splits[0].scan.num_classes != whole(config, "NUM_CLASSES"):
        return
    total = sum(_class_counts(split)[: splits[0].scan.num_classes].sum() for split in splits)
    unused = [
        name
        for class_id, name in enumerate(splits[0].scan.class_names)
        if class_id
        and name.strip().lower() not in BACKGROUND_NAMES  # ds-category-background has it
        and not any(class_id < len(_class_counts(each)) and _class_counts(each)[class_id] for each in splits)
    ]
    if unused and total:
        listed = ", ".join(unused[:10]) + ", ..." * (len(unused) > 10)
        message = f"no object of class {listed}: its outputs stay untrained"
        yield (
            "train",
            message,
            f"annotate {unused[0]!r}, or leave it out of add_class() and lower NUM_CLASSES",
        )


@data_check("cd-class-only-val", Severity.WARNING, "fit")
def class_only_in_val(train, val):
    """A class that has objects in val but none in train: it is never learned and lowers the validation
    metrics."""
    if not (_all_sound(train) and _all_sound(val)) or train.scan.class_names != val.scan.class_names:
        return
    only = np.flatnonzero((_class_counts(val) > 0) & (_class_counts(train) == 0))
    if len(only) and _class_counts(train).any():
        names = ", ".join(train.scan.class_names[i] for i in only[:10])
        message = f"{names}: objects in val ({_class_counts(val)[only].sum()}) but none in train"
        yield (
            "val",
            message,
            "split the images anew so that every class is in train: split_dataset(dataset, seed=1)",
        )


@data_check("cd-class-imbalance", Severity.WARNING, "fit")
def class_imbalance(config, train):
    """One class has more than 50 times the objects of another that has fewer than 50, and images are not sampled to
    make up for it. The network then tends to answer with the frequent class. Ratios such as 10:1 are harmless."""
    sampling = getattr(config, "SAMPLING", None)
    if isinstance(sampling, str) and sampling == "balanced":
        return
    counts = _class_counts(train)
    present = np.flatnonzero(counts)
    if len(present) < 2 or not _all_sound(train):
        return
    most = int(counts.max())
    rare = [i for i in present if counts[i] < MUCH_RARER and most > MUCH_RARER * counts[i]]
    if rare:
        names = train.scan.class_names
        table = ", ".join(f"{names[i]} {counts[i]}" for i in present[np.argsort(-counts[present])][:10])
        weight = ", ".join(f"{names[i]} x{round((most / counts[i]) ** 0.5)}" for i in rare[:5])
        message = f"objects a class: {table}; the rare ones will hardly be learned"
        yield (
            "train",
            message,
            f'set SAMPLING = "balanced", which repeats images with rare classes ({weight}), or annotate more of '
            f"{names[rare[0]]!r}",
        )


@data_check("cd-source-unknown", Severity.ERROR, "fit")
def source_unknown(datasets):
    """Images of a source for which no class was added. Which classes are annotated in them is looked up by
    source: the run stops with a KeyError at the first such image. Where there are no classes at all, cd-class-count
    or the loader says so."""
    for name, dataset in datasets.items():
        known = getattr(dataset, "source_class_ids", {})
        sources = {info["source"] for info in dataset.image_info} - set(known)
        unknown = sorted(str(each) for each in sources if "." not in str(each))  # cd-source-dot
        classes = sorted(str(source) for source in known if source)
        if unknown and classes and len(dataset.image_ids):
            listed = ", ".join(map(repr, unknown[:5]))
            message = f"images use the source {listed}, classes were added for {', '.join(map(repr, classes))} only"
            yield (
                name,
                message,
                f"use one name in both: add_class({unknown[0]!r}, ...) and add_image({unknown[0]!r}, ...)",
            )
