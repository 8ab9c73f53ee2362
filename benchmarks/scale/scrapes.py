"""What Prometheus knows of the replicas: the load of each when it was last scraped, each at moments of its own."""

import random
from dataclasses import dataclass, field

from benchmarks.scale.replica import Replica


@dataclass(slots=True)
class _Target:
    replica: Replica
    next: float  # seconds since midnight
    load: int = 0  # what the last scrape found


@dataclass(slots=True)
class Scrapes:
    interval: float  # seconds
    rng: random.Random
    _targets: list[_Target] = field(default_factory=list)

    @property
    def load(self) -> int:
        """Sequences, decoded or waiting, as far as it is known."""
        return sum(target.load for target in self._targets)

    def add(self, replica: Replica) -> None:
        """From when it is ready on."""
        self._targets.append(_Target(replica, replica.ready + self.rng.uniform(0, self.interval)))

    def drop(self, replica: Replica) -> None:
        """What was known of it is forgotten at once."""
        self._targets = [target for target in self._targets if target.replica is not replica]

    def advance(self, to: float) -> None:
        """All scrapes until then; no replica has gone further than `to` already."""
        for target in self._targets:
            while target.next <= to:
                target.replica.advance(target.next)
                target.load = target.replica.load
                target.next += self.interval
