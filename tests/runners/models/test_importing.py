"""A model's way into BentoML's store and out again, in processes that have a store of their own."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from runners.checkpoint.look import look_at
from runners.xtts.identity import checkpoint_identity
from tests import checkpoints

ROOT = Path(__file__).parents[3]

FIND = """
import sys
from pathlib import Path
from runners.config import EngineConfig
from runners.models.source import resolve_model
config = EngineConfig.from_env()
for source in sys.argv[1:]:
    try:
        print(resolve_model(source, config.cache_dir, config.tos_agreed))
    except SystemExit as refusal:
        print(refusal)
"""
AGREED = {"COQUI_TOS_AGREED": "1"}


def run(home: Path, *arguments: object, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *map(str, arguments)],
        cwd=ROOT,
        env={**os.environ, "BENTOML_HOME": str(home), "BENTOML_DO_NOT_TRACK": "True", **environ},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, hum: Path) -> Path:
    """A store that holds a trainer's dump of the demo under tuned:1."""
    folder, home = tmp_path_factory.mktemp("run"), tmp_path_factory.mktemp("home")
    checkpoints.dump(hum, folder)
    checkpoints.change_config(folder, lambda config: config.update(output_path="/content/run", lr=5e-6))
    (folder / "events.out.tfevents").touch()
    done = run(home, "-m", "runners.models.importing", folder, "tuned:1")
    assert (done.returncode, "tuned:1 is in BentoML's store" in done.stdout) == (0, True), done.stderr
    assert "Left out: 0.20 GB of training's tensors, events.out.tfevents" in done.stdout
    return home


def found(home: Path, *sources: object, **environ: str) -> list[str]:
    """What each of them is, a path or a refusal."""
    return run(home, "-c", FIND, *sources, **environ).stdout.splitlines()


def test_imported_model_is_clean_and_the_same(home: Path, hum: Path) -> None:
    folder = home / "models" / "tuned" / "1"
    assert {path.name for path in folder.iterdir()} == {path.name for path in hum.iterdir()} | {"model.yaml"}
    imported, plain = look_at(folder), look_at(hum)
    assert (imported.layout, imported.left_out, imported.config) == ("upstream's", 0, plain.config)
    assert checkpoint_identity(imported) == checkpoint_identity(plain)
    assert (folder / "model.pth").stat().st_size < 1.01 * (hum / "model.pth").stat().st_size
    assert not {"output_path", "lr"} & json.loads((folder / "config.json").read_text()).keys()


def test_tags(home: Path) -> None:
    stored = home / "models" / "tuned" / "1"
    (stored / "deep").mkdir()
    (stored / "deep" / "best_model.pth").touch()
    answers = found(home, "tuned:1", "tuned:latest", "tuned:1/deep/best_model.pth", "tuned:1/none", "tuned:2")
    assert answers[:3] == [str(stored), str(stored), str(stored / "deep" / "best_model.pth")]
    assert answers[3] == "XTTS_MODEL=tuned:1/none: the model has no none"
    assert answers[4].startswith("XTTS_MODEL=tuned:2: BentoML's store has no such model. `make model-import`")


def test_tag_that_is_taken(home: Path, hum: Path) -> None:
    done = run(home, "-m", "runners.models.importing", hum, "tuned:1")
    assert (done.returncode, "Traceback" in done.stderr) == (1, False)
    assert "already exists" in done.stderr


def test_licence_of_what_was_imported_from_a_url(tmp_path: Path, hum: Path) -> None:
    """It has no LICENSE.txt, took the operator's consent at its import, and takes it again wherever it goes."""
    home, agreed = tmp_path / "home", AGREED | {"XTTS_CACHE_DIR": str(tmp_path / "cache")}
    for source, tag in [(f"file://{hum}", "tuned:1"), ("tuned:1", "tuned:2")]:
        done = run(home, "-m", "runners.models.importing", source, tag, **agreed)
        assert done.returncode == 0, done.stderr
    bento, path = tmp_path / "bento", home / "models" / "tuned" / "1"
    shutil.copytree(home / "models" / "tuned", bento / "models" / "tuned")
    for store, baked, sources in [
        (home, "", ("tuned:2", path / "model.pth")),
        (tmp_path / "elsewhere", str(bento), ("tuned:1",)),
    ]:
        for source, answer in zip(sources, found(store, *sources, BENTO_PATH=baked), strict=True):
            assert answer.startswith(f"XTTS_MODEL={source}: XTTS-v2 and what is tuned from it")
        for answer in found(store, *sources, BENTO_PATH=baked, **AGREED):
            assert Path(answer).exists()
            assert not baked or Path(answer).is_relative_to(bento)
