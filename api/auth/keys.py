"""API keys: how they are written in the configuration, kept, and recognised. Knows no HTTP.

Only hashes are kept: no log, trace or repr can tell a key. A key is known by its name, or by the start of its hash.
"""

import hashlib
import hmac
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

KEY = re.compile(r"[!-+\--~]+")  # what a header can carry, and no comma
LINE = re.compile(r"(?P<digest>[0-9a-fA-F]{64})(\s+(?P<name>[\w.@-]{1,64}))?", re.ASCII)
NO_NAME = "-"  # where `sha256sum` puts a file's name


@dataclass(frozen=True, slots=True)
class ApiKey:
    name: str  # public: logs show it and limits count by it; keys of one name share their limits
    digest: bytes = field(repr=False)  # sha256


def read_keys(text: str) -> tuple[ApiKey, ...]:
    """Keys separated by commas; or `@` and a file with a line for each: its sha256 in hex and, if it has one, a name.

    Raises ValueError, which says what would be right and no key.
    """
    return _from_file(Path(text[1:]).expanduser()) if text.startswith("@") else _from_list(text)


def recognise(keys: Sequence[ApiKey], presented: bytes) -> ApiKey | None:
    """The key that was presented, if it is one of `keys`. Takes as long whichever it is, and if it is none."""
    digest = hashlib.sha256(presented).digest()
    found = None
    for key in keys:
        if hmac.compare_digest(key.digest, digest):
            found = key
    return found


def _from_list(text: str) -> tuple[ApiKey, ...]:
    keys = [key.strip() for key in text.split(",") if key.strip()]
    if not keys or not all(map(KEY.fullmatch, keys)):
        raise ValueError("keys of visible ASCII characters, separated by commas, or @ and the path of a file of hashes")
    return tuple(_key(hashlib.sha256(key.encode()).digest()) for key in keys)


def _from_file(file: Path) -> tuple[ApiKey, ...]:
    try:
        lines = [line.strip() for line in file.read_text(encoding="utf-8").splitlines()]
    except (OSError, UnicodeDecodeError):
        raise ValueError("@ and the path of a text file that the server can read") from None
    keys = []
    for number, line in enumerate(lines, 1):
        if match := LINE.fullmatch(line):
            keys.append(_key(bytes.fromhex(match["digest"]), match["name"]))
        elif line and not line.startswith("#"):
            raise ValueError(f"a file whose lines are a key's sha256 in hex and a name; line {number} is not")
    if not keys:
        raise ValueError("a file with a key's sha256 in it; there is none")
    return tuple(keys)


def _key(digest: bytes, name: str | None = None) -> ApiKey:
    return ApiKey(name if name and name != NO_NAME else digest.hex()[:8], digest)
