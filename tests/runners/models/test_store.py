"""A model's way into BentoML's store and out again, in processes that have a store of their own."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

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


@pytest.fixture
def home(tmp_path: Path, demo_dir: Path) -> Path:
    """A store that holds the demo under demo-model:1."""
    done = run(tmp_path / "home", "-m", "runners.models.importing", demo_dir, "demo-model:1")
    assert (done.returncode, "demo-model:1 is in BentoML's store" in done.stdout) == (0, True), done.stderr
    return tmp_path / "home"


def test_imported_model_is_found_by_its_tag(home: Path, tmp_path: Path, demo_dir: Path) -> None:
    for tag in ("demo-model:1", "demo-model:latest"):
        folder = Path(run(home, "-c", FIND, tag, tmp_path).stdout.strip())
        assert folder.is_relative_to(home)
        assert (folder / "model.pth").read_bytes() == (demo_dir / "model.pth").read_bytes()


def test_what_training_left_beside_a_model_is_not_imported(tmp_path: Path, demo_dir: Path) -> None:
    tuned = Path(shutil.copytree(demo_dir, tmp_path / "tuned"))
    (tuned / "optimizer.pth").write_bytes(b"large")
    assert run(tmp_path / "home", "-m", "runners.models.importing", tuned, "tuned:1").returncode == 0
    stored = {path.name for path in (tmp_path / "home" / "models" / "tuned" / "1").iterdir()}
    assert stored == {path.name for path in demo_dir.iterdir()} | {"model.yaml"}


def test_the_same_tag_is_not_taken_twice(home: Path, demo_dir: Path) -> None:
    done = run(home, "-m", "runners.models.importing", demo_dir, "demo-model:1")
    assert done.returncode == 1
    assert "already exists" in done.stderr
    assert "Traceback" not in done.stderr


def test_model_that_is_not_there(home: Path, tmp_path: Path) -> None:
    done = run(home, "-c", FIND, "demo-model:2", tmp_path)
    assert done.returncode == 1
    assert "XTTS_MODEL=demo-model:2: BentoML's store has no such model. `make model-import`" in done.stderr


def test_model_inside_the_served_bento_comes_first(home: Path, tmp_path: Path, demo_dir: Path) -> None:
    baked = tmp_path / "bento" / "models" / "demo-model" / "1"
    baked.parent.mkdir(parents=True)
    baked.symlink_to(demo_dir)
    done = run(home, "-c", FIND, "demo-model:1", tmp_path, BENTO_PATH=str(tmp_path / "bento"))
    assert done.stdout.strip() == str(baked)


class TestLicenceOfWhatWasImportedFromAUrl:
    """It has no LICENSE.txt, and took the operator's consent at its import."""

    @pytest.fixture
    def imported(self, tmp_path: Path, demo_dir: Path) -> Path:
        """A store that holds it under tuned:1, and a copy of it, made by its tag, under tuned:2."""
        home, agreed = tmp_path / "home", {"COQUI_TOS_AGREED": "1", "XTTS_CACHE_DIR": str(tmp_path / "cache")}
        for source, tag in [(f"file://{demo_dir}", "tuned:1"), ("tuned:1", "tuned:2")]:
            done = run(home, "-m", "runners.models.importing", source, tag, **agreed)
            assert done.returncode == 0, done.stderr
        return home

    def test_it_is_asked_again_wherever_the_model_goes(self, imported: Path, tmp_path: Path) -> None:
        bento = tmp_path / "bento"
        shutil.copytree(imported / "models" / "tuned", bento / "models" / "tuned")
        elsewhere = tmp_path / "elsewhere"
        for model, home, path in [
            ("tuned:1", imported, ""),
            ("tuned:2", imported, ""),
            ("tuned:1", elsewhere, str(bento)),
            (str(imported / "models" / "tuned" / "1"), elsewhere, ""),
        ]:
            refused = run(home, "-c", FIND, model, tmp_path, BENTO_PATH=path)
            assert f"XTTS_MODEL={model}: XTTS-v2 and what is tuned from it" in refused.stderr
            assert refused.returncode == 1
            found = run(home, "-c", FIND, model, tmp_path, "agreed", BENTO_PATH=path)
            assert (Path(found.stdout.strip()) / "model.pth").is_file(), found.stderr
