"""What a VOC set is read for: the options of `voc.load`, and what they say of a single object."""

from __future__ import annotations

from typing import NamedTuple

from mrcnn_roi.datasets.outline_dataset import Unusable
from mrcnn_roi.datasets.problems import shown
from mrcnn_roi.datasets.voc_file import VocObject

DIFFICULT = ("keep", "drop", "crowd")


class Options(NamedTuple):
    """The options of `voc.load`, checked."""

    class_names: list[str] | None = None
    part: str | None = None
    boxes: bool = False
    difficult: str = "keep"

    def may_be(self, name: str) -> bool:
        """Whether a class may have the name."""
        return self.class_names is None or name in self.class_names

    def dropped(self, each: VocObject) -> bool:
        """Whether an object is left out: deleted in the tool, or difficult and not wanted."""
        return each.deleted or (each.difficult and self.difficult == "drop")

    def name_fault(self, each: VocObject) -> Unusable | None:
        """Why an object has no class, or None."""
        if not each.name:
            return Unusable("ds-via-label-missing", "no name", "give the object a <name>, or delete it")
        if self.may_be(each.name):
            return None
        listed = ", ".join(shown(name, 30) for name in (self.class_names or [])[:10])
        detail = f'name "{shown(each.name)}", which is none of the classes {listed}'
        return Unusable("ds-via-label-missing", detail, "correct the name, or add it to class_names")
