"""The requests of other servers' clients, as they send them, on a runner that makes latents and a tone of them."""

import base64
import json
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from fastapi import FastAPI

from api.compatible.latents import LatentsHolder
from api.compatible.xtts_api_server import XttsApiServer
from api.compatible.xtts_api_server import router as xtts_api_server
from api.compatible.xtts_streaming_server import router as xtts_streaming_server
from api.compatible.xtts_vllm import router as xtts_vllm
from api.config import ServerConfig
from api.language import LanguageDetector
from api.openai.routes import OpenAIRoutes
from api.openai.routes import router as openai_router
from api.plan import Planner
from api.responses import refuse_in_app
from api.runner_client import RunnerClient
from api.synthesis import Synthesis
from api.voices.library import VoiceLibrary
from runners.errors import SpeechError
from runners.types import Audio, Event, ModelCard, PieceDone, StopReason, Utterance, Voice
from tests.api.fake_runner import CARD, FakeRunner
from tests.api.recordings import file_of, speech
from tests.api.voices.test_library import voice_folder

CLIP = file_of(speech(7), encoding="PCM_16")
SAMPLES = 24_000


class Tone(RunnerClient):
    """A second of sound, whatever is asked for, and the latents of a fake runner."""

    def __init__(self) -> None:
        self._latents = FakeRunner().client()
        self.asked: list[Utterance] = []

    async def model(self) -> ModelCard:
        return CARD

    async def latents(self, styles: Any) -> bytes:
        return await self._latents.latents(styles)

    async def events(self, utterances: Sequence[Utterance], *, listening: bool = False) -> AsyncGenerator[Event, None]:
        self.asked += utterances
        for index in range(len(utterances)):
            yield Audio(index, 0, np.full(SAMPLES, 0.25, np.float32))
            yield PieceDone(index, 0, 21, StopReason.STOP_CODE)


@dataclass(slots=True)
class Site:
    http: httpx.AsyncClient
    runner: Tone
    library: VoiceLibrary
    app: FastAPI
    openai: Callable[..., OpenAIRoutes]  # with other settings

    def voice(self) -> Voice:
        return self.runner.asked[-1].voice


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    voice_folder(tmp_path / "voices", "anna", "calm.wav", "glad.wav")
    config = ServerConfig.from_env({"XTTS_VOICES_DIR": str(tmp_path / "voices"), "XTTS_DATA_DIR": str(tmp_path)})
    runner, library = Tone(), VoiceLibrary(config.voices_dir, unlisted=config.visitors_dir)
    planner = Planner(config, runner, library, LanguageDetector())
    synthesis = Synthesis(planner, runner, 30)
    app = FastAPI(redirect_slashes=False)
    app.add_exception_handler(SpeechError, refuse_in_app)
    for router in (xtts_api_server, xtts_streaming_server, xtts_vllm, openai_router):
        app.include_router(router)
    app.state.xtts_api_server = XttsApiServer(synthesis, runner, library)
    app.state.latents = LatentsHolder(synthesis, runner, library, planner.visitors)

    def routes(**settings: Any) -> OpenAIRoutes:
        return OpenAIRoutes(replace(config, **settings), synthesis, runner, library)

    app.state.openai = routes()
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as http:
        yield Site(http, runner, library, app, routes)


async def test_pipecats_xtts_service(site: Site) -> None:
    """Latents of all speakers once, then with each text those of one."""
    speakers = (await site.http.get("/studio_speakers")).json()
    assert set(speakers) == {"anna", *CARD.speakers}
    latents = speakers["anna"]
    assert np.shape(latents["gpt_cond_latent"]) == (32, 4)
    assert np.shape(latents["speaker_embedding"]) == (8,)
    wish = {"text": "Jó napot kívánok", "language": "hu", **latents, "add_wav_header": False, "stream_chunk_size": 20}
    answer = await site.http.post("/tts_stream", json=wish)
    assert (answer.status_code, answer.headers["content-type"].split(";")[0]) == (200, "audio/pcm"), answer.text
    assert len(answer.content) == 2 * SAMPLES
    assert answer.headers["x-sample-rate"] == "24000"
    wave = (await site.http.post("/tts_stream", json={**wish, "add_wav_header": True})).content
    assert (wave[:4], wave[44:]) == (b"RIFF", answer.content)
    file = base64.b64decode((await site.http.post("/tts", json=wish)).json())
    assert (file[:4], len(file)) == (b"RIFF", 44 + 2 * SAMPLES)
    (first,) = {each.voice for each in site.runner.asked}
    await site.http.post("/tts_stream", json={**wish, **speakers["demo"]})
    assert site.voice() != first
    assert [profile.name for profile in site.library.profiles()] == ["anna"]


async def test_a_cloned_speaker(site: Site) -> None:
    latents = (await site.http.post("/clone_speaker", files={"wav_file": ("a.wav", CLIP)})).json()
    answer = await site.http.post("/tts", json={"text": "Good morning", "language": "en", **latents})
    assert answer.status_code == 200, answer.text
    short = await site.http.post("/clone_speaker", files={"wav_file": ("a.wav", file_of(speech(1)))})
    assert (short.status_code, short.json()["error"]["type"]) == (422, "unfit_clip")
    empty = await site.http.post("/clone_speaker", files={"wav_file": ("a.wav", b"")})
    assert (empty.status_code, empty.json()["error"]["type"]) == (422, "unfit_clip")
    odd = await site.http.post("/tts", json={"text": "a", **latents, "gpt_cond_latent": [[1.0, 2.0], [3.0]]})
    assert odd.status_code == 422


async def test_pipecat_xtts_vllm(site: Site) -> None:
    clips = {"speaker_files": [base64.b64encode(CLIP).decode()]}
    latents = (await site.http.post("/v1/tts/conditioning", json=clips)).json()
    assert set(latents) == {"gpt_cond_latent_b64", "speaker_embeddings_b64"}
    empty = await site.http.post("/v1/tts/conditioning", json={"speaker_files": [""]})
    assert empty.status_code == 422, empty.text
    wish = {"model": "xtts", "input": "Good morning", "response_format": "pcm", "stream": True, "chunk_size": 20}
    answer = await site.http.post("/v1/audio/speech", json={**wish, "language": "en", "speed": 1.0, **latents})
    assert (answer.status_code, len(answer.content)) == (200, 2 * SAMPLES), answer.text
    assert site.voice().references[0].style == "neutral"
    await site.http.post("/v1/audio/speech", json={**wish, "voice": "demo"})
    assert site.voice().references[0].speaker == "demo"


async def test_livekits_plugin_and_an_audio_element(site: Site) -> None:
    """The same address: raw samples for the one, a file for the other."""
    address = "/tts_stream?text=Good%20morning&speaker_wav=anna.wav&language=en"
    raw = await site.http.get(address, headers={"xi-api-key": "1234567890"})
    assert (raw.status_code, raw.headers["x-sample-rate"]) == (200, "22050")
    assert len(raw.content) == pytest.approx(2 * 22_050, abs=8)
    played = await site.http.get(address)
    assert (played.content[:4], played.headers["content-type"]) == (b"RIFF", "audio/wav")


async def test_names_of_a_blend(site: Site) -> None:
    wish = {"input": "Good morning", "voice": "Anna(3)+DEMO", "response_format": "pcm"}
    assert (await site.http.post("/v1/audio/speech", json=wish)).status_code == 200
    assert [each.weight for each in site.voice().references] == [0.375, 0.375, 0.25]
    unknown = await site.http.post("/v1/audio/speech", json={**wish, "voice": "anna+nobody"})
    assert unknown.status_code in (400, 404)
    assert all(name in json.dumps(unknown.json()) for name in ("anna", "demo", "alloy"))


async def test_models_that_are_not_listed(site: Site) -> None:
    wish = {"input": "Good morning", "voice": "anna", "response_format": "pcm"}
    assert (await site.http.post("/v1/audio/speech", json={**wish, "model": "kokoro"})).status_code == 200
    site.app.state.openai = site.openai(strict_models=True)
    refused = await site.http.post("/v1/audio/speech", json={**wish, "model": "kokoro"})
    assert (refused.status_code, refused.json()["error"]["type"]) == (404, "model_not_found")
    for fields in ({**wish, "model": "tts-1"}, wish, {"input": "Good morning", "model": "anna"}):
        assert (await site.http.post("/v1/audio/speech", json=fields)).status_code == 200, fields


@pytest.mark.parametrize("path", ["/tts_stream?text=a&speaker_wav=anna", "/sample/anna.wav", "/studio_speakers"])
async def test_nothing_is_made_for_who_only_looks(site: Site, path: str) -> None:
    got = await site.http.get(path)
    made = len(site.runner.asked)
    site.app.state.latents = None
    looked = await site.http.head(path)
    assert (looked.status_code, looked.content) == (got.status_code, b"") == (200, b"")
    assert looked.headers["content-type"] == got.headers["content-type"]
    assert "content-length" not in looked.headers
    assert len(site.runner.asked) == made


@pytest.mark.parametrize("path", ["/tts_stream?text=a&speaker_wav=nobody", "/sample/nobody", "/tts_stream"])
async def test_what_is_not_there_is_not_there_for_who_only_looks(site: Site, path: str) -> None:
    statuses = [(await site.http.request(method, path)).status_code for method in ("GET", "HEAD")]
    assert statuses[0] == statuses[1] >= 400


async def test_null_inside_of_instructions_is_absence(site: Site) -> None:
    inside = json.dumps({"normalize": None, "seed": None, "language": "hu", "sample_rate": 8000})
    wish = {"input": "Jó napot!", "voice": "demo", "response_format": "pcm", "instructions": inside}
    answer = await site.http.post("/v1/audio/speech", json=wish)
    assert (answer.status_code, answer.headers["x-sample-rate"]) == (200, "8000"), answer.text
    assert site.runner.asked[-1].language == "hu"
