"""Events as bytes, for the stream between the runner's process and the API's. No torch.

A frame is the header's length and the payload's length (two little-endian uint32), a JSON header, and the payload:
float32 samples, or a latents file.
"""

import dataclasses
import json
import struct
from collections.abc import Iterator
from typing import Any

import numpy as np

from runners import errors
from runners.types import Audio, Event, Failed, Finished, LatentsReady, PieceDone, StopReason

CALL = "x-bulk-call"  # the header that names a bulk call, as its items do

_LENGTHS = struct.Struct("<II")


def pack(event: Event) -> bytes:
    payload = b""
    match event:
        case Audio(utterance, piece, samples, waited):
            header: dict[str, Any] = {"kind": "audio", "utterance": utterance, "piece": piece, "waited": waited}
            payload = samples.astype("<f4", copy=False).tobytes()
        case PieceDone():
            header = {"kind": "done", **dataclasses.asdict(event)}
        case LatentsReady(latents):
            header, payload = {"kind": "latents"}, latents
        case Finished():
            header = {"kind": "finished"}
        case Failed(error):
            header = {"kind": "failed", "class": type(error).__name__, "fields": vars(error)}
    packed = json.dumps(header).encode()
    return _LENGTHS.pack(len(packed), len(payload)) + packed + payload


class Unpacker:
    """Events out of a byte stream that may be cut anywhere."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[Event]:
        self._buffer += data
        while (frame := self._take()) is not None:
            yield _event(*frame)

    def _take(self) -> tuple[dict[str, Any], bytes] | None:
        if len(self._buffer) < _LENGTHS.size:
            return None
        header, payload = _LENGTHS.unpack_from(self._buffer)
        start, end = _LENGTHS.size + header, _LENGTHS.size + header + payload
        if len(self._buffer) < end:
            return None
        frame = json.loads(self._buffer[_LENGTHS.size : start]), bytes(self._buffer[start:end])
        del self._buffer[:end]
        return frame


def _event(header: dict[str, Any], payload: bytes) -> Event:
    kind = header.pop("kind")
    if kind == "audio":
        return Audio(samples=np.frombuffer(payload, "<f4"), **header)
    if kind == "done":
        return PieceDone(**{**header, "stop_reason": StopReason(header["stop_reason"])})
    if kind == "latents":
        return LatentsReady(payload)
    if kind == "finished":
        return Finished()
    return Failed(errors.rebuild(getattr(errors, header["class"]), header["fields"]))
