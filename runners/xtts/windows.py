"""Which frames are vocoded together. Plain data in, plain data out.

The vocoder reads `context` frames on each side of what it delivers, its receptive field, so that a window equals the
full pass sample for sample. Beyond an utterance's own ends there is nothing, which the vocoder is told. So what a
window costs, and which others it can share a batch with, follows from its size alone.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

# Frames that a window delivers, 0.3 to 2.7 s of audio. Short ones are there soon, long ones are cheap. There are few:
# what a CPU's convolutions keep for each shape takes 20 MB, and 80 ms to make.
WINDOW_FRAMES: Final[tuple[int, ...]] = (32, 48, 64, 80, 96, 128, 160, 192, 224, 256)
BATCHED_FRAMES: Final = (32, 64, 128, 256)  # where windows share batches, which fewer sizes make fuller
EDGES: Final = 9  # what a window's context costs, in frames delivered


@dataclass(frozen=True, slots=True)
class Window:
    first: int  # first frame delivered
    last: int  # one past the last frame delivered
    size: int  # frames computed from `first` on; those from `last` on are beyond the utterance's end


def next_window(delivered: int, ready: int, size: int, context: int, *, finished: bool) -> Window | None:
    """The window of `size` frames after `delivered` ones, or None while too few of the `ready` ones are there.

    `finished`: no more frames will come; the last window delivers what is left.
    """
    if finished:
        return Window(delivered, min(delivered + size, ready), size) if delivered < ready else None
    return Window(delivered, delivered + size, size) if delivered + size + context <= ready else None


def last_size(size: int, left: int, *, batched: bool) -> int:
    """Of the next window, `size` at most, where `left` frames are to be delivered in the least time.

    `batched`: the shortest one that delivers them all, of the sizes that share batches.
    """
    if left >= size:
        return size
    if batched:
        return min(size, *(each for each in BATCHED_FRAMES if each >= left))
    sizes = [each for each in reversed(WINDOW_FRAMES) if each <= size]
    return min(sizes, key=lambda each: each + _cost(left - each), default=size)


@lru_cache
def _cost(left: int) -> int:
    """Of the windows that deliver `left` frames, in frames."""
    return min(each + EDGES + _cost(left - each) for each in WINDOW_FRAMES) if left > 0 else 0
