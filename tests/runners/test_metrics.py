"""What is counted of the engine's work, by the engine itself and by numbers that can be told beforehand."""

import time

import numpy as np
import pytest
from prometheus_client import CollectorRegistry

from runners.engine import Engine
from runners.errors import EngineFailure
from runners.metrics import RunnerMetrics
from runners.sequence import Request
from runners.types import Audio, Event, Failed, PieceDone, StopReason
from runners.xtts.model import Model
from tests.studio import LINES, Mute, pacing, studio

RATE = 24_000


class Scrape:
    """A runner's metrics, and what Prometheus would read of them."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.metrics = RunnerMetrics(RATE, ("cuda:0", lambda: (30, 100)), self.registry)

    def __getitem__(self, name: str) -> float:
        name, _, label = name.partition(" ")
        labels = dict([label.split("=")]) if label else {}
        value = self.registry.get_sample_value(name, labels)
        assert value is not None, name
        return value


def audio(seconds: float) -> Audio:
    return Audio(0, 0, np.zeros(round(seconds * RATE), np.float32))


def test_a_request_is_counted_as_its_events_pass() -> None:
    scrape, passed = Scrape(), list[Event]()
    watch = scrape.metrics.watch(passed.append, pieces=2, characters=40, began=time.perf_counter() - 1)
    events: list[Event] = [
        audio(0.5),
        audio(1.0),
        PieceDone(0, 0, 30, StopReason.STOP_CODE),
        audio(0.5),
        PieceDone(1, 0, 9, StopReason.LIMIT),
    ]
    for event in events[:-1]:
        watch(event)
    assert scrape["xtts_characters_total"] == 0
    watch(events[-1])
    watch.leave()
    assert passed == events
    assert scrape["xtts_audio_seconds_total"] == 2.0
    assert scrape["xtts_characters_total"] == 40
    assert scrape["xtts_first_audio_seconds_count"] == 1
    assert scrape["xtts_first_audio_seconds_sum"] == pytest.approx(1.0, abs=0.2)
    assert scrape["xtts_real_time_factor_ratio_sum"] == pytest.approx(0.5, abs=0.1)
    assert scrape["xtts_sequences_total stop_reason=stop_code"] == 1
    assert scrape["xtts_sequences_total stop_reason=limit"] == 1
    assert scrape["xtts_cancellations_total"] == 0


def test_what_is_given_up_is_cancelled_and_what_fails_is_not() -> None:
    scrape = Scrape()
    for event in (audio(0.5), Failed(EngineFailure("no"))):
        watch = scrape.metrics.watch(lambda _: None, 1, 10, time.perf_counter())
        watch(event)
        watch.leave()
    assert scrape["xtts_cancellations_total"] == 1
    assert scrape["xtts_characters_total"] == 0


def test_the_engine_tells_its_load_its_waits_and_its_steps(model: Model) -> None:
    scrape = Scrape()
    with studio(model, slots=2, mute=True) as room:
        room.engine.stop()
        room.engine = Engine(room.decoder, Mute(), pacing(), 100, observer=scrape.metrics)  # type: ignore[arg-type]
        takes = [room.take(*line) for line in LINES[:5]]
        room.engine.submit(Request([take.sequence for take in takes], lambda _: None))
        assert (scrape["xtts_slots"], scrape["xtts_live_slots"], scrape["xtts_waiting_sequences"]) == (2, 0, 5)
        began = time.monotonic()
        room.engine.start()
        while room.engine.load.live + room.engine.load.waiting:
            assert time.monotonic() - began < 60
            if scrape["xtts_live_slots"] == 2:
                assert scrape["xtts_waiting_sequences"] <= 3
            time.sleep(0.001)
        time.sleep(0.2)  # the last step's end
        assert (scrape["xtts_live_slots"], scrape["xtts_waiting_sequences"]) == (0, 0)
        steps = room.engine.load.steps
    assert scrape["xtts_queue_wait_seconds_count"] == scrape["xtts_admitted_batch_size_sum"] == 5
    assert scrape["xtts_admitted_batch_size_bucket le=2.0"] == scrape["xtts_admitted_batch_size_count"]
    assert 0 < scrape["xtts_decode_step_seconds_count"] <= steps
    assert scrape["xtts_codes_total"] == sum(len(take.codes) for take in takes)


def test_slots_of_long_jobs_are_told_apart() -> None:
    scrape = Scrape()
    scrape.metrics.load(slots=8, live=5, bulk=3, waiting=1)
    assert (scrape["xtts_live_slots"], scrape["xtts_live_bulk_slots"], scrape["xtts_waiting_sequences"]) == (5, 3, 1)


def test_memory_and_lookups() -> None:
    scrape = Scrape()
    for result in ("memory", "memory", "miss"):
        scrape.metrics.looked_up(result)  # type: ignore[arg-type]
    assert [scrape[f"xtts_latents_lookups_total result={result}"] for result in ("memory", "disk", "miss")] == [2, 0, 1]
    assert scrape["xtts_gpu_memory_used_bytes device=cuda:0"] == 70
    assert scrape["xtts_gpu_memory_total_bytes device=cuda:0"] == 100
    assert scrape["xtts_runner_resident_memory_bytes"] > 2**20
