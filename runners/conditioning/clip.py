"""A reference clip: bytes of nearly any audio file in, mono float32 samples out. Knows no model and no torch.

WAV, FLAC, OGG (Vorbis, Opus) and AIFF are read by soundfile; MP3, M4A, AAC, WebM, WMA and their like by ffmpeg (see
ffmpeg.py). Either gives the file's rate and channels before it decodes, and then blocks of samples: of a clip that is
refused nothing is decoded, and no more than one channel of `longest` seconds is ever held.
"""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import soundfile
from numpy.typing import NDArray

from runners.conditioning.ffmpeg import DAMAGED, FfmpegReader
from runners.errors import UnreadableClip

SHORTEST = 0.33  # seconds; below it upstream's get_gpt_cond_latents gets no chunk
SILENCE = 1e-3  # -60 dBFS; a clip whose loudest sample is below holds no voice
DEAD = 1e-4  # of the other channel's power (-40 dB); a channel below holds no voice
RATES = range(1_000, 768_001)  # Hz
MOST_CHANNELS = 8
BLOCK = 65_536  # frames
UNKNOWN_FRAMES = 2**63 - 1  # libsndfile's word for it


@dataclass(frozen=True, slots=True, eq=False)
class Clip:
    samples: NDArray[np.float32]  # (time,), mono, nominally in [-1, 1]
    rate: int  # Hz
    channel: int | None = None  # the one that was taken, of a stereo file whose other one is silent

    @property
    def seconds(self) -> float:
        return len(self.samples) / self.rate


class Reader(Protocol):
    rate: int  # Hz
    channels: int

    @property
    def frames(self) -> int | None: ...  # in all; None: not known yet

    def read(self, frames: int) -> NDArray[np.float32]: ...  # (frames, channels); fewer at the end


def decode_clip(raw: bytes, *, longest: float, rates: range = RATES, cut: bool = True) -> Clip:
    """The first `longest` seconds of an audio file, or, unless `cut`, all of it. Channels are averaged, as upstream's
    `load_audio` does; of a stereo file with one silent channel the other one is taken as it is.

    Equal to torchaudio.load, sample for sample, for WAV and FLAC. A file that ends too early is as long as what is
    there. Raises UnreadableClip ("the clip is ...", to which the caller adds its name) when `raw` is not audio, is
    damaged, shorter than 0.33 s, longer than `longest` and not to be cut, silent, sampled at none of `rates` (Hz), has
    more than MOST_CHANNELS, holds samples that are not numbers, or takes the decoder too long.
    """
    with _opened(raw) as reader:
        _check_header(reader, longest, rates, cut)
        samples, channel = _mono(reader, longest, cut)
        clip = Clip(samples, reader.rate, channel)
    if channel is not None:
        with _opened(raw) as reader:
            clip = Clip(_mono(reader, longest, cut, channel)[0], reader.rate, channel)
    _check(clip)
    return clip


@contextmanager
def _opened(raw: bytes) -> Iterator[Reader]:
    reader = _SndfileReader.of(raw) or FfmpegReader(raw)
    try:
        yield reader
    except soundfile.LibsndfileError as error:
        raise UnreadableClip(DAMAGED) from error
    finally:
        reader.close()


class _SndfileReader:
    def __init__(self, file: soundfile.SoundFile) -> None:
        self._file = file
        self.rate: int = file.samplerate
        self.channels: int = file.channels
        self.frames: int = file.frames

    @classmethod
    def of(cls, raw: bytes) -> "_SndfileReader | None":
        """Not of MP3: without an index at its head, libsndfile guesses where it ends and cuts off the rest.

        Nor of a FLAC stream of unknown length, at whose end soundfile fails.
        """
        try:
            file = soundfile.SoundFile(io.BytesIO(raw))
        except soundfile.LibsndfileError:
            return None
        if file.format != "MP3" and file.frames < UNKNOWN_FRAMES:
            return cls(file)
        file.close()
        return None

    def read(self, frames: int) -> NDArray[np.float32]:
        block: NDArray[np.float32] = self._file.read(frames, dtype="float32", always_2d=True)
        return block

    def close(self) -> None:
        self._file.close()


def _check_header(reader: Reader, longest: float, rates: range, cut: bool) -> None:
    if reader.rate not in rates:
        raise UnreadableClip(
            f"the clip's sample rate is {reader.rate} Hz; use one from {rates.start} to {rates.stop - 1} Hz."
        )
    if not 1 <= reader.channels <= MOST_CHANNELS:
        raise UnreadableClip(f"the clip has {reader.channels} channels; at most {MOST_CHANNELS} are read.")
    if not cut and (reader.frames or 0) > longest * reader.rate:
        raise _too_long(longest)


def _mono(
    reader: Reader, longest: float, cut: bool, channel: int | None = None
) -> tuple[NDArray[np.float32], int | None]:
    """One channel, or the mean of all; and which of two is the only one that is not silent."""
    samples = np.empty(round(longest * reader.rate), np.float32)  # takes no memory before it is written to
    energy = np.zeros(reader.channels)
    end = 0
    while len(block := reader.read(min(BLOCK, len(samples) - end))):
        energy += np.square(block, dtype=np.float64).sum(axis=0)
        samples[end : end + len(block)] = block.mean(axis=1) if channel is None else block[:, channel]
        end += len(block)
    if not cut and end == len(samples) and len(reader.read(1)):
        raise _too_long(longest)
    quiet, loud = energy.argmin(), energy.argmax()
    dead = reader.channels == 2 and energy[quiet] < DEAD * energy[loud]
    return samples[:end], int(loud) if dead else None


def _too_long(longest: float) -> UnreadableClip:
    return UnreadableClip(f"the clip is longer than {longest:g} s; cut out 6 to 30 s of speech.")


def _check(clip: Clip) -> None:
    if clip.seconds < SHORTEST:
        raise UnreadableClip(f"the clip is {clip.seconds:.2f} s long; at least {SHORTEST} s are needed, 6 s are good.")
    if not np.isfinite(clip.samples).all():
        raise UnreadableClip("the clip holds samples that are not numbers (NaN or infinity).")
    if max(clip.samples.max(), -clip.samples.min()) < SILENCE:
        raise UnreadableClip("the clip is silent: no sample is louder than -60 dBFS.")
