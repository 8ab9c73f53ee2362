"""The formats that audio is delivered in. A format's name is also its file extension.

Knows nothing of HTTP, nor of what the audio is. Encoding blocks, so run it in a thread: nothing is shared between
calls, and the codecs let go of the interpreter while they work. Figures below: 60 s of speech at 24 kHz, speed in times
real time on one core.
"""

import io
import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

import imageio_ffmpeg
import numpy as np

from api.audio.edges import Samples
from api.audio.encoders import UNKNOWN_SIZE, Effort, Encoder, FfmpegEncoder, Output, Pcm, PlainEncoder, SndfileEncoder
from runners.errors import EngineFailure

FULL_SCALE: Final = 32767
PLAIN_PCM: Final = "audio/pcm"  # for clients that compare
RATES: Final = (8_000, 16_000, 22_050, 24_000, 44_100, 48_000)  # Hz, that may be asked for
TELEPHONY: Final = (8_000,)


@dataclass(frozen=True, slots=True)
class Codec:
    media_type: str
    encoder: Callable[[int, Output], Encoder]  # of a rate in Hz and an output
    rates: Sequence[int] = RATES


def wav_header(rate: int, data_bytes: int) -> bytes:
    """RIFF header of 16-bit mono PCM, followed by `data_bytes` of it. The plain one, of 44 bytes."""
    pcm_format, channels, width = 1, 1, 2
    layout = (16, pcm_format, channels, rate, rate * width, width, 8 * width)
    size = min(36 + data_bytes, UNKNOWN_SIZE)
    return struct.pack("<4sI4s4sIHHIIHH4sI", b"RIFF", size, b"WAVE", b"fmt ", *layout, b"data", data_bytes)


def _no_header(rate: int, data_bytes: int) -> bytes:
    return b""


def _adts(rate: int, output: Output) -> FfmpegEncoder:
    """What libsndfile cannot write, through the ffmpeg that the imageio-ffmpeg wheel carries. It takes 40 ms to start.

    ffmpeg's default coder is 3 times slower and 10 dB worse. ADTS has nowhere to put the encoder's delay: every decoder
    gives 1024 samples (43 ms) of silence first.
    """
    source = ("-probesize", "32", "-f", "s16le", "-ar", str(rate), "-ac", "1", "-i", "pipe:0")  # reads what there is
    coder = ("-c:a", "aac", "-aac_coder", "fast", "-b:a", "64k")
    target = ("-f", "adts", "-flush_packets", "1", "pipe:1")  # writes at once
    return FfmpegEncoder([imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", *source, *coder, *target], output)


CODECS: Final[Mapping[str, Codec]] = {
    # LAME V2: 86 kbit/s, SNR 31 dB, 170x. V4, libsndfile's default, saves 15 % and costs 2.5 dB. A whole file's tag
    # holds the encoder's delay and padding, so that a decoder gives back exactly the samples that went in; in a stream
    # 1105 samples of silence come first. (ffmpeg writes that tag only where it can seek: it needs a temporary file.)
    # A stream has a constant bit rate, 96 kbit/s: without the tag libsndfile, mutagen and mediainfo reckon the length
    # from the first frame's, and libsndfile reads no further.
    "mp3": Codec("audio/mpeg", partial(SndfileEncoder, "MP3", "MPEG_LAYER_III", Effort(0.2), Effort(0.4, "CONSTANT"))),
    "wav": Codec("audio/wav", partial(PlainEncoder, wav_header)),
    # 185 kbit/s, 2600x. A stream's blocks are of 1,152 samples, not 4,096, so that it starts 0.12 s earlier.
    "flac": Codec("audio/flac", partial(SndfileEncoder, "FLAC", "PCM_16", Effort(), Effort(0.0))),
    # 62 kbit/s, SNR 23 dB, 84x. Below 56 kbit/s Opus changes to a mode that is half as fast. Exact in length.
    "opus": Codec(
        "audio/ogg; codecs=opus",
        partial(SndfileEncoder, "OGG", "OPUS", Effort(0.768), Effort(0.768)),
        (8_000, 16_000, 24_000, 48_000),
    ),
    "aac": Codec("audio/aac", _adts),  # 81 kbit/s, SNR 35 dB, 200x
    "pcm": Codec("audio/pcm;rate={rate};channels=1;encoding=s16le", partial(PlainEncoder, _no_header)),
    # G.711, a byte a sample, without a header: what telephony sends and takes.
    "mulaw": Codec("audio/PCMU;rate={rate}", partial(SndfileEncoder, "RAW", "ULAW", Effort(), Effort()), TELEPHONY),
    "alaw": Codec("audio/PCMA;rate={rate}", partial(SndfileEncoder, "RAW", "ALAW", Effort(), Effort()), TELEPHONY),
}


def encoder(format: str, rate: int, output: Output) -> Encoder:
    """Writes what `quantise` makes of samples. Opus takes 8, 12, 16, 24 and 48 kHz.

    No samples at all become one silent one, save in wav and pcm, which can hold none. Raises KeyError for a format that
    is not in CODECS.
    """
    return CODECS[format].encoder(rate, output)


def rate_of(format: str, asked: int | None, model: int) -> int:
    """Hz of a file: what was asked for, the format's only one, or the model's own."""
    only = CODECS[format].rates if len(CODECS[format].rates) == 1 else (model,)
    return asked or only[0]


def encode(samples: Samples, format: str, rate: int) -> bytes:
    """A whole file at once. Raises EngineFailure for samples that are not finite, and what `encoder` raises."""
    file = io.BytesIO()
    whole = encoder(format, rate, file)
    whole.feed(quantise(samples))
    whole.end()
    return file.getvalue()


def media_type(format: str, rate: int) -> str:
    """What goes into Content-Type."""
    return CODECS[format].media_type.format(rate=rate)


def quantise(samples: Samples) -> Pcm:
    """Clip to full scale and round to the nearest of 2 * 32767 + 1 steps: 0 stays 0 and -1 mirrors 1.

    Done once: every format is made from the same 16-bit samples. Raises EngineFailure for samples that are not finite.
    """
    if not np.isfinite(samples).all():
        raise EngineFailure("The model produced values that are not numbers.")
    return np.rint(samples.clip(-1, 1) * FULL_SCALE).astype("<i2")
