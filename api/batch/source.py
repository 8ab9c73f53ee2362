"""JSON together with the place of every value in it, so that a fault can name its line.

Owns what is wrong with a file as JSON: syntax, encoding, names given twice, what cannot be sent on as JSON.
Knows nothing of samples.
"""

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

Path: TypeAlias = tuple[str | int, ...]  # the way from the root, e.g. ("samples", 2, "id")

_FLOAT_DIGITS = 309  # a whole number with more digits than this is past the largest float
_BLANK = re.compile(r"[ \t\r\n]*")
_PLAIN_NAME = re.compile(r"[A-Za-z_$][\w$]*", re.ASCII)


@dataclass(frozen=True, slots=True, order=True)
class Fault:
    """One thing that is wrong with a file, and where. Lines and columns (in characters) count from 1."""

    line: int
    column: int
    path: str  # "$.samples[2].id"
    message: str

    def __str__(self) -> str:
        return f"{self.line}:{self.column}: {self.path}: {self.message}"


class SourceError(Exception):
    """The file is not JSON: there is no document to look further into."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(str(fault))
        self.fault = fault


@dataclass(frozen=True, slots=True)
class Document:
    """A JSON value and where its parts stand, as offsets into the text."""

    text: str
    value: Any
    values: Mapping[Path, int]
    names: Mapping[Path, int]  # of an object's members: where the name stands
    faults: Sequence[Fault]  # found while reading; the value is whole all the same

    def fault(self, path: Path, message: str, *, at_name: bool = False) -> Fault:
        """A fault at the value under `path`, or at its name."""
        offset = (self.names if at_name else self.values)[path]
        return _fault(self.text, offset, path, message)

    def line(self, path: Path) -> int:
        return _line(self.text, self.values[path])


def read(data: bytes) -> Document:
    """Raises SourceError where `data` is not UTF-8 (a byte-order mark is welcome) or not JSON."""
    text = _decode(data)
    try:
        value = _DECODER.decode(text)
        reader = _Reader(text)
        reader.note(reader.skip(0), ())
    except json.JSONDecodeError as error:
        raise SourceError(Fault(error.lineno, error.colno, "$", f"this is not JSON: {error.msg}")) from None
    except RecursionError:
        raise SourceError(Fault(1, 1, "$", "arrays and objects lie too deep in one another")) from None
    return Document(text, value, reader.values, reader.names, reader.faults)


def shown(value: Any) -> str:
    """A JSON value for a message: whole where short, cut or named where long."""
    if isinstance(value, list):
        return f"an array of {len(value)}"
    if isinstance(value, dict):
        return "an object"
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else text[:57] + "..."


def _decode(data: bytes) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = data[: error.start]
        column = len(before[before.rfind(b"\n") + 1 :].decode("utf-8-sig")) + 1
        message = f"this is not UTF-8 (byte 0x{data[error.start]:02x}); save the file as UTF-8"
        raise SourceError(Fault(before.count(b"\n") + 1, column, "$", message)) from None


def _whole_number(digits: str) -> float:
    return int(digits) if len(digits) <= _FLOAT_DIGITS else float(digits)


_DECODER = json.JSONDecoder(parse_int=_whole_number)


class _Reader:
    """Walks over text known to be JSON and notes where values start. Each step returns where it ended."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.values: dict[Path, int] = {}
        self.names: dict[Path, int] = {}
        self.faults: list[Fault] = []

    def note(self, at: int, path: Path) -> int:
        self.values[path] = at
        if self.text[at] == "{":
            return self._members(at, path)
        if self.text[at] == "[":
            return self._items(at, path)
        return self._scalar(at, path)[1]

    def skip(self, at: int) -> int:
        blank = _BLANK.match(self.text, at)
        return blank.end() if blank else at

    def _members(self, at: int, path: Path) -> int:
        at = self.skip(at + 1)
        seen: dict[str, int] = {}
        while self.text[at] != "}":
            name, end = self._scalar(at, path)
            inner = (*path, name)
            if name in seen:
                first = _line(self.text, seen[name])
                self._complain(at, inner, f"{shown(name)} stands here twice, first on line {first}; keep one")
            seen[name] = self.names[inner] = at
            colon = self.skip(end)
            at = self._next(self.note(self.skip(colon + 1), inner))
        return at + 1

    def _items(self, at: int, path: Path) -> int:
        at = self.skip(at + 1)
        index = 0
        while self.text[at] != "]":
            at = self._next(self.note(at, (*path, index)))
            index += 1
        return at + 1

    def _next(self, end: int) -> int:
        at = self.skip(end)
        return self.skip(at + 1) if self.text[at] == "," else at

    def _scalar(self, at: int, path: Path) -> tuple[Any, int]:
        value, end = _DECODER.raw_decode(self.text, at)
        if isinstance(value, float) and not math.isfinite(value):
            self._complain(at, path, f"{self.text[at:end][:60]} is not a number that JSON can hold")
        if isinstance(value, str) and any("\ud800" <= character <= "\udfff" for character in value):
            self._complain(at, path, "half of a surrogate pair; write the character itself, or both halves")
        return value, end

    def _complain(self, at: int, path: Path, message: str) -> None:
        self.faults.append(_fault(self.text, at, path, message))


def _fault(text: str, offset: int, path: Path, message: str) -> Fault:
    line_start = text.rfind("\n", 0, offset) + 1
    return Fault(_line(text, offset), offset - line_start + 1, _json_path(path), message)


def _line(text: str, offset: int) -> int:
    return text.count("\n", 0, offset) + 1


def _json_path(path: Path) -> str:
    return "$" + "".join(_step(step) for step in path)


def _step(step: str | int) -> str:
    if isinstance(step, str) and _PLAIN_NAME.fullmatch(step):
        return f".{step}"
    return f"[{json.dumps(step, ensure_ascii=False)}]"
