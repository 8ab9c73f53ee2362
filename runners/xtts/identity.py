"""Tells one checkpoint from another, so that latents made by one are never taken for another's."""

import hashlib
import zipfile
from pathlib import Path


def checkpoint_identity(folder: Path) -> str:
    """Sha256 hex over `config.json` and the content of `model.pth`, in milliseconds for any size.

    `model.pth` is a zip archive whose directory holds a CRC-32 of every tensor: those, with names and sizes,
    stand for the content. An archive written without them (torch can be told so) or a pickle of old is hashed
    whole, which takes a second or two for the real model. Raises FileNotFoundError when either file is
    missing.
    """
    identity = hashlib.sha256((folder / "config.json").read_bytes())
    model = folder / "model.pth"
    identity.update(_directory(model) or _whole(model))
    return identity.hexdigest()


def sources_identity(package: Path) -> str:
    """Sha256 hex, in part, over a package's Python files: for what was compiled from them."""
    identity = hashlib.sha256()
    for source in sorted(package.glob("*.py")):
        identity.update(source.read_bytes())
    return identity.hexdigest()[:16]


def _directory(archive: Path) -> bytes | None:
    if not zipfile.is_zipfile(archive):
        return None
    with zipfile.ZipFile(archive) as opened:
        members = [(member.filename, member.file_size, member.CRC) for member in opened.infolist()]
    if any(size and not crc for _, size, crc in members):
        return None
    return repr(sorted(members)).encode()


def _whole(file: Path) -> bytes:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").digest()
