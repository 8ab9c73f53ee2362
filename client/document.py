"""JSON together with the place of every value in it, so that a fault can name its line. Knows nothing of samples."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from api.wording import shown

Path = tuple[str | int, ...]  # the way from the root, e.g. ("samples", 2, "id")

FLOAT_DIGITS = 309  # a whole number with more digits than this is past the largest float
DECODER = json.JSONDecoder(parse_int=lambda digits: int(digits) if len(digits) <= FLOAT_DIGITS else float(digits))
BLANK = re.compile(r"[ \t\r\n]*")
PLAIN_NAME = re.compile(r"[A-Za-z_$][\w$]*", re.ASCII)
CURLY = "\u201c\u201d\u201e\u00ab\u00bb\u2018\u2019"
HINTS = (
    (re.compile(r"['\u2018\u2019]"), 'texts and names stand in double quotes: "text"'),
    (re.compile(f"[{CURLY}]"), 'curly quotes do not count; write straight ones: "text"'),
    (re.compile(r"//|/\*|#"), "JSON has no comments; remove it"),
    (re.compile(r"[\]}]"), "the comma before it is one too many"),
)


@dataclass(frozen=True, slots=True, order=True)
class Fault:
    """One thing that is wrong with a file, and where. Lines and columns (in characters) count from 1."""

    line: int
    column: int
    path: str  # "$.samples[2].id"
    message: str

    def __str__(self) -> str:
        return f"{self.line}:{self.column}: {self.path}: {self.message}"


class BatchFileError(Exception):
    """The file is refused. `faults` holds all of them, in the order of their lines."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__("\n".join(map(str, faults)))
        self.faults = faults


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
        return _fault(self.text, (self.names if at_name else self.values)[path], path, message)

    def at(self, path: Path) -> Any:
        value = self.value
        for step in path:
            value = value[step]
        return value

    def line(self, path: Path) -> int:
        return _line(self.text, self.values[path])


def read(data: bytes) -> Document:
    """Raises BatchFileError where `data` is empty, not UTF-8 (a byte-order mark is skipped) or not JSON."""
    text = decode(data)
    try:
        value = DECODER.decode(text)
        reader = Reader(text)
        reader.note(reader.skip(0), ())
    except json.JSONDecodeError as error:
        raise BatchFileError([Fault(error.lineno, error.colno, "$", reason(error))]) from None
    except RecursionError:
        raise BatchFileError([Fault(1, 1, "$", "arrays and objects lie too deep in one another")]) from None
    return Document(text, value, reader.values, reader.names, reader.faults)


def reason(error: json.JSONDecodeError) -> str:
    """With what to do about it, where that can be guessed."""
    text = error.doc
    for pattern, advice in HINTS:
        if found := pattern.match(text, error.pos):
            return f"{found[0]} is not JSON here: {advice}"
    if any(quote in text[text.rfind("\n", 0, error.pos) + 1 : error.pos] for quote in CURLY):
        return f"this is not JSON ({error.msg}); is a curly quote before it meant to be a straight one?"
    return f"this is not JSON: {error.msg}"


def decode(data: bytes) -> str:
    """Raises BatchFileError where `data` is not UTF-8, or holds nothing."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = data[: error.start]
        column = len(before[before.rfind(b"\n") + 1 :].decode("utf-8-sig")) + 1
        message = f"this is not UTF-8 (byte 0x{data[error.start]:02x}); save the file as UTF-8"
        raise BatchFileError([Fault(before.count(b"\n") + 1, column, "$", message)]) from None
    if not text.strip():
        message = "the file is empty; examples/input_samples.json shows what it may hold"
        raise BatchFileError([Fault(1, 1, "$", message)])
    return text


class Reader:
    """Goes over text known to be JSON and notes where values start. Each step returns where it ended."""

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
        return DECODER.raw_decode(self.text, at)[1]

    def skip(self, at: int) -> int:
        blank = BLANK.match(self.text, at)
        return blank.end() if blank else at

    def _members(self, at: int, path: Path) -> int:
        at = self.skip(at + 1)
        seen: dict[str, int] = {}
        while self.text[at] != "}":
            name, end = DECODER.raw_decode(self.text, at)
            inner = (*path, name)
            if name in seen:
                first = _line(self.text, seen[name])
                message = f"{shown(name)} stands here twice, first on line {first}; keep one"
                self.faults.append(_fault(self.text, at, inner, message))
            seen[name] = self.names[inner] = at
            at = self._next(self.note(self.skip(self.skip(end) + 1), inner))
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


def _fault(text: str, offset: int, path: Path, message: str) -> Fault:
    return Fault(_line(text, offset), offset - text.rfind("\n", 0, offset), f"${''.join(map(_step, path))}", message)


def _line(text: str, offset: int) -> int:
    return text.count("\n", 0, offset) + 1


def _step(step: str | int) -> str:
    if isinstance(step, str) and PLAIN_NAME.fullmatch(step):
        return f".{step}"
    return f"[{json.dumps(step, ensure_ascii=False)}]"
