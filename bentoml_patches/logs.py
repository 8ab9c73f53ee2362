"""BentoML's log handlers, which are the whole process's: our form of lines, our loggers, and no caller's text."""

import logging
from collections.abc import Callable

from bentoml.exceptions import BentoMLException
from pydantic import ValidationError


def write_as(formatter: Callable[[logging.Handler], logging.Formatter]) -> None:
    """Every line of this process in our form, and none that holds what a caller sent."""
    for handler in {*logging.getLogger().handlers, *logging.getLogger("bentoml").handlers}:
        handler.setFormatter(formatter(handler))
        handler.addFilter(_is_no_bad_request)


def log_as_bentoml_does(*loggers: str) -> None:
    """Gives them the handlers and the level of BentoML's own, in a process that BentoML has set up."""
    theirs = logging.getLogger("bentoml")
    for ours in map(logging.getLogger, loggers):
        ours.handlers, ours.propagate = theirs.handlers, False
        ours.setLevel(theirs.level)


def _is_no_bad_request(record: logging.LogRecord) -> bool:
    """The caller is told what is wrong; the access log has the status."""
    error = record.exc_info[1] if record.exc_info else None
    refused = isinstance(error, BentoMLException) and error.error_code < 500
    return not (refused or isinstance(error, ValidationError))
