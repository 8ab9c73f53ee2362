"""The requests of other servers' clients, as they send them, and speech as an address."""

import httpx
import numpy as np
import pytest

from tests.service.server import Server
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
