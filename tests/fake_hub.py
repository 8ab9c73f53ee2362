"""A small Hugging Face Hub on 127.0.0.1: what a download asks of the real one, and the faults of a bad day.

Large files (*.pth) are redirected to another origin, as the real hub does to its storage. Every answer is
kept in `served`.
"""

import hashlib
import json
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Literal, Self
from urllib.parse import unquote, urlsplit

from huggingface_hub.utils.sha import git_hash

COMMIT = "0123456789abcdef0123456789abcdef01234567"
RESET = struct.pack("ii", 1, 0)  # linger for no time: closing sends RST


@dataclass(frozen=True, slots=True)
class Fault:
    """What befalls one answer: the next one with a range of a large file in which the byte `at` lies.

    It breaks off there (cut, reset, stall), or is another answer from the start: a 503 (refuse), a 404 (lose), a 429
    (busy), a 200 with nothing in it (empty) or with all of the file (whole), or a 206 that stops before `at` (short).
    """

    kind: Literal["cut", "reset", "stall", "refuse", "lose", "busy", "empty", "whole", "short"]
    at: int = 0


@dataclass(frozen=True, slots=True)
class Served:
    path: str
    range: str | None
    authorization: str | None
    status: int
    sent: int  # bytes of the body


@dataclass
class FakeHub:
    files: dict[str, bytes]
    repo: str = "coqui/XTTS-v2"
    revisions: dict[str, str] = field(default_factory=lambda: {"v2.0.3": COMMIT, "main": COMMIT, COMMIT: COMMIT})
    faults: list[Fault] = field(default_factory=list)
    corrupt: set[str] = field(default_factory=set)  # names of files that arrive with a bit turned
    refusal: tuple[int, str, str] | None = None  # status, X-Error-Code and body of every answer
    served: list[Served] = field(default_factory=list)
    open: threading.Event = field(default_factory=threading.Event)  # large content waits for it
    closing: threading.Event = field(default_factory=threading.Event)
    lock: threading.Lock = field(default_factory=threading.Lock)
    answering: int = 0  # answers with large content that are under way

    def __enter__(self) -> Self:
        self.open.set()
        handler = type("Handler", (_Handler,), {"hub": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.open.set()
        self.closing.set()
        self._server.shutdown()
        self._server.server_close()

    @property
    def port(self) -> int:
        return self._server.server_address[1]

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def downloads(self, name: str) -> list[Served]:
        """The answers that carried content of this file."""
        ends = (f"/{name}", f"/{sha256(self.files[name])}")
        return [answer for answer in self.served if answer.path.endswith(ends) and answer.status in (200, 206)]

    def fault_in(self, asked: range) -> Fault | None:
        """Takes the fault that befalls an answer with these bytes."""
        with self.lock:
            fault = next((fault for fault in self.faults if fault.at in asked), None)
            if fault:
                self.faults.remove(fault)
            return fault

    @contextmanager
    def counted(self) -> Iterator[None]:
        with self.lock:
            self.answering += 1
        try:
            yield
        finally:
            with self.lock:
                self.answering -= 1


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def is_large(name: str) -> bool:
    return name.endswith(".pth")


def wait_until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)


class _Handler(BaseHTTPRequestHandler):
    hub: FakeHub
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        """Silent: `served` is the log."""

    def do_GET(self) -> None:
        path = unquote(urlsplit(self.path).path)
        match path.strip("/").split("/"):
            case _ if self.hub.refusal:
                self._refuse(*self.hub.refusal)
            case ["api", "models", owner, name, "revision", *revision]:
                self._model_info(f"{owner}/{name}", "/".join(revision))
            case [owner, name, "resolve", commit, file] if f"{owner}/{name}" == self.hub.repo and commit == COMMIT:
                self._resolve(file)
            case ["storage", digest]:
                self._storage(next(name for name, body in self.hub.files.items() if sha256(body) == digest))
            case _:
                self._refuse(404, "EntryNotFound", "no such entry")

    def _model_info(self, repo: str, revision: str) -> None:
        if repo != self.hub.repo:
            self._refuse(401, "RepoNotFound", "Invalid username or password.")
        elif revision not in self.hub.revisions:
            self._refuse(404, "RevisionNotFound", f"Invalid rev id: {revision}")
        else:
            siblings = [self._sibling(name, body) for name, body in self.hub.files.items()]
            info = {"id": repo, "sha": self.hub.revisions[revision], "siblings": siblings}
            self._send(200, json.dumps(info).encode(), {"Content-Type": "application/json"})

    def _sibling(self, name: str, body: bytes) -> dict[str, object]:
        if not is_large(name):
            return {"rfilename": name, "size": len(body), "blobId": git_hash(body)}
        pointer = f"oid sha256:{sha256(body)}\nsize {len(body)}\n".encode()
        lfs = {"sha256": sha256(body), "size": len(body), "pointerSize": len(pointer)}
        return {"rfilename": name, "size": len(body), "blobId": git_hash(pointer), "lfs": lfs}

    def _resolve(self, name: str) -> None:
        body = self.hub.files[name]
        if not is_large(name):
            self._content(name)
            return
        headers = {
            "Location": f"http://localhost:{self.hub.port}/storage/{sha256(body)}",
            "X-Repo-Commit": COMMIT,
            "X-Linked-Size": str(len(body)),
            "X-Linked-Etag": f'"{sha256(body)}"',
        }
        self._send(302, b"", headers)

    def _storage(self, name: str) -> None:
        with self.hub.counted():
            self.hub.open.wait(30)
            fault = self.hub.fault_in(self._asked(name))
            refusals = {"refuse": (503, {}), "lose": (404, {}), "busy": (429, {"Retry-After": "0"}), "empty": (200, {})}
            if fault and fault.kind in refusals:
                status, headers = refusals[fault.kind]
                self._send(status, b"", headers)
            else:
                self._content(name, fault)

    def _asked(self, name: str) -> range:
        """The bytes that are asked for: of `bytes=a-b` and `bytes=a-`, or all of them."""
        size = len(self.hub.files[name])
        first, _, last = self.headers.get("Range", "bytes=0-").removeprefix("bytes=").partition("-")
        return range(int(first), min(int(last or size), size - 1) + 1)

    def _content(self, name: str, fault: Fault | None = None) -> None:
        body = self.hub.files[name]
        if name in self.hub.corrupt:
            body = bytes([body[0] ^ 1]) + body[1:]
        headers = {"ETag": f'"{sha256(body)}"', "X-Repo-Commit": COMMIT, "Accept-Ranges": "bytes"}
        if "Range" not in self.headers or (fault and fault.kind == "whole"):
            self._send(200, body, headers, fault)
            return
        asked = self._asked(name)
        if fault and fault.kind == "short":
            asked = range(asked.start, fault.at)
        headers["Content-Range"] = f"bytes {asked.start}-{asked.stop - 1}/{len(body)}"
        self._send(206, body[asked.start : asked.stop], headers, fault, asked.start)

    def _refuse(self, status: int, code: str, body: str) -> None:
        self._send(status, body.encode(), {"X-Error-Code": code, "Content-Type": "text/html"})

    def _send(
        self, status: int, body: bytes, headers: dict[str, str], fault: Fault | None = None, start: int = 0
    ) -> None:
        """Sends an answer; `start` is the place in the file of the body's first byte."""
        breaks = fault is not None and fault.kind in ("cut", "reset", "stall")
        self.send_response(HTTPStatus(status))
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        sent = body[: fault.at - start] if fault and breaks else body
        asked = self.headers.get("Range"), self.headers.get("Authorization")
        self.hub.served.append(Served(self.path, *asked, status, len(sent)))
        try:
            self.wfile.write(sent)
            self.wfile.flush()
        except ConnectionError:  # the client was killed, or wants no such answer
            self.close_connection = True
        if fault and breaks:
            self._suffer(fault)

    def _suffer(self, fault: Fault) -> None:
        self.close_connection = True
        if fault.kind == "stall":
            self.hub.closing.wait(30)
        if fault.kind == "reset":
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            self.connection.close()
