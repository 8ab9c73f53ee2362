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
from runners.models.source import resolve_model
print(resolve_model(sys.argv[1], Path(sys.argv[2]), "agreed" in sys.argv))
"""


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
def home(tmp_path_factory: pytest.TempPathFactory, demo_dir: Path) -> Path:
    """A store that holds a trainer's dump of the demo under tuned:1."""
    folder, home = tmp_path_factory.mktemp("run"), tmp_path_factory.mktemp("home")
    checkpoints.dump(demo_dir, folder)
    checkpoints.change_config(folder, lambda config: config.update(output_path="/content/run", lr=5e-6))
    (folder / "events.out.tfevents").touch()
    done = run(home, "-m", "runners.models.importing", folder, "tuned:1")
    assert (done.returncode, "tuned:1 is in BentoML's store" in done.stdout) == (0, True), done.stderr
    assert "Left out: 0.20 GB of training's tensors, events.out.tfevents" in done.stdout
    return home


def test_imported_model_is_clean_and_the_same(home: Path, tmp_path: Path, demo_dir: Path) -> None:
    folder = Path(run(home, "-c", FIND, "tuned:latest", tmp_path).stdout.strip())
    assert folder.is_relative_to(home)
    assert {path.name for path in folder.iterdir()} == {path.name for path in demo_dir.iterdir()} | {"model.yaml"}
    imported, plain = look_at(folder), look_at(demo_dir)
    assert (imported.layout, imported.left_out, imported.config) == ("upstream's", 0, plain.config)
    assert checkpoint_identity(imported) == checkpoint_identity(plain)
    assert (folder / "model.pth").stat().st_size < 1.01 * (demo_dir / "model.pth").stat().st_size
    assert not {"output_path", "lr"} & json.loads((folder / "config.json").read_text()).keys()


def test_folder_and_file_in_a_stored_model(home: Path, tmp_path: Path) -> None:
    stored = home / "models" / "tuned" / "1"
    shutil.copytree(stored, stored / "deep", ignore=shutil.ignore_patterns("deep", "model.yaml"), dirs_exist_ok=True)
    for below in ("deep", "deep/model.pth"):
        assert run(home, "-c", FIND, f"tuned:1/{below}", tmp_path).stdout.strip() == str(stored / below)
    assert "XTTS_MODEL=tuned:1/none: the model has no none" in run(home, "-c", FIND, "tuned:1/none", tmp_path).stderr


@pytest.mark.parametrize(
    ("source", "tag", "message"),
    [("demo", "tuned:1", "already exists"), ("/nowhere", "tuned:2", "XTTS_MODEL=/nowhere: there is no such folder")],
)
def test_refusals(home: Path, source: str, tag: str, message: str, tmp_path: Path) -> None:
    done = run(home, "-m", "runners.models.importing", source, tag, XTTS_CACHE_DIR=str(tmp_path))
    assert (done.returncode, "Traceback" in done.stderr) == (1, False)
    assert message in done.stderr


def test_model_that_is_not_there(home: Path, tmp_path: Path) -> None:
    done = run(home, "-c", FIND, "demo-model:2", tmp_path)
    assert done.returncode == 1
    assert "XTTS_MODEL=demo-model:2: BentoML's store has no such model. `make model-import`" in done.stderr


def test_licence_of_what_was_imported_from_a_url(tmp_path: Path, demo_dir: Path) -> None:
    """It has no LICENSE.txt, took the operator's consent at its import, and takes it again wherever it goes."""
    home, agreed = tmp_path / "home", {"COQUI_TOS_AGREED": "1", "XTTS_CACHE_DIR": str(tmp_path / "cache")}
    for source, tag in [(f"file://{demo_dir}", "tuned:1"), ("tuned:1", "tuned:2")]:
        done = run(home, "-m", "runners.models.importing", source, tag, **agreed)
        assert done.returncode == 0, done.stderr
    bento, elsewhere = tmp_path / "bento", tmp_path / "elsewhere"
    shutil.copytree(home / "models" / "tuned", bento / "models" / "tuned")
    for model, store, path in [
        ("tuned:2", home, ""),
        ("tuned:1", elsewhere, str(bento)),
        (str(home / "models" / "tuned" / "1" / "model.pth"), elsewhere, ""),
    ]:
        refused = run(store, "-c", FIND, model, tmp_path, BENTO_PATH=path)
        assert f"XTTS_MODEL={model}: XTTS-v2 and what is tuned from it" in refused.stderr
        found = run(store, "-c", FIND, model, tmp_path, "agreed", BENTO_PATH=path)
        assert Path(found.stdout.strip()).exists(), found.stderr
