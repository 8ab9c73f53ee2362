"""A server of this project's own for the length of a batch: started, watched and stopped whatever happens."""

import contextlib
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from api.batch.client import ServerUnreachableError

ROOT = Path(__file__).resolve().parents[2]  # where service.py and bentofile.yaml are
_NOT_FOR_US = {"XTTS_API_KEYS", "XTTS_RATE_LIMIT", "XTTS_CHARACTER_LIMIT"}  # what keeps strangers in check
_TAIL = 20  # lines of the log shown when the server fails

ServeCommand = Callable[[int], Sequence[str]]


@dataclass(frozen=True, slots=True)
class LocalServer:
    url: str
    process: subprocess.Popen[bytes]

    def is_running(self) -> bool:
        return self.process.poll() is None


def bentoml_serve(port: int) -> Sequence[str]:
    """The command line that serves this project on `port`, for this machine alone."""
    return [sys.executable, "-m", "bentoml", "serve", ".", "--host", "127.0.0.1", "--port", str(port)]


@contextlib.contextmanager
def local_server(log: Path, command: ServeCommand = bentoml_serve, stopping: float = 15.0) -> Iterator[LocalServer]:
    """Starts a server on a free port; what it prints goes to `log`. It need not be ready yet.

    At the end it is asked to stop, has `stopping` seconds to do so, and is killed if it does not.
    A ServerUnreachableError inside the block leaves it with the end of the log in its message.
    """
    port = _free_port()
    with log.open("wb") as output:
        process = subprocess.Popen(
            command(port),
            cwd=ROOT,
            env={name: value for name, value in os.environ.items() if name not in _NOT_FOR_US},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C is for us: we stop the server
        )
    try:
        yield LocalServer(f"http://127.0.0.1:{port}", process)
    except ServerUnreachableError as error:
        raise ServerUnreachableError(f"{error}\n{_last_words(process, log)}") from error
    finally:
        _stop(process, stopping)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _last_words(process: subprocess.Popen[bytes], log: Path) -> str:
    status = process.poll()
    state = "is still running" if status is None else f"ended with status {status}"
    tail = log.read_text(encoding="utf-8", errors="replace").splitlines()[-_TAIL:]
    return "\n".join([f"The server {state}; the end of {log}:", *(f"  {line}" for line in tail)])


def _stop(process: subprocess.Popen[bytes], seconds: float) -> None:
    """Asks it to end, waits, then ends it and all that it started, at once on a second Ctrl-C."""
    family = _family(process)
    try:
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(seconds)
    finally:
        for member in family:
            with contextlib.suppress(psutil.NoSuchProcess):
                member.kill()
        process.wait()


def _family(process: subprocess.Popen[bytes]) -> list[psutil.Process]:
    """It and its descendants. The server's workers have sessions of their own: no signal reaches all."""
    try:
        parent = psutil.Process(process.pid)
        return [parent, *parent.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []
