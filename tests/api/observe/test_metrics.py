"""Numbers of several processes in one answer, of which one dies without a word."""

import os
import signal
import subprocess
import sys
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from api.observe.metrics import exposition

WORKER = """
import sys
from runners.metrics import RunnerMetrics
from runners.types import Failed
metrics = RunnerMetrics(24000)
metrics.load(8, 3, 1, 5)
metrics.looked_up("miss")
print("ready", flush=True)
sys.stdin.read()
"""


def worker(folder: Path) -> "subprocess.Popen[bytes]":
    process = subprocess.Popen(
        [sys.executable, "-c", WORKER],
        env={**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(folder)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    return process


def scrape(folder: Path) -> dict[str, float]:
    return {
        sample.name + "".join(sample.labels.values()): sample.value
        for family in text_string_to_metric_families(exposition(folder).decode())
        for sample in family.samples
    }


def test_the_dead_hold_no_slots_and_keep_their_counts(tmp_path: Path) -> None:
    first, second = worker(tmp_path), worker(tmp_path)
    both = scrape(tmp_path)
    assert (both["xtts_slots"], both["xtts_live_slots"], both["xtts_waiting_sequences"]) == (16, 6, 10)
    memory = both["xtts_runner_resident_memory_bytes"]
    first.send_signal(signal.SIGKILL)
    first.wait()
    one = scrape(tmp_path)
    assert (one["xtts_slots"], one["xtts_live_slots"], one["xtts_waiting_sequences"]) == (8, 3, 5)
    assert 0 < one["xtts_runner_resident_memory_bytes"] < memory
    assert both["xtts_latents_lookups_totalmiss"] == one["xtts_latents_lookups_totalmiss"] == 2
    second.communicate()
