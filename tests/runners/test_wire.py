"""Events survive the wire whole, however the stream is cut."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from runners.errors import ForeignLatents, InvalidInput, Overloaded, SpeechError, UnreadableClip, UnreadableLatents
from runners.types import Audio, Event, Failed, Finished, LatentsReady, PieceDone, StopReason
from runners.wire import Unpacker, pack

indices = st.integers(0, 1000)
samples = hnp.arrays(np.float32, st.integers(0, 50), elements=st.floats(-1, 1, width=32))
events = st.one_of(
    st.builds(Audio, indices, indices, samples),
    st.builds(PieceDone, indices, indices, indices, st.sampled_from(StopReason)),
    st.builds(LatentsReady, st.binary(max_size=50)),
    st.just(Finished()),
)


def same(one: Event, other: Event) -> bool:
    if isinstance(one, Audio) and isinstance(other, Audio):
        place = (one.utterance, one.piece) == (other.utterance, other.piece)
        return place and np.array_equal(one.samples, other.samples)
    return one == other


@given(sent=st.lists(events, max_size=6), data=st.data())
@settings(max_examples=100, deadline=None)
def test_round_trip(sent: list[Event], data: st.DataObject) -> None:
    stream = b"".join(map(pack, sent))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=8)))
    unpacker = Unpacker()
    got = [
        event
        for start, stop in zip([0, *cuts], [*cuts, len(stream)], strict=True)
        for event in unpacker.feed(stream[start:stop])
    ]
    assert len(got) == len(sent)
    assert all(map(same, got, sent))


@pytest.mark.parametrize(
    "error",
    [
        InvalidInput("speed: too fast", param="speed"),
        UnreadableClip("not audio"),
        UnreadableLatents("not latents", param="latents"),
        ForeignLatents("of another checkpoint"),
        Overloaded("full", retry_after=3.5),
    ],
)
def test_errors_keep_their_type_and_fields(error: SpeechError) -> None:
    (event,) = Unpacker().feed(pack(Failed(error)))
    assert isinstance(event, Failed)
    assert type(event.error) is type(error)
    assert vars(event.error) == vars(error)
    assert str(event.error) == error.message
