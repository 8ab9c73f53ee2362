"""What is measured, each as a few figures beside their targets. Errors, endings, durations, babble, pitch, styles."""

import json
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torchaudio

from benchmarks.language import read_texts
from benchmarks.speech.errors import error_rate
from benchmarks.speech.speakers import Ours, Take, Theirs, clip_voice, write
from training.corpus import HELD_OUT_VARIANTS
from training.espeak import Speaker
from training.features import RATE, pitch

REFERENCES = Path(__file__).parents[2] / "references" / "default"
STYLES = ("neutral", "excitement", "question")


@dataclass(frozen=True, slots=True)
class Figure:
    name: str
    value: str
    target: str = ""


@dataclass(frozen=True, slots=True)
class Judge:
    """The recogniser: a Python that has faster-whisper, and the folder for its weights."""

    python: Path
    weights: Path

    def hear(self, clips: Sequence[Path], language: str) -> list[str]:
        asked = "".join(json.dumps({"path": str(clip), "language": language}) + "\n" for clip in clips)
        program = Path(__file__).with_name("recogniser.py")
        done = subprocess.run(
            [self.python, program, self.weights], input=asked, capture_output=True, text=True, check=True
        )
        return [json.loads(line)["heard"] for line in done.stdout.splitlines()]


def held_out_texts(language: str, count: int) -> list[str]:
    """Sentences first, then texts of three words: none of them is in the corpus."""
    kinds = read_texts()[language]
    return [*kinds["sentences"], *kinds["three_words"]][:count]


def errors(
    ours: Ours, theirs: Theirs, judge: Judge, languages: Sequence[str], count: int, out: Path
) -> Iterator[Figure]:
    voice = clip_voice(*(REFERENCES / f"{style}.flac" for style in STYLES))
    for language in languages:
        texts = held_out_texts(language, count)
        said = {
            "ours": ours.say([(text, language, voice) for text in texts]),
            "espeak-ng": [theirs.say(text, language) for text in texts],
        }
        rates = {}
        for who, takes in said.items():
            clips = [write(take, out / f"{language}-{k:03d}-{who}.wav") for k, take in enumerate(takes)]
            heard = judge.hear(clips, language)
            (out / f"{language}-{who}.txt").write_text("\n".join(heard), encoding="utf-8")
            rates[who] = error_rate(texts, heard)
        target = "10 %" if language == "en" else f"{rates['espeak-ng'] + 8:.1f} %"
        told = f"{rates['ours']:.1f} % (espeak-ng {rates['espeak-ng']:.1f} %)"
        yield Figure(f"characters wrong, {language}, {len(texts)} texts", told, f"<= {target}")


def endings(ours: Ours, theirs: Theirs, languages: Sequence[str], count: int) -> Iterator[Figure]:
    """Over texts of all lengths, with other seeds for the same text."""
    voice = clip_voice(REFERENCES / "neutral.flac")
    texts = [(text, language) for language in languages for text in held_out_texts(language, 50)]
    stopped, close = [], []
    for seed in range(-(-count // len(texts))):
        takes = ours.say([(text, language, voice) for text, language in texts], seed)
        stopped += [take.stopped for take in takes]
        theirs_too = [theirs.say(text, language).seconds for text, language in texts]
        close += [abs(take.seconds / other - 1) <= 0.25 for take, other in zip(takes, theirs_too, strict=True)]
    yield Figure(f"ended by the stop code, of {len(stopped)}", f"{100 * np.mean(stopped):.1f} %", ">= 99 %")
    yield Figure("within 25 % of espeak-ng's duration", f"{100 * np.mean(close):.1f} %", ">= 95 %")


def babble(ours: Ours, theirs: Theirs, languages: Sequence[str], count: int) -> Iterator[Figure]:
    """Single words, each with three seeds."""
    voice = clip_voice(REFERENCES / "neutral.flac")
    words = [
        (word.strip(".,;:!?"), language)
        for language in languages
        for word in dict.fromkeys(" ".join(read_texts()[language]["sentences"]).split())
        if len(word) > 3
    ][:count]
    limits = [2 * theirs.say(word, language).seconds for word, language in words]
    takes = [ours.say([(word, language, voice) for word, language in words], seed) for seed in range(3)]
    long = [take.seconds > limit for row in takes for take, limit in zip(row, limits, strict=True)]
    yield Figure(f"{len(words)} words, longer than twice espeak-ng's", f"{100 * np.mean(long):.1f} %", "<= 2 %")


def voices(ours: Ours, theirs: Theirs, count: int, out: Path) -> Iterator[Figure]:
    """Clips of speakers that were held out; the same sentence in each voice."""
    heard, answered = [], []
    for number in range(count):
        variant = HELD_OUT_VARIANTS[number % len(HELD_OUT_VARIANTS)]
        speaker = Speaker(variant, (number * 37) % 90 + 5, 50, 165)
        clip = write(
            theirs.say("Three grey geese in a green field grazing; the sun went down.", "en", speaker),
            out / f"voice-{number:02d}.wav",
        )
        text = held_out_texts("en", 50)[number]
        heard.append(median_pitch(theirs.say(text, "en", speaker)))
        [take] = ours.say([(text, "en", clip_voice(clip))])
        write(take, out / f"voice-{number:02d}-answer.wav")
        answered.append(median_pitch(take))
    correlation = float(np.corrcoef(np.log(heard), np.log(answered))[0, 1])
    yield Figure(f"correlation of log F0 over {count} unseen voices", f"{correlation:.2f}", ">= 0.8")


def styles(ours: Ours, out: Path) -> Iterator[Figure]:
    text = "A könyv az asztalon fekszik, a levél pedig a polcon."
    for style in STYLES:
        [take] = ours.say([(text, "hu", clip_voice(REFERENCES / f"{style}.flac"))])
        write(take, out / f"style-{style}.wav")
        low, middle, high = np.percentile(pitches(take), [10, 50, 90])
        told = f"F0 {middle:.0f} Hz ({low:.0f} to {high:.0f}), {take.seconds:.1f} s"
        clip = _clip(REFERENCES / f"{style}.flac")
        low, middle, high = np.percentile(pitches(clip), [10, 50, 90])
        yield Figure(f"style {style}", told, f"the clip: {middle:.0f} Hz ({low:.0f} to {high:.0f})")


def _clip(path: Path) -> Take:
    import soundfile

    samples, rate = soundfile.read(path, dtype="float32")
    return Take(samples, rate)


def pitches(take: Take) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    """F0 in Hz of the frames that have one; 1 Hz if none has."""
    found = pitch(torchaudio.functional.resample(torch.from_numpy(take.samples), take.rate, RATE)).numpy()
    return found[found > 0] if found.any() else np.ones(1, np.float32)


def median_pitch(take: Take) -> float:
    return float(np.median(pitches(take)))
