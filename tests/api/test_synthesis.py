"""The live path on a runner that says what it is told to, when it is told to."""

import asyncio
import dataclasses
import io
import json
from collections.abc import AsyncGenerator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from limits import parse

from api.audio.mastering import loudness_of
from api.auth.account import Account, account
from api.auth.rates import Limit, open_store
from api.config import ServerConfig
from api.language import LanguageDetector
from api.loudness import WORDS
from api.plan import Planner
from api.runner_client import RunnerClient
from api.schemas import SegmentedRequest, SimpleRequest
from api.synthesis import Synthesis
from api.voices.library import VoiceLibrary
from runners.errors import DeadlineExceeded, InvalidInput
from runners.types import Audio, Event, Failed, Finished, ModelCard, PieceDone, StopReason, Utterance
from tests.api.fake_runner import CARD
from tests.api.recordings import speech

WINDOW = 8192  # samples


class Narrator(RunnerClient):
    """Says what is put into `script`; `listening` is over when nobody wants it any more."""

    def __init__(self) -> None:
        self.script: asyncio.Queue[Event] = asyncio.Queue()
        self.listening = False
        self.asked: list[Utterance] = []

    async def model(self) -> ModelCard:
        return CARD

    async def events(self, utterances: Sequence[Utterance], *, listening: bool = False) -> AsyncGenerator[Event, None]:
        self.listening, self.asked = True, list(utterances)
        try:
            while not isinstance(event := await self.script.get(), Finished):
                if isinstance(event, Failed):
                    raise event.error
                yield event
        finally:
            self.listening = False

    def say(self, *events: Event) -> None:
        for event in events:
            self.script.put_nowait(event)


@pytest.fixture
def narrator() -> Narrator:
    return Narrator()


def synthesis(narrator: Narrator, timeout: float = 30) -> Synthesis:
    config = ServerConfig.from_env({})
    planner = Planner(config, narrator, VoiceLibrary(Path("references")), LanguageDetector())
    return Synthesis(planner, narrator, timeout)


def window(utterance: int = 0) -> Audio:
    return Audio(utterance, 0, np.full(WINDOW, 0.25, np.float32))


def done(utterance: int = 0, reason: StopReason = StopReason.STOP_CODE) -> PieceDone:
    return PieceDone(utterance, 0, 30, reason)


def simple(**fields: Any) -> SimpleRequest:
    return SimpleRequest(**{"text": "Jó napot!", "voice": "Demo Low", "output_format": "pcm", **fields})


async def test_the_first_window_leaves_before_the_second_is_said(narrator: Narrator) -> None:
    narrator.say(window())
    live = await asyncio.wait_for(synthesis(narrator).live(simple(seed=5)), 10)
    assert live.headers == {
        "X-Seed": "5",
        "X-Sample-Rate": "24000",
        "X-Language": "en",
        "X-Queue-Wait": "0.000",
        "Content-Disposition": 'attachment; filename="speech.pcm"',
    }
    chunks = aiter(live.flow)
    assert len(await anext(chunks)) == 2 * (WINDOW - 240)
    narrator.say(window())
    assert len(await anext(chunks)) == 2 * WINDOW
    narrator.say(done(), Finished())
    assert len(b"".join([chunk async for chunk in chunks])) == 2 * 240
    assert live.recording.codes == 30


async def test_what_is_said_does_not_wait_for_who_listens(narrator: Narrator) -> None:
    narrator.say(*[window()] * 50, done(), Finished())
    live = await synthesis(narrator).live(simple())
    for _ in range(500):
        await asyncio.sleep(0.01)
        if not narrator.listening:
            break
    assert not narrator.listening
    assert len(b"".join([chunk async for chunk in live.flow])) == 2 * 50 * WINDOW


@pytest.mark.parametrize("format", ["pcm", "aac"])
async def test_who_leaves_is_not_listened_for(narrator: Narrator, format: str) -> None:
    narrator.say(window(), window())
    live = await asyncio.wait_for(synthesis(narrator).live(simple(output_format=format)), 30)
    assert narrator.listening
    await live.flow.aclose()
    assert not narrator.listening


async def test_a_refusal_is_raised_with_its_field(narrator: Narrator) -> None:
    narrator.say(Failed(InvalidInput("nothing to say", param="text", utterance=1)))
    body = SegmentedRequest(segments=[{"text": "a", "voice": "Demo Low"}, {"text": "?", "voice": "Demo Low"}])
    with pytest.raises(InvalidInput) as refused:
        await synthesis(narrator).live(body)
    assert refused.value.param == "segments.1.text"


async def test_pauses_part_a_text_into_so_many_phrases_at_most(narrator: Narrator) -> None:
    narrator.say(Finished())
    with pytest.raises(InvalidInput, match="400 phrases at most; here are 401") as refused:
        await synthesis(narrator).live(simple(text="a[pause:1ms]" * 400 + "a"))
    assert refused.value.param == "text"


async def test_the_deadline_holds_before_and_after_the_first_byte(narrator: Narrator) -> None:
    with pytest.raises(DeadlineExceeded):
        await synthesis(narrator, timeout=0.3).live(simple())
    narrator.say(window())
    live = await synthesis(narrator, timeout=2).live(simple())
    with pytest.raises(DeadlineExceeded):
        [chunk async for chunk in live.flow]
    assert not narrator.listening


async def test_a_text_that_fails_costs_nothing_and_one_that_is_given_up_does(narrator: Narrator) -> None:
    limit = Limit("characters", parse("100/hour"), open_store("memory"))
    account.set(mine := Account("caller", {"characters": limit}))
    narrator.say(window())
    live = await synthesis(narrator).live(simple())
    assert (mine.standing and mine.standing.remaining) == 91
    await live.flow.aclose()
    assert (mine.standing and mine.standing.remaining) == 91
    narrator.say(window(), Failed(InvalidInput("no")))
    with pytest.raises(InvalidInput):
        [chunk async for chunk in (await synthesis(narrator).live(simple())).flow]
    assert (mine.standing and mine.standing.remaining) == 91


async def test_what_was_cut_at_its_longest_is_logged(narrator: Narrator, caplog: pytest.LogCaptureFixture) -> None:
    narrator.say(window(), done(reason=StopReason.LIMIT), Finished())
    [chunk async for chunk in (await synthesis(narrator).live(simple())).flow]
    assert "1 of the model's utterances ran into its longest length" in caplog.text


@pytest.mark.parametrize("format", ["wav", "mp3"])
async def test_a_whole_file_knows_its_length_and_its_segments(narrator: Narrator, format: str) -> None:
    segments = [{"text": "a", "pause_after": 1 / 3}, {"text": "b"}]
    body = SegmentedRequest(segments=segments, voice="Demo Low", output_format=format, trim_silence=False)
    narrator.say(window(1), done(1), window(), done(), Finished())
    rendered = await synthesis(narrator).whole(body)
    length = 2 * WINDOW + 8000
    assert soundfile.info(io.BytesIO(rendered.body)).frames == length
    assert rendered.headers["X-Audio-Duration"] == f"{length / 24000:.3f}"
    spans = json.loads(rendered.headers["X-Segments"])
    assert [[round(at * 24000) for at in span] for span in spans] == [[0, WINDOW], [WINDOW + 8000, length]]
    assert np.abs(np.array(spans) * 24000 - np.round(np.array(spans) * 24000)).max() < 0.02


async def test_spans_that_no_client_takes_as_a_header_are_left_out(
    narrator: Narrator, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = SegmentedRequest(segments=[{"text": "a"}, {"text": "b"}], voice="Demo Low")
    for longest, there in ((8000, True), (10, False)):
        monkeypatch.setattr("api.synthesis.LONGEST_HEADER", longest)
        narrator.say(window(1), done(1), window(), done(), Finished())
        assert ("X-Segments" in (await synthesis(narrator).whole(body)).headers) is there


async def test_a_whole_file_names_what_failed(narrator: Narrator) -> None:
    narrator.say(window(), Failed(InvalidInput("nothing to say", param="text", utterance=0)))
    with pytest.raises(InvalidInput):
        await synthesis(narrator).whole(simple())
    with pytest.raises(DeadlineExceeded):
        await synthesis(narrator, timeout=0.3).whole(simple())
    assert not narrator.listening


async def test_segments_are_heard_in_order_and_each_has_its_pause(narrator: Narrator) -> None:
    segments = [{"text": "a", "pause_after": 0.5}, {"text": "b", "pause_after": 0.25}]
    body = SegmentedRequest(segments=segments, voice="Demo Low", output_format="pcm", trim_silence=False)
    loud = dataclasses.replace(window(1), samples=window().samples * 2)
    narrator.say(loud, done(1), window(), done(), Finished())
    live = await synthesis(narrator).live(body)
    pcm = np.frombuffer(b"".join([chunk async for chunk in live.flow]), "<i2")
    assert len(pcm) == 2 * WINDOW + 12000 + 6000
    assert pcm[: WINDOW + 12000].max() == round(0.25 * 32767)
    assert not pcm[WINDOW : WINDOW + 12000].any()
    assert pcm[WINDOW + 12000 :].max() == round(0.5 * 32767)
    assert live.headers["X-Language"] == "en, en"


class Singer(Narrator):
    """Everything it is asked for is the same two seconds of a syllable, at a level of its own for each seed."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []

    async def events(self, utterances: Sequence[Utterance], *, listening: bool = False) -> AsyncGenerator[Event, None]:
        for number, utterance in enumerate(utterances):
            self.texts.append(utterance.text)
            samples = speech(2.0, level=0.1 if utterance.text == WORDS else 0.05)
            for part in np.array_split(samples, 4):
                yield Audio(number, 0, part)
            yield done(number)


async def streamed(synthesis: Synthesis, body: SimpleRequest | SegmentedRequest) -> np.ndarray:
    live = await synthesis.live(body)
    return np.frombuffer(b"".join([chunk async for chunk in live.flow]), "<i2") / np.float32(32767)


async def test_a_streams_gain_is_that_of_its_voice_which_is_measured_once() -> None:
    singer = Singer()
    said = synthesis(singer)
    plain = await streamed(said, simple())
    assert singer.texts == ["Jó napot!"]
    louder = await streamed(said, simple(loudness=-20))
    again = await streamed(said, simple(loudness=-20))
    assert singer.texts[1:] == [WORDS, "Jó napot!", "Jó napot!"]
    assert np.array_equal(louder, again)
    measured = loudness_of([speech(2.0, level=0.1)], 24000, 24000)
    assert measured is not None
    assert np.corrcoef(plain, louder)[0, 1] > 0.9999
    assert np.std(louder) / np.std(plain) == pytest.approx(10 ** ((-20 - measured) / 20), rel=0.01)


async def test_a_whole_file_is_as_loud_as_it_was_asked_for_at_any_rate() -> None:
    singer = Singer()
    rendered = await synthesis(singer).whole(simple(loudness=-20, output_format="wav", sample_rate=16000))
    samples, rate = soundfile.read(io.BytesIO(rendered.body), dtype="float32")
    assert (rate, len(samples), rendered.headers["X-Sample-Rate"]) == (16000, 32000, "16000")
    assert rendered.headers["X-Audio-Duration"] == "2.000"
    assert loudness_of([samples], rate, rate) == pytest.approx(-20, abs=0.3)
    assert WORDS not in singer.texts


async def test_a_voice_has_its_own_loudness(tmp_path: Path) -> None:
    (tmp_path / "anna").mkdir()
    (tmp_path / "anna" / "voice.yaml").write_text("loudness: -25")
    (tmp_path / "anna" / "a.wav").write_bytes(b"clip")
    config = ServerConfig.from_env({})
    planner = Planner(config, Narrator(), VoiceLibrary(tmp_path), LanguageDetector())
    own = await planner.plan(SimpleRequest(text="a", voice="anna", language="en"))
    named = await planner.plan(SimpleRequest(text="a", voice="anna", language="en", loudness=-16))
    other = await planner.plan(SimpleRequest(text="a", voice="Demo Low"))
    assert (own.audio.loudness, named.audio.loudness, other.audio.loudness) == (-25, -16, None)


async def test_cues_are_the_requests_own_words() -> None:
    segments = [{"text": "It is 5. And more of it.", "pause_after": 0.5}, {"text": "Bye, 6!"}]
    body = SegmentedRequest(segments=segments, voice="Demo Low", trim_silence=False)
    plain = await synthesis(Singer()).whole(body)
    assert [(cue.start, cue.end, cue.text, cue.part) for cue in plain.cues] == [
        (0.0, 2.0, "It is 5. And more of it.", 0),
        (2.5, 4.5, "Bye, 6!", 1),
    ]
    singer = Singer()
    exact = await synthesis(singer).whole(body.model_copy(update={"subtitles": "srt"}))
    assert [(cue.start, cue.end, cue.text, cue.part) for cue in exact.cues] == [
        (0.0, 2.0, "It is 5.", 0),
        (2.0, 4.0, "And more of it.", 0),
        (4.5, 6.5, "Bye, 6!", 1),
    ]
    assert singer.texts == ["It is five.", "And more of it.", "Bye, six!"]
