import time

import pytest

from runners.errors import ConfigurationError
from runners.models.remote_folder import Absence, Listing, RemoteFolder
from tests.file_server import FileServer

FILES = {"models/tuned/config.json": b"{}"}
ETAG = '"abc"'
DATE = "Wed, 21 Oct 2026 07:28:00 GMT"


def s3(server: FileServer, silence: float = 5.0) -> RemoteFolder:
    client = {"client_kwargs": {"endpoint_url": server.url}}
    return RemoteFolder.open("s3://models/tuned", silence, key="test", secret="test", **client)


def http(server: FileServer, silence: float = 5.0) -> RemoteFolder:
    return RemoteFolder.open(f"{server.url}/models/tuned", silence)


@pytest.mark.parametrize(
    ("headers", "version"),
    [({"ETag": ETAG, "Last-Modified": DATE}, ETAG), ({"Last-Modified": DATE}, DATE), ({}, "")],
)
def test_version_is_the_best_that_the_server_tells(headers: dict[str, str], version: str) -> None:
    with FileServer(FILES, headers) as server:
        assert http(server).look_up("config.json") == Listing(2, version)


@pytest.mark.parametrize("open_", [s3, http])
@pytest.mark.parametrize(
    ("status", "absence"), [(404, Absence.MISSING), (403, Absence.DENIED)], ids=["missing", "denied"]
)
def test_absence(open_, status: int, absence: Absence) -> None:
    with FileServer(FILES, {"ETag": ETAG}, absent=status) as server:
        folder = open_(server)
        assert folder.look_up("LICENSE.txt") is absence
        assert folder.read_text("SHA256SUMS") is absence
        assert folder.look_up("config.json") == Listing(2, ETAG)


def test_a_server_that_fails_says_nothing_of_the_file() -> None:
    with FileServer(FILES, absent=500) as server:
        folder = http(server)
        with pytest.raises(ConfigurationError, match=r"tuned: LICENSE\.txt cannot be read \(ClientResponseError: 500"):
            folder.look_up("LICENSE.txt")
    with pytest.raises(ConfigurationError, match=r"config\.json cannot be read \(ClientConnectorError"):
        folder.look_up("config.json")


@pytest.mark.parametrize("open_", [s3, http])
def test_a_server_that_says_nothing_is_given_up(open_) -> None:
    with FileServer(FILES, mute={"models/tuned/config.json"}) as server:
        folder, began = open_(server, 0.2), time.monotonic()
        message = r"config\.json cannot be read \(\w*Time\w*: "
        with pytest.raises(ConfigurationError, match=message):
            folder.look_up("config.json")
        assert time.monotonic() - began < 30


def test_where_no_size_is_told() -> None:
    class Unsized:
        def info(self, path: str) -> dict[str, object]:
            return {"name": path, "size": None}

    with pytest.raises(ConfigurationError, match=r"does not say how large config\.json is"):
        RemoteFolder("x://tuned", Unsized(), "tuned").look_up("config.json")
