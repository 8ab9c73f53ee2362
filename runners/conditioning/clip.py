"""A reference clip: bytes of nearly any audio file in, mono float32 samples out. Knows no model and no torch.

WAV, FLAC, OGG (Vorbis, Opus) and AIFF are read by soundfile; MP3, M4A, AAC, WebM, WMA and their like by the
ffmpeg that imageio-ffmpeg carries. (pydub would want ffprobe, which no wheel carries, and round to 16 bits.)
"""

import io
import subprocess
import tempfile
from dataclasses import dataclass

import imageio_ffmpeg
import numpy as np
import soundfile
from numpy.typing import NDArray

from runners.errors import UnreadableClip

SHORTEST = 0.33  # seconds; below it upstream's get_gpt_cond_latents hears nothing
SILENCE = 1e-3  # -60 dBFS; a clip whose loudest sample is below holds no voice
RATES = range(1_000, 768_001)  # Hz
BLOCK = 65_536  # frames
UNKNOWN_FRAMES = 2**63 - 1  # libsndfile's word for it

# What ffmpeg may open. None of them can point to another file or host, as playlists (hls, concat) can.
CONTAINERS = "aac,ac3,amr,ape,asf,avi,caf,eac3,flac,flv,matroska,mov,mp3,mpegts,ogg,tta,wv"
FFMPEG_SECONDS = 60


@dataclass(frozen=True, slots=True, eq=False)
class Clip:
    samples: NDArray[np.float32]  # (time,), mono, nominally in [-1, 1]
    rate: int  # Hz

    @property
    def seconds(self) -> float:
        return len(self.samples) / self.rate


def decode_clip(raw: bytes, *, longest: float, rates: range = RATES) -> Clip:
    """The first `longest` seconds of an audio file, channels averaged as upstream's `load_audio` does.

    Equal to torchaudio.load, sample for sample, for WAV and FLAC. A file that ends too early is as long as
    what is there. Raises UnreadableClip ("the clip is ...", for the caller to say which) when `raw` is not
    audio, is damaged, shorter than 0.33 s, silent, sampled at none of `rates` (Hz), or holds samples that are
    not numbers.
    """
    try:
        clip = _read(raw if _is_for_soundfile(raw) else _through_ffmpeg(raw, longest), longest, rates)
    except soundfile.LibsndfileError as error:
        raise UnreadableClip("the clip is damaged, or no audio file of a known format.") from error
    _check(clip)
    return clip


def _is_for_soundfile(raw: bytes) -> bool:
    """Not MP3: without an index at its head, libsndfile guesses where it ends and cuts off the rest.

    Nor a FLAC stream of unknown length, at whose end soundfile fails.
    """
    try:
        with soundfile.SoundFile(io.BytesIO(raw)) as file:
            return bool(file.format != "MP3" and file.frames < UNKNOWN_FRAMES)
    except soundfile.LibsndfileError:
        return False


def _read(raw: bytes, longest: float, rates: range) -> Clip:
    with soundfile.SoundFile(io.BytesIO(raw)) as file:
        if file.samplerate not in rates:
            raise UnreadableClip(
                f"the clip's sample rate is {file.samplerate} Hz; use one from {rates.start} to {rates.stop - 1} Hz."
            )
        wanted = min(file.frames, round(longest * file.samplerate))
        return Clip(_mono(file, wanted), file.samplerate)


def _mono(file: soundfile.SoundFile, wanted: int) -> NDArray[np.float32]:
    """Up to `wanted` frames, averaged block by block, so that many channels never lie in memory at once.

    Not by `SoundFile.blocks`, which fills what a damaged file does not give with whatever was in memory.
    """
    blocks = [np.empty(0, np.float32)]
    while (left := wanted - sum(map(len, blocks))) > 0:
        block = file.read(min(left, BLOCK), dtype="float32", always_2d=True)  # (frames, channels)
        if len(block) == 0:
            break
        blocks.append(block.mean(axis=1))
    return np.concatenate(blocks)


def _through_ffmpeg(raw: bytes, longest: float) -> bytes:
    """The first audio stream as a float WAV. Its input can seek, as M4A keeps its index at the end."""
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-nostdin", "-threads", "1"]
    command += ["-protocol_whitelist", "fd", "-format_whitelist", CONTAINERS, "-i", "fd:"]
    command += ["-map", "0:a:0", "-t", str(longest), "-c:a", "pcm_f32le", "-f", "wav", "pipe:1"]
    with tempfile.TemporaryFile() as file:
        file.write(raw)
        file.seek(0)
        try:
            done = subprocess.run(command, stdin=file, capture_output=True, timeout=FFMPEG_SECONDS, check=False)
        except subprocess.TimeoutExpired as late:
            raise UnreadableClip(f"the clip could not be decoded within {FFMPEG_SECONDS} s.") from late
    return done.stdout if done.returncode == 0 else b""


def _check(clip: Clip) -> None:
    if clip.seconds < SHORTEST:
        raise UnreadableClip(f"the clip is {clip.seconds:.2f} s long; at least {SHORTEST} s are needed, 6 s are good.")
    if not np.isfinite(clip.samples).all():
        raise UnreadableClip("the clip holds samples that are not numbers (NaN or infinity).")
    if np.abs(clip.samples).max() < SILENCE:
        raise UnreadableClip("the clip is silent: no sample is louder than -60 dBFS.")
