"""Progress of a download on standard error: a bar in a terminal, a line now and then in a log."""

import sys
from functools import partial
from typing import Any

from tqdm import tqdm


class Lines:
    """What tqdm draws its bar on where there is no terminal: each drawing becomes a line."""

    def write(self, text: str) -> None:
        if text.strip():
            print(text.strip(), file=sys.stderr, flush=True)

    def flush(self) -> None:
        """Nothing is held back."""


def progress_bar() -> Any:
    """A constructor of bars that takes tqdm's arguments."""
    return tqdm if sys.stderr.isatty() else partial(tqdm, file=Lines(), mininterval=5.0, ncols=80)
