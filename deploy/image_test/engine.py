"""Docker or podman by its command line, which is much the same. Knows nothing of the service."""

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path


def run(command: Sequence[str | Path], environ: Mapping[str, str]) -> str:
    """What the command prints. Raises CalledProcessError, and shows what it said, when it fails."""
    done = subprocess.run(command, env=environ, capture_output=True, text=True, check=False)
    if done.returncode:
        print(done.stdout[-5000:], done.stderr[-5000:], sep="\n")
        done.check_returncode()
    return done.stdout.strip()


def clean(command: Sequence[str | Path], environ: Mapping[str, str]) -> None:
    """Runs what tidies up. What fails is shown and not raised: there may be an error on its way that says more."""
    done = subprocess.run(command, env=environ, capture_output=True, text=True, check=False)
    if done.returncode:
        print(f"{' '.join(map(str, command))}: {done.stderr.strip()[-500:]}", file=sys.stderr)


@dataclass(frozen=True, slots=True)
class Engine:
    name: str  # docker or podman
    environ: Mapping[str, str]

    def run(self, *arguments: str) -> str:
        return run((self.name, *arguments), self.environ)

    def clean(self, *arguments: str) -> None:
        clean((self.name, *arguments), self.environ)

    def says(self, *arguments: str) -> tuple[str, str]:
        """What it prints, and what it complains of, whether it fails or not."""
        done = subprocess.run([self.name, *arguments], env=self.environ, capture_output=True, text=True, check=False)
        return done.stdout.strip(), done.stderr.strip()

    @contextmanager
    def volume(self) -> Iterator[str]:
        """The name of a new one, which ends with the context."""
        name = self.run("volume", "create")
        try:
            yield name
        finally:
            self.clean("volume", "rm", "--force", name)

    def layers(self, image: str) -> list[tuple[str, str]]:
        """Size and making of each layer that holds anything, from the base up."""
        lines = self.run("history", "--no-trunc", "--format", "{{.Size}}\t{{.CreatedBy}}", image).splitlines()
        rows = [line.partition("\t")[::2] for line in reversed(lines)]
        return [(size, made.rpartition("/bin/sh -c ")[2]) for size, made in rows if size not in ("0B", "0 B")]

    def state(self, container: str) -> dict[str, object]:
        """Of the engine's: `Running`, `ExitCode` and their like."""
        return dict(json.loads(self.run("inspect", container))[0]["State"])
