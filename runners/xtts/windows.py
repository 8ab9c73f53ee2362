"""Which frames are vocoded next. Plain data in, plain data out.

A window carries `context` frames on each side of what it delivers, the vocoder's receptive field, so its middle equals
the full pass sample for sample. At the utterance's own ends there is no context: there the convolutions' zero
padding is what the full pass sees too. The first windows are short, so that the first sound comes soon; how long a
window is depends on its place alone, so windows can be batched across utterances with no masks.
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
    sizes: tuple[int, ...]  # frames of the first window, the second, ..., and of all that follow; without context
    context: int  # frames of context on each side

    def __post_init__(self) -> None:
        if not self.sizes or min(self.sizes) < 1:
            raise ValueError(f"windows of {self.sizes} frames deliver nothing")

    @property
    def lengths(self) -> list[int]:
        """Frames fed, for each size."""
        return [size + 2 * self.context for size in self.sizes]

    def next(self, delivered: int, ready: int, *, finished: bool) -> Window | None:
        """The window after `delivered` frames, or None while too few of the `ready` ones are there.

        `finished`: no more frames will come; what is left is delivered in windows up to the very last frame.
        """
        length = self._length(delivered)
        start = max(delivered - self.context, 0)
        stop = start + length
        if finished and delivered < ready <= stop:
            return Window(max(ready - length, 0), ready, delivered, ready)
        if stop > ready:
            return None
        return Window(start, stop, delivered, stop - self.context)

    def _length(self, delivered: int) -> int:
        """Frames fed by the window that starts to deliver at `delivered`."""
        so_far = 0
        for length in self.lengths[:-1]:
            if delivered <= so_far:
                return length
            so_far = max(so_far - self.context, 0) + length - self.context
        return self.lengths[-1]
