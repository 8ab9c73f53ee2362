"""From a text and a language to the pieces the model can say. Knows nothing of voices or audio.

Upstream's own normaliser and vocabulary do the reading (coqui-tts, TTS/tts/layers/xtts/tokenizer.py), so a text that
fits becomes one piece with exactly upstream's tokens. Ours is what comes before (reading_out.py, on the way here),
beside (numbers that upstream fails on: numerals.py) and the cutting of what is too long (splitting.py).
"""

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from threading import Lock

from TTS.tts.layers.xtts.tokenizer import VoiceBpeTokenizer

from runners.checkpoint.vocabulary import tag_of
from runners.errors import InvalidInput
from runners.text.characters import visible
from runners.text.mapped import Edit, MappedText
from runners.text.numerals import spell_out
from runners.text.own_languages import character_limit, is_own, read
from runners.text.reading_out import has_something_to_say
from runners.text.splitting import cuts

_OTHER_LIMIT = 250  # characters; upstream's for a language it names no limit for

# Upstream limits characters of the language's own script; here the Latin letters they become are counted. In
# prose a character becomes 1.8 to 3.2 letters in ja, 2.3 to 2.6 in ko, 3.4 to 4.4 in zh (tones too).
_LETTERS_PER_CHARACTER = {"ja": 3.0, "ko": 2.6, "zh": 4.5}

_SAMPLE = 2_000  # characters that tell how long a text is when it is read out
_LONG_NUMBER = re.compile(r"[0-9]{16,}")
_LONG_RUN = re.compile(r"[0-9.,]{40}(?=[0-9.,])")


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of text short enough for one decode."""

    text: str  # as it is read out: normalised, lower case, transliterated
    tokens: tuple[int, ...]  # the language's tag first; without the start and stop tokens
    span: tuple[int, int] = field(default=(0, 0), compare=False)  # where in the text that was asked for it comes from


class TextFrontend:
    """Reads texts for one checkpoint: `tokenizer` is its own, `languages` and `max_tokens` its config's.

    Have one and share it among threads: upstream's readers of numbers and of Japanese keep state while they
    read, so they are called one at a time. The first Chinese and the first Japanese text take 0.4 s and 0.1 s
    longer, for their dictionaries.
    """

    def __init__(self, tokenizer: VoiceBpeTokenizer, languages: Sequence[str], max_tokens: int) -> None:
        self._tokenizer = tokenizer
        self._languages = {language.partition("-")[0]: language for language in languages}
        self._max_tokens = max_tokens
        specials = {token.content for token in tokenizer.tokenizer.get_added_tokens_decoder().values()}
        self._special = re.compile(rf"\s*({'|'.join(map(re.escape, specials))})\s*")
        vocabulary = tokenizer.tokenizer.get_vocab()
        letters = filter(has_something_to_say, vocabulary.keys() - specials)
        self._sounding = frozenset(vocabulary[token] for token in letters)
        self._lock = Lock()

    def pieces(self, text: str, language: str, *, brief_start: bool = False) -> list[Piece]:
        """The pieces to say one after the other; in order they are the text. None if there is nothing to say.

        A text of at most `limit(language)` characters as read out is one piece. A longer one is cut at the ends of
        sentences, else of clauses, else of words; with `brief_start`, its first piece is a clause.

        `language` may carry a region ("en-US"; "zh" and "zh-cn" are the same). Pieces without a letter or digit of the
        vocabulary are left out. Raises InvalidInput if they are all there is, or for a language that the checkpoint
        does not have.
        """
        code = self._code(language)
        seen = _bounded(visible(MappedText.of(text)))
        pieces = [self._piece(*part, code) for part in self._parts(seen, code, brief_start)]
        spoken = [piece for piece in pieces if not self._sounding.isdisjoint(piece.tokens)]
        if not spoken and any(has_something_to_say(piece.text) for piece in pieces):
            raise InvalidInput(f"The model knows none of this text's letters in '{language}'.", param="text")
        return spoken

    def limit(self, language: str) -> int:
        """The longest piece, in characters as read out: upstream's limit, in the letters of `Piece.text`.

        No character costs more than one token, so a piece with its language's tag also stays below
        `max_tokens`, as upstream asserts.
        """
        code = self._code(language)
        if is_own(code):
            return character_limit(self._max_tokens)
        limit = self._tokenizer.char_limits.get(code, _OTHER_LIMIT) * _LETTERS_PER_CHARACTER.get(code, 1.0)
        return min(int(limit), self._max_tokens - 2)

    def _code(self, language: str) -> str:
        code = language.lower().partition("-")[0]
        if code not in self._languages:
            known = ", ".join(self._languages.values())
            raise InvalidInput(f"The model has no language '{language}'. It has: {known}.", param="language")
        return code

    def _parts(self, text: MappedText, code: str, brief_start: bool = False) -> Iterator[tuple[str, tuple[int, int]]]:
        """What is read out, and where it comes from; none is longer than the limit."""
        limit = self.limit(code)
        sample = self._normalise(text.text[:_SAMPLE], code)
        if len(text.text) <= 1 or (len(sample) <= limit and len(text.text) <= _SAMPLE):
            if sample:
                yield sample[:limit], text.source(0, len(text.text))
            return
        letters = max(len(sample) / min(len(text.text), _SAMPLE), 1 / 2)  # for each character, as read out
        share = max(1, min(int(limit / letters), len(text.text) - 1))
        for start, stop in cuts(text.text, share, code, brief_start=brief_start):
            yield from self._parts(text.cut(start, stop), code)

    def _normalise(self, text: str, code: str) -> str:
        with self._lock:
            normalised = self._read(text, code)
        return self._special.sub(_without_brackets, normalised).strip()

    def _read(self, text: str, code: str) -> str:
        """Upstream's reading, with as few numbers spelled out as it takes for it not to fail."""
        attempts: tuple[Callable[[], str], ...] = (
            lambda: text,
            lambda: spell_out(text, code, lambda word: self._upstream_reads(word, code)),
            lambda: spell_out(text, code, lambda word: False),
        )
        for attempt in attempts:
            with suppress(Exception):  # its readers of numbers fail in any way: KeyError, RecursionError, ...
                return self._upstream(attempt(), code)
        message = f"The text cannot be read out in '{code}'. It may help to write its numbers in words."
        raise InvalidInput(message, param="text")

    def _upstream_reads(self, word: str, code: str) -> bool:
        with suppress(Exception):
            self._upstream(word, code)
            return True
        return False

    def _upstream(self, text: str, code: str) -> str:
        if is_own(code):
            return read(text, code)
        return str(self._tokenizer.preprocess_text(text.strip().lower(), code))

    def _piece(self, text: str, span: tuple[int, int], code: str) -> Piece:
        written = f"{tag_of(code)}{text}".replace(" ", "[SPACE]")
        return Piece(text, tuple(self._tokenizer.tokenizer.encode(written).ids), span)


def _bounded(text: MappedText) -> MappedText:
    """A number of 16 digits or more parted into its digits, and a long run of digits, dots and commas into lengths that
    upstream's patterns, cubic in them, can afford."""
    text = text.replace([Edit(*number.span(), " ".join(number[0])) for number in _LONG_NUMBER.finditer(text.text)])
    return text.replace([Edit(*run.span(), f"{run[0]} ") for run in _LONG_RUN.finditer(text.text)])


def _without_brackets(special: re.Match[str]) -> str:
    """A special token's name that the caller wrote, such as "[en]", as mere text that cannot make a token."""
    return f" {special[1][1:-1]} "
