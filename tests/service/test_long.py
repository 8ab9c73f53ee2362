"""Long jobs on a real server, by BentoML's own client and by plain HTTP."""

import asyncio
import io
import json
import time
import zipfile
from collections.abc import Callable
from typing import Any

import bentoml
import httpx
import pytest
import soundfile
from bentoml.exceptions import BentoMLException

from tests.service.server import Server

ENDLESS = "Ez egy hosszú mondat, amelyet többször is elmondunk egymás után. " * 450  # minutes of work, for one core
SHORT = [{"id": f"s{index}", "text": "Jó napot!", "output_format": "wav", "seed": index} for index in range(3)]
LONG = [{"id": "endless", "text": ENDLESS, "output_format": "wav", "seed": 1}]


def until(condition: Callable[[], Any], within: float = 400) -> Any:
    end = time.monotonic() + within
    while not (found := condition()):
        assert time.monotonic() < end
        time.sleep(0.1)
    return found


def unzip(content: bytes) -> tuple[dict[str, Any], dict[str, bytes]]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    return json.loads(files.pop("manifest.json")), files


def submit(client: httpx.Client, samples: list[dict[str, Any]]) -> str:
    response = client.post("/generate/long/submit", json={"samples": samples})
    assert response.status_code == 200, response.text
    return str(response.json()["task_id"])


def status(client: httpx.Client, job: str) -> dict[str, Any]:
    response = client.get("/generate/long/status", params={"task_id": job})
    assert response.status_code == 200, response.text
    return dict(response.json())


def done(client: httpx.Client, job: str) -> bytes:
    until(lambda: status(client, job)["status"] == "completed")
    return client.get("/generate/long/get", params={"task_id": job}).content


async def ended(task: Any) -> str:
    async with asyncio.timeout(120):
        while (state := (await task.get_status()).value) in ("pending", "in_progress"):  # noqa: ASYNC110
            await asyncio.sleep(0.1)
    return str(state)


async def test_bentomls_client_submits_gets_retries_and_cancels(server: Server) -> None:
    async with bentoml.AsyncHTTPClient(server.url, timeout=120) as client:
        segmented = {"id": "said", "segments": [{"text": "Egy."}, {"text": "Kettő."}], "seed": 5}
        task = await client.long.submit(samples=[*SHORT, segmented])
        assert await ended(task) == "completed"
        manifest, files = unzip(await task.get())
        assert [entry["id"] for entry in manifest["samples"]] == ["s0", "s1", "s2", "said"]
        assert set(files) == {"s0.wav", "s1.wav", "s2.wav", "said.mp3"}
        assert len(manifest["samples"][3]["spans"]) == 2
        again = await task.retry()
        assert again.id != task.id
        assert await ended(again) == "completed"
        assert unzip(await again.get())[1] == files
        at_once = unzip(await client.long(samples=SHORT))[1]
        assert at_once == {f"s{index}.wav": files[f"s{index}.wav"] for index in range(3)}
        endless = await client.long.submit(samples=LONG)
        await endless.cancel()
        assert await ended(endless) == "canceled"
        with pytest.raises(BentoMLException, match="was canceled"):
            await endless.get()
        with pytest.raises(BentoMLException, match="samples"):
            await client.long.submit(samples=[])


def test_a_sample_sounds_as_it_does_alone(server: Server) -> None:
    with server.client() as client:
        alone = client.post("/generate/simple", json={k: v for k, v in SHORT[1].items() if k != "id"})
        _, files = unzip(done(client, submit(client, SHORT)))
    assert files["s1.wav"] == alone.content


def test_a_result_is_read_in_parts(server: Server) -> None:
    with server.client() as client:
        job = submit(client, SHORT[:1])
        whole = done(client, job)
        address = f"/generate/long/get?task_id={job}"

        def part(ranges: str, method: str = "GET", **headers: str) -> httpx.Response:
            return client.request(method, address, headers={"range": f"bytes={ranges}", **headers})

        head = client.head(address)
        assert (head.status_code, head.content) == (200, b"")
        assert (head.headers["accept-ranges"], head.headers["content-length"]) == ("bytes", str(len(whole)))
        for ranges, expected in (("10-19", whole[10:20]), ("100-", whole[100:]), ("-7", whole[-7:])):
            answer = part(ranges)
            assert (answer.status_code, answer.content) == (206, expected)
        assert part("10-19").headers["content-range"] == f"bytes 10-19/{len(whole)}"
        assert part("10-19", "HEAD").headers["content-length"] == "10"
        for ranges in ("0-1,5-6", "0-1, 5-6, -2"):
            answer = part(ranges)
            assert (answer.status_code, answer.content) == (200, whole)
            assert answer.headers["content-type"] == "application/zip"
        assert part("10-19", **{"if-range": head.headers["etag"]}).status_code == 206
        assert part("10-19", **{"if-range": '"another"'}).content == whole
        beyond = part(f"{len(whole)}-")
        assert (beyond.status_code, beyond.headers["content-range"]) == (416, f"bytes */{len(whole)}")


def test_a_chapter_shows_how_far_it_is(server: Server) -> None:
    chapter = "Ez itt az első bekezdés. Nem hosszú. " * 20 + "\n\nEz pedig a második."
    samples = [{"id": "chapter", "text": chapter, "output_format": "wav", "paragraph_pause": 1.5}]
    with server.client() as client:
        job = submit(client, samples)
        assert client.get("/generate/long/get", params={"task_id": job}).status_code == 409
        manifest, files = unzip(done(client, job))
        progress = status(client, job)["progress"]
    [chapter_entry] = manifest["samples"]
    (first, second) = chapter_entry["spans"]
    assert round(second[0] - first[1], 3) == 1.5
    said = soundfile.info(io.BytesIO(files["chapter.wav"])).duration
    assert said == pytest.approx(chapter_entry["duration"], abs=0.001)
    assert (progress["done"], progress["failed"], progress["total"]) == (1, 0, 1)
    assert progress["passages_done"] >= 3
    assert progress["audio_seconds"] == pytest.approx(chapter_entry["duration"] - 1.5, abs=0.1)


def test_a_canceled_job_frees_its_slots(server: Server) -> None:
    with server.client() as client:
        job = submit(client, LONG)
        until(lambda: server.slots()["bulk_waiting"])
        slots = server.slots()
        assert 0 < slots["live"] <= 6  # of 8: a quarter is kept
        assert client.post("/generate/simple", json={"text": "Jó napot!"}).status_code == 200
        response = client.put("/generate/long/cancel", params={"task_id": job})
        assert response.json()["status"] == "canceled"
        until(lambda: not any(server.slots()[kind] for kind in ("live", "waiting", "bulk_waiting")), within=60)
        answer = client.get("/generate/long/get", params={"task_id": job})
        assert (answer.status_code, answer.json()["error"]["type"]) == (409, "job_not_done")
        assert status(client, job)["status"] == "canceled"


@pytest.mark.parametrize(
    ("samples", "code", "param"),
    [
        ([], 422, "samples"),
        ([{"id": "a"}], 422, "samples.0"),
        ([{"id": "a", "text": "x", "segments": [{"text": "y"}]}], 422, "samples.0"),
        ([{"id": "../a", "text": "x"}], 422, "samples.0.id"),
        ([{"id": "a", "text": "x"}, {"id": "A", "text": "y"}], 422, "samples"),
        ([{"id": "a", "text": "x", "sped": 2}], 422, "samples.0.sped"),
        ([{"id": "a", "text": "x" * 50_001}], 422, "samples.0"),
        ([{"id": "a", "text": "x"}, {"id": "b", "text": "x", "voice": "nobody"}], 404, "samples.1.voice"),
        ([{"id": "a", "segments": [{"text": "x"}, {"text": "x", "speed": 9}]}], 422, "samples.0.segments.1.speed"),
        ([{"id": "a", "segments": [{"text": "x", "language": "xx"}]}], 422, "samples.0.segments.0.language"),
        ([{"id": f"a{index}", "text": "x" * 50_000} for index in range(21)], 422, "samples"),
    ],
)
def test_wrong_samples_are_refused_at_once(server: Server, samples: list[Any], code: int, param: str) -> None:
    with server.client() as client:
        response = client.post("/generate/long/submit", json={"samples": samples})
    assert response.status_code == code, response.text
    assert response.json()["error"]["param"] == param


@pytest.mark.parametrize(
    "fields", [r'"text": "Titkos \ud800"', '"text": "Titkos", "speed": NaN', r'"text": "x", "\ud800": 1']
)
def test_what_json_lets_through_and_is_no_value(server: Server, fields: str) -> None:
    body = f'{{"samples": [{{"id": "a", {fields}}}]}}'
    with server.client() as client:
        answer = client.post("/generate/long/submit", content=body, headers={"content-type": "application/json"})
    assert answer.status_code == 422, answer.text
    assert answer.json()["error"]["param"].startswith("samples.0")
    assert "Titkos" not in server.log.read_text()


def test_jobs_that_do_not_exist(server: Server) -> None:
    with server.client() as client:
        for method, route in (("GET", "status"), ("GET", "get"), ("PUT", "cancel"), ("POST", "retry")):
            response = client.request(method, f"/generate/long/{route}", params={"task_id": "0" * 32})
            assert (response.status_code, response.json()["error"]["type"]) == (404, "job_not_found")
            assert client.request(method, f"/generate/long/{route}").json()["error"]["param"] == "task_id"


async def test_a_caller_that_leaves_takes_the_work_along(server: Server) -> None:
    async with httpx.AsyncClient(base_url=server.url, timeout=400) as client:
        request = asyncio.create_task(client.post("/generate/long", json={"samples": LONG}))
        async with asyncio.timeout(120):
            while not server.slots()["live"]:  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        request.cancel()
        await asyncio.gather(request, return_exceptions=True)
    until(lambda: not any(server.slots()[kind] for kind in ("live", "waiting", "bulk_waiting")), within=60)
