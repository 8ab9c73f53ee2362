"""The Dockerfile that BentoML generates."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_the_generated_dockerfile_passes_hadolint(tmp_path: Path) -> None:
    environ = {**os.environ, "BENTOML_HOME": str(tmp_path), "BENTOML_DO_NOT_TRACK": "True"}
    build = [sys.executable, "-m", "bentoml", "build", "--bentofile", "bentofile.yaml", "."]
    subprocess.run(build, cwd=ROOT, env=environ, check=True, capture_output=True)
    (dockerfile,) = tmp_path.glob("bentos/xtts/*/env/docker/Dockerfile")
    # What BentoML's template does its own way: bash in sh, its user's id, unpinned apt and pip with a mounted cache.
    template = ("SC3020", "DL3046", "DL3008", "DL3013", "DL3042", "DL3066")
    command = [Path(sys.executable).with_name("hadolint"), *(f"--ignore={rule}" for rule in template), dockerfile]
    linted = subprocess.run(command, check=False, capture_output=True, text=True)
    assert linted.returncode == 0, linted.stdout
