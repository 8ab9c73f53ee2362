"""One day of one setting: callers, servers, and the autoscaler that looks at what is known of them."""

import random
from collections.abc import Iterable
from dataclasses import dataclass, field

from benchmarks.scale.autoscaler import EVERY, Autoscaler, Rule
from benchmarks.scale.costs import Costs
from benchmarks.scale.demand import DAY, Request
from benchmarks.scale.manifests import Pod
from benchmarks.scale.replica import Call, Replica
from benchmarks.scale.scrapes import Scrapes


@dataclass(frozen=True, slots=True)
class Setting:
    """What an operator chooses."""

    varies: str  # what is another here than in the manifests; empty: nothing
    value: str  # what it is
    rule: Rule
    pod: Pod
    slots: int
    node: float  # seconds until a new pod's container starts: a machine is found and the image is on it
    gateway: bool = False  # it counts the requests that each replica has; else a Service, which knows nothing

    @property
    def name(self) -> str:
        return f"{self.varies}: {self.value}" if self.varies else self.value


@dataclass(slots=True)
class Outcome:
    setting: Setting
    calls: list[Call] = field(default_factory=list)
    refused: int = 0
    cold_starts: int = 0
    replica_seconds: float = 0.0
    audio_seconds: float = 0.0
    replicas: list[tuple[float, int]] = field(default_factory=list)  # at each look: those that can take requests
    load: list[tuple[float, float]] = field(default_factory=list)  # in replicas


def simulate(setting: Setting, costs: Costs, requests: Iterable[Request], seed: int = 0) -> Outcome:
    """From midnight to midnight. At first there are as many replicas as the rule has at least."""
    return _Day(setting, costs, random.Random(seed)).run(requests)


class _Day:
    def __init__(self, setting: Setting, costs: Costs, rng: random.Random) -> None:
        self._setting = setting
        self._costs = costs
        self._rng = rng
        self._autoscaler = Autoscaler(setting.rule)
        self._scrapes = Scrapes(setting.rule.scrape, rng)
        self._outcome = Outcome(setting)
        self._replicas: list[Replica] = []
        for _ in range(setting.rule.least):
            self._add(0.0, ready=0.0)

    def run(self, requests: Iterable[Request]) -> Outcome:
        look = EVERY
        for request in requests:
            while look <= request.at:
                self._look(look)
                look += EVERY
            self._scrapes.advance(request.at)
            self._send(request)
        while look < DAY:
            self._look(look)
            look += EVERY
        for replica in list(self._replicas):
            self._release(replica, DAY)
        return self._outcome

    def _send(self, request: Request) -> None:
        replica = self._choice([each for each in self._replicas if each.ready <= request.at], request.at)
        call = Call(request.at, request.sequences)
        if replica.take(call):
            self._outcome.calls.append(call)
            self._outcome.audio_seconds += call.sequences * self._costs.audio
        else:
            self._outcome.refused += 1

    def _choice(self, ready: list[Replica], at: float) -> Replica:
        """Any of them, by chance; or of two by chance the one with fewer requests, as gateways do it."""
        some = self._rng.sample(ready, min(2 if self._setting.gateway else 1, len(ready)))
        for replica in some:
            replica.advance(at)
        return min(some, key=lambda replica: replica.requests)

    def _look(self, at: float) -> None:
        self._scrapes.advance(at)
        ready = [each for each in self._replicas if each.ready <= at]
        for replica in ready:
            replica.advance(at)
        self._outcome.replicas.append((at, len(ready)))
        self._outcome.load.append((at, sum(replica.load for replica in ready) / self._setting.slots))
        wanted = self._autoscaler.decide(at, self._scrapes.load / self._setting.slots, len(self._replicas))
        for _ in range(wanted - len(self._replicas)):
            self._outcome.cold_starts += 1
            self._add(at, ready=at + self._setting.node + self._costs.start)
        while len(self._replicas) > wanted:
            self._release(self._replicas[-1], at)  # the newest goes first

    def _release(self, replica: Replica, at: float) -> None:
        self._replicas.remove(replica)
        self._scrapes.drop(replica)
        ends = at if replica.ready > at else max(at + self._setting.pod.pre_stop, replica.idle_by())
        self._outcome.replica_seconds += ends - replica.asked

    def _add(self, at: float, ready: float) -> None:
        setting = self._setting
        replica = Replica(self._costs, setting.slots, setting.pod.max_waiting, asked=at, ready=ready)
        self._replicas.append(replica)
        self._scrapes.add(replica)
