"""Reads environment variables into values and gathers every fault, so that one failed start names them all.

Knows how a value is written, not which variables there are. An empty one counts as unset. Imports no torch.
"""

import difflib
import os
import re
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import TypeVar

from runners.errors import ConfigurationError

Number = TypeVar("Number", int, float)
T = TypeVar("T")
SERVICE_LINK = re.compile(r"\w+?_(SERVICE_(HOST|PORT\w*)|PORT(_\d+_\w+)?)")


class Environment:
    """One reading of the environment. A wrong value is noted and its default returned; `check` raises."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self._known: set[str] = set()
        self._faults: list[str] = []

    def text(self, name: str, default: str) -> str:
        self._known.add(name)
        return self._environ.get(name, "").strip() or default

    def matching(self, name: str, default: str, pattern: str, expected: str) -> str:
        """A text that the whole of `pattern` matches; `expected` says in words what that is."""
        value = self.text(name, default)
        if re.fullmatch(pattern, value, re.ASCII):
            return value
        self.fault(name, value, expected)
        return default

    def parsed(self, name: str, default: T, parse: Callable[[str], T], *, secret: bool = False) -> T:
        """What `parse` makes of the text. It raises ValueError, which says what would be right and no secret."""
        value = self.text(name, "")
        try:
            return parse(value) if value else default
        except ValueError as error:
            self.fault(name, "***" if secret else value, error)
            return default

    def integer(self, name: str, default: int, low: int, high: int) -> int:
        return self._number(name, default, int, (low, high), f"a whole number from {low} to {high}")

    def integer_or_auto(self, name: str, low: int, high: int) -> int | None:
        """None for `auto`, which is also the default."""
        if self.text(name, "auto") == "auto":
            return None
        return self._number(name, low, int, (low, high), f"auto or a whole number from {low} to {high}")

    def seconds(self, name: str, default: float, low: float, high: float) -> float:
        return self._number(name, default, float, (low, high), f"a number of seconds from {low:g} to {high:g}")

    def folder(self, name: str, default: str, *, there: bool = False) -> Path:
        """An absolute path; `~` is expanded, in the default too. The folder can be read or made; `there`: it exists."""
        value = self.text(name, default)
        try:
            path = Path(value).expanduser().absolute()
        except RuntimeError:
            self.fault(name, value, "a folder; whose home ~ is cannot be told here, so write the path in full")
            return Path(value)
        if there and not _can_be_read(path):
            self.fault(name, path, "a folder that is there and that the server may read")
        elif not there and not _can_be_used(path):
            self.fault(name, path, "a folder that the server may read or make")
        return path

    def home(self, name: str, default: str) -> str:
        """A base directory of the XDG specification, which ignores a relative one."""
        named = self.text(name, "")
        return named if os.path.isabs(named) else default

    def fault(self, name: str, value: object, expected: object) -> None:
        self._faults.append(f"{name}={value}: must be {expected}")

    def check_names(self, prefix: str, others: Collection[str] = ()) -> None:
        """A fault for each variable of that prefix that nobody has read and that is none of `others`.

        Kubernetes sets some for a Service that is named like the prefix: they are passed over.
        """
        for name in sorted(self._environ):
            if name.startswith(prefix) and name not in self._known | set(others) and not SERVICE_LINK.fullmatch(name):
                near = difflib.get_close_matches(name, self._known, n=1)
                self._faults.append(f"{name}: there is no such setting{f'; {near[0]} is one' if near else ''}")

    def note(self, look: Callable[[], object]) -> None:
        """The ConfigurationError that `look` raises is a fault too."""
        try:
            look()
        except ConfigurationError as error:
            self._faults.append(str(error))

    def check(self, *looks: Callable[[], object]) -> None:
        """Raises ConfigurationError with a line for every fault so far. `looks` take time: only then are they noted."""
        if self._faults:
            for look in looks:
                self.note(look)
            raise ConfigurationError("\n".join(dict.fromkeys(self._faults)))  # both sides read some

    def _number(
        self,
        name: str,
        default: Number,
        parse: Callable[[str], Number],
        bounds: tuple[float, float],
        expected: str,
    ) -> Number:
        value = self.text(name, "")
        if not value:
            return default
        try:
            number = parse(value)
        except ValueError:
            number = None
        if number is None or not bounds[0] <= number <= bounds[1]:  # NaN is not between bounds either
            self.fault(name, value, expected)
            return default
        return number


def _can_be_used(path: Path) -> bool:
    """Whether it is a folder that can be read, or its nearest parent is one in which it can be made."""
    if os.path.exists(path):
        return _can_be_read(path)
    parent = next(each for each in path.parents if os.path.exists(each))
    return os.path.isdir(parent) and os.access(parent, os.W_OK | os.X_OK)


def _can_be_read(path: Path) -> bool:
    """Path's own `is_dir` and `exists` raise PermissionError below a folder that is closed to this user."""
    return os.path.isdir(path) and os.access(path, os.R_OK | os.X_OK)
