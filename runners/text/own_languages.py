"""Languages that a fine-tune has and upstream's text cleaner does not know: read letter by letter, as they are tuned.

Public fine-tunes with a tag of their own lower the case, fold white space, and give the tokenizer the rest as it is.
"""

from contextlib import suppress

from runners.checkpoint.agreement import UPSTREAM_LANGUAGES
from runners.text.numerals import spell_out

_KNOWN = frozenset(language.partition("-")[0] for language in UPSTREAM_LANGUAGES)
_CHARACTERS, _TOKENS = 250, 402  # upstream's limits for a language that it names none for


def is_own(code: str) -> bool:
    """`code`: without region."""
    return code not in _KNOWN


def read(text: str, code: str) -> str:
    """In lower case, white space folded, numbers in words where num2words has the language."""
    text = " ".join(text.lower().split())
    with suppress(Exception):  # it has no such language, or fails on the number in any way
        text = spell_out(text, code, lambda _: False)
    return text


def character_limit(max_tokens: int) -> int:
    """Of a piece of text: what fits into the model's tokens, with the room that upstream leaves for its audio."""
    return max_tokens * _CHARACTERS // _TOKENS
