import os
import random
import resource
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from runners.errors import ConfigurationError
from runners.models.hub import Hub, HubModel
from runners.models.ranges import ATTEMPTS, RANGE
from tests.fake_hub import COMMIT, FakeHub, Fault, wait_until

ROOT = Path(__file__).parents[3]
REQUIRED = ("config.json", "model.pth")
OPTIONAL = ("LICENSE.txt", "hash.md5")
MODEL = HubModel("coqui/XTTS-v2", "v2.0.3")
FOLDER = f"coqui--XTTS-v2@{COMMIT}"
FILES = {
    "config.json": b'{"model": "xtts"}',
    "model.pth": random.Random(1).randbytes(100_000),
    "LICENSE.txt": b"Coqui Public Model License",
    "dvae.pth": b"not needed",
}
BIG = FILES | {"model.pth": random.Random(2).randbytes(25_000_000)}
CUT = 23_000_000  # in the third and last range of the big model
KEPT = 2 * RANGE
LAST = f"bytes={KEPT}-{len(BIG['model.pth']) - 1}"

LAND = """
import logging, sys
from pathlib import Path
from runners.errors import ConfigurationError
from runners.models.hub import Hub, HubModel

logging.basicConfig(format="%(message)s")
logging.getLogger("runners.models.landing").setLevel("INFO")
try:
    model = HubModel("coqui/XTTS-v2", "v2.0.3")
    print(Hub().land(model, Path(sys.argv[1]), ["config.json", "model.pth"], []))
except ConfigurationError as error:
    sys.exit(str(error))
"""


@pytest.fixture
def fake() -> Iterator[FakeHub]:
    with FakeHub(dict(FILES)) as fake:
        yield fake


def land(fake: FakeHub, models: Path, model: HubModel = MODEL, room: int = 10**9) -> Path:
    return Hub(fake.endpoint, lambda folder: room).land(model, models, REQUIRED, OPTIONAL)


def start(models: Path, **environ: str) -> subprocess.Popen[str]:
    """Lands the model in a process of its own, from the hub that HF_ENDPOINT names."""
    return subprocess.Popen(
        [sys.executable, "-c", LAND, models],
        cwd=ROOT,
        env=os.environ | environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def landed(models: Path) -> list[str]:
    """The names of whole models, which are not their drafts, locks and refs."""
    return [path.name for path in models.glob("*") if path.suffix not in {".partial", ".lock", ".ref"}]


def test_lands_the_files_that_are_wanted_under_the_commit(fake: FakeHub, tmp_path: Path):
    folder = land(fake, tmp_path / "cache" / "models")
    assert folder == tmp_path / "cache" / "models" / FOLDER
    assert contents(folder) == {name: FILES[name] for name in ("config.json", "model.pth", "LICENSE.txt")}
    assert landed(folder.parent) == [FOLDER]


@pytest.mark.parametrize("revision", ["v2.0.3", "main", COMMIT])
def test_landed_model_needs_no_network(tmp_path: Path, revision: str):
    model = HubModel("coqui/XTTS-v2", revision)
    with FakeHub(FILES) as fake:
        folder = land(fake, tmp_path, model)
    assert land(fake, tmp_path, model) == folder


def test_branch_that_moved_stays_where_it_landed(fake: FakeHub, tmp_path: Path):
    model = HubModel("coqui/XTTS-v2", "main")
    folder = land(fake, tmp_path, model)
    fake.revisions["main"] = "f" * 40
    assert land(fake, tmp_path, model) == folder


def test_two_revisions_of_one_commit_are_downloaded_once(fake: FakeHub, tmp_path: Path):
    assert land(fake, tmp_path) == land(fake, tmp_path, HubModel("coqui/XTTS-v2", "main"))
    assert len(fake.downloads("model.pth")) == 1


def test_revision_with_a_slash_stays_inside_the_cache(fake: FakeHub, tmp_path: Path):
    fake.revisions["refs/pr/1"] = COMMIT
    models = tmp_path / "models"
    assert land(fake, models, HubModel("coqui/XTTS-v2", "refs/pr/1")).parent == models
    assert (models / "coqui--XTTS-v2@refs%2Fpr%2F1.ref").is_file()


def test_failed_download_lands_nothing_and_the_next_start_goes_on(tmp_path: Path):
    with FakeHub(BIG, faults=[Fault("refuse", CUT)] * ATTEMPTS) as fake:
        with pytest.raises(ConfigurationError, match=r"XTTS_MODEL=hf://coqui/XTTS-v2@v2\.0\.3: the hub answered 503"):
            land(fake, tmp_path)
        assert landed(tmp_path) == []
        fake.served.clear()
        folder = land(fake, tmp_path, room=len(BIG["model.pth"]) - KEPT + 100)  # what is there needs no room again
        assert contents(folder)["model.pth"] == BIG["model.pth"]
        assert [answer.range for answer in fake.downloads("model.pth")] == [LAST]
        assert fake.downloads("config.json") == []


def test_killed_download_goes_on(tmp_path: Path):
    partial = tmp_path / f"{FOLDER}.partial" / "model.pth"
    with FakeHub(BIG, faults=[Fault("stall", CUT)]) as fake:
        with start(tmp_path, HF_ENDPOINT=fake.endpoint) as process:
            wait_until(lambda: partial.exists() and partial.stat().st_size == KEPT)
            process.kill()
        assert landed(tmp_path) == []
        fake.served.clear()
        assert contents(land(fake, tmp_path))["model.pth"] == BIG["model.pth"]
        assert [(answer.range, answer.sent) for answer in fake.downloads("model.pth")] == [
            (LAST, len(BIG["model.pth"]) - KEPT)
        ]


def test_silent_hub_is_given_up_and_what_came_is_kept(tmp_path: Path):
    partial = tmp_path / f"{FOLDER}.partial" / "model.pth"
    partial.parent.mkdir()
    partial.write_bytes(BIG["model.pth"][:1000])
    with FakeHub(BIG) as fake:
        fake.open.clear()
        with start(tmp_path, HF_ENDPOINT=fake.endpoint, HF_HUB_DOWNLOAD_TIMEOUT="1") as process:
            _, message = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "the hub cannot be reached (" in message
    assert "what has come is kept" in message
    assert partial.stat().st_size == 1000


def test_what_was_begun_before_the_branch_moved_is_removed(tmp_path: Path):
    model, begun = HubModel("coqui/XTTS-v2", "main"), tmp_path / f"coqui--XTTS-v2@{'f' * 40}.partial"
    begun.mkdir()
    with FakeHub(FILES) as fake:
        land(fake, tmp_path, model)
    assert [path.name for path in tmp_path.iterdir() if path.is_dir()] == [FOLDER]


def test_two_processes_download_once(fake: FakeHub, tmp_path: Path):
    fake.open.clear()
    with start(tmp_path, HF_ENDPOINT=fake.endpoint) as first:
        wait_until((tmp_path / f"{FOLDER}.partial").exists)
        with start(tmp_path, HF_ENDPOINT=fake.endpoint) as second:
            assert second.stderr.readline().startswith("Another process is making")
            fake.open.set()
            answers = {process.communicate(timeout=30)[0] for process in (first, second)}
    assert answers == {f"{tmp_path / FOLDER}\n"}
    assert [len(fake.downloads(name)) for name in REQUIRED] == [1, 1]


def test_token_goes_to_the_hub_and_not_to_its_storage(fake: FakeHub, tmp_path: Path):
    with start(tmp_path, HF_ENDPOINT=fake.endpoint, HF_TOKEN="hf_secret") as process:
        process.communicate(timeout=30)
    assert process.returncode == 0
    sent = {answer.path.split("/")[1]: answer.authorization for answer in fake.served}
    assert sent == {"api": "Bearer hf_secret", "coqui": "Bearer hf_secret", "storage": None}


def test_damaged_file_is_not_landed(fake: FakeHub, tmp_path: Path):
    fake.corrupt.add("model.pth")
    with pytest.raises(ConfigurationError, match=r"model\.pth arrived damaged"):
        land(fake, tmp_path)
    assert landed(tmp_path) == []
    fake.corrupt.clear()
    assert contents(land(fake, tmp_path))["model.pth"] == FILES["model.pth"]


def test_no_room_is_seen_before_anything_is_fetched(fake: FakeHub, tmp_path: Path):
    needed = sum(len(FILES[name]) for name in ("config.json", "model.pth", "LICENSE.txt"))
    with pytest.raises(ConfigurationError, match=r"0\.1 MB are to come and .* has room for 0\.1 MB.*XTTS_CACHE_DIR"):
        land(fake, tmp_path, room=needed - 1)
    assert landed(tmp_path) == []
    assert not fake.downloads("config.json")
    land(fake, tmp_path, room=needed)


def test_no_network(fake: FakeHub, tmp_path: Path):
    hub = Hub("http://127.0.0.1:9")  # the discard port: nobody listens
    with pytest.raises(ConfigurationError, match=r"the hub cannot be reached .*XTTS_MODEL may also name a folder"):
        hub.land(MODEL, tmp_path, REQUIRED, OPTIONAL)
    assert list(tmp_path.iterdir()) == []


def test_offline_mode(fake: FakeHub, tmp_path: Path):
    with start(tmp_path, HF_ENDPOINT=fake.endpoint, HF_HUB_OFFLINE="1") as process:
        _, message = process.communicate(timeout=30)
    assert "not in the cache yet, and HF_HUB_OFFLINE forbids" in message
    assert (process.returncode, fake.served) == (1, [])


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (HubModel("coqui/XTTS-v3", "main"), "the hub has no such repository.*HF_TOKEN"),
        (HubModel("coqui/XTTS-v2", "v9"), "the repository has no revision v9"),
        (HubModel("coqui/XTTS--v2", "main"), "no such name is possible"),
    ],
)
def test_unknown_repository_or_revision(fake: FakeHub, tmp_path: Path, model: HubModel, message: str):
    with pytest.raises(ConfigurationError, match=f"XTTS_MODEL={model}: {message}"):
        land(fake, tmp_path, model)
    assert list(tmp_path.iterdir()) == []


def test_missing_file_is_named(fake: FakeHub, tmp_path: Path):
    del fake.files["model.pth"]
    with pytest.raises(ConfigurationError, match=r"the repository has no model\.pth$"):
        land(fake, tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("refusal", "message"),
    [
        ((403, "GatedRepo", "ask first"), "conditions to be accepted"),
        ((503, "", "down"), "the hub answered 503"),
        ((200, "", "<html>log in to the airport</html>"), "the answer is not a hub's"),
        ((200, "", '{"id": "coqui/XTTS-v2"}'), "the answer is not a hub's"),
    ],
)
def test_other_answers(fake: FakeHub, tmp_path: Path, refusal: tuple[int, str, str], message: str):
    fake.refusal = refusal
    with pytest.raises(ConfigurationError, match=message):
        land(fake, tmp_path)


@pytest.mark.parametrize("fault", [Fault("empty", CUT), Fault("whole", CUT), Fault("short", CUT)])
def test_content_that_is_not_what_was_asked_for(tmp_path: Path, fault: Fault):
    with FakeHub(BIG, faults=[fault] * ATTEMPTS) as fake:
        with pytest.raises(ConfigurationError, match=r"the answer is not a hub's: .*Check HF_ENDPOINT and any proxy"):
            land(fake, tmp_path)
        assert (tmp_path / f"{FOLDER}.partial" / "model.pth").stat().st_size == KEPT


def test_cache_that_may_not_be_written(fake: FakeHub):
    with TemporaryDirectory() as name:
        models = Path(name)
        folder = land(fake, models)
        models.chmod(0o555)
        fake.revisions["next"] = "f" * 40
        with unprivileged():
            assert land(fake, models) == folder  # it is there, and only read
            with pytest.raises(PermissionError):
                land(fake, models, HubModel("coqui/XTTS-v2", "next"))


def test_disk_that_fills_up_meanwhile(fake: FakeHub, tmp_path: Path):
    with largest_file(60_000), pytest.raises(OSError, match="File too large"):
        land(fake, tmp_path)
    assert landed(tmp_path) == []
    assert contents(land(fake, tmp_path))["model.pth"] == FILES["model.pth"]


@contextmanager
def largest_file(size: int) -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@contextmanager
def unprivileged() -> Iterator[None]:
    """As root, who may write anywhere, goes on as nobody for a while."""
    user = os.geteuid()
    os.seteuid(user or 65534)
    try:
        yield
    finally:
        os.seteuid(user)
