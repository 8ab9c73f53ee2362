"""What stands in a text to be looked at: emoji, arrows, boxes, emoticons, rows of signs, kinds of quotation marks."""

import re
from collections.abc import Iterator

from runners.text.mapped import Edit, MappedText

_PICTURES = (
    "\u2022\u2023\u2043\u2190-\u21ff\u2300-\u23ff\u2460-\u24ff\u2500-\u27bf\u2900-\u297f\u2b00-\u2bff\u3030\u303d"
    "\u3297\u3299\ufe00-\ufe0f\u200d\u20e3\u2122\u00ae\U0001f000-\U0001faff\U000e0000-\U000e007f\uf8ff"
)
_FOUND = re.compile(
    rf"(?P<picture>[{_PICTURES}]+)"
    r"|(?P<emoticon>(?<!\S)(?:[:;=8][-'o]?[)(DPpO3|/*\\\]\[]{1,3}|<3|[xX]D+|\^[_.]?\^|¯\\_\(ツ\)_/¯)(?!\w))"
    r"|(?P<footnote>\[\^[^\]\s]{1,20}\])"
    r"|(?P<double>[“”„‟«»])|(?P<single>[’‘‛ʼ])"
    r"|(?P<asked>[!?]{2,})|(?P<dots>\.{4,}|…{2,})|(?P<twice>([,;:])\4+)|(?P<rule>(?<!\S)[-=_*~#—–]{3,}(?!\S)|-{2,}|—{2,})"
)


def without_decoration(text: MappedText) -> MappedText:
    return text.replace(_edits(text.text))


def _edits(text: str) -> Iterator[Edit]:
    for found in _FOUND.finditer(text):
        new = _new(found.lastgroup or "", found[0], found)
        if new != found[0]:
            yield Edit(found.start(), found.end(), new)


def _new(kind: str, written: str, found: re.Match[str]) -> str:
    match kind:
        case "picture" | "emoticon" | "footnote":
            around = found.string[found.start() - 1 : found.start()] + found.string[found.end() : found.end() + 1]
            return " " if len(around) == 2 and around.isalnum() else ""
        case "double":
            return '"'
        case "single":
            return "'"
        case "asked":
            return "?!" if "?" in written and "!" in written else written[0]
        case "dots":
            return "..." if written[0] == "." else "…"
        case "rule":
            return "" if len(written) > 2 and not found.string[found.start() - 1 : found.start()].strip() else " – "
    return written[0]
