"""Progress of a download on standard error: a bar in a terminal, a line now and then in a log."""

import sys
from typing import Any

from fsspec.callbacks import TqdmCallback


class Lines:
    """What tqdm draws its bar on where there is no terminal: each drawing becomes a line."""

    def write(self, text: str) -> None:
        if text.strip():
            print(text.strip(), file=sys.stderr, flush=True)

    def flush(self) -> None:
        """Nothing is held back."""


def progress(name: str) -> Any:
    """fsspec's callback for the bytes of a file; a context manager."""
    settings: dict[str, Any] = {"desc": name, "unit": "B", "unit_scale": True}
    if not sys.stderr.isatty():
        settings |= {"file": Lines(), "mininterval": 5.0, "ncols": 80}
    return TqdmCallback(settings)
