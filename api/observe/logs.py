"""What BentoML's log leaves out here."""

import logging

from bentoml.exceptions import BentoMLException
from pydantic import ValidationError


def leave_out_bad_requests() -> None:
    """BentoML logs a traceback, and the caller's text in it, for each body that does not validate or that it does not
    take. The caller is told what is wrong; the access log has the status."""
    for handler in logging.getLogger("bentoml").handlers:
        handler.addFilter(_is_ours)


def _is_ours(record: logging.LogRecord) -> bool:
    error = record.exc_info[1] if record.exc_info else None
    refused = isinstance(error, BentoMLException) and error.error_code < 500
    return not (refused or isinstance(error, ValidationError))
