"""Images and containers in a folder of their own: what is left over goes with the folder. Knows nothing of the service.

Runs buildah and podman as root, with no bridge network, no systemd and no registry.
"""

import os
import re
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from deploy.image_test.engine import Engine, clean, run

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
    folder: Path  # empty at first, on a disk with 26 GB free

    def __enter__(self) -> Self:
        certificates = "system-certs = true\n"
        (self.folder / "uv.toml").write_text(certificates)
        (self.folder / "pip.conf").write_text(f"[global]\ncert = {CERTIFICATES}\n")
        mounts = {CERTIFICATES: CERTIFICATES, "uv.toml": "/etc/uv/uv.toml", "pip.conf": "/etc/pip.conf"}
        volumes = ", ".join(f'"{self.folder / source}:{target}:ro"' for source, target in mounts.items())
        (self.folder / "containers.conf").write_text(CONTAINERS.format(volumes=volumes))
        (self.folder / "storage.conf").write_text(STORAGE.format(folder=self.folder))
        return self

    def __exit__(self, *_: object) -> None:
        """Ends every container and removes the folder. Whatever of it fails is said, and hides no other error."""
        clean(("podman", "rm", "--all", "--force", "--time", "1"), self.environ)
        for mounted in mounts_below(self.folder, Path("/proc/self/mountinfo").read_text()):
            clean(("umount", mounted), self.environ)
        if still := mounts_below(self.folder, Path("/proc/self/mountinfo").read_text()):
            print(f"{self.folder} stays: {', '.join(map(str, still))} cannot be unmounted", file=sys.stderr)
        else:
            clean(("rm", "--recursive", "--force", self.folder), self.environ)

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

    @property
    def engine(self) -> Engine:
        return Engine("podman", self.environ)

    def run(self, *command: str | Path) -> str:
        return run(command, self.environ)

    def import_base(self, name: str, packages: Sequence[str]) -> None:
        """Makes a minimal Debian and gives it the name of an image that cannot be had here."""
        root = self.folder / "base"
        self.run("debootstrap", "--variant=minbase", f"--include={','.join(packages)}", "bookworm", root)
        container = self.run("buildah", "from", "scratch")
        self.run("buildah", "add", "--quiet", container, root, "/")
        self.run("buildah", "commit", "--quiet", "--rm", container, name)
        shutil.rmtree(root)


def mounts_below(folder: Path, mountinfo: str) -> list[Path]:
    """What is mounted in the folder, by /proc/self/mountinfo: the innermost first."""
    escaped = (line.split()[4] for line in mountinfo.splitlines())
    paths = [Path(re.sub(r"\\(\d{3})", lambda code: chr(int(code[1], 8)), path)) for path in escaped]
    return [path for path in reversed(paths) if path.is_relative_to(folder)]
