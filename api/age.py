"""How long ago something was, where the machine's clock may be set while the server runs."""

import time
from typing import Final

_BEGAN: Final = time.time() - time.monotonic()  # what is to be added to the steady clock


def age(then: float) -> float:
    """Seconds since `then`, which is in seconds since the epoch, by the clock that makes it the younger."""
    return min(time.time(), _BEGAN + time.monotonic()) - then
