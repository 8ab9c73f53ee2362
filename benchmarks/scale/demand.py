"""A day of callers: when they come and how much each has said. The same seed, the same day."""

import math
import random
from collections.abc import Iterator
from dataclasses import dataclass

from benchmarks.mix import MIX

DAY = 86_400.0  # seconds
QUIETEST = 4 * 3600.0  # of the day; the busiest hour is twelve hours later
NIGHT = 0.05  # of the peak
BURST = (12 * 3600.0, 600.0, 2.0)  # from, for so long, so many times as many: a message to all users


@dataclass(frozen=True, slots=True)
class Request:
    at: float  # seconds since midnight
    sequences: int


def rate(at: float, peak: float) -> float:
    """Requests a second; `peak` is that of the busiest hour, the burst aside."""
    wave = 0.5 - 0.5 * math.cos(2 * math.pi * (at - QUIETEST) / DAY)
    begin, length, times = BURST
    factor = times if begin <= at < begin + length else 1.0
    return factor * peak * (NIGHT + (1 - NIGHT) * wave**1.5)


def requests(peak: float, seed: int) -> Iterator[Request]:
    """At Poisson times of a changing rate, by thinning the greatest one; lengths as in the service benchmark's mix."""
    rng = random.Random(seed)
    greatest = BURST[2] * peak
    at = rng.expovariate(greatest)
    while at < DAY:
        if rng.random() * greatest < rate(at, peak):
            (kind,) = rng.choices(MIX, [kind.share for kind in MIX])
            yield Request(at, kind.texts)
        at += rng.expovariate(greatest)
