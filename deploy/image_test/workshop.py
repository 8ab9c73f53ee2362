"""Images and containers in a folder of their own: what is left over goes with the folder. Knows nothing of the service.

Runs buildah and podman as root, with no bridge network, no systemd and no registry.
"""

import json
import os
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

CERTIFICATES = "/etc/ssl/certs/ca-certificates.crt"  # the host's, which may name the certificate of a package proxy

CONTAINERS = """\
[containers]
default_ulimits = ["nofile=4096:4096", "nproc=4096:4096"]
netns = "host"
volumes = [{volumes}]
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
runtime = "runc"
"""

STORAGE = """\
[storage]
driver = "overlay"
graphroot = "{folder}/storage"
runroot = "{folder}/run"
"""


@dataclass(frozen=True, slots=True)
class Workshop:
    folder: Path  # empty at first, on a disk with 15 GB free

    def open(self) -> None:
        certificates = "system-certs = true\n"
        (self.folder / "uv.toml").write_text(certificates)
        (self.folder / "pip.conf").write_text(f"[global]\ncert = {CERTIFICATES}\n")
        mounts = {CERTIFICATES: CERTIFICATES, "uv.toml": "/etc/uv/uv.toml", "pip.conf": "/etc/pip.conf"}
        volumes = ", ".join(f'"{self.folder / source}:{target}:ro"' for source, target in mounts.items())
        (self.folder / "containers.conf").write_text(CONTAINERS.format(volumes=volumes))
        (self.folder / "storage.conf").write_text(STORAGE.format(folder=self.folder))

    def close(self) -> None:
        """Ends every container and removes all images: both are known to this folder only."""
        self.run("podman", "rm", "--all", "--force", "--time", "1")
        self.run("podman", "unmount", "--all")
        for mounted in ("storage/overlay", "storage"):
            subprocess.run(["umount", "--quiet", self.folder / mounted], check=False)
        shutil.rmtree(self.folder, ignore_errors=True)

    @property
    def environ(self) -> dict[str, str]:
        return {
            **os.environ,
            "CONTAINERS_CONF": str(self.folder / "containers.conf"),
            "CONTAINERS_STORAGE_CONF": str(self.folder / "storage.conf"),
            "BENTOML_HOME": str(self.folder / "bentoml"),
            "BENTOML_DO_NOT_TRACK": "True",
            "BUILDAH_LAYERS": "true",
            "XTTS_CACHE_DIR": str(self.folder / "cache"),
            "TMPDIR": str(self.folder),
        }

    def run(self, *command: str | Path) -> str:
        """What the command prints. Raises CalledProcessError, and shows what it said, when it fails."""
        done = subprocess.run(command, env=self.environ, capture_output=True, text=True, check=False)
        if done.returncode:
            print(done.stdout[-5000:], done.stderr[-5000:], sep="\n")
            done.check_returncode()
        return done.stdout.strip()

    def import_base(self, name: str, packages: Sequence[str]) -> None:
        """Makes a minimal Debian and gives it the name of an image that cannot be had here."""
        root = self.folder / "base"
        included = f"--include={','.join(packages)}"
        self.run("debootstrap", "--variant=minbase", included, "bookworm", root, "http://deb.debian.org/debian")
        container = self.run("buildah", "from", "scratch")
        self.run("buildah", "add", "--quiet", container, root, "/")
        self.run("buildah", "commit", "--quiet", "--rm", container, name)
        shutil.rmtree(root)

    def layers(self, image: str) -> list[tuple[str, str]]:
        """Size and making of each layer that holds anything, from the base up."""
        lines = self.run("podman", "history", "--no-trunc", "--format", "{{.Size}}\t{{.CreatedBy}}", image).splitlines()
        rows = [line.partition("\t")[::2] for line in reversed(lines)]
        return [(size, made.rpartition("/bin/sh -c ")[2]) for size, made in rows if size != "0 B"]

    def state(self, container: str) -> dict[str, object]:
        """Of podman's: `Running`, `ExitCode` and their like."""
        return dict(json.loads(self.run("podman", "inspect", container))[0]["State"])
