"""Which frames are vocoded together. Plain data in, plain data out.

A window carries `context` frames on each side of what it delivers, the vocoder's receptive field, so its middle equals
the full pass sample for sample. At the utterance's own ends there is no context: there the convolutions' zero
padding is what the full pass sees too. A window's length follows from the frames that it is to deliver alone, so
windows can be batched across utterances with no masks.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Window:
    start: int  # first frame fed
    stop: int  # one past the last frame fed
    first: int  # first frame delivered
    last: int  # one past the last frame delivered


def window_length(size: int, context: int) -> int:
    """Frames fed for `size` that are delivered; the first window of an utterance delivers `context` more."""
    return size + 2 * context


def next_window(
    delivered: int, ready: int, size: int, context: int, *, finished: bool, equal: bool = True
) -> Window | None:
    """The window of `size` frames after `delivered` ones, or None while too few of the `ready` ones are there.

    `finished`: no more frames will come; what is left is delivered in windows up to the very last frame. `equal`: the
    last one is as long as any, so that it can be batched; else no longer than it has to be.
    """
    length = window_length(size, context)
    start = max(delivered - context, 0)
    stop = start + length
    if finished and delivered < ready <= stop:
        return Window(max(ready - length, 0) if equal else start, ready, delivered, ready)
    if stop > ready:
        return None
    return Window(start, stop, delivered, stop - context)
