"""A small vocabulary: a BPE file as XTTS-v2 has it, over the letters of its 17 languages.

Text arrives in lower case, spaces as [SPACE]; Chinese, Japanese and Korean arrive in Latin letters.
"""

import json
import string
from collections.abc import Sequence
from pathlib import Path

LANGUAGES = (
    "en", "es", "fr", "de", "it", "pt", "pl", "tr", "ru", "nl", "cs", "ar", "zh-cn", "hu", "ko", "ja", "hi",
)  # fmt: skip
LANGUAGE_TAGS = tuple(f"[{language}]" for language in LANGUAGES)

_SPECIALS = ("[STOP]", "[UNK]", "[SPACE]", "[START]", *LANGUAGE_TAGS)
_RANGES = (
    (0x00A1, 0x00BF),  # Latin-1 signs
    (0x00D7, 0x00D7),
    (0x00DF, 0x017F),  # Western, Central European and Turkish letters
    (0x0218, 0x021B),
    (0x02B0, 0x02BC),
    (0x0300, 0x030C),  # accents, where a text keeps them apart from their letters
    (0x0323, 0x0328),
    (0x0430, 0x045F),  # Cyrillic
    (0x0490, 0x0491),
    (0x060C, 0x061B),  # Arabic
    (0x061F, 0x06FF),
    (0x0900, 0x097F),  # Devanagari
    (0x200B, 0x203A),  # joiners, dashes, quotes
    (0x20A0, 0x20BF),  # currencies
    (0x2116, 0x2122),
    (0x2190, 0x2193),
    (0x2212, 0x2212),
    (0x2248, 0x2265),
    (0x3001, 0x3011),  # CJK punctuation
    (0x30FB, 0x30FC),
    (0x3131, 0x318E),  # Korean letters outside a syllable
    (0xFEFF, 0xFEFF),  # byte order mark
    (0xFF01, 0xFF5E),  # wide forms
)


def write_vocabulary(path: Path, pairs: Sequence[str] = ()) -> dict[str, int]:
    """Writes `vocab.json` in the format of Hugging Face's tokenizers, with `pairs` of letters that are one token.

    Returns token -> id.
    """
    tokens = {token: number for number, token in enumerate((*_SPECIALS, *sorted(_characters()), *pairs))}
    vocabulary = {
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
            "merges": [" ".join(pair) for pair in pairs],
        },
    }
    path.write_text(json.dumps(vocabulary, ensure_ascii=False, indent=1), encoding="utf-8")
    return tokens


def _characters() -> set[str]:
    latin = set(string.ascii_lowercase + string.digits + string.punctuation)
    return latin | {chr(code) for first, last in _RANGES for code in range(first, last + 1)}


def _special(number: int, token: str) -> dict[str, object]:
    flags = dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized"), False)
    return {"id": number, "special": True, "content": token, **flags}
