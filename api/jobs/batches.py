"""So many at once, and so much: how samples, passages and files are grouped."""

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

T = TypeVar("T")


def batches(items: Iterable[T], most: int, size: Callable[[T], int], largest: int) -> Iterator[list[T]]:
    """The items in order, at most so many together and of at most that size in all; a larger one alone."""
    batch: list[T] = []
    held = 0
    for item in items:
        own = size(item)
        if batch and (len(batch) == most or held + own > largest):
            yield batch
            batch, held = [], 0
        batch.append(item)
        held += own
    if batch:
        yield batch
