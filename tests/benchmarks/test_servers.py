"""A server that cannot come up says why, at once."""

from pathlib import Path

import pytest

from benchmarks.servers import ServerFailed, started


def test_one_that_ends_instead_of_serving_fails_with_its_log(tmp_path: Path) -> None:
    with (
        started("nowhere:Nothing", {}, tmp_path / "server") as server,
        pytest.raises(ServerFailed, match="nowhere"),
    ):
        server.wait()
