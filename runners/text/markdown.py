"""Markdown and HTML as what they show: the text, and where it stops. Parsed by pyromark (pulldown-cmark)."""

import re
from collections.abc import Iterator
from typing import Any

from pyromark import Markdown, Options

from runners.text.mapped import Edit, MappedText

_PARSER = Markdown(options=Options.ENABLE_TABLES | Options.ENABLE_STRIKETHROUGH | Options.ENABLE_TASKLISTS)
_SIGNS = re.compile(  # what a text has to hold for the parser to find anything
    r"[*_`~\[<&\\|]|^[ \t]{0,3}(?:#{1,6} |[-+>]|={2,}[ \t]*$|\d{1,9}[.)] )", re.MULTILINE
)
_NUMBER = re.compile(r"\s{0,3}\d{1,9}[.)] ?")
_COLON = "\ua789"
_ENDED = (".", "!", "?", ":", ";", ",", "…", "。", "！", "？", "।", "؟")
_STOPPED = ("Heading", "Item", "TableHead", "TableRow")  # read with a full stop after them
_TAG = re.compile(r"</?[A-Za-z][\w:-]*(?:\s[^<>]{0,500})?/?>|<!--.{0,5000}?-->|<[!?][^<>]{0,500}>", re.DOTALL)


def without_markup(text: MappedText) -> MappedText:
    """Emphasis, headings, lists, links and cells as their text, row by row; code spans too, but no blocks of code."""
    if not _SIGNS.search(text.text):
        return text
    return text.replace(_Reader(text.text).edits())


class _Reader:
    def __init__(self, text: str) -> None:
        self._text = text
        self._parsed = text.replace("]:", f"]{_COLON}")  # or else it might define a link, and would not be read
        self._bytes = self._parsed.encode()
        self._at = 0  # characters that are done
        self._byte = 0  # the same place in bytes
        self._code = False  # inside a block of code
        self._said = ""  # the last character that is kept
        self._pending = ""  # what is to stand before the next

    def edits(self) -> Iterator[Edit]:
        """All that is between the kept texts goes."""
        kept = 0
        for new, start, stop in self._kept():
            between = self._text[kept:start]
            gap = self._pending if between or self._pending else ""
            self._pending = ""
            if between != gap:
                yield Edit(kept, start, gap)
            if new != self._text[start:stop]:
                yield Edit(start, stop, new)
            kept = stop
        if kept < len(self._text) and self._text[kept:].strip():
            yield Edit(kept, len(self._text), "")

    def _kept(self) -> Iterator[tuple[str, int, int]]:
        for event, place in _PARSER.events_with_range(self._parsed, merge_text=False):
            kind, value = next(iter(event.items())) if isinstance(event, dict) else (event, None)
            match kind:
                case "Start" | "End":
                    self._block(kind, value)
                    if kind == "Start" and value == "Item":
                        yield from self._number(self._characters(place["start"]))
                case "SoftBreak" | "HardBreak":
                    self._pending += "\n"
                case "Text" | "Code" if not self._code and isinstance(value, str):
                    start, stop = self._characters(place["start"]), self._characters(place["end"])
                    yield from self._say(value, start, stop)
                case "InlineHtml" | "Html" if not self._code and isinstance(value, str):
                    yield from self._tags(value, place)
                case "Rule":
                    self._stop("\n\n")

    def _say(self, value: str, start: int, stop: int) -> Iterator[tuple[str, int, int]]:
        self._said = value.rstrip()[-1:] or self._said
        yield value.replace(_COLON, ":"), start, stop

    def _block(self, kind: str, value: Any) -> None:
        name = value if isinstance(value, str) else next(iter(value))
        if name == "CodeBlock":
            self._code = kind == "Start" and value["CodeBlock"] != "Indented"
        elif name == "TableCell":
            self._pending += ", " if kind == "Start" and self._said and not self._pending else ""
        elif name in _STOPPED and kind == "End":
            self._stop(" ")
        elif name in ("Paragraph", "Heading", "List", "Table", "BlockQuote", "HtmlBlock", "Item") and self._said:
            self._pending = self._pending or "\n\n"

    def _number(self, start: int) -> Iterator[tuple[str, int, int]]:
        """An item's, which is read: it may be a year, or an ordinal that begins a sentence."""
        if found := _NUMBER.match(self._text, start):
            yield found[0], start, found.end()
            self._said = ""

    def _stop(self, space: str) -> None:
        if self._said and not self._pending.startswith("."):
            self._pending = space if self._said in _ENDED else f".{space}"

    def _tags(self, value: str, place: Any) -> Iterator[tuple[str, int, int]]:
        """The text between tags; an unknown one in brackets, such as `<file name>`, is what it says."""
        start = self._characters(place["start"])
        at = 0
        for tag in _TAG.finditer(value):
            yield from self._say(value[at : tag.start()], start + at, start + tag.start()) if tag.start() > at else ()
            at = tag.end()
        if at < len(value):
            yield from self._say(value[at:], start + at, start + len(value))

    def _characters(self, byte: int) -> int:
        """The place in characters. Places come in order, but for a text's end that its neighbour starts before."""
        if byte < self._byte:
            self._at, self._byte = 0, 0
        self._at += len(self._bytes[self._byte : byte].decode(errors="ignore"))
        self._byte = byte
        return self._at
