"""What a folder's listing says, and what it says of a server that fails."""

from typing import Any

import pytest
from fsspec.implementations.memory import MemoryFileSystem

from runners.errors import ConfigurationError
from runners.models.remote_folder import RemoteFolder


class Failing(MemoryFileSystem):  # type: ignore[misc]
    cachable = False
    error: Exception

    def ls(self, path: str, detail: bool = True, **options: Any) -> Any:
        raise self.error


def folder(error: Exception) -> RemoteFolder:
    filesystem = Failing()
    filesystem.error = error
    return RemoteFolder("s3://bucket/model", filesystem, "bucket/model")


@pytest.mark.parametrize("error", [PermissionError("AccessDenied"), FileNotFoundError("none")])
def test_a_server_that_lists_nothing_has_no_names(error: Exception) -> None:
    assert folder(error).names() == []


def test_a_server_that_fails_is_not_an_empty_folder() -> None:
    with pytest.raises(ConfigurationError, match="its list of files cannot be read: ConnectionError"):
        folder(ConnectionError("reset")).names()
