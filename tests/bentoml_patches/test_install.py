"""What `bentoml serve` does with the patches: whom it calls, where it listens, what it leaves."""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import httpx
import psutil

from bentoml_patches.lifetime import SUPERVISOR
from tests.bentoml_patches.server import ROOT, TinyServer, serving, start


def metrics_folder(server: TinyServer) -> Path:
    return Path(httpx.post(f"{server.url}/wait", json={"seconds": 0}, timeout=30).text)


def test_it_calls_nobody(tiny: TinyServer) -> None:
    assert httpx.post(f"{tiny.url}/quadruple", json={"number": 3}, timeout=30).json() == 12
    httpx.get(f"http://localhost:{tiny.port}/livez", timeout=30)
    assert tiny.addresses() == {"127.0.0.1"}  # itself, when it starts


def test_it_listens_on_its_port_alone(tiny: TinyServer) -> None:
    processes = [psutil.Process(tiny.process.pid), *tiny.workers()]
    listening = {
        connection.laddr.port
        for process in processes
        for connection in process.net_connections("inet")
        if connection.status == psutil.CONN_LISTEN
    }
    assert listening == {tiny.port}


def test_every_process_has_the_most_descriptors(tiny: TinyServer) -> None:
    for process in tiny.workers():
        soft, hard = process.rlimit(psutil.RLIMIT_NOFILE)
        assert soft == hard


def test_two_servers_of_one_home_count_apart(tiny: TinyServer, tmp_path: Path) -> None:
    httpx.post(f"{tiny.url}/length", json={"text": "one"}, timeout=30)
    with serving(tmp_path, BENTOML_HOME=str(tiny.folder / "home")) as other:
        for _ in range(3):
            httpx.post(f"{other.url}/length", json={"text": "two"}, timeout=30)
        folders = metrics_folder(tiny), metrics_folder(other)
        counts = [counted(server) for server in (tiny, other)]
    assert counts[1] == 3
    assert counts[0] >= 1
    assert counts[0] == counted(tiny), "the other's end took it away"
    assert folders[0] != folders[1]
    assert folders[0].exists()
    assert folders[0].parent.stat().st_mode & 0o777 == 0o700
    assert not folders[1].parent.exists()


def counted(server: TinyServer) -> float:
    lines = httpx.get(f"{server.url}/metrics", timeout=30).text.splitlines()
    return sum(float(line.split()[-1]) for line in lines if "request_total{" in line and '"/length"' in line)


def test_a_port_that_is_taken_is_one_line(tiny: TinyServer, tmp_path: Path) -> None:
    second = start(tmp_path, tiny.port)
    assert second.process.wait(120) == 1
    assert second.log.splitlines() == [
        f"Port {tiny.port} of 127.0.0.1 cannot be used (Address already in use). "
        "Choose another one: make serve PORT=8080"
    ]


def test_a_worker_whose_supervisor_is_gone_already_does_not_start() -> None:
    code = "import bentoml; bentoml.server_context.worker_index = 1; import tests.bentoml_patches.tiny"
    environ = {**os.environ, SUPERVISOR: "1" if os.getpid() != 1 else "2"}
    assert subprocess.run([sys.executable, "-c", code], env=environ, cwd=ROOT, check=False).returncode == 1
    environ[SUPERVISOR] = str(os.getpid())
    assert subprocess.run([sys.executable, "-c", code], env=environ, cwd=ROOT, check=False).returncode == 0


def test_workers_end_with_their_supervisor(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        workers = server.workers()
        assert len(workers) == 3
        os.kill(server.process.pid, signal.SIGKILL)
        server.process.wait()
        _, alive = psutil.wait_procs(workers, timeout=30)
        assert not alive
        with socket.socket() as again:
            again.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            again.bind(("127.0.0.1", server.port))
