"""From the assembled signal to the one that is delivered: at the rate asked for, and at the loudness asked for.

Resampled once, by soxr. Loudness is that of EBU R128 in LUFS, and one gain for all of the signal, never one for each
sentence: measured by ffmpeg when all of it is there, or known beforehand, for streams. What would then go over the
ceiling is turned down around its peak by the limiter, and nothing else is changed. Blocks, so run it in a thread.
"""

import re
import subprocess
import tempfile
from collections.abc import Iterable, Iterator
from typing import IO, Final, Protocol

import imageio_ffmpeg
import numpy as np
import soxr
from numpy.typing import NDArray

from api.audio.edges import NOTHING, Samples

BLOCK: Final = 2**16  # samples
CEILING: Final = 10 ** (-1 / 20)  # -1 dBTP, EBU R128's
ATTACK: Final = 0.005  # seconds in which the limiter turns down and up again
PHASES, TAPS = 4, 12  # true peak: at four times the rate, by a filter of 12 taps for each phase (ITU-R BS.1770)
SILENCE: Final = -70.0  # LUFS; nothing of the signal is louder, so it has no loudness

INTEGRATED: Final = re.compile(rb"I: +(-?[\d.]+) LUFS")


class Stage(Protocol):
    def feed(self, samples: Samples) -> Samples: ...

    def end(self) -> Iterator[Samples]:
        """What is left."""


class Resampler:
    """What comes out does not depend on how the signal was cut; pauses keep their length to the sample."""

    def __init__(self, rate: int, to: int) -> None:
        self._stream = soxr.ResampleStream(rate, to, 1, dtype="float32")

    def feed(self, samples: Samples) -> Samples:
        resampled: Samples = self._stream.resample_chunk(samples)
        return resampled

    def end(self) -> Iterator[Samples]:
        yield self._stream.resample_chunk(NOTHING, last=True)


class Louder:
    """A gain that is known, then the limiter."""

    def __init__(self, rate: int, gain: float) -> None:
        """`gain`: dB."""
        self._factor = np.float32(10 ** (gain / 20))
        self._limiter = Limiter(rate)

    def feed(self, samples: Samples) -> Samples:
        return self._limiter.feed(samples * self._factor)

    def end(self) -> Iterator[Samples]:
        yield from self._limiter.end()


class Normaliser:
    """Waits for all of the signal, on disk, and brings it to `loudness`."""

    def __init__(self, rate: int, loudness: float) -> None:
        """`loudness`: LUFS."""
        self._rate = rate
        self._loudness = loudness
        self._file: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115  (closed when nobody has it any more)

    def feed(self, samples: Samples) -> Samples:
        self._file.write(samples.astype("<f4", copy=False).tobytes())
        return NOTHING

    def end(self) -> Iterator[Samples]:
        measured = integrated(self._file, self._rate)
        louder = Louder(self._rate, 0.0 if measured is None else self._loudness - measured)
        self._file.seek(0)
        while data := self._file.read(4 * BLOCK):
            yield louder.feed(np.frombuffer(data, "<f4"))
        yield from louder.end()
        self._file.close()


class Limiter:
    """Keeps true peaks at the ceiling. Where nothing is over it, the signal passes as it is, sample by sample.

    Around a peak the gain is its own for as long as the attack, and moves there and back in straight lines.
    """

    def __init__(self, rate: int) -> None:
        self._attack = max(round(ATTACK * rate), 1)
        self._reach = 2 * self._attack + TAPS  # samples before and after one that its gain depends on
        self._held: Samples = np.zeros(self._reach, np.float32)

    def feed(self, samples: Samples) -> Samples:
        held = np.concatenate((self._held, samples))
        ready = max(len(held) - 2 * self._reach, 0)
        self._held = held[ready:]
        return self._limited(held) if ready else NOTHING

    def end(self) -> Iterator[Samples]:
        yield self.feed(np.zeros(self._reach, np.float32))

    def _limited(self, held: Samples) -> Samples:
        """All but what is within reach of either end."""
        peaks = true_peaks(held)
        inside = held[self._reach : -self._reach]
        if not (peaks > CEILING).any():
            return inside
        from scipy.ndimage import minimum_filter1d, uniform_filter1d  # half a second of every start, seldom needed

        size = 2 * self._attack + 1
        needed = CEILING / np.maximum(peaks, CEILING)
        gain = uniform_filter1d(minimum_filter1d(needed, size), size)
        return (inside * gain[self._reach : -self._reach]).astype(np.float32)


def true_peaks(samples: Samples) -> NDArray[np.float64]:
    """Of each sample, the highest that the signal rises from it to the next, or the sample itself."""
    between = [np.convolve(samples.astype(np.float64), phase, "same") for phase in _PHASES]
    peaks: NDArray[np.float64] = np.max(np.abs(between), axis=0)
    return peaks


def _interpolation() -> list[NDArray[np.float64]]:
    at = np.arange(TAPS) - TAPS // 2 + 1  # of np.convolve's "same" with an even number of taps
    window = np.hanning(TAPS + 2)[1:-1]
    filters = [np.sinc(at - phase / PHASES) * window for phase in range(1, PHASES)]
    itself = np.zeros(TAPS)
    itself[TAPS // 2 - 1] = 1.0
    return [itself, *(each / each.sum() for each in filters)]


_PHASES: Final = _interpolation()


def integrated(file: IO[bytes], rate: int) -> float | None:
    """The loudness of a file of float32 samples in LUFS. None: it is silence, or shorter than 0.4 s."""
    file.seek(0)
    source = ("-f", "f32le", "-ar", str(rate), "-ac", "1", "-i", "pipe:0")
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-hide_banner", "-nostats", *source]
    command += ["-af", "ebur128=framelog=quiet", "-f", "null", "-"]
    done = subprocess.run(command, stdin=file, capture_output=True, check=True)
    found = INTEGRATED.findall(done.stderr)
    loudness = float(found[-1]) if found else SILENCE
    return loudness if loudness > SILENCE else None


class Master:
    """The stages that a signal needs, one after the other. There may be none."""

    def __init__(self, rate: int, to: int, loudness: float | None, measured: float | None) -> None:
        """`measured`: how loud the signal will be, where that is known beforehand."""
        self._stages: list[Stage] = []
        if to != rate:
            self._stages.append(Resampler(rate, to))
        if loudness is not None:
            known = measured is not None
            self._stages.append(Louder(to, loudness - (measured or 0.0)) if known else Normaliser(to, loudness))

    def feed(self, samples: Samples) -> Samples:
        for stage in self._stages:
            samples = stage.feed(samples)
        return samples

    def end(self) -> Iterator[Samples]:
        for number, stage in enumerate(self._stages):
            for rest in stage.end():
                for later in self._stages[number + 1 :]:
                    rest = later.feed(rest)
                yield rest


def loudness_of(blocks: Iterable[Samples], rate: int, to: int) -> float | None:
    """Of the signal resampled from `rate` to `to`, as `integrated` measures it."""
    master = Master(rate, to, loudness=None, measured=None)
    with tempfile.TemporaryFile() as file:
        for samples in (*map(master.feed, blocks), *master.end()):
            file.write(samples.astype("<f4", copy=False).tobytes())
        return integrated(file, to)
