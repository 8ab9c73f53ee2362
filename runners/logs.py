"""Our own log lines among BentoML's."""

import logging


def log_as_bentoml_does(logger: str) -> None:
    """Give `logger` the handlers and the level of BentoML's own, in a process that BentoML has set up."""
    ours, theirs = logging.getLogger(logger), logging.getLogger("bentoml")
    ours.handlers, ours.propagate = theirs.handlers, False
    ours.setLevel(theirs.level)
