"""A real Postgres, Debian's, for tests that need one: they are skipped where it is not installed."""

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


class Postgres:
    """It does not run as root: then as the user that Debian's package makes."""

    def __init__(self, folder: Path, programs: Path) -> None:
        self._folder = folder
        self._programs = programs
        self._user = "postgres" if os.getuid() == 0 else None
        if self._user:
            shutil.chown(folder, self._user)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self._port = probe.getsockname()[1]
        self.url = f"postgresql://tester@127.0.0.1:{self._port}/postgres"
        self._run("initdb", "--username=tester", "--auth=trust", "--no-sync")

    def start(self) -> None:
        options = f"-p {self._port} -k '' -c listen_addresses=127.0.0.1 -c fsync=off"
        self._run("pg_ctl", "start", "-w", "-l", str(self._folder / "log"), "-o", options)

    def stop(self) -> None:
        """Connections are cut."""
        self._run("pg_ctl", "stop", "-w", "-m", "immediate")

    def _run(self, program: str, *arguments: str) -> None:
        command = [str(self._programs / program), *arguments, "-D", str(self._folder / "data")]
        subprocess.run(command, check=True, user=self._user, cwd=self._folder, stdout=subprocess.DEVNULL, timeout=120)


def _found() -> list[Path]:
    return sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))


def is_installed() -> bool:
    return bool(_found())


@contextmanager
def postgres() -> Iterator[Postgres]:
    found = _found()
    if not found:
        pytest.skip("Postgres is not installed (Debian's package: postgresql)")
    folder = Path(tempfile.mkdtemp())  # not among pytest's, which are closed to other users
    server = Postgres(folder, found[-1].parent)
    server.start()
    try:
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder)
