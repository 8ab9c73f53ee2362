"""Which frames the vocoder speaks next. Plain data in, plain data out.

A window carries `context` frames on each side of what it delivers, which is as far as the vocoder hears, so its middle
equals the full pass sample for sample. At the utterance's own ends there is no context: there the convolutions' zero
padding is what the full pass sees too. All windows of an utterance longer than one window have the same length, so
they can be batched across utterances with no masks.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Window:
    start: int  # first frame fed
    stop: int  # one past the last frame fed
    first: int  # first frame delivered
    last: int  # one past the last frame delivered


@dataclass(frozen=True, slots=True)
class WindowPlan:
    length: int  # frames fed, context included
    context: int  # frames heard on each side

    def __post_init__(self) -> None:
        if self.length <= 2 * self.context:
            raise ValueError(f"a window of {self.length} frames has no middle beside 2 x {self.context} of context")

    def next(self, delivered: int, ready: int, *, finished: bool) -> Window | None:
        """The window after `delivered` frames, or None while too few of the `ready` ones are there.

        `finished`: no more frames will come; what is left is delivered in windows up to the very last frame.
        """
        start = max(delivered - self.context, 0)
        stop = start + self.length
        if finished and delivered < ready <= stop:
            return Window(max(ready - self.length, 0), ready, delivered, ready)
        if stop > ready:
            return None
        return Window(start, stop, delivered, stop - self.context)
