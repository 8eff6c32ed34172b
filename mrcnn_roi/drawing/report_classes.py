"""The balance of classes for the report: objects of each class in train and val, as the rows of a table of bars."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from mrcnn_roi.checks.splits import Split
from mrcnn_roi.drawing.report_chart import Picture
from mrcnn_roi.drawing.report_text import counted, number, shown

ROWS = 24  # classes shown at once: of more the commonest and the rarest
FOLDED = 300  # classes in the list that can be unfolded
FEW = 10  # objects below which a class can hardly be learned


class Bar(NamedTuple):
    """One cell: how many objects, and how long the bar is, 0..100."""

    split: str
    objects: str
    length: float


class Row(NamedTuple):
    """One class, or a gap (no bars) that says how many are left out."""

    name: str
    bars: list[Bar]


class Table(NamedTuple):
    """The rows shown at once, and all of them where those are too many."""

    headings: list[str]
    rows: list[Row]
    folded: list[Row]


def class_balance(splits: list[Split]) -> Picture | None:
    """Objects of each class, the commonest first."""
    splits = [split for split in splits if split.objects.any()]
    if not splits:
        return None
    declared = max(split.scan.num_classes for split in splits)
    ids = np.arange(1, declared)
    beyond = sorted({int(i) for s in splits for i in np.unique(s.scan.class_id[s.objects]) if i >= declared})
    counts = {s.name: _counts(s, [*ids.tolist(), *beyond]) for s in splits}
    names = [_name(splits, int(each)) for each in ids] + [f"class {each}, not declared" for each in beyond]
    first = next(iter(counts.values()))
    order = np.lexsort((np.arange(len(first)), *(-each for each in reversed(list(counts.values())))))
    most = max(int(each.max()) for each in counts.values())
    rows = [
        Row(names[i], [Bar(name, number(int(each[i])), _length(int(each[i]), most)) for name, each in counts.items()])
        for i in order.tolist()
    ]
    return Picture("Class balance", _words(names, first, list(counts)[0]), rows=_folded(list(counts), rows))


def _counts(split: Split, ids: list[int]) -> np.ndarray:
    """int [len(ids)]: objects of each class. Ids may be huge, so they are looked up, not counted up to."""
    found, count = np.unique(split.scan.class_id[split.objects], return_counts=True)
    by_id = dict(zip(found.tolist(), count.tolist()))
    return np.array([by_id.get(each, 0) for each in ids], np.int64)


def _name(splits: list[Split], class_id: int) -> str:
    names = next(s.scan.class_names for s in splits if class_id < len(s.scan.class_names))
    return shown(names[class_id], 60)


def _length(count: int, most: int) -> float:
    return round(max(100 * count / most, 0.5), 1) if count else 0.0


def _folded(headings: list[str], rows: list[Row]) -> Table:
    if len(rows) <= ROWS:
        return Table(headings, rows, [])
    head, tail = ROWS * 2 // 3, ROWS // 3
    hidden = len(rows) - head - tail
    gap = Row(f"… {counted(hidden, 'class')} between …", [])
    listed = rows[:FOLDED] + ([Row(f"… and {number(len(rows) - FOLDED)} more", [])] if len(rows) > FOLDED else [])
    return Table(headings, [*rows[:head], gap, *rows[-tail:]], listed)


def _words(names: list[str], counts: np.ndarray, split: str) -> str:
    common, total = int(counts.argmax()), len(counts)
    if total == 1:
        return f"One class, {names[0]}, with {counted(int(counts[0]), 'object')} in {split}."
    text = f"{names[common]} is the commonest of {number(total)} classes ({counted(int(counts[common]), 'object')})"
    missing, few = int((counts == 0).sum()), int(((counts > 0) & (counts < FEW)).sum())
    notes = [f"{counted(missing, 'class')} {'has' if missing == 1 else 'have'} none in {split}"] if missing else []
    notes += [f"{counted(few, 'class')} {'has' if few == 1 else 'have'} fewer than {FEW}"] if few else []
    if not notes:
        rare = int(counts.argmin())
        times = counts[common] / counts[rare]
        notes = [f"{number(float(f'{times:.2g}'))} times as many as {names[rare]}, the rarest"]
    return f"{text}; {', '.join(notes)}."
