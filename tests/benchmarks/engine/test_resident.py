import os

import pytest

from benchmarks.engine.resident import Resident


class Counter:
    """Lives in the other process."""

    def __init__(self, start: int) -> None:
        if start < 0:
            raise ValueError("a start below zero")
        self.count = start

    def add(self, number: int) -> int:
        self.count += number
        return self.count

    def process(self) -> int:
        return os.getpid()

    def die(self) -> None:
        os._exit(3)


def test_it_keeps_its_state_in_a_process_of_its_own():
    with Resident(Counter, 5) as counter:
        assert counter.ask("add", 2) == 7
        assert counter.ask("add", 2) == 9
        assert counter.ask("process") != os.getpid()


def test_what_it_raises_comes_back_with_its_traceback():
    with pytest.raises(RuntimeError, match="a start below zero"):
        Resident(Counter, -1)
    with Resident(Counter, 0) as counter, pytest.raises(RuntimeError, match="unsupported operand"):
        counter.ask("add", "two")


def test_it_outlives_what_it_raises():
    with Resident(Counter, 1) as counter:
        with pytest.raises(RuntimeError, match="no_such_method"):
            counter.ask("no_such_method")
        assert counter.ask("add", 1) == 2


def test_a_dead_process_is_not_waited_for():
    with Resident(Counter, 0) as counter, pytest.raises(RuntimeError, match="exit code 3"):
        counter.ask("die")
