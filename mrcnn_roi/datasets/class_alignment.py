"""One list of classes for several datasets: ids by name, whatever numbers and order their files give them."""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from mrcnn_roi.datasets.balanced import class_counts
from mrcnn_roi.datasets.base import Dataset
from mrcnn_roi.datasets.problems import shown
from mrcnn_roi.findings import Finding, SetupError, Severity

CODE = "cd-train-val-classes"
UNNAMED = "object"  # what formats call the only class of annotations that name none
Key = tuple[str, int]  # a name as in class_names, and which of the classes of that name it is


def align_classes(datasets: Iterable[Dataset], names: Sequence[str] = ()) -> list[str]:
    """Gives all of the datasets the same classes in the same order, in place, and returns class_names.

    The classes in `names` come first, then those of the first dataset in its order, then what the others have besides.
    A class that a dataset lacks is added to it, under an id that its source does not have.

    Works for what load_dataset returns, whole: the masks get their class ids by name when they are loaded. Raises
    ValueError where a dataset has other classes, and numbers them in a load_mask of its own or is a part of a split.
    """
    listed = list({id(each): each for each in datasets}.values())
    wanted: dict[Key, Any] = dict.fromkeys(_keys(names))
    for dataset in listed:
        for key, info in _classes(dataset).items():
            wanted[key] = wanted.get(key) or info["name"]
    for dataset in listed:
        own = _classes(dataset)
        if list(own) == list(wanted):
            continue
        if not _numbers_by_source(dataset):
            have = f"{dataset.class_names}, the others {['BG', *(name for name, _ in wanted)]}"
            raise ValueError(f"expected datasets of load_dataset, not yet split, received one with the classes {have}")
        missing = {key: name or key[0] for key, name in wanted.items() if key not in own}
        dataset.class_info[1:] = own.values()
        for key, name in missing.items():
            own[key] = _new_class(dataset, name)
            dataset.class_info.append(own[key])
        dataset.class_info[1:] = [own[key] for key in wanted]
        dataset.prepare()
    return ["BG", *(name for name, _ in wanted)]


def align_to(dataset: Dataset, names: Sequence[str]) -> None:
    """Gives a dataset the class ids of a model by name. names: the model's classes, background first.

    Classes that the model does not know stay behind its own, where no object is of them. Raises SetupError where one
    is, or where not one name is the same; annotations without names fit a model of one class.
    """
    known = [str(name) for name in names[1:]]
    own = [name for name, _ in _classes(dataset)]
    if own == [UNNAMED] and len(known) == 1:
        return
    unknown = [name for name in own if name not in known]
    if unknown:
        counts = dict(zip(own, class_counts(dataset).sum(axis=0).tolist()[1:]))
        used = [name for name in unknown if counts[name] or len(unknown) == len(own)]
        if used:
            raise SetupError(_unknown(used, known))
    align_classes([dataset], known)


def _unknown(used: list[str], known: list[str]) -> Finding:
    count = f"{len(used)} class{'es' if len(used) > 1 else ''}"
    listed, model = (", ".join(shown(name, 40) for name in each[:10]) for each in (used, known))
    near = difflib.get_close_matches(used[0], known, n=1, cutoff=0.4)
    other = shown(near[0]) if near else shown(known[0]) if known else "a class of the model"
    fix = f"rename {shown(used[0])} to {other} in the annotations if it means that, or leave its objects out"
    message = f"{count} that the weights were not trained on: {listed}; the model's classes: {model}"
    return Finding(CODE, Severity.ERROR, message, fix, "classes")


def _keys(names: Iterable[Any]) -> list[Key]:
    """The keys of names, in order."""
    seen: Counter[str] = Counter()
    keys = []
    for name in names:
        text = str(name).partition(",")[0]
        keys.append((text, seen[text]))
        seen[text] += 1
    return keys


def _classes(dataset: Dataset) -> dict[Key, dict[str, Any]]:
    """The entries of class_info without the background, by key."""
    infos = dataset.class_info[1:]
    return dict(zip(_keys(info["name"] for info in infos), infos))


def _numbers_by_source(dataset: Dataset) -> bool:
    """Whether load_mask looks class ids up in class_info: the package's own do. A part asks the undivided dataset."""
    own = type(dataset).load_mask.__module__.startswith(__package__ or "")
    return own and type(dataset) is not Dataset and "load_mask" not in vars(dataset)


def _new_class(dataset: Dataset, name: str) -> dict[str, Any]:
    """An entry for class_info with an id that the source does not have: the next number, or the name."""
    infos = dataset.class_info[1:]
    source = infos[0]["source"] if infos else getattr(dataset, "SOURCE", "")
    ids = [info["id"] for info in infos]
    if ids and all(isinstance(each, int) for each in ids):
        return {"source": source, "id": max(*ids, 0) + 1, "name": name}
    taken, candidate = {str(each) for each in ids}, str(name)
    while candidate in taken:
        candidate += "'"
    return {"source": source, "id": candidate, "name": name}
