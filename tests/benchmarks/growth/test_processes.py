"""What processes hold, seen on processes that hold a known amount more."""

import os
import subprocess
import sys

from benchmarks.growth.processes import footprint

CHILD = """
import sys, tempfile, threading
block = bytes(range(256)) * 200_000  # 51 MB
files = [tempfile.TemporaryFile() for _ in range(2)]
for _ in range(5):
    threading.Thread(target=threading.Event().wait, daemon=True).start()
print("here", flush=True)
sys.stdin.read()
"""


def test_a_child_s_memory_threads_and_files_count_until_it_ends() -> None:
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
    assert during.files >= before.files + 5  # its own; two ends of pipes here may come on top
    sums = [sum(each) for each in zip(*during.by_service.values(), strict=True)]
    assert sums == [during.resident, during.threads, during.files]
    memory, threads, files = during.by_service["Child"]
    assert 51e6 < memory < during.resident
    assert (threads, files) == (1 + 5, 3 + 2)
    assert footprint(os.getpid()).processes == before.processes
