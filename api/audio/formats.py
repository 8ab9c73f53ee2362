"""Turns a waveform into the bytes of an audio file: mono float32 in, one of six formats out.

All at once (`encode`), or as it comes (`encoder`, see encoders.py). A format's name is also its file extension.
Knows nothing of HTTP, nor of what the audio says. Encoding blocks, so run it in a thread: nothing is shared between
calls, and the codecs let go of the interpreter while they work. Figures below: 60 s of speech at 24 kHz, speed in times
real time on one core.
"""

import io
import struct
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Protocol

import imageio_ffmpeg
import numpy as np
import soundfile
from numpy.typing import NDArray

from api.audio.encoders import Encoder, FfmpegEncoder, Pcm, PlainEncoder, Sink, SndfileEncoder

Samples = NDArray[np.float32]  # (samples,), full scale is -1 to 1

FULL_SCALE: Final = 32767
UNKNOWN: Final = 0xFFFFFFFF  # in a WAV header: up to the end of the stream


class Codec(Protocol):
    @property
    def media_type(self) -> str: ...

    def encode(self, pcm: Pcm, rate: int) -> bytes: ...

    def encoder(self, rate: int, sink: Sink) -> Encoder: ...


@dataclass(frozen=True, slots=True)
class Raw:
    """The 16-bit samples and nothing else: the media type has to say the rest."""

    media_type: str

    def encode(self, pcm: Pcm, rate: int) -> bytes:
        return pcm.tobytes()

    def encoder(self, rate: int, sink: Sink) -> Encoder:
        return PlainEncoder(b"", sink)


@dataclass(frozen=True, slots=True)
class Wav:
    """16-bit RIFF/WAVE with the plain 44-byte header."""

    media_type: str

    def encode(self, pcm: Pcm, rate: int) -> bytes:
        return wav_header(rate, pcm.nbytes) + pcm.tobytes()

    def encoder(self, rate: int, sink: Sink) -> Encoder:
        return PlainEncoder(wav_header(rate), sink)


@dataclass(frozen=True, slots=True)
class Sndfile:
    """What libsndfile writes in-process: no child, no temporary file, no tool to install.

    Its MP3 is LAME's, with the encoder's delay and padding in the header, so that a decoder gives back
    exactly the samples that went in. ffmpeg's has the same size and SNR. It takes 200 ms of CPU for 60 s
    where this takes 370, but 30 where this takes 10 for a sentence of 2 s. It cannot write that header into a
    pipe (1105 samples of silence then come first): it needs a temporary file, as does pydub, which calls it.
    Opus carries its pre-skip and its end position: exact too. As a stream MP3 has no such header: 1105 samples of
    silence come first.
    """

    media_type: str
    container: str
    encoding: str
    effort: float | None = None  # libsndfile's compression level: 0 is the largest file, 1 the smallest

    def encode(self, pcm: Pcm, rate: int) -> bytes:
        file = io.BytesIO()
        soundfile.write(
            file, never_empty(pcm), rate, self.encoding, format=self.container, compression_level=self.effort
        )
        return file.getvalue()

    def encoder(self, rate: int, sink: Sink) -> Encoder:
        info_frame = self.container == "MP3"
        return SndfileEncoder(rate, self.container, self.encoding, self.effort, sink, info_frame=info_frame)


@dataclass(frozen=True, slots=True)
class Ffmpeg:
    """What libsndfile cannot write, through the ffmpeg that the imageio-ffmpeg wheel carries.

    A child costs about 40 ms to start.
    """

    media_type: str
    arguments: tuple[str, ...]

    def encode(self, pcm: Pcm, rate: int) -> bytes:
        child = subprocess.run(self._command(rate), input=never_empty(pcm).tobytes(), capture_output=True, check=True)
        return child.stdout

    def encoder(self, rate: int, sink: Sink) -> Encoder:
        return FfmpegEncoder(self._command(rate), sink)

    def _command(self, rate: int) -> list[str]:
        """Reads at once what there is, and writes at once what it has made of it."""
        source = ("-probesize", "32", "-f", "s16le", "-ar", str(rate), "-ac", "1", "-i", "pipe:0")
        target = (*self.arguments, "-flush_packets", "1", "pipe:1")
        return [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", *source, *target]


CODECS: Final[Mapping[str, Codec]] = {
    # LAME V2: 86 kbit/s, SNR 31 dB, 170x. V4, libsndfile's default, saves 15 % and costs 2.5 dB.
    "mp3": Sndfile("audio/mpeg", "MP3", "MPEG_LAYER_III", effort=0.2),
    "wav": Wav("audio/wav"),
    "flac": Sndfile("audio/flac", "FLAC", "PCM_16"),  # 185 kbit/s, 2600x
    # 62 kbit/s, SNR 23 dB, 84x. Below 56 kbit/s Opus changes to a mode that is half as fast.
    "opus": Sndfile("audio/ogg; codecs=opus", "OGG", "OPUS", effort=0.768),
    # 81 kbit/s, SNR 35 dB, 200x; ffmpeg's default coder is 3 times slower and 10 dB worse. ADTS has nowhere
    # to put the encoder's delay: every decoder gives 1024 samples (43 ms) of silence first.
    "aac": Ffmpeg("audio/aac", ("-c:a", "aac", "-aac_coder", "fast", "-b:a", "64k", "-f", "adts")),
    "pcm": Raw("audio/pcm;rate={rate};channels=1;encoding=s16le"),
}


def encode(samples: Samples, format: str, rate: int) -> bytes:
    """A whole file. No samples at all become one silent one, save in wav and pcm, which can hold none.

    Raises ValueError for samples that are not finite, KeyError for a format that is not in CODECS.
    Opus takes 8, 12, 16, 24 and 48 kHz.
    """
    return CODECS[format].encode(quantise(samples), rate)


def encoder(format: str, rate: int, sink: Sink) -> Encoder:
    """A file that grows by what `quantise` makes of the samples. Raises KeyError for a format that is not in CODECS."""
    return CODECS[format].encoder(rate, sink)


def media_type(format: str, rate: int) -> str:
    """What goes into Content-Type."""
    return CODECS[format].media_type.format(rate=rate)


def quantise(samples: Samples) -> Pcm:
    """Clip to full scale and round to the nearest of 2 * 32767 + 1 steps: 0 stays 0 and -1 mirrors 1.

    Done once: every format is made from the same 16-bit samples.
    """
    if not np.isfinite(samples).all():
        raise ValueError("the samples hold NaN or infinity, which no file can carry")
    return np.rint(samples.clip(-1, 1) * FULL_SCALE).astype("<i2")


def wav_header(rate: int, data_bytes: int = UNKNOWN) -> bytes:
    """RIFF header of 16-bit mono PCM, followed by `data_bytes` of it."""
    pcm_format, channels, width = 1, 1, 2
    layout = (16, pcm_format, channels, rate, rate * width, width, 8 * width)
    return struct.pack(
        "<4sI4s4sIHHIIHH4sI", b"RIFF", min(36 + data_bytes, UNKNOWN), b"WAVE", b"fmt ", *layout, b"data", data_bytes
    )


def never_empty(pcm: Pcm) -> Pcm:
    """Compressed formats without a single sample come out as no file at all, or one that players refuse."""
    return pcm if pcm.size else np.zeros(1, pcm.dtype)
