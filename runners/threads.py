"""Where parallel work may be done. Of the engine's thread there is one; all else that computes does so apart."""

from collections.abc import Callable
from threading import Thread
from typing import TypeVar

T = TypeVar("T")


def in_fresh_thread(work: Callable[[], T]) -> T:
    """The result of `work`, done in a thread that ends with it; raises what it raises.

    OpenMP keeps helpers for every thread that has computed in parallel, as long as that thread lives, and once there
    are more of them than cores it lets none wait awake. A decode step is some 300 short parallel parts: with helpers
    that have to be woken for each it takes half as long again.
    """
    outcome: list[T] = []
    failure: list[BaseException] = []

    def run() -> None:
        try:
            outcome.append(work())
        except BaseException as error:  # whatever it is, it belongs to the caller
            failure.append(error)

    thread = Thread(target=run, name="xtts-apart")
    thread.start()
    thread.join()
    if failure:
        raise failure[0]
    return outcome[0]
