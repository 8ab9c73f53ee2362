"""Voices over HTTP on a real server: uploaded, used, deleted, there after a restart, seen by all who share a folder."""

import base64
import io
import json
import re
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import numpy as np
import pytest
import soundfile
import torch

from runners.conditioning.voice_file import VoiceLatents
from tests.api.recordings import file_of, noise, speech
from tests.service.server import ROOT, Server, serving
from tests.service.test_errors import check

CLIPS = {clip.stem: clip for clip in sorted((ROOT / "references" / "default").glob("*.flac"))}
SAY = {"text": "Jó napot kívánok!", "seed": 11, "output_format": "wav"}


@pytest.fixture
def shared(server: Server) -> Path:
    return server.log.parent / "data"


def clips(*styles: str) -> dict[str, tuple[str, bytes]]:
    return {style: (CLIPS[style].name, CLIPS[style].read_bytes()) for style in styles or CLIPS}


def upload(server: Server, name: str, files: dict[str, tuple[str, bytes]], **fields: str) -> httpx.Response:
    with server.client() as client:
        return client.post("/voices", data={"name": name, **fields}, files=files)


def say(server: Server, **body: object) -> httpx.Response:
    with server.client() as client:
        return client.post("/generate/simple", json={**SAY, **body})


def spoken(server: Server, **body: object) -> bytes:
    response = say(server, **body)
    assert response.status_code == 200, response.text
    return response.content


def alike(*files: bytes) -> bool:
    """Whether they are the same speech: windows of other sizes round a sample's last bits in other ways."""
    first, *others = (soundfile.read(io.BytesIO(file), dtype="int16")[0].astype(int) for file in files)
    return all(len(other) == len(first) and np.abs(other - first).max() <= 3 for other in others)


def lookups(server: Server) -> dict[str, int]:
    """How often its runner found latents in memory, on disk, in a bucket, or not at all."""
    with server.client() as client:
        text = client.get("/metrics").text
    found = re.findall(r'^xtts_latents_lookups_total\{result="(\w+)"\} (\d+)', text, re.MULTILINE)
    return {result: int(count) for result, count in found}


def delete(server: Server, name: str) -> httpx.Response:
    with server.client() as client:
        return client.delete(f"/voices/{name}")


@pytest.fixture
def anna(server: Server) -> Iterator[str]:
    """A voice with all three clips of the default one, gone afterwards."""
    response = upload(server, "anna", clips(), language="hu")
    assert response.status_code == 201, response.text
    yield "anna"
    delete(server, "anna")


def test_an_uploaded_voice_speaks_as_its_clips_do(server: Server, anna: str) -> None:
    for style in (None, "question", {"question": 0.7, "neutral": 0.3}):
        assert alike(spoken(server, voice=anna, style=style), spoken(server, voice="default", style=style))
    assert not alike(spoken(server, voice=anna, style="question"), spoken(server, voice=anna, style="neutral"))


def test_a_segment_brings_its_own_voice(server: Server) -> None:
    """Speaks as the stored voice of the same clip does, beside segments in other voices, and is not listed."""
    sent = {"clips": [base64.b64encode(CLIPS["question"].read_bytes()).decode()], "language": "hu"}
    body = {
        "segments": [{"text": SAY["text"], "voice": sent}, {"text": SAY["text"]}],
        "seed": 11,
        "output_format": "wav",
    }
    named = {**body, "segments": [{"text": SAY["text"], "style": "question"}, {"text": SAY["text"]}]}
    with server.client() as client:
        before = client.get("/voices").json()
        answers = [client.post("/generate/segmented", json=each) for each in (body, named)]
        assert [answer.status_code for answer in answers] == [200, 200], answers[0].text
        assert alike(*(answer.content for answer in answers))
        short = {"clips": [base64.b64encode(file_of(speech(1))).decode()]}
        wrong = {"segments": [{"text": "a"}, {"text": "b", "voice": short}]}
        assert check(client.post("/generate/segmented", json=wrong), 422, "unfit_clip")["param"] == "segments.1.voice"
        job = {"samples": [{"id": "a", "segments": [{"text": "a", "voice": sent}]}]}
        refused = check(client.post("/generate/long/submit", json=job), 422, "invalid_request")
        assert refused["param"] == "samples.0.segments.0.voice"
        assert "upload the voice first" in refused["message"]
        assert client.get("/voices").json() == before


def test_what_the_docs_type(server: Server, tmp_path: Path) -> None:
    lines = re.findall(r"^curl .*localhost:3000/voices.*$", (ROOT / "docs" / "voices.md").read_text(), re.MULTILINE)
    assert len(lines) == 3
    shutil.copy(CLIPS["neutral"], tmp_path / "neutral.wav")
    samples, rate = soundfile.read(CLIPS["excitement"], dtype="float32")
    (tmp_path / "excitement.mp3").write_bytes(file_of(samples, rate, "MP3", "MPEG_LAYER_III"))

    def typed(line: str) -> str:
        command = line.replace("localhost:3000", server.url).replace("curl", "curl -s", 1)
        return subprocess.run(["bash", "-c", command], cwd=tmp_path, capture_output=True, text=True, check=True).stdout

    voice = json.loads(typed(lines[0]))
    assert (voice["name"], voice["kind"], voice["language"]) == ("anna", "uploaded", "hu")
    assert (set(voice["styles"]), voice["warnings"]) == ({"neutral", "excitement"}, [])
    with server.client() as client:
        voices = client.get("/voices").json()["voices"]
    listed = [each for each in voices if each["kind"] != "uploaded" or each["name"] == "anna"]
    assert [(each["name"], each["kind"]) for each in listed] == [
        ("anna", "uploaded"),
        ("default", "folder"),
        ("Demo Low", "speaker"),
        ("Demo High", "speaker"),
    ]
    assert listed[0] == voice
    before = spoken(server, voice="anna")
    typed(lines[1])
    assert delete(server, "anna").status_code == 204
    check(say(server, voice="anna"), 404, "voice_not_found")
    again = json.loads(typed(lines[2]))
    assert {**again, "styles": None} == {**voice, "styles": None}
    assert alike(spoken(server, voice="anna"), before)
    delete(server, "anna")


def test_latents_say_what_the_clips_say(server: Server, anna: str) -> None:
    with server.client() as client:
        latents = client.get("/voices/anna/latents").content
    response = upload(server, "bela", {"latents": ("anna.safetensors", latents)})
    assert response.status_code == 201, response.text
    assert response.json()["language"] == "hu"
    for style in (None, "excitement", {"excitement": 0.2, "neutral": 0.8}):
        assert alike(spoken(server, voice="bela", style=style), spoken(server, voice=anna, style=style))
    with server.client() as client:
        again = VoiceLatents.unpack(client.get("/voices/bela/latents").content)
    first = VoiceLatents.unpack(latents)
    assert again.settings == first.settings
    for style, kept in first.styles.items():
        assert np.array_equal(again.styles[style].gpt_cond_latent, kept.gpt_cond_latent)
    delete(server, "anna")
    assert alike(spoken(server, voice="bela"), spoken(server, voice="default"))  # without the recordings
    delete(server, "bela")


def test_a_speakers_latents_say_what_the_speaker_says(server: Server) -> None:
    with server.client() as client:
        latents = client.get("/voices/Demo%20High/latents").content
    assert upload(server, "high", {"latents": ("x", latents)}, language="en").status_code == 201
    assert alike(spoken(server, voice="high"), spoken(server, voice="Demo High", language="en"))
    delete(server, "high")


def test_two_servers_see_the_same_and_a_restart_forgets_nothing(
    server: Server, anna: str, tmp_path: Path, cache_dir: Path, shared: Path
) -> None:
    environ = {"XTTS_CACHE_DIR": str(cache_dir), "XTTS_DATA_DIR": str(shared), "XTTS_SLOTS": "2"}
    before = spoken(server, voice=anna)
    with serving(tmp_path, environ) as other:  # started after the upload: it is a restart, too
        assert alike(spoken(other, voice=anna), before)
        assert lookups(other) == {"memory": 0, "disk": len(CLIPS), "bucket": 0, "miss": 0}  # heard by the first
        check(upload(other, anna, clips("neutral")), 409, "voice_exists")
        assert upload(other, "bela", clips("question"), language="hu").status_code == 201
        assert alike(
            spoken(server, voice="bela"), spoken(other, voice="bela"), spoken(server, voice="default", style="question")
        )
        assert delete(server, "bela").status_code == 204
        check(say(other, voice="bela"), 404, "voice_not_found")


def test_latents_of_another_checkpoint_are_refused_by_name(
    server: Server, anna: str, tmp_path: Path, cache_dir: Path, shared: Path, hum: Path
) -> None:
    """When they are uploaded, and when the model changed under a voice that was there."""
    with server.client() as client:
        latents = client.get("/voices/anna/latents").content
    assert upload(server, "bela", {"latents": ("x", latents)}).status_code == 201
    model = tmp_path / "tuned"
    shutil.copytree(hum, model)
    weights = torch.load(model / "model.pth", weights_only=True)
    weights["model"]["gpt.final_norm.bias"] += 0.01
    torch.save(weights, model / "model.pth")
    environ = {"XTTS_CACHE_DIR": str(cache_dir), "XTTS_DATA_DIR": str(shared), "XTTS_MODEL": str(model)}
    with serving(tmp_path, environ) as tuned:
        error = check(upload(tuned, "cili", {"latents": ("x", latents)}), 422, "foreign_latents")
        assert error["param"] == "latents"
        assert "another checkpoint" in error["message"]
        assert "hum" in error["message"]
        error = check(say(tuned, voice="bela"), 422, "foreign_latents")
        assert error["param"] == "voice"
        with tuned.client() as client:
            listed = {each["name"]: each for each in client.get("/voices").json()["voices"]}
            check(client.get("/voices/bela/latents"), 422, "foreign_latents")
        assert any("another checkpoint" in said for said in listed["bela"]["warnings"])
        assert spoken(tuned, voice=anna)  # clips can be heard by any
    delete(server, "bela")


def test_a_voice_that_is_deleted_while_it_speaks_speaks_to_the_end(server: Server) -> None:
    text = "Ez egy hosszú mondat, amelyet többször is elmondunk egymás után. " * 12
    assert upload(server, "dora", clips("neutral"), language="hu").status_code == 201
    expected = spoken(server, voice="default", style="neutral", text=text)
    answers: list[httpx.Response] = []
    speaking = threading.Thread(target=lambda: answers.append(say(server, voice="dora", text=text)))
    speaking.start()
    while not server.slots()["live"]:
        time.sleep(0.01)
    assert delete(server, "dora").status_code == 204
    check(say(server, voice="dora"), 404, "voice_not_found")
    assert not answers  # it was still speaking
    speaking.join()
    assert answers[0].status_code == 200
    assert alike(answers[0].content, expected)


def unfit() -> dict[str, tuple[bytes, str]]:
    samples, rate = soundfile.read(CLIPS["neutral"], dtype="float32")
    return {
        "short": (file_of(samples[: 2 * rate], rate), "s of speech in the clip; 3 to 60 s are needed"),
        "noisy": (file_of(samples + noise(8, 0.1, rate), rate), "dB above the noise, at least 15 are needed"),
        "clipped": (file_of(np.clip(samples * 4, -1, 1), rate), "of the samples are clipped, at most 0.5%"),
        "silent": (file_of(samples * 0, rate), "silent"),
        "slow": (file_of(speech(8, 4000), 4000), "sample rate is 4000 Hz; use one from 8000 to 192000 Hz"),
        "endless": (file_of(speech(130, 8000), 8000, "FLAC", "PCM_16"), "longer than 120 s"),
        "no audio": (b"GIF89a" * 100, "damaged, or no audio file"),
    }


@pytest.mark.parametrize(
    ("kind", "raw", "message"), [(kind, *each) for kind, each in unfit().items()], ids=list(unfit())
)
def test_unfit_clips(server: Server, kind: str, raw: bytes, message: str) -> None:
    error = check(upload(server, "eva", {**clips("neutral"), "glad": ("a.wav", raw)}), 422, "unfit_clip")
    assert error["param"] == "glad"
    assert error["message"].startswith("glad: ")
    assert message in error["message"]
    with server.client() as client:
        assert client.get("/voices/eva").status_code == 404


@pytest.mark.parametrize(("container", "encoding"), [("MP3", "MPEG_LAYER_III"), ("OGG", "VORBIS"), ("WAV", "PCM_24")])
def test_other_formats(server: Server, shared: Path, container: str, encoding: str) -> None:
    samples, rate = soundfile.read(CLIPS["neutral"], dtype="float32")
    raw = file_of(samples, rate, container, encoding)
    voice = upload(server, "fanni", {"neutral": (f"a.{container.lower()}", raw)}, language="hu").json()
    assert (shared / "voices" / "fanni" / voice["styles"]["neutral"]["file"]).read_bytes() == raw
    assert len(soundfile.read(io.BytesIO(spoken(server, voice="fanni")))[0]) > 5000
    delete(server, "fanni")


def test_wrong_requests(server: Server) -> None:
    with server.client() as client:
        check(client.post("/voices", json={"name": "eva"}), 415, "unsupported_media_type")
        check(client.post("/voices", files={"neutral": b"x"}), 422, "invalid_request")
        check(client.get("/voices/nobody"), 404, "voice_not_found")
        check(client.get("/voices/nobody/latents"), 404, "voice_not_found")
        check(client.delete("/voices/nobody"), 404, "voice_not_found")
        check(client.delete("/voices/default"), 409, "built_in_voice")
        check(client.delete("/voices/Demo%20Low"), 409, "built_in_voice")
        check(client.put("/voices"), 405, "method_not_allowed")
        for name in ("%2e%2e", "..%2f..", "default%2f..%2fdefault", "%00"):
            check(client.get(f"/voices/{name}"), 404, client.get(f"/voices/{name}").json()["error"]["type"])
        answer = client.get("/voices/", headers={"Host": "elsewhere.example"})
        assert (answer.status_code, "location" in answer.headers) == (200, False)  # no redirect to where it says
    check(upload(server, "default", clips("neutral")), 409, "voice_exists")
    check(upload(server, "../eva", clips("neutral")), 422, "invalid_request")
    for language in ("xx", "hungarian", "xx-Latn-XX"):
        told = check(upload(server, "eva", clips("neutral"), language=language), 422, "invalid_request")
        assert told["param"] == "language"


def test_too_large_an_upload_is_refused_before_it_is_read(server: Server) -> None:
    sent = 0

    def endless() -> Iterator[bytes]:
        nonlocal sent
        yield b'--x\r\nContent-Disposition: form-data; name="neutral"; filename="a"\r\n\r\n'
        while True:
            sent += 1
            yield b"x" * 2**20

    kind = {"content-type": "multipart/form-data; boundary=x"}
    with server.client() as client:
        check(client.post("/voices", content=endless(), headers=kind), 413, "body_too_large")
        assert 60 < sent < 200  # MiB
        error = check(upload(server, "eva", {"neutral": ("a", bytes(33 * 2**20))}), 413, "body_too_large")
        assert error["param"] == "neutral"
    with socket.create_connection(("127.0.0.1", httpx.URL(server.url).port)) as raw:
        raw.sendall(b"POST /voices HTTP/1.1\r\nhost: x\r\ncontent-length: 70000000\r\n\r\n")
        assert raw.recv(100).startswith(b"HTTP/1.1 413")
    with server.client() as client:  # elsewhere the limit is what it was
        check(client.post("/generate/simple", json={"text": "a" * 2**23}), 413, "body_too_large")


def test_an_upload_that_breaks_off_leaves_nothing(server: Server, shared: Path) -> None:
    said = len(server.log.read_text())
    with socket.create_connection(("127.0.0.1", httpx.URL(server.url).port)) as raw:
        raw.sendall(b"POST /voices HTTP/1.1\r\nhost: x\r\ncontent-length: 1000000\r\n")
        raw.sendall(b"content-type: multipart/form-data; boundary=x\r\n\r\n")
        raw.sendall(b'--x\r\nContent-Disposition: form-data; name="neutral"; filename="a"\r\n\r\nabc')
        time.sleep(0.3)
    with server.client() as client:
        assert client.get("/health").status_code == 200
    time.sleep(0.3)
    assert [entry.name for entry in (shared / "voices").iterdir() if entry.name.startswith(".")] == []
    assert "Traceback" not in server.log.read_text()[said:]


def test_uploads_do_not_hold_up_speech(server: Server) -> None:
    """Judging a clip takes the API's processor, so it must not take its event loop."""
    slow = file_of(speech(110, 48_000), 48_000, "FLAC", "PCM_16")
    waits = []
    uploading = threading.Thread(target=upload, args=(server, "gabi", {"neutral": ("a.flac", slow)}))
    uploading.start()
    with server.client() as client:
        while uploading.is_alive():
            began = time.monotonic()
            client.get("/livez")
            waits.append(time.monotonic() - began)
    assert max(waits) < 1.0
