"""What `make image-test` leaves behind when something fails: nothing, and the first error in sight."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from deploy.image_test.container import Container
from deploy.image_test.engine import Engine
from deploy.image_test.workshop import mounts_below
from deploy.tests.conftest import ROOT

MOUNTS = r"""
22 1 254:0 / / rw,relatime - ext4 /dev/vda rw
40 22 254:0 /a /var/tmp/image-test-1/storage/overlay rw,relatime - ext4 /dev/vda rw
41 40 0:50 / /var/tmp/image-test-1/storage/overlay/b\040c/merged rw,relatime - overlay overlay rw
42 22 0:51 / /var/tmp/image-test-1/base/proc rw,relatime - proc proc rw
43 22 0:52 / /var/tmp/image-test-12/base/proc rw,relatime - proc proc rw
""".lstrip()
FAILING = """\
from deploy.image_test.workshop import Workshop
from pathlib import Path
with Workshop(Path(sys.argv[1])):
    raise RuntimeError("what went wrong")
"""


@pytest.fixture
def fake(tmp_path: Path) -> Engine:
    """Notes what it is asked; fails to run containers and to remove volumes."""
    program = tmp_path / "engine"
    program.write_text(
        f'#!/bin/sh\necho "$@" >> {tmp_path}/asked\n'
        'case "$1 $2" in "volume create") echo name ;; run*|"volume rm") echo no >&2; exit 1 ;; esac\n'
    )
    program.chmod(0o755)
    return Engine(str(program), os.environ)


def asked(engine: Engine) -> list[str]:
    return Path(engine.name).with_name("asked").read_text().splitlines()


def test_mounts_in_the_folder_come_innermost_first():
    folder = Path("/var/tmp/image-test-1")
    inside = ["base/proc", "storage/overlay/b c/merged", "storage/overlay"]
    assert mounts_below(folder, MOUNTS) == [folder / name for name in inside]


def test_the_folder_goes_and_the_error_stays_where_podman_fails(tmp_path: Path):
    podman, folder = tmp_path / "bin" / "podman", tmp_path / "workshop"
    for each in (podman.parent, folder):
        each.mkdir()
    podman.write_text("#!/bin/sh\necho it is broken >&2\nexit 125\n")
    podman.chmod(0o755)
    environ = {**os.environ, "PATH": f"{podman.parent}:{os.environ['PATH']}"}
    command = [sys.executable, "-c", "import sys\n" + FAILING, folder]
    done = subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, check=False)
    assert "it is broken" in done.stderr
    assert done.stderr.strip().endswith("RuntimeError: what went wrong")
    assert not folder.exists()


def test_a_container_that_does_not_start_is_removed(fake: Engine):
    with pytest.raises(subprocess.CalledProcessError), Container(fake, "image", "volume", {}, "try"):
        pytest.fail("it has not started")
    assert asked(fake)[-1] == "rm --force try"


def test_a_volume_goes_and_the_error_stays(fake: Engine):
    with pytest.raises(RuntimeError, match="first"), fake.volume() as name:
        raise RuntimeError("first")
    assert asked(fake) == ["volume create", f"volume rm --force {name}"]


@pytest.mark.parametrize("empty", ["0B", "0 B"])  # docker's way to write it, and podman's
def test_layers_are_those_that_hold_anything_from_the_base_up(tmp_path: Path, empty: str):
    program = tmp_path / "engine"
    rows = "5.6 GB\\t/bin/sh -c uv install\\n" + f"{empty}\\tENV A=1\\n" + "272 MB\\t/bin/sh"
    program.write_text(f"#!/bin/sh\nprintf '{rows}'\n")
    program.chmod(0o755)
    assert Engine(str(program), os.environ).layers("image") == [("272 MB", "/bin/sh"), ("5.6 GB", "uv install")]
