"""Encoders of audio that is still being made: 16-bit samples in, in parts; the bytes of one growing file out.

Bytes go to a sink as soon as there are some, and never change afterwards: a file that grows has no lengths in its
header. The codecs' settings are in api/audio/formats.py. Encoding blocks, so run it in a thread, one call at a time.
"""

import io
import os
import subprocess
from collections.abc import Callable, Sequence
from contextlib import suppress
from threading import Thread
from typing import IO, Final, Protocol

import numpy as np
import soundfile
from numpy.typing import NDArray

Pcm = NDArray[np.int16]  # (samples,), little-endian
Sink = Callable[[bytes], object]  # may be called from any thread, never with nothing

OGG_PAGE: Final = 100.0  # ms of audio; libsndfile's own second would be heard as a late start
SET_OGG_PAGE_LATENCY: Final = 0x1302  # of libsndfile's sf_command, which the soundfile package does not wrap


class Encoder(Protocol):
    def feed(self, pcm: Pcm) -> None: ...

    def end(self) -> None:
        """The file is whole: the sink has every byte of it."""

    def abandon(self) -> None:
        """Nobody wants the rest. May be called at any time, beside `feed` too."""


class PlainEncoder:
    """Samples as they are, after a header."""

    def __init__(self, header: bytes, sink: Sink) -> None:
        self._header = header
        self._sink = sink

    def feed(self, pcm: Pcm) -> None:
        self._give(pcm.tobytes())

    def end(self) -> None:
        self._give(b"")

    def abandon(self) -> None:
        pass

    def _give(self, data: bytes) -> None:
        data, self._header = self._header + data, b""
        if data:
            self._sink(data)


class SndfileEncoder:
    """What libsndfile writes. It holds no more than memory, so there is nothing to abandon."""

    def __init__(
        self, rate: int, container: str, encoding: str, effort: float | None, sink: Sink, *, info_frame: bool
    ) -> None:
        """`info_frame`: what comes first is a place for what is known in the end (LAME's tag). It is left out."""
        self._sink = sink
        self._empty = True
        self._growing = _Growing(skip=1 if info_frame else 0)
        self._file = soundfile.SoundFile(
            self._growing, "w", rate, 1, encoding, format=container, compression_level=effort
        )
        if container == "OGG":
            latency = soundfile._ffi.new("double *", OGG_PAGE)
            soundfile._snd.sf_command(self._file._file, SET_OGG_PAGE_LATENCY, latency, 8)

    def feed(self, pcm: Pcm) -> None:
        self._empty = self._empty and not pcm.size
        self._file.write(pcm)
        self._give()

    def end(self) -> None:
        if self._empty:
            self._file.write(np.zeros(1, np.int16))  # see `never_empty` in api/audio/formats.py
        self._file.close()
        self._give()

    def abandon(self) -> None:
        pass

    def _give(self) -> None:
        if data := self._growing.take():
            self._sink(data)


class _Growing:
    """A file for libsndfile whose bytes leave as they come. What goes back to change them is dropped."""

    def __init__(self, skip: int) -> None:
        self._skip = skip  # writes
        self._at = self._size = 0
        self._new: list[bytes] = []

    def write(self, data: bytes) -> int:
        if self._at == self._size:
            self._size += len(data)
            if self._skip:
                self._skip -= 1
            else:
                self._new.append(bytes(data))
        self._at += len(data)
        return len(data)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        self._at = offset + {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._size}[whence]
        return self._at

    def tell(self) -> int:
        return self._at

    def take(self) -> bytes:
        data, self._new = b"".join(self._new), []
        return data


class FfmpegEncoder:
    """A child process between two pipes. A thread hands on what it writes, so that neither ever waits for the other."""

    def __init__(self, command: Sequence[str], sink: Sink) -> None:
        self._child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        assert self._child.stdin
        assert self._child.stdout
        self._input: IO[bytes] = self._child.stdin
        self._output: IO[bytes] = self._child.stdout
        self._empty = True
        self._reader = Thread(target=self._hand_on, args=(sink,), daemon=True)
        self._reader.start()

    def feed(self, pcm: Pcm) -> None:
        self._empty = self._empty and not pcm.size
        self._input.write(pcm.tobytes())
        self._input.flush()

    def end(self) -> None:
        """Raises CalledProcessError when ffmpeg has failed."""
        if self._empty:
            self._input.write(bytes(2))  # see `never_empty` in api/audio/formats.py
        self._input.close()
        self._reader.join()
        assert self._child.stderr
        complaint = self._child.stderr.read()
        self._child.stderr.close()
        if self._child.wait():
            raise subprocess.CalledProcessError(self._child.returncode, self._child.args, stderr=complaint)

    def abandon(self) -> None:
        self._child.kill()
        self._child.wait()
        with suppress(OSError):  # what it has not read is lost
            self._input.close()

    def _hand_on(self, sink: Sink) -> None:
        with self._output:
            while data := os.read(self._output.fileno(), io.DEFAULT_BUFFER_SIZE):
                sink(data)
