"""Reads environment variables into values and gathers every fault, so that one failed start names them all.

Knows how a value is written, not which variables there are. An empty one counts as unset. Imports no torch.
"""

import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

from runners.errors import ConfigurationError

Number = TypeVar("Number", int, float)
T = TypeVar("T")


class Environment:
    """One reading of the environment. A wrong value is noted and its default returned; `check` raises."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self._faults: list[str] = []

    def text(self, name: str, default: str) -> str:
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

    def folder(self, name: str, default: str) -> Path:
        """An absolute path; `~` is expanded, in the default too. The folder need not exist."""
        value = self.text(name, default)
        try:
            return Path(value).expanduser().absolute()
        except RuntimeError:
            self.fault(name, value, "a folder; whose home ~ is cannot be told here, so write the path in full")
            return Path(value)

    def home(self, name: str, default: str) -> str:
        """A base directory of the XDG specification, which ignores a relative one."""
        named = self.text(name, "")
        return named if os.path.isabs(named) else default

    def fault(self, name: str, value: object, expected: object) -> None:
        self._faults.append(f"{name}={value}: must be {expected}")

    def check(self) -> None:
        """Raises ConfigurationError with a line for every fault so far."""
        if self._faults:
            raise ConfigurationError("\n".join(self._faults))

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
