from collections.abc import Iterator

import pytest

from tests.bentoml_patches.server import TinyServer, serving


@pytest.fixture(scope="package")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TinyServer]:
    with serving(tmp_path_factory.mktemp("tiny")) as server:
        yield server
