"""Where the tensors of a file lie, read from its index alone: PyTorch's archives and older files, and safetensors.

Of a pickle nothing runs: the names that upstream's own files hold become descriptions, any other ends the reading.
Imports no torch.
"""

import io
import json
import math
import pickle
import struct
import zipfile
import zlib
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any, BinaryIO

from runners.checkpoint.files import what_it_is

_DTYPES = {  # PyTorch's storages
    "DoubleStorage": "float64",
    "FloatStorage": "float32",
    "HalfStorage": "float16",
    "BFloat16Storage": "bfloat16",
    "LongStorage": "int64",
    "IntStorage": "int32",
    "ShortStorage": "int16",
    "CharStorage": "int8",
    "ByteStorage": "uint8",
    "BoolStorage": "bool",
}
_SAFETENSORS = {
    "F64": "float64",
    "F32": "float32",
    "F16": "float16",
    "BF16": "bfloat16",
    "I64": "int64",
    "I32": "int32",
    "I16": "int16",
    "I8": "int8",
    "U8": "uint8",
    "BOOL": "bool",
}
_BYTES = {"float64": 8, "int64": 8, "float32": 4, "int32": 4, "float16": 2, "bfloat16": 2, "int16": 2}  # others: 1
_LEGACY = pickle.dumps(0x1950A86A20F9469CFC6C, protocol=2)  # how PyTorch's files began before they were archives
_LONGEST_INDEX = 200_000_000  # bytes
_NONSENSE = (
    KeyError,
    ValueError,
    TypeError,
    IndexError,
    AttributeError,
    ImportError,
    OverflowError,
    RecursionError,
)


class Unreadable(Exception):
    """A predicate about the file: why its tensors cannot be read."""


@dataclass(frozen=True, slots=True)
class Record:
    """A stretch of the file, as long as its contents."""

    start: int  # bytes from the file's beginning; of an archive: where the member's own header begins
    size: int  # bytes
    crc: int | None = None  # CRC-32, where the file holds one
    in_archive: bool = False


@dataclass(frozen=True, slots=True)
class TensorInfo:
    """A tensor that is not loaded."""

    dtype: str  # as PyTorch names it, e.g. float32
    shape: tuple[int, ...]
    record: Record
    offset: int  # bytes into the record
    stride: tuple[int, ...]  # elements

    @property
    def elements(self) -> int:
        return math.prod(self.shape)

    @property
    def size(self) -> int:
        """Bytes."""
        return self.elements * itemsize(self.dtype)

    @property
    def fills_record(self) -> bool:
        """Whether the record's bytes are the tensor's, in order."""
        return self.in_rows and self.size == self.record.size

    @property
    def in_rows(self) -> bool:
        """Whether its elements lie one after the other."""
        strides = zip(self.shape, self.stride, _rows(self.shape), strict=True)
        return all(stride == rows or length == 1 for length, stride, rows in strides)


def itemsize(dtype: str) -> int:
    return _BYTES.get(dtype, 1)


def read_index(file: BinaryIO) -> Any:
    """What the file holds, with a TensorInfo in place of each tensor and an Ignored in place of each object.

    Raises Unreadable.
    """
    head = file.read(512)
    file.seek(0)
    try:
        if what := what_it_is(head):
            raise Unreadable(what)
        if head.startswith(b"PK"):
            return _read_archive(file)
        if head.startswith(_LEGACY):
            return _read_legacy(file)
        if head[8:9] == b"{":
            return _read_safetensors(file)
    except (zipfile.BadZipFile, EOFError, struct.error) as error:
        raise Unreadable("is cut off or damaged: copy or download it again") from error
    except pickle.UnpicklingError as error:
        raise Unreadable(str(error)) from error
    except _NONSENSE as error:
        raise Unreadable(f"is damaged: its index makes no sense ({error})") from error
    raise Unreadable("is none of PyTorch's files, nor safetensors")


def data_start(file: BinaryIO, record: Record) -> int:
    """Where in the file the record's content begins."""
    if not record.in_archive:
        return record.start
    file.seek(record.start + 26)  # a member's own header: 30 bytes, its name, what else there is
    name, extra = struct.unpack("<HH", file.read(4))
    return record.start + 30 + int(name) + int(extra)


class Ignored:
    """Stands for an object of the pickle. Takes whatever belongs to it, and does nothing."""

    def __init__(self, *_: object) -> None: ...

    def __setstate__(self, _: object) -> None: ...


@dataclass(frozen=True, slots=True)
class _Storage:
    dtype: str
    record: Record


def _rebuild(storage: _Storage, offset: int, size: tuple[int, ...], stride: tuple[int, ...], *_: object) -> TensorInfo:
    width = itemsize(storage.dtype)
    last = offset + sum((length - 1) * step for length, step in zip(size, stride, strict=True)) if all(size) else 0
    if min((offset, *size, *stride)) < 0 or (all(size) and (last + 1) * width > storage.record.size):
        raise pickle.UnpicklingError("is damaged: a tensor is larger than its data")
    return TensorInfo(storage.dtype, tuple(size), storage.record, offset * width, tuple(stride))


def _counts(counts: object) -> object:
    """Not the class itself: a pickle may set the attributes of a class that it is given, here those of a whole
    process's."""
    return counts


_ALLOWED: dict[str, Any] = {
    "collections.OrderedDict": OrderedDict,
    "collections.Counter": _counts,  # milestones of the trainer's learning rate
    "torch._utils._rebuild_tensor_v2": _rebuild,
    "torch._utils._rebuild_parameter": lambda tensor, *_: tensor,
    "TTS.tts.configs.xtts_config.XttsConfig": Ignored,
    "TTS.tts.configs.xtts_config.XttsArgs": Ignored,
    "TTS.tts.configs.xtts_config.XttsAudioConfig": Ignored,
    "TTS.tts.models.xtts.XttsArgs": Ignored,  # where the official releases have them
    "TTS.tts.models.xtts.XttsAudioConfig": Ignored,
    "TTS.config.shared_configs.BaseDatasetConfig": Ignored,
    **{f"torch.{storage}": dtype for storage, dtype in _DTYPES.items()},
}


class _Unpickler(pickle.Unpickler):
    def __init__(self, file: BinaryIO, records: dict[str, Record]) -> None:
        super().__init__(file)
        self._records = records

    def find_class(self, module: str, name: str) -> Any:
        wanted = f"{module}.{name}"
        if wanted not in _ALLOWED:
            raise pickle.UnpicklingError(
                f"asks for {wanted}, which no checkpoint of XTTS needs: it may be made to run a program. Do not use it"
            )
        return _ALLOWED[wanted]

    def persistent_load(self, pid: Any) -> _Storage:
        _, dtype, key, _, elements, *_ = pid
        if key not in self._records:  # an older file's: its data come after the pickle
            self._records[key] = Record(0, elements * itemsize(dtype))
        record = self._records[key]
        if record.size < elements * itemsize(dtype):
            raise pickle.UnpicklingError("is damaged: a tensor is larger than its data")
        return _Storage(dtype, record)


def _read_archive(file: BinaryIO) -> Any:
    with zipfile.ZipFile(file) as archive:
        members = archive.infolist()
    index = next((member for member in members if member.filename.split("/")[1:] == ["data.pkl"]), None)
    if index is None:
        raise Unreadable("is an archive, but none of PyTorch's")
    if any(member.compress_type != zipfile.ZIP_STORED for member in members):
        raise Unreadable("is a compressed archive, which PyTorch does not write: unpack it, and use what is in it")
    data = f"{index.filename.partition('/')[0]}/data/"
    records = {
        member.filename.removeprefix(data): _member(member) for member in members if member.filename.startswith(data)
    }
    file.seek(data_start(file, _member(index)))
    pickled = file.read(min(index.file_size, _LONGEST_INDEX))
    if index.CRC and zlib.crc32(pickled) != index.CRC:  # PyTorch may be told to leave it out
        raise Unreadable("is cut off or damaged: copy or download it again")
    return _Unpickler(io.BytesIO(pickled), records).load()


def _member(info: zipfile.ZipInfo) -> Record:
    return Record(info.header_offset, info.file_size, info.CRC or None, in_archive=True)


def _read_legacy(file: BinaryIO) -> Any:
    """A pickle, and behind it the data of its tensors in the order that another one gives."""
    for _ in range(3):  # its mark, its version, the system that wrote it
        _Unpickler(file, {}).load()
    begin = file.tell()
    records: dict[str, Record] = {}
    _Unpickler(file, records).load()  # for the lengths
    keys = _Unpickler(file, {}).load()
    at = file.tell()
    for key in keys:
        records[key] = Record(at + 8, records[key].size)  # its length comes first
        at += 8 + records[key].size
    if file.seek(0, 2) < at:
        raise Unreadable("is cut off: copy or download it again")
    file.seek(begin)
    return _Unpickler(file, records).load()


def _read_safetensors(file: BinaryIO) -> dict[str, TensorInfo]:
    (length,) = struct.unpack("<Q", file.read(8))
    if length > _LONGEST_INDEX:
        raise Unreadable("is none of PyTorch's files, nor safetensors")
    entries = json.loads(file.read(length))
    entries.pop("__metadata__", None)
    ends = [entry["data_offsets"][1] for entry in entries.values()]
    if file.seek(0, 2) < 8 + length + max(ends, default=0):
        raise Unreadable("is cut off: copy or download it again")
    tensors = {}
    for name, entry in entries.items():
        begin, end = entry["data_offsets"]
        shape, record = tuple(entry["shape"]), Record(8 + length + begin, end - begin)
        tensors[name] = TensorInfo(_SAFETENSORS[entry["dtype"]], shape, record, 0, _rows(shape))
        if not tensors[name].fills_record:
            raise Unreadable("is damaged: a tensor is larger than its data")
    return tensors


def _rows(shape: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(math.prod(shape[axis + 1 :]) for axis in range(len(shape)))
