"""Indexes of tensors: as PyTorch and safetensors read them, and whatever happens to the bytes, no other error."""

import io
import pickle
import struct
import zipfile
from collections import Counter
from contextlib import suppress
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import save

from runners.checkpoint.tensors import TensorInfo, Unreadable, read_index

STATE = {
    "wide": torch.arange(12, dtype=torch.float32).view(3, 4),
    "columns first": torch.arange(12, dtype=torch.float16).view(4, 3).t(),
    "count": torch.tensor(7),
    "parameter": torch.nn.Parameter(torch.ones(2, dtype=torch.bfloat16)),
    "nothing": torch.zeros(0, 5),
}


def saved(*, archive: bool = True) -> bytes:
    file = io.BytesIO()
    torch.save({"model": STATE, "step": 3}, file, _use_new_zipfile_serialization=archive)
    return file.getvalue()


FILES = {
    "archive": saved(),
    "older": saved(archive=False),
    "safetensors": save({name: tensor.detach().contiguous() for name, tensor in STATE.items()}),
}


@pytest.mark.parametrize("kind", FILES)
def test_tensors_are_described(kind: str) -> None:
    index = read_index(io.BytesIO(FILES[kind]))
    tensors = index if kind == "safetensors" else index["model"]
    assert {name: info.shape for name, info in tensors.items()} == {name: t.shape for name, t in STATE.items()}
    assert {name: f"torch.{info.dtype}" for name, info in tensors.items()} == {
        n: str(t.dtype) for n, t in STATE.items()
    }
    assert [name for name, info in tensors.items() if not info.in_rows] == ["columns first"] * (kind != "safetensors")


@given(st.sampled_from(list(FILES)), st.floats(0, 1), st.integers(0, 255), st.booleans())
def test_damage_is_unreadable_or_harmless(kind: str, where: float, byte: int, is_cut: bool) -> None:
    content = FILES[kind]
    at = int(where * (len(content) - 1))
    damaged = content[:at] if is_cut else content[:at] + bytes([byte]) + content[at + 1 :]
    try:
        index = read_index(io.BytesIO(damaged))
    except Unreadable:
        return
    found = [each for each in index.values() if isinstance(each, TensorInfo)] if isinstance(index, dict) else []
    assert all(info.record.size <= len(damaged) for info in found)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (pickle.dumps({"a": 1}, protocol=2), "is none of PyTorch's files"),
        (struct.pack("<Q", 10**12) + b"{}", "nor safetensors"),
        (b"PK\x05\x06" + bytes(18), "is an archive, but none of PyTorch's"),
    ],
)
def test_what_is_no_file_of_tensors(content: bytes, why: str) -> None:
    with pytest.raises(Unreadable, match=why):
        read_index(io.BytesIO(content))


def test_tensor_beyond_its_data() -> None:
    file = io.BytesIO()
    torch.save({"model": {"long": torch.ones(1000)}}, file, _use_new_zipfile_serialization=False)
    content = file.getvalue()
    assert content.count(b"M\xe8\x03\x85") == 1  # the shape (1000,) as pickle writes it
    with pytest.raises(Unreadable, match="a tensor is larger than its data"):
        read_index(io.BytesIO(content.replace(b"M\xe8\x03\x85", b"M\xff\x7f\x85")))


def test_a_pickle_changes_no_class_of_this_process() -> None:
    """It may build a state onto a class that it is given; Counter is the trainer's."""
    change = b"\x80\x02ccollections\nCounter\nN}X\x0b\x00\x00\x00most_commonK\x05s\x86b."
    before = Counter.most_common
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("model/data.pkl", change)
    with suppress(Unreadable):
        read_index(io.BytesIO(file.getvalue()))
    assert Counter.most_common is before


def test_the_demos_speakers(hum: Path) -> None:
    with (hum / "speakers_xtts.pth").open("rb") as file:
        voices = read_index(file)
    for voice in voices.values():
        assert voice["speaker_embedding"].shape == (1, 512, 1)
