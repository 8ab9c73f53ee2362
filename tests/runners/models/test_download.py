"""Checkpoints from the hub, S3 and plain HTTP: whole, verified, once, and what is said when it cannot be."""

import hashlib
import os
import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import aiohttp
import boto3
import pytest
from fsspec.implementations.memory import MemoryFileSystem
from huggingface_hub import constants
from moto.server import ThreadedMotoServer

from runners.errors import ConfigurationError
from runners.models import remote_folder
from runners.models.download import MANIFEST, download
from runners.models.remote_folder import RemoteFolder
from tests.fake_hub import COMMIT, hub_files
from tests.file_server import FileServer
from tests.tls import authority

ROOT = Path(__file__).parents[3]
MODEL = random.Random(1).randbytes(12_000_000)
TEXTS = {"config.json": b"{}", "vocab.json": b"{} "}
FILES = {**TEXTS, "model.pth": MODEL, "LICENSE.txt": b"CPML", "dvae.pth": b"not needed"}
LANDED = {name: body for name, body in FILES.items() if name != "dvae.pth"}
SUMS = "".join(f"{hashlib.sha256(body).hexdigest()}  {name}\n" for name, body in FILES.items()).encode()
REPO = "someone/tuned"
EVERYWHERE = hub_files(REPO, FILES) | {
    f"{at}/{name}": FILES[name] for at in ("tuned", "models/tuned") for name in FILES
}
QUICK = {"timeout": aiohttp.ClientTimeout(sock_read=0.3)}

LAND = """
import sys
from pathlib import Path
from runners.models.download import download
print(download(sys.argv[1], None, Path(sys.argv[2])))
"""


@pytest.fixture(autouse=True)
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote_folder.time, "sleep", lambda _: None)


@pytest.fixture
def hub() -> Iterator[FileServer]:
    with FileServer(hub_files(REPO, FILES)) as server:
        yield server


@pytest.fixture
def web() -> Iterator[FileServer]:
    with FileServer({f"tuned/{name}": body for name, body in FILES.items()}, {"ETag": "1"}) as server:
        yield server


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def whole(models: Path) -> list[str]:
    return sorted(path.name for path in models.glob("*") if path.is_dir() and path.suffix != ".partial")


def from_hub(server: FileServer, models: Path, weights: str | None = None, path: str = "", revision: str = "") -> Path:
    return download(f"hf://{REPO}{path}{revision}", weights, models, endpoint=server.url)


def from_web(server: FileServer, models: Path) -> Path:
    return download(f"{server.url}/tuned", None, models, **QUICK)


class TestHub:
    def test_lands_what_is_wanted_and_needs_no_network_again(self, hub: FileServer, tmp_path: Path) -> None:
        folder = from_hub(hub, tmp_path)
        assert (folder.name, contents(folder)) == (f"someone--tuned@{COMMIT}", LANDED)
        hub.files.clear()
        assert from_hub(hub, tmp_path) == from_hub(hub, tmp_path, revision=f"@{COMMIT}") == folder

    def test_folder_of_a_repository(self, hub: FileServer, tmp_path: Path) -> None:
        hub.files |= hub_files(REPO, {f"eng/deep/{name}": body for name, body in FILES.items()}, ["v1/x"])
        folder = from_hub(hub, tmp_path, path="/eng/deep", revision="@v1/x")
        assert (folder.name, contents(folder)) == (f"someone--tuned--eng--deep@{COMMIT}", LANDED)

    def test_only_the_weights_that_are_needed(self, hub: FileServer, tmp_path: Path) -> None:
        best = {**TEXTS, "best_model_7.pth": MODEL, "dvae.pth": b"no"}
        hub.files = hub_files(REPO, best)
        assert contents(from_hub(hub, tmp_path / "found")).keys() == best.keys() - {"dvae.pth"}
        hub.files = hub_files(REPO, best | {"best_model.pth": b"another"})
        with pytest.raises(ConfigurationError, match=r"several files of weights, best_model.pth, best_model_7.pth"):
            from_hub(hub, tmp_path / "none")
        assert contents(from_hub(hub, tmp_path / "named", "best_model.pth"))["best_model.pth"] == b"another"

    def test_next_start_fetches_what_is_missing(self, hub: FileServer, tmp_path: Path) -> None:
        hub.statuses[f"{REPO}/resolve/{COMMIT}/model.pth"] = 500
        with pytest.raises(ConfigurationError, match=r"^XTTS_MODEL=hf://someone/tuned: model.pth cannot be .*500"):
            from_hub(hub, tmp_path)
        assert whole(tmp_path) == []
        hub.statuses.clear()
        hub.read.clear()
        assert contents(from_hub(hub, tmp_path)) == LANDED
        assert f"{REPO}/resolve/{COMMIT}/config.json" not in hub.read

    @pytest.mark.parametrize("name", ["model.pth", "config.json"])
    def test_damage(self, hub: FileServer, tmp_path: Path, name: str) -> None:
        path, body = f"{REPO}/resolve/{COMMIT}/{name}", FILES[name]
        hub.files[path] = bytes([body[0] ^ 1]) + body[1:]
        with pytest.raises(ConfigurationError, match=f"{name} arrived damaged"):
            from_hub(hub, tmp_path)
        hub.files[path] = body
        assert contents(from_hub(hub, tmp_path)) == LANDED

    def test_cut_connections_are_taken_up_again(self, hub: FileServer, tmp_path: Path) -> None:
        hub.cuts = [5_000_000, 100_000]
        assert contents(from_hub(hub, tmp_path)) == LANDED
        assert hub.cuts == []

    @pytest.mark.parametrize(
        ("url", "status", "reason", "message"),
        [
            ("hf://someone/else", 401, "RepoNotFound", "the hub has no such repository. .* HF_TOKEN"),
            ("hf://someone/tuned@v9", 404, "RevisionNotFound", "the repository has no revision v9"),
            ("hf://someone/gated", 403, "GatedRepo", "its owner asks for conditions to be accepted"),
            ("hf://someone/else", 503, "", "HfHubHTTPError: .*503.* Check the network and any proxy, HF_ENDPOINT"),
            ("hf://someone/-x-", 404, "", "no such name is possible on the hub"),
            ("hf://someone", 404, "", "must be hf://owner/name"),
        ],
    )
    def test_refusals(self, hub: FileServer, tmp_path: Path, url: str, status: int, reason: str, message: str) -> None:
        hub.absent, hub.reason = status, reason
        with pytest.raises(ConfigurationError, match=f"^XTTS_MODEL={url}: {message}"):
            download(url, None, tmp_path, endpoint=hub.url)

    def test_folder_that_holds_no_model(self, hub: FileServer, tmp_path: Path) -> None:
        hub.files = hub_files(REPO, {"config.json": b"{}", "model.pth": b"", "vocab.json_": b""})
        with pytest.raises(ConfigurationError, match=r"there is no vocab.json. There is vocab.json_"):
            from_hub(hub, tmp_path)
        assert hub.read == [path for path in hub.read if "/resolve/" not in path]

    def test_offline(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
        with pytest.raises(ConfigurationError, match="not in the cache yet, and HF_HUB_OFFLINE forbids"):
            download(f"hf://{REPO}", None, tmp_path)


class TestHTTP:
    def test_cut_connections_are_tried_again(self, web: FileServer, tmp_path: Path) -> None:
        web.cuts = [5_000_000, 100_000]
        folder = from_web(web, tmp_path)
        assert (contents(folder), web.cuts) == (LANDED, [])
        web.files.clear()
        assert from_web(web, tmp_path) == folder

    def test_silence(self, web: FileServer, tmp_path: Path) -> None:
        web.mute_from = 9_000_000
        with pytest.raises(ConfigurationError, match=r"model\.pth cannot be read: .*Timeout.*Files that have come are"):
            from_web(web, tmp_path)
        web.mute_from = None
        web.read.clear()
        assert contents(from_web(web, tmp_path)) == LANDED
        assert "tuned/config.json" not in web.read

    def test_another_version_begins_anew_and_the_old_is_removed(self, web: FileServer, tmp_path: Path) -> None:
        web.statuses["tuned/model.pth"] = 200
        web.mute_from = 9_000_000
        with pytest.raises(ConfigurationError):
            from_web(web, tmp_path)
        web.mute_from = None
        web.headers, web.files["tuned/config.json"] = {"ETag": "2"}, b"[]"
        folder = from_web(web, tmp_path)
        assert contents(folder)["config.json"] == b"[]"
        assert [path for path in tmp_path.iterdir() if path.is_dir()] == [folder]

    def test_where_no_version_is_told_nothing_is_kept(self, web: FileServer, tmp_path: Path) -> None:
        web.headers, web.mute_from = {}, 9_000_000
        with pytest.raises(ConfigurationError):
            from_web(web, tmp_path)
        web.mute_from, web.files["tuned/config.json"] = None, b"[]"
        assert contents(from_web(web, tmp_path))["config.json"] == b"[]"

    def test_manifest(self, web: FileServer, tmp_path: Path) -> None:
        web.files[f"tuned/{MANIFEST}"] = SUMS
        web.files["tuned/model.pth"] = MODEL[:-1] + bytes([MODEL[-1] ^ 1])
        with pytest.raises(ConfigurationError, match=r"model\.pth arrived damaged"):
            from_web(web, tmp_path)
        assert whole(tmp_path) == []
        web.files["tuned/model.pth"] = MODEL
        assert contents(from_web(web, tmp_path)) == LANDED

    def test_manifest_that_is_none(self, web: FileServer, tmp_path: Path) -> None:
        web.files[f"tuned/{MANIFEST}"] = b"<html>"
        with pytest.raises(ConfigurationError, match="SHA256SUMS is not what sha256sum writes"):
            from_web(web, tmp_path)

    def test_nobody_there(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigurationError, match=r"model\.pth cannot be read: ClientConnectorError.*Check the URL"):
            download("http://127.0.0.1:9/tuned", None, tmp_path)

    def test_two_processes_download_once(self, web: FileServer, tmp_path: Path) -> None:
        command = [sys.executable, "-c", LAND, f"{web.url}/tuned", tmp_path]
        processes = [subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) for _ in range(2)]
        answers = {process.communicate(timeout=120)[0] for process in processes}
        assert [process.returncode for process in processes] == [0, 0]
        assert len(answers) == 1
        assert web.read.count("tuned/model.pth") == 1


class TestS3:
    @pytest.fixture(scope="class")
    def endpoint(self) -> Iterator[str]:
        server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
        server.start()
        host, port = server.get_host_and_port()
        keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test", "region_name": "eu-central-1"}
        bucket = boto3.resource("s3", endpoint_url=f"http://{host}:{port}", **keys).Bucket("models")
        bucket.create(CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
        for name, body in FILES.items():
            bucket.put_object(Key=f"some/tuned/{name}", Body=body)
        yield f"http://{host}:{port}"
        server.stop()

    def land(self, endpoint: str, models: Path, url: str = "s3://models/some/tuned") -> Path:
        return download(url, None, models, key="test", secret="test", client_kwargs={"endpoint_url": endpoint})

    def test_lands(self, endpoint: str, tmp_path: Path) -> None:
        assert contents(self.land(endpoint, tmp_path)) == LANDED

    @pytest.mark.parametrize(
        ("url", "message"),
        [
            ("s3://models/nothing", "there is no model.pth"),
            ("s3://nobodys/tuned", "there is no model.pth"),
            ("adl://lake/tuned", "this takes a package that is not here"),
        ],
    )
    def test_what_is_not_there(self, endpoint: str, tmp_path: Path, url: str, message: str) -> None:
        with pytest.raises(ConfigurationError, match=f"XTTS_MODEL(=|: ){url}: {message}"):
            self.land(endpoint, tmp_path, url)

    def test_without_the_right_to_list_the_bucket(self, tmp_path: Path) -> None:
        """S3 then answers 403 for what is not there."""
        required = {f"models/some/tuned/{name}": FILES[name] for name in (*TEXTS, "model.pth")}
        with FileServer(required, {"ETag": '"1"'}, absent=403) as server:
            assert contents(self.land(server.url, tmp_path / "1")).keys() == {*TEXTS, "model.pth"}
            server.statuses["models/some/tuned/config.json"] = 403
            with pytest.raises(ConfigurationError, match=r"config\.json cannot be read: access is denied .*ListBucket"):
                self.land(server.url, tmp_path / "2")


class Changing(MemoryFileSystem):
    """A folder whose model is replaced while it is fetched."""

    store: dict[str, object] = {}  # noqa: RUF012  # its own, not fsspec's for all memory files

    def get_file(self, path: str, *arguments: object, **options: object) -> None:
        super().get_file(path, *arguments, **options)
        if path.endswith("model.pth"):
            self.pipe_file(path, b"another model")


def test_model_that_changes_meanwhile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    filesystem = Changing(skip_instance_cache=True)
    for name, body in FILES.items():
        filesystem.pipe_file(f"/tuned/{name}", body)
    folder = RemoteFolder("memory://tuned", filesystem, "/tuned")
    monkeypatch.setattr(RemoteFolder, "open", lambda *_: folder)
    with pytest.raises(ConfigurationError, match="was changed while it was downloaded"):
        download("memory://tuned", None, tmp_path)
    assert whole(tmp_path) == []


def test_no_room(web: FileServer, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"12\.0 MB are to come .* has room for 1\.0 MB"):
        download(f"{web.url}/tuned", None, tmp_path, free=lambda _: 10**6)


def test_progress_in_a_log(web: FileServer, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    from_web(web, tmp_path)
    out = capfd.readouterr().err
    assert "\r" not in out
    assert "12.0M/12.0M" in [line for line in out.splitlines() if line.startswith("model.pth")][-1]


def test_environment_is_enough_for_s3(tmp_path: Path) -> None:
    """Credentials and endpoint as AWS's own tools take them."""
    files = {f"models/tuned/{name}": body for name, body in FILES.items()}
    keys = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": "eu-central-1"}
    with FileServer(files, {"ETag": '"1"'}) as server:
        environ = os.environ | keys | {"AWS_ENDPOINT_URL": server.url}
        subprocess.run([sys.executable, "-c", LAND, "s3://models/tuned", tmp_path], cwd=ROOT, env=environ, check=True)
    assert len(whole(tmp_path)) == 1


class TestSurroundings:
    """What the environment says to all clients, in a process that starts with it."""

    SOURCES = (f"hf://{REPO}", "s3://models/tuned", "{web}/tuned")

    def land(self, server: FileServer, source: str, models: Path, **environ: str) -> "subprocess.CompletedProcess[str]":
        keys = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": "eu-central-1"}
        where = {"AWS_ENDPOINT_URL": server.url, "HF_ENDPOINT": server.url}
        command = [sys.executable, "-c", LAND, source.format(web=server.url), models]
        ours = ("_proxy", "_ca_bundle", "ssl_cert_file", "ssl_cert_dir")
        inherited = {name: value for name, value in os.environ.items() if not name.lower().endswith(ours)}
        environ = inherited | keys | where | environ
        return subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, timeout=300)

    @pytest.mark.parametrize("source", SOURCES)
    def test_an_authority_of_the_operators_own(self, tmp_path: Path, source: str) -> None:
        bundle, tls = authority(tmp_path)
        with FileServer(EVERYWHERE, {"ETag": '"1"'}, tls=tls) as server:
            told = self.land(server, source, tmp_path / "told", SSL_CERT_FILE=str(bundle))
            assert told.returncode == 0, told.stderr
            assert contents(Path(told.stdout.strip()))["model.pth"] == MODEL
            untold = self.land(server, source, tmp_path / "untold", SSL_CERT_FILE="")
        assert untold.returncode == 1
        assert "its certificate is by nobody who is trusted here" in untold.stderr
        assert "set SSL_CERT_FILE" in untold.stderr
        assert "Traceback" not in untold.stderr

    def test_a_bundle_for_aws_counts_more(self, tmp_path: Path) -> None:
        bundle, tls = authority(tmp_path)
        with FileServer(EVERYWHERE, {"ETag": '"1"'}, tls=tls) as server:
            environ = {"AWS_CA_BUNDLE": str(bundle), "SSL_CERT_FILE": "/no/such/file"}
            done = self.land(server, "s3://models/tuned", tmp_path / "models", **environ)
        assert done.returncode == 0, done.stderr

    @pytest.mark.parametrize("source", ["http://models.example/tuned", "s3://models/tuned", f"hf://{REPO}"])
    def test_a_proxy(self, tmp_path: Path, source: str) -> None:
        """Which is asked for whole addresses, of hosts that only it can find."""
        host = "http://models.example"
        with FileServer({f"{host}/{name}": body for name, body in EVERYWHERE.items()}, {"ETag": '"1"'}) as proxy:
            environ = {"http_proxy": proxy.url, "AWS_ENDPOINT_URL": host, "HF_ENDPOINT": host}
            done = self.land(proxy, source, tmp_path, **environ)
        assert done.returncode == 0, done.stderr

    def test_a_bucket_that_is_a_host(self, tmp_path: Path) -> None:
        """As Railway's are, which it tells its services by a variable."""
        store = {"AWS_ENDPOINT_URL": "http://store.example", "AWS_S3_URL_STYLE": "virtual"}
        files = {f"http://models.store.example/tuned/{name}": body for name, body in FILES.items()}
        with FileServer(files, {"ETag": '"1"'}) as proxy:
            done = self.land(proxy, "s3://models/tuned", tmp_path, http_proxy=proxy.url, **store)
        assert done.returncode == 0, done.stderr

    @pytest.mark.parametrize("source", SOURCES)
    def test_the_next_start_takes_no_network(self, tmp_path: Path, source: str) -> None:
        with FileServer(EVERYWHERE, {"ETag": '"1"'}) as server:
            first = self.land(server, source, tmp_path)
            assert first.returncode == 0, first.stderr
        nobody = "http://127.0.0.1:9"
        proxies = {"HTTP_PROXY": nobody, "HTTPS_PROXY": nobody, "http_proxy": nobody, "https_proxy": nobody}
        again = self.land(server, source, tmp_path, **proxies)
        assert (again.returncode, again.stdout) == (0, first.stdout), again.stderr
