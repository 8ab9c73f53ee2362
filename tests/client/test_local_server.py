"""A server of our own: it comes up, its log is kept, and it is gone afterwards, with all that it started."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import httpx
import pytest

from client.local_server import ROOT, bentoml_serve, local_server
from client.server import ServerUnreachable

# Starts a child, tells its number and ignores every polite request to end.
STUBBORN = """
import signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
sleep = [sys.executable, "-c", "import time; time.sleep(60)"]
child = subprocess.Popen(sleep, start_new_session=True)  # as the server's workers are
print(child.pid, flush=True)
time.sleep(60)
"""


def fake(port: int) -> Sequence[str]:
    return [sys.executable, "-m", "tests.client.fake_server", "--port", str(port)]


def program(code: str) -> Callable[[int], Sequence[str]]:
    return lambda port: [sys.executable, "-c", code]


def wait_for(condition: Callable[[], bool], seconds: float = 10.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def is_alive(process: int) -> bool:
    """Not even a zombie counts: its parent is gone, and who adopts it may take a while to bury it."""
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def test_the_project_is_served_from_its_root() -> None:
    assert (ROOT / "client" / "local_server.py").is_file()
    command = bentoml_serve(1234)
    assert command[:5] == [sys.executable, "-m", "bentoml", "serve", "."]
    assert command[command.index("--port") + 1] == "1234"
    options = subprocess.run([*command[:4], "--help"], capture_output=True, text=True, check=True).stdout
    assert {"--host", "--port"} <= set(options.split())


def test_it_serves_for_as_long_as_the_block_and_no_longer(tmp_path: Path) -> None:
    log = tmp_path / "server.log"

    with local_server(log, fake) as server:
        wait_for(lambda: b"speaks on port" in log.read_bytes())
        with httpx.Client(base_url=server.url, transport=httpx.HTTPTransport(retries=5)) as http:
            assert http.get("/health").json()["model_loaded"] is True
        assert server.is_running()

    assert not server.is_running()
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{server.url}/health", trust_env=False)


def test_keys_and_limits_are_for_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = tmp_path / "server.log"
    for name in ("XTTS_API_KEYS", "XTTS_RATE_LIMIT", "XTTS_CHARACTER_LIMIT", "XTTS_MODEL"):
        monkeypatch.setenv(name, "1")

    with local_server(log, program("import os; print(*sorted(n for n in os.environ if n[:5] == 'XTTS_'))")) as server:
        wait_for(lambda: not server.is_running())

    given = set(log.read_text().split())
    assert "XTTS_MODEL" in given
    assert not given & {"XTTS_API_KEYS", "XTTS_RATE_LIMIT", "XTTS_CHARACTER_LIMIT"}


def test_what_it_started_ends_with_it_even_if_it_will_not(tmp_path: Path) -> None:
    log = tmp_path / "server.log"

    with local_server(log, program(STUBBORN), stopping=0.2) as server:
        wait_for(lambda: log.read_bytes().endswith(b"\n"))
        child = int(log.read_text())
        assert is_alive(child)
        began = time.monotonic()

    assert time.monotonic() - began < 10.0
    assert not is_alive(server.process.pid)
    wait_for(lambda: not is_alive(child))


def test_a_server_that_fails_shows_the_end_of_its_log(tmp_path: Path) -> None:
    log = tmp_path / "server.log"
    code = "import sys; print(*range(100), sep='\\n'); sys.exit('no such model: \\xe9')"

    def use() -> None:
        with local_server(log, program(code)) as server:
            wait_for(lambda: not server.is_running())
            raise ServerUnreachable("nobody answers")

    with pytest.raises(ServerUnreachable) as caught:
        use()

    lines = str(caught.value).splitlines()
    assert lines[0] == "nobody answers"
    assert lines[1] == f"The server ended with status 1; the end of {log}:"
    assert lines[-2:] == ["  99", "  no such model: é"]
    assert len(lines) == 22


def test_other_errors_pass_as_they_are_and_end_it_too(tmp_path: Path) -> None:
    with pytest.raises(KeyError), local_server(tmp_path / "server.log", fake) as server:
        raise KeyError

    assert not server.is_running()


def test_its_session_is_its_own(tmp_path: Path) -> None:
    """So that Ctrl-C in a terminal reaches us alone, and we decide when it ends."""
    with local_server(tmp_path / "server.log", fake) as server:
        assert os.getsid(server.process.pid) == server.process.pid
