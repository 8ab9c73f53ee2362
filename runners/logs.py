"""How log lines are written: as text, or as a JSON object each.

A line bears the id of the request it is about, and whatever its record holds as `fields` (a mapping).
"""

import json
import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from runners.environment import Environment
from runners.request_id import request_id

FORMATS = ("auto", "json", "text")


@contextmanager
def still(doing: str, log: logging.Logger, every: float = 5.0) -> Iterator[None]:
    """A line every few seconds for as long as this is open, so that a slow start is not taken for a hang."""
    over, began = threading.Event(), time.monotonic()

    def report() -> None:
        while not over.wait(every):
            log.info("%s (%.0f s)", doing, time.monotonic() - began)

    thread = threading.Thread(target=report, name="xtts-still", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def read_format(env: Environment) -> str:
    """XTTS_LOG_FORMAT: one of FORMATS; `auto` is text on a terminal and JSON elsewhere."""
    return env.matching("XTTS_LOG_FORMAT", "auto", "|".join(FORMATS), ", ".join(FORMATS))


def formatter(form: str, handler: logging.Handler) -> logging.Formatter:
    """Of lines in one of FORMATS, for what goes to `handler`."""
    terminal = isinstance(handler, logging.StreamHandler) and handler.stream.isatty()
    as_text = form == "text" or (form == "auto" and terminal)
    return TextLines.like(handler.formatter) if as_text else JsonLines()


class TextLines(logging.Formatter):
    @classmethod
    def like(cls, formatter: logging.Formatter | None) -> "TextLines":
        return cls(formatter._fmt, formatter.datefmt) if formatter else cls()

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802  (logging's own)
        fields = "".join(f" {name}={value}" for name, value in _fields(record).items())
        return super().formatMessage(record) + fields


class JsonLines(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "component": getattr(record, "component", "").strip("[]"),  # BentoML's word for which process it is
            "message": record.getMessage(),
            **_fields(record),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)


def _fields(record: logging.LogRecord) -> dict[str, Any]:
    own: dict[str, Any] = getattr(record, "fields", {})
    named = request_id.get()
    return {"request_id": named, **own} if named else own
