"""vocab.json: its tokens, some of which the model cannot do without. Imports no torch."""

import json

from runners.checkpoint.files import VOCABULARY, Files, read_small, refusal

_NEEDED = ("[START]", "[STOP]", "[SPACE]")


def tag_of(language: str) -> str:
    """The token that a text of this language begins with; the region counts for Chinese only, as upstream has it."""
    code = language.lower().partition("-")[0]
    return "[zh-cn]" if code == "zh" else f"[{code}]"


def read_vocabulary(files: Files) -> dict[str, int]:
    """The tokens' numbers by their texts. Raises ConfigurationError for a file that is no vocabulary of XTTS."""
    try:
        content = json.loads(read_small(files, VOCABULARY).decode("utf-8-sig"))
        tokens = {str(text): int(number) for text, number in content["model"]["vocab"].items()}
        tokens |= {str(token["content"]): int(token["id"]) for token in content.get("added_tokens", [])}
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError) as error:
        raise refusal(files, f"{VOCABULARY} is not a vocabulary as Hugging Face's tokenizers write it.") from error
    if missing := [token for token in _NEEDED if token not in tokens]:
        raise refusal(files, f"{VOCABULARY} has no {', '.join(missing)}: it is not XTTS's.")
    return tokens
