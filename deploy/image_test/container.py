"""One container of the image, as a careful cluster would run it. Knows how it is locked down, not what it serves."""

import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from deploy.image_test.workshop import Workshop

HARDENED = (
    "--read-only",
    "--read-only-tmpfs=false",
    "--cap-drop=all",
    "--security-opt=no-new-privileges",
    "--tmpfs=/tmp:rw,noexec,nosuid,nodev,mode=1777,size=1g",
    "--pids-limit=512",
    "--memory=4g",
)


@dataclass
class Container:
    """Started as a context is entered, removed as it is left. `volume` outlives it and holds all that is kept."""

    workshop: Workshop
    image: str
    volume: str
    environ: Mapping[str, str]
    name: str = "xtts"

    def __enter__(self) -> Self:
        settings = [f"--env={key}={value}" for key, value in self.environ.items()]
        mount = f"--volume={self.volume}:/var/lib/xtts"
        self.started = time.monotonic()
        self.workshop.run("podman", "run", "--detach", "--name", self.name, *HARDENED, mount, *settings, self.image)
        return self

    def __exit__(self, *_: object) -> None:
        self.workshop.run("podman", "rm", "--force", "--time", "1", self.name)

    def shell(self, command: str) -> str:
        """What the command prints inside, as the service's own user, whether it fails or not."""
        done = subprocess.run(
            ["podman", "exec", self.name, "sh", "-c", command],
            env=self.workshop.environ,
            capture_output=True,
            text=True,
            check=False,
        )
        return done.stdout.strip()

    def terminate(self) -> None:
        self.workshop.run("podman", "kill", "--signal", "TERM", self.name)

    def running(self) -> bool:
        return bool(self.workshop.state(self.name)["Running"])

    def wait(self, seconds: float) -> int:
        """Its exit code, once it ends. Raises TimeoutError when it does not."""
        end = time.monotonic() + seconds
        while self.running():
            if time.monotonic() > end:
                raise TimeoutError(f"the container still runs after {seconds:.0f} s")
            time.sleep(0.2)
        return int(str(self.workshop.state(self.name)["ExitCode"]))

    def log(self) -> str:
        done = subprocess.run(
            ["podman", "logs", self.name], env=self.workshop.environ, capture_output=True, text=True, check=False
        )
        return done.stdout + done.stderr
