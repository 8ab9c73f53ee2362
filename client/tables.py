"""Batch files of a line a sample: JSON Lines, and CSV whose first line names the fields. Knows nothing of samples."""

import csv
import io
import json
from collections.abc import Callable, Iterator
from typing import Any

from client.document import DECODER, BatchFileError, Document, Fault, Path, Reader, decode, read, reason

ROOT: Path = ("samples",)


def reader_of(name: str) -> Callable[[bytes], Document]:
    """By the end of the file's name. What is none of these is JSON."""
    kinds = {".jsonl": read_lines, ".ndjson": read_lines, ".csv": read_csv}
    return next((reader for end, reader in kinds.items() if name.lower().endswith(end)), read)


def read_lines(data: bytes) -> Document:
    """A JSON object in each line; empty lines are passed over. Raises BatchFileError as `read` does."""
    text = decode(data)
    reader = Reader(text)
    values: list[Any] = []
    faults: list[Fault] = []
    at = 0
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            try:
                values.append(DECODER.decode(line))
                reader.note(reader.skip(at), (*ROOT, len(values) - 1))
            except json.JSONDecodeError as error:
                faults.append(Fault(number, error.colno, f"$.samples[{len(values)}]", reason(error)))
            except RecursionError:
                faults.append(Fault(number, 1, f"$.samples[{len(values)}]", "lies too deep in one another"))
        at += len(line) + 1
    return _document(text, values, reader, faults)


def read_csv(data: bytes) -> Document:
    """Empty cells are left out; those that are JSON (1.2, true, {"calm": 1}) are that, others texts. Texts and ids
    always are. Raises BatchFileError as `read` does."""
    text = decode(data)
    starts = [0, *(at + 1 for at, letter in enumerate(text) if letter == "\n")]
    reader = Reader(text)
    values: list[dict[str, Any]] = []
    faults: list[Fault] = []
    rows = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        header = [name.strip() for name in next(rows, [])]
        line = rows.line_num
        for row in rows:
            place = (*ROOT, len(values))
            if row and len(row) != len(header):
                message = f"{len(row)} fields, where the first line names {len(header)}"
                faults.append(Fault(line + 1, 1, f"$.samples[{len(values)}]", message))
            elif row:
                values.append(dict(_cells(header, row)))
                reader.values |= {place: starts[line], **{(*place, name): starts[line] for name in values[-1]}}
                reader.names |= {(*place, name): 0 for name in header}
            line = rows.line_num
    except csv.Error as error:
        raise BatchFileError([Fault(rows.line_num, 1, "$", f"this is not CSV: {error}")]) from None
    return _document(text, values, reader, faults)


def _cells(header: list[str], row: list[str]) -> Iterator[tuple[str, Any]]:
    for name, cell in zip(header, row, strict=True):
        if cell:
            try:
                yield name, cell if name in ("id", "text") else json.loads(cell)
            except (ValueError, RecursionError):
                yield name, cell


def _document(text: str, values: list[Any], reader: Reader, faults: list[Fault]) -> Document:
    if faults:
        raise BatchFileError(faults)
    if not values:
        raise BatchFileError([Fault(1, 1, "$", "the file only names fields; add a line for each sample")])
    reader.values |= {(): 0, ROOT: 0}
    return Document(text, {"samples": values}, reader.values, reader.names, reader.faults)
