"""`python -m benchmarks.loading.child`: makes the engine ready as a worker does, and prints what that took as JSON."""

import json
import re
import threading
import time
from pathlib import Path

import psutil

FIELDS = ("VmRSS", "RssAnon", "RssFile")  # of /proc/self/status
LOOK_EVERY = 0.01  # seconds


def memory() -> dict[str, float]:
    """GB: all that is resident, what is this process's own, and what are pages of files."""
    status = Path("/proc/self/status").read_text()
    return {field: int(re.search(rf"{field}:\s+(\d+)", status)[1]) * 1024 / 1e9 for field in FIELDS}  # type: ignore[index]


class Peak(threading.Thread):
    """The most that there was of each while this runs."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.most = memory()

    def run(self) -> None:
        while True:
            now = memory()
            self.most = {field: max(self.most[field], now[field]) for field in FIELDS}
            time.sleep(LOOK_EVERY)


def main() -> None:
    begun = psutil.Process().create_time()
    from runners.config import EngineConfig
    from runners.synthesizer import Synthesizer

    imported, before = time.time(), memory()
    peak = Peak()
    peak.start()
    Synthesizer.load(EngineConfig.from_env())
    ready = time.time()
    print(
        json.dumps(
            {
                "import": imported - begun,
                "load": ready - imported,
                "before": before,
                "peak": peak.most,
                "after": memory(),
            }
        )
    )


if __name__ == "__main__":
    main()
