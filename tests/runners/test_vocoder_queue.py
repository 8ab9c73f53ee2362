"""Which windows the vocoder is given together, and that each sequence gets its own samples back."""

from collections.abc import Sequence as Items
from typing import Any, cast

import pytest
import torch
from torch import Tensor

from runners.conditioning.latents import Latents
from runners.sequence import Sequence
from runners.types import StopReason
from runners.vocoder_queue import VocoderQueue
from runners.xtts.frames import Stretch
from runners.xtts.sampling import SamplingParams, stream_of
from runners.xtts.vocoder import PendingAudio, Vocoder

CONTEXT, HOP, SIZE = 2, 3, 4
STRETCH = Stretch(())  # a frame a code


class Echo:
    """A vocoder whose samples are the frames' values. Its work is done when `ready` says so."""

    hop, context = HOP, CONTEXT

    def __init__(self, at_once: int) -> None:
        self.at_once = at_once
        self.batches: list[int] = []  # rows of each
        self.sizes: list[int] = []
        self.ready = True

    def start(self, frames: Tensor, speakers: Tensor, spans: Items[tuple[int, int]]) -> PendingAudio:
        assert len(frames) == len(speakers) == len(spans)
        for row, (first, last) in zip(frames, spans, strict=True):
            assert not row[:first].any()
            assert row[first:last].diff(dim=0).eq(1).all()
            assert not row[last:].any()
        self.batches.append(len(frames))
        self.sizes.append(frames.shape[1] - 2 * CONTEXT)
        samples = frames[:, CONTEXT:-CONTEXT, 0].repeat_interleave(HOP, dim=1) + speakers[:, 0]
        return PendingAudio(samples, cast(Any, self))

    def query(self) -> bool:
        return self.ready

    def synchronize(self) -> None: ...


def sequence(codes: int, voice: int, *, finished: bool = False) -> Sequence:
    """Its frames are 0, 1, 2 and so on, and its voice adds a thousand of them."""
    latents = Latents(torch.zeros(1, 1, 1), torch.full((1, 1, 1), 1000.0 * voice))
    sampling = SamplingParams(0.0, 0, 1.0, 1.0, stream_of(0, 0))
    made = Sequence(voice, 0, torch.zeros(1, dtype=torch.int64), latents, sampling, STRETCH)
    made.codes = [0] * codes
    made.decoded_latents = torch.arange(codes, dtype=torch.float32)[:, None]
    made.stop_reason = StopReason.STOP_CODE if finished else None
    return made


def queue_of(echo: Echo) -> VocoderQueue:
    return VocoderQueue(cast(Vocoder, echo))


def whole(sequence: Sequence) -> list[float]:
    return [sequence.utterance * 1000.0 + frame for frame in range(len(sequence.codes)) for _ in range(HOP)]


@pytest.mark.parametrize(("at_once", "batches"), [(1, [1]), (2, [2, 1]), (3, [3]), (4, [3])])
def test_windows_of_one_size_share_batches_and_one_that_blocks_takes_one(at_once: int, batches: list[int]) -> None:
    echo = Echo(at_once)
    given = queue_of(echo).start([(sequence(20, voice), SIZE) for voice in range(3)])
    assert echo.batches == batches
    assert [each.utterance for each, _ in given] == list(range(sum(batches)))


def test_other_sizes_are_other_batches() -> None:
    echo = Echo(4)
    queue_of(echo).start([(sequence(30, 0), SIZE), (sequence(30, 1), SIZE + 1), (sequence(30, 2), SIZE)])
    assert echo.batches == [2, 1]


def test_windows_of_other_places_share_a_batch() -> None:
    echo, later = Echo(4), sequence(20, 1)
    later.vocoded = 6
    queue_of(echo).start([(sequence(20, 0), SIZE), (later, SIZE)])
    assert echo.batches == [2]


@pytest.mark.parametrize(("at_once", "size"), [(1, 80), (2, 128)])
def test_the_last_window_is_no_longer_than_it_need_be(at_once: int, size: int) -> None:
    echo, ending = Echo(at_once), sequence(200, 0, finished=True)
    ending.vocoded = 128
    queue_of(echo).start([(ending, 256)])
    assert echo.sizes == [size]


@pytest.mark.parametrize("at_once", [1, 2, 4])
def test_each_gets_all_of_its_samples_in_order(at_once: int) -> None:
    echo = Echo(at_once)
    queue = queue_of(echo)
    sequences = [sequence(codes, voice, finished=True) for voice, codes in enumerate((1, 11, 30))]
    heard: dict[int, list[float]] = {each.utterance: [] for each in sequences}
    while left := [(each, SIZE) for each in sequences if each.vocoded < each.frames]:
        assert queue.start(left)
        for each, _, samples in queue.finished(wait=True):
            heard[each.utterance] += samples.tolist()
    assert heard == {each.utterance: whole(each) for each in sequences}


def test_what_is_not_ready_is_left_unless_waited_for() -> None:
    echo = Echo(4)
    queue = queue_of(echo)
    queue.start([(sequence(20, 0), SIZE)])
    echo.ready = False
    assert not list(queue.finished(wait=False))
    [(_, window, samples)] = queue.finished(wait=True)
    assert len(samples) == (window.last - window.first) * HOP
    assert not list(queue.finished(wait=True))


def test_too_few_frames_are_no_window_and_what_is_cleared_is_gone() -> None:
    echo = Echo(4)
    queue = queue_of(echo)
    assert not queue.start([(sequence(SIZE, 0), SIZE)])
    assert queue.start([(sequence(20, 0), SIZE)])
    queue.clear()
    assert not list(queue.finished(wait=True))
    assert echo.batches == [1]
