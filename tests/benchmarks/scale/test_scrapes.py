"""What Prometheus knows of simulated servers: what was so when it last looked, and no more."""

import random

from benchmarks.scale.replica import Call, Replica
from benchmarks.scale.scrapes import Scrapes
from tests.benchmarks.scale.test_replica import COSTS


def replica(ready: float = 0.0) -> Replica:
    return Replica(COSTS, 4, 256, asked=0.0, ready=ready)


def scrapes(*replicas: Replica, interval: float = 10.0) -> Scrapes:
    found = Scrapes(interval, random.Random(1))
    for each in replicas:
        found.add(each)
    return found


def test_a_load_is_known_once_it_is_scraped_and_until_the_next_time():
    server = replica()
    known = scrapes(server)
    known.advance(20.0)
    server.take(Call(20.0, 2))
    assert known.load == 0
    known.advance(30.0)  # they take 3 s and are over, unless it was just then that it was scraped
    seen = known.load
    server.take(Call(30.0, 3))
    assert known.load == seen
    server.take(Call(31.0, 250))  # for minutes
    known.advance(41.0)
    assert known.load > 100


def test_each_is_scraped_at_moments_of_its_own_from_when_it_is_ready():
    early, late = replica(), replica(ready=100.0)
    known = scrapes(early, late)
    known.advance(100.0)
    for server in (early, late):
        assert server.take(Call(100.0, 200))
    seen = []
    for tenth in range(101):
        known.advance(100.0 + tenth / 10)
        seen.append(known.load)
    assert seen[0] == 0
    assert any(100 < load <= 200 for load in seen)  # one of them
    assert seen[-1] > 250


def test_what_has_gone_is_forgotten():
    server = replica()
    known = scrapes(server)
    server.take(Call(0.0, 200))
    known.advance(10.0)
    assert known.load > 100
    known.drop(server)
    assert known.load == 0
