"""Encoders: 16-bit samples in, in parts; the bytes of one file out, as soon as there are some.

An output that can seek gets a file that knows its own length: at the end the encoder goes back and writes it into the
header. One that cannot gets a file that may go on for ever, whose bytes never change. The codecs' settings are in
api/audio/formats.py. Encoding blocks, so run it in a thread, one call at a time.
"""

import io
import os
import subprocess
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from threading import Thread
from typing import IO, Any, Final, Protocol

import numpy as np
import soundfile
from numpy.typing import NDArray

Pcm = NDArray[np.int16]  # (samples,), little-endian
Sink = Callable[[bytes], object]  # may be called from any thread, never with nothing

OGG_PAGE: Final = 100.0  # ms of audio in a page of a stream; with libsndfile's own second a stream starts late
SET_OGG_PAGE_LATENCY: Final = 0x1302  # of libsndfile's sf_command, which the soundfile package does not wrap
UNKNOWN_SIZE: Final = 0xFFFFFFFF  # bytes, in a header: up to the end of the stream


class Output(Protocol):
    """Where a file goes: an open file, a BytesIO or a Stream."""

    def write(self, data: bytes, /) -> object: ...

    def seekable(self) -> bool: ...

    def seek(self, offset: int, /) -> object: ...


class Stream(io.RawIOBase):
    """An output whose bytes leave as they come."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink

    def write(self, data: Any, /) -> int:
        if data:
            self._sink(data)
        return len(data)


class Encoder(Protocol):
    def feed(self, pcm: Pcm) -> None: ...

    def end(self) -> None:
        """The file is whole: the output has every byte of it."""

    def abandon(self) -> None:
        """Nobody wants the rest. May be called at any time, beside `feed` too."""


class PlainEncoder:
    """Samples as they are, after a header."""

    def __init__(self, header: Callable[[int, int], bytes], rate: int, output: Output) -> None:
        """`header`: made of the rate and the number of bytes that follow it."""
        self._header = header
        self._rate = rate
        self._output = output
        self._unwritten = header(rate, UNKNOWN_SIZE)  # goes out with the first samples
        self._size = 0

    def feed(self, pcm: Pcm) -> None:
        self._size += pcm.nbytes
        self._output.write(self._unwritten + pcm.tobytes())
        self._unwritten = b""

    def end(self) -> None:
        if self._output.seekable():
            self._output.seek(0)
            self._unwritten = self._header(self._rate, self._size)
        self._output.write(self._unwritten)

    def abandon(self) -> None:
        pass


@dataclass(frozen=True, slots=True)
class Effort:
    """libsndfile's settings."""

    level: float | None = None  # 0 the largest file and 1 the smallest; None is its own choice
    bitrate_mode: str | None = None  # of MP3; None is VARIABLE


class SndfileEncoder:
    """What libsndfile writes, in-process."""

    def __init__(self, container: str, encoding: str, whole: Effort, stream: Effort, rate: int, output: Output) -> None:
        """`stream`: the effort where the output cannot seek."""
        self._empty = True
        effort = whole if output.seekable() else stream
        # MP3: the first frame is a place for what is known in the end (LAME's tag), so a stream goes without it.
        self._growing = None if output.seekable() else _Growing(output, skip=1 if container == "MP3" else 0)
        self._file = soundfile.SoundFile(
            self._growing or output,
            "w",
            rate,
            1,
            encoding,
            format=container,
            compression_level=effort.level,
            bitrate_mode=effort.bitrate_mode,
        )
        if self._growing and container == "OGG":
            latency = soundfile._ffi.new("double *", OGG_PAGE)
            soundfile._snd.sf_command(self._file._file, SET_OGG_PAGE_LATENCY, latency, 8)

    def feed(self, pcm: Pcm) -> None:
        self._empty = self._empty and not pcm.size
        self._file.write(pcm)
        self._flush()

    def end(self) -> None:
        if self._empty:
            self._file.write(np.zeros(1, np.int16))  # without a sample it is no file, or one that players refuse
        self._file.close()
        self._flush()

    def abandon(self) -> None:
        """It holds no more than memory."""

    def _flush(self) -> None:
        if self._growing:
            self._growing.flush()


class _Growing:
    """A file for libsndfile, over an output that cannot seek. What goes back to change earlier bytes is dropped."""

    def __init__(self, output: Output, skip: int) -> None:
        self._output = output
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

    def flush(self) -> None:
        """libsndfile writes frame by frame; the output gets what there is at once."""
        data, self._new = b"".join(self._new), []
        self._output.write(data)


class FfmpegEncoder:
    """A child process between two pipes. A thread copies what it writes, so that neither ever waits for the other."""

    def __init__(self, command: Sequence[str], output: Output) -> None:
        self._child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        assert self._child.stdin
        assert self._child.stdout
        self._input: IO[bytes] = self._child.stdin
        self._encoded: IO[bytes] = self._child.stdout
        self._empty = True
        self._reader = Thread(target=self._copy, args=(output,), daemon=True)
        self._reader.start()

    def feed(self, pcm: Pcm) -> None:
        self._empty = self._empty and not pcm.size
        self._input.write(pcm.tobytes())
        self._input.flush()

    def end(self) -> None:
        """Raises CalledProcessError when ffmpeg has failed."""
        if self._empty:
            self._input.write(bytes(2))  # without a sample it is no file, or one that players refuse
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

    def _copy(self, output: Output) -> None:
        with self._encoded:
            while data := os.read(self._encoded.fileno(), io.DEFAULT_BUFFER_SIZE):
                output.write(data)
