"""The requests of other servers' clients, as they send them, and speech as an address."""

import re
import time

import httpx
import numpy as np
import pytest

from api.paths import LISTS
from tests.service.server import LOCKED_KEY, Server
from tests.service.test_stream import close

SLIDERS = {  # SillyTavern's: strings, all of them
    "temperature": "0.5",
    "speed": "2",
    "length_penalty": "1",
    "repetition_penalty": "5",
    "top_p": "0.85",
    "top_k": "50",
    "enable_text_splitting": True,
    "stream_chunk_size": "100",
}


def samples(answer: httpx.Response) -> np.ndarray:
    assert (answer.status_code, answer.headers["content-type"]) == (200, "audio/wav"), answer.text
    return np.frombuffer(answer.content[44:], "<i2")


def test_sillytaverns_xttsv2_provider(server: Server) -> None:
    """Its requests in its order: voices, settings, speech; a preview; a stream for an audio element."""
    with server.client() as client:
        speakers = client.get("/speakers").json()
        assert {"name": "default", "voice_id": "default"}.items() <= speakers[0].items()
        assert {each["name"] for each in speakers} == set(client.get("/speakers_list").json())
        assert client.post("/set_tts_settings", json=SLIDERS).status_code == 200
        assert client.get("/get_tts_settings").json()["speed"] == 2
        wish = {"text": "Jó napot kívánok. Kezdődjön a játék.", "speaker_wav": "default", "language": "hu"}
        fast = samples(client.post("/tts_to_audio/", json=wish))
        assert client.post("/set_tts_settings", json={**SLIDERS, "speed": "0.5"}).status_code == 200
        slow = samples(client.post("/tts_to_audio/", json={**wish, "speaker_wav": "C:\\voices\\default.wav"}))
        assert len(slow) > len(fast)
        assert len(samples(client.get("/tts_stream/", params=wish))) > len(fast)
        assert client.post("/set_tts_settings", json={}).status_code == 200
        preview = next(each["preview_url"] for each in speakers if each["name"] == "Demo Low")
        assert len(samples(client.get(preview))) > 2400


def test_what_xtts_api_server_would_refuse(server: Server) -> None:
    with server.client() as client:
        assert client.post("/set_tts_settings", json={**SLIDERS, "speed": "fast"}).status_code == 422
        assert client.get("/get_tts_settings").json()["speed"] == 1
        assert client.post("/tts_to_audio/", json={"text": "a", "speaker_wav": "nobody"}).status_code == 404
        unknown = client.post("/tts_to_audio/", json={"text": "a", "speaker_wav": "default", "language": "xx"})
        assert (unknown.status_code, unknown.json()["error"]["param"]) == (422, "language")
        assert set(client.get("/languages").json()["languages"].values()) == set(
            client.get("/health").json()["languages"]
        )


@pytest.mark.parametrize(
    "fields", [{}, {"style": "question", "speed": 2, "language": "en", "voice": "default"}], ids=str
)
def test_playback_is_the_stream(server: Server, fields: dict[str, object]) -> None:
    asked = {"text": "Jó napot kívánok!", "seed": 7, "output_format": "pcm", **fields}
    with server.client() as client:
        played = client.get("/generate/stream", params=asked)
        assert played.status_code == 200, played.text
        posted = client.post("/generate/stream", json=asked)
        assert close(np.frombuffer(played.content, "<i2"), np.frombuffer(posted.content, "<i2"))
        assert client.head("/generate/stream", params=asked).status_code == 200
        assert client.get("/generate/stream").json()["error"]["param"] == "text"
        assert client.get("/generate/stream", params={"text": "a", "voice": "nobody"}).status_code == 404


KNOWN = {"authorization": f"Bearer {LOCKED_KEY}"}


def routes(server: Server) -> set[tuple[str, str]]:
    paths = httpx.get(f"{server.url}/docs.json", timeout=120).json()["paths"]
    return {(method.upper(), path) for path, methods in paths.items() for method in methods}


def test_other_servers_routes_and_open_lists_are_turned_off(server: Server, locked: Server) -> None:
    with locked.client() as client:
        gone = routes(server) - routes(locked)
        assert gone == {
            ("GET", "/speakers"),
            ("GET", "/speakers_list"),
            ("GET", "/languages"),
            ("GET", "/get_tts_settings"),
            ("POST", "/set_tts_settings"),
            ("POST", "/tts_to_audio"),
            ("GET", "/tts_stream"),
            ("GET", "/sample/{name}"),
            ("GET", "/studio_speakers"),
            ("POST", "/clone_speaker"),
            ("POST", "/tts"),
            ("POST", "/tts_stream"),
            ("POST", "/v1/tts/conditioning"),
        }
        for method, path in gone:
            assert client.request(method, re.sub(r"{.*}", "x", path), headers=KNOWN).status_code == 404, path
        for path in LISTS:
            assert client.get(path).status_code == 401, path
            assert client.get(path, headers=KNOWN).status_code == 200, path


def test_a_link_stands_for_a_key_for_a_while(locked: Server) -> None:
    asked = {"text": "Jó napot!", "seed": 7, "output_format": "pcm"}
    with locked.client() as client:
        assert client.get("/generate/stream", params=asked).status_code == 401
        assert client.post("/generate/link", json=asked).status_code == 401
        link = client.post("/generate/link", json=asked, headers=KNOWN).json()
        assert link["expires_at"] == pytest.approx(time.time() + 300, abs=30)
        played = client.get(link["url"])
        assert played.status_code == 200
        posted = client.post("/generate/stream", json=asked, headers=KNOWN)
        assert close(np.frombuffer(played.content, "<i2"), np.frombuffer(posted.content, "<i2"))
        assert client.head(link["url"]).status_code == 200
        assert client.get(link["url"].replace("seed=7", "seed=8")).status_code == 401
        assert client.post(link["url"], json=asked).status_code == 401
        brief = client.post("/generate/link", json={**asked, "seconds": 1}, headers=KNOWN).json()
        time.sleep(max(0.0, brief["expires_at"] + 1.1 - time.time()))
        assert client.get(brief["url"]).status_code == 401
