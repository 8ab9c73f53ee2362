"""The vocabulary: single characters of XTTS-v2's 17 languages, in the format of Hugging Face's tokenizers."""

import json
from pathlib import Path

from runners.demo.vocabulary import _SPECIALS, _characters, _special


def write_vocabulary(path: Path) -> dict[str, int]:
    """Writes `vocab.json`. Returns token -> id."""
    tokens = {token: number for number, token in enumerate((*_SPECIALS, *sorted(_characters())))}
    vocabulary: dict[str, object] = {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [_special(number, token) for number, token in enumerate(_SPECIALS)],
        "normalizer": None,
        "pre_tokenizer": {"type": "Whitespace"},
        "post_processor": None,
        "decoder": None,
        "model": {
            "type": "BPE",
            "dropout": None,
            "unk_token": "[UNK]",
            "continuing_subword_prefix": None,
            "end_of_word_suffix": None,
            "fuse_unk": False,
            "vocab": tokens,
            "merges": [],
        },
    }
    path.write_text(json.dumps(vocabulary, ensure_ascii=False, indent=1), encoding="utf-8")
    return tokens
