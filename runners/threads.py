"""Where parallel work is done, apart from the engine's own: in threads that end with it."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")


def in_fresh_thread(work: Callable[[], T]) -> T:
    """The result of `work`, done in a thread that ends with it; raises what it raises.

    OpenMP keeps helper threads for every thread that has computed in parallel, as long as that thread lives, and once
    there are more of them than cores it lets none wait awake. A decode step is some 300 short parallel parts: with
    helpers that have to be woken for each it takes half as long again.
    """
    with ThreadPoolExecutor(1, "xtts-fresh") as pool:
        return pool.submit(work).result()
