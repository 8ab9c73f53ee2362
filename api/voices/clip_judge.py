"""Whether a recording is fit to clone a voice from: what is wrong, what is merely poor, and by how much.

Only what can be measured blindly: length of speech, sample rate, signal over noise, clipping, loudness. It does not
know whose clip it is, nor whether a model will like it.
"""

import itertools
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from api.audio.edges import frame_levels
from runners.conditioning.clip import Clip, decode_clip
from runners.errors import UnreadableClip

RATES: Final = range(8_000, 192_001)  # Hz
MODEL_RATE: Final = 22_050  # Hz, of XTTS-v2's conditioning; what was recorded at less is muffled
LONGEST_FILE: Final = 120.0  # seconds, silence included
SPEECH: Final = (3.0, 60.0)  # seconds
GOOD_SPEECH: Final = (6.0, 30.0)  # seconds; XTTS-v2's conditioning takes no more than the first 30
SNR: Final = (15.0, 25.0)  # dB: below the first it is refused, below the second warned of
CLIPPED: Final = (0.0005, 0.005)  # share of samples at full scale: above the first a warning, above the second refused
QUIET: Final = -40.0  # dBFS of speech

FRAME: Final = 0.020  # seconds
PAUSE: Final = 0.5  # seconds; a longer one is no speech
DEPTH: Final = 40.0  # dB below the loudest frame, where speech ends
ABOVE_NOISE: Final = 6.0  # dB over the noise, where speech begins
FLOOR: Final = -100.0  # dBFS; digital silence counts as that
TOP: Final = 0.99  # of the loudest sample, or of full scale: from here on a sample counts as clipped


@dataclass(frozen=True, slots=True)
class ClipFacts:
    seconds: float  # the whole file, silence included
    speech_seconds: float  # without silence at the ends and pauses of more than PAUSE
    sample_rate: int  # Hz
    snr_db: float  # speech over noise
    level_db: float  # dBFS of speech
    clipped: float  # share of its samples, 0 to 1


@dataclass(frozen=True, slots=True)
class Verdict:
    """A clip with `faults` is refused, one with `warnings` only is not. Each is a sentence with the measured value."""

    facts: ClipFacts | None  # None: it cannot even be read
    faults: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


def judge(raw: bytes) -> Verdict:
    """Of an audio file in any format that `decode_clip` reads. Takes about 20 ms for 10 s of FLAC."""
    try:
        clip = decode_clip(raw, longest=LONGEST_FILE, rates=RATES, cut=False)
    except UnreadableClip as error:
        return Verdict(None, (error.message,))
    facts = measure(clip)
    return Verdict(facts, tuple(_faults(facts)), (*_notes(clip), *_warnings(facts)))


def measure(clip: Clip) -> ClipFacts:
    """The ratio of speech to noise is NIST's blind one (STNR), simplified: the level that 95 % of the frames with
    speech stay below, over the level that a tenth of all frames stay below. It reads about 5 dB more than the ratio
    of the two powers, and 0 to 2 dB for steady noise, a hum or a tone.
    """
    rms = _levels(clip)
    levels = 20 * np.log10(np.maximum(rms, 10 ** (FLOOR / 20)))
    noise = np.percentile(levels, 10)
    loud = levels >= max(levels.max() - DEPTH, noise + ABOVE_NOISE)
    speech = np.percentile(levels[loud] if loud.any() else levels, 95)
    return ClipFacts(
        seconds=round(clip.seconds, 2),
        speech_seconds=round(FRAME * int(_without_short_gaps(loud, round(PAUSE / FRAME)).sum()), 2),
        sample_rate=clip.rate,
        snr_db=round(float(speech - noise), 1),
        level_db=round(float(speech), 1),
        clipped=round(_clipped(clip.samples), 5),
    )


def _levels(clip: Clip) -> NDArray[np.float64]:
    """RMS of each frame, a second at a time: what is made on the way is four times as large as the samples."""
    frame = round(FRAME * clip.rate)
    step = frame * round(1 / FRAME)
    parts = (clip.samples[at : at + step] for at in range(0, len(clip.samples), step))
    return np.concatenate([frame_levels(part, frame) for part in parts])


def _clipped(samples: NDArray[np.float32]) -> float:
    top = TOP * min(max(samples.max(), -samples.min()), 1.0)
    return (np.count_nonzero(samples >= top) + np.count_nonzero(samples <= -top)) / len(samples)


def _without_short_gaps(loud: NDArray[np.bool_], longest: int) -> NDArray[np.bool_]:
    """Gaps of up to `longest` frames between loud ones count as loud: stops, breaths, the space between words."""
    whole = loud.copy()
    at = np.flatnonzero(loud)
    for start, end in itertools.pairwise(at):
        if 1 < end - start <= longest + 1:
            whole[start:end] = True
    return whole


def _notes(clip: Clip) -> list[str]:
    if clip.channel is None:
        return []
    silent, taken = ("right", "left") if clip.channel == 0 else ("left", "right")
    return [f"the {silent} channel is silent; only the {taken} one is used."]


def _faults(facts: ClipFacts) -> list[str]:
    faults = []
    if facts.snr_db < SNR[0]:
        faults.append(
            f"speech is only {facts.snr_db:g} dB above the noise, at least {SNR[0]:g} are needed; "
            "record it closer and in a quieter place, without music."
        )
    elif not SPEECH[0] <= facts.speech_seconds <= SPEECH[1]:
        faults.append(
            f"there are {facts.speech_seconds:g} s of speech in the clip; "
            f"{SPEECH[0]:g} to {SPEECH[1]:g} s are needed, {GOOD_SPEECH[0]:g} to {GOOD_SPEECH[1]:g} s are best."
        )
    if facts.clipped > CLIPPED[1]:
        faults.append(
            f"{facts.clipped:.1%} of the samples are clipped, at most {CLIPPED[1]:.1%} may be; record it less loud."
        )
    return faults


def _warnings(facts: ClipFacts) -> list[str]:
    warnings = []
    if SNR[0] <= facts.snr_db < SNR[1]:
        warnings.append(f"speech is {facts.snr_db:g} dB above the noise; {SNR[1]:g} or more are better.")
    if SPEECH[0] <= facts.speech_seconds < GOOD_SPEECH[0]:
        warnings.append(f"{facts.speech_seconds:g} s of speech are little; {GOOD_SPEECH[0]:g} s and more are better.")
    if GOOD_SPEECH[1] < facts.speech_seconds <= SPEECH[1]:
        warnings.append(f"of {facts.speech_seconds:g} s of speech the model uses the first {GOOD_SPEECH[1]:g} s.")
    if CLIPPED[0] < facts.clipped <= CLIPPED[1]:
        warnings.append(f"{facts.clipped:.2%} of the samples are clipped.")
    if facts.level_db < QUIET:
        warnings.append(f"speech is quiet: {facts.level_db:g} dBFS; -30 to -10 is good.")
    if facts.sample_rate < MODEL_RATE:
        warnings.append(f"the sample rate is {facts.sample_rate} Hz; below {MODEL_RATE} Hz a voice is muffled.")
    return warnings
