"""Voices of two servers that share a bucket."""

import threading
import time
from pathlib import Path

import httpx
import pytest

from tests.bucket import Bucket
from tests.service.cluster import Cluster
from tests.service.server import ROOT, Server, free_port, start
from tests.service.test_voices import lookups

CLIPS = [(ROOT / "references" / "default" / f"{style}.flac").read_bytes() for style in ("neutral", "question")]


@pytest.fixture
def bucket(cluster: Cluster) -> Bucket:
    return cluster.bucket


@pytest.fixture
def first(cluster: Cluster) -> Server:
    return cluster.servers[0]


@pytest.fixture
def second(cluster: Cluster) -> Server:
    return cluster.servers[1]


def upload(server: Server, name: str, clip: bytes = CLIPS[0]) -> httpx.Response:
    with server.client() as client:
        return client.post("/voices", data={"name": name}, files={"neutral": ("n.flac", clip)})


def delete(server: Server, name: str) -> httpx.Response:
    with server.client() as client:
        return client.delete(f"/voices/{name}")


def say(server: Server, voice: str) -> httpx.Response:
    body = {"text": "Jó napot!", "voice": voice, "seed": 11, "output_format": "wav"}
    with server.client() as client:
        return client.post("/generate/simple", json=body)


def names(server: Server) -> list[str]:
    with server.client() as client:
        return [voice["name"] for voice in client.get("/voices").raise_for_status().json()["voices"]]


def eventually(condition: object) -> None:
    assert callable(condition)
    end = time.monotonic() + 90
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.1)


def assert_away(response: httpx.Response) -> None:
    assert response.status_code == 503, response.text
    assert response.json()["error"]["type"] == "storage_away"
    assert int(response.headers["retry-after"]) > 0


def test_a_voice_of_one_speaks_on_the_other_until_either_deletes_it(
    bucket: Bucket, first: Server, second: Server
) -> None:
    assert upload(first, "Éva (2)").status_code == 201
    audio = say(second, "Éva (2)")
    assert audio.status_code == 200, audio.text
    assert audio.content == say(first, "Éva (2)").content
    assert lookups(second)["bucket"] == 1  # computed once, by the first
    eventually(lambda: "Éva (2)" in names(second))
    with first.client() as one, second.client() as other:
        assert one.get("/voices/Éva (2)").json() == other.get("/voices/Éva (2)").json()
        assert other.get("/voices/Éva (2)/latents").status_code == 200
    assert delete(second, "Éva (2)").status_code == 204
    assert say(second, "Éva (2)").status_code == 404
    eventually(lambda: say(first, "Éva (2)").status_code == 404)
    assert "Éva (2)" not in names(first)
    assert [key for key in bucket.objects() if "/voices/" in key or "/uploads/" in key] == []


def test_one_name_is_given_to_one_of_two(first: Server, second: Server) -> None:
    answers: list[httpx.Response] = []
    both = [
        threading.Thread(target=lambda each=each: answers.append(upload(each[0], "twin", each[1])))
        for each in zip((first, second), CLIPS, strict=True)
    ]
    for thread in both:
        thread.start()
    for thread in both:
        thread.join()
    assert sorted(answer.status_code for answer in answers) == [201, 409]
    assert say(first, "twin").content == say(second, "twin").content
    assert delete(first, "twin").status_code == 204


@pytest.mark.parametrize("mute", [False, True], ids=["refused", "mute"])
def test_speech_goes_on_without_the_bucket_and_all_else_when_it_is_back(
    bucket: Bucket, first: Server, second: Server, mute: bool
) -> None:
    clip = CLIPS[1] + bytes([mute])  # no voice has this one
    assert upload(first, "heard").status_code == upload(first, "unheard", clip).status_code == 201
    assert say(second, "heard").status_code == 200
    eventually(lambda: "unheard" in names(second))
    if mute:
        bucket.mute.set()
    else:
        bucket.go()
    try:
        for voice in ("heard", "default"):
            assert say(second, voice).status_code == 200
        assert "unheard" in names(second)
        assert_away(say(second, "unheard"))  # its latents are not here
        assert_away(say(second, "stranger"))  # nobody can tell
        assert_away(delete(second, "heard"))
        assert_away(upload(second, "another"))
        with second.client() as client:
            assert client.get("/health").status_code == 200
            assert client.get("/readyz").status_code == 200
    finally:
        if mute:
            bucket.mute.clear()
        else:
            bucket.come()
    eventually(lambda: say(second, "unheard").status_code == 200)
    eventually(lambda: say(second, "stranger").status_code == 404)  # the API's process looks by itself
    for name in ("heard", "unheard"):
        assert delete(second, name).status_code == 204
        eventually(lambda name=name: name not in names(first))


def test_a_bucket_that_is_not_there_ends_the_start(bucket: Bucket, tmp_path: Path) -> None:
    wrong = {"XTTS_DATA_DIR": "s3://nobodys/speech", "XTTS_CACHE_DIR": str(tmp_path), "XTTS_LOG_FORMAT": "text"}
    server = start(tmp_path, bucket.environ | wrong, free_port())
    assert server.process.wait(timeout=180) == 1
    assert server.log.read_text().splitlines()[-1] == (
        "XTTS_DATA_DIR=s3://nobodys/speech: cannot be listed (s3:ListBucket): there is no such bucket. Make it, or"
        " correct the name."
    )
