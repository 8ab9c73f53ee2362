"""A folder of this server's own, for its owner only: there from its start to its end, whatever BENTOML_HOME is."""

import atexit
import os
import shutil
import tempfile
from functools import cache
from pathlib import Path
from typing import Final

LONGEST: Final = 60  # bytes of the folder's path: a socket's, in a folder of BentoML's in it, may have 103


@cache
def run_folder() -> Path:
    """Raises SystemExit, which says what to set, where it cannot be made."""
    try:
        where = tempfile.gettempdir()
        folder = Path(tempfile.mkdtemp(prefix="xtts-server-"))
    except OSError:
        raise SystemExit(f"TMPDIR={os.getenv('TMPDIR', '')}: must be a folder that the server may write to") from None
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    if len(os.fsencode(where)) > LONGEST:
        raise SystemExit(f"TMPDIR={where}: must be a path of at most {LONGEST} bytes: there are sockets in it")
    return folder


def metrics_folder() -> str:
    """In place of BentoML's `ensure_prometheus_dir`, which empties the one of every server with the same home."""
    folder = run_folder() / "metrics"
    folder.mkdir(exist_ok=True)
    return str(folder)


def keep_tasks_apart() -> None:
    """To be called in the supervisor. BentoML removes its file of tasks, which is in its home, at each start."""
    os.environ.setdefault("BENTOML_RESULT_STORE", str(run_folder() / "tasks.db"))
