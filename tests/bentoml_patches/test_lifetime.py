"""A runner in a process of its own, beside one that stands for the API's."""

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from bentoml_patches.lifetime import WORKER

ROOT = Path(__file__).parents[2]
RUNNER = """
import asyncio, signal, sys, threading
import bentoml
from bentoml_patches.lifetime import Lifetime

async def serve():
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    signal.signal(signal.SIGTERM, lambda *_: loop.call_soon_threadsafe(ended.set))  # the server's own
    bentoml.server_context.service_name = "XTTSRunner"
    lifetime = Lifetime()
    if sys.argv[1] == "loading":
        print("ready", flush=True)
        loading = threading.Thread(target=threading.Event().wait, daemon=True)
        loading.start()
        loading.join()
    lifetime.begin()
    print("ready", flush=True)
    if sys.argv[1] == "lost":
        threading.Thread(target=lifetime.end).start()
    while not ended.is_set():  # as uvicorn looks every tenth of a second
        await asyncio.sleep(0.1)

asyncio.run(serve())
"""


def start(*command: str) -> "subprocess.Popen[bytes]":
    return subprocess.Popen([sys.executable, "-c", *command], cwd=ROOT, stdout=subprocess.PIPE)


@pytest.fixture
def caller() -> Iterator["subprocess.Popen[bytes]"]:
    with start("import time; time.sleep(300)", WORKER, "service:XTTS", "--service-name", "XTTS") as process:
        yield process
        process.kill()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_after_its_callers(caller: "subprocess.Popen[bytes]", number: signal.Signals) -> None:
    with start(RUNNER, "") as runner:
        assert runner.stdout is not None
        assert runner.stdout.readline() == b"ready\n"
        runner.send_signal(number)
        time.sleep(1)
        runner.send_signal(number)
        assert runner.poll() is None
        caller.kill()
        caller.wait()
        assert runner.wait(10) == 0


def test_one_that_still_loads_ends_at_once(caller: "subprocess.Popen[bytes]") -> None:
    with start(RUNNER, "loading") as runner:
        assert runner.stdout is not None
        assert runner.stdout.readline() == b"ready\n"
        runner.send_signal(signal.SIGTERM)
        assert runner.wait(10) == 0
    assert caller.poll() is None


def test_one_that_is_lost_waits_for_nobody(caller: "subprocess.Popen[bytes]") -> None:
    with start(RUNNER, "lost") as runner:
        assert runner.wait(30) == 0
    assert caller.poll() is None
