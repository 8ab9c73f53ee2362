import errno
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from runners.errors import ConfigurationError
from runners.models.licence import recorded_source
from runners.models.source import DemoRecipe, is_demo, is_tag, locate, resolve_model
from tests.fake_hub import COMMIT, hub_files
from tests.file_server import FileServer

ROOT = Path(__file__).parents[3]
REQUIRED_FILES = ("config.json", "model.pth", "vocab.json")
FILES = {name: name.encode() for name in (*REQUIRED_FILES, "speakers_xtts.pth", "LICENSE.txt")}

MAKE_DEMO = """
import sys, time
from pathlib import Path
from runners.models.source import DemoRecipe, resolve_model

def make(folder: Path) -> None:
    print("made", flush=True)
    time.sleep(0.5)
    (folder / "model.pth").touch()

folder = resolve_model("demo", Path(sys.argv[1]), False, demo=lambda: DemoRecipe("7", make))
assert (folder / "model.pth").is_file()
"""


@pytest.fixture
def fake() -> Iterator[FileServer]:
    files = hub_files("coqui/XTTS-v2", FILES | {"dvae.pth": b"not needed"}, ["v2.0.3"])
    with FileServer(files | hub_files("someone/tuned", FILES)) as fake:
        yield fake


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    folder = tmp_path / "checkpoint"
    folder.mkdir()
    for name in REQUIRED_FILES:
        (folder / name).touch()
    return folder


def resolve(source: str, cache: Path, fake: FileServer, tos_agreed: bool = True) -> Path:
    return resolve_model(source, cache, tos_agreed, endpoint=fake.url)


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_folder(checkpoint: Path, tmp_path: Path):
    cache = tmp_path / "cache"
    assert resolve_model(str(checkpoint), cache, False) == checkpoint
    assert not cache.exists()


def test_folder_in_the_home(tmp_path: Path):
    with TemporaryDirectory(dir=Path.home()) as name:
        for file in REQUIRED_FILES:
            (Path(name) / file).touch()
        assert resolve_model(f"~/{Path(name).name}", tmp_path, False) == Path(name)


def test_file_of_weights_in_a_folder(checkpoint: Path, tmp_path: Path):
    assert resolve_model(str(checkpoint / "model.pth"), tmp_path, False) == checkpoint / "model.pth"


@pytest.mark.parametrize("source", ["nowhere/XTTS-v2", "checkpoint/best_model.pth", "checkpoint/config.json"])
def test_no_folder_says_what_may_be(checkpoint: Path, tmp_path: Path, source: str):
    with pytest.raises(ConfigurationError, match=r"there is no such folder; must be demo, hf://.*, or a folder"):
        resolve_model(str(tmp_path / source), tmp_path, False)


@pytest.mark.parametrize("source", ["carrier-pigeon://loft", "HF://coqui/XTTS-v2", "://x"])
def test_unknown_scheme_says_what_may_be(tmp_path: Path, source: str):
    with pytest.raises(ConfigurationError, match=f"XTTS_MODEL={source}: must be demo, hf://.*, or a folder"):
        resolve_model(source, tmp_path, True)
    assert names(tmp_path) == set()


def test_hub_model_holds_what_the_checkpoint_needs(fake: FileServer, tmp_path: Path):
    folder = resolve("hf://coqui/XTTS-v2", tmp_path, fake)
    assert folder == tmp_path / "models" / f"coqui--XTTS-v2@{COMMIT}"
    assert names(folder) == set(FILES)


@pytest.mark.parametrize(
    ("source", "url", "weights", "warned"),
    [
        ("hf://coqui/XTTS-v2", "hf://coqui/XTTS-v2@v2.0.3", None, False),
        ("hf://coqui/XTTS-v2@main", "hf://coqui/XTTS-v2@main", None, False),
        ("hf://someone/tuned", "hf://someone/tuned@main", None, True),
        ("hf://someone/tuned@main", "hf://someone/tuned@main", None, False),
        ("hf://a/b/c/best_model_1.pth@refs/pr/1", "hf://a/b/c@refs/pr/1", "best_model_1.pth", False),
        ("hf://a/b/c", "hf://a/b/c@main", None, True),
        ("s3://models/tuned@1/model.safetensors", "s3://models/tuned@1", "model.safetensors", False),
        ("https://example.com/tuned", "https://example.com/tuned", None, False),
    ],
)
def test_where_a_url_points(caplog: pytest.LogCaptureFixture, source: str, url: str, weights: str | None, warned: bool):
    assert locate(source) == (url, weights)
    assert ["not pinned" in record.getMessage() for record in caplog.records] == [True] * warned


@pytest.mark.parametrize(
    ("source", "is_one"),
    [("a:1", True), ("xtts-v2:v2.0.3/eng/deep", True), ("a:1/model.pth", True), ("a", False), ("C:/a", False)],
)
def test_tags(source: str, is_one: bool):
    assert is_tag(source) == is_one


@pytest.mark.parametrize("content", [None, "", "- a", "metadata: 3", "metadata: {source: [1]}", "a: [", "\0"])
def test_what_we_did_not_write_records_nothing(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / "model.yaml").write_text(content)
    assert recorded_source(tmp_path) is None


@pytest.mark.parametrize("source", ["hf://coqui/XTTS-v2", f"hf://someone/tuned@{COMMIT}", "s3://models/tuned"])
def test_hub_model_needs_the_licence_agreed_to(fake: FileServer, tmp_path: Path, source: str):
    with pytest.raises(ConfigurationError) as caught:
        resolve(source, tmp_path, fake, tos_agreed=False)
    for part in (source, "CPML", "non-commercial", "https://coqui.ai/cpml", "COQUI_TOS_AGREED=1"):
        assert part in str(caught.value)
    assert fake.read == []
    assert names(tmp_path) == set()


def test_folder_of_the_real_weights_needs_the_licence_agreed_to(checkpoint: Path, tmp_path: Path):
    (checkpoint / "LICENSE.txt").write_text("Coqui Public Model License 1.0.0")
    with pytest.raises(ConfigurationError, match=f"XTTS_MODEL={checkpoint}: .*set COQUI_TOS_AGREED=1"):
        resolve_model(str(checkpoint), tmp_path, False)
    assert resolve_model(str(checkpoint), tmp_path, True) == checkpoint


def test_folder_at_any_url(checkpoint: Path, tmp_path: Path):
    folder = resolve_model(f"file://{checkpoint}", tmp_path / "cache", True)
    assert names(folder) == set(REQUIRED_FILES)
    assert folder.parent == tmp_path / "cache" / "models"


def test_cache_that_cannot_be_written_when_a_url_is_fetched(checkpoint: Path, tmp_path: Path):
    (tmp_path / "file").touch()
    with pytest.raises(
        ConfigurationError, match=r"XTTS_CACHE_DIR=.*: must be a folder that .* may write to: .*Not a directory"
    ):
        resolve_model(f"file://{checkpoint}", tmp_path / "file" / "cache", True)


@pytest.mark.parametrize("address", ["", "XTTS-v2", "coqui/", "coqui/XTTS v2", "@v2.0.3"])
def test_address_that_is_none(fake: FileServer, tmp_path: Path, address: str):
    with pytest.raises(ConfigurationError, match=r"XTTS_MODEL=hf://.*: must be hf://owner/name"):
        resolve(f"hf://{address}", tmp_path, fake)


@pytest.mark.parametrize("source", ["demo", "hf://coqui/XTTS-v2"])
def test_cache_that_cannot_be_written(fake: FileServer, tmp_path: Path, source: str):
    (tmp_path / "file").touch()
    cache = tmp_path / "file" / "cache"
    recipe = DemoRecipe("7", lambda folder: None)
    with pytest.raises(ConfigurationError, match=f"XTTS_CACHE_DIR={cache}: must be a folder that .* may write to: "):
        resolve_model(source, cache, True, endpoint=fake.url, demo=lambda: recipe)


def test_demo_is_made_once_for_each_version(tmp_path: Path):
    made: list[Path] = []

    def resolve_demo(version: str) -> Path:
        return resolve_model("demo", tmp_path, False, demo=lambda: DemoRecipe(version, made.append))

    assert resolve_demo("7") == resolve_demo("7") == tmp_path / "models" / "demo-7"
    assert resolve_demo("8") == tmp_path / "models" / "demo-8"
    assert len(made) == 2


def test_only_demo_is_the_demo():
    assert [source for source in ("demo", "./demo", "Demo", "hf://coqui/demo") if is_demo(source)] == ["demo"]


def test_demo_begins_anew_after_a_failure(tmp_path: Path):
    def fail(folder: Path) -> None:
        (folder / "half").touch()
        raise OSError(errno.ENOSPC, "disk full")

    with pytest.raises(ConfigurationError, match="disk full"):
        resolve_model("demo", tmp_path, False, demo=lambda: DemoRecipe("7", fail))
    folder = resolve_model(
        "demo", tmp_path, False, demo=lambda: DemoRecipe("7", lambda folder: (folder / "whole").touch())
    )
    assert names(folder) == {"whole"}


def test_two_processes_make_the_demo_once(tmp_path: Path):
    command = [sys.executable, "-c", MAKE_DEMO, tmp_path]
    processes = [subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    made = "".join(process.communicate(timeout=30)[0] for process in processes)
    assert [process.returncode for process in processes] == [0, 0]
    assert made == "made\n"


def test_demo_of_the_project_has_the_real_layout(tmp_path: Path):
    folder = resolve_model("demo", tmp_path, False)
    assert names(folder) >= {*REQUIRED_FILES, "speakers_xtts.pth"}


def test_what_the_disk_did_not_do_is_not_blamed_on_it(tmp_path: Path) -> None:
    def fail(folder: Path) -> None:
        raise OSError("the server fails")

    with pytest.raises(OSError, match="the server fails"):
        resolve_model("demo", tmp_path, False, demo=lambda: DemoRecipe("7", fail))


def test_a_url_whose_host_is_none(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"XTTS_MODEL=\*\*\*: must have a host") as refused:
        resolve_model("https://anna:geheim@[x/m", tmp_path, tos_agreed=True)
    assert "geheim" not in str(refused.value)


def test_a_url_with_a_password_is_refused_and_not_repeated(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as refused:
        resolve_model("https://anna:geheim@example.com/model", tmp_path, tos_agreed=True)
    assert "geheim" not in str(refused.value)
