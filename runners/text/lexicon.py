"""Respellings: terms that are read as they are spelled here. Whole words; case counts where the term has a capital."""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from functools import lru_cache

from runners.errors import InvalidInput
from runners.text.language import Language
from runners.text.mapped import Edit, MappedText
from runners.text.reading import Reading, with_ending

Terms = Mapping[str, str]  # term -> respelling
Pronunciations = Mapping[str, str | Terms]  # term -> respelling, or language -> terms that count there alone
ByStart = Mapping[str, Mapping[int, Terms]]  # first token in lower case -> characters of the term, most first -> terms

MOST_GROWTH = 4  # times: what is synthesized is limited by the characters that were sent
LONGEST_TERM = 300  # characters beyond that: a short text may be one respelled word

_TOKEN = re.compile(r"\w+|[^\w\s]")


def terms_for(language: str, *sources: Pronunciations) -> dict[str, str]:
    """What counts for a text in `language` (without region), the first source's entry before the next one's."""
    terms: dict[str, str] = {}
    for source in reversed(sources):
        terms |= {term: each for term, each in source.items() if isinstance(each, str)}
        for code, own in source.items():
            if not isinstance(own, str) and code.lower().partition("-")[0] == language:
                terms |= own
    return terms


def pronounce(text: MappedText, terms: Terms, language: Language | None) -> MappedText:
    """Raises InvalidInput where respellings make a text out of all proportion longer."""
    if not terms:
        return text
    respelled = text.replace(_edits(text.text, _by_start(tuple(terms.items())), language))
    if len(respelled.text) > MOST_GROWTH * len(text.text) + LONGEST_TERM:
        message = f"The respellings make a text of {len(text.text)} characters {len(respelled.text)} long."
        raise InvalidInput(f"{message} It may become {MOST_GROWTH} times as long.", param="pronunciations")
    return respelled


@lru_cache(maxsize=64)
def _by_start(terms: tuple[tuple[str, str], ...]) -> ByStart:
    found: dict[str, dict[int, dict[str, str]]] = defaultdict(lambda: defaultdict(dict))
    for term, respelling in sorted(((term.strip(), each) for term, each in terms), key=lambda item: -len(item[0])):
        if first := _TOKEN.match(term):
            found[first[0].lower()][len(term)].setdefault(term, respelling)
    return found


def _edits(text: str, terms: ByStart, language: Language | None) -> Iterator[Edit]:
    done = 0
    for token in _TOKEN.finditer(text):
        if token.start() < done:
            continue
        for length, respellings in terms.get(token[0].lower(), {}).items():
            stop = token.start() + length
            written = text[token.start() : stop]
            respelling = respellings.get(written, respellings.get(written.lower()))
            if respelling is not None and not (text[stop - 1 : stop + 1].isalnum() and stop < len(text)):
                reading = Reading(stop, respelling)
                done, words = with_ending(reading, text, language) if language else reading
                yield Edit(token.start(), done, words)
                break
