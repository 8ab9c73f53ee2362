"""Real server processes, each with its own settings and folder: started, waited for, stopped at the end."""

import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from client.local_server import LocalServer, local_server

LONGEST_START = 900.0  # seconds; a busy machine takes minutes


class ServerFailed(RuntimeError):
    """It ended, or did not become ready. The message holds its log's end."""


@dataclass(frozen=True, slots=True)
class Server:
    """A process that was started, not yet ready."""

    local: LocalServer
    log: Path
    begun: float  # by time.perf_counter

    @property
    def url(self) -> str:
        return self.local.url

    @property
    def pid(self) -> int:
        """Of the process that started all its others."""
        return self.local.process.pid

    def wait(self) -> float:
        """Seconds from the process's start until it is ready. Raises ServerFailed."""
        while (elapsed := time.perf_counter() - self.begun) < LONGEST_START and self.local.is_running():
            try:
                if httpx.get(f"{self.url}/readyz", timeout=2).status_code == 200:
                    return time.perf_counter() - self.begun
            except httpx.TransportError:
                pass
            time.sleep(0.1)
        tail = self.log.read_text(encoding="utf-8", errors="replace")[-3000:]
        raise ServerFailed(f"No server at {self.url} after {elapsed:.0f} s; its log ends:\n{tail}")


@contextmanager
def started(spec: str, settings: Mapping[str, str], folder: Path) -> Iterator[Server]:
    """`spec` as `bentoml serve` takes it. `folder` gets the log and BentoML's own files."""
    folder.mkdir(parents=True)
    environ = {"BENTOML_HOME": str(folder / "bentoml"), **settings}

    def command(port: int) -> Sequence[str]:
        assignments = [f"{name}={value}" for name, value in environ.items()]
        serve = ["-m", "bentoml", "serve", spec, "--host", "127.0.0.1", "--port", str(port)]
        return ["env", *assignments, sys.executable, *serve]

    begun = time.perf_counter()
    with local_server(folder / "server.log", command) as local:
        yield Server(local, folder / "server.log", begun)
