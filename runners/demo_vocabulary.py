"""The demo checkpoint's vocabulary: a BPE file as XTTS-v2 has it, over the letters of its 17 languages.

Chinese, Japanese and Korean reach the tokenizer in Latin letters, so they need none of their own.
"""

import json
import string
from pathlib import Path

LANGUAGES = (
    "en", "es", "fr", "de", "it", "pt", "pl", "tr", "ru", "nl", "cs", "ar", "zh-cn", "hu", "ko", "ja", "hi",
)  # fmt: skip
SPECIALS = ("[STOP]", "[UNK]", "[SPACE]", "[START]", *(f"[{language}]" for language in LANGUAGES))

_MARKS = "…–—‐‑‒―·•‘’‚‛“”„‟«»‹›¿¡°ºª§©®™€£¥¢¹²³½¼¾×÷−≈≤≥→′″、。，．！？：；（）《》「」『』【】〈〉～・؟،؛٪۔।॥"
_ALPHABETS = (
    (0x00DF, 0x00FF),  # Latin-1 small letters
    (0x0100, 0x017F),  # Latin Extended-A: Czech, Hungarian, Polish, Turkish
    (0x0218, 0x021B),  # Romanian names
    (0x02B0, 0x02BC),
    (0x0300, 0x030C),  # accents of decomposed text
    (0x0323, 0x0328),
    (0x0430, 0x045F),  # Cyrillic small letters
    (0x0490, 0x0491),
    (0x0610, 0x061A),  # Arabic
    (0x0620, 0x066D),
    (0x066E, 0x06D3),
    (0x06D5, 0x06FF),
    (0x0900, 0x097F),  # Devanagari
    (0x200B, 0x200F),  # joiners and direction marks
    (0x1E80, 0x1E85),
)
_PAIRS = [
    "th",
    "he",
    "an",
    "er",
    "on",
    "in",
    "re",
    "es",
    "en",
    "or",
    "te",
    "ch",
    "sz",
    "cs",
    "gy",
    "ny",
    "ou",
    "qu",
    "st",
    "ei",
    "ie",
    "ij",
    "el",
    "le",
    "al",
    "la",
    "ng",
    "sh",
    "zh",
    "ao",
    "ai",
    "ia",
    "ui",
    "ki",
    "ka",
    "to",
    "no",
    "eo",
    "eu",
    "ya",
    "tt",
    "ст",
    "но",
    "то",
    "на",
    "ен",
    "ов",
    "ни",
    "ра",
    "ال",
    "ين",
    "ار",
    "ّة",
    "ें",
    "ों",
    "का",
    "ने",
]


def write_vocabulary(path: Path) -> dict[str, int]:
    """Writes `vocab.json` (Hugging Face tokenizers' format) and returns token -> id."""
    symbols = sorted(set(string.printable.lower().strip()) | set(_MARKS) | _letters())
    tokens = {token: number for number, token in enumerate((*SPECIALS, *symbols, *_PAIRS))}
    added = [_special(tokens[token], token) for token in SPECIALS]
    model = {
        "type": "BPE",
        "dropout": None,
        "unk_token": "[UNK]",
        "continuing_subword_prefix": None,
        "end_of_word_suffix": None,
        "fuse_unk": False,
        "vocab": tokens,
        "merges": [" ".join(pair) for pair in _PAIRS],
    }
    document = {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": added,
        "normalizer": None,
        "pre_tokenizer": {"type": "Whitespace"},
        "post_processor": None,
        "decoder": None,
        "model": model,
    }
    path.write_text(json.dumps(document, ensure_ascii=False, indent=1), encoding="utf-8")
    return tokens


def _letters() -> set[str]:
    return {chr(code) for first, last in _ALPHABETS for code in range(first, last + 1)}


def _special(number: int, token: str) -> dict[str, object]:
    flags = dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized"), False)
    return {"id": number, "special": True, "content": token, **flags}
