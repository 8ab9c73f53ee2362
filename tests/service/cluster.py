"""Two servers with nothing in common but a bucket and, where there is one, a Postgres."""

import base64
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

from tests.bucket import Bucket
from tests.postgres import Postgres, is_installed, postgres
from tests.service.server import Server, free_port, start, stop, wait_until_healthy, warm_cache
from tests.service.test_long import until

SECRET = base64.b64encode(b"a secret of 24 bytes or more").decode()


class Receiver(HTTPServer):
    """Keeps what it is told; the first call fails."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Told)
        self.told: list[tuple[dict[str, str], bytes]] = []
        threading.Thread(target=self.serve_forever, daemon=True).start()


class Told(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        self.server.told.append(({name.lower(): value for name, value in self.headers.items()}, body))
        self.send_response(500 if len(self.server.told) == 1 else 204)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@dataclass
class Cluster:
    servers: list[Server]
    environ: Mapping[str, str]
    database: Postgres | None
    bucket: Bucket
    receiver: Receiver

    def alive(self) -> list[Server]:
        return [each for each in self.servers if each.process.poll() is None]

    def busy(self) -> Server:
        """The one that does a job, once there is one."""
        return until(lambda: next((each for each in self.alive() if each.slots()["live"]), None))

    def restart(self, server: Server) -> Server:
        """It ends in order, and is there again by the same address, with the same cache."""
        assert stop(server) == 0
        again = begin(server.log.parent, self.environ, int(server.url.rpartition(":")[2]))
        self.servers[self.servers.index(server)] = again
        wait_until_healthy(again)
        return again


def begin(folder: Path, environ: Mapping[str, str], port: int) -> Server:
    return start(folder, {**environ, "XTTS_CACHE_DIR": str(folder / "cache")}, port)


@contextmanager
def clustered(folder: Callable[[str], Path]) -> Iterator[Cluster]:
    """`folder`: makes a new one."""
    receiver = Receiver()
    with ExitStack() as stack:
        stack.callback(receiver.shutdown)
        database = stack.enter_context(postgres()) if is_installed() else None
        bucket = stack.enter_context(Bucket("speech"))
        environ = {
            **bucket.environ,
            "XTTS_DATA_DIR": f"s3://{bucket.name}/some/servers",
            "XTTS_SLOTS": "1",
            "XTTS_PRECISION": "fp32",  # the same samples whatever the windows
            "XTTS_WEBHOOKS": f"http://127.0.0.1:{receiver.server_port}",
            "XTTS_WEBHOOK_SECRET": f"whsec_{SECRET}",
            **({"XTTS_DATABASE": database.url} if database else {}),
        }
        servers = []
        for _ in range(2):
            where = folder("server")
            warm_cache(where / "cache")
            servers.append(begin(where, environ, free_port()))
        cluster = Cluster(servers, environ, database, bucket, receiver)
        try:
            for server in servers:
                wait_until_healthy(server)
            yield cluster
        finally:
            for server in cluster.alive():
                stop(server)
