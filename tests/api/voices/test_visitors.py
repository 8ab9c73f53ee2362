"""Voices inside of requests: judged, found by what they are made of, never listed, and not kept for ever."""

import asyncio
import base64
import os
import time
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from api.config import ServerConfig
from api.errors import UnknownVoice
from api.language import LanguageDetector
from api.plan import Planner
from api.schemas import SegmentedRequest, SimpleRequest
from api.sent_voice import SentVoice
from api.voices.library import VoiceLibrary
from api.voices.upload import UnfitClip
from api.voices.visitors import Visitors
from runners.conditioning.voice_file import VoiceLatents
from runners.errors import InvalidInput, UnreadableLatents
from tests.api.fake_runner import CARD, FakeRunner, hear
from tests.api.recordings import file_of, speech

GOOD = file_of(speech(7), encoding="PCM_16")
GLAD = file_of(speech(7, seed=1), encoding="PCM_16")
SHORT = file_of(speech(1))


def sent(**fields: Any) -> SentVoice:
    return SentVoice(**fields)


def text(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


async def test_clips_are_judged_once_and_found_by_name_only(tmp_path: Path) -> None:
    runner = FakeRunner()
    visitors, library = Visitors(tmp_path, runner.client()), VoiceLibrary(tmp_path / "none", unlisted=tmp_path)
    for _ in range(2):
        await visitors.keep(sent(clips=[text(GOOD), f"data:audio/flac;base64,{text(GLAD)}"], language="hu"))
    assert len(runner.heard) == 2
    assert not any(reference["kept"] for voice in runner.heard for reference in voice["references"])
    name = sent(clips=[text(GOOD), text(GLAD)], language="hu").name
    profile = library.find(name)
    assert profile is not None
    assert (profile.language, dict(profile.default_blend)) == ("hu", {"clip1": 0.5, "clip2": 0.5})
    assert library.profiles() == []
    assert sorted(file.name for file in (tmp_path / name).iterdir()) == ["latents.safetensors", "voice.yaml"]
    assert sent(clips=[text(GLAD), text(GOOD)], language="hu").name != name != sent(clips=[text(GOOD)]).name


async def test_latents(tmp_path: Path) -> None:
    visitors, library = Visitors(tmp_path, FakeRunner().client()), VoiceLibrary(tmp_path / "none", unlisted=tmp_path)
    voice = sent(latents=text(VoiceLatents(CARD.checkpoint, CARD.name, {"neutral": hear({"a": 1})}).pack()))
    await visitors.keep(voice)
    assert [each.style for each in library.resolve(voice.name).references] == ["neutral"]


@pytest.mark.parametrize(
    ("fields", "fault"), [({"clips": [text(SHORT)]}, UnfitClip), ({"latents": text(GOOD)}, UnreadableLatents)]
)
async def test_what_is_unfit_leaves_nothing(tmp_path: Path, fields: Any, fault: type[Exception]) -> None:
    with pytest.raises(fault) as refused:
        await Visitors(tmp_path, FakeRunner().client()).keep(sent(**fields))
    assert refused.value.param == "voice"  # type: ignore[attr-defined]
    assert os.listdir(tmp_path) == []


async def test_who_was_there_last_stays(tmp_path: Path) -> None:
    visitors, library = Visitors(tmp_path, FakeRunner().client(), most=2), VoiceLibrary(tmp_path, unlisted=tmp_path)
    first, second, third = (sent(clips=[text(GOOD)], language=language) for language in ("hu", "en", None))
    for each in (first, second, first, third):
        await visitors.keep(each)
    assert len(os.listdir(tmp_path)) == 2
    with pytest.raises(UnknownVoice):
        library.resolve(second.name)
    library.resolve(first.name)


async def test_a_clock_that_is_set_back_forgets_nobody_who_was_just_there(tmp_path: Path) -> None:
    visitors, library = Visitors(tmp_path, FakeRunner().client(), most=2), VoiceLibrary(tmp_path, unlisted=tmp_path)
    first, second, third, fourth = (
        sent(clips=[text(GOOD)], language=language) for language in ("hu", "en", "zh-cn", None)
    )
    for each in (first, second):
        await visitors.keep(each)
        tomorrow = time.time() + 86_400  # by the clock of that time
        os.utime(tmp_path / each.name, (tomorrow, tomorrow))
    for each in (third, fourth):
        await visitors.keep(each)
        library.resolve(each.name)
    library.resolve(third.name)
    assert len(os.listdir(tmp_path)) == 2


async def test_many_at_once(tmp_path: Path) -> None:
    """Drafts of the others come and go, and so do voices."""
    visitors = Visitors(tmp_path, FakeRunner().client(), most=2)
    files = [VoiceLatents(CARD.checkpoint, CARD.name, {"neutral": hear({"a": number})}).pack() for number in range(50)]
    await asyncio.gather(*(visitors.keep(sent(latents=text(file))) for file in files))
    assert len(os.listdir(tmp_path)) == 2


async def test_segments_bring_voices_of_their_own(tmp_path: Path) -> None:
    runner = FakeRunner()
    config = ServerConfig.from_env({"XTTS_DATA_DIR": str(tmp_path)})
    library = VoiceLibrary(config.voices_dir, unlisted=config.visitors_dir)
    planner = Planner(config, runner.client(), library, LanguageDetector())

    def body(*voices: Any) -> SegmentedRequest:
        segments = [{"text": "One.", "voice": voice} for voice in voices]
        return SegmentedRequest(segments=segments, voice="demo", language="en")

    anna, bela = ({"clips": [text(clip)], "language": "hu"} for clip in (GOOD, GLAD))
    said = (await planner.plan(body(anna, None, bela, anna))).utterances
    assert [each.voice == said[0].voice for each in said] == [True, False, False, True]
    assert said[1].voice.references[0].speaker == "demo"
    assert len(runner.heard) == 2
    with pytest.raises(UnfitClip) as unfit:
        await planner.plan(body(anna, {"clips": [text(SHORT)]}))
    assert (unfit.value.param, unfit.value.utterance) == ("voice", 1)
    for voices in (
        [{**anna, "language": f"x{number}"} for number in range(17)],
        [{"clips": [text(GOOD)] * 9}, {"clips": [text(GLAD)] * 8}],
        [{"latents": text(bytes([number]))} for number in range(17)],
    ):
        with pytest.raises(InvalidInput, match="may have 16 files in all; here are 17"):
            await planner.plan(body(*voices))


@pytest.mark.parametrize(
    ("voice", "at", "fault"),
    [
        ({}, ("voice", "latents"), "unless there are `clips`"),
        ({"clips": [text(GOOD)], "latents": text(GOOD)}, ("voice", "latents"), "one or the other"),
        ({"clips": ["not base64!"]}, ("voice", "clips", 0), "base64"),
        ({"clips": []}, ("voice", "clips"), "1"),
        ({"clip": text(SHORT)}, ("voice", "clip"), "clips"),
        (["anna"], ("voice",), "must be a voice's name"),
        ("a" * 129, ("voice",), "128"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_faults_of_form(voice: Any, at: tuple[str, ...], fault: str) -> None:
    with pytest.raises(ValidationError) as refused:
        SimpleRequest(text="a", voice=voice)
    assert at in [error["loc"] for error in refused.value.errors()]
    assert fault in str(refused.value)
