"""What is said: a mix of short, medium and long requests of made-up sentences, drawn from a seed."""

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

CODES_A_TOKEN = 4  # in English as XTTS-v2 says it: 21.5 codes a second, and five of its tokens
_WORDS = ("the", "old", "ferry", "left", "early", "and", "wind", "took", "it", "over", "where", "many", "birds", "rest")


@dataclass(frozen=True, slots=True)
class Kind:
    name: str
    texts: int  # sentences, each decoded by itself
    share: int  # of ten requests


@dataclass(frozen=True, slots=True)
class Ask:
    """A request: texts to be said one after the other."""

    kind: str
    texts: tuple[str, ...]


MIX = (Kind("short", 1, 5), Kind("medium", 2, 3), Kind("long", 5, 2))


def characters_for(codes: int) -> int:
    """As long a text as such a decode comes from: in the demo's vocabulary a character is about a token."""
    return max(8, codes // CODES_A_TOKEN)


def asks(characters: int, rng: random.Random) -> Iterator[Ask]:
    """Requests without end, shuffled by the ten, so that any stretch of them holds nearly the mix. No two alike."""
    while True:
        ten = [kind for kind in MIX for _ in range(kind.share)]
        rng.shuffle(ten)
        for kind in ten:
            yield ask(kind, characters, rng)


def ask(kind: Kind, characters: int, rng: random.Random) -> Ask:
    return Ask(kind.name, tuple(sentence(characters, rng) for _ in range(kind.texts)))


def sentence(characters: int, rng: random.Random) -> str:
    """Words up to about so many characters."""
    words = [rng.choice(_WORDS)]
    while len(" ".join(words)) + 4 < characters:
        words.append(rng.choice(_WORDS))
    return " ".join(words).capitalize() + "."


def mean(of_kind: Mapping[str, float]) -> float:
    """Of a request of the mix."""
    return sum(kind.share * of_kind[kind.name] for kind in MIX) / sum(kind.share for kind in MIX)
