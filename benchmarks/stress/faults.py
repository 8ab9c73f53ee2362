"""Trials in which something around a server breaks: a process, a disk, a folder. Linux, and root for the full disk."""

import asyncio
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import httpx
import psutil

from api.config import REFERENCES
from benchmarks.growth.processes import SERVICE_OPTION
from benchmarks.servers import Server, ServerFailed, started
from benchmarks.stress.mixed import answer
from benchmarks.stress.trials import SHORT, Rows, client

SERVICE = "service:XTTS"
STOPPED = 60.0  # seconds
LONGEST_RETURN = 180.0  # seconds
Settings = Mapping[str, str]


@contextmanager
def serving(settings: Settings) -> Iterator[Server]:
    with tempfile.TemporaryDirectory() as folder:
        own = {"XTTS_DATA_DIR": f"{folder}/data"}
        with started(SERVICE, {**own, **settings}, Path(folder) / "server") as server:
            server.wait()
            yield server


@contextmanager
def mounted(options: str) -> Iterator[Path]:
    """A file system in memory."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", folder], check=True)
        try:
            yield Path(folder)
        finally:
            subprocess.run(["umount", folder], check=True)


def process_of(server: Server, service: str) -> psutil.Process:
    """The worker that runs it."""
    for process in psutil.Process(server.pid).children(recursive=True):
        arguments = process.cmdline()
        if SERVICE_OPTION in arguments and arguments[arguments.index(SERVICE_OPTION) + 1] == service:
            return process
    raise ProcessLookupError(service)


async def back(server: Server) -> str:
    """How long it takes until a short text is synthesized."""
    begun = time.perf_counter()
    while time.perf_counter() - begun < LONGEST_RETURN:
        try:
            async with client(server) as http:
                if (await answer(http, SHORT)).status == 200:
                    return f"speaks again after {time.perf_counter() - begun:.1f} s"
        except httpx.HTTPError:
            pass
        await asyncio.sleep(0.2)
    return f"does not speak within {LONGEST_RETURN:.0f} s"


async def killed(settings: Settings, service: str) -> Rows:
    with serving(settings) as server:
        process_of(server, service).send_signal(signal.SIGKILL)
        return [(f"kill -9 of {service} alone", await back(server))]


async def stopped(settings: Settings) -> Rows:
    with serving({**settings, "XTTS_TIMEOUT": "20"}) as server:
        runner = process_of(server, "XTTSRunner")
        runner.suspend()
        async with client(server) as http:
            during = await answer(http, SHORT)
            alive = (await http.get("/livez")).status_code
        await asyncio.sleep(max(0.0, STOPPED - during.seconds))
        runner.resume()
        answered = f"{during.status} after {during.seconds:.0f} s with a limit of 20, /livez {alive}"
        seen = f"{answered}; then {await back(server)}"
    return [(f"the runner stopped for {STOPPED:.0f} s", seen)]


async def two_on_one_folder(settings: Settings) -> Rows:
    with tempfile.TemporaryDirectory() as data:
        shared = {**settings, "XTTS_DATA_DIR": data}
        with serving(shared) as one, serving(shared) as other:
            async with client(one) as http:
                latents = (await http.get("/voices/default/latents")).raise_for_status().content
                files = {"latents": ("voice.safetensors", latents)}
                (await http.post("/voices", data={"name": "anna"}, files=files)).raise_for_status()
                mine = await answer(http, SHORT)
            async with client(other) as http:
                known = (await http.get("/voices/anna")).status_code
                theirs = await answer(http, SHORT)
    equal = "the same samples" if (mine.samples == theirs.samples).all() else "other samples"
    return [("two servers on one folder", f"a voice of the one at the other: {known}; {equal}")]


async def read_only_folders(settings: Settings) -> Rows:
    """As root one may write anywhere, so the folder is mounted read-only."""
    with mounted("ro") as folder:
        try:
            with serving({**settings, "XTTS_DATA_DIR": str(folder)}) as server:
                async with client(server) as http:
                    spoken = (await answer(http, SHORT)).status
                    sample = {"samples": [{"id": "a", "text": "Hello."}]}
                    job = await http.post("/generate/long/submit", json=sample)
            seen = f"speaks: {spoken}; a job: {job.status_code} {job.json()['error']['message']}"
        except ServerFailed as failure:
            seen = f"does not start: {str(failure).splitlines()[-1]}"
    return [("XTTS_DATA_DIR on a read-only file system", seen)]


async def full_cache_disk(settings: Settings) -> Rows:
    with mounted("size=300m") as folder, serving({**settings, "XTTS_CACHE_DIR": str(folder)}) as server:
        (folder / "filler").write_bytes(bytes(shutil.disk_usage(folder).free))
        async with client(server) as http:
            spoken = (await answer(http, SHORT)).status
    return [("a full cache disk, latents not computed yet", f"speaks: {spoken}")]


async def links_in_a_voice(settings: Settings) -> Rows:
    with tempfile.TemporaryDirectory() as folder:
        shutil.copytree(REFERENCES / "default", Path(folder) / "default")
        (Path(folder) / "odd").mkdir()
        os.symlink("/etc/passwd", Path(folder) / "odd" / "neutral.wav")
        with serving({**settings, "XTTS_VOICES_DIR": folder}) as server:
            async with client(server) as http:
                odd = await http.post(SHORT.route, json={**SHORT.body, "voice": "odd"})
                spoken = (await answer(http, SHORT)).status
    return [("a clip that links to /etc/passwd", f"{odd.status_code} {odd.text[:160]}; other voices: {spoken}")]
