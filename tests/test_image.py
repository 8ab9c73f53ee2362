"""What can be told of the image without building it; `make image-test` builds it."""

import re
import subprocess
from pathlib import Path

import pytest
import torch
import yaml

from image import UV, image

ROOT = Path(__file__).resolve().parents[1]
BENTOFILE = yaml.safe_load((ROOT / "bentofile.yaml").read_text())
SAID = {".md"}  # documentation shows the operator how to agree


def test_the_base_has_the_cuda_that_torch_was_built_for() -> None:
    found = re.fullmatch(r"nvidia/cuda:(\d+)\.[\d.]+-base-ubuntu[\d.]+", BENTOFILE["docker"]["base_image"])
    assert found is not None
    assert torch.version.cuda is not None
    assert found[1] == torch.version.cuda.partition(".")[0]


@pytest.mark.parametrize("architecture", ["sm_80", "sm_90", "sm_100", "sm_120"])
def test_torch_has_code_for_the_cards_of_today(architecture: str) -> None:
    assert architecture in torch._C._cuda_getArchFlags().split()


def test_pins_and_versions_are_those_of_the_project() -> None:
    assert BENTOFILE["python"] == {"requirements_txt": "./requirements.txt", "lock_packages": False}
    pins = (ROOT / "requirements.txt").read_text().splitlines()
    assert all(re.fullmatch(r"[\w.-]+(\[[\w,]+\])?==[\w.+]+", pin) for pin in pins)
    assert BENTOFILE["docker"]["python_version"] == "3.11"
    assert f"UV := {UV}\n" in (ROOT / "Makefile").read_text()


def test_everything_the_service_imports_is_packed_and_nothing_else() -> None:
    packed = {path.strip("/") for path in BENTOFILE["include"]}
    assert {"service.py", "image.py", "api", "runners", "references", "LICENSE"} <= packed
    assert not packed & {"tests", "benchmarks", "deploy", "examples", ".ci"}
    assert all((ROOT / path).exists() for path in packed)


def test_what_is_left_out_is_imported_nowhere() -> None:
    lines = (ROOT / "requirements-not-in-image.txt").read_text().splitlines()
    left_out = {line.partition("#")[0].strip() for line in lines} - {""}
    assert left_out == {"triton"}
    for source in [*(ROOT / "api").rglob("*.py"), *(ROOT / "runners").rglob("*.py")]:
        assert not re.search(r"import (triton|torch\._inductor)|torch\.compile\(", source.read_text()), source


def test_no_compiler_is_installed() -> None:
    commands = " ".join(image().commands)
    assert not re.search(r"build-essential|gcc|g\+\+|clang|-dev\b", commands)


def test_nothing_agrees_to_the_licence_for_the_operator() -> None:
    """Documentation, tests and messages name the variable; nothing that runs or is packed sets it."""
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    setting = re.compile(r"COQUI_TOS_AGREED\W{1,6}(value\W{1,5})?['\"]?1\b")
    said = {"runners/models/check.py", "runners/models/licence.py", "runners/synthesizer.py"}  # in messages
    for name in tracked:
        if Path(name).suffix not in SAID and not name.startswith("tests/") and name not in said:
            assert not setting.search((ROOT / name).read_bytes().decode(errors="replace")), name
    assert "COQUI_TOS_AGREED" not in {env["name"] for env in BENTOFILE["envs"]}
