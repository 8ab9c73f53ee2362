"""A real S3 server on 127.0.0.1 (moto's) that can be taken away, and comes back with what it holds."""

import logging
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Self

import boto3
import pytest
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from werkzeug.serving import BaseWSGIServer, make_server

from runners import storage

REGION = "eu-central-1"


@contextmanager
def bucket_here(name: str) -> Iterator["Bucket"]:
    """For storages of this process. A busy machine takes its time."""
    with Bucket(name) as bucket, pytest.MonkeyPatch.context() as patch:
        for variable, value in bucket.environ.items():
            patch.setenv(variable, value)
        for limit in ("SILENCE", "DEADLINE"):
            patch.setattr(storage, limit, 90.0)
        yield bucket


class Bucket:
    """One bucket, `name`, on a server of its own."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._app: Callable[..., Iterable[bytes]] = DomainDispatcherApplication(create_backend_app)
        self._server: BaseWSGIServer | None = None
        self._thread: threading.Thread | None = None
        self._port = 0
        self._one = threading.Lock()  # moto looks for a key and writes it in two steps
        self.mute = threading.Event()  # set: requests come in and are never answered
        self.going = threading.Event()
        self.gone = True
        self.requests: list[str] = []  # method and path, without what signs them
        self.before: Callable[[str], None] = lambda request: None  # called before each is done
        self.refused = ""  # the method that access is denied to
        self.conditional = True  # whether it knows conditional writes
        self.keeps = False  # whether it says of each of several keys that they may not be deleted

    def __enter__(self) -> Self:
        logging.getLogger("werkzeug").setLevel(logging.WARNING)  # it has a line for every request
        self.come()
        self.client().create_bucket(Bucket=self.name, CreateBucketConfiguration={"LocationConstraint": REGION})
        return self

    def __exit__(self, *_: object) -> None:
        for key in self.objects():
            self.client().delete_object(Bucket=self.name, Key=key)
        self.client().delete_bucket(Bucket=self.name)
        self.go()

    def come(self) -> None:
        self.going.clear()
        self.gone = False
        server = make_server("127.0.0.1", self._port, self._answer, threaded=True, request_handler=MotoRequestHandler)
        server.daemon_threads = True
        self._server, self._port = server, server.port
        self._thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()

    def go(self) -> None:
        """Connections are refused until it comes again."""
        assert self._server is not None
        assert self._thread is not None
        self.going.set()
        self.gone = True
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def _answer(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        request = f"{environ['REQUEST_METHOD']} {environ['PATH_INFO'].encode('latin-1').decode()}"
        self.requests.append(request)
        while self.mute.is_set() and not self.going.wait(0.05):
            pass
        self.before(request)
        if request.startswith(self.refused or "nothing"):
            return _error("403 Forbidden", "AccessDenied", start_response)
        if self.keeps and request.startswith("POST") and environ["QUERY_STRING"].startswith("delete"):
            start_response("200 OK", [("Content-Type", "application/xml")])
            return [b"<DeleteResult><Error><Key>any</Key><Code>AccessDenied</Code></Error></DeleteResult>"]
        if "HTTP_IF_NONE_MATCH" in environ and not self.conditional:
            return _error("501 Not Implemented", "NotImplemented", start_response)
        with self._one:
            return list(self._app(environ, start_response))

    @property
    def environ(self) -> dict[str, str]:
        """For processes that are to reach it."""
        return {
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{self._port}",
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": REGION,
        }

    def client(self) -> Any:
        keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test", "region_name": REGION}
        return boto3.client("s3", endpoint_url=f"http://127.0.0.1:{self._port}", **keys)

    def objects(self) -> list[str]:
        """Their keys."""
        return [each["Key"] for each in self.client().list_objects_v2(Bucket=self.name).get("Contents", [])]


def _error(status: str, code: str, start_response: Any) -> list[bytes]:
    body = f"<Error><Code>{code}</Code><Message>{code}</Message></Error>".encode()
    start_response(status, [("Content-Type", "application/xml"), ("Content-Length", str(len(body)))])
    return [body]
