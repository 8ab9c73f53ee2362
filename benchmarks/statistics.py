"""What is said of repeated measurements: the median, and how far they lie apart. Plain numbers in and out."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True)
class Spread:
    """The median of repeated measurements, and the least and greatest of them."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> "Spread":
        """Raises ValueError when nothing was measured."""
        if not values:
            raise ValueError("nothing was measured")
        return cls(percentile(values, 50), min(values), max(values))

    def show(self, form: str = ".2f") -> str:
        """As a table shows it: `2.50 (2.41 to 2.58)`, without the spread where it cannot be seen."""
        median, low, high = (format(value, form) for value in (self.median, self.low, self.high))
        return median if low == high else f"{median} ({low} to {high})"


def percentile(values: Sequence[float], percent: float) -> float:
    """Linear between the neighbours, as numpy has it."""
    return float(np.percentile(values, percent))


def ratios(numerators: Sequence[float], denominators: Sequence[float]) -> list[float]:
    """Of measurements that were taken side by side, so that what slowed both down cancels out."""
    return [above / below for above, below in zip(numerators, denominators, strict=True)]
