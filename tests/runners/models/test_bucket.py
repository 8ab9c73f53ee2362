"""Models in S3, from moto's server through a proxy that cuts connections, and from servers with faults of their own."""

import hashlib
import os
import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest
from fsspec.implementations.memory import MemoryFileSystem
from moto.server import ThreadedMotoServer

from runners.errors import ConfigurationError
from runners.models.bucket import MANIFEST, Bucket
from runners.models.remote_folder import RemoteFolder
from tests.cutting_proxy import CuttingProxy
from tests.file_server import FileServer

ROOT = Path(__file__).parents[3]
REQUIRED = ("config.json", "model.pth")
OPTIONAL = ("LICENSE.txt", "hash.md5")
MODEL = random.Random(1).randbytes(30_000_000)
FILES = {"config.json": b"{}", "model.pth": MODEL, "LICENSE.txt": b"CPML", "dvae.pth": b"not needed"}
SUMS = "".join(f"{hashlib.sha256(body).hexdigest()}  {name}\n" for name, body in FILES.items())
KEYS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": "eu-central-1"}

LAND = """
import sys
from pathlib import Path
from runners.models.bucket import Bucket
print(Bucket.open("s3://models/tuned").land(Path(sys.argv[1]), ["config.json", "model.pth"], []))
"""


@pytest.fixture(scope="module")
def server() -> Iterator[tuple[str, int]]:
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    yield server.get_host_and_port()
    server.stop()


@pytest.fixture
def proxy(server: tuple[str, int]) -> Iterator[CuttingProxy]:
    with CuttingProxy(server) as proxy:
        bucket = boto3.resource("s3", endpoint_url=f"http://{server[0]}:{server[1]}", **credentials()).Bucket("models")
        bucket.create(CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
        for name, body in {**FILES, MANIFEST: SUMS.encode()}.items():
            bucket.put_object(Key=f"tuned/{name}", Body=body)
        yield proxy
        bucket.objects.delete()
        bucket.delete()


def credentials() -> dict[str, str]:
    return {"aws_access_key_id": "test", "aws_secret_access_key": "test", "region_name": "eu-central-1"}


def put(proxy: CuttingProxy, name: str, body: bytes) -> None:
    client = boto3.client("s3", endpoint_url=f"http://{proxy.upstream[0]}:{proxy.upstream[1]}", **credentials())
    client.put_object(Bucket="models", Key=f"tuned/{name}", Body=body)


def land(proxy: CuttingProxy, models: Path, url: str = "s3://models/tuned") -> Path:
    bucket = Bucket.open(url, key="test", secret="test", client_kwargs={"endpoint_url": proxy.url})
    return bucket.land(models, REQUIRED, OPTIONAL)


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def whole(models: Path) -> list[Path]:
    return [path for path in models.iterdir() if path.is_dir() and path.suffix != ".partial"]


def test_lands_what_is_wanted_and_needs_no_network_again(proxy: CuttingProxy, tmp_path: Path) -> None:
    folder = land(proxy, tmp_path)
    assert contents(folder) == {name: FILES[name] for name in ("config.json", "model.pth", "LICENSE.txt")}
    proxy.down_after = 0
    assert land(proxy, tmp_path) == folder


def test_cut_connections_are_taken_up_again(proxy: CuttingProxy, tmp_path: Path) -> None:
    proxy.cuts = [100_000, 5_000_000, 1, 300_000]
    assert contents(land(proxy, tmp_path))["model.pth"] == MODEL
    assert proxy.cuts == []


def test_next_start_goes_on_where_the_network_went_down(proxy: CuttingProxy, tmp_path: Path) -> None:
    have = 0
    for down_after in range(26_000_000, len(MODEL), 1_000_000):  # ranges come side by side: the first may not be whole
        proxy.down_after, proxy.passed = down_after, 0
        with pytest.raises(ConfigurationError, match=r"XTTS_MODEL=s3://models/tuned: .*What has come is kept"):
            land(proxy, tmp_path)
        assert whole(tmp_path) == []
        (partial,) = tmp_path.glob("*.partial/model.pth")
        if have := partial.stat().st_size:
            break
    assert have > 0
    proxy.down_after, proxy.passed = None, 0
    assert contents(land(proxy, tmp_path))["model.pth"] == MODEL
    assert proxy.passed < len(MODEL) - have + 100_000


def test_what_is_not_as_the_manifest_says_is_not_landed(proxy: CuttingProxy, tmp_path: Path) -> None:
    put(proxy, "model.pth", MODEL[:-1] + b"?")
    with pytest.raises(ConfigurationError, match=r"model\.pth arrived damaged"):
        land(proxy, tmp_path)
    assert whole(tmp_path) == []
    put(proxy, "model.pth", MODEL)
    assert contents(land(proxy, tmp_path))["model.pth"] == MODEL


def test_manifest_that_is_none(proxy: CuttingProxy, tmp_path: Path) -> None:
    put(proxy, MANIFEST, b"<html>")
    with pytest.raises(ConfigurationError, match="SHA256SUMS is not what sha256sum writes"):
        land(proxy, tmp_path)


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("s3://models/nothing", "the folder has no config.json, model.pth"),
        ("s3://nobodys/tuned", "the folder has no config.json, model.pth"),
        ("adl://lake/tuned", "this takes a package that is not here"),
    ],
)
def test_what_is_not_there(proxy: CuttingProxy, tmp_path: Path, url: str, message: str) -> None:
    with pytest.raises(ConfigurationError, match=f"XTTS_MODEL={url}: {message}"):
        land(proxy, tmp_path, url)


def test_two_processes_download_once(proxy: CuttingProxy, tmp_path: Path) -> None:
    environ = os.environ | KEYS | {"AWS_ENDPOINT_URL": proxy.url}
    command = [sys.executable, "-c", LAND, tmp_path]
    processes = [subprocess.Popen(command, cwd=ROOT, env=environ, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    answers = {process.communicate(timeout=120)[0] for process in processes}
    assert [process.returncode for process in processes] == [0, 0]
    assert len(answers) == 1
    assert len(MODEL) < proxy.passed < 1.1 * len(MODEL)


class Changing(MemoryFileSystem):
    """A folder whose model is replaced while it is read."""

    store: dict[str, object] = {}  # noqa: RUF012  # its own, not fsspec's for all memory files

    def cat_file(self, path: str, start: int | None = None, end: int | None = None, **options: object) -> bytes:
        content = super().cat_file(path, start, end, **options)
        if path.endswith("model.pth"):
            self.pipe_file(path, b"another")
        return content


def test_model_that_changes_meanwhile(tmp_path: Path) -> None:
    filesystem = Changing(skip_instance_cache=True)
    for name in REQUIRED:
        filesystem.pipe_file(f"/tuned/{name}", b"the one")
    with pytest.raises(ConfigurationError, match="was changed while it was downloaded"):
        Bucket(RemoteFolder("memory://tuned", filesystem, "/tuned")).land(tmp_path, REQUIRED, OPTIONAL)
    assert whole(tmp_path) == []


def test_no_room(proxy: CuttingProxy, tmp_path: Path) -> None:
    bucket = Bucket.open("s3://models/tuned", key="test", secret="test", client_kwargs={"endpoint_url": proxy.url})
    with pytest.raises(ConfigurationError, match=r"30\.0 MB are to come .* has room for 1\.0 MB"):
        Bucket(bucket.folder, lambda folder: 10**6).land(tmp_path, REQUIRED, OPTIONAL)


class TestWhatOneStartLeavesToTheNext:
    """From a plain HTTP server, which falls silent after the first range."""

    CUT = 9_000_000
    KEPT = 8 * 2**20

    def begin(self, server: FileServer, models: Path) -> None:
        server.mute_from = self.CUT
        with pytest.raises(ConfigurationError, match=r"model\.pth cannot be read \(.*Timeout.*What has come is kept"):
            self.land(server, models)
        (partial,) = models.glob("*.partial/model.pth")
        assert partial.stat().st_size == self.KEPT
        server.mute_from = None
        server.read.clear()

    def land(self, server: FileServer, models: Path) -> Path:
        return Bucket.open(f"{server.url}/tuned", silence=0.3).land(models, REQUIRED, OPTIONAL)

    @pytest.fixture
    def server(self) -> Iterator[FileServer]:
        with FileServer({"tuned/config.json": b"{}", "tuned/model.pth": MODEL}) as server:
            yield server

    @pytest.mark.parametrize("version", ["ETag", "Last-Modified"])
    def test_same_version_goes_on(self, server: FileServer, tmp_path: Path, version: str) -> None:
        server.headers = {version: "1"}
        self.begin(server, tmp_path)
        assert contents(self.land(server, tmp_path))["model.pth"] == MODEL
        assert min(server.starts("tuned/model.pth")) == self.KEPT

    def test_another_version_begins_anew_and_the_old_is_removed(self, server: FileServer, tmp_path: Path) -> None:
        server.headers = {"Last-Modified": "1"}
        self.begin(server, tmp_path)
        server.headers = {"Last-Modified": "2"}
        server.files["tuned/model.pth"] = MODEL[::-1]
        folder = self.land(server, tmp_path)
        assert contents(folder)["model.pth"] == MODEL[::-1]
        assert [path for path in tmp_path.iterdir() if path.is_dir()] == [folder]

    def test_where_no_version_is_told_it_begins_anew(
        self, server: FileServer, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        self.begin(server, tmp_path)
        server.files["tuned/model.pth"] = MODEL[::-1]
        assert contents(self.land(server, tmp_path))["model.pth"] == MODEL[::-1]
        assert "model.pth: the server tells neither version nor checksum" in caplog.text

    def test_a_checksum_stands_in_for_the_version(self, server: FileServer, tmp_path: Path) -> None:
        server.files[f"tuned/{MANIFEST}"] = SUMS.encode()
        self.begin(server, tmp_path)
        assert contents(self.land(server, tmp_path))["model.pth"] == MODEL
        assert min(server.starts("tuned/model.pth")) == self.KEPT


class TestWithoutTheRightToListTheBucket:
    """S3 then answers 403 for what is not there."""

    @pytest.fixture
    def server(self) -> Iterator[FileServer]:
        files = {f"models/tuned/{name}": FILES[name] for name in REQUIRED}
        with FileServer(files, {"ETag": '"1"'}, absent=403) as server:
            yield server

    def land(self, server: FileServer, models: Path) -> Path:
        client = {"client_kwargs": {"endpoint_url": server.url}}
        return Bucket.open("s3://models/tuned", key="test", secret="test", **client).land(models, REQUIRED, OPTIONAL)

    def test_optional_files_and_manifest_count_as_absent(
        self, server: FileServer, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        assert contents(self.land(server, tmp_path)) == {name: FILES[name] for name in REQUIRED}
        said = [record.getMessage() for record in caplog.records if "is denied" in record.getMessage()]
        assert [message.partition("access to ")[2].partition(" is denied (403)")[0] for message in said] == [
            "LICENSE.txt, hash.md5",
            MANIFEST,
        ]

    def test_required_file(self, server: FileServer, tmp_path: Path) -> None:
        server.statuses["models/tuned/config.json"] = 403
        with pytest.raises(ConfigurationError, match=r"config\.json is denied \(403\).* not there: S3 .*s3:ListBucket"):
            self.land(server, tmp_path)
        assert list(tmp_path.iterdir()) == []


def test_fault_of_a_local_source_is_not_the_caches(tmp_path: Path) -> None:
    source = tmp_path / "source"
    (source / "model.pth").mkdir(parents=True)
    (source / "config.json").touch()
    with pytest.raises(ConfigurationError, match=r"XTTS_MODEL=file://.*: model\.pth cannot be read \(IsADirectory"):
        Bucket.open(f"file://{source}").land(tmp_path / "models", REQUIRED, OPTIONAL)
