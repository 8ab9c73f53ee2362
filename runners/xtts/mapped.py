"""The tensors of a file as they lie there: in memory where they are read, and no longer than they are used."""

import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from runners.checkpoint.tensors import TensorInfo, data_start


class MappedFile:
    """Read-only, and private to this process: who replaces the file meanwhile, and does not write into it, harms
    nobody."""

    def __init__(self, path: Path) -> None:
        self._path = path
        from_file: Any = torch.UntypedStorage.from_file
        self._storage: torch.UntypedStorage = from_file(str(path), shared=False, nbytes=path.stat().st_size)

    def tensors(self, infos: Mapping[str, TensorInfo]) -> dict[str, Tensor]:
        with self._path.open("rb") as file:
            starts = {info.record: data_start(file, info.record) for info in infos.values()}
        return {name: self._tensor(info, starts[info.record]) for name, info in infos.items()}

    def _tensor(self, info: TensorInfo, start: int) -> Tensor:
        dtype: torch.dtype = getattr(torch, info.dtype)
        at = start + info.offset
        content = self._storage[at : at + info.size if info.in_rows else start + info.record.size]
        if at % dtype.itemsize:  # outside of archives nothing is aligned
            content = content.clone()
        return torch.empty(0, dtype=dtype).set_(content, 0, info.shape, info.stride).contiguous()


def checksum(tensor: Tensor) -> int:
    """CRC-32 of its content, as archives hold it."""
    return zlib.crc32(tensor.reshape(-1).view(torch.uint8).numpy().data)


def own_memory(module: nn.Module) -> None:
    """Copies what is left of a file on the CPU: the file may then go, and no page of it is waited for."""
    for tensor in (*module.parameters(), *module.buffers()):
        if tensor.device.type == "cpu":
            tensor.data = tensor.data.clone()
