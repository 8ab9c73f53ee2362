"""A real `bentoml serve` of the tiny service, and every address that its processes connect to or ask for."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil

ROOT = Path(__file__).parents[2]
WATCH = """\
import os, sys
def watch(event, args):
    if event in ("socket.getaddrinfo", "socket.gethostbyname"):
        where = args[0]
    elif event in ("socket.connect", "socket.sendto") and isinstance(args[-1], tuple):
        where = args[-1][0]
    else:
        return
    descriptor = os.open(os.environ["WATCHED"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(descriptor, f"{where}\\n".encode())
    os.close(descriptor)
sys.addaudithook(watch)
"""


@dataclass(frozen=True, slots=True)
class TinyServer:
    port: int
    folder: Path
    process: "subprocess.Popen[bytes]"

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self) -> str:
        return (self.folder / "server.log").read_text()

    def workers(self) -> list[psutil.Process]:
        return psutil.Process(self.process.pid).children(recursive=True)

    def addresses(self) -> set[str]:
        return addresses(self.folder)


def watched(folder: Path) -> dict[str, str]:
    """The environment of processes whose addresses are written down in `folder`."""
    (folder / "hooks").mkdir(exist_ok=True)
    (folder / "hooks" / "sitecustomize.py").write_text(WATCH)
    return {"PYTHONPATH": str(folder / "hooks"), "WATCHED": str(folder / "watched")}


def addresses(folder: Path) -> set[str]:
    found = folder / "watched"
    return set(found.read_text().split()) if found.exists() else set()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def start(folder: Path, port: int, **environ: str) -> TinyServer:
    inherited = {name: value for name, value in os.environ.items() if "DO_NOT_TRACK" not in name}
    command = [sys.executable, "-m", "bentoml", "serve", "tests.bentoml_patches.tiny:Tiny"]
    with (folder / "server.log").open("wb") as log:
        process = subprocess.Popen(
            [*command, "--host", "127.0.0.1", "--port", str(port)],
            cwd=ROOT,
            env={**inherited, "BENTOML_HOME": str(folder / "home"), **watched(folder), **environ},
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    return TinyServer(port, folder, process)


def wait_until_ready(server: TinyServer) -> None:
    end = time.monotonic() + 120
    while time.monotonic() < end:
        assert server.process.poll() is None, server.log
        with suppress(httpx.TransportError):
            if httpx.get(f"{server.url}/readyz", timeout=10).is_success:
                return
        time.sleep(0.1)
    raise AssertionError(server.log)


@contextmanager
def serving(folder: Path, **environ: str) -> Iterator[TinyServer]:
    server = start(folder, free_port(), **environ)
    try:
        wait_until_ready(server)
        yield server
    finally:
        children = server.workers() if server.process.poll() is None else []
        server.process.send_signal(signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            server.process.wait(timeout=30)
        for each in [*children, *([server.process] if server.process.poll() is None else [])]:
            with suppress(psutil.NoSuchProcess):
                each.kill()
