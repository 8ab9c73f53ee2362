"""A text that knows which of the caller's characters each of its own came from. Immutable."""

from array import array
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple


class Edit(NamedTuple):
    """`text[start:stop]` is to become `new`."""

    start: int
    stop: int
    new: str


class Span(NamedTuple):
    """A stretch of the text, and the stretch of the original that it came from."""

    start: int
    stop: int
    from_start: int
    from_stop: int


@dataclass(frozen=True, slots=True)
class MappedText:
    text: str
    _starts: "array[int]"  # for each character, where in the original what it came from starts
    _stops: "array[int]"  # and where that ends

    @classmethod
    def of(cls, text: str) -> "MappedText":
        """The original itself."""
        return cls(text, array("l", range(len(text))), array("l", range(1, len(text) + 1)))

    def replace(self, edits: Iterable[Edit]) -> "MappedText":
        """All edits made. They are in order and do not overlap; all of `new` comes from all of what it replaces."""
        texts: list[str] = []
        starts, stops, at = array("l"), array("l"), 0
        for start, stop, new in edits:
            texts += (self.text[at:start], new)
            if new:
                from_start, from_stop = self.source(start, stop)
                starts += self._starts[at:start] + array("l", (from_start,)) * len(new)
                stops += self._stops[at:start] + array("l", (from_stop,)) * len(new)
            else:
                starts += self._starts[at:start]
                stops += self._stops[at:start]
            at = stop
        if not texts:
            return self
        return MappedText("".join((*texts, self.text[at:])), starts + self._starts[at:], stops + self._stops[at:])

    def cut(self, start: int, stop: int) -> "MappedText":
        """The stretch by itself, without white space around it."""
        stretch = self.text[start:stop]
        start += len(stretch) - len(stretch.lstrip())
        stop = max(start, stop - len(stretch) + len(stretch.rstrip()))
        return MappedText(self.text[start:stop], self._starts[start:stop], self._stops[start:stop])

    def source(self, start: int, stop: int) -> tuple[int, int]:
        """The stretch of the original that `text[start:stop]` came from; an empty one lies between its neighbours."""
        if start < stop:
            return self._starts[start], self._stops[stop - 1]  # both only grow
        if not self.text:
            return 0, 0
        before = self._stops[start - 1] if start else self._starts[0]
        after = self._starts[start] if start < len(self.text) else before
        return min(before, after), max(before, after)

    def spans(self) -> Iterator[Span]:
        """The whole text in order, in the longest stretches that are as they were, or came from one place."""
        begin = 0
        for at in range(1, len(self.text) + 1):
            if at == len(self.text) or not self._continues(at):
                yield Span(begin, at, *self.source(begin, at))
                begin = at

    def _continues(self, at: int) -> bool:
        before, here = (self._starts[at - 1], self._stops[at - 1]), (self._starts[at], self._stops[at])
        return here == before or (before[1] - before[0] == here[1] - here[0] == 1 and here[0] == before[1])
