"""Makes the clips of the voice `default` anew: Hungarian sentences spoken by espeak-ng, in three styles.

Run `python references/make_default.py` where espeak-ng is installed. One speaker, hence one espeak voice; a
style is a text, a pitch, a pitch range and a pace. No person speaks in the clips, so the repository may carry
them.
"""

import io
import subprocess
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile

FOLDER = Path(__file__).parent / "default"
SPEAKER = "hu+m3"
SECONDS = 8  # two whole conditioning chunks of XTTS-v2: no scrap of a third one weighs in the mean


@dataclass(frozen=True, slots=True)
class Style:
    name: str
    text: str
    pitch: int  # 0 to 99
    pitch_range: int  # 0 = monotone, 50 = espeak's own, 99 = lively
    words_per_minute: int


STYLES = (
    Style(
        "neutral",
        "A könyvtár hétköznap reggel nyolctól este hatig tart nyitva. A könyveket három héten belül kérjük vissza.",
        pitch=35,
        pitch_range=45,
        words_per_minute=162,
    ),
    Style(
        "excitement",
        "Nézd, végre itt a tavasz! Virágoznak a fák, zeng az erdő, és holnap indulunk a Balatonra! Gyere velünk!",
        pitch=85,
        pitch_range=99,
        words_per_minute=178,
    ),
    Style(
        "question",
        "Hová tűnt a kulcs az asztalról? Nem láttad a kabátom zsebében? És ha nincs ott, hol keressük tovább?",
        pitch=45,
        pitch_range=75,
        words_per_minute=170,
    ),
)


def speak(style: Style) -> bytes:
    """WAV bytes, mono, 16-bit, at espeak's own 22050 Hz."""
    text = f'<prosody range="{style.pitch_range}">{style.text}</prosody>'
    settings = ["-v", SPEAKER, "-p", str(style.pitch), "-s", str(style.words_per_minute)]
    command = ["espeak-ng", *settings, "-m", "--stdout", text]  # -m: the text is SSML
    return subprocess.run(command, check=True, capture_output=True).stdout


def main() -> None:
    for style in STYLES:
        speech, rate = soundfile.read(io.BytesIO(speak(style)), dtype="int16")
        silence = SECONDS * rate - len(speech)
        if silence < 0:
            raise SystemExit(f"{style.name}: {len(speech) / rate:.2f} s of speech do not fit into {SECONDS} s")
        clip = FOLDER / f"{style.name}.flac"
        soundfile.write(clip, np.pad(speech, (0, silence)), rate)
        print(f"{clip.name}: {len(speech) / rate:.2f} s of speech in {SECONDS} s at {rate} Hz")


if __name__ == "__main__":
    main()
