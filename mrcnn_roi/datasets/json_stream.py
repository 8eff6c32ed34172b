"""Reading JSON piece by piece, so that a file of a million annotations never lies in memory as a whole.

`stream_json` walks through the members of the outermost object. The elements of the lists it was asked for come one
by one; everything else comes as a whole. The window on the file grows only as far as one element needs.
"""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Collection, Iterator
from json.decoder import JSONDecoder
from typing import BinaryIO

CHUNK = 1 << 22  # bytes
NEAR = 16  # characters before the window's end within which an error may be a token that goes on behind it
BEGIN = -1  # the position that announces a list

_SPACE = re.compile(r"[ \t\n\r]*")


def stream_json(file: BinaryIO, lists: Collection[str]) -> Iterator[tuple[str | None, int | None, object]]:
    """Yields (key, position, element) for the elements of the lists under `lists`, (key, BEGIN, None) before them, and
    (key, None, value) for every other member of the outermost object. Any other text is one (None, None, value).

    UTF-8 (with or without BOM), UTF-16 and UTF-32. Raises JSONDecodeError with line and column in the file,
    UnicodeDecodeError, RecursionError or ValueError as json.loads does.
    """
    window = _Window(file)
    if window.next() == "{":
        yield from _members(window, lists)
    else:
        yield None, None, window.value()
    if window.next():
        raise window.error("Extra data")


def _members(window: _Window, lists: Collection[str]) -> Iterator[tuple[str, int | None, object]]:
    window.skip()
    first = True
    while window.next() != "}" or not first:
        if window.next() != '"':
            raise window.error("Expecting property name enclosed in double quotes")
        key = str(window.value())
        if window.next() != ":":
            raise window.error("Expecting ':' delimiter")
        window.skip()
        if key in lists and window.next() == "[":
            yield key, BEGIN, None
            yield from ((key, position, element) for position, element in enumerate(_elements(window)))
        else:
            yield key, None, window.value()
        first = False
        if window.next() == "}":
            break
        if window.next() != ",":
            raise window.error("Expecting ',' delimiter")
        window.skip()
    window.skip()


def _elements(window: _Window) -> Iterator[object]:
    window.skip()
    if window.next() == "]":
        window.skip()
        return
    while True:
        yield window.value()
        following = window.next()
        window.skip()
        if following == "]":
            return
        if following != ",":
            raise window.error("Expecting ',' delimiter", back=1)


class _Window:
    """A part of the text that moves through the file, and a place in it."""

    def __init__(self, file: BinaryIO):
        self.file, self.text, self.position = file, "", 0
        self.line, self.column = 1, 1  # of the first character of the text
        self.bytes_read, self.ended = 0, False
        start = file.read(CHUNK)
        self.decoder = codecs.getincrementaldecoder(json.detect_encoding(start))("surrogatepass")
        self._append(start)
        self.decode = JSONDecoder().raw_decode

    def next(self) -> str:
        """The next character that is no space, "" at the end of the file; the place moves in front of it."""
        while True:
            self.position = _SPACE.match(self.text, self.position).end()  # type: ignore[union-attr]
            if self.position < len(self.text):
                return self.text[self.position]
            if self.ended:
                return ""
            self._grow()

    def skip(self) -> None:
        """Moves over one character."""
        self.position += 1

    def value(self) -> object:
        """The JSON value at this place; the place moves behind it."""
        self.next()
        while True:
            try:
                value, end = self.decode(self.text, self.position)
            except json.JSONDecodeError as error:
                cut = error.msg.startswith("Unterminated string") or error.pos >= len(self.text) - NEAR
                if self.ended or not cut:
                    raise self._located(error) from None
            else:
                if end < len(self.text) - len("e+") or self.ended:  # a number may go on behind the window
                    self.position = end
                    return value
            self._grow()

    def error(self, message: str, back: int = 0) -> json.JSONDecodeError:
        """An error at this place, or `back` characters before it."""
        return self._located(json.JSONDecodeError(message, self.text, self.position - back))

    def _located(self, error: json.JSONDecodeError) -> json.JSONDecodeError:
        if error.lineno == 1:
            error.colno += self.column - 1
        error.lineno += self.line - 1
        return error

    def _grow(self) -> None:
        passed = self.text[: self.position]
        newlines = passed.count("\n")
        self.line += newlines
        self.column = len(passed) - passed.rfind("\n") if newlines else self.column + len(passed)
        self.text, self.position = self.text[self.position :], 0
        self._append(self.file.read(max(CHUNK, len(self.text))))  # doubling: a long element is not decoded too often

    def _append(self, data: bytes) -> None:
        self.ended = not data
        try:
            self.text += self.decoder.decode(data, final=self.ended)
        except UnicodeDecodeError as error:
            error.start += self.bytes_read
            raise
        self.bytes_read += len(data)
