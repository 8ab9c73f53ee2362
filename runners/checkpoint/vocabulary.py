"""vocab.json: how many tokens it has, and which of those that the model cannot do without. Imports no torch."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from runners.checkpoint.files import VOCABULARY, Files, read_small, refusal

_NEEDED = ("[START]", "[STOP]", "[SPACE]")


@dataclass(frozen=True, slots=True)
class Vocabulary:
    tokens: dict[str, int]  # by their text

    @property
    def size(self) -> int:
        """As upstream counts: up to the last number."""
        return max(self.tokens.values()) + 1

    def lacking(self, languages: Sequence[str]) -> list[str]:
        """The languages that have no tag."""
        return [language for language in languages if tag_of(language) not in self.tokens]


def tag_of(language: str) -> str:
    """The token that a text of this language begins with; the region counts for Chinese only, as upstream has it."""
    code = language.lower().partition("-")[0]
    return "[zh-cn]" if code == "zh" else f"[{code}]"


def read_vocabulary(files: Files) -> Vocabulary:
    """Raises ConfigurationError for a file that is no vocabulary of XTTS."""
    try:
        content = json.loads(read_small(files, VOCABULARY).decode("utf-8-sig"))
        tokens = {str(text): int(number) for text, number in content["model"]["vocab"].items()}
        tokens |= {str(token["content"]): int(token["id"]) for token in content.get("added_tokens", [])}
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError) as error:
        raise refusal(files, f"{VOCABULARY} is not a vocabulary as Hugging Face's tokenizers write it.") from error
    if missing := [token for token in _NEEDED if token not in tokens]:
        raise refusal(files, f"{VOCABULARY} has no {', '.join(missing)}: it is not XTTS's.")
    return Vocabulary(tokens)
