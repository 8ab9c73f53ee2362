"""The ends of an utterance: silence trimmed, fades, and both while its samples are still coming.

`Trim` and `Fade` are fed a signal in parts of any size and return as much as is certain. What they return in all does
not depend on how the signal was cut. Mono float32, any rate. Knows nothing of segments and pauses.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.float32]  # (samples,), full scale is -1 to 1

FADE: Final = 0.005  # seconds, each end
FRAME: Final = 0.010  # seconds, the step in which silence is looked for
MARGIN: Final = 0.020  # seconds kept beyond the first and the last loud frame
QUIET: Final = 10 ** (-38 / 20)  # of the loudest frame; the weakest consonants (f, h, th) lie at about -33 dB
SILENT: Final = 10 ** (-70 / 20)  # of full scale; nothing below it is sound, however quiet the voice
ONSET: Final = 10  # frames; in that time a voice that sets in is as loud as it gets, or nearly

NOTHING: Final[Samples] = np.zeros(0, np.float32)


class Fade:
    """Raised-cosine fades of FADE seconds: the first and the last sample are exactly 0.

    Under two fades long they overlap, so that what is too short to rise gently does not rise. Holds back FADE seconds.
    """

    def __init__(self, rate: int, *, rise: bool = True) -> None:
        length = round(FADE * rate)
        self._ramp = (0.5 - 0.5 * np.cos(np.pi * np.arange(length) / length)).astype(np.float32)
        self._rising = self._ramp if rise else NOTHING  # what is left of it
        self._held = NOTHING

    def feed(self, samples: Samples) -> Samples:
        faded = samples.copy()
        rising = self._rising[: len(faded)]
        faded[: len(rising)] *= rising
        self._rising = self._rising[len(rising) :]
        held = np.concatenate((self._held, faded))
        ready = max(0, len(held) - len(self._ramp))
        self._held = held[ready:]
        return held[:ready]

    def end(self, *, fall: bool = True) -> Samples:
        """The rest."""
        return self._held * self._ramp[: len(self._held)][::-1] if fall else self._held


class Trim:
    """Cuts the silence before the first loud frame and after the last, but for MARGIN; never anything between.

    A frame is loud when its level is over both limits, QUIET and SILENT. QUIET is relative to the loudest frame: at the
    end, of all; at the start, of those up to ONSET after the first that is loud by any measure (QUIET of full scale).
    So an utterance can leave before it is finished, unless it never gets as loud as that. Silence is held back
    until something loud follows it, or for good. Nothing loud: nothing is left.
    """

    def __init__(self, rate: int) -> None:
        self._frame, self._margin = round(FRAME * rate), round(MARGIN * rate)
        self._levels = np.zeros(0)  # of each whole frame so far
        self._unmeasured = NOTHING  # what comes after the last whole frame
        self._held = NOTHING
        self._at = 0  # where in the signal that begins
        self._started = False

    def feed(self, samples: Samples) -> Samples:
        rest = np.concatenate((self._unmeasured, samples))
        whole = len(rest) - len(rest) % self._frame
        self._measure(rest[:whole])
        self._unmeasured = rest[whole:]
        self._held = np.concatenate((self._held, samples))
        return self._release(self._start(ended=False))

    def end(self) -> Samples:
        """The rest."""
        self._measure(self._unmeasured)
        return self._release(self._start(ended=True))

    def _measure(self, samples: Samples) -> None:
        self._levels = np.concatenate((self._levels, frame_levels(samples, self._frame)))

    def _start(self, *, ended: bool) -> int | None:
        """The first sample to keep of those not returned yet. None: it is not known yet, or there is none."""
        if self._started:
            return self._at
        onset = np.flatnonzero(~(self._levels <= QUIET))
        if not ended and (not onset.size or len(self._levels) < onset[0] + ONSET):
            return None
        begun = self._levels[: onset[0] + ONSET] if onset.size else self._levels
        loud = self._loud(begun)
        return max(0, int(loud[0]) * self._frame - self._margin) if loud.size else None

    def _release(self, start: int | None) -> Samples:
        """What is certain to be kept. A frame that is loud so far may be quiet beside a later one, but is before it."""
        if start is None:
            return NOTHING
        self._started = True
        last = int(self._loud(self._levels)[-1])
        stop = (last + 1) * self._frame + self._margin
        ready = self._held[start - self._at : stop - self._at]
        self._held = self._held[stop - self._at :]
        self._at = start + len(ready)
        return ready

    def _loud(self, levels: NDArray[np.float64]) -> NDArray[np.intp]:
        """Which frames are, beside the loudest of them."""
        limit = max(SILENT, QUIET * levels.max(initial=0.0))
        return np.flatnonzero(~(levels <= limit))  # this way round NaN is loud: it must be seen, not trimmed away


def frame_levels(samples: Samples, frame: int) -> NDArray[np.float64]:
    """RMS of each frame about its own mean: a constant offset is not sound. The last may be short."""
    starts = np.arange(0, len(samples), frame)
    if not starts.size:
        return np.zeros(0)
    counts = np.diff(starts, append=len(samples))
    means = np.add.reduceat(samples, starts) / counts
    return np.sqrt(np.add.reduceat((samples - np.repeat(means, counts)) ** 2, starts) / counts)
