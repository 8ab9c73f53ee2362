"""A folder of this server's own, for its owner only: there from its start to its end, whatever BENTOML_HOME is."""

import atexit
import shutil
import tempfile
from functools import cache
from pathlib import Path


@cache
def run_folder() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="xtts-server-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def metrics_folder() -> str:
    """In place of BentoML's `ensure_prometheus_dir`, which empties the one of every server with the same home."""
    folder = run_folder() / "metrics"
    folder.mkdir(exist_ok=True)
    return str(folder)
