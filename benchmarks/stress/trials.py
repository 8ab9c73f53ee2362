"""Trials of a server that runs: each returns rows of (what was done, what was seen)."""

import asyncio
import random
import time
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from itertools import islice
from typing import Any

import httpx

from benchmarks.growth import crowd
from benchmarks.growth.processes import Footprint, footprint
from benchmarks.servers import Server
from benchmarks.stress.mixed import Answer, Ask, alone, answer, asks, compared, one_by_one, together

Rows = list[tuple[str, str]]
IDLE = 6.0  # seconds; connections between the processes close after 5
SHORT = Ask("/generate/simple", {"text": "Hello.", "seed": 1, "output_format": "pcm"})
LONG_TEXT = "The old ferry left early, and the wind took it over, where many birds rest. " * 8


def client(server: Server) -> httpx.AsyncClient:
    limits = httpx.Limits(max_connections=None)
    return httpx.AsyncClient(base_url=server.url, timeout=600, limits=limits)


async def idle_after(http: httpx.AsyncClient) -> float:
    """Seconds until no slot is taken."""
    begun = time.perf_counter()
    await crowd.until_idle(http, 0)
    return time.perf_counter() - begun


async def mixed_at_once(server: Server, count: int) -> Rows:
    wanted = list(islice(asks(random.Random(count)), count))
    async with client(server) as http:
        begun = time.perf_counter()
        answers = await together(http, wanted)
        took, idle = time.perf_counter() - begun, await idle_after(http)
        found = compared(await one_by_one(http, list(map(alone, wanted, answers))), answers)
    return [(f"{count} mixed requests at once, {took:.0f} s", f"{_counted(found)}; slots free after {idle:.1f} s")]


async def short_behind_long(server: Server, count: int) -> Rows:
    async with client(server) as http:
        idle = (await answer(http, SHORT)).seconds
        long = [Ask("/generate/simple", {"text": LONG_TEXT, "seed": seed}) for seed in range(count)]
        crowd_of_long = asyncio.gather(*(_ignored(http, ask) for ask in long))
        await asyncio.sleep(2)
        waited = (await answer(http, SHORT)).seconds
        await crowd_of_long
    return [(f"a short text 2 s after {count} of 600 characters", f"{waited:.1f} s (alone {idle:.1f} s)")]


async def _ignored(http: httpx.AsyncClient, ask: Ask) -> Answer | None:
    with suppress(httpx.HTTPError):
        return await answer(http, ask)
    return None


async def many_requests(server: Server, marks: tuple[int, ...]) -> Rows:
    requests, rows, served = crowd.bodies(random.Random(1)), [], 0
    statuses: Counter[str] = Counter()
    for mark in marks:
        async with client(server) as http:
            statuses += await crowd.serve(http, requests, mark - served, clients=8)
            await crowd.until_idle(http, IDLE)
        served = mark
        rows.append((f"after {mark} requests of all kinds", _held(footprint(server.pid))))
    return [*rows, ("their answers", _counted(statuses))]


def _held(held: Footprint) -> str:
    return "; ".join(
        f"{name or 'supervisor'} {memory / 1e6:.0f} MB, {threads} threads, {files} open files"
        for name, (memory, threads, files) in sorted(held.by_service.items())
    )


def _counted(outcomes: Mapping[Any, int]) -> str:
    return ", ".join(f"{outcome}: {count}" for outcome, count in outcomes.items())


async def unread_streams(server: Server, count: int) -> Rows:
    before = footprint(server.pid)
    async with client(server) as http:
        body = {"text": LONG_TEXT, "output_format": "wav"}
        open_streams = []
        for _ in range(count):
            request = http.build_request("POST", "/generate/stream", json=body)
            open_streams.append(asyncio.create_task(http.send(request, stream=True)))
        responses = await asyncio.gather(*open_streams)
        await crowd.until_idle(http, 0)
        speech = (await answer(http, SHORT)).seconds
        held = footprint(server.pid)
        await asyncio.gather(*(response.aclose() for response in responses))
    statuses = _counted(Counter(response.status_code for response in responses))
    grown = (held.resident - before.resident) / 1e6
    seen = f"{statuses}; {grown:+.0f} MB; a short text beside them {speech:.1f} s"
    return [(f"{count} streams that nobody reads", seen)]


async def many_voices(server: Server, count: int) -> Rows:
    async with client(server) as http:
        latents = (await http.get("/voices/default/latents")).raise_for_status().content
        begun = time.perf_counter()
        for number in range(count):
            files = {"latents": ("voice.safetensors", latents)}
            (await http.post("/voices", data={"name": f"voice-{number}"}, files=files)).raise_for_status()
        uploaded = (time.perf_counter() - begun) / count
        listing = await _seconds(http, "/voices")
        speech = (await answer(http, Ask(SHORT.route, {**SHORT.body, "voice": f"voice-{count - 1}"}))).seconds
        for number in range(count):
            (await http.delete(f"/voices/voice-{number}")).raise_for_status()
    seen = f"{uploaded * 1e3:.0f} ms an upload; GET /voices {listing * 1e3:.0f} ms; a short text {speech:.1f} s"
    return [(f"{count} uploaded voices", seen)]


async def _seconds(http: httpx.AsyncClient, path: str) -> float:
    begun = time.perf_counter()
    (await http.get(path)).raise_for_status()
    return time.perf_counter() - begun


async def large_job(server: Server, count: int) -> Rows:
    samples = [{"id": str(number), "text": f"Number {number % 10}.", "seed": number} for number in range(count)]
    before = peak = footprint(server.pid)
    async with client(server) as http:
        begun = time.perf_counter()
        job = (await http.post("/generate/long/submit", json={"samples": samples})).raise_for_status().json()
        submitted = time.perf_counter() - begun
        query = {"task_id": job["task_id"]}
        done: list[tuple[float, int]] = []  # when, and how many
        status = "pending"
        while status in ("pending", "in_progress"):
            await asyncio.sleep(1)
            job = (await http.get("/generate/long/status", params=query)).json()
            status = job["status"]
            done.append((time.perf_counter(), job["progress"]["done"]))
            peak = max(peak, footprint(server.pid), key=lambda held: held.resident)
        took = time.perf_counter() - begun
        size = len((await http.get("/generate/long/get", params=query)).content)
    half = next(at for at, samples in done if samples >= count // 2)
    seen = (
        f"{status}; taken in {submitted:.1f} s; {took / count * 1e3:.0f} ms a sample, of its second half "
        f"{(done[-1][0] - half) / (count - count // 2) * 1e3:.0f}; a zip of {size / 1e6:.1f} MB; "
        f"at most {(peak.resident - before.resident) / 1e6:+.0f} MB"
    )
    return [(f"a job of {count} samples", f"{seen}; {_held(footprint(server.pid))}")]


async def many_segments(server: Server, count: int) -> Rows:
    body = {"segments": [{"text": f"Number {number}.", "pause_after": 0.1} for number in range(count)]}
    async with client(server) as http:
        begun = time.perf_counter()
        response = (await http.post("/generate/segmented", json=body)).raise_for_status()
    took, audio = time.perf_counter() - begun, response.headers["x-audio-duration"]
    return [(f"{count} segments", f"{took:.0f} s for {float(audio):.0f} s of audio")]


async def hang_ups(server: Server, count: int) -> Rows:
    rng, wanted = random.Random(3), asks(random.Random(4))

    async def leave(http: httpx.AsyncClient) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(rng.uniform(0, 2)):
                await answer(http, next(wanted))

    async with client(server) as http:
        for _ in range(0, count, 20):
            await asyncio.gather(*(leave(http) for _ in range(20)))
        idle = await idle_after(http)
        speech = (await answer(http, SHORT)).status
    return [(f"{count} clients that hang up within 2 s", f"slots free after {idle:.1f} s; the next request: {speech}")]
