"""A small HTTP server on 127.0.0.1 for a folder of files, in ranges, with the faults of real ones.

S3's path-style addresses are plain paths, so it also stands for a bucket whose policy moto cannot play.
"""

import ssl
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self

CODES = {403: "AccessDenied", 404: "NoSuchKey"}  # S3's


@dataclass
class FileServer:
    files: dict[str, bytes]  # by their paths, without the slash in front
    headers: dict[str, str] = field(default_factory=dict)  # of every file: ETag, Last-Modified
    statuses: dict[str, int] = field(default_factory=dict)  # of files that are refused
    absent: int = 404  # the status of what is not there
    reason: str = ""  # the hub's word for why something is absent or refused
    mute_from: int | None = None  # the place from which on no file's content is sent
    cuts: list[int] = field(default_factory=list)  # so many bytes into the next contents the connection breaks
    read: list[str] = field(default_factory=list)  # whose content was asked for
    sent: int = 0  # bytes of contents
    tls: ssl.SSLContext | None = None

    def __enter__(self) -> Self:
        self._closing = threading.Event()
        handler = type("Handler", (_Handler,), {"server_of": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        if self.tls:
            self._server.socket = self.tls.wrap_socket(self._server.socket, server_side=True)
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.set()
        self._server.shutdown()
        self._server.server_close()

    @property
    def url(self) -> str:
        return f"http{'s' if self.tls else ''}://127.0.0.1:{self._server.server_address[1]}"

    def say_nothing(self) -> None:
        self._closing.wait(60)


class _Handler(BaseHTTPRequestHandler):
    server_of: FileServer
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        """Silent: `read` is the log."""

    def do_HEAD(self) -> None:
        self._answer()

    def do_GET(self) -> None:
        self._answer()

    def _answer(self) -> None:
        server, name = self.server_of, self.path.partition("?")[0].strip("/")
        status = server.statuses.get(name, 200 if name in server.files else server.absent)
        if status != 200:
            body = (
                f"<Error><Code>{CODES.get(status, 'InternalError')}</Code><Message>Refused</Message></Error>".encode()
            )
            self._send(status, body, {"Content-Type": "application/xml", "X-Error-Code": server.reason})
        else:
            self._send_file(name, server.files[name])

    def _send_file(self, name: str, body: bytes) -> None:
        first, last = self._range(len(body))
        status, headers = 200, {"Accept-Ranges": "bytes", **self.server_of.headers}
        if (first, last) != (0, len(body) - 1):
            status, headers["Content-Range"] = 206, f"bytes {first}-{last}/{len(body)}"
        if self.command == "GET":
            self.server_of.read.append(name)
        self._send(status, body[first : last + 1], headers, self._audible(first, last))

    def _audible(self, first: int, last: int) -> int | None:
        """How many bytes of this range are sent before nothing more is; None: all."""
        silence = self.server_of.mute_from
        return None if silence is None or last < silence else max(0, silence - first)

    def _range(self, size: int) -> tuple[int, int]:
        """The first and the last byte that are wanted."""
        first, _, last = self.headers.get("Range", "bytes=0-").removeprefix("bytes=").partition("-")
        return int(first), min(int(last or size), size - 1)

    def _send(self, status: int, body: bytes, headers: dict[str, str], audible: int | None = None) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "GET":
            cut = self.server_of.cuts.pop(0) if self.server_of.cuts and len(body) > self.server_of.cuts[0] else None
            self.server_of.sent += len(body)
            self.wfile.write(body[: audible if cut is None else cut])
            self.wfile.flush()
            self.close_connection |= cut is not None
            if audible is not None:
                self.server_of.say_nothing()
