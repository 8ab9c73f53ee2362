"""Texts to be spoken: words of Debian's word lists, sentences of its translations and manuals, made-up lists of words.

What the benchmarks and the examples say is left out, so that it is new to the model.
"""

import gettext
import html
import random
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
PACKAGES = (
    "espeak-ng wamerican fortunes libreoffice-help-en-us hunspell-hu libreoffice-help-hu hunspell-de-de hunspell-es "
    "hunspell-it hunspell-pl"
)
_DICTIONARIES = {"en": "american-english", "hu": "hu_HU", "de": "de_DE", "es": "es_ES", "it": "it_IT", "pl": "pl_PL"}
_LOCALES = {"en": "en_GB"}
_HELP = {"en": "en-US"}
_SENTENCE = re.compile(r"[^\W\d_][\w ,.!?'’:;-]{8,230}")
_WORD = re.compile(r"[^\W\d_]{2,18}")
_HELD_OUT = ("benchmarks/language_texts.yaml", "examples/input_samples.json", "references/make_default.py", "README.md")


@dataclass(frozen=True, slots=True)
class Texts:
    """What there is to say in one language."""

    words: list[str]
    sentences: list[str]

    def draw(self, rng: random.Random, longest: int) -> str:
        """One text of at most about `longest` characters."""
        kind = rng.random()
        if kind < 0.12:
            return " ".join(self._words(rng, rng.randint(1, 2))) + rng.choice(["", ".", ".", "!", "?"])
        if kind < 0.20:
            return self._with_number(rng)
        text = rng.choice(self.sentences) if kind < 0.65 else self._made_up(rng)
        while len(text) < longest / 3 and rng.random() < 0.35:
            text += " " + (rng.choice(self.sentences) if rng.random() < 0.5 else self._made_up(rng))
        return text[:longest].rsplit(" ", 1)[0] if len(text) > longest else text

    def _words(self, rng: random.Random, count: int) -> list[str]:
        """Long and short ones; some of them from running text, where the frequent ones are."""
        return [
            rng.choice(self.words)
            if rng.random() < 0.6
            else rng.choice(rng.choice(self.sentences).split()).strip(",.;:!?")
            for _ in range(count)
        ]

    def _made_up(self, rng: random.Random) -> str:
        words = self._words(rng, rng.randint(2, 9))
        for place in range(len(words) - 1):
            if rng.random() < 0.12:
                words[place] += ","
        return " ".join(words).capitalize() + rng.choice(".....!??")

    def _with_number(self, rng: random.Random) -> str:
        number = rng.randint(0, 10 ** rng.randint(1, 5))
        before, after = self._words(rng, rng.randint(0, 3)), self._words(rng, rng.randint(0, 3))
        return " ".join([*before, str(number), *after]) + rng.choice([".", ".", "", "?", "!"])


def load_texts(language: str, sources: Path) -> Texts:
    """`sources`: the folder that Debian's packages were unpacked into; `/` where they are installed."""
    held_out = " ".join(_plain((REPOSITORY / name).read_text(encoding="utf-8")) for name in _HELD_OUT)
    words = sorted({word for word in _dictionary(language, sources) if _WORD.fullmatch(word)})
    found = {text.strip() for text in (*_translations(language), *_help(language, sources))}
    sentences = sorted(text for text in found if _SENTENCE.fullmatch(text) and len(text.split()) > 2)
    if not words or not sentences:
        raise SystemExit(f"There are no texts in '{language}': apt-get install {PACKAGES}")
    return Texts(words, [text for text in sentences if _plain(text) not in held_out])


def _plain(text: str) -> str:
    return " ".join(re.findall(r"\w+", text.lower()))


def _dictionary(language: str, sources: Path) -> Iterator[str]:
    name = _DICTIONARIES[language]
    for path in (sources / f"usr/share/dict/{name}", sources / f"usr/share/hunspell/{name}.dic"):
        if path.exists():
            encoding = "latin-1" if b"\nSET ISO8859-1" in _affixes(path) else "utf-8"
            encoding = "iso8859-2" if b"ISO8859-2" in _affixes(path) else encoding
            for line in path.read_text(encoding=encoding, errors="ignore").splitlines():
                yield line.split("/")[0].split("\t")[0]


def _affixes(path: Path) -> bytes:
    affixes = path.with_suffix(".aff")
    return b"\n" + affixes.read_bytes()[:2000] if affixes.exists() else b""


def _translations(language: str) -> Iterator[str]:
    """Of the programs installed here. English is both what is translated and its British translation."""
    for locale in (_LOCALES.get(language, language), "hu"):
        for path in sorted(Path("/usr/share/locale", locale, "LC_MESSAGES").glob("*.mo")):
            for original, translation in _catalogue(path).items():
                if locale != "hu" or language == "hu":
                    yield translation.replace("_", "")
                if language == "en" and isinstance(original, str):
                    yield original.replace("_", "")
        if language != "en":
            break


def _catalogue(path: Path) -> dict[str, str]:
    try:
        with path.open("rb") as file:
            return gettext.GNUTranslations(file)._catalog  # type: ignore[attr-defined]
    except UnicodeDecodeError:  # one of a few says another encoding than it has
        return {}


def _help(language: str, sources: Path) -> Iterator[str]:
    """Sentences of LibreOffice's manual, and of Debian's fortunes in English."""
    folder = sources / "usr/share/libreoffice/help" / _HELP.get(language, language) / "text"
    for path in sorted(folder.rglob("*.html")):
        for paragraph in re.findall(r"<p [^>]*>(.*?)</p>", path.read_text(encoding="utf-8"), re.S):
            text = " ".join(html.unescape(re.sub(r"<[^>]+>", "", paragraph)).split())
            yield from re.split(r"(?<=[.!?])\s+", text)
    if language == "en":
        for path in sorted((sources / "usr/share/games/fortunes").glob("*[a-z]")):
            if path.suffix not in (".dat", ".u8"):
                yield from re.split(
                    r"(?<=[.!?])\s+", " ".join(path.read_text(encoding="utf-8", errors="ignore").split())
                )
