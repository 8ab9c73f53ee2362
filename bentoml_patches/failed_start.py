"""A worker that cannot start ends the whole server, with exit code 1: BentoML's supervisor by itself would start it
again and again, and when told to end do so with 0."""

import atexit
import os
import shutil
import signal
import sys
from typing import NoReturn

from bentoml_patches.lifetime import has_supervisor
from bentoml_patches.run_folder import run_folder

FAILED = signal.SIGUSR1


def watch_workers() -> None:
    """In the supervisor, before it has workers."""
    failed: list[int] = []

    def end(number: int, _: object) -> None:
        failed.append(number)
        os.kill(os.getpid(), signal.SIGTERM)

    def exit_with_1() -> None:
        if failed:
            shutil.rmtree(run_folder(), ignore_errors=True)  # whose turn would come after this
            sys.stdout.flush()
            os._exit(1)

    signal.signal(FAILED, end)
    atexit.register(exit_with_1)


def end_server() -> NoReturn:
    """In a worker, at once: what there was to report has been logged."""
    if has_supervisor():
        os.kill(os.getppid(), FAILED)
    os._exit(1)
