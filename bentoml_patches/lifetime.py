"""When a worker ends: a dependency after the services that call it, though all are told to stop at the same moment, and
every one with its supervisor, however that ended. Knows nothing of requests.
"""

import asyncio
import ctypes
import os
import signal
import sys
from types import FrameType

import bentoml
import psutil

POLL = 0.1  # seconds
SUPERVISOR = "BENTO_SUPERVISOR_PID"  # of the environment, from the supervisor to its workers
WORKER = "_bentoml_impl.worker.service"  # what every process of a service runs
PR_SET_PDEATHSIG = 1  # linux/prctl.h


class Lifetime:
    """Of a dependency: what a request has begun may need it once more.

    Takes over SIGTERM and SIGINT. To be made in the event loop, once the server has set its own handlers. Until it has
    begun, nobody has asked for anything, and it ends at once.
    """

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        server = signal.getsignal(signal.SIGTERM)
        if not callable(server):
            raise RuntimeError("nobody handles SIGTERM yet, so there is nothing to end with")
        self._end = server
        self._asked = self._begun = False
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._ask)

    def begin(self) -> None:
        """The service can be called from now on."""
        self._begun = True

    def end(self) -> None:
        """At once, as far as the requests in flight let it. May be called from any thread."""
        self._end(signal.SIGTERM, None)

    def _ask(self, number: int, frame: FrameType | None) -> None:
        if not self._begun:
            os._exit(0)
        if not self._asked:
            self._asked = True
            self._loop.call_soon(self._end_when_alone)

    def _end_when_alone(self) -> None:
        if callers_run():
            self._loop.call_later(POLL, self._end_when_alone)
        else:
            self.end()


def callers_run() -> bool:
    """Whether the supervisor still has processes of another service than this one's."""
    supervisor = psutil.Process().parent()
    commands = [_command(process) for process in supervisor.children()] if supervisor else []
    return any(WORKER in command and bentoml.server_context.service_name not in command for command in commands)


def _command(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:  # it ended meanwhile
        return []


def end_with_supervisor() -> None:
    """This process gets SIGTERM when its parent is gone, however it went: nobody else would stop it, and it holds the
    port. Of Linux only."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    if not has_supervisor():  # it went before that
        os._exit(1)


def has_supervisor() -> bool:
    return str(os.getppid()) == os.environ.get(SUPERVISOR)
