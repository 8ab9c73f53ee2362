"""A real `bentoml serve` process, for tests that speak HTTP to it."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import httpx

from tests.hum import KERNELS, hum_folder

ROOT = Path(__file__).resolve().parents[2]
LOCKED_KEY = "the-long-key-of-nobody"  # of the fixture `locked`


@dataclass(frozen=True, slots=True)
class Server:
    url: str
    log: Path
    process: subprocess.Popen[bytes]

    def client(self, timeout: float = 300) -> httpx.Client:
        return httpx.Client(base_url=self.url, timeout=timeout)

    def slots(self) -> dict[str, int]:
        return httpx.get(f"{self.url}/health", timeout=10).json()["slots"]


def warm_cache(folder: Path) -> Path:
    """A server's cache with nothing in it but the CPU's kernels, which else each server would compile for itself."""
    folder.mkdir(exist_ok=True)
    KERNELS.mkdir(parents=True, exist_ok=True)
    (folder / "kernels").symlink_to(KERNELS)
    return folder


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def start(folder: Path, environ: Mapping[str, str], port: int, within: Sequence[str] = ()) -> Server:
    """The process is started, not ready; its output goes to `folder/server.log`. `within`: a command that runs it."""
    log = folder / "server.log"
    home = str(folder / "bentoml")  # not the user's
    with log.open("wb") as output:
        process = subprocess.Popen(
            [
                *within,
                sys.executable,
                "-m",
                "bentoml",
                "serve",
                "service:XTTS",
                "--host",
                "127.0.0.1",
                "--port",
                str(port),
            ],
            cwd=ROOT,
            env={
                **os.environ,
                "OMP_NUM_THREADS": "1",
                "BENTOML_HOME": home,
                "XTTS_MODEL": str(hum_folder()),
                "XTTS_DATA_DIR": str(folder / "data"),
                **environ,
            },
            stdout=output,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
    return Server(f"http://127.0.0.1:{port}", log, process)


def wait_until_healthy(server: Server, timeout: float = 500) -> list[httpx.Response]:
    """All answers of /health until the first 200, that one last."""
    answers: list[httpx.Response] = []
    end = time.monotonic() + timeout
    while time.monotonic() < end:
        assert server.process.poll() is None, server.log.read_text()
        try:
            answers.append(httpx.get(f"{server.url}/health", timeout=10))
        except httpx.TransportError:
            pass
        else:
            if answers[-1].status_code == 200:
                return answers
        time.sleep(0.2)
    raise AssertionError(f"the server did not become healthy:\n{server.log.read_text()}")


@contextmanager
def serving(folder: Path, environ: Mapping[str, str], within: Sequence[str] = ()) -> Iterator[Server]:
    server = start(folder, environ, free_port(), within)
    try:
        wait_until_healthy(server)
        yield server
    finally:
        stop(server)


def stop(server: Server) -> int:
    """Ends the server and all its workers; returns its exit code."""
    server.process.send_signal(signal.SIGTERM)
    try:
        return server.process.wait(timeout=180)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(server.process.pid, signal.SIGKILL)
