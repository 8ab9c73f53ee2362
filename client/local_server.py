"""A server of this project's own, for the length of a batch or a benchmark: started, watched, and always stopped."""

import contextlib
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from client.server import ServerUnreachable

ROOT = Path(__file__).resolve().parents[1]  # where service.py and bentofile.yaml are
NOT_FOR_US = {"XTTS_API_KEYS", "XTTS_RATE_LIMIT", "XTTS_CHARACTER_LIMIT"}  # they are meant for strangers
TAIL = 20  # lines of the log shown when the server fails

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
    A ServerUnreachable inside the block leaves it with the end of the log in its message.
    """
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environ = {name: value for name, value in os.environ.items() if name not in NOT_FOR_US}
    with log.open("wb") as output:
        process = subprocess.Popen(
            command(port),
            cwd=ROOT,
            env={"BENTOML_DO_NOT_TRACK": "True", **environ},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C is for us: we stop the server
        )
    try:
        yield LocalServer(f"http://127.0.0.1:{port}", process)
    except ServerUnreachable as error:
        raise ServerUnreachable(f"{error}\n{_end_of(log, process)}") from error
    finally:
        _stop(process, stopping)


def _end_of(log: Path, process: subprocess.Popen[bytes]) -> str:
    status = process.poll()
    state = "is still running" if status is None else f"ended with status {status}"
    tail = log.read_text(encoding="utf-8", errors="replace").splitlines()[-TAIL:]
    return "\n".join([f"The server {state}; the end of {log}:", *(f"  {line}" for line in tail)])


def _stop(process: subprocess.Popen[bytes], seconds: float) -> None:
    """Asks it to end, waits, then ends it and all that it started, at once on a second Ctrl-C.

    The server's workers have sessions of their own: no signal reaches all.
    """
    family: list[psutil.Process] = []
    with contextlib.suppress(psutil.NoSuchProcess):
        parent = psutil.Process(process.pid)
        family = [parent, *parent.children(recursive=True)]
    try:
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(seconds)
    finally:
        for member in family:
            with contextlib.suppress(psutil.NoSuchProcess):
                member.kill()
        process.wait()
