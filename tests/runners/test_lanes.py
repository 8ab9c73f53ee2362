"""The two lanes in the real engine: who waits for whom, counted in decode steps."""

import statistics
from collections.abc import Sequence as Items

import pytest

from runners.engine import Engine
from runners.observer import Observer
from runners.pacing import Playback
from runners.types import Event, PieceDone
from runners.xtts.model import Model
from tests.studio import LINES, Studio, Take, pacing, studio

SLOTS, RESERVE = 8, 2


def bulk(room: Studio, number: int) -> Take:
    language, text = LINES[number % len(LINES)]
    take = room.take(language, text, seed=number, temperature=0.75)
    take.request.bulk = True
    return take


def steps_until_done(room: Studio, takes: Items[Take]) -> list[int]:
    """Of each take, from its submission on."""
    ended: dict[Take, int] = {}

    def deliver_to(take: Take) -> None:
        def deliver(event: Event) -> None:
            if isinstance(event, PieceDone):
                ended[take] = room.engine._steps
            take.events.put(event)

        take.request.deliver = deliver

    for take in takes:
        deliver_to(take)
    began = room.engine.load.steps
    room.record(takes)
    return [ended[take] - began for take in takes]


@pytest.mark.parametrize("at_once", [1, RESERVE])
def test_streams_wait_no_longer_for_a_full_bulk_lane(model: Model, at_once: int) -> None:
    """Nor does a file, but the last slot of the reserve is not for long ones."""
    with studio(model, slots=SLOTS, mute=True, reserve=RESERVE) as room:

        def measured() -> list[int]:
            takes = [[room.take(*LINES[(start + n) % len(LINES)]) for n in range(at_once)] for start in range(8)]
            for group in takes:
                for take in group[at_once > 1 :]:
                    take.request.playback = Playback()
            return [steps for group in takes for steps in steps_until_done(room, group)]

        idle = measured()
        load = [bulk(room, number) for number in range(400)]
        room.submit(load)
        loaded = measured()
        assert room.engine.load.bulk_waiting  # it was full all the time
        for take in load:
            room.engine.cancel(take.request)
    ratios = [busy / alone for busy, alone in zip(loaded, idle, strict=True)]
    print(f"{at_once} at once: median {statistics.median(ratios):.2f}, worst {max(ratios):.2f} times the steps of idle")
    assert max(ratios) <= 1.5


def test_bulk_requests_get_on_beside_interactive_ones_without_end(model: Model) -> None:
    with studio(model, slots=2, mute=True, reserve=1) as room:
        crowd = [room.take(*LINES[n % len(LINES)]) for n in range(40)]
        room.submit(crowd)
        load = [bulk(room, number) for number in range(3)]
        room.record(load)
        assert room.engine.load.waiting  # the crowd is not through yet
        for take in crowd:
            room.engine.cancel(take.request)


def test_bulk_speech_is_the_same_as_any(model: Model) -> None:
    with studio(model, slots=3, mute=True, reserve=1) as room:
        load, same = bulk(room, 3), bulk(room, 3)
        same.request.bulk = False
        room.record([load, bulk(room, 4), room.take(*LINES[0]), same])
        assert load.codes == same.codes


def test_a_canceled_bulk_request_leaves_at_once(model: Model) -> None:
    with studio(model, slots=2, mute=True) as room:
        load = [bulk(room, number) for number in range(50)]
        room.submit(load)
        for take in load[1:]:
            room.engine.cancel(take.request)
        load[0].finish()
        assert room.engine.load.bulk_waiting == 0
        assert sum(bool(take.codes) for take in load) <= 4


class Loads(Observer):
    """What slots hold, as the engine reports it."""

    def __init__(self) -> None:
        self.reports: list[tuple[int, int]] = []

    def load(self, slots: int, live: int, bulk: int, waiting: int) -> None:
        self.reports.append((live, bulk))


def test_the_engine_reports_bulk_slots(model: Model) -> None:
    loads = Loads()
    room = Studio(model, slots=SLOTS, mute=True)
    room.engine = Engine(room.decoder, room.vocoder, pacing(), 100, reserve=RESERVE, observer=loads)
    takes = [room.take(*LINES[3]), *(bulk(room, number) for number in range(4))]
    room.submit(takes)
    room.engine.start()
    try:
        for take in takes:
            take.finish()
    finally:
        room.engine.stop()
    assert max(many for _, many in loads.reports) > 1
    assert {live - many for live, many in loads.reports} == {0, 1}  # the one that is not bulk
