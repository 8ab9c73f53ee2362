"""An object in a process of its own, so that its memory and its threads are its own. Knows not what it is."""

import multiprocessing
import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from types import TracebackType
from typing import Any, Self


@dataclass(frozen=True, slots=True)
class _Raised:
    report: str


class Resident:
    """Only one of several is ever busy: `ask` waits for the answer."""

    def __init__(self, make: Callable[..., object], *arguments: object) -> None:
        """Start the process and wait until `make(*arguments)` has returned there. All must be picklable.

        Raises RuntimeError, with the traceback, when it raised.
        """
        context = multiprocessing.get_context("spawn")  # CUDA does not survive a fork, nor do torch's threads
        self._line, other_end = context.Pipe()
        self._process = context.Process(target=_serve, args=(other_end, make, arguments), daemon=True)
        self._process.start()
        other_end.close()
        try:
            self._answer()
        except RuntimeError:
            self.close()
            raise

    def ask(self, method: str, *arguments: object) -> Any:
        """What the object's method returns. Raises RuntimeError when it raised, or when the process has died."""
        self._line.send((method, arguments))
        return self._answer()

    def close(self) -> None:
        self._line.close()
        self._process.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def _answer(self) -> Any:
        try:
            answer = self._line.recv()
        except EOFError:
            self._process.join()
            raise RuntimeError(f"the process died, exit code {self._process.exitcode}") from None
        if isinstance(answer, _Raised):
            raise RuntimeError(answer.report)
        return answer


def _serve(line: Connection, make: Callable[..., object], arguments: tuple[object, ...]) -> None:
    """In the process: answer until the other end hangs up."""
    with suppress(EOFError, BrokenPipeError):
        subject = _attempt(make, *arguments)
        line.send(subject if isinstance(subject, _Raised) else None)
        while True:
            line.send(_attempt(_call, subject, *line.recv()))


def _call(subject: object, method: str, arguments: tuple[object, ...]) -> object:
    return getattr(subject, method)(*arguments)


def _attempt(call: Callable[..., object], *arguments: object) -> object:
    try:
        return call(*arguments)
    except Exception:  # whatever it is, the one who asked is told
        return _Raised(traceback.format_exc())
