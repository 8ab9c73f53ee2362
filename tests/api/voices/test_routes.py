"""The routes under /voices without BentoML and a model: a mounted app, a real store, and a runner that pretends."""

import asyncio
import hashlib
import json
import re
import threading
import unicodedata
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import yaml
from fastapi import FastAPI
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.requests import Request
from starlette.responses import Response

from api.audio.encoders import Stream
from api.audio.recording import AudioSpec, Recording
from api.flow import Flow, Unread
from api.names import composed, is_name
from api.responses import refuse_in_app
from api.sent_voice import MOST_CLIPS
from api.voices import upload
from api.voices.clip_judge import Verdict, judge
from api.voices.folder import VoiceProfile
from api.voices.form import DOCUMENTED
from api.voices.library import VoiceLibrary
from api.voices.routes import VoiceRoutes
from api.voices.store import VoiceStore
from api.voices.upload import Intake
from runners.conditioning.voice_file import StyleLatents, VoiceLatents
from runners.errors import EngineFailure, ForeignLatents, SpeechError
from runners.types import Audio, Voice
from tests.api.fake_runner import CARD, FakeRunner
from tests.api.recordings import file_of, noise, speech

GOOD = file_of(speech(7), encoding="PCM_16")
GLAD = file_of(speech(7, seed=1), encoding="PCM_16")
SHORT = file_of(speech(1))
NOISY = file_of(speech(7) + noise(7, 0.05))
POOR = file_of(speech(4), encoding="PCM_16")

Parts = list[tuple[str, Any]]


@dataclass(slots=True)
class Site:
    app: FastAPI
    http: httpx.AsyncClient
    runner: FakeRunner
    library: VoiceLibrary
    folder: Path  # of the operator's voices
    uploads: Path

    async def upload(self, parts: Parts) -> httpx.Response:
        return await self.http.post("/voices", files=parts)

    async def refused(self, parts: Parts, status: int = 422) -> dict[str, Any]:
        """The error of an upload that must fail, and leave nothing."""
        before = sorted(self.uploads.rglob("*"))
        response = await self.upload(parts)
        assert response.status_code == status, response.text
        assert str(self.folder.parent) not in response.text
        assert sorted(self.uploads.rglob("*")) == before
        error: dict[str, Any] = response.json()["error"]
        return error


def site_in(root: Path, libraries: type[VoiceLibrary] = VoiceLibrary, stores: type[VoiceStore] = VoiceStore) -> Site:
    folder, uploads, runner = root / "references", root / "data" / "voices", FakeRunner()
    library, store = libraries(folder, uploads), stores(uploads)
    routes = VoiceRoutes(library, store, runner.client(), Intake())
    app = FastAPI()
    app.add_exception_handler(SpeechError, refuse_in_app)

    @app.post("/voices", status_code=201, openapi_extra=DOCUMENTED)
    async def upload(request: Request, response: Response) -> Any:
        return await routes.upload(request, response)

    app.get("/voices")(routes.all)
    app.post("/voices/judge")(routes.judge)
    app.get("/voices/{name}")(routes.one)
    app.delete("/voices/{name}", status_code=204)(routes.delete)
    app.get("/voices/{name}/latents", response_model=None)(routes.latents)
    http = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test")
    return Site(app, http, runner, library, folder, uploads)


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    made = site_in(tmp_path)
    async with made.http:
        yield made


def text(name: str, value: str) -> tuple[str, Any]:
    return name, (None, value)


def clip(style: str, raw: bytes = GOOD, filename: str = "recording.wav") -> tuple[str, Any]:
    return style, (filename, raw)


def named(name: str = "anna") -> tuple[str, Any]:
    return text("name", name)


async def test_an_uploaded_voice_is_described_and_listed(site: Site) -> None:
    parts = [named(), text("language", "hu"), clip("neutral", filename="A felvétel.WAV"), clip("glad", GLAD, "b")]
    response = await site.upload(parts)
    assert response.status_code == 201
    assert response.headers["location"] == "/voices/anna"
    voice = response.json()
    assert (voice["name"], voice["kind"], voice["language"], voice["warnings"]) == ("anna", "uploaded", "hu", [])
    assert list(voice["styles"]) == ["neutral", "glad"]
    assert voice["default_blend"] == {"neutral": 0.5, "glad": 0.5}
    neutral = voice["styles"]["neutral"]
    assert neutral["sha256"] == hashlib.sha256(GOOD).hexdigest()
    assert neutral["clip"]["seconds"] == 7
    assert neutral["clip"]["sample_rate"] == 24_000
    assert (await site.http.get("/voices/anna")).json() == voice
    listed = (await site.http.get("/voices")).json()
    assert [each["name"] for each in listed["voices"]] == ["anna", "Demo Low", "demo"]
    assert listed["voices"][0] == voice
    assert listed["broken"] == []


async def test_it_is_a_folder_as_a_person_would_make_it(site: Site) -> None:
    await site.upload([named(), text("language", "hu"), clip("neutral", filename="x.WAV"), clip("glad", GLAD, "../b")])
    folder = site.uploads / "anna"
    assert (folder / "neutral.wav").read_bytes() == GOOD  # as they came
    assert (folder / "glad.clip").read_bytes() == GLAD
    assert yaml.safe_load((folder / "voice.yaml").read_text()) == {
        "language": "hu",
        "references": {"neutral": "neutral.wav", "glad": "glad.clip"},
    }
    site.folder.mkdir()
    folder.rename(site.folder / "anna")
    assert (await site.http.get("/voices/anna")).json()["kind"] == "folder"


async def test_it_is_heard_before_it_is_taken(site: Site) -> None:
    await site.upload([named(), clip("neutral"), clip("glad", GLAD)])
    digests = [heard["references"][0]["digest"] for heard in site.runner.heard]
    assert digests == [hashlib.sha256(raw).hexdigest() for raw in (GOOD, GLAD)]
    site.runner.deaf = EngineFailure("The model made latents of this clip that are not numbers.")
    assert (await site.refused([named("bela"), clip("neutral")], 500))["param"] == "neutral"


async def test_without_a_model_there_is_nobody_to_hear(site: Site) -> None:
    site.runner.loading = True
    assert (await site.refused([named(), clip("neutral")], 503))["type"] == "loading"
    assert (await site.http.get("/voices")).status_code == 503


async def test_where_nothing_can_be_written(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    site.uploads.parent.parent.mkdir(exist_ok=True)
    site.uploads.parent.write_text("no folder")
    error = await site.refused([named(), clip("neutral")], 507)
    assert error["type"] == "storage_failure"
    assert "Not a directory" in caplog.text  # for the operator
    assert (await site.http.get("/voices")).status_code == 200


async def test_the_merely_poor_is_taken_with_warnings(site: Site) -> None:
    voice = (await site.upload([named(), clip("neutral"), clip("glad", POOR)])).json()
    assert len(voice["warnings"]) == 2
    assert voice["warnings"][0].startswith("no language is set")
    assert voice["warnings"][1].startswith("glad: ")
    assert "s of speech are little" in voice["warnings"][1]


WRONG: dict[str, tuple[Parts, str | None, str]] = {
    "no name": ([clip("neutral")], "name", "name: a name is up to 64 letters"),
    "a long name": ([named("a" * 65), clip("neutral")], "name", "up to 64"),
    "a path": ([named("../anna"), clip("neutral")], "name", "up to 64"),
    "a hidden name": ([named(".draft-1"), clip("neutral")], "name", "up to 64"),
    "a name as a file": ([("name", ("name", b"anna")), clip("neutral")], "name", "sent as a file"),
    "two names": ([named(), named("bela"), clip("neutral")], "name", "twice"),
    "no clips": ([named()], None, "needs a clip"),
    "a clip as text": ([named(), text("neutral", "@a.wav")], "neutral", "sent as text"),
    "a style twice": ([named(), clip("neutral"), clip("neutral", GLAD)], "neutral", "twice"),
    "a style of a kind": ([named(), clip("../neutral")], "../neutral", "names a style"),
    "a style of signs": ([named(), clip("*")], "*", "names a style"),
    "too many clips": ([named(), *[clip(f"s{n}") for n in range(MOST_CLIPS + 1)]], None, f"have {MOST_CLIPS}"),
    "far too many": ([named(), *[clip(f"s{n}") for n in range(MOST_CLIPS + 2)]], None, "Too many files"),
    "no language": (
        [named(), text("language", "xx"), clip("neutral")],
        "language",
        "no language 'xx'. It has: en, hu, zh-cn",
    ),
    "clips and latents": ([named(), clip("neutral"), clip("latents")], "latents", "one or the other"),
    "no latents": ([named(), clip("latents")], "latents", "damaged"),
}


@pytest.mark.parametrize("kind", WRONG)
async def test_a_wrong_form_says_what_would_be_right(site: Site, kind: str) -> None:
    parts, param, message = WRONG[kind]
    error = await site.refused(parts)
    assert error["param"] == param
    assert re.search(message, error["message"])


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (SHORT, "neutral: there are .* s of speech in the clip; 3 to 60 s are needed"),
        (NOISY, "neutral: speech is only .* dB above the noise, at least 15 are needed"),
        (file_of(np.clip(speech(7, level=2), -1, 1)), "neutral: .*% of the samples are clipped, at most 0.5%"),
        (file_of(np.zeros(24_000 * 7, np.float32)), "neutral: the clip is silent"),
        (file_of(speech(7, 4_000), 4_000), "neutral: the clip's sample rate is 4000 Hz; use one from 8000"),
        (b"#EXTM3U", "neutral: the clip is damaged, or no audio"),
        (b"", "neutral: the clip is damaged, or no audio"),
    ],
)
async def test_an_unfit_clip_is_refused_with_what_was_measured(site: Site, raw: bytes, message: str) -> None:
    error = await site.refused([named(), clip("good"), clip("neutral", raw)])
    assert (error["type"], error["param"]) == ("unfit_clip", "neutral")
    assert re.search(message, error["message"])


async def test_all_faults_are_told_at_once(site: Site) -> None:
    error = await site.refused([named(), clip("one", SHORT), clip("two"), clip("three", NOISY)])
    assert error["param"] == "one"
    assert "one: there are" in error["message"]
    assert "three: speech is only" in error["message"]
    assert "two" not in error["message"]


async def test_what_is_too_large(site: Site) -> None:
    error = await site.refused([named(), clip("neutral", bytes(32 * 2**20 + 1))], 413)
    assert (error["type"], error["param"]) == ("body_too_large", "neutral")
    assert "33554433 bytes large; at most 33554432" in error["message"]
    error = await site.refused([named(), clip("latents", bytes(16 * 2**20 + 1))], 413)
    assert error["param"] == "latents"


@pytest.mark.parametrize(
    ("kind", "content", "status"),
    [
        ("application/json", b"{}", 415),
        ("application/x-www-form-urlencoded", b"name=anna", 415),
        ("audio/wav", GOOD, 415),
        ("multipart/form-data", b"", 422),
        ("multipart/form-data; boundary=x", b"", 422),
        ("multipart/form-data; boundary=x", b"--x\r\nno such header", 422),
        ("multipart/form-data; boundary=x", b"\xff" * 100, 422),
    ],
)
async def test_bodies_that_are_no_form(site: Site, kind: str, content: bytes, status: int) -> None:
    response = await site.http.post("/voices", content=content, headers={"content-type": kind})
    assert response.status_code == status
    assert response.json()["error"]["message"]


@given(st.text(max_size=70), st.text(max_size=70))
@settings(max_examples=30, deadline=None)
async def test_no_name_makes_a_file_elsewhere(tmp_path_factory: pytest.TempPathFactory, name: str, style: str) -> None:
    site = site_in(tmp_path_factory.mktemp("site"))
    async with site.http:
        response = await site.upload([named(name), clip("a"), clip(style, filename=name)])
    taken = sorted(path.relative_to(site.uploads) for path in site.folder.parent.rglob("*") if path.is_file())
    if response.status_code == 201:
        assert is_name(composed(name.strip()))
        assert {path.parent.name for path in taken} == {composed(name.strip())}
        assert len(taken) == 3
    else:
        assert response.status_code == 422
        assert taken == []


class TestNames:
    async def test_a_name_is_taken_once(self, site: Site) -> None:
        make(site.folder / "folder")
        make(site.folder / "broken", settings="language: [")
        await site.upload([named("uploaded"), clip("neutral")])
        for name in ("folder", "broken", "uploaded", "demo"):
            error = await site.refused([named(name), clip("neutral")], 409)
            assert (error["type"], error["param"]) == ("voice_exists", "name")

    async def test_of_two_uploads_at_once_one_wins(self, site: Site) -> None:
        answers = await asyncio.gather(*(site.upload([named(), clip("neutral")]) for _ in range(4)))
        assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409]
        assert [entry.name for entry in site.uploads.iterdir()] == ["anna"]

    async def test_a_folder_hides_an_upload_and_both_hide_a_speaker(self, site: Site) -> None:
        await site.upload([named("anna"), clip("neutral")])
        make(site.folder / "anna", "calm.wav")
        make(site.folder / "demo", "calm.wav")
        listed = (await site.http.get("/voices")).json()["voices"]
        assert [(each["name"], each["kind"]) for each in listed] == [
            ("anna", "folder"), ("demo", "folder"), ("Demo Low", "speaker"),
        ]  # fmt: skip
        assert "it hides an uploaded voice of the same name." in listed[0]["warnings"]
        assert list(listed[0]["styles"]) == ["calm"]


def make(folder: Path, clip: str = "neutral.wav", settings: str = "language: hu") -> None:
    folder.mkdir(parents=True)
    (folder / clip).write_bytes(GOOD)
    (folder / "voice.yaml").write_text(settings)


async def test_what_is_wrong_with_the_operators_voices_is_listed(site: Site) -> None:
    make(site.folder / "broken", settings="language: [")
    make(site.folder / "short")
    (site.folder / "short" / "neutral.wav").write_bytes(SHORT)
    make(site.folder / "noise")
    (site.folder / "noise" / "neutral.wav").write_bytes(b"not audio")
    listed = (await site.http.get("/voices")).json()
    noise, short, *_ = listed["voices"]
    assert "neutral: there are" in short["warnings"][0]
    assert "neutral: the clip is damaged" in noise["warnings"][0]
    assert noise["styles"]["neutral"]["clip"] is None
    (broken,) = listed["broken"]
    assert "'broken'" in broken
    (site.folder / "short" / "neutral.wav").write_bytes(GOOD)
    assert (await site.http.get("/voices/short")).json()["warnings"] == []  # known by content, not by name


class TestDelete:
    async def test_only_what_was_uploaded(self, site: Site) -> None:
        await site.upload([named(), clip("neutral")])
        make(site.folder / "folder")
        make(site.folder / "broken", settings="language: [")
        assert (await site.http.delete("/voices/anna")).status_code == 204
        assert list(site.uploads.iterdir()) == []
        assert (await site.http.delete("/voices/anna")).status_code == 404
        for name in ("folder", "broken", "demo", "Demo Low"):
            response = await site.http.delete(f"/voices/{name}")
            assert response.status_code == 409
            assert response.json()["error"]["type"] == "built_in_voice"
        assert (site.folder / "folder" / "neutral.wav").is_file()

    @pytest.mark.parametrize("name", ["nobody", "..", "%2e%2e", "%2e%2e%2freferences", "a%00b", "Anna"])
    async def test_names_that_are_none(self, site: Site, name: str) -> None:
        make(site.folder / "folder")
        for method, tail in (("GET", ""), ("DELETE", ""), ("GET", "/latents")):
            response = await site.http.request(method, f"/voices/{name}{tail}")
            assert response.status_code == 404
        assert (site.folder / "folder" / "neutral.wav").is_file()


class TestLatents:
    async def exported(self, site: Site, name: str = "anna") -> bytes:
        response = await site.http.get(f"/voices/{name}/latents")
        assert response.status_code == 200
        return response.content

    async def test_a_voice_travels_without_its_recordings(self, site: Site) -> None:
        parts = [named(), text("language", "hu"), clip("neutral"), clip("glad", GLAD)]
        voice = (await site.upload(parts)).json()
        response = await site.http.get("/voices/anna/latents")
        assert "anna.safetensors" in response.headers["content-disposition"]
        await site.http.delete("/voices/anna")
        again = (await site.upload([named("bela"), clip("latents", response.content)])).json()
        assert again["language"] == voice["language"]
        assert again["default_blend"] == voice["default_blend"]
        assert list(again["styles"]) == list(voice["styles"])
        assert again["warnings"] == []
        assert all(style["clip"] is None for style in again["styles"].values())
        assert [entry.name for entry in sorted((site.uploads / "bela").iterdir())] == [
            "latents.safetensors", "voice.yaml",
        ]  # fmt: skip
        digest = hashlib.sha256(response.content).hexdigest()
        file = str(site.uploads / "bela" / "latents.safetensors")
        assert [(each.path, each.digest, each.style) for each in site.library.resolve("bela").references] == [
            (file, digest, "neutral"), (file, digest, "glad"),
        ]  # fmt: skip

    async def test_what_the_uploader_says_of_the_language_counts(self, site: Site) -> None:
        await site.upload([named(), text("language", "hu"), clip("neutral")])
        raw = await self.exported(site)
        voice = await site.upload([named("bela"), text("language", "en"), clip("latents", raw)])
        assert voice.json()["language"] == "en"

    async def test_a_folders_blend_and_licence_travel_too(self, site: Site) -> None:
        folder = "language: hu\ndefault_blend: {calm: 3, glad: 1}\nlicence: Nobody's voice\n"
        make(site.folder / "anna", "calm.wav", folder)
        (site.folder / "anna" / "glad.wav").write_bytes(GLAD)
        raw = await self.exported(site)
        voice = (await site.upload([named("bela"), clip("latents", raw)])).json()
        assert voice["default_blend"] == {"calm": 0.75, "glad": 0.25}
        assert voice["licence"] == "Nobody's voice"

    async def test_a_speaker_of_the_model_has_latents_too(self, site: Site) -> None:
        raw = await self.exported(site, "Demo Low")
        ((reference,),) = (voice["references"] for voice in site.runner.heard)
        assert reference["speaker"] == "Demo Low"
        assert list(VoiceLatents.unpack(raw).styles) == ["neutral"]

    async def test_those_that_the_model_refuses_are_not_taken(self, site: Site) -> None:
        await site.upload([named(), clip("neutral")])
        raw = await self.exported(site)
        site.runner.deaf = ForeignLatents("latents.safetensors: made by another checkpoint", param="voice")
        error = await site.refused([named("bela"), clip("latents", raw)])
        assert (error["type"], error["param"]) == ("foreign_latents", "latents")

    async def test_values_that_no_model_makes_are_refused(self, site: Site) -> None:
        raw = VoiceLatents("fake-identity", "m", {"neutral": ones(3e38)}).pack()
        error = await site.refused([named(), clip("latents", raw)])
        assert (error["type"], error["param"]) == ("unreadable_latents", "latents")
        assert "over 1000, which no model makes" in error["message"]

    async def test_those_of_another_checkpoint_are_listed_with_a_warning(self, site: Site, tmp_path: Path) -> None:
        await site.upload([named(), clip("neutral")])
        raw = replace(VoiceLatents.unpack(await self.exported(site)), checkpoint="other").pack()
        await site.upload([named("bela"), clip("latents", raw)])
        warnings = (await site.http.get("/voices/bela")).json()["warnings"]
        assert any("another checkpoint" in warning for warning in warnings)

    SETTINGS: Mapping[str, str] = {
        "[]": "the file",
        "{": "the file",
        "[" * 5000: "the file",
        '{"langauge": "hu"}': "langauge",
        '{"language": "xx"}': "no language 'xx'",
        '{"language": 7}': "language",
        '{"default_blend": {"glad": 1}}': "default_blend: there is no style 'glad'",
        '{"default_blend": {"neutral": -1}}': "default_blend",
        '{"references": {"neutral": "/etc/passwd"}}': "clips too",
        '{"licence": "\\ud800"}': "the file",
    }

    @pytest.mark.parametrize("said", SETTINGS)
    async def test_what_they_say_of_the_voice_is_checked(self, site: Site, said: str) -> None:
        raw = VoiceLatents("fake-identity", "m", {"neutral": ones()}, said).pack()
        error = await site.refused([named(), clip("latents", raw)])
        assert error["param"] in ("latents", "language")
        assert self.SETTINGS[said] in error["message"]
        assert ".draft" not in error["message"]

    @pytest.mark.parametrize("style", ["../x", "", "calm*", "a" * 65])
    async def test_so_are_the_names_of_their_styles(self, site: Site, style: str) -> None:
        raw = VoiceLatents("fake-identity", "m", {style: ones()}).pack()
        assert (await site.refused([named(), clip("latents", raw)]))["param"] == "latents"


def ones(scale: float = 1.0) -> StyleLatents:
    return StyleLatents(np.full((1, 32, 4), scale, np.float32), np.full((1, 8, 1), scale, np.float32))


async def test_another_process_sees_the_same(site: Site, tmp_path: Path) -> None:
    other = site_in(tmp_path)
    async with other.http:
        await site.upload([named(), clip("neutral")])
        mine, theirs = (await site.http.get("/voices")).json(), (await other.http.get("/voices")).json()
        assert mine == theirs
        assert (await other.http.delete("/voices/anna")).status_code == 204
        assert (await site.http.get("/voices/anna")).status_code == 404
        await other.upload([named(), clip("glad", GLAD)])
        assert list((await site.http.get("/voices/anna")).json()["styles"]) == ["glad"]
    assert site.library.resolve("demo", speakers=CARD.speakers) == Voice.of_speaker("demo")


async def test_a_volume_that_hangs_stops_no_stream(tmp_path: Path) -> None:
    """More calls hang in it than there are threads for such calls."""
    back = threading.Event()

    class HangingLibrary(VoiceLibrary):
        def find(self, name: str) -> VoiceProfile | None:
            back.wait(60)
            return super().find(name)

        def folder_of(self, name: str) -> Path | None:
            back.wait(60)
            return super().folder_of(name)

    class HangingStore(VoiceStore):
        def delete(self, name: str) -> bool:
            back.wait(60)
            return super().delete(name)

    make(tmp_path / "references" / "anna")
    site = site_in(tmp_path, HangingLibrary, HangingStore)
    http = site.http
    calls = [
        call
        for _ in range(20)
        for call in (
            http.get("/voices"), http.get("/voices/anna"), http.delete("/voices/anna"), http.get("/voices/x/latents"),
            site.upload([named("bela"), clip("neutral")]),
        )
    ]  # fmt: skip
    waiting = [asyncio.create_task(call) for call in calls]
    await asyncio.sleep(0.2)

    flow = Flow(Unread())
    recording = Recording(AudioSpec("pcm", 24_000, [0.0], False), Stream(flow.put))

    async def make_audio() -> None:
        for _ in range(20):
            await asyncio.to_thread(recording.feed, Audio(0, 0, np.zeros(2400, np.float32)))

    async with asyncio.timeout(20):
        await flow.begin(make_audio())
        assert sum([len(chunk) async for chunk in flow]) == 2 * (20 * 2400 - 240)
    assert not any(task.done() for task in waiting)
    back.set()
    statuses = [response.status_code for response in await asyncio.gather(*waiting)]
    assert set(statuses) == {200, 201, 404, 409}
    await http.aclose()


async def test_slow_clips_do_not_make_other_uploads_wait(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    done = threading.Event()

    def slowly(raw: bytes) -> Verdict:
        if raw == POOR:
            done.wait(60)
        return judge(raw)

    monkeypatch.setattr(upload, "judge", slowly)
    slow = [asyncio.create_task(site.upload([named(f"slow{n}"), clip("neutral", POOR)])) for n in range(3)]
    async with asyncio.timeout(20):
        assert (await site.upload([named(), clip("neutral")])).status_code == 201
    assert not any(task.done() for task in slow)
    done.set()
    assert [response.status_code for response in await asyncio.gather(*slow)] == [201] * 3


async def test_a_client_that_leaves_half_way_leaves_nothing(site: Site) -> None:
    begun = b'--x\r\nContent-Disposition: form-data; name="neutral"; filename="a"\r\n\r\n' + GOOD
    coming = iter([{"type": "http.request", "body": begun, "more_body": True}, {"type": "http.disconnect"}])
    sent: list[Any] = []

    async def receive() -> Any:
        return next(coming)

    async def send(message: Any) -> None:
        sent.append(message)

    headers = [(b"content-type", b"multipart/form-data; boundary=x")]
    scope = {"type": "http", "method": "POST", "path": "/voices", "query_string": b"", "headers": headers}
    await site.app(scope, receive, send)  # raises nothing that anybody would have to look into
    assert sent[0]["status"] == 499
    assert not site.uploads.exists()


def test_the_form_is_documented() -> None:
    app = FastAPI()
    app.post("/voices", openapi_extra=DOCUMENTED)(lambda: None)
    body = app.openapi()["paths"]["/voices"]["post"]["requestBody"]["content"]["multipart/form-data"]["schema"]
    assert {"name", "language", "neutral", "excitement", "question", "latents"} == set(body["properties"])
    assert json.dumps(body["additionalProperties"])


async def test_names_are_peoples_own(site: Site) -> None:
    spelled = unicodedata.normalize("NFD", "Éva")
    response = await site.upload([named(spelled), clip("kérdés 1"), clip("öröm", GLAD)])
    assert response.status_code == 201
    assert (response.json()["name"], list(response.json()["styles"])) == ("Éva", ["kérdés 1", "öröm"])
    assert response.headers["location"] == "/voices/%C3%89va"
    assert (site.uploads / "Éva" / "kérdés 1.wav").read_bytes() == GOOD
    assert (await site.refused([named("Éva"), clip("neutral")], 409))["type"] == "voice_exists"
    latents = await site.http.get("/voices/Éva/latents")
    assert "%C3%89va.safetensors" in latents.headers["content-disposition"]
    assert (await site.http.delete(f"/voices/{spelled}")).status_code == 204
    assert (await site.http.get("/voices/Éva")).status_code == 404


async def test_a_clip_is_judged_and_not_kept(site: Site) -> None:
    good = (await site.http.post("/voices/judge", files=[clip("clip")])).json()
    assert good["facts"]["speech_seconds"] == pytest.approx(7, abs=0.5)
    assert (good["faults"], good["limits"]["snr_db"]) == ([], [15.0, 25.0])
    noisy = (await site.http.post("/voices/judge", files=[clip("clip", NOISY)])).json()
    assert "above the noise" in noisy["faults"][0]
    unreadable = (await site.http.post("/voices/judge", files=[clip("clip", b"no sound")])).json()
    assert (unreadable["facts"], len(unreadable["faults"])) == (None, 1)
    missing = await site.http.post("/voices/judge", files=[clip("other")])
    assert (missing.status_code, missing.json()["error"]["param"]) == (422, "clip")
    assert not list(site.uploads.rglob("*.wav"))
