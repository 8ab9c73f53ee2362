"""What processes hold, seen on processes that hold a known amount more."""

import os
import subprocess
import sys
import tempfile
import threading

from benchmarks.growth.processes import footprint

CHILD = "import sys; block = bytes(range(256)) * 200_000; print('here', flush=True); sys.stdin.read()"  # 51 MB


def test_a_child_s_memory_and_files_count_until_it_ends() -> None:
    before = footprint(os.getpid())
    with subprocess.Popen(
        [sys.executable, "-c", CHILD, "--service-name", "Child"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as child:
        assert child.stdout
        assert child.stdout.readline() == "here\n"
        during = footprint(os.getpid())
        child.communicate()
    assert during.processes == before.processes + 1
    assert during.resident - before.resident > 51e6
    assert during.proportional is not None
    assert during.proportional < during.resident
    assert during.files >= before.files + 3 + 2  # its own three, and two ends of pipes here
    sums = [sum(each) for each in zip(*during.by_service.values(), strict=True)]
    assert sums == [during.resident, during.threads, during.files]
    memory, threads, files = during.by_service["Child"]
    assert 51e6 < memory < during.resident
    assert (threads, files) == (1, 3)
    assert footprint(os.getpid()).processes == before.processes


def test_threads_and_open_files_are_counted() -> None:
    end = threading.Event()
    before = footprint(os.getpid())
    threads = [threading.Thread(target=end.wait) for _ in range(5)]
    with tempfile.TemporaryFile(), tempfile.TemporaryFile():
        for thread in threads:
            thread.start()
        during = footprint(os.getpid())
    end.set()
    for thread in threads:
        thread.join()
    assert during.threads == before.threads + 5
    assert during.files == before.files + 2
