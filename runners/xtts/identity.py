"""Tells one checkpoint from another, so that latents made by one are never taken for another's."""

import hashlib
from pathlib import Path

from runners.checkpoint.look import Checkpoint
from runners.checkpoint.tensors import TensorInfo
from runners.xtts.mapped import MappedFile, checksum


def checkpoint_identity(checkpoint: Checkpoint) -> str:
    """Sha256 hex over the model's tensors: their names, types, shapes and the CRC-32 of their content.

    The same tensors in another file are the same checkpoint. PyTorch's archives hold the checksums of what is in
    them, and take milliseconds; of other files the tensors are read, which takes a second or two for the real model.
    """
    file = MappedFile(checkpoint.folder / checkpoint.weights)
    identity = hashlib.sha256()
    for name, info in sorted(checkpoint.tensors.items()):
        identity.update(repr((name, info.dtype, info.shape, _checksum(file, info))).encode())
    return identity.hexdigest()


def _checksum(file: MappedFile, info: TensorInfo) -> int:
    if info.record.crc is not None and info.fills_record:
        return info.record.crc
    return checksum(file.tensors({"": info})[""])


def sources_identity(package: Path) -> str:
    """Sha256 hex, in part, over a package's Python files: for what was compiled from them."""
    identity = hashlib.sha256()
    for source in sorted(package.glob("*.py")):
        identity.update(source.read_bytes())
    return identity.hexdigest()[:16]
