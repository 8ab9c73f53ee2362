"""What BentoML's log leaves out here."""

import logging

from pydantic import ValidationError


def leave_out_bad_requests() -> None:
    """BentoML logs a traceback, and the caller's text in it, for each body that does not validate. The caller is told
    what is wrong; the access log has the status."""
    for handler in logging.getLogger("bentoml").handlers:
        handler.addFilter(_is_ours)


def _is_ours(record: logging.LogRecord) -> bool:
    return not (record.exc_info and isinstance(record.exc_info[1], ValidationError))
