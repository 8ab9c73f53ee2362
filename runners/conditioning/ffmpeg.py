"""Decodes an uploaded file in a child process, the ffmpeg that imageio-ffmpeg carries, within limits of its own.

Its output is read in blocks and it waits for whoever reads, so a small file that stands for hours of audio costs no
more than what is taken of it. (pydub would want ffprobe, which no wheel carries, and round to 16 bits.)
"""

import struct
import subprocess
import tempfile
from threading import Timer
from typing import Final

import imageio_ffmpeg
import numpy as np
from numpy.typing import NDArray

from runners.errors import UnreadableClip

# What ffmpeg may open. None of them can point to another file or host, as playlists (hls, concat) can.
CONTAINERS: Final = "aac,ac3,amr,ape,asf,avi,caf,eac3,flac,flv,matroska,mov,mp3,mpegts,ogg,tta,wv"
SECONDS: Final = 20.0  # until it is killed, however little it was allowed to work
CPU_SECONDS: Final = 20
ADDRESS_SPACE: Final = 512 * 2**10  # KiB; the program itself takes 170 MB of it
HEADER: Final = struct.Struct(
    ">4s5I"
)  # of Sun's AU: magic, where the samples begin, their bytes, encoding, rate, channels
DAMAGED: Final = "the clip is damaged, or no audio file of a known format."


class FfmpegReader:
    """The first audio stream of a file. Close it."""

    frames = None  # only the end says how many

    def __init__(self, raw: bytes) -> None:
        """Raises UnreadableClip."""
        with tempfile.TemporaryFile() as file:  # it can seek, as M4A keeps its index at the end
            file.write(raw)
            file.seek(0)
            self._child = subprocess.Popen(_command(), stdin=file, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self._timer = Timer(SECONDS, self._child.kill)
        self._timer.start()
        try:
            self.rate, self.channels = self._read_header()
        except BaseException:
            self.close()
            raise

    def read(self, frames: int) -> NDArray[np.float32]:
        """(frames, channels); fewer at the end. Raises UnreadableClip where the decoder failed."""
        width = 4 * self.channels
        data = self._read(frames * width)
        if len(data) < frames * width:
            self._check_end()
        samples = np.frombuffer(data, ">f4", len(data) // width * self.channels)
        return samples.reshape(-1, self.channels).astype(np.float32)

    def close(self) -> None:
        self._timer.cancel()
        self._child.kill()
        self._child.wait()
        assert self._child.stdout
        self._child.stdout.close()

    def _read_header(self) -> tuple[int, int]:
        header = self._read(HEADER.size)
        if len(header) < HEADER.size:
            self._check_end()
            raise UnreadableClip(DAMAGED)
        _, begin, _, _, rate, channels = HEADER.unpack(header)
        self._read(begin - HEADER.size)
        return rate, channels

    def _read(self, size: int) -> bytes:
        assert self._child.stdout
        return self._child.stdout.read(size)

    def _check_end(self) -> None:
        status = self._child.wait()
        if status < 0:  # a signal: ours, or that of a limit
            raise UnreadableClip(
                f"the clip takes too long to decode, or too much memory: over {CPU_SECONDS} s of work."
            )
        if status > 0:
            raise UnreadableClip(DAMAGED)


def _command() -> list[str]:
    """A shell sets the limits on itself and becomes ffmpeg: nothing runs between a fork and an exec of this process."""
    limits = f'ulimit -t {CPU_SECONDS}; ulimit -v {ADDRESS_SPACE} 2>/dev/null; exec "$0" "$@"'  # macOS knows no -v
    command = ["/bin/sh", "-c", limits, imageio_ffmpeg.get_ffmpeg_exe(), "-v", "quiet", "-nostdin", "-threads", "1"]
    command += ["-protocol_whitelist", "fd", "-format_whitelist", CONTAINERS, "-i", "fd:"]
    return [*command, "-map", "0:a:0", "-c:a", "pcm_f32be", "-f", "au", "pipe:1"]
