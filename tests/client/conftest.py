"""A running fake server, and a client that loses no time between its tries."""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, ExitStack

import httpx
import pytest

from client.server import Patience, Server
from tests.client.fake_server import FakeServer

QUICK = Patience(answer=5.0, loading=5.0, busy_tries=4, broken_tries=3, pause=0.01, longest_pause=2.0)

Serve = Callable[[FakeServer], str]
Connect = Callable[..., Server]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Starts a fake server until the end of the test; gives its URL."""
    with ExitStack() as servers:
        yield lambda server: servers.enter_context(server.running())


@pytest.fixture
async def connect(serve: Serve) -> AsyncIterator[Connect]:
    """A client of a URL, or of a fake server that is started for it."""
    async with AsyncExitStack() as stack:
        clients: list[httpx.AsyncClient] = []

        def make(server: FakeServer | str, patience: Patience = QUICK) -> Server:
            url = server if isinstance(server, str) else serve(server)
            http = httpx.AsyncClient(base_url=url, timeout=None, trust_env=False)
            clients.append(http)
            stack.push_async_callback(http.aclose)
            return Server(http, patience)

        yield make
