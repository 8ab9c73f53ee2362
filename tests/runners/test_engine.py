"""The engine's promises: rows do not touch each other, faults stay where they are, slots come back."""

import threading
import time
from collections.abc import Iterator
from collections.abc import Sequence as Items

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from torch import Tensor
from TTS.tts.models.xtts import Xtts

from runners.engine import Engine
from runners.errors import EngineFailure, Overloaded
from runners.observer import Observer
from runners.types import StopReason
from runners.vocoder_queue import VocoderQueue
from runners.xtts.model import Model
from runners.xtts.vocoder import PendingAudio
from tests.studio import LINES, Mute, Studio, Take, pacing, studio

Wave = NDArray[np.float32]
SPEAKERS = ("Demo Low", "Demo High")
PARTS = [(line, SPEAKERS[index % 2], 100 + index) for index, line in enumerate(LINES[:10])]  # line, speaker, seed


def sampled(room: Studio, part: int) -> Take:
    (language, text), speaker, seed = PARTS[part]
    return room.take(language, text, speaker, seed=seed, temperature=0.75)


@pytest.fixture(scope="module")
def solo(model: Model) -> list[list[int]]:
    """Each part's codes when nothing is decoded beside it."""
    with studio(model, slots=1, mute=True) as room:
        takes = [sampled(room, part) for part in range(len(PARTS))]
        for take in takes:
            room.record([take])
        return [take.codes for take in takes]


@pytest.fixture(scope="module")
def quiet_room(model: Model) -> Iterator[Studio]:
    with studio(model, slots=6, mute=True) as room:
        yield room


@pytest.fixture(scope="module")
def solo_waves(model: Model) -> dict[int, Wave]:
    with studio(model, slots=1) as room:
        short_windows(room, at_once=1)
        return {part: room.record([sampled(room, part)])[0] for part in (1, 2, 4, 7)}


def short_windows(room: Studio, at_once: int) -> None:
    """So that short utterances have several, and rows of different ones share a batch."""
    room.vocoder.at_once = at_once
    room.engine._pacing.sizes = (20, 20, 20, 20)


def wait_until(condition: "threading.Event | object", timeout: float = 20) -> None:
    end = time.monotonic() + timeout
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.002)


class TestIndependence:
    @given(
        arrivals=st.lists(
            st.tuples(st.integers(0, len(PARTS) - 1), st.sampled_from([0.0, 0.002, 0.02])), min_size=2, max_size=14
        )
    )
    @settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    def test_codes_do_not_depend_on_companions_or_arrival(
        self, quiet_room: Studio, solo: list[list[int]], arrivals: list[tuple[int, float]]
    ) -> None:
        takes = []
        for part, pause in arrivals:
            takes.append((part, sampled(quiet_room, part)))
            quiet_room.submit([takes[-1][1]])
            time.sleep(pause)
        for part, take in takes:
            take.finish()
            assert take.codes == solo[part]

    @pytest.mark.parametrize("windows_at_once", [1, 8])
    @given(
        arrivals=st.lists(
            st.tuples(st.sampled_from([1, 2, 4, 7]), st.sampled_from([0.0, 0.05])), min_size=2, max_size=5
        )
    )
    @settings(max_examples=4, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    def test_samples_do_not_depend_on_companions(
        self, model: Model, solo_waves: dict[int, Wave], windows_at_once: int, arrivals: list[tuple[int, float]]
    ) -> None:
        with studio(model, slots=3) as room:
            short_windows(room, windows_at_once)
            takes = []
            for part, pause in arrivals:
                takes.append((part, sampled(room, part)))
                room.submit([takes[-1][1]])
                time.sleep(pause)
            for part, take in takes:
                wave = take.finish()
                assert wave.shape == solo_waves[part].shape
                assert np.abs(wave - solo_waves[part]).max() < 1e-4

    def test_other_seeds_say_it_otherwise(self, quiet_room: Studio) -> None:
        takes = [quiet_room.take("en", "Hello there.", seed=seed, temperature=0.75) for seed in (1, 1, 2, 3)]
        quiet_room.record(takes)
        assert takes[0].codes == takes[1].codes
        assert len({tuple(take.codes) for take in takes}) == 3


class TestEnds:
    def test_a_sequence_that_never_stops_is_cut_at_the_limit(self, model: Model) -> None:
        with studio(model, slots=2, mute=True) as room:
            room.decoder.max_codes = 12
            take = room.take("en", "This would be much longer than half a second, were it allowed to.")
            room.record([take])
        assert len(take.codes) == 12
        assert take.sequence.stop_reason is StopReason.LIMIT
        assert room.decoder.stop_code not in take.codes

    def test_upstreams_limit_is_ours(self, quiet_room: Studio, xtts: Xtts) -> None:
        assert quiet_room.decoder.max_codes == xtts.gpt.max_gen_mel_tokens == 602

    def test_a_sequence_that_stops_at_its_first_code_is_still_heard(self, model: Model) -> None:
        with studio(model, slots=1) as room:
            logits = room.decoder._gpt.logits

            def stop(hidden: Tensor) -> Tensor:
                out = logits(hidden).clone()
                out[:, room.decoder.stop_code] = 1e4
                return out

            room.decoder._gpt.logits = stop  # type: ignore[method-assign]
            take = room.take("en", "No")
            (samples,) = room.record([take])
        assert take.codes == [room.decoder.stop_code]
        assert len(samples) == 4 * 256  # one code is four frames

    def test_slots_are_vacant_afterwards(self, model: Model) -> None:
        with studio(model, slots=3, mute=True) as room:
            room.record([room.take(*line) for line in LINES[:7]])
            load = room.engine.load
        assert (load.live, load.waiting) == (0, 0)


class TestFaults:
    def test_nan_in_one_sequence_fails_that_request_alone(self, model: Model, solo: list[list[int]]) -> None:
        with studio(model, slots=4, mute=True) as room:
            good, bad = sampled(room, 0), sampled(room, 1)
            poisoned = torch.full_like(bad.sequence.latents.gpt_cond_latent, float("nan"))
            object.__setattr__(bad.sequence.latents, "gpt_cond_latent", poisoned)
            room.submit([bad, good])
            with pytest.raises(EngineFailure, match="not numbers"):
                bad.finish()
            good.finish()
            assert good.codes == solo[0]
            again = sampled(room, 1)  # a slot that held NaN serves the next sequence as ever
            room.record([again])
            assert again.codes == solo[1]

    def test_a_step_that_fails_takes_what_is_in_flight_and_nothing_else(
        self, model: Model, solo: list[list[int]]
    ) -> None:
        with studio(model, slots=2, mute=True) as room:
            step, calls = room.decoder.step, 0

            def fails_once(slots: Items[int]) -> list[int]:
                nonlocal calls
                calls += 1
                if calls == 5:
                    raise torch.OutOfMemoryError("out of memory")
                return step(slots)

            room.decoder.step = fails_once  # type: ignore[method-assign]
            takes = [sampled(room, part) for part in (0, 1, 2, 3)]
            room.submit(takes)
            for take in takes[:2]:
                with pytest.raises(EngineFailure):
                    take.finish()
            for part, take in zip((2, 3), takes[2:], strict=True):
                take.finish()
                assert take.codes == solo[part]
            assert room.engine.load.live == 0

    def test_a_vocoder_that_fails_takes_the_request_with_it(self, model: Model) -> None:
        class Broken(Mute):
            def start(self, frames: Tensor, speakers: Tensor, spans: Items[tuple[int, int]]) -> PendingAudio:
                raise RuntimeError("no sound today")

        with studio(model, slots=1, mute=True) as room:
            room.engine._vocoding = VocoderQueue(Broken())  # type: ignore[arg-type]
            take = room.take("en", "Hello.")
            room.submit([take])
            with pytest.raises(EngineFailure):
                take.finish()
            room.engine._vocoding = VocoderQueue(Mute())  # type: ignore[arg-type]
            room.record([room.take("en", "Hello.")])

    def test_stopping_fails_what_is_in_flight(self, model: Model) -> None:
        with studio(model, slots=1, mute=True) as room:
            takes = [room.take(*line) for line in LINES[:6]]
            room.submit(takes)
        for take in takes[1:]:
            with pytest.raises(EngineFailure, match="shutting down"):
                take.finish()
        with pytest.raises(EngineFailure):
            room.submit([room.take("en", "Too late.")])

    def test_nan_does_not_outlive_its_sequence(self, model: Model) -> None:
        """The cache it leaves behind is under the mask of the next sequence there, and must hold no NaN."""
        with studio(model, slots=2, mute=True) as room:
            bad, short, long = room.take(*LINES[5]), room.take(*LINES[2]), room.take(*LINES[3])
            expected = room.take(*LINES[2])
            room.record([expected])
            poisoned = torch.full_like(bad.sequence.latents.gpt_cond_latent, float("nan"))
            object.__setattr__(bad.sequence.latents, "gpt_cond_latent", poisoned)
            room.submit([bad])
            with pytest.raises(EngineFailure):
                bad.finish()
            room.submit([short, long])
            short.finish()
            long.finish()
            assert short.codes == expected.codes

    def test_nan_in_two_sequences_of_a_request_is_wiped_from_both_slots(self, model: Model) -> None:
        with studio(model, slots=2, mute=True) as room:
            expected = [room.take(*LINES[2]), room.take(*LINES[4])]
            room.record(expected)
            first, second = room.take(*LINES[3]), room.take(*LINES[5])
            for take in (first, second):
                poisoned = torch.full_like(take.sequence.latents.gpt_cond_latent, float("nan"))
                object.__setattr__(take.sequence.latents, "gpt_cond_latent", poisoned)
            first.request.sequences.append(second.sequence)
            room.submit([first])
            with pytest.raises(EngineFailure):
                first.finish()
            again = [room.take(*LINES[2]), room.take(*LINES[4])]
            room.record(again)
            assert [take.codes for take in again] == [take.codes for take in expected]

    def test_a_lost_device_fails_everything_and_is_reported(self, model: Model) -> None:
        died = threading.Event()
        with studio(model, slots=1, mute=True) as room:
            room.engine._on_death = died.set

            def lost(*_: object) -> None:
                raise RuntimeError("CUDA error: an illegal memory access was encountered")

            room.decoder.step = room.decoder.vacate = lost  # type: ignore[method-assign, assignment]
            takes = [room.take(*line) for line in LINES[:3]]
            room.submit(takes)
            for take in takes:
                with pytest.raises(EngineFailure):
                    take.finish(timeout=10)
            assert died.wait(10)
            with pytest.raises(EngineFailure):
                room.submit([room.take("en", "Hello.")])


class Ledger(Observer):
    """What the engine reported, in order."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def load(self, slots: int, live: int, bulk: int, waiting: int) -> None:
        self.lines.append(f"{live} live")

    def stepped(self, sequences: int, seconds: float) -> None:
        self.lines.append("step")


class TestQueue:
    def test_a_full_line_turns_requests_away_at_once(self, model: Model) -> None:
        with studio(model, slots=1, max_waiting=2, mute=True) as room:
            first = room.take(*LINES[0])
            room.submit([first])
            wait_until(lambda: room.engine.load.live == 1)
            takes = [room.take(*line) for line in LINES[1:3]]
            room.submit(takes)
            with pytest.raises(Overloaded) as refused:
                room.submit([room.take(*LINES[4])])
            assert refused.value.retry_after >= 1
            for take in [first, *takes]:
                take.finish()

    def test_cancelling_frees_the_slot_for_the_next(self, model: Model, solo: list[list[int]]) -> None:
        with studio(model, slots=1, mute=True) as room:
            long, waiting, wanted = room.take(*LINES[3]), sampled(room, 1), sampled(room, 2)
            room.submit([long, waiting, wanted])
            wait_until(lambda: room.engine.load.live == 1)
            room.engine.cancel(waiting.request)
            room.engine.cancel(long.request)
            wanted.finish()
            assert wanted.codes == solo[2]
            assert long.sequence.stop_reason is None  # it never came to its end
            assert not waiting.codes
            assert room.engine.load.live == 0

    def test_what_is_cancelled_leaves_within_two_steps(self, model: Model) -> None:
        ledger = Ledger()
        room = Studio(model, slots=4, mute=True)
        room.engine = Engine(room.decoder, room.vocoder, pacing(), 100, observer=ledger)
        room.engine.start()
        try:
            takes = [room.take(*LINES[3]) for _ in range(4)]  # equal, so that none ends before the others
            room.submit(takes)
            wait_until(lambda: room.engine.load.live == 4)
            ledger.lines.append("cancel")
            room.engine.cancel(takes[0].request)
            for take in takes[1:]:
                take.finish()
        finally:
            room.engine.stop()
        after = ledger.lines[ledger.lines.index("cancel") :]
        assert after[: after.index("3 live")].count("step") <= 2
        assert takes[0].sequence.stop_reason is None

    def test_cancelling_what_is_over_is_harmless(self, quiet_room: Studio) -> None:
        take = quiet_room.take("en", "Hello.")
        quiet_room.record([take])
        quiet_room.engine.cancel(take.request)
        quiet_room.record([quiet_room.take("en", "Hello.")])

    def test_it_sleeps_when_there_is_nothing_to_do(self, quiet_room: Studio) -> None:
        quiet_room.record([quiet_room.take("en", "Hello.")])
        steps = quiet_room.engine.load.steps
        time.sleep(0.1)
        assert quiet_room.engine.load.steps <= steps + 1
