"""A TCP proxy on 127.0.0.1 that cuts connections: what a bad network does to a good server."""

import socket
import threading
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Self


@dataclass
class CuttingProxy:
    upstream: tuple[str, int]
    cuts: list[int] = field(default_factory=list)  # the next large answers end after so many bytes, in turn
    down_after: int | None = None  # bytes in all, after which nothing passes any more
    passed: int = 0  # bytes of answers so far

    def __enter__(self) -> Self:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._lock = threading.Lock()
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def _accept(self) -> None:
        with suppress(OSError):  # closed
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client, socket.create_connection(self.upstream) as server, suppress(OSError):
            threading.Thread(target=self._pump_requests, args=(client, server), daemon=True).start()
            budget: int | None = None
            while data := server.recv(65536):
                with self._lock:
                    if len(data) == 65536 and budget is None and self.cuts:
                        budget = self.cuts.pop(0)
                    if self.down_after is not None and self.passed >= self.down_after:
                        budget = 0
                    sent = data if budget is None else data[:budget]
                    self.passed += len(sent)
                client.sendall(sent)
                if budget is not None and (budget := budget - len(sent)) <= 0:
                    client.shutdown(socket.SHUT_RDWR)  # the other thread reads from it, so closing is not enough
                    return

    def _pump_requests(self, client: socket.socket, server: socket.socket) -> None:
        with suppress(OSError):
            while data := client.recv(65536):
                server.sendall(data)
