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
def _by_start(terms: tuple[tuple[str, str], ...]) -> Mapping[str, list[tuple[str, str]]]:
    """By the first token, case folded; the longest terms first."""
    found: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for term, respelling in sorted(terms, key=lambda item: len(item[0]), reverse=True):
        if first := _TOKEN.match(term.strip()):
            found[first[0].lower()].append((term.strip(), respelling))
    return found


def _edits(text: str, terms: Mapping[str, list[tuple[str, str]]], language: Language | None) -> Iterator[Edit]:
    done = 0
    for token in _TOKEN.finditer(text):
        if token.start() < done:
            continue
        for term, respelling in terms.get(token[0].lower(), ()):
            stop = token.start() + len(term)
            if _is(text[token.start() : stop], term) and not (text[stop - 1 : stop + 1].isalnum() and stop < len(text)):
                reading = Reading(stop, respelling)
                done, words = with_ending(reading, text, language) if language else reading
                yield Edit(token.start(), done, words)
                break


def _is(written: str, term: str) -> bool:
    return written == term if any(map(str.isupper, term)) else written.lower() == term
