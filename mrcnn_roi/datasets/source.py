"""What load_dataset was pointed at: handed to every format, so that a large JSON file is parsed once."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from mrcnn_roi.datasets.annotation_table import AnnotationTable
from mrcnn_roi.datasets.files import read_json


@dataclass(frozen=True)
class Source:
    """The annotations, a file or a folder, and the image folder where one was given."""

    path: Path
    images: Path | None = None

    @cached_property
    def content(self) -> object:
        """The parsed JSON of a file; a list under "annotations" as an AnnotationTable, for it may be huge.

        Raises SetupError where it is not JSON.
        """
        return read_json(self.path, {"annotations": AnnotationTable})

    @property
    def is_json(self) -> bool:
        """Whether the path is a file to be read as JSON: by its name, or by its first character."""
        if not self.path.is_file():
            return False
        if self.path.suffix.lower() in (".json", ".geojson"):
            return True
        with self.path.open("rb") as file:
            start = file.read(64)
        return start.removeprefix(b"\xef\xbb\xbf").lstrip()[:1] in (b"{", b"[")

    def at(self, path: Path) -> Source:
        """The same request with another annotation file."""
        return replace(self, path=path)
