"""Reads e-mail addresses, URLs, hashtags and @names, as one would spell them to somebody."""

import re

from runners.text.language import Language
from runners.text.reading import Reading
from runners.text.shapes import apart, letters

_ENDS = ".,;:!?)]}'\"»”…"  # belong to the sentence
_DOMAINS = (
    "com|org|net|edu|gov|info|io|ai|dev|app|eu|hu|de|fr|es|it|pt|br|pl|cz|ru|nl|be|tr|cn|jp|kr|in|uk|us|at|ch|tv|me|co"
)
_ADDRESS = re.compile(
    r"(?=[\w+-]{1,64}[.@:]|[.+#@])"  # most words have none of these
    r"(?:(?:mailto:)?[\w.+-]{1,64}@[A-Za-z\d-]{1,63}(?:\.[A-Za-z\d-]{1,63}){1,5}"
    r"|(?:(?:https?|ftp)://|www\.)[^\s<>\"“”«»]{1,2000}"
    rf"|(?:[A-Za-z\d][A-Za-z\d-]{{1,62}}\.){{1,4}}(?:{_DOMAINS})(?![\w.-]*\w)(?:/[^\s<>\"]{{0,500}})?"
    r"|(?P<tag>[#@])(?P<name>[^\W\d]\w{0,60}))",
    re.IGNORECASE,
)
_ENDING = re.compile(r"(?:(?<=\.[a-z]{2})|(?<=\.[a-z]{3}))-([^\W\d_]{1,4})\Z")
_PART = re.compile(r"[^\W\d_]+|\d+|.", re.DOTALL)


def read_address(text: str, at: int, language: Language) -> Reading | None:
    found = _ADDRESS.match(text, at)
    if found and not found["tag"]:
        written, ending = found[0].rstrip(_ENDS), ""
        if language.takes_endings and (ended := _ENDING.search(written)) and language.is_ending(ended[1]):
            written, ending = written[: ended.start()], ended[1]  # `www.a.hu-n`
        said = re.sub(r"^(?:[a-z]+://|mailto:)", "", written, flags=re.IGNORECASE).split("#")[0].rstrip("/?")
        stop = at + len(written) + (len(ending) + 1 if ending else 0)
        words = _spelled(said, language)
        return Reading(stop, language.attach(words, ending) if ending else words) if said else None
    if found and (at == 0 or not text[at - 1].isalnum()):
        return Reading(
            found.end(), f"{language.word('hashtag' if found['tag'] == '#' else '@')} {apart(found['name'])}"
        )
    return None


def _spelled(address: str, language: Language) -> str:
    words = []
    for part in _PART.findall(address[:300]):
        if part.isdecimal():
            words.append(language.cardinal(int(part)) if len(part) < 3 else language.digits(part))
        elif part.isalpha():
            words.append(letters(part, language) if part.lower() == "www" else apart(part))
        else:
            words.append(language.section("address").get(part, ""))
    return " ".join(word for word in words if word)
