"""The corpus: shards of utterances. Who says what in a shard follows from its number alone."""

import multiprocessing
import random
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np
import torch
from filelock import FileLock, Timeout
from TTS.tts.layers.xtts.tokenizer import VoiceBpeTokenizer

from runners.demo.vocabulary import LANGUAGES, write_vocabulary
from runners.errors import InvalidInput
from runners.text.pieces import Piece, TextFrontend
from training.espeak import Espeak, Speaker
from training.features import RATE, STRIDE, log_mel, pitch
from training.plan import Plan
from training.shards import Utterance
from training.texts import Texts, load_texts

UTTERANCES_PER_SPEAKER, SPEAKERS_PER_SHARD = 20, 12
LEAD_IN, LEAD_OUT = 0.05, 0.20  # seconds of silence
LONGEST_TEXTS = (50, 80, 80, 110, 110, 200)  # characters
MOST_CODES = 560
HELD_OUT_VARIANTS = ("f3", "m6", "Andrea", "paul", "klatt3", "marcelo", "linda", "edward2", "Lee", "iven3")
VARIANTS = """
f1 f2 f4 f5 m1 m2 m3 m4 m5 m7 m8 Alex Alicia Andy Annie Denis Diogo Gene Gene2 Henrique Hugo Jacky Marco Mario
Michael Mike Nguyen Storm Tweaky adam anika announcer antonio aunty belinda benjamin boris caleb croak david
ed edward grandma grandpa gustave iven iven2 iven4 john klatt klatt2 klatt4 max michel miguel norbert pablo
pedro quincy rob robert sandro shelby steph steph2 steph3 travis victor zac
""".split()  # noqa: SIM905 (sixty quoted names are harder to read). Those that whisper, and most robots, are left out
MIX = {"hu": 0.5, "en": 0.5}  # two that are spoken are worth more than six that are not


def frontend(folder: Path) -> TextFrontend:
    """The server's own text path, over the new vocabulary."""
    vocabulary = folder / "vocab.json"
    write_vocabulary(vocabulary)
    return TextFrontend(VoiceBpeTokenizer(str(vocabulary)), LANGUAGES, 402)


def draw_speaker(rng: random.Random, variants: Sequence[str] = VARIANTS) -> Speaker:
    return Speaker(
        variant=rng.choice(variants),
        pitch=min(max(round(rng.gauss(48, 22)), 0), 99),
        pitch_range=rng.choice([0, 20, 35, 50, 50, 60, 75, 99]),
        words_per_minute=min(max(round(rng.gauss(168, 20)), 120), 240),
    )


def make_corpus(plan: Plan) -> None:
    """Makes the shards that are not there yet. On several cores, run it several times: they part the shards."""
    texts = {language: load_texts(language, plan.sources) for language in MIX}
    reader = frontend(plan.work)

    def make(number: int, path: Path) -> None:
        write(path, make_shard(number, texts, reader, Espeak()), audio=number < plan.audio_shards)

    for number in range(plan.shard_count):
        path = plan.work / f"shard-{number:04d}.npz"
        with suppress(Timeout), FileLock(path.with_suffix(".lock"), blocking=False):
            if not path.exists():
                maker = multiprocessing.get_context("fork").Process(target=make, args=(number, path))
                maker.start()
                maker.join()  # a few texts are too much for espeak-ng: they end the process, and there is no such shard
                print(path.stem, "made" if path.exists() else f"failed with {maker.exitcode}", flush=True)


def make_shard(number: int, texts: dict[str, Texts], reader: TextFrontend, espeak: Espeak) -> list[Utterance]:
    rng = random.Random(number)
    made = []
    for who in range(SPEAKERS_PER_SHARD):
        speaker = draw_speaker(rng)
        for _ in range(UTTERANCES_PER_SPEAKER):
            language = rng.choices(list(MIX), list(MIX.values()))[0]
            text = texts[language].draw(rng, rng.choice(LONGEST_TEXTS))
            with suppress(InvalidInput):
                for piece in reader.pieces(text, language)[:1]:  # none if there is nothing to say
                    samples = spoken(espeak, piece.text, language, speaker)
                    if RATE // 20 < len(samples) <= MOST_CODES * STRIDE:
                        made.append(measured(piece, samples, who))
    return made


def measured(piece: Piece, samples: torch.Tensor, who: int) -> Utterance:
    audio = (samples.numpy() * 32767).astype(np.int16)
    return Utterance(torch.tensor(piece.tokens), log_mel(samples), pitch(samples).numpy(), audio, who)


def write(path: Path, utterances: list[Utterance], *, audio: bool) -> None:
    """Tokens, mel, F0 and, if asked for, samples, of one utterance after the other."""
    partial = path.with_name(f"partial-{path.name}")
    np.savez(
        partial,
        tokens=np.concatenate([u.tokens.numpy().astype(np.int16) for u in utterances]),
        mel=np.concatenate([u.mel.numpy().astype(np.float16) for u in utterances]),
        f0=np.concatenate([u.f0.astype(np.float32) for u in utterances]),
        audio=np.concatenate([u.audio for u in utterances]) if audio else np.zeros(0, np.int16),
        tokens_lengths=np.array([len(u.tokens) for u in utterances]),
        mel_lengths=np.array([len(u.mel) for u in utterances]),
        who=np.array([u.who for u in utterances]),
    )
    partial.rename(path)


def spoken(espeak: Espeak, text: str, language: str, speaker: Speaker) -> torch.Tensor:
    """Samples in [-1, 1] with silence at both ends, as many as make whole codes. None at all if nothing sounds."""
    raw = espeak.speak(text, language, speaker).astype(np.float32) / 32768
    loud = np.flatnonzero(np.abs(raw) > 0.004)
    if len(loud) == 0:
        return torch.zeros(0)
    speech = raw[loud[0] : loud[-1] + 1]
    before, after = int(LEAD_IN * RATE), int(LEAD_OUT * RATE)
    after += -(before + len(speech) + after) % STRIDE
    noise = np.random.default_rng(len(speech)).normal(0, 2e-4, before + len(speech) + after)
    return torch.from_numpy((np.pad(speech, (before, after)) + noise).astype(np.float32))
