"""One container of the image, as a careful cluster would run it. Knows how it is locked down, not what it serves."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from subprocess import CalledProcessError
from typing import Self
from uuid import uuid4

from deploy.image_test.engine import Engine

HARDENED = (
    "--read-only",
    "--cap-drop=all",
    "--security-opt=no-new-privileges",
    "--tmpfs=/tmp:rw,noexec,nosuid,nodev,mode=1777,size=1g",
    "--pids-limit=512",
    "--memory=4g",
)
ONLY_OURS = {"podman": ("--read-only-tmpfs=false",)}  # it would make /run, /var/tmp and more writable, docker does not


@dataclass
class Container:
    """Started as a context is entered, removed as it is left. `volume` outlives it and holds all that it keeps."""

    engine: Engine
    image: str
    volume: str
    environ: Mapping[str, str]
    name: str = field(default_factory=lambda: f"xtts-image-test-{uuid4().hex[:8]}")

    def __enter__(self) -> Self:
        settings = [f"--env={key}={value}" for key, value in self.environ.items()]
        places = ("--network=host", f"--volume={self.volume}:/var/lib/xtts")
        locks = (*HARDENED, *ONLY_OURS.get(self.engine.name, ()))
        self.started = time.monotonic()
        try:
            self.engine.run("run", "--detach", "--name", self.name, *locks, *places, *settings, self.image)
        except CalledProcessError:  # it may have been made and not started
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.engine.clean("rm", "--force", self.name)

    def shell(self, command: str, user: str | None = None) -> str:
        """What the command prints inside, as the service's own user or another, whether it fails or not."""
        as_user = ("--user", user) if user else ()
        return self.engine.says("exec", *as_user, self.name, "sh", "-c", command)[0]

    def terminate(self) -> None:
        self.engine.run("kill", "--signal", "TERM", self.name)

    def running(self) -> bool:
        return bool(self.engine.state(self.name)["Running"])

    def wait(self, seconds: float) -> int:
        """Its exit code, once it ends. Raises TimeoutError when it does not."""
        end = time.monotonic() + seconds
        while self.running():
            if time.monotonic() > end:
                raise TimeoutError(f"the container still runs after {seconds:.0f} s")
            time.sleep(0.2)
        return int(str(self.engine.state(self.name)["ExitCode"]))

    def log(self) -> str:
        return "\n".join(self.engine.says("logs", self.name))
